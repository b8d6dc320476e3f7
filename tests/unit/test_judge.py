"""Which of the likely texts answers a question: read by a model whose leanings are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from digital_human.core.stage import ModelThread
from digital_human.dialogue.judge import _EXAM, SURE, WEIGHT, Judge
from digital_human.dialogue.knowledge.knowledge import Answer, Likely
from digital_human.dialogue.llm.base import Message, never
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.types import Source
from digital_human.errors import Cancelled
from digital_human.speech.types import Language
from tests.fakes.scripted_llm import ScriptedLlm

PERSONA = load_persona("dongpo")


class Leaning(ScriptedLlm):
    """Leans to yes by as much as it is told for the words of a note."""

    def __init__(self, given: dict[str, float]) -> None:
        super().__init__()
        self.given = given
        self.words: list[tuple[str, str]] = []

    def leaning(
        self,
        messages: Sequence[Message],
        one: str,
        other: str,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> float:
        if cancelled():
            raise Cancelled("not wanted")
        self.asked.append(messages)
        self.words.append((one, other))
        return next(value for words, value in self.given.items() if words in messages[-1].content)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        raise AssertionError("nothing is written")


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    with ModelThread("llm") as one:
        yield one


def likely(text: str, score: float, title: str = "王朝云", language: Language = "zh") -> Likely:
    source = Source(title, "su_shi_zh.md", text, 0.7)
    return Likely(Answer(text, language, source), score)


BURIED, BORN = likely("王朝云葬在惠州的西湖边。", 0.0), likely("王朝云是钱塘人。", -0.4)
ASKED = "朝云后来埋在哪儿了？"


async def chosen(given: dict[str, float], *texts: Likely, thread: ModelThread) -> Answer | None:
    return await Judge(Leaning(given), thread, PERSONA).chosen(ASKED, "zh", texts)


async def test_the_one_that_is_read_as_an_answer_most_surely_is_taken(thread: ModelThread) -> None:
    given = {"惠州": 3.0, "钱塘人": 2.9}
    assert await chosen(given, BURIED, BORN, thread=thread) == BURIED.answer
    assert await chosen({**given, "钱塘人": 3.5}, BURIED, BORN, thread=thread) == BORN.answer
    assert await chosen({**given, "惠州": -9.0}, BURIED, BORN, thread=thread) == BORN.answer


async def test_what_is_behind_a_clear_answer_is_not_read(thread: ModelThread) -> None:
    model = Leaning({"惠州": 9.0, "钱塘人": 9.0})
    judge = Judge(model, thread, PERSONA)
    assert await judge.chosen(ASKED, "zh", (BURIED, BORN)) == BURIED.answer
    assert len(model.asked) == 1


async def test_nothing_is_taken_that_is_not_read_as_an_answer(thread: ModelThread) -> None:
    assert await chosen({"惠州": -1.0, "钱塘人": -1.0}, BURIED, BORN, thread=thread) is None
    assert await chosen({}, thread=thread) is None


async def test_leaning_and_evidence_are_added_up(thread: ModelThread) -> None:
    enough = (SURE["zh"] - BURIED.score) / WEIGHT
    assert await chosen({"惠州": enough + 0.01}, BURIED, thread=thread) == BURIED.answer
    assert await chosen({"惠州": enough - 0.01}, BURIED, thread=thread) is None
    better = likely(BURIED.answer.text, BURIED.score + 0.5)
    assert await chosen({"惠州": enough - 0.01}, better, thread=thread) == better.answer


async def test_what_is_read_is_the_note_with_its_title_and_the_question(
    thread: ModelThread,
) -> None:
    model = Leaning({"": 9.0})
    judge = Judge(model, thread, PERSONA)
    await judge.chosen(ASKED, "zh", [BURIED])
    await judge.chosen("Where was she buried?", "en", [likely("In Huizhou.", 0.0, "Zhaoyun")])
    zh, en = model.asked
    assert zh[-1].content == f"资料：王朝云：王朝云葬在惠州的西湖边。\n问题：{ASKED}"
    assert en[-1].content == "Note: Zhaoyun: In Huizhou.\nQuestion: Where was she buried?"
    assert "苏东坡" in zh[0].content and "Su Dongpo" in en[0].content
    assert model.words == [("有", "没有"), ("Yes", "No")]
    roles = [message.role for message in zh]
    assert roles == ["system", *["user", "assistant"] * 10, "user"]
    yes = [message.content == "有" for message in zh if message.role == "assistant"]
    assert sum(yes) == 5  # no side has more examples


def test_every_prompt_begins_with_the_head_that_is_read_ahead(thread: ModelThread) -> None:
    model = Leaning({"": 9.0})
    judge = Judge(model, thread, PERSONA)
    for language in judge.languages:
        judge.prepare(language)
    assert model.warmed == [judge.head("zh"), judge.head("en")]
    for language, head in zip(judge.languages, model.warmed, strict=True):
        prompt = judge.prompt("问？", language, BURIED)
        assert prompt[: len(head) - 1] == head[:-1]
        assert prompt[-1].content.startswith(head[-1].content)
    assert [head for head, _ in model.learned] == model.warmed
    assert all(note.endswith("\n") for _, note in model.learned)


@pytest.mark.parametrize(("apart", "able"), [(2.1, {"zh", "en"}), (1.9, set())])
def test_only_a_model_that_tells_answers_from_others_may_judge(
    thread: ModelThread, apart: float, able: set[Language]
) -> None:
    given = {answered: apart for pairs in _EXAM.values() for _, answered, _ in pairs}
    judge = Judge(Leaning({**given, "": 0.0}), thread, PERSONA)
    assert judge.able == frozenset()
    for language in judge.languages:
        judge.prepare(language)
    assert judge.able == able
    assert judge.decides("断桥在哪里？", "zh") is bool(able)


def test_a_language_without_examples_is_not_read(thread: ModelThread) -> None:
    given = {answered: 9.0 for pairs in _EXAM.values() for _, answered, _ in pairs}
    japanese = PERSONA.model_copy(update={"languages": ("zh", "ja")})
    judge = Judge(Leaning({**given, "": 0.0}), thread, japanese)
    assert judge.languages == ("zh",)
    judge.prepare("zh")
    assert judge.decides("断桥在哪里？", "zh") and not judge.decides("断橋はどこ？", "ja")


async def test_an_answer_that_is_not_wanted_any_more_is_not_read(thread: ModelThread) -> None:
    with pytest.raises(Cancelled):
        await Judge(Leaning({"": 9.0}), thread, PERSONA).chosen(
            ASKED, "zh", [BURIED], cancelled=lambda: True
        )
