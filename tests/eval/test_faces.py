"""A check of a whole avatar, and its comparison with a real film."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from digital_human.config import settings
from digital_human.face import check, measure, truth
from digital_human.face.check import LIMITS, check_avatar

pytestmark = [pytest.mark.weights, pytest.mark.slow]


def test_check_of_a_shipped_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are there, they pass, and the files can be looked at."""
    monkeypatch.setattr(check, "SILENCE", 2.4)
    monkeypatch.setattr(check, "SENTENCE", "爸爸妈妈，明天八点半。")
    steps: list[str] = []
    card = check_avatar("yun", tmp_path, lambda step, share: steps.append(step))
    assert set(card.figures) == set(LIMITS)
    # Time depends on the machine.
    verdicts = {name: v for name, v in card.verdicts.items() if name != "cpu_ms"}
    assert set(verdicts.values()) == {"pass"}, card.figures
    assert steps[0] == "shapes" and steps[-1] == "done"
    saved = json.loads((tmp_path / "yun-check.json").read_text("utf-8"))
    assert saved["figures"]["closures"]["value"] == 1.0
    assert (tmp_path / "yun-sheet.png").stat().st_size > 100_000
    fps, pictures = truth.read_pictures(tmp_path / "yun-talk.mp4")
    sound = truth.read_sound(tmp_path / "yun-talk.mp4")
    count = sum(1 for _ in pictures)
    assert fps == 25 and len(sound) / truth.RATE == pytest.approx(count / fps, abs=0.5)
    # A shipped anchor's card stays out of the shipped folder.
    assert not (settings().avatars_dir / "yun" / check.CARD).exists()


@pytest.mark.data
def test_real_lips_are_nothing_like_a_still_mouth(data_dir: Path) -> None:
    """The measures on a real speaker: in time with himself, late when shifted, off when frozen."""
    clip = data_dir / "talking" / "grid_bbaf2n.mpg"
    fps, pictures = truth.read_pictures(clip)
    take = measure.follow(pictures)
    pcm = truth.read_sound(clip)
    assert take.seen.all() and len(take.points) == 75
    itself = truth.compare("itself", take, take, pcm, fps)
    assert itself.r == pytest.approx(1) and itself.lag == 0 and itself.distance < 1e-6
    assert 0.1 < itself.envelope_r < 0.7
    late = measure.Take(take.pictures, np.roll(take.points, 2, axis=0))
    assert truth.compare("late", take, late, pcm, fps).lag == 2
