"""Consent of the people who are shown and heard: given for a source and a use, until a day.

One signed JSON file for each consent, readable by its owner alone. A bundle made from a real person
loads only while the record of its consent is whole, unexpired and not revoked; a record that is
lost, damaged or put back after its revocation counts as none.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

from filelock import FileLock
from pypinyin import lazy_pinyin

from digital_human.config import settings
from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.safety.audit import AuditLog
from digital_human.safety.consent_file import (
    ID,
    Consent,
    ConsentFile,
    Scope,
    State,
    Use,
    read_consent_file,
)
from digital_human.safety.signing import record_problem, sign_record

__all__ = ["Consent", "ConsentFile", "Consents", "Scope", "State", "Use", "read_consent_file"]

_MAX_RECORD = 2**18


class Consents:
    """The consents of one home folder; safe with several threads and processes.

    Args:
        folder: Where the records are; ``consents`` in the home folder when None.
        today: The date in UTC.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self.folder = folder or settings().home / "consents"
        self.today = today

    def grant(self, file: ConsentFile, sources: Mapping[str, str]) -> Consent:
        """Record a consent.

        Args:
            file: What was agreed.
            sources: Name → sha256 of every picture, film or recording it is given for.

        Raises:
            InputError: There is no source, or the last day is over.
            ResourceError: The record or the audit log cannot be written; nothing is granted.
        """
        if not sources:
            raise InputError(
                "sources: none; a consent is given for certain pictures or recordings",
                fix="name the file: --source photo.jpg",
            )
        today = self.today()
        if file.until < today:
            raise InputError(
                f"until: {file.until} is over (today is {today}, UTC)",
                fix="write the last day on which the consent holds",
            )
        identity = f"{_slug(file.subject)}-{today:%Y%m%d}-{secrets.token_hex(3)}"
        consent = Consent(
            **file.model_dump(), id=identity, sources=dict(sources), granted=datetime.now(UTC)
        )
        _log(
            "granted", identity, person=file.person, uses=file.uses, scope=file.scope,
            until=str(file.until), sources=sorted(consent.sources.values()),
        )  # fmt: skip
        self._write(consent, new=True)
        return consent

    def revoke(self, id: str, reason: str) -> Consent:
        """Take a consent back, at once and for every process of this machine.

        Revoking twice keeps the first date and reason.

        Raises:
            InputError: No reason is given.
            ConsentError: There is no such record, or it is damaged (and so already not valid).
            ResourceError: The record or the audit log cannot be written.
        """
        if not reason.strip():
            raise InputError("reason: empty", fix='say why: --reason "…"')
        path = self._path(id)
        if path is None or not path.is_file():
            raise _missing(id)
        with self._lock():
            try:
                consent = self.find(id)
            except ConsentError:
                # Logged all the same, so that a whole copy put back later does not count.
                _log("revoked", id)
                raise
            if consent.revoked is not None:
                return consent
            consent = consent.model_copy(
                update={"revoked": datetime.now(UTC), "reason": reason.strip()[:2000]}
            )
            self._write(consent)
            _log("revoked", id)
        return consent

    def find(self, id: str) -> Consent:
        """The record, in whatever state it is.

        Raises:
            ConsentError: There is no such record, or it is damaged.
            InputError: The certificate of the settings cannot be used.
        """
        path = self._path(id)
        found = _read(path) if path else None
        if found is None:
            raise _missing(id)
        if isinstance(found, str):
            raise ConsentError(
                f"consent {id!r}: its record does not count: {found}",
                fix=f"if the person agrees, remove {path} and record the consent again",
            )
        return found

    def require(
        self, id: str, *, source: str, use: Use | None = None, scope: Scope = "face"
    ) -> Consent:
        """The consent, if it holds now for this source and this use.

        Args:
            id: Of the record.
            source: sha256 of the picture, film or recording that something was made from.
            use: What it is wanted for; None asks about the source only.
            scope: Whether a face or a voice is wanted.

        Raises:
            ConsentError: It does not; the refusal is in the audit log.
            InputError: The certificate of the settings cannot be used.
        """
        try:
            consent = self.find(id)
        except ConsentError:
            path = self._path(id)
            _log_refusal(id, "damaged" if path and path.exists() else "missing", use, scope)
            raise
        if refusal := self._refusal(consent, source, use, scope):
            why, problem, fix = refusal
            _log_refusal(id, why, use, scope)
            raise ConsentError(f"consent {id!r}: {problem}", fix=fix)
        return consent

    def valid(self, id: str) -> bool:
        """Whether the record is whole, unexpired and not revoked; cheap enough to be polled."""
        try:
            return self.find(id).state(self.today()) == "valid"
        except (ConsentError, InputError):
            return False

    def damaged(self) -> dict[str, str]:
        """Ids of the records that do not count → what is wrong with them."""
        found = {path.stem: _read(path) for path in self._paths()}
        return {id: problem for id, problem in found.items() if isinstance(problem, str)}

    def list(self) -> _Records:
        """All records that are whole, valid or not, the latest first."""
        found = [record for path in self._paths() if isinstance(record := _read(path), Consent)]
        return sorted(found, key=lambda consent: consent.granted, reverse=True)

    def _refusal(
        self, consent: Consent, source: str, use: Use | None, scope: Scope
    ) -> tuple[str, str, str] | None:
        """Why it does not hold: for the log, for the user, and what helps."""
        again = "ask for a new consent and record it: digital-human consent grant"
        if consent.revoked is not None:
            return "revoked", f"was revoked on {consent.revoked:%Y-%m-%d %H:%M} UTC", again
        if consent.state(self.today()) == "expired":
            return "expired", f"expired: until = {consent.until}", again
        if source not in consent.sources.values():
            given, this = ", ".join(consent.sources), f"sha256 {source[:12] or 'not given'}"
            return "source", f"was given for {given}, not for this source ({this})", again
        if scope not in consent.scope:
            return "scope", f"scope = {', '.join(consent.scope)}; {scope!r} is not in it", again
        if use is not None and use not in consent.uses:
            return "use", f"uses = {', '.join(consent.uses)}; {use!r} is not among them", again
        return None

    def _path(self, id: str) -> Path | None:
        return self.folder / f"{id}.json" if ID.fullmatch(id) else None

    def _paths(self) -> tuple[Path, ...]:
        return tuple(sorted(self.folder.glob("*.json")))

    def _lock(self) -> FileLock:
        with _disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileLock(self.folder / "lock", mode=0o600)

    def _write(self, consent: Consent, *, new: bool = False) -> None:
        record = consent.model_dump(mode="json")
        text = json.dumps({"consent": record, **sign_record(record)}, ensure_ascii=False, indent=1)
        path = self.folder / f"{consent.id}.json"
        part = path.with_suffix(f".{secrets.token_hex(4)}.part")
        with _disk(path):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if new and path.exists():
                raise FileExistsError(f"{consent.id} is taken")
            try:
                handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


