"""A WebRTC visitor without a browser: for load tests, measurements and the tests of the server."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket
from av.frame import Frame

from digital_human.config import IceServer
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import ResourceError
from digital_human.transport.webrtc import internals, sdp

RATE = 48_000
_PACKET = RATE // 50
_SILENCE = np.zeros(_PACKET, np.float32)
_STALL_SECONDS = 0.5
_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class HeardSound:
    """One decoded packet.

    Attributes:
        pcm: float32 [n] mono at 48 kHz.
        pts: Samples since the first packet that was decoded.
        arrived: `time.monotonic` when it was decoded.
        received: `time.monotonic` when its packet came.
        media: Unix time of its first sample by the sender's reports; None before the first one.
    """

    pcm: FloatArray
    pts: int
    arrived: float
    received: float
    media: float | None


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """One decoded picture.

    Attributes:
        frame: The picture; `image` gives RGB.
        pts: 1/90000 s since the first picture that was decoded.
        arrived: `time.monotonic` when it was decoded; aiortc waits for the next picture's packet.
        received: `time.monotonic` when its last packet came, which is when a browser decodes it.
        media: Unix time of the picture by the sender's reports; None before the first one.
    """

    frame: av.VideoFrame
    pts: int
    arrived: float
    received: float
    media: float | None

    @property
    def image(self) -> ByteArray:
        """uint8 [h, w, 3] RGB."""
        return np.asarray(self.frame.to_ndarray(format="rgb24"), dtype=np.uint8)


class Microphone(MediaStreamTrack):
    """A microphone in real time: silence, and what is played into it."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[tuple[FloatArray, asyncio.Future[float] | None]] = deque()
        self._start: float | None = None
        self._pts = 0

    def play(self, pcm: FloatArray, rate: int) -> asyncio.Future[float]:
        """Speak ``pcm`` after what is queued; the result is `time.monotonic` of its first sample.

        Args:
            pcm: float32 [n] mono.
            rate: Of ``pcm`` in Hz.
        """
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(pcm[None], dtype=np.float32), format="flt", layout="mono"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        sound = np.concatenate([part.to_ndarray()[0] for part in parts])
        blocks = np.pad(sound, (0, -len(sound) % _PACKET)).astype(np.float32)
        began: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        for index, block in enumerate(blocks.reshape(-1, _PACKET)):
            self._queue.append((block, began if index == 0 else None))
        return began

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms, paced; a stalled loop does not make it speak faster afterwards."""
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        if self._start is None or now - (self._start + self._pts / RATE) > _STALL_SECONDS:
            self._start = now - self._pts / RATE
        await asyncio.sleep(max(0.0, self._start + self._pts / RATE - now))
        block, began = self._queue.popleft() if self._queue else (_SILENCE, None)
        if began is not None and not began.done():
            began.set_result(time.monotonic())
        pcm = (np.clip(block, -1, 1) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, Fraction(1, RATE)
        self._pts += _PACKET
        return frame


class _Times:
    """When the frames of one receiver came, and their time by the sender's RTCP reports."""

    def __init__(self, receiver: RTCRtpReceiver, rate: int) -> None:
        self._receiver, self._rate = receiver, rate
        self._report: tuple[int, float] | None = None
        self._received: OrderedDict[int, float] = OrderedDict()
        handle_rtcp, handle_rtp = receiver._handle_rtcp_packet, receiver._handle_rtp_packet

        async def follow_rtcp(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp:
                info = packet.sender_info
                self._report = info.rtp_timestamp, internals.ntp_to_unix(info.ntp_timestamp)
            await handle_rtcp(packet)

        async def follow_rtp(packet: RtpPacket, arrival_time_ms: int) -> None:
            self._received[packet.timestamp] = time.monotonic()
            if len(self._received) > _REMEMBERED:
                self._received.popitem(last=False)
            await handle_rtp(packet, arrival_time_ms)

        receiver._handle_rtcp_packet = follow_rtcp  # type: ignore[method-assign]
        receiver._handle_rtp_packet = follow_rtp  # type: ignore[method-assign]

    def received(self, pts: int) -> float | None:
        """`time.monotonic` when the last packet of a frame came."""
        first = internals.first_timestamp(self._receiver) or 0
        return self._received.get((first + pts) % (1 << 32))

    def media(self, pts: int) -> float | None:
        """Unix time of a frame's ``pts``; None before the first report."""
        first = internals.first_timestamp(self._receiver)
        if self._report is None or first is None:
            return None
        timestamp, unix = self._report
        ticks = (first + pts - timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        return unix + ticks / self._rate


class Client:
    """Talks to a session as a browser would, and keeps what it hears and sees.

    Args:
        microphone: Whether it has one; an onlooker has none.
        video: Whether it wants video.
        channel: Whether it opens a data channel.
        codec: The only video codec it offers; all when None.
        ice: STUN and TURN servers.
        relay: Whether only relayed candidates are used.
        on_sound: Called with what is heard instead of keeping it.
        on_picture: Called with what is seen instead of keeping it.

    Attributes:
        sounds: What was heard.
        pictures: What was seen.
        messages: `time.monotonic` of arrival and the message, of the data channel.
        microphone: To speak into; None when it has none.
        opened: Set when messages can be sent.
        connection: aiortc's peer connection.
    """

    def __init__(
        self,
        *,
        microphone: bool = True,
        video: bool = True,
        channel: bool = True,
        codec: Literal["h264", "vp8"] | None = None,
        ice: Sequence[IceServer] = (),
        relay: bool = False,
        on_sound: Callable[[HeardSound], None] | None = None,
        on_picture: Callable[[SeenPicture], None] | None = None,
    ) -> None:
        internals.prepare()
        configuration = sdp.configuration(tuple(ice))
        if relay:
            configuration.iceTransportPolicy = RTCIceTransportPolicy.RELAY
        self.connection = RTCPeerConnection(configuration)
        self.sounds: list[HeardSound] = []
        self.pictures: list[SeenPicture] = []
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.microphone = Microphone() if microphone else None
        self._on_sound = on_sound or self.sounds.append
        self._on_picture = on_picture or self.pictures.append
        self._connected = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._channel = self.connection.createDataChannel("events") if channel else None
        self.opened = asyncio.Event()
        if self._channel:
            self._channel.on("message", self._on_text)
            self._channel.on("open", self.opened.set)
        sound = self.connection.addTransceiver(
            self.microphone or "audio", direction="sendrecv" if microphone else "recvonly"
        )
        internals.tune_audio(sound.receiver)
        sound.setCodecPreferences(internals.opus())
        if video:
            transceiver = self.connection.addTransceiver("video", direction="recvonly")
            internals.tune_video(transceiver.receiver)
            if codec:
                transceiver.setCodecPreferences(_only(codec))
        self.connection.on("track", self._on_track)
        self.connection.on("connectionstatechange", self._on_state)

    async def offer(self) -> str:
        """The complete offer with all candidates."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str, *, within: float = 15.0) -> None:
        """Take the answer and wait for the connection.

        Args:
            answer: SDP.
            within: Seconds to wait.

        Raises:
            ResourceError: There is no connection after ``within``.
        """
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            async with asyncio.timeout(within):
                await self._connected.wait()
        except TimeoutError:
            state = self.connection.connectionState
            raise ResourceError(
                f"no WebRTC connection within {within:.0f} s (state {state})",
                fix="check that UDP passes between the two ends, or configure a TURN server",
            ) from None

    def send(self, message: dict[str, Any]) -> None:
        """Send a message over the data channel, which must be open."""
        assert self._channel is not None
        self._channel.send(json.dumps(message))

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self.microphone:
            self.microphone.stop()
        await self.connection.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        for receiver in self.connection.getReceivers():
            if receiver.track is track:
                read = self._hear if track.kind == "audio" else self._see
                self._tasks.append(asyncio.create_task(read(track, receiver)))

    async def _hear(self, track: MediaStreamTrack, receiver: RTCRtpReceiver) -> None:
        times = _Times(receiver, RATE)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        while (frame := await _next(track)) is not None:
            if isinstance(frame, av.AudioFrame) and frame.pts is not None:
                pts, arrived = frame.pts, time.monotonic()
                frame.pts = None
                for part in resampler.resample(frame):
                    pcm = np.asarray(part.to_ndarray()[0], dtype=np.float32)
                    received = times.received(pts) or arrived
                    self._on_sound(HeardSound(pcm, pts, arrived, received, times.media(pts)))

    async def _see(self, track: MediaStreamTrack, receiver: RTCRtpReceiver) -> None:
        times = _Times(receiver, 90_000)
        while (frame := await _next(track)) is not None:
            if isinstance(frame, av.VideoFrame) and frame.pts is not None:
                pts, arrived = frame.pts, time.monotonic()
                received = times.received(pts) or arrived
                self._on_picture(SeenPicture(frame, pts, arrived, received, times.media(pts)))

    def _on_state(self) -> None:
        if self.connection.connectionState == "connected":
            self._connected.set()

    def _on_text(self, data: str) -> None:
        self.messages.append((time.monotonic(), json.loads(data)))


async def _next(track: MediaStreamTrack) -> Frame | av.Packet[Any] | None:
    try:
        return await track.recv()
    except MediaStreamError:
        return None


def _only(codec: str) -> list[RTCRtpCodecCapability]:
    known = RTCRtpReceiver.getCapabilities("video")
    assert known is not None
    return [c for c in known.codecs if c.name.lower() in (codec, "rtx")]
