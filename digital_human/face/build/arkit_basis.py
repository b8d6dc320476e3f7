"""The 52 ARKit expressions as displacements of one portrait's landmarks.

``arkit_basis.npz`` holds how each expression moves MediaPipe's landmarks on a CC0 head (made by
``scripts/arkit_basis.py``). Here it is fitted to a portrait: made symmetric, brought to the sizes
of its mouth, jaw, brows and eyes, and turned into the modes and the bank of mouth shapes that a
bundle holds (see `digital_human.face.bundle.Geometry`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.modes import FaceModes
from digital_human.face.motion import INDEX
from digital_human.face.shape import (
    FUNNEL,
    JAW_GAP,
    LOWER_GAP,
    PUCKER,
    SMILE,
    STRETCH,
    UPPER_GAP,
)

GAPS = (0.0, 0.03, 0.08, 0.14, 0.22, JAW_GAP)
WIDTHS = (1 + PUCKER, 0.86, 1.0, 1 + STRETCH)
_BASIS = Path(__file__).with_name("arkit_basis.npz")
_LINES = [
    list(line)
    for line in (
        lm.OUTER_UPPER, lm.OUTER_LOWER, lm.INNER_UPPER, lm.INNER_LOWER, *lm.UPPER_RINGS,
        *lm.LOWER_RINGS,
    )
]  # fmt: skip
_RISE = 0.12  # of the gap that the upper lip opens by
_BESIDE, _WITH_LIPS = 0.06, 0.10  # io beside the lips in which skin goes with them
_ROOT_DEPTH = 0.80  # io, how far the nose root lies before the neck's axis


@dataclass(frozen=True, slots=True)
class Expressions:
    """What a bundle's geometry needs, all in outer-eye distances.

    Attributes:
        gaps: float32 [g], rows of the bank.
        widths: float32 [w], its columns.
        offsets: float32 [g, w, 478, 2].
        modes: name → float32 [478, 2].
        depth: float32 [478].
    """

    gaps: FloatArray
    widths: FloatArray
    offsets: FloatArray
    modes: dict[str, FloatArray]
    depth: FloatArray


@lru_cache(maxsize=1)
def _basis() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Landmarks [478, 2], depths [478] and symmetric fields [52, 478, 2] of the CC0 head."""
    with np.load(_BASIS, allow_pickle=False) as packed:
        points, depth = packed["points"], packed["depth"]
        fields = packed["fields"].astype(np.float32)
    pairs = lm.mirror_pairs(points)
    mirrored = fields.copy()
    mirrored[:, : lm.MESH] = fields[:, pairs] * np.array([-1, 1], np.float32)
    swap = [INDEX[_other_side(name)] for name in INDEX]
    even = (fields + mirrored[swap]) / 2
    for line in _LINES:
        even[:, line] = _smoothed(even[:, line], points[line])
    return points, depth, even


def _smoothed(fields: FloatArray, line: FloatArray) -> FloatArray:
    """Displacements [52, n, 2] along a lip line [n, 2] as polynomials of the way along it.

    Landmarks tied to a mesh whose faces are as large as a lip is high would otherwise kink it.
    """
    way = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    s = 2 * way / way[-1] - 1
    powers = np.stack([s**k for k in range(5)], 1)
    weight = np.ones(len(s))
    weight[[0, -1]] = 3  # the corners are shared by all lines
    solve = np.linalg.pinv(powers * weight[:, None]) * weight
    return np.asarray(np.einsum("nk,km,emc->enc", powers, solve, fields), np.float32)


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    if name.endswith("Right"):
        return name.removesuffix("Right") + "Left"
    return {"mouthLeft": "mouthRight"}.get(name, name)


class _Fitted:
    """The basis at the sizes of one portrait.

    Args:
        points: float32 [478, 2], landmarks at rest with the lips shut, upright, any unit.
    """

    def __init__(self, points: FloatArray) -> None:
        head, _, self._fields = _basis()
        own = (points - points[lm.NOSE_ROOT]) / lm.eye_distance(points)
        self._mouth = np.array(
            [
                lm.mouth_width(own) / lm.mouth_width(head),
                _height(own, lm.NOSE_BASE, lm.CHIN) / _height(head, lm.NOSE_BASE, lm.CHIN),
            ],
            np.float32,
        )
        self._lips = np.array([self._mouth[0], _thickness(own) / _thickness(head)], np.float32)
        self._lips = np.clip(self._lips, 0.6, 1.6)
        self._mouth = np.clip(self._mouth, 0.75, 1.3)

    def __call__(self, name: str, *, lips: bool = False) -> FloatArray:
        """An expression, both sides of it, float32 [478, 2]; ``lips``: it changes their height."""
        sides = [name] if name in INDEX else [name + "Left", name + "Right"]
        field = self._fields[[INDEX[side] for side in sides]].sum(0)
        below = name.startswith(("mouth", "jaw", "cheekPuff"))
        scale = (self._lips if lips else self._mouth) if below else np.ones(2, np.float32)
        return np.asarray(field * scale, np.float32)


