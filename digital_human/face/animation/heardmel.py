"""What the lip network hears: log-mel frames relative to how loud the speaker has been.

The same code makes the network's training data, so that it meets at run time what it learned on.
Levels are relative, because nobody records at one level: the reference rises at once with the
sound and falls slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np

from digital_human.core.frames import FloatArray

RATE = 16_000
HOP = 160  # samples: 10 ms between frames
WINDOW = 320  # samples: frame i covers the 20 ms around sample i × HOP
BANDS = 40
_FFT = 512
_LOW, _HIGH = 60.0, 7_600.0  # Hz
RANGE = 70.0  # dB below the reference that are told apart
_FALL = 0.02  # dB per frame by which the reference falls
_QUIETEST = -50.0  # dBFS, least reference: what is softer than this is noise
_FLOOR = 1e-14
_CROSSINGS = 8


@dataclass(frozen=True, slots=True)
class Mel:
    """Frames of `HOP` samples.

    Attributes:
        bands: float32 [n, BANDS], −1 (`RANGE` dB below the reference or softer) to about 1.
        level: float32 [n], dB below (−) or above the reference.
        loud: float32 [n], the reference in dBFS.
    """

    bands: FloatArray
    level: FloatArray
    loud: FloatArray

    def __len__(self) -> int:
        return len(self.level)

    def __getitem__(self, part: slice) -> Mel:
        return Mel(self.bands[part], self.level[part], self.loud[part])

    def __add__(self, other: Mel) -> Mel:
        return Mel(
            np.concatenate([self.bands, other.bands]),
            np.concatenate([self.level, other.level]),
            np.concatenate([self.loud, other.loud]),
        )

    @classmethod
    def silence(cls, frames: int) -> Mel:
        """No sound at all."""
        return cls(
            np.full((frames, BANDS), -1.0, np.float32),
            np.full(frames, -RANGE, np.float32),
            np.full(frames, _QUIETEST, np.float32),
        )


@lru_cache(maxsize=1)
def _filters() -> FloatArray:
    """Triangles of equal height on the mel scale (HTK's), float32 [bins, BANDS]."""
    bins = np.fft.rfftfreq(_FFT, 1 / RATE)

    def mel(hertz: float) -> float:
        return float(2595.0 * np.log10(1.0 + hertz / 700.0))

    edges = 700.0 * (10.0 ** (np.linspace(mel(_LOW), mel(_HIGH), BANDS + 2) / 2595.0) - 1.0)
    rise = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.clip(np.minimum(rise, fall), 0.0, None)
    return np.asarray(weights / np.maximum(weights.sum(0), 1e-9), np.float32)


_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
_POWER = float(np.sum(_HANN.astype(np.float64) ** 2)) * _FFT / 2  # full-scale noise is about 0 dB


class _Resampler:
    """To `RATE` by a Kaiser-windowed sinc of `_CROSSINGS` zero crossings to either side.

    Libraries hold 10 ms and more of a stream back; this holds half a millisecond.

    Args:
        rate: Samples per second of what is fed.
    """

    def __init__(self, rate: int) -> None:
        common = gcd(rate, RATE)
        self._up, self._down = RATE // common, rate // common
        cut = min(1.0, RATE / rate)
        self._reach = int(np.ceil(_CROSSINGS / cut))
        offsets = np.arange(-self._reach + 1, self._reach + 1)
        away = offsets[None] - np.arange(self._up)[:, None] * (self._down / self._up) % 1.0
        share = np.sqrt(np.clip(1.0 - (away / self._reach) ** 2, 0.0, None))
        self._taps = (cut * np.sinc(cut * away) * np.i0(6.0 * share) / np.i0(6.0)).astype(
            np.float32
        )
        self._held = np.zeros(self._reach - 1, np.float32)
        self._first = -(self._reach - 1)  # index of ``_held[0]`` in what was fed
        self._made = 0

    def feed(self, pcm: FloatArray, last: bool) -> FloatArray:
        """What ``pcm`` completes; ``last`` ends the sound."""
        self._held = np.concatenate([self._held, np.asarray(pcm, np.float32)])
        fed = self._first + len(self._held)
        end = -(-fed * self._up // self._down)
        if last:
            self._held = np.concatenate([self._held, np.zeros(self._reach, np.float32)])
        else:  # output i stands at i × down / up and needs ``reach`` samples behind it
            end = max(self._made, -(-(fed - self._reach) * self._up // self._down))
        at = np.arange(self._made, end)
        left = at * self._down // self._up - self._first - self._reach + 1
        windows = self._held[left[:, None] + np.arange(2 * self._reach)]
        out = np.einsum("ij,ij->i", windows, self._taps[at % self._up])
        self._made = end
        drop = end * self._down // self._up - self._first - self._reach + 1
        drop = max(0, min(len(self._held), drop))
        self._held, self._first = self._held[drop:], self._first + drop
        return np.asarray(out, np.float32)


class MelStream:
    """Turns sound that comes in pieces of any length into frames; the pieces do not show.

    Args:
        rate: Samples per second of what is fed.
    """

    def __init__(self, rate: int) -> None:
        self._resampler = _Resampler(rate) if rate != RATE else None
        self._rest = np.zeros(WINDOW // 2, np.float32)
        self._reference = _QUIETEST

    def feed(self, pcm: FloatArray, last: bool = False) -> Mel:
        """The frames that ``pcm``, float32 [n] mono, completes; ``last`` ends the sound."""
        if self._resampler is not None:
            pcm = self._resampler.feed(pcm, last)
        self._rest = np.concatenate([self._rest, pcm])
        count = max(0, (len(self._rest) - WINDOW) // HOP + 1)
        frames = np.lib.stride_tricks.sliding_window_view(self._rest, WINDOW)[::HOP][:count] \
            if count else np.zeros((0, WINDOW), np.float32)  # fmt: skip
        mel = self._measure(frames)
        self._rest = self._rest[count * HOP :]
        return mel

    def _measure(self, frames: FloatArray) -> Mel:
        """Frames of samples [n, WINDOW] → levels."""
        spectrum = np.fft.rfft(frames * _HANN, _FFT)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)) / _POWER
        bands = 10.0 * np.log10(power.astype(np.float32) @ _filters() + _FLOOR)
        level = 10.0 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + _FLOOR)
        fallen = np.arange(1, len(frames) + 1) * _FALL
        risen = np.maximum.accumulate(np.concatenate([[self._reference], level + fallen]))[1:]
        loud = np.maximum(risen - fallen, _QUIETEST)
        if len(loud):
            self._reference = float(loud[-1])
        relative = (bands - loud[:, None] + RANGE) / (RANGE / 2) - 1.0
        return Mel(
            np.clip(relative, -1.0, 2.0).astype(np.float32),
            np.clip(level - loud, -RANGE, 0.0).astype(np.float32),
            loud.astype(np.float32),
        )


def mel_of(pcm: FloatArray, rate: int) -> Mel:
    """All frames of a whole sound."""
    stream = MelStream(rate)
    return stream.feed(np.asarray(pcm, np.float32), last=True)
