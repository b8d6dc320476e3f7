"""A session, a connection and a persona with no models and no network behind them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digital_human.apps.live.guests import Wish
from digital_human.config import IceServer
from digital_human.core.events import Events
from digital_human.core.frames import FloatArray
from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.types import Source
from digital_human.errors import InputError
from digital_human.transport.egress import Publication


@dataclass
class FakePersona:
    name: str = "xihu"
    display: Mapping[str, str] = field(default_factory=lambda: {"zh": "小西", "en": "Xi"})
    avatar: str = "lin"
    voice: str = "lin"
    languages: Sequence[str] = ("zh", "en")
    notice: Mapping[str, str] = field(default_factory=lambda: {"zh": "AI 生成", "en": "AI made"})
    suggestions: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {"zh": ["断桥在哪里？"], "en": []}
    )
    wake_words: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"zh": ["小西"]})


@dataclass
class FakePoster:
    data: bytes = b"\xff\xd8jpeg"
    etag: str = '"one"'


class FakeSession:
    """Remembers what it was told."""

    def __init__(self, id: str, wish: Wish) -> None:
        if wish.persona not in (None, "xihu"):
            raise InputError(f"persona {wish.persona!r} does not exist", fix="known: xihu")
        self.id = id
        self.wish = wish
        self.persona = FakePersona()
        self.avatar = wish.avatar or "lin"
        self.voice = wish.voice or "lin"
        self.language = wish.language or "auto"
        self.events = Events(id, time.monotonic)
        self.broadcast: Any = None
        self.history = History()
        self.calls: list[tuple[Any, ...]] = []
        self.heard = np.zeros(0, np.float32)
        self.closed = ""
        self.late = 0
        self.recordings = 0

    async def start(self) -> None:
        self.calls.append(("start",))
        await asyncio.sleep(0)

    async def close(self, reason: str) -> None:
        await asyncio.sleep(0)
        self.closed = reason
        self.events.emit("session.ended", reason=reason)

    def hear(self, pcm: FloatArray) -> None:
        self.heard = np.concatenate([self.heard, pcm])

    def ask(self, text: str, language: str | None = None) -> int:
        self.calls.append(("ask", text, language))
        self.events.turn += 1
        source = Source("断桥", "bridges.md#断桥", "断桥在白堤东端。", 0.9)
        self.history.add(
            Exchange(self.events.turn, text, "断桥在白堤东端。", "zh", False, (source,), 1.5)
        )
        return self.events.turn

    def say(self, text: str, language: str | None = None, *, interrupt: bool = False) -> int:
        self.calls.append(("say", text, language, interrupt))
        self.events.turn += 1
        return self.events.turn

    def interrupt(self) -> None:
        self.calls.append(("interrupt",))

    def act(self, name: str) -> None:
        self.calls.append(("act", name))

    def talk(self, down: bool) -> None:
        self.calls.append(("talk", down))

    def doze(self, on: bool) -> None:
        self.calls.append(("doze", on))

    def set_language(self, language: str) -> None:
        self.language = language

    def stand_at(self, spot: str | None) -> None:
        self.calls.append(("spot", spot))

    def set_manner(self, speed: float, gain: float) -> None:
        self.calls.append(("manner", speed, gain))

    def rate(self, score: int) -> None:
        self.calls.append(("rate", score))

    async def record(self, on: bool) -> str | None:
        self.calls.append(("record", on))
        if on:
            return None
        self.recordings += 1
        return f"{self.id}-{self.recordings}.mp4"

    over = ""
    acts = ("nod", "smile")
    publication: Publication | None = None

    def greet(self) -> None:
        self.calls.append(("greet",))

    async def set_background(self, wanted: str) -> None:
        self.calls.append(("background", wanted))

    async def report(self, note: str, turn: int | None) -> str:
        self.calls.append(("report", note, turn))
        return "20260101T000000-0badcafe"

    def speaking(self) -> bool:
        return bool(self.calls) and self.calls[-1][0] == "say"

    def frames(self) -> tuple[int, int]:
        return 1000, self.late

    async def publish(self, url: str, token: str | None) -> None:
        self.calls.append(("publish", url, token))
        self.publication = Publication("sfu.example.org", "on")

    async def unpublish(self) -> None:
        self.calls.append(("unpublish",))
        self.publication = None


class FakePeer:
    """Answers any offer that starts as SDP does."""

    alive = 0
    delay = 0.0
    quiet = 0.0

    def __init__(
        self,
        broadcast: Any,
        *,
        ice: Sequence[IceServer],
        on_audio: Any,
        on_message: Any,
        name: str,
    ) -> None:
        self.on_audio, self.on_message, self.name = on_audio, on_message, name
        self.closed = asyncio.Event()
        self.sent: list[dict[str, Any]] = []
        FakePeer.alive += 1

    async def answer(self, sdp: str) -> str:
        await asyncio.sleep(self.delay)
        if not sdp.startswith("v=0"):
            raise InputError("the offer is not SDP", fix="send a complete offer")
        return "v=0\r\ns=answer\r\n"

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def close(self) -> None:
        await asyncio.sleep(0)
        if not self.closed.is_set():
            FakePeer.alive -= 1
        self.closed.set()
