"""Coarticulated mouth movement on a 5 ms grid.

Dominance functions after Cohen & Massaro, "Modeling coarticulation in synthetic visual speech"
(1993): each phone pulls every articulator towards its target with a weight that is full inside
the phone and falls off exponentially outside; the movement is the weighted mean. On top of it:
the commands of vowels are raised until they reach their aim in fast speech, speeds are limited
to what lips do, and closures are carried apart so that nothing can open them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import convolve1d, grey_dilation, grey_erosion

from digital_human.speech.visemes import CHANNELS, SPECS, Articulator, Viseme

Array = npt.NDArray[np.float64]

STEP = 0.005  # s, the grid
REACH = 0.45  # s, nothing further away has any influence
NAMES: tuple[str, ...] = tuple(CHANNELS)
COLUMN: dict[str, int] = {name: i for i, name in enumerate(NAMES)}
JAW = COLUMN["jawOpen"]

# Fall-off times in seconds (ahead of the phone, after it); `VisemeSpec.ahead` is used for shape.
_FALL: dict[Articulator, tuple[float, float]] = {
    Articulator.JAW: (0.045, 0.045),
    Articulator.SHAPE: (0.0, 0.065),
    Articulator.APERTURE: (0.035, 0.035),
    Articulator.TONGUE: (0.03, 0.03),
}
_SHARPNESS = 1.5  # exponent of the fall-off; 1 is Cohen & Massaro's, above it turns are rounder
_CORE = 0.5  # the middle share of a phone in which its dominance is full
_FLOOR = 1e-4  # keeps the weighted mean defined far from every phone
_RAISE = 0.75  # share of a vowel's shortfall that is added to its command
_SMOOTH = 0.014  # s, Gaussian
# Greatest speed of each channel per second; the jaw's 6.5 is 2 outer-eye distances of lip gap,
# the fastest opening measured in frontal recordings of real speakers.
SPEED: dict[str, float] = {
    "jawOpen": 6.5, "jawForward": 4.0, "mouthPucker": 9.0, "mouthFunnel": 8.0,
    "mouthStretch": 8.0, "mouthUpperUp": 8.0, "mouthLowerDown": 8.0, "mouthPress": 12.0,
    "mouthRollUpper": 12.0, "mouthRollLower": 12.0, "tongueOut": 12.0, "tongue": 20.0,
}  # fmt: skip
_SPEED_WINDOW = 24  # grid steps each way over which the speed limit looks

_JAW_SHUT = 0.1  # greatest jaw opening behind closed lips
# Where phones bring the lips close together, as a share of the phone: w and a prevocalic r in
# their middle, u, which ends as a w does, near its end; and the greatest jaw opening there.
_NARROW: dict[Viseme, tuple[float, float]] = {
    Viseme.W: (0.5, 0.03),
    Viseme.RR: (0.5, 0.1),
    Viseme.UU: (0.8, 0.06),
}
_NARROW_SPEED = 4.0  # per second, the jaw into and out of them
_NARROW_HELD = 0.01  # s before and after
_YIELDING = frozenset({Viseme.NN, Viseme.DD})
_YIELDED = 0.04  # s of them at most
LIP_SPEED = 2.4  # outer-eye distances per second into and out of closures
LEAST_GAP = 0.05  # outer-eye distances
_CLEAR = 0.004  # closure that counts as none
REST_SHUT = 0.12  # s, closing when a pause begins
REST_OPEN = 0.09  # s, opening before a pause ends
_BESIDE = 0.03  # s, a pause and a closure this close have nothing between them
_INTO = 0.05  # s, their overlap then
PAUSE = 0.2  # s, silence from here on closes the mouth


@dataclass(frozen=True, slots=True)
class Gesture:
    """One viseme on the stream's time line.

    Attributes:
        start: Seconds.
        end: Seconds.
        viseme: What it looks like.
        gain: Factor on a vowel's jaw opening.
    """

    start: float
    end: float
    viseme: Viseme
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class Track:
    """Mouth movement on the grid.

    Attributes:
        first: Grid index of row 0; time is index × `STEP`.
        pose: float64 [n, channels], free movement in the order of `NAMES`.
        lips: float64 [n], 1 where the lips are shut by p, b, m.
        teeth: float64 [n], 1 where the lower lip touches the upper teeth.
    """

    first: int
    pose: Array
    lips: Array
    teeth: Array

    @property
    def last(self) -> int:
        """Grid index one past the last row."""
        return self.first + len(self.pose)


def _table() -> tuple[Array, dict[Articulator, Array], Array]:
    """Targets [visemes, channels], dominance [visemes] per articulator, lip reach [visemes]."""
    order = list(Viseme)
    targets = np.zeros((len(order), len(NAMES)))
    for row, viseme in enumerate(order):
        for name, value in SPECS[viseme].pose.items():
            targets[row, COLUMN[name]] = value
    dominance = {a: np.array([SPECS[v].dominance[a] for v in order]) for a in Articulator}
    return targets, dominance, np.array([SPECS[v].ahead for v in order])


# Lip gap in outer-eye distances for each channel at 1, the convention shared with the renderers.
GAP = np.zeros(len(NAMES))
GAP[[JAW, COLUMN["mouthUpperUp"], COLUMN["mouthLowerDown"]]] = 0.32, 0.05, 0.06
_TARGETS, _DOMINANCE, _AHEAD = _table()
_ROW: dict[Viseme, int] = {viseme: i for i, viseme in enumerate(Viseme)}
_COLUMNS: dict[Articulator, list[int]] = {
    a: [COLUMN[n] for n in NAMES if CHANNELS[n] is a] for a in Articulator
}


def smoothstep(x: npt.ArrayLike) -> Array:
    """0 below 0, 1 above 1, and a smooth third-order step between."""
    u = np.clip(np.asarray(x, np.float64), 0.0, 1.0)
    return np.asarray(u * u * (3.0 - 2.0 * u))


def _weights(gestures: Sequence[Gesture], time: Array, articulator: Articulator) -> Array:
    """Dominance [gestures, times] of each gesture over ``articulator``."""
    rows = np.array([_ROW[g.viseme] for g in gestures])
    start = np.array([g.start for g in gestures])[:, None]
    end = np.array([g.end for g in gestures])[:, None]
    margin = (end - start) * (1.0 - _CORE) / 2.0
    before = np.maximum(0.0, start + margin - time[None, :])
    after = np.maximum(0.0, time[None, :] - (end - margin))
    ahead, behind = _FALL[articulator]
    fall = _AHEAD[rows][:, None] if articulator is Articulator.SHAPE else ahead
    distance = before / fall + after / behind
    return np.asarray(_DOMINANCE[articulator][rows][:, None] * np.exp(-(distance**_SHARPNESS)))


def _blend(gestures: Sequence[Gesture], time: Array) -> Array:
    """The dominance-weighted mean of the targets, float64 [times, channels]."""
    rows = [_ROW[g.viseme] for g in gestures]
    targets = _TARGETS[rows].copy()
    targets[:, JAW] *= [g.gain for g in gestures]
    centres = np.array([(g.start + g.end) / 2 for g in gestures])
    vowel = np.array([SPECS[g.viseme].vowel for g in gestures])
    pose = np.empty((len(time), len(NAMES)))
    for articulator, columns in _COLUMNS.items():
        aims = targets[:, columns]
        if articulator is not Articulator.TONGUE:
            there = _weights(gestures, centres, articulator)
            reached = (there.T @ aims) / (there.sum(0)[:, None] + _FLOOR)
            aims = np.where(vowel[:, None], aims + _RAISE * (aims - reached), aims)
            aims = np.clip(aims, 0.0, 1.15)
        weights = _weights(gestures, time, articulator)
        pose[:, columns] = (weights.T @ aims) / (weights.sum(0)[:, None] + _FLOOR)
    return pose


def _limit_speed(pose: Array) -> Array:
    """The mean of the closest curves above and below that keep to `SPEED`."""
    ramp = np.abs(np.arange(-_SPEED_WINDOW, _SPEED_WINDOW + 1)) * STEP
    limited = np.empty_like(pose)
    for column, name in enumerate(NAMES):
        curve = pose[:, column]
        if np.abs(np.diff(curve)).max(initial=0.0) <= SPEED[name] * STEP:
            limited[:, column] = curve
            continue
        cone = -SPEED[name] * ramp
        below = grey_erosion(curve, structure=cone, mode="nearest")
        above = grey_dilation(curve, structure=cone, mode="nearest")
        limited[:, column] = (below + above) / 2.0
    return limited


def _holds(gestures: Sequence[Gesture], kind: str, frame: float) -> list[tuple[float, float]]:
    """When closures of ``kind`` hold, (start, end) in seconds; each lasts over one ``frame``.

    Lips shut early over n, l, t and d right before p, b and m, as in "ten boys" and 面包.
    """
    holds: list[tuple[float, float]] = []
    for before, g in zip([None, *gestures[:-1]], gestures, strict=True):
        if SPECS[g.viseme].closure == kind:
            length = max(frame + 2 * STEP, 0.55 * (g.end - g.start))
            middle = g.start + 0.425 * (g.end - g.start)
            start = middle - length / 2
            if kind == "lips" and before and before.viseme in _YIELDING:
                start = min(start, max(before.start, before.end - _YIELDED))
            holds.append((start, middle + length / 2))
    return holds


def _narrowed(gestures: Sequence[Gesture], time: Array) -> Array:
    """The greatest jaw opening that w, r and u leave, [times]."""
    most = np.ones(len(time))
    for g, following in zip(gestures, [*gestures[1:], None], strict=True):
        if g.viseme not in _NARROW:
            continue
        if g.viseme is Viseme.RR and not (following and SPECS[following.viseme].vowel):
            continue
        share, opening = _NARROW[g.viseme]
        away = np.abs(time - (g.start + share * (g.end - g.start))) - _NARROW_HELD
        most = np.minimum(most, opening + _NARROW_SPEED * np.maximum(0.0, away))
    return most


def _closures(holds: Sequence[tuple[float, float]], time: Array, gap: Array) -> Array:
    """1 in ``holds``; beside them lips travel at `LIP_SPEED` to or from ``gap``, [times]."""
    away = np.full(len(time), REACH)
    for start, end in holds:
        away = np.minimum(away, np.maximum(0.0, np.maximum(start - time, time - end)))
    travelled = LIP_SPEED * away / np.maximum(gap, LEAST_GAP)
    return np.asarray(1.0 - travelled / (1.0 + travelled**4) ** 0.25)


def _beside(
    silences: Sequence[tuple[float, float]],
    gestures: Sequence[Gesture],
    holds: Sequence[tuple[float, float]],
) -> list[tuple[float, float]]:
    """The pauses, stretched into lip closures right beside them: lips do not part between."""
    closing = [g for g in gestures if SPECS[g.viseme].closure == "lips"]
    stretched = []
    for start, end in silences:
        a, b = start, end
        for g, (shut, free) in zip(closing, holds, strict=True):
            if g.start - _BESIDE < end < g.end + _BESIDE:
                b = max(b, shut + _INTO)
            if g.start - _BESIDE < start < g.end + _BESIDE:
                a = min(a, free - _INTO)
        stretched.append((a, b))
    return stretched


def _resting(silences: Sequence[tuple[float, float]], time: Array) -> Array:
    """1 where a pause has closed the mouth, [times]."""
    rest = np.zeros(len(time))
    for start, end in silences:
        shut, opening = REST_SHUT, REST_OPEN
        if end - start < shut + opening:
            shut = opening = (end - start) / 2
        rest = np.maximum(
            rest,
            np.minimum(smoothstep((time - start) / shut), smoothstep((end - time) / opening)),
        )
    return rest


def articulate(
    gestures: Sequence[Gesture],
    silences: Sequence[tuple[float, float]],
    first: int,
    last: int,
    frame: float,
) -> Track:
    """The mouth's movement on the grid rows ``first`` to ``last``.

    Args:
        gestures: Visemes in order, at least those within `REACH` of the rows.
        silences: Pauses (start, end) in seconds that close the mouth.
        first: First grid index.
        last: One past the last grid index.
        frame: Seconds between video frames; every closure is held at one of them.
    """
    margin = _SPEED_WINDOW + 12
    time = np.arange(first - margin, last + margin, dtype=np.float64) * STEP
    near = [g for g in gestures if g.end > time[0] - REACH and g.start < time[-1] + REACH]
    inner = slice(margin, margin + last - first)
    if not near:
        n = last - first
        return Track(first, np.zeros((n, len(NAMES))), np.zeros(n), np.zeros(n))
    shut = _holds(near, "lips", frame)
    rest = _resting(_beside(silences, near, shut), time)
    pose: Array = _blend(near, time) * (1.0 - rest)[:, None]
    pose[:, JAW] = np.minimum(pose[:, JAW], _narrowed(near, time))
    kernel = np.exp(-0.5 * (np.arange(-8, 9) * STEP / _SMOOTH) ** 2)
    pose = convolve1d(pose, kernel / kernel.sum(), axis=0, mode="nearest")
    pose = np.clip(_limit_speed(pose), 0.0, 1.0)
    pose[pose < 1e-6] = 0.0
    for start, end in shut:
        away = np.maximum(0.0, np.maximum(start - time, time - end))
        pose[:, JAW] = np.minimum(pose[:, JAW], _JAW_SHUT + SPEED["jawOpen"] * away)
    gap = pose @ GAP
    lips = _closures(shut, time, gap)
    lips[lips < _CLEAR] = 0.0
    teeth = _closures(_holds(near, "teeth", frame), time, gap) * (1.0 - lips)
    teeth[teeth < _CLEAR] = 0.0
    return Track(first, pose[inner], lips[inner], teeth[inner])
