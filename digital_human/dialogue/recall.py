"""What a persona remembers of what it knows: found by words and vectors, read by the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from digital_human.core.stage import ModelThread
from digital_human.dialogue.history import History
from digital_human.dialogue.intent import follows_up, wants_more
from digital_human.dialogue.judge import Judge
from digital_human.dialogue.knowledge import Findings, Knowledge
from digital_human.dialogue.knowledge.content import agree, content
from digital_human.dialogue.knowledge.knowledge import LIKELY, Answer, Likely
from digital_human.dialogue.knowledge.questions import halves
from digital_human.dialogue.llm.base import never
from digital_human.errors import ResourceError
from digital_human.speech.types import Language

log = structlog.get_logger()

_SAID = 0.5  # evidence's score of what was said already for being an answer to a part


@dataclass(frozen=True, slots=True)
class Found:
    """What is known about a question.

    Attributes:
        findings: What the knowledge has, and what the place may have.
        asked: The question as it is to be read: with the one before it where it seems to need that.
        judge: Who reads what may be the answer; None where nothing is to be read.
    """

    findings: Findings
    asked: str
    judge: Judge | None


class Recall:
    """Finds answers in the knowledge; used from the event loop's thread.

    Args:
        knowledge: What is known; None for nothing.
        judge: Reads what may be an answer; None where there is no language model.
        thread: Where the knowledge is searched.
    """

    def __init__(
        self,
        knowledge: Knowledge | None,
        judge: Judge | None,
        thread: ModelThread,
    ) -> None:
        self._knowledge, self._judge, self._thread = knowledge, judge, thread

    async def find(
        self, text: str, language: Language, history: History, guessed: Likely | None = None
    ) -> Found:
        """What is known about ``text``, and who is to read it.

        Args:
            text: What was asked.
            language: Of the answer.
            history: What was said before.
            guessed: What else may answer it, read before all others.
        """
        if self._knowledge is None:
            return Found(Findings((), None, 0.0), text, None)
        search = self._knowledge.search
        found = await self._thread.call(search, text, language)
        earlier = [e for e in history.exchanges[-3:] if not e.refused]
        before = [e.question for e in earlier if e.question]
        judge, asked = self._able(language), text
        if found.sure is None and before and follows_up(text) and (judge or not found.about):
            asked = f"{before[-1]} {text}"
            both = await self._thread.call(search, asked, language)
            # What is sure of both together may answer only the earlier one.
            told = history.visit.was_told
            likely = [o for o in (*both.likely, *found.likely) if not told(o.answer.source)]
            about = found.about or both.about
            found = replace(both, sure=None, about=about, likely=tuple(likely[:LIKELY]))
        if judge is not None and judge.decides(text, language):
            found = replace(found, about=())
        if judge is not None and found.sure is None and guessed is not None:
            others = [o for o in found.likely if o.answer.text != guessed.answer.text]
            found = replace(found, likely=(guessed, *others))
        found = history.visit.fresh(text, found)
        if not found.likely or (found.sure is None and wants_more(text)):
            judge = None
        return Found(found, asked, judge)

    async def answer(
        self, found: Found, language: Language, cancelled: Callable[[], bool] = never
    ) -> Answer | None:
        """The answer, where there is one that is sure or read as one.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: The language model failed and nothing is sure without it.
        """
        findings = found.findings
        if found.judge is None:
            return findings.sure
        try:
            return await found.judge.chosen(found.asked, language, findings.likely, cancelled)
        except ResourceError:
            if findings.sure is None:
                raise
            return findings.sure

    async def also(
        self, text: str, language: Language, told: Answer, cancelled: Callable[[], bool] = never
    ) -> Answer | None:
        """What answers the part of a question for two things that ``told`` leaves open; None when
        the language model fails, for ``told`` is an answer without it.

        Raises:
            Cancelled: ``cancelled`` said so.
        """
        assert self._knowledge is not None
        for part in halves(text) or ():
            found = await self._thread.call(self._knowledge.search, part, language)
            answer = found.sure
            if answer is not None and answer.text == told.text:
                continue
            if (judge := self._able(language)) is not None and found.likely:
                others = [one for one in found.likely if one.answer.text != told.text]
                likely = (Likely(told, _SAID), *others)
                try:
                    answer = await judge.chosen(part, language, likely, cancelled)
                except ResourceError as error:
                    log.warning("the other half is not answered", cause=str(error))
                    return None
            if answer is not None:
                asked = content(text)
                if not agree(content(told.text) - asked, content(answer.text) - asked):
                    return answer
        return None

    def _able(self, language: Language) -> Judge | None:
        """The judge, where the language model may judge in ``language``."""
        judge = self._judge
        return judge if judge is not None and language in judge.able else None
