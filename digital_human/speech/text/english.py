"""English front end: hibari's port of misaki, and Chinese names written in pinyin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from digital_human.speech.text.symbols import EN_PHONES, MARKS, PUNCTUATION, STRESS

_OUTPUT = EN_PHONES | set(STRESS + MARKS + PUNCTUATION)

# How English newsreaders say pinyin: nearest English sounds.
_INITIALS = {
    "b": "b", "p": "p", "m": "m", "f": "f", "d": "d", "t": "t", "n": "n", "l": "l", "g": "ɡ",
    "k": "k", "h": "h", "j": "ʤ", "q": "ʧ", "x": "ʃ", "zh": "ʤ", "ch": "ʧ", "sh": "ʃ", "r": "ɹ",
    "z": "dz", "c": "ts", "s": "s", "y": "j", "w": "w", "": "",
}  # fmt: skip
_FINALS = {
    "a": "ɑ", "o": "wO", "e": "ʌ", "i": "i", "u": "u", "v": "u", "ai": "I", "ei": "A", "ao": "W",
    "ou": "O", "an": "ɑn", "en": "ən", "ang": "ɑŋ", "eng": "ʌŋ", "ong": "ʊŋ", "ia": "jɑ",
    "ie": "jɛ", "iao": "jW", "iu": "jO", "ian": "jɛn", "in": "ɪn", "iang": "jɑŋ", "ing": "ɪŋ",
    "iong": "jʊŋ", "ua": "wɑ", "uo": "wO", "uai": "wI", "ui": "wA", "uan": "wɑn", "un": "wʊn",
    "uang": "wɑŋ", "ue": "wɛ", "ve": "wɛ", "er": "ɑɹ",
}  # fmt: skip
_SYLLABLE = (
    "(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]|)"
    "(iang|iong|uang|ang|eng|ong|ian|iao|ing|uai|uan|ai|ei|ao|ou|an|en|ia|ie|iu|in|ua|uo|ui|un|ue|"
    "ve|er|a|o|e|i|u|v)"
)
_NAME = re.compile(rf"[A-Z](?:{_SYLLABLE}'?)+", re.IGNORECASE)


def english(text: str) -> Iterator[tuple[str, int, int]]:
    """``(phonemes, start, end)`` for each English token of ``text``, its space included."""
    g2p = _hibari()
    position = 0
    for token in g2p.phonemize_tokens(g2p.tokenize(text)):
        start = text.find(token.text, position)
        start = position if start < 0 else start
        end = min(len(text), start + len(token.text) + len(token.whitespace))
        # Rating 2 is a guess from the letters: the word is in no dictionary.
        name = pinyin_name(token.text) if token.rating == 2 else None
        phonemes = "".join(c for c in name or token.phonemes or "" if c in _OUTPUT)
        if phonemes and end > start:
            yield phonemes + (" " if token.whitespace or end == len(text) else ""), start, end
        position = max(position, end)


def is_english(word: str) -> bool:
    """Whether ``word`` is in the dictionary; names of China mostly are not."""
    g2p = _hibari()
    return all(token.rating != 2 for token in g2p.phonemize_tokens(g2p.tokenize(word)))


def pinyin_name(word: str) -> str | None:
    """English phonemes of a capitalised word made of pinyin syllables, e.g. Jiuquan, Xi'an.

    Args:
        word: As written.

    Returns:
        The phonemes, stress on the last syllable; None when the word is not such a name.
    """
    if not word[:1].isupper() or word.isupper():
        return None
    syllables: list[str] = []
    for part in re.split("['’-]", word.lower()):
        parts = _split(part)
        if parts is None:
            return None
        syllables += parts
    if not syllables:
        return None
    *first, last = syllables
    return "".join(_stressed(s, "ˌ") for s in first) + _stressed(last, "ˈ")


def _stressed(syllable: str, mark: str) -> str:
    """``syllable`` with the mark before its vowel, where misaki puts it."""
    vowel = next(i for i, c in enumerate(syllable) if c in "AIOWiuɑɔəɛɜɪʊʌ")
    return syllable[:vowel] + mark + syllable[vowel:]


@lru_cache(maxsize=1024)
def _split(text: str) -> tuple[str, ...] | None:
    """The English phonemes of each pinyin syllable, the longest first syllable that works."""
    if not text:
        return ()
    for length in range(min(6, len(text)), 0, -1):
        match = re.fullmatch(_SYLLABLE, text[:length])
        if match is None or not _valid(text[:length]):
            continue
        rest = _split(text[length:])
        if rest is not None:
            return (_sound(match[1], match[2]), *rest)
    return None


def _valid(syllable: str) -> bool:
    from digital_human.speech.text.lexicon import known_syllables

    return syllable in known_syllables()


def _sound(initial: str, final: str) -> str:
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        return _INITIALS[initial] + "ɜɹ"
    if final == "i" and initial in ("z", "c", "s"):
        return _INITIALS[initial] + "ə"
    if initial == "y" and final in ("i", "in", "ing", "u", "ue", "uan", "un"):
        return {"i": "ji", "in": "jɪn", "ing": "jɪŋ", "u": "ju", "ue": "jwɛ", "uan": "jwɑn",
                "un": "jʊn"}[final]  # fmt: skip
    if initial == "y" and final == "an":
        return "jɛn"
    if initial in ("b", "p", "m", "f", "w") and final == "o":
        return _INITIALS[initial] + "O"
    return _INITIALS[initial] + _FINALS[final]


@lru_cache(maxsize=1)
def _hibari() -> Any:
    from hibari.g2p import G2P

    return G2P()
