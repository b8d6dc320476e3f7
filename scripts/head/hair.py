"""Hair as nested sheets of strands, made by code: strands leave a parting, follow the skull to ear
height and fall from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from source import Floats, Ints

Envelope = Callable[[Floats], Floats]


@dataclass
class Sheet:
    """A surface with texture.

    Attributes:
        vertices: [n, 3], io.
        uv: [n, 2], 0…1 from the left top.
        triangles: [t, 3].
    """

    vertices: Floats
    uv: Floats
    triangles: Ints


@dataclass(frozen=True)
class Style:
    """A hair cut; angles in degrees, distances in io.

    Attributes:
        parting: x of the parting on the unit sphere.
        hairline: Angle over the horizon at which the parting begins in front.
        nape: The same where it ends behind.
        front: Azimuth of the front edge beside the face.
        ear: Elevation at which strands leave the skull.
        fall: Length of what falls free, at the front edge and behind.
        lift: Thickness of the hair over the skull, at the parting and where it falls.
        curl: How much the ends turn inward.
    """

    parting: float
    hairline: float
    nape: float
    front: float
    ear: float
    fall: tuple[float, float]
    lift: tuple[float, float]
    curl: float


def skull(points: Floats, centre: Floats, width: float = 14.0) -> Envelope:
    """Smoothed radius of ``points`` round ``centre`` in any direction."""
    away = points - centre
    radius = np.linalg.norm(away, axis=1)
    dirs = away / radius[:, None]

    def envelope(wanted: Floats) -> Floats:
        flat = wanted.reshape(-1, 3)
        close = np.exp((flat @ dirs.T - 1) * (180 / width / np.pi) ** 2)
        # Cubed radii let the outermost points decide, so that nothing pokes through.
        mean = (close @ radius**8) / close.sum(1)
        return (mean ** (1 / 8)).reshape(wanted.shape[:-1])

    return envelope


def sheet(
    style: Style, envelope: Envelope, centre: Floats, side: int, layer: float, seed: int,
    cells: tuple[int, int] = (22, 24),
) -> Sheet:  # fmt: skip
    """One half of the hair.

    Args:
        style: The cut.
        envelope: Radius of the skull.
        centre: Its centre.
        side: 1 for the person's left (right in the picture), -1 for the right.
        layer: 0 for the innermost sheet to 1 for the outermost.
        seed: Of locks and loose strands.
        cells: Strands across and points along.
    """
    rng = np.random.default_rng(seed)
    across, along = cells
    a = np.linspace(0, 1, across + 1)[:, None]
    # The inner sheets stay behind the outer one's edge.
    hairline, edge = style.hairline + 5 * (1 - layer), style.front + 5 * (1 - layer)
    beta = np.radians(hairline + (style.nape - hairline) * a)
    flat = np.sqrt(1 - style.parting**2)
    top = np.concatenate(
        [np.full_like(a, style.parting), flat * np.sin(beta), flat * np.cos(beta)], 1
    )
    azimuth = np.radians(edge + (180 - edge) * a)
    ear = np.radians(style.ear)
    low = np.concatenate(
        [
            side * np.sin(azimuth) * np.cos(ear),
            np.full_like(a, np.sin(ear)),
            np.cos(azimuth) * np.cos(ear),
        ],
        1,
    )
    arcs = along * 11 // 20
    t = np.linspace(0, 1, arcs + 1)
    angle = np.arccos(np.clip((top * low).sum(1), -1, 1))[:, None, None]
    dirs = (
        np.sin((1 - t)[None, :, None] * angle) * top[:, None]
        + np.sin(t[None, :, None] * angle) * low[:, None]
    ) / np.sin(angle)
    thick = style.lift[0] + (style.lift[1] - style.lift[0]) * t**0.8
    # The hair rises steeply from the parting, most in front.
    rise = 0.5 + 0.5 * np.clip(t / 0.14, 0, 1) ** 0.7
    thick = (thick * rise)[None] * (0.45 + 0.55 * layer) + 0.012
    locks = _locks(rng, across + 1, layer)
    on_skull = centre + dirs * (envelope(dirs) + thick + locks[:, None] * rise)[..., None]
    u = np.linspace(0, 1, along - arcs + 1)[1:]
    start = on_skull[:, -1]
    out = (start - centre) * np.array([1, 0, 1])
    fall = style.fall[0] + (style.fall[1] - style.fall[0]) * np.clip(a * 2.2, 0, 1)
    fall = fall * (0.68 + 0.32 * layer)
    spread = 1 + 0.05 * np.sin(np.pi * np.minimum(u, 0.9)) - style.curl * u**2.4
    wave = 0.02 * np.sin(u * 5 + locks[:, None] * 90)
    falling = start[:, None] + out[:, None] * (spread - 1)[None, :, None]
    falling = (
        falling
        + (out / np.linalg.norm(out, axis=1, keepdims=True))[:, None]
        * (wave + locks[:, None] * 0.7 * u)[..., None]
    )
    falling[..., 1] = start[:, None, 1] - fall * u[None]
    grid = np.concatenate([on_skull, falling], 1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(grid, axis=1), axis=2).mean(0))])
    v = length / length[-1]
    uv = np.stack(np.broadcast_arrays(a, v[None]), -1)
    return Sheet(grid.reshape(-1, 3), uv.reshape(-1, 2), grid_triangles(across, len(v) - 1, side))


def grid_triangles(rows: int, columns: int, side: int = 1) -> Ints:
    """Triangles of a (rows + 1) × (columns + 1) grid."""
    index = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    out = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    return out if side > 0 else out[:, ::-1]


def _locks(rng: np.random.Generator, count: int, layer: float) -> Floats:
    """How far each strand lies before the others: locks of a few strands each."""
    noise = rng.standard_normal(count + 8)
    smooth = np.convolve(noise, np.hanning(5) / np.hanning(5).sum(), "same")[4:-4]
    return np.asarray(smooth * (0.006 + 0.012 * layer))


def texture(
    size: tuple[int, int], colour: tuple[int, int, int], solid: bool, seed: int
) -> np.ndarray:
    """RGBA strands running down the picture.

    Args:
        size: Width and height.
        colour: sRGB of the hair.
        solid: Without gaps but at the ends.
        seed: Of the strands.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    rows = np.linspace(0, 1, height, dtype=np.float32)

    def columns(sigma: float) -> np.ndarray:
        line = cv2.GaussianBlur(
            rng.standard_normal((1, width * 2)).astype(np.float32), (0, 0), sigma
        )
        line = line[:, width // 2 : width // 2 + width]
        return (line - line.mean()) / line.std()

    fine, lock, length, gap = columns(0.8), columns(9), columns(1.6), columns(2.2)
    # Strands wander a little sideways on their way down.
    drift = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 60)
    drift = drift / drift.std() * 4 * rows[:, None]
    x = np.arange(width, dtype=np.float32)[None] + drift
    y = np.zeros_like(x)
    fine, lock, length, gap = (
        cv2.remap(line, x.astype(np.float32), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for line in (fine, lock, length, gap)
    )
    shade = np.clip(1 + 0.20 * fine + 0.16 * lock, 0.35, 1.9)
    rgb = np.clip(np.array(colour, np.float32) * shade[..., None], 0, 255)
    end = 0.955 + 0.018 * length + 0.014 * lock
    alpha = np.clip((end - rows[:, None]) / 0.02, 0, 1)
    if not solid:
        open_ = np.clip((rows[:, None] - 0.55) / 0.45, 0, 1) * 1.6 + 0.15
        alpha *= np.clip(2.2 - open_ * 1.2 + gap, 0, 1)
    # The front edge thins out into single strands.
    edge = np.minimum(np.arange(width) / (0.05 * width), 1)[None]
    alpha *= np.clip(edge * 3.2 + gap * 0.8 - 0.9, 0, 1) if not solid else np.clip(edge * 5, 0, 1)
    return np.dstack([rgb, alpha * 255]).astype(np.uint8)
