"""Parts of a face as masks, from its landmarks: what measures look at."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm

Mask = npt.NDArray[np.bool_]
_OUTER_LIPS = lm.OUTER_UPPER + lm.OUTER_LOWER[-2:0:-1]


def mouth_area(size: tuple[int, ...], points: FloatArray) -> Mask:
    """The lips and what is between them.

    Like all masks here bool [h, w], for a picture of ``size`` (h, w) with landmarks ``points``
    float32 [478, 2+].
    """
    return _filled(size, points[list(_OUTER_LIPS), :2], 0.03 * lm.eye_distance(points))


def mouth_ring(size: tuple[int, ...], points: FloatArray) -> Mask:
    """The skin beside and above the mouth that speech moves but lips and chin do not reach."""
    io, lips = lm.eye_distance(points), points[list(_OUTER_LIPS), :2]
    ring = _filled(size, lips, 0.22 * io) & ~_filled(size, lips, 0.07 * io)
    ring[round(float(points[list(lm.MOUTH_CORNERS), 1].mean())) :] = False
    return ring & skin(size, points, mouth=True)


def quiet_skin(size: tuple[int, ...], points: FloatArray) -> Mask:
    """Cheeks, nose and forehead, without eyes, brows and the surroundings of the mouth."""
    near = _filled(size, points[list(_OUTER_LIPS), :2], 0.26 * lm.eye_distance(points))
    return skin(size, points) & ~near


def eye_area(size: tuple[int, ...], points: FloatArray) -> Mask:
    """Both eyes with their lids."""
    out = np.zeros(size[:2], np.bool_)
    for upper, lower in (
        (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
        (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    ):
        ring = points[[*upper, *lower[::-1]], :2]
        out |= _filled(size, ring, 0.03 * lm.eye_distance(points))
    return out


def upper_face(size: tuple[int, ...], points: FloatArray) -> Mask:
    """The face above the base of the nose."""
    io = lm.eye_distance(points)
    out = _filled(size, points[list(lm.OVAL), :2], -0.03 * io)
    out[max(0, round(float(points[lm.NOSE_BASE, 1] - 0.12 * io))) :] = False
    return out


def face_area(size: tuple[int, ...], points: FloatArray) -> Mask:
    """The inside of the face's oval."""
    return _filled(size, points[list(lm.OVAL), :2], -0.03 * lm.eye_distance(points))


def skin(size: tuple[int, ...], points: FloatArray, *, mouth: bool = False) -> Mask:
    """Plain skin: in the oval, off eyes, brows and nostrils, off the lips unless ``mouth``."""
    points, io = points[:, :2], lm.eye_distance(points)
    out = _filled(size, points[list(lm.OVAL)], -0.06 * io)
    features = [
        (*lm.RIGHT_UPPER_LID, *lm.RIGHT_LOWER_LID), (*lm.LEFT_UPPER_LID, *lm.LEFT_LOWER_LID),
        lm.RIGHT_BROW, lm.LEFT_BROW, (98, 327, 2, 164),
    ]  # fmt: skip
    for feature in features:
        out &= ~_filled(size, points[list(feature)], 0.05 * io)
    if not mouth:
        out &= ~_filled(size, points[list(_OUTER_LIPS)], 0.05 * io)
    return out


def _filled(size: tuple[int, ...], points: FloatArray, margin: float) -> Mask:
    """The convex hull of ``points`` [k, 2], grown by ``margin`` px (shrunk when negative)."""
    out = np.zeros(size[:2], np.uint8)
    hull = cv2.convexHull(np.rint(points).astype(np.int32))
    cv2.fillConvexPoly(out, hull, 1)
    reach = round(abs(margin))
    if reach:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        grown = cv2.dilate(out, kernel) if margin > 0 else cv2.erode(out, kernel)
        return np.asarray(grown > 0)
    return out > 0
