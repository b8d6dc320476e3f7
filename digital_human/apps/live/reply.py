"""One reply: from thoughts to clauses to speech on stage; a draft until its question is final."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from itertools import takewhile

from digital_human.apps.live.acting import SpokenManner
from digital_human.apps.live.crew import Crew
from digital_human.apps.live.phrasing import live_clauses
from digital_human.apps.live.waterfall import Span, Waterfall
from digital_human.core.epoch import Epoch
from digital_human.dialogue.types import Act, Line, Origin, Replaced, Source, Sources, Thought
from digital_human.errors import Cancelled, InputError
from digital_human.safety.words import Level
from digital_human.speech.backchannel import normalised
from digital_human.speech.types import Clause, Language, Speech

AHEAD = 3.0
"""Seconds of speech made ahead of what is heard: what an interruption wastes at most."""
_DRAFTED = 2  # clauses of speech a draft may have
_THOUGHT_LIMIT = 20.0  # s the mind may take for its next thought
_SPEECH_LIMIT = 20.0  # s the mouth may take for a clause
_CONTEXT = 16  # characters before a clause that are judged together with it
_THOUGHT_OF = ("llm", "knowledge", "decline")  # origins of what the mind has found
_LOOK_EVERY = 0.02  # s between looks for the first sample
_ALMOST = 0.1  # s before the end of a filler's clause at which the next one is due

Think = Callable[[Callable[[], bool]], AsyncGenerator[Thought]]


@dataclass(frozen=True, slots=True)
class Question:
    """What a reply answers.

    Attributes:
        text: As heard or typed; empty when the digital human speaks by itself.
        language: Language of the reply.
        decided: When the turn was committed, on the microphone's clock; None when typed.
    """

    text: str
    language: Language
    decided: float | None = None


@dataclass(frozen=True, slots=True)
class _Failure:
    stage: str
    error: Exception


_Part = Clause | Sources | Act | Replaced | _Failure


class Reply:
    """A reply in the making.

    Until `commit` it thinks and prepares its first clauses, but nothing leaves it.

    Args:
        turn: Its turn.
        question: What it answers.
        think: Makes the thoughts; is given what says whether the reply was dropped.
        crew: What the replies of the session share.
        epoch: The session's; a passed one drops the reply.
        filler_after: Seconds after the question's end at which a filler line bridges the silence;
            None for no filler.
        refused: Whether the question is unsafe and only refused.
    """

    def __init__(
        self,
        turn: int,
        question: Question,
        think: Think,
        crew: Crew,
        epoch: Epoch,
        *,
        filler_after: float | None = None,
        refused: bool = False,
    ) -> None:
        self.turn, self.question, self.refused = turn, question, refused
        self.origin: Origin | None = None
        self.sources: tuple[Source, ...] = ()
        self.failed = self._declined = self._replaced = self._thought_out = False
        self.waterfall = Waterfall()
        self._think, self._crew, self._filler_after = think, crew, filler_after
        self._epoch, self._made_in = epoch, epoch.current
        self._dropped = False
        self._committed = asyncio.Event()
        self._drafted: list[Speech | Sources | Act | Replaced] = []
        self._planned: list[Clause] = []
        self._manner = SpokenManner()
        self._filler: list[Clause] = []
        self._judged = ""
        self._voiced = False
        self._out_at = 0.0
        self._mouth = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    # From the conversation ----------------------------------------------------------------------

    def start(self, group: asyncio.TaskGroup, then: Callable[[Reply], None]) -> None:
        """Run in ``group``; ``then`` is called when the reply has been heard to its end."""
        self._task = group.create_task(self._run(then), name=f"reply {self.turn}")

    def commit(self) -> None:
        """Its question is final: play what is ready and go on."""
        self._committed.set()
        drafted, self._drafted = self._drafted, []
        for item in drafted:
            self._hand_out(item)

    def drop(self) -> None:
        """It is not wanted any more."""
        self._dropped = True
        if self._task is not None:
            self._task.cancel()

    def dead(self) -> bool:
        """Whether it was dropped; asked by model threads too."""
        return self._dropped or self._epoch.stale(self._made_in)

    @property
    def started(self) -> bool:
        """Whether it runs or has run."""
        return self._task is not None

    @property
    def unanswered(self) -> bool:
        """Whether it ends by saying that this is not known; a refusal is an answer."""
        if self.refused or self._replaced:
            return False
        return self._declined and bool(self.question.text)

    @property
    def known(self) -> bool:
        """Whether all of an answer is known and it has begun to be heard, or its filler has."""
        return self._voiced and self._thought_out and not self.refused

    def answers(self, heard: str) -> bool:
        """Whether ``heard`` has words and goes beyond the filler."""
        return bool(heard) and (not self._filler or len(normalised(heard)) > self._bridged)

    @property
    def _bridged(self) -> int:
        """Characters of the filler."""
        return sum(len(normalised(clause.text)) for clause in self._filler)

    def remaining(self, heard: str) -> list[Line]:
        """What is known of it beyond ``heard``, from the start of the clause that was broken."""
        length, known = self._bridged, len(normalised(heard))

        def was_heard(clause: Clause) -> bool:
            nonlocal length
            length += len(normalised(clause.text))
            return length <= known

        done = len(list(takewhile(was_heard, self._planned)))
        return [
            Line(c.text, c.language, self.origin or "script", c.emotion, c.delivery)
            for c in self._planned[done:]
        ]

    # The pipeline -------------------------------------------------------------------------------

    async def _run(self, then: Callable[[Reply], None]) -> None:
        parts: asyncio.Queue[_Part | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            thinking = group.create_task(self._thinking(parts))
            helpers = [group.create_task(self._fill()), group.create_task(self._measure())]
            await self._speaking(parts)
            thinking.cancel()
            if self.failed:
                for helper in helpers:
                    helper.cancel()
                return
            await self._committed.wait()
            self._crew.stage.finish(self.turn)
            await self._crew.stage.drained(self.turn)
            for helper in helpers:
                helper.cancel()
        if not self.dead():
            then(self)

    async def _thinking(self, parts: asyncio.Queue[_Part | None]) -> None:
        started = self._crew.clock.now()
        try:
            async with contextlib.aclosing(self._think(self.dead)) as thoughts:
                while (thought := await _next(thoughts)) is not None:
                    for part in self._parts(thought, started):
                        parts.put_nowait(part)
            self._thought_out = True
        except Cancelled:
            pass
        except Exception as error:
            parts.put_nowait(_Failure("mind", error))
        parts.put_nowait(None)

    def _parts(self, thought: Thought, started: float) -> list[_Part]:
        if isinstance(thought, Act):
            return [thought] if self._manner.take(thought) else []
        if not isinstance(thought, Line):
            # The line in place of an unsafe one says nothing about what is known.
            self._replaced |= isinstance(thought, Replaced)
            return [thought]
        self._declined = thought.origin == "decline"
        if self.origin is None:
            self.origin = thought.origin
            if thought.origin in _THOUGHT_OF:
                name: Span = "llm" if thought.origin == "llm" else "knowledge"
                self.waterfall.mark(name, started, self._crew.clock.now())
        made = self._manner.clauses(thought, epoch=self._made_in, index=len(self._planned))
        self._planned.extend(made)
        return list(made)

    async def _speaking(self, parts: asyncio.Queue[_Part | None]) -> None:
        while (part := await parts.get()) is not None:
            match part:
                case _Failure(stage=stage, error=error):
                    return await self._fail(stage, error)
                case Clause():
                    if not await self._utter(part):
                        return
                case _:
                    self._deliver(part)
        if self.dead():
            return
        if self.origin in _THOUGHT_OF:
            self._crew.incidents.worked("mind")
            if self._manner.moody:  # an emotion of the model's is this answer's alone
                self._deliver(Act("neutral"))
        if not self._planned and self.question.text:
            again = self._crew.persona.choice("ask_again", self.question.language, 0)
            await self._say_instead(again, "decline")

    async def _utter(self, clause: Clause) -> bool:
        """Speak ``clause``; whether what follows it may be spoken too."""
        if not self._safe(clause):
            await self._say_instead(self._crew.persona.replaced[self._language], "decline")
            return False
        try:
            await self._voice(clause)
        except Cancelled:
            return False
        except Exception as error:
            await self._fail("mouth", error)
            return False
        return True

    async def _voice(self, clause: Clause) -> None:
        async with self._mouth:
            if self._committed.is_set():
                await self._crew.stage.wait_room(AHEAD)
            elif sum(isinstance(item, Speech) for item in self._drafted) >= _DRAFTED:
                await self._committed.wait()
            started = self._crew.clock.now()
            speech = await self._make(clause)
            self.waterfall.mark("speech", started, self._crew.clock.now())
            self._deliver(speech)

    async def _make(self, clause: Clause) -> Speech:
        crew = self._crew
        clause = crew.mouth.fitted(clause)
        if (known := crew.recent.get(clause)) is not None:
            return known
        async with asyncio.timeout(_SPEECH_LIMIT):
            speech = await crew.mouth.speak(clause, cancelled=self.dead)
        crew.recent.put(speech)
        crew.incidents.worked("mouth")
        return speech

    def _safe(self, clause: Clause) -> bool:
        """Judge ``clause`` together with the words before it."""
        before = self._judged[-_CONTEXT:]
        verdict = self._crew.moderator.check(before + clause.text)
        hits = [hit for hit in verdict.hits if hit.end > len(before)]
        self._judged = before + clause.text
        self._crew.incidents.judged(self.turn, "said", hits, clause.text)
        return all(hit.level < Level.BLOCK for hit in hits)

    async def _fail(self, stage: str, error: Exception) -> None:
        """A draft is given up and made anew at the commit; a reply ends with an apology."""
        self._crew.incidents.failed(stage, error)
        if not self._committed.is_set():
            self.failed = True
            return
        await self._say_instead(self._crew.persona.apology[self._language], "apology")

    @property
    def _language(self) -> Language:
        return self._crew.persona.language(self.question.language)

    async def _say_instead(self, text: str, origin: Origin) -> None:
        """Speak a line of the persona; a mouth that fails at that too stays shut."""
        self.origin = self.origin or origin
        for clause in live_clauses(text, self._language, epoch=self._made_in):
            clause = replace(clause, index=len(self._planned))
            self._planned.append(clause)
            try:
                await self._voice(clause)
            except Cancelled:
                return
            except Exception as error:
                self._crew.incidents.failed("mouth", error)
                return

    # What leaves it -----------------------------------------------------------------------------

    def _deliver(self, item: Speech | Sources | Act | Replaced) -> None:
        if self._committed.is_set():
            self._hand_out(item)
        else:
            self._drafted.append(item)

    def _hand_out(self, item: Speech | Sources | Act | Replaced) -> None:
        crew = self._crew
        if self.dead():
            return
        match item:
            case Speech():
                if not self._voiced:
                    self._voiced = True
                    self._out_at = crew.clock.now()
                    crew.events.emit(
                        "reply.started", turn=self.turn, origin=self.origin or "filler"
                    )
                crew.stage.say(item, self.turn)
                crew.on_voice(self.turn)
            case Sources():
                self.sources = item.items
                crew.events.emit(
                    "sources", turn=self.turn, items=[
                        {"title": s.title, "path": s.path, "text": s.text,
                         "score": round(s.score, 3), "picture": s.picture}
                        for s in item.items
                    ],
                )  # fmt: skip
            case Act():
                with contextlib.suppress(InputError):  # a gesture this avatar does not know
                    crew.stage.act(item.name, after_speech=True)
                    crew.events.emit("act", turn=self.turn, name=item.name)
            case Replaced():
                crew.incidents.refused(self.turn, "said", item.level, item.categories, item.text)

    async def _fill(self) -> None:
        """Bridge a long silence with a filler line, unless what is to be said is known by then.

        It is spoken clause by clause, and no further once the answer is known.
        """
        if self._filler_after is None:
            return
        crew = self._crew
        await self._committed.wait()
        asked = self.waterfall.origin
        await crew.clock.wait_until(
            (crew.clock.now() if asked is None else asked) + self._filler_after
        )
        language = crew.persona.language(self.question.language)
        text = crew.persona.choice("filler", language, self.turn)
        started = crew.clock.now()
        try:
            for clause in live_clauses(text, language, epoch=self._made_in):
                async with self._mouth:
                    if self._planned or self.dead():
                        return
                    speech = await self._make(clause)
                    if self._planned:
                        return
                    self._deliver(speech)
                self._filler.append(clause)
                self.waterfall.mark("filler", started, crew.clock.now())
                await crew.stage.wait_room(_ALMOST)
        except Cancelled:
            return
        except Exception as error:
            crew.incidents.failed("mouth", error)

    async def _measure(self) -> None:
        """Tell the latency once the first sample is out."""
        await self._committed.wait()
        if self.waterfall.origin is None:
            return
        crew = self._crew
        while (first := crew.stage.first_sample_at(self.turn)) is None:
            await crew.clock.wait_until(crew.clock.now() + _LOOK_EVERY)
        self.waterfall.mark("playout", self._out_at, first)
        crew.events.emit("latency", turn=self.turn, **self.waterfall.to_data())


async def _next(thoughts: AsyncGenerator[Thought]) -> Thought | None:
    """The next thought, None at the end.

    Raises:
        TimeoutError: It took too long.
    """
    async with asyncio.timeout(_THOUGHT_LIMIT):
        return await anext(thoughts, None)
