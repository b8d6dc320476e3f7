"""Follows one face through a video: landmarks, its rigid shape and its pose in every frame.

The pose is a scaled orthographic camera: a frame's landmarks are an affine picture of one rigid
shape in three dimensions (Umeyama 1991, least squares over the points that no expression moves).
Averaged over a few hundred points it is far steadier than any landmark by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.landmarker import Landmarker

_CROP = 384  # pixels of the square that the network is shown
_AROUND = 1.75  # side of the square by the extent of the landmarks
_POSE_SMOOTH, _POINT_SMOOTH = 0.9, 0.6  # frames, standard deviation
_MARGIN = 0.3  # io, free room round the canonical face


class FaceTracker(Landmarker):
    """MediaPipe FaceLandmarker on a square that follows one face; a context manager.

    Raises:
        WeightsError: The model is not here; says how to pull it.
    """

    def __init__(self) -> None:
        super().__init__(num_faces=1)

    def look(self, picture: ByteArray, near: FloatArray) -> FloatArray | None:
        """Landmarks float32 [478, 3] in pixels of the face that ``near`` [n, 2+] surrounds.

        Depth is positive away from the camera. None when no face is there.
        """
        low, high = near[:, :2].min(0), near[:, :2].max(0)
        side = _AROUND * float((high - low).max())
        scale = _CROP / side
        corner = (low + high) / 2 - side / 2
        shift = np.array(
            [[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]], np.float32
        )
        if scale < 0.6:  # Bilinear sampling alone would alias.
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.uint8)
        crop = cv2.warpAffine(picture, shift, (_CROP, _CROP), flags=cv2.INTER_LINEAR)
        found = self.detect(np.asarray(crop, np.uint8))
        if not found.face_landmarks:
            return None
        points = np.array([[p.x, p.y, p.z] for p in found.face_landmarks[0]], np.float64) * side
        points[:, :2] += corner - 0.5 / scale
        return points.astype(np.float32)


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face through a video of n frames.

    Attributes:
        points: float32 [n, 478, 3], smoothed landmarks in pixels.
        shape: float32 [478, 3], the face straight, its mouth closed, in canonical pixels: those
            of the frame with the middle size.
        pose: float32 [n, 2, 4]; ``pose[:, :3] @ x + pose[:, 3]`` is where the point x of the
            canonical face is in the frame.
        angles: float32 [n, 3], yaw, pitch and roll in degrees against the canonical face.
        gaps: float32 [n], lip gap in io of the canonical face.
        widths: float32 [n], mouth width as a factor of the canonical one.
        straight: float32 [n, 478, 2], landmarks with the pose taken off, canonical pixels.
    """

    points: FloatArray
    shape: FloatArray
    pose: FloatArray
    angles: FloatArray
    gaps: FloatArray
    widths: FloatArray
    straight: FloatArray

    @property
    def io(self) -> float:
        """Distance of the outer eye corners of the canonical face."""
        return lm.eye_distance(self.shape)


def solve_track(points: FloatArray) -> FaceTrack:
    """Rigid shape and poses of the landmarks float32 [n, 478, 3] of consecutive frames."""
    steady = gaussian_filter1d(points.astype(np.float64), _POINT_SMOOTH, axis=0, mode="nearest")
    rigid = _rigid(steady)
    shape = steady[_most_frontal(steady)]
    for _ in range(3):
        aligned = _take_off(steady, shape, rigid)[0]
        shape = np.median(aligned, axis=0)
    shape = _upright(shape)
    shape *= float(np.median([_io(p) for p in steady])) / _io(shape)
    aligned, turns, scales = _take_off(steady, shape, rigid)
    shape = _closed(aligned, shape)
    shape += _MARGIN * _io(shape) - shape.min(0) * np.array([1, 1, 0])
    aligned, turns, scales = _take_off(steady, shape, rigid)
    # Smoothed as matrices: neighbours differ by so little that they stay rotations.
    linear = gaussian_filter1d(turns * scales[:, None, None], _POSE_SMOOTH, axis=0, mode="nearest")
    middle = steady[:, rigid].mean(1)
    offset = middle - np.einsum("nij,j->ni", linear, shape[rigid].mean(0))
    offset = gaussian_filter1d(offset, 0.5 * _POSE_SMOOTH, axis=0, mode="nearest")
    pose = np.concatenate([linear[:, :2], offset[:, :2, None]], axis=2)
    lips = aligned[:, list(lm.LIP_CENTRES), 1]
    io = _io(shape)
    corners = aligned[:, list(lm.MOUTH_CORNERS), 0]
    width = shape[lm.MOUTH_CORNERS[1], 0] - shape[lm.MOUTH_CORNERS[0], 0]
    return FaceTrack(
        points=steady.astype(np.float32),
        shape=shape.astype(np.float32),
        pose=pose.astype(np.float32),
        angles=_angles(turns),
        gaps=((lips[:, 1] - lips[:, 0]) / io).astype(np.float32),
        widths=((corners[:, 1] - corners[:, 0]) / width).astype(np.float32),
        straight=aligned[..., :2].astype(np.float32),
    )


