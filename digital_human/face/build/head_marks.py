"""Finds on any head mesh where eyes, lips and chin are, from what its targets move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.face.mesh import IntArray

_NEAR = 0.07  # io; how close upper and lower lip are where they meet
_PAIRS = 2000
_LIPS_NEAR = 0.12  # io; farther apart than lips are at rest
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
        InputError: The target moves nothing down, or all of the face.
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
    reach = skin[drop > 0.25 * most]
    near = reach[np.abs(positions[reach, 1] - middle[1]) < 1.2 * most]
    if not still.any() or not len(near):
        raise InputError(
            "target eyeBlink: moves more than eyelids",
            fix="give a file whose blink targets move lids",
        )
    lower = int(skin[still][np.argmin(away[still])])
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
    middle = skin[np.abs(positions[skin, 0]) < _MIDDLE]
    # All pairs are compared: of a dense mesh only what lies in front, where the lips are.
    middle = middle[np.argsort(-positions[middle, 2], kind="stable")[:_PAIRS]]
    between = positions[middle][:, None] - positions[middle][None]
    parts = jaw[middle, 1][:, None] - jaw[middle, 1][None]
    between[..., 0] *= 0.3
    distance = np.where(between[..., 1] > -1e-4, np.linalg.norm(between, axis=2), np.inf)
    widest = float(np.where(distance < _LIPS_NEAR, parts, 0).max(initial=0))
    if most <= 0 or widest <= 0.1 * most:
        raise InputError(
            "target jawOpen: parts no lips", fix="give a file whose jawOpen target opens the mouth"
        )
    distance = np.where(parts > 0.6 * widest, distance, np.inf)
    depth = positions[middle][:, None, 2] + positions[middle][None, :, 2]
    # Where they touch at rest; of several such places the one in front.
    score = np.where(distance < float(distance.min()) * 1.5 + 0.004, depth, -np.inf)
    i, j = np.unravel_index(int(np.argmax(score)), score.shape)
    top, bottom = int(middle[i]), int(middle[j])
    lower = middle[moved[middle] > 0.55 * most]
    lower = lower if len(lower) else np.array([bottom])
    chin = lower[positions[lower, 2] > positions[bottom, 2] - 0.22]
    chin = chin if len(chin) else lower
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
    place = (
        (np.abs(p[:, 1] - line[1]) < 0.16) & (np.abs(p[:, 0]) < 0.45) & (p[:, 2] > line[2] - 0.35)
    )
    lips = skin[:0]
    for least in (0.08, -1.0):  # some upper lips do not move at all
        near = skin[place & (moved[skin] > least * most)]
        near = near[np.argsort(-positions[near, 2], kind="stable")[:_PAIRS]]
        q = positions[near]
        close = np.linalg.norm(q[:, None] - q[None], axis=2) < _NEAR
        apart = np.abs(moved[near][:, None] - moved[near][None]) > 0.22 * most
        lips = near[(close & apart).any(axis=1)]
        if len(lips):
            break
    else:
        raise InputError(
            "target jawOpen: no mouth corners found", fix="give a mesh with two separate lips"
        )
    x = positions[lips, 0]
    return int(lips[np.argmin(x)]), int(lips[np.argmax(x)])


def hold_lids(
    points: FloatArray, blink: FloatArray, centre: FloatArray, radius: float
) -> FloatArray:
    """Displacement [n, 3] that keeps a half-closed lid before its eyeball.

    A target moves each vertex on a straight line, which cuts through the ball halfway.

    Args:
        points: [n, 3], at rest.
        blink: [n, 3], displacement of the closed lid.
        centre: [3], of the eyeball.
        radius: Of the eyeball.
    """
    half = points + 0.5 * blink
    away = half - centre
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    rest = np.linalg.norm(points - centre, axis=1, keepdims=True)
    shut = np.linalg.norm(points + blink - centre, axis=1, keepdims=True)
    least = np.maximum((rest + shut) / 2, radius * 1.045)
    push = np.where(distance < least, least - distance, 0) * away / np.maximum(distance, 1e-9)
    active = np.clip(np.linalg.norm(blink, axis=1, keepdims=True) / 0.03, 0, 1)
    return np.asarray(push * active * (distance < 1.6 * radius))
