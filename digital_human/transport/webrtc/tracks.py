"""Tracks between aiortc and the broadcast: packets out, microphone in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.frame import Frame

from digital_human.core.frames import FloatArray
from digital_human.media.broadcast import VIDEO_RATE, Outlet, OutletClosed
from digital_human.media.live_encoder import SOUND_RATE

EAR_RATE = 16_000
_RECEIVED_RATE = 48_000
_GAP_LIMIT_SECONDS = 1.0


class PacketTrack(MediaStreamTrack):
    """One track of an outlet; aiortc only packetises what it gives.

    Args:
        outlet: Where the packets come from.
        kind: ``video`` or ``audio``.
    """

    def __init__(self, outlet: Outlet, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self._outlet = outlet
        self._rate = VIDEO_RATE if kind == "video" else SOUND_RATE
        self._sent: int | None = None
        self.packets = 0

    async def recv(self) -> Frame | av.Packet[Any]:
        """The next packet, for the sender."""
        if self.readyState != "live":
            raise MediaStreamError
        try:
            packet = await (self._outlet.video() if self.kind == "video" else self._outlet.audio())
        except OutletClosed:
            self.stop()
            raise MediaStreamError from None
        self._sent = packet.pts
        self.packets += 1
        return packet

    def due(self) -> float | None:
        """Unix time at which the packet given last was due."""
        origin = self._outlet.origin
        if origin is None or self._sent is None:
            return None
        return origin + self._sent / self._rate


class MicrophoneReader:
    """Received audio frames to 16 kHz mono without holes.

    The length of what it gives follows the sender's clock: silence stands for packets that never
    came. (A recogniser makes fewer errors with silence than with repeated sound.)

    Attributes:
        lost: Seconds of sound that never came.
    """

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=EAR_RATE)
        self._expected: int | None = None
        self.lost = 0.0

    def read(self, frame: av.AudioFrame) -> Iterator[FloatArray]:
        """Chunks of float32 mono at `EAR_RATE`, in order.

        Args:
            frame: 48 kHz audio with its pts in samples.
        """
        pts = frame.pts
        if pts is not None and frame.sample_rate == _RECEIVED_RATE:
            if self._expected is not None and pts > self._expected:
                seconds = min((pts - self._expected) / _RECEIVED_RATE, _GAP_LIMIT_SECONDS)
                self.lost += seconds
                yield np.zeros(round(seconds * EAR_RATE), np.float32)
            self._expected = pts + frame.samples
        frame.pts = None
        for part in self._resampler.resample(frame):
            yield np.asarray(part.to_ndarray()[0], dtype=np.float32)
