"""Small things that all of the store shares: digests, sizes in words, progress."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes(size: int) -> str:
    """A size for people: decimal megabytes, or kilobytes where it is small."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{size / 1e3:,.1f} kB"


class Progress(Protocol):
    """Told what a pull is doing, from several threads at once."""

    def start(self, item: str, total: int | None, done: int) -> None:
        """A transfer begins: ``total`` bytes if known, ``done`` of them already here."""

    def advance(self, item: str, count: int) -> None:
        """``count`` more bytes of ``item`` came in."""

    def finish(self, item: str) -> None:
        """A transfer ended, whole or not."""

    def note(self, text: str) -> None:
        """Something the user should read."""


class Silent:
    """Progress that nobody watches."""

    def start(self, item: str, total: int | None, done: int) -> None:
        pass

    def advance(self, item: str, count: int) -> None:
        pass

    def finish(self, item: str) -> None:
        pass

    def note(self, text: str) -> None:
        pass
