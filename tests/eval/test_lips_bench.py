"""The lip-sync benchmark on made-up recordings and on real speakers of the GRID corpus."""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from digital_human.errors import InputError, WeightsError
from digital_human.models import store

ROOT = Path(__file__).resolve().parents[2]
GRID = ROOT.parent / "shared" / "data" / "talking"


@cache
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lips", ROOT / "scripts" / "bench" / "lips.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lips"] = module
    spec.loader.exec_module(module)
    return module


def made_up(lag: int = 0, still: bool = True):  # type: ignore[no-untyped-def]
    """Ten seconds of syllables with a pause from 4 to 5.5 s, the mouth ``lag`` frames late."""
    time = np.arange(250) / 25
    beat = np.clip(np.sin(2 * np.pi * time * (2.1 + 0.4 * np.sin(time))), 0, 1)
    beat[(time >= 4.0) & (time < 5.5)] = 0
    gap = 0.003 + 0.15 * np.roll(beat, lag)
    if not still:
        gap[(time > 4.5) & (time < 5.0)] = 0.06
    loud = 20 * np.log10(beat + 1e-3)
    return bench().Recording(time, gap, gap * 0.3, loud, [(4.0, 5.5)], 25.0)


@pytest.mark.parametrize("lag", [-3, 0, 1, 4])
def test_lag_is_found(lag: int) -> None:
    row = bench().figures("x", made_up(lag), [])
    assert row.lag_frames == lag
    assert row.lag_ms == pytest.approx(40 * lag, abs=25)
    assert row.r > 0.7


def test_pause_figures() -> None:
    row = bench().figures("x", made_up(), [])
    assert row.pause_frames == 32  # 4.12 … 5.38 s
    assert row.pause_closed == 1.0
    assert row.pause_jitter == 0.0
    open_mouth = bench().figures("x", made_up(still=False), [])
    assert open_mouth.pause_closed == pytest.approx(20 / 32, abs=0.04)
    assert open_mouth.pause_jitter > 0.01


def test_marks_count_closed_frames_within_one() -> None:
    rec = made_up()
    rec.gap[50] = 0.004
    rec.gap[49] = rec.gap[51] = rec.gap[48] = rec.gap[52] = 0.1
    rec.gap[60:70] = 0.1
    marks = [
        {"symbol": "p", "start": 2.03, "end": 2.03},  # frame 50 is one before
        {"symbol": "m", "start": 2.1, "end": 2.1},  # two after: too far
        {"symbol": "pʰ", "start": 2.5, "end": 2.6},
        {"symbol": "f", "start": 2.5, "end": 2.6},
        {"symbol": "a", "start": 2.5, "end": 2.6},
    ]
    row = bench().figures("x", rec, marks)
    assert row.closures == 3
    assert row.closed == pytest.approx(1 / 3)
    assert (row.touches, row.touched) == (1, 0.0)
    assert row.missed == ["m@2.10", "pʰ@2.50", "f@2.50"]


def test_frames_without_a_face_are_left_out() -> None:
    rec = made_up()
    rec.gap[100:140] = np.nan
    row = bench().figures("x", rec, [{"symbol": "b", "start": 4.4, "end": 4.5}])
    assert row.face == pytest.approx(0.84)
    assert row.closures == 0
    assert row.lag_frames == 0
    assert np.isfinite(row.closed_gap)


def test_pauses_are_found_by_sound() -> None:
    rng = np.random.default_rng(0)
    pcm = rng.normal(0, 0.1, 16000 * 3)
    pcm[16000:24000] *= 0.001  # 0.5 s
    pcm[30000:33000] *= 0.001  # 0.19 s: too short
    pauses = bench().find_pauses(pcm, 0.0, 3.0)
    assert len(pauses) == 1
    assert pauses[0] == pytest.approx((1.0, 1.5), abs=0.04)


def test_bad_marks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "marks.json"
    path.write_text(json.dumps([{"symbol": "p", "start": 1.0}]))
    with pytest.raises(InputError, match=r"marks\.json"):
        bench().read_marks(path)
    path.write_text(json.dumps([{"symbol": "p", "start": 1.0, "end": 1.1}]))
    assert bench().read_marks(path) == [{"symbol": "p", "start": 1.0, "end": 1.1}]


@pytest.fixture(scope="module")
def clips() -> Path:
    if not GRID.is_dir():
        pytest.skip("no ../shared/data/talking")
    try:
        store().path("face-landmarker")
    except WeightsError as error:
        pytest.skip(f"no landmarker: {error.message}")
    return GRID


@cache
def recorded(name: str):  # type: ignore[no-untyped-def]
    return bench().record(GRID / name)


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_real_speaker_is_in_sync_and_a_shift_is_seen(clips: Path) -> None:
    rec = recorded("grid_lrwp9a.mpg")
    row = bench().figures("x", rec, [])
    assert row.face == 1.0
    assert abs(row.lag_frames) <= 1
    assert row.r > 0.5
    assert row.closed_gap < 0.02
    assert 0.12 < row.open_gap < 0.3
    pcm, start = bench().sound(clips / "grid_lrwp9a.mpg")
    rec_late = bench().Recording(
        rec.time, rec.gap, rec.area, bench().loudness(pcm, start - 0.12, rec.time), rec.pauses, 25.0
    )  # the sound comes three frames earlier
    assert bench().figures("x", rec_late, []).lag_frames == row.lag_frames + 3


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_real_closures_are_closed_and_vowels_are_not(clips: Path) -> None:
    # "bin blue at f two now": bursts of the two b and the middles of two vowels, by ear.
    rec = recorded("grid_bbaf2n.mpg")
    closures = [("b", 0.92, 0.97), ("b", 1.16, 1.21)]
    vowels = [("b", 1.44, 1.46), ("b", 1.94, 1.98)]
    for marks, expected in ((closures, 1.0), (vowels, 0.0)):
        listed = [{"symbol": s, "start": a, "end": b} for s, a, b in marks]
        row = bench().figures("x", rec, listed)
        assert (row.closures, row.closed) == (2, expected)


@pytest.mark.data
@pytest.mark.weights
@pytest.mark.slow
def test_small_face_in_a_large_picture_measures_alike(clips: Path) -> None:
    import cv2

    frames = [im for _, im in bench().pictures(clips / "grid_lbax4n.mpg")][20:50:3]
    with bench().FaceMeter() as near, bench().FaceMeter() as far:
        for frame in frames:
            wide = np.full((720, 1280, 3), 90, np.uint8)
            small = cv2.resize(frame, (270, 216), interpolation=cv2.INTER_AREA)
            wide[300:516, 900:1170] = small
            assert far.measure(wide)[0] == pytest.approx(near.measure(frame)[0], abs=0.03)
        gap, area = far.measure(np.full((720, 1280, 3), 90, np.uint8))
    assert np.isnan(gap) and np.isnan(area)
