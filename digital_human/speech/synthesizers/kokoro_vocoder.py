"""Kokoro-82M in torch: from aligned text, pitch and energy to sound (an iSTFTNet decoder).

The harmonic source follows the neural source-filter model (Wang et al. 2019) as the published ONNX
export has it: nine harmonics of the pitch with fixed phases and no noise, so the same input always
gives the same sound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from digital_human.speech.synthesizers.kokoro_blocks import StyledBlock, VocoderBlock, masked

RATE = 24000
UNIT = 600
"""Samples of one unit of duration, 25 ms."""
_FFT, _HOP, _BINS = 20, 5, 11
_UPSAMPLE = UNIT // 2
_HARMONICS = 9
_VOICED_HZ, _SINE = 10.0, 0.1
# Magnitudes below this are rounding; their phases, where the excitation is constant, are these in
# ONNX Runtime's STFT.
_NOTHING = 1e-6
_UNDEFINED = (
    3.1415923, -1.0628594e-06, 2.4903617, -2.1253965, 0.79346722, -2.1291599, 0.17297465,
    2.9267988, -1.3449425, 2.7359736, -1.5468425,
)  # fmt: skip


class _Source(nn.Module):
    """Harmonics of the pitch → one excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.l_linear = nn.Linear(_HARMONICS, 1)

    def forward(self, f0: Tensor) -> Tensor:
        """Pitch in Hz [B, T] → excitation [B, 300·T].

        Phases are summed at one value per frame and then drawn out linearly.
        """
        voiced = (f0 > _VOICED_HZ).float().repeat_interleave(_UPSAMPLE, dim=1).unsqueeze(2)
        numbers = torch.arange(1, _HARMONICS + 1, device=f0.device, dtype=f0.dtype)
        turns = f0.unsqueeze(1) * numbers[:, None] / RATE
        # Large phases lose bits: the order of these products is that of the ONNX export.
        phase = torch.cumsum(turns - torch.floor(turns), dim=2) * 2 * torch.pi * _UPSAMPLE
        drawn = F.interpolate(phase, scale_factor=float(_UPSAMPLE), mode="linear")
        waves = torch.sin(drawn).transpose(1, 2) * _SINE * voiced
        return torch.tanh(self.l_linear(waves)).squeeze(2)


