"""Which prompt heads the key-value cache holds, and which of them a new prompt can start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Heads = Iterable[npt.NDArray[np.int32]]
_NO_TOKENS: npt.NDArray[np.int32] = np.empty(0, np.int32)


@dataclass(slots=True)
class Slot:
    """One sequence of the cache.

    Attributes:
        number: Its sequence id.
        tokens: int32 [n], what it holds from position 0.
        used: When it was last of use; larger is later.
    """

    number: int
    tokens: npt.NDArray[np.int32] = field(default_factory=lambda: _NO_TOKENS)
    used: int = 0


class Slots:
    """The sequences of one cache, least recently used first to go.

    Args:
        count: Sequences the cache has.
    """

    def __init__(self, count: int) -> None:
        self._slots = [Slot(number) for number in range(count)]
        self._now = 0

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def find(self, prompt: Sequence[int]) -> tuple[Slot, int]:
        """The sequence that shares the longest head with ``prompt``, and the head's length.

        It counts as used: as long as prompts start from it, it stays.
        """
        wanted = np.asarray(prompt, np.int32)
        shared = [common(slot.tokens, wanted) for slot in self._slots]
        longest = max(shared)
        donor = self._slots[shared.index(longest)]
        self._touch(donor)
        return donor, longest

    def take(self, keep: Slot, heads: Heads = ()) -> Slot:
        """A sequence to write to, other than ``keep``: an empty one, else the least used.

        The only one that holds one of ``heads`` is the last to go.
        """
        others = [slot for slot in self._slots if slot is not keep]
        free = [slot for slot in others if not len(slot.tokens)]
        slot = min(free or self._spared(others, heads), key=lambda slot: slot.used)
        self._touch(slot)
        return slot

    def oldest(self, kept: Slot, heads: Heads = ()) -> Slot | None:
        """The least used sequence that holds something and is not ``kept``; ``heads`` as in
        `take`."""
        held = [slot for slot in self._slots if len(slot.tokens) and slot is not kept]
        return min(self._spared(held, heads), key=lambda slot: slot.used, default=None)

    def _spared(self, slots: list[Slot], heads: Heads) -> list[Slot]:
        """``slots`` without those that alone hold one of ``heads``, unless those are all."""
        sole = set()
        for head in heads:
            holders = [s.number for s in self._slots if common(s.tokens, head) == len(head)]
            sole |= set(holders) if len(holders) == 1 else set()
        return [slot for slot in slots if slot.number not in sole] or slots

    def _touch(self, slot: Slot) -> None:
        self._now += 1
        slot.used = self._now


def common(held: npt.NDArray[np.int32], wanted: npt.NDArray[np.int32]) -> int:
    """Length of the head that both share."""
    length = min(len(held), len(wanted))
    differs = np.flatnonzero(held[:length] != wanted[:length])
    return int(differs[0]) if len(differs) else length
