"""Eight hours of a kiosk in virtual time: visitors by chance, a fault every five minutes."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import random
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from digital_human.apps.kiosk.curator import read_unanswered, read_usage
from digital_human.apps.kiosk.presence import Person, Presence
from digital_human.dialogue.types import Thought
from digital_human.speech.types import Language
from tests.fakes.live import PERSONA
from tests.fakes.long_day import LongDay, WallTime, answered, long_day
from tests.fakes.server import FakePeer
from tests.fakes.virtual_time import virtual_time

HOURS = 8
FAULT_EVERY = 300.0
WITHIN = 5.0  # s after which something must be heard, whatever has broken
GROWTH = 2000  # blocks of memory that Python may hold more after hour 7 than after hour 2
UNKNOWN = ("天文馆在哪里", "Where is the submarine hall")
KNOWN = ("断桥在哪里", "雷峰塔几点开放", "苏堤是谁修的", "Where is the bridge", "When does it open")
FAULTS = (
    "ears", "voice", "mind", "camera", "disk", "an hour ahead", "page killed", "an hour back",
    "page reloaded", "connection lost",
)  # fmt: skip


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Nothing is kept of what is logged."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    structlog.reset_defaults()


def answer(text: str, language: Any) -> list[float | Thought]:
    return answered(text, language, not any(unknown in text for unknown in UNKNOWN))


class Day:
    """The visitors of one day.

    Args:
        kiosk: Where they go.
        seed: Another one gives another day.
    """

    def __init__(self, kiosk: LongDay, seed: int) -> None:
        self.kiosk, self.chance = kiosk, random.Random(seed)
        self.expected: Counter[str] = Counter()
        self.sessions = 0
        self.visitor = 0
        self.faults: Counter[str] = Counter()
        self.slowest = 0.0
        self.baseline: dict[str, int] = {}
        self.blocks: dict[int, int] = {}  # of memory that Python holds, at the start of each hour

    async def pass_(self) -> None:
        """Visitor after visitor, until the day is over."""
        await self.open_page()
        due, fault = FAULT_EVERY, 0
        while (now := self.now()) < HOURS * 3600:
            await asyncio.sleep(self.chance.expovariate(1 / 60))
            broken = None
            if now >= due:
                broken, due, fault = FAULTS[fault % len(FAULTS)], due + FAULT_EVERY, fault + 1
                self.faults[broken] += 1
            await self.visit(broken)
            await self.rest()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def open_page(self) -> None:
        await self.kiosk.open_page()
        self.sessions += 1
        self.clean()

    def clean(self) -> None:
        """The session on the screen knows nothing of anybody."""
        session = self.kiosk.session
        assert not session.history.exchanges and session.spot is None
        assert session.language == "auto" and self.kiosk.mouth.manner == (1.0, 0.0)
        assert session.history.visit.profile.age is None
        assert not session.history.visit.profile.with_children

    async def visit(self, broken: str | None) -> None:
        """Comes near or touches, asks, leaves."""
        self.visitor += 1
        kiosk, chance = self.kiosk, self.chance
        language = cast(Language, chance.choice(("zh", "en")))
        self.gone = weakref.ref(kiosk.session)
        kiosk.eyes.blind = broken == "camera"
        kiosk.eyes.people = (Person(self.visitor, 1.2, True),)
        state = ""
        for _ in range(20):
            if kiosk.eyes.blind:
                kiosk.kiosk.touched()
            state = await kiosk.look()
            await asyncio.sleep(0.25)
            if state == "here":
                break
        assert state == "here", f"visitor {self.visitor} was not noticed"
        if chance.random() < 0.5:
            kiosk.send(type="language", language=language)
        await self.heard(lambda: kiosk.send(type="hello"))
        self.expected["visits"] += 1
        await self.tell_of_oneself(language)
        for number in range(chance.randint(1, 4)):
            if number == 0 and broken is not None:
                await self.break_(broken, language)
            await self.ask(language)
            if chance.random() < 0.2:  # barges in
                await self.ask(language, at_once=True)
        if chance.random() < 0.4:
            kiosk.send(type="rate", score=(score := chance.randint(0, 1)))
            self.expected["good" if score else "bad"] += 1
            await asyncio.sleep(0.1)
        await self.leave(goodbye=chance.random() < 0.5)

    async def tell_of_oneself(self, language: Language) -> None:
        kiosk = self.kiosk
        kiosk.send(type="spot", id=f"spot{self.visitor}")
        kiosk.send(type="manner", speed=0.85, gain=3.0)
        words = f"我八岁，我是{self.visitor}号。断桥在哪里"
        kiosk.send(type="text", text=words, language="zh")
        self.expected["questions"] += 1
        await self.finished()
        assert self.kiosk.session.history.visit.profile.age == "child"

    async def ask(self, language: Language, at_once: bool = False) -> None:
        """A question, spoken or typed, known or not; it is answered in time."""
        kiosk, chance = self.kiosk, self.chance
        pool = KNOWN if chance.random() < 0.7 else UNKNOWN
        text = chance.choice([one for one in pool if one.isascii() == (language == "en")])
        if not at_once:
            await self.finished()
        if chance.random() < 0.5:
            await self.heard(lambda: kiosk.send(type="text", text=text, language=language))
        else:
            kiosk.ears.say(text, 1.6)
            await asyncio.sleep(1.9)
            await self.heard(lambda: None)
        self.expected["questions"] += 1
        self.expected["unanswered"] += text in UNKNOWN
        if not at_once:
            await self.finished()

    async def heard(self, act: Any) -> None:
        """Something is said within `WITHIN` of ``act``."""
        stage = self.kiosk.session.performer
        before, began = len(stage.aloud), self.now()
        act()
        try:
            async with asyncio.timeout(60):
                await stage.until(lambda: len(stage.aloud) > before)
        except TimeoutError:
            told = [(e.kind, e.data) for e in self.kiosk.log[-12:]]
            raise AssertionError(f"visitor {self.visitor} heard nothing: {told}") from None
        self.slowest = max(self.slowest, self.now() - began)
        assert self.now() - began <= WITHIN, f"visitor {self.visitor} waited at {began:.0f} s"

    async def finished(self) -> None:
        """Until nothing is said or thought any more."""
        async with asyncio.timeout(120):
            while self.kiosk.session._state != "idle":  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await asyncio.sleep(1.6)  # a new voice would go on with the same question

    async def leave(self, goodbye: bool) -> None:
        kiosk = self.kiosk
        kiosk.eyes.people, kiosk.eyes.blind = (), False
        if goodbye:
            kiosk.kiosk.reset()
        else:
            state = "here"
            for _ in range(60):
                if (state := await kiosk.look()) != "here":
                    break
                await asyncio.sleep(0.5)
            assert state != "here", f"visitor {self.visitor} is still here"
        await kiosk.sessions.close(kiosk.session.id, "ended by a call")
        await self.open_page()

    # What goes wrong ---------------------------------------------------------------------------

    async def break_(self, fault: str, language: Language) -> None:
        kiosk = self.kiosk
        # Nobody else asks this: what was spoken before is not spoken anew.
        text = "三潭印月是什么" if language == "zh" else "What are the three pools"
        if fault == "ears":
            kiosk.ears.broken = 1
            kiosk.ears.say(text, 1.6)
            await asyncio.sleep(1.9)
            await self.heard(lambda: None)
            await self.finished()
            self.apologised("zh", "en")  # it has not heard which language it was
            self.expected["misheard"] += sum(e.kind == "misheard" for e in kiosk.log)
        elif fault in ("voice", "mind"):
            if fault == "voice":
                kiosk.mouth.broken["*"] = 1
            else:
                kiosk.mind.hangs = 1
            await self.heard(lambda: kiosk.send(type="text", text=text, language=language))
            self.expected["questions"] += 1
            await self.finished()
            self.apologised(language)
        elif fault == "disk":
            kiosk.disk_full = True
            asyncio.get_running_loop().call_later(90, setattr, kiosk, "disk_full", False)
        elif fault.startswith("an hour"):
            kiosk.wall.jump(timedelta(hours=1 if "ahead" in fault else -1))
        elif fault == "connection lost":  # for seconds: the same page connects again
            id = kiosk.session.id
            await kiosk.peers[-1].close()
            await asyncio.sleep(3)
            await kiosk.sessions.attach(id, "v=0\r\n")
            del kiosk.peers[:-1]
            assert kiosk.session.history.visit.profile.age == "child", "the visit goes on"
        elif fault.startswith("page"):
            await self.lose_page(killed="killed" in fault)

    def apologised(self, *languages: Language) -> None:
        words = (word for _, _, word in self.kiosk.session.performer.aloud)
        said = "".join(words).replace(" ", "")
        assert any(PERSONA.apology[one].replace(" ", "") in said for one in languages), said

    async def lose_page(self, killed: bool) -> None:
        """The browser comes back with a new page, and the visitor is greeted anew."""
        kiosk, began = self.kiosk, self.now()
        if killed:
            gone, since = kiosk.peers[-1], self.now()
            stop = asyncio.create_task(_fall_silent(gone, since))
        else:
            await kiosk.peers[-1].close()
        await self.open_page()
        if killed:
            stop.cancel()
        kiosk.send(type="hello")
        stage = kiosk.session.performer
        async with asyncio.timeout(60):
            await stage.until(lambda: bool(stage.aloud))
        assert self.now() - began <= WITHIN, f"the page was gone for {self.now() - began:.1f} s"
        self.expected["visits"] += 1

    # What remains ------------------------------------------------------------------------------

    async def rest(self) -> None:
        """After a visit everything is as it was after the first ones."""
        await asyncio.sleep(5)
        gc.collect()
        assert self.gone() is None, "the session of a visit that is over is still in memory"
        self.blocks.setdefault(int(self.now() // 3600), sys.getallocatedblocks())
        held, presence = self.held(), self.kiosk.kiosk.presence
        assert isinstance(presence, Presence)
        assert len(presence._members | presence._others | presence._done) <= 1
        if self.visitor == 5:
            self.baseline = held
        elif self.visitor > 5:
            assert held == self.baseline

    def held(self) -> dict[str, int]:
        """The size of everything that could grow."""
        kiosk, session = self.kiosk, self.kiosk.session
        return {
            "tasks": len(asyncio.all_tasks()), "threads": threading.active_count(),
            "sessions": len(kiosk.sessions), "connections": FakePeer.alive,
            "opened": len(kiosk.sessions.on_open), "closed": len(kiosk.sessions.on_close),
            "users of the engine": len(kiosk.engine._busy),
            "listeners": len(session.events._listeners),
            "days": 0 if kiosk.disk_full else len(kiosk.curator._counts),
            "questions": 0 if kiosk.disk_full else len(kiosk.curator._questions),
        }  # fmt: skip


async def _fall_silent(peer: FakePeer, since: float) -> None:
    while True:
        peer.quiet = asyncio.get_running_loop().time() - since
        await asyncio.sleep(0.05)


@pytest.mark.timeout(900)
def test_eight_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Summer time ends at three in this night, so two o'clock comes twice; midnight is in it too.
    wall = WallTime(datetime(2026, 10, 24, 21, 30), "Europe/Berlin")
    gc.collect()
    gc.freeze()
    day: Day

    @virtual_time
    async def story() -> None:
        nonlocal day
        async with long_day(tmp_path, monkeypatch, wall, answer) as kiosk:
            day = Day(kiosk, seed=1)
            await day.pass_()

    try:
        story()
    finally:
        gc.unfreeze()
    assert day.visitor > 200 and sum(day.faults.values()) >= 90 and len(day.faults) == len(FAULTS)
    assert day.slowest <= WITHIN
    usage = read_usage(tmp_path / "kiosk")
    assert [str(date) for date in usage] == ["2026-10-24", "2026-10-25"]
    counted = Counter[str]()
    for one in usage.values():
        counted.update({name: getattr(one, name) for name in day.expected})
    assert counted == day.expected
    assert len(read_unanswered(tmp_path / "kiosk")) == day.expected["unanswered"]
    records = sum(line.count('"session"') for line in _audit(tmp_path))
    assert records >= day.sessions
    assert math.isclose(wall.ahead, 3600 * (day.faults[FAULTS[5]] - day.faults[FAULTS[7]]))
    assert day.blocks[HOURS - 1] - day.blocks[2] < GROWTH, day.blocks


def _audit(home: Path) -> list[str]:
    return [path.read_text("utf-8") for path in (home / "audit").glob("*.jsonl")]
