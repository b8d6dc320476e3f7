"""The life of sessions: made, attached to, watched, ended, and nothing left over."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from digital_human.apps.live.admission import Admission, Refused
from digital_human.apps.live.guests import NoSession, Wish
from digital_human.apps.live.sessions import Sessions
from digital_human.errors import InputError, ResourceError
from digital_human.transport.egress import Publication
from tests.fakes.server import FakePeer, FakePersona, FakePoster, FakeSession

OFFER = "v=0\r\n"


class HandClock:
    """Time moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    async def wait_until(self, when: float) -> None:
        self.time = max(self.time, when)
        await asyncio.sleep(0)


class House:
    """Sessions with all that was made for them."""

    def __init__(self, **changes: Any) -> None:
        self.clock = HandClock()
        self.made: list[FakeSession] = []
        self.peers: list[FakePeer] = []
        FakePeer.alive = 0
        settings: dict[str, Any] = {
            "admission": Admission(64), "new_peer": self.new_peer,
            "personas": lambda: [FakePersona()], "draw": self.draw, "clock": self.clock,
        } | changes  # fmt: skip
        self.sessions = Sessions(self.make, **settings)

    async def make(self, id: str, wish: Wish) -> FakeSession:
        await asyncio.sleep(0)
        self.made.append(FakeSession(id, wish))
        return self.made[-1]

    async def draw(self, name: str) -> FakePoster:
        return FakePoster()

    def new_peer(self, broadcast: Any, **options: Any) -> FakePeer:
        self.peers.append(FakePeer(broadcast, **options))
        return self.peers[-1]


@pytest.fixture
def house() -> Iterator[House]:
    yield House()
    FakePeer.delay = 0.0


async def test_ids_are_unguessable_and_unlike(house: House) -> None:
    ids = {(await house.sessions.create(Wish())).id for _ in range(20)}
    assert len(ids) == 20 and all(len(id) == 24 for id in ids)


async def test_a_wish_that_cannot_be_met_leaves_nothing(house: House) -> None:
    with pytest.raises(InputError, match="persona 'nobody'"):
        await house.sessions.create(Wish(persona="nobody"))
    assert len(house.sessions) == 0


async def test_a_session_that_does_not_start_is_closed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: FakeSession) -> None:
        raise ResourceError("no memory")

    monkeypatch.setattr(FakeSession, "start", broken)
    with pytest.raises(ResourceError, match="no memory"):
        await house.sessions.create(Wish())
    assert house.made[0].closed and len(house.sessions) == 0


async def test_starting_sessions_count_towards_the_limit() -> None:
    house = House(admission=Admission(2, limit=2))
    results = await asyncio.gather(
        *(house.sessions.create(Wish()) for _ in range(50)), return_exceptions=True
    )
    assert sum(isinstance(result, FakeSession) for result in results) == 2
    assert all(isinstance(result, FakeSession | Refused) for result in results)
    assert len(house.sessions) == len(house.made) == 2
    assert house.sessions.refusals == 48


async def test_the_visitor_is_heard_and_told(house: House) -> None:
    session = await house.sessions.create(Wish())
    assert (await house.sessions.attach(session.id, OFFER)).startswith("v=0")
    (peer,) = house.peers
    peer.on_audio(house.made[0].heard)
    peer.on_message({"type": "ping", "t": 5})
    peer.on_message({"type": "unknown"})
    await asyncio.sleep(0.01)
    session.events.emit("state", state="idle")
    assert peer.sent[0] == {"type": "pong", "t": 5}
    assert [message["type"] for message in peer.sent] == ["pong", "error", "state"]


async def test_coming_back_replaces_the_connection_and_keeps_the_session(house: House) -> None:
    session = await house.sessions.create(Wish())
    await house.sessions.attach(session.id, OFFER)
    session.ask("断桥在哪里？")
    await house.sessions.attach(session.id, OFFER)
    old, new = house.peers
    assert old.closed.is_set() and not new.closed.is_set()
    session.events.emit("state", state="idle")
    assert [len(old.sent), len(new.sent)] == [0, 1]
    assert len(house.sessions.get(session.id).history.exchanges) == 1


async def test_a_wrong_offer_leaves_the_running_connection_alone(house: House) -> None:
    session = await house.sessions.create(Wish())
    await house.sessions.attach(session.id, OFFER)
    with pytest.raises(InputError, match="not SDP"):
        await house.sessions.attach(session.id, "hello")
    first, second = house.peers
    assert not first.closed.is_set() and second.closed.is_set()
    session.events.emit("state", state="idle")
    assert len(first.sent) == 1


async def shown(house: House, **wish: Any) -> FakeSession:
    """A kiosk's page is connected."""
    session = await house.sessions.create(Wish(screen=True, **wish))
    await house.sessions.attach(session.id, OFFER)
    return house.made[-1]


