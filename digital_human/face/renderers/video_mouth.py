"""The lower face of a video avatar, drawn into a frame of its base video.

The frame's own lower face is warped to the wanted geometry first, so that jaw and cheeks follow.
Where the person talks in the base video, the mouth is then covered by the person's own prototype
mouths, warped to the same geometry and brought to the colour of the skin around them in this frame.
Where it stays shut, the frame's own lips are kept and opened over drawn teeth.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.mesh import (
    Box,
    PiecewiseWarp,
    border_points,
    mix,
    part_mesh,
    sample,
    signed_areas,
    spline_matrix,
)
from digital_human.face.motion import ARKIT
from digital_human.face.renderers.video_colour import matched, open_dark
from digital_human.face.renderers.video_interior import Interior
from digital_human.face.shape import FaceShape, Mouth
from digital_human.face.video_bundle import VideoAvatar
from digital_human.face.video_crop import lower_centre

_CELLS = 55.0  # grid cells per outer-eye distance, about
_STEPS = (1, 4)  # pixels per grid cell
_STILL = 0.02  # pixels; smaller displacements are not drawn
_SMOOTH = 0.06  # io, width of the window over which displacements are averaged
_LIPS, _TEETH = 2.0, 6.0  # exponents of the prototypes' weights: teeth must not be seen twice
_PARTS = 0.025  # io more than at rest: by then lips have come apart from corner to corner
_OPENED = 0.075  # io; prototypes of smaller gaps have shut lips in part, whatever landmarks say
_STRETCH, _SLACK = 1.2, 0.02  # of a prototype's own gap, and io: so far its inside is drawn out
_SLIT, _SHADE, _ROUND = 0.06, 0.55, 0.5  # io; little light falls into a narrow or round opening


class TurningWarp(PiecewiseWarp):
    """A warp of a head that turns: what faces away in a frame may do so in its picture too."""

    def turn(self, points: FloatArray) -> None:
        """Take the way each triangle faces from mesh points float32 [n, 2] of a frame."""
        facing = np.where(signed_areas(points, self._triangles) < 0, -1, 1)
        facing[np.isin(self._triangles, lm.INNER_LIPS).all(1)] = 1
        self._facing = facing.astype(np.float32)


class VideoMouth:
    """Draws the mouth of one video avatar at one size.

    Args:
        avatar: The avatar.
        size: Width and height of the pictures.
        scale: Pixels of the pictures per pixel of the base video, across and down.
    """

    def __init__(self, avatar: VideoAvatar, size: tuple[int, int], scale: FloatArray) -> None:
        track, g = avatar.track, avatar.geometry
        self._track = track
        self._size = size
        self._scale = scale
        self._shape = FaceShape(g, g.landmarks)
        neutral = self._shape.mouth(np.zeros(len(ARKIT), np.float32))
        self._neutral, self._rest_gap = neutral.points, neutral.gap
        self._io = lm.eye_distance(g.landmarks) * float(scale[1])
        rest, io = g.landmarks, self._shape.io
        self._lower = lower_face(rest, self._shape.split, io)
        self._centre = lower_centre(track.shape)
        self._step = int(np.clip(round(self._io / _CELLS), *_STEPS))
        crop = np.minimum(np.ceil(np.array(avatar.crop) * scale), size).astype(int)
        crop = crop // self._step * self._step
        self._box = Box(0, 0, int(crop[0]), int(crop[1]))
        self._mesh(avatar)
        self._talks = track.talks
        self._textures = [_fit(image, scale, self._box) for image in avatar.prototypes.images]
        self._sources = [
            self._source_of(points, pose)
            for points, pose in zip(avatar.prototypes.points, avatar.prototypes.pose, strict=True)
        ]
        self._choose_open(avatar)
        self._spline = spline_matrix(len(lm.INNER_UPPER))
        self._interior = Interior(avatar, scale)
        self._outline = _outline(track.shape, io)

    def _mesh(self, avatar: VideoAvatar) -> None:
        """Triangles over the landmarks, the crop's edges and a ring that goes with the head."""
        rest, io = avatar.geometry.landmarks, self._shape.io
        centre = self._centre[:2] * self._scale
        half = np.array([self._box.width, self._box.height], np.float32) / 2
        placed = (rest * self._scale - centre + half).astype(np.float32)
        upright = np.array([[1, 0], [0, 1]], np.float32) * self._scale[:, None]
        ring = anchors(placed, upright, io)
        spacing = 0.25 * self._io
        edges = border_points(self._box, spacing)
        triangles, border = part_mesh(placed, avatar.geometry.triangles, self._box, spacing, ring)
        self._edges = edges
        held = border[len(edges) :]
        self._held = np.array([int(np.argmin(((ring - p) ** 2).sum(1))) for p in held], np.intp)
        rest_mesh = np.concatenate([placed, border]).astype(np.float32)
        self._warp = TurningWarp(triangles, self._box, self._step, rest_mesh)

    def _choose_open(self, avatar: VideoAvatar) -> None:
        """Which prototypes show the inside of the mouth, and which one when it hardly opens."""
        g = avatar.geometry
        count = len(avatar.prototypes.images)
        self._gaps = np.array([lm.lip_gap(p) for p in avatar.prototypes.points], np.float32)
        open_rows = g.textures[g.gaps > _OPENED]
        shut = np.isin(np.arange(count), g.textures[g.gaps <= _OPENED])
        self._opened = (np.isin(np.arange(count), open_rows) & ~shut).astype(np.float32)
        self._least = np.zeros(count, np.float32)
        if count:
            self._least[open_rows[0, int(np.argmin(np.abs(g.widths - 1)))]] = 1
        self._dark = np.append(open_dark(avatar, _OPENED), 255).clip(0, 255).astype(np.uint8)

    def draw(self, picture: ByteArray, index: int, curves: FloatArray, tongue: float) -> None:
        """Draw into ``picture`` [h, w, 4], which shows frame ``index``.

        Args:
            picture: The frame; changed in place.
            index: Its number in the track.
            curves: float32 [52], 0…1.
            tongue: 0…1, tongue tip raised.
        """
        mouth = self._shape.mouth(curves)
        moved = mouth.points - self._neutral
        pose = self._placed_pose(self._track.pose[index])
        corner = self._corner(pose)
        seen = _place(self._track.points[index], self._scale) - corner
        base = seen
        if self._talks:
            shut = self._track.shape @ pose[:, :3].T + pose[:, 3] - corner
            base = seen + self._lower * (shut - seen)
        target = (base + moved @ pose[:, :2].T).astype(np.float32)
        change = np.abs(target - seen).max(1)
        if change.max() < _STILL and not self._talks:
            return
        x, y = int(corner[0]), int(corner[1])
        crop = picture[y : y + self._box.height, x : x + self._box.width]
        ring = anchors(seen, pose[:, :2], self._shape.io)[self._held]
        fixed = np.concatenate([self._edges, ring])
        self._warp.turn(np.concatenate([seen, fixed]))
        self._warp.locate(np.concatenate([target, fixed]).astype(np.float32))
        self._warp_base(crop, seen, target, fixed, change)
        if self._talks:
            self._draw_prototypes(crop, target, fixed, mouth, pose, corner)
        if self._interior.drawn:
            self._interior.draw(crop, target, mouth, pose, corner, tongue)

    def _warp_base(
        self,
        crop: ByteArray,
        seen: FloatArray,
        target: FloatArray,
        fixed: FloatArray,
        change: FloatArray,
    ) -> None:
        chosen = change > _STILL
        if not chosen.any():
            return
        reach = np.concatenate([seen[chosen], target[chosen]])
        size = self._box.width, self._box.height
        part = self._warp.cells(Box.around(reach, 0.3 * self._io, size))
        source = np.concatenate([seen, fixed]).astype(np.float32)
        positions = self._warp.map_from(source, part)
        self._even(positions, target, part[2])
        crop[part[2].slices] = sample(crop, positions)

    def _even(self, positions: FloatArray, target: FloatArray, box: Box) -> None:
        """Smooth the map away from the lips, in place.

        Where a turned cheek hides behind itself, triangles lie over each other and leave steps.
        """
        size = max(3, round(_SMOOTH * self._io) | 1)
        mask = np.zeros(positions.shape[:2], np.uint8)
        mask[size:-size, size:-size] = 1
        lips = target[list(lm.OUTER_UPPER + lm.OUTER_LOWER[::-1])] - box.corner
        middle = lips.mean(0)
        keep = np.round(middle + (lips - middle) * np.float32(1.25)).astype(np.int32)
        cv2.fillPoly(mask, [keep], 0)
        cv2.copyTo(cv2.blur(positions, (size, size)), mask, positions)

    def _draw_prototypes(
        self,
        crop: ByteArray,
        target: FloatArray,
        fixed: FloatArray,
        mouth: Mouth,
        pose: FloatArray,
        corner: FloatArray,
    ) -> None:
        outline = self._outline.copy()
        outline[self._outline[:, 3] > 0, 1] += mouth.drop
        placed = outline[:, :3] @ pose[:, :3].T + pose[:, 3] - corner
        size = self._box.width, self._box.height
        part = self._warp.cells(Box.around(placed.astype(np.float32), 0.16 * self._io, size))
        box = part[2]
        shown: dict[int, ByteArray] = {}
        patch = self._blend(mouth.textures**_LIPS, part, shown)
        if mouth.gap > self._rest_gap:
            self._open(patch, mouth, target, fixed, part, shown)
        mask = np.zeros((box.height, box.width), np.uint8)
        edge = np.round((placed - box.corner) * 16).astype(np.int32)
        cv2.fillPoly(mask, [edge], 255, cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.045 * self._io)
        under = crop[box.slices]
        ring = mouth.points[list(lm.OUTER_UPPER + lm.OUTER_LOWER[::-1])]
        depth = np.full((len(ring), 1), self._track.shape[lm.LIP_CENTRES[0], 2], np.float32)
        lips = np.column_stack([ring, depth]) @ pose[:, :3].T + pose[:, 3] - corner - box.corner
        patch = matched(patch, under, np.asarray(soft, np.uint8), lips, self._io)
        mix(under, patch, soft.astype(np.float32) / 255)

    def _blend(
        self,
        weights: FloatArray,
        part: tuple[slice, slice, Box],
        shown: dict[int, ByteArray],
    ) -> ByteArray:
        """Weighted mean of the prototypes in the wanted geometry, uint8 [h, w, 4].

        Args:
            weights: float32 [t].
            part: Where, from `PiecewiseWarp.cells`.
            shown: Prototypes that are warped already, by number.
        """
        mean: ByteArray | None = None
        done = 0.0
        for i in np.flatnonzero(weights > 0.02 * weights.max()).tolist():
            if i not in shown:
                positions = self._warp.map_from(self._sources[i], part)
                shown[i] = sample(self._textures[i], positions, method=cv2.INTER_CUBIC)
            done += float(weights[i])
            share = float(weights[i]) / done
            mean = shown[i] if mean is None else _between(mean, shown[i], share)
        assert mean is not None
        return mean.copy()

    def _open(
        self,
        patch: ByteArray,
        mouth: Mouth,
        target: FloatArray,
        fixed: FloatArray,
        part: tuple[slice, slice, Box],
        shown: dict[int, ByteArray],
    ) -> None:
        """Draw what is seen between the lips; prototypes of shut lips have nothing to show there.

        Teeth do not grow: where the mouth opens wider than any prototype, the nearest one is drawn
        out a little from the upper lip on, and the dark of the mouth is below.
        """
        weights = (mouth.textures * self._opened) ** _TEETH
        if weights.max() < 1e-9:
            weights = self._least
        upper = self._spline @ target[list(lm.INNER_UPPER)]
        lower = self._spline @ target[list(lm.INNER_LOWER)]
        lower = np.maximum(lower, np.column_stack([lower[:, 0], upper[:, 1]]))
        own = float((weights * self._gaps).sum() / weights.sum()) * _STRETCH + _SLACK
        share = min(1.0, own / max(mouth.gap, 1e-3))
        if share < 1:
            nearer = target.copy()
            up, low = list(lm.INNER_UPPER[1:-1]), list(lm.INNER_LOWER[1:-1])
            nearer[low] = target[up] + share * (target[low] - target[up])
            self._warp.locate(np.concatenate([nearer, fixed]).astype(np.float32))
            teeth = self._blend(weights, part, {})
            inside = np.empty_like(teeth)
            inside[:] = self._dark
            cover = _filled(upper, upper + share * (lower - upper), part[2])
            mix(inside, teeth, _soft(cover, 0.02 * self._io))
        else:
            inside = self._blend(weights, part, shown)
        shade = (1 - _SHADE * max(0.0, 1 - mouth.gap / _SLIT)) * (1 - _ROUND * mouth.rounding)
        inside[..., :3] = cv2.convertScaleAbs(inside[..., :3], alpha=shade)
        apart = np.float32(min(1.0, (mouth.gap - self._rest_gap) / _PARTS))
        mix(patch, inside, apart * _soft(_filled(upper, lower, part[2]), 0.008 * self._io))

    def _source_of(self, points: FloatArray, pose: FloatArray) -> FloatArray:
        """The mesh points in a prototype's picture."""
        placed = self._placed_pose(pose)
        landmarks = _place(points, self._scale)
        ring = anchors(landmarks, placed[:, :2], self._shape.io)[self._held]
        return np.concatenate([landmarks, self._edges, ring]).astype(np.float32)

    def _placed_pose(self, pose: FloatArray) -> FloatArray:
        """A pose in pixels of the pictures instead of the base video's."""
        out = pose * self._scale[:, None]
        out[:, 3] += (self._scale - 1) / 2
        return np.asarray(out, np.float32)

    def _corner(self, pose: FloatArray) -> FloatArray:
        """Left top of the crop in a frame, whole pixels."""
        extent = np.array([self._box.width, self._box.height])
        corner = np.round(pose[:, :3] @ self._centre + pose[:, 3] - extent / 2)
        return np.clip(corner, 0, np.array(self._size) - extent).astype(np.float32)


