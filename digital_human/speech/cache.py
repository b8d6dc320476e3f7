"""Spoken clauses on disk, so that a one-word edit speaks only its clause again."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import FloatArray
from digital_human.errors import ResourceError
from digital_human.speech.types import Clause, Phone, Speech, Word

_PRUNE_EVERY = 64


class ClauseCache:
    """Clauses by key, one file each; safe for several processes.

    Args:
        folder: Made when needed.
        limit: Bytes it may take; the least recently used go first.
        keep: Whether new clauses are written; a live conversation only reads, so that nothing a
            visitor caused to be said stays on the disk.
    """

    def __init__(self, folder: Path, limit: int = 512 * 1024 * 1024, *, keep: bool = True) -> None:
        self._folder = folder
        self._limit = limit
        self._keep = keep
        self._writes = 0

    def get(self, key: str, clause: Clause) -> Speech | None:
        """The sound of ``key`` as speech of ``clause``; None when it is not there or damaged."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as data:
                pcm = from_int16(data["pcm"])
                head = json.loads(str(data["head"]))
            os.utime(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return Speech(
            clause=clause,
            spoken=head["spoken"],
            pcm=pcm,
            rate=head["rate"],
            phones=tuple(Phone(*phone) for phone in head["phones"]),
            words=tuple(Word(*word) for word in head["words"]),
            epoch=clause.epoch,
        )

    def put(self, key: str, speech: Speech) -> None:
        """Keep ``speech`` (its sound as 16 bit).

        Raises:
            ResourceError: The disk is full or the folder cannot be written.
        """
        if not self._keep:
            return
        head = {
            "spoken": speech.spoken,
            "rate": speech.rate,
            "phones": [(p.symbol, p.start, p.end, p.stress) for p in speech.phones],
            "words": [(w.text, w.start, w.end) for w in speech.words],
        }
        path = self._path(key)
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
                temporary = Path(file.name)
                np.savez(file, pcm=to_int16(speech.pcm), head=np.array(json.dumps(head)))
            os.replace(temporary, path)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            raise ResourceError(
                f"cannot write the clause cache {self._folder}: {error.strerror or error}",
                fix="free some disk space, or point DH_HOME at a folder that can be written",
            ) from error
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 1:
            self.prune()

    def prune(self) -> None:
        """Delete the least recently used clauses until the cache is within its limit."""
        files = []
        for path in self._folder.glob("*/*.npz"):
            with contextlib.suppress(OSError):  # another process may prune too
                stat = path.stat()
                files.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npz"


def to_int16(pcm: FloatArray) -> npt.NDArray[np.int16]:
    """Sound as 16-bit integers, −32767…32767."""
    return np.asarray(np.rint(np.clip(pcm, -1, 1) * 32767), np.int16)


def from_int16(pcm: npt.NDArray[np.int16]) -> FloatArray:
    """Sound as float32, −1…1."""
    return np.asarray(pcm, np.float32) / np.float32(32767)
