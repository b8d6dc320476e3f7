"""The desk across the bottom of the studio, which hides where a bust is cut."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.media.shot import ThemeName
from digital_human.media.studio_wall import Camera, noise, over, tone


def draw_desk(
    theme: ThemeName, camera: Camera, desk: int, wall: FloatArray, seats: tuple[int, ...]
) -> tuple[FloatArray, FloatArray]:
    """Draw the rows of the picture from ``desk`` down.

    Args:
        theme: Glass and light, or wood and white.
        camera: Size of the picture.
        desk: Row of the top edge in the middle of the picture.
        wall: float32 [h, w, 3], 0…255; mirrored in the desk's top.
        seats: Columns at which people sit and shade the top.

    Returns:
        Colour float32 [h - desk, w, 3] and coverage 0…1 [h - desk, w].
    """
    width, height, u = camera.width, camera.height, camera.unit
    yy, xx = np.mgrid[0 : height - desk, 0:width].astype(np.float32)
    across = (xx - width / 2) / (width / 2)
    # The far edge bows towards the camera at the sides, the near edge a little less.
    far = 10 * u * across**2
    near = far + (24 + 10 * (1 - across**2)) * u
    depth = np.clip((yy - far) / np.maximum(near - far, 1), 0, 1)[..., None]
    below = np.clip((yy - near) / np.maximum(height - desk - near, 1), 0, 1)[..., None]
    shine = np.exp(-((across / 0.55) ** 2))[..., None]
    mirror = _mirror(wall, desk, height - desk, u)
    surface = (_glass if theme == "blue" else _wood)(mirror, depth, below, shine, xx, u)
    top, front, glow, lip = surface
    shade = np.ones_like(xx)
    for seat in seats:
        wide = np.exp(-(((xx - seat) / (230 * u * camera.zoom)) ** 4))
        shade *= 1 - 0.52 * wide * np.exp(-np.maximum(yy - far, 0) / (15 * u))
    is_front = np.clip(yy - near + 0.5, 0, 1)[..., None]
    picture = over(top * shade[..., None], front, is_front)
    picture = over(picture, lip, np.exp(-(((yy - near) / (1.6 * u)) ** 2))[..., None])
    under = np.exp(-np.maximum(yy - near - 2 * u, 0) / (11 * u))[..., None] * is_front * 0.34
    picture = picture * (1 - under) if theme == "light" else picture + glow * under
    strip = np.exp(-(((yy - near - 30 * u) / (1.8 * u)) ** 2))[..., None]
    halo = np.exp(-np.abs(yy - near - 30 * u) / (16 * u))[..., None] * is_front
    picture = picture + glow * (0.85 * strip + 0.26 * halo) * (0.45 + 0.55 * shine)
    shape = np.clip(yy - far + 0.5, 0, 1)
    return np.asarray(np.clip(picture, 0, 255), np.float32), np.asarray(shape, np.float32)


_Paint = tuple[npt.NDArray[Any], npt.NDArray[Any], FloatArray, FloatArray]


def _mirror(wall: FloatArray, desk: int, rows: int, u: float) -> FloatArray:
    """The wall's lower rows upside down and blurred, float32 [rows, w, 3]."""
    reach = min(desk, round(90 * u))
    part = cv2.GaussianBlur(wall[desk - reach : desk], (0, 0), 7 * u)
    source = np.clip(reach - 1 - 4 * round(u) - np.arange(rows), 0, reach - 1)
    return np.asarray(part[source], np.float32)


def _glass(
    mirror: FloatArray, depth: FloatArray, below: FloatArray, shine: FloatArray,
    xx: FloatArray, u: float,
) -> _Paint:  # fmt: skip
    """Dark glass over light: top, front, colour of the light, colour of the edge."""
    top = mirror * 0.62 + tone(74, 108, 158) * (0.34 + 0.46 * depth)
    top = top + shine * (1 - depth) * tone(44, 56, 66)
    front = over(tone(14, 46, 104), tone(3, 11, 34), below)
    front = front + shine * tone(8, 26, 48) * (1 - below)
    seam = np.exp(-((((xx / u + 90) % 180 - 90) / 1.2) ** 2))[..., None]
    front = front * (1 - 0.28 * seam)
    return top, front, tone(88, 184, 240), tone(216, 238, 252)


def _wood(
    mirror: FloatArray, depth: FloatArray, below: FloatArray, shine: FloatArray,
    xx: FloatArray, u: float,
) -> _Paint:  # fmt: skip
    """A white top on light wood: top, front, colour of the light, colour of the edge."""
    top = mirror * 0.30 + tone(250, 246, 238) * (0.62 + 0.10 * depth)
    grain = cv2.GaussianBlur(
        noise(xx.shape[0], xx.shape[1], 11), (0, 0), sigmaX=60 * u, sigmaY=0.8 * u
    )
    grain = (grain - grain.mean()) / max(float(grain.std()), 1e-6)
    wood = tone(208, 176, 138) + grain[..., None] * tone(5.5, 5.5, 5)
    front = wood * (1.0 - 0.30 * below) + shine * tone(14, 12, 8)
    return top, front, tone(255, 236, 200), tone(255, 255, 252)
