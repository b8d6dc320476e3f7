"""What every synthesizer must do; run for each backend of the registry."""

from __future__ import annotations

import functools
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.registry import BackendSpec, Registry
from digital_human.errors import Cancelled, InputError, ResourceError, WeightsError, install_fix
from digital_human.models import store
from digital_human.speech.loudness import true_peak
from digital_human.speech.synthesizers import SYNTHESIZERS
from digital_human.speech.synthesizers.base import Synthesizer
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import PHONES
from digital_human.speech.types import Clause, Language, Speech
from digital_human.speech.voices import Voice, load_voice, shipped_voice_names

CLAUSES: list[tuple[str, Language]] = [
    ("爸爸妈妈，增长3.5%。", "zh"),
    ("AI和5G！", "zh"),
    ("Peter paid $3.50.", "en"),
]


# Only what each backend does itself is asked of both: words, chunks and speeds are shared code.
BACKENDS = ["kokoro", "kokoro-torch"]


@functools.lru_cache
def opened(name: str) -> Synthesizer:
    if name == "kokoro-torch":
        pytest.importorskip("torch", reason="needs the extra 'train'")
    backend: Synthesizer = SYNTHESIZERS[name].create(threads=1)
    return backend


@pytest.fixture(params=BACKENDS)
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return opened(request.param)


@pytest.fixture
def kokoro() -> Synthesizer:
    return opened("kokoro")


def shipped_voices() -> list[Voice]:
    return [load_voice(name) for name in shipped_voice_names()]


def voice_for(language: Language) -> Voice:
    return next(voice for voice in shipped_voices() if voice.languages[0] == language)


def check(speech: Speech) -> None:
    """The promises of `Speech`."""
    assert speech.pcm.dtype == np.float32 and speech.pcm.ndim == 1
    assert np.isfinite(speech.pcm).all()
    position = 0
    for phone in speech.phones:
        assert phone.start == position and phone.end > phone.start
        assert phone.symbol in PHONES
        position = phone.end
    assert position == len(speech.pcm)
    assert "".join(word.text for word in speech.words) == (speech.clause.text or "")
    position = 0
    for word in speech.words:
        assert position <= word.start < word.end <= len(speech.pcm)
        position = word.end


@pytest.mark.weights
@pytest.mark.parametrize(
    ("backend", "text", "language"),
    [*(("kokoro", *clause) for clause in CLAUSES), ("kokoro-torch", "AI和5G！", "zh")],
)
def test_speech_keeps_its_promises(backend: str, text: str, language: Language) -> None:
    synthesizer = opened(backend)
    clause = Clause(text, language, epoch=3, pause=400)
    speech = synthesizer.synthesize(clause, voice_for(language))
    check(speech)
    assert speech.clause is clause and speech.epoch == 3 and speech.rate == synthesizer.rate
    pause = round(0.4 * speech.rate)
    assert speech.phones[-1].symbol == "_"
    assert not speech.pcm[-pause:].any()
    assert true_peak(speech.pcm, speech.rate) <= -1.4
    # No click at either join: sound starts and ends at zero.
    assert abs(speech.pcm[0]) < 1e-3 and abs(speech.pcm[len(speech.pcm) - pause - 1]) < 1e-3


@pytest.mark.weights
def test_closures_are_quieter_than_vowels_where_the_phones_say(kokoro: Synthesizer) -> None:
    speech = kokoro.synthesize(Clause("爸爸怕爸爸，爸爸爬八步。", "zh"), voice_for("zh"))
    energy = {"p": [], "a": []}  # type: dict[str, list[float]]
    for phone in speech.phones:
        if phone.symbol in energy:
            middle = speech.pcm[phone.start : phone.end]
            energy[phone.symbol].append(float(np.sqrt(np.mean(middle**2))))
    assert len(energy["p"]) == 10
    assert np.median(energy["p"]) < 0.5 * np.median(energy["a"])


@pytest.mark.weights
def test_one_written_number_is_one_word(kokoro: Synthesizer) -> None:
    speech = kokoro.synthesize(Clause("增长3.5%。", "zh"), voice_for("zh"))
    assert [word.text for word in speech.words] == ["增", "长", "3.5%。"]
    number = speech.words[-1]
    assert number.end - number.start > 0.5 * speech.rate
    assert speech.spoken == "增长百分之三点五。"


