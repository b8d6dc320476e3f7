"""A kiosk through hours of visits with faults: answers, outages, memory, and no network at all.

Server and visitors run in a network namespace without any route: what works here needs no network.
Every few minutes something breaks: the visitor's browser dies, the network is gone for seconds, the
microphone is unplugged, the server is stopped and goes on, the disk is full, the camera sends
rubbish. Needs root (or a user namespace) and the package iproute2.

    python scripts/bench/endurance.py --minutes 60 --every 5
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

from digital_human.apps.live.loadtest import VOICED_DBFS
from digital_human.config import settings
from digital_human.transport.webrtc.client import Client, HeardSound, SeenPicture

PORT = 18_765
URL = f"http://127.0.0.1:{PORT}"
QUESTIONS = (
    "雷峰塔现在还开着吗？", "背一首饮湖上初晴后雨。", "最近的厕所在哪里？", "苏堤是怎么来的？",
    "How did the Su Causeway come about?", "从断桥到孤山怎么走？", "这里有充电宝吗？",
    "Is Leifeng Pagoda open today?", "介绍一下三潭印月。", "明月几时有是什么时候写的？",
)  # fmt: skip
_DISK = 700  # MB of the home folder
_NO_ANSWER = 20.0


@dataclass
class Tally:
    """What was counted."""

    visits: int = 0
    lost: int = 0
    answers: list[float] = field(default_factory=list)
    silent: int = 0
    gaps: list[float] = field(default_factory=list)
    faults: list[tuple[str, float]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


class Visit:
    """One visitor: connects, is greeted, asks, leaves."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http, self._id = http, ""
        self._last = time.monotonic()
        self.gap = 0.0
        self._voiced = asyncio.Event()
        self.client = Client(on_sound=self._hear, on_picture=self._see)

    async def begin(self) -> None:
        while True:  # a visitor that vanished has the place until the server notices
            made = await self._http.post("/api/sessions", json={"persona": "dongpo"})
            if made.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.5)
            self.note_gap()
        made.raise_for_status()
        self._id = made.json()["id"]
        offer = {"sdp": await self.client.offer(), "type": "offer"}
        answer = await self._http.post(f"/api/sessions/{self._id}/offer", json=offer)
        answer.raise_for_status()
        await self.client.accept(answer.json()["sdp"])
        self._last = time.monotonic()

    async def ask(self, text: str) -> float | None:
        """Seconds from a typed question to the first voice; None when nothing came."""
        await self._until_quiet()
        self._voiced.clear()
        asked = time.monotonic()
        # By the page's channel: what calls drive is kept for minutes without a visitor.
        self.client.send({"type": "text", "text": text})
        try:
            async with asyncio.timeout(_NO_ANSWER):
                await self._voiced.wait()
        except TimeoutError:
            return None
        return time.monotonic() - asked

    async def leave(self) -> None:
        self.note_gap()
        await self.client.close()
        await self._http.delete(f"/api/sessions/{self._id}")

    def vanish(self) -> None:
        """Nothing goes out any more, and nobody says goodbye."""
        for link in self._links():
            link._send = _nothing

    async def lose_network(self, seconds: float) -> None:
        """Nothing passes for a while."""
        kept = [(link, link._send) for link in self._links()]
        for link, _ in kept:
            link._send = _nothing
        handler = self._see_nothing()
        await asyncio.sleep(seconds)
        handler()
        for link, send in kept:
            link._send = send

    def note_gap(self) -> None:
        self.gap = max(self.gap, time.monotonic() - self._last)

    def _links(self):  # type: ignore[no-untyped-def]
        senders = self.client.connection.getSenders()
        return {sender.transport.transport for sender in senders}

    def _see_nothing(self) -> Callable[[], None]:
        receivers = self.client.connection.getReceivers()
        for receiver in receivers:
            receiver._enabled = False

        def again() -> None:
            for receiver in receivers:
                receiver._enabled = True

        return again

    async def _until_quiet(self) -> None:
        quiet = time.monotonic()
        while time.monotonic() - quiet < 1.0:
            if self._voiced.is_set():
                quiet = time.monotonic()
                self._voiced.clear()
            await asyncio.sleep(0.05)

    def _hear(self, sound: HeardSound) -> None:
        if 20 * np.log10(np.sqrt((sound.pcm**2).mean()) + 1e-9) >= VOICED_DBFS:
            self._voiced.set()

    def _see(self, picture: SeenPicture) -> None:
        self.note_gap()
        self._last = time.monotonic()


async def _nothing(data: bytes) -> None: ...


