"""Weather icons, painted from discs and strokes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.paint import Canvas, disc, ramp
from digital_human.media.shot import Sky
from digital_human.media.text import Colour

_OVER = 3


@lru_cache(maxsize=64)
def sky_icon(sky: Sky, size: int) -> ByteArray:
    """A square icon, uint8 [size, size, 4] RGBA, straight alpha.

    Args:
        sky: Weather condition.
        size: Side in pixels.
    """
    side = size * _OVER
    canvas = Canvas(side, side)
    if sky in ("sunny", "cloudy"):
        _sun(canvas, side, *((0.5, 0.5, 0.23) if sky == "sunny" else (0.62, 0.36, 0.18)))
    if sky == "fog":
        _cloud(canvas, side, 0.36, (252, 253, 255), (205, 214, 226))
        _waves(canvas, side, ((0.22, 0.78), (0.16, 0.70), (0.30, 0.84)), 0.0)
    elif sky == "wind":
        _gusts(canvas, side)
    elif sky != "sunny":
        dark = sky in ("overcast", "storm")
        top: Colour = (222, 228, 238) if dark else (255, 255, 255)
        low: Colour = (138, 150, 172) if dark else (196, 212, 234)
        if sky == "overcast":
            _cloud(canvas, side, 0.40, (206, 213, 226), (150, 161, 182), 0.10, 0.86)
            _cloud(canvas, side, 0.54, top, (160, 172, 192), -0.04, 0.95)
        else:
            _cloud(canvas, side, 0.54 if sky == "cloudy" else 0.42, top, low)
    if sky in ("rain", "storm"):
        _drops(canvas, side, few=sky == "storm")
    if sky == "storm":
        _bolt(canvas, side)
    if sky == "snow":
        _flakes(canvas, side)
    sprite = canvas.sprite()
    assert sprite.keep is not None  # The corners are empty.
    alpha = 255 - sprite.keep[..., 0]
    big = np.dstack([sprite.rgb, alpha])
    small = cv2.resize(big, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    cover = np.maximum(small[..., 3:], 1) / 255
    out = np.dstack([small[..., :3] / cover, small[..., 3]]).round().clip(0, 255).astype(np.uint8)
    out.flags.writeable = False
    return out


def _stroke(side: int, points: FloatArray, width: float) -> FloatArray:
    """Coverage of a polyline with round ends; points in fractions of the side."""
    mask = np.zeros((side, side), np.uint8)
    shifted = (points * side * 16).round().astype(np.int32).reshape(-1, 1, 2)
    thick = max(1, round(width * side))
    cv2.polylines(mask, [shifted], False, 255, thick, cv2.LINE_AA, 4)
    return np.divide(mask, 255, dtype=np.float32)


def _sun(canvas: Canvas, side: int, cx: float, cy: float, radius: float) -> None:
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32) / side
    glow = np.exp(-(((np.hypot(xx - cx, yy - cy) - radius) / (radius * 0.75)) ** 2))
    canvas.fill((glow * 0.30).astype(np.float32), (255, 190, 60))
    for k in range(10):
        angle = np.pi * 2 * k / 10 + 0.16
        way = np.array([np.cos(angle), np.sin(angle)], np.float32)
        ends = np.stack([way * radius * 1.36, way * radius * 1.72]) + (cx, cy)
        canvas.fill(_stroke(side, ends.astype(np.float32), radius * 0.17), (255, 178, 40))
    body = disc(side, side, cx * side, cy * side, radius * side)
    canvas.fill(body, ramp(side, side, (255, 226, 110), (255, 140, 10)))
    light = disc(side, side, (cx - radius * 0.3) * side, (cy - radius * 0.34) * side,
                 radius * 0.55 * side)  # fmt: skip
    canvas.fill(cv2.GaussianBlur(light, (0, 0), radius * side * 0.25) * body, (255, 246, 200), 0.6)


def _cloud(canvas: Canvas, side: int, cy: float, top: Colour, low: Colour,
           dx: float = 0.0, scale: float = 1.0) -> None:  # fmt: skip
    mask = np.zeros((side, side), np.float32)
    for px, py, radius in (
        (-0.21, 0.055, 0.135), (-0.06, -0.07, 0.185), (0.14, -0.01, 0.155), (0.25, 0.075, 0.115),
    ):  # fmt: skip
        centre = ((0.49 + dx + px * scale) * side, (cy + py * scale) * side)
        mask = np.maximum(mask, disc(side, side, *centre, radius * scale * side))
    base = np.zeros_like(mask)
    y0, y1 = (cy + 0.02 * scale) * side, (cy + 0.19 * scale) * side
    x0, x1 = (0.49 + dx - 0.22 * scale) * side, (0.49 + dx + 0.26 * scale) * side
    base[round(y0) : round(y1), round(x0) : round(x1)] = 1
    mask = np.maximum(mask, base)
    shape = ramp(side, side, top, low)
    yy = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    span = np.clip((yy - (cy - 0.26 * scale)) / (0.46 * scale), 0, 1)
    shape = np.array(top, np.float32) * (1 - span) + np.array(low, np.float32) * span
    shape = np.broadcast_to(shape, (side, side, 3)).astype(np.float32)
    canvas.shadow(mask, side * 0.02, side * 0.015, 0.22)
    canvas.fill(mask, shape)


def _drops(canvas: Canvas, side: int, *, few: bool) -> None:
    places = ((0.30, 0.72), (0.70, 0.72)) if few else (
        (0.29, 0.70), (0.45, 0.76), (0.61, 0.70), (0.75, 0.77)
    )  # fmt: skip
    for x, y in places:
        ends = np.array([[x, y], [x - 0.045, y + 0.13]], np.float32)
        canvas.fill(_stroke(side, ends, 0.042), ramp(side, side, (90, 190, 255), (20, 110, 240)))


def _bolt(canvas: Canvas, side: int) -> None:
    shape = np.array(
        [[0.54, 0.56], [0.40, 0.78], [0.49, 0.78], [0.43, 0.96], [0.63, 0.70], [0.53, 0.70],
         [0.61, 0.56]], np.float32,
    )  # fmt: skip
    mask = np.zeros((side, side), np.uint8)
    points = (shape * side * 16).round().astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, 4)
    canvas.fill(
        np.divide(mask, 255, dtype=np.float32), ramp(side, side, (255, 220, 70), (255, 150, 0))
    )


def _flakes(canvas: Canvas, side: int) -> None:
    for cx, cy, radius in ((0.32, 0.78, 0.075), (0.53, 0.86, 0.085), (0.73, 0.77, 0.075)):
        for k in range(3):
            way = np.array([np.cos(np.pi * k / 3 + 0.5), np.sin(np.pi * k / 3 + 0.5)])
            ends = np.stack([way * radius, -way * radius]) + (cx, cy)
            canvas.fill(_stroke(side, ends.astype(np.float32), 0.026), (96, 178, 250))


def _waves(canvas: Canvas, side: int, spans: tuple[tuple[float, float], ...], lift: float) -> None:
    for row, (x0, x1) in enumerate(spans):
        y = 0.66 + 0.115 * row - lift
        ends = np.array([[x0, y], [x1, y]], np.float32)
        canvas.fill(_stroke(side, ends, 0.05), ramp(side, side, (170, 184, 204), (140, 156, 182)))


def _gusts(canvas: Canvas, side: int) -> None:
    """Three lines of wind; the outer two curl at their ends."""
    turn = np.linspace(-np.pi / 2, np.pi * 0.72, 24, dtype=np.float32)
    paint = ramp(side, side, (120, 190, 240), (70, 140, 215))
    for x0, x1, y, radius in ((0.14, 0.60, 0.40, -0.11), (0.10, 0.78, 0.54, 0.0),
                              (0.24, 0.66, 0.68, 0.10)):  # fmt: skip
        line = np.array([[x0, y], [x1, y]], np.float32)
        if radius:
            way = 1.0 if radius > 0 else -1.0
            centre = (x1, y + radius)
            curl = np.stack(
                [centre[0] + abs(radius) * np.cos(turn),
                 centre[1] + way * abs(radius) * np.sin(turn)], axis=1,
            )  # fmt: skip
            line = np.concatenate([line, curl.astype(np.float32)])
        canvas.fill(_stroke(side, line, 0.062), paint)
