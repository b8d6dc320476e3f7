"""A language model in its thread, used from the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Sequence

from digital_human.dialogue.llm.base import Llm, Message
from digital_human.dialogue.llm.workers import STOP_SECONDS, Thread
from digital_human.errors import Cancelled


class Running:
    """A language model and the thread it runs in."""

    def __init__(self, model: Llm, thread: Thread) -> None:
        self.model, self._thread = model, thread

    async def read(self, messages: Sequence[Message], cancelled: Callable[[], bool]) -> None:
        """Read ``messages``, the head of a prompt to come."""
        await self._thread.call(self.model.warm, messages, cancelled=cancelled)

    async def pieces(
        self, messages: Sequence[Message], max_tokens: int, cancelled: Callable[[], bool]
    ) -> AsyncGenerator[str, None]:
        """The pieces of an answer; leaving the iteration stops the model before it returns, unless
        the model does not come back."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        stop, started = threading.Event(), threading.Event()

        def unwanted() -> bool:
            return stop.is_set() or cancelled()

        def work() -> None:
            started.set()
            for piece in self.model.stream(messages, max_tokens=max_tokens, cancelled=unwanted):
                loop.call_soon_threadsafe(queue.put_nowait, piece)

        running = asyncio.ensure_future(self._thread.call(work))
        running.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (piece := await queue.get()) is not None:
                yield piece
            await running
        finally:
            stop.set()
            if not started.is_set():
                running.cancel()
            with contextlib.suppress(Cancelled, asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(running, STOP_SECONDS)
