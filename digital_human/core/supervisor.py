"""Keeps the stages of a live session running: a stage that fails is told of and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from digital_human.core.clock import Clock
from digital_human.core.events import Events

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.6  # s before a stage is started again
_HEALTHY = 10.0  # s of running after which a stage's failures are forgotten

log = structlog.get_logger()


class Supervisor:
    """Runs stages until it is cancelled.

    Args:
        events: Where ``stage.failed`` and ``stage.restored`` go.
        clock: The session's clock.
        on_failure: Told the stage's name and the error, e.g. to have an apology spoken.
    """

    def __init__(
        self,
        events: Events,
        clock: Clock,
        on_failure: Callable[[str, Exception], None] = lambda stage, error: None,
    ) -> None:
        self._events, self._clock, self._on_failure = events, clock, on_failure

    async def run(self, stages: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """Run every stage, starting again those that end or raise; returns only by cancellation."""
        async with asyncio.TaskGroup() as group:
            for name, stage in stages.items():
                group.create_task(self._keep(name, stage), name=f"{self._events.session}:{name}")

    async def _keep(self, name: str, stage: Callable[[], Awaitable[None]]) -> None:
        wait, failed_at = _FIRST_WAIT, None
        while True:
            started = self._clock.now()
            try:
                if failed_at is not None:
                    self._events.emit(
                        "stage.restored", stage=name, seconds=round(started - failed_at, 3)
                    )
                await stage()
                error: Exception = RuntimeError("the stage ended by itself")
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                error = RuntimeError("something that the stage waited for was cancelled")
            except Exception as raised:
                error = raised
                while isinstance(error, ExceptionGroup):
                    error = error.exceptions[0]
            failed_at = self._clock.now()
            if failed_at - started > _HEALTHY:
                wait = _FIRST_WAIT
            log.error(
                "stage failed", session=self._events.session, stage=name,
                cause=f"{type(error).__name__}: {error}", exc_info=error,
            )  # fmt: skip
            self._events.emit("stage.failed", stage=name, error=f"{type(error).__name__}: {error}")
            self._on_failure(name, error)
            await self._clock.wait_until(failed_at + wait)
            wait = min(_LONGEST_WAIT, wait * 2)
