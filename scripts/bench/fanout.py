"""CPU of each extra onlooker of one broadcast, in percent of a core.

The server runs in a process of its own; the onlookers in another, without decoding. Each step
connects more of them over loopback and takes the server's CPU time over a while, scaled to 25
pictures a second where a busy machine gave fewer.
usage: python scripts/bench/fanout.py [--viewers 0,1,5,10] [--seconds 10] [--size 512x512,1280x720]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import cv2
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from digital_human.core.clock import WallClock
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.broadcast import Broadcast
from digital_human.media.pacer import Pacer


class Loop:
    """A loop of pictures as costly to encode as a talking face, and a tone."""

    def __init__(self, size: tuple[int, int], fps: int = 25, seconds: int = 4) -> None:
        self._pictures = [_talking(size, n / fps) for n in range(fps * seconds)]
        self._noise = np.random.default_rng(0).normal(0, 0.05, 48_000).astype(np.float32)

    def sound(self, pts: int) -> FloatArray:
        return self._noise[pts % 25 * 1920 : (pts % 25 + 1) * 1920]

    def picture(self, pts: int) -> ByteArray:
        return self._pictures[pts % len(self._pictures)]


def _talking(size: tuple[int, int], t: float) -> ByteArray:
    width, height = size
    grain = np.random.default_rng(1).integers(0, 256, (height // 12, width // 12, 3), np.uint8)
    scene = cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC)
    scene = np.roll(scene, round(3 * np.sin(2 * np.pi * t / 4)), axis=1)
    centre, mouth = (width // 2, height * 3 // 5), int(8 + 18 * abs(np.sin(9 * t)))
    cv2.ellipse(scene, centre, (width // 10, mouth), 0, 0, 360, (90, 20, 20), -1)
    return np.ascontiguousarray(scene)


async def _serve(pipe: Connection, size: tuple[int, int]) -> None:
    from digital_human.transport.webrtc.peer import Peer

    broadcast = Broadcast(size=size)
    pacer = Pacer(Loop(size), broadcast, WallClock())
    running = asyncio.create_task(pacer.run())
    peers: list[Peer] = []
    loop = asyncio.get_running_loop()
    while (offer := await loop.run_in_executor(None, pipe.recv)) is not None:
        if offer == "stats":
            pipe.send(pacer.stats)
            continue
        peer = Peer(broadcast, name=f"viewer {len(peers)}")
        peers.append(peer)
        pipe.send(await peer.answer(offer))
    for peer in peers:
        await peer.close()
    running.cancel()
    await asyncio.wait([running])
    broadcast.close()
    pipe.send(pacer.stats)


def _server(pipe: Connection, size: tuple[int, int]) -> None:
    asyncio.run(_serve(pipe, size))


async def _measure(size: tuple[int, int], steps: Sequence[int], seconds: float) -> list[list[str]]:
    from digital_human.transport.webrtc.client import Client

    pipe, far = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_server, args=(far, size))
    server.start()
    process = psutil.Process(server.pid)
    clients: list[Client] = []
    rows: list[list[str]] = []
    first: tuple[int, float] | None = None
    for viewers in steps:
        while len(clients) < viewers:
            client = Client(microphone=False, channel=False)
            for receiver in client.connection.getReceivers():
                receiver._enabled = False
            pipe.send(await client.offer())
            await client.accept(await asyncio.to_thread(pipe.recv))
            clients.append(client)
        await asyncio.sleep(2)
        pipe.send("stats")
        pictures = (await asyncio.to_thread(pipe.recv)).pictures
        start, cpu = time.monotonic(), sum(process.cpu_times()[:2])
        await asyncio.sleep(seconds)
        passed = time.monotonic() - start
        used = 100 * (sum(process.cpu_times()[:2]) - cpu) / passed
        pipe.send("stats")
        rate = ((await asyncio.to_thread(pipe.recv)).pictures - pictures) / passed
        if viewers:
            used *= 25 / max(rate, 1.0)
        each = ""
        if viewers and first is None:
            first = viewers, used
        elif first is not None:
            each = f"{(used - first[1]) / (viewers - first[0]):.2f} %"
        rss = process.memory_info().rss / 2**20
        row = [f"{size[0]}x{size[1]}", str(viewers), f"{used:.1f} %", each, f"{rss:.0f} MB"]
        rows.append([*row, f"{rate:.1f}"])
    pipe.send(None)
    stats = await asyncio.to_thread(pipe.recv)
    for client in clients:
        await client.close()
    await asyncio.to_thread(server.join)
    rows[-1][-1] += f" ({stats.late} late, {stats.skipped} skipped of {stats.frames})"
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", default="0,1,6,11")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", default="512x512,1280x720")
    args = parser.parse_args()
    table = Table(title=f"CPU of the server, {os.cpu_count()} cores here")
    for title in ("size", "viewers", "CPU", "each further viewer", "memory", "pictures/s"):
        table.add_column(title)
    for size in args.size.split(","):
        width, _, height = size.partition("x")
        steps = [int(count) for count in args.viewers.split(",")]
        for row in asyncio.run(_measure((int(width), int(height)), steps, args.seconds)):
            table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
