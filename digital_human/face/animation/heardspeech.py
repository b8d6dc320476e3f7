"""Speech without marks on a stream's time line."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

from digital_human.core.frames import FloatArray
from digital_human.face.animation.articulation import PAUSE
from digital_human.face.animation.heard import ROW, Heard, HeardMouth
from digital_human.face.animation.mouth import Mouth
from digital_human.face.animation.prosody import Prosody, prominent

_SYLLABLE = 11  # rows over which loudness is smoothed to find syllables
_KNOWN = 0.5  # s of sound that must come at once to tell which syllables stand out


class HeardSpeech:
    """One stretch of sound without marks, whole or in pieces, and the mouth that goes with it.

    Args:
        start: Seconds on the stream's time line of its first sample.
        rate: Samples per second.
    """

    def __init__(self, start: float, rate: int) -> None:
        self.start, self.rate, self.samples = start, rate, 0
        self._mouth = HeardMouth(rate)
        self._heard = Heard.none()
        self._accents: list[tuple[float, float]] = []
        self._finished = False
        self._until = float("inf")

    @property
    def end(self) -> float:
        """Where the sound known so far ends, in seconds."""
        return self.start + self.samples / self.rate

    @property
    def open(self) -> bool:
        """Whether more sound may follow."""
        return not self._finished

    def feed(self, pcm: FloatArray) -> None:
        """Hear the next piece, float32 [n] mono."""
        rows = self._mouth.feed(pcm)
        if len(rows) * ROW >= _KNOWN:
            first = self.start + len(self._heard) * ROW
            self._accents += _accents(rows, first)
        self._heard = self._heard + rows
        self.samples += len(pcm)

    def finish(self) -> None:
        """No more sound follows: the mouth closes."""
        if not self._finished:
            self._finished = True
            self._heard = self._heard + self._mouth.finish()

    def cut(self, time: float) -> None:
        """Nothing is said from ``time`` on."""
        self._finished = True
        self._until = min(self._until, time)

    def mouth(self, time: float) -> Mouth | None:
        """The mouth at ``time``, which comes in order; None where this speech says nothing.

        Sound that is not there by then counts as silence.
        """
        row = (time - self.start) / ROW
        if row < 0 or time >= self._until:
            return None
        if row > len(self._heard) - 1:
            self.finish()
        return self._heard.mouth(row) if row <= len(self._heard) - 1 else None

    def prosody(self) -> Prosody:
        """Its silences and the syllables that stand out, in seconds on the stream's time line."""
        edges = np.flatnonzero(np.diff(np.concatenate([[1], self._heard.speech, [1]]).astype(int)))
        times = self.start + edges * ROW
        total = self.start + len(self._heard) * ROW
        silences = tuple(
            (float(a), float(b))
            for a, b in zip(times[::2], times[1::2], strict=True)
            if b - a >= PAUSE or a == self.start or b == total
        )
        return Prosody((), silences, tuple(self._accents))


def _accents(rows: Heard, offset: float) -> tuple[tuple[float, float], ...]:
    """(time, strength) of the loudest syllables of ``rows``."""
    level = uniform_filter1d(rows.level, _SYLLABLE, mode="nearest")
    peak = (level[1:-1] >= level[:-2]) & (level[1:-1] > level[2:]) & rows.speech[1:-1]
    return prominent([(i * ROW, float(level[i])) for i in np.flatnonzero(peak) + 1], offset)
