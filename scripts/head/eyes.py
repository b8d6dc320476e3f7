"""Eyeballs with a bulging cornea, and lashes."""

from __future__ import annotations

import cv2
import numpy as np
from body import Body, patch
from hair import grid_triangles
from source import Floats, Ints, triangulate

IRIS = 0.50  # radii of the eyeball
BULGE = 0.05


def ball(body: Body, side: str) -> tuple[Floats, float]:
    """Centre and radius of an eyeball; ``side`` is ``l`` or ``r``."""
    helper = body.vertices[np.unique(body.source.groups[f"helper-{side}-eye"][0])]
    low, high = helper.min(0), helper.max(0)
    radius = float(high[0] - low[0] + high[1] - low[1]) / 4
    centre = (low + high) / 2
    centre[2] = float(high[2]) - radius * (1 + BULGE * 0.6)
    return centre, radius


def eyeball(centre: Floats, radius: float) -> tuple[Floats, Floats, Ints]:
    """Front of the ball: vertices, uv (a disc) and triangles."""
    rings, spokes = 9, 24
    angle = np.linspace(0, 1.15, rings + 1)[:, None]
    turn = np.linspace(0, 2 * np.pi, spokes + 1)[None]
    flat = np.sin(angle)
    bump = 1 + BULGE * np.clip(1 - (flat / (IRIS * 1.12)) ** 2, 0, 1) ** 1.5
    grid = np.stack(
        np.broadcast_arrays(
            flat * np.cos(turn) * bump, flat * np.sin(turn) * bump, np.cos(angle) * bump
        ),
        -1,
    )
    uv = np.stack([0.5 + grid[..., 0] / 2.1, 0.5 - grid[..., 1] / 2.1], -1)
    return (
        grid.reshape(-1, 3) * radius + centre, uv.reshape(-1, 2), grid_triangles(rings, spokes),
    )  # fmt: skip


def texture(size: int, iris: tuple[int, int, int], seed: int) -> np.ndarray:
    """RGBA of the eye seen from the front."""
    rng = np.random.default_rng(seed)
    big = size * 2
    axis = (np.arange(big) + 0.5) / big * 2.1 - 1.05
    x, y = np.meshgrid(axis, axis)
    r, a = np.hypot(x, y), np.arctan2(y, x)
    white = np.array([236, 229, 224], np.float32)
    out = np.tile(white, (big, big, 1))
    warm = np.clip((r - 0.62) / 0.4, 0, 1)[..., None]
    out = out * (1 - warm * 0.35) + np.array([214, 150, 138], np.float32) * warm * 0.35
    fibres = np.zeros((big, big), np.float32)
    for harmonics, strength in ((60, 0.5), (110, 0.35), (23, 0.4)):
        phase = rng.uniform(0, 2 * np.pi)
        bend = rng.normal(0, 1.2, 2)
        fibres += strength * np.sin(
            harmonics * a + phase + 6 * np.sin(bend[0] * 4 * r + a * 3) + bend[1] * r * 3
        )
    q = r / IRIS
    base = np.array(iris, np.float32)
    colour = base * (1 + 0.20 * fibres[..., None])
    light = np.exp(-(((q - 0.55) / 0.20) ** 2))[..., None]
    colour = colour * (1 + 0.45 * light) + np.array([26, 14, 4], np.float32) * light
    dark = np.clip((q - 0.74) / 0.26, 0, 1)[..., None]
    colour = colour * (1 - 0.80 * dark)
    pupil = np.clip((0.40 - q) / 0.03 + 0.5, 0, 1)[..., None]
    colour = colour * (1 - pupil) + np.array([8, 6, 6], np.float32) * pupil
    inside = np.clip((1 - q) / 0.09 + 0.4, 0, 1)[..., None]
    out = out * (1 - inside) + colour * inside
    out = cv2.resize(
        np.clip(out, 0, 255).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA
    )
    return np.dstack([out, np.full((size, size), 255)]).astype(np.uint8)


def lashes(body: Body, side: str, strip: int) -> tuple[Floats, Floats, Ints, dict[str, Floats]]:
    """A strip of lashes of the base mesh; uv runs along the lid and from root to tip."""
    p = patch(body, f"helper-{side}-eyelashes-{strip}")
    corner_uv = np.zeros((len(p.vertices), 2))
    corner_uv[p.faces.ravel()] = p.uv[p.uv_faces.ravel()]
    low, high = corner_uv.min(0), corner_uv.max(0)
    uv = (corner_uv - low) / (high - low)
    centre, _ = ball(body, side)
    away = np.linalg.norm(p.vertices - centre, axis=1)
    if np.corrcoef(uv[:, 1], away)[0, 1] < 0:
        uv[:, 1] = 1 - uv[:, 1]
    return p.vertices, uv, triangulate(p.faces), p.targets


def lash_texture(seed: int, upper: bool) -> np.ndarray:
    """RGBA of lashes, root at the top."""
    rng = np.random.default_rng(seed)
    width, height = 1024, 256
    ink = np.zeros((height, width), np.uint8)
    for _ in range(64 if upper else 46):
        x = rng.uniform(0.02, 0.98)
        reach = (0.72 + 0.26 * np.sin(np.pi * min(1, x * 1.1))) * rng.uniform(0.75, 1.0)
        lean = (x - 0.42) * 0.10 + rng.normal(0, 0.010)
        s = np.linspace(0, 1, 10)
        px, py = (x + lean * s**1.5) * width, s * reach * height
        for k in range(9):
            thick = round((6.5 if upper else 4) * (1 - k / 10)) + 1
            cv2.line(
                ink, (round(px[k]), round(py[k])), (round(px[k + 1]), round(py[k + 1])), 255,
                thick, cv2.LINE_AA,
            )  # fmt: skip
    if upper:
        root = np.clip(1 - np.arange(height) / 26, 0, 1)[:, None] * 255
        ink = np.maximum(ink, np.broadcast_to(root, ink.shape).astype(np.uint8))
    ends = np.clip(np.minimum(np.linspace(0, 20, width), np.linspace(20, 0, width)), 0, 1)
    alpha = ink * ends[None] * (0.95 if upper else 0.55)
    small = cv2.resize(alpha.astype(np.float32), (512, 128), interpolation=cv2.INTER_AREA)
    return np.dstack([np.full((128, 512, 3), (24, 18, 18)), small]).astype(np.uint8)
