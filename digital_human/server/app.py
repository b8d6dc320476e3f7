"""The live server: REST, WHEP, metrics, the LiveTalking calls and the page, behind one gate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import uvicorn
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, Response
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from digital_human import __version__
from digital_human.apps.live.ports import Session
from digital_human.apps.live.sessions import Sessions
from digital_human.config import Settings
from digital_human.media.text import font_file
from digital_human.server import api, faults, kiosk, media, shim, speech
from digital_human.server.auth import Gate, Intact, Shield
from digital_human.server.logs import log_event
from digital_human.server.metrics import Metrics
from digital_human.server.upkeep_health import Care
from digital_human.server.upkeep_routes import routes as care_routes

_PAGE = Path(__file__).parent / "web"
_FOR_EVER = {"Cache-Control": "max-age=31536000, immutable"}
_TAGS = {
    "server": "The server itself.",
    "sessions": "A session is one conversation with one digital human.",
    "speech": "What it says and hears.",
    "control": "Gestures, recording, sending to other servers.",
    "outcome": "What came of it.",
    "kiosk": "What the page of a kiosk needs.",
    "watch": "WHEP: watch a session without taking part.",
    "audio": "OpenAI's audio interface: speech from text, text from speech.",
    "livetalking": "The calls of LiveTalking, for its clients; errors carry its envelope too.",
}
_DESCRIPTION = """\
Talk with a digital human. Make a session, connect a browser with an offer, and drive it by speech,
by the data channel or by these calls. Errors are `{"error": {"code", "message", "fix"}}`.
"""


class _AssetName(StringConvertor):
    regex = r"[A-Za-z0-9_-]+\.[a-z0-9]{2,12}"


register_url_convertor("asset", _AssetName())


def create_app(
    sessions: Sessions,
    settings: Settings,
    desk: speech.SpeechDesk | None = None,
    *,
    stand: kiosk.Kiosk | None = None,
    places: Mapping[str, kiosk.PlacePort] | None = None,
    care: Care | None = None,
) -> FastAPI:
    """The application; its lifespan runs and ends the sessions.

    Args:
        sessions: What it serves.
        settings: The program's settings; `Settings.live` and the folder of recordings are used.
        desk: Speaks and writes down for other programs; without it there is no ``/v1/audio``.
        stand: The kiosk; without it there is no ``/kiosk``.
        places: The places that personas know, by the persona's name.
        care: What is known of the kiosk; without it there is no ``/kiosk/health``.

    Raises:
        InputError: The host can be reached by others and there is no token.
    """
    live = settings.live
    middleware = [Middleware(Shield, live, camera=stand is not None)]
    if live.origins:
        middleware.append(
            Middleware(
                CORSMiddleware, allow_origins=live.origins, allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["Location", "Link", "Retry-After"],
            )
        )  # fmt: skip
    Gate(_nothing, live)  # refuses wrong settings now, not at the first request
    middleware += [Middleware(Gate, live), Middleware(Intact)]
    app = FastAPI(
        title="digital_human", version=__version__, description=_DESCRIPTION,
        openapi_tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
        middleware=middleware, lifespan=_lifespan(sessions), redirect_slashes=False,
    )  # fmt: skip
    faults.install(app)
    metrics = Metrics(sessions)
    sessions.on_open.append(_log_events)
    bearer = HTTPBearer(auto_error=False, description="The token of live.token.")
    guarded = [Depends(bearer)] if live.token else []
    for router in (
        api.routes(sessions),
        media.routes(sessions, settings.recordings_dir),
        shim.routes(sessions, settings.recordings_dir),
        _metrics(metrics),
        kiosk.picture_routes(places or {}),
        *([kiosk.routes(stand)] if stand is not None else []),
        *([care_routes(care)] if care is not None else []),
        *([speech.routes(desk)] if desk is not None else []),
    ):
        app.include_router(router, dependencies=guarded)
    app.include_router(_page(kiosk=stand is not None, health=care is not None))
    return app


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn runs the application: bounded connections and heads, our own logs."""
    return uvicorn.Config(
        app, host=settings.live.host, port=settings.live.port, ws="none", log_config=None,
        access_log=False, server_header=False, limit_concurrency=512, backlog=256,
        timeout_keep_alive=15, timeout_graceful_shutdown=5, h11_max_incomplete_event_size=32_768,
        http="h11",
    )  # fmt: skip


def _lifespan(sessions: Sessions) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(sessions.run(), name="sessions")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            await sessions.close_all("the server is shutting down")

    return lifespan


def _log_events(session: Session) -> None:
    session.events.listen(log_event)


def _metrics(metrics: Metrics) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/metrics", tags=["server"], response_class=PlainTextResponse,
        responses=faults.responses(*api.ANY),
    )  # fmt: skip
    async def scrape() -> Response:
        """Metrics for Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router


def _page(*, kiosk: bool, health: bool) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    if kiosk:

        @router.get("/kiosk")
        def stand() -> FileResponse:
            return _asset("kiosk.html")

        @router.get("/font-{face}.otf")
        def font(face: Literal["sans", "serif"]) -> FileResponse:
            return FileResponse(font_file(face), media_type="font/otf", headers=_FOR_EVER)

    if health:

        @router.get("/kiosk/health")
        def how() -> FileResponse:
            return _asset("health.html")

    @router.get("/")
    def index() -> FileResponse:
        return _asset("index.html")

    @router.get("/{name:asset}")
    def asset(name: str) -> FileResponse:
        return _asset(name)

    return router


def _asset(name: str) -> FileResponse:
    path = _PAGE / name
    if not path.is_file():
        raise HTTPException(404, "there is no such page")
    return FileResponse(path, headers={"Cache-Control": "no-cache"})


async def _nothing(*_: object) -> None: ...