def _io(points: npt.NDArray[np.float64]) -> float:
    return lm.eye_distance(points.astype(np.float32))


def _rigid(points: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Points that expressions and speech leave alone: above the nose's base, without the eyes."""
    mean = points[_most_frontal(points)]
    io = _io(mean)
    high = mean[: lm.MESH, 1] < mean[lm.NOSE_BASE, 1]
    eyes = mean[[*lm.RIGHT_UPPER_LID, *lm.LEFT_UPPER_LID, *lm.RIGHT_BROW, *lm.LEFT_BROW]]
    eyes = np.concatenate([eyes, mean[[*lm.RIGHT_LOWER_LID, *lm.LEFT_LOWER_LID]]])
    gap = np.linalg.norm(mean[: lm.MESH, None, :2] - eyes[None, :, :2], axis=-1).min(1)
    corners = np.isin(np.arange(lm.MESH), [*lm.RIGHT_EYE, *lm.LEFT_EYE])
    chosen: npt.NDArray[np.intp] = np.flatnonzero(high & ((gap > 0.07 * io) | corners))
    return chosen


def _most_frontal(points: npt.NDArray[np.float64]) -> int:
    """Index of the frame in which both sides of the face lie equally deep."""
    turned = np.abs(points[:, 234, 2] - points[:, 454, 2])
    turned += np.abs(points[:, 33, 2] - points[:, 263, 2])
    width = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)
    return int(np.argmin(turned / width))


def _take_off(
    points: npt.NDArray[np.float64],
    shape: npt.NDArray[np.float64],
    rigid: npt.NDArray[np.intp],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Landmarks [n, 478, 3] with the pose taken off, rotations [n, 3, 3] and scales [n]."""
    model = shape[rigid]
    centre = model.mean(0)
    seen = points[:, rigid]
    middle = seen.mean(1, keepdims=True)
    cross = np.einsum("nki,kj->nij", seen - middle, model - centre)
    u, s, vt = np.linalg.svd(cross)
    sign = np.ones((len(points), 3))
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    turns = (u * sign[:, None, :]) @ vt
    scales = (s * sign).sum(1) / ((model - centre) ** 2).sum()
    straight = np.einsum("nki,nij->nkj", points - middle, turns) / scales[:, None, None] + centre
    return straight, turns, scales


def _upright(shape: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The shape turned so that its eye line is level and square to the camera."""
    across = shape[[lm.LEFT_EYE[0], 454, 356]].mean(0) - shape[[lm.RIGHT_EYE[0], 234, 127]].mean(0)
    across /= np.linalg.norm(across)
    down = shape[lm.CHIN] - shape[lm.OVAL[0]]
    down -= across * (down @ across)
    # Only yaw and roll are known from symmetry; the pitch stays as it was seen.
    ahead = np.cross(across, down / np.linalg.norm(down))
    tilt = np.arctan2(ahead[1], ahead[2])
    down = np.array([0.0, np.cos(tilt), -np.sin(tilt)])
    level = np.stack([np.array([1.0, 0, 0]), down, np.cross([1.0, 0, 0], down)])
    basis = np.stack([across, np.cross(ahead, across), ahead])
    centre = shape.mean(0)
    return np.asarray((shape - centre) @ basis.T @ level + centre)


def _closed(
    aligned: npt.NDArray[np.float64], shape: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The canonical face: the lower half from the frames in which the mouth is shut and calm."""
    io = _io(shape)
    gap = (aligned[:, lm.LIP_CENTRES[1], 1] - aligned[:, lm.LIP_CENTRES[0], 1]) / io
    width = aligned[:, lm.MOUTH_CORNERS[1], 0] - aligned[:, lm.MOUTH_CORNERS[0], 0]
    shut = gap <= max(0.012, float(np.percentile(gap, 10)))
    low, high = np.percentile(width[shut], [15, 85])
    calm = shut & (width >= low) & (width <= high)
    out = np.median(aligned[calm], axis=0)
    upper, lower = list(lm.INNER_UPPER[1:-1]), list(lm.INNER_LOWER[1:-1])
    # Lips that never quite met in the video meet here.
    apart = np.maximum(0, out[lower, 1] - out[upper, 1] - 0.008 * io) / 2
    out[upper, 1] += apart
    out[lower, 1] -= apart
    return np.asarray(out)


def _angles(turns: npt.NDArray[np.float64]) -> FloatArray:
    """Yaw, pitch, roll in degrees with the signs of `MotionFrame.head`, float32 [n, 3]."""
    yaw = np.arctan2(-turns[:, 2, 0], np.hypot(turns[:, 0, 0], turns[:, 1, 0]))
    pitch = np.arctan2(turns[:, 2, 1], turns[:, 2, 2])
    roll = np.arctan2(turns[:, 1, 0], turns[:, 0, 0])
    return np.asarray(np.degrees(np.stack([-yaw, pitch, -roll], axis=1)), np.float32)
