"""Opening and closing titles: words of light over a moving globe."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from digital_human.core.frames import ByteArray
from digital_human.media.blend import Sprite, ease
from digital_human.media.layouts import Regions
from digital_human.media.paint import Canvas, ramp, rounded
from digital_human.media.studio_wall import Camera, title_sky
from digital_human.media.text import TextStyle, draw_line, fit_line, measure, wrap
from digital_human.media.themes import Theme


@dataclass(frozen=True, slots=True, eq=False)
class _Glyph:
    """A character or a Latin word of the title.

    Attributes:
        sprite: With its shadow.
        shape: uint8 [h, w, 3], where light falls on it.
        x: Column at rest.
        y: Row at rest.
        order: When it comes in.
    """

    sprite: Sprite
    shape: ByteArray
    x: int
    y: int
    order: int


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
        self._most = 3 if tall else 2
        dark = theme.name == "light"
        style = TextStyle(
            round((86 if tall else 100) * self._unit),
            colour=theme.card_text if dark else (255, 255, 255),
            low=theme.accent if dark else (150, 208, 255),
            bold=0.02, shadow=0.0 if dark else 0.75, tracking=0.08,
        )  # fmt: skip
        self._glyphs, self._foot = self._words(title, style)
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
        centre, y = self._box.x + self._box.w // 2, self._foot
        for glyph in self._glyphs:
            share = ease((seconds - 0.15 - 0.05 * glyph.order) / 0.5)
            rise = round((1 - share) * 34 * self._unit)
            glyph.sprite.draw(frame, glyph.x, glyph.y + rise, share)
        opened = ease((seconds - 0.35) / 0.7)
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

    def _words(self, title: str, style: TextStyle) -> tuple[list[_Glyph], int]:
        """The title's glyphs at rest, and the row of the line below them."""
        texts, style = wrap(title, style, round(self._box.w * 0.94), self._most)
        glyphs: list[_Glyph] = []
        tail = round(style.tracking * style.size)
        y = self._box.y
        for number, text in enumerate(texts):
            tokens = _tokens(text)
            images = [draw_line(token, style) for token in tokens]
            steps = [measure(token, style) + tail for token in tokens]
            x = self._box.x + (self._box.w - sum(steps) + tail) // 2
            for place, (token, image) in enumerate(zip(tokens, images, strict=True)):
                bare = draw_line(token, replace(style, shadow=0.0))
                shape = np.zeros((*image.rgba.shape[:2], 3), np.uint8)
                inset = image.pad - bare.pad
                h, w = bare.rgba.shape[:2]
                shape[inset : inset + h, inset : inset + w] = bare.rgba[..., 3:]
                sprite = Sprite.straight(np.ascontiguousarray(image.rgba))
                glyphs.append(
                    _Glyph(sprite, shape, x - image.pad, y - image.pad, place + 3 * number)
                )
                x += steps[place]
            y += round(style.size * 1.24)
        return glyphs, y + round(8 * self._unit)

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
        height, width = round(220 * self._unit), round(300 * self._unit)
        yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
        away = (xx - width / 2 + (yy - height / 2) * 0.4) / (38 * self._unit)
        tint = np.array(theme.spark, np.float32) * (0.45 if theme.name == "light" else 0.9)
        light = np.exp(-(away**2))[..., None] * tint
        return np.asarray(light.clip(0, 255), np.uint8)

    def _sweep(self, frame: ByteArray, seconds: float) -> None:
        """The streak crosses the words, seen on the glyphs only."""
        share = (seconds - 0.9) / 1.1
        if not 0 <= share <= 1:
            return
        flare, box = self._flare, self._box
        x = round(box.x - flare.shape[1] + share * (box.w + flare.shape[1]))
        for glyph in self._glyphs:
            h, w = glyph.shape.shape[:2]
            x0, x1 = max(glyph.x, x, 0), min(glyph.x + w, x + flare.shape[1], frame.shape[1])
            if x0 >= x1 or glyph.y < 0 or h > flare.shape[0]:
                continue
            light = flare[:h, x0 - x : x1 - x]
            shape = glyph.shape[:, x0 - glyph.x : x1 - glyph.x]
            target = frame[glyph.y : glyph.y + h, x0:x1]
            cv2.add(target, cv2.multiply(light, shape, scale=1 / 255), dst=target)

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
