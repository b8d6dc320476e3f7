"""An avatar that brings its own surroundings: a demo anchor in front of a painted room."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.face.avatar import Avatar, open_avatar
from digital_human.face.manifest import AvatarManifest
from digital_human.face.mesh import Box
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.base import Renderer
from digital_human.media.blend import PersonBlender

BUST = 0.86
"""Height of the bust by the height of the picture; it stands on the bottom."""


class OpaqueAvatar:
    """``name`` in a room of ``size`` (width, height), its face right of the middle."""

    def __init__(self, name: str = "yun", size: tuple[int, int] = (1920, 1080)) -> None:
        self._person = open_avatar(name)
        self._size = width, height = size
        rows = round(BUST * height)
        scale = rows / self._person.canvas.shape[0]
        face = self._person.manifest.face
        left, top = round(0.55 * width - face.eyes[0] * scale), height - rows
        moved = face.model_copy(
            update={
                "eyes": (face.eyes[0] * scale + left, face.eyes[1] * scale + top),
                "chin": (face.chin[0] * scale + left, face.chin[1] * scale + top),
                "eye_distance": face.eye_distance * scale,
            }
        )
        self.manifest: AvatarManifest = self._person.manifest.model_copy(
            update={"kind": "video", "opaque": True, "canvas": size, "face": moved}
        )
        self.canvas: ByteArray = self.renderer(height).render(MotionFrame.rest()).copy()

    @property
    def path(self) -> Path:
        """Its folder."""
        return self._person.path

    def renderer(self, height: int) -> Renderer:
        """See `digital_human.face.avatar.Avatar`."""
        return OpaqueRenderer(self._person, self._size, height)


class OpaqueRenderer:
    """Draws the person and the room; everything moves."""

    def __init__(self, person: Avatar, size: tuple[int, int], height: int) -> None:
        self.size = round(size[0] * height / size[1]), height
        self.fps = 25
        self.moving = (Box(0, 0, *self.size),)
        self._inner = person.renderer(round(BUST * height))
        face = person.manifest.face
        scale = self._inner.size[1] / person.canvas.shape[0]
        self._corner = (
            round(0.55 * self.size[0] - face.eyes[0] * scale),
            (height - self._inner.size[1]),
        )
        self._room = room(*self.size)
        self._people = PersonBlender()

    def render(self, motion: MotionFrame) -> ByteArray:
        """See `digital_human.face.renderers.base.Renderer`."""
        frame = self._room.copy()
        self._people.draw(frame, self._inner.render(motion), *self._corner)
        return np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])


def room(width: int, height: int) -> ByteArray:
    """A wall, a floor lamp and a window; red in its corners, so that crops can be told."""
    unit = height / 720
    wall = np.empty((height, width, 3), np.uint8)
    wall[:] = (150, 170, 168)
    wall[: round(8 * unit), : round(8 * unit)] = (255, 0, 0)
    window = (round(60 * unit), round(80 * unit)), (round(420 * unit), round(480 * unit))
    cv2.rectangle(wall, *window, (205, 228, 240), -1)
    cv2.rectangle(wall, *window, (238, 236, 228), round(10 * unit))
    cv2.circle(wall, (width - round(160 * unit), round(200 * unit)), round(70 * unit),
               (250, 232, 190), -1, cv2.LINE_AA)  # fmt: skip
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 3 * unit), np.uint8)
