"""What tells how far the model's speech is from a person's; all differentiable.

Spectra on several scales, the speaker's embedding, rhythm and melody, and how far a style lies from
those of the voices the model was trained on, which is what keeps the speech intelligible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from digital_human.core.frames import FloatArray
from digital_human.speech.synthesizers.kokoro_vocoder import RATE

_SCALES = ((512, 40), (1024, 80), (2048, 80))
_QUIET = 1e-4  # of the loudest band power: 40 dB below it nothing is compared
_EAR_RATE = 16_000
_TAPS = 33


class SpectralLoss:
    """Distance of two sounds in log mel bands on three scales.

    Args:
        loudest: Greatest band power of each scale in the whole recordings, from `loudest`.
    """

    def __init__(self, loudest: Sequence[float]) -> None:
        self._floors = [power * _QUIET for power in loudest]

    def __call__(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Mean absolute difference, in nepers of power halved, of two sounds [B, n]."""
        total = made.new_zeros(())
        for (size, bands), floor in zip(_SCALES, self._floors, strict=True):
            a, b = mel(made, size, bands), mel(wanted, size, bands)
            total = total + F.l1_loss((a + floor).log(), (b + floor).log())
        return total / len(_SCALES)


def loudest(pcm: Sequence[Tensor]) -> list[float]:
    """Greatest band power of each scale over sounds [1, n]."""
    with torch.no_grad():
        return [max(float(mel(x, size, bands).amax()) for x in pcm) for size, bands in _SCALES]


def mel(pcm: Tensor, size: int, bands: int) -> Tensor:
    """Power in mel bands of sounds [B, n] at 24 kHz: [B, bands, frames]."""
    window = torch.hann_window(size, device=pcm.device)
    spectra = torch.stft(pcm, size, size // 4, window=window, center=False, return_complex=True)
    power = spectra.real.square() + spectra.imag.square()
    return _bank(size, bands).to(pcm.device) @ power


@lru_cache
def _bank(size: int, bands: int) -> Tensor:
    """float32 [bands, size / 2 + 1]: triangles of the HTK mel scale, 40 Hz to 12 kHz."""

    def to_mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    edges = 700 * (10 ** (np.linspace(to_mel(40), to_mel(RATE / 2), bands + 2) / 2595) - 1)
    at = np.linspace(0, RATE / 2, size // 2 + 1)[:, None]
    width = RATE / size
    up = (at - edges[:-2]) / np.maximum(edges[1:-1] - edges[:-2], width)
    down = (edges[2:] - at) / np.maximum(edges[2:] - edges[1:-1], width)
    return torch.from_numpy(np.maximum(0, np.minimum(up, down)).T.astype(np.float32))


def to_ear_rate(pcm: Tensor) -> Tensor:
    """Sounds [B, n] from 24 kHz to 16 kHz [B, 2·(n // 3)], for speaker encoders."""
    kernels = _halves().to(pcm.device)
    padded = F.pad(pcm[:, None], (_TAPS // 2, _TAPS // 2))
    # Two outputs for three inputs: one on a sample, one half-way between the next two.
    both = F.conv1d(padded, kernels, stride=3)
    count = pcm.shape[1] // 3
    return both[:, :, :count].transpose(1, 2).reshape(len(pcm), 2 * count)


@lru_cache(maxsize=1)
def _halves() -> Tensor:
    """float32 [2, 1, taps]: windowed sinc at offsets 0 and 1.5 samples, passing 7.4 kHz."""
    at = np.arange(_TAPS) - _TAPS // 2
    cut = 2 * 7_400 / RATE
    rows = []
    for offset in (0.0, 1.5):
        x = at - offset
        row = cut * np.sinc(cut * x) * np.cos(np.pi * x / (_TAPS + 3)) ** 2
        rows.append(row / row.sum())
    return torch.from_numpy(np.stack(rows)[:, None].astype(np.float32))


class SpeakerLoss:
    """One minus the cosine between the embedding of what is made and that of the person.

    Args:
        encoder: Sounds [B, n] at 16 kHz → unit vectors [B, size].
        references: Sounds [1, n] of the person at 24 kHz.
    """

    def __init__(self, encoder: Callable[[Tensor], Tensor], references: Sequence[Tensor]) -> None:
        self._encoder = encoder
        with torch.no_grad():
            vectors = [encoder(to_ear_rate(pcm)) for pcm in references]
            lengths = [pcm.shape[1] for pcm in references]
            total = torch.stack([v * n for v, n in zip(vectors, lengths, strict=True)]).sum(0)
        self._wanted = F.normalize(total, dim=1)

    def __call__(self, made: Tensor) -> Tensor:
        """Mean over the batch of sounds [B, n] at 24 kHz; 0 is the person, 1 a stranger."""
        return (1 - self._encoder(to_ear_rate(made)) @ self._wanted.T).mean()


def rhythm(durations: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute log ratio of durations [B, N]; NaN in ``wanted`` counts nothing."""
    known = torch.isfinite(wanted)
    made = durations[known].clamp(min=0.25).log()
    return (made - wanted[known].clamp(min=0.25).log()).abs().mean()


def tempo(durations: Tensor, wanted: Tensor) -> Tensor:
    """Absolute log ratio of the whole lengths."""
    known = torch.isfinite(wanted)
    return (durations[known].sum().log() - wanted[known].sum().log()).abs()


def melody(f0: Tensor, wanted: Tensor, voiced: Tensor) -> Tensor:
    """How far a pitch curve is off in octaves: by frame, in its mean and in its spread.

    Args:
        f0: Hz [B, T].
        wanted: Hz [B, T].
        voiced: bool [B, T]: frames that count.
    """
    a = f0[voiced].clamp(min=30).log2()
    b = wanted[voiced].clamp(min=30).log2()
    spread = (a.std() - b.std()).abs()
    return F.smooth_l1_loss(a, b, beta=0.1) + (a.mean() - b.mean()).abs() + spread


class StylePrior:
    """The styles of known voices as a normal distribution, in coordinates of equal spread.

    ``style = mean + root @ w``; ``|w|²`` is the squared Mahalanobis distance. Covariances of few
    voices are shrunk towards their own diagonal (Ledoit & Wolf 2004 in spirit, with a fixed share).

    Args:
        styles: float32 [voices, n].
        shrink: Share of the diagonal.
    """

    def __init__(self, styles: FloatArray, shrink: float = 0.2) -> None:
        rows = styles.astype(np.float64)
        self._mean = rows.mean(0)
        covariance = np.cov(rows.T)
        covariance = (1 - shrink) * covariance + shrink * np.diag(np.diag(covariance))
        values, vectors = np.linalg.eigh(covariance)
        roots = np.sqrt(np.maximum(values, 1e-9))
        self._inverse = (vectors / roots) @ vectors.T
        self._root = (vectors * roots) @ vectors.T
        self.mean = torch.from_numpy(self._mean.astype(np.float32))
        self.root = torch.from_numpy(self._root.astype(np.float32))

    def whitened(self, style: FloatArray) -> FloatArray:
        """A style [n] in the coordinates of equal spread."""
        return np.asarray(self._inverse @ (style - self._mean), np.float32)

    def style(self, w: Tensor) -> Tensor:
        """Coordinates [n] → style [1, n]; gradients flow through it."""
        return (self.mean.to(w.device) + self.root.to(w.device) @ w)[None]

    @staticmethod
    def distance(w: Tensor) -> Tensor:
        """Squared Mahalanobis distance for each number; the known voices lie near 1."""
        return w.square().mean()
