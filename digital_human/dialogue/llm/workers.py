"""The threads a language model runs in."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, Protocol, TypeVar

from digital_human.core.stage import Hung, ModelThread

P = ParamSpec("P")
R = TypeVar("R")

STOP_SECONDS = 2.0
"""Within which a call that nobody waits for any more has ended, or it hangs."""


class Thread(Protocol):
    """Where a language model runs: a `ModelThread`, or `Workers` for a server."""

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` there and return its result."""
        ...


class Workers:
    """Threads of one model; used from the event loop.

    Args:
        name: For stack dumps.
        count: Calls that run at a time: 1 for a model in this process, which has one context;
            several for a server, so that nobody waits for somebody else's answer.
        nice: How much they yield to other threads, see `ModelThread`.
    """

    def __init__(self, name: str, count: int = 1, nice: int = 0) -> None:
        self._threads = [ModelThread(f"{name} {n}" if count > 1 else name, nice)
                         for n in range(count)]  # fmt: skip
        # What each has to do, and since when (`time.monotonic`) nobody waits for it.
        self._jobs: list[dict[Future[Any], float]] = [{} for _ in range(count)]

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` in the thread that has the least to do, and return its result.

        Raises:
            Hung: The model hangs in earlier calls. It cannot be called from another thread
                meanwhile, and may be again when one of them has come back.
        """
        count = range(len(self._threads))
        number = min(count, key=lambda n: (self._hangs(n), len(self._jobs[n])))
        self._check(number)
        future = self._threads[number].submit(work, *args, **kwargs)
        self._jobs[number][future] = math.inf
        result = asyncio.wrap_future(future)
        try:
            while not (await asyncio.wait([result], timeout=STOP_SECONDS))[0]:
                self._check(number)
            return result.result()
        finally:
            result.cancel()
            if future.cancel() or future.done():
                self._jobs[number].pop(future, None)
            else:
                self._jobs[number][future] = time.monotonic()

    def close(self) -> None:
        """Wait for the calls that are running, but for those that hang, and end the threads; calls
        that wait are dropped."""
        for number, thread in enumerate(self._threads):
            thread.shutdown(wait=not self._hangs(number))

    def _check(self, number: int) -> None:
        if self._hangs(number):
            raise Hung("the language model does not come back from an earlier call")

    def _hangs(self, number: int) -> bool:
        jobs, now = self._jobs[number], time.monotonic()
        for job in [job for job in jobs if job.done()]:
            del jobs[job]
        return any(now - left > STOP_SECONDS for left in jobs.values())
