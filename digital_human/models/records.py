"""What was verified: size and modification time of files whose sha256 was right."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from digital_human.models.files import file_sha256
from digital_human.models.manifest import FileSpec, ModelSpec

_NAME = ".verified.json"


@dataclass(slots=True)
class Records:
    """The record of one model's folder.

    Attributes:
        folder: The model's folder.
        entries: File name → [sha256, size, modification time in ns] at the time of verification.
    """

    folder: Path
    entries: dict[str, list[str | int]] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def read(cls, folder: Path) -> Records:
        """Read the record; a missing or unreadable one counts as empty."""
        entries = {}
        with contextlib.suppress(OSError, ValueError):
            entries = json.loads((folder / _NAME).read_text(encoding="utf-8"))
        return cls(folder, entries if isinstance(entries, dict) else {})

    def knows(self, file: FileSpec) -> bool:
        """Whether ``file`` was verified and has not changed since."""
        stamp = self._stamp(file)
        return stamp is not None and self.entries.get(file.name) == stamp

    def accept(self, file: FileSpec) -> bool:
        """Whether ``file`` is right; an unknown file of the right size is hashed and recorded."""
        if self.knows(file):
            return True
        path = self.folder / file.name
        right = (
            path.is_file() and path.stat().st_size == file.size and file_sha256(path) == file.sha256
        )
        self.set(file, right)
        return right

    def set(self, file: FileSpec, right: bool) -> None:
        """Record or forget ``file`` as it is on disk now."""
        stamp = self._stamp(file) if right else None
        if stamp is not None and self.entries.get(file.name) != stamp:
            self.entries[file.name] = stamp
            self._changed = True
        if stamp is None and self.entries.pop(file.name, None) is not None:
            self._changed = True

    def write(self) -> None:
        """Put the record in place in one step, if it changed and the folder can be written."""
        if not self._changed:
            return
        with contextlib.suppress(PermissionError):
            fresh = self.folder / f"{_NAME}.{os.getpid()}.{threading.get_ident()}"
            fresh.write_text(json.dumps(self.entries, indent=1), encoding="utf-8")
            fresh.replace(self.folder / _NAME)
            self._changed = False

    def _stamp(self, file: FileSpec) -> list[str | int] | None:
        try:
            stat = (self.folder / file.name).stat()
        except OSError:
            return None
        return [file.sha256, stat.st_size, stat.st_mtime_ns]


def missing_files(folder: Path, spec: ModelSpec, own: Container[str]) -> list[FileSpec]:
    """Files of ``spec`` that are not in ``folder`` or have a wrong sha256.

    Args:
        folder: The model's folder.
        spec: The model.
        own: Names of files that the user brings; they are not looked for.
    """
    records = Records.read(folder)
    missing = [file for file in spec.files if file.name not in own and not records.accept(file)]
    records.write()
    return missing
