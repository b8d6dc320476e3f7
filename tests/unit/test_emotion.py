"""The look of a face that the words call for."""

from __future__ import annotations

import pytest

from digital_human.speech.text.emotion import emotion_of


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("欢迎收看晚间新闻。", "warm"),
        ("恭喜他们夺冠！", "happy"),
        ("昨夜发生地震，感谢赶来的救援人员。", "serious"),
        ("多人在事故中遇难。", "sad"),
        ("气温继续下降。", "neutral"),
        ("Thank you for watching.", "warm"),
        ("", "neutral"),
    ],
)
def test_listed_words_decide_and_grave_ones_come_first(text: str, emotion: str) -> None:
    assert emotion_of(text) == emotion
