"""What happened, said once: passive events keyed by session and turn.

Metrics, logs, the data channel, server-sent events and tests all listen to the same stream; no
stage waits for a listener.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Listener = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: Dotted name, e.g. ``heard.final``; docs/live.md and docs/kiosk-visits.md list them.
        session: Session it belongs to; empty for the process.
        turn: Turn it belongs to; 0 before the first.
        at: Seconds on the session's clock.
        wall: Unix time in seconds, for logs.
        data: JSON-compatible values.
    """

    kind: str
    session: str
    turn: int
    at: float
    data: dict[str, Any] = field(default_factory=dict)
    wall: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        """The event as sent to clients, who are told the kind of an error; the log has the rest."""
        data = self.data
        if self.kind == "stage.failed":
            data = data | {"error": str(data.get("error", "")).partition(":")[0]}
        return {
            "type": self.kind, "session": self.session, "turn": self.turn,
            "at": round(self.at, 4), **data,
        }  # fmt: skip


class Events:
    """The event stream of one session; used from the event loop's thread only.

    Args:
        session: Stamped on every event.
        now: The session's clock.
    """

    def __init__(self, session: str, now: Callable[[], float]) -> None:
        self.session = session
        self.now = now
        self._listeners: list[Listener] = []
        self.turn = 0

    def emit(self, kind: str, *, turn: int | None = None, **data: Any) -> Event:
        """Tell every listener; a listener must return at once and must not raise."""
        event = Event(kind, self.session, self.turn if turn is None else turn, self.now(), data)
        for listener in tuple(self._listeners):
            listener(event)
        return event

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event from now on; returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None
