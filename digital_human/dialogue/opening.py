"""Where the first clause of a turn may end: it is spoken before anything else can be."""

from __future__ import annotations

import re
from itertools import pairwise

from digital_human.speech.text import clauses
from digital_human.speech.text.phonemes import jieba_tokenizer
from digital_human.speech.types import Language

_FIRST: dict[Language, int] = {"zh": 10, "en": 32, "ja": 12}
"""Characters of a turn's first clause."""
_TOLERATED = 1.3
"""A first clause that much longer is not cut where it has no mark."""
_NUMBER = frozenset("零〇一二两三四五六七八九十百千万亿点0123456789.%")
_NUMBER_WORD = re.compile(
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|"
    r"thousand|million|billion|point|and|percent|[\d.,%]+)(?:-\w+)?",
    re.IGNORECASE,
)
_LEADS_ON = frozenset(
    "a an the of in on at to by for from with and or but that which who is are was were be been "
    "has have had do does will would can could about as than into its his her their my your our "
    "this these those very more most some any no not mr mrs ms dr st".split()
)
"""English words after which nobody pauses."""


def first_limit(text: str, language: Language) -> int:
    """Characters that the first clause of ``text`` may have, to end at its first mark, or between
    words where the mark is far; as many as ``text`` has when it need not be cut."""
    limit = _FIRST[language]
    enough = 4 * limit
    whole = clauses.split(text[:enough], language, first_limit=enough)
    if not whole or len(whole[0].text) <= limit * _TOLERATED:
        return len(text)
    if language == "ja":
        return limit
    if language == "en":
        end = _words_end(text, limit)
        return end if end >= limit // 2 else len(text)
    end = _characters_end(text, limit)
    return end if end >= limit // 2 else limit


def _words_end(text: str, limit: int) -> int:
    """The last end of an English word before ``limit`` at which one may pause; 0 for none."""
    words = list(re.finditer(r"\S+\s*", text[: 2 * limit]))
    best = 0
    for word, following in pairwise(words):
        if word.end() > limit:
            break
        said, coming = word.group().strip(), following.group().strip()
        number = _NUMBER_WORD.fullmatch(said) and _NUMBER_WORD.fullmatch(coming)
        if not number and said.lower() not in _LEADS_ON:
            best = word.end()
    return best


def _characters_end(text: str, limit: int) -> int:
    """The last end of a Chinese word before ``limit``, outside numbers; 0 for none."""
    end = 0
    for word in jieba_tokenizer().cut(text[: 2 * limit]):
        if end + len(word) > limit:
            break
        end += len(word)
    while 0 < end < len(text) and text[end - 1] in _NUMBER and text[end] in _NUMBER:
        end -= 1
    return end
