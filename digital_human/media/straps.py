"""Lower thirds and the headline strip, with their moves."""

from __future__ import annotations

from dataclasses import dataclass, replace

from digital_human.core.frames import ByteArray
from digital_human.media.blend import Sprite, ease
from digital_human.media.layouts import Rect
from digital_human.media.linebreak import printable
from digital_human.media.paint import Canvas, mix, ramp, rounded
from digital_human.media.shot import NameTag
from digital_human.media.text import TextStyle, draw_line, fit_line, measure, wrap
from digital_human.media.themes import Theme

# Frames at 25 fps that a strap takes to come or go; scaled to the programme's rate.
MOVE = 14


@dataclass(frozen=True, slots=True, eq=False)
class Strap:
    """A strap at rest and how it moves: its body is wiped open from the bar at its edge.

    Attributes:
        body: Everything but the bar.
        bar: The coloured bar.
        x: Column of the body's left edge.
        y: Row of its top edge.
        bar_x: Column of the bar.
        bar_y: Row of the bar.
        right: Opens from right to left.
    """

    body: Sprite
    bar: Sprite
    x: int
    y: int
    bar_x: int
    bar_y: int
    right: bool

    def draw(self, frame: ByteArray, age: int, left: int, fps: int) -> None:
        """Draw ``age`` frames after it came and ``left`` frames before it has gone."""
        move = MOVE * fps / 25
        share = min((age + 1) / move, (left + 1) / move, 1.0)
        if share <= 0:
            return
        grown = ease(min(1.0, share * 2.2))
        opened = ease(max(0.0, (share - 0.25) / 0.75))
        if opened > 0:
            shown = round(self.body.width * opened)
            slide = round((self.body.width - shown) * 0.12)
            # Nothing of the body is seen beyond the bar's middle.
            middle = self.bar_x + self.bar.width // 2
            edge = self.x + self.body.width - shown if self.right else self.x + shown
            start, end = (edge, middle) if self.right else (middle, edge)
            self.body.draw(
                frame, self.x + (slide if self.right else -slide), self.y,
                clip=(start, self.y, max(0, end - start), self.body.height),
            )  # fmt: skip
        high = round(self.bar.height * grown)
        top = self.bar_y + (self.bar.height - high) // 2
        self.bar.draw(frame, self.bar_x, self.bar_y, clip=(self.bar_x, top, self.bar.width, high))


def _bar(theme: Theme, width: int, height: int) -> Sprite:
    canvas = Canvas(width, height)
    canvas.box(
        0, 0, width, height, ramp(height, width, theme.spark, theme.accent), radius=width / 2
    )
    return canvas.sprite()


def name_strap(tag: NameTag, box: Rect, unit: float, theme: Theme) -> Strap:
    """A lower third: the name on a light plate, the role on an accent plate beside its foot."""
    u = unit
    limit = min(box.w - round(40 * u), round(560 * u))
    name = fit_line(
        tag.name, TextStyle(round(38 * u), theme.card_text, bold=0.02, tracking=0.06), limit
    )
    role = fit_line(
        tag.title, TextStyle(round(23 * u), theme.plate_text, bold=0.012, tracking=0.04), limit
    )
    inset, glow = round(24 * u), round(16 * u)
    tall = box.h
    upper = round(tall * (0.60 if tag.title else 1.0))
    wide = max(name.width, role.width if tag.title else 0) + inset * 2
    wide = max(wide, round(190 * u))
    canvas = Canvas(wide + 2 * glow, tall + 2 * glow)
    shape = rounded(canvas.height, canvas.width, (glow, glow, wide, tall), 6 * u)
    canvas.shadow(shape, 6 * u, 3 * u, 0.42)
    canvas.box(
        glow, glow, wide, tall,
        ramp(canvas.height, canvas.width, theme.card, theme.card_low), radius=6 * u, opacity=0.97,
    )  # fmt: skip
    if tag.title:
        plate = ramp(canvas.height, canvas.width, theme.accent, theme.accent_low, across=True)
        low = rounded(canvas.height, canvas.width, (glow, glow + upper, wide, tall), 0)
        canvas.fill(low * shape, plate)
        canvas.text(role, glow + inset, glow + upper + (tall - upper) / 2)
    canvas.text(name, glow + inset, glow + upper / 2)
    return _aligned(canvas.sprite(), box, theme, u, glow, tag.side == "right")


def headline_strap(text: str, box: Rect, unit: float, theme: Theme) -> Strap:
    """The headline: bold words on a deep gradient plate with a lit upper edge."""
    u = unit
    inset, glow = round(30 * u), round(16 * u)
    style = TextStyle(
        round(39 * u), theme.plate_text, low=mix(theme.plate_text, theme.spark, 0.16),
        bold=0.022, shadow=0.35, tracking=0.02,
    )  # fmt: skip
    room = box.w - 2 * inset - round(20 * u)
    lines = [fit_line(text, style, room, smallest=0.76)]
    tall = round(box.h * 0.78)
    if lines[0].width >= room * 0.9 and measure(printable(text), style) > room / 0.76:
        # Too long for one line: two smaller ones on a plate of the full height.
        small = replace(style, size=round(min(31 * u, box.h * 0.38)))
        words, small = wrap(text, small, room, 2)
        lines, tall = [draw_line(part, small) for part in words], box.h
    wide = min(box.w - round(12 * u), max(i.width for i in lines) + 2 * inset + round(10 * u))
    canvas = Canvas(wide + 2 * glow, tall + 2 * glow)
    shape = rounded(canvas.height, canvas.width, (glow, glow, wide, tall), 6 * u)
    canvas.shadow(shape, 6 * u, 3 * u, 0.45)
    h, w = canvas.height, canvas.width
    canvas.fill(shape, ramp(h, w, theme.plate, theme.plate_low), 0.95)
    sheen = rounded(h, w, (glow, glow, wide, tall * 0.46), 6 * u)
    canvas.fill(sheen, (255, 255, 255), 0.07)
    edge = rounded(h, w, (glow, glow, wide, 2.2 * u), u)
    canvas.fill(edge, ramp(h, w, theme.spark, theme.plate, across=True), 0.95)
    pitch = tall / len(lines)
    for row, line in enumerate(lines):
        canvas.text(line, glow + inset, glow + (row + 0.5) * pitch)
    lowered = Rect(box.x, box.bottom - tall, box.w, tall)
    return _aligned(canvas.sprite(), lowered, theme, u, glow, right=False)


def _aligned(body: Sprite, box: Rect, theme: Theme, u: float, glow: int, right: bool) -> Strap:
    """Put the body against its edge of the box, behind a bar."""
    thick = max(4, round(8 * u))
    over = round(4 * u)
    bar = _bar(theme, thick, box.h)
    bar_x = box.right - thick if right else box.x
    x = box.right - over - body.width + glow if right else box.x + over - glow
    return Strap(body, bar, x, box.y - glow, bar_x, box.y, right)