def _height(points: FloatArray, top: int, bottom: int) -> float:
    return float(points[bottom, 1] - points[top, 1])


def _thickness(points: FloatArray) -> float:
    return float(points[17, 1] - points[14, 1] + points[13, 1] - points[0, 1])


def _sealed(field: FloatArray, points: FloatArray) -> FloatArray:
    """The field with both inner lip lines moving as one, so that shut lips stay shut.

    The rings between them and the lips' outline keep their places in between.
    """
    out = field.copy()
    upper, lower = list(lm.INNER_UPPER), list(lm.INNER_LOWER)
    out[upper] = out[lower] = (field[upper] + field[lower]) / 2
    for outer, inner, rings in (
        (list(lm.OUTER_UPPER), upper, lm.UPPER_RINGS),
        (list(lm.OUTER_LOWER), lower, lm.LOWER_RINGS),
    ):
        height = np.linalg.norm(points[outer] - points[inner], axis=1)
        for ring in map(list, rings):
            up = np.linalg.norm(points[ring] - points[inner], axis=1)
            share = np.clip(up / np.maximum(height, 1e-6), 0, 1)[:, None]
            out[ring] = (1 - share) * out[inner] + share * out[outer]
    return np.asarray(out, np.float32)


def _gap(field: FloatArray) -> float:
    upper, lower = lm.LIP_CENTRES
    return float(field[lower, 1] - field[upper, 1])


def _wider(field: FloatArray) -> float:
    """By how much a field changes the mouth's width, in outer-eye distances."""
    a, b = lm.MOUTH_CORNERS
    return float(field[b, 0] - field[a, 0])


def fit(points: FloatArray, depth: FloatArray) -> Expressions:
    """The expressions of one portrait.

    Args:
        points: float32 [478, 2], landmarks at rest with the lips shut, upright.
        depth: float32 [478], MediaPipe's depths of them, positive away from the camera, same unit.
    """
    basis = _Fitted(points)
    drawn = FaceModes(points)
    span = lm.mouth_width(points)
    opening = _lifted(basis("jawOpen"), points)
    widening = drawn.widening() * np.float32(span / _wider(drawn.widening()))
    narrow, wide = (
        _skin_with_lips(field, points)
        for field in (
            _forward(basis("mouthPucker"), points),
            _sealed(basis("mouthStretch"), points),
        )
    )

    def across(factor: float) -> FloatArray:
        """The shut mouth at ``factor`` of its width."""
        field = narrow if factor < 1 else wide
        by = float(factor - 1) * span
        # What the expression lacks in width at full strength, plain widening adds.
        share = min(1.2, by / _wider(field)) if _wider(field) * by > 0 else 0.0
        rest = (by - share * _wider(field)) / span
        return np.asarray(share * field + rest * widening, np.float32)

    columns = [across(w) for w in WIDTHS]
    offsets = np.stack([[opening * np.float32(g) + c for c in columns] for g in GAPS])
    modes = _modes(basis, drawn, across, points)
    modes |= {"open": opening, "width": widening, "chin": drawn.chin(), "blink": drawn.blink()}
    return Expressions(
        np.array(GAPS, np.float32),
        np.array(WIDTHS, np.float32),
        offsets.astype(np.float32),
        {name: np.asarray(field, np.float32) for name, field in modes.items()},
        _depth(points, depth),
    )


def _lifted(jaw: FloatArray, points: FloatArray) -> FloatArray:
    """The jaw's opening for lips one eye distance apart, the upper lip rising a little.

    Of itself the jaw draws the whole mouth down; speakers hold the upper lip up, and the teeth
    show under it.
    """
    field = jaw / _gap(jaw)
    io = lm.eye_distance(points)
    lips = points[list(lm.LIPS)]
    away = np.linalg.norm(points[:, None] - lips[None], axis=-1).min(1) / io
    near = np.exp(-((away / 0.14) ** 2)).astype(np.float32)
    down = np.array([0, field[lm.LIP_CENTRES[0], 1] + _RISE], np.float32)
    return np.asarray(field - near[:, None] * down, np.float32)


