"""Picture work for packing: lips without an interior, shut lids, edge colours, files."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm

QUALITY = 96
_LASH = 0.6  # where the lash line of closed eyes is, from upper to lower lid landmarks


def without_interior(image: ByteArray, points: FloatArray, beyond: float = 0.010) -> ByteArray:
    """Paint the mouth's interior out with the lips around it, ``beyond`` (io) the lip line."""
    inner = points[list(lm.INNER_LIPS), :2]
    io_px = lm.eye_distance(points)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(inner).astype(np.int32)], 255)
    reach = max(1, round(beyond * io_px))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wider = np.asarray(cv2.dilate(mask, kernel), np.uint8)
    return np.asarray(cv2.inpaint(image, wider, 3, cv2.INPAINT_TELEA), np.uint8)


def shut(points: FloatArray) -> FloatArray:
    """Landmarks of closed eyes with both lid lines on the lash line between them.

    The landmarker leaves closed lids a little apart; brought together, no triangle holds the slit.
    """
    out = points.copy()
    for upper, lower in (
        (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
        (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    ):
        u, w = list(upper[1:-1]), list(lower[1:-1])
        out[u] = out[w] = _LASH * points[w] + (1 - _LASH) * points[u]
    return out


def one_piece(image: ByteArray) -> ByteArray:
    """The bust [h, w, 4] without specks and wisps of its matte that do not touch it."""
    seen = (image[..., 3] > 40).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen)
    body = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    near = cv2.dilate((labels == body).astype(np.uint8), np.ones((9, 9), np.uint8))
    out = image.copy()
    out[near == 0, 3] = 0
    return out


def bleed(image: ByteArray) -> ByteArray:
    """Carry the colour of opaque pixels into transparent ones, so that edges do not fringe."""
    alpha = image[..., 3:].astype(np.float32) / 255
    solid = np.where(alpha > 0.6, alpha, 0)
    colour = image[..., :3].astype(np.float32)
    out = colour.copy()
    known = solid > 0
    for sigma in (2.0, 6.0, 18.0):
        weight = cv2.GaussianBlur(solid, (0, 0), sigma)[..., None]
        spread = cv2.GaussianBlur(colour * solid, (0, 0), sigma)
        take = ~known & (weight > 1e-3)
        out = np.where(take, spread / np.maximum(weight, 1e-6), out)
        known = known | take
    return np.dstack([np.clip(out, 0, 255).astype(np.uint8), image[..., 3]])


def webp(image: ByteArray, *, lossless: bool = False) -> bytes:
    packed = io.BytesIO()
    options: dict[str, Any] = (
        {"lossless": True, "quality": 80, "method": 4}
        if lossless
        else {"quality": QUALITY, "method": 6}
    )
    picture = Image.fromarray(image)
    picture.save(packed, "WEBP", exact=True, use_sharp_yuv=True, **options)
    return packed.getvalue()
