"""Loudness after ITU-R BS.1770-4 and a true-peak limiter."""

from __future__ import annotations

import warnings

import numpy as np
import pyloudnorm
import soxr
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from digital_human.core.frames import FloatArray

TARGET_LUFS = -16.0
CEILING_DBTP = -1.5
_OVERSAMPLING = 4
_BLOCK = 0.4


def loudness(pcm: FloatArray, rate: int) -> float:
    """Integrated loudness in LUFS; −inf for silence.

    Args:
        pcm: float32 [n] mono. Sound shorter than one 0.4 s block is repeated to fill it.
        rate: Samples per second.
    """
    if not len(pcm) or not np.any(pcm):
        return float("-inf")
    need = int(_BLOCK * rate) + 1
    if len(pcm) < need:
        pcm = np.tile(pcm, -(-need // len(pcm)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return float(pyloudnorm.Meter(rate).integrated_loudness(pcm.astype(np.float64)))


def true_peak(pcm: FloatArray, rate: int) -> float:
    """True peak in dBTP, from four times oversampled sound (BS.1770-4 annex 2)."""
    if not len(pcm):
        return float("-inf")
    over = soxr.resample(pcm, rate, rate * _OVERSAMPLING)
    peak = max(float(np.abs(over).max(initial=0.0)), float(np.abs(pcm).max()))
    return float(20 * np.log10(peak)) if peak > 0 else float("-inf")


def limit(pcm: FloatArray, rate: int, ceiling: float = CEILING_DBTP) -> FloatArray:
    """Hold the true peak under ``ceiling`` with 25 ms of look-ahead; the length stays.

    The gain moves more slowly than a voice's pitch, so that it does not roughen it.

    Args:
        pcm: float32 [n] mono.
        rate: Samples per second.
        ceiling: dBTP.

    Returns:
        float32 [n]; the same array when it never reaches the ceiling.
    """
    if true_peak(pcm, rate) <= ceiling:
        return pcm
    level = np.float32(10 ** (ceiling / 20))
    over = np.abs(soxr.resample(pcm, rate, rate * _OVERSAMPLING))
    over = np.pad(over, (0, max(0, len(pcm) * _OVERSAMPLING - len(over))))
    peaks = over[: len(pcm) * _OVERSAMPLING].reshape(len(pcm), _OVERSAMPLING).max(axis=1)
    peaks = np.maximum(peaks, np.abs(pcm))
    wanted = np.minimum(1.0, level / np.maximum(peaks, 1e-9))
    window = max(3, int(0.012 * rate)) | 1
    # The minimum over the two smoothing windows keeps the smoothed gain under the wanted one.
    held = minimum_filter1d(wanted, 4 * window + 1)
    gain = uniform_filter1d(uniform_filter1d(held, 2 * window), 2 * window)
    limited = np.asarray(pcm * gain, np.float32)
    rest = true_peak(limited, rate) - ceiling
    return limited if rest <= 0 else limited * np.float32(10 ** (-rest / 20))


def normalise(pcm: FloatArray, rate: int, target: float = TARGET_LUFS) -> FloatArray:
    """Bring a whole programme to ``target`` LUFS with its true peak under −1.5 dBTP.

    Args:
        pcm: float32 [n] mono.
        rate: Samples per second.
        target: Integrated loudness wanted.

    Returns:
        float32 [n]; silence stays silence.
    """
    result = pcm
    for _ in range(3):  # limiting takes a little loudness away again
        measured = loudness(result, rate)
        if not np.isfinite(measured) or abs(target - measured) < 0.05:
            break
        result = limit((result * np.float32(10 ** ((target - measured) / 20))), rate)
    return result
