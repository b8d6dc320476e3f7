"""A jitter buffer for speech: nothing is held back unless a packet is missing, and it drains."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

from digital_human.transport.webrtc.allowance import Allowance

HOLD_SECONDS = 0.12
CAPACITY = 32
_RESTART_DISTANCE = 1000
_PACKETS_PER_SECOND = 500  # ten times what a browser sends
_LONGEST_OPUS_PACKET = 5760


class SpeechBuffer:
    """Puts Opus packets in order; takes the place of aiortc's audio jitter buffer.

    A packet goes on at once when nothing before it is missing: an Opus packet is a whole frame. A
    missing one is waited for `HOLD_SECONDS`, time enough for a retransmission; then what came
    after it goes on all together, so the delay does not stay. aiortc takes one frame for each
    packet that arrives, so packets that become free together are joined into one of several frames
    (RFC 6716, 3.2.5). A flood of packets is dropped before it is decoded.

    Args:
        now: Time in seconds.

    Attributes:
        lost: Packets given up.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._next: int | None = None
        self._waiting: dict[int, RtpPacket] = {}
        self._missing_since = 0.0
        self._allowance = Allowance(_PACKETS_PER_SECOND, _PACKETS_PER_SECOND, now)
        self.lost = 0

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; what becomes free with it is the second of the pair.

        The first, aiortc's wish for a key frame, is always False.
        """
        if not self._allowance.take():
            return False, None
        number = packet.sequence_number
        if self._next is None:
            self._next = number
        ahead = (number - self._next + 0x8000) % 0x10000 - 0x8000
        if abs(ahead) > _RESTART_DISTANCE:
            self._waiting.clear()
            self._next, ahead = number, 0
        if ahead < 0:
            return False, None
        if not self._waiting:
            self._missing_since = self._now()
        self._waiting[number] = packet
        if self._next not in self._waiting and self._given_up():
            skipped = min((n - self._next) % 0x10000 for n in self._waiting)
            self.lost += skipped
            self._next = (self._next + skipped) % 0x10000
        return False, self._take()

    def _given_up(self) -> bool:
        held = self._now() - self._missing_since
        return held >= HOLD_SECONDS or len(self._waiting) >= CAPACITY

    def _take(self) -> JitterFrame | None:
        """What can go on now as one frame."""
        assert self._next is not None
        run: list[RtpPacket] = []
        while (packet := self._waiting.get(self._next)) is not None:
            if run and not _joinable(run, packet):
                break
            run.append(self._waiting.pop(self._next))
            self._next = (self._next + 1) % 0x10000
        if not run:
            return None
        self._missing_since = self._now()
        payloads = [bytes(packet.payload) for packet in run]
        return JitterFrame(join(payloads), run[0].timestamp)


def frame_samples(toc: int) -> int:
    """Samples at 48 kHz of a frame of the configuration in an Opus TOC byte (RFC 6716, 3.1)."""
    config = toc >> 3
    if config < 12:
        return (480, 960, 1920, 2880)[config % 4]
    if config < 16:
        return (480, 960)[config % 2]
    return (120, 240, 480, 960)[config % 4]


def join(payloads: list[bytes]) -> bytes:
    """One Opus packet of the frames of several single-frame packets of one configuration."""
    if len(payloads) == 1:
        return payloads[0]
    frames = [payload[1:] for payload in payloads]
    head = bytes([payloads[0][0] | 3, 0x80 | len(frames)])
    return head + b"".join(_length(len(frame)) for frame in frames[:-1]) + b"".join(frames)


def _joinable(run: list[RtpPacket], packet: RtpPacket) -> bool:
    first, last = run[0].payload, run[-1]
    if not first or not packet.payload or first[0] != packet.payload[0] or first[0] & 3:
        return False
    samples = frame_samples(first[0])
    follows = (packet.timestamp - last.timestamp) % (1 << 32) == samples
    return follows and (len(run) + 1) * samples <= _LONGEST_OPUS_PACKET


def _length(count: int) -> bytes:
    if count < 252:
        return bytes([count])
    low = 252 + (count & 3)
    return bytes([low, (count - low) >> 2])
