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

    def rgba(self) -> ByteArray:
        """As uint8 [h, w, 4] with straight alpha."""
        if self.keep is None:
            return np.dstack([self.rgb, np.full(self.rgb.shape[:2], 255, np.uint8)])
        alpha = 255 - self.keep[..., :1]
        colour = self.rgb.astype(np.float32) * 255 / np.maximum(alpha, 1)
        straight = colour.round().clip(0, 255).astype(np.uint8)
        return np.concatenate([straight, alpha], axis=2)

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


def lay_over(frame: ByteArray, rgba: ByteArray, x: int, y: int) -> None:
    """Put ``rgba`` over ``frame``, both uint8 [h, w, 4] with straight alpha, in place.

    Args:
        frame: What lies below.
        rgba: What lies above.
        x: Column of its left edge; may lie outside.
        y: Row of its top edge; may lie outside.
    """
    h, w = rgba.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, frame.shape[1]), min(y + h, len(frame))
    if x0 >= x1 or y0 >= y1:
        return
    over, under = rgba[y0 - y : y1 - y, x0 - x : x1 - x], frame[y0:y1, x0:x1]
    if not under[..., 3].any():
        under[...] = over
        return
    a, b = (part[..., 3:].astype(np.float32) / 255 for part in (over, under))
    below = b * (1 - a)
    alpha = a + below
    colour = (over[..., :3] * a + under[..., :3] * below) / np.maximum(alpha, 1e-6)
    under[..., :3] = colour.round().clip(0, 255)
    under[..., 3:] = (alpha * 255).round()


def bleed(rgba: ByteArray) -> ByteArray:
    """The colours of a cut-out, continued smoothly into what is transparent.

    Encoders and keyers mix neighbouring pixels, so what lies beyond an edge tints it.

    Args:
        rgba: uint8 [h, w, 4], straight alpha.

    Returns:
        uint8 [h, w, 3]; unchanged where alpha is above 0.
    """
    height, width = rgba.shape[:2]
    few = max(1, height // 8), max(1, width // 8)
    alpha = cv2.extractChannel(rgba, 3)
    cover = cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB)
    colour = _bytes(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))
    small = (few[1], few[0])
    weight = cv2.resize(cover, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    solid = cv2.multiply(colour, cover, scale=_UNIT)
    light = cv2.resize(solid, small, interpolation=cv2.INTER_AREA).astype(np.float32) * 255
    # Far away one colour; the nearer a neighbourhood that holds something, the more it decides.
    found = np.broadcast_to(light.sum((0, 1)) / max(float(weight[..., 0].sum()), 1e-3), light.shape)
    for reach in (27, 9, 3, 1):
        near = cv2.blur(weight, (reach, reach), borderType=cv2.BORDER_REPLICATE)
        mean = cv2.blur(light, (reach, reach), borderType=cv2.BORDER_REPLICATE)
        known = np.minimum(near / 24, 1)
        found = found * (1 - known) + mean / np.maximum(near, 1e-3) * known
    smooth = np.clip(cv2.GaussianBlur(found, (0, 0), 1.0), 0, 255).astype(np.uint8)
    out = _bytes(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR))
    return _bytes(cv2.copyTo(colour, alpha, out))


def cross_fade(before: ByteArray, after: ByteArray, share: float) -> ByteArray:
    """``share`` of the way from one picture to another, uint8 [h, w, 3]."""
    return _bytes(cv2.addWeighted(before, 1 - share, after, share, 0))


def ease(share: float) -> float:
    """Cubic ease-out of a 0…1 progress."""
    share = min(1.0, max(0.0, share))
    return 1 - (1 - share) ** 3
