"""Whole numbers as people say or type them: figures, Chinese numerals, English words."""

from __future__ import annotations

import re

_DIGITS = {digit: n for n, digit in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "两": 2, "俩": 2, "仨": 3}
_UNITS = {"十": 10, "百": 100, "千": 1000}
_ONES = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * n
    for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
"""English ordinals from one up."""
_FEW = {"a": 1, "an": 1, "couple of": 2, "a couple of": 2}
_SMALL = "|".join(list(_ONES)[1:10])

CHINESE = r"(?:\d{1,4}|[零〇一二两俩仨三四五六七八九十百千]{1,7})"
"""Pattern of a number in a Chinese text."""
ENGLISH = (
    rf"(?:\d{{1,4}}|(?:{'|'.join(_TENS)})(?:[ -](?:{_SMALL}))?|(?:a|one) hundred"
    rf"|{'|'.join(sorted(_ONES, key=len, reverse=True))})"
)
"""Pattern of a number in an English text."""
ENGLISH_FEW = rf"(?:{ENGLISH}|(?:a )?couple of|an?)"
"""The same, and "an hour", "a couple of hours"."""


def number(text: str) -> int:
    """The number that ``text``, a match of `CHINESE` or `ENGLISH`, says.

    Raises:
        ValueError: It says none.
    """
    text = text.casefold().strip()
    if text.isdecimal():
        return int(text)
    return _english(text) if text.isascii() else _chinese(text)


def _chinese(text: str) -> int:
    """二十五, 一百零五, 一百五; digits alone are read one by one: 一〇九〇."""
    if not set(text) <= _DIGITS.keys() | _UNITS.keys():
        raise ValueError(f"{text!r} is no number")
    if not set(text) & _UNITS.keys():
        return int("".join(str(_DIGITS[digit]) for digit in text))
    total, digit, unit = 0, 0, 1
    for sign in text:
        if sign in _UNITS:
            unit = _UNITS[sign]
            total += (digit or 1) * unit
            digit = 0
        else:
            digit = _DIGITS[sign]
            unit = 1 if digit == 0 else unit
    # 一百五 is a hundred and fifty.
    return total + digit * (unit // 10 if unit > 10 else 1)


def _english(text: str) -> int:
    if text in _FEW:
        return _FEW[text]
    total = 0
    for word in re.split(r"[ -]", text):
        if word == "hundred":
            total *= 100
        elif word in _ONES or word in _TENS or word == "a":
            total += _ONES.get(word, _TENS.get(word, 1))
        elif word != "and":
            raise ValueError(f"{text!r} is no number")
    return total
