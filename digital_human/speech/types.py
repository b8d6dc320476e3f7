"""Clauses in, speech with exact timings out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from digital_human.core.frames import FloatArray

Language = Literal["zh", "en", "ja"]
Emotion = Literal["neutral", "happy", "serious", "sad", "surprised", "warm"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a clause is spoken, relative to the voice's own manner.

    Attributes:
        speed: Times the voice's tempo.
        pitch: Semitones the melody is moved; what tells voices apart besides pitch stays.
        loudness: Decibels, under the limiter.
        range: Times the melody's excursions about its mean: below 1 flatter, above 1 livelier.
    """

    speed: float = 1.0
    pitch: float = 0.0
    loudness: float = 0.0
    range: float = 1.0

    def then(self, other: Delivery) -> Delivery:
        """Both at once."""
        return Delivery(
            self.speed * other.speed,
            self.pitch + other.pitch,
            self.loudness + other.loudness,
            self.range * other.range,
        )

    def scaled(self, level: float) -> Delivery:
        """So many times as far from neutral."""
        return Delivery(
            self.speed**level, self.pitch * level, self.loudness * level, self.range**level
        )


NEUTRAL = Delivery()


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of text spoken in one go.

    Attributes:
        text: As written; captions show this.
        language: Main language; Latin runs inside Chinese are read as English.
        epoch: Epoch it was made in.
        index: Position in its turn or segment.
        emotion: What the face shows.
        pause: Silence after it, in milliseconds.
        last: Whether its turn or segment ends with it.
        delivery: How it is spoken.
        lead: Silence before it that was asked for, in milliseconds at any tempo.
    """

    text: str
    language: Language
    epoch: int = 0
    index: int = 0
    emotion: Emotion = "neutral"
    pause: int = 0
    last: bool = False
    delivery: Delivery = NEUTRAL
    lead: int = 0


@dataclass(frozen=True, slots=True)
class Phone:
    """One phoneme on the clause's own sample line.

    Attributes:
        symbol: Kokoro's IPA symbol, without tone and length marks (e.g. ``p``, ``a``, ``ʂ``);
            ``_`` is silence.
        start: First sample.
        end: One past the last sample.
        stress: Relative prominence, 1.0 is normal.
    """

    symbol: str
    start: int
    end: int
    stress: float = 1.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word or a Chinese character as written, on the clause's own sample line.

    Attributes:
        text: Exactly as in `Clause.text`, so that the words joined give the text back.
        start: First sample.
        end: One past the last sample.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Speech:
    """A spoken clause.

    Attributes:
        clause: What was asked for.
        spoken: The text after normalisation and pronunciation entries, as it was read.
        pcm: float32 [n], −1…1, mono, the clause's lead and pause included.
        rate: Samples per second.
        phones: In order, covering the sound from 0 to n without gaps or overlaps.
        words: In order.
        epoch: Epoch it was made in.
    """

    clause: Clause
    spoken: str
    pcm: FloatArray
    rate: int
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    epoch: int
