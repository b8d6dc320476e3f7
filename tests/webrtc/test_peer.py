"""Real aiortc peers in one process: offers, media both ways, messages, endings."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import threading
import time
from fractions import Fraction
from typing import Any

import numpy as np
import psutil
import pytest
from aiortc import MediaStreamTrack
from av import AudioFrame

from digital_human.errors import InputError
from digital_human.transport.webrtc import peer as peer_module
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import MESSAGE_LIMIT, Peer
from tests.fakes.webrtc import SIZE, Show, connect, on_air


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Wait until ``condition()`` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def pitch(pcm: np.ndarray[Any, Any], rate: int) -> float:
    """Strongest frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * rate / len(pcm))


@pytest.mark.parametrize(("codec", "chosen"), [("h264", "h264"), ("vp8", "vp8"), (None, "h264")])
async def test_media_both_ways(codec: Any, chosen: str) -> None:
    heard: list[Any] = []
    async with on_air() as broadcast:
        peer = Peer(broadcast, ice=(), on_audio=heard.append, name="visitor")
        client = Client(codec=codec)
        await connect(peer, client)
        assert peer.stats()["codec"] == chosen
        assert client.microphone is not None
        tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(16_000) / 16_000)
        client.microphone.play(tone.astype(np.float32), 16_000)
        await until(lambda: len(client.pictures) > 30 and sum(map(len, heard)) > 24_000)
        seen = client.pictures[-1].image
        sound = np.concatenate([sound.pcm for sound in client.sounds[-25:]])
        ear = np.concatenate(heard)
        await client.close()
        await asyncio.wait_for(peer.closed.wait(), 10)
    assert seen.shape == (SIZE[1], SIZE[0], 3)
    shows = [np.roll(Show().picture(0), shift, axis=1).astype(int) for shift in range(SIZE[0])]
    assert min(np.abs(seen - show).mean() for show in shows) < 16
    assert pitch(sound, 48_000) == pytest.approx(440, abs=5)
    assert ear.dtype == np.float32
    loud = ear[np.abs(ear) > 0.05]
    assert len(loud) > 10_000
    start = int(np.argmax(np.abs(ear) > 0.05))
    assert pitch(ear[start + 2000 : start + 12_000], 16_000) == pytest.approx(300, abs=5)


async def test_first_picture_comes_at_once() -> None:
    async with on_air() as broadcast:
        first, second = Peer(broadcast, name="first"), Peer(broadcast, name="second")
        viewers = [Client(microphone=False, channel=False) for _ in range(2)]
        await connect(first, viewers[0])
        await until(lambda: len(viewers[0].pictures) > 20)
        await connect(second, viewers[1])
        start = asyncio.get_running_loop().time()
        await until(lambda: viewers[1].pictures)
        waited = asyncio.get_running_loop().time() - start
        for peer in (first, second):
            await peer.close()
        for viewer in viewers:
            await viewer.close()
    assert waited < 0.8


async def test_messages() -> None:
    got: list[dict[str, Any]] = []

    def refuse(message: dict[str, Any]) -> None:
        got.append(message)
        if message.get("type") == "bad":
            raise InputError("act 'fly' does not exist", fix="use nod")
        if message.get("type") == "crash":
            raise RuntimeError("a defect")

    async with on_air() as broadcast:
        peer = Peer(broadcast, on_message=refuse)
        for number in range(300):
            peer.send({"type": "early", "n": number})
        client = Client(microphone=False, video=False)
        await connect(peer, client)
        last = {"type": "early", "n": 299}
        await until(lambda: client.messages and client.messages[-1][1] == last)
        client.send({"type": "text", "text": "苏堤在哪里？"})
        client.send({"type": "bad"})
        client.send({"type": "crash"})
        assert client._channel is not None
        client._channel.send("not json")
        client._channel.send("[1]")
        client._channel.send(b"\x00\x01")
        client._channel.send("[" * 5000)
        client._channel.send(json.dumps({"type": "long", "text": "x" * MESSAGE_LIMIT}))
        await until(lambda: sum(m["type"] == "error" for _, m in client.messages) == 7)
        await peer.close()
        await client.close()
    assert [message["type"] for message in got] == ["text", "bad", "crash"]
    assert got[0]["text"] == "苏堤在哪里？"
    early = [m["n"] for _, m in client.messages if m["type"] == "early"]
    assert early == list(range(44, 300))
    errors = [m for _, m in client.messages if m["type"] == "error"]
    assert errors[0] == {"type": "error", "message": "act 'fly' does not exist", "fix": "use nod"}
    assert "defect" not in errors[1]["message"]


