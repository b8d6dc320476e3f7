"""What the person does while it is not speaking: looks of attention and of thought, and acts.

Looks are postures that the head and the brows glide into; gaze follows them in saccades (see
`eyes.Saccades`). Acts are short gestures laid over whatever else happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.face.motion import INDEX

Array = npt.NDArray[np.float64]
Look = Literal["idle", "listening", "thinking", "speaking"]
ActName = Literal["nod", "shake", "smile", "surprise"]
LOOKS: tuple[Look, ...] = get_args(Look)
ACTS: tuple[ActName, ...] = get_args(ActName)

_STIFFNESS = 11.0  # 1/s of the critically damped spring to a look: 0.4 s for nine tenths
_LISTENING_NOD = (2.6, 6.0)  # s between the small nods of a listener
_NOD_TIME, _NOD_DEPTH = 0.55, (1.6, 2.6)  # s, degrees

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


@dataclass(frozen=True, slots=True)
class _Act:
    seconds: float
    head: Callable[[float], Array]
    curves: FloatArray
    rise: float = 0.2
    fall: float = 0.4


_ACTS: Mapping[ActName, _Act] = {
    "nod": _Act(1.05, _nod, _curves({"browInnerUp": 0.06})),
    "shake": _Act(1.25, _shake, _curves({"browDownLeft": 0.08, "browDownRight": 0.08})),
    "smile": _Act(
        2.6, _smile,
        _curves({"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5, "cheekSquintLeft": 0.35,
                 "cheekSquintRight": 0.35, "eyeSquintLeft": 0.2, "eyeSquintRight": 0.2,
                 "browOuterUpLeft": 0.08, "browOuterUpRight": 0.08}),
    ),
    "surprise": _Act(
        1.5, _surprise,
        _curves({"browInnerUp": 0.55, "browOuterUpLeft": 0.55, "browOuterUpRight": 0.55,
                 "eyeWideLeft": 0.45, "eyeWideRight": 0.45}),
        rise=0.12, fall=0.5,
    ),
}  # fmt: skip


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
        self._acts: list[tuple[float, _Act]] = []
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
        """Begin an act at ``time``; one of the same kind that is going on ends with it."""
        act = _ACTS[name]
        if not any(other is act for _, other in self._acts):
            self._acts.append((time, act))

    def step(self, time: float, dt: float) -> tuple[FloatArray, FloatArray]:
        """Head offset float32 [6] as in `MotionFrame.head` and curves float32 [52] at ``time``."""
        if time >= self._next_nod:
            depth = float(self._rng.uniform(*_NOD_DEPTH))
            self._acts.append((time, _Act(_NOD_TIME, _dip(depth), _curves({}))))
            self._next_nod = time + float(self._rng.uniform(*_LISTENING_NOD))
        aim = np.array(_POSTURES[self.look])
        if self.look == "thinking":
            aim[[0, 2]] *= self.side
        self._head, self._speed = _spring(self._head, self._speed, aim, dt)
        brows = _curves(_BROWS[self.look]).astype(np.float64)
        self._brows, self._rate = _spring(self._brows, self._rate, brows, dt)
        head, curves = self._head.copy(), self._brows.astype(np.float32)
        self._acts = [(start, act) for start, act in self._acts if time - start < act.seconds]
        for start, act in self._acts:
            u = max(0.0, time - start) / act.seconds
            head += act.head(u)
            curves += act.curves * np.float32(_swell(u, act.rise, act.fall))
        return head.astype(np.float32), curves


def _dip(depth: float) -> Callable[[float], Array]:
    def head(u: float) -> Array:
        pitch = -depth * (0.5 - 0.5 * np.cos(2 * np.pi * u))
        return np.array([0.0, pitch, 0.0, 0.0, 0.0, 0.0])

    return head


def _spring(value: Array, speed: Array, aim: Array, dt: float) -> tuple[Array, Array]:
    """Critically damped motion of ``value`` to ``aim`` over ``dt``, exact for any step."""
    away = value - aim
    drive = speed + _STIFFNESS * away
    decay = float(np.exp(-_STIFFNESS * dt))
    value = aim + (away + drive * dt) * decay
    speed = (speed - _STIFFNESS * drive * dt) * decay
    if np.abs(value - aim).max() < 1e-5 and np.abs(speed).max() < 1e-4:
        return aim.copy(), np.zeros_like(speed)
    return value, speed
