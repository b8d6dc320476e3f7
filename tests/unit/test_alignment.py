"""Forced alignment against the exact marks of our own synthesizer in other voices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
import soundfile

from digital_human.errors import Cancelled, InputError
from digital_human.speech import alignment
from digital_human.speech.alignment import DOUBTFUL, Aligned, align
from digital_human.speech.speaker import shared_synthesizer
from digital_human.speech.synthesizers.base import Synthesizer, never
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.types import Clause, Language, Phone, Speech
from digital_human.speech.voices import Voice, load_voice

ZH = "明天杭州多云转晴，气温二十五度。"
EN = "The weather in London will be cloudy tomorrow, Peter said."
OTHER = {ZH: "请问雷峰塔的门票多少钱一张？"}
OTHER |= {EN: "Ask not what your country can do for you."}


@dataclass
class Remembering:
    """Our own synthesizer; what it said once it does not compute again."""

    engine: Synthesizer
    rate: int = 24000
    languages: frozenset[Language] = frozenset({"zh", "en"})
    fingerprint: str = "remembering"
    said: dict[tuple[str, str], Speech] = field(default_factory=dict)

    def warm(self, voice: Voice) -> None: ...

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        key = clause.text, f"{voice.style} {voice.speed}"
        if key not in self.said:
            self.said[key] = self.engine.synthesize(replace(clause, pause=0), voice)
        return self.said[key]


@pytest.fixture(scope="module")
def engine() -> Remembering:
    return Remembering(shared_synthesizer("kokoro"))


def truth(engine: Remembering, text: str) -> Speech:
    """``text`` in a voice that is not a reference of the alignment, a little faster."""
    language: Language = "zh" if text in (ZH, OTHER[ZH]) else "en"
    voice = load_voice("yunjian" if language == "zh" else "bella")
    faster = voice.model_copy(update={"speed": 1.15})
    return engine.synthesize(Clause(text, language), faster)


def sounding(phones: tuple[Phone, ...]) -> list[Phone]:
    return [phone for phone in phones if phone.symbol != "_"]


def errors(found: Aligned, speech: Speech) -> np.ndarray:
    """Milliseconds between the starts and ends of the phones both have."""
    ours, exact = sounding(found.phones), sounding(speech.phones)
    matcher = SequenceMatcher(
        None, [p.symbol for p in ours], [p.symbol for p in exact], autojunk=False
    )
    pairs = [
        (ours[m.a + i], exact[m.b + i])
        for m in matcher.get_matching_blocks()
        for i in range(m.size)
    ]
    assert len(pairs) >= 0.95 * len(exact)
    apart = [(a.start - b.start, a.end - b.end) for a, b in pairs]
    return np.abs(np.array(apart)).ravel() * 1000 / speech.rate


def check(found: Aligned, length: int, text: str) -> None:
    """The promises of `Aligned`."""
    position = 0
    for phone in found.phones:
        assert phone.start == position and phone.end > phone.start
        position = phone.end
    assert position == length
    assert "".join(word.text for word in found.words) == text
    position = 0
    for word in found.words:
        assert position <= word.start < word.end <= length
        position = word.end


@pytest.mark.weights
@pytest.mark.parametrize("text", [ZH, EN])
def test_phones_of_another_voice_are_found(engine: Remembering, text: str) -> None:
    speech = truth(engine, text)
    language = speech.clause.language
    found = align(speech.pcm, speech.rate, text, language, synthesizer=engine)
    check(found, len(speech.pcm), text)
    apart = errors(found, speech)
    print(f"{language}: median {np.median(apart):.1f} ms, p90 {np.percentile(apart, 90):.1f} ms")
    assert np.median(apart) <= 15 and np.percentile(apart, 90) <= 40
    assert found.confidence > 0.9 and found.spoken == speech.spoken


@pytest.mark.weights
def test_a_wrong_text_is_doubtful(engine: Remembering) -> None:
    speech = truth(engine, ZH)
    wrong = align(speech.pcm, speech.rate, OTHER[ZH], "zh", synthesizer=engine)
    check(wrong, len(speech.pcm), OTHER[ZH])
    assert wrong.confidence < DOUBTFUL


@pytest.mark.weights
def test_long_recordings_take_the_coarse_path_first(
    engine: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alignment, "_WHOLE", 300)
    monkeypatch.setattr(alignment, "_FINE_BAND", 120)
    speech = truth(engine, ZH)
    apart = errors(align(speech.pcm, speech.rate, ZH, "zh", synthesizer=engine), speech)
    assert np.median(apart) <= 15 and np.percentile(apart, 90) <= 40


@pytest.mark.weights
def test_a_pause_between_words_is_silence_at_any_rate(engine: Remembering) -> None:
    speech = truth(engine, EN)
    cut = next(word.end for word in speech.words if word.text.startswith("London"))
    quiet = np.zeros(speech.rate // 2, np.float32)
    paused = np.concatenate([speech.pcm[:cut], quiet, speech.pcm[cut:]])
    slow = np.ascontiguousarray(paused.repeat(2))  # the same sound at 48 kHz
    found = align(slow, 2 * speech.rate, EN, "en", synthesizer=engine)
    check(found, len(slow), EN)
    london, will = (
        next(word for word in found.words if word.text.startswith(name))
        for name in ("London", "will")
    )
    margin = 2 * 0.08 * speech.rate
    assert abs(london.end - 2 * cut) < margin
    assert abs(will.start - 2 * (cut + len(quiet))) < margin
    middle = 2 * cut + len(quiet)
    assert next(p.symbol for p in found.phones if p.end > middle) == "_"


@pytest.mark.weights
def test_white_space_and_clauses_keep_the_text(engine: Remembering) -> None:
    first, second = truth(engine, EN), truth(engine, OTHER[EN])
    text = f"  {EN}\n\n {OTHER[EN]} "
    pcm = np.concatenate([first.pcm, second.pcm])
    found = align(pcm, first.rate, text, "en", synthesizer=engine)
    check(found, len(pcm), text)
    start = next(word.start for word in found.words if word.text.startswith("Ask"))
    assert abs(start - len(first.pcm)) < 0.15 * first.rate


@pytest.mark.weights
def test_what_cannot_be_aligned_is_refused(engine: Remembering) -> None:
    speech = truth(engine, EN)
    with pytest.raises(InputError, match="silent"):
        align(np.zeros(24000, np.float32), 24000, EN, "en", synthesizer=engine)
    with pytest.raises(InputError, match="too short"):
        align(speech.pcm[:9600], 24000, EN, "en", synthesizer=engine)
    with pytest.raises(InputError, match="minutes"):
        align(np.zeros(21 * 60 * 8000, np.float32), 8000, EN, "en", synthesizer=engine)
    nothing = align(speech.pcm, 24000, "……", "en", synthesizer=engine)
    assert nothing.words == () and [p.symbol for p in nothing.phones] == ["_"]
    with pytest.raises(Cancelled):
        align(np.tile(speech.pcm, 4), 24000, f"{EN} " * 4, "en", cancelled=lambda: True)


@pytest.mark.weights
def test_a_real_recording_is_found(engine: Remembering, data_dir: Path) -> None:
    """Kennedy's pause of 2.2 to 3.2 s, and his words told from the spectrogram."""
    pcm, rate = soundfile.read(data_dir / "speech" / "jfk.wav", dtype="float32")
    pcm = pcm[: round(4.9 * rate)]
    text = "And so my fellow Americans, ask not"
    found = align(pcm, rate, text, "en", synthesizer=engine)
    check(found, len(pcm), text)
    starts = {word.text.strip(): word.start / rate for word in found.words}
    assert found.confidence >= DOUBTFUL
    assert abs(starts["And"] - 0.33) < 0.1 and abs(starts["Americans,"] - 1.6) < 0.1
    assert abs(starts["ask"] - 3.28) < 0.1 and abs(starts["not"] - 3.97) < 0.1