class Generator(nn.Module):
    """Upsamples 80 frames a second to 4,800 short spectra a second and turns them into sound."""

    inverse_basis: Tensor
    window_sum: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.m_source = _Source()
        self.ups = nn.ModuleList(
            [nn.ConvTranspose1d(512, 256, 20, stride=10, padding=5),
             nn.ConvTranspose1d(256, 128, 12, stride=6, padding=3)]
        )  # fmt: skip
        self.noise_convs = nn.ModuleList(
            [nn.Conv1d(2 * _BINS, 256, 12, stride=6, padding=3), nn.Conv1d(2 * _BINS, 128, 1)]
        )
        self.noise_res = nn.ModuleList([VocoderBlock(256, 7), VocoderBlock(128, 11)])
        self.resblocks = nn.ModuleList(
            VocoderBlock(channels, kernel) for channels in (256, 128) for kernel in (3, 7, 11)
        )
        self.conv_post = nn.Conv1d(128, 2 * _BINS, 7, padding=3)
        self.register_buffer("inverse_basis", torch.zeros(2 * _BINS, 1, _FFT))
        self.register_buffer("window_sum", torch.ones(_FFT))

    def forward(self, x: Tensor, style: Tensor, f0: Tensor, frames: list[int] | None) -> Tensor:
        """Decode.

        Args:
            x: [B, 512, T], T frames of 12.5 ms.
            style: [B, 128].
            f0: Hz, [B, T].
            frames: Valid frames of each sentence; None when all are T.

        Returns:
            Sound [B, 300·T].
        """
        total = x.shape[2]
        har = self._excitation(f0, frames)
        for i, rate in enumerate((10, 60)):
            mask = _mask([n * rate + i for n in frames], total * rate + i, x) if frames else None
            side = masked(self.noise_convs[i](har), mask)
            side = self.noise_res[i](side, style, mask)
            x = self.ups[i](F.leaky_relu(x, 0.1))
            if i == 1:
                x = F.pad(x, (1, 0), mode="reflect")
            x = masked(x, mask) + side
            blocks = self.resblocks[3 * i : 3 * i + 3]
            x = torch.stack([block(x, style, mask) for block in blocks]).sum(dim=0) / 3
        return self._sound(masked(self.conv_post(F.leaky_relu(x, 0.01)), mask), mask)

    def _excitation(self, f0: Tensor, frames: list[int] | None) -> Tensor:
        """Magnitudes and phases of the source's short spectra [B, 22, 60·T + 1]."""
        window = torch.hann_window(_FFT, device=f0.device)
        result = f0.new_zeros(f0.shape[0], 2 * _BINS, f0.shape[1] * 60 + 1, dtype=torch.float32)
        with torch.no_grad(), torch.autocast(f0.device.type, enabled=False):
            whole = [(slice(None), f0.shape[1])]
            parts = [(slice(i, i + 1), n) for i, n in enumerate(frames)] if frames else whole
            for row, count in parts:
                pitch = f0[row, :count].float()
                wave = self.m_source(pitch)
                wave = F.pad(wave.unsqueeze(1), (_FFT // 2, _FFT // 2), mode="reflect").squeeze(1)
                spectra = torch.stft(
                    wave, _FFT, _HOP, window=window, center=False, return_complex=True
                )
                both = torch.cat([spectra.abs(), _phases(spectra)], dim=1)
                result[row, :, : both.shape[2]] = both
        return result

    def _sound(self, spectra: Tensor, mask: Tensor | None) -> Tensor:
        """Log magnitudes and phase sines [B, 22, n] → sound [B, 5·(n − 1)]."""
        spectra = spectra.float()
        magnitude = masked(torch.exp(spectra[:, :_BINS]), mask)
        phase = torch.sin(spectra[:, _BINS:])
        both = torch.cat([magnitude * torch.cos(phase), magnitude * torch.sin(phase)], dim=1)
        wave = F.conv_transpose1d(both, self.inverse_basis, stride=_HOP).squeeze(1)
        # Overlapping windows add up to one constant but for the first of them.
        start = wave[:, :_FFT] / self.window_sum
        wave = torch.cat([start, wave[:, _FFT:]], dim=1) * (_FFT / _HOP)
        return wave[:, _FFT // 2 : -(_FFT // 2)]


class Decoder(nn.Module):
    """Aligned text features, pitch and energy → sound, in the timbre of the style."""

    def __init__(self) -> None:
        super().__init__()
        self.F0_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.N_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.asr_res = nn.ModuleList([nn.Conv1d(512, 64, 1)])
        self.encode = StyledBlock(514, 1024)
        self.decode = nn.ModuleList([StyledBlock(1090, 1024) for _ in range(3)])
        self.decode.append(StyledBlock(1090, 512, double=True))
        self.generator = Generator()

    def forward(
        self, text: Tensor, f0: Tensor, energy: Tensor, style: Tensor, units: list[int] | None
    ) -> Tensor:
        """Decode.

        Args:
            text: [B, 512, U], zero behind the end of a sentence, as are pitch and energy.
            f0: Hz, [B, 2·U].
            energy: Log energy [B, 2·U].
            style: [B, 128].
            units: Valid units of each sentence; None when all are U.

        Returns:
            Sound [B, 600·U]; what lies behind the end of a sentence means nothing.
        """
        mask = _mask(units, text.shape[2], text) if units else None
        pitch = masked(self.F0_conv(f0.unsqueeze(1)), mask)
        loud = masked(self.N_conv(energy.unsqueeze(1)), mask)
        side = masked(self.asr_res[0](text), mask)
        x = self.encode(torch.cat([text, pitch, loud], dim=1), style, mask)
        for block in self.decode:
            x = block(torch.cat([x, side, pitch, loud], dim=1), style, mask)
        frames = [2 * n for n in units] if units else None
        return self.generator(x, style, f0, frames)  # type: ignore[no-any-return]


def _phases(spectra: Tensor) -> Tensor:
    """Phases of [B, 11, n] as ONNX Runtime gives them, also where they are undefined.

    The decoder hears phases even of bins that hold nothing but rounding, as all but the lowest do
    where the excitation is constant between voiced sounds.
    """
    phases = spectra.angle()
    phases[:, -1].copy_(torch.where(spectra.real[:, -1] < 0, -torch.pi, 0.0))
    undefined = torch.tensor(_UNDEFINED, device=spectra.device).unsqueeze(1)
    return torch.where(spectra.abs() < _NOTHING, undefined, phases)


def _mask(lengths: list[int], total: int, like: Tensor) -> Tensor:
    """[B, 1, total]: one up to each length, zero behind it."""
    ends = torch.tensor(lengths, device=like.device)
    steps = torch.arange(total, device=like.device)
    return (steps < ends[:, None]).to(like.dtype).unsqueeze(1)
