"""A small live server for tests of the page: real HTTP, WebRTC and data channel, scripted answers.

It speaks the interface of the real server, with the real server's security headers and token check,
but needs no weights. Run it by hand to look at the page: ``python -m tests.fakes.page_server``.
"""

from __future__ import annotations

import asyncio
import fractions
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import uvicorn
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from PIL import Image
from pydantic import SecretStr

from digital_human.config import LiveSettings
from digital_human.server.auth import Gate, Shield

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "digital_human" / "server" / "web"
SIZE = (288, 384)
FPS = 12
RATE = 48_000
MOUTH = (144, 157)

PERSONA = {
    "name": "xihu",
    "display": {"zh": "西湖导游 云舒", "en": "Yun Shu, West Lake guide"},
    "avatar": "yun",
    "voice": "zf_xiaobei",
    "languages": ["zh", "en"],
}
NOTICE = {
    "zh": "我是 AI 数字人，回答由人工智能生成，请以景区公告为准。",
    "en": "I am an AI digital human. Answers are AI-generated; please check official notices.",
}
SUGGESTIONS = {
    "zh": ["雷峰塔几点开放？", "苏堤有多长？", "西湖游船多少钱？", "断桥为什么叫断桥？"],
    "en": ["When does Leifeng Pagoda open?", "How long is the Su Causeway?"],
}
PASSAGE = "雷峰塔景区开放时间：旺季 8:00—20:00，淡季 8:00—17:30，停止售票时间为闭园前半小时。"
CLAUSES = ("雷峰塔旺季每天早上八点开放，", "晚上八点关门，闭园前半小时停止售票。")


@lru_cache(maxsize=1)
def portrait() -> np.ndarray:
    """The shipped avatar before an evening sky: uint8 [height, width, 3] RGB."""
    bust = Image.open(ROOT / "avatars" / "yun" / "canvas.webp").convert("RGBA")
    bust = bust.crop((150, 0, 1650, 2000)).resize(SIZE)
    dusk = np.linspace((52, 92, 104), (196, 172, 150), SIZE[1])[:, None, :]
    sky = Image.fromarray(np.broadcast_to(dusk, (SIZE[1], SIZE[0], 3)).astype(np.uint8))
    sky.paste(bust, (0, 0), bust)
    return np.asarray(sky)


class Picture(MediaStreamTrack):
    """The portrait; the mouth opens and shuts while `speaking`."""

    kind = "video"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._still = portrait()
        self._began = time.monotonic()
        self._n = 0

    async def recv(self) -> av.VideoFrame:
        """The next frame, in real time."""
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / FPS - time.monotonic()))
        if self.readyState != "live":
            raise MediaStreamError
        image = self._still.copy()
        if self._session.speaking:
            opening = round(3 + 3 * np.sin(self._n * 1.3))
            cv2.ellipse(image, MOUTH, (11, opening), 0, 0, 360, (70, 20, 24), -1, cv2.LINE_AA)
        cv2.circle(image, (SIZE[0] - 8, 8 + self._n % 64), 1, (255, 255, 255), -1)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = self._n * 90_000 // FPS, fractions.Fraction(1, 90_000)
        return frame