class Server:
    """The kiosk's server as a process."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home, self._log = home, log
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, http: httpx.AsyncClient) -> None:
        environment = os.environ | {"DH_HOME": str(self._home)}
        command = [sys.executable, "-m", "digital_human", "kiosk", "--persona", "dongpo",
                   "--no-browser", "--port", str(PORT)]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220
                command, env=environment, stdout=log, stderr=log
            )
        while True:
            await asyncio.sleep(0.5)
            if self._process.poll() is not None:
                raise SystemExit(f"the server ended: see {self._log}")
            try:
                if (await http.get("/api/health")).is_success:
                    return
            except httpx.HTTPError:
                continue

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def memory(self) -> float:
        """MB that the process and its children hold."""
        processes = [psutil.Process(self.pid)]
        processes += processes[0].children(recursive=True)
        return sum(one.memory_info().rss for one in processes) / 2**20

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)


async def visits(server: Server, home: Path, minutes: float, every: float) -> Tally:
    """Visit after visit until the time is over."""
    tally, began = Tally(), time.monotonic()
    async with httpx.AsyncClient(base_url=URL, timeout=15.0) as http:
        await server.start(http)
        print(f"the server answers after {time.monotonic() - began:.0f} s", flush=True)
        began = time.monotonic()
        faults = _faults(server, home, http)
        questions, due = itertools.cycle(QUESTIONS), began + 60 * every / 2
        while (now := time.monotonic()) - began < 60 * minutes:
            fault = None
            if now >= due:
                fault, due = next(faults), due + 60 * every
            await _visit(http, tally, questions, fault)
            tally.memory.append(((time.monotonic() - began) / 3600, server.memory()))
            print(_line(tally, time.monotonic() - began), flush=True)
    return tally


Fault = tuple[str, Callable[[Visit], Awaitable[bool]]]


async def _visit(
    http: httpx.AsyncClient, tally: Tally, questions: Iterator[str], fault: Fault | None
) -> None:
    """One visit; a fault comes between its questions. A visit that breaks is lost."""
    tally.visits += 1
    visit = Visit(http)
    try:
        await visit.begin()
        for number in range(3):
            if fault is not None and number == 1:
                stays = await fault[1](visit)
                if not stays:
                    await visit.client.close()
                    return
            waited = await visit.ask(next(questions))
            if waited is None:
                tally.silent += 1
            else:
                tally.answers.append(waited)
        await visit.leave()
    except (httpx.HTTPError, OSError, AssertionError) as error:
        tally.lost += 1
        print(f"visit {tally.visits} was lost: {error!r}", flush=True)
    finally:
        tally.gaps.append(visit.gap)
        if fault is not None:
            tally.faults.append((fault[0], visit.gap))


def _faults(server: Server, home: Path, http: httpx.AsyncClient) -> Iterator[Fault]:
    """Faults in turn; each tells whether the visitor is still there."""

    async def browser_dies(visit: Visit) -> bool:
        visit.vanish()
        await asyncio.sleep(15)
        return False

    async def network_gone(visit: Visit) -> bool:
        await visit.lose_network(3.0)
        return True

    async def unplugged(visit: Visit) -> bool:
        assert visit.client.microphone is not None
        visit.client.microphone.stop()
        return True

    async def halted(visit: Visit) -> bool:
        os.kill(server.pid, signal.SIGSTOP)
        await asyncio.sleep(2.0)
        os.kill(server.pid, signal.SIGCONT)
        return True

    async def disk_full(visit: Visit) -> bool:
        filler = home / "filler"
        try:
            with filler.open("wb") as file:
                while True:
                    file.write(b"\0" * 2**20)
        except OSError:
            pass
        visit_over = asyncio.get_running_loop()
        visit_over.call_later(45, lambda: filler.unlink(missing_ok=True))
        return True

    async def camera_rubbish(visit: Visit) -> bool:
        for data in (b"", b"\xff\xd8\xff", os.urandom(20_000), b"\xff\xd8" + b"\0" * 290_000):
            reply = await http.post(
                "/api/kiosk/camera", content=data, headers={"Content-Type": "image/jpeg"}
            )
            assert 400 <= reply.status_code < 500, reply.status_code
        return True

    return itertools.cycle(
        [
            ("browser dies", browser_dies), ("network gone for 3 s", network_gone),
            ("microphone unplugged", unplugged), ("server stopped for 2 s", halted),
            ("disk full for 45 s", disk_full), ("camera sends rubbish", camera_rubbish),
        ]
    )  # fmt: skip


def _line(tally: Tally, seconds: float) -> str:
    return (
        f"{seconds / 60:5.1f} min: {tally.visits} visits, {tally.lost} lost, "
        f"{len(tally.answers)} answers, {tally.silent} silent, "
        f"gap {max(tally.gaps):.1f} s, {tally.memory[-1][1]:.0f} MB"
    )


def report(tally: Tally, minutes: float) -> str:
    """The table."""
    hours, memory = np.array(tally.memory).T
    settled = hours > min(0.1, hours[-1] / 3)
    slope = np.polyfit(hours[settled], memory[settled], 1)[0] if settled.sum() > 2 else np.nan
    p50, p95 = np.quantile(tally.answers, [0.5, 0.95])
    rows = [
        ("minutes, visits, visits lost", f"{minutes:.0f}, {tally.visits}, {tally.lost}"),
        ("questions answered, without an answer", f"{len(tally.answers)}, {tally.silent}"),
        ("typed question to first sound, p50, p95", f"{p50:.2f} s, {p95:.2f} s"),
        ("longest picture gap of a visit, p50, most",
         f"{np.median(tally.gaps):.2f} s, {max(tally.gaps):.2f} s"),
        ("memory at first, at the end, MB", f"{memory[0]:.0f}, {memory[-1]:.0f}"),
        ("its slope after settling", f"{slope:+.0f} MB an hour"),
        *((f"fault: {name}", f"picture gap {gap:.2f} s") for name, gap in tally.faults),
    ]  # fmt: skip
    head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, no network"
    return "\n".join(
        [f"| {head} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes between faults")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        command = ["unshare", "--net", "--mount", sys.executable, *sys.argv, "--inside"]
        raise SystemExit(subprocess.run(command, check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    routes = subprocess.run(["ip", "route"], check=True, capture_output=True).stdout
    assert not routes.strip(), "there is a route out of here"
    models = settings().models_dir
    home = Path(tempfile.mkdtemp())
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK}m", "tmpfs", str(home)], check=True)
    (home / "models").symlink_to(models)
    server = Server(home, Path("endurance.log").resolve())
    try:
        tally = asyncio.run(visits(server, home, options.minutes, options.every))
        print(report(tally, options.minutes))
    finally:
        server.stop()
        subprocess.run(["umount", str(home)], check=False)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
