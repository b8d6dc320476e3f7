"""A kiosk for a long day in virtual time: everything real but the models, the face and the page.

Sessions, their admission, the whole of `LiveSession` with conversation, history and visit,
presence, the curator's book and the audit log are the real ones. Ears, voice, stage and mind are
fakes that do nothing while nothing happens, so that an hour takes two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from digital_human.apps.kiosk import curator as curator_module
from digital_human.apps.kiosk.curator import Curator
from digital_human.apps.kiosk.presence import Person, Presence, Seen
from digital_human.apps.live import session as session_module
from digital_human.apps.live.admission import Admission
from digital_human.apps.live.engine import Cast, Engine
from digital_human.apps.live.guests import Wish
from digital_human.apps.live.reports import ReportStore
from digital_human.apps.live.session import LiveSession
from digital_human.apps.live.sessions import Sessions
from digital_human.config import LlmSettings, settings
from digital_human.core.events import Event
from digital_human.dialogue.types import Line, Thought
from digital_human.errors import ResourceError
from digital_human.server.kiosk import Kiosk
from digital_human.speech.hall import Hall
from digital_human.speech.hearing import Action, Decode, Judge, Mode, Transcript
from digital_human.speech.turn import TurnMachine
from tests.fakes.live import PERSONA, WINDOW, FakeMind, FakeMouth, FakeStage, Said
from tests.fakes.server import FakePeer
from tests.fakes.virtual_time import LoopClock

_STEP = 0.2  # s of a frame of the stage
_BEFORE, _AFTER = 0.3, 1.6  # s around a voice in which the ears are awake
OFFER = "v=0\r\n"


class WallTime:
    """The calendar of the place; jumps when somebody sets the clock.

    Args:
        start: Local time at the loop's time 0.
        zone: Of the place.
    """

    def __init__(self, start: datetime, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._start = start.replace(tzinfo=self._zone).timestamp()
        self.ahead = 0.0

    def time(self) -> float:
        """Unix time as the machine believes it to be."""
        return self._start + asyncio.get_running_loop().time() + self.ahead

    def now(self) -> datetime:
        """Local time."""
        return datetime.fromtimestamp(self.time(), self._zone)

    def jump(self, by: timedelta) -> None:
        """Somebody sets the clock."""
        self.ahead += by.total_seconds()


class QuietStage(FakeStage):
    """A stage that sleeps while nothing is said."""

    FRAME = round(_STEP * 200)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(options["clock"], options["epoch"], options["events"])
        self._work = asyncio.Event()
        self.on_sound: list[Any] = []

    async def run(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue and not self._held:
                await asyncio.sleep(_STEP)
                self._frame()
                await self._tell()
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def say(self, speech: Any, turn: int) -> None:
        super().say(speech, turn)
        self._work.set()

    def finish(self, turn: int) -> None:
        super().finish(turn)
        self._work.set()

    def resume(self) -> None:
        super().resume()
        self._work.set()

    def cut(self) -> None:
        super().cut()
        self._work.set()

    def _note(self, call: str) -> None: ...


class QuietEars:
    """The real turn machine on a scripted voice; asleep while nobody speaks.

    Attributes:
        broken: Recognitions that fail.
    """

    def __init__(self, *, machine: TurnMachine, on_action: Any, health: Any, **_: Any) -> None:
        self.machine, self._on_action, self._health = machine, on_action, health
        self.language: Any = None
        self.learns = True
        self.broken = 0
        self._begun = asyncio.get_running_loop().time()
        self._said: list[Said] = []
        self._voice = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time() - self._begun

    @property
    def open(self) -> bool:
        return False  # its microphone is never gone

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._group:
            while True:
                await self._voice.wait()
                self._voice.clear()
                while self._said and self.now <= self._said[-1].end + _AFTER:
                    await asyncio.sleep(WINDOW)
                    voiced = any(said.start <= self.now < said.end for said in self._said)
                    self._take(self.machine.voice(self.now, 0.95 if voiced else 0.02, -30.0))
                self._said.clear()

    def say(self, text: str, seconds: float) -> None:
        """The visitor speaks from now on."""
        start = self.now + _BEFORE
        self._said.append(Said(start, start + seconds, text))
        self._voice.set()

    def hear(self, pcm: Any) -> None: ...
    def far_end(self, pcm: Any) -> None: ...

    def set_mode(self, mode: Mode) -> None:
        self._take(self.machine.set_mode(mode, self.now))

    def button(self, down: bool) -> None:
        self._take(self.machine.button(self.now, down))

    def _take(self, actions: Sequence[Action]) -> None:
        assert self._group is not None or not actions
        for action in actions:
            match action:
                case Decode():
                    self._group.create_task(self._decode(action))  # type: ignore[union-attr]
                case Judge():
                    self._group.create_task(self._judge(action))  # type: ignore[union-attr]
                case _:
                    self._on_action(action)

    async def _decode(self, asked: Decode) -> None:
        await asyncio.sleep(0.25)
        heard = [s for s in self._said if min(s.end, asked.end) > max(s.start, asked.start)]
        text = "".join(said.text for said in heard)
        if self.broken and asked.final:
            self.broken -= 1
            text = ""
            self._health.failed("recogniser", RuntimeError("the ears broke"))
        language: Any = "en" if text.isascii() else "zh"
        transcript = Transcript(text, language, asked.start, asked.end, 0, 0.9)
        self._take(self.machine.decoded(self.now, transcript, asked.final))

    async def _judge(self, asked: Judge) -> None:
        await asyncio.sleep(0.03)
        self._take(self.machine.judged(self.now, 0.9, asked))


class QuietPacer:
    """Runs the stage."""

    def __init__(self, performer: QuietStage, *_: Any, **__: Any) -> None:
        self._stage = performer
        self.stats = SimpleNamespace(frames=0, late=0, skipped=0)

    async def run(self) -> None:
        await self._stage.run()


class QuietMouth(FakeMouth):
    """A mouth that knows manners."""

    manner = (1.0, 0.0)

    def wish(self, speed: float, gain: float) -> None:
        self.manner = (speed, gain)


@dataclass
class Eyes:
    """What the camera sees.

    Attributes:
        people: Before the kiosk.
        blind: It is covered.
    """

    people: tuple[Person, ...] = ()
    blind: bool = False

    async def look(self, jpeg: bytes) -> Seen:
        return Seen(() if self.blind else self.people, None, self.blind)


@dataclass
class LongDay:
    """A running kiosk.

    Attributes:
        log: Events of the session that is on.
        sessions: The server's.
        mouth: The voice of the session that is on.
    """

    engine: Engine
    kiosk: Kiosk
    eyes: Eyes
    sessions: Sessions
    curator: Curator
    mind: FakeMind
    wall: WallTime
    patch: pytest.MonkeyPatch
    log: list[Event] = field(default_factory=list)
    peers: list[FakePeer] = field(default_factory=list)
    disk_full: bool = False

    @property
    def session(self) -> LiveSession:
        """The one on the screen."""
        (guest,) = self.sessions.all()
        return cast(LiveSession, guest.session)

    @property
    def ears(self) -> QuietEars:
        return cast(QuietEars, self.session.listener)

    @property
    def mouth(self) -> QuietMouth:
        return cast(QuietMouth, self.session.mouth)

    async def open_page(self) -> None:
        """The page asks for a session and connects, as often as it takes."""
        session = await self.sessions.create(Wish(screen=True))
        self.log.clear()
        await self.sessions.attach(session.id, OFFER)
        del self.peers[:-1]

    def send(self, **message: Any) -> None:
        """The page sends a message."""
        self.peers[-1].on_message(message)

    async def look(self) -> str:
        """The page sends a picture of the camera; the state."""
        return (await self.kiosk.look(b"jpeg")).state


@contextlib.asynccontextmanager
async def long_day(
    folder: Path, patch: pytest.MonkeyPatch, wall: WallTime, answer: Any
) -> AsyncIterator[LongDay]:
    """A kiosk whose files are in ``folder``.

    Args:
        folder: The home.
        patch: What the test replaces.
        wall: The calendar.
        answer: The mind's answer, a script for `FakeMind`, to a text.
    """
    patch.setenv("DH_HOME", str(folder))
    settings.cache_clear()
    patch.setattr("time.time", wall.time)
    patch.setattr("os.fsync", lambda file: None)  # how fast the disk is does not matter here
    for name, fake in {
        "WallClock": LoopClock, "Performer": QuietStage, "Listener": QuietEars, "Pacer": QuietPacer,
        "load_voice": lambda *_: SimpleNamespace(person="nobody", consent=""),
        "find_background": lambda *_: None, "_CONSENT_EVERY": 10.0,
    }.items():  # fmt: skip
        patch.setattr(session_module, name, fake)
    chosen = settings().model_copy(update={"llm": LlmSettings(backend="none")})
    engine = Engine(chosen)
    engine.recognizer = engine.judge = cast(Any, None)
    mind = Answers(answer)
    manifest = SimpleNamespace(person="nobody", consent="")

    async def avatar(name: str) -> Any:
        return SimpleNamespace(manifest=manifest)

    patch.setattr(engine, "avatar", avatar)
    patch.setattr(engine, "mouth", lambda voice, cast: QuietMouth())
    persona = cast(Cast, SimpleNamespace(
        persona=PERSONA, mind=mind, hot_words=None, knowledge=None, poems=None, place=None,
    ))  # fmt: skip
    reports, clock, eyes = ReportStore(folder / "reports", engine.audit), LoopClock(), Eyes()

    async def make(id: str, wish: Wish) -> LiveSession:
        return LiveSession(id, engine, persona, reports=reports, hall=Hall())

    day: LongDay

    def new_peer(broadcast: Any, **options: Any) -> FakePeer:
        day.peers.append(FakePeer(broadcast, **options))
        return day.peers[-1]

    sessions = Sessions(
        make, admission=Admission(2, limit=1), new_peer=new_peer, personas=lambda: [PERSONA],
        draw=cast(Any, None), clock=clock,
    )  # fmt: skip
    sessions.TICK_S = 1.0  # type: ignore[misc]
    book = Curator(folder / "kiosk", lambda: wall.now().date())
    sessions.on_open.append(lambda session: book.watch(session.events))
    sessions.on_open.append(lambda session: session.events.listen(day.log.append))
    kiosk = Kiosk(PERSONA, clock, watcher=eyes, presence=Presence())
    day = LongDay(engine, kiosk, eyes, sessions, book, mind, wall, patch)
    replace = curator_module._replace

    def write(path: Path, text: str) -> None:
        if day.disk_full:
            raise ResourceError(f"{path}: No space left on device")
        replace(path, text)

    patch.setattr(curator_module, "_replace", write)
    tasks = [asyncio.create_task(sessions.run()), asyncio.create_task(book.run())]
    try:
        yield day
    finally:
        await sessions.close_all("the day is over")
        day.disk_full = False
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        reports.close()
        await engine.close()
        settings.cache_clear()


class Answers(FakeMind):
    """A mind whose answers are made as they are asked for, and which remembers none."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer = answer
        self.hangs = 0

    async def think(self, text: str, language: Any, history: Any, *, cancelled: Any) -> Any:
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(3600)
        for step in self._answer(text, language):
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    async def expect(self, *_: Any, **__: Any) -> None: ...
    def warm(self, *_: Any, **__: Any) -> None: ...
    def close(self) -> None: ...
    def lessons(self) -> list[Any]:
        return []


def answered(text: str, language: Any, known: bool) -> list[float | Thought]:
    """An answer from the knowledge, or that it is not known."""
    if known:
        reply = f"关于{text[-4:]}，我知道。" if language == "zh" else f"I know about {text[-9:]}."
        return [0.05, Line(reply, language, "knowledge")]
    return [0.3, Line(PERSONA.decline[language][0], language, "decline")]
