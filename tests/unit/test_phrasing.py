"""How live speech begins: soon, and never in the middle of a word or a number."""

from __future__ import annotations

import time

import pytest

from digital_human.apps.live.phrasing import live_clauses
from digital_human.speech.types import Language


@pytest.mark.parametrize(
    ("language", "text", "first"),
    [
        ("zh", "您好！我是小杭，很高兴见到您。", "您好！"),
        ("zh", "西湖的面积大约是六点三九平方公里，湖的南北长三公里。", "西湖的面积大约是"),
        ("zh", "西湖位于浙江省杭州市西部", "西湖位于浙江省杭州市西部"),
        ("zh", "雷峰塔早上八点开放，晚上八点关门。", "雷峰塔早上八点开放，"),
        ("en", "West Lake covers about six point four square kilometres.", "West Lake covers"),
        ("en", "Yes, it is.", "Yes,"),
        ("en", "The causeway was built by the poet Su Shi in 1089.", "The causeway was built"),
        ("en", "It is about one hundred and twenty-seven kilometres", "It is about one hundred and "
         "twenty-seven kilometres"),
    ],
)  # fmt: skip
def test_the_first_clause(language: Language, text: str, first: str) -> None:
    clauses = live_clauses(text, language)
    assert clauses[0].text == first
    letters = "".join("".join(c.text.split()) for c in clauses)
    assert letters == "".join(text.split())
    assert [c.index for c in clauses] == list(range(len(clauses)))


def test_later_sentences_are_not_cut_short() -> None:
    text = "湖的南北长三点二公里东西宽二点八公里。"
    (clause,) = live_clauses(text, "zh", epoch=3, emotion="warm", index=2)
    assert (clause.text, clause.index, clause.epoch, clause.emotion) == (text, 2, 3, "warm")


def test_words_whose_sentence_goes_on_are_not_followed_by_a_pause() -> None:
    (begun,) = live_clauses("西湖的面积大约是", "zh")
    (ended,) = live_clauses("六点三九平方公里。", "zh", index=1)
    assert begun.pause <= 60 < ended.pause


def test_time_grows_no_faster_than_the_text() -> None:
    def seconds(length: int) -> float:
        text = "西湖" * (length // 2)
        started = time.thread_time()
        assert "".join(c.text for c in live_clauses(text, "zh")) == text
        return time.thread_time() - started

    seconds(1000)
    short = min(seconds(1000) for _ in range(3))
    assert min(seconds(8000) for _ in range(3)) < 8 * 3 * short + 0.02


def test_nothing_to_say() -> None:
    assert live_clauses("😀", "zh") == []
