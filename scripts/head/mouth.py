"""Teeth and gums made by code on the arch of the base mesh's own, and the tongue."""

from __future__ import annotations

import cv2
import numpy as np
from body import Body
from hair import grid_triangles
from source import Floats, Ints, triangulate

BANDS = {"teeth": (0.02, 0.44), "gum": (0.48, 0.60), "tongue": (0.64, 0.80), "cavity": (0.86, 0.98)}
"""Rows of the mouth's texture, from the top."""
UPPER_LIP_EDGE = 537  # vertex of the base mesh in the middle of the upper lip's edge
# Widths of the teeth from the middle outward, in shares of the first one.
_UPPER = (1.0, 0.78, 0.90, 0.80, 0.78, 1.0)
_LOWER = (0.64, 0.70, 0.80, 0.80, 0.80, 1.0)


def teeth(body: Body, upper: bool) -> tuple[Floats, Floats, Ints]:
    """One row of teeth with its gum: vertices, uv and triangles."""
    group = "helper-upper-teeth" if upper else "helper-lower-teeth"
    helper = body.vertices[np.unique(body.source.groups[group][0])]
    half = float(np.abs(helper[:, 0]).max()) * (0.92 if upper else 0.86)
    front = float(helper[:, 2].max()) - (0.0 if upper else 0.035)
    depth = front - float(helper[:, 2].min())
    # The upper teeth reach a little below the upper lip and stand before the lower ones.
    edge = float(body.vertices[UPPER_LIP_EDGE, 1]) + (-0.030 if upper else 0.0)
    widths = np.array(_UPPER if upper else _LOWER)
    # The arch as a curve x(s), z(s) by length s from the middle.
    t = np.linspace(0, 1, 400)
    x, z = half * np.sin(t * np.pi / 2) ** 0.9, front - depth * (1 - np.cos(t * np.pi / 2)) ** 1.05
    s = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    unit = (0.088 if upper else 0.080) / 1.0
    ends = np.concatenate([[0], np.cumsum(widths * unit)])
    vertices, uvs, triangles, count = [], [], [], 0
    up = 1.0 if upper else -1.0
    for side in (-1, 1):
        for k in range(len(widths)):
            a, b = ends[k] + 0.0015, ends[k + 1] - 0.0015
            height = (0.105, 0.092, 0.104, 0.085, 0.08, 0.075)[k] * (1.0 if upper else 0.86)
            short = (0.0, 0.008, 0.002, 0.012, 0.014, 0.016)[k] * (1.0 if upper else 0.4)
            grid, uv = _tooth(a, b, height, short, s, x, z, edge, up, side)
            vertices.append(grid)
            uvs.append(uv)
            triangles.append(grid_triangles(4, 4, int(side * up)) + count)
            count += len(grid)
    # The gum: a strip over the necks of the teeth.
    at = np.linspace(-ends[-1], ends[-1], 31)
    px, pz = np.sign(at) * np.interp(np.abs(at), s, x), np.interp(np.abs(at), s, z)
    rows = []
    for lift, out in ((0.070, -0.012), (0.085, 0.016), (0.125, 0.022), (0.20, 0.0), (0.24, -0.1)):
        wave = 0.012 * np.cos(np.abs(at) / unit * 2 * np.pi) if lift == 0.085 else 0.0
        y = np.broadcast_to(edge + up * (lift + wave), px.shape)
        rows.append(np.stack([px * (1 + out * 0.6), y, pz + out], 1))
    gum = np.stack(rows, 1)
    v = np.linspace(*BANDS["gum"], 5)
    uvs.append(
        np.stack(np.broadcast_arrays(np.linspace(0, 1, 31)[:, None], v[None]), -1).reshape(-1, 2)
    )
    vertices.append(gum.reshape(-1, 3))
    triangles.append(grid_triangles(30, 4, int(up)) + count)
    return np.concatenate(vertices), np.concatenate(uvs), np.concatenate(triangles)


