"""Whether visitors get right answers about the place, and none that are made up."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from place_eval import Reply, ask_all, read_questions

from digital_human.config import settings
from digital_human.dialogue.knowledge import default_embedder

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
async def replies(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Reply]]:
    """The answers to all questions without a language model, the index in a folder of its own."""
    embedder = default_embedder()
    home = os.environ.get("DH_HOME")
    os.environ["DH_HOME"] = str(tmp_path_factory.mktemp("home"))
    settings.cache_clear()
    yield [reply async for reply in ask_all(read_questions(), embedder=embedder)]
    os.environ.pop("DH_HOME")
    if home is not None:
        os.environ["DH_HOME"] = home
    settings.cache_clear()


async def test_questions_about_the_place_are_answered_right(replies: list[Reply]) -> None:
    known = [reply for reply in replies if reply.question.facts]
    wrong = [(reply.question.text, reply.text) for reply in known if not reply.right]
    assert len(known) == 40
    assert len(wrong) <= 3, wrong


async def test_what_is_not_known_is_declined(replies: list[Reply]) -> None:
    unknown = [reply for reply in replies if not reply.question.facts]
    assert len(unknown) == 20
    assert not [(r.question.text, r.text) for r in unknown if not r.right]
