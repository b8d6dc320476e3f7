"""The people: shape, colours, hair and clothes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clothes import Outfit
from hair import Style
from paint import Look


@dataclass(frozen=True)
class Person:
    """One avatar.

    Attributes:
        zh: Chinese name.
        en: English name.
        gender: For the choice of a voice.
        mixture: Target below the package's targets folder → weight.
        look: Complexion.
        iris: Colour of the eyes (sRGB).
        hair: Colour of the hair (sRGB).
        style: Cut of the hair.
        outfit: Clothes.
        seed: Of everything random.
    """

    zh: str
    en: str
    gender: Literal["female", "male"]
    mixture: dict[str, float]
    look: Look
    iris: tuple[int, int, int]
    hair: tuple[int, int, int]
    style: Style
    outfit: Outfit
    seed: int


def _both(name: str, weight: float) -> dict[str, float]:
    return {f"eyes/{side}-{name}": weight for side in "lr"}


PERSONS = {
    "lan": Person(
        zh="岚",
        en="Lan",
        gender="female",
        mixture={
            "macrodetails/asian-female-young": 1.0,
            "macrodetails/universal-female-young-averagemuscle-averageweight": 1.0,
            **_both("eye-scale-incr", 0.55),
            **_both("eye-height2-incr", 0.45),
            "mouth/mouth-angles-up": 0.45,
            "mouth/mouth-upperlip-height-incr": 0.15,
            "head/head-oval": 0.35,
            "nose/nose-width2-decr": 0.25,
            "cheek/l-cheek-volume-incr": 0.25,
            "cheek/r-cheek-volume-incr": 0.25,
        },
        look=Look(
            skin=(235, 196, 174), blush=(224, 142, 128), lips=(196, 98, 98),
            inner_lips=(150, 62, 66), brow=(58, 44, 38), lash=(26, 18, 18),
            shadow=(170, 118, 104), lip_strength=0.72, brow_width=0.030, liner=0.85,
        ),
        iris=(66, 42, 30),
        hair=(44, 32, 29),
        style=Style(
            parting=0.10, hairline=44, nape=168, front=62, ear=-8, fall=(1.02, 1.20),
            lift=(0.13, 0.12), curl=0.20,
        ),
        outfit=Outfit(jacket=(56, 84, 98), top=(236, 230, 220), neckline=-2.22, opening=-4.05),
        seed=7,
    ),
}  # fmt: skip
