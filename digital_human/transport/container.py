"""Writes a broadcast's H.264 and sound into a container; for the recorder and the RTMP push."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.core.stage import ModelThread
from digital_human.media.broadcast import VIDEO_RATE, Broadcast, Outlet
from digital_human.media.live_encoder import SOUND_RATE

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

AUDIO_BITRATE = 128_000
_CAPACITY = 250  # frames that may wait for a slow disk or link: 10 s

Sound = tuple[FloatArray, int]
"""float32 [48000 / fps] mono at 48 kHz of a frame, and the frame's index."""


def _nothing() -> None: ...


class Muxer(Protocol):
    """Puts packets into one container; used by one thread, which it may hold up."""

    def write(self, picture: bytes, pts: int, key: bool, sounds: Sequence[Sound]) -> None:
        """Write the access unit of frame ``pts`` and sounds with their frames' indices.

        The first access unit is a key frame.

        Raises:
            OSError: The file or the server failed.
        """
        ...

    def finish(self) -> None:
        """Close the container."""
        ...


class FileMuxer:
    """A muxer for what does not hang.

    Args:
        open: Opens the container, with the first picture.
        fps: Pictures per second.
    """

    def __init__(self, open: Callable[[], OutputContainer], fps: int) -> None:
        self._open, self._fps = open, fps
        self._container: OutputContainer | None = None
        self._video: VideoStream
        self._audio: AudioStream
        self._origin = self._next_sound = 0

    def write(self, picture: bytes, pts: int, key: bool, sounds: Sequence[Sound]) -> None:
        if self._container is None:
            self._begin(picture, pts)
        assert self._container is not None
        packet: av.Packet[Any] = av.Packet(picture)
        packet.pts = packet.dts = (pts - self._origin) * (VIDEO_RATE // self._fps)
        packet.duration, packet.time_base = VIDEO_RATE // self._fps, Fraction(1, VIDEO_RATE)
        packet.is_keyframe = key
        packet.stream = self._video
        self._container.mux_one(packet)
        for pcm, index in sounds:
            # AAC begins 1024 samples early; without the first frame's sound no time is negative.
            if index <= self._origin:
                continue
            while self._next_sound < index:  # lost while the disk or the link stood still
                self._write_sound(np.zeros_like(pcm))
            self._write_sound(pcm)

    def finish(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._audio.encode(None))
        finally:
            container.close()

    def _write_sound(self, pcm: FloatArray) -> None:
        assert self._container is not None
        block = np.clip(pcm, -1.0, 1.0)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.stack([block, block])), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
        frame.pts = (self._next_sound - self._origin) * len(pcm)
        self._next_sound += 1
        self._container.mux(self._audio.encode(frame))

    def _begin(self, first: bytes, pts: int) -> None:
        """Open the container; the first picture carries the codec's headers."""
        self._origin, self._next_sound = pts, pts + 1
        container = self._open()
        with av.open(io.BytesIO(first), format="h264") as bitstream:
            self._video = container.add_stream_from_template(
                bitstream.streams.video[0], time_base=Fraction(1, VIDEO_RATE)
            )
        self._audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        self._audio.bit_rate = AUDIO_BITRATE
        self._container = container


class ContainerWriter:
    """One container file or stream; media time starts at 0 with its first picture.

    Args:
        broadcast: What is written.
        muxer: What writes it; runs in the writer's thread.
        name: For messages.
        began: Called on the event loop when the first picture has been written.
        patience: Seconds that `run` waits for the container to close; then it closes behind it.

    Attributes:
        frames: Pictures written.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        muxer: Muxer,
        *,
        name: str,
        began: Callable[[], None] = _nothing,
        patience: float | None = None,
    ) -> None:
        self._broadcast, self._muxer, self._name = broadcast, muxer, name
        self._began, self._patience = began, patience
        self._thread = ModelThread(name, nice=4)
        self._sounds: deque[Sound] = deque(maxlen=_CAPACITY)
        self.frames = 0

    async def run(self) -> None:
        """Write until cancelled or until the broadcast ends; the container is closed either way.

        Raises:
            OSError: The file or the server failed.
            OutletClosed: The broadcast ended.
        """
        outlet = self._broadcast.open("h264", name=self._name, capacity=_CAPACITY)
        deaf = self._broadcast.open_sound(lambda pcm, pts: self._sounds.append((pcm.copy(), pts)))
        try:
            await self._write_all(outlet)
        finally:
            deaf()
            outlet.close()
            await self._close()

    async def _close(self) -> None:
        closing = asyncio.ensure_future(self._thread.call(self._muxer.finish))
        closing.add_done_callback(lambda _: self._thread.shutdown(wait=False))
        done, _ = await asyncio.wait([closing], timeout=self._patience)
        if done:
            closing.result()
        else:
            closing.add_done_callback(lambda late: late.exception())

    async def _write_all(self, outlet: Outlet) -> None:
        while True:
            packet = await outlet.video()
            assert packet.pts is not None
            pts = packet.pts * self._broadcast.fps // VIDEO_RATE
            sounds = [self._sounds.popleft() for _ in range(len(self._sounds))]
            await self._thread.call(
                self._muxer.write, bytes(packet), pts, packet.is_keyframe, sounds
            )
            self.frames += 1
            if self.frames == 1:
                self._began()
