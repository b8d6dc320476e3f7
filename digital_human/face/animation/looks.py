"""What the person does besides speaking: looks of attention and of thought, acts and moods.

Looks are postures that the head and the brows glide into; gaze follows them in saccades (see
`eyes.Saccades`). Acts are short gestures laid over whatever else happens. A mood is the face of an
emotion, at any strength, that stays until another one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.face.animation.emotion import face_of
from digital_human.face.motion import INDEX
from digital_human.speech.types import Emotion

Array = npt.NDArray[np.float64]
Look = Literal["idle", "listening", "thinking", "speaking"]
ActName = str
"""Name of an act or a mood, with its level 0…1 after a space where that is not 1: ``smile 0.5``."""
LOOKS: tuple[Look, ...] = get_args(Look)
MOODS: tuple[Emotion, ...] = get_args(Emotion)
OWN_ACTS = ("wave", "point")
"""What only some avatars can do, from their own video; the animated face does nothing."""

_STIFFNESS = 11.0  # 1/s of the critically damped spring to a look: 0.4 s for nine tenths
_LISTENING_NOD = (2.6, 6.0)  # s between the small nods of a listener
_NOD_TIME, _NOD_DEPTH = 0.55, (1.6, 2.6)  # s, degrees
_MOOD_STIFFNESS = 6.0  # 1/s: a mood is there after 0.65 s
_MOOD_GAIN = 1.8  # a mood at full level, by what a newsreader's emotion shows
_EYE_RANGE = 25.0  # degrees of gaze at curve value 1
_SACCADE = 0.07  # s the eyes take to where an act looks; the head follows

# Yaw, pitch, roll in degrees, x, y, z in outer-eye distances, as `MotionFrame.head`; thinking
# tilts to the side that the eyes look to.
_POSTURES: Mapping[Look, tuple[float, ...]] = {
    "idle": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "listening": (0.0, -0.6, 1.3, 0.0, -0.004, 0.055),
    "thinking": (2.2, 1.6, -2.4, 0.0, 0.0, -0.02),
    "speaking": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}
_BROWS: Mapping[Look, Mapping[str, float]] = {
    "idle": {},
    "listening": {"browInnerUp": 0.16, "browOuterUpLeft": 0.13, "browOuterUpRight": 0.13},
    "thinking": {"browInnerUp": 0.10, "browDownLeft": 0.10, "browDownRight": 0.10,
                 "eyeSquintLeft": 0.10, "eyeSquintRight": 0.10},
    "speaking": {},
}  # fmt: skip


def _curves(table: Mapping[str, float]) -> FloatArray:
    curves = np.zeros(52, np.float32)
    for name, value in table.items():
        curves[INDEX[name]] = value
    return curves


def _swell(u: float, rise: float, fall: float) -> float:
    """0 → 1 over the first ``rise`` of a gesture, 1 → 0 over its last ``fall``; ``u`` in 0…1."""
    x = min(1.0, u / rise, (1.0 - u) / fall)
    return x * x * (3 - 2 * x) if x > 0.0 else 0.0


def _nod(u: float) -> Array:
    """Down twice, the second time less."""
    depth = 5.0 if u < 0.52 else 3.0
    v = u / 0.52 if u < 0.52 else (u - 0.52) / 0.48
    return np.array([0.0, -depth * (0.5 - 0.5 * np.cos(2 * np.pi * v)), 0.0, 0.0, 0.0, 0.0])


def _shake(u: float) -> Array:
    """To one side, the other and back, dying away."""
    return np.array([5.2 * np.sin(4 * np.pi * u) * _swell(u, 0.18, 0.5), -0.8 * _swell(u, 0.3, 0.4),
                     0.0, 0.0, 0.0, 0.0])  # fmt: skip


def _smile(u: float) -> Array:
    return np.array([0.0, 0.5, 1.2, 0.0, 0.0, 0.0]) * _swell(u, 0.3, 0.4)


def _surprise(u: float) -> Array:
    return np.array([0.0, 1.6, 0.0, 0.0, 0.005, -0.05]) * _swell(u, 0.16, 0.5)


def _think(u: float) -> Array:
    return np.array([3.0, 2.4, -2.6, 0.0, 0.0, -0.02]) * _swell(u, 0.22, 0.25)


def _wink(u: float) -> Array:
    return np.array([0.0, -0.6, 1.8, 0.0, 0.0, 0.0]) * _swell(u, 0.35, 0.5)


def _turn(yaw: float, pitch: float) -> Callable[[float], Array]:
    """Turn, stay and come back."""

    def head(u: float) -> Array:
        return np.array([yaw, pitch, -0.15 * yaw, 0.0, 0.0, 0.0]) * _swell(u, 0.24, 0.26)

    return head


@dataclass(frozen=True, slots=True)
class _Act:
    """A short gesture.

    Attributes:
        seconds: How long it takes.
        head: Offset of the head at a progress of 0…1, as `MotionFrame.head`.
        curves: Curves at its height, float32 [52].
        rise: Share of the time in which the curves rise.
        fall: Share in which they fall.
        gaze: Where the eyes look meanwhile, seen from the camera: degrees to the person's own left
            and up.
    """

    seconds: float
    head: Callable[[float], Array]
    curves: FloatArray
    rise: float = 0.2
    fall: float = 0.4
    gaze: tuple[float, float] = (0.0, 0.0)


def _glance(yaw: float, pitch: float) -> _Act:
    """A look away from the camera; a good part of it is the head's."""
    brows = {"browInnerUp": 0.15, "browOuterUpLeft": 0.15, "browOuterUpRight": 0.15}
    head = _turn(0.29 * yaw, 0.29 * pitch)
    return _Act(2.0, head, _curves(brows if pitch > 0 else {}), 0.12, 0.15, (yaw, pitch))


