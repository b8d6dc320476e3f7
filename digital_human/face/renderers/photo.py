"""The 2D photo-real renderer: a bust picture, warped and recomposed for every frame.

Two pictures are made per frame. The *canonical* one has the head straight: the lower face warped to
the wanted geometry, mouth textures morphed to the same geometry and blended over it, the mouth's
interior, and the upper face where it moves. The second poses the canonical picture as a whole. The
canonical picture is a little larger than the output, so that the last resampling never softens the
picture by an amount that changes with sub-pixel motion.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle
from digital_human.face.mesh import Box, PiecewiseWarp, part_mesh
from digital_human.face.motion import MotionFrame
from digital_human.face.mouth import MouthInterior
from digital_human.face.pose import HeadField
from digital_human.face.shape import UPPER_INPUTS, Eyes, FaceShape, Mouth

OVERSAMPLE = 1.4
HEIGHTS = (64, 4320)
_LOWER_STEP, _UPPER_STEP = 3, 2
_SAME = 1 / 512  # an upper-face curve that changed less keeps the last picture


class PhotoRenderer:
    """Draws one photo-real avatar; implements `digital_human.face.renderers.base.Renderer`.

    Args:
        bundle: The avatar.
        height: Height of the pictures in pixels; the bust is scaled to it.

    Raises:
        InputError: ``height`` is out of range.
    """

    def __init__(self, bundle: Bundle, height: int) -> None:
        if not HEIGHTS[0] <= height <= HEIGHTS[1]:
            raise InputError(
                f"height {height}: must be between {HEIGHTS[0]} and {HEIGHTS[1]} pixels",
                fix="ask for a usual picture height, e.g. 720",
            )
        native_height, native_width = bundle.canvas.shape[:2]
        self._size = max(2, round(native_width * height / native_height)), height
        self._fps = bundle.manifest.fps
        q = min(1.0, OVERSAMPLE * height / native_height)
        self._still = _resize(bundle.canvas, q)
        self._head = self._still.copy()
        size = self._still.shape[1], self._still.shape[0]
        self._scale = np.array([size[0] / native_width, size[1] / native_height], np.float32)
        points = self._place(bundle.geometry.landmarks)
        self._shape = FaceShape(bundle.geometry, points)
        self._mouth = _MouthPart(bundle, self._still, self._shape, self._scale)
        self._eyes = _EyePart(bundle, self._still, self._shape, self._scale)
        ratio = size[0] / self._size[0], size[1] / self._size[1]
        output_points = ((points + 0.5) / np.array(ratio) - 0.5).astype(np.float32)
        self._pose = HeadField(output_points, bundle.geometry.depth, self._size, ratio)
        self._out = np.zeros((height, self._size[0], 4), np.uint8)
        self._last_upper: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self._size

    @property
    def fps(self) -> int:
        """Frames per second the avatar was made for."""
        return self._fps

    def render(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion`` as uint8 [h, w, 4] RGBA with straight alpha, reused by the next call."""
        self.draw_face(motion)
        posed = self._pose.map(motion)
        cv2.remap(
            self._head, posed, None, cv2.INTER_LINEAR, dst=self._out,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        return self._out

    def draw_face(self, motion: MotionFrame) -> ByteArray:
        """Bring the canonical picture (head straight) up to date and return it."""
        curves = np.clip(np.nan_to_num(motion.curves), 0, 1).astype(np.float32)
        self._mouth.draw(self._head, self._shape.mouth(curves), float(motion.tongue))
        upper = curves[UPPER_INPUTS]
        if self._last_upper is None or np.abs(upper - self._last_upper).max() > _SAME:
            self._eyes.draw(self._head, self._shape.eyes(curves))
            self._last_upper = upper
        return self._head

    def _place(self, points: FloatArray) -> FloatArray:
        return ((points + 0.5) * self._scale - 0.5).astype(np.float32)


class _MouthPart:
    """Lower face: warp, mouth textures, interior."""

    def __init__(
        self, bundle: Bundle, still: ByteArray, shape: FaceShape, scale: FloatArray
    ) -> None:
        g, io, rest = bundle.geometry, shape.io, shape.rest
        self._still = still
        size = still.shape[1], still.shape[0]
        oval = rest[list(lm.OVAL)]
        low = oval.min(0) - (0.22 * io, 0)
        high = oval.max(0) + (0.22 * io, 0.62 * io)
        extent = np.array([[low[0], shape.split], high], np.float32)
        self.box = Box.around(extent, 0, size, _LOWER_STEP)
        triangles, border = part_mesh(rest, g.triangles, self.box, 0.25 * io)
        self._border = border
        self._source = np.concatenate([rest, border])
        self._warp = PiecewiseWarp(triangles, self.box, _LOWER_STEP, self._source)
        x, y, width, height = (int(v) for v in g.mouth_box)
        texture_scale = np.array([round(width * scale[0]) / width, round(height * scale[1]) / height])
        corner = np.array([x, y], np.float32)
        every = np.concatenate([g.mouth_reference, (border + 0.5) / scale - 0.5])
        self._reference = ((every - corner + 0.5) * texture_scale - 0.5).astype(np.float32)
        self._textures = [_resize(t, scale) for t in bundle.mouths]
        texture_size = round(width * scale[0]), round(height * scale[1])
        self._mask = _mouth_mask(self._reference[: lm.COUNT], texture_size)
        self._part = self._warp.cells(_patch_box(rest, io, size))
        self._interior = MouthInterior(bundle.layers, g.cavity, float(scale[1]), io)

    def draw(self, head: ByteArray, mouth: Mouth, tongue: float) -> None:
        """Paint the lower face of one frame into the canonical picture."""
        self._warp.locate(np.concatenate([mouth.points, self._border]))
        out = head[self.box.slices]
        out[:] = cv2.remap(
            self._still, self._warp.map_from(self._source), None, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        share = float(mouth.textures.sum())
        box = self._part[2]
        if share > 0.004:
            patch = cv2.remap(
                self._blend(mouth.textures / share), self._warp.map_from(self._reference, self._part),
                None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0,
            )  # fmt: skip
            target = head[box.slices]
            alpha = patch[..., 3].astype(np.float32) * np.float32(share / 255)
            patch[..., 3] = 255
            target[:] = cv2.blendLinear(np.ascontiguousarray(target), patch, 1 - alpha, alpha)
        self._interior.draw(head[box.slices], box.corner, mouth, tongue)

    def _blend(self, weights: FloatArray) -> ByteArray:
        """Weighted sum of the textures, uint8 [h, w, 4]; the mask is its alpha."""
        chosen = np.flatnonzero(weights > 0.01)
        total = float(weights[chosen].sum())
        acc, weight = self._textures[chosen[0]], float(weights[chosen[0]]) / total
        done = weight
        for i in chosen[1:]:
            weight = float(weights[i]) / total
            done += weight
            acc = cv2.addWeighted(acc, 1 - weight / done, self._textures[i], weight / done, 0)
        return np.asarray(cv2.merge([*cv2.split(acc), self._mask]), np.uint8)


class _EyePart:
    """Upper face: brows, lids, gaze and the closed-eye texture."""

    def __init__(
        self, bundle: Bundle, still: ByteArray, shape: FaceShape, scale: FloatArray
    ) -> None:
        g, io, rest = bundle.geometry, shape.io, shape.rest
        self._still, self._io, self._rest = still, io, rest
        oval = rest[list(lm.OVAL)]
        size = still.shape[1], still.shape[0]
        low, high = oval.min(0) - (0.10 * io, 0), oval.max(0) + (0.10 * io, 0)
        extent = np.array([[low[0], low[1]], [high[0], shape.split - 2]], np.float32)
        self.box = Box.around(extent, 0, size, _UPPER_STEP)
        triangles, border = part_mesh(rest, g.triangles, self.box, 0.25 * io)
        self._border = border
        self._source = np.concatenate([rest, border])
        self._warp = PiecewiseWarp(triangles, self.box, _UPPER_STEP, self._source)
        self._closed: ByteArray | None = None
        if bundle.eyes is not None:
            x, y, width, height = (int(v) for v in g.eyes_box)
            self._closed = cv2.merge(
                [*cv2.split(_resize(bundle.eyes, scale)), _eye_mask(g, scale)]
            )
            texture_scale = np.array(
                [round(width * scale[0]) / width, round(height * scale[1]) / height]
            )
            every = np.concatenate([g.eyes_closed, (border + 0.5) / scale - 0.5])
            corner = np.array([x, y], np.float32)
            self._closed_points = ((every - corner + 0.5) * texture_scale - 0.5).astype(np.float32)
        self._eyeballs = [
            _Eyeball(still, rest, upper, lower, iris, io)
            for upper, lower, iris in (
                (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID, lm.RIGHT_IRIS),
                (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID, lm.LEFT_IRIS),
            )
        ]

    def draw(self, head: ByteArray, eyes: Eyes) -> None:
        """Paint the upper face of one frame into the canonical picture."""
        self._warp.locate(np.concatenate([eyes.points, self._border]))
        out = head[self.box.slices]
        out[:] = cv2.remap(
            self._still, self._warp.map_from(self._source), None, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        for eyeball in self._eyeballs:
            eyeball.draw(head, eyes)
        if self._closed is not None and max(eyes.blink) > 0.3:
            self._draw_closed(out, eyes)

    def _draw_closed(self, out: ByteArray, eyes: Eyes) -> None:
        assert self._closed is not None
        patch = cv2.remap(
            self._closed, self._warp.map_from(self._closed_points), None, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=0,
        )  # fmt: skip
        ramp = [min(1.0, max(0.0, (b - 0.3) / 0.45)) for b in eyes.blink]
        middle = round(self._rest[lm.NOSE_ROOT, 0]) - self.box.x
        alpha = patch[..., 3].astype(np.float32) / 255
        alpha[:, :middle] *= ramp[0]
        alpha[:, middle:] *= ramp[1]
        patch[..., 3] = 255
        out[:] = cv2.blendLinear(np.ascontiguousarray(out), patch, 1 - alpha, alpha)


class _Eyeball:
    """One eye between its lids: the picture at rest, moved by the gaze, not by the lids."""

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
        ring = rest[[*upper, *lower]]
        self.box = Box.around(ring, 0.05 * io, (still.shape[1], still.shape[0]))
        self._still = still
        centre = rest[iris[0]]
        radius = float(np.linalg.norm(rest[list(iris[1:])] - centre, axis=1).mean())
        ys, xs = np.mgrid[: self.box.height, : self.box.width].astype(np.float32)
        self._x, self._y = xs + self.box.x, ys + self.box.y
        across = np.abs(self._x - centre[0]) / radius
        # The iris moves rigidly; towards the corners the white gives way.
        t = np.clip((across - 1.1) / 1.1, 0, 1)
        self._weight = (1 - t * t * (3 - 2 * t)).astype(np.float32)
        self._radius = radius

    def draw(self, head: ByteArray, eyes: Eyes) -> None:
        """Paint the visible part of the eyeball."""
        outline = np.concatenate(
            [eyes.points[self._upper], eyes.points[self._lower][-2:0:-1]]
        ) - self.box.corner
        opening = eyes.points[self._lower, 1] - eyes.points[self._upper, 1]
        if float(opening.max()) < 1.0:
            return
        map_x = self._x - self._weight * eyes.gaze[0]
        map_y = self._y - self._weight * eyes.gaze[1]
        ball = cv2.remap(self._still, map_x, map_y, cv2.INTER_LINEAR)
        mask = np.zeros(self._x.shape, np.uint8)
        fixed = np.round(outline * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        alpha = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) / 255
        part = head[self.box.slices]
        part[:] = cv2.blendLinear(np.ascontiguousarray(part), ball, 1 - alpha, alpha)


def _resize(image: ByteArray, scale: float | FloatArray) -> ByteArray:
    """Scale an image, averaging when it shrinks."""
    sx, sy = (float(v) for v in np.broadcast_to(np.asarray(scale), (2,)))
    if sx == 1 and sy == 1:
        return np.ascontiguousarray(image)
    size = max(1, round(image.shape[1] * sx)), max(1, round(image.shape[0] * sy))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _patch_box(rest: FloatArray, io: float, size: tuple[int, int]) -> Box:
    """Where the mouth textures can land for any shape."""
    mouth = rest[list(lm.LIPS)]
    extent = np.concatenate(
        [mouth, rest[[lm.NOSE_BASE]], rest[[lm.CHIN]] + np.array([0, 0.22 * io], np.float32)]
    )
    extent = np.concatenate([extent, mouth.mean(0) + np.array([[-0.62, 0], [0.62, 0]]) * io])
    return Box.around(extent.astype(np.float32), 0.02 * io, size)


def _mouth_mask(points: FloatArray, size: tuple[int, int]) -> ByteArray:
    """Soft mask from under the nose to the chin, uint8 [h, w], in the textures' own geometry."""
    io = lm.eye_distance(points)
    mask = np.zeros((size[1], size[0]), np.uint8)
    x, y = points[list(lm.MOUTH_CORNERS)].mean(0)
    top, chin = points[lm.NOSE_BASE, 1] + 0.075 * io, points[lm.CHIN, 1]
    outline = [
        (x - 0.46 * io, y), (x - 0.30 * io, top + 0.02 * io), (x, top), (x + 0.30 * io, top + 0.02 * io),
        (x + 0.46 * io, y), (x + 0.36 * io, chin - 0.14 * io), (x, chin - 0.05 * io),
        (x - 0.36 * io, chin - 0.14 * io),
    ]  # fmt: skip
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.045 * io)
    fade = max(2, round(0.04 * io))
    for edge in (mask[:fade], mask[::-1][:fade], mask.T[:fade], mask.T[::-1][:fade]):
        ramp = np.linspace(0, 1, len(edge), dtype=np.float32)[:, None]
        edge[:] = (edge * ramp).astype(np.uint8)
    return mask


def _eye_mask(geometry: object, scale: FloatArray) -> ByteArray:
    """Soft mask round both eyes, uint8 [h, w], in the closed-eye picture."""
    box, points = geometry.eyes_box, geometry.eyes_closed  # type: ignore[attr-defined]
    width, height = int(box[2]), int(box[3])
    io = lm.eye_distance(points)
    mask = np.zeros((height, width), np.uint8)
    for upper, lower in (
        (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
        (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    ):
        ring = points[[*upper, *lower]] - box[:2]
        centre = ring.mean(0) - (0, 0.012 * io)
        axes = (round(0.185 * io), round(0.072 * io))
        cv2.ellipse(mask, (round(centre[0]), round(centre[1])), axes, 0, 0, 360, 255, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.026 * io)
    return _resize(mask, scale)