async def test_the_screen_of_a_crashed_page_is_free_in_two_seconds() -> None:
    house = House(admission=Admission(2, limit=1))
    before = await shown(house)
    house.peers[0].quiet = 1.2
    asked = house.clock.time

    async def silent() -> None:
        while not before.closed:
            house.peers[0].quiet = 1.2 + house.clock.time - asked
            await asyncio.sleep(0)

    waiting = asyncio.create_task(silent())
    after = await shown(house)
    await waiting
    assert before.closed == "another page is on the screen" and not after.closed
    assert 0.7 <= house.clock.time - asked <= 1.0 and len(house.sessions) == 1
    assert house.peers[0].closed.is_set() and not house.peers[1].closed.is_set()


async def test_a_page_loaded_anew_takes_the_screen_at_once() -> None:
    house = House(admission=Admission(2, limit=1))
    before = await shown(house)
    await house.peers[0].close()  # it said goodbye to its connection, not to its session
    asked = house.clock.time
    await shown(house)
    assert before.closed and house.clock.time - asked <= 0.2


async def test_a_page_that_is_there_keeps_the_screen() -> None:
    house = House(admission=Admission(2, limit=1))
    before = await shown(house)
    house.peers[0].quiet = 0.5  # all the time: it goes on sending
    for _ in range(2):
        with pytest.raises(Refused):
            await house.sessions.create(Wish(screen=True))
    assert not before.closed and len(house.sessions) == 1


async def test_a_page_that_has_just_come_has_time_to_connect() -> None:
    house = House(admission=Admission(2, limit=1))
    first = await house.sessions.create(Wish(screen=True))
    second = asyncio.create_task(house.sessions.create(Wish(screen=True)))
    await asyncio.sleep(0)
    await house.sessions.attach(first.id, OFFER)
    with pytest.raises(Refused):
        await second
    assert not house.made[0].closed
    gone = House(admission=Admission(2, limit=1))
    await gone.sessions.create(Wish(screen=True))  # and its page crashes
    await gone.sessions.create(Wish(screen=True))
    assert gone.made[0].closed and not gone.made[1].closed


async def test_a_screen_throws_nobody_else_out_and_nobody_else_the_screen(house: House) -> None:
    other = await house.sessions.create(Wish())
    await house.sessions.attach(other.id, OFFER)
    house.peers[0].quiet = 60.0
    screen = await shown(house)
    house.peers[1].quiet = 60.0
    await house.sessions.create(Wish())
    assert not house.made[0].closed and not screen.closed
    await shown(house)
    assert not house.made[0].closed and screen.closed


async def test_pages_that_crash_one_after_the_other_leave_one_session() -> None:
    house = House(admission=Admission(2, limit=1))
    for _ in range(20):
        session = await shown(house)
        house.peers[-1].quiet = 60.0
    assert len(house.sessions) == 1 and FakePeer.alive == 1
    assert [made.closed for made in house.made[-2:]] == ["another page is on the screen", ""]
    assert not session.closed


async def test_an_offer_without_answer_gives_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sessions, "ANSWER_S", 0.02)
    FakePeer.delay = 5.0
    session = await house.sessions.create(Wish())
    with pytest.raises(ResourceError, match="no answer to the offer"):
        await house.sessions.attach(session.id, OFFER)
    assert FakePeer.alive == 0


async def test_many_offers_at_once_are_refused_and_leave_one(house: House) -> None:
    FakePeer.delay = 0.001
    session = await house.sessions.create(Wish())
    results = await asyncio.gather(
        *(house.sessions.attach(session.id, OFFER) for _ in range(200)), return_exceptions=True
    )
    assert sum(isinstance(result, str) for result in results) == Sessions.OFFERS
    assert sum(isinstance(result, Refused) for result in results) == 200 - Sessions.OFFERS
    assert FakePeer.alive == 1
    await house.sessions.attach(session.id, OFFER)


async def test_a_session_that_ends_during_an_offer_keeps_no_connection(house: House) -> None:
    FakePeer.delay = 0.01
    session = await house.sessions.create(Wish())
    attaching = asyncio.ensure_future(house.sessions.attach(session.id, OFFER))
    await asyncio.sleep(0.002)
    await house.sessions.close(session.id, "ended")
    with pytest.raises(NoSession):
        await attaching
    assert FakePeer.alive == 0


async def test_onlookers_are_not_heard_and_limited(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sessions, "ONLOOKERS", 2)
    session = await house.sessions.create(Wish())
    first, _ = await house.sessions.watch(session.id, OFFER)
    await house.sessions.watch(session.id, OFFER)
    assert all(peer.on_audio is None and peer.on_message is None for peer in house.peers)
    session.events.emit("state", state="idle")
    assert not any(peer.sent for peer in house.peers)
    with pytest.raises(Refused, match="2 onlookers"):
        await house.sessions.watch(session.id, OFFER)
    await house.sessions.leave(session.id, first)
    with pytest.raises(NoSession):
        await house.sessions.leave(session.id, first)
    house.peers[1].closed.set()  # went away by itself
    await house.sessions.watch(session.id, OFFER)
    await house.sessions.watch(session.id, OFFER)


