"""Phones → visemes: what jaw, lips and tongue aim for, and how strongly.

Every viseme has a target per channel and a dominance per articulator, after Cohen & Massaro,
"Modeling coarticulation in synthetic visual speech" (1993): an articulator a phone does not care
about (the lips in k, the jaw in w) is left to the neighbours. Channel names are ARKit's, with
the left and right curve of a pair under one name, plus ``tongue`` (tip raised).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

Closure = Literal["none", "lips", "teeth"]


class Articulator(StrEnum):
    """What moves on its own."""

    JAW = "jaw"
    SHAPE = "shape"  # width and protrusion of the lips
    APERTURE = "aperture"  # raising and lowering of the lips against the teeth
    TONGUE = "tongue"


CHANNELS: Mapping[str, Articulator] = MappingProxyType(
    {
        "jawOpen": Articulator.JAW,
        "jawForward": Articulator.JAW,
        "mouthPucker": Articulator.SHAPE,
        "mouthFunnel": Articulator.SHAPE,
        "mouthStretch": Articulator.SHAPE,
        "mouthUpperUp": Articulator.APERTURE,
        "mouthLowerDown": Articulator.APERTURE,
        "mouthPress": Articulator.APERTURE,
        "mouthRollUpper": Articulator.APERTURE,
        "mouthRollLower": Articulator.APERTURE,
        "tongueOut": Articulator.TONGUE,
        "tongue": Articulator.TONGUE,
    }
)


class Viseme(StrEnum):
    """Classes of phones that look alike."""

    SIL = "sil"
    PP = "PP"  # p b m
    FF = "FF"  # f v
    TH = "TH"  # θ ð
    DD = "DD"  # t d, flap
    NN = "NN"  # n l
    KK = "KK"  # k g ŋ x h, glottal
    SS = "SS"  # s z ts
    SJ = "SJ"  # Mandarin x j q: spread
    SR = "SR"  # Mandarin sh zh ch r: retroflex
    SH = "SH"  # English ʃ ʒ tʃ dʒ: protruded
    RR = "RR"  # English r
    W = "W"
    J = "J"
    AA = "aa"
    AE = "ae"
    AH = "ah"  # ʌ ɐ
    AX = "ax"  # schwa
    ER = "er"
    EH = "E"
    EE = "ee"  # Mandarin e, ɤ
    IH = "ih"
    II = "I"
    IZ = "iz"  # the buzzing vowel of si and shi
    AO = "ao"  # ɔ ɒ
    OO = "O"
    UH = "uh"
    UU = "U"
    YY = "Ü"
    OE = "oe"  # ø œ


@dataclass(frozen=True, slots=True)
class VisemeSpec:
    """One viseme's aims.

    Attributes:
        pose: Target per channel, 0…1; channels not named aim for 0.
        dominance: Strength per articulator, 0…1; 0 leaves it to the neighbours.
        ahead: Seconds the lip shape reaches ahead of the phone.
        closure: What must touch whatever the neighbours want: the ``lips`` or the lower lip and
            the upper ``teeth``.
        vowel: Whether loudness scales its jaw opening.
    """

    pose: Mapping[str, float]
    dominance: Mapping[Articulator, float]
    ahead: float = 0.06
    closure: Closure = "none"
    vowel: bool = False


def _make(
    jaw: tuple[float, float],
    strength: tuple[float, float, float],
    pose: Mapping[str, float],
    ahead: float,
    closure: Closure,
    vowel: bool,
) -> VisemeSpec:
    """A spec from (jaw target, jaw dominance), shape, aperture and tongue dominance."""
    targets = {"jawOpen": jaw[0], **pose}
    if unknown := targets.keys() - CHANNELS.keys():
        raise ValueError(f"viseme channels {sorted(unknown)}: not among {sorted(CHANNELS)}")
    dominance = dict(zip(Articulator, (jaw[1], *strength), strict=True))
    return VisemeSpec(MappingProxyType(targets), MappingProxyType(dominance), ahead, closure, vowel)


def _spec(
    jaw: tuple[float, float],
    shape: float,
    aperture: float,
    tip: float,
    *,
    ahead: float = 0.06,
    closure: Closure = "none",
    **pose: float,
) -> VisemeSpec:
    return _make(jaw, (shape, aperture, tip), pose, ahead, closure, False)


def _vowel(
    jaw: float, shape: float, *, weight: float = 1.0, ahead: float = 0.06, **pose: float
) -> VisemeSpec:
    return _make((jaw, weight), (shape, 0.6, 0.35), pose, ahead, "none", True)


ROUND_AHEAD = 0.11  # s; lip rounding starts this early (80–120 ms are reported for u and y)

# Opening in io (outer-eye distance) is 0.32 jawOpen + 0.05 mouthUpperUp + 0.06 mouthLowerDown.
SPECS: Mapping[Viseme, VisemeSpec] = MappingProxyType(
    {
        Viseme.SIL: _spec((0.0, 0.6), 0.35, 0.5, 0.5),
        Viseme.PP: _spec(
            (0.06, 0.55), 0.08, 1.0, 0.1,
            closure="lips", mouthPress=0.4, mouthRollUpper=0.2, mouthRollLower=0.2,
        ),
        Viseme.FF: _spec(
            (0.06, 0.6), 0.15, 1.0, 0.1, closure="teeth", mouthRollLower=0.7, mouthUpperUp=0.25
        ),
        Viseme.TH: _spec(
            (0.16, 0.4), 0.15, 0.5, 1.0, mouthLowerDown=0.2, tongue=0.6, tongueOut=0.12
        ),
        Viseme.DD: _spec((0.17, 0.4), 0.1, 0.35, 1.0, mouthLowerDown=0.25, tongue=1.0),
        Viseme.NN: _spec((0.19, 0.4), 0.08, 0.3, 1.0, mouthLowerDown=0.25, tongue=1.0),
        Viseme.KK: _spec((0.22, 0.25), 0.0, 0.08, 0.3, mouthLowerDown=0.15),
        Viseme.SS: _spec(
            (0.09, 0.5), 0.25, 0.7, 0.8,
            mouthLowerDown=0.35, mouthUpperUp=0.12, mouthStretch=0.25, tongue=0.3,
        ),
        Viseme.SJ: _spec(
            (0.1, 0.5), 0.3, 0.7, 0.8,
            mouthLowerDown=0.35, mouthUpperUp=0.15, mouthStretch=0.35, tongue=0.3,
        ),
        Viseme.SR: _spec(
            (0.12, 0.5), 0.4, 0.7, 0.8,
            mouthFunnel=0.3, mouthPucker=0.12, mouthLowerDown=0.35, mouthUpperUp=0.15, tongue=0.5,
        ),
        Viseme.SH: _spec(
            (0.12, 0.5), 0.6, 0.7, 0.8, ahead=0.09,
            mouthFunnel=0.5, mouthPucker=0.25, mouthLowerDown=0.35, mouthUpperUp=0.2,
            jawForward=0.1,
        ),
        Viseme.RR: _spec(
            (0.15, 0.35), 0.5, 0.4, 0.8, ahead=0.09,
            mouthPucker=0.35, mouthFunnel=0.25, mouthLowerDown=0.15, tongue=0.4,
        ),
        Viseme.W: _spec(
            (0.09, 0.45), 1.0, 0.7, 0.2, ahead=ROUND_AHEAD, mouthPucker=0.9, mouthFunnel=0.12
        ),
        Viseme.J: _spec(
            (0.13, 0.35), 0.5, 0.4, 0.4, mouthStretch=0.4, mouthLowerDown=0.25, mouthUpperUp=0.1
        ),
        Viseme.AA: _vowel(0.5, 0.45, mouthUpperUp=0.15, mouthLowerDown=0.3, mouthStretch=0.1),
        Viseme.AE: _vowel(0.44, 0.6, mouthUpperUp=0.2, mouthLowerDown=0.3, mouthStretch=0.35),
        Viseme.AH: _vowel(0.37, 0.35, mouthUpperUp=0.1, mouthLowerDown=0.25),
        Viseme.AX: _vowel(0.33, 0.2, weight=0.55, mouthUpperUp=0.05, mouthLowerDown=0.2),
        Viseme.ER: _vowel(
            0.20, 0.4, mouthFunnel=0.28, mouthPucker=0.15, mouthLowerDown=0.2, tongue=0.3
        ),
        Viseme.EH: _vowel(0.39, 0.6, mouthUpperUp=0.15, mouthLowerDown=0.3, mouthStretch=0.4),
        Viseme.EE: _vowel(0.37, 0.4, mouthUpperUp=0.1, mouthLowerDown=0.3, mouthStretch=0.12),
        Viseme.IH: _vowel(
            0.25, 0.5, weight=0.8, mouthUpperUp=0.12, mouthLowerDown=0.3, mouthStretch=0.4
        ),
        Viseme.II: _vowel(
            0.19, 0.8, weight=0.8, mouthUpperUp=0.15, mouthLowerDown=0.35, mouthStretch=0.65
        ),
        Viseme.IZ: _vowel(
            0.12, 0.3, weight=0.7, mouthUpperUp=0.12, mouthLowerDown=0.35, mouthStretch=0.15,
            tongue=0.3,
        ),
        Viseme.AO: _vowel(0.4, 0.8, ahead=0.09, mouthFunnel=0.45, mouthPucker=0.2),
        Viseme.OO: _vowel(0.34, 0.95, ahead=ROUND_AHEAD, mouthFunnel=0.4, mouthPucker=0.42),
        Viseme.UH: _vowel(
            0.2, 0.8, weight=0.9, ahead=0.09, mouthFunnel=0.3, mouthPucker=0.5
        ),
        Viseme.UU: _vowel(
            0.13, 1.0, weight=0.9, ahead=ROUND_AHEAD, mouthPucker=0.88, mouthFunnel=0.15
        ),
        Viseme.YY: _vowel(
            0.11, 1.0, weight=0.9, ahead=ROUND_AHEAD, mouthPucker=0.78, mouthFunnel=0.2
        ),
        Viseme.OE: _vowel(0.22, 0.9, ahead=ROUND_AHEAD, mouthFunnel=0.35, mouthPucker=0.4),
    }
)  # fmt: skip

_CLASSES: Mapping[Viseme, str] = {
    Viseme.SIL: "_",
    Viseme.PP: "pbmɓʘ",
    Viseme.FF: "fvɱ",
    Viseme.TH: "θð",
    Viseme.DD: "tdɾɖTɗ",
    Viseme.NN: "nlɫɭɳɬɮɺ",
    Viseme.KK: "kgɡɠŋɴxhɣχʁħʕɦʔqɢcɟçʎʝɲʟRX",
    Viseme.SS: "szʦʣ",
    Viseme.SJ: "ɕʑʨʥ",
    Viseme.SR: "ʂʐꭧɻʈɽ",
    Viseme.SH: "ʃʒʧʤ",
    Viseme.RR: "ɹr",
    Viseme.W: "wʍɥɸβʋɰ",
    Viseme.J: "j",
    Viseme.AA: "aɑ",
    Viseme.AE: "æ",
    Viseme.AH: "ʌɐ",
    Viseme.AX: "əᵊᵻɘ",
    Viseme.ER: "ɚɝɜ",
    Viseme.EH: "eɛ",
    Viseme.EE: "ɤ",
    Viseme.IH: "ɪ",
    Viseme.II: "i",
    Viseme.IZ: "ɨ",
    Viseme.AO: "ɔɒ",
    Viseme.OO: "o",
    Viseme.UH: "ʊɵɯ",
    Viseme.UU: "uʉ",
    Viseme.YY: "y",
    Viseme.OE: "øœ",
}
_SIMPLE: dict[str, Viseme] = {s: viseme for viseme, group in _CLASSES.items() for s in group}

# Kokoro's one-letter diphthongs (misaki's English alphabet): shares of the phone's duration.
_DIPHTHONGS: Mapping[str, tuple[tuple[Viseme, float], ...]] = {
    "A": ((Viseme.EH, 0.6), (Viseme.II, 0.4)),
    "I": ((Viseme.AA, 0.6), (Viseme.II, 0.4)),
    "O": ((Viseme.OO, 0.6), (Viseme.UU, 0.4)),
    "Q": ((Viseme.AX, 0.45), (Viseme.UU, 0.55)),
    "W": ((Viseme.AA, 0.6), (Viseme.UU, 0.4)),
    "Y": ((Viseme.AO, 0.6), (Viseme.II, 0.4)),
    "S": ((Viseme.SH, 1.0),),
}
# A stroke under ɹ or ɻ makes it Mandarin's buzzing vowel (zi ɹ̩, zhi ɻ̩).
_SYLLABIC = "\u0329"
# Ties, length, aspiration, palatalisation, labialisation, tones, stress: no shape of their own.
_MODIFIERS = frozenset("ːˑʰʲᵝˠ˞ʷ˥˦˧˨˩ˈˌ↓→↗↘'`´1234567890͡‿ʼ")
# Pauses as Kokoro's alphabet writes them.
_PAUSES = frozenset(';:,.!?—…"“”()[]«»¡¿ 、。，！？；：-')


@lru_cache(maxsize=512)
def visemes(symbol: str) -> tuple[tuple[Viseme, float], ...]:
    """The visemes of a phone in order, each with its share of the duration (they sum to 1).

    A symbol of several letters (``ʨʰ``, ``aɪ``) is read letter by letter; a letter that is not
    known looks like a schwa, so that a foreign synthesizer's phones still move the mouth.

    Args:
        symbol: Kokoro's IPA symbol; ``_`` and punctuation are silence.
    """
    parts: list[tuple[Viseme, float]] = []
    previous = ""
    for letter in unicodedata.normalize("NFD", symbol):
        if letter == _SYLLABIC and previous in {"ɹ", "ɻ"}:
            parts[-1] = (Viseme.IZ, 1.0)
        if letter in _MODIFIERS or unicodedata.combining(letter):
            continue
        if letter in _PAUSES:
            parts.append((Viseme.SIL, 1.0))
        elif letter in _DIPHTHONGS:
            parts += _DIPHTHONGS[letter]
        else:
            parts.append((_SIMPLE.get(letter, Viseme.AX), 1.0))
        previous = letter
    if not parts:
        return ((Viseme.SIL, 1.0),)
    total = sum(share for _, share in parts)
    return tuple((viseme, share / total) for viseme, share in parts)
