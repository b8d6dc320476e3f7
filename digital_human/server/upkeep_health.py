"""How a kiosk is: everything a technician at a desk wants to know, a line each, with what mends it.

Nothing of it tells who was there or what was said.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import psutil
from pydantic import BaseModel, Field

from digital_human import __version__
from digital_human.apps.kiosk.content import OWN, Contents, View
from digital_human.apps.kiosk.curator import Day, curator_folder, read_usage
from digital_human.apps.live.sessions import Sessions
from digital_human.errors import ResourceError
from digital_human.server.kiosk import Kiosk
from digital_human.server.upkeep import Upkeep
from digital_human.server.upkeep_company import Company
from digital_human.server.upkeep_night import next_window
from digital_human.server.upkeep_troubles import Stages, Troubles

Level = Literal["ok", "warn", "bad"]
_ORDER: tuple[Level, ...] = ("ok", "warn", "bad")
_GB = 1e9
_LOADING_S = 120.0  # after the start, for which page, camera and browser are waited for
_BORN = {
    "night": "the nightly restart", "content": "new content",
    "rolled back": "going back from content that did not come up",
}  # fmt: skip
_SERVICE = "journalctl -u digital-human-kiosk"
_SCREEN = "sudo systemctl restart digital-human-screen"


class Row(BaseModel):
    """One thing that was looked at."""

    id: str
    group: str
    name: str
    level: Level = Field(description="ok; warn: works, but somebody should look; bad: does not.")
    value: str
    fix: str = Field(default="", description="What mends it; empty when nothing is to be done.")


class TroubleView(BaseModel):
    """A warning or an error of the log, without what visitors said."""

    at: datetime
    level: Literal["warning", "error"]
    what: str
    id: str = Field(description="By which the log tells more of the last time; empty for none.")
    times: int


class HealthView(BaseModel):
    """How the kiosk is."""

    level: Level = Field(description="The worst of the rows.")
    at: datetime = Field(description="The machine's own time.")
    persona: str
    version: str
    content: str = Field(description="Version of the content; `own` is the persona's own folder.")
    up_s: float = Field(description="Seconds since the start.")
    visit: bool = Field(description="Whether a visit is on.")
    rows: list[Row]
    troubles: list[TroubleView]


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

    async def health(self) -> HealthView:
        """How it is now; the disk is read in another thread."""
        machine = await asyncio.to_thread(Machine.read, self.home, self.upkeep.contents)
        rows = [
            *_guide(self, machine), *_page(self), *_stages(self), *_content(self, machine),
            *_machine(machine),
        ]  # fmt: skip
        now = datetime.now().astimezone().replace(microsecond=0)
        return HealthView(
            level=max((row.level for row in rows), key=_ORDER.index), at=now,
            persona=self.kiosk.persona.name, version=__version__,
            content=self.upkeep.chosen.version, up_s=round(time.time() - self.upkeep.started),
            visit=self.company.visit(self.kiosk.clock.now()), rows=rows,
            troubles=[
                TroubleView(
                    at=datetime.fromtimestamp(one.at, UTC).astimezone(now.tzinfo).replace(
                        microsecond=0
                    ),
                    level="error" if one.level == "error" else "warning",
                    what=one.what, id=one.id, times=one.times,
                )
                for one in self.troubles.last()
            ],
        )  # fmt: skip


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


# The rows -----------------------------------------------------------------------------------------


def _guide(care: Care, machine: Machine) -> Iterator[Row]:
    upkeep, now = care.upkeep, care.kiosk.clock.now()
    began = datetime.fromtimestamp(upkeep.started).astimezone()
    why = f", after {_BORN[upkeep.born]}" if upkeep.born in _BORN else ""
    yield _row(
        "Guide",
        "up",
        "Up since",
        f"{began:%d %b %H:%M} ({_span(time.time() - upkeep.started)}){why}",
    )
    clock = datetime.now().astimezone()
    wrong = clock.year < 2025
    yield _row(
        "Guide", "clock", "Clock", f"{clock:%Y-%m-%d %H:%M} {clock.tzname()}",
        "bad" if wrong else "ok", "set the clock: sudo timedatectl set-ntp true" if wrong else "",
    )  # fmt: skip
    visit, last = care.company.visit(now), care.company.last
    said = "none since the start" if last is None else f"the last one {_span(now - last)} ago"
    yield _row("Guide", "visit", "Visit", "one is on" if visit else f"nobody; {said}")
    if machine.today is None:
        yield _row(
            "Guide", "today", "Today", "the counts cannot be read", "warn",
            f"see {curator_folder(care.kiosk.persona.name)}: it must be readable and not full",
        )  # fmt: skip
        return
    day = machine.today
    lost = day.questions >= 10 and day.unanswered > day.questions / 3
    yield _row(
        "Guide", "today", "Today",
        f"{day.visits} visits, {day.questions} questions, {day.unanswered} unanswered, "
        f"{day.misheard} times asked again",
        "warn" if lost else "ok",
        "many had no answer: digital-human kiosk report lists them" if lost else "",
    )  # fmt: skip


def _page(care: Care) -> Iterator[Row]:
    kiosk, now = care.kiosk, care.kiosk.clock.now()
    young = time.time() - care.upkeep.started < _LOADING_S
    quiet = None if kiosk.seen is None else now - kiosk.seen
    alive = quiet is not None and quiet < 40
    if quiet is None:
        level: Level = "ok" if young else "bad"
        yield _row(
            "Page and devices", "page", "Page", "has not called since the start", level,
            "" if young else f"is the screen's browser running? {_SCREEN}",
        )  # fmt: skip
    else:
        level = "ok" if alive else "warn" if quiet < 90 else "bad"
        yield _row(
            "Page and devices", "page", "Page", f"called {_span(quiet)} ago", level,
            "" if alive else f"the browser hangs or is gone: {_SCREEN}",
        )  # fmt: skip
    yield _camera(care, alive, young)
    heard = {
        "open": ("open", "ok", ""), "muted": ("ready; opens when somebody is greeted", "ok", ""),
        "off": (
            "the page cannot open it", "bad",
            "plug it in and look: arecord -l; then pavucontrol or wpctl status",
        ),
        None: ("the page has not told", "ok", ""),
    }  # fmt: skip
    value, state, fix = heard[kiosk.microphone]
    yield Row(
        id="microphone", group="Page and devices", name="Microphone", value=value, fix=fix,
        level="bad" if state == "bad" else "ok",
    )  # fmt: skip
    if care.keeper is not None:
        keeper = care.keeper
        again = f"; last because {keeper.why}" if keeper.why else ""
        many = keeper.starts > 5
        yield _row(
            "Page and devices", "browser", "Browser", f"started {keeper.starts} times{again}",
            "warn" if many else "ok", "run it by hand and look: chromium" if many else "",
        )  # fmt: skip


def _camera(care: Care, alive: bool, young: bool) -> Row:
    now = care.kiosk.clock.now()
    if care.eyes is None:
        return _row("Page and devices", "camera", "Camera", "not used (--no-camera)")
    looked = care.eyes.looked
    if looked is None or now - looked > 15:
        when = (
            "has sent nothing yet" if looked is None else f"last picture {_span(now - looked)} ago"
        )
        level: Level = "ok" if young else "bad" if alive else "warn"
        fix = "plug it in and look: v4l2-ctl --list-devices; touch works without it"
        return _row("Page and devices", "camera", "Camera", when, level, "" if young else fix)
    sees = care.company.sees(now)
    if sees == "blind":
        return _row(
            "Page and devices", "camera", "Camera", "dark or covered", "warn",
            "uncover it, clean it, turn the light on; touch works without it",
        )  # fmt: skip
    said = {
        "empty": "nobody",
        "passing": "somebody passes",
        "near": "somebody near",
        "here": "a visitor",
    }
    return _row("Page and devices", "camera", "Camera", f"sees {said.get(sees, sees)}")


def _stages(care: Care) -> Iterator[Row]:
    for name, stage in sorted(care.stages.failed.items()):
        at = datetime.fromtimestamp(stage.at).astimezone()
        since = f"failed {stage.failures} times since the start, last {at:%H:%M:%S}"
        if stage.failing:
            yield _row(
                "Stages", f"stage.{name}", name, f"fails now; {since}", "bad",
                f"it is started again by itself; if it stays: {_SERVICE}",
            )  # fmt: skip
        else:
            again = "" if stage.restored is None else f", worked again after {stage.restored:.1f} s"
            often = stage.failures > 10
            yield _row(
                "Stages", f"stage.{name}", name, f"{since}{again}", "warn" if often else "ok",
                f"look for why: {_SERVICE}" if often else "",
            )  # fmt: skip
    if not care.stages.failed:
        yield _row("Stages", "stages", "All stages", "none failed since the start")
    ended = [task.get_name() for task in care.tasks if task.done() and _broke(task)]
    yield _row(
        "Stages", "tasks", "Background work",
        f"ended: {', '.join(ended)}" if ended else "all run", "bad" if ended else "ok",
        "sudo systemctl restart digital-human-kiosk" if ended else "",
    )  # fmt: skip
    frames, late = care.sessions.frames()
    share, lag = late / max(1, frames), care.sessions.admission.lag
    slow = (frames > 500 and share > 0.02) or lag > 0.1
    yield _row(
        "Stages", "picture", "Picture",
        f"{share:.1%} of its frames late, loop {1000 * lag:.0f} ms behind",
        "warn" if slow else "ok",
        "something else takes the processor: see top on the machine" if slow else "",
    )  # fmt: skip


def _broke(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None


def _content(care: Care, machine: Machine) -> Iterator[Row]:
    upkeep = care.upkeep
    shown = "the persona's own" if upkeep.chosen.version == OWN else upkeep.chosen.version
    state = "; on trial" if upkeep.trial else ""
    yield _row("Content", "content", "Content", f"{shown}{state}")
    view = machine.contents
    if view is not None and view.events:
        event = view.events[0]
        good = event.what in ("installed", "in use", "rolled back")
        at = event.at.astimezone()
        name = "" if event.version == upkeep.chosen.version else f"{event.version} "
        what = f"{name}{event.what}" + (f": {event.why}" if event.why else "")
        yield _row(
            "Content", "update", "Last change", f"{at:%d %b %H:%M} {what}",
            "ok" if good else "warn",
            "" if good else "the version before is shown; correct the content and push it again",
        )  # fmt: skip
    if upkeep.wanted != upkeep.chosen.version:
        value = f"{upkeep.wanted} is shown as soon as nobody is there"
    elif upkeep.at is None:
        value = "none (kiosk.restart is empty)"
    else:
        value = f"{next_window(time.time(), upkeep.at):%d %b %H:%M}, when nobody is there"
    yield _row("Content", "restart", "Next restart", value)


def _machine(machine: Machine) -> Iterator[Row]:
    free = machine.disk_free / _GB
    yield _row(
        "Machine", "disk", "Disk", f"{free:.1f} GB free", _worse(free < 1, free < 5),
        "free some: sudo journalctl --vacuum-size=200M, recordings, digital-human models list"
        if free < 5 else "",
    )  # fmt: skip
    left, total = (each / _GB for each in machine.memory)
    share = left / total
    yield _row(
        "Machine", "memory", "Memory",
        f"{left:.1f} of {total:.1f} GB free; this program {machine.own / _GB:.1f} GB",
        _worse(share < 0.05, share < 0.12),
        "end other programs, or take a smaller language model" if share < 0.12 else "",
    )  # fmt: skip
    yield _row(
        "Machine", "load", "Processor", f"{machine.load:.1f} jobs for each core (five minutes)",
        _worse(False, machine.load > 1.5),
        "something else takes it: see top on the machine" if machine.load > 1.5 else "",
    )  # fmt: skip
    if machine.heat is not None:
        name, degrees = machine.heat
        yield _row(
            "Machine", "heat", "Temperature", f"{degrees:.0f} °C ({name})",
            _worse(degrees >= 95, degrees >= 85),
            "clean the fan and give it air" if degrees >= 85 else "",
        )  # fmt: skip


def _worse(bad: bool, warn: bool) -> Level:
    return "bad" if bad else "warn" if warn else "ok"


def _row(group: str, id: str, name: str, value: str, level: Level = "ok", fix: str = "") -> Row:
    return Row(id=id, group=group, name=name, level=level, value=value, fix=fix)


def _span(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