@pytest.mark.weights
def test_speed_and_lexicon_are_heard(kokoro: Synthesizer) -> None:
    voice = voice_for("zh")
    clause = Clause("重庆天气晴。", "zh")
    normal = kokoro.synthesize(clause, voice)
    fast = kokoro.synthesize(clause, voice.model_copy(update={"speed": 1.5}))
    assert 0.5 < len(fast.pcm) / len(normal.pcm) < 0.85
    lexicon = Lexicon.from_mapping({"重庆": "zhong4 qing4"})
    other = kokoro.synthesize(clause, voice, lexicon=lexicon)
    assert not np.array_equal(other.pcm, normal.pcm)


@pytest.mark.weights
def test_nothing_to_read_gives_the_pause(synthesizer: Synthesizer) -> None:
    speech = synthesizer.synthesize(Clause("……", "zh", pause=300), voice_for("zh"))
    assert len(speech.pcm) == round(0.3 * speech.rate) and not speech.pcm.any()
    assert [phone.symbol for phone in speech.phones] == ["_"]


@pytest.mark.weights
def test_text_longer_than_the_model_is_spoken_whole(kokoro: Synthesizer) -> None:
    text = "今天天气很好，" * 16
    speech = kokoro.synthesize(Clause(text, "zh"), voice_for("zh"))
    check(speech)
    assert len(speech.words) == 6 * 16


@pytest.mark.weights
def test_cancelling_stops_the_model_in_the_middle(synthesizer: Synthesizer) -> None:
    clause = Clause("中央气象台预计未来三天", "zh")
    with pytest.raises(Cancelled):
        synthesizer.synthesize(clause, voice_for("zh"), cancelled=lambda: True)
    synthesizer.synthesize(clause, voice_for("zh"))  # opens the model
    # Processor time of the one thread, which other programs do not lengthen.
    start = time.process_time()
    synthesizer.synthesize(clause, voice_for("zh"))
    whole = time.process_time() - start
    stopped = []
    for _ in range(3):
        asked = itertools.count()
        start = time.process_time()
        with pytest.raises(Cancelled):
            # The first question comes before the model runs, the later ones while it does.
            synthesizer.synthesize(
                clause, voice_for("zh"), cancelled=functools.partial(_after, 2, asked)
            )
        stopped.append(time.process_time() - start)
        assert next(asked) >= 3
    assert min(stopped) < whole * 0.8


def _after(count: int, asked: Iterator[int]) -> bool:
    return next(asked) >= count


@pytest.mark.weights
def test_unreadable_language_and_unknown_style_are_named(synthesizer: Synthesizer) -> None:
    voice = voice_for("en").model_copy(update={"languages": ("en",)})
    with pytest.raises(InputError, match="does not read language 'zh'"):
        synthesizer.synthesize(Clause("你好", "zh"), voice)
    unknown = voice.model_copy(update={"style": {"af_nobody": 1.0}})
    with pytest.raises(InputError, match="af_nobody"):
        synthesizer.synthesize(Clause("Hello", "en"), unknown)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="model.onnx"):
        _speak_with(path, tmp_path)
    with pytest.raises(WeightsError, match="none.onnx"):
        _speak_with(tmp_path / "none.onnx", tmp_path)


@pytest.mark.weights
def test_graph_is_edited_once_and_a_damaged_copy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digital_human.config import settings

    model, voices = store().path("kokoro-int8") / "model.onnx", store().path("kokoro-voices")
    monkeypatch.setenv("DH_HOME", str(tmp_path))
    settings.cache_clear()
    try:

        def speak() -> Speech:
            synthesizer = SYNTHESIZERS["kokoro"].create(model=model, voices=voices, threads=1)
            speech: Speech = synthesizer.synthesize(Clause("好。", "zh"), voice_for("zh"))
            return speech

        first = speak()
        monkeypatch.setitem(sys.modules, "onnx", None)  # an import of it fails
        assert np.array_equal(speak().pcm, first.pcm)
        (kept,) = (tmp_path / "cache" / "kokoro").iterdir()
        kept.write_bytes(b"half a model")
        with pytest.raises(WeightsError, match="cannot be opened") as error:
            speak()
        assert str(kept) in error.value.fix
    finally:
        monkeypatch.undo()
        settings.cache_clear()