async def test_flood_of_messages_is_dropped() -> None:
    got: list[dict[str, Any]] = []
    async with on_air() as broadcast:
        peer = Peer(broadcast, on_message=got.append)
        client = Client(microphone=False, video=False)
        await connect(peer, client)
        await until(lambda: client._channel is not None and client._channel.readyState == "open")
        for number in range(500):
            client.send({"type": "act", "name": str(number)})
        await until(lambda: len(got) >= 40)
        await asyncio.sleep(0.3)
        await peer.close()
        await client.close()
    assert 40 <= len(got) < 100


@pytest.mark.parametrize(
    ("offer", "says"),
    [
        ("", "not a session description"),
        ("hello", "not a session description"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "the limit is"),
        ("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "neither audio nor video"),
        ("v=0\r\nm=audio nine UDP/TLS/RTP/SAVPF 111\r\n", "cannot be read"),
        ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n", "no ICE credentials"),
        ("v=0\r\nm=text 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n", "sdp:"),
    ],
)
async def test_wrong_offer_is_refused(offer: str, says: str) -> None:
    async with on_air() as broadcast:
        peer = Peer(broadcast)
        with pytest.raises(InputError, match=says) as error:
            await peer.answer(offer)
        assert error.value.fix
        assert peer.closed.is_set()
        assert broadcast.outlets == ()


@pytest.mark.parametrize(
    ("what", "by", "says"),
    [
        ("opus/48000/2", "speex/16000", "cannot be answered"),
        ("a=rtcp-mux", "a=x", "cannot be answered"),
        ("a=ice-pwd:", "a=x:", "cannot be|no ICE"),
    ],
)
async def test_offer_that_cannot_be_answered(what: str, by: str, says: str) -> None:
    async with on_air() as broadcast:
        client, peer = Client(), Peer(broadcast)
        offer = await client.offer()
        assert what in offer
        if "opus" in what:
            offer = "\n".join(
                line for line in offer.split("\n") if "PCM" not in line and "G722" not in line
            ).replace(" 9 0 8", "")
        with pytest.raises(InputError, match=says):
            await peer.answer(offer.replace(what, by))
        assert peer.closed.is_set() and broadcast.outlets == ()
        await client.close()


async def test_too_many_sections_are_refused() -> None:
    async with on_air() as broadcast:
        client, peer = Client(), Peer(broadcast)
        client.connection.addTransceiver("video", direction="recvonly")
        with pytest.raises(InputError, match="more than one section of video"):
            await peer.answer(await client.offer())
        await client.close()


async def test_second_offer_is_refused() -> None:
    async with on_air() as broadcast:
        client, peer = Client(), Peer(broadcast)
        offer = await client.offer()
        await peer.answer(offer)
        with pytest.raises(InputError, match="has had one"):
            await peer.answer(offer)
        await peer.close()
        await client.close()


async def test_browser_that_hides_its_address_connects() -> None:
    async with on_air() as broadcast:
        client, peer = Client(microphone=False), Peer(broadcast)
        offer = await client.offer()
        lines = []
        for line in offer.split("\r\n"):
            if line.startswith("a=candidate:"):
                parts = line.split(" ")
                parts[4] = "4bb4eb9a-8b1a-4b1e-9f0c-2f1f7a1c9a10.local"
                line = " ".join(parts)
            lines.append(line)
        start = asyncio.get_running_loop().time()
        answer = await peer.answer("\r\n".join(lines))
        took = asyncio.get_running_loop().time() - start
        await client.accept(answer)
        await until(lambda: client.pictures)
        await peer.close()
        await client.close()
    assert took < 0.5


async def test_offer_without_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "CONNECT_SECONDS", 0.3)
    async with on_air() as broadcast:
        client, peer = Client(), Peer(broadcast)
        await peer.answer(await client.offer())
        await asyncio.wait_for(peer.closed.wait(), 10)
        assert peer.reason == "no connection within 0 s"
        assert broadcast.outlets == ()
        await client.close()


