"""Thinking before the visitor has finished: one draft, for the words heard so far."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from digital_human.apps.live.reply import Question, Reply
from digital_human.dialogue.knowledge.words import core, sounds_of
from digital_human.speech.backchannel import normalised

Prepare = Callable[[Question, Callable[[], bool]], Coroutine[Any, Any, None]]

_TELLING = frozenset("零一二两三四五六七八九十百千万不没无买卖")
"""Characters that no other one may stand in for, however alike they sound."""


class Speculation:
    """Keeps at most one draft of a reply; a draft for other words is dropped.

    Args:
        make: Makes and starts a draft for a turn's question.
    """

    def __init__(self, make: Callable[[int, Question], Reply]) -> None:
        self._make = make
        self._draft: Reply | None = None

    def begin(self, turn: int, question: Question) -> None:
        """Think about ``question``, unless that is being done."""
        if self._draft is None or not _answers(self._draft, question):
            self.drop()
            self._draft = self._make(turn, question)

    def hear(self, question: Question) -> None:
        """The words are now these: a draft for others ends.

        One from the knowledge is kept: it costs nothing more, and its speech may be used again.
        """
        draft = self._draft
        if draft is not None and draft.origin != "knowledge" and not _answers(draft, question):
            self.drop()

    def take(self, question: Question) -> Reply | None:
        """The draft for the final ``question``; any other is dropped."""
        draft = self._draft
        if draft is None or not _answers(draft, question):
            self.drop()
            return None
        self._draft = None
        draft.question = question
        return draft

    def drop(self) -> None:
        """End the draft, if there is one."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.drop()


class Foresight:
    """Has the mind prepare for the words heard so far; what was begun for earlier words ends.

    Args:
        prepare: Prepares for a question; is given what says whether the words are others by now.
            Must not raise.
    """

    def __init__(self, prepare: Prepare) -> None:
        self._prepare = prepare
        self._task: asyncio.Task[None] | None = None
        self._stop = threading.Event()

    def hear(self, question: Question, group: asyncio.TaskGroup) -> None:
        """The words are now these; work for them runs in ``group``."""
        self.drop()
        stop = self._stop = threading.Event()
        self._task = group.create_task(self._prepare(question, stop.is_set), name="foresight")

    def drop(self) -> None:
        """End what is being prepared; what was read of it is kept."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            self._task = None


def same_question(a: Question, b: Question) -> bool:
    """Whether two hearings of a question ask the same: marks, politeness and homophones aside."""
    if a.language != b.language:
        return False
    first, second = normalised(core(a.text)), normalised(core(b.text))
    if first == second:
        return True
    if a.language != "zh" or len(first) != len(second) or sounds_of(first) != sounds_of(second):
        return False
    return not any(_TELLING & {a, b} for a, b in zip(first, second, strict=True) if a != b)


def _answers(draft: Reply, question: Question) -> bool:
    """Whether ``draft`` is alive and for the same question."""
    return not draft.dead() and not draft.failed and same_question(draft.question, question)
