"""Closed eyes for a portrait that shows them open.

The opening of each eye and its lashes are filled with the skin around them, rounded as the ball
under the lid is, with the fold of the upper lid and a line of lashes where the lids meet.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.pictures import shut

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_FRAME = 0.6  # brightness above an eye over that below it under which glasses hide the skin
_EYES = (
    (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
    (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
)
_FOLDS = ((33, 247, 30, 29, 27, 28, 56, 190, 133), (263, 467, 260, 259, 257, 258, 286, 414, 362))


def closed_points(points: FloatArray, blink: FloatArray) -> FloatArray:
    """Landmarks [478, 2] of the closed eyes, from those at rest and the bundle's blink mode."""
    return shut((points + blink * lm.eye_distance(points)).astype(np.float32))


def close_eyes(
    image: ByteArray, points: FloatArray, closed: FloatArray, blur: float, seed: int
) -> ByteArray:
    """Paint closed lids into a picture.

    Args:
        image: uint8 [h, w, 3] RGB.
        points: float32 [478, 2], its landmarks, upright.
        closed: float32 [478, 2], landmarks with the lids on each other.
        blur: Standard deviation in pixels that makes an edge as soft as the picture's.
        seed: Of the grain of the skin.

    Returns:
        uint8 [h, w, 3].
    """
    io = lm.eye_distance(points)
    out = image.astype(np.float32)
    rng = np.random.default_rng(seed)
    for (upper, lower), fold, brow in zip(
        _EYES, _FOLDS, (lm.RIGHT_BROW, lm.LEFT_BROW), strict=True
    ):
        ring = points[[*upper, *lower[-2:0:-1]]]
        x0, y0 = np.floor(ring.min(0) - 0.14 * io).astype(int)
        x1, y1 = np.ceil(ring.max(0) + 0.14 * io).astype(int)
        part = out[y0:y1, x0:x1]
        corner = np.array([x0, y0], np.float32)
        lashes = _lash_colour(part, ring - corner)
        hole = _hole(part.shape, points - corner, upper, lower, io)
        crease = _curve(points[list(fold)] - corner)
        hole = _with_lashes(part, hole, points[list(brow)] - corner, io)
        low = _curve(points[list(lower)] - corner)
        above = _lit(part, hole, _height_of(crease, hole.shape[1]) - 0.036 * io, io)
        below = _lit(part, hole, _height_of(low, hole.shape[1]) + 0.055 * io, io)
        if _level(part, above) < _FRAME * _level(part, below):
            skin = _fill(part, hole, below, io)  # the frame of glasses is above the eye
        else:
            skin = _fill(part, hole, above, io) + _texture(part, hole, crease, io)
        line = _curve(closed[list(upper)] - corner)
        skin = _shaded(skin, hole, line, crease, io)
        grain = cv2.GaussianBlur(rng.normal(0, 1, hole.shape).astype(np.float32), (0, 0), 1.1)
        skin += (1.5 * grain * hole)[..., None]
        _draw_lashes(skin, line, lashes, io, blur)
        part[:] = skin
    return np.clip(out, 0, 255).astype(np.uint8)


def _lit(image: FloatArray, hole: FloatArray, line: FloatArray, io: float) -> FloatArray:
    """1 on lit skin in a band around a ``line`` (a height for each column), 0 elsewhere, [h, w]."""
    luma = image @ _LUMA
    rows = np.arange(len(image), dtype=np.float32)[:, None]
    band = (np.abs(rows - line) < 0.024 * io) & (hole < 0.02)
    level = float(np.median(luma[band])) if band.any() else float(np.median(luma))
    lit = np.clip((luma / level - 0.70) / 0.2, 0, 1) * np.clip((1.4 - luma / level) / 0.2, 0, 1)
    return np.asarray(band * lit, np.float32)


def _level(image: FloatArray, weight: FloatArray) -> float:
    """Mean brightness of what has a ``weight``."""
    return float((image @ _LUMA * weight).sum() / max(float(weight.sum()), 1e-3))


