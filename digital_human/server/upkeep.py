"""A kiosk that looks after itself: starts afresh at night and with new content, and goes back from
content that does not come up.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import time as TimeOfDay
from typing import Literal, NoReturn

import structlog

from digital_human.apps.kiosk.content import Chosen, Contents
from digital_human.apps.live.admission import Refused
from digital_human.config import KioskSettings
from digital_human.core.clock import Clock
from digital_human.errors import DigitalHumanError, ResourceError
from digital_human.server import watchdog
from digital_human.server.upkeep_afresh import STARTED_BY, Why, age, start_afresh
from digital_human.server.upkeep_company import Company
from digital_human.server.upkeep_night import quiet_wanted

TRIAL_S = 600.0
"""Seconds from the program's start within which new content must have come up; much new knowledge
takes minutes to be indexed."""
STEADY_S = 10.0
"""Seconds for which it must answer until it counts as come up."""
QUIET_S = 60.0
"""Seconds for which nobody must have been there before new content is switched to."""
PATIENCE_S = 1800.0
"""Seconds of waiting after which the first moment between two visits will do."""
_PARTING_S = 30.0  # that what runs has to end
_EVERY = 5.0
_AGAIN = 30.0  # s until it is tried again to write that content has come up
log = structlog.get_logger()


@dataclass(slots=True)
class Upkeep:
    """What becomes of the running kiosk; used from the event loop but for `give_up`.

    Attributes:
        contents: The versions of the content.
        chosen: What this program shows.
        at: Local time of the nightly restart; None for none.
        born: Why the program was started; empty when not by itself.
        started: Unix time of the start.
        trial: Whether the content has yet to come up.
        wanted: Version that the next start shows.
        passed_over: Version that was to be shown and could not be, for the disk cannot be written;
            empty for none.
        restart: Why the program is to start afresh; empty while it is not.
    """

    contents: Contents
    chosen: Chosen
    at: TimeOfDay | None = None
    born: str = ""
    started: float = field(default_factory=time.time)
    trial: bool = False
    wanted: str = ""
    passed_over: str = ""
    restart: Why | Literal[""] = ""
    _waits: float | None = None
    _guard: threading.Timer | None = None

    @classmethod
    def begin(cls, persona: str, chosen: KioskSettings) -> Upkeep:
        """Choose the content, and watch over it from outside the event loop while it is tried.

        Args:
            persona: Name of whom the kiosk shows.
            chosen: Settings.
        """
        contents = Contents(persona)
        content = contents.begin()
        at = TimeOfDay.fromisoformat(chosen.restart) if chosen.restart else None
        upkeep = cls(
            contents, content, at, born=os.environ.pop(STARTED_BY, ""),
            trial=content.trial, wanted=content.version, passed_over=content.passed_over,
        )  # fmt: skip
        log.info("kiosk.content", version=content.version, trial=content.trial)
        if content.trial:
            # The timer outlives a loop that hangs, the other also native code that hangs.
            hung = ResourceError(f"no healthy answer within {TRIAL_S:.0f} s")
            upkeep._guard = threading.Timer(TRIAL_S, upkeep.give_up, [hung])
            upkeep._guard.daemon = True
            upkeep._guard.start()
            faulthandler.dump_traceback_later(TRIAL_S + 60, exit=True)
        return upkeep

    def give_up(self, error: Exception) -> NoReturn:
        """The content on trial does not come up: go back and start afresh at once."""
        self._reject(error)
        start_afresh("rolled back")

    def _reject(self, error: Exception) -> None:
        known = isinstance(error, DigitalHumanError)
        why = error.message if isinstance(error, DigitalHumanError) else str(error)
        with contextlib.suppress(ResourceError):  # the number of tries brings it back then
            self.contents.reject(
                self.chosen.version, why if known else f"{type(error).__name__}: {why}"
            )

    def want(self, version: str) -> None:
        """Note what the next start shows."""
        if version != self.passed_over:  # the disk was written
            self.passed_over = ""
        self.wanted = version

    @property
    def switches(self) -> bool:
        """Whether other content is switched to as soon as nobody is there.

        What was passed over waits for another restart: this one would end in the same way.
        """
        return self.wanted not in (self.chosen.version, self.passed_over)

    def due(self, wall: float, age: float, now: float, company: Company) -> Why | Literal[""]:
        """Why the program should start afresh now.

        Args:
            wall: Unix time in seconds.
            age: Of the program, in seconds.
            now: Time of ``company``'s clock.
            company: Who is there.
        """
        quiet = company.quiet(now)  # asked at any hour, so that the window begins with the truth
        if self.switches:
            self._waits = now if self._waits is None else self._waits
            patient = now - self._waits < PATIENCE_S
            if quiet >= (QUIET_S if patient else 0) and not company.visit(now):
                return "content"
            return ""
        self._waits = None
        wanted = quiet_wanted(wall, age, self.at)
        return "night" if wanted is not None and quiet >= wanted else ""

    async def run(self, company: Company, clock: Clock, stop: Callable[[], None]) -> None:
        """Look every five seconds whether it is time to start afresh; then ``stop`` and end.

        Args:
            company: Who is there.
            clock: Its clock.
            stop: Ends the server.
        """
        while not self.restart:
            await clock.wait_until(clock.now() + _EVERY)
            with contextlib.suppress(ResourceError):  # it is looked at again
                self.want(await asyncio.to_thread(self.contents.shown))
            self.restart = self.restart or self.due(time.time(), age(), clock.now(), company)
        log.info("kiosk.restart_due", why=self.restart, version=self.wanted)
        watchdog.be_patient(2 * _PARTING_S)  # nothing tells that the loop turns while it ends
        parting = threading.Timer(_PARTING_S, start_afresh, [self.restart])
        parting.daemon = True
        parting.start()
        stop()

    async def prove(
        self,
        clock: Clock,
        answers: Callable[[], Awaitable[bool]],
        serve: Callable[[], Awaitable[None]],
    ) -> None:
        """Wait until content on trial has come up, and keep it; else have `run` start without it.

        Args:
            clock: Time.
            answers: Whether the server gives healthy answers.
            serve: Serves a visitor once; raises `Refused` when there is no room now, and another
                error when the content cannot be shown.
        """
        since: float | None = None
        while self.trial:
            await clock.wait_until(clock.now() + 1.0)
            if not await answers():
                since = None
            elif since is None:
                since = clock.now()
            elif clock.now() - since >= STEADY_S:
                try:
                    await serve()
                except (Refused, OSError, ResourceError) as error:
                    since = None
                    log.warning("content.waits", cause=str(error))
                except Exception as error:
                    await asyncio.to_thread(self._reject, error)
                    self.restart = "rolled back"
                    return
                else:
                    self.trial = False
                    self.let_be()
                    await self._confirm(clock)

    async def _confirm(self, clock: Clock) -> None:
        """Have it on the disk that the content has come up; a full disk does not end visits."""
        while True:
            try:
                await asyncio.to_thread(self.contents.confirm, self.chosen.version)
            except ResourceError as error:
                log.warning("content.unconfirmed", cause=error.message)
                await clock.wait_until(clock.now() + _AGAIN)
            else:
                log.info("content.in_use", version=self.chosen.version)
                return

    def let_be(self) -> None:
        """End the watch over content that is tried."""
        if self._guard is not None:
            self._guard.cancel()
            self._guard = None
            faulthandler.cancel_dump_traceback_later()
