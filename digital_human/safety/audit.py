"""The audit log: what was decided, by whom and when, in files that only grow.

One JSON record a line, one file a month. Each record holds the SHA-256 of the one before it, so a
record that was changed, removed or moved breaks the chain; ``head.json`` names the last one, so a
cut-off end is noticed too. Nothing is ever deleted: the rules ask for six months or more.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from digital_human import __version__
from digital_human.config import settings
from digital_human.errors import ResourceError, VerifyError
from digital_human.models.files import file_sha256

_START = "0" * 64
_SECRETS = ("key", "secret", "token", "password", "authorization")


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the log.

    Attributes:
        seq: Number of the record, from 1.
        time: UTC time, ISO 8601.
        actor: Account that ran the program.
        action: What was done: moderation, export, consent, …
        detail: Facts of the action.
        version: Version of the program.
        prev: SHA-256 of the record before.
        hash: SHA-256 of this record without this field.
    """

    seq: int
    time: str
    actor: str
    action: str
    detail: Mapping[str, Any]
    version: str
    prev: str
    hash: str


class AuditLog:
    """Appends to and checks the log of one home folder; safe with several processes.

    Args:
        folder: Where the files are; ``audit`` in the home folder when None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings().home / "audit"

    def append(self, action: str, detail: Mapping[str, object]) -> AuditRecord:
        """Add a record and wait until it is on disk.

        Args:
            action: What was done.
            detail: Facts of it, JSON values; names and hashes, not whole texts or personal data.

        Raises:
            ValueError: A key of ``detail`` names a secret.
            ResourceError: The log cannot be written; the action must not go on unrecorded.
        """
        for key in detail:
            if any(word in key.lower() for word in _SECRETS):
                raise ValueError(f"detail {key!r}: secrets do not belong in the audit log")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.folder / "lock"):
                return self._append(action, detail)
        except OSError as error:
            raise ResourceError(
                f"audit log {self.folder}: {error.strerror or error}",
                fix="make the folder writable or free some space; nothing is done unrecorded",
            ) from error

    def records(self) -> Iterator[AuditRecord]:
        """All records, oldest first.

        Raises:
            VerifyError: A line is not a record.
        """
        for path in self._files():
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                try:
                    yield AuditRecord(**json.loads(line))
                except (ValueError, TypeError) as error:
                    raise VerifyError(f"{path.name} line {number}: not a record") from error

    def verify_chain(self) -> int:
        """Check every record against the one before it and the last one against the head.

        Returns:
            The number of records.

        Raises:
            VerifyError: A record was changed, removed, moved or cut off; the first one is named.
        """
        previous, count = _START, 0
        with FileLock(self.folder / "lock") if self.folder.is_dir() else _NoLock():
            for record in self.records():
                count += 1
                if record.hash != _hash(record):
                    raise VerifyError(f"audit record {record.seq}: its content was changed")
                if record.seq != count or record.prev != previous:
                    raise VerifyError(
                        f"audit record {record.seq}: does not follow record {count - 1}; "
                        "something was removed or moved"
                    )
                previous = record.hash
            head = self._head()
        # The head may be one record behind after a power cut between the two writes.
        if head and head["seq"] > count:
            raise VerifyError(f"audit log ends at record {count}, but {head['seq']} were written")
        if count and (head is None or head["seq"] < count - 1):
            raise VerifyError("audit log: head.json is missing or was put back to an older state")
        if head and head["seq"] == count and head["hash"] != previous:
            raise VerifyError("audit log: head.json names another last record")
        return count

    def find_output(self, sha256: str) -> AuditRecord | None:
        """The latest record of the file with this digest."""
        found = None
        for record in self.records():
            if record.detail.get("output_sha256") == sha256:
                found = record
        return found

    def _append(self, action: str, detail: Mapping[str, object]) -> AuditRecord:
        self._set_aside_torn_line()
        last = self._last()
        record = AuditRecord(
            seq=last.seq + 1 if last else 1,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            actor=_actor(),
            action=action,
            detail=dict(detail),
            version=__version__,
            prev=last.hash if last else _START,
            hash="",
        )
        fields = _fields(record)
        fields["hash"] = _hash(record)
        path = self.folder / f"audit-{record.time[:7]}.jsonl"
        _append_line(path, json.dumps(fields, ensure_ascii=False, sort_keys=True) + "\n")
        self._write_head(fields["seq"], fields["hash"])
        return AuditRecord(**fields)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("audit-*.jsonl"))

    def _last(self) -> AuditRecord | None:
        for path in reversed(self._files()):
            lines = path.read_text(encoding="utf-8").splitlines()
            if lines:
                return AuditRecord(**json.loads(lines[-1]))
        return None

    def _set_aside_torn_line(self) -> None:
        """Move a last line that a power cut left without its end out of the way."""
        files = self._files()
        if not files or not (data := files[-1].read_bytes()) or data.endswith(b"\n"):
            return
        whole = data.rfind(b"\n") + 1
        torn = self.folder / f"torn-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.txt"
        torn.write_bytes(data[whole:])
        with files[-1].open("r+b") as file:
            file.truncate(whole)
            os.fsync(file.fileno())

    def _head(self) -> dict[str, Any] | None:
        try:
            head = json.loads((self.folder / "head.json").read_text())
            return {"seq": int(head["seq"]), "hash": str(head["hash"])}
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise VerifyError("audit log: head.json is not readable") from error

    def _write_head(self, seq: int, digest: str) -> None:
        partial = self.folder / "head.part"
        with partial.open("w") as file:
            json.dump({"seq": seq, "hash": digest}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / "head.json")


def record_export(output: Path, *, log: AuditLog | None = None, **detail: object) -> AuditRecord:
    """Record a finished file by its digest.

    Args:
        output: The labelled and signed file.
        log: The log; the home folder's when None.
        **detail: Further facts, such as ``script_sha256``, ``produce_id``, ``moderation``.
    """
    facts = {"output": output.name, "output_sha256": file_sha256(output), **detail}
    return (log or AuditLog()).append("export", facts)


class _NoLock:
    """Stands in for the lock while there is no log yet."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def _fields(record: AuditRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in AuditRecord.__slots__}


def _hash(record: AuditRecord) -> str:
    fields = _fields(record)
    del fields["hash"]
    canonical = json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _append_line(path: Path, line: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(handle).st_size
        data = line.encode()
        try:
            if os.write(handle, data) != len(data):
                raise OSError("the disk took only part of the record")
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"
