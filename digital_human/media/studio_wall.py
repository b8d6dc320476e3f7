"""The two studio walls, out of focus: an evening newsroom screen and a bright morning window."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frames import FloatArray


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


def _colour(*value: float) -> FloatArray:
    return np.array(value, np.float32)


def _grid(camera: Camera, desk: int) -> tuple[FloatArray, FloatArray]:
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
            high = base + tallest * depth ** -0.4 * rng.beta(1.6, 2.4)
            inside = (x > left) & (x < left + wide) & (y < high)
            body[inside] = depth
            lit[inside] = 0
            col = np.floor((x - left) / 9).astype(np.int32)
            row = np.floor(y / 11).astype(np.int32)
            pick = ((col * 7919 + row * 104729 + seed * 31 + int(left)) % 97) / 97
            window = inside & (pick < 0.34) & ((x - left) % 9 > 3) & (y % 11 > 4)
            lit[window] = 0.4 + 0.6 * ((col[window] * 13 + row[window] * 7) % 5) / 4
            left += wide + rng.uniform(0, 26)
    return body, lit


def blue_wall(camera: Camera, desk: int) -> FloatArray:
    """An LED wall with a planet's limb between wings that show a city at night.

    Returns:
        float32 [h, w, 3], 0…255.
    """
    x, y = _grid(camera, desk)
    soft = camera.unit * camera.zoom
    half = camera.width / 2 / camera.unit
    up = np.clip(y / max(desk / camera.unit, 1), -0.5, 1)[..., None]
    wall = _colour(8, 60, 150) * (1 - up) + _colour(2, 12, 46) * up
    glow = np.exp(-((x / 430) ** 2 + ((y - 240) / 300) ** 2))[..., None]
    wall = wall + glow * _colour(14, 92, 190)
    # The limb: bright on its edge, fading outwards as an atmosphere does.
    top = min(desk / camera.unit * 0.80, 470.0)
    radius = max(half * 1.15, 640.0)
    away = np.hypot(x, y - (top - radius)) - radius
    sky = np.clip(away, 0, None)
    globe = np.clip(0.5 - away / 3, 0, 1)[..., None]
    inner = _colour(5, 42, 118) + _colour(10, 70, 140) * np.exp(np.minimum(away, 0) / 130)[..., None]
    wall = wall * (1 - globe) + inner * globe
    wall = wall + globe * _graticule(x, y - (top - radius), radius)[..., None] * _colour(20, 92, 150)
    limb = np.exp(-np.abs(away) / 5)[..., None] * _colour(150, 215, 255) * 0.75
    air = np.exp(-sky / 60)[..., None] * (1 - globe) * _colour(24, 120, 230) * 0.85
    limb = limb * np.exp(-((x / 620) ** 2))[..., None]
    wall = _blur(wall + limb + air, 3.2 * soft)
    wall = _rays(wall, x, y, top)
    return np.clip(_blue_wings(wall, x, y, soft, half), 0, 255).astype(np.float32)


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


def _rays(wall: FloatArray, x: FloatArray, y: FloatArray, top: float) -> FloatArray:
    """Soft beams from lamps above the picture."""
    out = wall
    for cx, lean, wide, power in (
        (-330, 0.30, 0.10, 0.16), (-120, 0.10, 0.08, 0.10),
        (120, -0.10, 0.08, 0.10), (330, -0.30, 0.10, 0.16),
    ):  # fmt: skip
        down = np.maximum(top + 140 - y, 1)
        beam = np.exp(-(((x - cx - lean * down) / (14 + wide * down)) ** 2))
        beam = beam * np.exp(-down / 330)
        out = out + beam[..., None] * power * _colour(90, 170, 255)
    return out.astype(np.float32)


def _blue_wings(
    wall: FloatArray, x: FloatArray, y: FloatArray, soft: float, half: float
) -> FloatArray:
    """City screens on both sides, framed by pillars with lines of light."""
    inner = max(half * 0.60, 268.0)
    body, lit = _skyline(x, y, 7, 40, 300)
    night = (
        _colour(6, 34, 92) * np.clip(1.1 - y / 620, 0.2, 1)[..., None]
        + _colour(60, 70, 120) * np.exp(-np.maximum(y, 0) / 120)[..., None]
    )
    tower = _colour(5, 20, 56) + _colour(6, 22, 50) * body[..., None]
    night = np.where(body[..., None] > 0, tower, night)
    warm = ((np.floor(x / 31).astype(np.int32) % 3) == 0)[..., None]
    night = night + lit[..., None] * np.where(warm, _colour(255, 190, 110), _colour(120, 190, 255))
    night = _blur(night.astype(np.float32), 4.2 * soft)
    side = np.clip((np.abs(x) - inner) / 2, 0, 1)[..., None]
    sheen = np.exp(-(((np.abs(x) - inner - 90 - 0.2 * y) / 46) ** 2))[..., None]
    wing = night * 1.0 + sheen * _colour(10, 26, 46)
    wall = wall * (1 - side) + wing * side
    # Pillar: dark body, a bright line on its inner edge.
    pillar = np.clip(1.5 - np.abs(np.abs(x) - inner - 13) / 9, 0, 1)[..., None]
    wall = wall * (1 - pillar) + _colour(8, 30, 74) * pillar
    for offset, thick, power in ((0.0, 2.2, 1.0), (27.0, 1.4, 0.5)):
        away = np.abs(np.abs(x) - inner - offset)
        line = np.exp(-((away / thick) ** 2)) + 0.20 * np.exp(-away / 20)
        wall = wall + line[..., None] * power * _colour(110, 205, 255)
    return _blur(wall.astype(np.float32), 1.5 * soft)


def light_wall(camera: Camera, desk: int) -> FloatArray:
    """A morning studio: a window on a hazy city between wooden slats, warm light on the wall.

    Returns:
        float32 [h, w, 3], 0…255.
    """
    x, y = _grid(camera, desk)
    soft = camera.unit * camera.zoom
    half = camera.width / 2 / camera.unit
    sky = (
        _colour(206, 230, 246) * np.clip(y / 520, 0, 1)[..., None]
        + _colour(255, 240, 218) * np.clip(1 - y / 520, 0, 1)[..., None]
    )
    sun = np.exp(-(((x + 250) / 260) ** 2 + ((y - 300) / 220) ** 2))[..., None]
    sky = sky + sun * _colour(40, 30, 8)
    body, _ = _skyline(x, y, 19, 60, 250)
    haze = np.clip(1 - y / 420, 0.25, 1)[..., None]
    tower = _colour(158, 190, 210) * haze + _colour(214, 228, 234) * (1 - haze)
    near = np.where(body[..., None] > 0.8, tower * 0.97, tower * 0.6 + sky * 0.4)
    view = np.where(body[..., None] > 0, near, sky)
    trees = np.exp(-np.maximum(y - 26 - 14 * np.sin(x / 37) - 9 * np.sin(x / 13), 0) / 7)[..., None]
    view = view * (1 - trees) + _colour(140, 178, 130) * trees
    view = _blur(view.astype(np.float32), 6.5 * soft)
    # Window bars.
    bars = np.exp(-((((np.abs(x) + 0.0) % 238) - 119) / 3.2) ** 2)[..., None] * 0.55
    view = view * (1 - bars) + _colour(236, 238, 236) * bars
    wall = _light_sides(view, x, y, soft, half)
    warm = np.exp(-(((x + 0.42 * half) / (0.8 * half)) ** 2 + ((y - 420) / 420) ** 2))[..., None]
    wall = wall + warm * _colour(12, 8, 0)
    return np.clip(wall, 0, 255).astype(np.float32)


def _light_sides(
    view: FloatArray, x: FloatArray, y: FloatArray, soft: float, half: float
) -> FloatArray:
    """Slatted wood on both sides of the window, lit from above and along its edges."""
    inner = max(half * 0.56, 258.0)
    side = np.clip((np.abs(x) - inner) / 2, 0, 1)[..., None]
    phase = (np.abs(x) - inner) % 34
    slat = 0.72 + 0.34 * np.clip(1 - np.abs(phase - 15) / 13, 0, 1) ** 0.6
    wood = _colour(222, 190, 150) * slat[..., None]
    lamp = np.exp(-np.abs(y - 520) / 170) * 0.22 + np.exp(-np.maximum(y, 0) / 90) * 0.10
    wood = wood * (0.90 + lamp[..., None])
    cove = np.exp(-(np.abs(x) - inner) / 60)[..., None]
    wood = wood + np.clip(cove, 0, 1) * _colour(34, 26, 12)
    wall = view * (1 - side) + wood * side
    post = np.clip(1.5 - np.abs(np.abs(x) - inner + 2) / 7, 0, 1)[..., None]
    wall = wall * (1 - post) + _colour(250, 247, 240) * post
    shade = np.exp(-np.maximum(inner - np.abs(x) - 9, 0) / 26)[..., None] * (1 - side)
    wall = wall * (1 - 0.16 * shade)
    return _blur(wall.astype(np.float32), 2.6 * soft)
