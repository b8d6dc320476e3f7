"""A kiosk through hours of visits with faults: answers, outages, memory, and no network at all.

Server and visitors run in a network namespace without any route: what works here needs no network.
Every few minutes something breaks in the middle of a visit; see `endurance_faults`. Visitors are
greeted, ask three questions, typed and spoken, and leave; the camera sends pictures all the time.
Needs root, iproute2 and a C compiler (for a wall clock that can be set, see wall_clock.c).

    python scripts/bench/endurance.py --minutes 60 --every 5 --figure endurance.svg
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
import psutil
import soundfile
from endurance_faults import Fault, Faults, jpeg, look
from endurance_report import Outage, Tally, figure, line, report
from PIL import Image

from digital_human.apps.live.loadtest import VOICED_DBFS
from digital_human.config import settings
from digital_human.errors import ResourceError
from digital_human.transport.webrtc.client import Client, HeardSound, SeenPicture

PORT = 18_765
URL = f"http://127.0.0.1:{PORT}"
SPOKEN = Path(__file__).parents[2] / "tests/browser/questions"
ROOM = Path(__file__).parents[2] / "assets/personas/dongpo/place/pictures/causeway.jpg"
SPOTS = (
    "断桥", "白堤", "苏堤", "雷峰塔", "三潭印月", "曲院风荷", "花港观鱼", "平湖秋月", "柳浪闻莺",
    "孤山", "保俶塔", "湖心亭",
)  # fmt: skip
TYPED = (
    "{}有什么故事？", "介绍一下{}。", "{}在哪里？", "从断桥到{}怎么走？", "{}现在还开着吗？",
    "你在{}写过诗吗？", "How did {} get its name?", "What can I see at {}?",
    "背一首饮湖上初晴后雨。", "最近的厕所在哪里？", "这里有充电宝吗？",
    "明月几时有是什么时候写的？", "给我写一首关于{}的打油诗。", "你今天心情怎么样？",
    "How much is the ticket?", "附近有航天博物馆吗？", "我带着孩子，先去哪里好？",
)  # fmt: skip
_DISK = 700  # MB of the home folder
_NO_ANSWER = 20.0
_SAMPLE_EVERY = 10.0
_CAMERA, _CAMERA_EVERY = (1280, 720), 0.22  # pixels and s, as the page sends it


class Questions:
    """The same in every run."""

    def __init__(self) -> None:
        self._chance = random.Random(0)
        self.spoken = itertools.cycle(sorted(SPOKEN.glob("*_zh.ogg")))

    def typed(self) -> str:
        return self._chance.choice(TYPED).format(self._chance.choice(SPOTS))


class Visit:
    """One visitor at the screen: the page opens a session, is greeted, asks, leaves."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http, self._id = http, ""
        self._last: float | None = None
        self.gap = 0.0
        self.reconnected = 0
        self._voiced = asyncio.Event()
        self._seen = asyncio.Event()
        self.client = Client(on_sound=self._hear, on_picture=self._see)

    async def begin(self) -> float:
        """Open the page; seconds until the first picture."""
        began = time.monotonic()
        while True:
            wish = {"persona": "dongpo", "screen": True}
            made = await self._http.post("/api/sessions", json=wish)
            if made.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.5)
        made.raise_for_status()
        self._id = made.json()["id"]
        await self._connect()
        return time.monotonic() - began

    async def _connect(self) -> None:
        offer = {"sdp": await self.client.offer(), "type": "offer"}
        answer = await self._http.post(f"/api/sessions/{self._id}/offer", json=offer)
        answer.raise_for_status()
        await self.client.accept(answer.json()["sdp"])
        async with asyncio.timeout(_NO_ANSWER):
            await self._seen.wait()
            await self.client.opened.wait()

    async def _stay_connected(self) -> None:
        """A connection that was lost is made anew, as the page does; the session goes on."""
        if self.client.connection.connectionState == "connected":
            return
        self.reconnected += 1
        await self.client.close()
        self._seen.clear()
        self.client = Client(on_sound=self._hear, on_picture=self._see)
        await self._connect()

    async def greeted(self) -> float | None:
        """Seconds until the greeting is heard."""
        return await self._answer({"type": "hello"})

    async def ask(self, text: str) -> float | None:
        """Seconds from a typed question to the first voice; None when nothing came."""
        await self._until_quiet()
        return await self._answer({"type": "text", "text": text})

    async def speak(self, recording: Path) -> float | None:
        """Seconds from the end of a spoken question to the first voice."""
        await self._until_quiet()
        pcm, rate = soundfile.read(recording, dtype="float32")
        assert self.client.microphone is not None
        await self.client.microphone.play(pcm, rate)
        await asyncio.sleep(len(pcm) / rate)
        return await self._answer(None)

    async def leave(self) -> None:
        self.note_gap()
        await self.client.close()
        await self._http.delete(f"/api/sessions/{self._id}")

    def vanish(self) -> None:
        """Nothing goes out any more, and nobody says goodbye."""
        for link in {sender.transport.transport for sender in self.client.connection.getSenders()}:
            link._send = _nothing

    def note_gap(self) -> None:
        if self._last is not None:
            self.gap = max(self.gap, time.monotonic() - self._last)

    async def _answer(self, message: dict[str, str] | None) -> float | None:
        self._voiced.clear()
        asked = time.monotonic()
        if message is not None:
            await self._stay_connected()
            # By the page's channel: what calls drive is kept for minutes without a visitor.
            self.client.send(message)
        try:
            async with asyncio.timeout(_NO_ANSWER):
                await self._voiced.wait()
        except TimeoutError:
            return None
        return time.monotonic() - asked

    async def _until_quiet(self) -> None:
        quiet = time.monotonic()
        while time.monotonic() - quiet < 1.0:
            if self._voiced.is_set():
                quiet = time.monotonic()
                self._voiced.clear()
            await self._stay_connected()
            await asyncio.sleep(0.05)

    def _hear(self, sound: HeardSound) -> None:
        if 20 * np.log10(np.sqrt((sound.pcm**2).mean()) + 1e-9) >= VOICED_DBFS:
            self._voiced.set()

    def _see(self, picture: SeenPicture) -> None:
        self.note_gap()
        self._last = time.monotonic()
        self._seen.set()


