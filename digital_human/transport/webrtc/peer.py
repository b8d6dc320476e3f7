"""One viewer or visitor: answers an offer, sends the broadcast, hears the microphone."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from digital_human.config import IceServer
from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.media.broadcast import Broadcast, Outlet
from digital_human.transport.webrtc import internals, sdp
from digital_human.transport.webrtc.allowance import Allowance
from digital_human.transport.webrtc.internals import LinkQuality
from digital_human.transport.webrtc.tracks import EAR_RATE, MicrophoneReader, PacketTrack

CONNECT_SECONDS = 20.0
MESSAGE_LIMIT = 16 * 1024
MESSAGES_PER_SECOND = 20
_MESSAGE_BURST = 40
_SOUND_PER_SECOND = 1.25  # s of microphone a second; a clock that is wrong by that much has failed
_SOUND_BURST = 4.0  # s of microphone that may come at once after the network stood still
_CLOSE_SECONDS = 5.0
_QUEUED_MESSAGES = 256
_CHANNEL_BUFFER_LIMIT = 1 << 20

log = logging.getLogger(__name__)

OnAudio = Callable[[FloatArray], None]
OnMessage = Callable[[dict[str, Any]], None]


class Peer:
    """One WebRTC connection: sound and video of a broadcast out, microphone and messages in.

    Video is H.264 where the offer has its baseline profile, else VP8.

    Args:
        broadcast: What it sends.
        ice: STUN and TURN servers; with none ICE gathers at once and needs no internet.
        on_audio: Called on the event loop with float32 mono chunks at 16 kHz of the microphone.
        on_message: Called with every JSON object that came over the data channel.
        name: For logs.

    Attributes:
        closed: Set when everything is freed, whoever ended it.
        reason: Why it ended.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        *,
        ice: Sequence[IceServer] = (),
        on_audio: OnAudio | None = None,
        on_message: OnMessage | None = None,
        name: str = "",
    ) -> None:
        self.name = name
        self.closed = asyncio.Event()
        self.reason = ""
        self._broadcast = broadcast
        self._on_audio, self._on_message = on_audio, on_message
        internals.prepare()
        self._connection = RTCPeerConnection(sdp.configuration(tuple(ice)))
        self._outlet: Outlet | None = None
        self._tracks: dict[str, PacketTrack] = {}
        self._quality: dict[str, LinkQuality] = {}
        self._microphone: MediaStreamTrack | None = None
        self._reader = MicrophoneReader()
        self._channel: RTCDataChannel | None = None
        self._outgoing: deque[str] = deque(maxlen=_QUEUED_MESSAGES)
        self._messages = Allowance(MESSAGES_PER_SECOND, _MESSAGE_BURST)
        self._sound = Allowance(_SOUND_PER_SECOND, _SOUND_BURST)
        self._over, self._connected = asyncio.Event(), asyncio.Event()
        self._came = time.monotonic()
        self._life: asyncio.Task[None] | None = None

    async def answer(self, offer: str) -> str:
        """Answer an offer; the connection lives from now until `close` or its loss.

        Args:
            offer: SDP of a browser or another WebRTC client.

        Returns:
            The complete answer with all candidates.

        Raises:
            InputError: The offer cannot be answered.
        """
        if self._life is not None or self.closed.is_set():
            raise InputError("offer: this peer has had one", fix="open a new connection")
        try:
            text = await self._negotiate(offer)
        except BaseException:
            self.reason = "offer refused"
            await self._free()
            raise
        self._life = asyncio.create_task(self._live(), name=f"peer {self.name}")
        return text

    def send(self, message: dict[str, Any]) -> None:
        """Send ``message`` over the data channel; before it is open the newest 256 are kept."""
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        channel = self._channel
        if channel is None or channel.readyState != "open":
            self._outgoing.append(text)
        elif channel.bufferedAmount < _CHANNEL_BUFFER_LIMIT:
            channel.send(text)

    async def close(self) -> None:
        """End the connection and free everything."""
        self._end("closed")
        if self._life is None:
            await self._free()
        await self.closed.wait()

    def stats(self) -> dict[str, Any]:
        """State, codec, packets sent and what the receiver reports, for `/metrics` and logs."""
        return {
            "state": self._connection.connectionState,
            "codec": self._outlet.codec if self._outlet else None,
            "dropped": self._outlet.dropped if self._outlet else 0,
            "lost_seconds": round(self._reader.lost, 2),
            **{
                kind: {"packets": track.packets, **asdict(self._quality[kind])}
                for kind, track in self._tracks.items()
            },
        }

    @property
    def connected(self) -> bool:
        """Whether media flows."""
        return self._connected.is_set() and not self._over.is_set()

    @property
    def quiet(self) -> float:
        """Seconds since anything came from the other end: a browser reports every second or so."""
        return time.monotonic() - self._came

    async def _negotiate(self, offer: str) -> str:
        offer, sections = sdp.check_offer(offer)
        connection = self._connection
        connection.on("track", self._on_track)
        connection.on("datachannel", self._on_channel)
        connection.on("connectionstatechange", self._on_state)
        transceivers = {}
        for kind in (section.kind for section in sections if section.kind != "application"):
            direction = "sendonly" if kind == "video" else "sendrecv"
            transceiver = connection.addTransceiver(kind, direction=direction)
            if kind == "audio":
                internals.tune_audio(transceiver.receiver)
                transceiver.setCodecPreferences(internals.opus())
            transceivers[kind] = transceiver
        if video := transceivers.get("video"):
            codecs = RTCRtpSender.getCapabilities("video").codecs
            video.setCodecPreferences(sorted(codecs, key=lambda c: c.name.upper() != "H264"))
        try:
            await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            description = await connection.createAnswer()
        except Exception as error:
            raise InputError(
                f"sdp: cannot be answered: {error}",
                fix="offer Opus audio and H.264 (baseline) or VP8 video",
            ) from error
        codec = sdp.chosen_video(description.sdp)
        self._outlet = self._broadcast.open(codec or "vp8", name=self.name)
        for kind, transceiver in transceivers.items():
            self._attach(kind, transceiver.sender, self._outlet)
        await connection.setLocalDescription(description)
        return sdp.asks_for_clear_sound(connection.localDescription.sdp)

    def _attach(self, kind: str, sender: RTCRtpSender, outlet: Outlet) -> None:
        track = self._tracks[kind] = PacketTrack(outlet, kind)
        quality = self._quality[kind] = LinkQuality()
        sender.replaceTrack(track)
        internals.follow_reports(sender, quality, outlet.report_estimate)
        internals.report_schedule(sender, track.due)
        if kind == "video":

            def key_frame() -> None:
                quality.key_requests += 1
                outlet.request_key_frame()

            internals.on_key_frame_request(sender, key_frame)
            internals.on_loss_for_good(sender, outlet.request_key_frame)

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen())
                await self._until_over()
                listening.cancel()
        except Exception as error:
            self.reason = f"{type(error).__name__}: {error}"
            log.exception("peer %s failed", self.name)
        finally:
            await self._free()

    async def _until_over(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            self._end(f"no connection within {CONNECT_SECONDS:.0f} s")
        await self._over.wait()

    async def _listen(self) -> None:
        track = self._microphone
        if track is None or self._on_audio is None:
            return
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, AudioFrame):
                for pcm in self._reader.read(frame):
                    if self._sound.take(pcm.size / EAR_RATE):
                        self._on_audio(pcm)
                    else:  # a flood: what does not wait is dropped, and the others get their turn
                        await asyncio.sleep(0)

    async def _free(self) -> None:
        """Stop what runs and let go of everything; the connection's tasks end with it."""
        if self._outlet:
            self._outlet.close()
        for track in self._tracks.values():
            track.stop()
        if self._microphone:
            self._microphone.stop()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._connection.close()
        except Exception:
            log.exception("peer %s did not close cleanly", self.name)
        self._outgoing.clear()
        self._over.set()
        self.closed.set()

    def _end(self, reason: str) -> None:
        if not self._over.is_set():
            self.reason = self.reason or reason
        self._connected.set()
        self._over.set()

    def _on_state(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._arrived()
            for sender in self._connection.getSenders()[:1]:  # all share one transport
                internals.on_arrival(sender, self._arrived)
            self._connected.set()
        elif state in ("failed", "closed"):
            self._end("the viewer left or was lost")

    def _arrived(self) -> None:
        self._came = time.monotonic()

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            self._microphone = track

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._on_text)
        while self._outgoing:
            channel.send(self._outgoing.popleft())

    def _on_text(self, data: str | bytes) -> None:
        problem = ""
        message: Any = None
        if not self._messages.take():
            return
        if isinstance(data, bytes) or len(data) > MESSAGE_LIMIT:
            problem = f"message: must be text of at most {MESSAGE_LIMIT} characters"
        else:
            try:
                message = json.loads(data)
            except (ValueError, RecursionError):
                problem = "message: is not JSON"
            if not problem and not isinstance(message, dict):
                problem = "message: must be a JSON object"
        if problem:
            self.send({"type": "error", "message": problem})
        elif self._on_message is not None:
            try:
                self._on_message(message)
            except InputError as error:
                self.send({"type": "error", "message": error.message, "fix": error.fix})
            except Exception:
                log.exception("peer %s: a message could not be handled", self.name)
                self.send({"type": "error", "message": "the message could not be handled"})
