"""Draws the pictures of Su Dongpo's place: a map of West Lake and small views of its scenes.

Everything is computed, so the pictures are the project's own. The map is a sketch, not a survey.
usage: python scripts/make_place_pictures.py [FOLDER]
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from digital_human.dialogue.place import Place

PLACE = Path(__file__).resolve().parents[1] / "assets" / "personas" / "dongpo" / "place"
WIDTH, HEIGHT, FINE = 960, 640, 2
Colour = tuple[int, int, int]
Points = list[tuple[float, float]]
INK, CINNABAR = (52, 60, 64), (178, 58, 46)


def font(size: int) -> ImageFont.FreeTypeFont:
    """A Chinese typeface of the mplfonts package."""
    spec = find_spec("mplfonts")
    assert spec is not None and spec.submodule_search_locations
    found = sorted(Path(spec.submodule_search_locations[0]).rglob("*SansCJK*Bold*.[ot]t[fc]"))
    found += sorted(Path(spec.submodule_search_locations[0]).rglob("*.[ot]t[fc]"))
    return ImageFont.truetype(str(found[0]), size)


class View:
    """A picture of sky, hills and water; measures are shares of its size.

    Args:
        sky: Colours at its top and above the hills.
        water: Colours below the hills and at its foot.
        hills: Colour of the nearest hills.
    """

    def __init__(
        self, sky: tuple[Colour, Colour], water: tuple[Colour, Colour], hills: Colour
    ) -> None:
        self.w, self.h = WIDTH * FINE, HEIGHT * FINE
        self.shore = 0.58
        rows = np.linspace(0, 1, self.h)
        stops = [0, self.shore, self.shore + 1e-3, 1]
        parts = [np.interp(rows, stops, [c[k] for c in (*sky, *water)]) for k in range(3)]
        pixels = np.repeat(np.stack(parts, -1)[:, None], self.w, 1)
        self.image = Image.fromarray(pixels.astype(np.uint8), "RGB")
        self.draw = ImageDraw.Draw(self.image, "RGBA")
        for layer in range(3):
            mix = 0.25 + 0.3 * layer
            colour = tuple(int(s * (1 - mix) + c * mix) for s, c in zip(sky[1], hills, strict=True))
            self._ridge(0.44 + 0.05 * layer, 0.085 - 0.02 * layer, 1.7 + layer, layer, colour)

    def _ridge(
        self, base: float, swell: float, waves: float, phase: float, colour: tuple[int, ...]
    ) -> None:
        points: Points = []
        for n in range(201):
            x = n / 200
            y = base - swell * (math.sin(waves * 3.1 * x + phase * 2.1) * 0.6 + math.sin(
                waves * 7.3 * x + phase) * 0.28 + math.sin(waves * 17 * x) * 0.07)  # fmt: skip
            points.append((x, min(y, self.shore)))
        self.shape([*points, (1, self.shore), (0, self.shore)], colour)

    def at(self, points: Points) -> Points:
        """Points in pixels."""
        return [(x * self.w, y * self.h) for x, y in points]

    def shape(self, points: Points, colour: tuple[int, ...]) -> None:
        """A filled polygon."""
        self.draw.polygon(self.at(points), fill=colour)

    def line(self, points: Points, colour: tuple[int, ...], width: float) -> None:
        """A line of a width."""
        self.draw.line(self.at(points), fill=colour, width=int(width * self.h), joint="curve")

    def disc(self, x: float, y: float, r: float, colour: tuple[int, ...], flat: float = 1) -> None:
        """A disc, or an ellipse ``flat`` times as high as wide."""
        box = (x * self.w - r * self.h, y * self.h - r * flat * self.h,
               x * self.w + r * self.h, y * self.h + r * flat * self.h)  # fmt: skip
        self.draw.ellipse(box, fill=colour)

    def ripples(self, colour: Colour, seed: int = 1) -> None:
        """Lines of light on the water."""
        rng = np.random.default_rng(seed)
        for _ in range(46):
            y = self.shore + 0.02 + 0.4 * rng.random() ** 1.4
            x, size = rng.random(), (0.02 + 0.1 * rng.random()) * (0.4 + 2 * (y - self.shore))
            self.line([(x, y), (x + size, y)], (*colour, 90), 0.0035)

    def glow(self, x: float, y: float, r: float, colour: Colour) -> None:
        """Soft light."""
        light = Image.new("L", self.image.size, 0)
        box = (x * self.w - r * self.h, y * self.h - r * self.h,
               x * self.w + r * self.h, y * self.h + r * self.h)  # fmt: skip
        ImageDraw.Draw(light).ellipse(box, fill=150)
        light = light.filter(ImageFilter.GaussianBlur(r * self.h * 0.45))
        self.image.paste(Image.new("RGB", self.image.size, colour), mask=light)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def willow(self, x: float, top: float, size: float, colour: Colour) -> None:
        """A weeping willow at the picture's edge."""
        self.line([(x, 1), (x + 0.01, top + size * 0.5), (x - 0.01, top)], (70, 58, 48), 0.02)
        rng = np.random.default_rng(int(x * 100))
        for _ in range(46):
            begin = x + size * 0.75 * (rng.random() - 0.5)
            fall = size * (0.45 + 0.75 * rng.random())
            sway = 0.02 * (rng.random() - 0.4)
            from_y = top + 0.05 * rng.random() + abs(begin - x) * 0.35
            bow = [(x, top), ((x + begin) / 2, from_y - 0.035), (begin, from_y)]
            self.line([*bow, (begin + sway, from_y + fall)], (*colour, 170), 0.005)

    def save(self, path: Path) -> None:
        """Write it, at its size."""
        image = self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        image.save(path, quality=86, optimize=True)