def _tooth(
    a: float, b: float, height: float, short: float, s: Floats, x: Floats, z: Floats, edge: float,
    up: float, side: int,
) -> tuple[Floats, Floats]:  # fmt: skip
    """A rounded shell between lengths ``a`` and ``b`` of the arch."""
    u = np.linspace(-1, 1, 5)[:, None]
    v = np.array([0, 0.1, 0.3, 0.65, 1.0])[None]
    # Narrower at the neck, rounded at the edge.
    narrow = 1 - 0.16 * v**1.5 - 0.10 * np.clip(0.16 - v, 0, 1) / 0.16 * np.abs(u) ** 3
    at = (a + b) / 2 + u * narrow * (b - a) / 2
    px, pz = np.interp(at, s, x), np.interp(at, s, z)
    tangent = np.array(
        [np.interp(b, s, x) - np.interp(a, s, x), np.interp(b, s, z) - np.interp(a, s, z)]
    )
    out = np.array([-tangent[1], tangent[0]]) / np.linalg.norm(tangent)
    bulge = (
        0.020
        * (1 - np.abs(u) ** 2.6)
        * (0.55 + 0.45 * np.sin(np.pi * np.clip(v * 0.8 + 0.2, 0, 1)))
    )
    bulge = bulge - 0.018 * np.clip(0.10 - v, 0, 1) / 0.10
    px, pz = px + out[0] * bulge, pz + out[1] * bulge
    rounding = 0.012 * np.abs(u) ** 3 * np.clip(1 - v * 6, 0, 1)
    y = edge + up * (short + rounding + v * height)
    y = np.broadcast_to(y, px.shape)
    grid = np.stack([side * px, y, pz], -1).reshape(-1, 3)
    low, high = BANDS["teeth"]
    uv = np.stack(np.broadcast_arrays((u + 1) / 2, low + (high - low) * v), -1).reshape(-1, 2)
    return grid, uv


def follow(body: Body, group: str, points: Floats) -> dict[str, Floats]:
    """Targets of own geometry: the affine motion of the base mesh's vertices there."""
    index = np.unique(body.source.groups[group][0])
    helper = body.vertices[index]
    base = np.hstack([helper, np.ones((len(helper), 1))])
    own = np.hstack([points, np.ones((len(points), 1))])
    out = {}
    for name, target in body.targets.items():
        if np.abs(target[index]).max() > 1e-4:
            fit, *_ = np.linalg.lstsq(base, target[index], rcond=1e-6)
            out[name] = own @ fit
    return out


def tongue(body: Body) -> tuple[Floats, Floats, Ints, dict[str, Floats]]:
    """The base mesh's tongue with a target that lifts its tip."""
    faces, _ = body.source.groups["helper-tongue"]
    index, local = np.unique(faces, return_inverse=True)
    vertices = body.vertices[index].copy()
    vertices[:, 1] -= 0.02
    along = (vertices[:, 2] - vertices[:, 2].min()) / np.ptp(vertices[:, 2])
    across = (vertices[:, 0] - vertices[:, 0].min()) / np.ptp(vertices[:, 0])
    low, high = BANDS["tongue"]
    uv = np.stack([across, low + (high - low) * along], 1)
    targets = {n: t[index] for n, t in body.targets.items() if np.abs(t[index]).max() > 1e-4}
    lift = np.zeros_like(vertices)
    tip = np.clip((along - 0.45) / 0.55, 0, 1) ** 1.6
    lift[:, 1], lift[:, 2] = 0.17 * tip, 0.02 * tip
    targets["tongueUp"] = lift
    return vertices, uv, triangulate(local.reshape(faces.shape)), targets


def texture(seed: int) -> np.ndarray:
    """RGBA 256 × 512 of teeth, gums, tongue and cavity; alpha is gloss."""
    rng = np.random.default_rng(seed)
    height, width = 512, 256
    out = np.zeros((height, width, 4), np.float32)
    v = np.linspace(0, 1, height)[:, None]
    u = np.abs(np.linspace(-1, 1, width))[None]
    tooth = np.array([236, 230, 218], np.float32)
    low, high = BANDS["teeth"]
    along = np.clip((v - low) / (high - low), 0, 1)
    tone = (1 - 0.07 * along - 0.16 * u**6)[..., None] * np.array([1, 1, 1], np.float32)
    out[..., :3] = tooth * tone - along[..., None] * np.array([2, 8, 20], np.float32)
    edge = np.clip(1 - along * 7, 0, 1)[..., None]
    out[..., :3] = out[..., :3] * (1 - 0.25 * edge) + np.array([206, 212, 220]) * 0.25 * edge
    out[..., 3] = 210
    noise = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), 3) * 6
    for name, colour, gloss in (
        ("gum", (198, 104, 102), 170), ("tongue", (196, 98, 98), 120), ("cavity", (120, 44, 44), 60)
    ):  # fmt: skip
        low, high = BANDS[name]
        rows = ((v > low - 0.03) & (v < high + 0.03))[..., 0]
        out[rows] = (*colour, gloss)
    low, high = BANDS["tongue"]
    rows = ((v > low - 0.03) & (v < high + 0.03))[..., 0]
    out[rows, :, :3] *= 1 - 0.12 * np.exp(-((u / 0.10) ** 2))[..., None]
    out[..., :3] += noise[..., None] * 4
    return np.clip(out, 0, 255).astype(np.uint8)
