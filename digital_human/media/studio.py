"""The studio behind and in front of the anchor, made by the program at any size.

A backdrop is drawn once per camera position: a wall out of focus, a desk, shadows. What moves is
only light: a periodic picture panned over the wall and added to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.media.blend import Sprite
from digital_human.media.clips import is_picture
from digital_human.media.footage import first_picture
from digital_human.media.pictures import cover, read_picture
from digital_human.media.shot import ThemeName
from digital_human.media.studio_desk import draw_desk
from digital_human.media.studio_wall import Camera, blue_wall, light_wall, noise
from digital_human.media.themes import colour


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """A slow drift of soft light.

    Attributes:
        tile: uint8 [h, period + w, 3], added to the frame; periodic in its columns.
        top: Row of the frame where it starts.
        period: Columns after which it repeats.
        step: Columns it moves per second.
    """

    tile: ByteArray
    top: int
    period: int
    step: float

    def add(self, frame: ByteArray, seconds: float) -> None:
        """Add the light of the moment to ``frame`` (uint8 [h, w, 3]) in place."""
        shift = int(seconds * self.step) % self.period
        target = frame[self.top : self.top + self.tile.shape[0]]
        cv2.add(target, self.tile[:, shift : shift + frame.shape[1]], dst=target)


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """A studio seen by one camera.

    Attributes:
        base: uint8 [h, w, 3], read-only.
        hide: uint8 [h, w], 255 where a person may be seen, 0 behind the desk; None with no desk.
        lights: Moving light, added between the base and the person.
        desk: The desk by itself, for a wall that moves; its top row is that of `desk_at`.
        desk_at: Row of the desk's sprite.
    """

    base: ByteArray
    hide: ByteArray | None
    lights: Lights | None
    desk: Sprite | None = None
    desk_at: int = 0


@lru_cache(maxsize=6)
def backdrop(
    theme: ThemeName,
    camera: Camera,
    desk: int,
    background: Path | str | None = None,
    seats: tuple[int, ...] = (),
) -> Backdrop:
    """Draw the studio.

    Args:
        theme: Which one.
        camera: Size of the picture and where the camera looks.
        desk: Row of the desk's top edge; the picture's height for no desk.
        background: The user's own wall: the path of a picture or of a video, whose first picture
            is taken, or ``#RRGGBB``.
        seats: Columns at which people sit and shade the desk.

    Raises:
        InputError: The background is neither a readable picture nor a colour.
    """
    width, height = camera.width, camera.height
    lights = None
    if background is None:
        # The wall is out of focus: half the resolution holds all of it.
        small = replace(camera, width=width // 2, height=height // 2)
        half = (blue_wall if theme == "blue" else light_wall)(small, desk / 2)
        large = cv2.resize(half, (width, height), interpolation=cv2.INTER_CUBIC)
        wall = np.asarray(np.clip(large, 0, 255), np.float32)
        wall_rows = max(8, desk - round(2 * camera.unit))
        lights = _lights(theme, width, wall_rows, camera.unit * camera.zoom)
    else:
        wall = _own_wall(background, width, height)
    hide, front = None, None
    if desk < height:
        surface, shape = draw_desk(theme, camera, desk, wall, seats)
        cover = np.asarray((shape * 255).round(), np.uint8)
        lit = np.asarray((surface * shape[..., None]).round(), np.uint8)
        front = Sprite.premultiplied(lit, cover)
        wall[desk:] += (surface - wall[desk:]) * shape[..., None]
        hide = np.full((height, width), 255, np.uint8)
        hide[desk:] = np.asarray(((1 - shape) * 255).round(), np.uint8)
    dither = noise(height, width, 5) - 0.5
    base = (wall + dither[..., None] * 1.6).round().clip(0, 255).astype(np.uint8)
    base.flags.writeable = False
    return Backdrop(base, hide, lights, front, desk)


def _own_wall(background: Path | str, width: int, height: int) -> FloatArray:
    if isinstance(background, Path):
        if not is_picture(background):
            return first_picture(background, (width, height)).astype(np.float32)
        picture = cover(read_picture(background, "background"), width, height)
        # A touch out of focus, so that the person stands in front of it.
        return cv2.GaussianBlur(picture, (0, 0), min(width, height) / 400).astype(np.float32)
    if not background.startswith("#"):
        raise InputError(
            f"background: {background!r} is neither a picture nor a colour",
            fix="give the path of a picture, or #RRGGBB",
        )
    tone = np.array(colour(background, "background"), np.float32)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    fall = np.hypot((xx / width - 0.5) * 1.1, yy / height - 0.42)
    light = np.clip(1.12 - 0.55 * fall, 0.5, 1.12)[..., None]
    return np.asarray(np.minimum(tone * light, 255), np.float32)


@lru_cache(maxsize=4)
def _lights(theme: ThemeName, width: int, wall: int, unit: float) -> Lights:
    """Bokeh and slanted streaks that repeat after 1.5 widths, faded at the wall's ends.

    Args:
        theme: Whose colours.
        width: Columns of the picture.
        wall: Rows from the picture's top to the desk.
        unit: Pixels per written length, camera zoom included.
    """
    # Drawn at a quarter of the resolution: there is no sharp edge in it.
    rows, period, u = max(8, wall // 4), width * 3 // 8, unit / 4
    rng = np.random.default_rng(20)
    light = np.zeros((rows, period, 3), np.float32)
    tints = (
        np.array([(30, 110, 220), (40, 170, 240), (90, 200, 255)], np.float32)
        if theme == "blue"
        else np.array([(90, 74, 40), (70, 70, 60), (60, 80, 80)], np.float32)
    )
    yy, xx = np.mgrid[0:rows, 0:period].astype(np.float32)
    for number in range(30):
        blob = number < 26
        cx, cy = rng.uniform(0, period), rng.uniform(0.02, 0.95) * rows
        wide = rng.uniform(5, 22) * u if blob else rng.uniform(26, 90) * u
        dx = (xx - cx + (0 if blob else (yy - rows / 2) * 0.34)) % period
        dx = np.minimum(dx, period - dx)
        if blob:
            reach = np.hypot(dx, yy - cy)
            shape = np.clip((wide - reach) / (0.3 * wide), 0, 1) * (0.6 + 0.4 * reach / wide)
        else:
            shape = np.exp(-((dx / wide) ** 2))
        power = rng.uniform(0.05, 0.20 if blob else 0.12)
        light += np.asarray(shape * power, np.float32)[..., None] * tints[rng.integers(3)]
    # One more period on both sides keeps the seam out of the enlarged picture.
    light = np.concatenate([light, light, light], axis=1)
    large = cv2.resize(light, (period * 12, wall), interpolation=cv2.INTER_CUBIC)
    large = large[:, period * 4 : period * 8]
    down = np.linspace(0, 1, wall, dtype=np.float32)
    fade = np.clip(down / 0.12, 0, 1) * np.clip((1 - down) / 0.18, 0, 1)
    dither = (noise(wall, large.shape[1], 9) - 0.5)[..., None] * 0.8
    tile = np.asarray((large * fade[:, None, None] + dither).round().clip(0, 255), np.uint8)
    tile = np.concatenate([tile, tile[:, :width]], axis=1)
    return Lights(tile, 0, period * 4, 22 * unit)
