"""What lately went wrong, for a technician: the last warnings and failing stages, without a word
that visitors said."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from digital_human.apps.live.ports import Session
from digital_human.apps.live.sessions import Sessions
from digital_human.core.events import Event

KEPT = 20
_STAGES = 40  # names of failing stages before the rest counts as other
# What is shown of a line in the log besides its event; causes may quote what was said, so of most
# only their kind is.
_SHOWN = (
    "stage", "what", "method", "path", "version", "persona", "avatar", "voice", "wait", "why",
)  # fmt: skip
_WORDLESS = ("browser.", "kiosk.", "content.", "visits are not counted", "recording ")
_KIND = re.compile(r"[A-Z][A-Za-z]*(?:Error|Exception|Refused|Hung|Cancelled|Interrupt)\b")
_RAISED = re.compile(rf"^(?:\w+\.)*({_KIND.pattern})", re.MULTILINE)  # a traceback's last line


@dataclass(slots=True)
class Trouble:
    """Something that was logged as a warning or an error.

    Attributes:
        at: Unix time in seconds, of the last time.
        level: ``warning`` or ``error``.
        what: What happened.
        id: By which the log tells more of the last time; empty for none.
        times: How often.
    """

    at: float
    level: str
    what: str
    id: str = ""
    times: int = 1


class Troubles(logging.Handler):
    """Keeps the last warnings and errors of the process; may be called from any thread."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(logging.WARNING)
        self._now = now
        self._kept: deque[Trouble] = deque(maxlen=KEPT)

    def last(self) -> list[Trouble]:
        """The kept ones, the latest first."""
        return list(reversed(self._kept))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log; of a failing stage the one that names its kind."""
        if isinstance(record.msg, Mapping) and record.msg.get("event") == "stage.failed":
            return
        level = "error" if record.levelno >= logging.ERROR else "warning"
        id = str(record.msg.get("error_id", "")) if isinstance(record.msg, Mapping) else ""
        new = Trouble(self._now(), level, told(record), id)
        for known in self._kept:
            if (known.what, known.level) == (new.what, level):
                new.times += known.times
                self._kept.remove(known)
                break
        self._kept.append(new)


def told(record: logging.LogRecord) -> str:
    """What may be shown of a line of the log."""
    if not isinstance(record.msg, Mapping):
        if not record.name.startswith("digital_human"):
            return f"{record.name}: see the log{_kind(record.exc_info)}"
        return re.sub(r"%[-+ #0-9.]*[a-z]", "…", str(record.msg))[:120] + _kind(record.exc_info)
    entry = record.msg
    event = str(entry.get("event", ""))[:80]
    parts = [f"{key} {entry[key]!s:.80}" for key in _SHOWN if entry.get(key) not in (None, "")]
    cause = str(entry.get("cause") or entry.get("error") or "")
    if event.startswith(_WORDLESS):
        parts += [cause[:200]] if cause else []
    elif match := _KIND.match(cause):
        parts.append(match[0])
    if kind := _kind(entry.get("exc_info")).strip(" ()"):
        parts.append(kind)
    elif lines := _RAISED.findall(str(entry.get("exception", ""))):
        parts.append(lines[-1])
    return f"{event}: {', '.join(dict.fromkeys(parts))}" if parts else event


def _kind(exc_info: Any) -> str:
    """The exception's class, in brackets; empty for none."""
    error = sys.exception() if exc_info is True else exc_info
    error = error[1] if isinstance(error, tuple) else error
    return f" ({type(error).__name__})" if isinstance(error, BaseException) else ""


@dataclass(slots=True)
class Stage:
    """A stage of the sessions that failed at some time.

    Attributes:
        failures: How often, in all sessions since the start.
        failing: Sessions in which it fails now.
        at: Unix time of the last failure.
        restored: Seconds that it last took to work again; None when it did not yet.
    """

    failures: int = 0
    failing: set[str] = field(default_factory=set)
    at: float = 0.0
    restored: float | None = None


class Stages:
    """Follows the stages of all sessions; used from the event loop.

    Args:
        sessions: The server's.
        now: Unix time in seconds.
    """

    def __init__(self, sessions: Sessions, now: Callable[[], float] = time.time) -> None:
        self.failed: dict[str, Stage] = {}
        self._now = now
        self._stops: dict[str, Callable[[], None]] = {}
        sessions.on_open.append(self._open)
        sessions.on_close.append(self._close)

    def _open(self, session: Session) -> None:
        self._stops[session.id] = session.events.listen(self._hear)

    def _hear(self, event: Event) -> None:
        if event.kind not in ("stage.failed", "stage.restored"):
            return
        name = str(event.data.get("stage"))[:40]
        if name not in self.failed and len(self.failed) >= _STAGES:
            name = "other"
        stage = self.failed.setdefault(name, Stage())
        if event.kind == "stage.failed":
            stage.failures, stage.at = stage.failures + 1, self._now()
            stage.failing.add(event.session)
        else:
            stage.failing.discard(event.session)
            stage.restored = event.data.get("seconds")

    def _close(self, session: Session) -> None:
        if stop := self._stops.pop(session.id, None):
            stop()
        for stage in self.failed.values():
            stage.failing.discard(session.id)
