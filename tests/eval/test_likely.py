"""What the knowledge leaves to be read: doubtful texts, the likeliest first, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.dialogue.knowledge import Knowledge
from digital_human.dialogue.knowledge.evidence import SURE
from digital_human.dialogue.knowledge.loaders import entries_of, read_folder
from digital_human.dialogue.knowledge.shapes import shape_of, tells
from digital_human.dialogue.persona import load_persona
from digital_human.speech.types import Language

_UNTOLD = 0.035  # share of the wordings whose own text seems to lack the fact they ask for


@pytest.fixture(scope="module")
def knowledge() -> Iterator[Knowledge]:
    persona = load_persona("dongpo")
    assert persona.knowledge_folder is not None
    yield Knowledge.open(persona.knowledge_folder, also=persona.shared_knowledge)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("您老人家最后走在什么地方？", "zh", "常州"),
        ("办安乐坊的时候，您自己掏了多少腰包？", "zh", "五十两"),
        ("Who did you share the pork with, according to the story?", "en", "pork"),
        # What is told before is left out: the last clause is looked up by itself.
        ("打算春节前再来一趟，想瞧梅花该上哪儿去？", "zh", "孤山"),
        # What only sounds or looks like a name (他爸, 字没有, 娶媳妇) hides nothing.
        ("苏轼他爸叫什么名字？", "zh", "苏洵"),
        ("苏小小坟头上那个亭子有名字没有？", "zh", "慕才亭"),
        ("一辈子没娶媳妇，光种梅花养仙鹤的那位先生叫什么名字", "zh", "林逋"),
        ("When did the seal carvers' society on Solitary Hill get going?", "en", "1904"),
    ],
)
def test_what_may_be_the_answer_is_left_to_be_read(
    knowledge: Knowledge, text: str, language: Language, words: str
) -> None:
    found = knowledge.search(text, language)
    assert found.sure is None
    assert 1 <= len(found.likely) <= 2
    assert any(words in one.answer.text for one in found.likely)
    assert all(one.answer.language == language for one in found.likely)
    assert sorted(found.likely, key=lambda one: -one.score) == list(found.likely)


@pytest.mark.weights
def test_what_tells_of_the_first_counts_little_where_another_is_asked_for(
    knowledge: Knowledge,
) -> None:
    first = knowledge.search("王弗是您的哪位夫人？", "zh")
    later = knowledge.search("王弗过世以后，你后来娶的那位夫人叫啥？", "zh")
    assert first.sure is not None and later.sure is None
    assert all(one.score < 0 for one in later.likely)


@pytest.mark.weights
def test_what_comes_behind_the_first_hour_is_not_surely_told_by_it(knowledge: Knowledge) -> None:
    assert knowledge.search("公共自行车第一个小时免费吗", "zh").sure is not None
    assert knowledge.search("公共自行车骑过一个小时以后怎么收费？", "zh").sure is None


@pytest.mark.weights
@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("除了苏堤白堤，不是还有一条杨公堤嘛，那是谁修的？", "zh", "杨孟瑛"),
        ("Apart from your causeway, who built the Yanggong Causeway?", "en", "Yang Mengying"),
    ],
)
def test_what_is_excepted_is_not_what_is_asked_of(
    knowledge: Knowledge, text: str, language: Language, words: str
) -> None:
    found = knowledge.search(text, language)
    assert words in found.likely[0].answer.text and found.likely[0].score > 0


@pytest.mark.weights
def test_what_answers_a_part_of_the_question_is_read_with_the_whole(knowledge: Knowledge) -> None:
    text = "We might be back in spring, my wife is mad about cherry blossom. Which park is best?"
    found = knowledge.search(text, "en")
    assert any("Prince Bay" in one.answer.text for one in found.likely)


@pytest.mark.weights
def test_a_doubtful_sure_answer_is_the_first_to_be_read(knowledge: Knowledge) -> None:
    found = knowledge.search("您跟佛印和尚是怎么认识的？", "zh")
    assert found.sure is not None
    assert found.likely[0].answer == found.sure and found.likely[0].score >= SURE


@pytest.mark.weights
@pytest.mark.parametrize("text", ["您的父亲是谁", "王朝云葬在哪里", "梅妻鹤子说的是谁"])
def test_what_is_beyond_doubt_is_not_read(knowledge: Knowledge, text: str) -> None:
    found = knowledge.search(text, "zh")
    assert found.sure is not None and not found.likely


@pytest.mark.weights
@pytest.mark.parametrize("text", ["量子力学是什么？", "你们经理的电话是多少？", "股票今天涨了吗？"])
def test_what_is_far_from_everything_is_not_read(knowledge: Knowledge, text: str) -> None:
    found = knowledge.search(text, "zh")
    assert found.sure is None and not found.likely


def test_hardly_any_wording_asks_for_a_fact_that_its_own_text_seems_to_lack() -> None:
    wordings = untold = 0
    for persona in ("dongpo", "xihu"):
        folder = load_persona(persona).knowledge_folder
        assert folder is not None
        for file in read_folder(Path(folder)):
            for entry in entries_of(file):
                for ask in entry.asks:
                    shape = shape_of(ask)
                    wordings += 1
                    untold += (
                        shape is not None and shape[0].strict and not tells(entry.text, *shape)
                    )
    assert wordings > 5000
    assert untold < _UNTOLD * wordings
