"""Loudness, timing on known signals, the cache, and speech read back by a recogniser."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest

from digital_human.errors import ResourceError
from digital_human.speech.cache import ClauseCache
from digital_human.speech.loudness import limit, loudness, normalise, true_peak
from digital_human.speech.speaker import Speaker
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.timing import Timed, silences, to_phones, to_words
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import Piece
from digital_human.speech.types import Clause, Language, Phone, Speech, Word
from digital_human.speech.voices import Voice, load_voice

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "eval"))
RATE = 24000
FloatArray = npt.NDArray[np.float32]


def tone(seconds: float, level: float = 0.3, rate: int = RATE) -> FloatArray:
    t = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 997 * t)).astype(np.float32)


def test_loudness_of_the_standard_tone() -> None:
    # BS.1770: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS.
    assert loudness(tone(3, 1.0, 48000), 48000) == pytest.approx(-3.01, abs=0.1)
    assert loudness(np.zeros(RATE, np.float32), RATE) == float("-inf")
    assert loudness(tone(0.1), RATE) == pytest.approx(loudness(tone(3), RATE), abs=0.5)


def test_true_peak_sees_between_samples() -> None:
    n = np.arange(4800)
    quarter = np.sin(2 * np.pi * n / 4 + np.pi / 4).astype(np.float32)
    assert np.abs(quarter).max() < 0.71
    assert true_peak(quarter, 48000) == pytest.approx(0, abs=0.3)


def test_limiter_holds_the_ceiling_and_leaves_quiet_sound_alone() -> None:
    quiet = tone(1, 0.3)
    assert limit(quiet, RATE) is quiet
    rng = np.random.default_rng(1)
    loud = (rng.standard_normal(RATE) * 0.4).astype(np.float32)
    loud[5000] = 3.0
    limited = limit(loud, RATE)
    assert true_peak(limited, RATE) <= -1.49 and len(limited) == len(loud)


def test_programme_is_brought_to_target() -> None:
    rng = np.random.default_rng(2)
    burst = np.repeat(rng.random(40), RATE // 10)
    noise = (rng.standard_normal(len(burst)) * burst * 0.05).astype(np.float32)
    result = normalise(noise, RATE)
    assert loudness(result, RATE) == pytest.approx(-16, abs=0.3)
    assert true_peak(result, RATE) <= -1.49


def test_long_programme_is_measured_as_one() -> None:
    rng = np.random.default_rng(3)
    levels = np.repeat([0.3, 0.0, 0.01, 0.1, 0.0002], 15 * RATE + 777)
    noise = (rng.standard_normal(len(levels)) * levels).astype(np.float32)
    whole = pyloudnorm.Meter(RATE).integrated_loudness(noise.astype(np.float64))
    assert loudness(noise, RATE) == pytest.approx(whole, abs=0.01)


def test_limiter_leaves_no_seams() -> None:
    rng = np.random.default_rng(4)
    long = (rng.standard_normal(25 * RATE) * 0.3).astype(np.float32)
    limited = limit(long, RATE)
    assert true_peak(limited, RATE) <= -1.49
    # The piece around a seam at 10 s, limited alone, is the same but for the last trim.
    near = slice(9 * RATE, 11 * RATE)
    inner = slice(RATE // 2, 3 * RATE // 2)
    ratio = limited[near][inner] / limit(long[near], RATE)[inner]
    assert np.ptp(ratio) < 1e-3 and ratio.mean() == pytest.approx(1, abs=0.02)


def test_memory_for_a_long_programme_is_bounded() -> None:
    rng = np.random.default_rng(5)
    noise = rng.standard_normal(120 * 48000, dtype=np.float32) * np.float32(0.05)
    tracemalloc.start()
    try:
        result = normalise(noise, 48000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < result.nbytes + 100e6


def test_silences_are_found_where_they_are() -> None:
    gap = np.zeros(int(0.3 * RATE), np.float32)
    short = np.zeros(int(0.05 * RATE), np.float32)
    pcm = np.concatenate([tone(0.5), gap, tone(0.5), short, tone(0.2)])
    assert len(runs := silences(pcm, RATE)) == 1
    assert runs[0][0] == pytest.approx(0.5 * RATE, abs=0.01 * RATE)
    assert runs[0][1] == pytest.approx(0.8 * RATE, abs=0.01 * RATE)


def test_silence_is_cut_out_of_the_phone_that_swallowed_it() -> None:
    # a [tone 0.2] + tone mark holding 0.3 s of silence, then closure and m.
    pcm = np.concatenate([tone(0.2), np.zeros(int(0.3 * RATE), np.float32), tone(0.2)])
    cuts = [0, 0.15, 0.5, 0.7]
    marks = ["a", "↘", "m"]
    timed = [
        Timed(symbol, 0 if symbol != "m" else 1, int(a * RATE), int(b * RATE))
        for symbol, a, b in zip(marks, cuts[:-1], cuts[1:], strict=True)
    ]
    phones = [o.phone for o in to_phones(timed, pcm, RATE)]
    assert [p.symbol for p in phones] == ["a", "_", "m"]
    assert phones[0].end == pytest.approx(0.2 * RATE, abs=0.01 * RATE)
    assert phones[-1].end == len(pcm)


def test_a_silent_stop_keeps_its_closure() -> None:
    pcm = np.concatenate([np.zeros(int(0.4 * RATE), np.float32), tone(0.3)])
    timed = [Timed("", -1, 0, 7200), Timed("p", 0, 7200, 9600), Timed("a", 0, 9600, len(pcm))]
    phones = [o.phone for o in to_phones(timed, pcm, RATE)]
    assert [p.symbol for p in phones] == ["_", "p", "a"]
    assert 0.04 * RATE <= phones[1].end - phones[1].start <= 0.08 * RATE


def test_words_join_back_to_the_text() -> None:
    pieces = [Piece("a", 1, 2), Piece("b", 3, 6), Piece("c", 3, 6)]
    timed = [Timed(p.phonemes, i, i * 2400, i * 2400 + 2400) for i, p in enumerate(pieces)]
    phones = to_phones(timed, tone(0.3), RATE)
    words = to_words("“好，3.5。”", pieces, phones)
    assert [w.text for w in words] == ["“好，", "3.5。”"]
    assert (words[1].start, words[1].end) == (2400, 7200)


class Counting:
    """A synthesizer that makes a tone and counts its calls."""

    rate = RATE
    languages: frozenset[Language] = frozenset({"zh", "en"})
    fingerprint = "counting-1"

    def __init__(self) -> None:
        self.calls: list[str] = []

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        self.calls.append(clause.text)
        pcm = tone(0.1) * np.float32(voice.speed / 2)
        phones = (Phone("a", 0, len(pcm)),)
        words = (Word(clause.text, 0, len(pcm)),)
        return Speech(clause, clause.text, pcm, RATE, phones, words, clause.epoch)


def test_an_edit_speaks_only_its_clause_again(home: Path) -> None:
    engine = Counting()
    speaker = Speaker("xiaoyi", synthesizer=engine)
    first = list(speaker.say("今天晴。明天雨。"))
    again = list(speaker.say("今天晴。明天雪。", epoch=4))
    assert engine.calls == ["今天晴。", "明天雨。", "明天雪。"]
    assert np.array_equal(first[0].pcm, again[0].pcm)
    assert first[0].phones == again[0].phones and first[0].words == again[0].words
    assert again[0].epoch == 4 and again[0].clause.index == 0


def test_what_changes_the_sound_changes_the_key(home: Path) -> None:
    engine = Counting()
    list(Speaker("xiaoyi", synthesizer=engine).say("重庆。"))
    list(Speaker("xiaoyi", synthesizer=engine, speed=1.2).say("重庆。"))
    list(Speaker("yunxi", synthesizer=engine).say("重庆。"))
    entries = Lexicon.from_mapping({"重庆": "zhong4 qing4"})
    list(Speaker("xiaoyi", synthesizer=engine, lexicon=entries).say("重庆。"))
    unrelated = Lexicon.from_mapping({"长沙": "chang2 sha1"})
    list(Speaker("xiaoyi", synthesizer=engine, lexicon=unrelated).say("重庆。"))
    assert len(engine.calls) == 4


def test_the_users_dictionary_is_used(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "lexicon.toml").write_text('"重庆" = "chong2 qing4"\n', encoding="utf-8")
    assert len(Speaker("xiaoyi", synthesizer=Counting()).lexicon) == 1


def _speech(pcm: FloatArray) -> Speech:
    clause = Clause("好", "zh")
    return Speech(clause, "好", pcm, RATE, (Phone("a", 0, len(pcm)),), (), 0)


def test_cache_survives_damage_and_stays_within_its_limit(tmp_path: Path) -> None:
    cache = ClauseCache(tmp_path, limit=100_000)
    clause = Clause("好", "zh")
    cache.put("aa11", _speech(tone(1)))
    kept = cache.get("aa11", clause)
    assert kept is not None and np.allclose(kept.pcm, tone(1), atol=1e-4)
    (tmp_path / "aa" / "aa11.npz").write_bytes(b"damaged")
    assert cache.get("aa11", clause) is None
    for i in range(6):
        cache.put(f"bb{i}", _speech(tone(1)))
    cache.prune()
    assert sum(f.stat().st_size for f in tmp_path.rglob("*.npz")) <= 100_000
    assert cache.get("bb5", clause) is not None


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(ResourceError, match="No space left"):
        ClauseCache(tmp_path).put("aa", _speech(tone(0.1)))
    assert not [f for f in tmp_path.rglob("*") if f.is_file()]


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize(
    ("voice", "text", "language"),
    [
        ("xiaoyi", "国家统计局今天发布数据，一季度国内生产总值同比增长5.4%。", "zh"),
        ("yunxi", "重庆市长江大桥维修工程将于9月1日至7日进行。", "zh"),
        ("heart", "The central bank cut its key interest rate by 0.25% to 3.5%.", "en"),
    ],
)
def test_speech_is_understood(voice: str, text: str, language: Language) -> None:
    from readback import read_back

    speaker = Speaker(voice, cache=None)
    clauses = list(speaker.say(text, language=language))
    pcm = np.concatenate([speech.pcm for speech in clauses])
    heard = read_back(pcm, RATE, text, language)
    error = heard.pinyin if language == "zh" else heard.words
    assert error is not None and error <= 0.06, heard
    assert loudness(pcm, RATE) == pytest.approx(-16, abs=1.5)


def test_speed_out_of_range_is_named(home: Path) -> None:
    from digital_human.errors import InputError

    slow = load_voice("xiaoyi")
    with pytest.raises(InputError, match="speed 3"):
        Speaker(slow, synthesizer=Counting(), speed=3)
    assert replace(Clause("a", "en"), index=1).index == 1
