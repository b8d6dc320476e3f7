"""The targets of a bundle from the expressions that a model file happens to have.

What a file has under ARKit's names is taken as it is. The rest of what speech needs is made: sides
are split, and a mouth that only knows visemes gets the shapes of the convention as the combination
of its visemes that comes nearest to them in lip gap, mouth width, chin and protrusion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from digital_human.core.frames import FloatArray
from digital_human.face.build.gltf_names import BOTH, VISEMES
from digital_human.face.mesh import IntArray
from digital_human.face.motion import ARKIT
from digital_human.face.shape import (
    CHIN_DROP,
    FUNNEL,
    JAW_GAP,
    LOWER_GAP,
    PUCKER,
    SMILE,
    STRETCH,
    UPPER_GAP,
)

Fields = Mapping[str, FloatArray]
"""An expression's name → its displacement [n, 3] in io."""
_SOLVED = {
    # the viseme that is most like it, the measure by which that is scaled, and the lip gap, mouth
    # width, chin, protrusion and height of the corners that a curve at 1 asks for
    "jawOpen": ("aa", 0, (JAW_GAP, 0.0, CHIN_DROP, 0.0, 0.0)),
    "mouthPucker": ("U", 1, (0.0, PUCKER, 0.0, 0.07, 0.0)),
    "mouthFunnel": ("O", 1, (0.03, FUNNEL, 0.0, 0.07, 0.0)),
    "mouthStretch": ("I", 1, (0.0, STRETCH, 0.0, 0.0, 0.0)),
    "mouthSmile": ("E", 1, (0.0, SMILE, 0.0, 0.0, 0.03)),
}
_SCALE = np.array([JAW_GAP, 0.2, CHIN_DROP, 0.1, 0.06])  # what counts as one in each measure
_IMPORTANCE = np.array([1.0, 1.0, 0.3, 0.4, 0.3])
_CALM = 0.35  # how much a combination is held to the one viseme that is most like it
_BOUNDS = -0.6, 1.6
_STRENGTH = 0.25, 4.0  # by what a target is made weaker or stronger
_CLOSES = 0.4  # share of the jaw's gap that a file's own mouthClose must take back to be used
_LIP_BAND = 0.10  # io over which a middle blends one side into the other


@dataclass(frozen=True, slots=True)
class Places:
    """The points by which a mouth is measured.

    Attributes:
        positions: float32 [n, 3], io.
        skin: int32 [s], vertices of the face.
        marks: ``lip_upper``, ``lip_lower``, ``corner_right``, ``corner_left``, ``chin``.
    """

    positions: FloatArray
    skin: IntArray
    marks: dict[str, int]

    def measure(self, field: FloatArray) -> FloatArray:
        """What ``field`` does: gap, width (share of rest), chin, protrusion, corner height."""
        m = self.marks
        upper, lower = field[m["lip_upper"]], field[m["lip_lower"]]
        left, right = field[m["corner_left"]], field[m["corner_right"]]
        wide = self.positions[m["corner_left"], 0] - self.positions[m["corner_right"], 0]
        return np.array([
            upper[1] - lower[1],
            (left[0] - right[0]) / max(1e-3, float(wide)),
            -field[m["chin"], 1],
            (upper[2] + lower[2]) / 2,
            (left[1] + right[1]) / 2,
        ], np.float32)  # fmt: skip


def build_targets(fields: Fields, places: Places, eyes_turn: bool) -> dict[str, FloatArray]:
    """Targets by ARKit name, in io, in the strength of the convention where it names one.

    Args:
        fields: The file's expressions.
        places: Where its mouth is.
        eyes_turn: Eyeballs turn by themselves, so targets that move them are not needed.
    """
    out: dict[str, FloatArray] = {}
    for name in ARKIT:
        if (own := fields.get(name)) is not None:
            out[name] = own
    for base in BOTH:
        left, right = base + "Left", base + "Right"
        if left not in out and right not in out and (both := fields.get(base)) is not None:
            out[left], out[right] = split(both, places.positions)
    _looks(out, fields, places)
    if eyes_turn:
        out = {name: own for name, own in out.items() if not name.startswith("eyeLook")}
    _solve_mouth(out, fields, places)
    _fit_strength(out, places)
    return out


