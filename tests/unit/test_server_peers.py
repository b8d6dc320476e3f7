"""The server with real WebRTC connections: visitors, onlookers, floods of offers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from digital_human.apps.live.sessions import Sessions
from digital_human.media.broadcast import Broadcast
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.fakes.serving import Served
from tests.fakes.webrtc import on_air

TALK = (0.5 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)).astype(np.float32)


@pytest.fixture
async def broadcast() -> AsyncIterator[Broadcast]:
    async with on_air() as broadcast:
        yield broadcast


@pytest.fixture
async def served(tmp_path: Path, broadcast: Broadcast) -> AsyncIterator[Served]:
    served = Served(tmp_path, broadcast=broadcast, new_peer=Peer)
    yield served
    await served.sessions.close_all("the test is over")


async def until(condition: Any, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
async def clients() -> AsyncIterator[Callable[[], Client]]:
    """Makes clients that are closed whatever happens."""
    made: list[Client] = []

    def new() -> Client:
        made.append(Client())
        return made[-1]

    yield new
    for client in made:
        await client.close()


def gone(client: Client) -> bool:
    return client.connection.connectionState in ("closed", "failed")


def said(client: Client) -> list[dict[str, Any]]:
    return [message for _, message in client.messages]


async def visit(web: httpx.AsyncClient, id: str, client: Client) -> Client:
    """Connect a visitor over REST."""
    offer = {"sdp": await client.offer(), "type": "offer"}
    answer = await web.post(f"/api/sessions/{id}/offer", json=offer)
    await client.accept(answer.json()["sdp"])
    return client


async def test_visitors_come_back_and_onlookers_only_watch(
    served: Served, clients: Callable[[], Client]
) -> None:
    async with served.client() as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        session = served.made[0]
        first = await visit(web, id, clients())
        session.events.emit("state", state="listening")
        await until(lambda: any(m.get("state") == "listening" for m in said(first)))
        first.send({"type": "ping", "t": 7})
        await until(lambda: first.pictures and {"type": "pong", "t": 7} in said(first))
        assert first.microphone is not None
        first.microphone.play(TALK, 16_000)
        await until(lambda: np.abs(session.heard).max(initial=0) > 0.2)

        second = await visit(web, id, clients())
        await until(lambda: gone(first) and second.pictures)
        assert served.sessions.guest(id).peer is not None

        watcher = clients()
        watching = await web.post(
            f"/whep/{id}", content=await watcher.offer(),
            headers={"Content-Type": "application/sdp"},
        )  # fmt: skip
        assert watching.status_code == 201
        await watcher.accept(watching.text)
        await until(lambda: watcher.pictures and watcher.sounds)
        session.heard = session.heard[:0]
        assert watcher.microphone is not None
        await watcher.microphone.play(TALK, 16_000)
        session.events.emit("state", state="secret")
        await until(lambda: len(session.heard) > 16_000 and said(second))
        assert np.abs(session.heard).max() < 0.05
        assert watcher.messages == []
        assert (await web.delete(watching.headers["location"])).status_code == 204
        await until(lambda: gone(watcher))
        assert not gone(second)
        await web.delete(f"/api/sessions/{id}")
        await until(lambda: gone(second))


async def test_a_visitor_who_vanishes_is_noticed(
    served: Served, clients: Callable[[], Client]
) -> None:
    async with served.client() as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        client = await visit(web, id, clients())
        await until(lambda: client.pictures)
        peer = served.sessions.guest(id).peer
        assert peer is not None
        await client.close()
        await until(peer.closed.is_set)
        await served.sessions.sweep()
        assert served.sessions.guest(id).peer is None
        assert not (await web.get(f"/api/sessions/{id}")).json()["connected"]
        await served.sessions.close(id, "enough")


@pytest.mark.parametrize(
    "sdp",
    [
        "", "v=0", "hello", "v=0\r\n" * 10_000, "\x00" * 100, "m=video 9 x y z\r\n",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 0 0\r\n"
        "m=video 99999999 UDP/TLS/RTP/SAVPF 300 -1\r\na=mid:0\r\na=candidate:x\r\n",
    ],
)  # fmt: skip
async def test_wrong_offers_leave_nothing(served: Served, sdp: str) -> None:
    sockets = len(psutil.Process().net_connections("udp"))
    async with served.client() as web:
        id = (await web.post("/api/sessions", json={})).json()["id"]
        before = len(asyncio.all_tasks())
        body = {"sdp": sdp, "type": "offer"}
        for path in (f"/api/sessions/{id}/offer", "/offer"):
            answer = await web.post(path, json=body)
            assert answer.status_code in (400, 422), answer.text
            assert answer.json()["error"]["message"]
        answer = await web.post(
            f"/whep/{id}", content=sdp, headers={"Content-Type": "application/sdp"}
        )
        assert answer.status_code in (400, 415), answer.text
        assert len(served.sessions) == 1 and served.sessions.guest(id).peer is None
        await asyncio.sleep(0.05)
        assert len(asyncio.all_tasks()) <= before
        assert len(psutil.Process().net_connections("udp")) == sockets
        await served.sessions.close(id, "enough")


async def test_two_hundred_real_offers_at_once_leave_nothing(
    served: Served, clients: Callable[[], Client]
) -> None:
    sockets = len(psutil.Process().net_connections("udp"))
    before = len(asyncio.all_tasks())
    client = clients()
    offer = {"sdp": await client.offer(), "type": "offer"}
    own = len(asyncio.all_tasks()) - before
    async with served.client(timeout=30) as web:
        answers = await asyncio.gather(*(web.post("/offer", json=offer) for _ in range(200)))
        good = [answer.json()["sessionid"] for answer in answers if answer.status_code == 200]
        assert 0 < len(good) <= Sessions.STARTS
        assert {answer.status_code for answer in answers} == {200, 503}
        assert sorted(good) == sorted(guest.session.id for guest in served.sessions.all())
        await served.sessions.close_all("enough")
    await client.close()
    await until(lambda: len(asyncio.all_tasks()) <= before + own)
    await until(lambda: len(psutil.Process().net_connections("udp")) == sockets)
