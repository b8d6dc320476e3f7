from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digital_human.speech.text.clauses import LIMITS, split


def texts(text: str, language: str = "zh", **options: object) -> list[str]:
    return [c.text for c in split(text, language, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("今天晴。明天有雨！后天呢？", "zh", ["今天晴。", "明天有雨！", "后天呢？"]),
        ("他说：“真的吗？”然后走了。", "zh", ["他说：“真的吗？”", "然后走了。"]),
        ("真的吗？！太好了……好。", "zh", ["真的吗？！", "太好了……", "好。"]),
        ("气温25.5℃，10:30开始，共1,234人。", "zh", ["气温25.5℃，10:30开始，共1,234人。"]),
        ("请访问www.example.com/a.b?c=1查看。", "zh", ["请访问www.example.com/a.b?c=1查看。"]),
        ("第一行\n第二行", "zh", ["第一行", "第二行"]),
        ("Dr. Smith met Mr. Lee. They left.", "en", ["Dr. Smith met Mr. Lee.", "They left."]),
        ("The U.S. grew. It paid $3.50.", "en", ["The U.S. grew.", "It paid $3.50."]),
        ("He left the U.S. Then he slept.", "en", ["He left the U.S.", "Then he slept."]),
        ("At 9 a.m. it rained, e.g. here.", "en", ["At 9 a.m. it rained, e.g. here."]),
        ('She said "Stop." He did.', "en", ['She said "Stop."', "He did."]),
    ],
)
def test_splits_where_a_reader_would(text: str, language: str, expected: list[str]) -> None:
    assert texts(text, language) == expected


@pytest.mark.parametrize("text", ["", "  \n ", "😀🎉", "……", "。！？", "“”"])
def test_nothing_to_say_gives_no_clauses(text: str) -> None:
    assert texts(text) == []


def test_emoji_stay_with_the_clause_before_them() -> None:
    assert texts("太好了！😀 明天见。") == ["太好了！😀", "明天见。"] or texts(
        "太好了！😀 明天见。"
    ) == ["太好了！", "😀 明天见。"]


def test_long_sentence_without_marks_is_cut_into_speakable_pieces() -> None:
    text = "天气预报" * 1000
    pieces = texts(text)
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= LIMITS["zh"]


def test_long_latin_word_is_cut_too() -> None:
    text = "a" * 1000
    pieces = texts(text, "en")
    assert "".join(pieces) == text and max(map(len, pieces)) <= LIMITS["en"]


def test_english_is_cut_between_words() -> None:
    pieces = texts("word " * 300, "en")
    assert all(set(piece.split()) == {"word"} for piece in pieces)


def test_long_sentence_is_cut_at_its_commas() -> None:
    text = (
        "中国女排昨天进行了赛前训练，"
        + "主教练表示队员状态良好，目标是取得第五场胜利，为各地球迷带来更多好消息。"
    )
    pieces = texts(text)
    assert "".join(pieces) == text
    assert len(pieces) == 2 and pieces[0].endswith("，")


def test_first_clause_is_short_when_asked() -> None:
    pieces = texts("您好，欢迎来到故宫博物院，今天由我为您讲解。", first_limit=8)
    assert pieces[0] == "您好，"
    assert len(texts("没有标点的一句很长的话要快一点开始", first_limit=8)[0]) <= 8


def test_pauses_follow_the_mark() -> None:
    full, comma, line = (
        split("好。再见。", "zh")[0].pause,
        split("您好，欢迎光临。", "zh", first_limit=8)[0].pause,
        split("标题\n正文。", "zh")[0].pause,
    )
    assert comma < full < line


def test_clauses_are_numbered_and_carry_what_was_given() -> None:
    clauses = split("一。二。三。", "zh", epoch=7, emotion="happy")
    assert [c.index for c in clauses] == [0, 1, 2]
    assert [c.last for c in clauses] == [False, False, True]
    assert {(c.epoch, c.emotion, c.language) for c in clauses} == {(7, "happy", "zh")}


@settings(deadline=None)
@given(st.text(alphabet="中文字，。！？：“”（）、… \n3.5%:aB", max_size=300))
def test_nothing_is_lost_or_said_twice(text: str) -> None:
    joined = "".join(texts(text))
    kept = [c for c in text if c.isalnum()]
    assert [c for c in joined if c.isalnum()] == kept
