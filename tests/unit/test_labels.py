"""Texts and sound of the labels, and finding them again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from digital_human.errors import InputError
from digital_human.safety.detect import find_label, find_rhythm
from digital_human.safety.labels import (
    audio_label,
    check_label_text,
    label_font,
    label_text,
    rhythm_marks,
)


@pytest.mark.parametrize("language", ["zh", "zh-CN", "en", "en-GB", "ja", "fr"])
def test_every_language_meets_the_rule(language: str) -> None:
    check_label_text(label_text(language))


@pytest.mark.parametrize(
    "text", ["人工智能生成", "AI合成", "本片由AI 生成", "AI-generated · AI生成"]
)
def test_texts_that_say_both(text: str) -> None:
    check_label_text(text)


@pytest.mark.parametrize("text", ["", "AI", "生成", "AI-generated", "虚拟主播", "ai生成"])
def test_texts_that_do_not(text: str) -> None:
    with pytest.raises(InputError, match="must contain"):
        check_label_text(text)


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100, 48_000])
def test_sound_is_short_soft_and_at_its_loudness(rate: int) -> None:
    sound = audio_label(rate)
    assert sound.dtype == np.float32 and sound.ndim == 1
    assert len(sound) / rate <= 1.2
    assert np.abs(sound).max() < 0.3
    assert abs(sound[0]) < 1e-3 and abs(sound[-1]) < 1e-3
    loudness = pyloudnorm.Meter(rate).integrated_loudness(sound.astype(np.float64))
    assert loudness == pytest.approx(-23, abs=0.2)


def test_rhythm_is_short_long_short_short() -> None:
    lengths = [end - start for start, end in rhythm_marks(0.1)]
    assert lengths == pytest.approx([0.1, 0.3, 0.1, 0.1])


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_rhythm_is_found_where_it_is(rate: int) -> None:
    noise = np.random.default_rng(3).normal(0, 0.004, 4 * rate).astype(np.float32)
    assert find_rhythm(noise, rate) is None
    noise[2 * rate : 2 * rate + len(audio_label(rate))] += audio_label(rate)
    found = find_rhythm(noise, rate)
    assert found is not None and found[0] == pytest.approx(2.0, abs=0.25)


def test_rhythm_of_another_tool_is_found() -> None:
    rate, pitch = 16_000, 1200.0
    sound = np.zeros(3 * rate, np.float32)
    for start, end in rhythm_marks(0.1):
        t = np.arange(round((end - start) * rate)) / rate
        at = round((1 + start) * rate)
        sound[at : at + len(t)] = 0.2 * np.sin(2 * np.pi * pitch * t)
    assert find_rhythm(sound, rate) is not None


def test_other_rhythms_and_silence_are_not_the_label() -> None:
    rate = 16_000
    assert find_rhythm(np.zeros(2 * rate, np.float32), rate) is None
    assert find_rhythm(np.zeros(10, np.float32), rate) is None
    t = np.arange(3 * rate) / rate
    even = (0.2 * np.sin(2 * np.pi * 740 * t) * (t % 0.3 < 0.15)).astype(np.float32)
    assert find_rhythm(even, rate) is None


def test_plain_and_noisy_frames_have_no_label() -> None:
    assert find_label(np.full((360, 640, 3), 128, np.uint8)) is None
    noise = np.random.default_rng(5).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    assert find_label(noise) is None


def test_font_is_as_high_as_asked() -> None:
    _, top, _, bottom = label_font(36).getbbox("生")
    assert bottom - top >= 36


@pytest.mark.data
def test_speech_is_not_taken_for_the_label(data_dir: Path) -> None:
    files = sorted((data_dir / "speech").rglob("*.flac")) + sorted(
        (data_dir / "speech/zh_synth").glob("*.wav")
    )
    assert len(files) >= 20
    for path in files:
        sound, rate = soundfile.read(path, dtype="float32")
        assert find_rhythm(sound, rate) is None, path.name
        labelled = np.concatenate([audio_label(rate), np.zeros(rate // 4, np.float32), sound])
        assert find_rhythm(labelled.astype(np.float32), rate) is not None, path.name
