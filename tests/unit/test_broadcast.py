"""Encode once, fan out, key frames, slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest

from digital_human.media import live_encoder
from digital_human.media.broadcast import Broadcast, Outlet, OutletClosed
from digital_human.media.live_encoder import EncodedPicture

SIZE = (64, 48)
TONE = (0.3 * np.sin(2 * np.pi * 440 * np.arange(1920) / 48_000)).astype(np.float32)


def picture(pts: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    image[:, pts % SIZE[0]] = 255
    return image


@pytest.fixture
def broadcast() -> Iterator[Broadcast]:
    made = Broadcast(size=SIZE)
    yield made
    made.close()


async def start(outlet: Outlet) -> list[av.Packet[Any]]:
    """Read ``outlet``'s video in the background; returns the list that fills."""
    got: list[av.Packet[Any]] = []

    async def read() -> None:
        try:
            while True:
                got.append(await outlet.video())
        except OutletClosed:
            got.append(None)  # type: ignore[arg-type]

    outlet.reader = asyncio.create_task(read())  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    return got


async def play(broadcast: Broadcast, first: int, count: int) -> None:
    for pts in range(first, first + count):
        broadcast.release(await broadcast.encode(picture(pts), pts), TONE, pts)
        await asyncio.sleep(0)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_every_viewer_gets_the_same_decodable_bits(
    broadcast: Broadcast, codec: live_encoder.VideoCodec
) -> None:
    outlets = [broadcast.open(codec, name=str(n)) for n in range(3)]
    got = [await start(outlet) for outlet in outlets]
    await play(broadcast, 0, 12)
    data = [[bytes(packet) for packet in packets] for packets in got]
    assert data[0] == data[1] == data[2]
    assert [packet.pts for packet in got[0]] == [n * 3600 for n in range(12)]
    decoder = av.CodecContext.create(codec, "r")
    decoded = [frame for packet in got[0] for frame in decoder.decode(packet)]
    decoded += decoder.decode(None)
    assert len(decoded) == 12
    image = decoded[-1].to_ndarray(format="rgb24")
    assert image.shape == (48, 64, 3)
    assert image[:, 11].mean() > image[:, 40].mean() + 80


async def test_nothing_is_encoded_for_nobody(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="opened but never read")
    encoded = await broadcast.encode(picture(0), 0)
    assert encoded.pictures == {}
    assert not broadcast.watched
    await start(outlet)
    assert broadcast.watched
    assert (await broadcast.encode(picture(1), 1)).pictures.keys() == {"h264"}


