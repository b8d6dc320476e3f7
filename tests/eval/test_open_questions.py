"""Whether open questions reach the language model with the right passages, and others do not."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from knowledge_eval import FOLDER
from open_eval import Asked, read_open

from digital_human.config import settings
from digital_human.dialogue.knowledge import Findings, Knowledge, default_embedder
from digital_human.speech.types import Language

pytestmark = pytest.mark.weights

OFF_TOPIC: tuple[tuple[str, Language], ...] = (
    ("美国总统是谁？", "zh"), ("你们经理的电话是多少？", "zh"), ("红烧肉怎么做？", "zh"),
    ("量子力学是什么？", "zh"), ("股票今天涨了吗？", "zh"), ("长城为什么这么有名？", "zh"),
    ("故宫和天坛有什么不同？", "zh"), ("给我推荐一部电影", "zh"), ("太湖有多大", "zh"),
    ("上海迪士尼带孩子怎么玩？", "zh"), ("现在几点了", "zh"), ("苏轼有几个儿子", "zh"),
    ("六和塔门票多少钱", "zh"), ("白堤有多宽", "zh"), ("What is the capital of France?", "en"),
    ("Why is the Eiffel Tower famous?", "en"), ("How tall is the Eiffel Tower?", "en"),
    ("How big is Lake Tai?", "en"), ("Write me a python program", "en"),
    ("When was the Broken Bridge built?", "en"), ("Who won the boat race last year?", "en"),
)  # fmt: skip


@pytest.fixture(scope="module")
def knowledge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knowledge]:
    """The sample knowledge, its index in a folder of its own."""
    embedder = default_embedder()
    home = os.environ.get("DH_HOME")
    os.environ["DH_HOME"] = str(tmp_path_factory.mktemp("home"))
    settings.cache_clear()
    yield Knowledge.open(FOLDER, embedder=embedder)
    os.environ.pop("DH_HOME")
    if home is not None:
        os.environ["DH_HOME"] = home
    settings.cache_clear()


def texts(found: Findings) -> str:
    return found.sure.text if found.sure else " ".join(source.text for source in found.about)


@pytest.mark.parametrize("asked", [q for q in read_open() if q.words], ids=lambda q: q.text)
def test_an_open_question_finds_what_answers_it(knowledge: Knowledge, asked: Asked) -> None:
    found = texts(knowledge.search(asked.text, asked.language))
    assert any(word in found for word in asked.words), found


@pytest.mark.parametrize(("text", "language"), OFF_TOPIC)
def test_what_stands_nowhere_has_no_passages(
    knowledge: Knowledge, text: str, language: Language
) -> None:
    found = knowledge.search(text, language)
    assert found.sure is None and not found.about, texts(found)


def test_a_comparison_has_a_passage_about_each_name(knowledge: Knowledge) -> None:
    for first, second in (("灵隐寺", "岳王庙"), ("雷峰塔", "保俶塔"), ("苏堤", "杨公堤")):
        found = texts(knowledge.search(f"{first}和{second}有什么不一样？", "zh"))
        assert first in found and second in found


def test_passages_of_another_language_serve_where_there_are_no_own(knowledge: Knowledge) -> None:
    found = knowledge.search("Where can I park my car?", "en")
    assert found.sure is None and any("停车" in source.text for source in found.about)
