"""The labels people see and hear: their texts, the rules they meet and the audible one's sound.

The rules are those of GB 45438-2025 for video and audio. A text must say that it is AI (人工智能 or
AI) and that it is generated (生成 or 合成), so every language's text has the Chinese words too.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ImageFont

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError, ResourceError

MIN_HEIGHT = 0.05
"""Least height of the visible label, as a share of the frame's shortest side."""
MIN_SECONDS = 2.0
"""Least time the visible label stays from the first frame on, at normal speed."""
FONT = "NotoSansCJKsc-Regular.otf"

_TEXTS = {
    "zh": "AI生成 · 数字人",
    "en": "AI生成 · AI-made",
    "ja": "AI生成 · AI映像",
}
_PITCH = 740.0
_UNIT = 0.08
_AI_IN_MORSE = ((1, 3), (1, 1))  # ·−  ··
_GAIN = 0.1577  # Brings the rhythm to −23 LUFS (ITU-R BS.1770-4) at any rate.


def label_text(language: str) -> str:
    """The visible label for a language code such as ``zh`` or ``en-GB``; English for others."""
    return _TEXTS.get(language.lower().partition("-")[0], _TEXTS["en"])


def check_label_text(text: str) -> None:
    """Check that a visible label says what it must.

    Raises:
        InputError: It does not say both that this is AI and that it is generated.
    """
    says_ai = "人工智能" in text or "AI" in text
    if not says_ai or not ("生成" in text or "合成" in text):
        raise InputError(
            f"label {text!r}: it must contain 人工智能 or AI, and 生成 or 合成",
            fix=f"use {_TEXTS['zh']!r} or a text of your own with those words",
        )


def font_path(name: str = FONT) -> Path:
    """A font file of the mplfonts package.

    Raises:
        ResourceError: The package or the font is missing.
    """
    spec = find_spec("mplfonts")
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder) / "fonts" / name).exists():
            return path
    raise ResourceError(f"font {name} is missing", fix="pip install mplfonts==0.0.11")


@lru_cache(maxsize=256)
def label_font(ink_height: int, name: str = FONT) -> ImageFont.FreeTypeFont:
    """The font at the smallest size whose 生 is at least ``ink_height`` pixels high."""
    path = str(font_path(name))
    size = ink_height
    while True:
        font = ImageFont.truetype(path, size)
        _, top, _, bottom = font.getbbox("生")
        if bottom - top >= ink_height:
            return font
        size += 1


def rhythm_marks(unit: float = _UNIT) -> tuple[tuple[float, float], ...]:
    """(start, end) in seconds of the four beeps of 短长 短短 with dots of ``unit`` seconds."""
    marks, now = [], 0.0
    for letter in _AI_IN_MORSE:
        for length in letter:
            marks.append((now, now + length * unit))
            now += (length + 1) * unit
        now += 2 * unit
    return tuple(marks)


@lru_cache(maxsize=8)
def audio_label(rate: int) -> FloatArray:
    """The audible label: the rhythm short-long short-short in soft beeps.

    Args:
        rate: Samples per second, 8000 or more.

    Returns:
        float32 [n] mono, 0.88 s, −23 LUFS, read-only; put it before or after the content.
    """
    marks = rhythm_marks()
    sound = np.zeros(round(marks[-1][1] * rate), np.float64)
    ramp = round(0.012 * rate)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / ramp)
    for start, end in marks:
        first, last = round(start * rate), round(end * rate)
        t = np.arange(last - first) / rate
        beep = np.sin(2 * np.pi * _PITCH * t) + 0.15 * np.sin(4 * np.pi * _PITCH * t)
        beep[:ramp] *= rise
        beep[-ramp:] *= rise[::-1]
        sound[first:last] = beep
    result: FloatArray = (sound * _GAIN).astype(np.float32)
    result.setflags(write=False)
    return result
