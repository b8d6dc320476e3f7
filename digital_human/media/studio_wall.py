"""The two studio walls, out of focus: an evening newsroom screen and a bright morning window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frames import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the studio camera looks.

    Attributes:
        width: Columns of the picture.
        height: Rows of the picture.
        zoom: 1 for the whole set; closer shots are larger and softer.
        aim: Where the middle of the set stands, as a fraction of the width.
    """

    width: int
    height: int
    zoom: float = 1.0
    aim: float = 0.5

    @property
    def unit(self) -> float:
        """Pixels per written length."""
        return min(self.width, self.height) / 720


def noise(height: int, width: int, seed: int) -> FloatArray:
    """Uniform noise 0…1, float32 [h, w], the same for a seed."""
    return np.random.default_rng(seed).random((height, width), np.float32)


def _blur(image: FloatArray, sigma: float) -> FloatArray:
    out: FloatArray = cv2.GaussianBlur(image, (0, 0), max(0.3, sigma)).astype(np.float32)
    return out


def over(base: npt.NDArray[Any], paint: npt.NDArray[Any], cover: npt.NDArray[Any]) -> FloatArray:
    """``paint`` over ``base`` where ``cover`` 0…1 (broadcast) says."""
    return np.asarray(base * (1 - cover) + paint * cover, np.float32)


def tone(*value: float) -> FloatArray:
    """A colour as float32 [3]."""
    return np.array(value, np.float32)


def _grid(camera: Camera, desk: float) -> tuple[FloatArray, FloatArray]:
    """Set coordinates [h, w]: x from the middle, y up from the desk, in written lengths."""
    yy, xx = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
    scale = camera.unit * camera.zoom
    return (xx - camera.aim * camera.width) / scale, (desk - yy) / scale


