"""The threads a language model runs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from digital_human.core.stage import ModelThread

P = ParamSpec("P")
R = TypeVar("R")


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
        self._calls = [0] * count

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` in the thread that has the least to do, and return its result."""
        number = self._calls.index(min(self._calls))
        self._calls[number] += 1
        try:
            return await self._threads[number].call(work, *args, **kwargs)
        finally:
            self._calls[number] -= 1

    def close(self) -> None:
        """Wait for the calls that are running and end the threads; calls that wait are dropped."""
        for thread in self._threads:
            thread.close()