DAY = ((188, 214, 224), (233, 238, 230))
LAKE = ((176, 204, 206), (104, 148, 156))


def lake(path: Path) -> None:
    """The lake with a boat."""
    view = View(DAY, LAKE, (92, 122, 116))
    view.ripples((240, 248, 246))
    view.shape([(0.34, 0.74), (0.62, 0.74), (0.58, 0.785), (0.38, 0.785)], (84, 58, 44))
    view.shape([(0.40, 0.66), (0.56, 0.66), (0.58, 0.69), (0.38, 0.69)], (60, 70, 72))
    for x in (0.42, 0.48, 0.54):
        view.line([(x, 0.68), (x, 0.75)], (96, 60, 44), 0.008)
    view.willow(0.94, 0.16, 0.34, (96, 140, 84))
    view.save(path)


def memorial(path: Path) -> None:
    """A hall with a white wall and grey roof."""
    view = View(DAY, ((190, 204, 176), (140, 166, 128)), (98, 128, 104))
    view.shape([(0.2, 0.5), (0.8, 0.5), (0.8, 0.74), (0.2, 0.74)], (240, 236, 224))
    view.shape([(0.14, 0.51), (0.2, 0.47), (0.27, 0.37), (0.73, 0.37), (0.8, 0.47), (0.86, 0.51)],
               (72, 80, 84))  # fmt: skip
    view.line([(0.26, 0.365), (0.74, 0.365)], (52, 58, 62), 0.018)
    for x in (0.24, 0.38, 0.62, 0.76):
        view.line([(x, 0.51), (x, 0.74)], CINNABAR, 0.022)
    view.shape([(0.44, 0.56), (0.56, 0.56), (0.56, 0.74), (0.44, 0.74)], (92, 52, 40))
    view.shape([(0.42, 0.42), (0.58, 0.42), (0.58, 0.48), (0.42, 0.48)], (40, 46, 50))
    face = font(int(view.h * 0.042))
    view.draw.text((view.w * 0.5, view.h * 0.45), "東坡", (222, 186, 110), font=face, anchor="mm")
    view.shape([(0.44, 0.74), (0.56, 0.74), (0.66, 1), (0.34, 1)], (206, 200, 186))
    view.willow(0.06, 0.2, 0.3, (104, 146, 90))
    view.save(path)


