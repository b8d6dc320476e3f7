"""RTMP pushes to a real nginx, and to servers that are down or hang."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from pathlib import Path

import pytest

from digital_human.config import LiveSettings
from digital_human.errors import InputError, ResourceError
from digital_human.transport import egress as egress_module
from digital_human.transport import rtmp
from digital_human.transport.rtmp import RtmpPublisher
from tests.fakes.egress import Desk, in_step
from tests.fakes.flash import FlashAndBeep, watch
from tests.fakes.nginx_rtmp import free_port, nginx
from tests.fakes.webrtc import on_air

KEY = "s3cret-key"


async def test_push_arrives_in_step(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    port = free_port()
    async with nginx(tmp_path, port), on_air(FlashAndBeep()) as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.publish(f"rtmp://127.0.0.1:{port}/live/{KEY}", None)
        await desk.until(lambda: desk.log)
        with pytest.raises(InputError, match="published already"):
            await desk.egress.publish("rtmp://127.0.0.1/live/x", None)
        pulled = asyncio.to_thread(watch, f"rtmp://127.0.0.1:{port}/live/{KEY}", seconds=1)
        in_step(await pulled, 1)
        await asyncio.sleep(1.5)
        start = asyncio.get_running_loop().time()
        await desk.egress.unpublish()
        assert asyncio.get_running_loop().time() - start < 1.5
        assert broadcast.outlets == ()
        await desk.until(lambda: (tmp_path / f"{KEY}.flv").stat().st_size > 10_000)
    assert [event.data for event in desk.log] == [
        {"on": True, "host": "127.0.0.1"}, {"on": False},
    ]  # fmt: skip
    seen = watch(tmp_path / f"{KEY}.flv")
    in_step(seen, 3)
    assert seen.pictures > 60
    assert KEY not in caplog.text


async def test_push_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(egress_module, "_FIRST_WAIT", 0.1)
    monkeypatch.setattr(egress_module, "_LONGEST_WAIT", 0.4)
    port = free_port()
    async with on_air(FlashAndBeep()) as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.publish(f"rtmp://127.0.0.1:{port}/live/{KEY}", None)
        await desk.until(lambda: len(desk.log) >= 2)
        assert [e.data["on"] for e in desk.log] == [False, False]
        assert desk.log[0].data["error"] == "RTMP: Connection refused"
        async with nginx(tmp_path, port):
            await desk.until(lambda: desk.log[-1].data["on"])
            await asyncio.sleep(0.5)
        await desk.until(lambda: not desk.log[-1].data["on"])
        async with nginx(tmp_path, port):
            await desk.until(lambda: desk.log[-1].data["on"])
            await desk.egress.close()
    assert desk.log[-1].data == {"on": False}
    assert KEY not in caplog.text + str([event.to_json() for event in desk.log])


class Hangs:
    """A server that takes connections and then does nothing."""

    async def __aenter__(self) -> int:
        self._open: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(
            lambda _, writer: self._open.append(writer), "127.0.0.1", 0, limit=1024
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        await self._server.wait_closed()


async def test_server_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtmp, "_CLOSE_SECONDS", 0.5)
    monkeypatch.setattr(rtmp, "_LINK_SECONDS", 2)
    threads = threading.active_count()
    async with Hangs() as port, on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.publish(f"rtmp://127.0.0.1:{port}/live/{KEY}", None)
        await asyncio.sleep(0.5)
        start = asyncio.get_running_loop().time()
        await desk.egress.unpublish()
        assert asyncio.get_running_loop().time() - start < rtmp._CLOSE_SECONDS + 0.5
        assert broadcast.outlets == ()
        with pytest.raises(ResourceError, match="RTMP: ") as error:
            async with asyncio.timeout(6):
                began: list[bool] = []
                url = f"rtmp://127.0.0.1:{port}/live/{KEY}"
                await RtmpPublisher(broadcast, url, began=lambda: began.append(True)).run()
        assert began == [] and KEY not in str(error.value) and error.value.fix
    await desk.until(lambda: threading.active_count() <= threads)


@pytest.mark.parametrize(
    "url",
    [
        "", "ftp://x/y", "file:///etc/passwd", "rtmp://", " rtmp://x/y", "rtmp://x/y\n", "http://[x",
        "rtmp://x/[f=mp4]a b", "tee:rtmp://x/y",
    ],
)  # fmt: skip
async def test_wrong_address_is_refused(tmp_path: Path, url: str) -> None:
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        with pytest.raises(InputError, match="publish: the address must be"):
            await desk.egress.publish(url, None)
        assert desk.log == []


async def test_special_characters_stay_in_the_key(tmp_path: Path) -> None:
    port = free_port()
    async with nginx(tmp_path, port), on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        key = f"a|[f=mp4]{tmp_path}/stolen.mp4'\\"
        await desk.egress.publish(f"rtmp://127.0.0.1:{port}/live/{key}", None)
        await desk.until(lambda: desk.log)
        await desk.egress.unpublish()
    assert not (tmp_path / "stolen.mp4").exists()


async def test_a_server_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    """FFmpeg keeps Python's lock while it connects; the push has a process of its own."""
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            worst = max(worst, time.monotonic() - began)

    async with Hangs() as port, on_air() as broadcast:
        watching = asyncio.create_task(watch())
        with pytest.raises(ResourceError, match="RTMP: "):
            await RtmpPublisher(broadcast, f"rtmp://127.0.0.1:{port}/live/x", began=print).run()
        watching.cancel()
    assert worst < 1.0, worst  # it was five seconds


async def test_a_target_that_stays_dead_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_module, "_FIRST_WAIT", 0.1)
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path, LiveSettings(publish_minutes=2 / 60))
        await desk.egress.publish(f"rtmp://127.0.0.1:{free_port()}/live/{KEY}", None)
        told = desk.egress.publication
        assert told is not None and (told.host, told.state) == ("127.0.0.1", "connecting")
        await desk.until(lambda: desk.log)
        assert told.state == "waiting" and told.error == "RTMP: Connection refused"
        await desk.until(lambda: desk.log[-1].data["given_up"], within=30)
        assert told.state == "given-up" and broadcast.outlets == ()
        assert len(desk.log) >= 2
        await desk.egress.publish(f"rtmp://127.0.0.1:{free_port()}/live/{KEY}", None)
        await desk.egress.close()
        assert desk.egress.publication is None
