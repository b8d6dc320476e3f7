"""A live session without models: scripted visitor, mind, mouth and stage in virtual time.

The turn machine, the conversation, the replies, persona, history and moderator are the real ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from digital_human.apps.live.conversation import Conversation
from digital_human.core.epoch import Epoch
from digital_human.core.events import Event, Events
from digital_human.dialogue.history import History
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.types import Line, Thought
from digital_human.errors import Cancelled
from digital_human.safety.moderation import Moderator
from digital_human.speech.backchannel import normalised
from digital_human.speech.hearing import Action, Decode, Judge, Mode, Transcript
from digital_human.speech.turn import TurnMachine
from digital_human.speech.types import Clause, Language, Phone, Speech, Word
from tests.fakes.virtual_time import LoopClock

RATE = 200
WINDOW = 0.032
SECONDS_PER_CHARACTER = {"zh": 0.2, "en": 0.07, "ja": 0.15}

PERSONA = Persona.model_validate(
    {
        "format": 1, "name": "tester", "display": {"zh": "小试", "en": "Tester"},
        "avatar": "nobody", "voice": "nothing", "languages": ["zh", "en"],
        "character": {"zh": "你是小试。", "en": "You are Tester."},
        "greeting": {"zh": "您好，我是小试。", "en": "Hello, I am Tester."},
        "filler": {"zh": ["让我想想。"], "en": ["Let me think."]},
        "decline": {"zh": ["这个我不知道。"], "en": ["I do not know."]},
        "apology": {"zh": "抱歉，出了点问题。", "en": "Sorry, something went wrong."},
        "replaced": {"zh": "我们换个话题吧。", "en": "Let us talk about something else."},
        "ask_again": {"zh": "请再说一遍。", "en": "Please say that again."},
        "notice": {"zh": "人工智能生成", "en": "AI generated"},
    }
)  # fmt: skip


@dataclass
class FakeMind:
    """Answers from a script: what to yield for a question, with delays between.

    Attributes:
        answers: By question without punctuation: seconds to wait, a thought to yield, or an error
            to raise, in order.
        default: The script for any other question.
    """

    answers: dict[str, list[float | Thought | Exception]] = field(default_factory=dict)
    default: list[float | Thought | Exception] | None = None
    asked: list[str] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    histories: list[int] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    async def expect(
        self, text: str, language: Language, history: History, *, cancelled: Callable[[], bool]
    ) -> None:
        self.expected.append(text)

    async def think(
        self, text: str, language: Language, history: History, *, cancelled: Callable[[], bool]
    ) -> AsyncGenerator[Thought]:
        self.asked.append(text)
        self.histories.append(len(history.exchanges))
        script = {normalised(key): value for key, value in self.answers.items()}
        try:
            for step in script.get(normalised(text)) or self.default or [KeyError(text)]:
                match step:
                    case float() | int():
                        await asyncio.sleep(step)
                    case Exception():
                        raise step
                    case _:
                        yield step
            self.finished.append(text)
        finally:
            if cancelled():
                self.cancelled.append(text)


@dataclass
class FakeMouth:
    """Takes a fifth of a clause's length to speak it, one clause at a time.

    Attributes:
        broken: Texts (or "*") that raise, and how often.
        rate: Samples per second of its sound.
    """

    broken: dict[str, int] = field(default_factory=dict)
    rate: int = RATE
    asked: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    _free: asyncio.Lock = field(default_factory=asyncio.Lock)

    def fitted(self, clause: Clause) -> Clause:
        return clause

    async def speak(self, clause: Clause, *, cancelled: Callable[[], bool]) -> Speech:
        self.asked.append(clause.text)
        speech = made(clause, self.rate)
        async with self._free:
            for pattern in (clause.text, "*"):
                if self.broken.get(pattern, 0) > 0:
                    self.broken[pattern] -= 1
                    raise RuntimeError("the voice is gone")
            await asyncio.sleep(0.1 + 0.2 * len(speech.pcm) / speech.rate)
            if cancelled():
                raise Cancelled("not wanted")
        self.spoken.append(clause.text)
        return speech


def made(clause: Clause, rate: int = RATE) -> Speech:
    """``clause`` as sound of the right length, a word a character, voiced where there are words."""
    step = round(SECONDS_PER_CHARACTER[clause.language] * rate)
    words = tuple(Word(c, i * step, (i + 1) * step) for i, c in enumerate(clause.text))
    voiced = np.full(len(words) * step, 0.5, np.float32)
    pcm = np.concatenate((voiced, np.zeros(round(clause.pause * rate / 1000), np.float32)))
    phones = (Phone("a", 0, len(voiced)), Phone("_", len(voiced), len(pcm)))
    return Speech(clause, clause.text, pcm, rate, phones, words, clause.epoch)


class FakeStage:
    """A performer without a face: hands speech out in frames of 40 ms.

    Attributes:
        log: Calls with their time.
        aloud: Every word handed out, with its time and turn, repetitions after a hold included.
    """

    FRAME = round(0.04 * RATE)

    def __init__(self, clock: LoopClock, epoch: Epoch, events: Events) -> None:
        self._clock, self._epoch, self._events = clock, epoch, events
        self._queue: list[tuple[int, Speech]] = []
        self._at = 0  # samples of the first speech handed out
        self._held = False
        self._finished: set[int] = set()
        self._heard: dict[int, str] = {}
        self._first: dict[int, float] = {}
        self._changed = asyncio.Condition()
        self.log: list[tuple[float, str]] = []
        self.aloud: list[tuple[float, int, str]] = []
        self.most_queued = 0.0

    async def run(self) -> None:
        """The pacer."""
        while True:
            await asyncio.sleep(0.04)
            if not self._held:
                self._frame()
            async with self._changed:
                self._changed.notify_all()

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(predicate)

    def say(self, speech: Speech, turn: int) -> None:
        if not self._epoch.stale(speech.epoch):
            self._queue.append((turn, speech))
            self.most_queued = max(self.most_queued, self.queued())

    def finish(self, turn: int) -> None:
        self._finished.add(turn)

    async def drained(self, turn: int) -> None:
        await self.until(lambda: turn in self._finished and all(t != turn for t, _ in self._queue))

    def queued(self) -> float:
        return (sum(len(speech.pcm) for _, speech in self._queue) - self._at) / RATE

    async def wait_room(self, seconds: float) -> None:
        await self.until(lambda: self.queued() <= seconds)

    def duck(self) -> None:
        self._note("duck")

    def hold(self) -> None:
        self._note("hold")
        self._held = True

    def resume(self) -> None:
        self._note("resume")
        if self._held and self._queue:
            broken = [w for w in self._queue[0][1].words if w.start < self._at < w.end]
            if broken and (broken[0].start + broken[0].end) / 2 <= self._at:
                turn = self._queue[0][0]
                self._heard[turn] = self._heard[turn][: -len(broken[0].text)]
            self._at = broken[0].start if broken else self._at
        self._held = False

    def cut(self) -> None:
        self._note("cut")
        self._finished |= {turn for turn, _ in self._queue}
        self._queue.clear()
        self._at, self._held = 0, False

    def heard(self, turn: int) -> str:
        return self._heard.get(turn, "")

    def first_sample_at(self, turn: int) -> float | None:
        return self._first.get(turn)

    def look(self, state: str) -> None:
        self._note(f"look {state}")

    def act(self, name: str, *, after_speech: bool = False) -> None:
        self._note(f"act {name}")

    def _note(self, call: str) -> None:
        self.log.append((self._clock.now(), call))

    def _frame(self) -> None:
        left = self.FRAME
        while left > 0 and self._queue:
            turn, speech = self._queue[0]
            until = min(len(speech.pcm), self._at + left)
            self._first.setdefault(turn, self._clock.now())
            for word in speech.words:
                if self._at <= word.start < until:
                    self.aloud.append((self._clock.now(), turn, word.text))
                if self._at < (word.start + word.end) / 2 <= until:
                    self._heard[turn] = self._heard.get(turn, "") + word.text
            if self._at == 0:
                self._events.emit("caption", turn=turn, text=speech.clause.text)
            left -= until - self._at
            self._at = until
            if until == len(speech.pcm):
                self._queue.pop(0)
                self._at = 0


@dataclass(frozen=True)
class Said:
    """Something the visitor says, on the microphone's clock."""

    start: float
    end: float
    text: str


