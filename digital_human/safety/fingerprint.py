"""Fingerprints of words for the audit log: equal words can be recognised, none can be guessed.

A plain digest of a short sentence is found by trying sentences; without the key, which never leaves
the home folder, there is nothing to try them against.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from digital_human.config import settings
from digital_human.errors import ResourceError

_SIZE = 32


def fingerprint(words: bytes) -> str:
    """HMAC-SHA-256 (RFC 2104) of ``words`` under this home's key, in hexadecimal; reads files.

    Raises:
        ResourceError: The key cannot be made or read.
    """
    return hmac.new(_key(settings().home), words, sha256).hexdigest()


@lru_cache(maxsize=4)
def _key(home: Path) -> bytes:
    path = home / "fingerprint.key"
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise ResourceError(
            f"{path}: {error.strerror or error}", fix="make the home folder writable"
        ) from error
    if len(key) != _SIZE:
        raise ResourceError(
            f"{path}: {len(key)} bytes instead of {_SIZE}",
            fix="put the file back from a copy, or delete it: older records then match no more",
        )
    return key


def _make(path: Path) -> None:
    """Write a new key whole or not at all; the first of several processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(_SIZE))
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
