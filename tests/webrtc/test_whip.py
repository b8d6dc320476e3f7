"""WHIP into a real Janus, and endpoints that refuse, babble or vanish."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import RTCSessionDescription
from fastapi import FastAPI, Response

from digital_human.errors import ResourceError
from digital_human.transport import egress as egress_module
from digital_human.transport.webrtc.client import Client
from digital_human.transport.whip import WhipPublisher
from tests.fakes.egress import Desk
from tests.fakes.flash import FlashAndBeep
from tests.fakes.janus import ROOM, Handle, Whip, janus, served
from tests.fakes.nginx_rtmp import free_port
from tests.fakes.webrtc import on_air

TOKEN = "s3cret-token"


async def publishers(base: str) -> list[dict[str, Any]]:
    async with Handle(base) as handle:
        found = await handle.ask(request="listparticipants", room=ROOM)
        return [p for p in found["participants"] if p["publisher"]]


def onsets(states: list[tuple[float | None, bool]]) -> list[float]:
    """Times, by the sender's reports, of the changes from off to on."""
    known = [(time, on) for time, on in states if time is not None]
    return [time for (_, before), (time, on) in pairwise(known) if on and not before]


async def test_janus_gets_sound_and_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with (
        janus(tmp_path, free_port()) as base,
        Whip(base, TOKEN).running() as whip,
        on_air(FlashAndBeep()) as broadcast,
    ):
        desk = Desk(broadcast, tmp_path)
        await desk.egress.publish(whip.url, TOKEN)
        await desk.until(lambda: desk.log)
        assert desk.log[0].data == {"on": True, "host": "127.0.0.1"}
        (publisher,) = await publishers(base)
        viewer = Client(microphone=False, channel=False)
        async with Handle(base) as handle:
            offer = await handle.negotiate(
                None, request="join", ptype="subscriber", room=ROOM,
                streams=[{"feed": publisher["id"]}],
            )  # fmt: skip
            offer_sdp = RTCSessionDescription(offer["jsep"]["sdp"], "offer")
            await viewer.connection.setRemoteDescription(offer_sdp)
            await viewer.connection.setLocalDescription(await viewer.connection.createAnswer())
            answer = {"type": "answer", "sdp": viewer.connection.localDescription.sdp}
            await handle.negotiate(answer, request="start", room=ROOM)
            # Each track's times begin with its own first report, up to 1.5 s after the other's.
            await desk.until(
                lambda: (
                    sum(p.media is not None for p in viewer.pictures) > 50
                    and sum(s.media is not None for s in viewer.sounds) > 100
                ),
                within=20,
            )
        await viewer.close()
        light = [(p.media, p.image.mean() > 128) for p in viewer.pictures]
        loud = [(s.media, abs(s.pcm).max() > 0.25) for s in viewer.sounds]
        await desk.egress.unpublish()
        assert await publishers(base) == []
        assert broadcast.outlets == ()
    codecs = {s["type"]: s["codec"] for s in offer["plugindata"]["data"]["streams"]}
    assert codecs == {"audio": "opus", "video": "h264"}
    assert 0.1 < np.mean([on for _, on in light]) < 0.35
    assert 0.1 < np.mean([on for _, on in loud]) < 0.4
    heard = [time for time, _ in loud if time is not None]
    beeps = onsets(loud)
    flashes = [time for time in onsets(light) if heard[0] + 0.1 < time < heard[-1] - 0.1]
    assert flashes
    assert all(min(abs(beep - flash) for beep in beeps) <= 0.040 for flash in flashes)
    assert desk.log[-1].data == {"on": False}
    told = caplog.text + str([event.to_json() for event in desk.log])
    assert "s3cret" not in told


async def test_lost_server_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.2)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    monkeypatch.setattr(egress_module, "_FIRST_WAIT", 0.1)
    monkeypatch.setattr(egress_module, "_LONGEST_WAIT", 0.4)
    port = free_port()
    async with (
        Whip(f"http://127.0.0.1:{port}/janus", TOKEN).running() as whip,
        on_air() as broadcast,
    ):
        desk = Desk(broadcast, tmp_path)
        async with janus(tmp_path, port):
            await desk.egress.publish(whip.url, TOKEN)
            await desk.until(lambda: desk.log and desk.log[-1].data["on"])
        await desk.until(lambda: not desk.log[-1].data["on"], within=20)
        assert desk.log[1].data["error"] == "WHIP: the connection was lost"
        async with janus(tmp_path, port) as base:
            await desk.until(lambda: desk.log[-1].data["on"], within=20)
            assert len(await publishers(base)) == 1
            await desk.egress.close()
            assert await publishers(base) == []
    assert desk.log[-1].data == {"on": False}


def never() -> None:
    raise AssertionError("nothing was published")


@pytest.mark.parametrize(
    ("path", "token", "says"),
    [
        ("/whip/s3cret-key", None, "answered 401"),
        ("/whip/s3cret-key", "wrong", "answered 401"),
        ("/whip/other", TOKEN, "answered 404"),
        ("/nowhere", TOKEN, "answered 404"),
    ],
)
async def test_refusals(path: str, token: str | None, says: str) -> None:
    async with Whip("http://127.0.0.1:9/janus", TOKEN).running() as whip, on_air() as broadcast:
        url = whip.url.removesuffix("/whip/s3cret-key") + path
        with pytest.raises(ResourceError, match=says) as error:
            await WhipPublisher(broadcast, url, token, began=never).run()
        assert error.value.fix == "check the address and the token"
        assert "s3cret" not in str(error.value)
        assert broadcast.outlets == ()


@pytest.mark.parametrize(
    "answer", ["", "hello", "v=0\r\n", "\x00" * 9], ids=["empty", "text", "no media", "binary"]
)
async def test_garbage_answers(answer: str) -> None:
    deleted: list[bool] = []
    app = FastAPI()

    @app.post("/old")
    async def moved() -> Response:
        return Response(status_code=307, headers={"Location": "/whip"})

    @app.post("/whip")
    async def publish() -> Response:
        return Response(answer, 201, {"Location": "resource/1"}, "application/sdp")

    @app.delete("/resource/1")
    async def remove() -> None:
        deleted.append(True)

    async with served(app) as url, on_air() as broadcast:
        with pytest.raises(ResourceError, match="answer is not an SDP") as error:
            await WhipPublisher(broadcast, f"{url}/old", None, began=never).run()
        assert error.value.fix and deleted == [True]
        assert broadcast.outlets == ()


async def test_server_that_is_down() -> None:
    async with on_air() as broadcast:
        url = f"http://127.0.0.1:{free_port()}/s3cret-key"
        with pytest.raises(ResourceError, match="cannot be reached: ConnectError") as error:
            await WhipPublisher(broadcast, url, None, began=never).run()
        assert "s3cret" not in str(error.value)


async def test_server_that_hangs(tmp_path: Path) -> None:
    app = FastAPI()
    waiting = asyncio.Event()

    @app.post("/whip")
    async def publish() -> None:
        waiting.set()
        await asyncio.sleep(2)

    async with served(app) as url, on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.publish(f"{url}/whip", None)
        await waiting.wait()
        start = asyncio.get_running_loop().time()
        await desk.egress.unpublish()
        assert asyncio.get_running_loop().time() - start < 1
        assert broadcast.outlets == () and desk.log[-1].data == {"on": False}
