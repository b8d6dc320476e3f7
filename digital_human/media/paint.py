"""A small canvas for what is drawn once: shapes from signed distances, gradients, text."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.blend import Sprite
from digital_human.media.text import Colour, TextImage, TextStyle, draw_line

Align = Literal["left", "centre", "right"]


def rgb(code: str) -> Colour:
    """``#RRGGBB`` as three bytes."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from ``a`` to ``b``."""
    r, g, b_ = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return r, g, b_


def luminance(colour: Colour) -> float:
    """Perceived lightness 0…1 (Rec. 709 weights on the coded values)."""
    return (0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]) / 255


def ramp(
    height: int, width: int, start: Colour, end: Colour, *, across: bool = False
) -> FloatArray:
    """A linear gradient, float32 [h, w, 3], 0…255; down, or ``across`` from left to right."""
    steps = np.linspace(0, 1, width if across else height, dtype=np.float32)
    line = np.array(start, np.float32) + steps[:, None] * (
        np.array(end, np.float32) - np.array(start, np.float32)
    )
    grid = line[None, :, :] if across else line[:, None, :]
    return np.broadcast_to(grid, (height, width, 3)).astype(np.float32)


def rounded(height: int, width: int, box: tuple[float, float, float, float], radius: float,
            *, slant: float = 0.0) -> FloatArray:  # fmt: skip
    """Coverage 0…1 of a rounded rectangle ``box`` (x, y, w, h), float32 [h, w].

    Args:
        height: Rows of the mask.
        width: Columns of the mask.
        box: The rectangle.
        radius: Corner radius.
        slant: Pixels by which the top leans to the right of the bottom.
    """
    x, y, w, h = box
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    if slant:
        xx = xx - slant * ((y + h - yy) / h - 0.5)
    radius = min(radius, w / 2, h / 2)
    dx = np.abs(xx - x - w / 2) - (w / 2 - radius)
    dy = np.abs(yy - y - h / 2) - (h / 2 - radius)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    distance = outside + np.minimum(np.maximum(dx, dy), 0) - radius
    out: FloatArray = np.clip(0.5 - distance, 0, 1).astype(np.float32)
    return out


def disc(height: int, width: int, cx: float, cy: float, radius: float) -> FloatArray:
    """Coverage 0…1 of a circle, float32 [h, w]."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32) + 0.5
    out: FloatArray = np.clip(0.5 + radius - np.hypot(xx - cx, yy - cy), 0, 1).astype(np.float32)
    return out


class Canvas:
    """A transparent picture to paint on; premultiplied float32 inside."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rgb: FloatArray = np.zeros((height, width, 3), np.float32)
        self._alpha: FloatArray = np.zeros((height, width), np.float32)

    def fill(self, mask: FloatArray, colour: Colour | FloatArray, opacity: float = 1.0) -> None:
        """Paint ``colour`` (one, or float32 [h, w, 3] 0…255) where ``mask`` 0…1 covers."""
        cover = (mask * opacity)[..., None]
        self._rgb = self._rgb * (1 - cover) + np.asarray(colour, np.float32) * cover
        self._alpha = self._alpha * (1 - cover[..., 0]) + cover[..., 0]

    def box(self, x: float, y: float, w: float, h: float, colour: Colour | FloatArray,
            *, radius: float = 0, opacity: float = 1.0, slant: float = 0.0) -> None:  # fmt: skip
        """Paint a rounded rectangle."""
        mask = rounded(self.height, self.width, (x, y, w, h), radius, slant=slant)
        self.fill(mask, colour, opacity)

    def frame(self, x: float, y: float, w: float, h: float, colour: Colour, thick: float,
              *, radius: float = 0, opacity: float = 1.0) -> None:  # fmt: skip
        """Paint the outline of a rounded rectangle, inside its edge."""
        outer = rounded(self.height, self.width, (x, y, w, h), radius)
        inner = rounded(
            self.height, self.width,
            (x + thick, y + thick, w - 2 * thick, h - 2 * thick), max(0.0, radius - thick),
        )  # fmt: skip
        self.fill(np.clip(outer - inner, 0, 1), colour, opacity)

    def shadow(self, mask: FloatArray, blur: float, dy: float, strength: float) -> None:
        """Paint a soft black shadow of ``mask``, moved down by ``dy`` pixels."""
        move = np.array([[1, 0, 0], [0, 1, dy]], np.float32)
        soft = cv2.GaussianBlur(
            cv2.warpAffine(mask, move, (self.width, self.height)), (0, 0), max(0.3, blur)
        ).astype(np.float32)
        self.fill(soft, (0, 0, 0), strength)

    def text(self, line: TextImage, x: float, y: float, align: Align = "left") -> None:
        """Paint a drawn line: ``x`` by ``align``, ``y`` the middle of its em box."""
        left = x - {"left": 0.0, "centre": line.width / 2, "right": line.width}[align]
        self.paste(line.rgba, round(left) - line.pad, round(y - line.rgba.shape[0] / 2))

    def write(self, text: str, style: TextStyle, x: float, y: float,
              align: Align = "left") -> TextImage:  # fmt: skip
        """Draw and paint one line; see `text`."""
        line = draw_line(text, style)
        self.text(line, x, y, align)
        return line

    def paste(self, picture: ByteArray, x: int, y: int, opacity: float = 1.0) -> None:
        """Paint an RGB or RGBA picture with its top left corner at (x, y), clipped."""
        h, w = picture.shape[:2]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, self.width), min(y + h, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        part = picture[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32)
        cover = part[..., 3:] / 255 if picture.shape[2] == 4 else np.ones_like(part[..., :1])
        cover = cover * opacity
        area = (slice(y0, y1), slice(x0, x1))
        self._rgb[area] = self._rgb[area] * (1 - cover) + part[..., :3] * cover
        self._alpha[area] = self._alpha[area] * (1 - cover[..., 0]) + cover[..., 0]

    def cut(self, mask: FloatArray) -> None:
        """Keep only what ``mask`` 0…1 covers."""
        self._rgb *= mask[..., None]
        self._alpha *= mask

    def sprite(self) -> Sprite:
        """The painting, ready to be drawn onto frames."""
        colour = self._rgb.round().clip(0, 255).astype(np.uint8)
        alpha = (self._alpha * 255).round().clip(0, 255).astype(np.uint8)
        return Sprite.premultiplied(colour, alpha)