@pytest.mark.weights
def test_a_warm_engine_opens_nothing_for_its_first_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    synthesizer: Synthesizer = SYNTHESIZERS["kokoro"].create()
    synthesizer.warm(voice_for("zh"))
    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    assert len(synthesizer.synthesize(Clause("好。", "zh"), voice_for("zh")).pcm) > 0


@pytest.mark.weights
@pytest.mark.parametrize("text", ["西湖十景里", "苏堤是苏轼主持修建的。", "一"])
def test_silence_that_is_not_decoded_takes_no_sound_with_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    from digital_human.speech.synthesizers import kokoro

    synthesizer: Synthesizer = SYNTHESIZERS["kokoro"].create()
    voice = voice_for("zh")
    cropped = synthesizer.synthesize(Clause(text, "zh"), voice)
    monkeypatch.setattr(kokoro, "SILENT_LEAD", 999)
    monkeypatch.setattr(kokoro, "SILENT_TAIL", 999)
    whole = synthesizer.synthesize(Clause(text, "zh"), voice)
    assert [p.symbol for p in cropped.phones] == [p.symbol for p in whole.phones]
    hop = 240

    def envelope(speech: Speech) -> np.ndarray:
        n = len(speech.pcm) // hop
        return np.sqrt(np.square(speech.pcm[: n * hop]).reshape(n, hop).mean(1))

    a, b = envelope(cropped), envelope(whole)
    n = min(len(a), len(b))
    # The lead before the first phone may be found some 10 ms apart.
    best = max(np.corrcoef(a[k : n - 6 + k], b[6 // 2 : n - 6 // 2])[0, 1] for k in range(7))
    assert best > 0.9
    assert abs(len(cropped.pcm) - len(whole.pcm)) < 0.06 * whole.rate
    starts = [(p.start - q.start) / whole.rate for p, q in
              zip(cropped.phones, whole.phones, strict=True)]  # fmt: skip
    assert np.ptp(starts) < 0.06


def _speak_with(model: Path, voices: Path) -> None:
    np.zeros(510 * 256, np.float32).tofile(voices / "af_heart.bin")
    synthesizer = SYNTHESIZERS["kokoro"].create(model=model, voices=voices)
    synthesizer.synthesize(Clause("Hello", "en"), load_voice("heart"))


def test_shipped_voices_are_complete() -> None:
    voices = shipped_voices()
    for language, least in (("zh", 2), ("en", 1)):
        for gender in ("female", "male"):
            own = [v for v in voices if v.languages[0] == language and v.gender == gender]
            assert len(own) >= least, (language, gender)
    assert all(v.consent == "synthetic" and v.licence for v in voices)
    assert all(abs(sum(v.style.values()) - 1) < 1e-9 for v in voices)
    assert all(v.engine in SYNTHESIZERS.names() for v in voices)


def test_unknown_voice_and_bad_voice_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from digital_human.config import settings

    with pytest.raises(InputError, match="does not exist") as error:
        load_voice("xiaoyy")
    assert "did you mean 'xiaoyi'" in error.value.fix and "yunxi" in error.value.fix
    monkeypatch.setenv("DH_VOICES_DIR", str(tmp_path))
    settings.cache_clear()
    try:
        (tmp_path / "odd.toml").write_text('name = "odd"\nspeed = 9\n', encoding="utf-8")
        with pytest.raises(InputError, match=r"odd\.toml"):
            load_voice("odd")
        (tmp_path / "odd.toml").write_text("name = ", encoding="utf-8")
        with pytest.raises(InputError, match=r"odd\.toml"):
            load_voice("odd")
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_registry_names_what_is_missing() -> None:
    absent = BackendSpec("ghost", "synthesizer", "no_such_package.x:Y", extra="clone")
    registry = Registry("synthesizer", [absent])
    with pytest.raises(InputError, match="'gost' does not exist") as error:
        registry["gost"]
    assert "ghost" in error.value.fix
    with pytest.raises(ResourceError, match="no_such_package") as missing:
        registry["ghost"].create()
    assert missing.value.fix == install_fix("clone")
