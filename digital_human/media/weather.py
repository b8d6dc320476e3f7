"""The weather card: cities with sky, low and high, coming in one after another."""

from __future__ import annotations

from dataclasses import dataclass

from digital_human.core.frames import ByteArray
from digital_human.media.blend import Sprite, ease
from digital_human.media.layouts import Rect
from digital_human.media.paint import Canvas, mix, ramp, rounded
from digital_human.media.shot import CityWeather
from digital_human.media.sky import sky_icon
from digital_human.media.text import TextStyle, draw_line, fit_line, measure
from digital_human.media.themes import Theme

_WARM = (232, 92, 24)
_COOL = (20, 116, 220)


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    sprite: Sprite
    x: int
    y: int


class WeatherCard:
    """A panel with up to eight cities.

    Args:
        cities: What it shows.
        heading: Words on its head.
        box: Where it stands.
        unit: Pixels per written length.
        theme: Colours.
    """

    def __init__(
        self, cities: tuple[CityWeather, ...], heading: str, box: Rect, unit: float, theme: Theme
    ) -> None:
        u = unit
        glow = round(18 * u)
        canvas = Canvas(box.w + 2 * glow, box.h + 2 * glow)
        h, w = canvas.height, canvas.width
        shape = rounded(h, w, (glow, glow, box.w, box.h), 16 * u)
        canvas.shadow(shape, 9 * u, 5 * u, 0.40)
        canvas.fill(shape, ramp(h, w, theme.card, theme.card_low), 0.96)
        head = round(60 * u) if heading else 0
        if heading:
            top = rounded(h, w, (glow, glow, box.w, head), 0) * shape
            canvas.fill(top, ramp(h, w, theme.accent, theme.accent_low, across=True))
            style = TextStyle(round(30 * u), bold=0.02, tracking=0.05)
            line = fit_line(heading, style, box.w - round(60 * u))
            canvas.text(line, glow + 26 * u, glow + head / 2)
        canvas.frame(
            glow, glow, box.w, box.h, (255, 255, 255), max(1.0, 1.4 * u), radius=16 * u,
            opacity=0.7,
        )  # fmt: skip
        self._panel, self._x, self._y = canvas.sprite(), box.x - glow, box.y - glow
        self._cells = self._layout(cities, box, head, u, theme)

    def draw(self, frame: ByteArray, age: int, fps: int) -> None:
        """Draw the card ``age`` frames after the shot began."""
        self._panel.draw(frame, self._x, self._y, ease((age + 1) / (0.4 * fps)))
        for number, cell in enumerate(self._cells):
            share = ease((age - 0.25 * fps - number * 0.12 * fps) / (0.5 * fps))
            cell.sprite.draw(
                frame, cell.x, cell.y + round((1 - share) * cell.sprite.height * 0.25), share
            )

    @staticmethod
    def _layout(
        cities: tuple[CityWeather, ...], box: Rect, head: int, u: float, theme: Theme
    ) -> list[_Cell]:
        count = len(cities)
        room = Rect(
            box.x + round(12 * u), box.y + head + round(8 * u), box.w - round(24 * u),
            box.h - head - round(16 * u),
        )  # fmt: skip
        # Two columns need room for a name, an icon and two temperatures each.
        columns = 1 if count <= 6 or room.w < 640 * u else 2
        rows = -(-count // columns)
        cells = []
        for number, city in enumerate(cities):
            row, column = number % rows, number // rows
            width, height = room.w // columns, min(room.h // rows, round(104 * u))
            sprite = _row(city, width, height, u, theme, line=row < rows - 1)
            top = room.y + (room.h - height * rows) // 2
            cells.append(_Cell(sprite, room.x + column * width, top + row * height))
        return cells


def _row(
    city: CityWeather, width: int, height: int, u: float, theme: Theme, *, line: bool
) -> Sprite:
    canvas = Canvas(width, height)
    middle = height / 2
    icon = min(height - round(6 * u), round(84 * u))
    pad = round(16 * u)
    big = TextStyle(round(min(40 * u, height * 0.48)), _WARM, bold=0.02)
    small = TextStyle(round(min(34 * u, height * 0.42)), _COOL, bold=0.02)
    unit_style = TextStyle(round(big.size * 0.62), theme.muted, bold=0.02)
    right = width - pad
    canvas.write("°C", unit_style, right, middle, "right")
    right -= measure("°C", unit_style) + round(6 * u)
    canvas.write(str(city.high), big, right, middle, "right")
    right -= max(measure(str(city.high), big), measure("00", big)) + round(10 * u)
    canvas.write("~", unit_style, right, middle, "right")
    right -= measure("~", unit_style) + round(10 * u)
    low = draw_line(str(city.low), small)
    canvas.text(low, right, middle + (big.size - small.size) * 0.12, "right")
    right -= max(low.width, measure("-00", small)) + round(8 * u)
    # In a wide row the icon stands in the middle between name and temperatures.
    right = min(right, round(max(width * 0.56, width * 0.30 + icon + pad)))
    canvas.paste(sky_icon(city.sky, icon), round(right - icon), round(middle - icon / 2))
    right -= icon + round(8 * u)
    name = TextStyle(round(min(33 * u, height * 0.44)), theme.card_text, bold=0.02, tracking=0.04)
    canvas.text(fit_line(city.name, name, max(8, right - pad), smallest=0.5), pad, middle)
    if line:
        tone = mix(theme.card_low, theme.muted, 0.35)
        canvas.box(pad, height - max(1.0, 1.2 * u), width - 2 * pad, max(1.0, 1.2 * u), tone)
    return canvas.sprite()
