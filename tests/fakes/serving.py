"""The server over fake sessions: without a socket, or on a real one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from digital_human.apps.live.admission import Admission
from digital_human.apps.live.guests import Wish
from digital_human.apps.live.ports import NewPeer
from digital_human.apps.live.sessions import Sessions
from digital_human.config import LiveSettings, Settings
from digital_human.server.app import create_app, server_config
from digital_human.server.kiosk import Kiosk, PlacePort
from tests.fakes.server import FakePeer, FakePersona, FakePoster, FakeSession

HOST = "http://127.0.0.1:8080"


class Served:
    """An application over fake sessions.

    Args:
        folder: Home; recordings are in it.
        limit: Sessions let in.
        broadcast: What the sessions send; needed by real connections.
        new_peer: Makes a connection.
        stand: The kiosk, if it is one.
        places: The places that personas know.
        **live: Settings of the server.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit: int = 100_000,
        broadcast: Any = None,
        new_peer: NewPeer = FakePeer,
        stand: Kiosk | None = None,
        places: Mapping[str, PlacePort] | None = None,
        **live: Any,
    ) -> None:
        FakePeer.alive, FakePeer.delay = 0, 0.0
        self.made: list[FakeSession] = []
        self._broadcast = broadcast
        self.sessions = Sessions(
            self._make, admission=Admission(2, limit=limit), new_peer=new_peer,
            personas=lambda: [FakePersona()], draw=self._draw, ice=LiveSettings(**live).ice,
        )  # fmt: skip
        self.settings = Settings(home=folder, live=LiveSettings(recordings=folder, **live))
        self.app: FastAPI = create_app(self.sessions, self.settings, stand=stand, places=places)

    async def _make(self, id: str, wish: Wish) -> FakeSession:
        self.made.append(FakeSession(id, wish))
        self.made[-1].broadcast = self._broadcast
        return self.made[-1]

    async def _draw(self, name: str) -> FakePoster:
        return FakePoster()

    def client(self, base: str = HOST, **options: Any) -> httpx.AsyncClient:
        """A client that calls the application without a socket."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=base, **options)

    @asynccontextmanager
    async def on_a_socket(self) -> AsyncIterator[str]:
        """Run it under uvicorn as the program does; gives its address."""
        config = server_config(self.app, self.settings)
        config.lifespan = "on"
        async with on_loopback(config) as address:
            yield address


@asynccontextmanager
async def on_loopback(config: uvicorn.Config) -> AsyncIterator[str]:
    """Run an application on a free port of loopback; gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve([listener]))
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()
