"""Which lines of Mandarin verse rhyme.

Two syllables rhyme here when they do in both standards of today's Mandarin: 中华新韵 (Chinese
Poetry Society, 2005) and 中华通韵 (Ministry of Education, 2019). What only one of them puts
together (zhi and xi, ping and dong, bo and le) does not rhyme.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal

from pypinyin import Style, pinyin

Tone = Literal["level", "oblique", "none"]

_FINALS = {
    "a": "a ia ua",
    "o": "o uo",
    "e": "e",
    "ie": "ie ve ê",
    "ai": "ai uai",
    "ei": "ei uei",
    "ao": "ao iao",
    "ou": "ou iou",
    "an": "an ian uan van",
    "en": "en in uen vn",
    "ang": "ang iang uang",
    "eng": "eng ing ueng",
    "ong": "ong iong",
    "i": "i",
    "u": "u",
    "v": "v",
    "er": "er",
}
_RHYMES = {final: rhyme for rhyme, finals in _FINALS.items() for final in finals.split()}
_SIBILANTS = ("zh", "ch", "sh", "r", "z", "c", "s")
_TONES: dict[str, Tone] = {"1": "level", "2": "level", "3": "oblique", "4": "oblique"}
UNSURE = frozenset(
    "了着得地的都还没行乐觉落薄血露谁熟宿壳嚼剥塞度恶给和车角什否解模堡叶率约脉削雀吓尾那哪这"
)
"""Characters in daily use whose readings do not rhyme with each other."""


def rhyme_of(line: str) -> tuple[str, Tone]:
    """The rhyme of the last character of ``line`` as it is read there, and its tone.

    Args:
        line: Chinese characters only.

    Returns:
        The rhyme's name: a final without its glide, ``-i`` for the vowel of zhi and zi, "" for
        what has no reading.
    """
    final = _last(line, Style.FINALS_TONE3)
    initial = _last(line, Style.INITIALS)
    rhyme = _RHYMES.get(final.rstrip("12345"), "")
    if rhyme == "i" and initial in _SIBILANTS:
        rhyme = "-i"
    return rhyme, _TONES.get(final[-1:], "none")


def rhyme_together(lines: Sequence[str]) -> bool:
    """Whether the last characters of ``lines`` rhyme, each read as its line has it."""
    found = {rhyme_of(line)[0] for line in lines}
    return len(found) == 1 and "" not in found


@functools.cache
def common() -> frozenset[str]:
    """The 3755 characters in common use, level 1 of GB/T 2312."""
    rows = (bytes((row, cell)) for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF))
    return frozenset("".join(code.decode("gb2312", "ignore") for code in rows))


def _last(line: str, style: Style) -> str:
    read = pinyin(line, style=style, strict=True, errors="default", neutral_tone_with_five=True)
    return read[-1][0] if read else ""
