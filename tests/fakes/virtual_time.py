"""An event loop whose time jumps: a minute of conversation takes milliseconds.

Nothing waits. When no callback is ready, time moves to the next timer; timers of the same moment
run in the order they were made (the standard loop's heap does not promise that). Work given to an
executor runs at once, in place, and takes no time.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any

_LATER = 1e-9  # s between timers of the same moment


class _Jump(selectors.DefaultSelector):
    """Polls, then moves the time on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events and timeout is None:
            raise RuntimeError("everything waits and no timer is set: a deadlock")
        if not events and timeout and timeout > 0:
            self.time += timeout
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._jump = _Jump()
        self._same: dict[float, int] = {}
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        if len(self._same) > 1000:
            self._same = {at: n for at, n in self._same.items() if at >= self.time()}
        number = self._same.get(when, 0)
        self._same[when] = number + 1
        return super().call_at(when + number * _LATER, callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class LoopClock:
    """The running loop's time as a `digital_human.core.clock.Clock`."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def wait_until(self, when: float) -> None:
        await asyncio.sleep(max(0.0, when - self.now()))


def virtual_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an async test in virtual time; it fails when it leaves a task behind."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left behind: {left}"

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(whole())

    return run
