"""Finds on any head mesh where eyes, lips and chin are, from what its targets move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.face.mesh import IntArray

_NEAR = 0.07  # io; how close upper and lower lip are where they meet
_MIDDLE = 0.06  # io from the middle of the face


@dataclass(frozen=True, slots=True)
class EyePlace:
    """One eye, in the mesh's own units.

    Attributes:
        centre: float32 [3], middle of the opening.
        outer: float32 [3], outer corner.
        upper: Vertex in the middle of the upper lid's edge.
        lower: The same of the lower lid.
    """

    centre: FloatArray
    outer: FloatArray
    upper: int
    lower: int


def find_eye(positions: FloatArray, blink: FloatArray, skin: IntArray) -> EyePlace:
    """Where an eye is, from the target that closes it.

    Args:
        positions: float32 [n, 3], y up, z to the front.
        blink: float32 [n, 3], displacement when the eye is closed.
        skin: int32 [s], the vertices to look at.

    Raises:
        InputError: The target moves nothing down.
    """
    drop = -blink[skin, 1]
    most = float(drop.max(initial=0))
    moved = skin[drop > 0.5 * most] if most > 0 else skin[:0]
    if len(moved) < 3:
        raise InputError(
            "target eyeBlink: lowers no eyelid", fix="give a file whose blink targets move lids"
        )
    lids = positions[moved]
    middle = lids.mean(0)
    outward = 1.0 if middle[0] > 0 else -1.0
    upper = int(moved[np.argmax(-blink[moved, 1] - 0.2 * np.abs(lids[:, 0] - middle[0]))])
    closed = positions[upper] + blink[upper]
    away = np.linalg.norm(positions[skin] + blink[skin] - closed, axis=1)
    still = drop < 0.25 * most
    lower = int(skin[still][np.argmin(away[still])])
    reach = skin[drop > 0.25 * most]
    near = reach[np.abs(positions[reach, 1] - middle[1]) < 1.2 * most]
    outer = near[np.argmax(positions[near, 0] * outward)]
    centre = (positions[upper] + positions[lower]) / 2
    return EyePlace(centre, positions[outer], upper, lower)


def find_mouth(positions: FloatArray, jaw: FloatArray, skin: IntArray) -> dict[str, int]:
    """Vertices of lip middles, mouth corners and chin, from the target that opens the jaw.

    Args:
        positions: float32 [n, 3] in io, x 0 in the middle of the face.
        jaw: float32 [n, 3], displacement of the open jaw.
        skin: int32 [s], the vertices to look at.

    Returns:
        ``lip_upper``, ``lip_lower``, ``corner_right``, ``corner_left`` and ``chin``.

    Raises:
        InputError: The target does not part two lips.
    """
    moved = np.linalg.norm(jaw, axis=1)
    most = float(moved[skin].max(initial=0))
    p = positions[skin]
    middle = np.abs(p[:, 0]) < _MIDDLE
    upper = skin[middle & (moved[skin] < 0.45 * most)]
    lower = skin[middle & (moved[skin] > 0.55 * most)]
    if most <= 0 or not len(upper) or not len(lower):
        raise InputError(
            "target jawOpen: parts no lips", fix="give a file whose jawOpen target opens the mouth"
        )
    gap = positions[upper][:, None] - positions[lower][None]
    gap[..., 0] *= 0.3
    distance = np.linalg.norm(gap, axis=2)
    depth = positions[upper][:, None, 2] + positions[lower][None, :, 2]
    # Where they touch at rest; of several such places the one in front.
    score = np.where(distance < float(distance.min()) * 1.5 + 0.004, depth, -np.inf)
    i, j = np.unravel_index(int(np.argmax(score)), score.shape)
    top, bottom = int(upper[i]), int(lower[j])
    chin = lower[positions[lower, 2] > positions[bottom, 2] - 0.22]
    corners = _corners(positions, moved, skin, top, bottom, most)
    return {
        "lip_upper": top,
        "lip_lower": bottom,
        "corner_right": corners[0],
        "corner_left": corners[1],
        "chin": int(chin[np.argmin(positions[chin, 1])]),
    }


def _corners(
    positions: FloatArray, moved: FloatArray, skin: IntArray, top: int, bottom: int, most: float
) -> tuple[int, int]:
    """The vertices farthest to both sides at which lips that part still meet."""
    p = positions[skin]
    line = (positions[top] + positions[bottom]) / 2
    near = skin[
        (np.abs(p[:, 1] - line[1]) < 0.16)
        & (np.abs(p[:, 0]) < 0.45)
        & (p[:, 2] > line[2] - 0.35)
        & (moved[skin] > 0.08 * most)
    ]
    q = positions[near]
    close = np.linalg.norm(q[:, None] - q[None], axis=2) < _NEAR
    apart = np.abs(moved[near][:, None] - moved[near][None]) > 0.22 * most
    lips = near[(close & apart).any(axis=1)]
    if not len(lips):
        raise InputError(
            "target jawOpen: no mouth corners found", fix="give a mesh with two separate lips"
        )
    x = positions[lips, 0]
    return int(lips[np.argmin(x)]), int(lips[np.argmax(x)])
