"""What goes wrong or is refused in a session: told, logged and put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from digital_human.core.events import Events
from digital_human.core.health import Health
from digital_human.core.stage import Hung, ModelThread
from digital_human.safety.fingerprint import fingerprint
from digital_human.safety.moderation import AuditSink, Hit
from digital_human.safety.words import Level

_RECORDS = 1000  # records that may wait for the disk
_LAST_SECONDS = 3.0  # s for those that wait at the end


class Incidents:
    """Of one session; all methods belong to the event loop.

    Args:
        events: Where ``moderation``, ``stage.failed`` and ``stage.restored`` go.
        audit: Where what was refused, or is to be looked at, is recorded.
    """

    def __init__(self, events: Events, audit: AuditSink) -> None:
        self._events, self._audit = events, audit
        self._health = Health(events)
        self._records: asyncio.Queue[tuple[dict[str, object], str]] = asyncio.Queue(_RECORDS)

    async def run(self) -> None:
        """Write records in a thread of their own until cancelled; none is left unwritten, unless
        the disk does not come back."""
        thread = ModelThread("records")
        try:
            while True:
                await self._write(thread, await self._records.get())
        finally:
            try:
                async with asyncio.timeout(_LAST_SECONDS):
                    while not self._records.empty():
                        await self._write(thread, self._records.get_nowait())
                    await thread.call(int)  # the one that was being written
            except TimeoutError:
                late = f"records: not all are written within {_LAST_SECONDS:.1f} s"
                self.failed("audit", Hung(late))
            finally:
                thread.shutdown(wait=False)

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
            text: The text; its fingerprint is recorded.
        """
        told = {"where": where, "level": level, "categories": sorted(categories)}
        self._events.emit("moderation", turn=turn, **told)
        record = {**told, "session": self._events.session, "turn": turn}
        try:
            self._records.put_nowait((record, text))
        except asyncio.QueueFull as error:
            self.failed("audit", error)

    def failed(self, stage: str, error: Exception) -> None:
        """A stage raised."""
        self._health.failed(stage, error)

    def worked(self, stage: str) -> None:
        """A stage did its work; told when it had failed before."""
        self._health.worked(stage)

    async def _write(self, thread: ModelThread, entry: tuple[dict[str, object], str]) -> None:
        record, text = entry

        def work() -> None:
            words = text.encode("utf-8", "surrogatepass")
            self._audit.append("moderation", record | {"text_hmac": fingerprint(words)})

        try:
            await thread.call(work)
        except Exception as error:
            self.failed("audit", error)
        else:
            self.worked("audit")


def first_of(errors: BaseException) -> BaseException:
    """The first single error of a group."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