def _place(points: FloatArray, scale: FloatArray) -> FloatArray:
    return np.asarray((points + np.float32(0.5)) * scale - np.float32(0.5), np.float32)


def _between(a: ByteArray, b: ByteArray, share: float) -> ByteArray:
    return np.asarray(cv2.addWeighted(a, 1 - share, b, share, 0), np.uint8)


def _filled(upper: FloatArray, lower: FloatArray, box: Box) -> ByteArray:
    """Mask uint8 [h, w] of the space between two lines that share their ends."""
    outline = np.concatenate([upper, lower[-2:0:-1]]) - box.corner
    mask = np.zeros((box.height, box.width), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask


def _soft(mask: ByteArray, sigma: float) -> FloatArray:
    """A mask with soft edges, float32 0…1."""
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, sigma)) / np.float32(255), np.float32)


def _fit(image: ByteArray, scale: FloatArray, box: Box) -> ByteArray:
    """A prototype in pixels of the pictures, RGBA, cut to the size of ``box``."""
    width, height = (round(image.shape[1 - k] * float(scale[k])) for k in (0, 1))
    how = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    resized = cv2.resize(image, (max(width, box.width), max(height, box.height)), interpolation=how)
    part = resized[: box.height, : box.width]
    return np.dstack([part, np.full(part.shape[:2], 255, np.uint8)])


