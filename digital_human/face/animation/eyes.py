"""Blinks and gaze.

Blink intervals are log-normal and cluster at phrase ends and gaze shifts; gaze rests on the
camera with small saccades away and back, and turns against the head so that it stays there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.animation.looks import Look
from digital_human.face.motion import INDEX

_CLOSE, _SHUT, _OPEN = 0.10, 0.04, 0.20  # s
_MEDIAN, _SPREAD = 3.6, 0.45  # s and log standard deviation of blink intervals
_SHORTEST = 0.9  # s between blinks, except doubled ones
_DOUBLED = 0.1
_AT_PHRASE_END, _AT_SHIFT = 0.55, 0.35
_SACCADE = 0.05  # s
_SHIFT = 3.0  # degrees from which a saccade may bring a blink
_EYE_RANGE = 25.0  # degrees of gaze at curve value 1
_SLOWER = 1.5  # blink intervals in thought, times the usual ones
# Where thoughts look: degrees to the side and up; now and then straight down to the side.
_THOUGHT_YAW, _THOUGHT_PITCH, _THOUGHT_DOWN = (5.0, 10.0), (3.0, 7.0), 0.2


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where the eyes point, degrees: yaw to the person's own left, pitch up."""

    yaw: float
    pitch: float


class Blinks:
    """A process that says how far the lids are shut at a time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._start = -10.0
        self._next = float(rng.uniform(1.2, 3.0))
        self.pace = 1.0
        """Times the usual intervals."""

    def hint(self, time: float, chance: float, *, until: float = np.inf) -> None:
        """Something happens at ``time`` that people often blink at."""
        if self._rng.random() < chance and time - self._start > _SHORTEST and time < until:
            self._next = min(self._next, time + float(self._rng.uniform(0.0, 0.12)))

    def step(self, time: float, until: float) -> float:
        """Lid closure 0…1 at ``time``; no blink begins that would not end by ``until``."""
        if time >= self._next:
            if time + _CLOSE + _SHUT + _OPEN <= until:
                self._start = self._next if time - self._next < 0.1 else time
            if self._rng.random() < _DOUBLED:
                wait = _CLOSE + _SHUT + _OPEN + float(self._rng.uniform(0.02, 0.12))
            else:
                wait = float(self._rng.lognormal(np.log(_MEDIAN), _SPREAD))
                wait = float(np.clip(wait, _SHORTEST, 9.0)) * self.pace
            self._next = max(time, self._start) + wait
        return _lid(time - self._start)


def _lid(since: float) -> float:
    """Closure ``since`` seconds after a blink's start: fast down, held, slower up."""
    if since < 0.0 or since >= _CLOSE + _SHUT + _OPEN:
        return 0.0
    if since < _CLOSE:
        u = since / _CLOSE
        return float(u * u * (3 - 2 * u))
    if since <= _CLOSE + _SHUT:
        return 1.0
    u = (since - _CLOSE - _SHUT) / _OPEN
    return float((1.0 - u) ** 2 * (1.0 + 2.0 * u))