async def test_one_encode_per_codec(broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []

    def counted(name: live_encoder.VideoCodec) -> type[Any]:
        class Counted(live_encoder.VIDEO_ENCODERS[name]):  # type: ignore[misc]
            def encode(self, yuv: Any, pts: int, *, key: bool) -> EncodedPicture:
                calls.append((name, pts))
                return super().encode(yuv, pts, key=key)

        return Counted

    encoders: dict[str, Any] = {"h264": counted("h264"), "vp8": counted("vp8")}
    monkeypatch.setattr(live_encoder, "VIDEO_ENCODERS", encoders)
    for n in range(4):
        await start(broadcast.open("h264", name=f"h{n}"))
    await start(broadcast.open("vp8", name="v"))
    await play(broadcast, 0, 2)
    assert sorted(calls) == [("h264", 0), ("h264", 1), ("vp8", 0), ("vp8", 1)]


async def test_newcomer_starts_at_a_key_frame(broadcast: Broadcast) -> None:
    first = await start(broadcast.open("h264", name="first"))
    await play(broadcast, 0, 20)
    second = await start(broadcast.open("h264", name="second"))
    await play(broadcast, 20, 3)
    assert [packet.is_keyframe for packet in first] == [n in (0, 20) for n in range(23)]
    assert second[0].is_keyframe and second[0].pts == 20 * 3600


async def test_key_frame_requests_are_rate_limited(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="nervous")
    got = await start(outlet)
    for pts in range(40):
        outlet.request_key_frame()
        await play(broadcast, pts, 1)
    keys = [packet.pts // 3600 for packet in got if packet.is_keyframe]
    gaps = np.diff(keys)
    assert len(keys) >= 4
    assert gaps.min() * 40 >= 300


async def test_slow_reader_resumes_at_a_key_frame(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="slow", capacity=4)
    read = asyncio.create_task(outlet.video())
    await asyncio.sleep(0)
    await play(broadcast, 0, 1)
    await read
    await play(broadcast, 1, 30)
    assert outlet.dropped >= 20
    read = asyncio.create_task(outlet.video())
    await play(broadcast, 31, 10)
    packet = await read
    assert packet.is_keyframe
    assert packet.pts > 5 * 3600


async def test_sound_is_opus_in_media_time(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="ear")
    pending = asyncio.create_task(outlet.audio())
    await asyncio.sleep(0)
    pcm = np.sin(2 * np.pi * 440 * np.arange(1920 * 25) / 48_000).astype(np.float32) * 0.3
    pcm[: 1920 * 12] = 0
    for pts in range(25):
        broadcast.release(None, pcm[pts * 1920 : (pts + 1) * 1920], pts)
    packets = [await pending] + [await outlet.audio() for _ in range(49)]
    assert np.all(np.diff([packet.pts for packet in packets]) == 960)
    decoder = av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", 48_000
    decoded = [frame.to_ndarray()[0] for packet in packets for frame in decoder.decode(packet)]
    heard = np.concatenate(decoded) / 32768
    onset = int(np.argmax(np.abs(heard) > 0.05)) + packets[0].pts
    assert onset == pytest.approx(1920 * 12, abs=0.005 * 48_000)


async def test_sound_is_handed_out_every_20_ms(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="ear")
    loop = asyncio.get_running_loop()
    arrived: list[tuple[int, float]] = []

    async def read() -> None:
        for _ in range(8):
            packet = await outlet.audio()
            assert packet.pts is not None
            arrived.append((packet.pts, loop.time()))

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    broadcast.release(None, TONE, 0)
    await asyncio.sleep(0.01)
    assert len(arrived) == 1
    await asyncio.sleep(0.05)
    assert len(arrived) == 2 and arrived[1][1] - arrived[0][1] >= 0.019
    broadcast.release(None, TONE, 1)
    broadcast.release(None, TONE, 2, lag=0.5)
    broadcast.release(None, TONE, 3, lag=0.5)
    await asyncio.wait_for(reading, 1)
    assert np.all(np.diff([pts for pts, _ in arrived]) == 960)
    assert arrived[-1][1] - arrived[2][1] < 0.02


async def test_closing_ends_readers_and_frees_the_encoder(broadcast: Broadcast) -> None:
    outlet = broadcast.open("h264", name="leaver")
    got = await start(outlet)
    waiting = asyncio.create_task(outlet.audio())
    await play(broadcast, 0, 3)
    await waiting
    outlet.close()
    await asyncio.sleep(0)
    assert got[-1] is None
    assert broadcast.outlets == ()
    with pytest.raises(OutletClosed):
        await outlet.audio()
    assert (await broadcast.encode(picture(3), 3)).pictures == {}


async def test_encoder_that_fails_is_made_again(
    broadcast: Broadcast, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = live_encoder.VIDEO_ENCODERS["h264"]

    class Breaking(real):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any) -> None:
            made.append(self)
            super().__init__(*args)

        def encode(self, yuv: Any, pts: int, *, key: bool) -> EncodedPicture:
            if pts == 2:
                raise RuntimeError("device lost")
            return super().encode(yuv, pts, key=key)

    monkeypatch.setitem(live_encoder.VIDEO_ENCODERS, "h264", Breaking)
    got = await start(broadcast.open("h264", name="viewer"))
    await play(broadcast, 0, 2)
    with pytest.raises(RuntimeError, match="device lost"):
        await broadcast.encode(picture(2), 2)
    await play(broadcast, 3, 2)
    assert len(made) == 2
    assert [(p.pts // 3600, p.is_keyframe) for p in got] == [
        (0, True), (1, False), (3, True), (4, False),
    ]  # fmt: skip


async def test_bitrate_steps_down_once_for_the_slowest_viewer_and_recovers() -> None:
    rng = np.random.default_rng(0)
    size = (320, 240)
    noise = [rng.integers(0, 256, (240, 320, 3), np.uint8) for _ in range(8)]
    broadcast = Broadcast(size=size)
    fast, slow = (broadcast.open("h264", name=name) for name in ("fast", "slow"))
    got = await start(fast)
    await start(slow)

    async def seconds(start_: int, count: int) -> float:
        before = len(got)
        for pts in range(start_ * 25, (start_ + count) * 25):
            broadcast.release(await broadcast.encode(noise[pts % 8], pts), TONE, pts)
            await asyncio.sleep(0)
        return sum(packet.size for packet in got[before:]) * 8 / count

    full = await seconds(0, 4)
    fast.report_estimate(5e6)
    slow.report_estimate(0.4 * full)
    await seconds(4, 2)
    reduced = await seconds(6, 3)
    slow.report_estimate(5e6)
    await seconds(9, 8)
    recovered = await seconds(17, 3)
    broadcast.close()
    assert reduced < 0.65 * full
    assert recovered > 0.85 * full


async def test_wrong_picture_is_named(broadcast: Broadcast) -> None:
    await start(broadcast.open("h264", name="viewer"))
    with pytest.raises(ValueError, match="the stream is 48x64x3"):
        await broadcast.encode(np.zeros((10, 10, 3), np.uint8), 0)


def test_sound_listeners_hear_every_frame(broadcast: Broadcast) -> None:
    heard: list[Any] = []
    stop = broadcast.open_sound(lambda pcm, pts: heard.append((pcm, pts)))
    broadcast.release(None, TONE, 7)
    stop()
    stop()
    broadcast.release(None, TONE, 8)
    assert len(heard) == 1 and heard[0][0] is TONE and heard[0][1] == 7
