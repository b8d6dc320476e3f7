from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from digital_human.errors import InputError
from digital_human.speech.text.english import pinyin_name
from digital_human.speech.text.lexicon import Lexicon, parse_entry
from digital_human.speech.text.phonemes import MARKS, PHONES, PUNCTUATION, STRESS, read
from digital_human.speech.text.polyphones import syllables

POLYPHONES = {
    "银行行长在重庆": "yin2 hang2 hang2 zhang3 zai4 chong2 qing4",
    "长城很长": "chang2 cheng2 hen3 chang2",
    "音乐让人快乐": "yin1 yue4 rang4 ren2 kuai4 le4",
    "数据为历史最高": "shu4 ju4 wei2 li4 shi3 zui4 gao1",
    "为人民服务": "wei4 ren2 min2 fu2 wu4",
    "以此为主题": "yi3 ci3 wei2 zhu3 ti2",
    "还有还款": "hai2 you3 huan2 kuan3",
    "增长了三成": "zeng1 zhang3 le5 san1 cheng2",
    "供给侧结构性改革": "gong1 ji3 ce4 jie2 gou4 xing4 gai3 ge2",
    "调查显示调整政策": "diao4 cha2 xian3 shi4 tiao2 zheng3 zheng4 ce4",
    "首都北京都很好": "shou3 du1 bei3 jing1 dou1 hen3 hao3",
    "降水与投降": "jiang4 shui3 yu3 tou2 xiang2",
    "冠军重创对手": "guan4 jun1 zhong4 chuang1 dui4 shou3",
    "六安台州厦门": "lu4 an1 tai1 zhou1 xia4 men2",
    "二〇二四": "er4 ling2 er4 si4",
}


@pytest.mark.parametrize(("text", "pinyin"), POLYPHONES.items())
def test_polyphones(text: str, pinyin: str) -> None:
    assert syllables(text) == pinyin.split()


def test_a_character_no_dictionary_knows_is_silent() -> None:
    assert syllables("好\u4dbf好")[0] == "hao3"
    assert len(syllables("好\u4dbf好")) == 3


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今天AI和5G、CCTV报道，GDP增长3.5%。", "zh"),
        ("“很好”，（笑）…… A股、iPhone 15 Pro和Wi-Fi 6E！", "zh"),
        ("Dr. Smith said AI grew 3.5% in the U.S., “OK”?", "en"),
        ("The CCTV report (北京) — good; better: best!", "en"),
        ("㐀𠮷字 emoji 😀 ® ©", "zh"),
    ],
)
def test_only_known_symbols_come_out_and_written_order_is_kept(text: str, language: str) -> None:
    reading = read(text, language)  # type: ignore[arg-type]
    allowed = PHONES | set(MARKS + STRESS + PUNCTUATION)
    assert set(reading.phonemes) <= allowed
    starts = [piece.start for piece in reading.pieces]
    assert starts == sorted(starts)
    assert all(0 <= p.start < p.end <= len(text) for p in reading.pieces)


def test_acronyms_are_spelled_and_words_are_read() -> None:
    spelled = read("CCTV报道GDP", "zh").phonemes
    assert spelled.startswith("sˌisˌitˌivˈi ") and spelled.endswith("ʤˌidˌipˈi")
    assert read("NATO", "en").phonemes == "nˈATO"
    assert read("A股", "zh").phonemes.startswith("ˈA ")


def test_a_stop_before_latin_text_keeps_its_pause() -> None:
    assert ". ˈ" in read("增长3.5%。AI", "zh").phonemes


def test_one_written_number_owns_all_its_syllables() -> None:
    text = "增长3.5%。"
    owners = [text[p.start : p.end] for p in read(text, "zh").pieces]
    assert owners == ["增", "长", *["3.5%"] * 6, "。"]