def _forward(field: FloatArray, points: FloatArray) -> FloatArray:
    """Lips pushed forward as a flat picture can show it: narrower, and higher beside their middle.

    Seen from the front the head's lips turn under; warped so, a picture's would get thin.
    """
    out = _sealed(field, points)
    io = lm.eye_distance(points)
    below = points[:, 1] > points[lm.LIP_CENTRES[1], 1]
    below[list(lm.LIPS)] = False
    out[below, 1] *= 0.25
    for lines, inner, sign in (
        ((lm.OUTER_LOWER, *lm.LOWER_RINGS), lm.INNER_LOWER, 1.0),
        ((lm.OUTER_UPPER, *lm.UPPER_RINGS), lm.INNER_UPPER, -1.0),
    ):
        height = abs(float(points[lines[0][5], 1] - points[inner[5], 1])) / io
        for line, share in zip(lines, (1.0, 0.8, 0.35), strict=True):
            x = points[list(line), 0]
            s = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
            swell = 0.10 * (1 - s**4) + 0.22 * 4 * s**2 * (1 - s**2)
            out[list(line), 1] = out[list(inner), 1] + sign * share * height * swell
    return out


def _skin_with_lips(field: FloatArray, points: FloatArray) -> FloatArray:
    """The field with the skin beside the lips going with their outline, so that nothing folds."""
    outline = list(lm.OUTER_UPPER + lm.OUTER_LOWER[-2:0:-1])
    skin = np.setdiff1d(np.arange(lm.MESH), lm.LIPS)
    away = points[skin, None] - points[None, outline]
    apart = np.linalg.norm(away, axis=-1) / lm.eye_distance(points)
    near = np.exp(-((apart / _BESIDE) ** 2))
    near /= near.sum(1, keepdims=True) + 1e-9
    share = np.exp(-((apart.min(1, keepdims=True) / _WITH_LIPS) ** 2))
    out = field.copy()
    out[skin] = share * (near @ field[outline]) + (1 - share) * field[skin]
    return np.asarray(out, np.float32)


def _modes(
    basis: _Fitted, drawn: FaceModes, across: Callable[[float], FloatArray], points: FloatArray
) -> dict[str, FloatArray]:
    """Modes of the bundle; those that the bank's width already holds keep only the rest."""
    upper, lower = basis("mouthUpperUp", lips=True), basis("mouthLowerDown", lips=True)
    lifts = {
        "upper_up": upper * (UPPER_GAP / max(1e-3, _gap(upper))),
        "lower_down": lower * (LOWER_GAP / max(1e-3, _gap(lower))),
    }
    sealed = {
        "press": basis("mouthPress", lips=True),
        "roll_upper": basis("mouthRollUpper", lips=True),
        "roll_lower": basis("mouthRollLower", lips=True),
        "shrug_upper": basis("mouthShrugUpper", lips=True),
        "shrug_lower": basis("mouthShrugLower", lips=True),
        "funnel": _forward(basis("mouthFunnel"), points) - across(1 + FUNNEL),
        "smile": basis("mouthSmile") - across(1 + SMILE),
        "dimple": basis("mouthDimple"),
        "frown": basis("mouthFrown"),
        "puff": basis("cheekPuff"),
        "shift": basis("mouthLeft"),
        "jaw_shift": basis("jawLeft"),
    }
    upper_face = {
        "cheek": basis("cheekSquint"),
        "sneer": basis("noseSneer"),
        "brow_in": basis("browInnerUp"),
        "brow_out": basis("browOuterUp"),
        "brow_down": basis("browDown"),
        "squint": drawn.drawn()["squint"],
        "wide": drawn.drawn()["wide"],
    }
    shut = {name: _skin_with_lips(_sealed(field, points), points) for name, field in sealed.items()}
    return lifts | shut | upper_face


def _depth(points: FloatArray, depth: FloatArray) -> FloatArray:
    """Depth before the neck's axis: half from the portrait's own landmarks, half from the head."""
    _, head, _ = _basis()
    own = -(depth - depth[lm.NOSE_ROOT]) / lm.eye_distance(points)
    mean = (own + head) / 2 + _ROOT_DEPTH
    return np.asarray(np.clip(mean, 0, 1.3), np.float32)
