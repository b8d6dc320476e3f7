"""Runs the live server: settings, models, engine, sessions, HTTP."""

from __future__ import annotations

import asyncio
import gc
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import cv2
import structlog
import uvicorn
from rich.console import Console
from threadpoolctl import threadpool_limits

from digital_human.apps.live.admission import Admission
from digital_human.apps.live.engine import Engine
from digital_human.apps.live.guests import Wish
from digital_human.apps.live.posters import Posters
from digital_human.apps.live.reports import ReportStore
from digital_human.apps.live.session import LiveSession
from digital_human.apps.live.sessions import Sessions
from digital_human.config import Settings
from digital_human.core.stage import ModelThread
from digital_human.dialogue.persona import load_persona
from digital_human.errors import InputError, ResourceError, WeightsError
from digital_human.face.bundle import NEURAL_NOTICE
from digital_human.models import store
from digital_human.models.progress import RichProgress
from digital_human.server.app import create_app, server_config
from digital_human.server.auth import is_loopback
from digital_human.server.logs import configure
from digital_human.server.speech import SpeechDesk
from digital_human.server.stand import CAMERA_MODELS, StandWish, keeper, standing
from digital_human.server.upkeep import Upkeep
from digital_human.server.upkeep_afresh import start_afresh
from digital_human.speech.hall import Hall
from digital_human.transport.recorder import recover
from digital_human.transport.webrtc.peer import Peer

log = structlog.get_logger()


def run(
    chosen: Settings, names: Sequence[str], *, log_json: bool, stand: StandWish | None = None
) -> None:
    """Serve until a signal comes.

    Args:
        chosen: The program's settings.
        names: Personas: names or folders; the first is the default.
        log_json: Log JSON lines instead of text.
        stand: How the kiosk of the first persona is run; None for no kiosk.

    Raises:
        DigitalHumanError: A setting, a persona, a model or the port is wrong.
    """
    live = chosen.live
    if not is_loopback(live.host) and live.token is None:
        raise InputError(
            f"host {live.host}: others can reach it, so a token is needed",
            fix=f"add --token {secrets.token_urlsafe(18)} (or set DH_LIVE__TOKEN), "
            "or leave --host out",
        )
    _check_port(chosen)
    for name in names:
        load_persona(name)  # a wrong name is told before models are fetched
    if stand is None:
        _run(chosen, names, log_json=log_json)
    else:
        _run_kiosk(chosen, names[0], stand, log_json=log_json)


def _run_kiosk(chosen: Settings, name: str, stand: StandWish, *, log_json: bool) -> None:
    """Serve a kiosk with the content that is installed, and afresh when it is time."""
    if stand.browser:
        keeper(chosen.live)
    configure(json=log_json)
    upkeep = Upkeep.begin(load_persona(name).name, chosen.kiosk)
    shown = name if upkeep.chosen.folder is None else str(upkeep.chosen.folder)
    try:
        _run(chosen, [shown], log_json=log_json, stand=stand, upkeep=upkeep)
    except Exception as error:
        if not upkeep.trial:
            raise
        upkeep.give_up(error)
    finally:
        upkeep.let_be()
    if upkeep.restart:
        start_afresh(upkeep.restart)


def _run(
    chosen: Settings,
    names: Sequence[str],
    *,
    log_json: bool,
    stand: StandWish | None = None,
    upkeep: Upkeep | None = None,
) -> None:
    engine = Engine(chosen)
    _fetch(*engine.needs, *(CAMERA_MODELS if stand is not None and stand.camera else ()))
    configure(json=log_json)
    cv2.setNumThreads(1)
    # Threads with a model each would wait for one pool, and for whoever hangs in it.
    threadpool_limits(1, user_api="blas")
    asyncio.run(_serve(engine, names, Console(stderr=True, soft_wrap=True), stand, upkeep))