def test_pinyin_names_in_english() -> None:
    assert pinyin_name("Jiuquan") == "ʤjˌOʧwˈɑn"
    assert pinyin_name("Xi'an") == "ʃˌiˈɑn"
    assert pinyin_name("Manchester") is None and pinyin_name("jiuquan") is None


def test_lexicon_readings() -> None:
    lexicon = Lexicon.from_mapping(
        {"重庆": "zhong4 qing4", "GitHub": "git hub", "Kokoro": "/kˈOkəɹO/"}
    )
    reading = read("重庆的github和Kokoro", "zh", lexicon)
    assert reading.phonemes.startswith("ꭧʊ↘ŋʨʰi↘ŋ")
    assert "kˈOkəɹO" in reading.phonemes
    assert "git hub" in reading.spoken
    text = "重庆的github和Kokoro"
    assert {text[p.start : p.end].strip() for p in reading.pieces} >= {
        "重",
        "庆",
        "github",
        "Kokoro",
    }
    assert lexicon.find("GitHubs") == []


def test_lexicon_beats_normalisation() -> None:
    lexicon = Lexicon.from_mapping({"3.5%": "三成半"})
    assert read("增长3.5%。", "zh", lexicon).spoken == "增长三成半。"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('"好" = "hao3"\n"重庆" = "chong2"\n', "line 2"),
        ('"好" = "hao3"\n\n"重庆" = "chong2 qingg4"\n', "line 3"),
        ('"重庆" = 5\n', "line 1"),
        ('"重庆" = ""\n', "line 1"),
    ],
)
def test_lexicon_errors_name_file_and_line(tmp_path: Path, content: str, line: str) -> None:
    path = tmp_path / "lexicon.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"lexicon\.toml, {line}"):
        Lexicon.load(path)


@pytest.mark.parametrize(
    ("written", "reading", "wrong"),
    [
        ("端午", "duan9 qqq4", "duan9"),
        ("端午", "duan1 qqq4", "qqq4"),
        ("端午", "qqq4 www3", "qqq4"),
        ("端午", "duan1 wu", "wu"),
        ("端午", "duan1 wu0", "wu0"),
    ],
)
def test_what_is_almost_pinyin_is_refused(written: str, reading: str, wrong: str) -> None:
    with pytest.raises(InputError, match=f"{written}.*'{wrong}'"):
        Lexicon.from_mapping({written: reading})


@pytest.mark.parametrize("reading", ["mp3", "J20", "M3 Max", "Model 3", "git hub"])
def test_latin_with_digits_is_a_respelling(reading: str) -> None:
    assert parse_entry("新款", reading, where="here").respelling == reading


def test_lexicon_csv(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.csv"
    path.write_text("# 词,读法\n行长,hang2 zhang3\nGitHub,git hub\n", encoding="utf-8")
    assert len(Lexicon.load(path)) == 2
    path.write_text("行长,hang2 zhang3\na,b,c\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        Lexicon.load(path)


def test_lexicon_broken_toml_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.toml"
    path.write_text('"好" = \n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        Lexicon.load(path)
    assert len(Lexicon.load(tmp_path / "none.toml")) == 0


def test_entry_kinds() -> None:
    assert parse_entry("行长", "hang2 zhang3", where="x").pinyin == ("hang2", "zhang3")
    assert parse_entry("绿", "lv4", where="x").pinyin == ("lü4",)
    assert read("绿", "zh", Lexicon.from_mapping({"绿": "lv4"})).phonemes == "ly↘"
    assert parse_entry("GitHub", "git hub", where="x").respelling == "git hub"


def test_japanese_without_its_front_end_says_what_to_install() -> None:
    if importlib.util.find_spec("pyopenjtalk"):
        reading = read("今日は雨です。", "ja")
        assert reading.phonemes.startswith("kʲoː")
        assert set(reading.phonemes) <= PHONES | set(MARKS + PUNCTUATION)
        return
    with pytest.raises(InputError, match="pyopenjtalk-plus") as error:
        read("今日は雨です。", "ja")
    assert "pip install" in error.value.fix
