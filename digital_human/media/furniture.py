"""What stays on the screen: ticker, clock, station logo, label, captions, picture credit."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.media.blend import Sprite
from digital_human.media.layouts import Rect
from digital_human.media.paint import Canvas, disc, mix, ramp, rounded
from digital_human.media.pictures import contain, read_picture
from digital_human.media.text import TextStyle, draw_line, fit_line, measure, wrap
from digital_human.media.themes import Theme

# Longest piece of ticker text drawn as one picture, in pixels; longer items are cut in pieces.
_PIECE = 6000


class Ticker:
    """A line that scrolls from right to left and repeats; every item is drawn once.

    Args:
        items: What it says.
        box: Where it runs.
        unit: Pixels per written length.
        theme: Colours.
    """

    def __init__(self, items: tuple[str, ...], box: Rect, unit: float, theme: Theme) -> None:
        self._box = box
        self._pieces: list[ByteArray] = []
        style = TextStyle(round(25 * unit), theme.plate_text, bold=0.010, tracking=0.03)
        for item in items:
            for part in _pieces(item, style):
                self._pieces.append(self._strip(part, style, theme))
            self._pieces.append(self._gap(round(76 * unit), unit, theme))
        self._starts = np.cumsum([0, *(p.shape[1] for p in self._pieces)]).tolist()
        self._period = max(1, self._starts[-1])
        self._ground = _ticker_ground(box.h, box.w, theme)
        # Whole pixels a frame: letters keep their shape while they move.
        self.speed = max(1, round(3 * unit))
        self._ends = self._end_fades(round(46 * unit), theme)

    def draw(self, frame: ByteArray, t: int, fps: int) -> None:
        """Draw the line as it looks ``t`` frames after it started to enter on the right."""
        box = self._box
        target = frame[box.y : box.bottom, box.x : box.right]
        moved = t * max(1, round(self.speed * 25 / fps))
        target[...] = self._ground
        # The text enters at three quarters of the width, so that the line is never long empty.
        x = round(box.w * 0.25) - moved
        if x + self._period <= 0:
            x = -((-x) % self._period)
        while x < box.w and self._pieces:
            for start, piece in zip(self._starts, self._pieces, strict=False):
                left = x + start
                if left >= box.w:
                    break
                a, b = max(left, 0), min(left + piece.shape[1], box.w)
                if a < b:
                    target[:, a:b] = piece[:, a - left : b - left]
            x += self._period
        self._ends[0].draw(frame, box.x, box.y)
        self._ends[1].draw(frame, box.right - self._ends[1].width, box.y)

    def _strip(self, text: str, style: TextStyle, theme: Theme) -> ByteArray:
        canvas = Canvas(measure(text, style), self._box.h)
        canvas.paste(_ticker_ground(self._box.h, canvas.width, theme), 0, 0)
        canvas.write(text, style, 0, self._box.h / 2)
        return canvas.sprite().rgb

    def _gap(self, width: int, unit: float, theme: Theme) -> ByteArray:
        canvas = Canvas(width, self._box.h)
        canvas.paste(_ticker_ground(self._box.h, width, theme), 0, 0)
        middle = (width / 2, self._box.h / 2)
        canvas.fill(disc(self._box.h, width, *middle, 4.2 * unit), theme.spark)
        return canvas.sprite().rgb

    def _end_fades(self, width: int, theme: Theme) -> tuple[Sprite, Sprite]:
        fades = []
        for flip in (False, True):
            canvas = Canvas(width, self._box.h)
            cover = np.linspace(1, 0, width, dtype=np.float32)
            cover = cover[::-1] if flip else cover
            ground = _ticker_ground(self._box.h, width, theme).astype(np.float32)
            canvas.fill(np.broadcast_to(cover, (self._box.h, width)).copy(), ground)
            fades.append(canvas.sprite())
        return fades[0], fades[1]


def _pieces(item: str, style: TextStyle) -> list[str]:
    """The item cut into strings of at most ``_PIECE`` pixels."""
    step = max(1, _PIECE // max(1, style.size))
    return [item[i : i + step] for i in range(0, len(item), step)]


def _ticker_ground(height: int, width: int, theme: Theme) -> ByteArray:
    deep = mix(theme.plate_low, (0, 0, 0), 0.18)
    ground = ramp(height, width, mix(theme.plate, theme.plate_low, 0.45), deep)
    ground[: max(1, height // 22)] = theme.accent
    return ground.round().astype(np.uint8)


def clock_sprite(text: str, box: Rect, unit: float, theme: Theme) -> Sprite:
    """The clock at the ticker's head."""
    canvas = Canvas(box.w, box.h)
    canvas.box(0, 0, box.w, box.h, ramp(box.h, box.w, theme.accent, theme.accent_low))
    style = TextStyle(round(30 * unit), bold=0.022, tracking=0.04)
    canvas.text(fit_line(text, style, box.w - round(12 * unit)), box.w / 2, box.h / 2, "centre")
    return canvas.sprite()


