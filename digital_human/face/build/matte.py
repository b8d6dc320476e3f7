"""Cuts a person out of a portrait: a small network finds the body, colours find the edge."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.models import store

MODEL = "selfie-segmentation"
_NET = 256  # px, the network's side
_CUT = 640  # px of the longer side at which colours are separated
_BAND = 0.10  # io on both sides of the outline in which the alpha is soft


def person(image: ByteArray, points: FloatArray) -> ByteArray:
    """The alpha of the person, uint8 [h, w].

    Args:
        image: uint8 [h, w, 3] RGB, one person's bust.
        points: float32 [478, 2], their landmarks, upright.

    Raises:
        WeightsError: The segmentation model is not here; says how to pull it.
    """
    io = lm.eye_distance(points)
    solid = _separate(image, _likely(image), points)
    scale = min(1.0, 1100 / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    guide = np.asarray(small, np.float32) / np.float32(255)
    size = small.shape[1], small.shape[0]
    mask = np.asarray(cv2.resize(solid, size, interpolation=cv2.INTER_LINEAR), np.float32)
    soft = guided(guide, mask, max(3, round(0.05 * io * scale)), 3e-5)
    soft = np.clip((soft - 0.12) / 0.80, 0, 1)
    # Far from the outline there is nothing to decide.
    band = max(3, round(_BAND * io * scale)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (band, band))
    hard = (mask > 0.5).astype(np.uint8)
    soft = np.where(
        cv2.erode(hard, kernel) > 0, 1, np.where(cv2.dilate(hard, kernel) == 0, 0, soft)
    )
    full = cv2.resize(
        soft.astype(np.float32), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC
    )
    return np.clip(np.round(full * 255), 0, 255).astype(np.uint8)


def foreground(image: ByteArray, alpha: ByteArray, io: float) -> ByteArray:
    """Colours of the person without the old background, uint8 [h, w, 3].

    Blur fusion (Forte and Pitié, 2021), a wide pass and a narrow one.
    """
    a = alpha.astype(np.float32) / 255
    front = back = picture = image.astype(np.float32) / 255
    w = a[..., None]
    for radius in (max(8, round(0.25 * io)), max(3, round(0.02 * io))):
        size = (2 * radius + 1, 2 * radius + 1)
        weight = cv2.blur(a, size)[..., None]
        mean = cv2.blur(front * w, size) / (weight + 1e-5)
        back = cv2.blur(back * (1 - w), size) / (1 - weight + 1e-5)
        front = np.clip(mean + w * (picture - w * mean - (1 - w) * back), 0, 1)
    return np.clip(np.round(front * 255), 0, 255).astype(np.uint8)


def guided(guide: FloatArray, mask: FloatArray, radius: int, epsilon: float) -> FloatArray:
    """Guided filter with a colour guide (He, Sun and Tang, 2013), float32 [h, w].

    Args:
        guide: float32 [h, w, 3], 0…1.
        mask: float32 [h, w], 0…1.
        radius: Of the window in pixels.
        epsilon: Smallest variance of a colour that counts as an edge.
    """
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(cv2.blur(values, size, borderType=cv2.BORDER_REFLECT), np.float32)

    average, level = mean(guide), mean(mask)
    cross = mean(guide * mask[..., None]) - average * level[..., None]
    products = np.stack([guide[..., i] * guide[..., j] for i in range(3) for j in range(3)], -1)
    centred = np.stack([average[..., i] * average[..., j] for i in range(3) for j in range(3)], -1)
    parts = [mean(np.ascontiguousarray(products[..., k : k + 3])) for k in (0, 3, 6)]
    covariance = (np.concatenate(parts, -1) - centred).reshape(*mask.shape, 3, 3)
    covariance = covariance + epsilon * np.eye(3, dtype=np.float32)
    slope = np.linalg.solve(covariance, cross[..., None])[..., 0].astype(np.float32)
    offset = level - (slope * average).sum(-1)
    return np.asarray((mean(slope) * guide).sum(-1) + mean(offset), np.float32)


def _likely(image: ByteArray) -> FloatArray:
    """How likely each pixel is the person, float32 [h, w], by MediaPipe's selfie segmentation."""
    net = cv2.dnn.readNetFromTFLite(str(store().path(MODEL) / "selfie_segmentation.tflite"))
    net.setInput(cv2.dnn.blobFromImage(image, 1 / 255, (_NET, _NET)))
    found = np.asarray(net.forward(), np.float32).reshape(_NET, _NET)
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _separate(image: ByteArray, likely: FloatArray, points: FloatArray) -> FloatArray:
    """GrabCut between what is surely the person and surely not, float32 [h, w], 0 or 1."""
    scale = min(1.0, _CUT / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    size = small.shape[1], small.shape[0]
    chance = cv2.resize(likely, size, interpolation=cv2.INTER_AREA)
    labels = np.full(chance.shape, cv2.GC_PR_BGD, np.uint8)
    labels[chance > 0.5] = cv2.GC_PR_FGD
    labels[chance < 0.03] = cv2.GC_BGD
    labels[chance > 0.97] = cv2.GC_FGD
    face = np.round(points[list(lm.OVAL)] * scale).astype(np.int32)
    cv2.fillPoly(labels, [face], cv2.GC_FGD)
    if not (labels == cv2.GC_BGD).any():
        return np.ones(image.shape[:2], np.float32)
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, None, *models, 4, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    solid = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    # One body without holes: an eye's white or a shirt is often taken for background.
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    body = max(outlines, key=cv2.contourArea)
    filled = cv2.drawContours(np.zeros_like(solid), [body], -1, 1, -1)
    # Wisps the network was not sure of at all are not worth a hole in the shoulder.
    filled = cv2.morphologyEx(filled, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    full = cv2.resize(
        filled.astype(np.float32), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(full, np.float32)
