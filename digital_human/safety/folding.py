"""Folds text to a skeleton that spelling tricks do not change, keeping the way back.

Full-width, traditional, accented, look-alike, upper-case and spaced-out spellings of a word all
have the skeleton of the plain word. Every skeleton character knows where it came from.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import kaldifst  # type: ignore[import-untyped]

# Marks that are heard as the end of a phrase. Brackets and quotes are not heard, so that they, like
# other symbols, are filler that someone may put inside a word.
_PHRASE_ENDS = frozenset("，。！？；：、…\n\r,!?;:")
_NUMERALS = str.maketrans("零〇一壹二贰三叁四肆五伍六陆七柒八捌九玖拾", "00112233445566778899十")
# Cyrillic and Greek letters drawn like Latin ones (subset of Unicode TR39 confusables).
_LOOKALIKES = str.maketrans("асеорхуіјѕкмнтвαοερτικνυ", "aceopxyijskmhtbaoeptikvu")
_LEET = str.maketrans("@4310!|l$57+", "aaeioiiisstt")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Folded text.

    Attributes:
        text: The folded characters.
        origin: Index in the original text of each folded character.
        phrase: Number of the phrase each folded character is in; it rises at phrase punctuation.
    """

    text: str
    origin: tuple[int, ...]
    phrase: tuple[int, ...]

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Original [start, end) of the folded characters ``first``…``last`` (inclusive)."""
        return self.origin[first], self.origin[last] + 1


@lru_cache(maxsize=1)
def _simplifier() -> kaldifst.TextNormalizer:
    """The traditional → simplified character transducer that the wetext package ships."""
    spec = find_spec("wetext")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("wetext")
    folder = Path(spec.submodule_search_locations[0])
    return kaldifst.TextNormalizer(str(folder / "fsts" / "traditional_to_simple.fst"))


@lru_cache(maxsize=65536)
def simplified(text: str) -> str:
    """``text`` in simplified characters, character by character."""
    return str(_simplifier()(text))


def fold_char(char: str) -> str:
    """The skeleton of one character: "" for filler, else usually one character."""
    folded = unicodedata.normalize("NFKD", char).casefold().translate(_LOOKALIKES)
    kept = "".join(c for c in folded if c.isalnum())
    if "\u3400" <= kept[:1] <= "\u9fff":
        kept = str(_simplifier()(kept)) or kept
    return kept.translate(_NUMERALS)


@lru_cache(maxsize=65536)
def fold_char_leet(char: str) -> str:
    """Like `fold_char`, with digits and symbols read as the Latin letters they stand for."""
    return (char.translate(_LEET) if char in "@$!|+" else fold_char(char)).translate(_LEET)


def fold(text: str, *, leet: bool = False) -> Skeleton:
    """Fold ``text``; with ``leet`` digits and symbols are read as Latin letters."""
    folder = fold_char_leet if leet else fold_char
    chars: list[str] = []
    origin: list[int] = []
    phrases: list[int] = []
    phrase = 0
    for index, char in enumerate(text):
        folded = folder(char)
        if not folded and char in _PHRASE_ENDS:
            phrase += 1
        for c in folded:
            chars.append(c)
            origin.append(index)
            phrases.append(phrase)
    return Skeleton("".join(chars), tuple(origin), tuple(phrases))
