"""Shared fixtures: where real data and weights are, and a home of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from digital_human.config import settings
from digital_human.errors import WeightsError
from digital_human.models import store

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"

WEIGHTS = (
    "kokoro-int8", "kokoro-voices", "whisper-base", "face-landmarker", "smart-turn",
    "use-multilingual", "qwen2.5-coder-0.5b", "selfie-segmentation", "face-detector",
)  # fmt: skip


@lru_cache(maxsize=1)
def missing_weights() -> str:
    """What is wrong with the weights that tests use; empty when they are all there."""
    missing = []
    for name in WEIGHTS:
        try:
            store().path(name)
        except WeightsError:
            missing.append(name)
    return ", ".join(missing)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs weights where there are none, but never in CI."""
    if item.get_closest_marker("weights") is None or not (missing := missing_weights()):
        return
    reason = f"no weights for {missing}: run `digital-human models pull --all`"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


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
