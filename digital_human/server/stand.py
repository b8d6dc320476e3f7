"""What a kiosk has beside the live server: eyes, a curator's book and a browser to look after."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog

from digital_human.apps.kiosk.browser import Keeper, find_browser
from digital_human.apps.kiosk.camera import CameraSettings, Watcher
from digital_human.apps.kiosk.curator import Curator, curator_folder
from digital_human.apps.kiosk.faces import DETECTOR
from digital_human.apps.kiosk.presence import Presence, Seen
from digital_human.apps.live.engine import Cast
from digital_human.apps.live.guests import NoSession, Wish
from digital_human.apps.live.sessions import Sessions
from digital_human.config import LiveSettings, Settings
from digital_human.core.clock import WallClock
from digital_human.errors import InputError
from digital_human.server.auth import is_loopback
from digital_human.server.kiosk import Kiosk, KioskView
from digital_human.server.upkeep import Upkeep
from digital_human.server.upkeep_company import Company
from digital_human.server.upkeep_health import Care
from digital_human.server.upkeep_troubles import Stages, Troubles
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


class Eyes(Watcher):
    """The camera's watcher, which also tells when it last looked.

    Attributes:
        looked: Time of its clock; None before the first picture.
    """

    looked: float | None = None

    async def look(self, jpeg: bytes) -> Seen:
        """Look at one picture; see `Watcher.look`."""
        seen = await super().look(jpeg)
        self.looked = self._clock.now()
        return seen


@dataclass(frozen=True, slots=True)
class Stand:
    """A running kiosk.

    Attributes:
        kiosk: The page's side.
        care: The operator's side.
    """

    kiosk: Kiosk
    care: Care


@asynccontextmanager
async def standing(
    wish: StandWish, cast: Cast, sessions: Sessions, settings: Settings, upkeep: Upkeep,
    stop: Callable[[], None],
) -> AsyncIterator[Stand]:  # fmt: skip
    """A kiosk of ``cast``: its eyes, book, browser and upkeep work until the end of the block.

    Args:
        wish: How it is run.
        cast: Who stands there.
        sessions: The server's.
        settings: The program's.
        upkeep: Content and restarts.
        stop: Ends the server.
    """
    persona, clock, live = cast.persona, WallClock(), settings.live
    curator = Curator(curator_folder(persona.name))
    sessions.on_open.append(lambda session: _follow(curator, session))
    camera = CameraSettings(settings.kiosk.camera_degrees)
    eyes = Eyes(clock, camera) if wish.camera else None
    presence = Presence() if wish.camera else None
    kiosk = Kiosk(
        persona, clock, place=cast.place, poems=persona.poems, watcher=eyes, presence=presence,
        wake=settings.kiosk.wake, fresh=f"{upkeep.started:.0f}" if upkeep.born == "night" else "",
    )  # fmt: skip
    browser = keeper(live) if wish.browser else None
    company = Company(sessions, clock, presence)
    care = Care(
        kiosk, sessions, upkeep, company, Stages(sessions), Troubles(), settings.home, eyes,
        browser,
    )  # fmt: skip
    care.tasks += [
        _start(curator.run(), "curator"),
        _start(stay_alive(), "watchdog"),
        _start(upkeep.run(company, clock, stop), "restarts"),
        _start(
            upkeep.prove(clock, lambda: _healthy(kiosk, live), lambda: _serve(sessions)), "trial"
        ),
        *([_start(browser.run(), "browser keeper")] if browser else []),
    ]
    logging.getLogger().addHandler(care.troubles)
    try:
        yield Stand(kiosk, care)
    finally:
        logging.getLogger().removeHandler(care.troubles)
        for task in care.tasks:
            task.cancel()
        await asyncio.wait(care.tasks)
        if eyes is not None:
            await asyncio.to_thread(eyes.close)


async def _healthy(kiosk: Kiosk, live: LiveSettings) -> bool:
    """Whether the server answers on its own port, and has all that the page shows."""
    host = "127.0.0.1" if is_loopback(live.host) and ":" not in live.host else live.host
    host = f"[{host}]" if ":" in host else host
    try:
        KioskView.of(kiosk)
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            return (await client.get(f"http://{host}:{live.port}/api/health")).status_code == 200
    except Exception as error:  # whatever it is, it is no healthy answer
        log.warning("content.unhealthy", cause=f"{type(error).__name__}: {error}")
        return False


async def _serve(sessions: Sessions) -> None:
    """Open a session as the page does, unless the page has done so."""
    if not sessions.all():
        session = await sessions.create(Wish())
        with contextlib.suppress(NoSession):
            await sessions.close(session.id, "the content was tried")


def _follow(curator: Curator, session: Any) -> None:
    curator.watch(session.events)


def _start(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("kiosk.failed", what=task.get_name(), exc_info=error)
