"""What the knowledge is made of: entries, and how much of one is spoken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from digital_human.speech.types import Language

SPOKEN_CHARACTERS = 80
SPOKEN_WORDS = 45

_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")
_SENTENCE = re.compile(
    r"[^。！？!?；\n]*?(?:[。！？；]+[”’」』）]*|[!?]+[\"')]*|(?<=[a-z0-9)\"'%][.])(?=\s+[\"'(]?[A-Z0-9])|\n|$)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A question with its answer, or a passage under its heading.

    Attributes:
        kind: ``qa`` or ``passage``.
        asks: Phrasings that this entry answers: the questions, or the heading with its parents and
            the passage's first sentence.
        title: Question or heading shown to people.
        text: Answer or passage.
        language: Its language.
        path: File inside the folder, with ``#heading`` or ``:row``.
        keywords: Names the author listed, or set in bold or quoted.
        speakable: Whether `spoken` of the text answers ``asks`` as it is.
    """

    kind: Literal["qa", "passage"]
    asks: tuple[str, ...]
    title: str
    text: str
    language: Language
    path: str
    keywords: tuple[str, ...] = ()
    speakable: bool = True


def language_of(text: str) -> Language:
    """Chinese, Japanese or English, from the script a text is mostly written in."""
    if _KANA.search(text):
        return "ja"
    characters = len(_HAN.findall(text))
    return "zh" if characters and characters >= len(_LATIN_WORD.findall(text)) else "en"


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with its mark."""
    return [found for match in _SENTENCE.finditer(text) if (found := match.group().strip())]


def fits(text: str, language: Language) -> bool:
    """Whether a text is short enough to be spoken in one go."""
    if language == "en":
        return len(text.split()) <= SPOKEN_WORDS
    return len(text) <= SPOKEN_CHARACTERS


def spoken(text: str, language: Language) -> str:
    """The first sentences of a text, as many as are short enough to say; at least one."""
    joint = " " if language == "en" else ""
    kept = ""
    for sentence in sentences(text):
        longer = f"{kept}{joint}{sentence}" if kept else sentence
        if kept and not fits(longer, language):
            break
        kept = longer
    return kept
