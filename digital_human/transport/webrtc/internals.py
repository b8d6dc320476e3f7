"""What the peers need of aiortc beyond its public interface, in one place.

`supported` says whether this aiortc still has it; tests/webrtc/test_internals.py shows that each
hook works on the installed one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aioice.ice
import aioice.stun
from aiortc import RTCRtpReceiver, RTCRtpSender
from aiortc.codecs import CODECS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecCapability
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTP_HISTORY_SIZE,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
)

from digital_human.transport.webrtc.jitter import SpeechBuffer
from digital_human.transport.webrtc.pictures import PictureBuffer

_JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
_NACK_GENERATOR = "_RTCRtpReceiver__nack_generator"
_TIMESTAMP_MAPPER = "_RTCRtpReceiver__timestamp_mapper"
_LAST_REPORT = "_RTCRtpSender__lsr"
_HISTORY = "_RTCRtpSender__rtp_history"
_NTP_EPOCH = 2_208_988_800
_ASK_AGAIN_SECONDS = 0.08
_ASKED_AT_MOST = 1000  # packets; a browser gives up as many

# A browser that was killed is noticed 8 to 12 s after its last answer (RFC 7675 allows 30 s), one
# whose network is gone for less than 8 s is not lost, and neither is one that a busy machine keeps
# from answering within half a second, as long as aioice would wait.
aioice.ice.CONSENT_INTERVAL = 1
aioice.ice.CONSENT_FAILURES = 5
aioice.stun.RETRY_RTO = 1.0

_aioice_host_addresses = aioice.ice.get_host_addresses


@dataclass(slots=True)
class LinkQuality:
    """What the receiver at the other end reports.

    Attributes:
        loss: Share of packets lost since its last report, 0 to 1.
        lost: Packets lost in all.
        jitter: Interarrival jitter in clock ticks of the track.
        estimate: Bits per second it can take, when it says.
        key_requests: Times it asked for a key frame.
    """

    loss: float = 0.0
    lost: int = 0
    jitter: int = 0
    estimate: float | None = None
    key_requests: int = 0


def tune_audio(receiver: RTCRtpReceiver) -> None:
    """Give an audio receiver the speech buffer and have it ask again for lost packets.

    aiortc's own buffer holds four packets and never drains after a loss (280 ms for the rest of
    the call). A NACK (RFC 4585) brings a lost packet back within a round trip;
    `prepare` has that negotiated.
    """
    setattr(receiver, _JITTER_BUFFER, SpeechBuffer())
    setattr(receiver, _NACK_GENERATOR, NackGenerator())


class _Nacks(NackGenerator):
    """Asks again for packets that stay away; aiortc asks only when another one is lost."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = 0.0

    def add(self, packet: RtpPacket) -> bool:
        missed, now = super().add(packet), time.monotonic()
        if not missed and (not self.missing or now - self._asked < _ASK_AGAIN_SECONDS):
            return False
        self._asked = now
        return True

    def truncate(self) -> None:
        if len(self.missing) > _ASKED_AT_MOST:
            self.missing.clear()

    def skip_to(self, number: int) -> None:
        """Nothing before the packet ``number`` is needed any more."""
        self.missing = {one for one in self.missing if (one - number) % 0x10000 < 0x8000}


def tune_video(receiver: RTCRtpReceiver) -> None:
    """Have a video receiver deal with loss as browsers do.

    It repeats its requests for lost packets: the picture stands still until the packet is there, so
    one lost request or answer would hold it until the next loss. It goes on with the next key frame
    whatever is missing before.
    """
    nacks = _Nacks()
    setattr(receiver, _NACK_GENERATOR, nacks)
    setattr(receiver, _JITTER_BUFFER, PictureBuffer(nacks.skip_to))


def opus() -> list[RTCRtpCodecCapability]:
    """The only audio codec: the speech buffer and the broadcast know no other."""
    return [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.name.lower() == "opus"]


def prepare() -> None:
    """Change aiortc's defaults, once in a process.

    Opus may be retransmitted, which aiortc negotiates for video only. A machine that has no
    network at all uses its loopback address, which ICE leaves out otherwise.
    """
    nack = RTCRtcpFeedback(type="nack")
    for codec in CODECS["audio"]:
        if codec.mimeType == "audio/opus" and nack not in codec.rtcpFeedback:
            codec.rtcpFeedback.append(nack)
    if aioice.ice.get_host_addresses is not _host_addresses:
        aioice.ice.get_host_addresses = _host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return _aioice_host_addresses(use_ipv4, use_ipv6) or ["127.0.0.1"]


