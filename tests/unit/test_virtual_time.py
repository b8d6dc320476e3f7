"""The event loop that the conversation tests run in."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.fakes.virtual_time import LoopClock, virtual_time


def test_time_jumps_and_timers_of_one_moment_keep_their_order() -> None:
    order: list[int] = []

    @virtual_time
    async def hour() -> None:
        clock = LoopClock()

        async def wait(number: int) -> None:
            await clock.wait_until(3600.0)
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(wait(number))
        assert clock.now() == pytest.approx(3600, abs=1e-3)

    began = time.monotonic()
    hour()
    assert order == list(range(100))
    assert time.monotonic() - began < 10


def test_timeouts_and_threads_work() -> None:
    @virtual_time
    async def body() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        assert await asyncio.get_running_loop().run_in_executor(None, lambda: 7) == 7

    body()


def test_a_task_left_behind_fails() -> None:
    @virtual_time
    async def leak() -> None:
        leak.task = asyncio.create_task(asyncio.sleep(1))  # type: ignore[attr-defined]

    with pytest.raises(AssertionError, match="left behind"):
        leak()


def test_a_deadlock_is_named() -> None:
    @virtual_time
    async def stuck() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        stuck()
