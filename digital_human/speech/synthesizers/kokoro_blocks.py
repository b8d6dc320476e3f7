"""Building blocks of Kokoro-82M in torch: style-adaptive norms, residual blocks, masked layers.

After StyleTTS 2 (Li et al. 2023) and iSTFTNet (Kaneko et al. 2022). Module names follow the names
of the published parameters. Every block takes a mask, so that sentences of different lengths in one
batch sound as they do alone: statistics count valid frames only and what lies behind the end of a
sentence is zero, as the zero padding of a convolution is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STYLE = 128
"""Numbers of one half of a style vector."""
_EPS = 1e-5


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` [B, C, T] with zeros where ``mask`` [B, 1, T] is zero."""
    return x if mask is None else x * mask


def run_lstm(lstm: nn.LSTM, x: Tensor, lengths: Tensor | None) -> Tensor:
    """A bidirectional LSTM over sequences of different lengths.

    Args:
        lstm: Batch first.
        x: [B, T, C].
        lengths: int64 [B] on the CPU; None when all are T.

    Returns:
        [B, T, 2·hidden], zero behind the end of each sequence.
    """
    if lengths is None:
        return lstm(x)[0]  # type: ignore[no-any-return]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, _ = lstm(packed)
    return nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])[0]


class AdaptiveNorm(nn.Module):
    """Instance norm whose scale and shift come from the style (AdaIN)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, 2 * channels)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """[B, C, T] and [B, 128] → [B, C, T]."""
        scale, shift = self.fc(style).chunk(2, dim=1)
        batch, channels, frames = x.shape
        if mask is None:
            flat = F.batch_norm(
                x.reshape(1, batch * channels, frames),
                None,
                None,
                1 + scale.reshape(-1),
                shift.reshape(-1),
                training=True,
                eps=_EPS,
            )
            return flat.view(batch, channels, frames)
        count = mask.sum(dim=2, keepdim=True)
        mean = (x * mask).sum(dim=2, keepdim=True) / count
        centred = (x - mean) * mask
        variance = centred.square().sum(dim=2, keepdim=True) / count
        scaled = centred * ((1 + scale).unsqueeze(2) * torch.rsqrt(variance + _EPS))
        result: Tensor = (scaled + shift.unsqueeze(2)) * mask
        return result


class AdaptiveLayerNorm(nn.Module):
    """Layer norm over channels whose scale and shift come from the style."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """[B, T, C] and [B, 128] → [B, T, C]."""
        scale, shift = self.fc(style).unsqueeze(1).chunk(2, dim=2)
        result: Tensor = (1 + scale) * F.layer_norm(x, x.shape[-1:], eps=_EPS) + shift
        return result


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] → [B, C, T]."""
        by_frame = x.transpose(1, 2)
        return F.layer_norm(by_frame, by_frame.shape[-1:], self.gamma, self.beta, _EPS).transpose(
            1, 2
        )


class StyledBlock(nn.Module):
    """Residual block with two convolutions, styled by AdaIN; may double the frame rate.

    Args:
        channels: Of the input.
        out: Channels of the output.
        double: Whether the output has two frames for each one of the input.
    """

    def __init__(self, channels: int, out: int, *, double: bool = False) -> None:
        super().__init__()
        self.doubles = double
        self.norm1 = AdaptiveNorm(channels)
        self.norm2 = AdaptiveNorm(out)
        self.conv1 = nn.Conv1d(channels, out, 3, padding=1)
        self.conv2 = nn.Conv1d(out, out, 3, padding=1)
        if channels != out:
            self.conv1x1 = nn.Conv1d(channels, out, 1, bias=False)
        if double:
            self.pool = nn.ConvTranspose1d(
                channels, channels, 3, stride=2, groups=channels, padding=1, output_padding=1
            )

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """[B, C, T], [B, 128] and the mask of T frames → [B, out, T or 2·T]."""
        y = F.leaky_relu(self.norm1(x, style, mask), 0.2)
        side = x
        if self.doubles:
            y = self.pool(y)
            side = side.repeat_interleave(2, dim=2)
            mask = None if mask is None else mask.repeat_interleave(2, dim=2)
            y = masked(y, mask)
        y = masked(self.conv1(y), mask)
        y = F.leaky_relu(self.norm2(y, style, mask), 0.2)
        y = masked(self.conv2(y), mask)
        if hasattr(self, "conv1x1"):
            side = self.conv1x1(side)
        result: Tensor = (y + side) * 0.5**0.5
        return result


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """Snake activation (Ziyin et al. 2020): x + sin²(αx)/α; zero stays zero."""
    return x + torch.sin(alpha * x).square() / alpha


class VocoderBlock(nn.Module):
    """Three dilated residual layers with AdaIN and snake activations.

    Args:
        channels: Of input and output.
        kernel: Frames each convolution sees.
        dilations: Of the first convolution of each layer.
    """

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int] = (1, 3, 5)) -> None:
        super().__init__()
        layers = range(len(dilations))
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * (kernel - 1) // 2)
            for d in dilations
        )
        self.convs2 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in layers
        )
        self.adain1 = nn.ModuleList(AdaptiveNorm(channels) for _ in layers)
        self.adain2 = nn.ModuleList(AdaptiveNorm(channels) for _ in layers)
        self.alpha1 = nn.ParameterList(torch.ones(1, channels, 1) for _ in layers)
        self.alpha2 = nn.ParameterList(torch.ones(1, channels, 1) for _ in layers)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor | None) -> Tensor:
        """[B, C, T] and [B, 128] → [B, C, T]."""
        for i in range(len(self.convs1)):
            y = snake(self.adain1[i](x, style, mask), self.alpha1[i])
            y = masked(self.convs1[i](y), mask)
            y = snake(self.adain2[i](y, style, mask), self.alpha2[i])
            x = x + masked(self.convs2[i](y), mask)
        return x
