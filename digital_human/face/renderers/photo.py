"""The 2D photo-real renderer: a bust picture, warped and recomposed for every frame.

Two pictures are made per frame. The *canonical* one has the head straight: the lower face warped to
the wanted geometry, mouth textures morphed to the same geometry and blended over it, the mouth's
interior, and the upper face where it moves. The second poses the canonical picture as a whole. The
canonical picture is a little larger than the output, so that the last resampling never softens the
picture by an amount that changes with sub-pixel motion.
"""

from __future__ import annotations

import functools

import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle
from digital_human.face.eyes import UpperFace
from digital_human.face.mesh import Box, identity_grid, sample, scaled
from digital_human.face.motion import MotionFrame
from digital_human.face.mouth import LowerFace
from digital_human.face.pose import STILL, HeadField
from digital_human.face.shape import UPPER_INPUTS, FaceShape

OVERSAMPLE = 1.33
HEIGHTS = (64, 4320)
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
        self._still = scaled(bundle.canvas, q)
        self._head = self._still.copy()
        size = self._still.shape[1], self._still.shape[0]
        self._scale = np.array([size[0] / native_width, size[1] / native_height], np.float32)
        points = self._place(bundle.geometry.landmarks)
        self._shape = FaceShape(bundle.geometry, points)
        self._lower = LowerFace(bundle, self._still, self._shape, self._scale)
        self._upper = UpperFace(bundle, self._still, self._shape, self._scale)
        ratio = size[0] / self._size[0], size[1] / self._size[1]
        output_points = ((points + 0.5) / np.array(ratio) - 0.5).astype(np.float32)
        pixels = identity_grid(*self._size)
        positions = (pixels + 0.5) * np.array(ratio, np.float32) - 0.5
        self._out = sample(self._still, positions.astype(np.float32))
        self._moving = _moving(self._out, output_points)
        self._box = functools.reduce(Box.union, self._moving)
        self._pose = HeadField(output_points, bundle.geometry.depth, ratio, self._box)
        self._last_upper: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self._size

    @property
    def fps(self) -> int:
        """Frames per second the avatar was made for."""
        return self._fps

    @property
    def moving(self) -> tuple[Box, ...]:
        """What changes from picture to picture; the rest stays as the first picture shows it."""
        return tuple(self._moving)

    def render(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion`` as uint8 [h, w, 4] RGBA with straight alpha, reused by the next call."""
        self.draw_face(motion)
        posed = self._pose.map(motion)
        for box in self._moving:
            x, y = box.x - self._box.x, box.y - self._box.y
            part = posed[y : y + box.height, x : x + box.width]
            self._out[box.slices] = sample(self._head, part)
        return self._out

    def draw_face(self, motion: MotionFrame) -> ByteArray:
        """Bring the canonical picture (head straight) up to date and return it."""
        curves = np.clip(np.nan_to_num(motion.curves), 0, 1).astype(np.float32)
        tongue = float(np.clip(np.nan_to_num(motion.tongue), 0, 1))
        self._lower.draw(self._head, self._shape.mouth(curves), tongue)
        upper = curves[UPPER_INPUTS]
        if self._last_upper is None or np.abs(upper - self._last_upper).max() > _SAME:
            self._upper.draw(self._head, self._shape.eyes(curves))
            self._last_upper = upper
        return self._head

    def _place(self, points: FloatArray) -> FloatArray:
        return ((points + 0.5) * self._scale - 0.5).astype(np.float32)


def _moving(image: ByteArray, points: FloatArray) -> list[Box]:
    """What head and shoulders of the bust [h, w, 4] cover in any pose; the rest stays as it is."""
    io, chin = lm.eye_distance(points), round(float(points[lm.CHIN, 1]))
    # One row past the line where movement ends: `HeadField` tells by it that more lies below.
    end = min(image.shape[0], int(points[lm.CHIN, 1] + STILL * io) + 1)
    boxes = []
    for first, last, margin in ((0, chin, 0.5), (chin, end, 0.15)):
        rows, columns = np.nonzero(image[first:last, :, 3])
        if len(rows):
            top = max(first, rows.min() + first - margin * io)
            corners = [
                (columns.min() - margin * io, top),
                (columns.max() + margin * io, last - 1),
            ]
            size = image.shape[1], image.shape[0]
            boxes.append(Box.around(np.array(corners, np.float32), 0, size))
    return boxes
