"""From ARKit curves to where every landmark goes.

A linear model of the person's own face (a *mode* is the displacement of all landmarks for one
expression at full strength) plus a bank of mouth shapes over lip gap and mouth width, read by
bilinear interpolation. Afterwards the gap, the width and the chin are corrected to the exact values
that the curves ask for, so that lips meet when they should.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Geometry
from digital_human.face.motion import INDEX

# Lip gap in outer-eye distances for a curve at 1 (the convention shared with the animation).
JAW_GAP, UPPER_GAP, LOWER_GAP, CHIN_DROP = 0.32, 0.05, 0.06, 0.20
# Mouth width factor.
STRETCH, SMILE, PUCKER, FUNNEL = 0.14, 0.12, -0.28, -0.16
MAX_GAP = 0.36


def _both(name: str) -> tuple[int, int]:
    """Indices of the curve of the person's left and right side."""
    if name in INDEX:
        return INDEX[name], INDEX[name]
    return INDEX[name + "Left"], INDEX[name + "Right"]


# mode → (curve, strength of the mode when the curve is 1)
LOWER_CURVES: dict[str, tuple[str, float]] = {
    "upper_up": ("mouthUpperUp", 1.0),
    "lower_down": ("mouthLowerDown", 1.0),
    "press": ("mouthPress", 1.0),
    "roll_upper": ("mouthRollUpper", 1.0),
    "roll_lower": ("mouthRollLower", 1.0),
    "shrug_upper": ("mouthShrugUpper", 1.0),
    "shrug_lower": ("mouthShrugLower", 1.0),
    "pucker": ("mouthPucker", 1.0),
    "funnel": ("mouthFunnel", 1.0),
    "smile": ("mouthSmile", 1.0),
    "dimple": ("mouthDimple", 1.0),
    "frown": ("mouthFrown", 1.0),
    "puff": ("cheekPuff", 1.0),
    "cheek": ("cheekSquint", 1.0),
    "sneer": ("noseSneer", 1.0),
}
UPPER_CURVES: dict[str, tuple[str, float]] = {
    "brow_in": ("browInnerUp", 1.0),
    "brow_out": ("browOuterUp", 1.0),
    "brow_down": ("browDown", 1.0),
    "squint": ("eyeSquint", 1.0),
    "wide": ("eyeWide", 1.0),
    "cheek": ("cheekSquint", 1.0),
    "smile": ("mouthSmile", 0.6),
    "sneer": ("noseSneer", 1.0),
}
UPPER_INPUTS = np.array(
    sorted(
        {i for name, _ in UPPER_CURVES.values() for i in _both(name)}
        | {i for name, i in INDEX.items() if name.startswith(("eyeLook", "eyeBlink"))}
    )
)


@dataclass(frozen=True, slots=True)
class Mouth:
    """The lower face wanted in one frame.

    Attributes:
        points: float32 [478, 2], canonical pixels.
        textures: float32 [t], weight of each mouth texture; what is missing to 1 is the face at
            rest.
        gap: Lip gap in outer-eye distances.
        drop: How far the chin is down, in pixels.
        rounding: 0…1, lips forward.
    """

    points: FloatArray
    textures: FloatArray
    gap: float
    drop: float
    rounding: float


@dataclass(frozen=True, slots=True)
class Eyes:
    """The upper face wanted in one frame.

    Attributes:
        points: float32 [478, 2], canonical pixels.
        blink: Closure of the right and of the left eye, 0…1.
        gaze: float32 [2], displacement of the irises in pixels.
    """

    points: FloatArray
    blink: tuple[float, float]
    gaze: FloatArray


