"""Loudness after ITU-R BS.1770-4 and a true-peak limiter.

Sound is worked on piece by piece, so that a long programme needs little memory beside itself.
"""

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
# Gating blocks of 0.4 s begin every 0.1 s; so many are measured at once, after others that only
# let the weighting filters settle.
_HOP = 0.1
_BLOCKS = 300
_SETTLING = 20
_PIECE = 10.0  # seconds limited or oversampled at once
_MARGIN = 0.25  # seconds: more than the limiter and its resampler look to either side


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
    blocks = _block_loudness(pcm, rate)
    loud = blocks[blocks >= -70.0]
    if not len(loud):
        return float("-inf")
    return _mean_loudness(loud[loud > _mean_loudness(loud) - 10.0])


def _block_loudness(pcm: FloatArray, rate: int) -> FloatArray:
    """LUFS of every gating block: the integrated measure's two gates need all of them."""
    meter = pyloudnorm.Meter(rate)
    hop = round(_HOP * rate)
    count = round((len(pcm) / rate - _BLOCK) / _HOP) + 1
    blocks: list[float] = []
    for first in range(0, count, _BLOCKS):
        settling = min(first, _SETTLING)
        end = (first + _BLOCKS - 1) * hop + round(_BLOCK * rate)
        part = pcm[(first - settling) * hop : end].astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a silent part has no loudness of its own
            meter.integrated_loudness(part)
        blocks.extend(meter.blockwise_loudness[settling:])
    return np.array(blocks, np.float32)


def _mean_loudness(blocks: FloatArray) -> float:
    """LUFS of the mean power of blocks given in LUFS."""
    return float(10 * np.log10(np.mean(10 ** (blocks.astype(np.float64) / 10))))


def true_peak(pcm: FloatArray, rate: int) -> float:
    """True peak in dBTP, from four times oversampled sound (BS.1770-4 annex 2)."""
    stream = soxr.ResampleStream(rate, rate * _OVERSAMPLING, 1, dtype="float32")
    size = round(_PIECE * rate)
    peak = 0.0
    for start in range(0, len(pcm), size):
        piece = np.ascontiguousarray(pcm[start : start + size], np.float32)
        over = stream.resample_chunk(piece, last=start + size >= len(pcm))
        peak = max(peak, float(np.abs(over).max(initial=0.0)), float(np.abs(piece).max()))
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
    result = np.empty(len(pcm), np.float32)
    _amplify(pcm, rate, 0.0, ceiling, result)
    return result


def _amplify(pcm: FloatArray, rate: int, gain: float, ceiling: float, result: FloatArray) -> None:
    """Write ``pcm``, amplified by ``gain`` dB and limited, into ``result``."""
    factor = np.float32(10 ** (gain / 20))
    size, margin = round(_PIECE * rate), round(_MARGIN * rate)
    for start in range(0, len(pcm), size):
        first, end = max(0, start - margin), min(len(pcm), start + size)
        piece = np.asarray(pcm[first : end + margin] * factor, np.float32)
        kept = slice(start - first, end - first)
        result[start:end] = piece[kept] * _limiting_gain(piece, rate, ceiling)[kept]
    rest = true_peak(result, rate) - ceiling
    if rest > 0:
        result *= np.float32(10 ** (-rest / 20))


def _limiting_gain(pcm: FloatArray, rate: int, ceiling: float) -> FloatArray:
    """float32 [n]: smooth gain, at most 1, that holds ``pcm`` under ``ceiling`` dBTP."""
    level = np.float32(10 ** (ceiling / 20))
    over = np.abs(soxr.resample(pcm, rate, rate * _OVERSAMPLING))
    over = np.pad(over, (0, max(0, len(pcm) * _OVERSAMPLING - len(over))))
    peaks = over[: len(pcm) * _OVERSAMPLING].reshape(len(pcm), _OVERSAMPLING).max(axis=1)
    peaks = np.maximum(peaks, np.abs(pcm))
    wanted = np.minimum(np.float32(1), level / np.maximum(peaks, np.float32(1e-9)))
    window = max(3, int(0.012 * rate)) | 1
    # The minimum over the two smoothing windows keeps the smoothed gain under the wanted one.
    held = minimum_filter1d(wanted, 4 * window + 1)
    return np.asarray(uniform_filter1d(uniform_filter1d(held, 2 * window), 2 * window), np.float32)


def normalise(pcm: FloatArray, rate: int, target: float = TARGET_LUFS) -> FloatArray:
    """Bring a whole programme to ``target`` LUFS with its true peak under −1.5 dBTP.

    Args:
        pcm: float32 [n] mono.
        rate: Samples per second.
        target: Integrated loudness wanted.

    Returns:
        float32 [n]; silence stays silence.
    """
    result, gain = pcm, 0.0
    for _ in range(4):  # limiting takes a little loudness away again
        measured = loudness(result, rate)
        if not np.isfinite(measured) or abs(target - measured) < 0.05:
            break
        gain += target - measured
        if result is pcm:
            result = np.empty(len(pcm), np.float32)
        _amplify(pcm, rate, gain, CEILING_DBTP, result)
    return result
