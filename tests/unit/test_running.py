"""A language model that is used from the event loop: its pieces, and what happens when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from digital_human.core.stage import Hung
from digital_human.dialogue.llm import running as running_module
from digital_human.dialogue.llm import workers as workers_module
from digital_human.dialogue.llm.base import Message, never
from digital_human.dialogue.llm.running import Running
from digital_human.dialogue.llm.workers import Workers
from tests.fakes.scripted_llm import ScriptedLlm

ASKED = [Message("user", "?")]


class Hangs(ScriptedLlm):
    """Says the first piece, and the others when ``gate`` is set, wanted or not."""

    def __init__(self, *pieces: str) -> None:
        super().__init__(*pieces)
        self.gate = threading.Event()

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        for number, piece in enumerate(self.pieces):
            if number:
                self.gate.wait(30)
            yield piece


async def said(running: Running, heard: list[str]) -> None:
    async with contextlib.aclosing(running.pieces(ASKED, 9, never)) as pieces:
        async for piece in pieces:
            heard.append(piece)


async def test_a_model_that_hangs_is_given_up_until_it_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (running_module, workers_module):
        monkeypatch.setattr(module, "STOP_SECONDS", 0.1)
    model, workers, heard = Hangs("one", "two"), Workers("model"), list[str]()
    running = Running(model, workers)
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await said(running, heard)
        assert heard == ["one"]
        with pytest.raises(Hung):  # it waits until that is known
            await said(running, heard)
        for later in (said(running, heard), running.read(ASKED, never)):
            begun = asyncio.get_running_loop().time()
            with pytest.raises(Hung):
                await later
            assert asyncio.get_running_loop().time() - begun < 0.05
        model.gate.set()
        await asyncio.sleep(0.05)
        await said(running, heard)
    assert heard == ["one", "one", "two"] and not model.warmed
    workers.close()


async def test_leaving_stops_the_model_before_it_returns() -> None:
    model, workers = ScriptedLlm(*"abcdef", wait=0.02), Workers("model")
    pieces = Running(model, workers).pieces(ASKED, 9, never)
    async with contextlib.aclosing(pieces):
        assert await anext(pieces) == "a"
    assert model.stopped.is_set() and model.written < 6
    workers.close()
