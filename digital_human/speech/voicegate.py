"""Turns VAD probabilities into voice on and off, with hysteresis and hangover."""

from __future__ import annotations

from collections import deque

WINDOW = 0.032
_EPS = 1e-6


class VoiceGate:
    """Whether there is a voice, since when and until when.

    Args:
        on: Probability of a voiced window while there is no voice.
        stay: Probability of a voiced window while there is.
        windows: Voiced windows among the last ``span`` that begin a voice.
        span: See ``windows``.
        hangover: Unvoiced seconds that end it.
        quiet: Windows below this level (dBFS) are never voiced.
    """

    def __init__(
        self, *, on: float, stay: float, windows: int, span: int, hangover: float, quiet: float
    ) -> None:
        self._on, self._stay = on, stay
        self._windows, self._hangover, self._quiet = windows, hangover, quiet
        self._recent: deque[tuple[float, bool]] = deque(maxlen=span)
        self.on = False
        self.onset = 0.0
        self.end = 0.0

    @property
    def length(self) -> float:
        """Seconds from onset to the last voiced window's end."""
        return self.end - self.onset

    def step(self, t: float, probability: float, level: float) -> bool:
        """Take the window that ends at ``t``; whether a voice began with it."""
        voiced = probability >= (self._stay if self.on else self._on) and level >= self._quiet
        if self.on:
            if voiced:
                self.end = t
            elif t - self.end >= self._hangover - _EPS:
                self.reset()
            return False
        self._recent.append((t - WINDOW, voiced))
        starts = [start for start, heard in self._recent if heard]
        if len(starts) < self._windows:
            return False
        self.on, self.onset, self.end = True, starts[0], t
        return True

    def reset(self) -> None:
        """No voice; ``onset`` and ``end`` keep those of the last one."""
        self.on = False
        self._recent.clear()
