"""Recordings of a running broadcast, decoded and verified."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import psutil
import pytest

from digital_human.config import LiveSettings
from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport import recorder as recorder_module
from digital_human.transport.container import ContainerWriter, FileMuxer
from digital_human.transport.recorder import DAMAGED, PARTIAL, fragmented, recover
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer
from tests.fakes.egress import VISIBLE, Desk, films, in_step, lacks
from tests.fakes.flash import FlashAndBeep, watch
from tests.fakes.webrtc import SIZE, connect, on_air

pytestmark = pytest.mark.usefixtures("home")


async def test_recording_is_whole_labelled_and_in_step(tmp_path: Path) -> None:
    async with on_air(FlashAndBeep()) as broadcast:
        desk = Desk(broadcast, tmp_path / "films")
        viewer, peer = Client(codec="vp8", microphone=False), Peer(broadcast)
        await connect(peer, viewer)
        await desk.until(lambda: viewer.pictures)
        assert await desk.egress.record(True) is None
        await asyncio.sleep(3)
        crashed = shutil.copy(desk.partial, tmp_path / "crashed.mp4")
        await asyncio.sleep(1)
        name = await desk.egress.record(False)
        assert name and await desk.egress.record(False) is None
        await peer.close()
        await viewer.close()
        assert broadcast.outlets == ()
    path = desk.folder / name
    assert list(desk.folder.iterdir()) == [path]
    assert [event.data for event in desk.log] == [
        {"on": True, "name": name}, {"on": False, "name": name},
    ]  # fmt: skip
    seen = watch(path)
    in_step(seen, 4)
    assert seen.start == 0.0 and seen.pictures > 85
    assert lacks(path) <= {VISIBLE}
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        header = bytes(video.codec_context.extradata or b"")
        assert video.codec_context.profile == "Constrained Baseline"
        packet = next(p for p in file.demux(video) if p.size)
    # The header that players read before the stream says the same as the stream.
    sps = header[8 : 8 + int.from_bytes(header[6:8])]
    assert header[1] == 66 and sps in bytes(packet)
    left = watch(crashed)
    assert left.pictures >= 25 and left.codecs == ("h264", "aac")
    assert max(map(abs, left.skews)) <= 0.040


async def test_short_recordings(tmp_path: Path) -> None:
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.record(True)
        with pytest.raises(ResourceError, match="no picture had come") as error:
            await desk.egress.record(False)
        assert error.value.fix == "record for longer"
        assert films(tmp_path) == []
        assert "no picture" in desk.log[-1].data["error"] and desk.log[-1].data["on"] is False
        names = []
        for _ in range(2):
            await desk.egress.record(True)
            assert desk.egress._recorder
            await desk.until(lambda: desk.egress._recorder._writer.frames)
            names.append(await desk.egress.record(False))
    assert len(set(names)) == 2
    for name in names:
        assert name and lacks(tmp_path / name) <= {VISIBLE}
        with av.open(str(tmp_path / name)) as file:
            assert 1 <= sum(1 for _ in file.decode(video=0)) < 20


async def test_session_end_finishes_the_recording(tmp_path: Path) -> None:
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.record(True)
        await asyncio.sleep(1)
        await desk.egress.close()
        await desk.egress.close()
    (path,) = films(tmp_path)
    assert lacks(path) <= {VISIBLE} and path.name == desk.log[-1].data["name"]


async def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path / "file" / "films")
        with pytest.raises(ResourceError, match="Not a directory") as error:
            await desk.egress.record(True)
        assert "live.recordings" in error.value.fix and str(tmp_path) not in str(error.value)
        assert await desk.egress.record(False) is None
        assert desk.log == [] and broadcast.outlets == ()


@pytest.fixture
def small_disk() -> Iterator[Callable[[int | None], None]]:
    """Sets how large a file may become; None is as before."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int | None) -> None:
        soft = before[0] if size is None else size
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, before[1]))

    yield limit
    limit(None)


