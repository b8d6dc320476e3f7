"""Colours of a mouth that is put into another frame: those of the skin around it there."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.video_bundle import VideoAvatar

_LOW = 18.0  # pixels per outer-eye distance of the picture that colours are matched in
_NEAR = 0.06  # io around the lips in which colours are not compared
_ODD = 0.16  # logarithm of a ratio further than this from the usual one: hair, another shadow
_RATIO = (0.7, 1.4)
_HOLD = 0.5  # of the mean ratio in the local one
_DARKEST = 6  # per cent


def matched(
    patch: ByteArray, under: ByteArray, soft: ByteArray, lips: FloatArray, io: float
) -> ByteArray:
    """``patch`` with the low frequencies of the skin around the mouth of ``under``.

    Args:
        patch: uint8 [h, w, 4].
        under: uint8 [h, w, 4], what it will cover.
        soft: uint8 [h, w], how much of it will be seen.
        lips: float32 [n, 2], the lips' outline in both.
        io: Outer-eye distance in their pixels.

    Returns:
        uint8 [h, w, 4].
    """
    low = max(1, round(io / _LOW))
    size = -(-patch.shape[1] // low), -(-patch.shape[0] // low)
    weight = cv2.resize(soft, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = (np.minimum(weight, 64) / 64 + 0.02) * (_around(lips, size, low, io) == 0)
    small = [
        cv2.resize(image[..., :3], size, interpolation=cv2.INTER_AREA).astype(np.float32) + 2
        for image in (under, patch)
    ]
    # What is skin in one and hair or shadow in the other says nothing of the light.
    log = np.log(small[0].mean(-1) / small[1].mean(-1))
    usual = float((log * weight).sum() / weight.sum())
    weight = weight * np.exp(-(((log - usual) / _ODD) ** 2)) + 1e-4
    sigma = 0.25 * io / low
    even = cv2.GaussianBlur(weight, (0, 0), sigma)
    whole = [(image * weight[..., None]).sum((0, 1)) / weight.sum() for image in small]
    # Where little of the ring is seen, its mean ratio holds.
    hold = _HOLD * float(even.mean())
    parts = [
        cv2.GaussianBlur(image * weight[..., None], (0, 0), sigma) + hold * mean
        for image, mean in zip(small, whole, strict=True)
    ]
    ratio = np.clip(parts[0] / parts[1], *_RATIO)
    fine = cv2.resize(ratio, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_LINEAR)
    colours = cv2.multiply(patch[..., :3], fine, dtype=cv2.CV_8U)
    return np.dstack([colours, patch[..., 3]])


def _around(lips: FloatArray, size: tuple[int, int], low: int, io: float) -> ByteArray:
    """The lips and a little around, uint8 [h, w] of ``size`` (w, h) at 1 / ``low``."""
    mask = np.zeros(size[::-1], np.uint8)
    cv2.fillPoly(mask, [np.round(lips / low * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
    reach = max(1, round(_NEAR * io / low))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


def open_dark(avatar: VideoAvatar, gap: float) -> FloatArray:
    """Colour of the open mouth with nothing in it, float32 [3] RGB.

    The darkest of what is seen in the prototypes whose lip gap is over ``gap`` (io).
    """
    found = []
    for image, points in zip(avatar.prototypes.images, avatar.prototypes.points, strict=True):
        if lm.lip_gap(points) > gap:
            mask = np.zeros(image.shape[:2], np.uint8)
            cv2.fillPoly(mask, [np.round(points[list(lm.INNER_LIPS)]).astype(np.int32)], 1)
            found.append(image[..., :3][mask > 0].astype(np.float32))
    if not found:
        return avatar.geometry.cavity
    inside = np.concatenate(found)
    level = inside.mean(1)
    return np.asarray(inside[level <= np.percentile(level, _DARKEST)].mean(0), np.float32)