class FaceShape:
    """Landmarks of one person for any curves.

    Args:
        geometry: The bundle's geometry, in canvas pixels.
        points: float32 [478, 2], its landmarks at rest in the pixels wanted (canonical).
    """

    def __init__(self, geometry: Geometry, points: FloatArray) -> None:
        self.rest = points
        self.io = lm.eye_distance(points)
        self._geometry = geometry
        self._count = int(geometry.textures.max(initial=-1)) + 1
        split = self.split
        y = points[:, 1]
        # The nose is part of the skull: below the eyes only cheeks move, the rest from under it on.
        across = (points[:, 0] - points[lm.NOSE_BASE, 0]) / (0.34 * self.io)
        nose = np.exp(-(across**4)) * (points[lm.NOSE_BASE, 1] + 0.01 * self.io - split)
        fade = np.clip((y - split - nose) / (0.09 * self.io), 0, 1)
        # Ears and the sides of the jaw stay: drawn mouth shapes also change the face's outline.
        side = np.abs(points[:, 0] - points[lm.NOSE_BASE, 0]) / self.io
        fade = fade * np.clip((0.82 - side) / 0.34, 0, 1)
        self._lower = (fade * fade * (3 - 2 * fade))[:, None].astype(np.float32)
        fade = np.clip((split - y) / (0.10 * self.io), 0, 1)
        self._upper = (fade * fade * (3 - 2 * fade))[:, None].astype(np.float32)
        side = np.clip(0.5 + (points[:, 0] - points[lm.NOSE_ROOT, 0]) / (0.16 * self.io), 0, 1)
        self._left = (side * side * (3 - 2 * side))[:, None].astype(np.float32)
        self._rest_gap = self._measure_gap(points)
        self._rest_width = lm.mouth_width(points)
        self._inner = np.array(lm.INNER_UPPER), np.array(lm.INNER_LOWER)
        inner = points[self._inner[1], 1] - points[self._inner[0], 1]
        self._rest_inner = np.maximum(inner, 0)

    @property
    def split(self) -> float:
        """Height of the line between the upper and the lower face, in pixels from the top."""
        low = max(self.rest[145, 1], self.rest[374, 1])
        return float(low + 0.45 * (self.rest[lm.NOSE_BASE, 1] - low))

    def mouth(self, curves: FloatArray) -> Mouth:
        """The lower face for ``curves`` [52]."""
        jaw = max(0.0, float(curves[INDEX["jawOpen"]]))
        opening = max(0.0, jaw - float(curves[INDEX["mouthClose"]]))
        upper, lower = self._mean(curves, "mouthUpperUp"), self._mean(curves, "mouthLowerDown")
        gap = min(MAX_GAP, JAW_GAP * opening + UPPER_GAP * upper + LOWER_GAP * lower)
        pucker, funnel = float(curves[INDEX["mouthPucker"]]), float(curves[INDEX["mouthFunnel"]])
        width = 1 + STRETCH * self._mean(curves, "mouthStretch") + PUCKER * pucker
        width += SMILE * self._mean(curves, "mouthSmile") + FUNNEL * funnel
        offsets, weights = self._bank(JAW_GAP * opening, width)
        offsets = offsets + self._modes(curves, LOWER_CURVES)
        shift = float(curves[INDEX["mouthLeft"]] - curves[INDEX["mouthRight"]])
        sway = float(curves[INDEX["jawLeft"]] - curves[INDEX["jawRight"]])
        for mode, value in (("shift", shift), ("jaw_shift", sway)):
            if value and mode in self._geometry.modes:
                offsets += self._geometry.modes[mode] * value
        points = self.rest + self._lower * self.io * self._exact(offsets, gap, width, jaw)
        points = self._untangle(points.astype(np.float32))
        drop = float(points[lm.CHIN, 1] - self.rest[lm.CHIN, 1])
        rounding = min(1.0, max(0.0, pucker + 0.6 * funnel))
        return Mouth(points, weights, self._measure_gap(points), drop, rounding)

    def eyes(self, curves: FloatArray) -> Eyes:
        """The upper face for ``curves`` [52]."""
        offsets = self._modes(curves, UPPER_CURVES)
        look = {n: float(curves[i]) for n, i in INDEX.items() if n.startswith("eyeLook")}
        # Both eyes look the same way: a person's right is on the left of the picture.
        across = look["eyeLookOutLeft"] + look["eyeLookInRight"]
        across -= look["eyeLookOutRight"] + look["eyeLookInLeft"]
        down = look["eyeLookDownLeft"] + look["eyeLookDownRight"]
        down -= look["eyeLookUpLeft"] + look["eyeLookUpRight"]
        gaze = np.array([across * 0.5 * 0.062, down * 0.5 * 0.042], np.float32) * self.io
        left, right = (min(1.0, max(0.0, float(curves[i]))) for i in _both("eyeBlink"))
        # The upper lid follows the eye up and down.
        follow = float(np.clip(0.38 * down * 0.5, -0.12, 0.4))
        lids = self._geometry.modes["blink"]
        amount = [value + follow * (1 - value) for value in (left, right)]
        offsets = offsets * (1 - 0.8 * max(left, right) * self._lid_mask())
        offsets = offsets + lids * (amount[1] + (amount[0] - amount[1]) * self._left)
        points = self.rest + self._upper * self.io * offsets
        return Eyes(points.astype(np.float32), (right, left), gaze)

    def _lid_mask(self) -> FloatArray:
        """1 on points that a blink moves, so that squint and blink do not add up."""
        moved = np.linalg.norm(self._geometry.modes["blink"], axis=1, keepdims=True)
        return np.asarray(np.clip(moved / (float(moved.max()) * 0.3 + 1e-6), 0, 1), np.float32)

    def _mean(self, curves: FloatArray, name: str) -> float:
        left, right = _both(name)
        return 0.5 * float(curves[left] + curves[right])

    def _modes(self, curves: FloatArray, table: dict[str, tuple[str, float]]) -> FloatArray:
        """Sum of the modes that ``table`` drives, float32 [478, 2] in outer-eye distances."""
        total = np.zeros((lm.COUNT, 2), np.float32)
        for mode, (curve, strength) in table.items():
            left, right = (float(curves[i]) * strength for i in _both(curve))
            field = self._geometry.modes.get(mode)
            if field is None or (abs(left) < 1e-4 and abs(right) < 1e-4):
                continue
            total += field * (left if left == right else right + (left - right) * self._left)
        return total

    def _bank(self, gap: float, width: float) -> tuple[FloatArray, FloatArray]:
        """Bilinear reading of the bank: offsets [478, 2] and texture weights [t]."""
        g = self._geometry
        rows, columns = _hat(g.gaps, gap), _hat(g.widths, width)
        offsets = np.zeros((lm.COUNT, 2), np.float32)
        weights = np.zeros(self._count, np.float32)
        for i, a in rows:
            for j, b in columns:
                offsets += np.float32(a * b) * g.offsets[i, j]
                if g.textures[i, j] >= 0:
                    weights[g.textures[i, j]] += a * b
        return offsets, weights

    def _exact(self, offsets: FloatArray, gap: float, width: float, jaw: float) -> FloatArray:
        """Correct mouth width, lip gap and chin to what the curves ask for."""
        modes = self._geometry.modes
        rest = self.rest / self.io
        span = rest[list(lm.MOUTH_CORNERS), 0] + offsets[list(lm.MOUTH_CORNERS), 0]
        have = float(span[1] - span[0]) / self._rest_width
        offsets = offsets + modes["width"] * (width - have)
        upper, lower = lm.LIP_CENTRES
        have = float(rest[lower, 1] + offsets[lower, 1] - rest[upper, 1] - offsets[upper, 1])
        offsets += modes["open"] * (max(self._rest_gap, gap) - have)
        offsets += modes["chin"] * (CHIN_DROP * jaw - float(offsets[lm.CHIN, 1]))
        return offsets

    def _untangle(self, points: FloatArray) -> FloatArray:
        """Where the upper inner lip would pass below the lower one, both meet halfway."""
        upper, lower = self._inner
        a, b = points[upper, 1], points[lower, 1]
        excess = np.maximum(0, np.minimum(self._rest_inner, 0.004 * self.io) - (b - a)) / 2
        points[upper, 1] = a - excess
        points[lower, 1] = b + excess
        return points

    def _measure_gap(self, points: FloatArray) -> float:
        upper, lower = lm.LIP_CENTRES
        return float(points[lower, 1] - points[upper, 1]) / self.io


def _hat(axis: FloatArray, value: float) -> list[tuple[int, float]]:
    """The one or two neighbours of ``value`` on ``axis`` with linear weights, ends held."""
    if value <= axis[0] or len(axis) == 1:
        return [(0, 1.0)]
    if value >= axis[-1]:
        return [(len(axis) - 1, 1.0)]
    i = int(np.searchsorted(axis, value, side="right")) - 1
    f = float((value - axis[i]) / (axis[i + 1] - axis[i]))
    return [(i, 1 - f), (i + 1, f)] if f > 0 else [(i, 1.0)]
