"""What the sound says: where it pauses, how loud each vowel is, which syllables stand out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from digital_human.face.animation.articulation import PAUSE, Array, Gesture
from digital_human.speech.types import Phone, Speech
from digital_human.speech.visemes import SPECS, visemes

_HOP = 0.01  # s, between loudness values
_SILENT = -32.0  # dB below the loud parts: silence
_MARKED = 12.0  # dB more are allowed (breath) where the phones say silence
_NOTHING = -60.0  # dB re full scale: no sound at all
_LOUD = 95  # percentile of the loudness that counts as loud
_GAIN_PER_DB = 0.02
_GAIN = (0.8, 1.18)
_ACCENT_GAP = 0.55  # s between accents
_JOIN = 0.03  # s; silences closer than this are one


@dataclass(frozen=True, slots=True)
class Prosody:
    """A speech on the stream's time line, in seconds.

    Attributes:
        gestures: Visemes in order.
        silences: Stretches without sound; shorter than `PAUSE` only at the speech's two ends.
        accents: (time, strength 0…1) of syllables that stand out.
    """

    gestures: tuple[Gesture, ...]
    silences: tuple[tuple[float, float], ...]
    accents: tuple[tuple[float, float], ...]


def unmarked(speech: Speech) -> bool:
    """Whether the speech sounds but no phone says what."""
    if any(phone.symbol != "_" for phone in speech.phones):
        return False
    return bool(len(speech.pcm)) and bool(loudness(speech).max() > _NOTHING)


def loudness(speech: Speech) -> Array:
    """RMS in dB re full scale every 10 ms, over 30 ms windows."""
    hop = max(1, round(speech.rate * _HOP))
    n = max(1, -(-len(speech.pcm) // hop))
    squares = np.zeros(n * hop)
    squares[: len(speech.pcm)] = np.square(speech.pcm, dtype=np.float64)
    power = uniform_filter1d(squares.reshape(n, hop).mean(1), 3, mode="nearest")
    return np.asarray(10.0 * np.log10(power + 1e-10))


def _silences(speech: Speech, level: Array) -> list[tuple[float, float]]:
    """Stretches of at least `PAUSE`, or at an end, that are silent or marked so and quiet."""
    threshold = np.percentile(level, _LOUD) + _SILENT
    quiet = level < threshold
    for phone in speech.phones:
        if phone.symbol == "_":
            a, b = (round(x / speech.rate / _HOP) for x in (phone.start, phone.end))
            quiet[a:b] |= level[a:b] < threshold + _MARKED
    if level.max() < _NOTHING:
        quiet[:] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(np.int8), [0]])))
    total = len(speech.pcm) / speech.rate
    runs = [(a * _HOP, min(total, b * _HOP)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(a, b) for a, b in runs if b - a >= PAUSE or a == 0.0 or b == total]


def pauses(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Silences (start, end) in any order, joined where they meet; short ones are left out."""
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + _JOIN:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return [(a, b) for a, b in merged if b - a >= PAUSE]


def prominent(vowels: list[tuple[float, float]], offset: float) -> tuple[tuple[float, float], ...]:
    """The vowels (time, prominence in dB) that stand out from the others, well apart."""
    if len(vowels) < 2:
        return ()
    score = np.array([p for _, p in vowels])
    spread = max(1.5, float(score.std()))
    z = (score - score.mean()) / spread
    chosen: list[tuple[float, float]] = []
    for i in np.argsort(-z):
        if z[i] < 0.5:
            break
        time = vowels[int(i)][0]
        if all(abs(time - other) >= _ACCENT_GAP for other, _ in chosen):
            chosen.append((time, float(np.clip(z[i] / 2.0, 0.25, 1.0))))
    return tuple(sorted((offset + t, s) for t, s in chosen))


def analyse(speech: Speech, offset: float) -> Prosody:
    """Read ``speech`` placed at ``offset`` seconds."""
    level = loudness(speech)
    silences = _silences(speech, level)

    def over(phone: Phone) -> float:
        a = int(phone.start / speech.rate / _HOP)
        b = max(a + 1, int(phone.end / speech.rate / _HOP))
        return float(level[a:b].max(initial=-100.0))

    def is_vowel(phone: Phone) -> bool:
        return any(SPECS[v].vowel for v, _ in visemes(phone.symbol))

    levels = {i: over(p) for i, p in enumerate(speech.phones) if is_vowel(p)}
    usual = float(np.median(list(levels.values()))) if levels else 0.0
    gestures: list[Gesture] = []
    vowels: list[tuple[float, float]] = []
    for i, phone in enumerate(speech.phones):
        start, end = phone.start / speech.rate, phone.end / speech.rate
        if end <= start:
            continue
        gain = 1.0
        if i in levels:
            gain = (1.0 + _GAIN_PER_DB * (levels[i] - usual)) * phone.stress**0.4
            gain = float(np.clip(gain, *_GAIN))
            vowels.append(((start + min(end, start + 0.2)) / 2, levels[i] + 8 * (phone.stress - 1)))
        start, end = _sounding(phone, start, end, silences)
        at = start
        for viseme, share in visemes(phone.symbol):
            until = at + share * (end - start)
            gestures.append(Gesture(offset + at, offset + until, viseme, gain))
            at = until
    return Prosody(
        tuple(gestures),
        tuple((offset + a, offset + b) for a, b in silences),
        prominent(vowels, offset),
    )


def _sounding(
    phone: Phone, start: float, end: float, silences: list[tuple[float, float]]
) -> tuple[float, float]:
    """The part of a phone that sounds; a synthesizer's last phone often runs on into silence.

    The silent beginning of a closure stays: the lips are shut before the burst is heard.
    """
    closes = any(SPECS[v].closure != "none" for v, _ in visemes(phone.symbol))
    for a, b in silences:
        if start < a < end <= b + 2 * _HOP:
            return start, max(a, start + _HOP)
        if a <= start < b < end and not closes:
            return min(b, end - _HOP), end
    return start, end
