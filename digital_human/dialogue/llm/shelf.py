"""Passages that the language model has read once, on the disk, so that no turn reads them again.

Knowledge does not change from turn to turn. A passage's key-value state is computed as it follows
the head of its prompts (persona, rules, the mark before the notes) and kept; in a prompt it is put
behind that head or behind other passages by turning its keys to their new positions. Passages then
do not see each other, only the head and themselves, and what comes behind them sees them all
("modular attention": Gim et al., Prompt Cache, MLSys 2024).

Only passages of the knowledge are kept, never what a visitor said.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.errors import ResourceError

LIMIT = 2**30
"""Bytes all passages of all models may take; the least recently used go first."""
_LEAD = 4  # tokens by which passages are looked up
_SAMPLES, _SAMPLE = 16, 2**16
# Raise it when the layout of the files or what their state depends on changes.
_FORMAT = 1

Tokens = npt.NDArray[np.int32]
State = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was read.

    Attributes:
        head: int32 [n], what it was read behind.
        tokens: int32 [m], the passage; m ≥ 1.
        path: Its file.
    """

    head: Tokens
    tokens: Tokens
    path: Path


class Shelf:
    """The passages of one model; used from one thread.

    Args:
        folder: Of the passages of all models; made when needed.
        model: What the state depends on, see `fingerprint`.
        limit: Bytes ``folder`` may take.
    """

    def __init__(self, folder: Path, model: str, limit: int = LIMIT) -> None:
        self._root, self._folder, self._limit = folder, folder / model, limit
        self._heads: dict[bytes, Tokens] = {}
        self._passages: dict[tuple[bytes, bytes], list[Passage]] = {}
        for path in sorted(self._folder.glob("*.npz")):
            if (passage := _read_tokens(path)) is not None:
                self._add(passage)

    @property
    def heads(self) -> list[Tokens]:
        """What passages were read behind."""
        return list(self._heads.values())

    def cover(self, prompt: Sequence[int]) -> list[Passage]:
        """The passages that ``prompt`` begins with, behind a head of theirs; none when there is
        no such head."""
        wanted = np.asarray(prompt, np.int32)
        heads = [h for h in self._heads.values() if _starts(wanted, h, 0)]
        head = max(heads, key=len, default=None)
        if head is None:
            return []
        found: list[Passage] = []
        at = len(head)
        while (passage := self._next(wanted, head, at)) is not None:
            found.append(passage)
            at += len(passage.tokens)
        return found

    def has(self, head: Sequence[int], tokens: Sequence[int]) -> bool:
        """Whether this passage is kept, as it follows ``head``."""
        behind, own = np.asarray(head, np.int32), np.asarray(tokens, np.int32)
        known = self._passages.get((behind.tobytes(), own[:_LEAD].tobytes()), ())
        return any(np.array_equal(p.tokens, own) for p in known)

    def load(self, passage: Passage) -> State | None:
        """The state of ``passage``; None, and the file is removed, when it is damaged."""
        try:
            with passage.path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                state = np.asarray(kept["state"], np.uint8)
                whole = np.array_equal(kept["tokens"], passage.tokens)
            if whole:
                os.utime(passage.path)
                return state
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass
        self.remove(passage)
        return None

    def put(self, head: Sequence[int], tokens: Sequence[int], state: State) -> None:
        """Keep a passage; those least recently used make room.

        Raises:
            ResourceError: The disk is full or the folder cannot be written.
        """
        behind, own = np.asarray(head, np.int32), np.asarray(tokens, np.int32)
        name = sha256(behind.tobytes() + b"|" + own.tobytes()).hexdigest()[:32]
        path = self._folder / f"{name}.npz"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, head=behind, tokens=own, state=state)
                os.replace(part, path)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ResourceError(
                f"cannot keep a passage in {self._folder}: {error.strerror or error}",
                fix="free some disk space, or point DH_HOME at a folder that can be written",
            ) from error
        self._add(Passage(behind, own, path))
        self._make_room()

    def remove(self, passage: Passage) -> None:
        """Forget ``passage`` and delete its file."""
        passage.path.unlink(missing_ok=True)
        known = self._passages.get(_key(passage), [])
        known[:] = [p for p in known if p.path != passage.path]

    def __len__(self) -> int:
        return sum(map(len, self._passages.values()))

    def _next(self, wanted: Tokens, head: Tokens, at: int) -> Passage | None:
        lead = wanted[at : at + _LEAD].tobytes()
        known = self._passages.get((head.tobytes(), lead), ())
        fitting = (p for p in known if _starts(wanted, p.tokens, at))
        return max(fitting, key=lambda p: len(p.tokens), default=None)

    def _add(self, passage: Passage) -> None:
        self._heads.setdefault(passage.head.tobytes(), passage.head)
        known = self._passages.setdefault(_key(passage), [])
        known[:] = [*(p for p in known if p.path != passage.path), passage]

    def _make_room(self) -> None:
        files = []
        for path in self._root.glob("*/*.npz"):
            with contextlib.suppress(OSError):  # another process may do the same
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        spare = self._limit - sum(size for _, size, _ in files)
        by_path = {p.path: p for known in self._passages.values() for p in known}
        for _, size, path in sorted(files):
            if spare >= 0:
                return
            spare += size
            if path in by_path:
                self.remove(by_path[path])
            else:
                path.unlink(missing_ok=True)


def fingerprint(model: Path, *parts: object) -> str:
    """What the state of a passage depends on: the model's weights and how they are run.

    Args:
        model: The weights; samples from all over the file tell it from any other.
        *parts: Anything else, e.g. the version of the library.
    """
    size = model.stat().st_size
    digest = sha256(repr((_FORMAT, size, parts)).encode())
    with model.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek(max(0, size - _SAMPLE) * number // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))
    return digest.hexdigest()[:32]


def _read_tokens(path: Path) -> Passage | None:
    """A kept passage without its state; None, and the file is removed, when it is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            head, tokens = (np.asarray(kept[name], np.int32) for name in ("head", "tokens"))
        if head.ndim == tokens.ndim == 1 and len(tokens):
            return Passage(head, tokens, path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        pass
    path.unlink(missing_ok=True)
    return None


def _key(passage: Passage) -> tuple[bytes, bytes]:
    return passage.head.tobytes(), passage.tokens[:_LEAD].tobytes()


def _starts(wanted: Tokens, tokens: Tokens, at: int) -> bool:
    """Whether ``tokens`` stand in ``wanted`` at ``at``."""
    return np.array_equal(wanted[at : at + len(tokens)], tokens)
