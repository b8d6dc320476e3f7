"""How live speech begins: soon, and never in the middle of a word or a number."""

from __future__ import annotations

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


def test_nothing_to_say() -> None:
    assert live_clauses("😀", "zh") == []
