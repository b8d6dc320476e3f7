"""Text as pictures: Noto CJK from a package, shaped by HarfBuzz where Pillow has it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.linebreak import break_lines, printable, units
from digital_human.safety.labels import font_path

Face = Literal["sans", "serif", "mono"]
Colour = tuple[int, int, int]

_FILES: dict[Face, str] = {
    "sans": "NotoSansCJKsc-Regular.otf",
    "serif": "NotoSerifCJKsc-Regular.otf",
    "mono": "NotoSansMonoCJKsc-Regular.otf",
}
_LANGUAGE = "zh-Hans"
# The ideographic em box of Noto CJK reaches 0.88 em above the baseline and 0.12 em below it.
_ASCENT = 0.88


@dataclass(frozen=True, slots=True)
class TextStyle:
    """How a line is drawn.

    Attributes:
        size: Em in pixels.
        colour: Fill.
        low: Fill at the bottom of the em box for a vertical gradient; None is one colour.
        face: Font family.
        bold: Stroke added around each glyph, in em; 0.012 reads as medium, 0.022 as bold (the
            package carries the regular weight only).
        outline: Width of a contour in em.
        outline_colour: Colour of the contour.
        shadow: Opacity 0…1 of a soft drop shadow.
        tracking: Extra space between characters in em.
    """

    size: int
    colour: Colour = (255, 255, 255)
    low: Colour | None = None
    face: Face = "sans"
    bold: float = 0.0
    outline: float = 0.0
    outline_colour: Colour = (0, 0, 0)
    shadow: float = 0.0
    tracking: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class TextImage:
    """A drawn line.

    Attributes:
        rgba: uint8 [h, w, 4], straight alpha; do not write into it, it is cached.
        pad: Pixels around the em boxes on every side, taken by outline and shadow.
        width: Length of the line without the padding, in pixels.
    """

    rgba: ByteArray
    pad: int
    width: int


def font_file(face: Face) -> Path:
    """The font's file.

    Raises:
        ResourceError: It is missing.
    """
    return font_path(_FILES[face])


@lru_cache(maxsize=64)
def _font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    return ImageFont.truetype(str(font_file(face)), size, layout_engine=engine)


def _language() -> str | None:
    return _LANGUAGE if features.check("raqm") else None


@lru_cache(maxsize=4096)
def measure(text: str, style: TextStyle) -> int:
    """Length of ``text`` in pixels, without outline and shadow."""
    length = _font(style.face, style.size).getlength(text, language=_language())
    return int(np.ceil(length + style.tracking * style.size * max(0, len(text) - 1)))


@lru_cache(maxsize=256)
def draw_line(text: str, style: TextStyle) -> TextImage:
    """Draw one line; the same text and style return the same cached picture."""
    text = printable(text)
    size, width = style.size, measure(text, style)
    pad = int(np.ceil(size * (0.12 + style.bold + style.outline + (0.22 if style.shadow else 0))))
    shape = (width + 2 * pad, size + 2 * pad)
    fill = _mask(text, style, shape, pad, style.bold)
    height = shape[1]
    top = np.array(style.colour, np.float32)
    low = np.array(style.low or style.colour, np.float32)
    ramp = np.clip((np.arange(height, dtype=np.float32) - pad) / size, 0, 1)[:, None, None]
    rgb = np.broadcast_to(top + (low - top) * ramp, (height, shape[0], 3)).copy()
    alpha = fill
    if style.outline:
        edge = _mask(text, style, shape, pad, style.bold + style.outline)
        mix = np.divide(fill, edge, out=np.zeros_like(fill), where=edge > 0)[..., None]
        rgb = rgb * mix + np.array(style.outline_colour, np.float32) * (1 - mix)
        alpha = np.maximum(edge, fill)
    if style.shadow:
        offset = np.array([[1, 0, 0], [0, 1, size * 0.045]], np.float32)
        soft = cv2.GaussianBlur(cv2.warpAffine(alpha, offset, shape), (0, 0), size * 0.07)
        under = np.minimum(soft * 1.4, 1) * style.shadow * (1 - alpha)
        total = alpha + under
        share = np.divide(alpha, total, out=np.zeros_like(alpha), where=total > 0)[..., None]
        rgb, alpha = rgb * share, total
    rgba = np.dstack([rgb, alpha * 255]).round().clip(0, 255).astype(np.uint8)
    rgba.flags.writeable = False
    return TextImage(rgba, pad, width)


def _mask(
    text: str, style: TextStyle, shape: tuple[int, int], pad: int, stroke: float
) -> FloatArray:
    """Coverage 0…1 of the glyphs grown by ``stroke`` em."""
    image = Image.new("L", shape)
    pen, font = ImageDraw.Draw(image), _font(style.face, style.size)
    x, baseline = float(pad), pad + style.size * _ASCENT
    parts = [text] if not style.tracking else list(text)
    for part in parts:
        pen.text(
            (x, baseline), part, fill=255, font=font, anchor="ls",
            stroke_width=stroke * style.size, language=_language(),
        )  # fmt: skip
        x += font.getlength(part, language=_language()) + style.tracking * style.size
    cover: FloatArray = np.divide(np.asarray(image), 255, dtype=np.float32)
    return cover


def fit_line(text: str, style: TextStyle, width: int, smallest: float = 0.6) -> TextImage:
    """Draw on one line no longer than ``width``: smaller first, then cut with an ellipsis.

    Args:
        text: What to draw.
        style: Wanted style.
        width: Most pixels.
        smallest: Fraction of ``style.size`` that the text may shrink to.
    """
    text = printable(text)
    floor = max(8, round(style.size * smallest))
    while style.size > floor and measure(text, style) > width:
        style = replace(style, size=max(floor, style.size - max(1, style.size // 24)))
    if measure(text, style) > width:
        while len(text) > 1 and measure(text + "…", style) > width:
            text = text[:-1]
        text += "…"
    return draw_line(text, style)


def wrap(text: str, style: TextStyle, width: int, most: int) -> tuple[list[str], TextStyle]:
    """Break into at most ``most`` lines by the Chinese rules, smaller where needed.

    Returns:
        The lines and the style they fit in.
    """
    text = printable(text)
    pieces = units(text) or [""]
    floor = max(8, round(style.size * 0.6))
    while True:
        lines = break_lines(pieces, partial(measure, style=style), width, most)
        if lines is not None:
            return lines, style
        if style.size <= floor:
            break
        style = replace(style, size=max(floor, style.size - max(1, style.size // 24)))
    # Too long at any size: whatever fits, the last line cut with an ellipsis.
    count = len(pieces)
    while count > 1:
        count -= 1
        lines = break_lines([*pieces[:count], "…"], partial(measure, style=style), width, most)
        if lines is not None:
            return lines, style
    return [text[:1] + "…"], style