class Noise:
    """Pictures that need many bits."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)

    def sound(self, pts: int) -> Any:
        return np.zeros(1920, np.float32)

    def picture(self, pts: int) -> Any:
        return self._random.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


def plays(path: Path) -> int:
    """Pictures that can be decoded; the last may be cut off."""
    count = 0
    with av.open(str(path)) as file, contextlib.suppress(av.error.InvalidDataError):
        for _ in file.decode(video=0):
            count += 1
    return count


async def test_full_disk_keeps_what_plays(tmp_path: Path, small_disk: Any) -> None:
    async with on_air(Noise()) as broadcast:
        desk = Desk(broadcast, tmp_path)
        small_disk(150_000)
        await desk.egress.record(True)
        await desk.until(lambda: len(desk.log) == 2, within=20)
        assert desk.log[1].data["on"] is False
        assert "could not be finished: File too large" in desk.log[1].data["error"]
        assert broadcast.outlets == ()
        assert plays(desk.partial) >= 25
        with pytest.raises(ResourceError, match="could not be finished: File too large") as error:
            await desk.egress.record(False)
        assert desk.partial.name in error.value.fix and str(tmp_path) not in str(error.value)
        assert films(tmp_path) == [desk.partial]
        desk.partial.unlink()
        small_disk(60_000)
        await desk.egress.record(True)
        await desk.until(lambda: len([e for e in desk.log if "error" in e.data]) == 2, within=20)
        small_disk(None)
        await desk.egress.record(True)
        await asyncio.sleep(0.5)
        await desk.egress.close()
    await asyncio.to_thread(recover, tmp_path)
    finished = films(tmp_path)
    assert len(finished) == 2 and all(lacks(path) <= {VISIBLE} for path in finished)


async def test_the_longest_recording_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_LOOK_EVERY", 0.1)
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path, LiveSettings(record_minutes=1 / 60))
        await desk.egress.record(True)
        await desk.until(lambda: len(desk.log) == 2, within=30)
        assert broadcast.outlets == ()
        assert "the longest recording" in desk.log[1].data["reason"]
        name = await desk.egress.record(False)  # it is still told
    assert films(tmp_path) == [tmp_path / str(name)] and lacks(films(tmp_path)[0]) <= {VISIBLE}


async def test_a_disk_that_fills_ends_it_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_LOOK_EVERY", 0.1)
    free = [2_000_000_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[0]))
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.record(True)
        await asyncio.sleep(1)
        free[0] = 499_000_000
        await desk.until(lambda: len(desk.log) == 2, within=30)
        assert desk.log[1].data["reason"] == "less than 500 MB of the disk are free"
        with pytest.raises(ResourceError, match="less than 500 MB"):
            await desk.egress.record(True)
    assert len(films(tmp_path)) == 1 and lacks(films(tmp_path)[0]) <= {VISIBLE}


async def test_what_a_crash_left_is_finished_or_moved_aside(tmp_path: Path) -> None:
    async with on_air() as broadcast:
        desk = Desk(broadcast, tmp_path)
        await desk.egress.record(True)
        await asyncio.sleep(3)
        shutil.copy(desk.partial, tmp_path / f"crashed{PARTIAL}")
        (tmp_path / f"broken{PARTIAL}").write_bytes(b"no film" * 100)
        (tmp_path / f"empty{PARTIAL}").touch()
        await asyncio.to_thread(recover, tmp_path)
        running = desk.partial  # only the one that is being written stays
        await desk.egress.close()
    assert {path.name for path in films(tmp_path)} == {
        "crashed.mp4", f"broken{DAMAGED}", running.name.removesuffix(PARTIAL) + ".mp4",
    }  # fmt: skip
    assert lacks(tmp_path / "crashed.mp4") <= {VISIBLE} and plays(tmp_path / "crashed.mp4") >= 25
    await asyncio.to_thread(recover, tmp_path / "nowhere")


async def test_sound_that_was_lost_is_silence(tmp_path: Path) -> None:
    broadcast = Broadcast(size=SIZE)
    source = FlashAndBeep()
    path = tmp_path / "x.mp4"
    writer = ContainerWriter(
        broadcast, FileMuxer(lambda: av.open(str(path), "w"), broadcast.fps), name="test"
    )
    writing = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    for pts in range(100):
        encoded = await broadcast.encode(source.picture(pts), pts)
        broadcast.release(encoded, source.sound(pts), pts)
        if pts == 50:
            # Sound of frames 31 to 40 is dropped, as by a queue that is full.
            writer._sounds = type(writer._sounds)(
                [s for s in writer._sounds if not 31 <= s[1] <= 40], maxlen=250
            )
        if not 25 < pts < 50:
            for _ in range(5):
                await asyncio.sleep(0.002)
    writing.cancel()
    await asyncio.wait([writing])
    broadcast.close()
    in_step(watch(path), 4)


async def test_memory_does_not_grow(tmp_path: Path) -> None:
    """Minutes of recording, written as fast as it goes."""
    broadcast = Broadcast(size=SIZE)
    source = FlashAndBeep()
    path = tmp_path / "x.mp4"
    writer = ContainerWriter(
        broadcast, FileMuxer(lambda: fragmented(path), broadcast.fps), name="test"
    )
    writing = asyncio.create_task(writer.run())
    await asyncio.sleep(0)
    process, sizes = psutil.Process(), []
    for pts in range(2500):
        encoded = await broadcast.encode(source.picture(pts), pts)
        broadcast.release(encoded, source.sound(pts), pts)
        while writer.frames < pts - 10:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if pts % 500 == 499:
            sizes.append(process.memory_info().rss / 2**20)
    writing.cancel()
    await asyncio.wait([writing])
    broadcast.close()
    assert sizes[-1] - sizes[0] < 4, sizes
