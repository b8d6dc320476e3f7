"""The threads a language model runs in: one for a model here, several for a server."""

from __future__ import annotations

import asyncio
import threading

import pytest

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
    assert workers._calls == [0, 0]
    workers.close()