def _skyline(x: FloatArray, y: FloatArray, seed: int, base: float, tallest: float
             ) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Two depths of towers: coverage 0…1 [h, w] and lit windows 0…1 [h, w]."""
    rng = np.random.default_rng(seed)
    body, lit = np.zeros_like(x), np.zeros_like(x)
    for depth in (0.55, 1.0):
        left = -1500.0
        while left < 1500:
            wide = rng.uniform(34, 92)
            high = base + tallest * depth**-0.4 * rng.beta(1.6, 2.4)
            crown = rng.random() < 0.4
            panes = rng.random((90, 16), np.float32)
            first, last = np.searchsorted(x[0], (left, left + wide))
            here = (slice(None), slice(int(first), int(last)))
            px, py = x[here] - left, y[here]
            inside = py < high
            if crown:
                inside |= (np.abs(px - wide / 2) < wide * 0.22) & (py < high + 26)
            column = np.clip(px / 8, 0, 15).astype(np.int32)
            row = np.clip(py / 12, 0, 89).astype(np.int32)
            bright = panes[row, column]
            window = inside & (bright > 0.56) & (px % 8 > 2.5) & (py % 12 > 4.5) & (py > 0)
            body[here][inside], lit[here][inside] = depth, 0
            lit[here][window] = (bright[window] - 0.5) * 2 * (0.6 if depth < 1 else 1.0)
            left += wide + rng.uniform(0, 26)
    return body, lit


def blue_wall(camera: Camera, desk: float) -> FloatArray:
    """An LED wall with a planet's limb between wings that show a city at night.

    Returns:
        float32 [h, w, 3], 0…255.
    """
    x, y = _grid(camera, desk)
    soft = camera.unit * camera.zoom
    half = camera.width / 2 / camera.unit
    reach = max(desk / camera.unit, 1.0)
    up = np.clip(y / reach, -0.2, 1)[..., None]
    wall = tone(14, 58, 124) * (1 - up) + tone(4, 20, 62) * up
    glow = np.exp(-((x / 430) ** 2 + ((y - 0.55 * reach) / 330) ** 2))[..., None]
    wall = wall + glow * tone(12, 58, 112)
    # The limb: bright on its edge, fading outwards as an atmosphere does.
    top = min(reach * 0.74, 500.0)
    radius = max(half * 1.25, 700.0)
    away = np.hypot(x, y - (top - radius)) - radius
    globe = np.clip(0.5 - away / 3, 0, 1)[..., None]
    inner = tone(8, 40, 92) + tone(16, 62, 104) * np.exp(np.minimum(away, 0) / 110)[..., None]
    lines = _graticule(x, y - (top - radius), radius) * np.exp(np.minimum(away, 0) / 210)
    inner = inner + lines[..., None] * tone(16, 48, 76)
    inner = inner + _settlements(x, y) * np.exp(np.minimum(away + 40, 0) / 260)[..., None]
    wall = wall * (1 - globe) + inner * globe
    across = np.exp(-((x / 520) ** 2))[..., None]
    limb = np.exp(-np.abs(away) / 3.5)[..., None] * tone(120, 170, 205) * 0.8 * across
    air = np.exp(-np.clip(away, 0, None) / 74)[..., None] * (1 - globe) * tone(30, 96, 168) * 0.8
    wall = _blur(wall + limb + air * (0.35 + 0.65 * across), 4.0 * soft)
    seams = np.exp(-(((((x + 1000) % 250) - 125) / 1.3) ** 2))[..., None]
    wall = wall * (1 - 0.16 * seams)
    wall = _rays(wall, x, y, reach)
    return np.clip(_blue_wings(wall, x, y, soft, half), 0, 255).astype(np.float32)


def _settlements(x: FloatArray, y: FloatArray) -> FloatArray:
    """Clusters of small lights on the night side, colour [h, w, 3]."""
    rng = np.random.default_rng(31)
    out = np.zeros((*x.shape, 3), np.float32)
    scale = abs(float(x[0, 1] - x[0, 0]))
    spread = max(16.0, float(np.abs(x).max()))
    for _ in range(16):
        cx, cy = rng.uniform(-spread, spread), rng.uniform(20, 420)
        for px, py in rng.normal(0, (70, 22), (34, 2)) + (cx, cy):
            column = round((px - float(x[0, 0])) / scale)
            row = round((float(y[0, 0]) - py) / scale)
            if 0 <= column < x.shape[1] and 0 <= row < x.shape[0]:
                tint = tone(255, 196, 120) if rng.random() < 0.6 else tone(130, 200, 255)
                cv2.circle(
                    out, (column, row), max(1, round(rng.uniform(0.6, 2.0) / scale)),
                    (tint * rng.uniform(0.3, 0.9)).tolist(), -1, cv2.LINE_AA,
                )  # fmt: skip
    return out


def _graticule(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    """Meridians and parallels of a globe seen from the front, brightness 0…1."""
    z = np.sqrt(np.clip(1 - (x**2 + y**2) / radius**2, 1e-4, 1))
    lat = np.arcsin(np.clip(y / radius, -1, 1)) / np.pi * 36
    lon = np.arctan2(x / radius, z) / np.pi * 36
    wide = 0.035 / np.maximum(z, 0.25)
    lines = np.exp(-((np.abs(lat - np.round(lat)) / wide) ** 2))
    lines = np.maximum(lines, np.exp(-((np.abs(lon - np.round(lon)) / wide) ** 2)))
    out: FloatArray = (lines * np.clip(z * 1.6, 0, 1)).astype(np.float32)
    return out


def _rays(wall: FloatArray, x: FloatArray, y: FloatArray, reach: float) -> FloatArray:
    """Lamps out of focus along the ceiling, and their soft beams."""
    out = wall
    for cx, lean, power in ((-300, 0.26, 0.9), (-105, 0.09, 0.6), (105, -0.09, 0.6),
                            (300, -0.26, 0.9)):  # fmt: skip
        down = np.maximum(reach + 24 - y, 1)
        beam = np.exp(-(((x - cx - lean * down) / (16 + 0.13 * down)) ** 2)) * np.exp(-down / 260)
        lamp = np.exp(-(((x - cx) / 34) ** 2 + ((y - reach + 10) / 13) ** 2))
        out = out + (beam * 0.22 * power)[..., None] * tone(120, 170, 220)
        out = out + (lamp * power)[..., None] * tone(150, 176, 196)
    return out.astype(np.float32)


def _blue_wings(
    wall: FloatArray, x: FloatArray, y: FloatArray, soft: float, half: float
) -> FloatArray:
    """City screens on both sides, framed by pillars with lines of light."""
    inner = max(half * 0.60, 268.0)
    body, lit = _skyline(x, y, 7, 60, 330)
    night = (
        tone(18, 62, 124) * np.clip(1.1 - y / 760, 0.25, 1)[..., None]
        + tone(92, 84, 96) * np.exp(-np.maximum(y, 0) / 110)[..., None]
    )
    tower = tone(9, 32, 74) + tone(-3, -10, -22) * body[..., None]
    city = np.where(body[..., None] > 0, tower, night)
    warm = ((np.floor(x / 47).astype(np.int32) % 3) != 0)[..., None]
    lamps = np.where(warm, tone(255, 200, 128), tone(150, 200, 240))
    city = _blur(np.asarray(city + lit[..., None] * lamps, np.float32), 4.6 * soft)
    side = np.clip((np.abs(x) - inner) / 2, 0, 1)[..., None]
    sheen = np.exp(-(((np.abs(x) - inner - 90 - 0.2 * y) / 46) ** 2))[..., None]
    wall = over(wall, city + sheen * tone(14, 26, 38), side)
    # Pillar: dark body, a bright line on its inner edge.
    pillar = np.clip(1.5 - np.abs(np.abs(x) - inner - 13) / 9, 0, 1)[..., None]
    wall = over(wall, tone(14, 40, 84), pillar)
    for offset, thick, power in ((0.0, 2.0, 0.9), (27.0, 1.3, 0.45)):
        away = np.abs(np.abs(x) - inner - offset)
        line = np.exp(-((away / thick) ** 2)) + 0.14 * np.exp(-away / 22)
        wall = np.asarray(wall + power * line[..., None] * tone(130, 196, 236), np.float32)
    return _blur(wall, 1.5 * soft)


def light_wall(camera: Camera, desk: float) -> FloatArray:
    """A morning studio: a window on a hazy city between wooden slats, warm light on the wall.

    Returns:
        float32 [h, w, 3], 0…255.
    """
    x, y = _grid(camera, desk)
    soft = camera.unit * camera.zoom
    half = camera.width / 2 / camera.unit
    sky = (
        tone(206, 230, 246) * np.clip(y / 520, 0, 1)[..., None]
        + tone(255, 240, 218) * np.clip(1 - y / 520, 0, 1)[..., None]
    )
    sun = np.exp(-(((x + 250) / 260) ** 2 + ((y - 300) / 220) ** 2))[..., None]
    sky = sky + sun * tone(40, 30, 8)
    body, lit = _skyline(x, y, 19, 50, 270)
    haze = np.clip(1 - y / 420, 0.25, 1)[..., None]
    tower = tone(150, 178, 198) * haze + tone(206, 222, 230) * (1 - haze)
    tower = tower + lit[..., None] * tone(52, 46, 36) - (lit[..., None] == 0) * 5
    near = np.where(body[..., None] > 0.8, tower, tower * 0.45 + sky * 0.55)
    view = np.where(body[..., None] > 0, near, sky)
    trees = np.exp(-np.maximum(y - 26 - 14 * np.sin(x / 37) - 9 * np.sin(x / 13), 0) / 7)[..., None]
    leaf = cv2.GaussianBlur(noise(x.shape[0], x.shape[1], 8), (0, 0), 9 * soft)
    leaf = 1 + (leaf - 0.5) / max(float(leaf.std()), 1e-6) * 0.07
    view = view * (1 - trees) + tone(138, 160, 128) * leaf[..., None] * trees
    view = _blur(view.astype(np.float32), 6.5 * soft)
    # Window bars.
    bars = np.exp(-((((np.abs(x) % 238) - 119) / 3.2) ** 2))[..., None] * 0.55
    wall = _light_sides(over(view, tone(236, 238, 236), bars), x, y, soft, half)
    warm = np.exp(-(((x + 0.42 * half) / (0.8 * half)) ** 2 + ((y - 420) / 420) ** 2))[..., None]
    return np.asarray(np.clip(wall + warm * tone(12, 8, 0), 0, 255), np.float32)


def _light_sides(
    view: FloatArray, x: FloatArray, y: FloatArray, soft: float, half: float
) -> FloatArray:
    """Slatted wood on both sides of the window, lit from above and along its edges."""
    inner = max(half * 0.56, 258.0)
    side = np.clip((np.abs(x) - inner) / 2, 0, 1)[..., None]
    phase = (np.abs(x) - inner) % 26
    slat = 0.80 + 0.22 * np.clip(1 - np.abs(phase - 12) / 11, 0, 1) ** 0.5
    wood = tone(214, 189, 158) * slat[..., None]
    lamp = np.exp(-np.abs(y - 520) / 170) * 0.22 + np.exp(-np.maximum(y, 0) / 90) * 0.10
    wood = wood * (0.90 + lamp[..., None])
    cove = np.exp(-(np.abs(x) - inner) / 60)[..., None]
    wood = wood + np.clip(cove, 0, 1) * tone(34, 26, 12)
    wall = view * (1 - side) + wood * side
    post = np.clip(1.5 - np.abs(np.abs(x) - inner + 2) / 7, 0, 1)[..., None]
    wall = wall * (1 - post) + tone(250, 247, 240) * post
    shade = np.exp(-np.maximum(inner - np.abs(x) - 9, 0) / 26)[..., None] * (1 - side)
    wall = wall * (1 - 0.16 * shade)
    return _blur(wall.astype(np.float32), 2.6 * soft)


def title_sky(camera: Camera, theme: str) -> ByteArray:
    """Ground of the titles: a planet's limb at night, or a bright morning haze.

    Returns:
        uint8 [h, w, 3].
    """
    # Everything here is soft: half the resolution holds it.
    height, width, u = camera.height // 2, camera.width // 2, camera.unit / 2
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (xx - width / 2) / u, (height - yy) / u
    reach = height / u
    up = np.clip(y / reach, 0, 1)[..., None]
    rng = np.random.default_rng(4)
    radius = max(width / u * 0.95, 900.0)
    top = reach * 0.30
    away = np.hypot(x, y - (top - radius)) - radius
    out = np.clip(0.5 - away / 3, 0, 1)[..., None]
    lines = _graticule(x, y - (top - radius), radius) * np.exp(np.minimum(away, 0) / 240)
    lines = lines[..., None]
    if theme == "blue":
        picture = tone(6, 40, 120) * (1 - up) + tone(1, 6, 28) * up
        ground = tone(4, 24, 70) + lines * tone(8, 34, 66)
        tint, air = tone(150, 215, 255), tone(26, 120, 235)
    else:
        picture = tone(255, 246, 230) * (1 - up) + tone(198, 228, 240) * up
        ground = tone(226, 240, 240) + lines * tone(14, 12, 8)
        tint, air = tone(255, 250, 236), tone(40, 26, 0)
    ground = ground + np.exp(np.minimum(away, 0) / 90)[..., None] * air * 0.45
    picture = picture * (1 - out) + ground * out
    rim = np.exp(-((x / 620) ** 2))[..., None]
    picture = picture + np.exp(-np.clip(away, 0, None) / 90)[..., None] * (1 - out) * air * rim
    picture = picture + np.exp(-np.abs(away) / 4)[..., None] * tint * rim * 0.8
    spots = np.zeros_like(picture)
    for _ in range(70):
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        size = rng.uniform(1.2, 15) * u
        reach_ = np.hypot(xx - cx, yy - cy)
        power = rng.uniform(0.03, 0.2)
        spots += np.clip((size - reach_) / (0.4 * size), 0, 1)[..., None] * air * power
    picture = _blur(picture.astype(np.float32), 1.6 * u) + _blur(spots.astype(np.float32), 2 * u)
    full = (camera.width, camera.height)
    large = cv2.resize(picture, full, interpolation=cv2.INTER_CUBIC)
    large = large + (noise(camera.height, camera.width, 2)[..., None] - 0.5) * 1.6
    return np.asarray(np.clip(large, 0, 255), np.uint8)
