"""How much of an adaptation is kept: as much as is understood as well as without it.

An adaptation to few seconds of speech brings a voice nearer to the person and blurs it a little.
Its changes are small, so a part of them does a part of both; most of the likeness comes with half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digital_human.speech.cloning.card import WORSE, Measures
from digital_human.speech.synthesizers.kokoro_adapter import write_adapter
from digital_human.speech.voices import Voice

SHARES = (1.0, 0.6, 0.35)


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of an adaptation that is kept.

    Attributes:
        share: Of the changes, 0 to 1; 0 when none of it is understood.
        voice: With it.
        measures: Of that voice.
    """

    share: float
    voice: Voice
    measures: Measures


def keep(
    fitted: Voice,
    measured: Measures,
    make: Callable[[float], Voice],
    measure: Callable[[Voice], Measures],
) -> Kept:
    """Find the greatest share that is recognised at most `WORSE` worse.

    Worse than the fitted style and than the stock voice, whichever is better.

    Args:
        fitted: The voice without the adaptation.
        measured: Of it.
        make: Gives the voice with a share of the adaptation.
        measure: Measures a voice.
    """
    least = min(measured.voice.error or 0.0, measured.preset.error or 0.0)
    for share in SHARES:
        voice = make(share)
        found = measure(voice)
        if (found.voice.error or 0.0) - least <= WORSE:
            return Kept(share, voice, found)
    return Kept(0.0, fitted, measured)


def write_part(whole: Path, share: float, target: Path) -> None:
    """Write an adapter with ``share`` of another one's changes.

    Of ``NAME::d`` that is the change itself, of ``NAME::a`` and ``NAME::b`` one factor of it.

    Raises:
        ResourceError: It cannot be written.
    """
    with np.load(whole, allow_pickle=False) as arrays:
        parts = {
            name: arrays[name] if name.endswith("::b") else arrays[name] * np.float32(share)
            for name in arrays.files
        }
    write_adapter(target, parts)
