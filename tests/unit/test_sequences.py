"""Which sequences of the cache go when there is no room."""

from __future__ import annotations

import numpy as np

from digital_human.dialogue.llm.sequences import Slots

CHINESE, ENGLISH = (np.arange(first, first + 5, dtype=np.int32) for first in (0, 100))


def test_the_least_used_goes_first() -> None:
    slots = Slots(4)
    for first in (0, 100, 200):
        keep, _ = slots.find([first])
        slots.take(keep).tokens = np.arange(first, first + 5, dtype=np.int32)
    donor, shared = slots.find([0, 1, 2, 9])
    assert shared == 3
    assert slots.oldest(donor) is not donor
    assert slots.take(donor).tokens.tolist() != donor.tokens.tolist()


def test_the_only_copy_of_a_head_outlives_any_number_of_turns_in_another_language() -> None:
    slots, heads = Slots(4), [CHINESE, ENGLISH]
    for head in heads:
        slots.take(slots.find([])[0], heads).tokens = head
    for turn in range(50):
        donor, shared = slots.find([*CHINESE.tolist(), 1000 + turn])
        assert shared == len(CHINESE)
        slots.take(donor, heads).tokens = np.append(CHINESE, 1000 + turn).astype(np.int32)
        old = slots.oldest(donor, heads)
        assert old is not None and not np.array_equal(old.tokens, ENGLISH)
    assert slots.find(ENGLISH.tolist())[1] == len(ENGLISH)


def test_heads_go_when_nothing_else_is_left() -> None:
    slots = Slots(2)
    first, second = slots.find([])[0], slots.take(slots.find([])[0])
    first.tokens, second.tokens = CHINESE, ENGLISH
    assert slots.oldest(first, [CHINESE, ENGLISH]) is second
    assert slots.take(first, [CHINESE, ENGLISH]) is second
