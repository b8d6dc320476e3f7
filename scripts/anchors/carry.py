"""Redraw mouth pictures the network draws badly: their shape, on the skin of a clean picture."""

from __future__ import annotations

import cv2
import numpy as np
from gan import SIZE, Array, Image
from measure import LIPS
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter

# Step of the grid on which the warp is solved, in pixels.
GRID = 16
MESH = 468


def mirror_pairs(points: Array) -> Array:
    """Index of each landmark's mirror image, from the mean of many faces [n, 478, 2+]."""
    total = np.zeros((MESH, 2))
    for face in points:
        q = face[:MESH, :2]
        across = q[263] - q[33]
        io = np.linalg.norm(across)
        u = across / io
        turn = np.array([[u[0], u[1]], [-u[1], u[0]]])
        total += (q - q[168]) @ turn.T / io
    mean = total / len(points)
    return np.asarray(np.argmin((((mean * [-1, 1])[:, None] - mean[None]) ** 2).sum(-1), 1))


def symmetric(points: Array, base: Array, pairs: Array) -> Array:
    """The motion from `base` made left-right symmetric, as landmarks [478, 2]."""
    motion = points[:MESH] - base[:MESH]
    out = points.copy()
    out[:MESH] = base[:MESH] + (motion + motion[pairs] * [-1, 1]) / 2
    return out


def carry(image: Image, points: Array, target: Array) -> Image:
    """Warp `image` so that its landmarks near the mouth come to `target`; the rest stays."""
    io = np.linalg.norm(target[33] - target[263])
    centre = target[list(LIPS)].mean(0)
    near = np.linalg.norm((target[:MESH] - centre) / [1.0, 0.9], axis=1) < 0.75 * io
    pin = [(x, y) for x in np.linspace(0, SIZE, 9) for y in np.linspace(0, SIZE, 9)]
    pin = [p for p in pin if np.hypot(p[0] - centre[0], p[1] - centre[1]) > 0.9 * io]
    known = np.vstack([target[:MESH][near], pin])
    shift = np.vstack([(points - target)[:MESH][near], np.zeros((len(pin), 2))])
    warp = RBFInterpolator(known, shift, neighbors=60, smoothing=1.0, kernel="thin_plate_spline")
    axis = np.arange(0, SIZE + GRID, GRID)
    x, y = np.meshgrid(axis, axis)
    field = warp(np.stack([x.ravel(), y.ravel()], 1)).reshape(*x.shape, 2)
    field = gaussian_filter(field, (0.7, 0.7, 0)).astype(np.float32)
    full = (len(axis) * GRID, len(axis) * GRID)
    step = np.array([[1 / GRID, 0, 0], [0, 1 / GRID, 0]], np.float32)
    dense = cv2.warpAffine(field, step, full, flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)[
        :SIZE, :SIZE
    ]
    gy, gx = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    return cv2.remap(
        image,
        gx + dense[..., 0],
        gy + dense[..., 1],
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
