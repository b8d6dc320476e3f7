"""What alignment looks at: where a recording has speech, its mel cepstra and its pitch.

All of it at 16 kHz in frames of 5 ms.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from scipy.fft import dct, rfft
from scipy.ndimage import uniform_filter1d

from digital_human.core.frames import FloatArray

IntArray = npt.NDArray[np.int64]

RATE = 16_000
HOP = 80
COARSE = 8
"""Frames that make a coarse one."""
_WINDOW = 400
_MELS, _CEPSTRA = 40, 13
# A pause of the recording is quieter than the peak by this, or within a few dB of its noise floor.
_FLOOR_DB, _ABOVE_NOISE_DB, _LOUDEST_PAUSE_DB = -38.0, 5.0, -22.0
_PAUSE = 16  # frames: 80 ms; shorter ones may be closures of stops


def resampled(pcm: FloatArray, rate: int) -> FloatArray:
    """``pcm`` at `RATE`."""
    mono = np.ascontiguousarray(pcm, np.float32)
    return mono if rate == RATE else np.asarray(soxr.resample(mono, rate, RATE), np.float32)


def energy_db(sound: FloatArray) -> FloatArray:
    """float32 [frames]: smoothed level of every hop in dB."""
    count = len(sound) // HOP
    power = np.square(sound[: count * HOP]).reshape(count, HOP).mean(axis=1)
    return np.asarray(10 * np.log10(uniform_filter1d(power, 4) + 1e-10), np.float32)


def speech_frames(energy: FloatArray) -> IntArray:
    """Frames that are not in a pause, nor in the silence at the ends."""
    if not len(energy) or energy.max() < -65:
        return np.zeros(0, np.int64)
    peak, floor = float(np.percentile(energy, 99)), float(np.percentile(energy, 5))
    noisy = min(floor + _ABOVE_NOISE_DB, peak + _LOUDEST_PAUSE_DB)
    quiet = np.concatenate([[False], energy < max(peak + _FLOOR_DB, noisy), [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    keep = np.ones(len(energy), np.bool_)
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        if b - a >= _PAUSE or a == 0 or b == len(energy):
            keep[a:b] = False
    return np.flatnonzero(keep)


def cepstra(sound: FloatArray, centres: IntArray) -> FloatArray:
    """float32 [n, 2 × 13]: mel cepstra around each sample of ``centres`` and their slopes."""
    padded = np.pad(sound, _WINDOW)
    window = np.hanning(_WINDOW).astype(np.float32)
    result = np.empty((len(centres), _CEPSTRA), np.float32)
    offsets = np.arange(_WINDOW) + _WINDOW - _WINDOW // 2 + HOP // 2
    for first in range(0, len(centres), 4096):
        part = centres[first : first + 4096, None] + offsets
        frames = padded[np.clip(part, 0, len(padded) - 1)]
        frames = frames - 0.97 * padded[np.clip(part - 1, 0, len(padded) - 1)]
        power = np.square(np.abs(rfft(frames * window, 512)))
        mel = np.log(power @ _filters().T + 1e-6)
        result[first : first + 4096] = dct(mel, norm="ortho")[:, :_CEPSTRA]
    before, after = np.roll(result, 4, axis=0), np.roll(result, -4, axis=0)
    return np.concatenate([result, after - before], axis=1)


@lru_cache(maxsize=1)
def _filters() -> FloatArray:
    """float32 [40, 257]: triangular mel filters from 60 to 7600 Hz."""
    mel = np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), _MELS + 2)
    hertz = 700 * (10 ** (mel / 2595) - 1)
    bins = np.arange(257) * RATE / 512
    rise = (bins - hertz[:-2, None]) / np.diff(hertz)[:-1, None]
    fall = (hertz[2:, None] - bins) / np.diff(hertz)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rise, fall)), np.float32)


def normalised(features: FloatArray) -> FloatArray:
    """Zero mean and unit variance over the recording, then unit rows."""
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    return unit_rows(scaled)


def coarser(features: FloatArray) -> FloatArray:
    """Every `COARSE` rows averaged into one of unit length."""
    return unit_rows(np.add.reduceat(features, np.arange(0, len(features), COARSE), axis=0))


def unit_rows(rows: FloatArray) -> FloatArray:
    """Every row scaled to length 1."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(length, 1e-6), np.float32)


def pitch(sound: FloatArray, speech: IntArray) -> float:
    """Median pitch in Hz of up to 400 of the louder frames that are voiced."""
    energy = energy_db(sound)[speech]
    loud = speech[energy >= np.median(energy)]
    frames = loud[:: max(1, len(loud) // 400)]
    padded = np.pad(sound, 640)
    part = padded[frames[:, None] * HOP + np.arange(1280)]
    power: Any = np.square(np.abs(rfft(part - part.mean(axis=1, keepdims=True), 4096)))
    correlation = np.fft.irfft(power, 4096)[:, : RATE // 70]
    correlation = correlation / np.maximum(correlation[:, :1], 1e-9)
    lags = correlation[:, RATE // 400 :]
    best = lags.argmax(axis=1)
    voiced = lags[np.arange(len(best)), best] > 0.5
    if not voiced.any():
        return 200.0
    return float(np.median(RATE / (best[voiced] + RATE // 400)))
