"""The threads a language model runs in: one for a model here, several for a server."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from digital_human.core.stage import Hung
from digital_human.dialogue.llm import workers as workers_module
from digital_human.dialogue.llm.workers import Workers


async def test_one_model_does_one_thing_at_a_time() -> None:
    workers, running, most = Workers("model"), 0, 0

    def work() -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        threading.Event().wait(0.01)
        running -= 1
        return threading.current_thread().name

    names = await asyncio.gather(*(workers.call(work) for _ in range(5)))
    workers.close()
    assert most == 1 and set(names) == {"model"}


async def test_calls_to_a_server_do_not_wait_for_each_other() -> None:
    workers, gate = Workers("server", 3), threading.Barrier(3)
    async with asyncio.timeout(5):  # none of the three returns before all have begun
        await asyncio.gather(*(workers.call(gate.wait, 4) for _ in range(3)))
    hanging = threading.Event()
    busy = [asyncio.ensure_future(workers.call(hanging.wait, 5)) for _ in range(2)]
    async with asyncio.timeout(1):
        for _ in range(4):  # the idle thread takes them
            assert await workers.call(lambda: 7) == 7
    hanging.set()
    await asyncio.gather(*busy)
    workers.close()


async def test_what_a_call_raises_comes_through_and_frees_its_thread() -> None:
    workers = Workers("model", 2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await workers.call(lambda: 1 / 0)
    assert workers._jobs == [{}, {}]
    workers.close()


@pytest.mark.parametrize("count", [1, 2])
async def test_who_waits_behind_a_call_that_hangs_is_told(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "STOP_SECONDS", 0.1)
    workers, gate = Workers("model", count), threading.Event()
    hanging = [asyncio.create_task(workers.call(gate.wait, 30)) for _ in range(count)]
    await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        waiting = asyncio.create_task(workers.call(int))
        for one in hanging:
            one.cancel()
        with pytest.raises(Hung):
            await waiting
        with pytest.raises(Hung):
            await workers.call(int)
        gate.set()
        await asyncio.sleep(0.05)
        assert await workers.call(int) == 0
    workers.close()


async def test_a_server_is_asked_by_the_threads_that_do_not_hang(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "STOP_SECONDS", 0.05)
    workers, gate = Workers("server", 2), threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await workers.call(gate.wait, 30)
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        busy = [asyncio.create_task(workers.call(time.sleep, 0.2)) for _ in range(3)]
        await asyncio.gather(*busy)
        workers.close()  # waits for no call that hangs
    gate.set()


async def test_a_call_that_is_not_wanted_may_take_its_time_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers_module, "STOP_SECONDS", 0.3)
    workers = Workers("model")
    unwanted = asyncio.create_task(workers.call(time.sleep, 0.2))
    await asyncio.sleep(0.02)
    unwanted.cancel()
    assert await workers.call(int) == 0
    long = asyncio.create_task(workers.call(time.sleep, 0.5))  # somebody waits for it
    await asyncio.sleep(0.02)
    assert await workers.call(int) == 0
    await long
    workers.close()
