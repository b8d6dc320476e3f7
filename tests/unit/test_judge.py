"""Which of the likely texts answers a question: read by a model whose leanings are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from digital_human.config import LlmSettings
from digital_human.core.stage import ModelThread
from digital_human.dialogue import judge
from digital_human.dialogue.judge import _EXAM, SURE, WEIGHT, Judge
from digital_human.dialogue.knowledge.knowledge import Answer, Likely
from digital_human.dialogue.llm.base import Leaning, Message, never
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.types import Source
from digital_human.errors import Cancelled
from digital_human.speech.types import Language
from tests.fakes.scripted_llm import ScriptedLlm

PERSONA = load_persona("dongpo")


class Reading(ScriptedLlm):
    """Leans to yes by as much as it is told for the words of a note; so much is its state, too."""

    def __init__(self, given: dict[str, float], name: str = "") -> None:
        super().__init__()
        self.given, self.name = given, name
        self.words: list[tuple[str, str]] = []

    def leaning(
        self,
        messages: Sequence[Message],
        one: str,
        other: str,
        *,
        cancelled: Callable[[], bool] = never,
    ) -> Leaning:
        if cancelled():
            raise Cancelled("not wanted")
        self.asked.append(messages)
        self.words.append((one, other))
        content = messages[-1].content
        odds = next(value for words, value in self.given.items() if words in content)
        return Leaning(odds, np.array([odds, 1.0], np.float32))

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
    return await Judge(Reading(given), thread, PERSONA).chosen(ASKED, "zh", texts)


async def test_the_one_that_is_read_as_an_answer_most_surely_is_taken(thread: ModelThread) -> None:
    given = {"惠州": 3.0, "钱塘人": 2.9}
    assert await chosen(given, BURIED, BORN, thread=thread) == BURIED.answer
    assert await chosen({**given, "钱塘人": 3.5}, BURIED, BORN, thread=thread) == BORN.answer
    assert await chosen({**given, "惠州": -9.0}, BURIED, BORN, thread=thread) == BORN.answer


async def test_what_is_behind_a_clear_answer_is_not_read(thread: ModelThread) -> None:
    model = Reading({"惠州": 9.0, "钱塘人": 9.0})
    reader = Judge(model, thread, PERSONA)
    assert await reader.chosen(ASKED, "zh", (BURIED, BORN)) == BURIED.answer
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


async def test_what_was_fitted_for_a_model_counts_instead_of_its_leaning(
    thread: ModelThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = tmp_path / "judge.npz"
    np.savez(fitted, probed=np.array([-1.0, 0.5, 2.0, 3.0], np.float32))
    monkeypatch.setattr(judge, "WEIGHTS", fitted)
    model = Reading({"惠州": 0.0}, "probed")
    one = Judge(model, thread, PERSONA)
    for language in one.languages:
        one.prepare(language)
    assert one.able == {"zh", "en"} and not model.asked  # what was fitted is not examined
    enough = likely("葬在惠州。", SURE["zh"] - 2.5)
    assert await one.chosen(ASKED, "zh", [enough]) == enough.answer
    model.given = {"惠州": 0.1}
    assert await one.chosen(ASKED, "zh", [enough]) is None
    english = likely("惠州", SURE["en"] - 3.5 + 0.1)
    assert await one.chosen("Where was she buried?", "en", [english]) == english.answer


def test_weights_of_the_default_model_are_shipped() -> None:
    with np.load(judge.WEIGHTS, allow_pickle=False) as fitted:
        weights = fitted[str(LlmSettings().model)]
    assert weights.shape == (1536 + 2,) and weights.dtype == np.float32
    assert np.isfinite(weights).all() and weights.std() > 0


async def test_what_is_read_is_the_note_with_its_title_and_the_question(
    thread: ModelThread,
) -> None:
    model = Reading({"": 9.0})
    reader = Judge(model, thread, PERSONA)
    await reader.chosen(ASKED, "zh", [BURIED])
    await reader.chosen("Where was she buried?", "en", [likely("In Huizhou.", 0.0, "Zhaoyun")])
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
    model = Reading({"": 9.0})
    reader = Judge(model, thread, PERSONA)
    for language in reader.languages:
        reader.prepare(language)
    assert model.warmed == [reader.head("zh"), reader.head("en")]
    for language, head in zip(reader.languages, model.warmed, strict=True):
        prompt = reader.prompt("问？", language, BURIED)
        assert prompt[: len(head) - 1] == head[:-1]
        assert prompt[-1].content.startswith(head[-1].content)
    assert [head for head, _ in model.learned] == model.warmed
    assert all(note.endswith("\n") for _, note in model.learned)


@pytest.mark.parametrize(("apart", "able"), [(2.1, {"zh", "en"}), (1.9, set())])
def test_only_a_model_that_tells_answers_from_others_may_judge(
    thread: ModelThread, apart: float, able: set[Language]
) -> None:
    given = {answered: apart for pairs in _EXAM.values() for _, answered, _ in pairs}
    reader = Judge(Reading({**given, "": 0.0}), thread, PERSONA)
    assert reader.able == frozenset()
    for language in reader.languages:
        reader.prepare(language)
    assert reader.able == able
    assert reader.decides("断桥在哪里？", "zh") is bool(able)


def test_a_language_without_examples_is_not_read(thread: ModelThread) -> None:
    given = {answered: 9.0 for pairs in _EXAM.values() for _, answered, _ in pairs}
    japanese = PERSONA.model_copy(update={"languages": ("zh", "ja")})
    reader = Judge(Reading({**given, "": 0.0}), thread, japanese)
    assert reader.languages == ("zh",)
    reader.prepare("zh")
    assert reader.decides("断桥在哪里？", "zh") and not reader.decides("断橋はどこ？", "ja")


async def test_an_answer_that_is_not_wanted_any_more_is_not_read(thread: ModelThread) -> None:
    with pytest.raises(Cancelled):
        await Judge(Reading({"": 9.0}), thread, PERSONA).chosen(
            ASKED, "zh", [BURIED], cancelled=lambda: True
        )
