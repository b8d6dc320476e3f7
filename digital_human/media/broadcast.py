"""Encode once, fan out packets: every viewer gets the same bits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.stage import Hung, ModelThread, Patience
from digital_human.errors import DigitalHumanError
from digital_human.media import live_encoder
from digital_human.media.live_encoder import (
    OPUS_SAMPLES,
    SOUND_RATE,
    EncodedPicture,
    EncodedSound,
    OpusEncoder,
    VideoCodec,
    VideoLine,
)

VIDEO_RATE = 90_000
_SOUND_CAPACITY = 50
_HANG_SECONDS = 1.2  # a picture is encoded in hundredths of a second

SoundListener = Callable[[FloatArray, int], None]


class OutletClosed(DigitalHumanError):
    """The outlet was closed; there will be no more packets."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One picture in every codec in use.

    Attributes:
        pts: Frame index.
        pictures: Codec → access unit; empty when nobody watches.
    """

    pts: int
    pictures: Mapping[VideoCodec, EncodedPicture]


class Outlet:
    """One viewer's queues of packets; made by `Broadcast.open`, used on the event loop only.

    A track starts with its first read: video with the next key frame, sound with the next packet.
    A reader that falls behind loses the oldest packets, pictures up to the next key frame.

    Attributes:
        name: Whose outlet it is.
        codec: Of the video.
        dropped: Pictures lost to a slow reader.
        estimate: The receiver's estimate of what it can take, in bits per second.
    """

    def __init__(self, broadcast: Broadcast, codec: VideoCodec, name: str, capacity: int) -> None:
        self.name = name
        self.codec: VideoCodec = codec
        self.dropped = 0
        self.estimate: float | None = None
        self._broadcast = broadcast
        self._capacity = capacity
        self._pictures: deque[EncodedPicture] = deque()
        self._sounds: deque[EncodedSound] = deque(maxlen=_SOUND_CAPACITY)
        self._picture_came, self._sound_came = asyncio.Event(), asyncio.Event()
        self._watching = self._listening = self._closed = False
        self._needs_key = True

    @property
    def watching(self) -> bool:
        """Whether somebody reads the video."""
        return self._watching and not self._closed

    @property
    def listening(self) -> bool:
        """Whether somebody reads the sound."""
        return self._listening and not self._closed

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def origin(self) -> float | None:
        """Unix time of media time 0 on the broadcast's schedule, for RTCP sender reports."""
        return self._broadcast.origin

    async def video(self) -> av.Packet[Any]:
        """The next access unit, pts in 1/90000 s.

        Raises:
            OutletClosed: No more will come.
        """
        if not self._watching:
            self._watching = True
            self.request_key_frame()
        while not self._pictures:
            self._check_open()
            self._picture_came.clear()
            await self._picture_came.wait()
        picture = self._pictures.popleft()
        ticks = VIDEO_RATE // self._broadcast.fps
        packet = _packet(picture.data, picture.pts * ticks, ticks, VIDEO_RATE)
        packet.is_keyframe = picture.key
        return packet

    async def audio(self) -> av.Packet[Any]:
        """The next Opus packet of 20 ms, pts in 1/48000 s.

        Raises:
            OutletClosed: No more will come.
        """
        self._listening = True
        while not self._sounds:
            self._check_open()
            self._sound_came.clear()
            await self._sound_came.wait()
        sound = self._sounds.popleft()
        return _packet(sound.data, sound.pts, OPUS_SAMPLES, SOUND_RATE)

    def request_key_frame(self) -> None:
        """Ask for a key frame; requests of all viewers share one rate limit."""
        self._broadcast.request_key_frame(self.codec)

    def report_estimate(self, estimate: float) -> None:
        """Take note of what the receiver can take, in bits per second."""
        self.estimate = estimate

    def close(self) -> None:
        """Leave the broadcast; readers that wait get `OutletClosed`."""
        if self._closed:
            return
        self._closed = True
        self._pictures.clear()
        self._sounds.clear()
        self._picture_came.set()
        self._sound_came.set()
        self._broadcast.forget(self)

    def put_picture(self, picture: EncodedPicture) -> None:
        """Queue one access unit; called by the broadcast."""
        if not self.watching:
            return
        if len(self._pictures) >= self._capacity:
            self._drop_to_key_frame()
        if self._needs_key and not picture.key:
            self.dropped += 1
            self.request_key_frame()
            return
        self._needs_key = False
        self._pictures.append(picture)
        self._picture_came.set()

    def put_sound(self, sound: EncodedSound) -> None:
        """Queue one Opus packet; called by the broadcast."""
        if self.listening:
            self._sounds.append(sound)
            self._sound_came.set()

    def _drop_to_key_frame(self) -> None:
        self._pictures.popleft()
        self.dropped += 1
        while self._pictures and not self._pictures[0].key:
            self._pictures.popleft()
            self.dropped += 1
        self._needs_key = not self._pictures

    def _check_open(self) -> None:
        if self._closed:
            raise OutletClosed(f"outlet {self.name!r} is closed")


