"""Writes a broadcast's H.264 and sound into a container; for the recorder and the RTMP push."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

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


class ContainerWriter:
    """One container file or stream; media time starts at 0 with its first picture.

    Args:
        broadcast: What is written.
        open: Opens the container; runs in the writer's thread.
        name: For messages.
    """

    def __init__(
        self, broadcast: Broadcast, open: Callable[[], OutputContainer], *, name: str
    ) -> None:
        self._broadcast, self._open, self._name = broadcast, open, name
        self._thread = ModelThread(name, nice=4)
        self._sounds: deque[tuple[FloatArray, int]] = deque(maxlen=_CAPACITY)
        self._container: OutputContainer | None = None
        self._video: VideoStream
        self._audio: AudioStream
        self._origin = 0
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
            closing = asyncio.ensure_future(self._thread.call(self._finish))
            try:
                await asyncio.shield(closing)
            finally:
                if not closing.done():
                    await asyncio.wait([closing])
                self._thread.close()

    async def _write_all(self, outlet: Outlet) -> None:
        while True:
            packet = await outlet.video()
            sounds = [self._sounds.popleft() for _ in range(len(self._sounds))]
            await self._thread.call(self._write, packet, sounds)

    def _write(self, packet: av.Packet[Any], sounds: list[tuple[FloatArray, int]]) -> None:
        assert packet.pts is not None
        fps = self._broadcast.fps
        pts = packet.pts * fps // VIDEO_RATE
        if self._container is None:
            self._begin(bytes(packet), pts)
        assert self._container is not None
        packet.pts = packet.dts = (pts - self._origin) * (VIDEO_RATE // fps)
        packet.stream = self._video
        self._container.mux_one(packet)
        self.frames += 1
        samples = SOUND_RATE // fps
        for pcm, index in sounds:
            # AAC begins 1024 samples early; without the first frame's sound no time is negative.
            if index <= self._origin:
                continue
            block = np.clip(pcm, -1.0, 1.0)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(np.stack([block, block])), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
            frame.pts = (index - self._origin) * samples
            self._container.mux(self._audio.encode(frame))

    def _begin(self, first: bytes, pts: int) -> None:
        """Open the container; the first picture is a key frame and carries the codec's headers."""
        self._origin = pts
        container = self._open()
        video = container.add_stream("libx264", rate=self._broadcast.fps)
        video.width, video.height = self._broadcast.size
        video.pix_fmt = "yuv420p"
        video.time_base = Fraction(1, VIDEO_RATE)
        video.codec_context.extradata = parameter_sets(first)
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        audio.bit_rate = AUDIO_BITRATE
        self._container, self._video, self._audio = container, video, audio

    def _finish(self) -> None:
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._audio.encode(None))
        finally:
            container.close()


def parameter_sets(access_unit: bytes) -> bytes:
    """The SPS and PPS of an Annex B access unit (ITU-T H.264, annex B), with start codes.

    Raises:
        ValueError: It has none.
    """
    found = b""
    for nal in access_unit.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01"):
        if nal and nal[0] & 0x1F in (7, 8):
            found += b"\x00\x00\x00\x01" + nal.rstrip(b"\x00")
    if not found:
        raise ValueError("the access unit has no parameter sets")
    return found
