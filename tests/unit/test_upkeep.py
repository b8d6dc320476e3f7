"""A kiosk looks after itself: restarts at night and with new content, and tells how it is."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from string import Formatter
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
import pytest
import structlog
from typer.testing import CliRunner

from digital_human.apps.kiosk.bundles import pack
from digital_human.apps.kiosk.content import OWN, Chosen, Contents, Happened
from digital_human.apps.kiosk.curator import Day
from digital_human.apps.live.admission import Refused
from digital_human.apps.live.guests import Wish
from digital_human.config import KioskSettings, settings
from digital_human.errors import InputError, ResourceError
from digital_human.server import upkeep as upkeep_module
from digital_human.server import upkeep_health_rows, watchdog
from digital_human.server.app import create_app, server_config
from digital_human.server.kiosk import Kiosk, Microphone, State
from digital_human.server.kiosk_commands import app as kiosk_app
from digital_human.server.logs import configure, log_event
from digital_human.server.upkeep import PATIENCE_S, QUIET_S, Upkeep
from digital_human.server.upkeep_afresh import Why
from digital_human.server.upkeep_company import STALE_S, Company
from digital_human.server.upkeep_health import Care, Machine
from digital_human.server.upkeep_health_texts import TEXTS, Words
from digital_human.server.upkeep_night import QUIET, WINDOW, YOUNG, next_restart, quiet_wanted
from digital_human.server.upkeep_troubles import KEPT, Stages, Troubles
from tests.fakes.kiosk_page import Camera, Persona, Place
from tests.fakes.serving import Served, on_loopback

BERLIN = ZoneInfo("Europe/Berlin")
FOUR = time(4)
CONTENT = "/api/kiosk/content"
ZIP = {"Content-Type": "application/zip"}
HAN = re.compile("[\u4e00-\u9fff]")
NUMBERS = ("clock", "content", "heat")  # rows whose value may be the same in every language
COMMANDS = ("sudo systemctl restart digital-human-kiosk",)


# The night ----------------------------------------------------------------------------------------


def nights(
    begin: datetime,
    hours: float,
    at: time,
    jumps: dict[float, float] | None = None,
    quiet: Callable[[datetime], bool] = lambda when: True,
) -> list[datetime]:
    """When a program restarts that runs from ``begin`` on.

    Args:
        begin: True time.
        hours: How long.
        at: Local time of the restart.
        jumps: By how many hours the machine's clock is wrong from so many hours on.
        quiet: Whether nobody has been there for long.
    """
    born, wrong, found = 0.0, 0.0, []
    for minute in range(int(hours * 60)):
        since = minute * 60.0
        wrong = (jumps or {}).get(minute / 60, wrong)
        wall = begin.timestamp() + since + wrong * 3600
        wanted = quiet_wanted(wall, since - born, at, BERLIN)
        when = begin + timedelta(seconds=since)
        if wanted is not None and quiet(when):
            born = since
            found.append(when)
    return found


@pytest.mark.parametrize(
    ("day", "at"),
    [
        ((2026, 6, 1), FOUR), ((2026, 3, 28), FOUR), ((2026, 10, 24), FOUR),
        ((2026, 3, 28), time(2)), ((2026, 3, 28), time(2, 30)), ((2026, 10, 24), time(2, 30)),
        ((2026, 10, 24), time(3)), ((2026, 6, 1), time(23, 30)), ((2026, 6, 1), time(0)),
    ],
)  # fmt: skip
def test_it_restarts_once_every_night_also_when_the_hour_changes(
    day: tuple[int, int, int], at: time
) -> None:
    begin = datetime(*day, 13, tzinfo=BERLIN).astimezone(UTC)
    found = nights(begin, 4 * 24, at)
    assert len(found) == 4
    for before, after in zip(found, found[1:], strict=False):
        assert timedelta(hours=22) < after - before < timedelta(hours=26)
    for when in found:
        asked = datetime.combine(when.astimezone(BERLIN).date(), at, BERLIN)
        assert when.timestamp() - asked.timestamp() < 60


def test_setting_the_clock_neither_doubles_nor_ends_it() -> None:
    begin = datetime(2026, 6, 1, 13, tzinfo=BERLIN).astimezone(UTC)
    for jumps in (
        {15.5: -1.0}, {15.5: -1.0, 16.5: 0.0}, {15.2: -3.0, 30.0: 0.0}, {10.0: 5.0, 20.0: 0.0},
        {14.9: 2.0, 17.0: 0.0}, {15.5: -5.0},
    ):  # fmt: skip
        found = nights(begin, 96, FOUR, jumps)
        for before, after in zip(found, found[1:], strict=False):
            assert after - before >= timedelta(seconds=YOUNG)
        assert 3 <= len(found) <= 4, jumps


def test_a_hall_that_is_full_every_night_gets_its_restart_by_day() -> None:
    begin = datetime(2026, 6, 1, 13, tzinfo=BERLIN).astimezone(UTC)
    found = nights(begin, 24 * 9, FOUR, quiet=lambda when: 10 <= when.hour < 11)
    gaps = [after - before for before, after in zip(found, found[1:], strict=False)]
    assert all(timedelta(hours=72) <= gap <= timedelta(hours=97) for gap in gaps)
    assert len(found) >= 2


def test_without_a_time_it_never_restarts() -> None:
    assert quiet_wanted(1e9, 1e9, None) is None
    begin = datetime(2026, 6, 1, 4, 30, tzinfo=BERLIN)
    assert quiet_wanted(begin.timestamp(), YOUNG, FOUR, BERLIN) == QUIET
    assert quiet_wanted(begin.timestamp(), YOUNG - 1, FOUR, BERLIN) is None
    assert quiet_wanted(begin.timestamp() + WINDOW / 2, YOUNG, FOUR, BERLIN) is None
    assert settings().kiosk.restart == "04:00"
    for wrong in ("4:00", "24:00", "04:60", "night"):
        with pytest.raises(ValueError, match="pattern"):
            KioskSettings(restart=wrong)


@pytest.mark.parametrize(
    ("now", "hours", "then"),
    [
        ("01 12:00", 4, "02 04:00"),  # it is old enough by then
        ("01 23:30", 0, "03 04:00"),  # it is not
        ("01 22:30", 0, "02 04:30"),  # it becomes so within the hour
        ("02 04:20", 20, "02 04:00"),  # the hour is on
        ("02 04:20", 5.5, "02 04:50"),
        ("02 04:20", 5, "03 04:00"),
        ("02 05:00", 20, "03 04:00"),
    ],
)
def test_the_next_restart_is_one_that_can_happen(now: str, hours: float, then: str) -> None:
    def when(text: str) -> datetime:
        return datetime.strptime(f"2026-06-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN)

    assert next_restart(when(now).timestamp(), hours * 3600, FOUR, BERLIN) == when(then)
    first = next(
        minute
        for minute in range(3 * 24 * 60)
        if quiet_wanted(
            when(now).timestamp() + 60 * minute, hours * 3600 + 60 * minute, FOUR, BERLIN
        )
    )
    begins = max(when(now), when(then)).timestamp()
    assert when(now).timestamp() + 60 * first == begins


# Who is there -------------------------------------------------------------------------------------


@dataclass
class Time:
    t: float = 1000.0

    def now(self) -> float:
        return self.t

    async def wait_until(self, when: float) -> None:
        self.t = max(self.t, when)
        await asyncio.sleep(0)


@dataclass
class Sight:
    state: str = "empty"

    def at(self, now: float) -> str:
        return self.state


async def test_a_visit_begins_with_words_and_ends_with_its_session(tmp_path: Path) -> None:
    served, clock, sight = Served(tmp_path), Time(), Sight()
    company = Company(served.sessions, clock, sight)
    session = await served.sessions.create(Wish())
    clock.t += 100
    assert (company.visit(clock.t), company.quiet(clock.t)) == (False, 100)
    session.events.emit("reply.started", origin="greeting")
    clock.t += 100
    assert (company.visit(clock.t), company.quiet(clock.t)) == (True, 0)
    await served.sessions.close(session.id, "the visitor left")
    clock.t += 50
    assert (company.visit(clock.t), company.quiet(clock.t)) == (False, 50)
    assert company.last == clock.t - 50
    other = await served.sessions.create(Wish())
    other.events.emit("heard.ignored", reason="far")
    assert not company.visit(clock.t)
    other.events.emit("heard.final", text="你好")
    assert company.visit(clock.t)
    clock.t += STALE_S + 1  # a page that died in the middle of it
    assert not company.visit(clock.t)
    for state, visit, quiet in (("near", False, 0), ("passing", False, 1), ("here", True, 0)):
        sight.state = "near"
        company.quiet(clock.t)
        sight.state, clock.t = state, clock.t + 1
        assert (company.visit(clock.t), company.quiet(clock.t)) == (visit, quiet), state


def upkeep(**options: Any) -> Upkeep:
    chosen = Chosen("one", None, trial=bool(options.get("trial")))
    return Upkeep(Contents("xihu"), chosen, FOUR, wanted="one", **options)


async def test_new_content_waits_for_a_gap_between_visits(tmp_path: Path, home: Path) -> None:
    clock, sight = Time(), Sight("here")
    company, keep = Company(Served(tmp_path).sessions, clock, sight), upkeep()
    noon = datetime(2026, 6, 1, 12).timestamp()

    def due() -> str:
        return keep.due(noon, 3600, clock.t, company)

    assert due() == ""
    keep.wanted = "two"
    assert due() == ""
    sight.state, clock.t = "empty", clock.t + QUIET_S - 1
    assert due() == ""
    clock.t += 1
    assert due() == "content"
    sight.state = "here"  # visit after visit
    assert due() == ""
    for _ in range(10):
        sight.state, clock.t = "here", clock.t + PATIENCE_S / 10
        assert due() == ""
    sight.state = "near"
    assert due() == "content"


async def test_at_night_it_waits_until_nobody_was_there_for_minutes(
    tmp_path: Path, home: Path
) -> None:
    clock, sight = Time(), Sight("near")
    company, keep = Company(Served(tmp_path).sessions, clock, sight), upkeep()
    night = datetime(2026, 6, 1, 4, 1).timestamp()
    assert keep.due(night, YOUNG, clock.t, company) == ""
    sight.state, clock.t = "empty", clock.t + QUIET
    assert keep.due(night, YOUNG, clock.t, company) == "night"
    assert keep.due(night, YOUNG - 1, clock.t, company) == ""


async def test_who_was_near_before_the_nights_hour_counts(tmp_path: Path, home: Path) -> None:
    clock, sight = Time(), Sight("empty")
    company, keep = Company(Served(tmp_path).sessions, clock, sight), upkeep()
    night = datetime(2026, 6, 1, 4).timestamp()
    clock.t += 3600
    sight.state = "near"
    assert keep.due(night - 5, 2 * YOUNG, clock.t, company) == ""
    sight.state = "empty"
    for wait, why in ((5, ""), (QUIET - 10, ""), (5, "night")):
        clock.t, night = clock.t + wait, night + wait
        assert keep.due(night, 2 * YOUNG, clock.t, company) == why


# The restart --------------------------------------------------------------------------------------


def test_the_program_follows_itself_with_the_same_wishes() -> None:
    code = (
        "import os, sys, threading, time\n"
        "print(os.getpid(), sys.argv[1:], os.environ.get('DIGITAL_HUMAN_STARTED_BY'), flush=True)\n"
        "if not os.environ.get('DIGITAL_HUMAN_STARTED_BY'):\n"
        "    from digital_human.server.upkeep_afresh import start_afresh\n"
        "    threading.Timer(0.05, start_afresh, ['night']).start()\n"
        "    time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--port", "1"], capture_output=True, text=True, timeout=50,
        env={k: v for k, v in os.environ.items() if k != "DIGITAL_HUMAN_STARTED_BY"}, check=True,
    )  # fmt: skip
    first, second = (line for line in done.stdout.splitlines() if "['--port'" in line)
    assert first.endswith("['--port', '1'] None")
    assert second == first.replace("None", "night")


def test_a_browser_does_not_outlive_the_program_that_started_it() -> None:
    code = (
        "import os, subprocess, sys, threading, time\n"
        "import psutil\n"
        "if not os.environ.get('DIGITAL_HUMAN_STARTED_BY'):\n"
        "    from digital_human.server.upkeep_afresh import start_afresh\n"
        "    subprocess.Popen(['sh', '-c', 'sleep 60 & wait'], start_new_session=True)\n"
        "    threading.Timer(0.3, start_afresh, ['rolled back']).start()\n"
        "    time.sleep(60)\n"
        "left = [p for p in psutil.process_iter(['name', 'environ'])\n"
        "        if (p.info['environ'] or {}).get('DH_TEST_MARK') == sys.argv[1]\n"
        "        and p.pid != os.getpid()]\n"
        "print('left', len(left), flush=True)\n"
        "for p in left: p.kill()\n"
    )
    mark = f"{os.getpid()}-{datetime.now().timestamp()}"
    kept = {k: v for k, v in os.environ.items() if k != "DIGITAL_HUMAN_STARTED_BY"}
    done = subprocess.run(
        [sys.executable, "-c", code, mark], capture_output=True, text=True, timeout=50,
        env=kept | {"DH_TEST_MARK": mark}, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "left 0"


async def test_it_stops_the_server_once_and_says_why(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, stopped = Time(), []
    company = Company(Served(tmp_path).sessions, clock)
    keep = upkeep()
    monkeypatch.setattr(upkeep_module, "_PARTING_S", 1e6)
    monkeypatch.setattr(keep.contents, "shown", lambda: "two" if clock.t > 1100 else "one")
    await asyncio.wait_for(keep.run(company, clock, lambda: stopped.append(clock.t)), 10)
    assert len(stopped) == 1
    assert stopped[0] >= 1100
    assert keep.restart == "content"
    for timer in threading.enumerate():
        if isinstance(timer, threading.Timer):
            timer.cancel()


async def test_content_is_kept_when_it_has_come_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, keep, seen = Time(), upkeep(trial=True), []
    confirmed: list[str] = []
    monkeypatch.setattr(keep.contents, "confirm", confirmed.append)
    rooms = iter([Refused("no room now", retry_after=1), ResourceError("full")])

    async def answers() -> bool:
        seen.append(clock.t)
        return len(seen) != 4  # once it does not

    async def serve() -> None:
        for refused in rooms:
            raise refused

    await asyncio.wait_for(keep.prove(clock, answers, serve), 10)
    assert confirmed == ["one"]
    assert not keep.trial
    assert clock.t - 1000 >= 4 + 3 * upkeep_module.STEADY_S


async def test_content_that_is_well_waits_for_the_disk(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, keep = Time(), upkeep(trial=True)
    served, tries = [], []
    keep._guard = threading.Timer(1e6, keep.give_up)
    guard = keep._guard

    def confirm(version: str) -> None:
        tries.append((version, clock.t))
        assert (keep.trial, keep._guard) == (False, None)  # nothing ends it now
        if len(tries) < 40:
            raise ResourceError("state.json: No space left on device", fix="free some space")

    async def answers() -> bool:
        return True

    async def serve() -> None:
        served.append(clock.t)

    monkeypatch.setattr(keep.contents, "confirm", confirm)
    await asyncio.wait_for(keep.prove(clock, answers, serve), 10)
    assert guard.finished.is_set()
    assert (len(served), len(tries)) == (1, 40)
    assert tries[-1][1] - served[0] > upkeep_module.TRIAL_S
    assert keep.restart == ""


async def test_content_that_serves_nobody_is_left_as_by_any_other_restart(
    tmp_path: Path, home: Path, bundle: bytes, afresh: list[str]
) -> None:
    version = Contents("xihu").install(io.BytesIO(bundle))
    clock, stopped = Time(), []
    keep = Upkeep.begin("xihu", KioskSettings())
    company = Company(Served(tmp_path).sessions, clock, Sight("here"))

    async def answers() -> bool:
        return True

    async def serve() -> None:
        raise KeyError("voice")

    running = keep.run(company, clock, lambda: stopped.append(clock.t))
    await asyncio.wait_for(asyncio.gather(running, keep.prove(clock, answers, serve)), 10)
    keep.let_be()
    for timer in threading.enumerate():
        if isinstance(timer, threading.Timer):
            timer.cancel()
    assert (len(stopped), keep.restart, afresh) == (1, "rolled back", [])
    event = keep.contents.view().events[0]
    assert (event.what, event.version, event.why) == ("failed", version, "KeyError: 'voice'")
    assert keep.contents.shown() == OWN


class Afresh(BaseException):
    """The program is started afresh."""


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why the program was started afresh."""
    why: list[str] = []

    def start(reason: str) -> None:
        why.append(reason)
        raise Afresh

    monkeypatch.setattr(upkeep_module, "start_afresh", start)
    return why


