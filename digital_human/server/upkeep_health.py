"""What is known of a kiosk that looks after itself, and of the machine it runs on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import psutil

from digital_human.apps.kiosk.content import Contents, View
from digital_human.apps.kiosk.curator import Day, curator_folder, read_usage
from digital_human.apps.live.sessions import Sessions
from digital_human.errors import ResourceError
from digital_human.server.kiosk import Kiosk
from digital_human.server.upkeep import Upkeep
from digital_human.server.upkeep_company import Company
from digital_human.server.upkeep_troubles import Stages, Troubles


class EyesPort(Protocol):
    """The camera's watcher."""

    @property
    def looked(self) -> float | None: ...


class KeeperPort(Protocol):
    """What keeps the browser running."""

    starts: int
    why: str


@dataclass(slots=True)
class Care:
    """All that is known of a kiosk that looks after itself.

    Attributes:
        kiosk: The page's side.
        sessions: The server's.
        upkeep: Content and restarts.
        company: Who is there.
        stages: Those that failed.
        troubles: The last lines of the log.
        home: Where it keeps its files.
        eyes: Tells when the camera's last picture was looked at; None without a camera.
        keeper: Of the browser, when this program keeps it.
        tasks: What runs beside the server.
    """

    kiosk: Kiosk
    sessions: Sessions
    upkeep: Upkeep
    company: Company
    stages: Stages
    troubles: Troubles
    home: Path
    eyes: EyesPort | None = None
    keeper: KeeperPort | None = None
    tasks: list[asyncio.Task[None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, the disk and the curator's counts at one moment.

    Attributes:
        disk_free: Bytes.
        memory: Bytes that can still be had, and all.
        own: Bytes that this program holds.
        load: Average number of running threads over five minutes, by core.
        heat: The hottest sensor: its name and degrees Celsius; None where there is none.
        today: The curator's counts; None when they cannot be read.
        contents: The versions of the content; None when they cannot be read.
    """

    disk_free: int
    memory: tuple[int, int]
    own: int
    load: float
    heat: tuple[str, float] | None
    today: Day | None
    contents: View | None

    @classmethod
    def read(cls, home: Path, contents: Contents) -> Machine:
        """Look at everything."""
        memory = psutil.virtual_memory()
        today = view = None
        with contextlib.suppress(ResourceError):
            today = read_usage(curator_folder(contents.persona)).get(date.today(), Day())
        with contextlib.suppress(ResourceError):
            view = contents.view()
        return cls(
            _free(home), (memory.available, memory.total), psutil.Process().memory_info().rss,
            os.getloadavg()[1] / (psutil.cpu_count() or 1), _heat(), today, view,
        )  # fmt: skip


def _free(home: Path) -> int:
    try:
        return shutil.disk_usage(home).free
    except OSError:
        return 0


def _heat() -> tuple[str, float] | None:
    found: dict[str, list[Any]] = psutil.sensors_temperatures()
    each = [(one.label or name, float(one.current)) for name, ones in found.items() for one in ones]
    return max(each, key=lambda one: one[1], default=None)
