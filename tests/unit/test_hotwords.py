"""Names are put right by their sound; ordinary words stay."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from digital_human.speech.hotwords import HotWords

NAMES = (
    "苏堤 白堤 雷峰塔 断桥 三潭印月 灵隐寺 苏东坡 岳王庙 曲院风荷 平湖秋月 花港观鱼 孤山 西泠印社 "
    "龙井茶 保俶塔 许仙 六和塔"
).split()
PLACES = ["Leifeng Pagoda", "Su Causeway", "West Lake", "Lingyin Temple", "Longjing Tea"]


@pytest.fixture(scope="module")
def words() -> HotWords:
    return HotWords([*NAMES, *PLACES])


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("苏迪全长2.8公里", "苏堤全长2.8公里"),
        ("苏低选场约2.8公里", "苏堤选场约2.8公里"),
        ("雷锋塔几点开门？", "雷峰塔几点开门？"),
        ("雷风塔在哪", "雷峰塔在哪"),
        ("三坛印月怎么走", "三潭印月怎么走"),
        ("林隐寺的门票", "灵隐寺的门票"),
        ("苏东破任杭州知州", "苏东坡任杭州知州"),
        ("段桥在哪里", "断桥在哪里"),
        ("白迪和苏迪有多长", "白堤和苏堤有多长"),
        ("花岗观鱼", "花港观鱼"),
        ("Tell me about lay fung pagoda.", "Tell me about Leifeng Pagoda."),
        ("How long is the sue cause way?", "How long is the Su Causeway?"),
        ("what is westlake", "what is West Lake"),
        ("Ling yin temple opens", "Lingyin Temple opens"),
    ],
)
def test_puts_right(words: HotWords, heard: str, meant: str) -> None:
    assert words.correct(heard) == meant


@pytest.mark.parametrize(
    "text",
    [
        "学习雷锋精神",
        "速递什么时候到",
        "他起诉地产公司",
        "这是白帝城",
        "徐先生你好",
        "故需先购买香花券",
        "苏堤和雷峰塔",
        "I like the last lake",
        "the west leg of the trip",
        "because we said so",
        "",
    ],
)
def test_leaves_alone(words: HotWords, text: str) -> None:
    assert words.correct(text) == text


def test_correcting_twice_changes_nothing_more(words: HotWords) -> None:
    once = words.correct("苏迪和雷锋塔, and lay fung pagoda")
    assert once == "苏堤和雷峰塔, and Leifeng Pagoda"
    assert words.correct(once) == once


def test_prompt_is_in_the_language() -> None:
    words = HotWords(["苏堤", "Su Causeway"])
    assert words.prompt("zh") == "苏堤"
    assert words.prompt("en") == "Su Causeway"
    assert HotWords([]).prompt("zh") == ""


@pytest.mark.data
def test_texts_about_other_places_stay_as_they_are(words: HotWords, data_dir: Path) -> None:
    file = data_dir / "text" / "kdconv_travel" / "dev.json"
    texts = set(re.findall(r"[\u4e00-\u9fff]{4,}", json.dumps(json.loads(file.read_text("utf-8")),
                                                            ensure_ascii=False)))  # fmt: skip
    changed = [text for text in sorted(texts)[::8] if words.correct(text) != text]
    assert len(texts) > 3000
    assert changed == []