def _height_of(line: FloatArray, width: int) -> FloatArray:
    """The height of a line [m, 2] above each of ``width`` columns."""
    order = np.argsort(line[:, 0])
    columns = np.arange(width, dtype=np.float32)
    return np.asarray(np.interp(columns, line[order, 0], line[order, 1]), np.float32)


def _texture(image: FloatArray, hole: FloatArray, fold: FloatArray, io: float) -> FloatArray:
    """The fine grain of the skin above the lid's fold, mirrored down into the lid, [h, w, 3]."""
    height, width = hole.shape
    line = _height_of(fold, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    # To and fro within a band that the brow does not reach.
    band = 0.035 * io
    away = np.abs(np.mod(0.6 * np.abs(y - line) + band, 2 * band) - band)
    above = (line - away - 0.014 * io).astype(np.float32)
    fine = image - cv2.GaussianBlur(image, (0, 0), 0.016 * io)
    mirrored = cv2.remap(fine, x, above, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    share = cv2.GaussianBlur(hole, (0, 0), 1.5)[..., None]
    return np.asarray(np.clip(mirrored, -9, 9) * share, np.float32)


def _fill(image: FloatArray, hole: FloatArray, known: FloatArray, io: float) -> FloatArray:
    """``hole`` (0…1) of an image [h, w, 3] filled smoothly with the colours ``known`` (0…1)."""
    colour = np.full_like(image, 0)
    colour[:] = (image * known[..., None]).sum((0, 1)) / max(float(known.sum()), 1e-3)
    for sigma in (0.14 * io, 0.06 * io):
        weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
        mean = cv2.GaussianBlur(image * known[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)
        trust = np.clip(weight / 0.03, 0, 1)
        colour = colour * (1 - trust) + mean * trust
    share = cv2.GaussianBlur(hole, (0, 0), 0.008 * io)[..., None]
    return np.asarray(image * (1 - share) + colour * share, np.float32)


def _hole(
    shape: tuple[int, ...],
    points: FloatArray,
    upper: tuple[int, ...],
    lower: tuple[int, ...],
    io: float,
) -> FloatArray:
    """The opening of an eye and its lashes, a little wider above than below, 0…1."""
    mask = np.zeros(shape[:2], np.uint8)
    top, bottom = points[list(upper)].copy(), points[list(lower)].copy()
    arch = np.sin(np.linspace(0, np.pi, len(upper))).astype(np.float32)
    top[:, 1] -= (0.010 + 0.024 * arch) * io
    bottom[:, 1] += (0.008 + 0.014 * arch) * io
    outward = np.sign(points[upper[0], 0] - points[upper[-1], 0])
    top[0, 0] += 0.03 * io * outward
    ring = np.concatenate([_curve(top), _curve(bottom)[::-1]])
    cv2.fillPoly(mask, [np.round(ring).astype(np.int32)], 255)
    return np.asarray(mask / 255, np.float32)


def _with_lashes(image: FloatArray, hole: FloatArray, brow: FloatArray, io: float) -> FloatArray:
    """The eye with the dark lashes and lid lines that grow from it, up to the brow, 0…1."""
    luma = image @ _LUMA
    rows = np.arange(len(image), dtype=np.float32)[:, None]
    reach = round(0.15 * io) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, round(0.11 * io) | 1))
    near = (cv2.dilate(hole, kernel) > 0) & (rows > brow[:, 1].max() + 0.02 * io)
    skin = luma[near & (hole == 0)]
    if not len(skin):
        return hole
    dark = near & (luma < 0.80 * np.percentile(skin, 75))
    marks = (dark | (hole > 0)).astype(np.uint8)
    _, labels = cv2.connectedComponents(marks)
    inside = labels[hole > 0]
    own = np.isin(labels, np.unique(inside[inside > 0])).astype(np.uint8)
    grow = round(0.008 * io) * 2 + 1
    wider = cv2.dilate(own, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (grow, grow)))
    return np.asarray(((wider > 0) & near) | (hole > 0), np.float32)