def lower_face(rest: FloatArray, split: float, io: float) -> FloatArray:
    """How much each landmark belongs to what speech moves, float32 [478, 1]."""
    y = rest[:, 1]
    across = (rest[:, 0] - rest[lm.NOSE_BASE, 0]) / (0.34 * io)
    nose = np.exp(-(across**4)) * (rest[lm.NOSE_BASE, 1] + 0.01 * io - split)
    fade = np.clip((y - split - nose) / (0.09 * io), 0, 1)
    side = np.abs(rest[:, 0] - rest[lm.NOSE_BASE, 0]) / io
    fade = fade * np.clip((0.82 - side) / 0.34, 0, 1)
    return np.asarray((fade * fade * (3 - 2 * fade))[:, None], np.float32)


def anchors(points: FloatArray, turn: FloatArray, io: float) -> FloatArray:
    """Points round the face's outline that the jaw does not move, float32 [36, 2].

    Args:
        points: float32 [478, 2], landmarks of a frame.
        turn: float32 [2, 2], how the canonical face lies in it.
        io: Outer-eye distance of the canonical face.
    """
    oval = points[list(lm.OVAL)]
    middle = oval.mean(0)
    ring = middle + (oval - middle) * np.float32(1.14)
    # Room for the chin to come down.
    own = (oval - points[lm.CHIN]) @ np.linalg.inv(turn).T / io
    room = 0.30 * np.exp(-((own[:, 0] / 0.55) ** 2)) * np.clip(own[:, 1] / 0.6 + 1, 0, 1)
    return np.asarray(ring + room[:, None] * io * turn[:, 1], np.float32)


def _outline(shape: FloatArray, io: float) -> FloatArray:
    """What prototypes cover: canonical x, y, depth, and 1 where it goes with the chin [p, 4]."""
    x, y = shape[list(lm.MOUTH_CORNERS), :2].mean(0)
    top, chin = shape[lm.NOSE_BASE, 1] + 0.075 * io, shape[lm.CHIN, 1]
    rows = [
        (x - 0.46 * io, y, 0), (x - 0.30 * io, top + 0.02 * io, 0), (x, top, 0),
        (x + 0.30 * io, top + 0.02 * io, 0), (x + 0.46 * io, y, 0),
        (x + 0.36 * io, chin - 0.14 * io, 1), (x, chin - 0.05 * io, 1),
        (x - 0.36 * io, chin - 0.14 * io, 1),
    ]  # fmt: skip
    out = np.array([(a, b, 0.0, c) for a, b, c in rows], np.float32)
    near = ((out[:, None, :2] - shape[None, : lm.MESH, :2]) ** 2).sum(-1).argmin(1)
    out[:, 2] = shape[near, 2]
    return out
