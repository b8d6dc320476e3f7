"""The renderer of 3D avatars."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.head_bundle import HeadAvatar
from digital_human.face.mesh import Box
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.head_gl import CAMERA, stage
from digital_human.face.renderers.head_shape import HeadShape

HEIGHTS = (64, 4320)
_ALPHA = np.maximum(np.arange(256), 1)[:, None]
_DIVIDED = np.minimum(255, (np.arange(256)[None] * 255 + _ALPHA // 2) // _ALPHA).astype(np.uint8)
"""Colour without alpha, by alpha and by premultiplied colour."""
_MARGIN = 1.0  # io the head may leave its place at rest


class HeadRenderer:
    """Draws one 3D avatar; implements `digital_human.face.renderers.base.Renderer`.

    OpenGL starts with the first `render`; it may be called from any thread, one at a time.

    Args:
        avatar: The avatar.
        height: Height of the pictures in pixels; the bust is scaled to it.

    Raises:
        InputError: ``height`` is out of range.
    """

    def __init__(self, avatar: HeadAvatar, height: int) -> None:
        if not HEIGHTS[0] <= height <= HEIGHTS[1]:
            raise InputError(
                f"height {height}: must be between {HEIGHTS[0]} and {HEIGHTS[1]} pixels",
                fix="ask for a usual picture height, e.g. 720",
            )
        self._avatar = avatar
        native_width, native_height = avatar.manifest.canvas
        self._size = max(2, round(native_width * height / native_height)), height
        self._shape = HeadShape(avatar.mesh)
        face, scale = avatar.manifest.face, height / native_height
        width = self._size[0]
        # Before perspective, one io right of the eyes is eye_distance pixels beside them.
        self._frame = np.array(
            [
                2 * face.eye_distance * scale / width,
                2 * face.eye_distance * scale / height,
                2 * face.eyes[0] * scale / width - 1,
                2 * face.eyes[1] * scale / height - 1,
            ],
            np.float32,
        )
        self._out = np.zeros((height, width, 4), np.uint8)
        self._moving = self._reach()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self._size

    @property
    def fps(self) -> int:
        """Frames per second the avatar was made for."""
        return self._avatar.manifest.fps

    @property
    def moving(self) -> tuple[Box, ...]:
        """What changes from picture to picture; the rest stays as the first picture shows it."""
        return (self._moving,)

    def render(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion`` as uint8 [h, w, 4] RGBA with straight alpha, reused by the next call.

        Raises:
            ResourceError: This machine has no EGL; the message says what to install.
        """
        curves = np.clip(np.nan_to_num(motion.curves), 0, 1).astype(np.float32)
        head = np.nan_to_num(motion.head).astype(np.float32)
        tongue = float(np.clip(np.nan_to_num(motion.tongue), 0, 1))
        breath = float(np.clip(np.nan_to_num(motion.breath), -1, 1))
        moving, pose = self._shape.frame(curves, head, tongue, breath)
        with stage() as lent:
            lent.draw(self._avatar, moving, pose, self._frame, self._out)
        _straight(self._out)
        return self._out

    def _reach(self) -> Box:
        """What head and shoulders can cover in any pose."""
        mesh = self._avatar.mesh
        depth = 1 - mesh.positions[:, 2:] / CAMERA
        clip = mesh.positions[:, :2] / depth * self._frame[:2] * (1, -1) + self._frame[2:]
        pixels = ((clip + 1) / 2 * self._size).astype(np.float32)
        # Triangles with one moving corner change up to their still ones.
        still = np.asarray(mesh.bake[:, 2:].max(axis=1) == 0)
        corners = ~still[mesh.triangles].all(axis=1)
        moves = np.unique(mesh.triangles[corners])
        margin = _MARGIN * self._frame[1] * self._size[1] / 2
        box = Box.around(pixels[moves], float(margin), self._size)
        bottom = min(self._size[1], int(np.ceil(pixels[moves, 1].max())) + 2)
        return Box(box.x, box.y, box.width, bottom - box.y)


def _straight(picture: ByteArray) -> None:
    """Divide colours by alpha in place where the picture is neither opaque nor empty."""
    flat = picture.reshape(-1, 4)
    alpha = cv2.extractChannel(picture, 3).reshape(-1)
    edge = np.flatnonzero(alpha - np.uint8(1) < 254)  # 0 wraps round to 255
    part = flat[edge]
    part[:, :3] = _DIVIDED[part[:, 3:], part[:, :3]]
    flat[edge] = part
