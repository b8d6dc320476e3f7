"""Other languages than the person's: as little of a stock voice as it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from digital_human.speech.cloning.lending import lend
from digital_human.speech.synthesizers import SYNTHESIZERS
from digital_human.speech.types import Clause, Language
from digital_human.speech.voices import Loan, Voice


class Ears:
    """Understands the better, the more of a stock voice there is."""

    def __init__(self, errors: dict[float, float], stock: float = 0.1) -> None:
        self._errors, self._stock = errors, stock

    def heard(self, voice: Voice, language: Language) -> tuple[float, dict[str, float]]:
        if voice.style:
            return self._stock, {"a": 0.0}
        share = voice.borrowed[language].share
        return self._errors[share], {"a": 1 - share}


def _voice(folder: Path, **more: object) -> Voice:
    rng = np.random.default_rng(0)
    np.savez(folder / "style.npz", style=rng.normal(0, 0.1, 256).astype(np.float32))
    return Voice(
        name="lin", display={"en": "Lin"}, gender="female", languages=("en", "zh"),
        engine="kokoro", fitted="style.npz", licence="x", source="x", consent="synthetic",
        folder=folder, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("errors", "share"),
    [
        ({0.25: 0.12, 0.4: 0.1, 0.6: 0.1}, 0.25),
        ({0.25: 0.3, 0.4: 0.13, 0.6: 0.1}, 0.4),
        ({0.25: 0.5, 0.4: 0.3, 0.6: 0.2}, 0.6),
        ({0.25: 0.3, 0.4: 0.3, 0.6: 0.3}, 0.25),
    ],
)
def test_the_least_share_that_is_understood_is_taken(
    tmp_path: Path, errors: dict[float, float], share: float
) -> None:
    voice, others = lend(_voice(tmp_path), Ears(errors), lambda step, done: None)  # type: ignore[arg-type]
    assert voice.borrowed == {"zh": Loan(voice="zf_xiaoxiao", share=share)}
    assert [(one.language, one.share, one.error) for one in others] == [
        ("zh", share, errors[share])
    ]


@pytest.mark.weights
def test_only_the_languages_that_borrow_sound_otherwise(tmp_path: Path) -> None:
    own = _voice(tmp_path)
    lent = own.model_copy(update={"borrowed": {"zh": Loan(voice="zf_xiaoxiao", share=0.6)}})
    assert own.fingerprint != lent.fingerprint
    synthesizer = SYNTHESIZERS["kokoro"].create()

    def said(voice: Voice, text: str, language: Language) -> np.ndarray:
        return synthesizer.synthesize(Clause(text, language), voice).pcm

    assert np.array_equal(said(own, "Hello.", "en"), said(lent, "Hello.", "en"))
    zh = said(own, "您好。", "zh"), said(lent, "您好。", "zh")
    # Timbre alone is lent: the rhythm stays the person's.
    assert len(zh[0]) == pytest.approx(len(zh[1]), abs=2400)
    assert not np.array_equal(*(pcm[: min(map(len, zh))] for pcm in zh))
