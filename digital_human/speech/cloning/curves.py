"""Pitch and energy of a recording by frame, as Kokoro's decoder is given them.

Pitch after Boersma (1993): the autocorrelation of a windowed frame divided by that of the window,
and the cheapest path through its peaks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.fft import irfft, next_fast_len, rfft

from digital_human.core.frames import FloatArray

RATE = 24_000
HOP = 300
"""Samples of a frame, 12.5 ms."""

_LOW, _HIGH = 60.0, 500.0
_WINDOW = 1200  # three periods of the lowest pitch
_CANDIDATES = 6
_VOICED, _SILENT = 0.35, 0.03
_OCTAVE, _JUMP, _CHANGE = 0.02, 0.35, 0.14
_FFT, _ENERGY_WINDOW, _MELS = 2048, 1200, 80
_FLOOR = 1e-5


def pitch(pcm: FloatArray) -> FloatArray:
    """Pitch in Hz of each frame, 0 where there is no voice.

    Args:
        pcm: float32 [n], mono at `RATE`.

    Returns:
        float32 [n // HOP]; frame k is centred on sample ``HOP * k``.
    """
    count = len(pcm) // HOP
    if count == 0:
        return np.zeros(0, np.float32)
    padded = np.pad(pcm.astype(np.float64), _WINDOW)
    starts = HOP * np.arange(count) + _WINDOW // 2
    frames = padded[starts[:, None] + np.arange(_WINDOW)]
    peak = np.abs(frames - frames.mean(1, keepdims=True)).max(1)
    loud = peak / max(float(np.percentile(peak, 98)), 1e-6)
    lags, strengths = _peaks(frames)
    # A first candidate of no pitch; it wins where frames are quiet or hardly periodic.
    quiet = _VOICED + np.maximum(0, 2 - (loud / _SILENT) / (1 + _VOICED))
    hertz = np.concatenate([np.zeros((count, 1)), RATE / lags], axis=1)
    gain = strengths - _OCTAVE * np.log2(_LOW * lags / RATE)
    path = _best_path(hertz, np.concatenate([quiet[:, None], gain], axis=1))
    result: FloatArray = hertz[np.arange(count), path].astype(np.float32)
    return result


def energy(pcm: FloatArray) -> FloatArray:
    """Log energy of each frame after StyleTTS 2: the norm of 80 mel bands of the power spectrum.

    Args:
        pcm: float32 [n], mono at `RATE`.

    Returns:
        float32 [n // HOP]; frame k is centred on sample ``HOP * k``.
    """
    count = len(pcm) // HOP
    padded = np.pad(pcm.astype(np.float64), _FFT // 2, mode="reflect")
    window = np.zeros(_FFT)
    edge = (_FFT - _ENERGY_WINDOW) // 2
    window[edge : edge + _ENERGY_WINDOW] = np.hanning(_ENERGY_WINDOW + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP][:count]
    power = np.abs(rfft(frames * window, axis=1)) ** 2
    norm = np.linalg.norm(power @ _bank() + _FLOOR, axis=1)
    return np.asarray(np.log(norm), np.float32)


@lru_cache(maxsize=1)
def _bank() -> npt.NDArray[np.float64]:
    """float64 [1025, 80]: triangles of the HTK mel scale over the whole spectrum.

    StyleTTS 2 lays the bands out for 16 kHz and uses them at 24 kHz, and so does this.
    """

    def mel(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(2595 * np.log10(1 + hertz / 700))

    top = mel(np.array([8000.0]))[0]
    edges = 700 * (10 ** (np.linspace(0, top, _MELS + 2) / 2595) - 1)
    at = np.linspace(0, 8000, _FFT // 2 + 1)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(up, down))


def _peaks(
    frames: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Lags and heights of the highest autocorrelation peaks, each [frames, candidates]."""
    window = np.hanning(_WINDOW)
    size = next_fast_len(2 * _WINDOW, real=True)
    shaped = (frames - frames.mean(1, keepdims=True)) * window
    correlation = irfft(np.abs(rfft(shaped, size, axis=1)) ** 2, size, axis=1)[:, :_WINDOW]
    own = irfft(np.abs(rfft(window, size)) ** 2, size)[:_WINDOW]
    ratio = correlation / np.maximum(correlation[:, :1], 1e-12) / (own / own[0])
    first, last = int(RATE / _HIGH), int(RATE / _LOW)
    inner = ratio[:, first : last + 1]
    before, after = ratio[:, first - 1 : last], ratio[:, first + 1 : last + 2]
    height = np.where((inner > before) & (inner >= after), inner, -1.0)
    best = np.argsort(-height, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(frames))[:, None]
    left, middle, right = before[rows, best], inner[rows, best], after[rows, best]
    bend = left - 2 * middle + right
    offset = np.where(bend < 0, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    value = np.where(height[rows, best] > 0, middle - 0.25 * (left - right) * offset, -1.0)
    return best + first + np.clip(offset, -0.5, 0.5), np.minimum(value, 1.0)


def _best_path(
    hertz: npt.NDArray[np.float64], gain: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """The candidate of each frame on the path of most strength and least jumping (Viterbi)."""
    count, candidates = hertz.shape
    logs = np.log2(np.maximum(hertz, 1.0))
    voiced = hertz > 0
    total = gain[0].copy()
    came = np.zeros((count, candidates), np.int64)
    for k in range(1, count):
        both = voiced[k - 1][:, None] & voiced[k][None, :]
        changed = voiced[k - 1][:, None] != voiced[k][None, :]
        jump = np.abs(logs[k - 1][:, None] - logs[k][None, :])
        score = total[:, None] - np.where(both, _JUMP * jump, 0.0) - _CHANGE * changed
        came[k] = score.argmax(0)
        total = score[came[k], np.arange(candidates)] + gain[k]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmax())
    for k in range(count - 1, 0, -1):
        path[k - 1] = came[k, path[k]]
    return path
