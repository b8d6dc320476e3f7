"""Every stage of a real session made to raise: the face goes on, the stage is back, one is told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from digital_human.apps.live.session import LiveSession
from digital_human.core.events import Event
from digital_human.core.frames import FloatArray
from digital_human.speech.speaker import Speaker
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.realtime.conftest import QUESTION, House

pytestmark = [pytest.mark.weights, pytest.mark.slow]

BACK_WITHIN = 2.0
APOLOGY = "不好意思"
ANSWER = "雷峰塔早上八点"


class Failing:
    """Stands in for a method and raises the first ``times`` it is called."""

    def __init__(self, owner: Any, name: str, times: int = 1) -> None:
        self.owner, self.name, self.times = owner, name, times
        self.inner: Callable[..., Any] = getattr(owner, name)
        self.raised = 0

    def __enter__(self) -> Failing:
        setattr(self.owner, self.name, self._call)
        return self

    def __exit__(self, *_: object) -> None:
        setattr(self.owner, self.name, self.inner)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        if self.raised < self.times:
            self.raised += 1
            raise RuntimeError(f"{self.name} broke")
        return self.inner(*args, **kwargs)


class Hanging:
    """Stands in for a method that does not come back while the block lasts."""

    def __init__(self, owner: Any, name: str) -> None:
        self.owner, self.name = owner, name
        self.inner: Callable[..., Any] = getattr(owner, name)
        self.gate = threading.Event()
        self.since: float | None = None

    def __enter__(self) -> Hanging:
        setattr(self.owner, self.name, self._call)
        return self

    def __exit__(self, *_: object) -> None:
        setattr(self.owner, self.name, self.inner)
        self.gate.set()

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        self.since = self.since or time.monotonic()
        self.gate.wait(60)
        return self.inner(*args, **kwargs)


class Watched:
    """A session with a viewer, and its events."""

    def __init__(self, session: LiveSession, client: Client) -> None:
        self.session, self.client = session, client
        self.events: list[Event] = []
        session.events.listen(self.events.append)

    def kinds(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    async def until(self, done: Callable[[], bool], within: float) -> None:
        try:
            async with asyncio.timeout(within):
                while True:
                    if done():
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError([(e.kind, e.data) for e in self.events]) from None

    async def pictures_go_on(self) -> None:
        """The viewer still gets pictures."""
        before = len(self.client.pictures)
        await self.until(lambda: len(self.client.pictures) >= before + 10, 5)

    def said(self, words: str) -> bool:
        return any(words in event.data["text"] for event in self.kinds("caption"))


@asynccontextmanager
async def watched(house: House) -> AsyncIterator[Watched]:
    session = await house.session()
    peer = Peer(session.broadcast, on_audio=session.hear)
    client = Client(channel=False)
    try:
        await client.accept(await peer.answer(await client.offer()))
        seen = Watched(session, client)
        await seen.until(lambda: len(client.pictures) > 2, 10)
        yield seen
    finally:
        await client.close()
        await peer.close()
        await session.close("over")


def restored_in_time(seen: Watched, stage: str) -> None:
    failed = [e for e in seen.kinds("stage.failed") if e.data["stage"] == stage]
    restored = [e for e in seen.kinds("stage.restored") if e.data["stage"] == stage]
    assert failed and restored, seen.events
    assert "broke" in failed[0].data["error"]
    assert restored[0].at - failed[0].at <= BACK_WITHIN


@pytest.mark.parametrize(
    ("stage", "spot"),
    [
        ("picture", lambda s: (s.performer, "picture")),
        ("sound", lambda s: (s.performer, "sound")),
        ("encoder", lambda s: (s.broadcast, "encode")),
        ("out", lambda s: (s.pacer, "_release_frame")),
        ("conversation", lambda s: (s.conversation, "_obey")),
    ],
)
def test_a_stage_that_breaks_is_back_and_the_face_goes_on(
    house: House, stage: str, spot: Callable[[LiveSession], tuple[Any, str]]
) -> None:
    async def story() -> None:
        async with watched(house) as seen:
            owner, name = spot(seen.session)
            with Failing(owner, name) as failing:
                for _ in range(2):  # the first call is bound already
                    seen.session.say("好。")
                await seen.until(lambda: failing.raised > 0, 15)
                await seen.until(lambda: bool(seen.kinds("stage.restored")), BACK_WITHIN)
            await seen.pictures_go_on()
            restored_in_time(seen, stage)
            seen.session.ask(QUESTION)
            await seen.until(lambda: seen.said(ANSWER), 20)

    house.run(story())


async def told_in_time(seen: Watched, stage: str, hanging: Hanging) -> None:
    def failed() -> bool:
        return any(event.data["stage"] == stage for event in seen.kinds("stage.failed"))

    await seen.until(lambda: hanging.since is not None, 15)
    await seen.until(failed, 5)
    assert hanging.since is not None and time.monotonic() - hanging.since <= BACK_WITHIN


def restored(seen: Watched, stage: str) -> bool:
    return any(event.data["stage"] == stage for event in seen.kinds("stage.restored"))


def test_a_picture_that_hangs_is_noticed_and_the_face_stays(house: House) -> None:
    async def story() -> None:
        async with watched(house) as seen:
            with Hanging(seen.session.performer._picture, "draw") as hanging:
                await told_in_time(seen, "picture", hanging)
                await seen.pictures_go_on()
                seen.session.ask(QUESTION)
                await seen.until(lambda: seen.said(ANSWER), 20)  # it is heard all the same
            await seen.until(lambda: restored(seen, "picture"), BACK_WITHIN)

    house.run(story())


def test_an_encoder_that_hangs_is_replaced(house: House) -> None:
    async def story() -> None:
        async with watched(house) as seen:
            (line,) = seen.session.broadcast._lines.values()
            with Hanging(line, "encode") as hanging:
                await told_in_time(seen, "encoder", hanging)
                await seen.until(lambda: restored(seen, "encoder"), BACK_WITHIN)
                await seen.pictures_go_on()

    house.run(story())


@pytest.mark.parametrize("stage", ["recogniser", "judge"])
def test_ears_that_hang_are_noticed_and_replaced(house: House, stage: str) -> None:
    asked = question(QUESTION)

    async def story() -> None:
        async with watched(house) as seen:
            assert seen.client.microphone is not None
            listener, engine = seen.session.listener, house.engine
            spot = {"recogniser": (engine.recognizer, "recognise"), "judge": (listener, "_judge")}
            with Hanging(*spot[stage]) as hanging:
                await seen.client.microphone.play(asked, 24_000)
                await told_in_time(seen, stage, hanging)
                said = APOLOGY if stage == "recogniser" else ANSWER
                await seen.until(lambda: seen.said(said), 25)
            await seen.until(lambda: bool(seen.kinds("reply.finished")), 20)
            await asyncio.sleep(0.5)
            await seen.client.microphone.play(asked, 24_000)
            await seen.until(lambda: restored(seen, stage), 40)
            await seen.until(lambda: seen.said(ANSWER), 25)

    house.run(story(), 150)


def test_a_voice_that_breaks_is_apologised_for_and_back(house: House) -> None:
    async def story() -> None:
        async with watched(house) as seen:
            mouth = seen.session.conversation._replies._crew.mouth
            with Failing(mouth, "speak"):
                seen.session.ask(QUESTION)
                await seen.until(lambda: seen.said(APOLOGY), 20)
            await seen.pictures_go_on()
            seen.session.ask(QUESTION)
            await seen.until(lambda: seen.said(ANSWER), 20)
            assert seen.kinds("stage.failed")

    house.run(story())


def test_a_mind_that_breaks_is_apologised_for_and_back(house: House) -> None:
    async def story() -> None:
        async with watched(house) as seen:
            with Failing(seen.session._cast.mind, "think"):
                seen.session.ask(QUESTION)
                await seen.until(lambda: seen.said(APOLOGY), 20)
            seen.session.ask(QUESTION)
            await seen.until(lambda: seen.said(ANSWER), 20)
            assert "broke" in seen.kinds("stage.failed")[0].data["error"]

    house.run(story())


def question(text: str) -> FloatArray:
    speech = next(Speaker("yunjian").say(text, language="zh"))
    return np.concatenate([np.zeros(12_000, np.float32), speech.pcm, np.zeros(24_000, np.float32)])


def test_ears_that_break_are_apologised_for_and_hear_the_next_question(house: House) -> None:
    asked = question(QUESTION)

    async def story() -> None:
        async with watched(house) as seen:
            assert seen.client.microphone is not None
            with Failing(house.engine.recognizer, "recognise", times=100):
                await seen.client.microphone.play(asked, 24_000)
                await seen.until(lambda: seen.said(APOLOGY), 25)
            await seen.until(lambda: bool(seen.kinds("reply.finished")), 20)
            await asyncio.sleep(0.5)
            await seen.client.microphone.play(asked, 24_000)
            await seen.until(lambda: seen.said(ANSWER), 25)

    house.run(story(), 90)


def test_a_session_ends_and_leaves_nothing(house: House) -> None:
    async def story() -> int:
        async with watched(house) as seen:
            seen.session.greet()
            await seen.until(lambda: seen.said("云舒"), 15)
        started = time.monotonic()
        while time.monotonic() - started < 3:
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            if not left:
                return 0
            await asyncio.sleep(0.05)
        return len(left)

    assert house.run(story()) == 0
