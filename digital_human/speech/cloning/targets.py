"""What the model is held to for each utterance: its tokens with forced durations, pitch, energy.

With these taken from the recording, the model's sound lies on the recording frame by frame, so that
spectra can be compared directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.speech.cloning import curves
from digital_human.speech.cloning.references import Utterance
from digital_human.speech.synthesizers.kokoro_base import VOCABULARY
from digital_human.speech.synthesizers.kokoro_net import Encoded, KokoroNet, align
from digital_human.speech.synthesizers.kokoro_vocoder import UNIT
from digital_human.speech.text.phonemes import MARKS, SILENCE, STRESS, read
from digital_human.speech.types import Phone

# The decoder's sound runs ahead of the durations by so many samples (`kokoro_base`).
_AHEAD = 1440
# Units of silence put before and behind the recording, as the model has them.
_LEAD, _TAIL = 8, 14
_MAX_TOKENS = 510
_BRIDGED = 12  # frames without voice, 150 ms, through which the model's pitch goes on


@dataclass(frozen=True, slots=True)
class Target:
    """One utterance as the model would have to speak it.

    Attributes:
        encoded: What the model knows of its tokens before any style.
        units: Duration of each token, in units of 25 ms.
        durations: float32 [1, N]: the same before rounding; NaN where silence hides them.
        text: Features for the sound by unit [1, 512, U].
        f0: Hz by frame [1, 2·U], near 0 without voice.
        voiced: bool [1, 2·U]: where the recording itself has pitch.
        energy: Log energy by frame [1, 2·U].
        pcm: The recording [1, 600·U].
        speech: First and one past the last unit with speech.
    """

    encoded: Encoded
    units: tuple[int, ...]
    durations: Tensor
    text: Tensor
    f0: Tensor
    voiced: Tensor
    energy: Tensor
    pcm: Tensor
    speech: tuple[int, int]


def targets(utterances: Sequence[Utterance], net: KokoroNet, style: FloatArray) -> list[Target]:
    """Prepare utterances.

    Args:
        utterances: With phones.
        net: The model.
        style: float32 [256]: a voice whose rhythm shares out what the phones leave open.

    Raises:
        InputError: None of them can be used.
    """
    usable = [t for u in utterances if (t := target(u, net, style)) is not None]
    if not usable:
        raise InputError(
            "no recording could be aligned with its text",
            fix="record clear speech in Mandarin, English or Japanese",
        )
    return usable


@torch.no_grad()
def target(utterance: Utterance, net: KokoroNet, style: FloatArray) -> Target | None:
    """Prepare one utterance; None when its text is too long or does not fit its phones."""
    reading = read(utterance.text, utterance.language, None)
    symbols = [c for piece in reading.pieces for c in piece.phonemes if c in VOCABULARY]
    while symbols and symbols[-1] == " ":
        symbols.pop()
    if not symbols or len(symbols) > _MAX_TOKENS:
        return None
    encoded = net.encode([[0, *(VOCABULARY[c] for c in symbols), 0]])
    tensor = torch.from_numpy(np.asarray(style, np.float32)).reshape(1, -1).to(net.device)
    usual = net.durations(encoded, net.prosody(encoded, tensor))[0].cpu().numpy()
    lead, tail = _LEAD * UNIT, _TAIL * UNIT
    total = (lead + len(utterance.pcm) + tail) // UNIT
    pcm = np.pad(utterance.pcm, (lead, tail))[: total * UNIT].astype(np.float32)
    bounds, known = token_bounds(symbols, utterance.phones, usual, lead, total * UNIT)
    if known < 0.7:
        return None
    ends = np.clip((bounds[1:] + _AHEAD) / UNIT, 0, total)
    ends[-1] = total
    units = whole_units(ends)
    if sum(units) != total:
        return None
    return _finished(encoded, units, np.diff(ends, prepend=0), symbols, pcm, net)


def _finished(
    encoded: Encoded,
    units: list[int],
    durations: npt.NDArray[np.float64],
    symbols: Sequence[str],
    pcm: FloatArray,
    net: KokoroNet,
) -> Target:
    """Put the parts of a target together on the model's device."""
    f0 = curves.pitch(pcm)
    wanted = durations.astype(np.float32)
    # The pads' own lengths are silence that was put there.
    wanted[[0, -1]] = np.nan
    speech = units[0] - 2, sum(units[:-1]) - 2

    def row(values: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values))[None].to(net.device)

    return Target(
        encoded=encoded,
        units=tuple(units),
        durations=row(wanted),
        text=align(encoded.text.transpose(1, 2), [units]).transpose(1, 2),
        f0=row(bridged(f0)),
        voiced=row(f0 > 0),
        energy=row(curves.energy(pcm)),
        pcm=row(pcm),
        speech=(max(0, speech[0]), min(sum(units), max(speech[1], speech[0] + 8))),
    )


