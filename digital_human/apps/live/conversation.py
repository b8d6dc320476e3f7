"""The conversation of one session: what is heard becomes replies, and replies give way.

Everything that happens to it (what the ears tell, what clients ask) goes through one inbox and is
handled in order by `Conversation.run`, which owns every reply. At most one reply is on stage and at
most one draft is in the making.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog

from digital_human.apps.live.amends import Amends
from digital_human.apps.live.bearing import Bearing
from digital_human.apps.live.crew import Crew, Judge, RecentSpeech, Stage, Thinker, Voice
from digital_human.apps.live.incidents import Incidents, first_of
from digital_human.apps.live.orders import (
    Ask,
    Broken,
    By,
    Say,
    SayNow,
    Stop,
    Visitor,
    given,
    joined,
    script,
    written_in,
)
from digital_human.apps.live.replies import Replies
from digital_human.apps.live.reply import Question, Reply
from digital_human.core.clock import Clock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Events
from digital_human.dialogue.history import History
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.types import Line
from digital_human.errors import ResourceError
from digital_human.safety.moderation import AuditSink
from digital_human.speech.hearing import (
    Abandon,
    Action,
    Commit,
    Duck,
    Hold,
    Interrupt,
    Mode,
    Partial,
    Resume,
    Speculate,
    Started,
    Transcript,
)
from digital_human.speech.types import Language

MAX_QUESTION = 2000
"""Characters of a question; of one that is spoken in several turns the last ones count."""
MAX_SAID = 8000
"""Characters of a text to be spoken as it is."""
FILLER_AFTER = 1.5
"""Seconds after the true end of a question at which a filler line bridges the silence, when it is
not known yet what will be said: its sound would come half a second later at the least."""
CONTINUE_WITHIN = 1.5
"""Seconds after the end of a turn within which a new voice goes on with the same question."""
_WAITING = 16  # texts that may wait to be spoken
_INBOX = 512  # what happens and was not handled yet; the oldest is dropped

Order = Action | Ask | SayNow | Stop | None
"""None: look whether something waits to be said."""

log = structlog.get_logger()


class Conversation:
    """Talks with one visitor.

    Args:
        persona: Who talks.
        mind: Finds answers.
        mouth: Speaks clauses.
        performer: The stage.
        history: What was said; holds what was heard only.
        events: The session's.
        epoch: The session's; an interruption raises it.
        clock: The session's.
        moderator: Judges what is heard and each clause before it is spoken.
        audit: Where refusals are recorded.
        set_mode: Tells the ears what the digital human does.
        filler_after: Seconds after a question's end before a filler line is spoken.
        asks_again: Whether a voice that gave no words is asked again, see `Amends`.
    """

    def __init__(
        self,
        *,
        persona: Persona,
        mind: Thinker,
        mouth: Voice,
        performer: Stage,
        history: History,
        events: Events,
        epoch: Epoch,
        clock: Clock,
        moderator: Judge,
        audit: AuditSink,
        set_mode: Callable[[Mode], None],
        filler_after: float = FILLER_AFTER,
        asks_again: bool = False,
    ) -> None:
        self._persona, self._stage = persona, performer
        self._events, self._epoch, self._clock = events, epoch, clock
        self._tell_ears = set_mode
        self._bearing = Bearing(performer, events, set_mode)
        self._incidents = Incidents(events, audit)
        crew = Crew(
            persona, mouth, performer, moderator, events, clock, RecentSpeech(), self._incidents,
            self._on_voice,
        )  # fmt: skip
        self._replies = Replies(
            mind, crew, history, epoch, filler_after=filler_after, finished=self._finished
        )
        self._inbox: asyncio.Queue[Order] = asyncio.Queue(_INBOX)
        self._turns = 0
        self._language = persona.languages[0]
        self._visitor: Visitor | None = None
        self._current: Reply | None = None
        self._broken: Broken | None = None
        self._waiting: deque[Say] = deque()
        self._amends = Amends(persona, events, clock, asks_again=asks_again)

    # From outside -------------------------------------------------------------------------------

    @property
    def mode(self) -> Mode:
        """What the digital human does."""
        return self._bearing.mode

    def on_ear(self, action: Action) -> None:
        """Take what the ears tell."""
        self._post(action)

    def ask(self, text: str, language: Language | None = None) -> int:
        """Answer a typed question at once; what is being said is interrupted.

        Returns:
            The turn's number.

        Raises:
            InputError: The text is empty or too long.
        """
        text = given(text, MAX_QUESTION)
        turn = self._next_turn()
        self._post(Ask(turn, Question(text, self._spoken(language, text))))
        return turn

    def say(self, text: str, language: Language | None = None, *, interrupt: bool = False) -> int:
        """Speak ``text`` as it is: after what is being said, or instead of it.

        Returns:
            The turn's number.

        Raises:
            InputError: The text is empty or too long.
            ResourceError: Too many texts are waiting.
        """
        text = given(text, MAX_SAID)
        if len(self._waiting) >= _WAITING and not interrupt:
            raise ResourceError(
                f"{len(self._waiting)} texts are waiting to be spoken",
                fix="wait until some have been spoken, or interrupt",
            )
        line = Line(text, self._spoken(language, text), "script")
        if not interrupt:
            return self._say_later(line)
        say = SayNow(self._next_turn(), line)
        self._post(say)
        return say.turn

    def greet(self, language: Language | None = None) -> int:
        """Greet the visitor; returns the turn's number."""
        spoken = self._persona.language(language or self._language)
        self._amends.addressed()
        return self._say_later(Line(self._persona.greeting[spoken], spoken, "greeting"))

    def apologise(self) -> None:
        """Say that something went wrong, but not again and again."""
        if (line := self._amends.apology(self._persona.language(self._language))) is not None:
            self._say_later(line)

    def interrupt(self, by: By = "button") -> None:
        """Stop speaking and thinking, and forget what was waiting to be said."""
        self._post(Stop(by))

    async def run(self) -> None:
        """Handle what happens until cancelled.

        Raises:
            Exception: A defect of a reply; everything was put back to silence, `run` may be called
                again.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._replies.group = group
                group.create_task(self._incidents.run())
                while True:
                    self._obey(await self._inbox.get())
        except* Exception as errors:
            raise first_of(errors) from None
        finally:
            self._silence()

    # In order -----------------------------------------------------------------------------------

    def _obey(self, order: Order) -> None:
        match order:
            case Started(at=at):
                self._visitor = Visitor(self._next_turn(), at)
                self._events.emit("heard.started", turn=self._visitor.turn)
                self._show()
            case Partial(transcript=transcript):
                self._hear(transcript)
            case Speculate(transcript=transcript):
                self._speculate(transcript)
            case Commit():
                self._answer(order)
            case Abandon():
                self._ignore(order)
            case Duck():
                self._stage.duck()
            case Hold():
                self._bearing.hold(True)
                self._show()
            case Resume():
                self._bearing.hold(False)
                self._show()
            case Interrupt(by=by):
                self._give_way(by)
            case Ask(turn=turn, question=question):
                self._answer_typed(turn, question)
            case SayNow():
                self._broken = None
                self._stop("typed")
                self._speak(order)
            case Stop(by=by):
                self._broken = None
                self._waiting.clear()
                self._stop(by)
            case None:
                self._next()

    def _hear(self, transcript: Transcript) -> None:
        if (visitor := self._visitor) is None:
            return
        visitor.words_at = (transcript.end, self._clock.now())
        self._events.emit(
            "heard.partial", turn=visitor.turn, text=transcript.text,
            language=transcript.language, revision=transcript.revision,
        )  # fmt: skip
        self._replies.hear(self._whole(transcript))

    def _speculate(self, transcript: Transcript) -> None:
        if self._visitor is not None and self._current is None:
            self._replies.draft(self._visitor.turn, self._whole(transcript))

    def _answer(self, commit: Commit) -> None:
        """The visitor's turn is over."""
        visitor = self._visitor or Visitor(self._next_turn(), commit.transcript.start)
        transcript, now = commit.transcript, self._clock.now()
        question = self._whole(transcript, transcript.end + commit.waited)
        self._visitor = self._broken = None
        self._stop("voice")
        self._events.emit(
            "heard.final", turn=visitor.turn, text=question.text, language=transcript.language,
            by=commit.by,
        )  # fmt: skip
        self._language = question.language
        self._amends.addressed(understood=True)
        reply = self._replies.to(visitor.turn, question)
        end = now - commit.waited
        reply.waterfall.origin = end
        reply.waterfall.mark("end_of_turn", end, now)
        words_end, words_at = visitor.words_at
        if words_end == transcript.end:
            reply.waterfall.mark("transcript", end, words_at)
        self._begin(reply)

    def _answer_typed(self, turn: int, question: Question) -> None:
        self._stop("typed")
        self._replies.forget()
        self._broken = None
        self._language = question.language
        self._amends.addressed(understood=True)
        self._events.emit(
            "heard.final", turn=turn, text=question.text, language=question.language, by="typed"
        )
        reply = self._replies.to(turn, question)
        reply.waterfall.origin = self._clock.now()
        self._begin(reply)

    def _ignore(self, heard: Abandon) -> None:
        """What was heard needs no answer: what it broke off is taken up again."""
        if self._visitor is None:
            # Of a turn that was kept from here, as of what began while it dozed: the ears may have
            # taken it for an interruption.
            self._tell_ears(self.mode)
            return
        turn, self._visitor = self._visitor.turn, None
        self._replies.forget()
        self._events.emit("heard.ignored", turn=turn, reason=heard.reason)
        broken, self._broken = self._broken, None
        if broken is not None and self._current is None:
            if broken.rest:
                think = script(broken.rest)
                self._begin(self._replies.new(self._next_turn(), broken.unanswered, think))
            elif broken.unanswered.text:
                self._begin(self._replies.to(self._next_turn(), broken.unanswered))
        spoken = self._persona.language(self._language)
        if self._current is None and (line := self._amends.ask_again(heard, turn, spoken)):
            self._say_later(line)
        self._next()
        self._show()

    def _give_way(self, by: By) -> None:
        """The visitor takes the floor."""
        reply = self._current
        if reply is None:
            return
        heard = self._stop(by, unheard=by != "voice")
        if by == "voice":
            question = reply.question
            rest, unanswered = tuple(reply.remaining(heard)), Question("", question.language)
            if question.text and not reply.answers(heard):
                unanswered = question
                if not reply.known:
                    rest = ()  # the whole of it is thought again
            self._broken = Broken(question, unanswered, rest, self._goes_on(question))

    def _goes_on(self, question: Question) -> bool:
        """Whether the visitor's voice began so soon after ``question`` that it belongs to it."""
        if question.decided is None or self._visitor is None:
            return False
        # It may lie before the decision: a voice is told from noise by its second window, and who
        # talks beyond the limit of a turn does not stop while the words are recognised.
        return self._visitor.at - question.decided <= CONTINUE_WITHIN

    # Replies ------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Speak what waits, when nobody speaks."""
        if self._waiting and self._current is None and self._visitor is None:
            self._speak(self._waiting.popleft())

    def _speak(self, say: Say) -> None:
        question = Question("", say.line.language)
        self._begin(self._replies.new(say.turn, question, script((say.line,))))

    def _begin(self, reply: Reply) -> None:
        self._current = reply
        self._events.turn = reply.turn
        self._bearing.change(Mode.THINKING)
        self._replies.run(reply)
        reply.commit()
        self._show()

    def _finished(self, reply: Reply) -> None:
        if reply is self._current:
            self._current = None
            self._replies.close(reply, interrupted=False)
            self._bearing.change(Mode.IDLE)
            self._next()
            self._show()

    def _stop(self, by: By, *, unheard: bool = True) -> str:
        """End the reply on stage; what was heard of it."""
        reply, self._current = self._current, None
        if reply is None:
            return ""
        self._epoch.bump()
        reply.drop()
        self._replies.forget()
        self._bearing.cut()
        log.info("interrupted", session=self._events.session, turn=reply.turn, by=by)
        heard = self._replies.close(reply, interrupted=True, unheard=unheard)
        self._bearing.change(Mode.IDLE)
        self._show()
        return heard

    def _silence(self) -> None:
        """Leave nothing half done when `run` ends."""
        self._replies.group = None
        self._replies.forget()
        self._visitor = self._broken = None
        self._stop("button")
        self._bearing.change(Mode.IDLE)
        self._show()

    def _on_voice(self, turn: int) -> None:
        if self._current is not None and turn == self._current.turn:
            self._bearing.change(Mode.SPEAKING)
            self._show()

    # Small things -------------------------------------------------------------------------------

    def _whole(self, transcript: Transcript, decided: float | None = None) -> Question:
        """The question so far, with what came before a premature end."""
        language, text = self._persona.language(transcript.language), transcript.text
        if self._broken is not None and self._broken.goes_on:
            text = joined(self._broken.question.text, text, language)[-MAX_QUESTION:]
        return Question(text, language, decided)

    def _spoken(self, language: Language | None, text: str) -> Language:
        return self._persona.language(language or written_in(text))

    def _say_later(self, line: Line) -> int:
        say = Say(self._next_turn(), line)
        self._waiting.append(say)
        self._post(None)
        return say.turn

    def _post(self, order: Order) -> None:
        if self._inbox.full():
            self._inbox.get_nowait()
        self._inbox.put_nowait(order)

    def _next_turn(self) -> int:
        self._turns += 1
        return self._turns

    def _show(self) -> None:
        self._bearing.show(listening=self._visitor is not None, replying=self._current is not None)
