"""Colours of the two looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from digital_human.errors import InputError
from digital_human.media.paint import luminance, mix, rgb
from digital_human.media.shot import Look, ThemeName
from digital_human.media.text import Colour


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of strips and panels.

    Attributes:
        name: Which studio.
        accent: Bars, tags, the clock.
        accent_low: Lower end of the accent's gradient.
        spark: Small highlights beside the accent.
        plate: Upper end of a strip's gradient.
        plate_low: Lower end.
        plate_text: Words on a strip.
        card: Name plate of the lower third, and weather card.
        card_low: Its lower end.
        card_text: Words on it.
        muted: Secondary words on a card.
    """

    name: ThemeName
    accent: Colour
    accent_low: Colour
    spark: Colour
    plate: Colour
    plate_low: Colour
    plate_text: Colour
    card: Colour
    card_low: Colour
    card_text: Colour
    muted: Colour


_THEMES: dict[ThemeName, Theme] = {
    "blue": Theme(
        "blue",
        accent=(24, 132, 255), accent_low=(6, 76, 190), spark=(122, 226, 255),
        plate=(14, 52, 128), plate_low=(5, 20, 62), plate_text=(255, 255, 255),
        card=(250, 252, 255), card_low=(216, 228, 244), card_text=(9, 30, 78),
        muted=(84, 104, 142),
    ),
    "light": Theme(
        "light",
        accent=(0, 148, 152), accent_low=(0, 108, 122), spark=(255, 158, 66),
        plate=(0, 134, 142), plate_low=(0, 92, 108), plate_text=(255, 255, 255),
        card=(255, 255, 255), card_low=(240, 244, 244), card_text=(24, 52, 62),
        muted=(104, 126, 134),
    ),
}  # fmt: skip


def theme_of(look: Look) -> Theme:
    """The look's theme with the user's accent.

    Raises:
        InputError: The theme or the accent is not one.
    """
    if look.theme not in _THEMES:
        raise InputError(
            f"theme {look.theme!r} does not exist", fix=f"use one of {', '.join(_THEMES)}"
        )
    theme = _THEMES[look.theme]
    if look.accent is None:
        return theme
    accent = colour(look.accent, "accent")
    # White words stand on the accent: a light one is darkened until they read.
    while luminance(accent) > 0.62:
        accent = mix(accent, (0, 0, 0), 0.1)
    return replace(
        theme,
        accent=accent,
        accent_low=mix(accent, (0, 0, 0), 0.38),
        plate=mix(accent, (6, 14, 40), 0.62),
        plate_low=mix(accent, (3, 8, 26), 0.86),
    )


def colour(code: str, field: str) -> Colour:
    """Parse ``#RRGGBB``.

    Raises:
        InputError: It is not a colour.
    """
    digits = code[1:] if code.startswith("#") else ""
    if len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
        raise InputError(
            f"{field}: {code!r} is not a colour", fix="write it as #RRGGBB, e.g. '#1677ff'"
        )
    return rgb(code)
