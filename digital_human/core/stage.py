"""Stages and the threads that run their models; every task has an owner."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, Protocol, Self, TypeAlias, TypeVar, cast
from weakref import WeakSet

from digital_human.errors import ResourceError

P = ParamSpec("P")
R = TypeVar("R")

_EXIT_SECONDS = 1.0  # that the end of the process waits for each thread
_Jobs: TypeAlias = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Stage(Protocol):
    """A node of the graph: reads channels, calls its model, writes channels."""

    async def run(self) -> None:
        """Work until the input closes; close the output at the end."""
        ...


class Hung(ResourceError):
    """A model did not come back in time; its thread was left to it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model may take, in seconds from when its thread is free for it.

    Attributes:
        limit: Then it is given up.
        suspect: Then ``told`` is called, once; it may still come back.
        told: Told on the event loop.
        again: Then another thread begins the same work; who comes back first counts. A machine
            that is slow loses nothing so, and a thread that hangs is made up for.
    """

    limit: float
    suspect: float = math.inf
    told: Callable[[Hung], None] = lambda error: None
    again: float = math.inf


class ModelThread(Executor):
    """One thread that owns one model, so that the event loop never blocks.

    Args:
        name: For stack dumps.
        nice: How much it yields to other threads, 0 to 19. Helper threads that a model library
            makes from it inherit this, so load the model in the thread. Ignored outside Linux,
            where threads have no priority of their own.
    """

    _all: WeakSet[ModelThread] = WeakSet()

    def __init__(self, name: str, nice: int = 0) -> None:
        self._all.add(self)
        self._name, self._nice = name, nice
        self._jobs: _Jobs = SimpleQueue()
        self._unfinished: list[Future[Any]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    async def call(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run ``work`` in the thread and return its result."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self, lambda: work(*args, **kwargs))

    async def call_within(
        self, patience: Patience, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Like `call`, for work that may hang.

        When the caller is cancelled, the work may still take its time; then its thread is left to
        it all the same.

        Args:
            patience: How long it may take.
            work: What to run.
            *args: Passed on.
            **kwargs: Passed on.

        Raises:
            Hung: It took longer. Its thread is left to it; what waits and what comes goes on in
                another one.
        """
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def run() -> R:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(begun.set)
            return work(*args, **kwargs)

        free = all(future.done() for future in self._unfinished)
        future = self.submit(run)
        jobs: set[asyncio.Future[Any]] = {asyncio.wrap_future(future)}
        beginning = asyncio.ensure_future(begun.wait())
        since = math.inf
        try:
            if not free:
                await asyncio.wait({*jobs, beginning}, return_when=asyncio.FIRST_COMPLETED)
            since = loop.time()
            for until in sorted({patience.suspect, patience.again, patience.limit}):
                done, _ = await asyncio.wait(
                    jobs, timeout=since + until - loop.time(), return_when=asyncio.FIRST_COMPLETED
                )
                if done:
                    return cast(R, done.pop().result())
                if until == patience.suspect:
                    patience.told(Hung(f"{self._name}: no answer within {until:.1f} s"))
                if until in (patience.again, patience.limit):
                    if future.cancel():  # a thread that never began it must not hand it on
                        jobs.clear()
                    self._leave_behind()
                if until >= patience.limit:
                    break
                if until == patience.again:
                    future = self.submit(run)
                    jobs.add(asyncio.wrap_future(future))
            raise Hung(f"{self._name}: no answer within {patience.limit:.1f} s")
        finally:
            beginning.cancel()
            for job in jobs:
                job.cancel()
            if not future.cancel() and self._holds(future):
                since = min(since, loop.time())
                loop.call_at(since + patience.limit, self._give_up, future)

    def submit(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run ``work`` in the thread; see `concurrent.futures.Executor.submit`.

        To be called by one thread, that of the event loop.
        """
        if self._closed:
            raise RuntimeError(f"thread {self._name!r} has ended")
        future: Future[R] = Future()
        self._unfinished = [one for one in self._unfinished if not one.done()] + [future]
        self._jobs.put((future, lambda: work(*args, **kwargs)))
        if self._thread is None:
            self._start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = True) -> None:
        """End the thread; calls that wait are dropped.

        Args:
            wait: Wait for the call that is running.
            cancel_futures: Always true here.
        """
        self._closed = True
        with contextlib.suppress(Empty):
            while (job := self._jobs.get_nowait()) is not None:
                job[0].cancel()
        self._jobs.put(None)
        if wait and self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Wait for the call that is running and end the thread; calls that wait are dropped."""
        self.shutdown()

    def __enter__(self) -> Self:
        return self

    def _start(self) -> None:
        # A daemon, so that a call that hangs does not keep the process from ending.
        self._thread = threading.Thread(
            target=self._work, args=(self._jobs,), name=self._name, daemon=True
        )
        self._thread.start()

    def _holds(self, future: Future[Any]) -> bool:
        """Whether ``future`` waits for the present thread or runs in it."""
        return future in self._unfinished and not future.done()

    def _give_up(self, future: Future[Any]) -> None:
        """Leave the thread to ``future``, for which nobody waits, if it still runs there."""
        if self._holds(future) and not self._closed:
            self._leave_behind()

    def _leave_behind(self) -> None:
        """Give what waits to another thread, and a queue of its own: one that was stopped while it
        waited for work would still take the next."""
        left, self._jobs, self._thread = self._jobs, SimpleQueue(), None
        self._unfinished = []
        with contextlib.suppress(Empty):
            while (job := left.get_nowait()) is not None:
                self._jobs.put(job)
                self._unfinished.append(job[0])
        left.put(None)  # it ends when it comes back
        if not self._jobs.empty():
            self._start()

    def _work(self, jobs: _Jobs) -> None:
        _yield_more(self._nice)
        while (job := jobs.get()) is not None:
            future, work = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)
            del job, future, work  # nothing is held while it waits


@atexit.register
def _end_all() -> None:
    """Native code must not meet the end of Python; a call that hangs is not waited for longer."""
    for one in list(ModelThread._all):
        one.shutdown(wait=False)
        if one._thread is not None:
            one._thread.join(_EXIT_SECONDS)


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