class Broadcast:
    """Encodes the pictures and the sound of one session once and hands the packets to all outlets.

    Args:
        size: Width and height of the pictures in pixels, both even.
        fps: Pictures per second; must divide 48000 into whole Opus packets (25 does).

    Attributes:
        origin: Unix time at which media time 0 was due, from the latest release.
    """

    def __init__(self, *, size: tuple[int, int], fps: int = 25) -> None:
        if size[0] % 2 or size[1] % 2:
            raise ValueError(f"size {size}: both sides must be even")
        if SOUND_RATE % (fps * OPUS_SAMPLES):
            raise ValueError(f"fps {fps}: a frame must last whole Opus packets of 20 ms")
        self.size, self.fps = size, fps
        self.origin: float | None = None
        self._outlets: list[Outlet] = []
        self._listeners: list[SoundListener] = []
        self._lines: dict[VideoCodec, VideoLine] = {}
        self._opus: OpusEncoder | None = None
        self._left: deque[EncodedSound] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._thread = ModelThread("encoder")

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """The open outlets."""
        return tuple(self._outlets)

    @property
    def watched(self) -> bool:
        """Whether any outlet wants pictures."""
        return any(outlet.watching for outlet in self._outlets)

    def open(self, codec: VideoCodec, *, name: str, capacity: int = 8) -> Outlet:
        """A new outlet.

        Args:
            codec: Of its video.
            name: Whose it is, for messages.
            capacity: Pictures it queues before it drops.
        """
        outlet = Outlet(self, codec, name, capacity)
        self._outlets.append(outlet)
        return outlet

    def open_sound(self, listener: SoundListener) -> Callable[[], None]:
        """Call ``listener`` with every frame's sound and index; returns what ends it.

        The sound is float32 [48000 / fps], mono, at 48 kHz.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def request_key_frame(self, codec: VideoCodec) -> None:
        """Make the next picture of ``codec`` a key frame, at most every 0.3 s."""
        self._line(codec).key_wanted = True

    async def encode(self, image: ByteArray, pts: int) -> EncodedFrame:
        """Encode one picture in every codec in use, in the encoder thread.

        Every picture that was encoded must be released: later ones refer to it.

        Args:
            image: uint8 [h, w, 3] RGB.
            pts: Frame index.

        Raises:
            av.FFmpegError: The encoder failed; the next picture gets a new one.
            Hung: It does not come back; the next picture gets new ones in another thread.
        """
        used = {outlet.codec for outlet in self._outlets if outlet.watching}
        for codec in self._lines.keys() - used:
            del self._lines[codec]
        if not used:
            return EncodedFrame(pts, {})
        lines = {codec: self._line(codec) for codec in used}
        for codec, line in lines.items():
            if pts % self.fps == 0:
                line.adapt(self._lowest_estimate(codec), pts)
        keys = {codec: line.key_due(pts) for codec, line in lines.items()}

        def work() -> dict[VideoCodec, EncodedPicture]:
            yuv = live_encoder.i420(image, self.size)
            return {codec: line.encode(yuv, pts, keys[codec]) for codec, line in lines.items()}

        try:
            pictures = await self._thread.call_within(Patience(_HANG_SECONDS), work)
        except Hung:
            self._lines.clear()
            raise
        for codec, picture in pictures.items():
            lines[codec].encoded(picture)
        return EncodedFrame(pts, pictures)

    def release(
        self, encoded: EncodedFrame | None, sound: FloatArray, pts: int, *, lag: float = 0.0
    ) -> None:
        """Hand out one frame of both tracks, at its deadline; its second Opus packet 20 ms later.

        Args:
            encoded: The picture, or None when it is not ready.
            sound: float32 [48000 / fps] mono at 48 kHz.
            pts: Frame index.
            lag: Seconds by which this call comes after the deadline.
        """
        self.origin = time.time() - lag - pts / self.fps
        self._put_rest()
        if encoded is not None:
            self.release_picture(encoded)
        for listener in tuple(self._listeners):
            listener(sound, pts)
        if not any(outlet.listening for outlet in self._outlets):
            self._opus = None
            return
        self._opus = self._opus or OpusEncoder()
        try:
            packets = self._opus.encode(sound, pts * (SOUND_RATE // self.fps))
        except Exception:
            self._opus = None
            raise
        self._start_sounds(packets, lag)

    def release_picture(self, encoded: EncodedFrame) -> None:
        """Hand out a picture alone, when it comes after its deadline."""
        for outlet in self.outlets:
            if picture := encoded.pictures.get(outlet.codec):
                outlet.put_picture(picture)

    def forget(self, outlet: Outlet) -> None:
        """Called by `Outlet.close`."""
        if outlet in self._outlets:
            self._outlets.remove(outlet)

    def close(self) -> None:
        """Close every outlet and end the encoder thread, which may still be at a last picture."""
        for outlet in self.outlets:
            outlet.close()
        self._put_rest()
        self._listeners.clear()
        self._lines.clear()
        self._opus = None
        self._thread.shutdown(wait=False)

    def _start_sounds(self, packets: list[EncodedSound], lag: float) -> None:
        """Hand out the first packet now and the others when they are due.

        Two packets at once would look like 20 ms of jitter to a receiver, which adds it to its
        delay.
        """
        self._left.extend(packets)
        self._put_next_sound(lag)

    def _put_next_sound(self, lag: float) -> None:
        self._timer = None
        if self._left:
            self._put_sound(self._left.popleft())
        if self._left:
            wait = max(0.0, OPUS_SAMPLES / SOUND_RATE - lag)
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(wait, self._put_next_sound, 0.0)

    def _put_rest(self) -> None:
        """Hand out what is left of the frame before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._left:
            self._put_sound(self._left.popleft())

    def _put_sound(self, sound: EncodedSound) -> None:
        for outlet in self.outlets:
            outlet.put_sound(sound)

    def _line(self, codec: VideoCodec) -> VideoLine:
        if codec not in self._lines:
            self._lines[codec] = VideoLine(codec, self.size, self.fps)
        return self._lines[codec]

    def _lowest_estimate(self, codec: VideoCodec) -> float | None:
        known = [o.estimate for o in self._outlets if o.codec == codec and o.estimate is not None]
        return min(known, default=None)


def _packet(data: bytes, pts: int, duration: int, rate: int) -> av.Packet[Any]:
    packet: av.Packet[Any] = av.Packet(data)
    packet.pts = packet.dts = pts
    packet.duration = duration
    packet.time_base = Fraction(1, rate)
    return packet
