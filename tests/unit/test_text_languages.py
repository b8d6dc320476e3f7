"""Names of languages, languages that are not spoken, and Japanese readings."""

from __future__ import annotations

import sys

import pytest

from digital_human.errors import InputError, install_fix
from digital_human.speech.text.japanese import kana_to_phonemes
from digital_human.speech.text.languages import language_of, readable
from digital_human.speech.text.phonemes import read
from digital_human.speech.text.symbols import JA_PHONES, MARKS, PUNCTUATION
from digital_human.speech.types import Language
from digital_human.speech.voices import read_voice, shipped_voice_names


@pytest.mark.parametrize(
    ("name", "language"),
    [("zh", "zh"), ("ZH-CN", "zh"), ("普通话", "zh"), ("en_GB", "en"), ("日本語", "ja")],
)
def test_languages_go_by_several_names(name: str, language: Language) -> None:
    assert language_of(name) == language


@pytest.mark.parametrize(
    ("name", "called"),
    [("yue", "Cantonese"), ("zh-HK", "Cantonese"), ("wuu", "Wu"), ("吴语", "Wu")],
)
def test_dialects_are_refused_with_the_reason(name: str, called: str) -> None:
    with pytest.raises(InputError, match=f"{called} is not spoken: .*Mandarin only") as error:
        language_of(name)
    assert "speech-api" in error.value.fix


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="'tlh' is not spoken") as error:
        language_of("tlh")
    assert "zh, en, ja" in error.value.fix


def test_every_shipped_voice_reads_every_language() -> None:
    voices = [read_voice(name) for name in shipped_voice_names()]
    assert {voice.languages[0] for voice in voices} == {"zh", "en", "ja"}
    assert all(set(voice.languages) == {"zh", "en", "ja"} for voice in voices)


def test_without_its_front_end_japanese_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyopenjtalk", None)
    with pytest.raises(InputError, match="pyopenjtalk-plus") as error:
        read("今日は雨です。", "ja")
    assert error.value.fix == install_fix("ja")
    assert readable("zh") and readable("en")


def test_kana() -> None:
    assert kana_to_phonemes("トーキョー") == "toːkʲoː"
    assert kana_to_phonemes("シンブン") == "ɕimbɯɴ"
    assert kana_to_phonemes("キット") == "kʲiʔto"


def test_japanese_numbers_keep_all_their_words() -> None:
    pytest.importorskip("pyopenjtalk", reason="needs the extra 'ja'")
    reading = read("東京都の気温は25度です。", "ja")
    plain = read("東京都の気温は二十五度です。", "ja")
    assert reading.phonemes.replace(" ", "") == plain.phonemes.replace(" ", "")
    assert set(reading.phonemes) <= JA_PHONES | set(MARKS + PUNCTUATION)
    starts = [piece.start for piece in reading.pieces]
    assert starts == sorted(starts)
    assert all(0 <= p.start < p.end <= len(reading.written) for p in reading.pieces)
