"""Opening and closing titles: words of light over a moving globe."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.media.blend import Sprite, ease
from digital_human.media.layouts import Regions
from digital_human.media.paint import Canvas, ramp, rounded
from digital_human.media.studio_wall import Camera, noise, title_sky
from digital_human.media.text import TextStyle, draw_line, fit_line, wrap
from digital_human.media.themes import Theme


class TitleCard:
    """A title that assembles itself, shines once, and goes.

    Args:
        title: Main words.
        subtitle: Second line.
        closing: Calmer; fades to black at its end.
        place: The layout.
        theme: Colours.
    """

    def __init__(
        self, title: str, subtitle: str, *, closing: bool, place: Regions, theme: Theme
    ) -> None:
        assert place.title is not None
        self._box, self._closing, self._unit = place.title, closing, place.unit
        width, height = place.size
        camera = Camera(round(width * 1.16 / 2) * 2, round(height * 1.16 / 2) * 2)
        # OpenCV warps four channels more than twice as fast as three.
        self._sky = cv2.cvtColor(title_sky(camera, theme.name), cv2.COLOR_RGB2RGBA)
        self._warped = np.empty((height, width, 4), np.uint8)
        tall = height > width
        dark = theme.name == "light"
        style = TextStyle(
            round((86 if tall else 100) * self._unit),
            colour=theme.card_text if dark else (255, 255, 255),
            low=theme.accent if dark else (150, 208, 255),
            bold=0.036, shadow=0.0 if dark else 0.75, tracking=0.08,
        )  # fmt: skip
        self._lines = self._words(title, style)
        under = TextStyle(
            round(34 * self._unit), theme.card_text if dark else (226, 240, 255), bold=0.014,
            shadow=0.0 if dark else 0.7, tracking=0.22,
        )  # fmt: skip
        self._under = None
        if subtitle:
            line = fit_line(subtitle, under, self._box.w)
            self._under = Sprite.straight(np.ascontiguousarray(line.rgba))
        self._rule = self._line(theme)
        self._flare = self._shine(theme)

    def draw(self, frame: ByteArray, t: int, frames: int, fps: int) -> None:
        """Draw frame ``t`` of ``frames``."""
        self._ground(frame, t / max(1, frames - 1))
        seconds = t / fps
        centre, y = self._box.x + self._box.w // 2, self._box.y
        for number, line in enumerate(self._lines):
            x = centre - sum(s.width - 2 * p for s, p in line) // 2
            for place, (glyph, pad) in enumerate(line):
                share = ease((seconds - 0.15 - 0.05 * (place + number * 3)) / 0.5)
                rise = round((1 - share) * 34 * self._unit)
                glyph.draw(frame, x - pad, y - pad + rise, share)
                x += glyph.width - 2 * pad
            y += round(line[0][0].height - 2 * line[0][1] * 0.6) if line else 0
        opened = ease((seconds - 0.35) / 0.7)
        y += round(12 * self._unit)
        shown = round(self._rule.width * opened)
        self._rule.draw(
            frame, centre - self._rule.width // 2, y,
            clip=(centre - shown // 2, y, shown, self._rule.height),
        )  # fmt: skip
        if self._under is not None:
            share = ease((seconds - 0.7) / 0.6)
            self._under.draw(
                frame, centre - self._under.width // 2, y + round(14 * self._unit), share
            )
        self._sweep(frame, seconds)
        self._fade(frame, t, frames, fps)

    def _words(self, title: str, style: TextStyle) -> list[list[tuple[Sprite, int]]]:
        """Lines of glyph sprites with their padding; Latin words stay whole."""
        texts, style = wrap(title, style, round(self._box.w * 0.94), 2)
        lines = []
        for text in texts:
            row = []
            for token in _tokens(text):
                image = draw_line(token, style)
                tail = round(style.tracking * style.size)
                grown = np.pad(image.rgba, ((0, 0), (0, tail), (0, 0)))
                row.append((Sprite.straight(grown), image.pad))
            lines.append(row)
        return lines

    def _ground(self, frame: ByteArray, share: float) -> None:
        """The sky, drifting and growing a little."""
        height, width = frame.shape[:2]
        spare_x, spare_y = self._sky.shape[1] - width, self._sky.shape[0] - height
        scale = 1.0 + 0.16 * (1 - share) * 0.6
        left = spare_x * (0.18 + 0.5 * share) - (scale - 1) * width * 0.5 + spare_x * 0.1
        top = spare_y * 0.5 - (scale - 1) * height * 0.5
        matrix = np.array([[scale, 0, max(0.0, left)], [0, scale, max(0.0, top)]], np.float32)
        cv2.warpAffine(
            self._sky, matrix, (width, height), dst=self._warped,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        cv2.cvtColor(self._warped, cv2.COLOR_RGBA2RGB, dst=frame)

    def _line(self, theme: Theme) -> Sprite:
        u = self._unit
        width, height = round(min(self._box.w, 620 * u)), max(4, round(5 * u))
        canvas = Canvas(width, height)
        across = np.abs(np.linspace(-1, 1, width, dtype=np.float32))
        mask = rounded(height, width, (0, 0, width, height), height / 2) * (1 - across**2)
        canvas.fill(mask.astype(np.float32), ramp(height, width, theme.spark, theme.accent))
        return canvas.sprite()

    def _shine(self, theme: Theme) -> ByteArray:
        """A slanted streak of light that crosses the words once, uint8 [h, w, 3]."""
        height, width = round(220 * self._unit), round(260 * self._unit)
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        away = (xx - width / 2 + (yy - height / 2) * 0.4) / (26 * self._unit)
        glow = np.exp(-(away**2)) * np.sin(np.pi * yy / height) ** 2
        tint = np.array(theme.spark, np.float32) * (0.30 if theme.name == "light" else 0.55)
        dither = noise(height, width, 3)[..., None]
        light = glow[..., None] * tint + dither * 0.9
        return np.asarray(light.clip(0, 255), np.uint8)

    def _sweep(self, frame: ByteArray, seconds: float) -> None:
        share = (seconds - 0.9) / 1.1
        if not 0 <= share <= 1:
            return
        flare, box = self._flare, self._box
        x = round(box.x - flare.shape[1] + share * (box.w + flare.shape[1]))
        y = box.y - round(40 * self._unit)
        x0, x1 = max(0, x), min(frame.shape[1], x + flare.shape[1])
        y1 = min(frame.shape[0], y + flare.shape[0])
        if x0 < x1 and y >= 0:
            target = frame[y:y1, x0:x1]
            cv2.add(target, flare[: y1 - y, x0 - x : x1 - x], dst=target)

    def _fade(self, frame: ByteArray, t: int, frames: int, fps: int) -> None:
        """From black at the start of an opening, to black at the end of a closing."""
        span = 0.4 * fps
        share = (frames - 1 - t) / span if self._closing else (t + 1) / span
        if share < 1:
            cv2.convertScaleAbs(frame, dst=frame, alpha=max(0.0, share))


def _tokens(text: str) -> list[str]:
    """Chinese characters one by one, Latin words whole, spaces with the word before."""
    out: list[str] = []
    for char in text:
        latin = char.isascii() and not char.isspace()
        if out and (char.isspace() or (latin and out[-1][-1].isascii() and out[-1][-1] != " ")):
            out[-1] += char
        else:
            out.append(char)
    return out