def causeway(path: Path) -> None:
    """An arched bridge between peach trees and willows."""
    view = View(((202, 222, 226), (246, 236, 226)), LAKE, (104, 132, 124))
    view.ripples((244, 248, 246))
    view.shape([(0, 0.66), (0.3, 0.655), (0.3, 0.72), (0, 0.74)], (112, 142, 92))
    view.shape([(0.7, 0.655), (1, 0.66), (1, 0.74), (0.7, 0.72)], (112, 142, 92))
    arch = [(0.28 + 0.44 * t, 0.66 - 0.085 * math.sin(math.pi * t)) for t in np.linspace(0, 1, 41)]
    view.shape([*arch, (0.72, 0.72), (0.28, 0.72)], (168, 164, 152))
    view.line(arch, (124, 120, 110), 0.012)
    view.disc(0.5, 0.72, 0.085, (128, 166, 172))
    view.shape([(0.4, 0.72), (0.6, 0.72), (0.6, 0.82), (0.4, 0.82)], (140, 176, 180))
    rng = np.random.default_rng(4)
    for x in (0.06, 0.17, 0.83, 0.94):
        view.line([(x, 0.68), (x + 0.005, 0.54)], (84, 64, 56), 0.014)
        for _ in range(70):
            angle, away = rng.random() * 6.3, 0.1 * rng.random() ** 0.6
            px, py = x + away * 0.62 * math.cos(angle), 0.53 + away * 0.8 * math.sin(angle)
            pink = (236, 150 + int(50 * rng.random()), 170 + int(30 * rng.random()), 210)
            view.disc(px, py, 0.009 + 0.008 * rng.random(), pink)
    view.willow(0.985, 0.1, 0.26, (120, 160, 92))
    view.save(path)


