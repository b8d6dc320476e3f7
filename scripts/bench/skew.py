"""Lip sync at a receiver: flash and beep through the real pacer, peer and network stack.

Once a second the picture turns white and the sound beeps at the same media time. A client in a
process of its own maps both to the sender's time by the RTCP sender reports, as a browser does, and
measures the distance. Skew is picture minus sound: positive means that the picture is late.
usage: python scripts/bench/skew.py [--minutes 1] [--size 576x768] [--codec h264]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np
from rich.console import Console
from rich.table import Table

from digital_human.core.clock import WallClock
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.media.broadcast import Broadcast
from digital_human.media.pacer import Pacer

FPS = 25
SAMPLES = 1920
_BEEP = 480
_LEVEL = 0.15
_MATCH_SECONDS = 0.4


class FlashAndBeep:
    """A flash and a beep at the start of every second, over a moving picture."""

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        grain = np.random.default_rng(0).integers(0, 90, (height // 8, width // 8, 3), np.uint8)
        self._scene = np.ascontiguousarray(grain.repeat(8, 0).repeat(8, 1))
        t = np.arange(_BEEP * 8) / 48_000
        self._beep = (0.7 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)

    def sound(self, pts: int) -> FloatArray:
        out = np.zeros(SAMPLES, np.float32)
        phase = pts % FPS
        if phase < 2:
            out[:] = self._beep[phase * SAMPLES : (phase + 1) * SAMPLES]
        return out

    def picture(self, pts: int) -> ByteArray:
        if pts % FPS == 0:
            return np.full_like(self._scene, 255)
        return np.ascontiguousarray(np.roll(self._scene, pts, axis=1))


@dataclass
class Ends:
    """When flashes and beeps were received: sender's time and time of arrival."""

    flashes: list[tuple[float, float]] = field(default_factory=list)
    beeps: list[tuple[float, float]] = field(default_factory=list)
    late: list[float] = field(default_factory=list)


async def _receive(pipe: Connection, codec: str | None, seconds: float) -> Ends:
    from digital_human.transport.webrtc.client import Client, HeardSound, SeenPicture

    ends = Ends()
    state = {"beeped": -1.0, "fastest": float("inf")}
    clock = time.time() - time.monotonic()

    def hear(sound: HeardSound) -> None:
        loud = np.flatnonzero(np.abs(sound.pcm) > _LEVEL)
        if sound.media is None or not len(loud):
            return
        media = sound.media + loud[0] / 48_000
        if media - state["beeped"] > 0.5:
            ends.beeps.append((media, sound.received + clock))
        state["beeped"] = media

    def see(picture: SeenPicture) -> None:
        if picture.media is None:
            return
        ends.late.append(picture.received + clock - picture.media)
        if picture.frame.to_ndarray(format="gray")[::8, ::8].mean() > 180:
            ends.flashes.append((picture.media, picture.received + clock))

    client = Client(microphone=False, channel=False, codec=codec, on_sound=hear, on_picture=see)
    pipe.send(await client.offer())
    await client.accept(await asyncio.to_thread(pipe.recv))
    await asyncio.sleep(seconds)
    await client.close()
    return ends


def _receiver(pipe: Connection, codec: str | None, seconds: float) -> None:
    pipe.send(asyncio.run(_receive(pipe, codec, seconds)))


async def _measure(size: tuple[int, int], codec: str | None, seconds: float) -> tuple[Ends, Pacer]:
    from digital_human.transport.webrtc.peer import Peer

    pipe, far = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(
        target=_receiver, args=(far, codec, seconds)
    )
    receiver.start()
    broadcast = Broadcast(size=size)
    pacer = Pacer(FlashAndBeep(size), broadcast, WallClock())
    running = asyncio.create_task(pacer.run())
    peer = Peer(broadcast, name="receiver")
    pipe.send(await peer.answer(await asyncio.to_thread(pipe.recv)))
    ends: Ends = await asyncio.to_thread(pipe.recv)
    await peer.close()
    running.cancel()
    await asyncio.wait([running])
    broadcast.close()
    await asyncio.to_thread(receiver.join)
    return ends, pacer


def _pairs(ends: Ends) -> np.ndarray:
    """[n, 3]: sender's time, skew by the reports, skew of arrival; in seconds."""
    beeps = np.array(ends.beeps)
    rows = []
    for media, arrived in ends.flashes:
        nearest = int(np.argmin(np.abs(beeps[:, 0] - media)))
        if abs(beeps[nearest, 0] - media) < _MATCH_SECONDS:
            rows.append((media, media - beeps[nearest, 0], arrived - beeps[nearest, 1]))
    return np.array(rows)


def report(ends: Ends, pacer: Pacer, title: str) -> None:
    """Print the table."""
    pairs = _pairs(ends)
    milliseconds = 1000 * pairs[:, 1:]
    table = Table(title=title)
    for name in ("", "p50", "p95", "max", "mean"):
        table.add_column(name)
    for index, name in enumerate(("|skew| by sender reports, ms", "|skew| of arrival, ms")):
        size = np.abs(milliseconds[:, index])
        p50, p95 = np.percentile(size, [50, 95])
        table.add_row(
            name, f"{p50:.1f}", f"{p95:.1f}", f"{size.max():.1f}",
            f"{milliseconds[:, index].mean():+.1f}",
        )  # fmt: skip
    transit = 1000 * np.array(ends.late)
    p50, p95 = np.percentile(transit, [50, 95])
    table.add_row(
        "picture received after its time, ms", f"{p50:.1f}", f"{p95:.1f}", f"{transit.max():.1f}",
        f"{transit.mean():+.1f}",
    )  # fmt: skip
    console = Console()
    console.print(table)
    tenth = max(1, len(pairs) // 10)
    drift = milliseconds[-tenth:, 0].mean() - milliseconds[:tenth, 0].mean()
    stats = pacer.stats
    console.print(
        f"{len(pairs)} pairs; drift from the first tenth to the last: {drift:+.2f} ms; pictures "
        f"more than 80 ms after their time: {int((transit > 80).sum())} of {len(transit)}\n"
        f"pacer: {stats.frames} frames, {stats.late} pictures late (worst "
        f"{1000 * stats.worst_late:.0f} ms), {stats.skipped} skipped, {stats.reanchored} stalls, "
        f"worst lag {1000 * stats.worst_lag:.0f} ms"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--size", default="576x768")
    parser.add_argument("--codec", choices=["h264", "vp8"])
    args = parser.parse_args()
    width, _, height = args.size.partition("x")
    ends, pacer = asyncio.run(_measure((int(width), int(height)), args.codec, 60 * args.minutes))
    load = os.getloadavg()[0]
    report(ends, pacer, f"{args.size} {args.codec or 'negotiated'}, load average {load:.1f}")


if __name__ == "__main__":
    main()