def token_bounds(
    symbols: Sequence[str],
    phones: Sequence[Phone],
    usual: FloatArray,
    lead: int,
    total: int,
) -> tuple[npt.NDArray[np.float64], float]:
    """Where each token begins and ends in the recording.

    Args:
        symbols: Kokoro's symbols of the text.
        phones: Of the recording, in samples.
        usual: Durations [len(symbols) + 2] that share out what no phone tells.
        lead: Samples put before the recording.
        total: Samples with what was put before and behind.

    Returns:
        float64 [len(symbols) + 3], the pads at both ends included, and the share of the
        sounding symbols that have a phone.
    """
    sounding = [i for i, c in enumerate(symbols) if c.isalpha() and c not in STRESS + MARKS]
    heard = [phone for phone in phones if phone.symbol != SILENCE]
    matcher = SequenceMatcher(
        None, [symbols[i] for i in sounding], [p.symbol for p in heard], autojunk=False
    )
    bounds = np.full(len(symbols) + 3, np.nan)
    bounds[0], bounds[-1] = 0, total
    matched = 0
    for block in matcher.get_matching_blocks():
        for k in range(block.size):
            matched += 1
            first = last = sounding[block.a + k]
            while first > 0 and symbols[first - 1] in STRESS:
                first -= 1
            while last + 1 < len(symbols) and symbols[last + 1] in MARKS:
                last += 1
            phone = heard[block.b + k]
            bounds[first + 1] = phone.start + lead
            bounds[last + 2] = phone.end + lead
    known = np.flatnonzero(np.isfinite(bounds))
    for a, b in zip(known[:-1], known[1:], strict=True):
        if b - a > 1:
            shares = np.cumsum(np.maximum(usual[a:b], 0.1))
            bounds[a + 1 : b] = bounds[a] + (bounds[b] - bounds[a]) * shares[:-1] / shares[-1]
    return np.maximum.accumulate(bounds), matched / max(1, len(sounding))


def whole_units(ends: npt.NDArray[np.float64]) -> list[int]:
    """Durations in whole units, at least one each, whose sums stay near ``ends`` (in units)."""
    total, count = round(float(ends[-1])), len(ends)
    units: list[int] = []
    position = 0
    for index, end in enumerate(ends):
        # Every token behind this one needs a unit of its own.
        last = total - (count - 1 - index)
        position, before = max(position + 1, min(round(float(end)), last)), position
        units.append(position - before)
    return units


def bridged(f0: FloatArray) -> FloatArray:
    """``f0`` going on through short stretches without voice, as the model's own curves do."""
    result = f0.copy()
    voiced = np.flatnonzero(f0 > 0)
    for a, b in zip(voiced[:-1], voiced[1:], strict=True):
        if 1 < b - a <= _BRIDGED:
            result[a:b] = np.exp(np.linspace(np.log(f0[a]), np.log(f0[b]), b - a, endpoint=False))
    return result
