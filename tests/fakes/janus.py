"""Debian's Janus with its video room, and the WHIP endpoint in front that it lacks itself."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

from tests.fakes.nginx_rtmp import absent, listening
from tests.fakes.serving import on_loopback

ROOM = 77
LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")


class Handle:
    """One handle of the video room plugin over Janus' HTTP API; it has a session of its own."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._http = httpx.AsyncClient(timeout=15)
        self._session = self._handle = ""

    async def __aenter__(self) -> Handle:
        made = await self._post(self._base, {"janus": "create"})
        self._session = f"{self._base}/{made['data']['id']}"
        plugin = {"janus": "attach", "plugin": "janus.plugin.videoroom"}
        made = await self._post(self._session, plugin)
        self._handle = f"{self._session}/{made['data']['id']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post(self._session, {"janus": "destroy"})
        await self._http.aclose()

    async def ask(self, **body: Any) -> dict[str, Any]:
        """A request that is answered at once."""
        answer = await self._post(self._handle, {"janus": "message", "body": body})
        data: dict[str, Any] = answer["plugindata"]["data"]
        return data

    async def negotiate(self, jsep: dict[str, str] | None, **body: Any) -> dict[str, Any]:
        """A request that is answered by an event; its session description is under ``jsep``."""
        message: dict[str, Any] = {"janus": "message", "body": body}
        if jsep:
            message["jsep"] = jsep
        await self._post(self._handle, message)
        while True:
            event: dict[str, Any] = (await self._http.get(self._session)).json()
            if event["janus"] == "event":
                if "error" in event["plugindata"]["data"]:
                    raise RuntimeError(event["plugindata"]["data"]["error"])
                return event

    async def _post(self, url: str, message: dict[str, Any]) -> dict[str, Any]:
        reply = await self._http.post(url, json=message | {"transaction": secrets.token_hex(4)})
        answer: dict[str, Any] = reply.json()
        if answer["janus"] == "error":
            raise RuntimeError(answer["error"]["reason"])
        return answer


@asynccontextmanager
async def janus(folder: Path, port: int) -> AsyncIterator[str]:
    """Run Janus with one room for H.264 and Opus; gives the address of its API."""
    binary = shutil.which("janus")
    if binary is None or not LIBRARIES.is_dir():  # noqa: ASYNC240
        absent("no Janus: install janus")
    _configure(folder, port)
    process = await asyncio.create_subprocess_exec(
        binary, "-F", str(folder), "-C", str(folder / "janus.jcfg"),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await listening(port, process)
        base = f"http://127.0.0.1:{port}/janus"
        async with Handle(base) as handle:
            await handle.ask(
                request="create", room=ROOM, videocodec="h264", audiocodec="opus", publishers=4
            )
        yield base
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _configure(folder: Path, port: int) -> None:
    """Only the plugin and the transport that are needed, on loopback."""
    for kind, name in (("plugins", "videoroom"), ("transports", "http")):
        (folder / kind).mkdir(exist_ok=True)
        link = folder / kind / f"libjanus_{name}.so"
        link.unlink(missing_ok=True)
        link.symlink_to(LIBRARIES / kind / f"libjanus_{name}.so")
    for kind in ("events", "loggers"):
        (folder / kind).mkdir(exist_ok=True)
    folders = "\n".join(
        f'{kind}_folder = "{folder / kind}"'
        for kind in ("plugins", "transports", "events", "loggers")
    )
    (folder / "janus.jcfg").write_text(
        f'general: {{ configs_folder = "{folder}"\n{folders}\ndebug_level = 3 }}\n'
        'media: { ipv6 = false }\nnat: { ice_ignore_list = "vmnet" }\n'
    )
    (folder / "janus.transport.http.jcfg").write_text(
        f'general: {{ base_path = "/janus"\nhttp = true\nhttps = false\nport = {port}\n'
        'ip = "127.0.0.1"\njson = "compact" }\nadmin: { admin_http = false }\n'
    )
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")


class Whip:
    """A WHIP endpoint (RFC 9725) that publishes into the room of a Janus.

    Args:
        base: Address of Janus' API.
        token: Bearer token that it asks for.

    Attributes:
        url: Of the endpoint, while it runs.
    """

    def __init__(self, base: str, token: str) -> None:
        self.base, self.token, self.url = base, token, ""
        self._handles: dict[str, Handle] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Whip]:
        """Serve it on a free port of loopback."""
        app = FastAPI()
        app.add_api_route("/whip/{key}", self._publish, methods=["POST"])
        app.add_api_route("/resource/{id}", self._remove, methods=["DELETE"])
        async with served(app) as url:
            self.url = f"{url}/whip/s3cret-key"
            yield self

    async def _publish(self, key: str, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Response(status_code=401)
        if key != "s3cret-key":
            return Response(status_code=404)
        assert request.headers["Content-Type"] == "application/sdp"
        offer = {"type": "offer", "sdp": (await request.body()).decode()}
        handle = await Handle(self.base).__aenter__()
        event = await handle.negotiate(
            offer, request="joinandconfigure", ptype="publisher", room=ROOM, display="guide"
        )
        id = secrets.token_hex(8)
        self._handles[id] = handle
        return Response(
            event["jsep"]["sdp"], 201, {"Location": f"/resource/{id}"}, "application/sdp"
        )

    async def _remove(self, id: str) -> Response:
        await self._handles.pop(id).__aexit__()
        return Response()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Run an application on a free port of loopback; gives its address."""
    async with on_loopback(uvicorn.Config(app, log_level="warning")) as address:
        yield address
