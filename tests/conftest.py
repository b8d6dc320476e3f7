"""Shared fixtures: where real data and weights are, and a home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.config import settings

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real clips, portraits, speech and texts; outside the repository."""
    if not DATA.is_dir():
        pytest.skip("../shared/data is not here: real test material stays outside the repository")
    return DATA


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh, empty DH_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("DH_HOME", str(folder))
    settings.cache_clear()
    yield folder
    settings.cache_clear()
