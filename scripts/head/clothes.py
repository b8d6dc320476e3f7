"""A round-necked top under an open jacket, laid over the smoothed trunk and cut in the picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from body import Body, patch
from hair import Sheet, grid_triangles
from scipy import sparse
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from source import Floats, Ints, triangulate

LEFT, TOP, RIGHT, BOTTOM = -2.7, -1.4, 2.7, -4.6
SCALE = 210  # texels per io
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Outfit:
    """Colours (sRGB) of the clothes.

    Attributes:
        jacket: Jacket.
        top: What is worn under it.
        neckline: y of its lowest point at the neck.
        opening: y at which the jacket closes.
    """

    jacket: Colour
    top: Colour
    neckline: float
    opening: float


def trunk(body: Body) -> tuple[Floats, Floats, Ints]:
    """Smoothed trunk and upper arms: vertices, outward normals, triangles."""
    v = body.vertices
    keep = (v[:, 1] < -1.3) & (v[:, 1] > -5.6) & (np.abs(v[:, 0]) < 3.2)
    coarse = patch(body, "body", keep)
    smooth = _smoother(coarse.faces, len(coarse.vertices))
    points = coarse.vertices.copy()
    for _ in range(3):
        points = smooth @ points
    strong = points.copy()
    for _ in range(30):
        strong = smooth @ strong
    # Cloth spans hollows below the shoulders; at the neck it stays close.
    blend = np.clip((-2.15 - points[:, 1]) / 0.7, 0, 1)[:, None]
    shoulder = np.clip((np.abs(points[:, :1]) - 1.0) / 0.6, 0, 1)
    blend = np.maximum(blend, 0.8 * shoulder)
    coarse.vertices = points * (1 - blend) + strong * blend
    triangles = triangulate(coarse.faces)
    return coarse.vertices, _normals(coarse.vertices, triangles), triangles


def _smoother(faces: Ints, count: int) -> sparse.csr_matrix:
    a, b = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    link = sparse.csr_matrix((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), (count, count))
    link.data[:] = 1
    mean = sparse.diags(1 / np.asarray(link.sum(1)).ravel()) @ link
    return (0.45 * sparse.identity(count) + 0.55 * mean).tocsr()


def _normals(points: Floats, triangles: Ints) -> Floats:
    a, b, c = (points[triangles[:, i]] for i in range(3))
    out = np.zeros_like(points)
    for i in range(3):
        np.add.at(out, triangles[:, i], np.cross(b - a, c - a))
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def _uv(points: Floats) -> Floats:
    return np.stack(
        [(points[:, 0] - LEFT) / (RIGHT - LEFT), (TOP - points[:, 1]) / (TOP - BOTTOM)], 1
    )


def layer(
    points: Floats, normals: Floats, triangles: Ints, lift: float, outfit: Outfit, outer: bool
) -> Sheet:
    """What shows of the trunk's front, ``lift`` io over the skin; ``outer``: the jacket."""
    front = (normals[triangles][..., 2] > -0.35).any(axis=1)
    inside = (points[triangles][..., 1] > BOTTOM).all(axis=1)
    half = opening(outfit, points[:, 1])
    side = np.abs(points[:, 0])
    shows = side > half - 0.15 if outer else side < half + 0.25
    chosen = triangles[front & inside & shows[triangles].any(axis=1)]
    used, local = np.unique(chosen, return_inverse=True)
    moved = points[used] + normals[used] * lift
    return Sheet(moved, _uv(moved), local.reshape(-1, 3))


def collar(points: Floats, normals: Floats, outfit: Outfit, lift: float) -> Sheet:
    """The two lapels: bands beside the opening that lie on the jacket and stand off its edge."""
    front = normals[:, 2] > 0.05
    flat, depth = points[front][:, :2], (points + normals * lift)[front][:, 2]
    surface, nearest = LinearNDInterpolator(flat, depth), NearestNDInterpolator(flat, depth)
    slope = NearestNDInterpolator(flat, normals[front][:, 2])
    vertices, uvs, triangles, count = [], [], [], 0
    rows, columns = 40, 3
    for side in (-1, 1):
        t = np.linspace(0, 1, rows + 1)[:, None]
        s = np.linspace(0, 1, columns + 1)[None]
        inner = edge_line(outfit, t)
        outer = inner + lapel_width(t) * np.array([0.97, 0.22])
        xy = (
            inner[..., None, :].reshape(rows + 1, 1, 2) * (1 - s[..., None])
            + outer.reshape(rows + 1, 1, 2) * s[..., None]
        )
        z = surface(xy[..., 0] * side, xy[..., 1])
        z = np.where(np.isfinite(z), z, nearest(xy[..., 0] * side, xy[..., 1]))
        # Rolls over at the opening and lies down towards its outer edge.
        steep = 0.08 / np.maximum(slope(xy[..., 0] * side, xy[..., 1]), 0.22)
        z = z + steep + 0.075 * np.exp(-(((s - 0.0) / 0.28) ** 2)) * np.ones_like(z)
        grid = np.dstack([xy[..., 0] * side, xy[..., 1], z])
        vertices.append(grid.reshape(-1, 3))
        uvs.append(_uv(grid.reshape(-1, 3)))
        triangles.append(grid_triangles(rows, columns, side) + count)
        count += grid[..., 0].size
    return Sheet(np.concatenate(vertices), np.concatenate(uvs), np.concatenate(triangles))


