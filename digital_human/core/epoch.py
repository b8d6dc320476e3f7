"""Cancellation is a number: work made in an older epoch is dropped wherever it is met."""

from __future__ import annotations

import threading

from digital_human.errors import Cancelled


class Epoch:
    """A counter shared by all stages of one session; safe to read and bump from any thread."""

    def __init__(self) -> None:
        self._value = 0
        self._lock = threading.Lock()

    @property
    def current(self) -> int:
        """The epoch that is wanted now."""
        return self._value

    def bump(self) -> int:
        """Cancel everything made so far and return the new epoch."""
        with self._lock:
            self._value += 1
            return self._value

    def stale(self, epoch: int) -> bool:
        """Whether something made in ``epoch`` is not wanted any more."""
        return epoch < self._value

    def check(self, epoch: int) -> None:
        """Raise `Cancelled` when ``epoch`` has passed; model threads call it between batches."""
        if self.stale(epoch):
            raise Cancelled(f"epoch {epoch} was cancelled by epoch {self._value}")
