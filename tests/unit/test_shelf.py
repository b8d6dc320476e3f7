"""Passages on the disk: found by their tokens, bounded, and never trusted when damaged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from digital_human.dialogue.llm.shelf import Shelf, fingerprint
from digital_human.errors import ResourceError

HEAD = [1, 2, 3, 4, 5]
BRIDGE, TOWER = [11, 12, 13, 14, 15], [21, 22, 23, 24]
QUESTION = [90, 91]


def state(seed: int, size: int = 4000) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)


def filled(folder: Path) -> Shelf:
    shelf = Shelf(folder, "model")
    shelf.put(HEAD, BRIDGE, state(1))
    shelf.put(HEAD, TOWER, state(2))
    return shelf


def covered(shelf: Shelf, prompt: list[int]) -> list[list[int]]:
    return [passage.tokens.tolist() for passage in shelf.cover(prompt)]


def test_a_prompt_is_covered_by_its_passages_in_any_order(tmp_path: Path) -> None:
    for shelf in (filled(tmp_path), Shelf(tmp_path, "model")):  # fresh, and read from the disk
        assert covered(shelf, HEAD + BRIDGE + QUESTION) == [BRIDGE]
        assert covered(shelf, HEAD + TOWER + BRIDGE + QUESTION) == [TOWER, BRIDGE]
        assert covered(shelf, HEAD + BRIDGE) == [BRIDGE]
        assert covered(shelf, HEAD + QUESTION + BRIDGE) == []
        assert covered(shelf, BRIDGE + QUESTION) == []
        assert covered(shelf, HEAD + BRIDGE[:-1]) == []
        assert covered(shelf, []) == []
        assert shelf.has(HEAD, TOWER) and not shelf.has(HEAD, TOWER[:-1])
        assert not shelf.has(HEAD[:-1], TOWER)


def test_the_longest_passage_and_the_longest_head_win(tmp_path: Path) -> None:
    shelf = filled(tmp_path)
    shelf.put(HEAD, [*BRIDGE, 16], state(3))
    shelf.put(HEAD[:3], [4, 5, *BRIDGE], state(4))
    assert covered(shelf, [*HEAD, *BRIDGE, 16, *TOWER]) == [[*BRIDGE, 16], TOWER]
    assert shelf.cover(HEAD + BRIDGE)[0].head.tolist() == HEAD


def test_states_come_back_as_they_were_put(tmp_path: Path) -> None:
    filled(tmp_path)
    shelf = Shelf(tmp_path, "model")
    first, second = shelf.cover(HEAD + BRIDGE + TOWER)
    for passage, seed in ((first, 1), (second, 2)):
        loaded = shelf.load(passage)
        assert loaded is not None and np.array_equal(loaded, state(seed))


def test_another_model_has_none_of_them(tmp_path: Path) -> None:
    filled(tmp_path)
    assert len(Shelf(tmp_path, "other")) == 0
    assert len(Shelf(tmp_path, "model")) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_file_is_ignored_and_removed(tmp_path: Path, damage: str) -> None:
    shelf = filled(tmp_path)
    (passage,) = shelf.cover(HEAD + BRIDGE)
    whole = passage.path.read_bytes()
    at = len(whole) * 3 // 4
    passage.path.write_bytes(
        {
            "cut": whole[:at],
            "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            "empty": b"",
            "text": b"not a passage",
        }[damage]
    )
    again = Shelf(tmp_path, "model")  # a flipped byte of the state is seen when it is read
    assert len(again) == (2 if damage == "flipped" else 1)
    assert shelf.load(passage) is None
    assert not passage.path.exists() and covered(shelf, HEAD + BRIDGE) == []
    assert covered(shelf, HEAD + TOWER) == [TOWER]
    shelf.put(HEAD, BRIDGE, state(1))
    assert covered(shelf, HEAD + BRIDGE) == [BRIDGE]


def test_the_folder_stays_within_its_bound_and_the_least_used_go(tmp_path: Path) -> None:
    old = Shelf(tmp_path, "old model")
    old.put(HEAD, BRIDGE, state(0))
    shelf = Shelf(tmp_path, "model", limit=3 * 6000)
    passages = [[100 + n, 1, 2, 3, n] for n in range(9)]
    for n, tokens in enumerate(passages):
        shelf.put(HEAD, tokens, state(n))
        for age, path in enumerate(sorted(tmp_path.glob("*/*.npz"), key=os.path.getmtime)):
            os.utime(path, (1000 * n + age, 1000 * n + age))  # clocks of file systems are coarse
        if n:
            (first,) = shelf.cover(HEAD + passages[0])  # used again and again, so it stays
            assert shelf.load(first) is not None
        size = sum(path.stat().st_size for path in tmp_path.glob("*/*.npz"))
        assert size <= 3 * 6000
    assert covered(shelf, HEAD + passages[0]) == [passages[0]]
    assert covered(shelf, HEAD + passages[8]) == [passages[8]]
    assert covered(shelf, HEAD + passages[4]) == []
    assert len(Shelf(tmp_path, "old model")) == 0 and len(shelf) == len(Shelf(tmp_path, "model"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file where the folder should be")
    with pytest.raises(ResourceError, match="cannot keep a passage") as raised:
        Shelf(tmp_path, "model").put(HEAD, BRIDGE, state(1))
    assert raised.value.fix


def test_a_model_is_told_by_its_bytes_wherever_they_differ(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    data = bytearray(np.random.default_rng(5).bytes(3 << 20))
    model.write_bytes(data)
    known = fingerprint(model, "1.0")
    assert fingerprint(model, "1.0") == known != fingerprint(model, "1.1")
    for at in (0, len(data) // 2, len(data) - 1):
        start = max(0, at - 2**17)
        changed = bytearray(data)
        changed[start : start + 2**18] = bytes(len(changed[start : start + 2**18]))
        model.write_bytes(changed)
        assert fingerprint(model, "1.0") != known
