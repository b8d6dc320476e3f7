"""Fingerprints of words under this home's key."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from digital_human.errors import ResourceError
from digital_human.safety.fingerprint import _key, fingerprint


def test_equal_words_have_equal_prints_that_nobody_else_can_make(home: Path) -> None:
    first = fingerprint("坏话".encode())
    assert first == fingerprint("坏话".encode()) != fingerprint("好话".encode())
    assert first != hashlib.sha256("坏话".encode()).hexdigest()
    path = home / "fingerprint.key"
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size == 32
    assert list(home.iterdir()) == [path]
    _key.cache_clear()
    assert fingerprint("坏话".encode()) == first
    path.unlink()
    _key.cache_clear()
    assert fingerprint("坏话".encode()) != first


def test_a_damaged_key_is_told(home: Path) -> None:
    home.mkdir()
    (home / "fingerprint.key").write_bytes(b"short")
    _key.cache_clear()
    with pytest.raises(ResourceError, match="5 bytes instead of 32"):
        fingerprint(b"x")
