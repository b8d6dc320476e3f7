"""A jitter buffer for pictures that goes on with the next key frame, as browsers do."""

from __future__ import annotations

from collections.abc import Callable

from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

CAPACITY = 1024  # packets; about ten seconds
_START_CODE = b"\0\0\0\1"
_KEY_UNITS = (5, 7)  # H.264: a picture that needs no other, and what stands before it
_VP8_KEY = b"\x9d\x01\x2a"


class PictureBuffer(JitterBuffer):
    """Waits for missing packets until a key frame makes them needless.

    aiortc's own buffer waits until it is full, which takes seconds with a quiet picture.

    Args:
        skipped: Told the sequence number of a key frame when it goes on with it; what is missing
            before it need not be asked for any more.
    """

    def __init__(self, skipped: Callable[[int], None]) -> None:
        super().__init__(CAPACITY, is_video=True)
        self._skipped = skipped

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Take a packet; whether a key frame has to be asked for, and what is whole with it."""
        number = packet.sequence_number
        if self._origin is not None and starts_key_frame(getattr(packet, "_data", b"")):
            ahead = (number - self._origin) % 0x10000
            if 0 < ahead < 0x8000 and self._misses(min(ahead, CAPACITY)):
                self.remove(min(ahead, CAPACITY))
                self._origin = number
                self._skipped(number)
        wanted, frame = super().add(packet)
        return wanted, frame

    def _misses(self, count: int) -> bool:
        assert self._origin is not None
        return any(self._packets[(self._origin + i) % self._capacity] is None for i in range(count))


def starts_key_frame(data: bytes) -> bool:
    """Whether the payload of a packet, without what RTP adds, begins a key frame."""
    if data[:4] == _START_CODE:
        return len(data) > 4 and data[4] & 0x1F in _KEY_UNITS
    return data[3:6] == _VP8_KEY