_ACTS: Mapping[str, _Act] = {
    "nod": _Act(1.05, _nod, _curves({"browInnerUp": 0.06})),
    "shake": _Act(1.25, _shake, _curves({"browDownLeft": 0.08, "browDownRight": 0.08})),
    "smile": _Act(
        2.6, _smile,
        _curves({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.5,
                 "cheekSquintRight": 0.5, "eyeSquintLeft": 0.28, "eyeSquintRight": 0.28,
                 "browOuterUpLeft": 0.1, "browOuterUpRight": 0.1}),
        rise=0.26,
    ),
    "surprise": _Act(
        1.5, _surprise,
        _curves({"browInnerUp": 0.9, "browOuterUpLeft": 0.9, "browOuterUpRight": 0.9,
                 "eyeWideLeft": 0.7, "eyeWideRight": 0.7}),
        rise=0.16, fall=0.5,
    ),
    "think": _Act(
        2.4, _think,
        _curves({"browInnerUp": 0.14, "browDownLeft": 0.12, "browDownRight": 0.12,
                 "eyeSquintLeft": 0.14, "eyeSquintRight": 0.14, "mouthPressLeft": 0.12,
                 "mouthPressRight": 0.12}),
        rise=0.14, fall=0.2, gaze=(13.0, 13.0),
    ),
    "wink": _Act(
        0.62, _wink,
        _curves({"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.5, "browDownLeft": 0.2,
                 "mouthSmileLeft": 0.3, "mouthSmileRight": 0.14}),
        rise=0.22, fall=0.4,
    ),
    # The person's own left is on the right of the picture.
    "look-left": _glance(-26.0, 0.0),
    "look-right": _glance(26.0, 0.0),
    "look-up": _glance(0.0, 19.0),
    "look-down": _glance(0.0, -19.0),
}  # fmt: skip
ACTS: tuple[str, ...] = tuple(_ACTS)