@pytest.fixture
def bundle(tmp_path: Path) -> bytes:
    """A bundle of the shipped persona, without its knowledge."""
    folder = tmp_path / "curator" / "xihu"
    folder.mkdir(parents=True)
    shipped = settings().personas_dir / "xihu" / "persona.toml"
    (folder / "persona.toml").write_bytes(shipped.read_bytes())
    pack(folder, tmp_path / "guide.zip")
    return (tmp_path / "guide.zip").read_bytes()


def test_a_start_that_fails_goes_back_and_starts_afresh(
    home: Path, afresh: list[str], bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "TRIAL_S", 3600.0)
    version = Contents("xihu").install(io.BytesIO(bundle))
    keep = Upkeep.begin("xihu", KioskSettings())
    assert (keep.chosen.version, keep.trial) == (version, True)
    assert keep.chosen.folder is not None
    assert (keep.chosen.folder / "persona.toml").is_file()
    with pytest.raises(Afresh):
        keep.give_up(InputError("voice: is not here", fix="take another"))
    keep.let_be()
    assert afresh == ["rolled back"]
    monkeypatch.setenv("DIGITAL_HUMAN_STARTED_BY", "rolled back")
    after = Upkeep.begin("xihu", KioskSettings(restart=""))
    assert (after.chosen.version, after.trial, after.at) == (OWN, False, None)
    assert after.born == "rolled back"
    assert "DIGITAL_HUMAN_STARTED_BY" not in os.environ  # what it starts itself is another matter
    assert after.contents.view().events[0].why == "voice: is not here"


