"""The mouth that goes by the sound alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from digital_human.errors import WeightsError
from digital_human.face.animation import Animator, heard
from digital_human.face.animation import mouth as mouths
from digital_human.face.animation.articulation import COLUMN
from digital_human.face.animation.heard import LOOKAHEAD, ROW, Heard, HeardMouth, hear
from digital_human.face.animation.heardmel import RATE, MelStream, mel_of
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.speech.types import Clause, Phone, Speech

FPS = 25


def pieces(pcm: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """``pcm`` cut anywhere."""
    rng = np.random.default_rng(seed)
    at = 0
    while at < len(pcm):
        step = int(rng.integers(1, 4000))
        yield pcm[at : at + step]
        at += step


def babble(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """A buzzing voice with two formants whose syllables come four times a second."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    source = np.zeros(len(t))
    source[:: rate // 120] = 1.0
    source += 0.02 * rng.standard_normal(len(t))
    voice = np.zeros(len(t))
    for hertz, width in ((700.0, 90.0), (1200.0, 110.0), (2600.0, 160.0)):
        n = np.arange(int(0.03 * rate)) / rate
        ring = np.exp(-np.pi * width * n) * np.sin(2 * np.pi * hertz * n)
        voice += np.convolve(source, ring)[: len(t)]
    syllable = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) ** 0.5
    voice *= syllable
    return (0.5 * voice / np.abs(voice).max()).astype(np.float32)


def same(a: Heard, b: Heard, rows: int | None = None) -> None:
    for name in ("pose", "lips", "teeth", "level"):
        left, right = getattr(a, name)[:rows], getattr(b, name)[:rows]
        np.testing.assert_allclose(left, right, atol=2e-4, err_msg=name)
    np.testing.assert_array_equal(a.speech[:rows], b.speech[:rows])


def lip_gap(frame: MotionFrame) -> float:
    """Outer-eye distances."""
    return (
        0.32 * (frame["jawOpen"] - frame["mouthClose"])
        + 0.05 * frame["mouthUpperUpLeft"]
        + 0.06 * frame["mouthLowerDownLeft"]
    )


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_mel_frames_do_not_depend_on_how_the_sound_is_cut(rate: int) -> None:
    pcm = babble(1.5, rate)
    whole = mel_of(pcm, rate)
    stream = MelStream(rate)
    parts = [stream.feed(piece) for piece in pieces(pcm, 3)]
    parts.append(stream.feed(np.zeros(0, np.float32), last=True))
    joined = np.concatenate([p.bands for p in parts])
    assert abs(len(whole) - 150) <= 1
    np.testing.assert_allclose(joined, whole.bands, atol=1e-4)
    np.testing.assert_allclose(np.concatenate([p.level for p in parts]), whole.level, atol=1e-3)


def test_mel_frames_do_not_depend_on_the_level() -> None:
    pcm = babble(2.0)
    loud, soft = mel_of(pcm, RATE), mel_of(pcm * np.float32(0.1), RATE)
    np.testing.assert_allclose(loud.bands[20:], soft.bands[20:], atol=0.02)
    assert loud.loud[-1] - soft.loud[-1] == pytest.approx(20.0, abs=0.1)


def test_a_tone_lands_in_its_band() -> None:
    t = np.arange(RATE) / RATE
    low, high = (
        mel_of((0.3 * np.sin(2 * np.pi * f * t)).astype(np.float32), RATE).bands[50].argmax()
        for f in (200.0, 4000.0)
    )
    assert low < 6
    assert 26 < high < 36


