"""Five percent of the packets lost at random, both ways."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import soundfile
from aiortc import rtcrtpsender

from digital_human.transport.webrtc import internals
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.eval.readback import read_back
from tests.fakes.webrtc import connect, lose, on_air

SHARE = 0.05


async def test_video_recovers_within_a_second() -> None:
    codecs: tuple[Literal["h264", "vp8"], ...] = ("h264", "vp8")
    ears: list[list[Any]] = [[], []]
    lost: list[list[int]] = []
    async with on_air() as broadcast:
        peers = [Peer(broadcast, on_audio=ear.append) for ear in ears]
        clients = [Client(codec=codec) for codec in codecs]
        for peer, client in zip(peers, clients, strict=True):
            await connect(peer, client)
            while len(client.pictures) < 5:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            lost.append(lose(peer._connection, SHARE, seed=len(lost)))
            lost.append(lose(client.connection, SHARE, seed=len(lost)))
        before = [sum(map(len, ear)) for ear in ears]
        start = asyncio.get_running_loop().time()
        await asyncio.sleep(5)
        seconds = asyncio.get_running_loop().time() - start
        heard = [(sum(map(len, ear)) - n) / 16_000 for ear, n in zip(ears, before, strict=True)]
        stats = [peer.stats() for peer in peers]
        for peer, client in zip(peers, clients, strict=True):
            await peer.close()
            await client.close()
    assert all(count >= 8 for _, count in lost)
    for client in clients:
        arrivals = np.array([picture.arrived for picture in client.pictures])
        assert np.diff(arrivals).max() < 1.0
        assert np.sum(arrivals > start) > 0.75 * seconds * 25
    assert heard == pytest.approx([seconds, seconds], abs=0.4)
    assert all(stat["lost_seconds"] < 0.03 * seconds for stat in stats)


async def test_picture_is_whole_again_after_a_blackout() -> None:
    async with on_air() as broadcast:
        peer = Peer(broadcast)
        client = Client(microphone=False)
        await connect(peer, client)
        while len(client.pictures) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        transport = peer._connection.getSenders()[0].transport.transport
        link = transport._send
        lose(peer._connection, 1.0)
        await asyncio.sleep(0.5)
        transport._send = link
        back = asyncio.get_running_loop().time()
        seen = len(client.pictures)
        await asyncio.sleep(1.5)
        await peer.close()
        await client.close()
    again = [picture.arrived - back for picture in client.pictures[seen:]]
    assert again[0] < 1.0
    assert sum(0 < at < 1.5 for at in again) > 20


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_a_network_that_was_gone_longer_than_packets_are_kept(
    codec: Literal["h264", "vp8"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked for and kept no more brings a key frame."""
    for module in (internals, rtcrtpsender):
        monkeypatch.setattr(module, "RTP_HISTORY_SIZE", 16)
    async with on_air() as broadcast:
        peer, client = Peer(broadcast), Client(codec=codec)
        await connect(peer, client)
        while len(client.pictures) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert peer.quiet < 0.5
        links = {s.transport.transport for s in peer._connection.getSenders()}
        kept = [(link, link._send) for link in links]
        sent = lose(peer._connection, 1.0)
        while sent[1] < 70:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for link, send in kept:
            link._send = send
        back = asyncio.get_running_loop().time()
        seen = len(client.pictures)
        await asyncio.sleep(1.5)
        asked = peer.stats()["video"]["key_requests"]
        await client.close()
        await peer.close()
    again = [picture.arrived - back for picture in client.pictures[seen:]]
    assert again[0] < 0.8 and sum(0 < at < 1.5 for at in again) > 20
    assert asked == 0, "by itself: a browser asks after three seconds only"


async def test_a_browser_that_is_gone_is_quiet() -> None:
    async with on_air() as broadcast:
        peer, client = Peer(broadcast), Client()
        await connect(peer, client)
        await asyncio.sleep(0.3)
        assert peer.quiet < 0.2
        lose(client.connection, 1.0)
        await asyncio.sleep(0.6)
        assert peer.quiet > 0.4 and peer.connected
        await client.close()
        await peer.close()


@pytest.mark.weights
@pytest.mark.data
@pytest.mark.slow
async def test_speech_is_understood_as_well_as_without_loss(data_dir: Path) -> None:
    pcm, rate = soundfile.read(data_dir / "speech/zh_synth/zf_xiaobei_1.wav", dtype="float32")
    text = "苏堤全长约二点八公里，是苏东坡任杭州知州时主持修建的。"
    ears: list[list[Any]] = [[], []]
    async with on_air() as broadcast:
        peers = [Peer(broadcast, on_audio=ear.append) for ear in ears]
        clients = [Client(video=False) for _ in ears]
        for peer, client in zip(peers, clients, strict=True):
            await connect(peer, client)
        lost = lose(clients[1].connection, SHARE)
        lose(peers[1]._connection, SHARE, seed=1)
        for client in clients:
            assert client.microphone is not None
            client.microphone.play(pcm, rate)
        await asyncio.sleep(len(pcm) / rate + 1.0)
        for peer, client in zip(peers, clients, strict=True):
            await peer.close()
            await client.close()
    assert lost[1] > 10
    clean, lossy = (read_back(np.concatenate(ear), 16_000, text, "zh") for ear in ears)
    assert clean.characters is not None and lossy.characters is not None
    assert lossy.characters <= clean.characters + 0.05
