"""Admission: measure what sessions cost, and refuse the one too many before all of them stutter."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from digital_human.errors import ResourceError


class Refused(ResourceError):
    """There is no room now; a later attempt may find some.

    Args:
        message: Why, with figures.
        retry_after: Seconds after which asking again makes sense.
        fix: What to do about it.
    """

    def __init__(self, message: str, *, retry_after: float, fix: str = "") -> None:
        super().__init__(message, fix=fix or f"try again in {retry_after:.0f} s")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement of the running process.

    Attributes:
        at: Seconds on any clock that runs evenly.
        cpu: CPU seconds the process has used since it started, all threads.
        lag: Seconds the event loop was late, the worst since the last measurement.
        frames: Video frames due since the process started, all sessions.
        late: Of these, the late and the skipped ones.
    """

    at: float
    cpu: float
    lag: float
    frames: int = 0
    late: int = 0


class Admission:
    """Decides whether one more session fits; pure, time comes in with the measurements.

    The cost of a session is the process's CPU use divided by the running sessions. It follows a
    rise within seconds and a fall within a minute, because a session that idles now talks soon.
    Before one has run, a stated prior stands for it.

    Args:
        cores: Cores the process may use.
        limit: Fixed number of sessions; 0 decides by measurement.
    """

    PRIOR = 0.9  # cores: face, encoder and the share of the models while it talks
    FLOOR = 0.6  # cores: what an idling session will take when it talks
    SHARE = 0.9  # of the cores may be planned for
    RISE_S, FALL_S = 5.0, 60.0
    LAG_LIMIT_S = 0.08  # two frames: everything is late already
    LATE_LIMIT = 0.05

    def __init__(self, cores: float, *, limit: int = 0) -> None:
        self._cores = cores
        self._limit = limit
        self._last: Load | None = None
        self._cost = self.PRIOR
        self._measured = False
        self._lag = 0.0
        self._late = 0.0
        self.refusals = 0

    @property
    def cost(self) -> float:
        """Cores one session takes: measured once one has run, the prior before."""
        return self._cost

    @property
    def lag(self) -> float:
        """Seconds the event loop is late, smoothed."""
        return self._lag

    def note(self, load: Load, sessions: int, *, own: bool = True) -> None:
        """Take in a measurement.

        Args:
            load: The measurement.
            sessions: How many ran.
            own: Whether the CPU use was theirs alone; otherwise it says nothing of their cost.
        """
        last, self._last = self._last, load
        if last is None or load.at <= last.at:
            return
        span = load.at - last.at
        self._lag += (load.lag - self._lag) * _weight(span, self.RISE_S)
        if not sessions:
            self._late *= 1 - _weight(span, self.RISE_S)
            return
        frames = load.frames - last.frames
        if frames > 0:
            share = min(1.0, max(0.0, (load.late - last.late) / frames))
            self._late += (share - self._late) * _weight(span, self.RISE_S)
        if not own:
            return
        used = max(self.FLOOR, (load.cpu - last.cpu) / span / sessions)
        if not self._measured:
            self._measured, self._cost = True, max(used, self.PRIOR)
        pace = self.RISE_S if used > self._cost else self.FALL_S
        self._cost += (used - self._cost) * _weight(span, pace)

    def admit(self, sessions: int) -> None:
        """Let one more in while ``sessions`` run or start; the first is always let in.

        Raises:
            Refused: It would be one too many; the message has the figures.
        """
        if self._limit:
            if sessions >= self._limit:
                self.refusals += 1
                raise Refused(
                    f"{sessions} of {self._limit} sessions are running (live.max_sessions)",
                    retry_after=30,
                    fix="end a session, or raise live.max_sessions",
                )
            return
        if not sessions:
            return
        room = self._cores * self.SHARE
        if (sessions + 1) * self._cost > room:
            reason = f"{sessions + 1} would need {(sessions + 1) * self._cost:.2f} cores"
        elif self._lag > self.LAG_LIMIT_S:
            reason = f"the event loop is {self._lag * 1000:.0f} ms late"
        elif self._late > self.LATE_LIMIT:
            reason = f"{self._late:.0%} of the frames are late"
        else:
            return
        self.refusals += 1
        how = "measured" if self._measured else "assumed"
        raise Refused(
            f"{sessions} session{'s are' if sessions > 1 else ' is'} running and {reason}: each "
            f"takes {self._cost:.2f} cores ({how}), {room:.2f} of {self._cores:g} may be used, "
            f"event loop lag {self._lag * 1000:.0f} ms, late frames {self._late:.1%}",
            retry_after=30,
            fix="end a session, use a machine with more cores, or set live.max_sessions",
        )


class Intake:
    """Bounds how many costly requests are worked on at once; more are refused without waiting.

    Args:
        size: Requests at once.
        what: What they are, for the message.
    """

    def __init__(self, size: int, what: str) -> None:
        self._size = size
        self._what = what
        self.busy = 0
        self.refusals = 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold one place.

        Raises:
            Refused: All places are taken.
        """
        if self.busy >= self._size:
            self.refusals += 1
            raise Refused(f"{self.busy} {self._what} are being worked on already", retry_after=1)
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


class ProcessMeter:
    """Reads the CPU use of this process and the delay of its event loop."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._lag = 0.0

    def late(self, seconds: float) -> None:
        """The event loop woke up this much after it should have."""
        self._lag = max(self._lag, seconds)

    def read(self, frames: int, late: int) -> Load:
        """The measurement since the last one."""
        times = self._process.cpu_times()
        lag, self._lag = self._lag, 0.0
        return Load(time.monotonic(), times.user + times.system, lag, frames, late)


def _weight(span: float, pace: float) -> float:
    return 1 - math.exp(-span / pace)
