"""How a kiosk is: everything a technician at a desk wants to know, a line each, with what mends it.

Nothing of it tells who was there or what was said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal, get_args

from pydantic import BaseModel, Field

from digital_human import __version__
from digital_human.apps.kiosk.content import OWN
from digital_human.apps.kiosk.curator import curator_folder
from digital_human.server.upkeep_afresh import Why, age
from digital_human.server.upkeep_health import Care, Machine
from digital_human.server.upkeep_health_texts import PageLanguage, Words
from digital_human.server.upkeep_night import next_restart
from digital_human.server.upkeep_troubles import Trouble

Level = Literal["ok", "warn", "bad"]
_Group = Literal["guide", "page", "stages", "content", "machine"]
_ORDER: tuple[Level, ...] = ("ok", "warn", "bad")
_GB = 1e9
_LOADING_S = 120.0  # after the start, for which page, camera and browser are waited for
_JOURNAL = "journalctl -u digital-human-kiosk"
_SCREEN = "sudo systemctl restart digital-human-screen"


class Row(BaseModel):
    """One thing that was looked at; ids and levels are the same in every language."""

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
    what: str = Field(description="As in the log, in English.")
    id: str = Field(description="By which the log tells more of the last time; empty for none.")
    times: int

    @classmethod
    def of(cls, one: Trouble) -> TroubleView:
        """The view of ``one``, in the machine's own time."""
        at = datetime.fromtimestamp(one.at, UTC).astimezone().replace(microsecond=0)
        level: Literal["warning", "error"] = "error" if one.level == "error" else "warning"
        return cls(at=at, level=level, what=one.what, id=one.id, times=one.times)


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


async def health(care: Care, language: PageLanguage) -> HealthView:
    """How the kiosk is now; the disk is read in another thread.

    Args:
        care: What is known of it.
        language: Of groups, names, values and what mends them.
    """
    machine = await asyncio.to_thread(Machine.read, care.home, care.upkeep.contents)
    words = Words(language)
    rows = [
        *_guide(care, machine, words), *_page(care, words), *_stages(care, words),
        *_content(care, machine, words), *_machine(machine, words),
    ]  # fmt: skip
    return HealthView(
        level=max((row.level for row in rows), key=_ORDER.index),
        at=datetime.now().astimezone().replace(microsecond=0),
        persona=care.kiosk.persona.name, version=__version__,
        content=care.upkeep.chosen.version, up_s=round(age()),
        visit=care.company.visit(care.kiosk.clock.now()), rows=rows,
        troubles=[TroubleView.of(one) for one in care.troubles.last()],
    )  # fmt: skip


# The rows -----------------------------------------------------------------------------------------


def _guide(care: Care, machine: Machine, words: Words) -> Iterator[Row]:
    row = _Rows("guide", words)
    upkeep, now = care.upkeep, care.kiosk.clock.now()
    # The clock may have been wrong at the start: a machine that was off gets the time later.
    began = words.moment(datetime.fromtimestamp(time.time() - age()).astimezone())
    up = words.span(age())
    if upkeep.born in get_args(Why):
        why = words(f"born.{upkeep.born}")
        yield row("up", words("up.why", at=began, span=up, why=why))
    else:
        yield row("up", words("up", at=began, span=up))
    clock = datetime.now().astimezone()
    yield row(
        "clock", f"{clock:%Y-%m-%d %H:%M} {clock.tzname()}",
        _worse(bad=clock.year < 2025), words("clock.fix"),
    )  # fmt: skip
    if care.company.visit(now):
        yield row("visit", words("visit.on"))
    elif care.company.last is None:
        yield row("visit", words("visit.none"))
    else:
        yield row("visit", words("visit.last", span=words.span(now - care.company.last)))
    day = machine.today
    if day is None:
        folder = curator_folder(care.kiosk.persona.name)
        fix = words("today.unread.fix", folder=folder)
        yield row("today", words("today.unread"), "warn", fix)
        return
    many = day.questions >= 10 and day.unanswered > day.questions / 3
    counts = words(
        "today", visits=day.visits, questions=day.questions, unanswered=day.unanswered,
        misheard=day.misheard,
    )  # fmt: skip
    yield row("today", counts, _worse(warn=many), words("today.fix"))


def _page(care: Care, words: Words) -> Iterator[Row]:
    row = _Rows("page", words)
    kiosk = care.kiosk
    young = age() < _LOADING_S
    quiet = None if kiosk.seen is None else kiosk.clock.now() - kiosk.seen
    alive = quiet is not None and quiet < 40
    if quiet is None:
        fix = words("page.never.fix", screen=_SCREEN)
        yield row("page", words("page.never"), _worse(bad=not young), fix)
    else:
        yield row(
            "page", words("page", span=words.span(quiet)),
            _worse(bad=quiet >= 90, warn=not alive), words("page.fix", screen=_SCREEN),
        )  # fmt: skip
    value, level, fix = _camera(care, words, alive=alive, young=young)
    yield row("camera", value, level, fix)
    heard = kiosk.microphone or "untold"
    yield row(
        "microphone", words(f"microphone.{heard}"), _worse(bad=heard == "off"),
        words("microphone.fix"),
    )  # fmt: skip
    if (keeper := care.keeper) is not None:
        starts = words("browser", times=keeper.starts)
        if keeper.why:
            starts = words("browser.why", times=keeper.starts, why=words.reason(keeper.why))
        yield row("browser", starts, _worse(warn=keeper.starts > 5), words("browser.fix"))


