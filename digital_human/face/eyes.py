"""The upper face: brows, lids, gaze and the closed-eye texture."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle, Geometry
from digital_human.face.mesh import Box, PiecewiseWarp, Placed, mix, part_mesh, sample
from digital_human.face.shape import Eyes, FaceShape

_STEP = 2  # pixels per grid cell
_FADE = (0.30, 0.75)  # blink over which the closed-eye texture comes in
_LIDS = (
    (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID, lm.RIGHT_IRIS),
    (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID, lm.LEFT_IRIS),
)


class UpperFace:
    """Draws the upper face of one person into the canonical picture.

    Args:
        bundle: The avatar.
        still: uint8 [h, w, 4], the canonical picture at rest.
        shape: Its landmarks.
        scale: Canonical pixels per canvas pixel, across and down.
    """

    def __init__(
        self, bundle: Bundle, still: ByteArray, shape: FaceShape, scale: FloatArray
    ) -> None:
        g, io, rest = bundle.geometry, shape.io, shape.rest
        self._still = still
        self._middle = round(float(rest[lm.NOSE_ROOT, 0]))
        size = still.shape[1], still.shape[0]
        oval = rest[list(lm.OVAL)]
        low, high = oval.min(0) - (0.10 * io, 0), oval.max(0) + (0.10 * io, 0)
        extent = np.array([[low[0], low[1]], [high[0], shape.split - 2]], np.float32)
        self.box = Box.around(extent, 0, size, _STEP)
        triangles, border = part_mesh(rest, g.triangles, self.box, 0.25 * io)
        self._border = border
        self._source = np.concatenate([rest, border])
        self._warp = PiecewiseWarp(triangles, self.box, _STEP, self._source)
        self._closed: ByteArray | None = None
        if bundle.eyes is not None:
            points = np.concatenate([g.eyes_closed, (border + 0.5) / scale - 0.5])
            self._placed = Placed(points, g.eyes_box, scale)
            picture, mask = (
                cv2.resize(image, self._placed.size, interpolation=cv2.INTER_AREA)
                for image in (bundle.eyes, _eye_mask(g))
            )
            self._closed = np.dstack([picture, mask]).astype(np.uint8)
        self._part = self._warp.cells(Box.around(rest[_lid_points()], 0.20 * io, size))
        self._eyeballs = [_Eyeball(still, rest, *lids, io) for lids in _LIDS]
        # What a frame changes must be redrawn in the next one; the eyeballs are drawn in all.
        self._always = self._eyeballs[0].box.union(self._eyeballs[1].box)
        self._changed = self.box

    def draw(self, head: ByteArray, eyes: Eyes) -> None:
        """Paint the upper face of one frame into the canonical picture."""
        moved = self._warp.locate(np.concatenate([eyes.points, self._border]))
        closing = self._closed is not None and max(eyes.blink) > _FADE[0]
        changed = self._always.union(moved).union(self._part[2] if closing else None)
        part = self._warp.cells(changed.union(self._changed))
        self._changed = changed
        head[part[2].slices] = sample(self._still, self._warp.map_from(self._source, part))
        if self._closed is not None and max(eyes.blink) > _FADE[0]:
            self._draw_closed(head, self._closed, eyes)
        for eyeball in self._eyeballs:
            eyeball.draw(head, eyes)

    def _draw_closed(self, head: ByteArray, closed: ByteArray, eyes: Eyes) -> None:
        positions = self._warp.map_from(self._placed.points, self._part)
        patch = sample(closed, positions, cv2.BORDER_CONSTANT)
        box = self._part[2]
        right, left = (np.clip((b - _FADE[0]) / (_FADE[1] - _FADE[0]), 0, 1) for b in eyes.blink)
        alpha = patch[..., 3].astype(np.float32) / 255
        alpha[:, : self._middle - box.x] *= right
        alpha[:, self._middle - box.x :] *= left
        patch[..., 3] = 255
        mix(head[box.slices], patch, alpha)


class _Eyeball:
    """One eye between its lids: the picture at rest, moved by the gaze but not by the lids.

    Args:
        still: uint8 [h, w, 4], the canonical picture at rest.
        rest: float32 [478, 2], its landmarks.
        upper: Points of the upper lid.
        lower: Points of the lower lid.
        iris: Iris centre and rim.
        io: Outer-eye distance in pixels.
    """

    def __init__(
        self,
        still: ByteArray,
        rest: FloatArray,
        upper: tuple[int, ...],
        lower: tuple[int, ...],
        iris: tuple[int, ...],
        io: float,
    ) -> None:
        self._upper, self._lower = list(upper), list(lower)
        ring = rest[[*upper, *lower[-2:0:-1]]]
        self.box = Box.around(ring, 0.05 * io, (still.shape[1], still.shape[0]))
        visible = np.zeros((self.box.height, self.box.width), np.uint8)
        cv2.fillPoly(visible, [np.round(ring - self.box.corner).astype(np.int32)], 255)
        centre = rest[iris[0]] - self.box.corner
        radius = float(np.linalg.norm(rest[list(iris[1:])] - rest[iris[0]], axis=1).mean())
        ball = _whole_iris(still[self.box.slices][..., :3], visible, centre, radius)
        self._ball = np.dstack([ball, np.full_like(visible, 255)])
        y, x = np.mgrid[: self.box.height, : self.box.width].astype(np.float32)
        self._pixels = np.dstack([x, y])
        # The iris moves rigidly; towards the corners the white gives way.
        t = np.clip((np.abs(x - centre[0]) / radius - 1.1) / 1.1, 0, 1)
        self._weight = (1 - t * t * (3 - 2 * t)).astype(np.float32)[..., None]

    def draw(self, head: ByteArray, eyes: Eyes) -> None:
        """Paint the visible part of the eyeball."""
        upper, lower = eyes.points[self._upper], eyes.points[self._lower]
        opening = float((lower[:, 1] - upper[:, 1]).max())
        if opening < 1.5:
            return
        outline = np.concatenate([upper, lower[-2:0:-1]]) - self.box.corner
        ball = sample(self._ball, self._pixels - self._weight * eyes.gaze)
        mask = np.zeros(self._weight.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) / 255
        mix(head[self.box.slices], ball, alpha)


def _whole_iris(
    picture: ByteArray, visible: ByteArray, centre: FloatArray, radius: float
) -> ByteArray:
    """The eyeball as it goes on under the lids.

    The iris is completed round its centre: each ring of it with what shows of the same ring.
    The white is continued over the rest.

    Args:
        picture: uint8 [h, w, 3].
        visible: uint8 [h, w], 255 between the lids.
        centre: float32 [2], of the iris.
        radius: Of the iris in pixels.
    """
    # Lashes and the shadow of the lid at the edge of the opening are no part of the ball.
    clear = cv2.erode(visible, np.ones((3, 3), np.uint8))
    y, x = np.mgrid[: visible.shape[0], : visible.shape[1]].astype(np.float32)
    away = np.hypot(x - centre[0], y - centre[1])
    white = np.where((away > 1.12 * radius) & (clear > 0), 255, 0).astype(np.uint8)
    whole = np.asarray(
        cv2.inpaint(np.ascontiguousarray(picture), 255 - white, 3, cv2.INPAINT_TELEA)
    )
    rings = np.arange(0, 1.12 * radius + 1, dtype=np.float32)
    hat = np.clip(1 - np.abs(away[..., None] - rings), 0, 1) * (clear[..., None] > 0)
    weight = hat.sum((0, 1))
    colours = np.einsum("yxr,yxc->rc", hat, picture.astype(np.float32))
    seen = weight > 0.5
    if seen.sum() < 2:
        return np.asarray(cv2.inpaint(picture, 255 - visible, 3, cv2.INPAINT_TELEA), np.uint8)
    colours = colours[seen] / weight[seen, None]
    iris = np.stack([np.interp(away, rings[seen], colours[:, c]) for c in range(3)], -1)
    share = np.clip((1.12 * radius - away) / (0.14 * radius), 0, 1)[..., None]
    hidden = whole * (1 - share) + iris * share
    keep = cv2.GaussianBlur(clear, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    return np.asarray(np.clip(picture * keep + hidden * (1 - keep), 0, 255), np.uint8)


def _lid_points() -> list[int]:
    return [p for upper, lower, _ in _LIDS for p in (*upper, *lower)]


def _eye_mask(geometry: Geometry) -> ByteArray:
    """Soft mask round both eyes, uint8 [h, w], in the closed-eye picture."""
    box, points = geometry.eyes_box, geometry.eyes_closed
    io = lm.eye_distance(points)
    mask = np.zeros((int(box[3]), int(box[2])), np.uint8)
    for upper, lower, _ in _LIDS:
        x, y = points[[*upper, *lower]].mean(0) - box[:2]
        axes = round(0.185 * io), round(0.072 * io)
        cv2.ellipse(mask, (round(x), round(y - 0.012 * io)), axes, 0, 0, 360, 255, -1)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.026 * io), np.uint8)
