"""Head movement and breathing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray

Array = npt.NDArray[np.float64]

# Yaw, pitch, roll in degrees, x, y, z in outer-eye distances.
_DRIFT = np.array([1.3, 0.8, 0.7, 0.008, 0.005, 0.01])  # of the noise
_POSTURE = np.array([1.6, 0.7, 0.9, 0.006, 0.002, 0.006])  # of the offsets taken per phrase
_LIMIT = np.array([4.0, 3.0, 2.0, 0.03, 0.02, 0.03])
_WAVES = 6
_BAND = (0.06, 0.55)  # Hz
_STIFFNESS = 4.5  # 1/s of the critically damped spring to the phrase's posture
_ONSET = 0.18  # s in which a new posture begins to pull
_NOD = 0.42  # s
_NOD_DEPTH = (1.1, 2.4)  # degrees down

_CYCLE = 4.3  # s of a breath at rest: 14 a minute
_INHALE = 1.5  # s at rest
_QUICK = 0.45  # s before a phrase
_SPOKEN = (2.5, 7.0)  # s an exhalation lasts in speech


class Head:
    """Slow smooth noise, a posture per phrase and nods on stressed syllables."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rate = (
            np.exp(rng.uniform(np.log(_BAND[0]), np.log(_BAND[1]), (_WAVES, 6))) * 2 * np.pi
        )
        self._phase = rng.uniform(0, 2 * np.pi, (_WAVES, 6))
        weight = 1.0 / np.sqrt(self._rate)
        self._weight = weight / np.sqrt((weight**2).sum(0) / 2)
        self._posture = np.zeros(6)
        self._speed = np.zeros(6)
        self._aim, self._goal = np.zeros(6), np.zeros(6)
        self._nods: list[tuple[float, float]] = []

    def phrase(self) -> None:
        """A phrase begins: take another posture."""
        self._aim = np.clip(self._rng.normal(0.0, 0.6, 6), -1.2, 1.2) * _POSTURE

    def rest(self) -> None:
        """Speech is over for now: return to the middle."""
        self._aim = np.zeros(6)

    def nod(self, time: float, strength: float) -> None:
        """Nod so that the lowest point is at ``time``."""
        depth = _NOD_DEPTH[0] + strength * (_NOD_DEPTH[1] - _NOD_DEPTH[0])
        self._nods.append((time - _NOD / 2, depth * float(self._rng.uniform(0.8, 1.1))))

    def step(self, time: float, dt: float, ease: float, activity: float) -> FloatArray:
        """Head pose as in `MotionFrame.head`, float32 [6].

        Args:
            time: Seconds.
            dt: Seconds since the last step.
            ease: 0 holds the neutral pose.
            activity: 0 in silence, 1 in speech; the head moves more in speech.
        """
        self._goal += (self._aim - self._goal) * (1.0 - float(np.exp(-dt / _ONSET)))
        pull = _STIFFNESS**2 * (self._goal - self._posture) - 2 * _STIFFNESS * self._speed
        self._speed += pull * dt
        self._posture += self._speed * dt
        drift = (self._weight * np.sin(self._rate * time + self._phase)).sum(0) / 2
        pose: Array = drift * _DRIFT * (0.65 + 0.35 * activity) + self._posture
        self._nods = [n for n in self._nods if time - n[0] < _NOD]
        for start, depth in self._nods:
            if time > start:
                u = (time - start) / _NOD
                pose[1] -= depth * (0.5 - 0.5 * np.cos(2 * np.pi * u))
        return np.asarray(ease * _LIMIT * np.tanh(pose / _LIMIT), np.float32)


class Breath:
    """Breaths at rest, quick inhalations before phrases and long exhalations in them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._from, self._value = 0.0, 0.0
        self._start, self._inhale, self._exhale = 0.0, _INHALE, _CYCLE - _INHALE
        self._onset = -1.0

    def step(self, time: float, onset: float, phrase: float) -> float:
        """The chest's phase −1…1 at ``time``.

        Args:
            time: Seconds; calls come in order.
            onset: When the next phrase begins after a pause, or infinity.
            phrase: How long that phrase lasts in seconds.
        """
        since = time - self._start
        if 0.0 <= onset - time <= _QUICK and onset != self._onset:
            self._onset = onset
            self._begin(time, max(0.2, onset - time), float(np.clip(phrase, *_SPOKEN)))
        elif since >= self._inhale + self._exhale:
            stretch = float(self._rng.uniform(0.88, 1.12))
            self._begin(time, _INHALE * stretch, (_CYCLE - _INHALE) * stretch)
        since = time - self._start
        if since < self._inhale:
            u = 0.5 - 0.5 * np.cos(np.pi * since / self._inhale)
            self._value = self._from + (1.0 - self._from) * u
        else:
            u = 0.5 - 0.5 * np.cos(np.pi * min(1.0, (since - self._inhale) / self._exhale))
            self._value = 1.0 - 2.0 * u
        return float(self._value)

    def _begin(self, time: float, inhale: float, exhale: float) -> None:
        self._from, self._start = self._value, time
        self._inhale, self._exhale = inhale, exhale
