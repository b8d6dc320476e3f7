"""A mark in the sound of every synthetic utterance, too fine to hear and kept by codecs.

Spread spectrum in the logarithmic spectrum after Kirovski and Malvar, "Spread-spectrum watermarking
of audio signals" (IEEE Trans. Signal Processing 51, 2003), with patches that are constant in time:
the sound passes a fixed filter that raises and lowers stretches of 1/48 octave by 1 dB in an order
that looks random. An ear's critical band is eight of them wide, so that its level hardly moves. The
mean logarithmic spectrum of some seconds, less its smooth part, is correlated with that order.
Another speed moves the pattern along logarithmic frequency, where it is searched for; another
tempo, a cut and another start leave it in place. It says that a sound is synthetic and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.signal import fftconvolve

from digital_human.core.frames import FloatArray

Array = npt.NDArray[np.float64]
RATE = 24_000
"""Samples per second that `listen` takes."""
VERSION = "1"
FOUND = 4.8
"""Score from which a stretch counts as marked: without a mark, fewer than 1 in 10,000 reach it."""
_LOW, _HIGH = 1200.0, 10_500.0  # hertz
_PER_OCTAVE = 48
_DEPTH = 1.0  # decibels
_COUNT = int(np.log2(_HIGH / _LOW) * _PER_OCTAVE)
_TAPS = 2048  # at `RATE`: what rings longer is under −60 dB
_DESIGN = 1 << 15
_WINDOW, _HOP = 6144, 1536
_FINE = 4  # steps of the search per patch
_SEARCH = int(np.ceil(np.log2(1.065) * _PER_OCTAVE * _FINE))  # ±6.5 % of speed
_SMOOTH = 8  # patches; what is smoother belongs to the voice
_QUIET = 1e-3  # of the loudest frame's power: quieter ones tell of noise
_STRETCH = 10 * RATE


@dataclass(frozen=True, slots=True)
class Heard:
    """What `listen` found.

    Attributes:
        score: Of the whole sound, in standard deviations of sound without a mark.
        speed: At which the sound runs, 1.0 is as it was made; of no meaning without a mark.
        marked: Stretches of 10 s that reach `FOUND` by themselves.
        stretches: Stretches there are.
    """

    score: float
    speed: float
    marked: int
    stretches: int

    @property
    def found(self) -> bool:
        """Whether the sound is marked."""
        return self.score >= FOUND or self.marked > self.stretches // 4


def mark(pcm: FloatArray, rate: int) -> FloatArray:
    """``pcm`` with the mark.

    Args:
        pcm: float32 [n] mono; its pause at the end takes up the 85 ms that the filter rings.
        rate: Samples per second.

    Returns:
        float32 [n], in step with ``pcm``.
    """
    if not len(pcm):
        return pcm
    return np.asarray(fftconvolve(pcm, _filter(rate))[: len(pcm)], np.float32)


def listen(pieces: Iterable[FloatArray], rate: int = RATE) -> Heard:
    """Look for the mark.

    Args:
        pieces: float32 [n] mono at `RATE`, in order.
        rate: Samples per second that the sound had before: above half of it nothing is looked for.
    """
    total: Array = np.zeros(_WINDOW // 2 + 1)
    frames = marked = stretches = 0
    for stretch in _stretches(pieces):
        spectrum, count = mean_spectrum(stretch)
        if not count:
            continue
        total += spectrum * count
        frames += count
        stretches += 1
        marked += _score(spectrum, rate)[0] >= FOUND
    if not frames:
        return Heard(0.0, 1.0, 0, 0)
    score, speed = _score(total / frames, rate)
    return Heard(score, speed, marked, stretches)


@lru_cache
def order(key: str = "digital-human") -> Array:
    """float64 [patches]: +1 and −1, as many of each, in an order that looks random."""
    digests = [hashlib.sha256(f"{key} {i}".encode()).digest() for i in range(_COUNT)]
    rank = np.argsort(np.argsort([int.from_bytes(digest[:8]) for digest in digests]))
    return np.where(rank < _COUNT // 2, -1.0, 1.0)


@lru_cache
def _filter(rate: int) -> Array:
    """Impulse response of the marking filter; minimum phase, so that nothing rings before."""
    frequency = np.fft.rfftfreq(_DESIGN, 1 / rate)
    place = np.floor(np.log2(np.maximum(frequency, 1.0) / _LOW) * _PER_OCTAVE).astype(np.int64)
    inside = (place >= 0) & (place < _COUNT)
    gain = np.where(inside, _DEPTH * order()[np.clip(place, 0, _COUNT - 1)], 0.0)
    logarithm = gain * (np.log(10) / 20)
    cepstrum = np.fft.irfft(logarithm, _DESIGN)
    fold = np.zeros(_DESIGN)
    fold[0], fold[1 : _DESIGN // 2], fold[_DESIGN // 2] = 1, 2, 1
    response = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)), _DESIGN)
    taps = round(_TAPS * rate / RATE)
    fade = np.ones(taps)
    fade[-taps // 4 :] = np.cos(np.linspace(0, np.pi / 2, len(fade[-taps // 4 :]))) ** 2
    return np.asarray(response[:taps] * fade, np.float64)


def _stretches(pieces: Iterable[FloatArray]) -> Iterable[FloatArray]:
    """The sound in stretches; a last one that is short is joined to the one before it."""
    held = np.zeros(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) >= 2 * _STRETCH:
            yield held[:_STRETCH]
            held = held[_STRETCH:]
    if len(held):
        yield held


def mean_spectrum(pcm: FloatArray) -> tuple[Array, int]:
    """float64 [bins]: mean level in decibels of the frames with sound, and how many there are."""
    if len(pcm) < _WINDOW:
        pcm = np.pad(pcm, (0, _WINDOW - len(pcm)))
    frames = np.lib.stride_tricks.sliding_window_view(pcm, _WINDOW)[::_HOP]
    power = np.array([float(np.mean(np.square(frame))) for frame in frames])
    loud = np.flatnonzero(power > max(power.max() * _QUIET, 1e-9))
    total: Array = np.zeros(_WINDOW // 2 + 1)
    window = np.hanning(_WINDOW).astype(np.float32)
    for index in loud:
        total += 20 * np.log10(np.abs(np.fft.rfft(frames[index] * window)) + 1e-7)
    return total / max(1, len(loud)), len(loud)


def _score(spectrum: Array, rate: int) -> tuple[float, float]:
    """The best score over all speeds searched, and that speed."""
    scores = correlate(spectrum, rate, order())
    best = int(np.argmax(scores))
    return float(scores[best]), float(2 ** ((best - _SEARCH) / (_PER_OCTAVE * _FINE)))


def correlate(spectrum: Array, rate: int, orders: Array) -> Array:
    """How well a spectrum fits some orders, at every speed that is searched.

    Args:
        spectrum: float64 [bins], mean levels in decibels.
        rate: As for `listen`.
        orders: float64 [..., patches], +1 and −1.

    Returns:
        float64 [..., speeds]: in standard deviations of what random orders give.
    """
    steps = np.arange(-_SEARCH, _COUNT * _FINE + _SEARCH) + 0.5
    frequency = _LOW * 2 ** (steps / (_PER_OCTAVE * _FINE))
    level = np.interp(frequency * _WINDOW / RATE, np.arange(len(spectrum)), spectrum)
    rough = uniform_filter1d(level - uniform_filter1d(level, _SMOOTH * _FINE), _FINE)
    used = _COUNT
    if 0.45 * rate < _HIGH:
        used = int(np.log2(0.45 * rate / _LOW) * _PER_OCTAVE) - _SEARCH // _FINE
    starts = np.arange(2 * _SEARCH + 1)[:, None] + _FINE // 2
    found = rough[starts + _FINE * np.arange(used)]
    found = found - found.mean(axis=1, keepdims=True)
    limit = 3 * found.std(axis=1, keepdims=True)
    found = np.clip(found, -limit, limit)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    wanted = (orders - uniform_filter1d(orders, _SMOOTH, axis=-1))[..., :used]
    wanted /= np.linalg.norm(wanted, axis=-1, keepdims=True)
    return np.asarray(wanted @ found.T * np.sqrt(used))