class FakeEars:
    """A microphone in virtual time: the real turn machine, a scripted recogniser and judge."""

    def __init__(self) -> None:
        self.machine = TurnMachine()
        self.on_action: Callable[[Action], None] = lambda action: None
        self.said: list[Said] = []
        self.decode_time = 0.25
        self.complete: Callable[[float], float] = lambda end: 0.9
        self.actions: list[tuple[float, Action]] = []
        self.now = 0.0
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._group:
            start, count = asyncio.get_running_loop().time(), 0
            while True:
                count += 1
                await asyncio.sleep(start + count * WINDOW - asyncio.get_running_loop().time())
                self.now = count * WINDOW
                middle = self.now - WINDOW / 2
                voiced = any(said.start <= middle < said.end for said in self.said)
                self._take(self.machine.voice(self.now, 0.95 if voiced else 0.02, -30.0))

    def set_mode(self, mode: Mode) -> None:
        self._take(self.machine.set_mode(mode, self.now))

    def button(self, down: bool) -> None:
        self._take(self.machine.button(self.now, down))

    def text(self, start: float, end: float) -> str:
        """What is heard between two times."""
        parts = []
        for said in self.said:
            share = (min(end, said.end) - max(start, said.start)) / (said.end - said.start)
            if share > 0.9:
                parts.append(said.text)
            elif share > 0:
                parts.append(said.text[: int(share * len(said.text))])
        return "".join(parts)

    def _take(self, actions: Sequence[Action]) -> None:
        for action in actions:
            self.actions.append((self.now, action))
            match action:
                case Decode():
                    self._start(self._decode(action))
                case Judge():
                    self._start(self._judge(action))
                case _:
                    self.on_action(action)

    def _start(self, work: Any) -> None:
        assert self._group is not None
        self._group.create_task(work)

    async def _decode(self, asked: Decode) -> None:
        await asyncio.sleep(self.decode_time)
        text = self.text(asked.start, asked.end)
        language: Any = "en" if text.isascii() else "zh"
        transcript = Transcript(text, language, asked.start, asked.end, 0, 0.9)
        self._take(self.machine.decoded(self.now, transcript, asked.final))

    async def _judge(self, asked: Judge) -> None:
        await asyncio.sleep(0.03)
        self._take(self.machine.judged(self.now, self.complete(asked.end), asked))