def logo_sprite(words: str, picture: Path | None, box: Rect, unit: float, theme: Theme) -> Sprite:
    """The station's mark: a picture, or its words on an accent plate."""
    canvas = Canvas(box.w, box.h)
    if picture is not None:
        mark = contain(read_picture(picture, "logo", alpha=True), box.w, box.h)
        canvas.paste(mark, 0, (box.h - mark.shape[0]) // 2)
        return canvas.sprite()
    style = TextStyle(round(29 * unit), bold=0.026, tracking=0.06)
    pad = round(16 * unit)
    line = fit_line(words, style, box.w - 2 * pad - 4)
    width, height = line.width + 2 * pad, round(48 * unit)
    top = (box.h - height) / 2
    canvas.box(
        0, top, width, height, ramp(box.h, box.w, theme.accent, theme.accent_low),
        radius=7 * unit, opacity=0.92,
    )  # fmt: skip
    canvas.box(
        pad, top + height - 5 * unit, width - 2 * pad, 2 * unit, theme.spark, radius=unit,
    )  # fmt: skip
    canvas.text(line, pad, top + height / 2 - unit)
    return canvas.sprite()


def label_sprite(text: str, box: Rect, shortest: int, *, large: bool) -> tuple[Sprite, int]:
    """The visible label of generated content.

    Args:
        text: Its words.
        box: Room for it; it stands against the right edge.
        shortest: The picture's shortest side, in pixels.
        large: Characters at least 5 % of the shortest side high (GB 45438-2025), else 3 %.

    Returns:
        The sprite and its column.

    Raises:
        InputError: The label would have to be cut or made smaller.
    """
    # A Chinese character's ink is about 0.92 of its em.
    em = int(np.ceil(shortest * (0.05 / 0.90 if large else 0.030)))
    style = TextStyle(em, bold=0.02, tracking=0.02)
    pad = round(em * 0.34)
    line = draw_line(text, style)
    width, height = line.width + 2 * pad, round(em * 1.42)
    if width > box.w:
        raise InputError(
            f"label {text!r} does not fit at 5 % of the picture's height",
            fix="use a shorter one, e.g. AI生成",
        )
    canvas = Canvas(width, height)
    canvas.box(0, 0, width, height, (6, 12, 28), radius=height * 0.22, opacity=0.50)
    canvas.frame(
        0, 0, width, height, (255, 255, 255), max(1.0, em / 22), radius=height * 0.22, opacity=0.45
    )
    canvas.text(line, width / 2, height / 2, "centre")
    return canvas.sprite(), box.right - width


def scrim(width: int, height: int, *, down: bool) -> Sprite:
    """A soft shade at the top or (``down``) the bottom of full-screen pictures, under the words."""
    canvas = Canvas(width, height)
    fall = np.linspace(1, 0, height, dtype=np.float32) ** 1.6
    fall = fall[::-1] if down else fall
    canvas.fill(np.repeat(fall[:, None], width, axis=1), (3, 8, 20), 0.52)
    return canvas.sprite()


def credit_sprite(text: str, width: int, unit: float) -> Sprite:
    """A picture's source, at most ``width`` pixels wide."""
    style = TextStyle(round(20 * unit), (238, 242, 248), shadow=0.7)
    line = fit_line(text, style, width - round(24 * unit))
    canvas = Canvas(line.width + round(24 * unit), round(32 * unit))
    canvas.box(
        0, 0, canvas.width, canvas.height, (4, 8, 20), radius=canvas.height / 2, opacity=0.55
    )
    canvas.text(line, canvas.width / 2, canvas.height / 2, "centre")
    return canvas.sprite()


class CaptionPainter:
    """Draws burned-in captions; the last few stay drawn.

    Args:
        box: Room for two lines.
        unit: Pixels per written length.
    """

    _KEPT = 8

    def __init__(self, box: Rect, unit: float, *, tall: bool) -> None:
        self._box, self._unit = box, unit
        self._style = TextStyle(
            round((41 if tall else 36) * unit), bold=0.02, outline=0.055,
            outline_colour=(4, 8, 20), shadow=0.5,
        )  # fmt: skip
        self._drawn: OrderedDict[tuple[str, ...], Sprite] = OrderedDict()

    def draw(self, frame: ByteArray, lines: tuple[str, ...]) -> None:
        """Draw up to two lines standing on the bottom of the box."""
        if lines not in self._drawn:
            self._drawn[lines] = self._paint(lines)
            if len(self._drawn) > self._KEPT:
                self._drawn.popitem(last=False)
        sprite = self._drawn[lines]
        x = self._box.x + (self._box.w - sprite.width) // 2
        sprite.draw(frame, x, self._box.bottom - sprite.height)

    def _paint(self, lines: tuple[str, ...]) -> Sprite:
        room = self._box.w - round(36 * self._unit)
        style = self._style
        if any(measure(line, style) > room for line in lines):
            wrapped, style = wrap(" ".join(lines), style, room, 2)
            lines = tuple(wrapped)
        pitch = round(min(style.size * 1.2, self._box.h / 2))
        widest = max(measure(line, style) for line in lines)
        pad = round(18 * self._unit)
        canvas = Canvas(widest + 2 * pad, pitch * len(lines) + round(2 * self._unit))
        shape = rounded(
            canvas.height, canvas.width, (0, 0, canvas.width, canvas.height), 9 * self._unit
        )
        canvas.fill(shape, (5, 10, 24), 0.46)
        for row, line in enumerate(lines):
            canvas.write(line, style, canvas.width / 2, (row + 0.5) * pitch, "centre")
        return canvas.sprite()