def _curve(points: FloatArray) -> FloatArray:
    """A smooth line [m, 2] near ``points`` [n, 2], given from end to end."""
    t = np.arange(len(points))
    fine = np.linspace(0, len(points) - 1, 60)
    x, y = (np.polyval(np.polyfit(t, points[:, k], 4), fine) for k in (0, 1))
    return np.column_stack([x, y]).astype(np.float32)


def _lash_colour(part: FloatArray, ring: FloatArray) -> FloatArray:
    """Colour [3] of the darkest pixels along the rim of the open eye."""
    mask = np.zeros(part.shape[:2], np.uint8)
    cv2.polylines(mask, [np.round(ring).astype(np.int32)], True, 1, 3)
    pixels = part[mask > 0]
    luma = pixels @ _LUMA
    dark = pixels[luma <= np.percentile(luma, 15)]
    return np.asarray(dark.mean(0), np.float32)


def _shaded(
    skin: FloatArray, hole: FloatArray, line: FloatArray, fold: FloatArray, io: float
) -> FloatArray:
    """Light on the lid: brighter where the ball is nearest, a soft fold, shade at the lashes."""
    height, width = hole.shape
    columns = np.arange(width, dtype=np.float32)
    low, high = _height_of(line, width), _height_of(fold, width)
    y = np.arange(height, dtype=np.float32)[:, None]
    inside = (columns > line[:, 0].min()) & (columns < line[:, 0].max())
    middle, half = (line[:, 0].min() + line[:, 0].max()) / 2, np.ptp(line[:, 0]) / 2
    across = np.clip(1 - ((columns - middle) / half) ** 2, 0, 1) * inside
    t = (y - high) / np.maximum(low - high, 1)
    bulge = 0.045 * np.exp(-(((t - 0.5) / 0.3) ** 2))
    crease = -0.10 * np.exp(-(((y - high) / (0.010 * io)) ** 2))
    rim = -0.10 * np.exp(-(((y - low) / (0.020 * io)) ** 2))
    light = 1 + (bulge + crease + rim) * across
    tint = np.array([0.85, 1.0, 1.05], np.float32)  # shade in skin is reddish
    return np.asarray(skin * (1 + (light[..., None] - 1) * tint), np.float32)


def _draw_lashes(
    skin: FloatArray, line: FloatArray, colour: FloatArray, io: float, blur: float
) -> None:
    """The line where the lids meet, with short lashes that point down and outwards."""
    mask = np.zeros(skin.shape[:2], np.uint8)
    shift, scale = 4, 16
    path = np.round(line * scale).astype(np.int32)
    cv2.polylines(mask, [path], False, 255, max(1, round(0.012 * io)), cv2.LINE_AA, shift)
    outer, inner = line[0], line[-1]
    outward = np.sign(outer[0] - inner[0])
    for k in range(4, 52, 3):
        share = 1 - k / 59
        length = (0.016 + 0.020 * share) * io
        tip = line[k] + length * np.array([outward * (0.25 + 0.5 * share), 0.75], np.float32)
        ends = np.round(np.stack([line[k], tip]) * scale).astype(np.int32)
        cv2.line(mask, tuple(ends[0]), tuple(ends[1]), 100, 1, cv2.LINE_AA, shift)
    soft = cv2.GaussianBlur(mask, (0, 0), max(blur, 0.004 * io))
    alpha = soft.astype(np.float32)[..., None] / 255 * 0.9
    # Thinner towards the inner corner.
    columns = np.arange(skin.shape[1], dtype=np.float32)
    fade = np.clip(np.abs(columns - inner[0]) / (0.10 * io), 0.15, 1)[None, :, None]
    skin[:] = skin * (1 - alpha * fade) + colour * alpha * fade