def _check_port(chosen: Settings) -> None:
    """Say that the port is taken before minutes of loading, not after."""
    live = chosen.live
    try:
        family = socket.getaddrinfo(live.host, live.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family[0], family[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(family[4])
    except OSError as error:
        raise ResourceError(
            f"cannot listen on {live.host}:{live.port}: {error.strerror or error}",
            fix=f"choose another port, e.g. --port {live.port + 1}, or another --host",
        ) from error


def _fetch(*names: str) -> None:
    """Fetch the models that are missing."""
    missing = []
    for name in names:
        try:
            store().path(name)
        except WeightsError:
            missing.append(name)
    if missing:
        with RichProgress(Console(stderr=True)) as progress:
            store().pull_all(missing, progress)


async def _prepare(engine: Engine) -> None:
    """What can be done while visitors come: old recordings, then speech."""
    thread = ModelThread("recover", nice=10)
    try:
        await thread.call(recover, engine.settings.recordings_dir)
    finally:
        thread.shutdown(wait=False)
    await engine.prepare()


def _tell(preparing: asyncio.Task[None]) -> None:
    if not preparing.cancelled() and (error := preparing.exception()) is not None:
        log.error("speech is prepared no more", cause=type(error).__name__, exc_info=error)


@asynccontextmanager
async def running(
    engine: Engine, names: Sequence[str], console: Console, hall: Hall | None = None
) -> AsyncIterator[Sessions]:
    """Load the engine, give the sessions that use it, and free everything at the end.

    Args:
        engine: Not loaded yet.
        names: Personas; the first is the default.
        console: Shows what is loaded.
        hall: What is known of the hall that all sessions are held in; None for visitors each at
            a place of their own.
    """
    reports = ReportStore(engine.settings.home / "reports", engine.audit)
    try:
        with console.status("loading") as status:
            await engine.load(names, lambda what: status.update(f"loading {what}"))
        gc.collect()
        gc.freeze()  # what is loaded stays; looking for garbage passes over it
        cards = [(await engine.cast(name)).persona for name in names]
        folders = {card.name: name for card, name in zip(cards, names, strict=True)}

        async def make(id: str, wish: Wish) -> LiveSession:
            name = wish.persona or cards[0].name
            if name not in folders:
                raise InputError(
                    f"persona {name!r}: is not served here", fix=f"use one of {', '.join(folders)}"
                )
            return LiveSession(
                id, engine, await engine.cast(folders[name]), avatar=wish.avatar,
                voice=wish.voice, language=wish.language, background=wish.background,
                matte=wish.matte, reports=reports, hall=hall,
            )  # fmt: skip

        live, posters = engine.settings.live, Posters(engine)
        admission = Admission(engine.settings.cpu_threads, limit=live.max_sessions)
        yield Sessions(
            make,
            admission=admission,
            new_peer=Peer,
            personas=lambda: cards,
            draw=lambda name: posters.get(folders[name]),
            ice=live.ice,
            spare_work=lambda: engine.preparing,
        )
    finally:
        reports.close()
        await engine.close()


async def _serve(
    engine: Engine,
    names: Sequence[str],
    console: Console,
    wish: StandWish | None,
    upkeep: Upkeep | None,
) -> None:
    server: uvicorn.Server | None = None

    def stop() -> None:
        if server is not None:
            server.should_exit = True

    async with AsyncExitStack() as stack:
        hall = Hall() if wish is not None else None
        sessions = await stack.enter_async_context(running(engine, names, console, hall))
        casts = [await engine.cast(name) for name in names]
        stand = None
        if wish is not None and upkeep is not None:
            stand = await stack.enter_async_context(
                standing(wish, casts[0], sessions, engine.settings, upkeep, stop)
            )
        places = {one.persona.name: one.place for one in casts if one.place is not None}
        desk = SpeechDesk(engine)
        app = create_app(
            sessions, engine.settings, desk, places=places,
            stand=stand.kiosk if stand else None, care=stand.care if stand else None,
        )  # fmt: skip
        live = engine.settings.live
        host = f"[{live.host}]" if ":" in live.host else live.host
        page = "kiosk" if stand is not None else ""
        console.print(f"[green]ready[/] open http://{host}:{live.port}/{page} in a browser")
        if engine.settings.face == "neural":
            console.print(f"[yellow]licence[/] {NEURAL_NOTICE}")
        if not is_loopback(live.host):
            console.print(
                "  browsers give the microphone only to https or localhost: "
                "put a TLS proxy before it"
            )
        preparing = asyncio.create_task(_prepare(engine), name="prepare")
        preparing.add_done_callback(_tell)
        try:
            server = uvicorn.Server(server_config(app, engine.settings))
            await server.serve()
        finally:
            desk.close()
            preparing.cancel()
            await asyncio.wait([preparing])
