"""What every renderer offers."""

from __future__ import annotations

from typing import Protocol

from digital_human.core.frames import ByteArray
from digital_human.face.mesh import Box
from digital_human.face.motion import MotionFrame


class Renderer(Protocol):
    """Draws one avatar; holds caches, so one instance belongs to one thread at a time."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        ...

    @property
    def fps(self) -> int:
        """Frames per second the avatar was made for."""
        ...

    @property
    def moving(self) -> tuple[Box, ...]:
        """What changes from picture to picture; the rest stays as the first picture shows it."""
        ...

    def render(self, motion: MotionFrame) -> ByteArray:
        """Draw ``motion`` as uint8 [h, w, 4] RGBA with straight alpha.

        The array may be reused by the next call; copy it to keep it.
        """
        ...