def _camera(care: Care, words: Words, *, alive: bool, young: bool) -> tuple[str, Level, str]:
    """Value, level and what mends it."""
    if care.eyes is None:
        return words("camera.unused"), "ok", ""
    now, looked = care.kiosk.clock.now(), care.eyes.looked
    if looked is None or now - looked > 15:
        value = words("camera.nothing")
        if looked is not None:
            value = words("camera.old", span=words.span(now - looked))
        return value, "ok" if young else "bad" if alive else "warn", words("camera.fix")
    sees = care.company.sees(now)
    return words(f"camera.{sees}"), _worse(warn=sees == "blind"), words("camera.blind.fix")


def _stages(care: Care, words: Words) -> Iterator[Row]:
    row = _Rows("stages", words)
    for name, stage in sorted(care.stages.failed.items()):
        at = f"{datetime.fromtimestamp(stage.at).astimezone():%H:%M:%S}"
        level, fix = _worse(warn=stage.failures > 10), words("stage.often.fix", journal=_JOURNAL)
        value = words("stage", times=stage.failures, at=at)
        if stage.failing:
            value = words("stage.now", times=stage.failures, at=at)
            level, fix = "bad", words("stage.now.fix", journal=_JOURNAL)
        elif stage.restored is not None:
            value = words("stage.again", times=stage.failures, at=at, seconds=stage.restored)
        yield row(f"stage.{name}", value, level, fix, name=words.stage(name))
    if not care.stages.failed:
        yield row("stages", words("stages"))
    ended = ", ".join(task.get_name() for task in care.tasks if task.done() and _broke(task))
    value = words("tasks.ended", names=ended) if ended else words("tasks")
    yield row("tasks", value, _worse(bad=bool(ended)), words("tasks.fix"))
    frames, late = care.sessions.frames()
    share, lag = late / max(1, frames), care.sessions.admission.lag
    slow = (frames > 500 and share > 0.02) or lag > 0.1
    value = words("picture", late=share, lag=1000 * lag)
    yield row("picture", value, _worse(warn=slow), words("picture.fix"))


def _broke(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None


def _content(care: Care, machine: Machine, words: Words) -> Iterator[Row]:
    row = _Rows("content", words)
    upkeep = care.upkeep
    shown = upkeep.chosen.version
    if upkeep.wanted != shown and not upkeep.switches:
        value = words(
            "content.waits", version=_version(shown, words), other=_version(upkeep.wanted, words)
        )
        yield row("content", value, "warn", words("content.waits.fix", home=care.home))
    else:
        key = "content.trial" if upkeep.trial else "content"
        yield row("content", words(key, version=_version(shown, words)))
    if machine.contents is not None and machine.contents.events:
        event = machine.contents.events[0]
        good = event.what in ("installed", "in use", "rolled back")
        value = words(
            "update.why" if event.why else "update",
            at=words.moment(event.at.astimezone()),
            version="" if event.version == shown else f"{_version(event.version, words)} ",
            what=words(f"update.{event.what}"), why=words.reason(event.why),
        )  # fmt: skip
        yield row("update", value, _worse(warn=not good), words("update.fix"))
    if upkeep.switches:
        value = words("restart.content", version=_version(upkeep.wanted, words))
    elif upkeep.at is None:
        value = words("restart.never")
    else:
        value = words("restart", at=words.moment(next_restart(time.time(), age(), upkeep.at)))
    yield row("restart", value)


def _version(name: str, words: Words) -> str:
    return words("content.own") if name == OWN else name


def _machine(machine: Machine, words: Words) -> Iterator[Row]:
    row = _Rows("machine", words)
    free = machine.disk_free / _GB
    level = _worse(bad=free < 1, warn=free < 5)
    yield row("disk", words("disk", free=free), level, words("disk.fix"))
    left, total, own = (each / _GB for each in (*machine.memory, machine.own))
    yield row(
        "memory", words("memory", left=left, total=total, own=own),
        _worse(bad=left / total < 0.05, warn=left / total < 0.12), words("memory.fix"),
    )  # fmt: skip
    level = _worse(warn=machine.load > 1.5)
    yield row("load", words("load", load=machine.load), level, words("load.fix"))
    if machine.heat is not None:
        sensor, degrees = machine.heat
        level = _worse(bad=degrees >= 95, warn=degrees >= 85)
        yield row("heat", words("heat", degrees=degrees, sensor=sensor), level, words("heat.fix"))


def _worse(*, bad: bool = False, warn: bool = False) -> Level:
    return "bad" if bad else "warn" if warn else "ok"


class _Rows:
    """Makes the rows of one group."""

    def __init__(self, group: _Group, words: Words) -> None:
        self._group, self._words = words(f"group.{group}"), words

    def __call__(
        self, id: str, value: str, level: Level = "ok", fix: str = "", name: str = ""
    ) -> Row:
        """A row; ``fix`` is told only where somebody should look."""
        return Row(
            id=id, group=self._group, name=name or self._words(f"name.{id}"), level=level,
            value=value, fix="" if level == "ok" else fix,
        )  # fmt: skip
