"""What makes an answer sure: nearness, a lead over other answers, nothing telling left over."""

from __future__ import annotations

from dataclasses import replace

from digital_human.dialogue.knowledge.evidence import SURE, WEIGHTS, Evidence

EXACT = Evidence(
    cosine=0.95, told=0.4, margin=0.2, covered=1.0, noun=0.0, verb=0.0, words=3.0,
    strange=0.0, elsewhere=0.0, fact=1.0, no_fact=0.0, other_names=0.0, names=1.0,
)  # fmt: skip


def test_every_value_has_a_weight() -> None:
    assert len(WEIGHTS) == 1 + len(EXACT.values())


def test_a_question_in_nearly_the_same_words_is_sure() -> None:
    assert EXACT.near and EXACT.score >= SURE


def test_what_lacks_the_fact_or_a_telling_word_or_the_lead_is_less_sure() -> None:
    usual = replace(EXACT, cosine=0.78, margin=0.1)
    for worse in (
        replace(usual, fact=0.0, no_fact=1.0),
        replace(usual, noun=0.9, covered=0.5, words=1.0, strange=1.0),
        replace(usual, margin=0.0),
    ):
        assert worse.score < usual.score
    assert replace(usual, fact=0.0, no_fact=1.0).score < SURE


def test_words_alone_are_not_weighed() -> None:
    assert not replace(EXACT, cosine=0.35).near
    assert not replace(EXACT, margin=-0.1).near
