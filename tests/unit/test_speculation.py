"""What counts as the same question, and what is prepared for words that may still change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from digital_human.apps.live.reply import Question
from digital_human.apps.live.speculation import Foresight, same_question


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("雷峰塔和保俶塔哪个更值得看", "雷峰塔和保俶塔哪个更值得看？", True),
        ("雷锋塔有多高", "雷峰塔有多高？", True),
        ("请问苏堤有多长", "苏堤有多长呢？", True),
        ("苏堤有多长", "白堤有多长", False),
        ("苏堤有多长", "苏堤有多长和多宽", False),
        ("四点开门吗", "十点开门吗", False),
        ("在哪里买票", "在哪里卖票", False),
        ("", "", True),
    ],
)
def test_marks_politeness_and_homophones_do_not_make_another_question(
    first: str, second: str, same: bool
) -> None:
    assert same_question(Question(first, "zh"), Question(second, "zh")) is same
    assert same_question(Question(second, "zh"), Question(first, "zh")) is same


def test_another_language_is_another_question() -> None:
    assert not same_question(Question("OK", "zh"), Question("OK", "en"))
    assert same_question(
        Question("How long is it?", "en"), Question("how long is it, please", "en")
    )
    assert not same_question(Question("How long is it?", "en"), Question("How old is it?", "en"))


async def test_newer_words_end_what_was_prepared_for_older_ones() -> None:
    log: list[str] = []

    async def prepare(question: Question, cancelled: Callable[[], bool]) -> None:
        log.append(question.text)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log.append(f"{question.text} {cancelled()}")
            raise

    foresight = Foresight(prepare)
    async with asyncio.TaskGroup() as group:
        foresight.drop()  # nothing yet
        foresight.hear(Question("西湖", "zh"), group)
        await asyncio.sleep(0)
        foresight.hear(Question("西湖在", "zh"), group)
        await asyncio.sleep(0.01)
        foresight.hear(Question("西湖在哪里", "zh"), group)
        foresight.drop()  # before it had begun
    assert log == ["西湖", "西湖在", "西湖 True", "西湖在 True"] or log == [
        "西湖", "西湖 True", "西湖在", "西湖在 True",
    ]  # fmt: skip
