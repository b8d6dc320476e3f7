from __future__ import annotations

import pytest

from digital_human.speech.text.phonemes import EN_PHONES, JA_PHONES, MARKS, PHONES, ZH_PHONES
from digital_human.speech.visemes import (
    CHANNELS,
    SPECS,
    Articulator,
    Viseme,
    visemes,
)

# Phones that are a neutral vowel or hold one.
NEUTRAL = {"Q", "ə", "ᵊ", "ᵻ"}


def gap(viseme: Viseme) -> float:
    """Lip gap in outer-eye distances by the curve convention."""
    pose = SPECS[viseme].pose
    return (
        0.32 * pose["jawOpen"]
        + 0.05 * pose.get("mouthUpperUp", 0)
        + 0.06 * pose.get("mouthLowerDown", 0)
    )


def width(viseme: Viseme) -> float:
    pose = SPECS[viseme].pose
    return (
        1
        + 0.14 * pose.get("mouthStretch", 0)
        - 0.28 * pose.get("mouthPucker", 0)
        - 0.16 * pose.get("mouthFunnel", 0)
    )


@pytest.mark.parametrize("symbol", sorted(PHONES))
def test_every_phone_of_the_front_ends_has_visemes(symbol: str) -> None:
    parts = visemes(symbol)
    # A letter without a viseme of its own would fall back to the neutral vowel.
    assert all(viseme is not Viseme.AX for viseme, _ in parts) or symbol in NEUTRAL
    assert sum(share for _, share in parts) == pytest.approx(1.0)
    assert (parts == ((Viseme.SIL, 1.0),)) == (symbol == "_")


def test_marks_change_nothing() -> None:
    for symbol in sorted(ZH_PHONES | EN_PHONES | JA_PHONES):
        for mark in MARKS:
            assert visemes(symbol + mark) == visemes(symbol), (symbol, mark)


def test_unknown_letter_moves_the_mouth() -> None:
    assert visemes("§") == ((Viseme.AX, 1.0),)


def test_punctuation_is_silence() -> None:
    for symbol in ("", "_", ",", "。", " ", "…"):
        assert visemes(symbol) == ((Viseme.SIL, 1.0),)


def test_syllabic_mark_makes_the_buzzing_vowel() -> None:
    assert visemes("ɻ\u0329") == ((Viseme.IZ, 1.0),)
    assert visemes("ɻ") == ((Viseme.SR, 1.0),)


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [("p", "PP"), ("b", "PP"), ("m", "PP"), ("f", "FF"), ("v", "FF"), ("w", "W"), ("y", "Ü"),
     ("ɕ", "SJ"), ("ʂ", "SR"), ("ʃ", "SH"), ("θ", "TH"), ("ɤ", "ee"), ("ʦ", "SS"), ("ŋ", "KK")],
)  # fmt: skip
def test_classes(symbol: str, expected: str) -> None:
    assert [str(v) for v, _ in visemes(symbol)] == [expected]


def test_diphthong_ends_in_its_glide() -> None:
    assert [v for v, _ in visemes("I")] == [Viseme.AA, Viseme.II]
    assert [v for v, _ in visemes("W")] == [Viseme.AA, Viseme.UU]


def test_every_viseme_is_specified_within_range() -> None:
    assert set(SPECS) == set(Viseme)
    for viseme, spec in SPECS.items():
        assert set(spec.dominance) == set(Articulator), viseme
        assert spec.pose.keys() <= CHANNELS.keys(), viseme
        assert all(0 <= v <= 1 for v in (*spec.pose.values(), *spec.dominance.values())), viseme


def test_poses_follow_the_curve_convention() -> None:
    assert 0.15 <= gap(Viseme.AA) <= 0.21  # a full spoken a
    assert gap(Viseme.AA) > gap(Viseme.EH) > gap(Viseme.II) > gap(Viseme.UU)
    assert width(Viseme.II) >= 1.08
    assert width(Viseme.OO) <= 0.85
    assert width(Viseme.UU) <= 0.76
    assert SPECS[Viseme.PP].closure == "lips"
    assert SPECS[Viseme.FF].closure == "teeth"


def test_articulators_belong_to_whom_they_must() -> None:
    lips_of = {v: SPECS[v].dominance[Articulator.SHAPE] for v in Viseme}
    jaw_of = {v: SPECS[v].dominance[Articulator.JAW] for v in Viseme}
    assert lips_of[Viseme.KK] == 0
    assert min(lips_of[v] for v in (Viseme.UU, Viseme.YY, Viseme.W)) == 1
    assert min(jaw_of[v] for v in (Viseme.AA, Viseme.EH, Viseme.AO)) == 1
    assert max(jaw_of[v] for v in (Viseme.DD, Viseme.NN, Viseme.KK)) <= 0.4
    assert all(0.08 <= SPECS[v].ahead <= 0.12 for v in (Viseme.UU, Viseme.YY, Viseme.W, Viseme.OO))
