"""A language model that writes what it is given and keeps what it was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from digital_human.dialogue.llm.base import Message, never
from digital_human.errors import Cancelled


class ScriptedLlm:
    """Writes given pieces; keeps what it was asked."""

    def __init__(self, *pieces: str, wait: float = 0.0, error: Exception | None = None) -> None:
        self.pieces, self.wait, self.error = pieces, wait, error
        self.asked: list[Sequence[Message]] = []
        self.warmed: list[Sequence[Message]] = []
        self.learned: list[tuple[Sequence[Message], str]] = []
        self.written = 0
        self.stopped = threading.Event()

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        self.asked.append(messages)
        try:
            for piece in self.pieces:
                time.sleep(self.wait)
                if cancelled():
                    raise Cancelled("not wanted")
                self.written += 1
                yield piece
            if self.error is not None:
                raise self.error
        finally:
            self.stopped.set()

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        self.warmed.append(messages)

    def learn(
        self, head: Sequence[Message], passage: str, *, cancelled: Callable[[], bool] = never
    ) -> None:
        self.learned.append((head, passage))

    def forget(self, kept: Sequence[Sequence[Message]]) -> None:
        return

    def close(self) -> None:
        return
