"""Whether there is an echo path at all, and that without one the visitor's voice is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core.frames import FloatArray
from digital_human.speech.echo import BLOCK, EchoCanceller, EchoPath


def voice(seconds: float, pitch: float, gain: float) -> FloatArray:
    """A buzz with harmonics that swells four times a second."""
    t = np.arange(round(seconds * 16_000)) / 16_000
    tone = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 12))
    return (gain * tone * (0.5 + 0.5 * np.sin(2 * np.pi * 4 * t)) / 3).astype(np.float32)


def noise(seconds: float, level: float) -> FloatArray:
    return (level * np.random.default_rng(1).standard_normal(round(seconds * 16_000))).astype(
        np.float32
    )


def run(microphone: FloatArray, played: FloatArray) -> tuple[FloatArray, EchoCanceller]:
    canceller = EchoCanceller()
    out = []
    for start in range(0, len(microphone) - BLOCK + 1, BLOCK):
        canceller.far_end(played[start : start + BLOCK])
        out.append(canceller(microphone[start : start + BLOCK]))
    return np.concatenate(out), canceller


@pytest.mark.parametrize(
    ("quiet", "sounding", "present"),
    [(-70.0, -70.0, False), (-70.0, -40.0, True), (-50.0, -49.0, False), (-50.0, -42.0, True)],
)
def test_the_path_is_told_by_levels(quiet: float, sounding: float, present: bool) -> None:
    path = EchoPath()
    assert path.present
    for _ in range(20):
        path.note(quiet, False)
        path.note(sounding, True)
    assert path.present is present


def test_a_voice_over_a_reference_that_does_not_reach_the_microphone_is_left_as_it_is() -> None:
    played = voice(4.0, 110, 0.3)
    microphone = noise(4.0, 1e-4)
    microphone[40_000:] += voice(1.5, 170, 0.2)
    cleaned, canceller = run(microphone, played)
    np.testing.assert_array_equal(cleaned[40_000:], microphone[40_000 : len(cleaned)])
    assert not canceller.is_echo()


def test_an_echo_is_taken_out() -> None:
    played = voice(4.0, 110, 0.3) + noise(4.0, 0.01)
    echo = 0.4 * np.roll(played, 800)
    echo[:800] = 0
    cleaned, _ = run((echo + noise(4.0, 1e-4)).astype(np.float32), played)
    last = slice(48_000, len(cleaned))
    assert np.square(cleaned[last]).mean() < 0.05 * np.square(echo[last]).mean()


@pytest.mark.parametrize("lost", [0.1, 0.4, 1.0])
def test_an_echo_is_taken_out_again_after_the_microphone_lost_sound(lost: float) -> None:
    played = noise(9.0, 0.1) * (1 + voice(9.0, 110, 0.3))
    echo = 0.4 * np.roll(played, 800)
    canceller, out = EchoCanceller(), []
    for start in range(0, len(played) - BLOCK + 1, BLOCK):
        canceller.far_end(played[start : start + BLOCK])
        if not 32_000 <= start < 32_000 + lost * 16_000:
            out.append(canceller(echo[start : start + BLOCK]))
    residual, original = np.concatenate(out)[-32_000:], echo[-32_000:]
    assert np.square(residual).mean() < 0.1 * np.square(original).mean()
