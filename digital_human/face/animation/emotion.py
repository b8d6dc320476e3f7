"""Emotion as offsets on brows, eyes, cheeks and mouth corners, cross-faded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.motion import INDEX
from digital_human.speech.types import Emotion

_FADE = 0.28  # s, time constant of each of the two smoothing stages
_HOLD = 3.0  # s of silence after which the expression relaxes
_RAISE = 0.24  # s from rest to the top of a brow raise, and back

_UPPER: Mapping[Emotion, Mapping[str, float]] = {
    "neutral": {},
    "happy": {
        "cheekSquintLeft": 0.35, "cheekSquintRight": 0.35, "eyeSquintLeft": 0.22,
        "eyeSquintRight": 0.22, "browOuterUpLeft": 0.12, "browOuterUpRight": 0.12,
        "browInnerUp": 0.08,
    },
    "warm": {
        "cheekSquintLeft": 0.18, "cheekSquintRight": 0.18, "eyeSquintLeft": 0.12,
        "eyeSquintRight": 0.12, "browInnerUp": 0.12,
    },
    "serious": {
        "browDownLeft": 0.28, "browDownRight": 0.28, "eyeSquintLeft": 0.08, "eyeSquintRight": 0.08,
    },
    "sad": {
        "browInnerUp": 0.45, "browDownLeft": 0.1, "browDownRight": 0.1, "eyeSquintLeft": 0.1,
        "eyeSquintRight": 0.1,
    },
    "surprised": {
        "browInnerUp": 0.5, "browOuterUpLeft": 0.5, "browOuterUpRight": 0.5, "eyeWideLeft": 0.4,
        "eyeWideRight": 0.4,
    },
}  # fmt: skip
_MOUTH: Mapping[Emotion, Mapping[str, float]] = {
    "neutral": {},
    "happy": {"mouthSmileLeft": 0.45, "mouthSmileRight": 0.45},
    "warm": {"mouthSmileLeft": 0.25, "mouthSmileRight": 0.25},
    "serious": {},
    "sad": {"mouthFrownLeft": 0.3, "mouthFrownRight": 0.3},
    "surprised": {},
}


def _curves(table: Mapping[str, float]) -> FloatArray:
    curves = np.zeros(52, np.float32)
    for name, value in table.items():
        curves[INDEX[name]] = value
    return curves


_AIMS: dict[Emotion, tuple[FloatArray, FloatArray]] = {
    e: (_curves(_UPPER[e]), _curves(_MOUTH[e])) for e in _UPPER
}
_REST = (_curves({}), _curves({}))


def face_of(emotion: Emotion) -> FloatArray:
    """The whole face of ``emotion`` at full strength, float32 [52]."""
    upper, mouth = _AIMS[emotion]
    return upper + mouth


class Expression:
    """The expression of the moment.

    The mouth's share moves only while there is speech, so that a closed mouth stays still, or
    when the expression relaxes after a long silence.
    """

    def __init__(self) -> None:
        self._upper = np.zeros((2, 52), np.float32)
        self._mouth = np.zeros((2, 52), np.float32)

    def step(
        self, dt: float, emotion: Emotion, speaking: bool, silent: float
    ) -> tuple[FloatArray, FloatArray]:
        """Move ``dt`` seconds on and return the offsets (upper face, mouth), float32 [52] each.

        Args:
            dt: Seconds.
            emotion: What the speech of the moment asks for.
            speaking: Whether the mouth is in speech.
            silent: Seconds since it was, or until it will be again if that is nearer.
        """
        relaxed = silent > _HOLD
        upper, mouth = _REST if relaxed else _AIMS[emotion]
        rate = 1.0 - float(np.exp(-dt / _FADE))
        self._chase(self._upper, upper, rate)
        if speaking or relaxed:
            self._chase(self._mouth, mouth, rate)
        return self._upper[1], self._mouth[1]

    @staticmethod
    def _chase(stages: FloatArray, aim: FloatArray, rate: float) -> None:
        stages[0] += rate * (aim - stages[0])
        stages[1] += rate * (stages[0] - stages[1])
        if np.abs(stages - aim).max() < 1e-4:
            stages[:] = aim


class Brows:
    """Short raises of the brows on stressed syllables."""

    def __init__(self) -> None:
        self._raises: list[tuple[float, float]] = []

    def lift(self, time: float, strength: float) -> None:
        """Raise the brows so that they are highest at ``time``."""
        self._raises.append((time, strength))

    def step(self, time: float) -> FloatArray:
        """Brow curves, float32 [52]."""
        self._raises = [r for r in self._raises if time - r[0] < _RAISE]
        curves = np.zeros(52, np.float32)
        height = 0.0
        for peak, strength in self._raises:
            u = (time - peak) / _RAISE
            if u > -1.0:
                height = max(height, strength * (0.5 + 0.5 * float(np.cos(np.pi * u))))
        curves[INDEX["browInnerUp"]] = height
        curves[INDEX["browOuterUpLeft"]] = curves[INDEX["browOuterUpRight"]] = 0.8 * height
        return curves
