"""The injected clock: real time for live sessions, sample time for rendering and tests."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time in seconds from an arbitrary start."""

    def now(self) -> float:
        """Seconds since the clock's start."""
        ...

    async def wait_until(self, when: float) -> None:
        """Return at ``when`` (at once when it has passed)."""
        ...


class WallClock:
    """Monotonic real time."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self._start

    async def wait_until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self.now()))


class SampleClock:
    """Time that jumps to whatever is waited for: a render runs as fast as the machine allows."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    async def wait_until(self, when: float) -> None:
        self._now = max(self._now, when)
        await asyncio.sleep(0)
