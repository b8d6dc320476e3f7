"""The replies of one session: how they are made, run and put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from digital_human.apps.live.crew import Crew, Thinker
from digital_human.apps.live.orders import script
from digital_human.apps.live.reply import Question, Reply, Think
from digital_human.apps.live.speculation import Foresight, Speculation
from digital_human.core.epoch import Epoch
from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.types import Line
from digital_human.errors import Cancelled
from digital_human.safety.words import Level


class Replies:
    """Makes replies, and drafts of them while the visitor still speaks.

    Args:
        mind: Finds answers.
        crew: What the replies share.
        history: Where what was heard goes.
        epoch: The session's.
        filler_after: Seconds after a question's end before a filler line is spoken.
        finished: Told when a reply has been heard to its end.

    Attributes:
        group: Where replies run; None while the conversation does not.
    """

    def __init__(
        self,
        mind: Thinker,
        crew: Crew,
        history: History,
        epoch: Epoch,
        *,
        filler_after: float | None,
        finished: Callable[[Reply], None],
    ) -> None:
        self._mind, self._crew, self._history, self._epoch = mind, crew, history, epoch
        self._finished = finished
        self.filler_after = filler_after
        self.group: asyncio.TaskGroup | None = None
        self._speculation = Speculation(self._drafted)
        self._foresight = Foresight(self._prepare)

    # While the visitor speaks -------------------------------------------------------------------

    def hear(self, question: Question) -> None:
        """The visitor's words are now these: drafts for others end, the mind reads ahead."""
        self._speculation.hear(question)
        if self.group is not None and self._harmless(question):
            self._foresight.hear(question, self.group)

    def draft(self, turn: int, question: Question) -> None:
        """The turn may be over with these words: begin to think and to speak, into memory."""
        if self._harmless(question):
            self._foresight.drop()
            self._speculation.begin(turn, question)

    def forget(self) -> None:
        """What was prepared is not needed."""
        self._foresight.drop()
        self._speculation.drop()

    # Replies ------------------------------------------------------------------------------------

    def to(self, turn: int, question: Question) -> Reply:
        """The draft when it fits, else a new reply; a refusal when the question is unsafe."""
        self._foresight.drop()
        crew = self._crew
        verdict = crew.moderator.check(question.text)
        crew.incidents.judged(turn, "heard", verdict.hits, question.text)
        if verdict.level >= Level.BLOCK:
            self._speculation.drop()
            words = crew.persona.replaced[question.language]
            line = Line(words, question.language, "decline")
            return self.new(turn, question, script((line,)), refused=True)
        return self._speculation.take(question) or self.new(turn, question)

    def new(
        self, turn: int, question: Question, think: Think | None = None, *, refused: bool = False
    ) -> Reply:
        """A reply; what the mind thinks of ``question``, unless ``think`` says otherwise."""
        return Reply(
            turn, question, think or self._thought(question), self._crew, self._epoch,
            filler_after=self.filler_after if question.text else None, refused=refused,
        )  # fmt: skip

    def run(self, reply: Reply) -> None:
        """Start ``reply``, unless it runs already."""
        if self.group is not None and not reply.started:
            reply.start(self.group, self._finished)

    def close(self, reply: Reply, *, interrupted: bool, unheard: bool = True) -> str:
        """Put what was heard of ``reply`` into the history and tell that it is over.

        Args:
            reply: The reply.
            interrupted: Whether it was cut short.
            unheard: Whether it is remembered even when nothing of it was heard but a filler.

        Returns:
            What was heard of it.
        """
        crew, question = self._crew, reply.question
        heard = crew.stage.heard(reply.turn)
        answers = reply.answers(heard)
        if answers or (unheard and question.text):
            exchange = Exchange(
                reply.turn, question.text, heard, question.language, interrupted,
                reply.sources, crew.clock.now(), reply.refused,
            )  # fmt: skip
            self._history.add(exchange)
        if answers and reply.unanswered:
            crew.events.emit(
                "unanswered", turn=reply.turn, question=question.text, language=question.language
            )
        crew.events.emit(
            "reply.finished", turn=reply.turn, text=heard, interrupted=interrupted,
            origin=reply.origin or "filler",
        )  # fmt: skip
        return heard

    def _drafted(self, turn: int, question: Question) -> Reply:
        reply = self.new(turn, question)
        self.run(reply)
        return reply

    def _thought(self, question: Question) -> Think:
        return lambda cancelled: self._mind.think(
            question.text, question.language, self._history, cancelled=cancelled
        )

    async def _prepare(self, question: Question, cancelled: Callable[[], bool]) -> None:
        try:
            await self._mind.expect(
                question.text, question.language, self._history, cancelled=cancelled
            )
        except Cancelled:
            return
        except Exception as error:
            self._crew.incidents.failed("mind", error)

    def _harmless(self, question: Question) -> bool:
        return self._crew.moderator.check(question.text).level < Level.BLOCK