class Flood(MediaStreamTrack):
    """Sound that does not wait for its time, each packet a second after the one before."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    async def recv(self) -> AudioFrame:
        frame = AudioFrame(format="s16", layout="mono", samples=960)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = 48_000, self.sent * 48_000
        frame.time_base = Fraction(1, 48_000)
        self.sent += 1
        return frame


async def test_a_flood_of_sound_is_bounded_by_the_second() -> None:
    heard: list[int] = []
    async with on_air() as broadcast:
        peer = Peer(broadcast, on_audio=lambda pcm: heard.append(pcm.size))
        flood = Flood()
        peer._microphone = flood
        listening = asyncio.create_task(peer._listen())
        longest = 0.0
        began = last = time.monotonic()
        while time.monotonic() - began < 2.0:
            await asyncio.sleep(0)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        listening.cancel()
        await asyncio.wait([listening])
        await peer.close()
    assert flood.sent > 20 * 50, "no flood"
    # Four seconds may come at once, then little more than one a second.
    assert sum(heard) <= 16_000 * (4 + 2 * 1.25 + 0.5)
    assert longest < 1.0


async def test_lost_visitor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import aioice.ice

    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.2)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
    async with on_air() as broadcast:
        client, peer = Client(), Peer(broadcast)
        await connect(peer, client)
        await until(lambda: client.pictures)
        for sender in client.connection.getSenders():
            ice = sender.transport.transport._connection
            for protocol in ice._protocols:
                protocol.transport.close()
        await asyncio.wait_for(peer.closed.wait(), 30)
        assert peer.reason == "the viewer left or was lost"
        assert broadcast.outlets == ()
        await client.close()


async def test_connecting_and_closing_leaves_nothing() -> None:
    process = psutil.Process()

    async def cycle(hang_up_first: bool) -> None:
        peer = Peer(broadcast, on_audio=lambda pcm: None)
        client = Client()
        await connect(peer, client)
        if hang_up_first:
            await client.close()
            await asyncio.wait_for(peer.closed.wait(), 10)
        else:
            await peer.close()
            await client.close()

    async with on_air() as broadcast:
        for number in range(8):
            await cycle(bool(number % 2))
        gc.collect()
        tasks, threads = len(asyncio.all_tasks()), threading.active_count()
        rss, files = process.memory_info().rss, process.num_fds()
        for number in range(50):
            await cycle(bool(number % 2))
        gc.collect()
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        # The loop's own pool may still grow by a few; a leak would be fifty.
        await until(lambda: threading.active_count() <= threads + 5)
        assert process.num_fds() <= files + 2
        assert (process.memory_info().rss - rss) / 2**20 < 8
        assert broadcast.outlets == ()


async def test_the_answer_asks_for_a_voice_that_can_be_recognised() -> None:
    async with on_air() as broadcast:
        peer, client = Peer(broadcast), Client(video=False)
        await connect(peer, client)
        answered = client.connection.remoteDescription.sdp
        (opus,) = re.findall(r"a=rtpmap:(\d+) opus/48000/2\r\n", answered)
        await peer.close()
        await client.close()
    assert f"a=fmtp:{opus} maxaveragebitrate=64000\r\n" in answered
