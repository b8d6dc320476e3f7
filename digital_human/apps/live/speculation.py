"""Thinking before the visitor has finished: one draft, for the words heard so far."""

from __future__ import annotations

from collections.abc import Callable

from digital_human.apps.live.reply import Question, Reply
from digital_human.speech.backchannel import normalised


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


def _answers(draft: Reply, question: Question) -> bool:
    """Whether ``draft`` is alive and for the same words, marks and case aside."""
    return (
        not draft.dead() and not draft.failed
        and draft.question.language == question.language
        and normalised(draft.question.text) == normalised(question.text)
    )  # fmt: skip