def split(both: FloatArray, positions: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The left and the right half (the person's own) of a displacement, blended in the middle."""
    share = np.clip(0.5 + positions[:, :1] / _LIP_BAND, 0, 1)
    share = share * share * (3 - 2 * share)
    return (both * share).astype(np.float32), (both * (1 - share)).astype(np.float32)


def _looks(out: dict[str, FloatArray], fields: Fields, places: Places) -> None:
    """Eyes that a VRM file turns by targets of both together."""
    for source, left, right in (
        ("lookUp", "eyeLookUpLeft", "eyeLookUpRight"),
        ("lookDown", "eyeLookDownLeft", "eyeLookDownRight"),
        ("lookLeft", "eyeLookOutLeft", "eyeLookInRight"),
        ("lookRight", "eyeLookInLeft", "eyeLookOutRight"),
    ):
        if left not in out and right not in out and (both := fields.get(source)) is not None:
            out[left], out[right] = split(both, places.positions)


def _solve_mouth(out: dict[str, FloatArray], fields: Fields, places: Places) -> None:
    """Mouth shapes that speech needs and the file lacks, from its visemes."""
    visemes = {name: own for name in VISEMES if (own := fields.get(name)) is not None}
    if visemes:
        for name, (like, measure, wanted) in _SOLVED.items():
            sided = f"{name}Left" in ARKIT
            if (f"{name}Left" if sided else name) in out:
                continue
            made = _combine(visemes, places, like, measure, np.array(wanted))
            if sided:
                out[f"{name}Left"], out[f"{name}Right"] = split(made, places.positions)
            else:
                out[name] = made
    jaw = out["jawOpen"]
    lips = _lips(places)
    own = out.get("mouthClose")
    if own is None or -places.measure(own)[0] < _CLOSES * places.measure(jaw)[0]:
        out["mouthClose"] = -jaw * lips
    if "mouthLowerDownLeft" not in out:
        low = jaw * lips
        gap = float(places.measure(low)[0])
        low = low * np.float32(LOWER_GAP / max(gap, 0.02))
        out["mouthLowerDownLeft"], out["mouthLowerDownRight"] = split(low, places.positions)
    for viseme, names in (
        ("PP", ("mouthPressLeft", "mouthPressRight")),
        ("FF", ("mouthRollLower",)),
    ):
        if names[0] not in out and (own := fields.get(viseme)) is not None:
            shut = own - out["mouthClose"] * np.float32(
                places.measure(own)[0] / min(-0.02, float(places.measure(out["mouthClose"])[0]))
            )
            out.update(zip(names, split(shut, places.positions) if len(names) == 2 else (shut,),
                           strict=True))  # fmt: skip


def _combine(
    visemes: dict[str, FloatArray], places: Places, like: str, measure: int, wanted: FloatArray
) -> FloatArray:
    """The sum of ``visemes`` that comes nearest to ``wanted``, by regularised least squares.

    Shapes that many visemes make together look like none of them, so the solution is held to the
    viseme ``like``, as strong as its own ``measure`` asks for.
    """
    measured = np.stack([places.measure(own) for own in visemes.values()], axis=1)
    first = np.zeros(len(visemes))
    if like in visemes:
        column = list(visemes).index(like)
        has = float(measured[measure, column])
        if has * wanted[measure] > 1e-4:
            first[column] = np.clip(wanted[measure] / has, 0, _BOUNDS[1])
    weigh = (_IMPORTANCE / _SCALE)[:, None]
    rows = np.vstack([measured * weigh, _CALM * np.eye(len(visemes))])
    goal = np.concatenate([wanted * weigh[:, 0], _CALM * first])
    solved = lsq_linear(rows, goal, bounds=_BOUNDS)
    fields = zip(solved.x, visemes.values(), strict=True)
    return np.asarray(sum(np.float32(w) * own for w, own in fields), np.float32)


def _lips(places: Places) -> FloatArray:
    """Float32 [n, 1]: 1 on both lips, falling to 0 at the chin and beyond the face's skin."""
    p, m = places.positions, places.marks
    line = p[m["lip_lower"], 1]
    reach = max(0.12, float(line - p[m["chin"], 1]))
    fall = np.clip((p[:, 1] - (line - 0.85 * reach)) / (0.7 * reach), 0, 1)
    mask = np.zeros(len(p), np.float32)
    mask[places.skin] = (fall * fall * (3 - 2 * fall))[places.skin]
    return mask[:, None]


def _fit_strength(out: dict[str, FloatArray], places: Places) -> None:
    """Bring targets to the strength that the convention gives them, within reason."""
    gap, _, chin, _, _ = map(float, places.measure(out["jawOpen"]))
    by_gap = JAW_GAP / max(gap, 1e-3)
    # A jaw that drops more than its lips part is held to its chin; other targets part the rest.
    by_chin = CHIN_DROP / chin if chin > 0.02 else by_gap
    jaw = np.clip(min(by_gap, max(by_chin, 0.75 * by_gap)), *_STRENGTH)
    out["jawOpen"] = out["jawOpen"] * np.float32(jaw)
    if "mouthClose" in out:
        closes = -float(places.measure(out["mouthClose"])[0])
        opens = float(places.measure(out["jawOpen"])[0])
        if closes > 1e-3:
            out["mouthClose"] = out["mouthClose"] * np.float32(np.clip(opens / closes, *_STRENGTH))
    for names, measure, wanted in (
        (("mouthPucker",), 1, PUCKER),
        (("mouthStretchLeft", "mouthStretchRight"), 1, STRETCH),
        (("mouthSmileLeft", "mouthSmileRight"), 1, SMILE),
        (("mouthUpperUpLeft", "mouthUpperUpRight"), 0, UPPER_GAP),
        (("mouthLowerDownLeft", "mouthLowerDownRight"), 0, LOWER_GAP),
    ):
        _strengthen(out, names, places, measure, wanted)


def _strengthen(
    out: dict[str, FloatArray], names: Iterable[str], places: Places, measure: int, wanted: float
) -> None:
    """Scale ``names`` together so that their sum does ``wanted`` in one measure."""
    has = [name for name in names if name in out]
    total = sum(float(places.measure(out[name])[measure]) for name in has)
    if total * wanted > 1e-4:
        for name in has:
            out[name] = out[name] * np.float32(np.clip(wanted / total, *_STRENGTH))
