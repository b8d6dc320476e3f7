"""Reports of visitors about an answer: one JSON file each, and a line in the audit log."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from digital_human.core.stage import ModelThread
from digital_human.dialogue.history import Exchange
from digital_human.dialogue.types import Source
from digital_human.errors import InputError, ResourceError
from digital_human.safety.audit import AuditLog
from digital_human.safety.fingerprint import fingerprint

_SAFE = re.compile(r"[^0-9A-Za-z_-]")


@dataclass(frozen=True, slots=True)
class ReportedTurn:
    """What is stored of a turn that a visitor complains about.

    Attributes:
        session: Session id.
        persona: Name of the persona.
        turn: Turn number; 0 when the visitor means no particular one.
        question: What was heard or typed.
        answer: What the visitor heard.
        sources: Passages the answer rested on.
        note: What the visitor says about it.
    """

    session: str
    persona: str
    turn: int
    question: str
    answer: str
    sources: Sequence[Source]
    note: str


def reported(
    session: str, persona: str, exchanges: Sequence[Exchange], turn: int | None, note: str
) -> ReportedTurn:
    """A turn of ``exchanges``, by default the last one, as it is stored.

    Raises:
        InputError: There is no such turn.
    """
    found = [e for e in exchanges if turn in (None, e.turn)]
    if turn is not None and not found:
        raise InputError(
            f"turn {turn}: this session does not remember it", fix="report a recent turn"
        )
    if not found:
        return ReportedTurn(session, persona, 0, "", "", (), note)
    last = found[-1]
    return ReportedTurn(session, persona, last.turn, last.question, last.answer, last.sources, note)


class ReportStore:
    """Keeps reports in a folder; files are readable by the owner only.

    Args:
        folder: Where they go; made when needed.
        audit: Gets a line per report, without the words.
    """

    TEXT_LIMIT = 8_000  # characters per text
    SOURCES = 8
    FILES = 10_000

    def __init__(self, folder: Path, audit: AuditLog) -> None:
        self._folder = folder
        self._audit = audit
        self._writer = ModelThread("reports")
        self._count: int | None = None

    async def save(self, report: ReportedTurn) -> str:
        """Store a report and return its id; it is on disk and in the audit log then.

        Raises:
            ResourceError: The folder is full or cannot be written, or the audit log cannot.
        """
        return await self._writer.call(self._save, report)

    def close(self) -> None:
        """Wait for the report that is being stored."""
        self._writer.close()

    def _save(self, report: ReportedTurn) -> str:
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        record = self._clipped(report) | {"id": name, "time": now.isoformat(timespec="seconds")}
        data = json.dumps(record, ensure_ascii=False, indent=2).encode("utf-8", "replace")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._count is None or self._count >= self.FILES:  # some may be gone by now
                self._count = sum(1 for _ in self._folder.glob("*.json"))
            if self._count >= self.FILES:
                raise ResourceError(
                    f"reports {self._folder}: {self._count} reports wait to be read",
                    fix="read them and move them away",
                )
            _write_new(self._folder / f"{name}.json", data)
        except OSError as error:
            raise ResourceError(
                f"report in {self._folder}: {error.strerror or error}",
                fix="make the folder writable or free some space",
            ) from error
        self._count += 1
        detail = {
            "report": name, "session": _SAFE.sub("", report.session)[:64], "turn": report.turn,
            "report_hmac": fingerprint(data),
        }  # fmt: skip
        self._audit.append("report", detail)
        return name

    def _clipped(self, report: ReportedTurn) -> dict[str, object]:
        limit = self.TEXT_LIMIT
        texts = ("question", "answer", "note")
        fields = asdict(report)
        return fields | {
            **{name: str(fields[name])[:limit] for name in texts},
            "sources": [
                asdict(source) | {"text": source.text[:limit]}
                for source in report.sources[: self.SOURCES]
            ],
        }


def _write_new(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
