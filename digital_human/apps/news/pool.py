"""Renders missing segments in parallel processes, with one progress bar and a clean stop."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from digital_human.apps.news.plan import FPS, SegmentPlan
from digital_human.apps.news.segment import render_segment
from digital_human.config import settings
from digital_human.errors import Cancelled, ResourceError

_EVERY = 5  # frames between two progress messages
_CHECK = 0.2  # s between two looks at whether the render may go on

Message = tuple[int, int, int]  # segment, frames done, frames in all
_messages: Queue[Message] | None = None
_stop: Event | None = None


def render_missing(
    jobs: Sequence[tuple[SegmentPlan, Path]],
    workers: int,
    console: Console,
    check: Callable[[], None],
) -> None:
    """Render every job's segment into its folder.

    Args:
        jobs: Segments and the folders they go to.
        workers: Processes; 0 is one for each CPU thread the program may use.
        console: Where progress is shown.
        check: Called all the time; what it raises stops the render.

    Raises:
        KeyboardInterrupt: Ctrl-C; finished segments are kept.
        DigitalHumanError: The first segment that failed; the others are stopped.
    """
    if not jobs:
        return
    cores = settings().cpu_threads
    workers = min(workers or cores, len(jobs))
    threads = max(1, cores // workers)
    context = multiprocessing.get_context("spawn")
    messages: Queue[Message] = context.Queue()
    stop = context.Event()
    with (
        _progress(console) as progress,
        ProcessPoolExecutor(workers, context, _start_worker, (messages, stop, threads)) as pool,
    ):
        board = _Board(progress, messages, [plan for plan, _ in jobs])
        # The longest first, so that no worker is left alone with it at the end.
        order = sorted(range(len(jobs)), key=lambda i: -jobs[i][0].estimated_seconds)
        try:
            futures = [pool.submit(_render_one, i, *jobs[i]) for i in order]
            _wait(futures, check)
        except BrokenProcessPool as error:
            raise ResourceError(
                "a render process was killed, most likely for want of memory",
                fix="close other programs, or render with --workers 1; finished segments are kept",
            ) from error
        except KeyboardInterrupt:
            progress.stop()
            console.print("stopped; finished segments are kept, the same command goes on with them")
            raise
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            board.close()


def _wait(futures: list[Future[None]], check: Callable[[], None]) -> None:
    waiting = set(futures)
    while waiting:
        done, waiting = wait(waiting, timeout=_CHECK, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        check()


def _start_worker(messages: Queue[Message], stop: Event, threads: int) -> None:
    global _messages, _stop
    _messages, _stop = messages, stop
    os.environ["DH_THREADS"] = str(threads)
    # Ctrl-C reaches the whole process group; the parent decides and tells workers through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _render_one(number: int, plan: SegmentPlan, folder: Path) -> None:
    assert _messages is not None and _stop is not None
    messages, stop = _messages, _stop

    def progress(done: int, total: int) -> None:
        if done % _EVERY == 0 or done == total:
            messages.put((number, done, total))

    if stop.is_set():
        raise Cancelled("the render was stopped")
    render_segment(plan, folder, settings().cpu_threads, progress, stop.is_set)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("frames"),
        TextColumn("{task.fields[speed]}"), TimeElapsedColumn(), TimeRemainingColumn(),
        console=console,
    )  # fmt: skip


class _Board:
    """Adds the workers' messages up into one bar."""

    def __init__(
        self, progress: Progress, messages: Queue[Message], plans: Sequence[SegmentPlan]
    ) -> None:
        self._progress, self._messages = progress, messages
        self._totals = [round(plan.estimated_seconds * FPS) for plan in plans]
        self._done = [0] * len(plans)
        self._task = progress.add_task(
            f"rendering {len(plans)} segments", total=sum(self._totals), speed=""
        )
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="progress", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Show what is queued and stop."""
        self._messages.put((-1, 0, 0))
        self._thread.join(timeout=5)
        self._messages.close()

    def _listen(self) -> None:
        while True:
            number, done, total = self._messages.get()
            if number < 0:
                return
            self._done[number] = done
            if total:
                self._totals[number] = total
            speed = self._progress.tasks[0].speed
            self._progress.update(
                self._task, completed=sum(self._done), total=sum(self._totals),
                speed=f"{speed / FPS:.2f}x" if speed else "",
            )  # fmt: skip