class Looks:
    """The posture of the moment.

    Args:
        rng: Of nods and of the side that thoughts look to.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.look: Look = "idle"
        self.side = 1.0
        """Side that a thinking look goes to: 1 to the person's own left, −1 to the right."""
        self._head, self._speed = np.zeros(6), np.zeros(6)
        self._brows, self._rate = np.zeros(52), np.zeros(52)
        self._acts: list[tuple[float, _Act, float]] = []
        self._mood: FloatArray = np.zeros(52, np.float32)
        self._felt, self._change = np.zeros(52), np.zeros(52)
        self._next_nod = np.inf

    def take(self, look: Look, time: float) -> None:
        """Glide into ``look`` from ``time`` on."""
        if look == self.look:
            return
        self.look = look
        self._next_nod = np.inf
        if look == "listening":
            self._next_nod = time + float(self._rng.uniform(1.2, _LISTENING_NOD[1]))
        elif look == "thinking":
            self.side = float(self._rng.choice([-1.0, 1.0]))

    def act(self, name: ActName, time: float) -> None:
        """Begin an act at ``time``, or take a mood from then on.

        One of the same kind that is going on ends with it; names that are neither acts nor moods
        do nothing, since some avatars know more.
        """
        name, _, level = name.partition(" ")
        strength = float(level) if level else 1.0
        for mood in MOODS:
            if name == mood:
                self._mood = face_of(mood) * np.float32(_MOOD_GAIN * strength)
        act = _ACTS.get(name)
        if act is not None and not any(other is act for _, other, _ in self._acts):
            self._acts.append((time, act, strength))

    def step(self, time: float, dt: float) -> tuple[FloatArray, FloatArray]:
        """Head offset float32 [6] as in `MotionFrame.head` and curves float32 [52] at ``time``."""
        if time >= self._next_nod:
            depth = float(self._rng.uniform(*_NOD_DEPTH))
            self._acts.append((time, _Act(_NOD_TIME, _dip(depth), _curves({})), 1.0))
            self._next_nod = time + float(self._rng.uniform(*_LISTENING_NOD))
        aim = np.array(_POSTURES[self.look])
        if self.look == "thinking":
            aim[[0, 2]] *= self.side
        self._head, self._speed = _spring(self._head, self._speed, aim, dt)
        brows = _curves(_BROWS[self.look]).astype(np.float64)
        self._brows, self._rate = _spring(self._brows, self._rate, brows, dt)
        self._felt, self._change = _spring(
            self._felt, self._change, self._mood.astype(np.float64), dt, _MOOD_STIFFNESS
        )
        head, curves = self._head.copy(), (self._brows + self._felt).astype(np.float32)
        self._acts = [entry for entry in self._acts if time - entry[0] < entry[1].seconds]
        for start, act, level in self._acts:
            since = max(0.0, time - start)
            u = since / act.seconds
            head += level * act.head(u)
            curves += act.curves * np.float32(level * _swell(u, act.rise, act.fall))
            if any(act.gaze):
                _look_at(curves, act, since, level)
        return head.astype(np.float32), curves


def _look_at(curves: FloatArray, act: _Act, since: float, level: float) -> None:
    """Add the gaze of ``act`` to ``curves``: eyes go there at once and come back at its end."""
    rise = min(1.0, since / _SACCADE)
    fall = min(1.0, (act.seconds - 0.35 * act.fall * act.seconds - since) / _SACCADE)
    share = level * max(0.0, min(rise, fall)) / _EYE_RANGE
    yaw, pitch = (share * angle for angle in act.gaze)
    left, right = ("Out", "In") if yaw > 0 else ("In", "Out")
    curves[INDEX[f"eyeLook{left}Left"]] += abs(yaw)
    curves[INDEX[f"eyeLook{right}Right"]] += abs(yaw)
    for side in ("Left", "Right"):
        curves[INDEX[f"eyeLook{'Up' if pitch > 0 else 'Down'}{side}"]] += abs(pitch)


def _dip(depth: float) -> Callable[[float], Array]:
    def head(u: float) -> Array:
        pitch = -depth * (0.5 - 0.5 * np.cos(2 * np.pi * u))
        return np.array([0.0, pitch, 0.0, 0.0, 0.0, 0.0])

    return head


def _spring(
    value: Array, speed: Array, aim: Array, dt: float, stiffness: float = _STIFFNESS
) -> tuple[Array, Array]:
    """Critically damped motion of ``value`` to ``aim`` over ``dt``, exact for any step."""
    away = value - aim
    drive = speed + stiffness * away
    decay = float(np.exp(-stiffness * dt))
    value = aim + (away + drive * dt) * decay
    speed = (speed - stiffness * drive * dt) * decay
    if np.abs(value - aim).max() < 1e-5 and np.abs(speed).max() < 1e-4:
        return aim.copy(), np.zeros_like(speed)
    return value, speed