async def test_ending_frees_everything(house: House) -> None:
    session = await house.sessions.create(Wish())
    told: list[str] = []
    house.sessions.on_close.append(lambda one: told.append(one.id))
    await house.sessions.attach(session.id, OFFER)
    await house.sessions.watch(session.id, OFFER)
    id, gone = session.id, weakref.ref(session)
    await house.sessions.close(id, "enough")
    assert house.made[0].closed == "enough" and FakePeer.alive == 0 and told == [id]
    for call in (house.sessions.get, house.sessions.guest, house.sessions.drive):
        with pytest.raises(NoSession):
            call(id)
    with pytest.raises(NoSession):
        await house.sessions.close(id, "again")
    house.made.clear()
    house.peers.clear()
    del session
    gc.collect()
    assert gone() is None


async def test_a_failing_close_does_not_keep_the_rest(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: FakePeer) -> None:
        raise RuntimeError("socket")

    session = await house.sessions.create(Wish())
    await house.sessions.attach(session.id, OFFER)
    monkeypatch.setattr(FakePeer, "close", broken)
    await house.sessions.close(session.id, "enough")
    assert house.made[0].closed == "enough" and len(house.sessions) == 0


async def test_nobody_for_half_a_minute_ends_it(house: House) -> None:
    await house.sessions.create(Wish())
    house.clock.time += 29
    await house.sessions.sweep()
    assert len(house.sessions) == 1
    house.clock.time += 2
    await house.sessions.sweep()
    assert len(house.sessions) == 0 and house.made[0].closed == "nobody is connected"


async def test_calls_keep_it_for_ten_minutes(house: House) -> None:
    session = await house.sessions.create(Wish())
    house.sessions.drive(session.id).say("hello")
    house.clock.time += 599
    await house.sessions.sweep()
    assert len(house.sessions) == 1
    house.clock.time += 2
    await house.sessions.sweep()
    assert len(house.sessions) == 0


async def test_a_connection_keeps_it_for_ever_and_its_loss_ends_it(house: House) -> None:
    session = await house.sessions.create(Wish())
    await house.sessions.attach(session.id, OFFER)
    for _ in range(48):
        house.clock.time += 3600
        await house.sessions.sweep()
    assert len(house.sessions) == 1
    await house.peers[0].close()
    await house.sessions.sweep()
    assert house.sessions.guest(session.id).peer is None
    house.clock.time += 3
    await house.sessions.sweep()
    assert len(house.sessions) == 1
    house.clock.time += 2
    await house.sessions.sweep()
    assert len(house.sessions) == 0


async def test_publishing_keeps_it(house: House) -> None:
    session = await house.sessions.create(Wish())
    await house.sessions.publish(session.id, "rtmp://x/live", None)
    house.clock.time += 86_400
    await house.sessions.sweep()
    assert len(house.sessions) == 1
    house.made[0].publication = Publication("x", "given-up")
    house.clock.time += 601
    await house.sessions.sweep()
    assert len(house.sessions) == 0


async def test_run_measures_and_sweeps_in_time(house: House) -> None:
    await house.sessions.create(Wish())
    over = asyncio.Event()
    house.sessions.on_close.append(lambda session: over.set())
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(house.sessions.run())
        await over.wait()
        running.cancel()
    assert 130 <= house.clock.time < 133


async def test_a_session_that_may_not_go_on_is_ended_within_a_second(house: House) -> None:
    await house.sessions.create(Wish())
    over = asyncio.Event()
    house.sessions.on_close.append(lambda session: over.set())
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(house.sessions.run())
        house.clock.time += 5
        house.made[0].over = "consent_revoked"
        began = house.clock.time
        await over.wait()
        assert house.clock.time - began < 1
        running.cancel()
    assert house.made[0].closed == "consent_revoked"


async def test_closing_ends_all_and_lets_no_more_in(house: House) -> None:
    for _ in range(3):
        await house.sessions.create(Wish())
    await house.sessions.close_all("shutdown")
    assert [session.closed for session in house.made] == ["shutdown"] * 3
    with pytest.raises(Refused, match="shutting down"):
        await house.sessions.create(Wish())


async def test_late_frames_of_ended_sessions_still_count(house: House) -> None:
    first = await house.sessions.create(Wish())
    await house.sessions.create(Wish())
    house.made[0].late = 7
    assert house.sessions.frames() == (2000, 7)
    await house.sessions.close(first.id, "enough")
    assert house.sessions.frames() == (2000, 7)
