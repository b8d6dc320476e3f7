"""Bring a solved picture onto the base: same place, same colour."""

from __future__ import annotations

import cv2
import numpy as np
from gan import SIZE, STABLE, Array, Face, Image, eye_distance, similarity
from measure import LIPS

EYES = ((33, 133), (362, 263))
# Standard deviation, in outer-eye distances, of the low-pass in which colour is matched.
SOFT = 0.115
GAIN = (0.8, 1.25)


def _ellipse(mask: Array, centre: Array, axes: tuple[float, float], value: int) -> None:
    centre_px = (int(centre[0]), int(centre[1]))
    cv2.ellipse(mask, centre_px, (int(axes[0]), int(axes[1])), 0, 0, 360, value, -1)


def skin_ring(points: Array, part: str) -> Array:
    """Still skin round the part that changes, bool [1024, 1024].

    `part`: "mouth" (a ring round the mouth, not below the lower lip), "eyes" (forehead and cheeks
    round the eyes) or "head" (the whole inner face).
    """
    p = points[:, :2]
    io = eye_distance(p)
    face = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(p.astype(np.int32)), 1)
    face = cv2.erode(face, np.ones((17, 17), np.uint8))
    ring = np.zeros_like(face)
    mouth = p[list(LIPS)].mean(0)
    if part == "mouth":
        _ellipse(ring, mouth, (0.62 * io, 0.52 * io), 1)
        _ellipse(ring, mouth, (0.45 * io, 0.36 * io), 0)
        ring[int(mouth[1] + 0.25 * io) :] = 0
        return (ring & face) > 0
    middle = (p[33] + p[263]) / 2
    _ellipse(ring, middle, (0.75 * io, 0.55 * io), 1)
    if part == "head":
        return face > 0
    for a, b in EYES:
        _ellipse(ring, (p[a] + p[b]) / 2 - [0, 0.06 * io], (0.26 * io, 0.2 * io), 0)
    return (ring & face) > 0


def onto_base(
    image: Image, face: Face, base: Image, base_face: Face, part: str
) -> tuple[Image, Array]:
    """Align `image` to `base` by the stable landmarks and match its colour on the skin ring.

    Returns:
        The picture, uint8 [1024, 1024, 3], and its landmarks, float64 [478, 2], both in the frame
        of the base.
    """
    p, ref = face.points[:, :2], base_face.points[:, :2]
    turn = similarity(p[STABLE], ref[STABLE])
    moved = cv2.warpAffine(
        image, turn, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    points = p @ turn[:, :2].T + turn[:, 2]
    ring = skin_ring(ref, part).astype(np.float32)[..., None]
    sigma = SOFT * eye_distance(ref) * (3.0 if part == "head" else 1.0)

    def low(x: Array) -> Array:
        small = cv2.resize(x, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(small, (0, 0), sigma / 4)

    area = low(ring)[..., None] + 1e-4
    want = low(base.astype(np.float32) * ring) / area
    have = low(moved.astype(np.float32) * ring) / area
    gain = np.clip((want + 8) / (have + 8), *GAIN)
    gain = cv2.resize(gain, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(moved * gain + 0.5, 0, 255).astype(np.uint8), points