class Saccades:
    """Fixations mostly on the camera, with quick shifts between them."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._from = Gaze(0.0, 0.0)
        self._to = Gaze(0.0, 0.0)
        self._moved = 0.0
        self._next = float(rng.uniform(1.0, 2.5))
        self._look: Look = "idle"
        self._side = 1.0

    def look(self, look: Look, side: float, time: float) -> None:
        """Look as ``look`` asks from ``time`` on; thoughts go to ``side`` (1 the person's left)."""
        turns = "thinking" in (look, self._look) and look != self._look
        self._look, self._side = look, side
        if turns or (look == "listening" and self._away):
            self._next = min(self._next, time + float(self._rng.uniform(0.02, 0.12)))

    def step(self, time: float, speaking: bool) -> tuple[Gaze, float]:
        """The direction at ``time`` and the size in degrees of a shift that begins now."""
        size = 0.0
        if time >= self._next:
            self._from = self._at(time)
            self._to, stay = self._choose(speaking)
            self._moved, self._next = time, time + stay
            size = float(np.hypot(self._to.yaw - self._from.yaw, self._to.pitch - self._from.pitch))
        return self._at(time), size

    def _choose(self, speaking: bool) -> tuple[Gaze, float]:
        rng = self._rng
        if self._look == "thinking" and not speaking:
            yaw, pitch = float(rng.uniform(*_THOUGHT_YAW)), float(rng.uniform(*_THOUGHT_PITCH))
            if rng.random() < _THOUGHT_DOWN:
                pitch = -0.7 * pitch
            return Gaze(self._side * yaw, pitch), float(rng.uniform(0.6, 1.6))
        attentive = self._look == "listening"
        if not attentive and not self._away and rng.random() < (0.12 if speaking else 0.22):
            yaw = float(rng.choice([-1.0, 1.0]) * rng.uniform(2.5, 6.0))
            return Gaze(yaw, float(rng.uniform(-3.5, 1.5))), float(rng.uniform(0.35, 0.9))
        near = Gaze(float(rng.normal(0.0, 0.5)), float(rng.normal(0.0, 0.35)))
        return near, float(np.clip(rng.lognormal(np.log(1.3), 0.5), 0.4, 4.0))

    @property
    def _away(self) -> bool:
        return abs(self._to.yaw) + abs(self._to.pitch) > 2.0

    def _at(self, time: float) -> Gaze:
        u = min(1.0, max(0.0, (time - self._moved) / _SACCADE))
        u = u * u * (3 - 2 * u)
        return Gaze(
            self._from.yaw + u * (self._to.yaw - self._from.yaw),
            self._from.pitch + u * (self._to.pitch - self._from.pitch),
        )


class Eyes:
    """Blinks and gaze together."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._blinks = Blinks(rng)
        self._saccades = Saccades(rng)

    def look(self, look: Look, side: float, time: float) -> None:
        """Look as ``look`` asks from ``time`` on; thoughts go to ``side`` (1 the person's left)."""
        self._saccades.look(look, side, time)
        self._blinks.pace = _SLOWER if look == "thinking" else 1.0

    def phrase_end(self, time: float, until: float) -> None:
        """A pause begins at ``time``."""
        self._blinks.hint(time, _AT_PHRASE_END, until=until)

    def step(
        self, time: float, ease: float, head: FloatArray, speaking: bool, until: float
    ) -> FloatArray:
        """The eye curves, float32 [52], at ``time``.

        Args:
            time: Seconds; calls come in order.
            ease: 0 holds the gaze straight ahead, 1 lets it live.
            head: Head pose as in `MotionFrame.head`; the eyes turn against it.
            speaking: Gaze leaves the camera less often.
            until: Time by which a blink must be over.
        """
        gaze, size = self._saccades.step(time, speaking)
        if size > _SHIFT:
            self._blinks.hint(time, _AT_SHIFT, until=until)
        shut = self._blinks.step(time, until)
        yaw = (gaze.yaw * ease - float(head[0])) / _EYE_RANGE
        pitch = (gaze.pitch * ease - float(head[1])) / _EYE_RANGE
        curves = np.zeros(52, np.float32)

        def put(name: str, value: float) -> None:
            curves[INDEX[name]] = min(1.0, max(0.0, value))

        put("eyeLookOutLeft", yaw)
        put("eyeLookInRight", yaw)
        put("eyeLookInLeft", -yaw)
        put("eyeLookOutRight", -yaw)
        for side in ("Left", "Right"):
            put(f"eyeLookUp{side}", pitch)
            put(f"eyeLookDown{side}", -pitch)
            put(f"eyeBlink{side}", max(shut, 0.35 * max(0.0, -pitch)))
        put("browDownLeft", 0.06 * shut)
        put("browDownRight", 0.06 * shut)
        return curves
