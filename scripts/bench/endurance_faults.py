"""What goes wrong at a kiosk, done for real to a server that runs: see `endurance`."""

from __future__ import annotations

import asyncio
import ctypes
import io
import itertools
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import psutil
from PIL import Image

if TYPE_CHECKING:
    from endurance import Server, Visit

_DISK_FULL = 45.0  # s
_HUNG = 8.0  # s
_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17  # of ptrace
# How much the threads yield that own a model tells which is which; helpers are made later.
_MIND, _EARS = 6, 3

Act = Callable[["Visit"], Awaitable[bool]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in the middle of a visit.

    Attributes:
        name: For the table.
        act: Does it; whether the visitor is still connected afterwards.
        spoken: Whether the question after it is spoken, not typed.
    """

    name: str
    act: Act
    spoken: bool = False


class Faults:
    """All faults, one after the other.

    Args:
        server: Whose.
        home: Its folder, on a small disk of its own.
        http: To it.
    """

    def __init__(self, server: Server, home: Path, http: httpx.AsyncClient) -> None:
        self._server, self._home, self._http = server, home, http
        self.tasks: set[asyncio.Task[None]] = set()

    def in_turn(self) -> Iterator[Fault]:
        """The faults, without end."""
        hour = 3600
        return itertools.cycle(
            [
                Fault("browser killed", self._browser_killed),
                Fault("network gone for 3 s", self._network_gone),
                Fault("language model hangs for 8 s", self._mind_hung),
                Fault("microphone unplugged", self._unplugged),
                Fault("clock one hour ahead", self._clock(hour)),
                Fault("recogniser hangs for 8 s", self._ears_hung, spoken=True),
                Fault("server stopped for 2 s", self._stopped),
                Fault("disk full for 45 s", self._disk_full),
                Fault("page loaded anew", self._reloaded),
                Fault("camera sends rubbish", self._camera_rubbish),
                Fault("clock back by two hours", self._clock(-hour)),
                Fault("camera dark", self._camera_dark),
            ]
        )

    async def _browser_killed(self, visit: Visit) -> bool:
        visit.vanish()
        return False

    async def _reloaded(self, visit: Visit) -> bool:
        await visit.client.close()
        return False

    async def _network_gone(self, visit: Visit) -> bool:
        for state in ("down", "up"):
            link = await asyncio.create_subprocess_exec("ip", "link", "set", "lo", state)
            assert await link.wait() == 0, f"the network does not go {state}"
            await asyncio.sleep(3.0 if state == "down" else 0.0)
        return True

    async def _unplugged(self, visit: Visit) -> bool:
        assert visit.client.microphone is not None
        visit.client.microphone.stop()
        return True

    async def _stopped(self, visit: Visit) -> bool:
        os.kill(self._server.pid, signal.SIGSTOP)
        await asyncio.sleep(2.0)
        os.kill(self._server.pid, signal.SIGCONT)
        return True

    def _clock(self, seconds: int) -> Act:
        async def jump(visit: Visit) -> bool:
            self._server.set_clock(seconds)
            return True

        return jump

    async def _mind_hung(self, visit: Visit) -> bool:
        """The thread that calls the language model stands still."""
        self._keep(_stop_thread(_threads(self._server.pid, _MIND)[0], _HUNG))
        await asyncio.sleep(0.2)
        return True

    async def _ears_hung(self, visit: Visit) -> bool:
        """A thread of the recogniser's stands still in the middle of its next work."""

        async def hang() -> None:
            before = _work_of(self._server.pid, _EARS)
            while True:
                await asyncio.sleep(0.02)
                now = _work_of(self._server.pid, _EARS)
                if working := [thread for thread in now if now[thread] > before.get(thread, 0)]:
                    await _stop_thread(working[0], _HUNG)
                    return

        self._keep(hang())
        return True

    async def _disk_full(self, visit: Visit) -> bool:
        filler = self._home / "filler"
        try:
            with filler.open("wb") as file:
                while True:
                    file.write(b"\0" * 2**20)
        except OSError:
            pass

        async def free() -> None:
            await asyncio.sleep(_DISK_FULL)
            filler.unlink(missing_ok=True)

        self._keep(free())
        return True

    async def _camera_rubbish(self, visit: Visit) -> bool:
        for data in (b"", b"\xff\xd8\xff", os.urandom(20_000), b"\xff\xd8" + b"\0" * 290_000):
            for _ in range(50):  # it is passed over while another picture is looked at
                if (status := (await look(self._http, data)).status_code) != 200:
                    break
                await asyncio.sleep(0.1)
            assert 400 <= status < 500, status
        return True

    async def _camera_dark(self, visit: Visit) -> bool:
        dark = jpeg(np.zeros((720, 1280, 3), np.uint8))
        states = []
        for _ in range(20):
            states.append((await look(self._http, dark)).json()["state"])
            await asyncio.sleep(0.2)
        assert states[-1] == "blind", states
        return True

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def jpeg(image: np.ndarray) -> bytes:
    """A picture, uint8 [h, w, 3] RGB, as the page sends it."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=70)
    return out.getvalue()


async def look(http: httpx.AsyncClient, data: bytes) -> httpx.Response:
    """Send a picture of the camera."""
    kind = {"Content-Type": "image/jpeg"}
    return await http.post("/api/kiosk/camera", content=data, headers=kind)


def _threads(pid: int, nice: int) -> list[int]:
    """The threads of a process that yield so much, the oldest first."""
    threads = sorted(int(folder.name) for folder in Path(f"/proc/{pid}/task").iterdir())
    return [t for t in threads if os.getpriority(os.PRIO_PROCESS, t) == nice]


def _work_of(pid: int, nice: int) -> dict[int, float]:
    """Seconds that these threads have worked."""
    threads = {one.id: one.user_time for one in psutil.Process(pid).threads()}
    return {one: threads[one] for one in _threads(pid, nice) if one in threads}


async def _stop_thread(thread: int, seconds: float) -> None:
    """Keep one thread of another process from running, as if what it calls did not return."""
    await asyncio.to_thread(_hold, thread, seconds)


def _hold(thread: int, seconds: float) -> None:
    """Called in one thread: ptrace knows who it was begun by."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    for request in (_SEIZE, _INTERRUPT):
        if libc.ptrace(request, thread, None, None):
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x} of thread {thread}")
    os.waitpid(thread, 0x40000000)  # __WALL
    time.sleep(seconds)
    libc.ptrace(_DETACH, thread, None, None)