def test_a_start_that_hangs_is_ended_from_outside(
    home: Path, afresh: list[str], bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "TRIAL_S", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    Contents("xihu").install(io.BytesIO(bundle))
    keep = Upkeep.begin("xihu", KioskSettings())
    guard = keep._guard
    assert guard is not None
    guard.join(10)
    keep.let_be()
    assert afresh == ["rolled back"]
    assert "no healthy answer" in keep.contents.view().events[0].why


async def test_what_a_full_disk_passed_over_is_no_reason_to_start_afresh(
    tmp_path: Path, home: Path, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = Contents("xihu")
    version = contents.install(io.BytesIO(bundle))

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        keep = Upkeep.begin("xihu", KioskSettings())
    assert (keep.chosen.version, keep.trial, contents.shown()) == (OWN, False, version)
    clock = Time()
    company = Company(Served(tmp_path).sessions, clock)
    noon = datetime(2026, 6, 1, 12).timestamp()

    def due(age: float = 3600) -> str:
        keep.want(contents.shown())
        clock.t += QUIET_S
        return keep.due(noon, age, clock.t, company)

    assert [due() for _ in range(50)] == [""] * 50
    contents.roll_back("by the operator")
    assert due() == ""
    contents.install(io.BytesIO(bundle))  # the disk can be written again
    assert due() == "content"


def test_the_service_manager_is_patient_with_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(watchdog, "notify", told.append)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    watchdog.be_patient(60)
    assert told == []
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    watchdog.be_patient(60)
    assert told == ["WATCHDOG_USEC=60000000\nWATCHDOG=1"]


# What went wrong ----------------------------------------------------------------------------------


@pytest.fixture
def troubles() -> Iterator[Troubles]:
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    configure(json=True)
    handler = Troubles(lambda: 5.0)
    root.addHandler(handler)
    yield handler
    root.handlers[:], root.level = handlers, level
    structlog.configure(**config)


def test_the_last_warnings_hold_no_words_of_visitors(troubles: Troubles) -> None:
    words = "我叫王小明"
    log = structlog.get_logger()
    log.info("kiosk.content", version="one")
    log.warning("cannot prepare a clause", text=words, cause=f"cannot say {words}")
    log.error("stage failed", session="abc", stage="voice", cause=f"ValueError: {words}")
    try:
        raise KeyError(words)
    except KeyError:
        log.exception("sweep.failed", question=words)
    log.error("request.failed", error_id="1a", method="GET", path="/x", exc_info=OSError(words))
    log.error("request.failed", error_id="2b", method="GET", path="/x", exc_info=OSError(words))
    log.warning("browser.restarts", cause="it ended with -9", wait=1.0)
    logging.getLogger("digital_human.media").warning("said %s for %.2f s", words, 2.0)
    logging.getLogger("some.package").error(f"cannot do {words}")
    told = troubles.last()
    assert words not in str(told)
    assert [one.what for one in told] == [
        "some.package: see the log",
        "said … for … s",
        "browser.restarts: wait 1.0, it ended with -9",
        "request.failed: method GET, path /x, OSError",
        "sweep.failed: KeyError",
        "stage failed: stage voice, ValueError",
        "cannot prepare a clause",
    ]
    assert (told[3].times, told[3].id, told[3].at) == (2, "2b", 5.0)
    for number in range(2 * KEPT):
        log.warning(f"trouble {number}")
    assert len(troubles.last()) == KEPT


async def test_failing_stages_are_followed(tmp_path: Path, troubles: Troubles) -> None:
    served = Served(tmp_path)
    stages = Stages(served.sessions, lambda: 7.0)
    session = await served.sessions.create(Wish())
    session.events.listen(log_event)
    session.events.emit("stage.failed", stage="ears", error="RuntimeError: 我叫王小明")
    assert stages.failed["ears"].failing == {session.id}
    session.events.emit("stage.restored", stage="ears", seconds=0.4)
    assert (stages.failed["ears"].failing, stages.failed["ears"].restored) == (set(), 0.4)
    session.events.emit("stage.failed", stage="ears", error="")
    await served.sessions.close(session.id, "done")
    assert (stages.failed["ears"].failures, stages.failed["ears"].failing) == (2, set())
    assert not troubles.last()  # the line that names the kind is another one


# The calls ----------------------------------------------------------------------------------------


@dataclass
class Eyes:
    looked: float | None = None


@dataclass
class Stood:
    """A kiosk that is served, with all that is known of it."""

    folder: Path
    live: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.served = Served(self.folder, **self.live)
        self.clock, self.sight, self.eyes = Time(), Sight("empty"), Eyes(1000.0)
        self.kiosk = Kiosk(
            Persona(), self.clock, place=Place(), watcher=Camera(), presence=Camera()
        )
        contents = Contents("xihu")
        self.keep = Upkeep(contents, contents.begin(), FOUR, wanted=OWN)
        company = Company(self.served.sessions, self.clock, self.sight)
        self.care = Care(
            self.kiosk, self.served.sessions, self.keep, company, Stages(self.served.sessions),
            Troubles(), self.folder, self.eyes,
        )  # fmt: skip
        self.app = create_app(
            self.served.sessions, self.served.settings, stand=self.kiosk, care=self.care
        )

    def client(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")

    async def rows(self) -> dict[str, tuple[str, str]]:
        """Level and value of every row; whoever should look is told what to do.

        In Chinese they are the same rows with the same levels, and in no other language.
        """
        told, chinese = [
            (await self.client().get(f"/api/kiosk/health?lang={lang}")).json()["rows"]
            for lang in ("en", "zh")
        ]
        for row, other in zip(told, chinese, strict=True):
            assert bool(row["fix"]) == bool(other["fix"]) == (row["level"] != "ok"), row
            assert (row["id"], row["level"]) == (other["id"], other["level"])
            for text in (other["group"], other["name"], other["fix"] or "无"):
                assert HAN.search(text) or text in COMMANDS, other
            assert HAN.search(other["value"]) or row["id"] in NUMBERS, other
            assert not HAN.search("".join(row.values())), row
        return {row["id"]: (row["level"], row["value"]) for row in told}


@pytest.fixture
def stood(tmp_path: Path, home: Path) -> Stood:
    return Stood(tmp_path)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says how the machine is."""

    def be(**values: Any) -> None:
        fine: dict[str, Any] = {
            "disk_free": 50 * 10**9, "memory": (8 * 10**9, 16 * 10**9), "own": 10**9, "load": 0.5,
            "heat": ("cpu", 50.0), "today": Day(), "contents": None,
        }  # fmt: skip
        now = Machine(**(fine | values))
        monkeypatch.setattr(Machine, "read", classmethod(lambda cls, home, contents: now))

    be()
    return be


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Says how old the program is, in seconds."""

    def be(seconds: float) -> None:
        monkeypatch.setattr(upkeep_health_rows, "age", lambda: seconds)

    be(60.0)
    return be


async def test_a_kiosk_that_is_well_says_so(stood: Stood, machine: Callable[..., None]) -> None:
    client = stood.client()
    assert (await client.get("/api/kiosk?microphone=muted")).status_code == 200
    told = (await client.get("/api/kiosk/health")).json()
    assert told["level"] == "ok", [row for row in told["rows"] if row["level"] != "ok"]
    assert (told["persona"], told["content"], told["visit"]) == ("xihu", OWN, False)
    assert told["troubles"] == []
    page = await client.get("/kiosk/health")
    assert page.status_code == 200
    assert "http" not in page.text.replace("http-equiv", "")
    for name in ("health.js", "health-texts.js", "health.css", "base.css"):
        assert (await client.get(f"/{name}")).status_code == 200


async def test_the_age_does_not_hang_on_the_clock(
    stood: Stood, machine: Callable[..., None], old: Callable[[float], None]
) -> None:
    for wrong in (8 * 3600.0, -8 * 3600.0, 1e8):  # until the time came from the net
        stood.keep.started = datetime.now().timestamp() + wrong
        for seconds, page, span in ((60.0, "ok", "60 s"), (7200.0, "bad", "2 h")):
            old(seconds)
            rows = await stood.rows()
            began = datetime.now() - timedelta(seconds=seconds)
            assert rows["page"][0] == page
            assert span in rows["up"][1]
            assert any(
                Words("en").moment(began - timedelta(seconds=late)) in rows["up"][1]
                for late in (0, 5)
            ), rows["up"]
            told = (await stood.client().get("/api/kiosk/health")).json()
            assert told["up_s"] == seconds


async def test_the_restart_that_is_told_can_happen(
    stood: Stood, machine: Callable[..., None], old: Callable[[float], None]
) -> None:
    old(0.0)
    soon = datetime.now().astimezone() + timedelta(hours=1)
    stood.keep.at = soon.time().replace(second=0, microsecond=0)
    rows = await stood.rows()
    assert Words("en").moment(soon) not in rows["restart"][1]
    old(2 * YOUNG)
    rows = await stood.rows()
    assert Words("en").moment(soon) in rows["restart"][1]


async def test_content_that_waits_for_the_disk_is_told(
    stood: Stood, machine: Callable[..., None], bundle: bytes
) -> None:
    version = stood.keep.contents.install(io.BytesIO(bundle))
    stood.keep.passed_over = version
    told = (await stood.client().get(CONTENT)).json()
    assert (told["shown"], told["running"], told["restarts"]) == (version, OWN, False)
    rows = await stood.rows()
    assert rows["content"][0] == "warn"
    assert version in rows["content"][1]
    assert version not in rows["restart"][1]


async def test_what_is_wrong_is_told_with_what_mends_it(
    stood: Stood, machine: Callable[..., None], old: Callable[[float], None]
) -> None:
    client = stood.client()
    rows = await stood.rows()
    assert rows["page"][0] == "ok"  # the browser may still be starting
    old(3600.0)
    assert (await stood.rows())["page"][0] == "bad"
    await client.get("/api/kiosk?microphone=off")
    stood.clock.t += 60
    rows = await stood.rows()
    assert (rows["page"][0], rows["camera"][0], rows["microphone"][0]) == ("warn", "warn", "bad")
    await client.get("/api/kiosk?microphone=open")
    assert (await stood.rows())["camera"][0] == "bad"  # the page calls, but sends no pictures
    stood.eyes.looked, stood.sight.state = stood.clock.t, "blind"
    rows = await stood.rows()
    assert (rows["camera"], rows["microphone"][1]) == (("warn", "dark or covered"), "open")
    machine(
        disk_free=5 * 10**8, memory=(10**8, 16 * 10**9), load=9.0, heat=("cpu", 97.0), today=None
    )
    rows = await stood.rows()
    assert [rows[name][0] for name in ("disk", "memory", "load", "heat", "today")] == [
        "bad", "bad", "warn", "bad", "warn",
    ]  # fmt: skip
    machine(heat=None, today=Day(visits=9, questions=20, unanswered=15))
    rows = await stood.rows()
    assert "heat" not in rows
    assert rows["today"][0] == "warn"
    session = await stood.served.sessions.create(Wish())
    session.events.emit("stage.failed", stage="ears", error="RuntimeError: no")
    assert (await stood.rows())["stage.ears"][0] == "bad"
    session.events.emit("stage.restored", stage="ears", seconds=0.5)
    assert (await stood.rows())["stage.ears"][0] == "ok"

    async def fall() -> None:
        raise OSError

    stood.care.tasks = [asyncio.create_task(fall(), name="curator")]
    await asyncio.wait(stood.care.tasks)
    assert (await stood.rows())["tasks"] == ("bad", "ended: curator")


async def test_the_rows_speak_the_language_that_is_wanted(
    stood: Stood, machine: Callable[..., None]
) -> None:
    client = stood.client()
    for query, accepted, language in (
        ("", None, "en"), ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("", "en-GB,zh;q=0.5", "en"),
        ("", "fr, en;q=0.4, zh-Hans; q=0.6", "zh"), ("", "fr", "en"), ("", "zh;q=0,en;q=0.1", "en"),
        ("?lang=zh", "en", "zh"), ("?lang=en", "zh", "en"),
    ):  # fmt: skip
        headers = {"Accept-Language": accepted} if accepted is not None else {}
        answer = await client.get(f"/api/kiosk/health{query}", headers=headers)
        assert answer.headers["Content-Language"] == language, (query, accepted)
        name = {"zh": "麦克风", "en": "Microphone"}[language]
        assert name in [row["name"] for row in answer.json()["rows"]]
    assert (await client.get("/api/kiosk/health?lang=fr")).status_code == 422


def test_both_languages_say_the_same_with_the_same_values() -> None:
    fields = {
        language: {
            key: {field for _, field, _, _ in Formatter().parse(text) if field is not None}
            for key, text in texts.items()
        }
        for language, texts in TEXTS.items()
    }
    assert {**fields["zh"], "moment": set()} == {**fields["en"], "moment": set()}
    for group, kinds in (
        ("update", Happened), ("born", Why), ("camera", State), ("microphone", Microphone),
    ):  # fmt: skip
        assert {f"{group}.{kind}" for kind in get_args(kinds)} <= TEXTS["zh"].keys()
    words = Words("zh")
    assert words.reason("the page was silent for 75 s") == "页面 75 秒没有响应"
    assert words.reason("OSError: no space") == "OSError: no space"
    assert (words.span(7200), Words("en").span(200_000)) == ("2 小时", "2 days")
    assert (words.stage("mouth"), words.stage("new")) == ("语音合成（mouth）", "new")


def test_the_machine_itself_is_read(home: Path) -> None:
    home.mkdir()
    now = Machine.read(home, Contents("xihu"))
    assert now.disk_free > 0
    assert 0 < now.memory[0] <= now.memory[1]
    assert now.own > 10**7
    assert now.load >= 0
    assert now.today == Day()
    assert Machine.read(home / "none", Contents("xihu")).disk_free == 0


async def test_content_is_pushed_tried_and_gone_back_from(stood: Stood, bundle: bytes) -> None:
    client = stood.client()
    assert (await client.get(CONTENT)).json()["versions"] == []
    refused = await client.post(f"{CONTENT}/rollback")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_input")
    pushed = await client.post(CONTENT, content=bundle, headers=ZIP)
    assert pushed.status_code == 202
    told = pushed.json()
    assert (told["running"], told["restarts"], told["trial"]) == (OWN, True, True)
    assert stood.keep.wanted == told["shown"] != OWN
    back = await client.post(f"{CONTENT}/rollback")
    assert (back.status_code, back.json()["restarts"]) == (202, False)
    for body, headers, status in (
        (b"PK", ZIP, 400), (bundle[:-40], ZIP, 400), (b"", ZIP, 400),
        (bundle, {"Content-Type": "application/json"}, 415),
        (b"x", ZIP | {"Content-Length": str(65 * 2**20)}, 413),
        (bundle, ZIP | {"Origin": "http://elsewhere.example"}, 403),
        (bundle, ZIP | {"Host": "kiosk.example"}, 403),
    ):  # fmt: skip
        answer = await client.post(CONTENT, content=body, headers=headers)
        assert answer.status_code == status, (status, answer.text)
        assert answer.json()["error"]["fix"]


async def test_only_the_operator_looks_and_changes(
    tmp_path: Path, home: Path, bundle: bytes
) -> None:
    stood = Stood(tmp_path, {"token": "operator", "visitor_token": "visitor"})
    client = stood.client()
    assert (await client.get("/kiosk/health")).status_code == 200  # it holds nothing yet
    for method, path in (
        ("GET", "/api/kiosk/health"), ("GET", CONTENT), ("POST", CONTENT),
        ("POST", f"{CONTENT}/rollback"),
    ):  # fmt: skip
        for token, status in (("", 401), ("wrong", 401), ("visitor", 403)):
            headers = ZIP | {"Authorization": f"Bearer {token}"}
            answer = await client.request(method, path, content=bundle, headers=headers)
            assert answer.status_code == status, (path, token)
    headers = ZIP | {"Authorization": "Bearer operator"}
    assert (await client.get("/api/kiosk/health", headers=headers)).status_code == 200
    assert (await client.post(CONTENT, content=bundle, headers=headers)).status_code == 202


async def test_every_answer_is_described(stood: Stood, bundle: bytes) -> None:
    paths = stood.app.openapi()["paths"]
    for path, method in (
        ("/api/kiosk/health", "get"), (CONTENT, "get"), (CONTENT, "post"),
        (f"{CONTENT}/rollback", "post"),
    ):  # fmt: skip
        described = paths[path][method]
        assert described["tags"] == ["kiosk"]
        assert described["description"]
        assert {"400", "401", "403", "500", "503"} <= set(described["responses"])
    assert "application/zip" in paths[CONTENT]["post"]["requestBody"]["content"]
    wrong = await stood.client().delete(CONTENT)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, POST")


# The commands -------------------------------------------------------------------------------------


async def test_another_machines_kiosk_is_updated_and_set_back(
    tmp_path: Path, home: Path, bundle: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood = Stood(tmp_path, {"token": "operator"})
    monkeypatch.setenv("DH_LIVE__TOKEN", "operator")
    settings.cache_clear()

    async def called(*words: str) -> str:
        def call() -> str:
            done = CliRunner().invoke(kiosk_app, words)
            return done.output + (str(done.exception) if done.exception else "")

        return await asyncio.to_thread(call)

    guide = str(tmp_path / "guide.zip")
    async with on_loopback(server_config(stood.app, stood.served.settings)) as address:
        assert "accepted" in await called("update", guide, "--to", address)
        assert "trial" in await called("content", "--to", address)
        assert "shown" in await called("rollback", "--to", address)
        assert "nothing is before it" in await called("rollback", "--to", address)
        (tmp_path / "guide.zip").write_bytes(b"PK")
        assert "is no zip" in await called("update", guide, "--to", address)
        monkeypatch.setenv("DH_LIVE__TOKEN", "wrong")
        settings.cache_clear()
        assert "DH_LIVE__TOKEN" in await called("content", "--to", address)
    assert "is the address right" in await called("content", "--to", address)
    assert "for everybody to read" in await called("content", "--to", "http://kiosk.example")
    assert "is no address" in await called("content", "--to", "kiosk.example")


def test_this_machines_kiosk_is_updated_and_set_back(
    tmp_path: Path, home: Path, bundle: bytes
) -> None:
    def called(*words: str) -> str:
        done = CliRunner().invoke(kiosk_app, [*words, "--persona", "xihu"])
        return done.output + (str(done.exception) if done.exception else "")

    assert "accepted" in called("update", str(tmp_path / "guide.zip"))
    assert "trial" in called("content")
    assert "the persona's own" in called("rollback")
    assert "No such file" in called("update", str(tmp_path / "none.zip"))
    packed = CliRunner().invoke(
        kiosk_app, ["pack", str(tmp_path / "curator" / "xihu"), "--out", str(tmp_path / "b.zip")]
    )
    assert "1 files" in packed.output
    assert (tmp_path / "b.zip").is_file()
