"""Brings a portrait to the canvas: scaled, cropped to a bust, the head upright."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Face
from digital_human.face.mesh import identity_grid

EYES_APART = 352.0  # px between the outer eye corners in the canvas, if the photo gives it
LARGEST = 2.0  # a photo is enlarged by this at most, so that teeth can be painted finely
SIDES, ABOVE, BELOW = 2.55, 2.1, 4.1  # io from the middle of the eyes that are kept
_LEVEL = 0.4  # degrees of tilt that are left


def scale_of(face: Face) -> float:
    """Canvas pixels per pixel of the photo."""
    return float(min(EYES_APART / face.io, LARGEST))


def bust(picture: ByteArray, face: Face) -> tuple[ByteArray, FloatArray]:
    """The bust around a face.

    A tilted head is turned upright with its neck; the shoulders stay, so that the edges of the
    picture stay straight.

    Args:
        picture: uint8 [h, w, c], upright photo.
        face: The face in it.

    Returns:
        uint8 [h, w, c] and the landmarks in it, float32 [478, 2].
    """
    scale = scale_of(face)
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LANCZOS4
    whole = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    ratio = np.array(size, np.float32) / (picture.shape[1], picture.shape[0])
    points = ((face.points[:, :2] + 0.5) * ratio - 0.5).astype(np.float32)
    eyes = points[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]]]
    io = lm.eye_distance(points)
    across = eyes[1] - eyes[0]
    tilt = float(np.arctan2(across[1], across[0]))
    if abs(np.degrees(tilt)) > _LEVEL:
        whole, points = _straighten(whole, points, tilt)
    x, y = points[[lm.RIGHT_EYE[0], lm.LEFT_EYE[0]]].mean(0)
    left, right = max(0, round(x - SIDES * io)), min(size[0], round(x + SIDES * io))
    top, bottom = max(0, round(y - ABOVE * io)), min(size[1], round(y + BELOW * io))
    corner = np.array([left, top], np.float32)
    part = np.ascontiguousarray(
        whole[top : bottom - (bottom - top) % 2, left : right - (right - left) % 2]
    )
    return part, (points - corner).astype(np.float32)


def _straighten(
    picture: ByteArray, points: FloatArray, tilt: float
) -> tuple[ByteArray, FloatArray]:
    """Turn the head by −``tilt`` (rad) about the neck; the turn fades out over the shoulders."""
    io = lm.eye_distance(points)
    chin = points[lm.CHIN]
    pivot = chin + np.array([0, 0.35 * io], np.float32)
    grid = identity_grid(picture.shape[1], picture.shape[0])
    below = np.clip((grid[..., 1] - chin[1] - 0.12 * io) / (1.3 * io), 0, 1)
    angle = tilt * (1 - below * below * (3 - 2 * below))
    away = grid - pivot
    cos, sin = np.cos(angle), np.sin(angle)
    source = np.dstack(
        [cos * away[..., 0] - sin * away[..., 1], sin * away[..., 0] + cos * away[..., 1]]
    )
    out = cv2.remap(
        picture,
        (source + pivot).astype(np.float32),
        None,
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # type: ignore[call-overload]
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    return np.asarray(out, np.uint8), ((points - pivot) @ turn.T + pivot).astype(np.float32)
