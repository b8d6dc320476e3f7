"""Stages and the threads that run their models; every task has an owner."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Stage(Protocol):
    """A node of the graph: reads channels, calls its model, writes channels."""

    async def run(self) -> None:
        """Work until the input closes; close the output at the end."""
        ...


class ModelThread:
    """One thread that owns one model, so that the event loop never blocks.

    Args:
        name: For stack dumps.
        nice: How much it yields to other threads, 0 to 19. Helper threads that a model library
            makes from it inherit this, so load the model in the thread. Ignored outside Linux,
            where threads have no priority of their own.
    """

    def __init__(self, name: str, nice: int = 0) -> None:
        self._pool = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix=name, initializer=_yield_more, initargs=(nice,)
        )

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` in the thread and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))

    def __enter__(self) -> ModelThread:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the call that is running and end the thread; calls that wait are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _yield_more(nice: int) -> None:
    if nice and sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


async def run_graph(*stages: Stage) -> None:
    """Run all stages; the first error cancels the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for stage in stages:
                group.create_task(stage.run())
    except* Exception as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