def first_timestamp(receiver: RTCRtpReceiver) -> int | None:
    """RTP timestamp that ``receiver`` gives its frames as pts 0."""
    origin: int | None = getattr(receiver, _TIMESTAMP_MAPPER)._origin
    return origin


def on_key_frame_request(sender: RTCRtpSender, request: Callable[[], None]) -> None:
    """Call ``request`` when the receiver sends PLI or FIR.

    aiortc only marks its own encoder, which packets from elsewhere never pass through.
    """
    sender._send_keyframe = request  # type: ignore[method-assign]


def on_arrival(sender: RTCRtpSender, told: Callable[[], None]) -> None:
    """Call ``told`` whenever media, reports or messages come over the transport of ``sender``."""
    transport = sender.transport.transport
    receive = transport._recv

    async def noted() -> bytes:
        data: bytes = await receive()
        told()
        return data

    transport._recv = noted


def on_loss_for_good(sender: RTCRtpSender, told: Callable[[], None]) -> None:
    """Call ``told`` when the receiver asks for a packet that is not kept any more.

    It happens when the network was gone for more than a second: the receiver goes on asking, and
    a browser asks for a key frame only after three more seconds without a picture.
    """
    send_again = sender._retransmit

    async def check(sequence_number: int) -> None:
        history: dict[int, RtpPacket] = getattr(sender, _HISTORY)
        kept = history.get(sequence_number % RTP_HISTORY_SIZE)
        if kept is None or kept.sequence_number != sequence_number:
            told()
        await send_again(sequence_number)

    sender._retransmit = check  # type: ignore[method-assign]


def follow_reports(
    sender: RTCRtpSender, quality: LinkQuality, estimated: Callable[[float], None]
) -> None:
    """Keep ``quality`` up to date from the receiver's RTCP.

    Args:
        sender: The track's sender.
        quality: Written to.
        estimated: Called with every estimate of what the receiver can take, in bits per second.
    """
    handle = sender._handle_rtcp_packet

    async def follow(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == sender._ssrc:
                    quality.loss = report.fraction_lost / 256
                    quality.lost, quality.jitter = report.packets_lost, report.jitter
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                estimate, ssrcs = unpack_remb_fci(packet.fci)
            except ValueError:
                return
            if sender._ssrc in ssrcs:
                quality.estimate = float(estimate)
                estimated(quality.estimate)
        await handle(packet)

    sender._handle_rtcp_packet = follow  # type: ignore[method-assign]


def report_schedule(sender: RTCRtpSender, due: Callable[[], float | None]) -> None:
    """Make the sender reports state when media was due instead of when it was sent.

    A receiver maps the RTP time of each track to NTP time by these reports (RFC 3550, 6.4.1) and
    aligns the tracks by that; aiortc states the time of sending, so that a late packet, or two
    sent together, puts the tracks out of step.

    Args:
        sender: The track's sender.
        due: Unix time at which the packet sent last was due; None leaves the report as it is.
    """
    send = sender._send_rtcp

    async def correct(packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp:
                if (when := due()) is not None:
                    ntp = int((when + _NTP_EPOCH) * (1 << 32))
                    packet.sender_info.ntp_timestamp = ntp
                    setattr(sender, _LAST_REPORT, (ntp >> 16) & 0xFFFFFFFF)
        await send(packets)

    sender._send_rtcp = correct  # type: ignore[method-assign]


def ntp_to_unix(ntp: int) -> float:
    """A 64-bit NTP time stamp as Unix time."""
    return ntp / (1 << 32) - _NTP_EPOCH


def supported(sender: RTCRtpSender, receiver: RTCRtpReceiver) -> list[str]:
    """Names that this module uses and the installed aiortc does not have."""
    needed: list[tuple[Any, str]] = [
        (receiver, _JITTER_BUFFER),
        (receiver, _NACK_GENERATOR),
        (receiver, _TIMESTAMP_MAPPER),
        (sender, _LAST_REPORT),
        (sender, _HISTORY),
        (sender, "_retransmit"),
        (sender, "_send_keyframe"),
        (sender, "_handle_rtcp_packet"),
        (sender, "_send_rtcp"),
        (sender, "_ssrc"),
    ]
    return [f"{type(owner).__name__}.{name}" for owner, name in needed if not hasattr(owner, name)]
