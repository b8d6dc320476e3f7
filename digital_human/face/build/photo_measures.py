"""Measures of a face in a photo: sharpness, and what a small upright picture of it shows."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Face

UNIT = 96.0  # px between the eyes of the small picture
CHEEKS = (
    (117, 118, 101, 36, 205, 187, 123, 116),  # the person's right
    (346, 347, 330, 266, 425, 411, 352, 345),
)
FOREHEAD = (109, 10, 338, 337, 9, 108)
JAW = (83, 18, 313, 406, 421, 428, 199, 208, 201, 182)


def sharpness(image: ByteArray, face: Face) -> float:
    """Mean edge steepness of eyes and mouth over their contrast, at the size of the picture.

    The strongest 2 % of gradients between neighbouring pixels, divided by the range of brightness,
    in a picture of 128 px between the eyes. About 0.03 and more in a sharp portrait.
    """
    scale = min(1.0, 128 / face.io)
    low = np.maximum(0, face.points[:, :2].min(0)).astype(int)
    high = np.ceil(face.points[:, :2].max(0)).astype(int)
    part = image[low[1] : high[1], low[0] : high[0]]
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    level = gray.astype(np.float32)
    fine = level - cv2.GaussianBlur(level, (0, 0), 1.2)
    spread = float(np.percentile(level, 98) - np.percentile(level, 2))
    return float(np.percentile(np.abs(fine), 97)) / max(spread, 8.0)


def aligned(image: ByteArray, face: Face) -> tuple[ByteArray, FloatArray]:
    """The face at `UNIT` px between the eyes, upright, [4.0 × 3.2 units], and its landmarks."""
    a, b = face.points[lm.RIGHT_EYE[0], :2], face.points[lm.LEFT_EYE[0], :2]
    across = complex(*(b - a).tolist())
    k = UNIT / abs(across) * (abs(across) / across)
    middle = (a + b) / 2
    turn = np.array([[k.real, -k.imag], [k.imag, k.real]])
    shift = np.array([1.6, 1.4]) * UNIT - turn @ middle
    matrix = np.column_stack([turn, shift])
    size = round(3.2 * UNIT), round(4.0 * UNIT)
    scale = abs(k)
    source = image
    if scale < 0.7:  # average first: warpAffine samples points
        source = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    out = cv2.warpAffine(
        source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    points = face.points[:, :2] @ turn.T + shift
    return np.asarray(out, np.uint8), points.astype(np.float32)


def patch(shape: tuple[int, ...], points: FloatArray, indices: tuple[int, ...]) -> ByteArray:
    """1 inside the polygon of the landmarks ``indices``, uint8 [h, w]."""
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(points[list(indices)]).astype(np.int32)], 1)
    return mask


def pupils(gray: ByteArray, points: FloatArray) -> float:
    """How dark the irises are beside the cheeks; the lighter of both."""
    cheeks = [np.median(gray[patch(gray.shape, points, p) > 0]) for p in CHEEKS]
    shares = []
    for iris, cheek in zip((lm.RIGHT_IRIS, lm.LEFT_IRIS), cheeks, strict=True):
        pixels = gray[patch(gray.shape, points, iris[1:]) > 0]
        shares.append(float(np.percentile(pixels, 10)) / max(float(cheek), 1.0))
    return max(shares)


def likeness(small: ByteArray, points: FloatArray) -> float:
    """Correlation of one half of the face with the mirrored other one, light evened out.

    The lower of what eyes and mouth give. The halves are compared at mirrored landmarks, so that
    a slight turn of the head does not count.
    """
    gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    soft = cv2.GaussianBlur(gray, (0, 0), 0.025 * UNIT)
    wide = cv2.GaussianBlur(gray, (0, 0), 0.22 * UNIT)
    spread = np.sqrt(cv2.GaussianBlur((soft - wide) ** 2, (0, 0), 0.22 * UNIT)) + 4
    even = (soft - wide) / spread
    pairs = lm.mirror_pairs(points)
    values = []
    regions = (
        (*lm.RIGHT_UPPER_LID, *lm.RIGHT_LOWER_LID, *lm.RIGHT_BROW, 468, 247, 30, 29, 27, 28, 56),
        (*lm.LIPS, 164, 165, 167, 92, 18, 83, 182, 106, 200, 201, 194),
    )
    for region in regions:
        own = np.array([i for i in region if i < lm.MESH])
        a = cv2.remap(even, points[own][None].astype(np.float32), None, cv2.INTER_LINEAR)[0]  # type: ignore[call-overload]
        b = cv2.remap(even, points[pairs[own]][None].astype(np.float32), None, cv2.INTER_LINEAR)[0]  # type: ignore[call-overload]
        values.append(float(np.corrcoef(a, b)[0, 1]))
    return min(values)


def glare(small: ByteArray, points: FloatArray) -> float:
    """Share of an eye and its surroundings that is blown out, of the worse one."""
    white = small.min(2) > 247
    margin = np.array([0.06, 0.09], np.float32) * UNIT
    shares = []
    for side in (
        (*lm.RIGHT_UPPER_LID, *lm.RIGHT_LOWER_LID),
        (*lm.LEFT_UPPER_LID, *lm.LEFT_LOWER_LID),
    ):
        x0, y0 = (points[list(side)].min(0) - margin).astype(int)
        x1, y1 = (points[list(side)].max(0) + margin).astype(int)
        shares.append(float(white[y0:y1, x0:x1].mean()))
    return max(shares)


def colour_below(small: ByteArray, points: FloatArray) -> float:
    """Distance in Lab's a, b of cheeks and jaw from the forehead, or of the jaw from the rest."""
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    *cheeks, jaw, forehead = (
        np.median(lab[patch(lab.shape, points, p) > 0], axis=0)[1:]
        for p in (*CHEEKS, JAW, FOREHEAD)
    )
    away = [float(np.linalg.norm(colour - forehead)) for colour in (*cheeks, jaw)]
    upper = np.median([forehead, *cheeks], axis=0)
    return max(min(away), float(np.linalg.norm(jaw - upper)))
