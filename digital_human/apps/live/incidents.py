"""What goes wrong or is refused in a session: told, logged and put on record."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

import structlog

from digital_human.core.clock import Clock
from digital_human.core.events import Events
from digital_human.core.stage import ModelThread
from digital_human.safety.moderation import AuditSink, Hit
from digital_human.safety.words import Level

_RECORDS = 1000  # records that may wait for the disk

log = structlog.get_logger()


class Incidents:
    """Of one session; all methods belong to the event loop.

    Args:
        events: Where ``moderation``, ``stage.failed`` and ``stage.restored`` go.
        clock: The session's.
        audit: Where what was refused, or is to be looked at, is recorded.
    """

    def __init__(self, events: Events, clock: Clock, audit: AuditSink) -> None:
        self._events, self._clock, self._audit = events, clock, audit
        self._records: asyncio.Queue[dict[str, object]] = asyncio.Queue(_RECORDS)
        self._failed: dict[str, float] = {}

    async def run(self) -> None:
        """Write records in a thread of their own until cancelled; none is left unwritten."""
        with ModelThread("records") as thread:
            try:
                while True:
                    record = await self._records.get()
                    try:
                        await thread.call(self._audit.append, "moderation", record)
                    except Exception as error:
                        self.failed("audit", error)
            finally:
                self._write_rest()

    def judged(self, turn: int, where: str, hits: Iterable[Hit], text: str) -> None:
        """Tell and record what the moderator found in ``text``, when it is not harmless."""
        found = [hit for hit in hits if hit.level > Level.PASS]
        if found:
            level = max(hit.level for hit in found)
            categories = {hit.category for hit in found}
            self.refused(turn, where, str(level), categories, text)

    def refused(
        self, turn: int, where: str, level: str, categories: Iterable[str], text: str
    ) -> None:
        """Tell and record that ``text`` was refused, or is to be looked at by a person.

        Args:
            turn: Its turn.
            where: ``heard`` or ``said``.
            level: The moderation level.
            categories: Lists it was found on.
            text: The text; its digest is recorded.
        """
        told = {"where": where, "level": level, "categories": sorted(categories)}
        self._events.emit("moderation", turn=turn, **told)
        digest = hashlib.sha256(text.encode()).hexdigest()
        record = {**told, "session": self._events.session, "turn": turn, "text_sha256": digest}
        try:
            self._records.put_nowait(record)
        except asyncio.QueueFull as error:
            self.failed("audit", error)

    def failed(self, stage: str, error: Exception) -> None:
        """A stage raised."""
        cause = f"{type(error).__name__}: {error}"
        log.error(
            "stage failed", session=self._events.session, stage=stage, cause=cause, exc_info=error
        )
        self._failed.setdefault(stage, self._clock.now())
        self._events.emit("stage.failed", stage=stage, error=cause)

    def worked(self, stage: str) -> None:
        """A stage did its work; told when it had failed before."""
        if (since := self._failed.pop(stage, None)) is not None:
            seconds = round(self._clock.now() - since, 3)
            self._events.emit("stage.restored", stage=stage, seconds=seconds)

    def _write_rest(self) -> None:
        while not self._records.empty():
            try:
                self._audit.append("moderation", self._records.get_nowait())
            except Exception as error:
                self.failed("audit", error)
