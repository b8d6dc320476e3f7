"""Who is at the kiosk: whether a visit is on and since when nobody was there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from digital_human.apps.live.ports import Session
from digital_human.apps.live.sessions import Sessions
from digital_human.core.clock import Clock
from digital_human.core.events import Event

STALE_S = 600.0
"""Seconds without a word after which a visit that nobody ended is none; the page ends it sooner."""
_WORDS = frozenset({"heard.final", "reply.started", "reply.finished", "misheard", "rated", "spot"})


class PresencePort(Protocol):
    """Tells from what the camera saw whether somebody is there."""

    def at(self, now: float) -> str: ...


class Company:
    """Follows the sessions and the camera; used from the event loop.

    A session that waits in silence is no visit: one begins with the greeting or the first words,
    and ends with its session.

    Args:
        sessions: The server's.
        clock: Time.
        presence: What the camera tells; None when there is none.
    """

    def __init__(
        self, sessions: Sessions, clock: Clock, presence: PresencePort | None = None
    ) -> None:
        self._clock, self._presence = clock, presence
        self._visits: dict[str, float] = {}
        self._stops: dict[str, Callable[[], None]] = {}
        self._left = clock.now()
        self.last: float | None = None
        """When somebody last was on a visit; None before the first one."""
        sessions.on_open.append(self._open)
        sessions.on_close.append(self._close)

    def visit(self, now: float) -> bool:
        """Whether a visit is on."""
        talks = any(now - since < STALE_S for since in self._visits.values())
        on = talks or self.sees(now) == "here"
        if on:
            self.last = now
        return on

    def quiet(self, now: float) -> float:
        """Seconds since anybody was on a visit or near; to be asked again and again."""
        if self.visit(now) or self.sees(now) == "near":
            self._left = now
        return now - self._left

    def sees(self, now: float) -> str:
        """What the camera sees, as `Presence` has it; ``blind`` without one."""
        return self._presence.at(now) if self._presence is not None else "blind"

    def _open(self, session: Session) -> None:
        id = session.id

        def hear(event: Event) -> None:
            begins = event.kind == "heard.final" or (
                event.kind == "reply.started" and _greeting(event.data)
            )
            if begins or (event.kind in _WORDS and id in self._visits):
                self._visits[id] = self._left = self.last = self._clock.now()

        self._stops[id] = session.events.listen(hear)

    def _close(self, session: Session) -> None:
        if stop := self._stops.pop(session.id, None):
            stop()
        if self._visits.pop(session.id, None) is not None:
            self._left = self.last = self._clock.now()


def _greeting(data: dict[str, Any]) -> bool:
    return data.get("origin") == "greeting"
