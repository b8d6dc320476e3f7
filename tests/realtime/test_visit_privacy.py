"""A visit leaves nothing of the visitor: not on the disk, not in the logs, not in memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import weakref
from pathlib import Path

import pytest
import structlog

from digital_human.apps.kiosk.curator import Curator, curator_folder, read_unanswered
from digital_human.apps.live.amends import Amends
from digital_human.apps.live.session import LiveSession
from digital_human.config import settings
from digital_human.core.events import Event, Events
from digital_human.dialogue.types import Line, Replaced, Thought
from digital_human.server.logs import log_event
from digital_human.speech.hall import Hall
from digital_human.speech.hearing import Abandon, Commit, Started, Transcript
from tests.fakes.live import PERSONA, World, sure
from tests.fakes.virtual_time import LoopClock, virtual_time
from tests.realtime.conftest import PERSONA as NAME
from tests.realtime.conftest import House

SECRETS = ("欧阳晓岚", "今年九岁", "13987654321", "Wainwright", "pineapple street")
ALOUD = "我叫欧阳晓岚，今年九岁，我带孩子欧阳晓岚来的，电话是13987654321。湖底的潜水艇展厅在哪里？"
TYPED = "My name is Wainwright, I live on pineapple street. Where is the submarine hall?"


@contextlib.contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture):  # type: ignore[no-untyped-def]
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        yield logs


async def visit(house: House, curator: Curator) -> list[Event]:
    """A visit in which the visitor tells all of themselves, aloud and by touch."""
    cast = await house.engine.cast(NAME)
    id = "feedbeef0123456789abcdef"
    session = LiveSession(id, house.engine, cast, reports=house.reports, hall=Hall())
    told: list[Event] = []
    session.events.listen(told.append)
    session.events.listen(log_event)
    curator.watch(session.events)
    await session.start()

    async def answered(number: int) -> None:
        """Wait until the question of that number has been answered."""
        async with asyncio.timeout(60):
            while True:
                turns = [e.turn for e in told if e.kind == "heard.final"]
                over = {e.turn for e in told if e.kind == "reply.finished"}
                if len(turns) == number and turns[-1] in over:
                    return
                await asyncio.sleep(0.05)

    session.set_manner(1.0, 3.0)
    session.stand_at("leifeng")
    session.conversation.on_ear(Started(0.0))
    transcript = Transcript(ALOUD, "zh", 0.0, 1.0, 1, 0.9)
    session.conversation.on_ear(Commit(transcript, "silence", 0.3))
    await answered(1)
    session.ask(TYPED, "en")
    await answered(2)
    session.rate(1)
    profile = session.history.visit.profile
    assert profile.age == "child" and profile.with_children and profile.spot == "leifeng"
    await session.close("left")
    return told


@pytest.mark.weights
@pytest.mark.slow
def test_nothing_of_the_visitor_remains(house: House, caplog: pytest.LogCaptureFixture) -> None:
    home = settings().home
    before = {p: p.stat().st_mtime_ns for p in files(home)}
    curator = Curator(curator_folder(NAME))

    async def story() -> list[Event]:
        writing = asyncio.create_task(curator.run())
        try:
            return await visit(house, curator)
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    with everything_logged(caplog) as logs:
        told = house.run(story(), 180)
    assert any(e.kind == "unanswered" for e in told)
    assert {one.question for one in read_unanswered(curator_folder(NAME))} >= {
        "湖底的潜水艇展厅在哪里？", "Where is the submarine hall?",
    }  # fmt: skip
    changed = [p for p in files(home) if before.get(p) != p.stat().st_mtime_ns]
    assert changed, "the audit log and the curator's files at least"
    # What is packed could hide words: only text was written.
    kinds = {p.relative_to(home).parts[0] for p in changed}
    assert kinds <= {"audit", "kiosk"}, changed
    written = [path.read_bytes() for path in files(home)]
    written += [caplog.text.encode(), repr(list(logs)).encode()]
    assert len(logs) > 5, "what happened was logged"
    for secret in SECRETS:
        for form in (secret.encode(), json.dumps(secret)[1:-1].encode()):
            assert not any(form in content for content in written), secret


def files(home: Path) -> list[Path]:
    """All files but the models, which are linked from elsewhere."""
    return [
        path
        for folder in home.iterdir()
        if not folder.is_symlink()
        for path in ([folder] if folder.is_file() else folder.rglob("*"))
        if path.is_file()
    ]


@virtual_time
async def test_a_session_that_is_over_is_gone_from_memory() -> None:
    async with World({"我八岁。断桥在哪里": sure("断桥在白堤东端。")}) as w:
        w.say("我八岁。断桥在哪里", 1.0)
        await w.until("reply.finished")
        assert w.history.visit.profile.age == "child"
        kept = weakref.ref(w.history.visit)
    del w
    await asyncio.sleep(0)
    gc.collect()
    assert kept() is None


# Not answered and not understood ------------------------------------------------------------------


@virtual_time
async def test_a_question_that_is_declined_is_told_as_unanswered() -> None:
    decline = Line(PERSONA.decline["zh"][0], "zh", "decline")
    answers: dict[str, list[float | Thought | Exception]] = {
        "天文馆在哪": [decline], "断桥在哪": sure("断桥在白堤东端。"),
        "说句坏话": [Replaced("坏话", "block", ("x",)), decline],
        "先说后断": [Line("苏堤很长。", "zh", "llm"), decline],
    }  # fmt: skip
    async with World(answers) as w:
        for number, question in enumerate(answers, start=1):
            w.say(question, 1.0)
            await w.until("reply.finished", number)
            await w.sleep(0.5)
        assert [(e.turn, e.data) for e in w.of("unanswered")] == [
            (1, {"question": "天文馆在哪", "language": "zh"}),
            (4, {"question": "先说后断", "language": "zh"}),
        ]


def amends(asks_again: bool = True) -> tuple[Amends, list[Event], LoopClock]:
    clock, told = LoopClock(), list[Event]()
    events = Events("test", clock.now)
    events.listen(told.append)
    return Amends(PERSONA, events, clock, asks_again=asks_again), told, clock


@virtual_time
async def test_it_asks_again_differently_and_not_for_ever() -> None:
    made, told, _ = amends()
    voice = Abandon("empty", 0.9)
    assert made.ask_again(voice, 1, "zh") is None, "nobody talks with it"
    made.addressed()
    said = []
    for turn in range(1, 6):
        said.append(made.ask_again(voice, turn, "zh"))
        assert made.ask_again(voice, turn, "zh") is None, "at once after it has asked"
        await asyncio.sleep(4)
    wordings = PERSONA.ask_again["zh"]
    assert [line.text for line in said if line] == [wordings[0], wordings[-1], wordings[-1]]
    assert [e.data["times"] for e in told] == [1, 2, 3]
    made.addressed(understood=True)
    again = made.ask_again(voice, 9, "en")
    assert again is not None and again.text == PERSONA.ask_again["en"][0]
    assert told[-1].data == {"times": 1}


@pytest.mark.parametrize(
    "heard", [Abandon("noise", 0.9), Abandon("far", 2.0), Abandon("empty", 0.2),
              Abandon("backchannel", 0.9)],
)  # fmt: skip
@virtual_time
async def test_noise_and_the_hall_are_not_asked(heard: Abandon) -> None:
    made, told, _ = amends()
    made.addressed()
    assert made.ask_again(heard, 1, "zh") is None and told == []


@virtual_time
async def test_long_after_the_last_words_nobody_is_asked() -> None:
    made, _, _ = amends()
    made.addressed()
    await asyncio.sleep(60)
    assert made.ask_again(Abandon("empty", 0.9), 1, "zh") is None
    other, _, _ = amends(asks_again=False)
    other.addressed()
    assert other.ask_again(Abandon("empty", 0.9), 1, "zh") is None
