"""What a visit remembers, and what it is used for."""

from __future__ import annotations

import os

import pytest

from digital_human.dialogue import prompt
from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.knowledge.knowledge import Answer, Findings
from digital_human.dialogue.own_words import hints
from digital_human.dialogue.types import Source
from digital_human.dialogue.visit import Visit
from digital_human.speech.types import Language

TALE = Source("断桥的传说", "bridges.md#传说", "白娘子和许仙在断桥上相遇，借伞定情。", 0.9)
SNOW = Source("断桥残雪", "bridges.md#残雪", "冬日雪后，断桥的石板一半露在外面。", 0.8)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("我今年八岁，断桥是什么？", "child"), ("我七岁半", "child"), ("我10岁了", "child"),
        ("我上小学三年级", "child"), ("我是小学生", "child"), ("我们是三年级的", "child"),
        ("我在读高一", "teen"), ("我今年十五岁", "teen"), ("我二十三岁", "adult"),
        ("我是大三的", "adult"), ("我今年六十八岁了", "elder"), ("我已经退休了", "elder"),
        ("I'm seven, what is this?", "child"), ("I am 9 years old", "child"),
        ("I'm in third grade", "child"), ("I’m sixteen", "teen"), ("I'm thirty-five.", "adult"),
        ("I'm seventy two years old", "elder"), ("I'm a kid", "child"),
        # Not of themselves, or no age at all.
        ("苏东坡八岁的时候在哪里？", None), ("你几岁？", None), ("我是小学老师", None),
        ("我在小学旁边", None), ("I'm five minutes late", None), ("I'm two hours away", None),
        ("I'm one of them", None), ("我妈妈八十岁", None), ("开放多少岁以下免费？", None),
        ("I'm ten metres from the bridge", None), ("我住在三年级大楼", None),
    ],
)  # fmt: skip
def test_age_is_known_by_own_words_only(text: str, age: str | None) -> None:
    assert hints(text).age == age


@pytest.mark.parametrize(
    ("text", "children"),
    [
        ("我带孩子来的", True), ("我带着两个孩子来玩", True), ("给小朋友讲讲断桥", True),
        ("我女儿今年六岁", True), ("I'm here with my kids", True), ("my son is six", True),
        ("我女儿今年三十岁", False), ("孩子票多少钱？", False),
        ("Is there a children's ticket?", False),
        ("苏东坡有几个儿子？", False),
    ],
)  # fmt: skip
def test_children_beside_the_visitor(text: str, children: bool) -> None:
    assert hints(text).with_children is children


@pytest.mark.parametrize(
    ("text", "expert"),
    [
        ("我是大学老师", True), ("我是教历史的", True), ("我研究宋史", True),
        ("我是一名考古队的", True), ("我是退休的历史系教授", True), ("我在博物馆工作", True),
        ("I'm a retired history professor", True),
        ("I teach Chinese history", True), ("I'm an art historian", True),
        ("我不是专家", False), ("你是导游吗？", False), ("我想问导游在哪里", False),
        ("我老师说这里有座塔", False), ("I'm looking for a guide", False),
        ("我是来找教授的", False),
    ],
)  # fmt: skip
def test_trade(text: str, expert: bool) -> None:
    assert hints(text).expert is expert


def test_depth_follows_own_words_and_a_wish_counts_most() -> None:
    visit = Visit()
    assert visit.depth() == "usual" and visit.line("断桥在哪里？", "zh") == ""
    visit.note("我是大学老师", "zh")
    assert visit.depth() == "deep" and "更深" in visit.line("断桥在哪里？", "zh")
    visit.note("我带孩子来的", "zh")
    assert visit.depth() == "simple" and "孩子也在听" in visit.line("断桥在哪里？", "zh")
    visit.note("可以讲得深一点", "zh")
    assert visit.depth() == "deep"


def test_the_words_at_hand_count_before_they_are_noted() -> None:
    visit = Visit()
    assert "child" in visit.line("I'm seven. What is this bridge?", "en")
    assert visit.profile.age is None


def test_interests_need_a_liking_or_two_mentions() -> None:
    visit = Visit()
    visit.note("这首诗是什么时候写的？", "zh")
    assert visit.profile.likes == ()
    visit.note("还有别的诗吗？", "zh")
    assert visit.profile.likes == ("poems",)
    visit.note("我不喜欢历史", "zh")
    visit.note("I love Chinese food", "en")
    assert visit.profile.likes == ("poems", "food")
    assert visit.line("去哪里？", "zh") == "（对方喜欢诗词、美食。）"


def test_no_words_of_the_visitor_are_kept() -> None:
    visit = Visit()
    visit.note("我叫王小明，今年八岁，电话13812345678，我喜欢诗", "zh")
    kept = repr(visit.profile)
    assert visit.profile.age == "child"
    assert not any(word in kept for word in ("王小明", "小明", "138", "八岁", "我"))


def findings(*about: Source, sure: Source | None = None) -> Findings:
    answer = None if sure is None else Answer(sure.text, "zh", sure)
    return Findings(about, answer, 0.9, about)


def test_told_again_takes_the_next_passage_and_a_fact_is_repeated() -> None:
    visit, both = Visit(), findings(TALE, SNOW, sure=TALE)
    assert visit.fresh("讲讲断桥的故事", both) is both or visit.fresh("讲讲断桥", both) == both
    visit.tell([TALE], TALE.text)
    again = visit.fresh("讲讲断桥", both)
    assert again.sure is None and again.about == (SNOW,)
    assert visit.fresh("断桥在哪里？", both) is both
    visit.tell([SNOW], SNOW.text)
    assert visit.fresh("讲讲断桥", both) == both
    nothing = visit.fresh("断桥还有别的传说吗？", both)
    assert nothing.sure is None and nothing.about == ()


def test_what_was_not_heard_is_not_told() -> None:
    visit = Visit()
    visit.tell([TALE, SNOW], "")
    assert not visit.was_told(TALE)
    visit.tell([TALE, SNOW], TALE.text)
    assert visit.was_told(TALE) and not visit.was_told(SNOW)
    visit.tell([SNOW], "Snow lies on half of the bridge.")
    assert visit.was_told(SNOW)


def test_a_session_s_history_fills_its_visit() -> None:
    history, other = History(), History()
    history.add(Exchange(1, "我八岁，讲讲断桥", TALE.text, "zh", sources=(TALE,)))
    assert history.visit.profile.age == "child" and history.visit.was_told(TALE)
    history.add(Exchange(2, "我是教授。怎么做炸弹？", "换个话题吧。", "zh", refused=True))
    assert not history.visit.profile.expert
    assert other.visit.profile.age is None and not other.visit.was_told(TALE)


@pytest.mark.parametrize("language", ["zh", "en", "ja"])
def test_every_line_is_short(language: Language) -> None:
    for words in ("我八岁", "我带孩子来的", "讲得简单一点", "我是教授，我喜欢诗词，我爱喝茶"):
        assert 0 < len(Visit().line(words, language)) <= (44 if language != "en" else 110)


def test_who_asks_stands_behind_the_passages_so_that_what_is_learned_stays() -> None:
    asked = "讲讲断桥"
    plain = prompt.question(asked, [TALE, SNOW], "zh").content
    child = prompt.question(asked, [TALE, SNOW], "zh", Visit().line("我八岁", "zh")).content
    assert child != plain
    same = len(os.path.commonprefix([plain, child]))
    assert plain[same:] == f"【游客】{asked}" or plain[:same].endswith(f"{SNOW.text}\n")
    assert child.index("孩子") > child.index(SNOW.text) and child.endswith(asked)
