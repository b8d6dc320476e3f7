"""Kokoro-82M (StyleTTS 2 with an iSTFTNet decoder) in torch, with the parameters of its ONNX file.

For gradients (fitting a voice to recordings), for batches and for a GPU. The ONNX model stays the
default on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from digital_human.core.frames import FloatArray
from digital_human.errors import WeightsError
from digital_human.speech.synthesizers import kokoro_weights
from digital_human.speech.synthesizers.kokoro_blocks import STYLE
from digital_human.speech.synthesizers.kokoro_text import (
    HIDDEN,
    Albert,
    ProsodyPredictor,
    TextEncoder,
)
from digital_human.speech.synthesizers.kokoro_vocoder import RATE, UNIT, Decoder

__all__ = ["RATE", "STYLE", "UNIT", "Encoded", "KokoroNet", "Line", "Spoken", "align", "load"]

_VOICED = 50.0  # hertz; silence is predicted as 3…20


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the model knows of a batch of sentences before any style.

    Attributes:
        text: Features for the sound [B, 512, N], zero behind the end of a sentence.
        context: Features for the prosody [B, N, 512].
        lengths: Tokens of each sentence; None when all have N.
    """

    text: Tensor
    context: Tensor
    lengths: list[int] | None


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence to speak.

    Attributes:
        tokens: Token numbers, 0 at both ends, at most 512.
        style: float32 [256].
        speed: Times normal tempo.
        pitch: Semitones the melody is moved.
        range: Times the melody's excursions about its mean.
        crop: Which units are decoded (`kokoro_graph`): most units of the first token, how many
            tokens at the end hold silence, and most units of those together; None decodes all.
    """

    tokens: Sequence[int]
    style: FloatArray
    speed: float = 1.0
    pitch: float = 0.0
    range: float = 1.0
    crop: tuple[int, int, int] | None = None

    def bounds(self, durations: Sequence[int]) -> tuple[int, int]:
        """First unit decoded and one past the last, when the tokens have these durations."""
        if self.crop is None:
            return 0, sum(durations)
        lead, tokens, tail = self.crop
        first = max(0, durations[0] - lead)
        return first, sum(durations) - max(0, sum(durations[-tokens:]) - tail)


@dataclass(frozen=True, slots=True)
class Spoken:
    """What `KokoroNet.speak` gives for one sentence.

    Attributes:
        sound: float32 [n * UNIT].
        durations: int64 [tokens], in units of 25 ms.
        first: Unit of the durations at which the sound begins.
    """

    sound: FloatArray
    durations: npt.NDArray[np.int64]
    first: int


class KokoroNet(nn.Module):
    """The whole model. Styles are [B, 256]: 128 numbers of timbre, then 128 of prosody.

    Attributes:
        precision: What the vocoder computes in; its source and its last transform stay in float32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bert = Albert()
        self.bert_encoder = nn.Linear(768, HIDDEN)
        self.text_encoder = TextEncoder()
        self.predictor = ProsodyPredictor()
        self.decoder = Decoder()
        self.precision = torch.float32

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.bert_encoder.weight.device

    def encode(self, sentences: Sequence[Sequence[int]]) -> Encoded:
        """Read a batch of sentences.

        Args:
            sentences: Token numbers of each, 0 at both ends, at most 512.
        """
        lengths = [len(sentence) for sentence in sentences]
        longest = max(lengths)
        tokens = torch.zeros(len(sentences), longest, dtype=torch.long)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = torch.tensor(sentence)
        tokens = tokens.to(self.device)
        ragged = None if min(lengths) == longest else lengths
        visible = _visible(ragged, longest, tokens)
        mask = None if visible is None else visible.unsqueeze(1).float()
        context = self.bert_encoder(self.bert(tokens, visible))
        text = self.text_encoder(tokens, _cpu(ragged), mask)
        return Encoded(text, context, ragged)

    def prosody(self, encoded: Encoded, style: Tensor) -> Tensor:
        """Features for durations, pitch and energy [B, N, 640].

        Args:
            encoded: From `encode`.
            style: [B, 256].
        """
        visible = _visible(encoded.lengths, encoded.context.shape[1], encoded.context)
        mask = None if visible is None else visible.unsqueeze(1).to(encoded.context.dtype)
        features: Tensor = self.predictor.text_encoder(
            encoded.context, style[:, STYLE:], _cpu(encoded.lengths), mask
        )
        return features

    def durations(self, encoded: Encoded, features: Tensor, speed: Tensor | float = 1.0) -> Tensor:
        """Durations [B, N] in units of 25 ms before rounding; ``speed`` is [B, 1] or one number."""
        return self.predictor.durations(features, _cpu(encoded.lengths)) / speed

    def curves(
        self, features: Tensor, style: Tensor, units: list[int] | None
    ) -> tuple[Tensor, Tensor]:
        """Features by unit [B, U, 640] → pitch in Hz and log energy, each [B, 2·U]."""
        visible = _visible(units, features.shape[1], features)
        mask = None if visible is None else visible.unsqueeze(1).to(features.dtype)
        return self.predictor.curves(features, style[:, STYLE:], _cpu(units), mask)

    def decode(
        self, text: Tensor, f0: Tensor, energy: Tensor, style: Tensor, units: list[int] | None
    ) -> Tensor:
        """Text by unit [B, 512, U], pitch and energy [B, 2·U] → sound [B, 600·U]."""
        reduced = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=reduced):
            sound: Tensor = self.decoder(text, f0, energy, style[:, :STYLE], units)
        return sound

    @torch.inference_mode()
    def speak(self, lines: Sequence[Line]) -> list[Spoken]:
        """Speak a batch of sentences."""
        styles = np.stack([np.ravel(line.style) for line in lines]).astype(np.float32)
        style = torch.from_numpy(styles).to(self.device)
        encoded = self.encode([line.tokens for line in lines])
        features = self.prosody(encoded, style)
        tempo = torch.tensor([[line.speed] for line in lines], device=self.device)
        rounded = self.durations(encoded, features, tempo).round().clamp(min=1).tolist()
        units = [
            [int(u) for u in row[: len(line.tokens)]]
            for line, row in zip(lines, rounded, strict=True)
        ]
        f0, energy = self.curves(align(features, units), style, _ragged(map(sum, units)))
        f0 = torch.stack([_moved(row, line) for line, row in zip(lines, f0, strict=True)])
        text = align(encoded.text.transpose(1, 2), units).transpose(1, 2)
        bounds = [line.bounds(row) for line, row in zip(lines, units, strict=True)]
        counts = [last - first for first, last in bounds]

        def cut(x: Tensor, frames: int) -> Tensor:
            total = max(counts) * frames
            rows = zip(x, bounds, strict=True)
            return torch.stack([_cut(row, a * frames, b * frames, total) for row, (a, b) in rows])

        spans = _ragged(counts)
        sound = self.decode(cut(text, 1), cut(f0, 2), cut(energy, 2), style, spans)
        sounds = sound.float().cpu().numpy()
        return [
            Spoken(sounds[i, : counts[i] * UNIT].copy(), np.array(units[i]), bounds[i][0])
            for i in range(len(lines))
        ]


