"""Speaker encoders: how alike two voices are.

One of them, CAM++, guides the fitting of a voice; two others, ERes2Net and Resemblyzer, only judge
the result. The judges never take part in the fitting, whose figures would otherwise praise
themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from digital_human.core.frames import FloatArray
from digital_human.errors import ResourceError, install_fix
from digital_human.models import store

try:
    import torch
    from torch import Tensor
    from torch.nn import functional as F
except ModuleNotFoundError as _error:
    raise ResourceError(
        "voices made from recordings need the package 'torch'",
        fix=install_fix("train"),
    ) from _error

if TYPE_CHECKING:
    from torch import nn

RATE = 16_000
_FRAME, _HOP, _FFT = 400, 160, 512
_FLOOR = float(np.finfo(np.float32).eps)
_SHORTEST = RATE // 2

_PARTIAL = 160  # frames of one piece that Resemblyzer hears
_PARTIAL_STEP = 77  # 1.3 pieces a second
_RESEMBLYZER_DB = -30.0


class SpeakerEncoder:
    """Turns speech into a unit vector; the cosine of two of them says how alike the voices are.

    Args:
        name: As cards name it.
        vectors: Tensor [batch, n] at `RATE` to vectors [batch, size], differentiable.
    """

    def __init__(self, name: str, vectors: Callable[[Tensor], Tensor]) -> None:
        self.name = name
        self._vectors = vectors

    def __call__(self, pcm: Tensor) -> Tensor:
        """Unit vectors of sounds of equal length; gradients flow through it.

        Args:
            pcm: float32 [batch, n] at `RATE`, −1…1; at least half a second.

        Returns:
            float32 [batch, size].
        """
        return F.normalize(self._vectors(pcm), dim=1)

    def embed(self, pcm: FloatArray, rate: int) -> FloatArray:
        """The unit vector of one sound, float32 [size].

        Args:
            pcm: float32 [n], mono, −1…1; shorter than half a second it is repeated.
            rate: Samples per second.
        """
        sound = np.ascontiguousarray(soxr.resample(pcm, rate, RATE) if rate != RATE else pcm)
        if len(sound) < _SHORTEST:
            sound = np.tile(sound, -(-_SHORTEST // max(1, len(sound))))
        with torch.inference_mode():
            tensor = torch.from_numpy(sound.astype(np.float32))
            vector: FloatArray = self(tensor[None])[0].numpy().astype(np.float32)
        return vector


@lru_cache(maxsize=1)
def loss_encoder() -> SpeakerEncoder:
    """CAM++, trained on 200,000 Mandarin speakers: guides the fitting, never judges.

    Raises:
        WeightsError: Its weights are not in the store.
    """
    from digital_human.speech.cloning.encoder_nets import CamPlusPlus

    net = _loaded(CamPlusPlus(), "campplus", "campplus_cn_common.bin")
    return SpeakerEncoder("CAM++", lambda pcm: net(log_mel(pcm)))


@lru_cache(maxsize=1)
def judging_encoders() -> tuple[SpeakerEncoder, ...]:
    """ERes2Net (VoxCeleb) and Resemblyzer: judge voices, take no part in the fitting.

    Raises:
        WeightsError: Their weights are not in the store.
    """
    from digital_human.speech.cloning.encoder_nets import ERes2Net, GeneralisedEndToEnd

    eres = _loaded(ERes2Net(), "eres2net", "pretrained_eres2net.ckpt")
    lstm = _loaded(GeneralisedEndToEnd(), "resemblyzer", "pretrained.pt", inside="model_state")

    def pieces(pcm: Tensor) -> Tensor:
        heard = [lstm(_partials(sound)).mean(0) for sound in pcm]
        return torch.stack(heard)

    return (
        SpeakerEncoder("ERes2Net", lambda pcm: eres(log_mel(pcm))),
        SpeakerEncoder("Resemblyzer", pieces),
    )


def alike(one: Sequence[FloatArray], other: Sequence[FloatArray]) -> float:
    """Mean cosine between the vectors of two groups of sounds, none of which is in both."""
    return float(np.mean(np.stack(one) @ np.stack(other).T))


def log_mel(pcm: Tensor) -> Tensor:
    """Kaldi's 80 log-mel bands without dither, the mean over time removed; differentiable.

    Povey window of 25 ms every 10 ms, pre-emphasis 0.97, 20 Hz to 8 kHz, as in Kaldi's
    ``compute-fbank-feats``.

    Args:
        pcm: float32 [batch, n] at `RATE`, −1…1.

    Returns:
        float32 [batch, 80, frames].
    """
    frames = pcm.unfold(-1, _FRAME, _HOP)
    frames = frames - frames.mean(-1, keepdim=True)
    before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
    window = torch.hann_window(_FRAME, periodic=False, device=pcm.device) ** 0.85
    power = torch.fft.rfft((frames - 0.97 * before) * window, n=_FFT).abs() ** 2
    bands: Tensor = power @ torch.from_numpy(_kaldi_bank()).to(pcm.device)
    log = bands.clamp_min(_FLOOR).log()
    return (log - log.mean(1, keepdim=True)).transpose(1, 2)


@lru_cache(maxsize=1)
def _kaldi_bank(bands: int = 80, low: float = 20.0) -> FloatArray:
    """float32 [257, bands]: triangles that are straight in mel, after Kaldi's ``MelBanks``."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(low), mel(RATE / 2), bands + 2)
    at = mel(np.arange(_FFT // 2 + 1) * RATE / _FFT)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(up, down))
    bank[-1] = 0.0  # Kaldi leaves the bin at the Nyquist frequency out.
    return np.asarray(bank, np.float32)


@lru_cache(maxsize=1)
def _slaney_bank(bands: int = 40) -> FloatArray:
    """float32 [201, bands]: Slaney's mel scale and area, 0 to 8 kHz."""
    step, corner = 200.0 / 3, 1000.0
    log_step = math.log(6.4) / 27
    top = corner / step + math.log(RATE / 2 / corner) / log_step
    mels = np.linspace(0.0, top, bands + 2)
    linear = mels * step
    edges = np.where(
        mels < corner / step, linear, corner * np.exp(log_step * (mels - corner / step))
    )
    at = (np.arange(_FRAME // 2 + 1) * RATE / _FRAME)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    bank = np.maximum(0.0, np.minimum(up, down)) * (2.0 / (edges[2:] - edges[:-2]))
    return np.asarray(bank, np.float32)


def _partials(pcm: Tensor) -> Tensor:
    """Mel power of one sound [n] in overlapping pieces of 1.6 s: [pieces, 160, 40]."""
    level = 10 * torch.log10((pcm**2).mean().clamp_min(1e-12))
    if level < _RESEMBLYZER_DB:
        pcm = pcm * 10 ** ((_RESEMBLYZER_DB - level) / 20)
    window = torch.hann_window(_FRAME, device=pcm.device)
    spectrum = torch.stft(
        pcm, _FRAME, _HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    mel = (spectrum.abs() ** 2).T @ torch.from_numpy(_slaney_bank()).to(pcm.device)
    last = len(mel) - _PARTIAL
    starts = list(range(0, max(1, last + 1), _PARTIAL_STEP))
    if last > 0 and len(mel) - starts[-1] - _PARTIAL >= _PARTIAL_STEP // 2:
        starts.append(last)
    mel = F.pad(mel, (0, 0, 0, max(0, _PARTIAL - len(mel))))
    return torch.stack([mel[start : start + _PARTIAL] for start in starts])


def _loaded(net: nn.Module, model: str, file: str, inside: str = "") -> nn.Module:
    """``net`` with its published weights, frozen."""
    state: dict[str, Any] = torch.load(
        store().path(model) / file, map_location="cpu", weights_only=True
    )
    state = state[inside] if inside else state
    missing, surplus = net.load_state_dict(state, strict=False)
    unused = [name for name in surplus if not name.startswith("similarity_")]
    if missing or unused:
        raise ResourceError(
            f"{model}: {file} does not fit its network ({len(missing)} tensors missing, "
            f"{len(unused)} too many)",
            fix=f"digital-human models pull {model}",
        )
    return net.eval().requires_grad_(False)
