"""What is remembered of a question that asks for two things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import structlog

from digital_human.core.stage import ModelThread
from digital_human.dialogue.judge import Judge
from digital_human.dialogue.knowledge import Findings, Knowledge
from digital_human.dialogue.knowledge.knowledge import Answer, Likely
from digital_human.dialogue.llm.base import Leaning
from digital_human.dialogue.recall import Recall
from digital_human.dialogue.types import Source
from digital_human.errors import ResourceError
from tests.unit.test_judge import PERSONA, Reading

ASKED = "原先那座雷峰塔是哪年垮的，怎么会垮呢？"
FELL = Answer("老雷峰塔一九二四年倒塌。", "zh", Source("雷峰塔", "a", "倒塌", 0.9))
WHY = Answer("塔砖常有人挖，塔基被掏空了。", "zh", Source("雷峰塔", "b", "塔砖", 0.9))


class Both:
    """Knows both answers, whatever part is asked for."""

    def search(self, text: str, language: str, k: int = 4) -> Findings:
        return Findings((), None, 0.3, (), (Likely(FELL, 0.4), Likely(WHY, 0.1)))


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    with ModelThread("llm") as one:
        yield one


async def also(given: dict[str, float], text: str, thread: ModelThread) -> Answer | None:
    judge = Judge(Reading(given), thread, PERSONA)
    judge.able = frozenset(("zh",))
    recall = Recall(cast(Knowledge, Both()), judge, thread)
    return await recall.also(text, "zh", FELL)


async def test_the_part_that_was_not_answered_is_answered_too(thread: ModelThread) -> None:
    first, second = "塌。\n问题：原先那座雷峰塔是哪年", "掏空了。\n问题：原先那座雷峰塔怎么会"
    assert await also({first: 9.0, second: 9.0, "": -9.0}, ASKED, thread) == WHY


async def test_the_half_that_was_answered_is_not_read_again(thread: ModelThread) -> None:
    class Sure(Both):
        def search(self, text: str, language: str, k: int = 4) -> Findings:
            sure = FELL if "哪年" in text else None
            return Findings((), sure, 0.3, (), (Likely(FELL, 0.4), Likely(WHY, 0.1)))

    reading = Reading({"掏空了。\n": 9.0, "": -9.0})
    judge = Judge(reading, thread, PERSONA)
    judge.able = frozenset(("zh",))
    recall = Recall(cast(Knowledge, Sure()), judge, thread)
    assert await recall.also(ASKED, "zh", FELL) == WHY
    assert all("怎么会" in asked[-1].content for asked in reading.asked)


async def test_nothing_is_added_that_is_no_answer_or_was_not_asked_for(thread: ModelThread) -> None:
    assert await also({"塌。\n": 9.0, "": -9.0}, ASKED, thread) is None
    assert await also({"": -9.0}, ASKED, thread) is None
    assert await also({"": 9.0}, "原先那座雷峰塔是哪年垮的？", thread) is None


async def test_a_model_that_fails_leaves_the_first_half_as_it_was_said(thread: ModelThread) -> None:
    class Failing(Reading):
        def leaning(self, *_: Any, **__: Any) -> Leaning:
            raise ResourceError("no memory")

    judge = Judge(Failing({}), thread, PERSONA)
    judge.able = frozenset(("zh",))
    recall = Recall(cast(Knowledge, Both()), judge, thread)
    with structlog.testing.capture_logs() as logs:
        assert await recall.also(ASKED, "zh", FELL) is None
    assert [log["cause"] for log in logs] == ["no memory"]
