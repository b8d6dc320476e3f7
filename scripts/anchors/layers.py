"""Teeth, tongue and cavity: the inside of the mouth as pictures of its own.

The upper teeth are cut from one open picture of the person, made even in light and fixed to the
skull. The lower teeth are the same teeth turned over and made narrower, as lower incisors are; the
tongue is painted. Both are placed for a closed jaw and move with the chin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from gan import Array, Image, eye_distance
from scipy.ndimage import (
    binary_closing,
    binary_fill_holes,
    gaussian_filter,
    gaussian_filter1d,
    label,
)

INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
# Upper incisor edge below the closed lip line, and crown height, in outer-eye distances.
INCISOR_EDGE = 0.046
CROWN = 0.115
LOWER_SCALE = (0.80, 0.85)
LOWER_OVERLAP = 0.028
TOOTH = np.array([222.0, 206.0, 188.0])
# How far the back teeth, made from the mirrored side ones, go on past the cut at each side.
BACK = 0.20
GUM = np.array([176.0, 98.0, 96.0])
CAVITY = np.array([34, 13, 14], np.uint8)


@dataclass(frozen=True, slots=True)
class Layer:
    """One picture: RGBA uint8 [h, w, 4], straight alpha, and its left, top in the base frame."""

    image: Image
    corner: Array


def _teeth_mask(patch: Array, inside: Array) -> Array:
    """Tooth pixels of an RGB patch within the inner lips, bool [h, w]."""
    luma = patch @ [0.299, 0.587, 0.114]
    redness = patch[..., 0] - patch[..., 1]
    level = np.percentile(luma[inside], 90)
    mask = inside & (luma > 0.52 * level) & (redness < 52)
    mask = binary_fill_holes(binary_closing(mask, np.ones((3, 3))))
    regions, count = label(mask)
    if not count:
        raise ValueError("no teeth in the picture chosen for the teeth layer")
    sizes = np.bincount(regions.ravel())[1:]
    return np.asarray(np.isin(regions, 1 + np.flatnonzero(sizes > 0.08 * sizes.max())))


def _edges(mask: Array, luma: Array, crown: float) -> tuple[Array, Array, Array]:
    """Columns with upper teeth, and the upper and lower end of the tooth in each.

    The lower end is the darkest row between upper and lower teeth when both show.
    """
    columns = np.flatnonzero(mask.sum(0) > 3)
    top = mask[:, columns].argmax(0).astype(np.float64)
    bottom = (mask.shape[0] - mask[::-1][:, columns].argmax(0)).astype(np.float64)
    for i, x in enumerate(columns):
        lo, hi = int(top[i] + 0.5 * crown), int(min(bottom[i], top[i] + 1.35 * crown))
        if hi - lo < 6:
            continue
        line = gaussian_filter1d(luma[lo:hi, x], 1.0)
        k = int(line.argmin())
        if line[k] < 0.94 * min(line[:k].max(initial=0), line[k:].max()):
            bottom[i] = lo + k
    window = int(0.35 * crown)
    for i in range(len(columns)):
        near = np.sort(bottom[max(0, i - window) : i + window + 1])
        bottom[i] = min(bottom[i], near[len(near) // 3] + 0.08 * crown)
    return columns, gaussian_filter1d(top, 2.0), bottom


def _even(colour: Array, alpha: Array, sigma: float) -> Array:
    """Bring the low-frequency colour of the teeth to one natural tooth colour."""
    weight = alpha[..., None]
    low = gaussian_filter(colour * weight, (sigma, sigma, 0)) / (
        gaussian_filter(weight, (sigma, sigma, 0)) + 1e-3
    )
    detail = colour / np.maximum(low, 20.0)
    return np.clip(TOOTH * np.clip(detail, 0.55, 1.10), 0, 255)


def _mirrored(
    colour: Array, alpha: Array, middle: int, reach: int, side: str
) -> tuple[Array, Array, int]:
    """Both halves from one side, turned over at the gap between the middle incisors."""
    lo, hi = max(2, middle - reach), min(colour.shape[1] - 2, middle + reach)
    luma = (colour @ [0.299, 0.587, 0.114] * alpha).mean(0)
    gap = lo + int(luma[lo:hi].argmin())
    if side == "right":
        colour, alpha = colour[:, gap:], alpha[:, gap:]
        return np.hstack([colour[:, ::-1], colour]), np.hstack([alpha[:, ::-1], alpha]), gap
    colour, alpha = colour[:, :gap], alpha[:, :gap]
    return np.hstack([colour, colour[:, ::-1]]), np.hstack([alpha, alpha[:, ::-1]]), gap


def _cut(
    image: Image, points: Array, base_points: Array, above: int
) -> tuple[Array, Array, Array, float]:
    """Cut the upper teeth out of an open picture and carry their tops on upwards.

    Args:
        image: RGB uint8 [1024, 1024, 3].
        points: Its landmarks [478, 2].
        base_points: Landmarks of the neutral base [478, 2].
        above: Rows to add above.

    Returns:
        Colour [h, w, 3], alpha [h, w], the column of each in the picture, the row of the edge.
    """
    io = eye_distance(base_points)
    lips = points[INNER]
    x0, y0 = np.floor(lips.min(0) - 6).astype(int)
    x1, y1 = np.ceil(lips.max(0) + 7).astype(int)
    patch = image[y0:y1, x0:x1].astype(np.float64)
    inside = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(lips - [x0, y0]).astype(np.int32)], 1)
    mask = _teeth_mask(patch, inside > 0)
    columns, top, bottom = _edges(mask, patch @ [0.299, 0.587, 0.114], CROWN * io)
    middle = (base_points[13, 0] + base_points[14, 0]) / 2 - x0
    half = min(middle - columns[0], columns[-1] - middle) * 0.97
    use = np.abs(columns - middle) <= half
    columns, top, bottom = columns[use], top[use], bottom[use]
    edge = float(np.median(bottom[np.abs(columns - middle) < 0.1 * io])) + above

    rows = np.arange(int(edge + 3), dtype=np.float64)
    colour = np.zeros((len(rows), len(columns), 3))
    alpha = np.zeros((len(rows), len(columns)))
    for i, x in enumerate(columns):
        t, b = top[i] + 2.0, bottom[i]
        source = np.clip(rows - above, t, max(t + 1, b - 1.5))
        for c in range(3):
            colour[:, i, c] = np.interp(source, np.arange(len(patch)), patch[:, x, c])
        alpha[:, i] = np.clip((b + above - rows) / 1.6, 0, 1)
    return colour, gaussian_filter(alpha, 0.6), x0 + columns, edge


def _with_back(colour: Array, alpha: Array, back: int, lift: float) -> tuple[Array, Array, Array]:
    """Add `back` columns of mirrored back teeth at each side, rising by up to `lift` rows.

    Returns:
        Colour and alpha, both wider, and the light on each column, falling off to the sides.
    """
    colour = np.pad(colour, ((0, 0), (back, back), (0, 0)), mode="symmetric")
    alpha = np.pad(alpha, ((0, 0), (back, back)), mode="symmetric")
    height, width = alpha.shape
    for i in range(back):
        up = int(lift * (1 - i / back))
        for x in (i, width - 1 - i):
            alpha[: height - up, x] = alpha[up:, x].copy()
            alpha[height - up :, x] = 0
    away = np.abs(np.linspace(-1, 1, width))
    light = 1 - 0.72 * np.clip((away - 0.28) / 0.72, 0, 1) ** 1.5
    colour = colour * light[None, :, None] + CAVITY * (1 - light)[None, :, None] * 0.6
    return colour, alpha * np.clip((1 - away) / 0.12, 0, 1), light


def upper_teeth(image: Image, points: Array, base_points: Array, side: str = "both") -> Layer:
    """The upper teeth of an open picture aligned to the base.

    Args:
        image: RGB uint8 [1024, 1024, 3].
        points: Its landmarks [478, 2].
        base_points: Landmarks of the neutral base [478, 2].
        side: "both", or the half ("left", "right" in the picture) that is drawn better; the other
            half is then its mirror image.
    """
    io = eye_distance(base_points)
    colour, alpha, columns, edge = _cut(image, points, base_points, int(0.06 * io))
    start = int(columns[0])
    if side != "both":
        guess = int((base_points[13, 0] + base_points[14, 0]) / 2) - start
        colour, alpha, gap = _mirrored(colour, alpha, guess, int(0.06 * io), side)
        start += gap - colour.shape[1] // 2
    colour = _even(gaussian_filter(colour, (0.4, 0.4, 0)), alpha, 0.05 * io)
    back = int(BACK * colour.shape[1])
    colour, alpha, light = _with_back(colour, alpha, back, 0.012 * io)
    rows = np.arange(len(colour))
    gum = np.clip((edge - CROWN * io - rows) / (0.02 * io) + 0.5, 0, 1)[:, None, None]
    colour = colour * (1 - gum) + GUM * light[None, :, None] * gum
    rgba = np.dstack([colour, 255 * alpha]).round().clip(0, 255).astype(np.uint8)
    line = (base_points[13, 1] + base_points[14, 1]) / 2
    return Layer(rgba, np.array([start - back, line + INCISOR_EDGE * io - edge], np.float32))


def lower_teeth(upper: Layer, base_points: Array) -> Layer:
    """Lower teeth, placed for a closed jaw, from the upper ones."""
    io = eye_distance(base_points)
    h, w = upper.image.shape[:2]
    tall = int(CROWN * io)
    turned = upper.image[::-1][: tall + 4]
    size = (int(w * LOWER_SCALE[0]), int(turned.shape[0] * LOWER_SCALE[1]))
    small = cv2.resize(turned, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    small[..., :3] *= [0.78, 0.74, 0.70]
    middle = (base_points[13, 0] + base_points[14, 0]) / 2
    line = (base_points[13, 1] + base_points[14, 1]) / 2
    top = line + (INCISOR_EDGE - LOWER_OVERLAP) * io
    return Layer(small.round().astype(np.uint8), np.array([middle - size[0] / 2, top], np.float32))


def tongue(base_points: Array, seed: int = 5) -> Layer:
    """A tongue at rest behind the lower teeth, painted; placed for a closed jaw."""
    io = eye_distance(base_points)
    w, h = int(0.54 * io), int(0.30 * io)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    u = (x - w / 2) / (w / 2)
    ridge = 0.10 * h + 0.6 * h * np.abs(u) ** 2.6
    alpha = np.clip((y - ridge) / (0.03 * io), 0, 1) * np.clip((1 - np.abs(u)) / 0.05, 0, 1)
    depth = np.clip((y - ridge) / (0.5 * h), 0, 1)
    noise = np.random.default_rng(seed).normal(size=(h, w))
    grain = gaussian_filter(noise, 1.2) * 3 + gaussian_filter(noise, 4.0) * 14
    groove = -0.16 * np.exp(-((u / 0.09) ** 2)) * np.clip(1.2 - depth, 0, 1)
    light = 0.46 + 0.34 * np.sin(np.pi * np.clip(depth * 1.1, 0, 1)) + groove - 0.2 * u**2
    colour = np.array([196.0, 104.0, 104.0]) * light[..., None] + grain[..., None]
    rgba = np.dstack([colour, 255 * alpha]).round().clip(0, 255).astype(np.uint8)
    middle = (base_points[13, 0] + base_points[14, 0]) / 2
    line = (base_points[13, 1] + base_points[14, 1]) / 2
    return Layer(rgba, np.array([middle - w / 2, line - 0.075 * io], np.float32))
