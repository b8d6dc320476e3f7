"""Index tables of the 478 MediaPipe FaceLandmarker points, and measures taken on them.

"Right" and "left" are the person's own sides: the right eye is on the left of the picture.
"""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import FloatArray

COUNT = 478
MESH = 468  # the points after it are the irises

RIGHT_EYE = (33, 133)  # outer, inner corner
LEFT_EYE = (263, 362)
NOSE_BASE, UNDER_NOSE, CHIN, NOSE_ROOT, NOSE_MIDDLE = 2, 164, 152, 168, 195
MOUTH_CORNERS = (61, 291)
LIP_CENTRES = (13, 14)

# From the person's right inner corner to the left one, both ends included.
INNER_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
INNER_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER_UPPER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
OUTER_LOWER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
# Rings between the outer and the inner lip line, same order.
UPPER_RINGS = (
    (76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306),
    (62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292),
)
LOWER_RINGS = (
    (76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306),
    (62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292),
)
INNER_LIPS = INNER_UPPER + INNER_LOWER[-2:0:-1]
LIPS = tuple(
    sorted(
        {
            *OUTER_UPPER, *OUTER_LOWER, *INNER_UPPER, *INNER_LOWER,
            *UPPER_RINGS[0], *UPPER_RINGS[1], *LOWER_RINGS[0], *LOWER_RINGS[1],
        }
    )
)  # fmt: skip

# Lids from the outer to the inner corner, both ends included.
RIGHT_UPPER_LID = (33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LOWER_LID = (33, 7, 163, 144, 145, 153, 154, 155, 133)
LEFT_UPPER_LID = (263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LOWER_LID = (263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_IRIS = (468, 469, 470, 471, 472)  # centre, then its rim
LEFT_IRIS = (473, 474, 475, 476, 477)
RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)  # outer to inner: upper, lower edge
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip

# Points that lips, lids and brows leave alone: to align pictures and to check identity.
STABLE = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 129, 358, 127, 356, 234, 454)


def eye_distance(points: FloatArray) -> float:
    """Distance of the outer eye corners (``io``) of landmarks [478, 2+], in their own unit."""
    return float(np.linalg.norm(points[RIGHT_EYE[0], :2] - points[LEFT_EYE[0], :2]))


def lip_gap(points: FloatArray) -> float:
    """Opening between the lips of landmarks [478, 2+] in outer-eye distances."""
    upper, lower = points[LIP_CENTRES[0], :2], points[LIP_CENTRES[1], :2]
    return float(np.linalg.norm(upper - lower)) / eye_distance(points)


def mouth_width(points: FloatArray) -> float:
    """Distance of the mouth corners of landmarks [478, 2+] in outer-eye distances."""
    a, b = points[MOUTH_CORNERS[0], :2], points[MOUTH_CORNERS[1], :2]
    return float(np.linalg.norm(a - b)) / eye_distance(points)


def eye_opening(points: FloatArray) -> float:
    """Mean lid opening of landmarks [478, 2+] in outer-eye distances."""
    right = np.linalg.norm(points[159, :2] - points[145, :2])
    left = np.linalg.norm(points[386, :2] - points[374, :2])
    return float(right + left) / 2 / eye_distance(points)


def mirror_pairs(*faces: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """For each of the 468 mesh points, its left-right twin.

    Lips and lids are paired by their tables. Any other point takes the point nearest to its mirror
    image, over all ``faces`` ([478, 2+], frontal) together, each made upright by its eye line.
    """
    distance = np.zeros((MESH, MESH))
    for points in faces:
        axis = points[LEFT_EYE[0], :2] - points[RIGHT_EYE[0], :2]
        axis = axis / eye_distance(points) ** 2
        turn = np.array([[axis[0], -axis[1]], [axis[1], axis[0]]])
        upright = (points[:MESH, :2] - points[NOSE_ROOT, :2]) @ turn
        distance += (((upright * (-1, 1))[:, None] - upright[None]) ** 2).sum(-1)
    pairs: np.ndarray[tuple[int], np.dtype[np.intp]] = np.argmin(distance, axis=1)
    lines = (OUTER_UPPER, OUTER_LOWER, INNER_UPPER, INNER_LOWER, *UPPER_RINGS, *LOWER_RINGS)
    for line in lines:
        pairs[list(line)] = line[::-1]
    lids = ((RIGHT_UPPER_LID, LEFT_UPPER_LID), (RIGHT_LOWER_LID, LEFT_LOWER_LID))
    for right, left in (*lids, (RIGHT_BROW, LEFT_BROW)):
        pairs[list(right)], pairs[list(left)] = left, right
    return pairs
