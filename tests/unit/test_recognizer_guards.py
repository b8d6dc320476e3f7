"""What a recogniser makes up is told from what people say."""

from __future__ import annotations

import pytest

from digital_human.speech.recognizers.guards import (
    is_echo,
    is_hallucination,
    loop,
    tidy,
    without_loop,
)

PROMPT = "以下是普通话的句子。苏堤、雷峰塔、西湖"


def made_up(text: str, *, seconds: float = 3.0, sure: float = 0.8, none: float = 0.05) -> bool:
    return is_hallucination(text, seconds=seconds, confidence=sure, no_speech=none)


@pytest.mark.parametrize(
    "text",
    [
        "谢谢观看",
        "感谢您的收看！",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "中文字幕由Amara.org社区提供",
        "字幕by索兰娅",
        "Thank you for watching!",
        "Thanks for watching, please subscribe.",
        "谢谢谢谢谢谢谢谢谢谢谢谢",
        "……",
    ],
)
def test_phantoms_are_dropped(text: str) -> None:
    assert made_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "谢谢",
        "谢谢你的讲解",
        "雷峰塔",
        "苏堤和白堤哪个长？",
        "请问门票多少钱？",
        "不要不要不要",
        "Thank you.",
        "Can I watch the lights on the lake?",
        "ask what you can do for your country",
    ],
)
def test_what_people_say_stays(text: str) -> None:
    assert not made_up(text)


@pytest.mark.parametrize(
    "text", ["以下是普通话的句子。", "苏堤、雷峰塔、西湖、西湖", "苏堤", "普通话的句子"]
)
def test_the_prompt_read_back_is_an_echo(text: str) -> None:
    assert is_echo(text, PROMPT)


@pytest.mark.parametrize("text", ["苏堤和雷峰塔哪个近？", "西湖在哪", "普通话"])
def test_speech_about_the_prompt_is_none(text: str) -> None:
    assert not is_echo(text, PROMPT)
    assert not is_echo(text, "")


def test_doubtful_words_need_a_confident_model() -> None:
    assert made_up("Thank you.", none=0.5)
    assert made_up("你", sure=0.3)
    assert made_up("今天天气很好", sure=0.15)
    assert made_up("The sound of", sure=0.51, none=0.75)


def test_more_than_can_be_said_is_made_up() -> None:
    text = "今天天气很好我们一起去西湖边上走一走看一看"
    assert made_up(text, seconds=0.5)
    assert not made_up(text, seconds=4.0)


@pytest.mark.parametrize(
    ("text", "seconds", "once"),
    [
        ("请问几点开门。请问几点开门。", 1.0, "请问几点开门。"),
        ("请问几点开门。请问几点开门。请问几", 1.0, "请问几点开门。"),
        ("is not. It's not. It's not. It's not", 1.5, "is not. It's not."),
        ("Ask not. Ask not. Ask not. Ask not.", 1.6, "Ask not."),
    ],
)
def test_loops_are_said_once(text: str, seconds: float, once: str) -> None:
    assert without_loop(text, seconds) == once


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("请问几点开门？请问几点开门？", 4.0),
        ("快点快点快点", 1.0),
        ("ask not what your country can do for you, ask what you can do for your country", 7.0),
    ],
)
def test_real_repetition_is_no_loop(text: str, seconds: float) -> None:
    assert loop(text, seconds) is None


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (" 請問雷峰塔的開放時間,是幾點?", "请问雷峰塔的开放时间，是几点？"),
        (" 现在播报 明天杭州", "现在播报，明天杭州"),
        ("气温18-25度,2.8公里.", "气温18-25度，2.8公里。"),
        ("[Music]", ""),
        ("♪♪♪", ""),
        (" Hello,  world. ", "Hello, world."),
    ],
)
def test_tidy(raw: str, clean: str) -> None:
    assert tidy(raw) == clean
