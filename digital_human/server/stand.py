"""What a kiosk has beside the live server: eyes, a curator's book and a browser to look after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from digital_human.apps.kiosk.browser import Keeper, find_browser
from digital_human.apps.kiosk.camera import Watcher
from digital_human.apps.kiosk.curator import Curator, curator_folder
from digital_human.apps.kiosk.faces import DETECTOR
from digital_human.apps.kiosk.presence import Presence
from digital_human.apps.live.engine import Cast
from digital_human.apps.live.sessions import Sessions
from digital_human.config import LiveSettings
from digital_human.core.clock import WallClock
from digital_human.errors import InputError
from digital_human.server.auth import is_loopback
from digital_human.server.kiosk import Kiosk
from digital_human.server.watchdog import stay_alive

log = structlog.get_logger()

CAMERA_MODELS = (DETECTOR, "face-landmarker")


@dataclass(frozen=True, slots=True)
class StandWish:
    """How a kiosk is run.

    Attributes:
        camera: Whether the camera tells that somebody is there.
        browser: Whether Chromium is started and kept on the page.
    """

    camera: bool = True
    browser: bool = True


def keeper(live: LiveSettings, folder: Path | None = None) -> Keeper:
    """What keeps the browser on this server's page.

    Args:
        live: Where the server is.
        folder: Where the browser's files go; None takes a temporary folder.

    Raises:
        InputError: The page cannot be reached from here, or there is no token for it.
        ResourceError: There is no browser, or no screen.
    """
    if not is_loopback(live.host):
        raise InputError(
            f"live.host {live.host!r}: the screen of a kiosk is on the same machine",
            fix="listen on 127.0.0.1, or add --no-browser",
        )
    token = live.visitor_token
    if live.token is not None and token is None:
        raise InputError(
            "live.token is set and live.visitor_token is not: the page needs one",
            fix="set live.visitor_token (DH_LIVE__VISITOR_TOKEN) too",
        )
    address = f"http://127.0.0.1:{live.port}"
    secret = token.get_secret_value() if token else ""
    return Keeper(find_browser(), address, token=secret, folder=folder)


@asynccontextmanager
async def standing(
    wish: StandWish, cast: Cast, sessions: Sessions, live: LiveSettings
) -> AsyncIterator[Kiosk]:
    """A kiosk of ``cast``: its eyes, book and browser work until the end of the block."""
    persona, clock = cast.persona, WallClock()
    curator = Curator(curator_folder(persona.name))
    sessions.on_open.append(lambda session: _follow(curator, session))
    watcher = Watcher(clock) if wish.camera else None
    tasks = [
        _start(curator.run(), "curator"),
        _start(stay_alive(), "watchdog"),
        *([_start(keeper(live).run(), "browser keeper")] if wish.browser else []),
    ]
    try:
        yield Kiosk(
            persona, clock, place=cast.place, poems=persona.poems, watcher=watcher,
            presence=Presence() if wish.camera else None,
        )  # fmt: skip
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        if watcher is not None:
            await asyncio.to_thread(watcher.close)


def _follow(curator: Curator, session: Any) -> None:
    curator.watch(session.events)


def _start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("kiosk.failed", what=task.get_name(), exc_info=error)