@pytest.mark.parametrize("rate", [16000, 48000])
def test_pieces_give_the_rows_of_the_whole(rate: int) -> None:
    pcm = np.concatenate([np.zeros(rate // 3, np.float32), babble(1.5, rate)])
    pcm = np.concatenate([pcm, np.zeros(rate // 2, np.float32), 0.05 * babble(0.7, rate)])
    pcm += 1e-3 * np.random.default_rng(6).standard_normal(len(pcm)).astype(np.float32)
    mouth = HeardMouth(rate)
    rows = Heard.none()
    for piece in pieces(pcm, 5):
        rows = rows + mouth.feed(piece)
    same(rows + mouth.finish(), hear(pcm, rate))


def test_nothing_later_than_the_lookahead_has_any_influence() -> None:
    pcm = babble(2.0)
    cut = RATE
    other = pcm.copy()
    other[cut:] = 0.3 * np.random.default_rng(1).standard_normal(len(pcm) - cut)
    known = int((cut / RATE - LOOKAHEAD) / ROW)
    assert pytest.approx(0.07) == LOOKAHEAD
    left, right, short = (HeardMouth(RATE).feed(sound) for sound in (pcm, other, pcm[:cut]))
    same(left, right, known)
    assert len(short) >= known


@pytest.mark.parametrize("level", [0.0, 1e-4, 3e-3])
def test_without_speech_the_mouth_stays_exactly_closed(level: float) -> None:
    noise = level * np.random.default_rng(2).standard_normal(3 * RATE)
    rows = hear(noise.astype(np.float32), RATE)
    assert not rows.speech.any()
    assert not rows.pose.any() and not rows.lips.any() and not rows.teeth.any()


def hiss(seconds: float, slope: float, seed: int = 4) -> np.ndarray:
    """Noise of RMS 1 whose amplitude falls as frequency to the power of ``slope``."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    noise = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 100) ** slope, count)
    return noise / np.sqrt(np.mean(noise**2))


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("level", [-38.0, -46.0])
def test_a_room_that_is_heard_before_anybody_speaks_keeps_the_mouth_closed(
    slope: float, level: float
) -> None:
    room = 10 ** (level / 20) * hiss(3.0, slope)
    assert not hear(room.astype(np.float32), RATE).pose.any()
    room[RATE:] += 0.5 * babble(2.0)
    jaw = hear(room.astype(np.float32), RATE).pose[:, COLUMN["jawOpen"]]
    assert not jaw[:90].any()
    assert jaw[110:].max() > 0.15


@pytest.mark.parametrize("level", [-44.0, -32.0])
def test_a_breath_before_the_first_word_opens_the_mouth_a_little(level: float) -> None:
    rng = np.random.default_rng(8)
    noise = rng.standard_normal(RATE // 2)
    breath = np.zeros(len(noise))
    for hertz in (1500.0, 2700.0, 4200.0):
        band = butter(1, [0.85 * hertz, 1.15 * hertz], "bandpass", fs=RATE, output="sos")
        breath += sosfilt(band, noise)
    breath *= np.sin(np.linspace(0, np.pi, len(breath))) ** 0.5 / breath.std()
    pcm = np.concatenate([np.zeros(RATE), 10 ** (level / 20) * breath, np.zeros(RATE)])
    pcm += 1e-3 * rng.standard_normal(len(pcm))
    jaw = hear(pcm.astype(np.float32), RATE).pose[:, COLUMN["jawOpen"]]
    assert not jaw[:95].any()
    assert 0.15 < jaw[110:145].max() < 0.35
    assert not jaw[175:].any()


@pytest.mark.parametrize("gain", [0.3, 0.03])
def test_soft_speech_moves_the_mouth_as_loud_speech_does(gain: float) -> None:
    pcm = np.concatenate([np.zeros(RATE // 2, np.float32), babble(2.0)])
    loud, soft = hear(pcm, RATE), hear(pcm * np.float32(gain), RATE)
    assert loud.speech.mean() > 0.5
    assert abs(soft.speech.mean() - loud.speech.mean()) < 0.1


def test_the_mouth_opens_with_the_voice_and_closes_after_it() -> None:
    pcm = np.concatenate([np.zeros(RATE // 2, np.float32), babble(1.0), np.zeros(RATE, np.float32)])
    rows = hear(pcm, RATE)
    jaw = rows.pose[:, COLUMN["jawOpen"]]
    assert jaw[55:145].max() > 0.15
    assert not jaw[:40].any()
    assert not jaw[175:].any()
    assert rows.speech[60:145].mean() > 0.6


def test_a_changed_net_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "heard.onnx"
    damaged.write_bytes(heard._MODEL.read_bytes()[:-1])
    monkeypatch.setattr(heard, "_MODEL", damaged)
    heard._shipped_net.cache_clear()
    try:
        with pytest.raises(WeightsError, match="not the file released"):
            HeardMouth(RATE)
        damaged.unlink()
        with pytest.raises(WeightsError, match="No such file"):
            HeardMouth(RATE)
    finally:
        heard._shipped_net.cache_clear()


def test_the_net_is_small() -> None:
    assert heard._MODEL.stat().st_size < 2_000_000


def test_speech_without_marks_moves_the_mouth() -> None:
    pcm = babble(1.2)
    silent = Phone("_", 0, len(pcm))
    clause = Clause("…", "zh", emotion="happy")
    for phones in ((), (silent,)):
        animator = Animator(FPS)
        animator.add(Speech(clause, "", pcm, RATE, phones, (), 0), RATE)
        gaps = [lip_gap(animator.frame(k)) for k in range(80)]
        assert max(gaps[25:55]) > 0.05
        assert max(gaps[:23]) == max(gaps[65:]) == 0.0


def test_live_pieces_move_the_mouth_as_the_whole_recording_does() -> None:
    pcm = np.concatenate([babble(1.6, 48000), np.zeros(48000, np.float32)])
    whole, live = Animator(FPS, seed=4), Animator(FPS, seed=4)
    whole.add_heard(pcm, 48000, 48000)
    sent, frames = 0, []
    for k in range(85):
        # A live voice: by frame k sound is here until 90 ms after its time, in pieces of 20 ms.
        while sent < len(pcm) and 48000 + sent < 48000 * (k / FPS + 0.09):
            live.add_heard(pcm[sent : sent + 960], 48000, 48000 + sent)
            sent += 960
        frames.append((lip_gap(live.frame(k)), lip_gap(whole.frame(k))))
    ours, wanted = np.array(frames).T
    assert wanted.max() > 0.05
    np.testing.assert_allclose(ours, wanted, atol=2e-3)


def test_sound_that_comes_too_late_closes_the_mouth_without_a_jump() -> None:
    animator = Animator(FPS)
    animator.add_heard(babble(0.8), RATE, RATE)
    gaps = [lip_gap(animator.frame(k)) for k in range(25, 60)]
    assert max(gaps) > 0.05
    assert max(gaps[-8:]) == 0.0
    assert np.abs(np.diff(gaps)).max() < 0.15


def test_barge_in_closes_the_mouth_that_is_heard() -> None:
    animator = Animator(FPS)
    animator.add_heard(babble(4.0), RATE, RATE)
    before = [lip_gap(animator.frame(k)) for k in range(60)]
    animator.cut(60)
    after = [lip_gap(animator.frame(k)) for k in range(60, 80)]
    assert max(before) > 0.05
    assert max(after[5:]) == 0.0
    assert np.abs(np.diff([before[-1], *after])).max() < 0.12


def test_rows_between_two_rows() -> None:
    rows = hear(babble(0.5), RATE)
    middle = rows.mouth(20.5)
    np.testing.assert_allclose(middle.pose, (rows.pose[20] + rows.pose[21]) / 2)
    np.testing.assert_allclose(rows.mouth(1e6).pose, rows.pose[-1])
    curves, _ = mouths.curves(rows.mouth(30), np.zeros(52, np.float32))
    assert 0.0 <= curves[INDEX["mouthClose"]] <= curves[INDEX["jawOpen"]]
