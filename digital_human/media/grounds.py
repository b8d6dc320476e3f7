"""What a live picture is drawn on: a still background, a looped video, none, or a matte.

What stands still is drawn once into each of a few buffers; a frame only draws the boxes in which
the person moves. Where the background moves, everything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.media.blend import PersonBlender, Sprite, bleed, lay_over
from digital_human.media.footage import Loop
from digital_human.media.layouts import Rect, Size

BUFFERS = 4
"""How many pictures exist at a time: one is valid until ``BUFFERS - 1`` more have been drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """Where the person and the label are in the picture.

    Attributes:
        size: Width and height of the picture.
        corner: Left top corner of the renderer's picture; may lie outside.
        moving: Boxes of the picture in which the person moves.
        label: The visible label.
        label_at: Its left top corner.
    """

    size: Size
    corner: tuple[int, int]
    moving: tuple[Rect, ...]
    label: Sprite
    label_at: tuple[int, int]

    def part(self, rgba: ByteArray, box: Rect) -> ByteArray:
        """What of the renderer's picture is seen in ``box`` of the picture."""
        x, y = self.corner
        return rgba[box.y - y : box.bottom - y, box.x - x : box.right - x]

    def mark(self, frame: ByteArray, box: Rect | None = None) -> None:
        """Draw the label, or only what of it lies in ``box``."""
        x, y = self.label_at
        if box is None:
            self.label.draw(frame, x, y)
        elif box.overlaps(Rect(x, y, self.label.width, self.label.height)):
            self.label.draw(frame, x, y, clip=(box.x, box.y, box.w, box.h))


class Ground(Protocol):
    """Puts the person and the label into a picture; one thread at a time."""

    def draw(self, rgba: ByteArray) -> ByteArray:
        """The picture with the person, uint8 [h, w, 3] RGB.

        Args:
            rgba: The renderer's picture, uint8 [h, w, 4], straight alpha.

        Returns:
            An array that is drawn over after `BUFFERS` − 1 more calls.
        """
        ...

    def close(self) -> None:
        """Give up what it holds; it draws no more."""
        ...


class _Buffers:
    """Pictures used in turn."""

    def __init__(self, pictures: Sequence[ByteArray]) -> None:
        self._pictures, self._next = pictures, 0

    def take(self) -> ByteArray:
        self._next = (self._next + 1) % len(self._pictures)
        return self._pictures[self._next]


class StillGround:
    """A background that does not move.

    Args:
        stand: Where everything is.
        base: uint8 [h, w, 3], the background.
        rest: uint8 [h, w, 4], the person at rest.
    """

    def __init__(self, stand: Stand, base: ByteArray, rest: ByteArray) -> None:
        self._stand, self._base = stand, base
        self._people = PersonBlender()
        still = base.copy()
        self._people.draw(still, rest, *stand.corner)
        stand.mark(still)
        self._buffers = _Buffers([still, *(still.copy() for _ in range(BUFFERS - 1))])

    def draw(self, rgba: ByteArray) -> ByteArray:
        """See `Ground.draw`."""
        frame, stand = self._buffers.take(), self._stand
        for box in stand.moving:
            inside = slice(box.y, box.bottom), slice(box.x, box.right)
            frame[inside] = self._base[inside]
            self._people.draw(frame[inside], stand.part(rgba, box), 0, 0)
            stand.mark(frame, box)
        return frame

    def close(self) -> None:
        """See `Ground.close`."""


class VideoGround:
    """A looped video behind the person.

    Args:
        stand: Where everything is.
        loop: The video, in the picture's size.
    """

    def __init__(self, stand: Stand, loop: Loop) -> None:
        self._stand, self._loop = stand, loop
        self._people = PersonBlender()
        self._buffers = _buffers(*stand.size)

    def draw(self, rgba: ByteArray) -> ByteArray:
        """See `Ground.draw`."""
        frame = self._buffers.take()
        np.copyto(frame, self._loop.picture())
        self._people.draw(frame, rgba, *self._stand.corner)
        self._stand.mark(frame)
        return frame

    def close(self) -> None:
        """See `Ground.close`."""
        self._loop.close()


class OpaqueGround:
    """No background: the avatar's pictures bring their own and fill the whole picture.

    Args:
        stand: Where everything is; the renderer's picture covers the whole picture.
    """

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._all = Rect(0, 0, *stand.size)
        self._buffers = _buffers(*stand.size)

    def draw(self, rgba: ByteArray) -> ByteArray:
        """See `Ground.draw`."""
        frame = self._buffers.take()
        cv2.cvtColor(self._stand.part(rgba, self._all), cv2.COLOR_RGBA2RGB, dst=frame)
        self._stand.mark(frame)
        return frame

    def close(self) -> None:
        """See `Ground.close`."""


class MatteGround:
    """For mixers: the person's colour on the left, its matte as grey on the right.

    The colour is straight and goes on a little beyond the person's edge, so that a mixer's keyer
    and a coder's coarse colour leave no rim. The label is in both halves.

    Args:
        stand: Where everything is in one half.
        rest: uint8 [h, w, 4], the person at rest.
    """

    def __init__(self, stand: Stand, rest: ByteArray) -> None:
        self._stand = stand
        width, height = stand.size
        whole: ByteArray = np.zeros((height, width, 4), np.uint8)
        lay_over(whole, rest, *stand.corner)
        self._fill = bleed(whole)
        pair = np.concatenate([self._fill, np.repeat(whole[..., 3:], 3, axis=2)], axis=1)
        self._label = stand.label.rgba()
        x, y = stand.label_at
        self._place = Rect(x, y, stand.label.width, stand.label.height)
        self._crossed = any(box.overlaps(self._place) for box in stand.moving)
        self._mark(pair, rest)
        self._buffers = _Buffers([pair, *(pair.copy() for _ in range(BUFFERS - 1))])

    def draw(self, rgba: ByteArray) -> ByteArray:
        """See `Ground.draw`; the picture is twice as wide."""
        frame, stand = self._buffers.take(), self._stand
        for box in stand.moving:
            self._put(frame, box, stand.part(rgba, box))
        if self._crossed:
            self._mark(frame, rgba)
        return frame

    def close(self) -> None:
        """See `Ground.close`."""

    def _put(self, frame: ByteArray, box: Rect, part: ByteArray) -> None:
        """Write ``part`` (uint8 [h, w, 4]) into ``box`` of both halves."""
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        alpha = cv2.extractChannel(part, 3)
        fill = self._fill[rows, columns].copy()
        cv2.copyTo(cv2.cvtColor(part, cv2.COLOR_RGBA2RGB), alpha, fill)
        frame[rows, columns] = fill
        width = self._stand.size[0]
        cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB, dst=frame[rows, width + box.x : width + box.right])

    def _mark(self, frame: ByteArray, rgba: ByteArray) -> None:
        """Draw the label over what of the person is below it."""
        box, (x, y) = self._place, self._stand.corner
        patch: ByteArray = np.zeros((box.h, box.w, 4), np.uint8)
        lay_over(patch, rgba, x - box.x, y - box.y)
        lay_over(patch, self._label, 0, 0)
        self._put(frame, box, patch)


def _buffers(width: int, height: int) -> _Buffers:
    return _Buffers([np.empty((height, width, 3), np.uint8) for _ in range(BUFFERS)])
