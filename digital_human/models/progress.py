"""The progress of a pull in the terminal: one bar over all transfers and one for each."""

from __future__ import annotations

import threading
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from digital_human.models.files import megabytes


class RichProgress:
    """Bars on a console; a context manager around the pull.

    Args:
        console: Where to draw; off a terminal only the notes and one line per transfer appear.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._all = self._bars.add_task("all", total=0)
        self._tasks: dict[str, TaskID] = {}
        self._totals: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> RichProgress:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def start(self, item: str, total: int | None, done: int) -> None:
        """Show a bar for ``item``, or set it back to ``done`` when it is tried again."""
        with self._lock:
            if item not in self._tasks:
                self._tasks[item] = self._bars.add_task(item, total=total)
            self._totals[item] = total or 0
            self._done[item] = done
            self._bars.update(self._tasks[item], total=total, completed=done)
            self._sum()

    def advance(self, item: str, count: int) -> None:
        """Move the bar of ``item`` and the overall bar by ``count`` bytes."""
        with self._lock:
            self._done[item] += count
            self._bars.update(self._tasks[item], completed=self._done[item])
            self._sum()

    def finish(self, item: str) -> None:
        """Take the bar of ``item`` away; its bytes stay in the overall bar."""
        with self._lock:
            task = self._tasks.pop(item, None)
            if task is not None:
                self._bars.remove_task(task)
                self._console.print(f"  {item}  {megabytes(self._done[item])}", markup=False)

    def note(self, text: str) -> None:
        """Print ``text`` above the bars."""
        self._console.print(f"  note: {text}", markup=False, style="yellow", soft_wrap=True)

    def _sum(self) -> None:
        self._bars.update(
            self._all, total=sum(self._totals.values()), completed=sum(self._done.values())
        )