class Tone(MediaStreamTrack):
    """A quiet tone while `speaking`, silence otherwise."""

    kind = "audio"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._began = time.monotonic()
        self._n = 0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms, in real time."""
        samples = RATE // 50
        start = self._n * samples
        self._n += 1
        await asyncio.sleep(max(0.0, self._began + self._n / 50 - time.monotonic()))
        if self.readyState != "live":
            raise MediaStreamError
        t = np.arange(start, start + samples) / RATE
        level = 3000 if self._session.speaking else 0
        pcm = (level * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, start
        frame.time_base = fractions.Fraction(1, RATE)
        return frame


@dataclass
class Session:
    """One visitor."""

    id: str
    wanted: dict[str, Any]
    peer: RTCPeerConnection | None = None
    channel: RTCDataChannel | None = None
    speaking: bool = False
    turn: int = 0
    sound: float = 0.0  # RMS of the last 20 ms heard
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class PageServer:
    """The server in a thread of its own; its methods may be called from the test's thread.

    Args:
        token: Asked of every call when set.

    Attributes:
        camera: Whether its pages may use the camera.
    """

    camera = False

    def __init__(self, token: str | None = None) -> None:
        self.sessions: dict[str, Session] = {}
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.offers: list[str] = []
        self.hellos = 0
        self.received: list[dict[str, Any]] = []  # but hellos
        self.reports: list[dict[str, Any]] = []
        self.full_s = 0
        self.blackhole = False
        self.scripted = True
        self._loop: asyncio.AbstractEventLoop | None = None
        live = LiveSettings(token=SecretStr(token) if token else None)
        self._config = uvicorn.Config(
            Shield(Gate(self._app(), live), live, camera=self.camera), host="127.0.0.1", port=0,
            log_level="warning", lifespan="off",
        )  # fmt: skip
        self._server = uvicorn.Server(self._config)
        self.url = ""

    @contextmanager
    def running(self, port: int = 0) -> Iterator[PageServer]:
        """Serve until the end of the block."""
        self._config.port = port
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="page-server")
        thread.start()
        try:
            until = time.monotonic() + 15
            while not self._server.started and thread.is_alive():
                if time.monotonic() > until:
                    raise TimeoutError("the page server did not start")
                time.sleep(0.02)
            port = self._server.servers[0].sockets[0].getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            yield self
        finally:
            self._server.should_exit = True
            thread.join(timeout=15)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()
        for session in list(self.sessions.values()):
            await self._end(session)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/api/personas")
        async def personas() -> list[dict[str, Any]]:
            return [PERSONA | {"notice": NOTICE, "poster": "/api/personas/xihu/poster"}]

        @app.get("/api/personas/xihu/poster")
        async def poster() -> Response:
            _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(portrait(), cv2.COLOR_RGB2BGR))
            return Response(jpeg.tobytes(), media_type="image/jpeg")

        @app.post("/api/sessions", status_code=201)
        async def create(request: Request) -> Response:
            if self.full_s:
                error = {"code": "busy", "message": "no room for one more", "fix": "wait"}
                headers = {"Retry-After": str(self.full_s)}
                return JSONResponse({"error": error}, status_code=503, headers=headers)
            session = Session(secrets.token_hex(12), await request.json())
            self.sessions[session.id] = session
            self.opened.append(session.id)
            view = {
                "id": session.id, "persona": "xihu", "display": PERSONA["display"],
                "notice": NOTICE, "languages": ["zh", "en"], "suggestions": SUGGESTIONS,
                "acts": ["nod", "smile"], "ice_servers": [],
            }  # fmt: skip
            return JSONResponse(view, status_code=201)

        @app.post("/api/sessions/{id}/offer")
        async def offer(id: str, request: Request) -> Response:
            self.offers.append(id)
            if id not in self.sessions:
                return _missing()
            body = await request.json()
            return JSONResponse(await self._answer(self.sessions[id], body["sdp"]))

        @app.post("/api/sessions/{id}/report", status_code=201)
        async def report(id: str, request: Request) -> Response:
            self.reports.append({"session": id, **await request.json()})
            return JSONResponse({"id": secrets.token_hex(4)}, status_code=201)

        @app.delete("/api/sessions/{id}", status_code=204)
        async def end(id: str) -> Response:
            if id not in self.sessions:
                return _missing()
            await self._end(self.sessions[id])
            return Response(status_code=204)

        @app.options("/whep/{id}", status_code=204)
        async def options(id: str) -> Response:
            link = (
                '<turn:127.0.0.1:9?transport=udp>; rel="ice-server"; username="u"; credential="c"'
            )
            return Response(status_code=204, headers={"Link": link}) if id else _missing()

        @app.post("/whep/{id}", status_code=201)
        async def watch(id: str, request: Request) -> Response:
            if id not in self.sessions:
                return _missing()
            seen = Session(secrets.token_hex(8), {})
            seen.speaking = True
            self.sessions[seen.id] = seen
            answer = await self._answer(seen, (await request.body()).decode())
            headers = {"Location": f"/whep/{id}/{seen.id}"}
            return Response(answer["sdp"], 201, headers, media_type="application/sdp")

        @app.delete("/whep/{id}/{seen}", status_code=200)
        async def unwatch(id: str, seen: str) -> Response:
            await self._end(self.sessions[seen])
            return Response(status_code=200)

        app.mount("/", StaticFiles(directory=WEB, html=True))
        return app

    async def _answer(self, session: Session, sdp: str) -> dict[str, str]:
        if session.peer is not None:
            await session.peer.close()
        peer = session.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        @peer.on("datachannel")
        def arrived(channel: RTCDataChannel) -> None:
            session.channel = channel
            channel.on("message", lambda text: self._heard(session, json.loads(text)))
            self._tell(session, "state", state="idle")

        @peer.on("track")
        def track(track: MediaStreamTrack) -> None:
            self._own(session, self._listen(session, track))

        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        tracks = {"video": Picture(session), "audio": Tone(session)}
        for transceiver in peer.getTransceivers():
            transceiver.sender.replaceTrack(tracks[transceiver.kind])
            sends = transceiver.direction == "recvonly" or session.wanted == {}
            transceiver.direction = (
                "sendonly" if sends and transceiver.kind == "video" else "sendrecv"
            )
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp
        if self.blackhole:
            kept = [line for line in answer.splitlines() if not line.startswith("a=candidate")]
            answer = "\r\n".join(kept) + "\r\n"
            await peer.close()
        return {"type": "answer", "sdp": answer}

    async def _listen(self, session: Session, track: MediaStreamTrack) -> None:
        try:
            while True:
                pcm = (await track.recv()).to_ndarray().astype(np.float64)
                session.sound = float(np.sqrt((pcm**2).mean()))
        except MediaStreamError:
            session.sound = 0.0

    def _own(self, session: Session, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        session.tasks.add(task)
        task.add_done_callback(session.tasks.discard)

    def _heard(self, session: Session, message: dict[str, Any]) -> None:
        if message["type"] == "hello":
            self.hellos += 1
            return
        self.received.append(message)
        if message["type"] == "text" and self.scripted:
            self._own(session, self._reply(session, message["text"]))
        elif message["type"] == "interrupt":
            for task in list(session.tasks):
                if task.get_name() == "reply":
                    task.cancel()

    async def _reply(self, session: Session, question: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("reply")
        session.turn += 1
        said = ""
        try:
            self._tell(session, "heard.final", text=question, language="zh", by="text")
            self._tell(session, "state", state="thinking")
            await asyncio.sleep(0.3)
            source = {
                "title": "雷峰塔 · 开放时间",
                "path": "leifeng.md",
                "text": PASSAGE,
                "score": 0.93,
            }
            self._tell(session, "sources", items=[source])
            self._tell(session, "reply.started", origin="knowledge")
            self._tell(session, "state", state="speaking")
            self._tell(session, "latency", **LATENCY)
            session.speaking = True
            for number, clause in enumerate(CLAUSES):
                words = spread(clause, 0.16)
                self._tell(
                    session, "caption", clause=number, text=clause, language="zh", words=words
                )
                said += clause
                await asyncio.sleep(words[-1][2] + 0.1)
            self._tell(session, "reply.finished", text=said, interrupted=False, origin="knowledge")
        except asyncio.CancelledError:
            heard = said[: len(said) // 2]
            self._tell(session, "reply.finished", text=heard, interrupted=True, origin="knowledge")
        finally:
            session.speaking = False
            self._tell(session, "state", state="idle")

    def _tell(self, session: Session, kind: str, **data: Any) -> None:
        event = {"type": kind, "session": session.id, "turn": session.turn, "at": 0.0, **data}
        if session.channel is not None and session.channel.readyState == "open":
            session.channel.send(json.dumps(event, ensure_ascii=False))

    async def _end(self, session: Session) -> None:
        self.sessions.pop(session.id, None)
        self.closed.append(session.id)
        for task in list(session.tasks):
            task.cancel()
        await asyncio.gather(*session.tasks, return_exceptions=True)
        if session.peer is not None:
            await session.peer.close()

    # ---- from the test's thread ----

    def call(self, work: Any) -> Any:
        """Await ``work`` on the server's loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=15)

    def emit(self, kind: str, *, turn: int | None = None, **data: Any) -> None:
        """Send an event to the newest session."""

        async def tell() -> None:
            session = self.newest
            session.turn = session.turn if turn is None else turn
            self._tell(session, kind, **data)

        self.call(tell())

    def speak(self, on: bool) -> None:
        """Switch the newest session's mouth and tone."""
        self.newest.speaking = on

    @property
    def newest(self) -> Session:
        """The session opened last."""
        return self.sessions[self.opened[-1]]

    def hang_up(self) -> None:
        """Close every connection; sessions stay."""

        async def close() -> None:
            for session in self.sessions.values():
                if session.peer is not None:
                    await session.peer.close()

        self.call(close())

    def forget(self) -> None:
        """Lose all sessions, as a restarted server has."""

        async def lose() -> None:
            for session in list(self.sessions.values()):
                await self._end(session)

        self.call(lose())


def spread(text: str, each: float) -> list[list[Any]]:
    """Word times for the characters of ``text``, ``each`` seconds apart, pauses for punctuation."""
    return [
        [char, round(i * each, 3), round((i + 1) * each, 3)]
        for i, char in enumerate(text)
        if char not in "，。！？"
    ]


LATENCY: dict[str, Any] = {
    "stages": [
        {"name": "end_of_turn", "start": 0.0, "end": 0.38},
        {"name": "transcript", "start": 0.12, "end": 0.52},
        {"name": "knowledge", "start": 0.52, "end": 0.55},
        {"name": "speech", "start": -0.08, "end": 0.24},
        {"name": "playout", "start": 0.55, "end": 0.71},
    ],
    "total": 0.71,
}


def _missing() -> JSONResponse:
    error = {"code": "not_found", "message": "there is no such session", "fix": "make one"}
    return JSONResponse({"error": error}, status_code=404)


if __name__ == "__main__":
    with PageServer().running(port=8080) as server:
        print(server.url)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            pass