def align(features: Tensor, units: Sequence[Sequence[int]]) -> Tensor:
    """Draw features of tokens out over their durations.

    Args:
        features: [B, N, C].
        units: Durations of the tokens of each sentence.

    Returns:
        [B, U, C], zero behind the end of a sentence.
    """
    rows = [
        row[: len(counts)].repeat_interleave(torch.tensor(counts, device=row.device), dim=0)
        for row, counts in zip(features, units, strict=True)
    ]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def load(model: Path, device: str | torch.device = "cpu") -> KokoroNet:
    """The model with the parameters of the float32 ONNX file.

    Args:
        model: The ONNX file of ``kokoro-fp32``, or one with an adapter merged into it.
        device: Where to put it.

    Raises:
        WeightsError: It is not that model.
    """
    with torch.device("meta"):
        net = KokoroNet()
    state = {name: torch.from_numpy(values) for name, values in kokoro_weights.read(model).items()}
    try:
        net.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{model}: not Kokoro-82M v1.0: {error}", fix="digital-human models pull kokoro-fp32"
        ) from error
    return net.to(device).eval().requires_grad_(False)


def _cut(x: Tensor, start: int, end: int, total: int) -> Tensor:
    """``x`` […, start:end], padded with zeros to ``total``."""
    return nn.functional.pad(x[..., start:end], (0, total - (end - start)))


def _moved(f0: Tensor, line: Line) -> Tensor:
    """The pitch of one sentence [T], moved and widened about its mean where it is voiced."""
    voiced = f0 > _VOICED
    if (line.pitch == 0 and line.range == 1) or not voiced.any():
        return f0
    log = f0.clamp(min=1).log()
    mean = log[voiced].mean()
    factor = torch.exp((log - mean) * (line.range - 1)) * 2 ** (line.pitch / 12)
    return torch.where(voiced, f0 * factor, f0)


def _ragged(lengths: Iterable[int]) -> list[int] | None:
    """The lengths; None when they are equal."""
    known = list(lengths)
    return None if min(known) == max(known) else known


def _visible(lengths: list[int] | None, total: int, like: Tensor) -> Tensor | None:
    """bool [B, total]: true up to each length."""
    if lengths is None:
        return None
    ends = torch.tensor(lengths, device=like.device)
    return torch.arange(total, device=like.device) < ends[:, None]


def _cpu(lengths: list[int] | None) -> Tensor | None:
    return None if lengths is None else torch.tensor(lengths)
