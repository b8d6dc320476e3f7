"""Alpha blending on uint8 regions: one multiply and one add per element.

The over operator for premultiplied colour (Porter & Duff, "Compositing Digital Images", 1984):
out = foreground + (1 − alpha) · background.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from digital_human.core.frames import ByteArray

_UNIT = 1 / 255


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """A picture prepared for blending.

    Attributes:
        rgb: uint8 [h, w, 3], colour times alpha.
        keep: uint8 [h, w, 3], 255 − alpha: how much of what lies below stays; None when the
            picture is opaque.
    """

    rgb: ByteArray
    keep: ByteArray | None

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @classmethod
    def premultiplied(cls, rgb: ByteArray, alpha: ByteArray) -> Sprite:
        """From colour already multiplied by ``alpha`` (uint8 [h, w])."""
        if alpha.min() == 255:
            return cls(np.ascontiguousarray(rgb), None)
        keep = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        return cls(np.ascontiguousarray(rgb), _bytes(keep))

    @classmethod
    def straight(cls, rgba: ByteArray) -> Sprite:
        """From uint8 [h, w, 4] with straight alpha."""
        alpha = np.ascontiguousarray(rgba[..., 3])
        full = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
        colour = cv2.multiply(np.ascontiguousarray(rgba[..., :3]), full, scale=_UNIT)
        return cls.premultiplied(_bytes(colour), alpha)

    def draw(
        self,
        frame: ByteArray,
        x: int,
        y: int,
        opacity: float = 1.0,
        clip: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Blend onto ``frame`` (uint8 [h, w, 3]) in place.

        Args:
            frame: What to draw on.
            x: Column of the left edge; may lie outside.
            y: Row of the top edge; may lie outside.
            opacity: 0…1 on top of the picture's own alpha.
            clip: (x, y, w, h) outside of which nothing is drawn.
        """
        left, top, right, bottom = 0, 0, frame.shape[1], frame.shape[0]
        if clip:
            left, top = max(left, clip[0]), max(top, clip[1])
            right, bottom = min(right, clip[0] + clip[2]), min(bottom, clip[1] + clip[3])
        x0, y0 = max(x, left), max(y, top)
        x1, y1 = min(x + self.width, right), min(y + self.height, bottom)
        if x0 >= x1 or y0 >= y1 or opacity <= 0:
            return
        inside = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        target = frame[y0:y1, x0:x1]
        colour = self.rgb[inside]
        keep = None if self.keep is None else self.keep[inside]
        if opacity < 1:
            colour = _bytes(cv2.convertScaleAbs(colour, alpha=opacity))
            if keep is None:
                below = cv2.convertScaleAbs(target, alpha=1 - opacity)
                cv2.add(below, colour, dst=target)
                return
            keep = _bytes(cv2.convertScaleAbs(keep, alpha=opacity, beta=255 * (1 - opacity)))
        if keep is None:
            target[...] = colour
            return
        below = cv2.multiply(target, keep, scale=_UNIT)
        cv2.add(below, colour, dst=target)


def _bytes(array: Any) -> ByteArray:
    """OpenCV's stubs lose the element type; every caller passes uint8 pictures."""
    picture: ByteArray = array
    return picture


class PersonBlender:
    """Blends a moving person every frame, without allocating."""

    def __init__(self) -> None:
        self._scratch: dict[tuple[int, int], tuple[ByteArray, ByteArray, ByteArray]] = {}

    def draw(
        self, frame: ByteArray, rgba: ByteArray, x: int, y: int, hide: ByteArray | None = None
    ) -> None:
        """Blend ``rgba`` (uint8 [h, w, 4], straight alpha) onto ``frame`` in place.

        Args:
            frame: uint8 [h, w, 3].
            rgba: The person.
            x: Column of the left edge; may lie outside.
            y: Row of the top edge; may lie outside.
            hide: uint8 [frame h, frame w], 0 where something stands in front of the person.
        """
        h, w = rgba.shape[:2]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, frame.shape[1]), min(y + h, len(frame))
        if x0 >= x1 or y0 >= y1:
            return
        part = rgba[y0 - y : y1 - y, x0 - x : x1 - x]
        target = frame[y0:y1, x0:x1]
        shape = (y1 - y0, x1 - x0)
        if shape not in self._scratch:
            self._scratch[shape] = (
                np.empty(shape, np.uint8), np.empty((*shape, 3), np.uint8),
                np.empty((*shape, 3), np.uint8),
            )  # fmt: skip
        alpha, cover, colour = self._scratch[shape]
        cv2.extractChannel(part, 3, alpha)
        if hide is not None:
            # Only the rows that something covers cost a multiplication.
            mask = hide[y0:y1, x0:x1]
            covered = np.flatnonzero(mask.min(axis=1) < 255)
            if covered.size:
                first = int(covered[0])
                cv2.multiply(alpha[first:], mask[first:], dst=alpha[first:], scale=_UNIT)
        cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB, dst=cover)
        cv2.cvtColor(part, cv2.COLOR_RGBA2RGB, dst=colour)
        cv2.multiply(colour, cover, dst=colour, scale=_UNIT)
        cv2.bitwise_not(cover, dst=cover)
        cv2.multiply(target, cover, dst=cover, scale=_UNIT)
        cv2.add(cover, colour, dst=target)


def cross_fade(before: ByteArray, after: ByteArray, share: float) -> ByteArray:
    """``share`` of the way from one picture to another, uint8 [h, w, 3]."""
    return _bytes(cv2.addWeighted(before, 1 - share, after, share, 0))


def ease(share: float) -> float:
    """Cubic ease-out of a 0…1 progress."""
    share = min(1.0, max(0.0, share))
    return 1 - (1 - share) ** 3