_Records: TypeAlias = list[Consent]
_Stamp: TypeAlias = tuple[int, int, int]
_cache: dict[Path, tuple[_Stamp, Consent | str]] = {}
_cache_lock = threading.Lock()


def _read(path: Path) -> Consent | str | None:
    """The record, or what is wrong with it, or None when there is none; read again if changed."""
    while (stamp := _stamp(path)) is not None:
        with _cache_lock:
            known = _cache.get(path)
        if known and known[0] == stamp:
            return known[1]
        found = _parse(path)
        # What was replaced while it was read is read again.
        if _stamp(path) == stamp:
            with _cache_lock:
                _cache[path] = stamp, found
            return found
    with _cache_lock:
        _cache.pop(path, None)
    return None


def _stamp(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _parse(path: Path) -> Consent | str:
    try:
        if path.stat().st_size > _MAX_RECORD:
            return "it is too large"
        envelope = json.loads(path.read_text("utf-8"))
        record = envelope["consent"]
        if problem := record_problem(record, envelope):
            return problem
        consent = Consent.model_validate(record)
    except (OSError, ValueError, KeyError, TypeError):
        return "it cannot be read"
    if consent.id != path.stem:
        return f"it is the record of {consent.id!r}"
    if consent.revoked is None and _revoked_in_log(consent.id):
        return "it was revoked, and an older copy was put back"
    return consent


def _revoked_in_log(id: str) -> bool:
    """Whether the audit log says so, whatever the record says."""
    needle = id.encode()
    for path in AuditLog().folder.glob("audit-*.jsonl"):
        with path.open("rb") as file:
            for line in file:
                if needle in line and _is_revocation(line, id):
                    return True
    return False


def _is_revocation(line: bytes, id: str) -> bool:
    try:
        record = json.loads(line)
        detail = record["detail"]
        said = record["action"], detail["event"], detail["consent"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(said == ("consent", "revoked", id))


def _log(event: str, id: str, **detail: object) -> None:
    AuditLog().append("consent", {"event": event, "consent": id, **detail})


def _log_refusal(id: str, why: str, use: Use | None, scope: Scope) -> None:
    # A refusal must not fail because it could not be noted.
    with suppress(ResourceError, ValueError, TypeError):
        _log("refused", id[:80], why=why, use=use or "", scope=scope)


def _missing(id: str) -> ConsentError:
    return ConsentError(
        f"consent {id!r}: there is no such record on this machine",
        fix="see digital-human consent list; record one with: digital-human consent grant",
    )


class _disk:
    """Says which record could not be written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise ResourceError(
                f"{self._path}: {error.strerror or error}",
                fix="make the folder writable or free some space",
            ) from error


def _slug(subject: str) -> str:
    """Letters and digits of a name for an id, Chinese characters by their pinyin."""
    words = re.findall(r"[a-z0-9]+", " ".join(lazy_pinyin(subject)).lower())
    return "-".join(words)[:32].strip("-") or "person"
