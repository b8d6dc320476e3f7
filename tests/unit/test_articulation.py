"""Where lips come together although no phone closes them."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.face.animation.articulation import COLUMN, STEP, Array, Gesture, articulate
from digital_human.speech.visemes import Viseme

LENGTH = 0.12  # s of each phone


def gaps(*visemes: Viseme) -> tuple[Array, Array]:
    """(lip gap in outer-eye distances, closure) on the grid; the first phone begins at 0."""
    gestures = [Gesture(i * LENGTH, (i + 1) * LENGTH, v) for i, v in enumerate(visemes)]
    track = articulate(gestures, [], 0, round(len(visemes) * LENGTH / STEP), 0.04)
    parts = {"jawOpen": 0.32, "mouthUpperUp": 0.05, "mouthLowerDown": 0.06}
    gap = sum(track.pose[:, COLUMN[name]] * share for name, share in parts.items())
    return np.asarray(gap * (1.0 - track.lips)), track.lips


def over(curve: Array, phone: int) -> Array:
    """The part of ``curve`` inside the phone."""
    return curve[round(phone * LENGTH / STEP) : round((phone + 1) * LENGTH / STEP)]


@pytest.mark.parametrize("glide", [Viseme.W, Viseme.RR])
def test_w_and_r_before_a_vowel_bring_the_lips_close_together(glide: Viseme) -> None:
    gap, lips = gaps(Viseme.AA, glide, Viseme.AA)
    assert over(gap, 0).max() > 0.12
    assert over(gap, 2).max() > 0.12
    assert over(gap, 1).min() < (0.03 if glide is Viseme.W else 0.06)
    assert not lips.any()


def test_r_after_a_vowel_leaves_the_mouth_open() -> None:
    before, _ = gaps(Viseme.AA, Viseme.RR, Viseme.AA)
    after, _ = gaps(Viseme.AA, Viseme.RR, Viseme.KK, Viseme.AA)
    assert over(after, 1).min() > over(before, 1).min() + 0.01


def test_u_ends_with_the_lips_close_together() -> None:
    gap, _ = gaps(Viseme.AA, Viseme.UU, Viseme.AA)
    u = over(gap, 1)
    assert 0.5 < np.argmin(u) / len(u) < 0.95
    assert u.min() < 0.035


def test_lips_shut_early_over_an_n_before_b() -> None:
    _, lips = gaps(Viseme.AA, Viseme.NN, Viseme.PP, Viseme.AA)
    _, other = gaps(Viseme.AA, Viseme.KK, Viseme.PP, Viseme.AA)
    shut, usual = (int(np.argmax(curve > 0.95)) * STEP for curve in (lips, other))
    assert 2 * LENGTH - 0.05 <= shut <= 2 * LENGTH - 0.03
    assert usual > 2 * LENGTH - 0.01
    _, without = gaps(Viseme.AA, Viseme.NN, Viseme.KK, Viseme.AA)
    assert not without.any()
