"""The page server as a kiosk: the real calls of a kiosk, a camera that sees what the test says.

Run it by hand to look at the page: ``python -m tests.fakes.kiosk_page``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from fastapi import FastAPI
from fastapi.responses import FileResponse

from digital_human.core.clock import WallClock
from digital_human.errors import InputError
from digital_human.media.text import font_file
from digital_human.server import kiosk
from tests.fakes.page_server import NOTICE, PERSONA, ROOT, SUGGESTIONS, WEB, PageServer

PICTURES = ROOT / "assets" / "news"
MORE = {
    "zh": [*SUGGESTIONS["zh"], "三潭印月怎么去？", "现在开着门吗？"],
    "en": [*SUGGESTIONS["en"], "Where is the nearest toilet?"],
}
POEM = "饮湖上初晴后雨"
LINES = ("水光潋滟晴方好，山色空蒙雨亦奇。", "欲把西湖比西子，淡妆浓抹总相宜。")


@dataclass(frozen=True)
class Spot:
    id: str
    names: Mapping[Any, str]
    picture: str
    code: str
    x: float
    y: float


@dataclass
class Place:
    """Two spots with the project's sample pictures."""

    spots: tuple[Spot, ...] = (
        Spot("broken-bridge", {"zh": "断桥", "en": "Broken Bridge"}, "snow.jpg", "dh:1", 0.7, 0.2),
        Spot("su-causeway", {"zh": "苏堤", "en": "Su Causeway"}, "lake.jpg", "dh:2", 0.3, 0.6),
    )
    map: str = "lake.jpg"
    folder: Path = PICTURES

    def picture(self, name: str) -> Path:
        """The file, as a real place checks it."""
        path = self.folder / name
        if not path.is_file():
            raise InputError(f"picture {name!r}: does not exist", fix="add it")
        return path

    def spot(self, name: str) -> Spot | None:
        """The spot with this id or code."""
        return next((spot for spot in self.spots if name in (spot.id, spot.code)), None)


@dataclass(frozen=True)
class Seen:
    faces: int
    label: str | None


@dataclass
class Camera:
    """Watcher and presence at once: sees what the test says, in pictures that must be JPEGs."""

    state: kiosk.State = "empty"
    label: str | None = None
    touches: int = 0
    resets: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)

    async def look(self, jpeg: bytes) -> Seen:
        """The scripted sight."""
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        self.sizes.append(picture.shape[:2][::-1])
        return Seen(int(self.state != "empty"), self.label)

    def see(self, seen: Any, now: float) -> kiosk.State:
        """The scripted state."""
        return self.state

    def touch(self, now: float) -> kiosk.State:
        """The page told of a touch."""
        self.touches += 1
        return self.state

    def reset(self) -> kiosk.State:
        """The page ended the visit: the visitor has to leave first."""
        self.resets += 1
        self.state = "near" if self.state == "here" else self.state
        return self.state


@dataclass(frozen=True)
class Persona:
    name: str = "xihu"
    display: Mapping[Any, str] = field(default_factory=lambda: PERSONA["display"])
    avatar: str = "yun"
    voice: str = "zf_xiaobei"
    languages: tuple[str, ...] = ("zh", "en")
    notice: Mapping[Any, str] = field(default_factory=lambda: NOTICE)
    suggestions: Mapping[Any, list[str]] = field(default_factory=lambda: MORE)
    wake_words: Mapping[Any, list[str]] = field(
        default_factory=lambda: {"zh": ["云舒"], "en": ["Yun Shu"]}
    )


class KioskPage(PageServer):
    """The page server with ``/kiosk``.

    Attributes:
        sight: What the camera sees.
        stand: The kiosk.
    """

    camera = True

    def __init__(
        self,
        token: str | None = None,
        *,
        place: Place | None = None,
        persona: Persona | None = None,
    ) -> None:
        self.sight = Camera()
        self.place = place or Place()
        self.stand = kiosk.Kiosk(
            persona or Persona(), WallClock(), place=self.place, poems="poems.toml",
            watcher=self.sight, presence=self.sight,
        )  # fmt: skip
        super().__init__(token)

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(kiosk.routes(self.stand))
        app.include_router(kiosk.picture_routes({"xihu": self.place}))

        @app.get("/kiosk")
        def page() -> FileResponse:
            return FileResponse(WEB / "kiosk.html")

        @app.get("/font-{face}.otf")
        def font(face: Literal["sans", "serif"]) -> FileResponse:
            return FileResponse(font_file(face))

        app.mount("/", super()._app())
        return app


if __name__ == "__main__":
    with KioskPage().running(port=8080) as server:
        print(f"{server.url}/kiosk")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