def lotus(path: Path) -> None:
    """Leaves and flowers of lotus."""
    view = View(DAY, ((150, 184, 172), (84, 128, 116)), (92, 124, 108))
    rng = np.random.default_rng(9)
    for _ in range(60):
        y = 0.62 + 0.38 * rng.random()
        size = 0.02 + 0.13 * (y - 0.58)
        green = (64 + int(40 * rng.random()), 128 + int(34 * rng.random()), 92)
        view.disc(rng.random(), y, size, green, 0.42)
    for x, y, size in ((0.3, 0.62, 0.11), (0.62, 0.7, 0.15), (0.84, 0.6, 0.08)):
        view.line([(x, y + size), (x + 0.005, y + 2 * size)], (70, 112, 80), 0.009)
        for turn in (-1.0, -0.62, 0.62, 1.0, -0.3, 0.3, 0.0):
            tip = (x + size * 0.62 * turn, y - size * (0.95 - 0.5 * abs(turn)))
            side = size * 0.2
            petal = [(x, y + size), (x + turn * size * 0.4 - side, y + size * 0.2), tip,
                     (x + turn * size * 0.4 + side, y + size * 0.2)]  # fmt: skip
            tint = int(30 * abs(turn))
            view.shape(petal, (246 - tint // 2, 178 - tint, 196 - tint))
    view.save(path)


def moon(path: Path) -> None:
    """A full moon over the lake."""
    view = View(((24, 38, 66), (74, 96, 122)), ((66, 92, 116), (22, 40, 64)), (28, 44, 62))
    view.glow(0.62, 0.2, 0.24, (236, 228, 196))
    view.disc(0.62, 0.2, 0.085, (250, 244, 216))
    for n in range(26):
        y = 0.6 + 0.015 * n
        half = (0.05 + 0.04 * math.sin(n * 1.9)) * (0.6 + n * 0.03)
        view.line([(0.62 - half, y), (0.62 + half, y)], (244, 232, 190, 130), 0.006)
    view.shape([(0, 0.72), (0.34, 0.72), (0.34, 0.75), (0, 0.76)], (36, 44, 52))
    view.shape([(0.04, 0.5), (0.09, 0.44), (0.23, 0.44), (0.28, 0.5)], (18, 24, 32))
    for x in (0.07, 0.13, 0.19, 0.25):
        view.line([(x, 0.5), (x, 0.72)], (60, 40, 36), 0.012)
    view.glow(0.16, 0.62, 0.07, (240, 190, 110))
    view.save(path)


def snow(path: Path) -> None:
    """A bridge after snow."""
    view = View(((196, 206, 214), (232, 236, 240)), ((178, 192, 202), (126, 146, 160)),
                (168, 180, 190))  # fmt: skip
    arch = [(0.16 + 0.68 * t, 0.7 - 0.14 * math.sin(math.pi * t)) for t in np.linspace(0, 1, 61)]
    view.shape([*arch, (0.84, 0.78), (0.16, 0.78)], (134, 132, 130))
    view.shape([(0, 0.7), (0.17, 0.695), (0.17, 0.79), (0, 0.8)], (236, 240, 244))
    view.shape([(0.83, 0.695), (1, 0.7), (1, 0.8), (0.83, 0.79)], (236, 240, 244))
    view.line(arch[:22], (250, 252, 255), 0.032)
    view.line(arch[38:], (250, 252, 255), 0.032)
    view.line(arch[21:39], (104, 98, 92), 0.022)
    view.disc(0.5, 0.78, 0.11, (150, 168, 180))
    view.shape([(0.38, 0.78), (0.62, 0.78), (0.62, 0.9), (0.38, 0.9)], (146, 164, 178))
    view.line([(0.9, 0.7), (0.92, 0.34), (0.88, 0.2)], (74, 66, 62), 0.014)
    for a, b in (((0.915, 0.42), (0.98, 0.26)), ((0.91, 0.36), (0.84, 0.24)),
                 ((0.9, 0.28), (0.95, 0.14))):  # fmt: skip
        view.line([a, b], (74, 66, 62), 0.008)
    rng = np.random.default_rng(3)
    for _ in range(130):
        view.disc(rng.random(), rng.random() * 0.9, 0.002 + 0.003 * rng.random(),
                  (255, 255, 255, 200))  # fmt: skip
    view.save(path)


def fish(path: Path) -> None:
    """Red carp from above."""
    view = View(DAY, ((120, 168, 160), (60, 112, 112)), (92, 124, 108))
    view.shape([(0, 0), (1, 0), (1, 1), (0, 1)], (74, 128, 126))
    rng = np.random.default_rng(6)
    for _ in range(16):
        view.disc(rng.random(), rng.random(), 0.02 + 0.06 * rng.random(), (96, 150, 144, 90), 0.6)
    for n in range(11):
        x, y = 0.12 + 0.76 * rng.random(), 0.14 + 0.72 * rng.random()
        angle, size = rng.random() * 6.3, 0.075 + 0.035 * rng.random()
        tone = ((214, 76, 44), (236, 122, 58), (240, 236, 226))[n % 3]

        def turned(u: float, v: float, x: float = x, y: float = y, angle: float = angle,
                   size: float = size) -> tuple[float, float]:  # fmt: skip
            c, s = math.cos(angle), math.sin(angle)
            return (x + size * (u * c - v * s) * HEIGHT / WIDTH, y + size * (u * s + v * c))

        outline = [turned(math.cos(t), 0.3 * math.sin(t) * (1.15 - 0.35 * math.cos(t + math.pi)))
                   for t in np.linspace(0, 2 * math.pi, 40)]  # fmt: skip
        view.shape([(px + 0.008, py + 0.016) for px, py in outline], (36, 84, 86, 110))
        view.shape([turned(-0.8, 0), turned(-1.65, -0.42), turned(-1.4, 0), turned(-1.65, 0.42)],
                   (*tone, 220))  # fmt: skip
        view.shape([turned(0.2, 0.2), turned(-0.15, 0.62), turned(-0.2, 0.2)], (*tone, 190))
        view.shape([turned(0.2, -0.2), turned(-0.15, -0.62), turned(-0.2, -0.2)], (*tone, 190))
        view.shape(outline, tone)
        for side in (-0.14, 0.14):
            view.disc(*turned(0.74, side), 0.005, (30, 30, 30))
    view.save(path)


def pagoda(path: Path) -> None:
    """A pagoda before the evening sky."""
    view = View(((224, 122, 82), (250, 206, 140)), ((226, 150, 110), (92, 74, 92)), (110, 72, 84))
    view.glow(0.3, 0.4, 0.22, (255, 236, 180))
    view.disc(0.3, 0.42, 0.06, (255, 240, 196))
    view.shape([(0.4, 0.6), (0.52, 0.5), (0.78, 0.48), (0.95, 0.6)], (62, 46, 58))
    dark = (48, 34, 44)
    for storey in range(5):
        floor, half = 0.5 - 0.075 * storey, 0.082 - 0.011 * storey
        view.shape([(0.65 - half, floor), (0.65 + half, floor), (0.65 + half * 0.9, floor - 0.05),
                    (0.65 - half * 0.9, floor - 0.05)], (92, 52, 48))  # fmt: skip
        view.shape([(0.65 - half - 0.03, floor - 0.045), (0.65 + half + 0.03, floor - 0.045),
                    (0.65 + half * 0.7, floor - 0.075), (0.65 - half * 0.7, floor - 0.075)],
                   dark)  # fmt: skip
    view.line([(0.65, 0.13), (0.65, 0.03)], dark, 0.014)
    view.ripples((255, 224, 170), 5)
    view.save(path)


def pools(path: Path) -> None:
    """Three stone lanterns in the water."""
    view = View(((40, 58, 92), (150, 150, 160)), ((120, 134, 150), (44, 66, 92)), (60, 76, 92))
    view.glow(0.76, 0.16, 0.16, (240, 232, 204))
    view.disc(0.76, 0.16, 0.055, (250, 246, 224))
    view.ripples((220, 226, 230), 8)
    for x, y, size in ((0.28, 0.72, 0.17), (0.52, 0.66, 0.12), (0.72, 0.79, 0.2)):
        k = size * HEIGHT / WIDTH
        stone = (128, 128, 124)
        view.shape([(x - k * 0.5, y), (x + k * 0.5, y), (x + k * 0.3, y - size * 0.35),
                    (x - k * 0.3, y - size * 0.35)], stone)  # fmt: skip
        view.disc(x, y - size * 0.6, size * 0.32, (146, 146, 140))
        for hole in (-0.17, 0.17):
            view.disc(x + k * hole, y - size * 0.6, size * 0.09, (255, 214, 130))
        view.shape([(x - k * 0.46, y - size * 0.84), (x + k * 0.46, y - size * 0.84),
                    (x + k * 0.08, y - size * 1.16), (x - k * 0.08, y - size * 1.16)],
                   (104, 104, 102))  # fmt: skip
        view.disc(x, y - size * 1.2, size * 0.09, stone)
        for n in range(7):
            half = k * (0.28 - 0.03 * n)
            level = y + size * (0.12 + 0.12 * n)
            view.line([(x - half, level), (x + half, level)], (255, 210, 130, 120), 0.005)
    view.save(path)


def plan(path: Path) -> None:
    """The map, with what the place's files say where it lies."""
    place = Place.open(PLACE)
    view = View(DAY, LAKE, (120, 140, 120))
    view.shape([(0, 0), (1, 0), (1, 1), (0, 1)], (238, 232, 214))
    shore = [(0.30, 0.22), (0.42, 0.20), (0.60, 0.17), (0.74, 0.16), (0.82, 0.20), (0.85, 0.32),
             (0.84, 0.48), (0.80, 0.62), (0.74, 0.74), (0.66, 0.80), (0.55, 0.80), (0.46, 0.84),
             (0.36, 0.82), (0.28, 0.72), (0.24, 0.56), (0.25, 0.40), (0.27, 0.28)]  # fmt: skip
    view.shape(_smooth(shore), (176, 208, 212))
    view.line(_smooth(shore), (128, 168, 172), 0.006)
    hill = [(0.43, 0.24), (0.50, 0.205), (0.58, 0.25), (0.57, 0.30), (0.48, 0.29)]
    view.shape(_smooth(hill), (196, 206, 166))
    view.disc(0.55, 0.60, 0.042, (196, 206, 166), 0.8)
    for x, y, r in ((0.06, 0.5, 0.16), (0.12, 0.68, 0.13), (0.1, 0.12, 0.12), (0.62, 1.0, 0.1)):
        view.disc(x, y, r, (206, 210, 178), 0.6)
    path_colour = (186, 150, 104)
    view.line(_smooth([(0.40, 0.82), (0.385, 0.56), (0.36, 0.38), (0.335, 0.21)], False),
              path_colour, 0.011)  # fmt: skip
    view.line([(0.575, 0.27), (0.66, 0.225), (0.74, 0.175)], path_colour, 0.011)
    large, small = font(int(view.h * 0.030)), font(int(view.h * 0.019))
    for spot in place.spots:
        if spot.x is None or spot.y is None or not spot.worth:
            continue
        view.disc(spot.x, spot.y, 0.011, CINNABAR if spot.id == "su_memorial" else INK)
        right = spot.x < 0.78
        x = (spot.x + (0.014 if right else -0.014)) * view.w
        y = spot.y * view.h
        for words, face, colour, lift in (
            (spot.names["zh"], large, INK, -0.014),
            (spot.names["en"], small, (110, 112, 108), 0.014)
        ):  # fmt: skip
            view.draw.text((x, y + lift * view.h), words, colour, font=face,
                           anchor="lm" if right else "rm", stroke_width=4,
                           stroke_fill=(240, 238, 226))  # fmt: skip
    title = font(int(view.h * 0.06))
    view.draw.text((view.w * 0.03, view.h * 0.93), "西湖", INK, font=title, anchor="lm")
    view.draw.text((view.w * 0.12, view.h * 0.935), "示意图 · sketch, not to scale",
                   (120, 120, 112),
                   font=small, anchor="lm")  # fmt: skip
    image = view.image.resize((WIDTH * 3 // 2, HEIGHT * 3 // 2), Image.Resampling.LANCZOS)
    image.quantize(96, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def _smooth(points: Points, closed: bool = True) -> Points:
    """A curve through points (Catmull-Rom)."""
    count = len(points)
    ends = count if closed else count - 1
    curve: Points = []
    for n in range(ends):
        near = [(n + k) % count if closed else min(max(n + k, 0), count - 1) for k in (-1, 0, 1, 2)]
        a, b, c, d = (np.array(points[k]) for k in near)
        for t in np.linspace(0, 1, 12, endpoint=False):
            at = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2
                        + (3 * b - a - 3 * c + d) * t**3)  # fmt: skip
            curve.append((float(at[0]), float(at[1])))
    return curve if closed else [*curve, points[-1]]


PICTURES: dict[str, Callable[[Path], None]] = {
    "lake.jpg": lake, "memorial.jpg": memorial, "causeway.jpg": causeway, "lotus.jpg": lotus,
    "moon.jpg": moon, "snow.jpg": snow, "fish.jpg": fish, "pagoda.jpg": pagoda,
    "pools.jpg": pools, "map.png": plan,
}  # fmt: skip

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PLACE / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    for name, paint in PICTURES.items():
        paint(folder / name)
        print(f"{folder / name}: {(folder / name).stat().st_size / 1000:.0f} kB")