def opening(outfit: Outfit, y: np.ndarray) -> np.ndarray:
    """Half width of the jacket's opening at height ``y``."""
    edge = edge_line(outfit, np.linspace(0, 1, 200))
    return np.interp(y, edge[::-1, 1], edge[::-1, 0], left=0.02, right=float(edge[0, 0]))


def edge_line(outfit: Outfit, t: np.ndarray) -> np.ndarray:
    """The opening's edge from the neck (t 0) to where the jacket closes (t 1), [..., 2]."""
    t = np.asarray(t)[..., 0] if np.ndim(t) == 2 else np.asarray(t)
    y = -1.68 + (outfit.opening + 1.68) * t
    x = 0.66 * (1 - t) ** 0.85 + 0.02 + 0.05 * np.sin(np.pi * t)
    return np.stack([x, y], -1)


def lapel_width(t: np.ndarray) -> np.ndarray:
    """Width of the lapel, with a notch, [n, 1]."""
    t = np.asarray(t)
    collar_ = 0.26 + 0.10 * np.clip(t / 0.22, 0, 1)
    lapel = 0.52 * (1 - np.clip((t - 0.27) / 0.73, 0, 1) ** 1.15)
    width = np.where(t < 0.245, collar_, lapel)
    notch = 0.20 * np.clip(1 - np.abs(t - 0.258) / 0.014, 0, 1)
    return np.clip(width - notch, 0.02, None)


def textures(outfit: Outfit, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """RGBA of top, jacket and lapels."""
    rng = np.random.default_rng(seed)
    width, height = round((RIGHT - LEFT) * SCALE), round((TOP - BOTTOM) * SCALE)
    x = np.linspace(LEFT, RIGHT, width)[None]
    y = np.linspace(TOP, BOTTOM, height)[:, None]

    def weave(colour: Colour, strength: float) -> np.ndarray:
        fine = cv2.GaussianBlur(
            rng.standard_normal((height, width)).astype(np.float32), (0, 0), 0.8
        )
        broad = cv2.GaussianBlur(
            rng.standard_normal((height, width)).astype(np.float32), (0, 0), 30
        )
        tone = 1 + strength * fine / fine.std() + 0.02 * broad / broad.std()
        return np.array(colour, np.float32) * tone[..., None]

    edge = edge_line(outfit, np.linspace(0, 1, 200))
    t = np.linspace(0, 1, 200)
    half = opening(outfit, y)
    soft = 1.6 / SCALE
    jacket = np.clip((np.abs(x) - half) / soft + 0.5, 0, 1) * np.ones_like(y)
    lapel = edge + lapel_width(t[:, None]) * np.array([0.97, 0.22])
    mask = np.zeros((height, width), np.uint8)
    for side in (-1, 1):
        outline = np.concatenate([edge, lapel[::-1]]) * (side, 1)
        pixels = np.stack([(outline[:, 0] - LEFT) * SCALE, (TOP - outline[:, 1]) * SCALE], 1)
        cv2.fillPoly(mask, [np.round(pixels * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    shadow = cv2.GaussianBlur(np.roll(mask, 3, axis=0), (0, 0), 4).astype(np.float32) / 255
    cloth = weave(outfit.jacket, 0.035)
    # Seams: front darts and the shoulders' ends.
    for seam in (
        np.abs(np.abs(x) - (1.02 + 0.05 * (y + 3))),
        np.abs(np.abs(x) - (1.74 - 0.10 * (y + 2))),
    ):
        cloth *= (1 - 0.16 * np.exp(-((seam / 0.010) ** 2)))[..., None]
        cloth *= (1 + 0.06 * np.exp(-(((seam - 0.02) / 0.012) ** 2)))[..., None]
    button = np.exp(-((np.hypot(x - 0.10, y - outfit.opening + 0.12) / 0.055) ** 8))
    cloth = cloth * (1 - 0.55 * button[..., None])
    close = np.exp(-(((x - 0.02) / 0.012) ** 2)) * (y < outfit.opening)
    cloth *= (1 - 0.35 * close)[..., None]
    cloth *= (1 - 0.30 * shadow)[..., None]
    jacket_rgba = np.dstack([cloth, jacket * 255])
    stitched = weave(outfit.jacket, 0.030) * 1.06
    inside = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    stitched *= (1 - 0.13 * np.exp(-(((inside - 5) / 1.2) ** 2)))[..., None]
    stitched *= (1 + 0.12 * np.exp(-((inside / 2.2) ** 2)))[..., None]
    lapel_rgba = np.dstack([stitched, mask.astype(np.float32)])
    neck = outfit.neckline + 0.95 * (np.abs(x) / 0.80) ** 2.4
    cover = np.clip((neck - y) / soft + 0.5, 0, 1)
    top = weave(outfit.top, 0.018)
    rib = np.clip((neck - y) / 0.085, 0, 1)
    top *= (0.93 + 0.07 * np.clip((rib - 0.93) * 30, 0, 1))[..., None]
    top *= (1 - 0.10 * np.exp(-(((neck - y - 0.088) / 0.010) ** 2)))[..., None]
    under = cv2.GaussianBlur((jacket * 255).astype(np.uint8), (0, 0), 16).astype(np.float32) / 255
    top *= (1 - 0.42 * under)[..., None]
    top_rgba = np.dstack([top, cover * 255])
    out = [np.clip(a, 0, 255).astype(np.uint8) for a in (top_rgba, jacket_rgba, lapel_rgba)]
    return out[0], out[1], out[2]
