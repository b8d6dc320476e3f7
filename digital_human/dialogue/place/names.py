"""Names of a place's things in what visitors say: whole, as they sound, and in part."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from digital_human.dialogue.knowledge.words import sounds_of, stem, tag_of
from digital_human.safety.folding import simplified
from digital_human.speech.types import Language

_HAN = re.compile(r"[\u3400-\u9fff]")
_SOUNDED = 3  # characters from which a name is known by its sound alone
_EN_WORD = re.compile(r"[a-z][a-z'-]*")
_JOINING = frozenset("the of at in on over for and by".split())
_POINTED = re.compile(r"\b(?:the|this|that|your) $")
Span: TypeAlias = tuple[int, int]
"""First character of a stretch of text, and one past its last."""

_WIDE = str.maketrans(",?!:;", "，？！：；")


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text.

    Attributes:
        id: What it names.
        start: First character.
        end: One past the last.
    """

    id: str
    start: int
    end: int

    def meets(self, other: Mention) -> bool:
        """Whether both have a character in common."""
        return self.start < other.end and other.start < self.end


class NameFinder:
    """Finds names as they are written, Chinese ones as they sound, and English ones in part.

    Args:
        names: Names with what they name; of equal names the first counts.
        partly: What is known by part of an English name too.
        described: Finds what is meant without its name, given a text and the names in it.
    """

    def __init__(
        self,
        names: Iterable[tuple[str, str]],
        partly: Container[str] = (),
        described: Callable[[str, list[Mention]], Iterable[Mention]] | None = None,
    ) -> None:
        self._described = described
        self._written: dict[str, str] = {}
        for name, of in names:
            self._written.setdefault(plain(name).removeprefix("the "), of)
        self._own: dict[str, str] = {}
        for name, of in self._written.items():
            self._own[of] = f"{self._own.get(of, '')} {name} "
        self._patterns = [(_pattern(name), of) for name, of in self._written.items()]
        self._sounds = [
            (sounds_of(name), of)
            for name, of in self._written.items()
            if len(name) >= _SOUNDED and all(map(_HAN.match, name))
        ]
        self._short = {
            sounds_of(name): (name, of)
            for name, of in self._written.items()
            if len(name) == _SOUNDED - 1 and all(map(_HAN.match, name))
        }
        # What has a word in its names, and what is called after one: "hall", "temple".
        self._having: dict[str, set[str]] = {}
        self._sorts: dict[str, set[str]] = {}
        for name, of in self._written.items():
            words = [w for w, _, _ in _words(name)] if name.isascii() and of in partly else []
            for word in words:
                self._having.setdefault(word, set()).add(of)
            if words:
                self._sorts.setdefault(words[-1], set()).add(of)

    def part_of_name(self, word: str, of: Iterable[str]) -> bool:
        """Whether a word stands in a name of one of some things: 馆 in 纪念馆."""
        written = f" {word} " if word.isascii() else word
        return any(written in self._own.get(one, "") for one in of)

    def sort_of(self, word: str, of: str | None) -> bool:
        """Whether a thing is called one of this sort: 馆 of 纪念馆."""
        if word.isascii():
            return of in self._sorts.get(stem(word), ())
        return of is not None and f"{word} " in self._own.get(of, "")

    def find(self, text: str) -> list[Mention]:
        """Names in a text made `plain`, in order; of overlapping ones the longest."""
        kept = _apart(self._all(text))
        kept += self._in_part(text, kept)
        kept.sort(key=lambda m: m.start)
        if self._described is not None:
            # What is described holds names that only describe it.
            kept = _apart([*self._described(text, kept), *kept])
        return sorted(kept, key=lambda m: m.start)

    def _all(self, text: str) -> Iterator[Mention]:
        for pattern, of in self._patterns:
            for match in pattern.finditer(text):
                yield Mention(of, *match.span())
        for run in re.finditer(r"[\u3400-\u9fff]{3,}", text):
            heard = sounds_of(run[0])
            for sounds, of in self._sounds:
                size = len(sounds)
                for start in range(len(heard) - size + 1):
                    if heard[start : start + size] == sounds:
                        at = run.start() + start
                        yield Mention(of, at, at + size)
            for start in range(len(heard) - 1):
                at = run.start() + start
                piece = text[at : at + 2]
                short = self._short.get(heard[start : start + 2])
                if short is not None and _misheard(piece, short[0]):
                    yield Mention(short[1], at, at + 2)

    def _in_part(self, text: str, known: list[Mention]) -> Iterator[Mention]:
        """Words that stand in the names of one thing only: "orioles park", "the hall"."""
        rest = list(text)
        for one in known:
            rest[one.start : one.end] = "." * (one.end - one.start)
        left = "".join(rest)
        run: list[tuple[str, int, int]] = []
        able: set[str] = set()
        for word in [*_words(left), ("", len(left), len(left))]:
            near = run and not re.search(r"[^a-z' -]", left[run[-1][2] : word[1]])
            both = able & self._having.get(word[0], set()) if near else set()
            if both:
                run.append(word)
                able = both
                continue
            if run and len(able) == 1 and (len(run) > 1 or self._pointed(left, run[0])):
                yield Mention(min(able), run[0][1], run[-1][2])
            run, able = [word], set(self._having.get(word[0], ()))

    def _pointed(self, text: str, word: tuple[str, int, int]) -> bool:
        """Whether a single word is one thing's sort, and "the" stands before it."""
        one_only = len(self._sorts.get(word[0], ())) == 1
        return one_only and _POINTED.search(text[: word[1]]) is not None


def plain(text: str) -> str:
    """Text as it is compared: simplified characters, lower case, straight marks."""
    text = simplified(unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    return re.sub(r"\s+", " ", text).strip()


def wide(text: str, language: Language) -> str:
    """Text made `plain` with the marks of its language, at which patterns stop."""
    return text.translate(_WIDE) if language == "zh" else text


def _apart(mentions: Iterable[Mention]) -> list[Mention]:
    """Mentions that do not overlap, the longest first."""
    kept: list[Mention] = []
    for one in sorted(mentions, key=lambda m: (m.start - m.end, m.start)):
        if not any(one.meets(other) for other in kept):
            kept.append(one)
    return kept


def _misheard(piece: str, name: str) -> bool:
    """Whether two characters are a short name with one written wrong, and no word themselves."""
    # Who says 进寺 goes into a temple, not to 净寺.
    heard = (piece[0] == name[0]) != (piece[1] == name[1]) and tag_of(piece) is None
    return heard and piece[0] not in "进去到来出逛"


def _pattern(name: str) -> re.Pattern[str]:
    """Finds a name; in a long Chinese one 的 or 那 may stand anywhere: 岳飞的庙."""
    if name.isascii():
        return re.compile(rf"\b{re.escape(name)}\b")
    joint = "[的那]?" if len(name) >= _SOUNDED else ""
    return re.compile(joint.join(map(re.escape, name)))


def _words(text: str) -> list[tuple[str, int, int]]:
    """Stems of the English words that name something, with where they stand."""
    found = []
    for match in _EN_WORD.finditer(text):
        word = match[0].removesuffix("'s").strip("'")
        if word and word not in _JOINING:
            found.append((stem(word), match.start(), match.end()))
    return found
