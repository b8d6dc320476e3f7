"""Bounded channels between stages, with a named policy for when they are full."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum
from typing import Generic, Protocol, TypeVar

from digital_human.core.epoch import Epoch


class Stamped(Protocol):
    """Anything that knows the epoch it was made in."""

    @property
    def epoch(self) -> int: ...


T = TypeVar("T", bound=Stamped)


class Policy(Enum):
    """What `Channel.put` does when the channel is full."""

    BLOCK = "block"
    DROP_OLDEST = "drop-oldest"
    LATEST = "latest"


class Channel(Generic[T]):
    """An asyncio queue that drops items of a passed epoch on both ends.

    Args:
        size: Items it holds (`Policy.LATEST` always holds one).
        policy: What happens when it is full.
        epoch: The session's epoch.
    """

    def __init__(self, size: int, policy: Policy, epoch: Epoch) -> None:
        if size < 1:
            raise ValueError(f"channel size {size}: must be at least 1")
        self._items: deque[T] = deque()
        self._size = 1 if policy is Policy.LATEST else size
        self._policy = policy
        self._epoch = epoch
        self._closed = False
        self._changed = asyncio.Condition()
        self.dropped = 0

    async def put(self, item: T) -> None:
        """Add ``item``; a stale one is dropped, a full channel follows its policy."""
        async with self._changed:
            while len(self._items) >= self._size:
                self._drop_stale()
                if len(self._items) < self._size:
                    break
                if self._policy is not Policy.BLOCK:
                    self._items.popleft()
                    self.dropped += 1
                    break
                await self._changed.wait()
            if not self._epoch.stale(item.epoch):
                self._items.append(item)
            self._changed.notify_all()

    async def close(self) -> None:
        """No more items will come; readers finish what is queued."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def flush(self) -> None:
        """Drop what is stale and wake a writer that waits for room."""
        async with self._changed:
            self._drop_stale()
            self._changed.notify_all()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            async with self._changed:
                while not self._items and not self._closed:
                    await self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            if not self._epoch.stale(item.epoch):
                yield item

    def __len__(self) -> int:
        return len(self._items)

    def _drop_stale(self) -> None:
        kept = [item for item in self._items if not self._epoch.stale(item.epoch)]
        self.dropped += len(self._items) - len(kept)
        self._items = deque(kept)
