"""The sample knowledge against questions that nothing was fitted on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from knowledge_eval import FOLDER, Score, evaluate, read_cases

from digital_human.config import settings
from digital_human.dialogue.knowledge import Knowledge, UseEmbedder, default_embedder

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def embedder() -> UseEmbedder:
    """The embedder of the store."""
    return default_embedder()


@pytest.fixture(scope="module")
def knowledge(
    embedder: UseEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Knowledge]:
    """The sample knowledge, its index in a folder of its own."""
    home = os.environ.get("DH_HOME")
    os.environ["DH_HOME"] = str(tmp_path_factory.mktemp("home"))
    settings.cache_clear()
    yield Knowledge.open(FOLDER, embedder=embedder)
    os.environ.pop("DH_HOME")
    if home is not None:
        os.environ["DH_HOME"] = home
    settings.cache_clear()


@pytest.fixture(scope="module")
def scores(knowledge: Knowledge) -> dict[str, Score]:
    """The held-out questions asked."""
    return evaluate(knowledge, read_cases("heldout"))


def test_sets_are_apart_and_large_enough() -> None:
    dev, heldout = read_cases("dev"), read_cases("heldout")
    assert not {case.text for case in dev} & {case.text for case in heldout}
    counts = [sum(c.kind == kind for c in heldout) for kind in ("answerable", "unanswerable")]
    assert counts[0] >= 100 and counts[1] >= 60


def test_every_expected_answer_exists(knowledge: Knowledge) -> None:
    texts = [knowledge.entry(number).text for number in range(len(knowledge))]
    for case in (*read_cases("dev"), *read_cases("heldout")):
        assert not case.answer or any(case.answer in text for text in texts), case


def test_nothing_unanswerable_is_sure(scores: dict[str, Score]) -> None:
    assert scores["unanswerable"].wrong == []


def test_sure_answers_are_right_and_frequent(scores: dict[str, Score]) -> None:
    sure = sum(score.sure for score in scores.values())
    wrong = [pair for score in scores.values() for pair in score.wrong]
    assert len(wrong) <= 0.02 * sure, wrong
    assert scores["answerable"].sure >= 0.75 * scores["answerable"].cases
    assert scores["homophone"].sure >= 0.85 * scores["homophone"].cases


def test_recall(scores: dict[str, Score]) -> None:
    for kind, least in (("answerable", 0.97), ("homophone", 0.97), ("cross", 0.8)):
        assert scores[kind].fourth >= least * scores[kind].cases, scores[kind].missed
    assert scores["answerable"].first >= 0.95 * scores["answerable"].cases


def test_a_question_costs_little(scores: dict[str, Score]) -> None:
    times = [t for score in scores.values() for t in score.times]
    assert float(np.median(times)) < 0.030


@pytest.mark.parametrize(
    ("question", "language", "answer"),
    [
        ("请问雷峰塔的开放时间是几点到几点？", "zh", "八点开放"),
        ("等一下，我想问一下门票多少钱。", "zh", "不收门票"),
        ("How long is the Su Causeway?", "en", "two point eight"),
    ],
)
def test_the_recorded_questions(
    knowledge: Knowledge, question: str, language: str, answer: str
) -> None:
    sure = knowledge.search(question, language).sure  # type: ignore[arg-type]
    assert sure is not None and answer in sure.text


def test_spoken_answers_are_short(knowledge: Knowledge) -> None:
    for text, language in knowledge.answers():
        length = len(text.split()) if language == "en" else len(text)
        assert length <= (45 if language == "en" else 80), text


def test_embeddings_meet_across_languages(embedder: UseEmbedder) -> None:
    zh, en, other = embedder(["苏堤有多长", "How long is the Su Causeway?", "洗手间在哪里"])
    assert abs(float(np.linalg.norm(zh)) - 1) < 1e-3
    assert zh @ en > zh @ other + 0.2
    assert embedder([]).shape == (0, 512)


def test_embeddings_equal_the_published_ones(embedder: UseEmbedder) -> None:
    # First components that the package's own numpy code gives for the same weights.
    vectors = embedder(["雷峰塔几点开门", "How long is the Su Causeway?"])
    expected = Path(__file__).with_name("knowledge_vectors.txt")
    assert np.allclose(vectors[:, :8], np.loadtxt(expected, dtype=np.float32), atol=2e-3)
