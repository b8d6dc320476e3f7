"""Whether visitors get right answers about the place, and none that are made up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from place_eval import HELDOUT, Reply, ask_all, read_questions

from digital_human.config import settings
from digital_human.dialogue.knowledge import Embedder, default_embedder

pytestmark = pytest.mark.weights


SECOND = HELDOUT.with_name("place_second.toml")


async def _asked(embedder: Embedder) -> list[Reply]:
    questions = [*read_questions(), *read_questions(SECOND)]
    return [reply async for reply in ask_all(questions, embedder=embedder)]


@pytest.fixture(scope="module")
def replies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Reply]]:
    """The answers to all questions without a language model, the index in a folder of its own."""
    embedder = default_embedder()
    home = os.environ.get("DH_HOME")
    os.environ["DH_HOME"] = str(tmp_path_factory.mktemp("home"))
    settings.cache_clear()
    yield asyncio.run(_asked(embedder))
    os.environ.pop("DH_HOME")
    if home is not None:
        os.environ["DH_HOME"] = home
    settings.cache_clear()


def test_questions_about_the_place_are_answered_right(replies: list[Reply]) -> None:
    known = [reply for reply in replies if reply.question.facts]
    wrong = [(reply.question.text, reply.text) for reply in known if not reply.right]
    assert len(known) == 40 + 100
    assert len(wrong) <= 5, wrong


def test_what_is_not_known_is_declined(replies: list[Reply]) -> None:
    unknown = [reply for reply in replies if not reply.question.facts]
    assert len(unknown) == 20 + 50
    assert not [(r.question.text, r.text) for r in unknown if not r.right]
