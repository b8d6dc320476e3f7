"""What the WebRTC tests share: something to broadcast and a link that loses packets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import RTCPeerConnection

from digital_human.core.clock import WallClock
from digital_human.media.broadcast import Broadcast
from digital_human.media.pacer import Pacer
from digital_human.transport.webrtc.client import Client
from digital_human.transport.webrtc.peer import Peer

SIZE = (160, 120)


class Show:
    """Moving stripes and a tone of 440 Hz."""

    def __init__(self) -> None:
        grain = np.random.default_rng(0).integers(0, 256, (15, 20, 3), np.uint8)
        self._scene = grain.repeat(8, 0).repeat(8, 1)

    def sound(self, pts: int) -> Any:
        t = (pts * 1920 + np.arange(1920)) / 48_000
        return (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)

    def picture(self, pts: int) -> Any:
        return np.ascontiguousarray(np.roll(self._scene, pts, axis=1))


@asynccontextmanager
async def on_air(source: Any = None) -> AsyncIterator[Broadcast]:
    """A broadcast that runs in real time."""
    broadcast = Broadcast(size=SIZE)
    pacer = asyncio.create_task(Pacer(source or Show(), broadcast, WallClock()).run())
    try:
        yield broadcast
    finally:
        pacer.cancel()
        await asyncio.wait([pacer])
        broadcast.close()


async def connect(peer: Peer, client: Client) -> None:
    """Offer, answer, connected."""
    await client.accept(await peer.answer(await client.offer()))


def lose(connection: RTCPeerConnection, share: float, seed: int = 0) -> list[int]:
    """Drop this share of the RTP and RTCP that ``connection`` sends; returns [sent, lost]."""
    chance = random.Random(seed)
    counts = [0, 0]
    transports = {sender.transport.transport for sender in connection.getSenders()}
    for transport in transports:
        send = transport._send

        async def maybe(data: bytes, send: Any = send) -> None:
            if 127 < data[0] < 192:
                counts[0] += 1
                if chance.random() < share:
                    counts[1] += 1
                    return
            await send(data)

        transport._send = maybe  # type: ignore[method-assign]
    return counts