async def _nothing(data: bytes) -> None: ...


class Server:
    """The kiosk's server as a process."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home, self._log = home, log
        self._clock, self._shim = home / "clock.bin", home / "wall_clock.so"
        source = Path(__file__).with_name("wall_clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", self._shim, source], check=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.set_clock(0)

    async def start(self, http: httpx.AsyncClient) -> None:
        environment = os.environ | {
            "DH_HOME": str(self._home), "LD_PRELOAD": str(self._shim),
            "WALL_CLOCK": str(self._clock),
        }  # fmt: skip
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

    def set_clock(self, seconds: int) -> None:
        """How much its wall clock is ahead of this machine's."""
        with self._clock.open("r+b" if self._clock.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def held(self) -> tuple[float, int, int, int]:
        """MB of memory, threads, open files, and files it has made."""
        process = psutil.Process(self.pid)
        made = sum(path.is_file() for path in self._home.rglob("*") if not path.is_symlink())
        return process.memory_info().rss / 2**20, process.num_threads(), process.num_fds(), made

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
        faults = Faults(server, home, http)
        turns, questions, due = faults.in_turn(), Questions(), began + 30 * every
        extras = [asyncio.create_task(_watch(http)),
                  asyncio.create_task(_sample(server, tally, began))]  # fmt: skip
        while (now := time.monotonic()) - began < 60 * minutes:
            fault = None
            if now >= due:
                fault, due = next(turns), due + 60 * every
            await _visit(http, tally, questions, fault, began)
            if tally.samples:
                print(line(tally, time.monotonic() - began), flush=True)
        for task in extras:
            task.cancel()
        await asyncio.gather(*extras, *faults.tasks, return_exceptions=True)
    return tally


async def _visit(
    http: httpx.AsyncClient,
    tally: Tally,
    questions: Questions,
    fault: Fault | None,
    began: float,
) -> None:
    """One visit; a fault comes between its questions. A visit that breaks is lost."""
    tally.visits += 1
    visit, outage = Visit(http), None
    try:
        tally.starts.append(await visit.begin())
        tally.greetings.append(await visit.greeted())
        for number in range(3):
            if fault is not None and number == 1:
                visit.gap = 0.0
                outage = Outage(fault.name, (time.monotonic() - began) / 60)
                tally.outages.append(outage)
                if not await fault.act(visit):
                    await _replace(visit, http, outage)
                    return
            spoken = number == 2 or (number == 1 and fault is not None and fault.spoken)
            waited = await _put(visit, questions, spoken)
            tally.answers.append(waited)
            if outage is not None and outage.answer is None:
                outage.answer = _NO_ANSWER if waited is None else waited
        await visit.leave()
    except (httpx.HTTPError, OSError, AssertionError, TimeoutError, ResourceError) as error:
        tally.lost += 1
        if outage is not None:
            outage.lost = True
        print(f"visit {tally.visits} was lost: {error!r}", flush=True)
        visit.vanish()
    finally:
        tally.gaps.append(visit.gap)
        tally.reconnected += visit.reconnected
        if outage is not None and not outage.picture:
            outage.picture = visit.gap


async def _put(visit: Visit, questions: Questions, spoken: bool) -> float | None:
    assert visit.client.microphone is not None
    if spoken and visit.client.microphone.readyState == "live":
        return await visit.speak(next(questions.spoken))
    return await visit.ask(questions.typed())


async def _replace(gone: Visit, http: httpx.AsyncClient, outage: Outage) -> None:
    """The page comes back at once: seconds until it shows and says something."""
    visit = Visit(http)
    outage.picture = await visit.begin()
    outage.answer = await visit.greeted() or _NO_ANSWER
    await visit.leave()
    await gone.client.close()


async def _watch(http: httpx.AsyncClient) -> None:
    """The camera of the page: nobody in sight, and the noise of its sensor."""
    noise = np.random.default_rng(0)
    with Image.open(ROOM) as picture:
        room = np.asarray(picture.convert("RGB").resize(_CAMERA), np.int16)
    grains = [noise.integers(-4, 5, room.shape, np.int16) for _ in range(8)]
    pictures = [jpeg(np.clip(room + grain, 0, 255).astype(np.uint8)) for grain in grains]
    for data in itertools.cycle(pictures):
        try:
            await look(http, data)
        except httpx.HTTPError:  # a fault
            pass
        await asyncio.sleep(_CAMERA_EVERY)


async def _sample(server: Server, tally: Tally, began: float) -> None:
    while True:
        held = await asyncio.to_thread(server.held)
        tally.samples.append(((time.monotonic() - began) / 60, *held))
        await asyncio.sleep(_SAMPLE_EVERY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=5, help="minutes between faults")
    parser.add_argument("--figure", type=Path, help="an SVG of memory, threads and faults")
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
        if options.figure:
            options.figure.write_text(figure(tally), "utf-8")
    finally:
        server.stop()
        subprocess.run(["umount", str(home)], check=False)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
