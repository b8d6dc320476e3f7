"""Measures of a talking face on finished pictures, whatever drew or filmed them.

Everything is measured from outside: landmarks are found in the pictures, never taken from the
renderer. Lengths are in outer-eye distances (io), or in pixels of a face whose io is `IO_512`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Detector
from digital_human.face.build.video_track import FaceTracker
from digital_human.face.regions import Mask, eye_area, mouth_area, mouth_ring, quiet_skin, skin

IO_512 = 175.0
"""Outer-eye distance in pixels of a face that fills a picture of 512 × 512."""

_FACE = 0.34  # io of a stabilised picture by its side
_MOST = 512  # pixels of its side
_FLICKER_IO = 64.0  # pixels
# What neither lips nor lids nor brows move.
_RIGID = tuple(i for i in lm.STABLE if i not in (234, 454))
_FOREHEAD = (8, 9, 151, 108, 337, 69, 299)
_LOWER = tuple(sorted({*lm.LIPS, lm.CHIN, 148, 176, 149, 377, 400, 378, lm.UNDER_NOSE}))


@dataclass(frozen=True, slots=True)
class Take:
    """Consecutive pictures of one face, and its landmarks in them.

    Attributes:
        pictures: uint8 [h, w, 3] RGB each; may be empty when only movement is of interest.
        points: float32 [n, 478, 3], landmarks in pixels as they were found; NaN without a face.
    """

    pictures: Sequence[ByteArray]
    points: FloatArray

    @property
    def seen(self) -> Mask:
        """Frames with a face."""
        return np.asarray(np.isfinite(self.points[:, 0, 0]))

    @property
    def io(self) -> float:
        """Median outer-eye distance in pixels."""
        return float(np.median([lm.eye_distance(p) for p in self.points[self.seen]]))

    def straight(self) -> FloatArray:
        """Landmarks float32 [n, 478, 2] in io with the pose of each frame taken off."""
        return straighten(self.points)

    def gaps(self) -> FloatArray:
        """Lip gap of each frame in io, float32 [n]; NaN without a face."""
        lips = self.straight()[:, list(lm.LIP_CENTRES)]
        return np.asarray(np.linalg.norm(lips[:, 1] - lips[:, 0], axis=1), np.float32)

    def widths(self) -> FloatArray:
        """Mouth width of each frame in io, float32 [n]; NaN without a face."""
        corners = self.straight()[:, list(lm.MOUTH_CORNERS)]
        return np.asarray(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1), np.float32)


def follow(pictures: Iterable[ByteArray], *, keep: bool = True) -> Take:
    """Find the largest face of the first picture and follow its landmarks.

    Args:
        pictures: uint8 [h, w, 3] RGB.
        keep: Whether the pictures are kept, cut down to the face's surroundings; the landmarks
            are then those of the cut pictures.

    Raises:
        WeightsError: The landmark model is not here; says how to pull it.
    """
    kept: list[ByteArray] = []
    found: list[FloatArray] = []
    nothing = np.full((lm.COUNT, 3), np.nan, np.float32)
    cut: tuple[int, int, int, int] | None = None
    last: FloatArray | None = None
    with Detector() as detector, FaceTracker() as tracker:
        for picture in pictures:
            if last is None:
                faces = detector(picture)
                last = faces[0].points if faces else None
            points = None if last is None else tracker.look(picture, last)
            last = points
            if keep and cut is None and points is not None:
                cut = _surroundings(points, picture.shape[:2])
            x, y = (cut[0], cut[1]) if cut else (0, 0)
            found.append(nothing if points is None else points - np.array([x, y, 0], np.float32))
            if keep:
                x0, y0, x1, y1 = cut or (0, 0, picture.shape[1], picture.shape[0])
                kept.append(picture[y0:y1, x0:x1].copy())
    return Take(kept, np.array(found, np.float32).reshape(-1, lm.COUNT, 3))


def straighten(points: FloatArray) -> FloatArray:
    """Take the rigid motion off landmarks float32 [n, 478, 3]: float32 [n, 478, 2], in io.

    Each frame is turned, moved and scaled onto the mean face by least squares over points that
    no expression moves (Umeyama 1991); a few rounds make the mean its own.
    """
    seen = np.isfinite(points[:, 0, 0])
    work = points[seen].astype(np.float64)
    out = np.full((len(points), lm.COUNT, 2), np.nan, np.float32)
    if not len(work):
        return out
    rigid = list(_RIGID)
    shape = work[len(work) // 2] / lm.eye_distance(work[len(work) // 2].astype(np.float32))
    aligned = work
    for _ in range(4):
        centre, middle = shape[rigid].mean(0), work[:, rigid].mean(1, keepdims=True)
        model, seen_at = shape[rigid] - centre, work[:, rigid] - middle
        u, s, vt = np.linalg.svd(np.einsum("nki,kj->nij", seen_at, model))
        sign = np.ones((len(work), 3))
        sign[:, 2] = np.sign(np.linalg.det(u @ vt))
        turn = (u * sign[:, None]) @ vt
        scale = (s * sign).sum(1) / (model**2).sum()
        aligned = np.einsum("nki,nij->nkj", work - middle, turn) / scale[:, None, None] + centre
        shape = aligned.mean(0)
        shape = shape / lm.eye_distance(shape.astype(np.float32))
    out[seen] = aligned[..., :2]
    return out


def unrest(take: Take, asked: FloatArray) -> tuple[float, float]:
    """RMS motion of mouth and chin that the track does not ask for, in pixels at `IO_512`.

    Args:
        take: A silent face.
        asked: float32 [n, k], what the track asks for in each frame (pose, breath, lids); motion
            in proportion to it is taken off after the pose.

    Returns:
        The motion of the mouth, and that of the forehead, which is as far from the points that
        fix the pose: so much seems to move because the landmarks waver.
    """
    seen = take.seen
    straight, wanted = take.straight()[seen], asked[seen].astype(np.float64)
    wanted = wanted[:, wanted.std(0) > 1e-6]
    basis = np.column_stack([np.ones(len(wanted)), wanted])

    def left(points: tuple[int, ...]) -> float:
        moved = straight[:, list(points)].reshape(len(straight), -1)
        rest = moved - basis @ np.linalg.lstsq(basis, moved, rcond=None)[0]
        return float(np.sqrt((rest.reshape(len(rest), -1, 2) ** 2).sum(2).mean())) * IO_512

    return left(_LOWER), left(_FOREHEAD)


def pose_angles(take: Take) -> FloatArray:
    """Turn and nod of each frame as they are seen, smoothed, float32 [n, 2] in io.

    Where the nose is between the eyes, across and down.
    """
    points = take.points[..., :2]
    eyes = points[:, list(lm.RIGHT_EYE + lm.LEFT_EYE)].mean(1)
    axis = points[:, lm.LEFT_EYE[0]] - points[:, lm.RIGHT_EYE[0]]
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    axis = axis / length
    nose = (points[:, 4] - eyes) / length
    across = (nose * axis).sum(1)
    down = nose[:, 1] * axis[:, 0] - nose[:, 0] * axis[:, 1]
    angles = np.nan_to_num(np.stack([across, down], 1))
    return np.asarray(gaussian_filter1d(angles, 2.0, axis=0, mode="nearest"), np.float32)


@dataclass(frozen=True, slots=True)
class Steady:
    """A take with the head held still: every face upright at one place.

    Attributes:
        luma: uint8 [n, side, side].
        points: float32 [478, 2], mean landmarks in these pixels.
    """

    luma: ByteArray
    points: FloatArray

    @property
    def io(self) -> float:
        """Outer-eye distance in pixels."""
        return lm.eye_distance(self.points)

    @property
    def face(self) -> tuple[tuple[int, ...], FloatArray]:
        """Height and width of its pictures, and the landmarks in them."""
        return self.luma.shape[1:], self.points


def steady(take: Take) -> Steady:
    """Hold the head of a take still by smoothed similarities, near its own resolution."""
    seen = np.flatnonzero(take.seen)
    points = take.points[seen][..., :2].astype(np.float64)
    smooth = gaussian_filter1d(points, 1.0, axis=0, mode="nearest")
    side = min(_MOST, 2 * round(take.io / _FACE / 2))
    rigid = list(_RIGID)
    model = np.median(straighten(take.points)[seen], axis=0)
    eyes = model[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]]].mean(0)
    target = (model - eyes) * side * _FACE + (side / 2, side * 0.40)
    luma = np.empty((len(seen), side, side), np.uint8)
    placed = np.zeros((lm.COUNT, 2))
    for k, frame in enumerate(seen):
        matrix = _similarity(smooth[k, rigid], target[rigid])
        grey = luminance(take.pictures[int(frame)])
        moved = cv2.warpAffine(
            grey, matrix, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        luma[k] = np.clip(moved + 0.5, 0, 255).astype(np.uint8)
        placed += points[k] @ matrix[:, :2].T + matrix[:, 2]
    return Steady(luma, (placed / max(1, len(seen))).astype(np.float32))


def luminance(picture: ByteArray) -> FloatArray:
    """Rec. 601 luma float32 [h, w] of RGB uint8 [h, w, 3]."""
    grey = cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)


def flicker(still: Steady) -> tuple[float, float]:
    """How much the skin round the mouth and the rest of the face flicker, in grey levels.

    RMS of a frame less the mean of its neighbours, which is what changes faster than a mouth
    moves, on faces of `_FLICKER_IO` pixels, so that pictures of any size compare.
    """
    scale = min(1.0, _FLICKER_IO / still.io)
    side = round(still.luma.shape[1] * scale)
    small = np.stack(
        [cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in still.luma]
    ).astype(np.float32)
    masks = [
        cv2.resize(mask.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0
        for mask in (mouth_ring(*still.face), quiet_skin(*still.face))
    ]
    fast = small[1:-1] - (small[:-2] + small[2:]) / 2
    near, far = (float(np.sqrt((fast[:, mask] ** 2).mean())) for mask in masks)
    return near, far


def beyond(value: float, floor: float) -> float:
    """What of an RMS value is not explained by a floor that adds to it independently."""
    return float(np.sqrt(max(0.0, value**2 - floor**2)))


def sharpness(still: Steady) -> float:
    """Fine detail of the mouth over that of the rest of the face (ratio of Laplacian variances).

    Median over the frames; the outline of the lips belongs to the mouth.
    """
    mouth = mouth_area(*still.face)
    rest = quiet_skin(*still.face) | eye_area(*still.face)
    ratios = []
    for frame in still.luma:
        detail = cv2.Laplacian(frame.astype(np.float32), cv2.CV_32F, ksize=3)
        ratios.append(float(detail[mouth].var() / max(1e-6, detail[rest].var())))
    return float(np.median(ratios))


def likeness(a: FloatArray, b: FloatArray, where: Mask) -> float:
    """Mean structural similarity (Wang 2004) of two luma pictures in a mask."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def blur(x: FloatArray) -> FloatArray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5), np.float32)

    ma, mb = blur(a), blur(b)
    va, vb, ab = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    ssim = (2 * ma * mb + c1) * (2 * ab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(ssim[where].mean())


def seam(rest: FloatArray, shaped: FloatArray, points: FloatArray) -> float:
    """How much stronger edges are where a renderer's mouth patch ends than beside it.

    The patch is what differs between the face at rest and the same face with another mouth. Along
    its outline, where there is skin, the gradient across the outline is compared with that a few
    pixels inside and outside; 1 means that nothing is to be seen.

    Args:
        rest: float32 [h, w], luma of the face at rest.
        shaped: The same with another mouth, head and lids unmoved.
        points: float32 [478, 2+], landmarks of ``rest``.

    Returns:
        The ratio in ``shaped`` over the ratio in ``rest``; NaN when no outline lies on skin.
    """
    io = lm.eye_distance(points)
    changed = cv2.GaussianBlur(np.abs(shaped - rest), (0, 0), 0.012 * io) > 2.0
    outlines, _ = cv2.findContours(
        changed.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if not outlines:
        return float("nan")
    line = max(outlines, key=cv2.contourArea)[:, 0].astype(np.float32)
    ahead = np.roll(line, -3, 0) - np.roll(line, 3, 0)
    normal = np.stack([ahead[:, 1], -ahead[:, 0]], 1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6
    step = max(1.0, 0.008 * io)
    offsets = np.arange(-9, 10, dtype=np.float32) * step
    at = line[:, None] + offsets[None, :, None] * normal[:, None]
    plain = skin(rest.shape, points)
    x, y = at[..., 0], at[..., 1]
    on_skin = cv2.remap(plain.astype(np.float32), x, y, cv2.INTER_NEAREST).min(1) > 0
    if int(on_skin.sum()) < 20:
        return float("nan")
    ratios = []
    for picture in (shaped, rest):
        across = np.diff(cv2.remap(picture, x, y, cv2.INTER_LINEAR)[on_skin], axis=1) / step
        energy = (across**2).mean(0)
        ratios.append(float(energy[7:11].mean() / (energy[[1, 2, 3, 14, 15, 16]].mean() + 1e-3)))
    return float(np.sqrt(ratios[0] / ratios[1]))


def _similarity(source: FloatArray, target: FloatArray) -> FloatArray:
    """The least-squares similarity float32 [2, 3] from points [k, 2] to points [k, 2]."""
    a, b = source.mean(0), target.mean(0)
    z = (source[:, 0] - a[0]) + 1j * (source[:, 1] - a[1])
    w = (target[:, 0] - b[0]) + 1j * (target[:, 1] - b[1])
    turn = (np.conj(z) @ w) / (np.conj(z) @ z)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, b - linear @ a]).astype(np.float32)


def _surroundings(points: FloatArray, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is kept round a face."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    margin = 0.35 * float((high - low).max())
    x0, y0 = np.maximum(0, low - margin).astype(int)
    x1, y1 = np.minimum((size[1], size[0]), high + margin).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
