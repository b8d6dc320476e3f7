"""The calls of a kiosk's page: what is shown, what the camera sees, pictures of the place."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import structlog
from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from digital_human.apps.live.admission import Refused
from digital_human.apps.live.guests import NoSession
from digital_human.apps.live.ports import PersonaCard
from digital_human.core.clock import Clock
from digital_human.errors import InputError, ResourceError
from digital_human.server.api import ANY, OF_SESSION, WITH_BODY
from digital_human.server.faults import responses
from digital_human.server.models import PersonaName
from digital_human.speech.types import Language

_log = structlog.get_logger(__name__)

State = Literal["empty", "passing", "near", "here", "blind"]
Microphone = Literal["open", "muted", "off"]
Wake = Literal["always", "blind", "never"]

PictureName = Annotated[
    str,
    InPath(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.(jpe?g|png|svg|webp)$", max_length=100,
        description="Name of a picture of the place.", examples=["broken-bridge.jpg"],
    ),
]  # fmt: skip
_PICTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(jpe?g|png|svg|webp)")
_LOOKS = 3  # camera frames that are worked on or wait
_KEPT = {"Cache-Control": "private, max-age=300"}


class SpotPort(Protocol):
    """A spot of the place."""

    @property
    def id(self) -> str: ...
    @property
    def names(self) -> Mapping[Any, str]: ...
    @property
    def picture(self) -> str: ...
    @property
    def x(self) -> float | None: ...
    @property
    def y(self) -> float | None: ...


class PlacePort(Protocol):
    """What the page shows of a place."""

    @property
    def spots(self) -> Sequence[SpotPort]: ...
    @property
    def map(self) -> str: ...
    def picture(self, name: str) -> Path: ...
    def spot(self, name: str) -> SpotPort | None: ...


class SeenPort(Protocol):
    """What was seen in one picture of the camera."""

    @property
    def faces(self) -> int: ...
    @property
    def label(self) -> str | None: ...


class WatcherPort(Protocol):
    """Looks at pictures of the camera."""

    async def look(self, jpeg: bytes) -> SeenPort: ...


class PresencePort(Protocol):
    """Tells from what is seen whether somebody is there."""

    def see(self, seen: Any, now: float) -> State: ...
    def touch(self, now: float) -> State: ...
    def reset(self) -> State: ...


@dataclass(slots=True)
class Kiosk:
    """A kiosk: whom it shows, where it stands and who looks.

    Attributes:
        persona: Whom it shows.
        clock: Time.
        place: Where it stands; None when the persona knows no place.
        poems: File of the persona's poems, as in the sources of an answer; empty for none.
        watcher: Looks at the camera's pictures; None when there is no camera.
        presence: Tells whether somebody is there; None when there is no camera.
        wake: When its name, said aloud, begins a visit: always, while the camera sees nothing
            (``blind``), or never.
        idle: Seconds without touch and speech after which a visit is over.
        edition: Another one after every start; a page that finds one loads itself anew.
        seen: When the page last called; None before it did.
        microphone: As the page last told; None before it did.
        fresh: Another one after a restart at night: the browser is started afresh then too.
    """

    persona: PersonaCard
    clock: Clock
    place: PlacePort | None = None
    poems: str = ""
    watcher: WatcherPort | None = None
    presence: PresencePort | None = None
    wake: Wake = "blind"
    idle: float = 60.0
    edition: str = field(default_factory=lambda: secrets.token_hex(6))
    seen: float | None = None
    microphone: Microphone | None = None
    fresh: str = ""
    _looking: int = field(default=0, init=False)

    def called(self) -> None:
        """Note that the page is alive."""
        self.seen = self.clock.now()

    async def look(self, jpeg: bytes) -> Sighting:
        """What the camera sees; the picture is dropped afterwards.

        Raises:
            InputError: It is no JPEG, or there is no camera here.
            Refused: Earlier pictures are still being looked at.
        """
        self.called()
        if self.watcher is None or self.presence is None:
            raise InputError(
                "this kiosk has no camera", fix="start it without --no-camera to use one"
            )
        if self._looking >= _LOOKS:
            raise Refused("earlier pictures are still being looked at", retry_after=1)
        self._looking += 1
        try:
            seen = await self.watcher.look(jpeg)
        except ResourceError as error:  # the networks are loaded anew with the next picture
            _log.warning("kiosk.blind", cause=error.message)
            return Sighting(state="blind", faces=0, label=None, spot=None)
        finally:
            self._looking -= 1
        state = self.presence.see(seen, self.clock.now())
        spot = self.place.spot(seen.label) if seen.label and self.place is not None else None
        return Sighting(
            state=state, faces=seen.faces, label=seen.label, spot=spot.id if spot else None
        )

    def touched(self) -> None:
        """The visitor touched the page or spoke: somebody is there, seen or not."""
        self.called()
        if self.presence is not None:
            self.presence.touch(self.clock.now())

    def reset(self) -> None:
        """The page ended the visit: who still stands there does not begin another one."""
        self.called()
        if self.presence is not None:
            self.presence.reset()


class Sighting(BaseModel):
    """What the camera sees."""

    state: State = Field(
        description="here: a visit is on; near: near, but not looking long enough; passing; empty; "
        "blind: the camera is dark or covered."
    )
    faces: int
    label: str | None = Field(description="Text of a label in the picture, e.g. a QR code.")
    spot: str | None = Field(description="Id of the spot that the label belongs to.")


class SpotView(BaseModel):
    """A spot of the place; texts are by language."""

    id: str
    names: dict[str, str]
    picture: str = Field(description="Address of its picture; empty for none.")
    x: float | None = Field(description="On the map: 0 left, 1 right; null when it is not on it.")
    y: float | None = Field(description="On the map: 0 top, 1 bottom.")


class KioskView(BaseModel):
    """What the page shows; texts are by language."""

    edition: str = Field(description="Another one after every start of the server.")
    persona: str
    display: dict[str, str]
    notice: dict[str, str] = Field(description="The AI notice.")
    languages: list[str]
    suggestions: dict[str, list[str]]
    poster: str = Field(description="Address of the portrait, a JPEG.")
    poems: str = Field(description="Sources with this path are poems; empty for none.")
    spots: list[SpotView]
    map: str = Field(description="Address of the map; empty for none.")
    pictures: str = Field(description="Address of the folder of pictures.")
    camera: bool = Field(description="Whether pictures of the camera are wanted.")
    wake: Wake = Field(description="When the microphone stays open for a call by name.")
    call: dict[str, str] = Field(description="The name to call.")
    idle_s: float = Field(description="Seconds without touch and speech that end a visit.")

    @classmethod
    def of(cls, kiosk: Kiosk) -> KioskView:
        """The view of ``kiosk``."""
        persona, place = kiosk.persona, kiosk.place
        call = {str(language): names[0] for language, names in persona.wake_words.items()}
        folder = f"/api/personas/{persona.name}/pictures/"
        return cls(
            edition=kiosk.edition, persona=persona.name, display=_texts(persona.display),
            notice=_texts(persona.notice), languages=list(persona.languages),
            suggestions={str(key): list(value) for key, value in persona.suggestions.items()},
            poster=f"/api/personas/{persona.name}/poster", poems=kiosk.poems,
            spots=[] if place is None else [
                SpotView(
                    id=spot.id, names=_texts(spot.names), x=spot.x, y=spot.y,
                    picture=_address(folder, spot.picture),
                )
                for spot in place.spots
            ],
            map="" if place is None else _address(folder, place.map),
            pictures=folder, camera=kiosk.watcher is not None, idle_s=kiosk.idle,
            wake=kiosk.wake if call else "never", call=call,
        )  # fmt: skip


class PageView(BaseModel):
    """Whether a page is open."""

    quiet_s: float | None = Field(
        description="Seconds since the page last called; null when none has yet."
    )
    fresh: str = Field(description="Another one when the browser should be started afresh.")


def routes(kiosk: Kiosk) -> APIRouter:
    """The calls of the page.

    Args:
        kiosk: What they are about.
    """
    router = APIRouter(prefix="/api/kiosk", tags=["kiosk"])

    @router.get("", responses=responses(*ANY))
    async def view(microphone: Microphone | None = None) -> KioskView:
        """What the page shows; the page asks again and again, so it is known to be alive."""
        kiosk.called()
        kiosk.microphone = microphone or kiosk.microphone
        return KioskView.of(kiosk)

    @router.get("/page", responses=responses(*ANY))
    async def page() -> PageView:
        """How long the page has been quiet; who keeps the browser running asks."""
        quiet = None if kiosk.seen is None else kiosk.clock.now() - kiosk.seen
        return PageView(quiet_s=quiet, fresh=kiosk.fresh)

    @router.post(
        "/camera", responses=responses(*WITH_BODY),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )  # fmt: skip
    async def camera(request: Request) -> Sighting:
        """Look at a picture of the camera: a JPEG of at most 300 kB, used and dropped."""
        return await kiosk.look(await request.body())

    @router.post("/touch", status_code=204, responses=responses(*WITH_BODY))
    async def touch() -> None:
        """The visitor touched the page or spoke: the visit begins or goes on."""
        kiosk.touched()

    @router.post("/reset", status_code=204, responses=responses(*WITH_BODY))
    async def reset() -> None:
        """The page has ended the visit; who still stands there is not greeted again."""
        kiosk.reset()

    return router


def picture_routes(places: Mapping[str, PlacePort]) -> APIRouter:
    """The pictures of the places that personas know.

    Args:
        places: By the persona's name.
    """
    router = APIRouter()

    @router.get(
        "/api/personas/{name}/pictures/{file}", tags=["server"], response_class=FileResponse,
        responses={
            200: {"description": "A picture.", "content": {"image/jpeg": {}, "image/png": {}}},
            **responses(*OF_SESSION),
        },
    )  # fmt: skip
    async def picture(name: PersonaName, file: PictureName) -> FileResponse:
        """A picture of the place that a persona knows."""
        if name not in places:
            raise NoSession(f"persona {name!r}: knows no place here", fix="see GET /api/personas")
        try:
            path = await asyncio.to_thread(places[name].picture, file)
        except InputError as error:
            raise NoSession(error.message, fix=error.fix) from None
        return FileResponse(path, headers=_KEPT)

    return router


def _address(folder: str, name: str) -> str:
    return f"{folder}{name}" if _PICTURE.fullmatch(name) else ""


def _texts(texts: Mapping[Language, str]) -> dict[str, str]:
    return {str(language): text for language, text in texts.items()}