class FakeAudit:
    """Remembers what was recorded."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, object]]] = []
        self.broken = False

    def append(self, action: str, detail: dict[str, object]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.records.append((action, detail))


class World:
    """A whole session; use as an async context manager inside `virtual_time`."""

    def __init__(
        self,
        answers: dict[str, list[float | Thought | Exception]] | None = None,
        broken: dict[str, int] | None = None,
        stage: Callable[[LoopClock, Epoch, Events], Any] | None = None,
        rate: int = RATE,
    ) -> None:
        self.clock = LoopClock()
        self.epoch = Epoch()
        self.log: list[Event] = []
        self.events = Events("test", self.clock.now)
        self.events.listen(self.log.append)
        self.history = History()
        self.mind = FakeMind(answers or {})
        self.mouth = FakeMouth(broken or {}, rate=rate)
        self.stage = (stage or FakeStage)(self.clock, self.epoch, self.events)
        self.ears = FakeEars()
        self.audit = FakeAudit()
        self.conversation = Conversation(
            persona=PERSONA, mind=self.mind, mouth=self.mouth, performer=self.stage,
            history=self.history, events=self.events, epoch=self.epoch, clock=self.clock,
            moderator=Moderator.default(), audit=self.audit, set_mode=self.ears.set_mode,
            filler_after=1.5,
        )  # fmt: skip
        self.ears.on_action = self.conversation.on_ear
        self.tasks: list[asyncio.Task[None]] = []
        self._until = contextlib.ExitStack()

    async def __aenter__(self) -> World:
        self.logs = self._until.enter_context(structlog.testing.capture_logs())
        for stage in (self.stage.run, self.ears.run, self.conversation.run):
            self.tasks.append(asyncio.create_task(stage()))
        await asyncio.sleep(0.5)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in reversed(self.tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._until.close()

    def now(self) -> float:
        return self.clock.now()

    def say(self, text: str, seconds: float = 1.0, after: float = 0.0) -> float:
        """Let the visitor say ``text``; returns when the voice ends on the session's clock."""
        # Voices begin with a window, so that expected times are exact.
        start = (round((self.ears.now + after) / WINDOW) + 1) * WINDOW
        end = start + round(seconds / WINDOW) * WINDOW
        self.ears.said.append(Said(start, end, text))
        return end

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, kind: str, count: int = 1, within: float = 60.0) -> Event:
        """The ``count``-th event of ``kind``, past or to come."""
        arrived = asyncio.Event()
        stop = self.events.listen(lambda event: arrived.set())
        async with asyncio.timeout(within):
            while len(found := self.of(kind)) < count:
                await arrived.wait()
                arrived.clear()
        stop()
        return found[count - 1]

    async def aloud(self, words: int) -> None:
        """Wait until so many words have been handed out."""
        await self.stage.until(lambda: len(self.stage.aloud) >= words)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.log if event.kind == kind]

    def states(self) -> list[str]:
        return [event.data["state"] for event in self.of("state")]

    def heard_aloud(self) -> str:
        """Everything the visitor heard."""
        return "".join(word for _, _, word in self.stage.aloud)


def sure(*texts: str, language: Language = "zh") -> list[float | Thought | Exception]:
    """An answer from the knowledge: at once."""
    return [0.02, *(Line(text, language, "knowledge") for text in texts)]


def thought(*texts: str, first: float = 0.5, each: float = 0.3, language: Language = "zh") -> list[
    float | Thought | Exception
]:  # fmt: skip
    """An answer of the language model: piece by piece."""
    steps: list[float | Thought | Exception] = [first]
    for text in texts:
        steps += [Line(text, language, "llm"), each]
    return steps
