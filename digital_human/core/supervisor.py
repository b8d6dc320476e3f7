"""Keeps the stages of a live session running: a stage that fails is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from digital_human.core.clock import Clock
from digital_human.core.health import Health

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 1.6  # s before a stage is started again
_SETTLED = 0.5  # s of running after which a stage works
_HEALTHY = 10.0  # s of running after which a stage's failures are forgotten


class Supervisor:
    """Runs stages until it is cancelled.

    Args:
        health: Told of every failure, and when a stage works again.
        clock: The session's clock.
    """

    def __init__(self, health: Health, clock: Clock) -> None:
        self._health, self._clock = health, clock

    async def run(self, stages: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        """Run every stage, starting again those that end or raise; returns only by cancellation."""
        async with asyncio.TaskGroup() as group:
            for name, stage in stages.items():
                group.create_task(self._keep(name, stage), name=name)

    async def _keep(self, name: str, stage: Callable[[], Awaitable[None]]) -> None:
        wait = _FIRST_WAIT
        while True:
            started = self._clock.now()
            error = await self._until_it_fails(name, stage)
            failed_at = self._clock.now()
            if failed_at - started > _HEALTHY:
                wait = _FIRST_WAIT
            self._health.failed(name, error)
            await self._clock.wait_until(failed_at + wait)
            wait = min(_LONGEST_WAIT, wait * 2)

    async def _until_it_fails(self, name: str, stage: Callable[[], Awaitable[None]]) -> Exception:
        settling = asyncio.create_task(self._settle(name), name=f"{name}:settling")
        try:
            await stage()
            return RuntimeError("the stage ended by itself")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return RuntimeError("something that the stage waited for was cancelled")
        except Exception as raised:
            error = raised
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            return error
        finally:
            settling.cancel()

    async def _settle(self, name: str) -> None:
        await self._clock.wait_until(self._clock.now() + _SETTLED)
        self._health.worked(name)
