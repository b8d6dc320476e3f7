"""A poem: its words, what it is called and described by, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from digital_human.speech.types import Language

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

TELLING = 4
"""Syllables that a title or line must have to be known without a verb of reciting or quotes."""
SHORT = 3
"""Syllables below which a name must be written as it is."""

_WORDS = re.compile(r"[^，。、；！？·\s]+")
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)


class Poem(BaseModel):
    """One poem.

    Attributes:
        title: Its title, with the tune for a ci.
        names: What else people call it, in Chinese or English.
        when: When it was written, as it is told.
        place: Where it was written; empty when that is not known.
        place_en: The same in English, with its preposition.
        whom: For whom or about whom it was written (写给刘景文的); empty when that is not known.
        whom_en: The same in English.
        about: Words by which visitors describe it, in Chinese or English.
        lines: Its sentences, with their marks.
        break_after: How many of them the first of a ci's two stanzas has; 0 for other poems.
        readings: Toned pinyin of words that are easily read wrongly.
        variants: Words here → words of the edition it was compared with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text
    names: tuple[Text, ...] = ()
    when: Text
    place: str = ""
    place_en: str = ""
    whom: str = ""
    whom_en: str = ""
    about: tuple[Text, ...] = ()
    lines: tuple[Text, ...] = Field(min_length=1)
    break_after: int = Field(default=0, ge=0)
    readings: dict[str, str] = Field(default_factory=dict)
    variants: dict[str, str] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.lines)

    @property
    def clauses(self) -> list[str]:
        """What stands between the marks of its lines."""
        return clauses_of(self.lines)

    @property
    def lyric(self) -> bool:
        """Whether it is a ci, which has its tune in its title."""
        return len(self.halves) > 1

    @property
    def even(self) -> bool:
        """Whether it is of couplets with lines of one length, and so has two halves."""
        return len({len(clause) for clause in self.clauses}) == 1 and len(self.lines) % 2 == 0

    def stanza(self, second: bool) -> tuple[str, ...]:
        """The sentences of one of its two stanzas or halves; none where it has no halves."""
        middle = self.break_after or (len(self.lines) // 2 if self.even else 0)
        if not middle:
            return ()
        return self.lines[middle:] if second else self.lines[:middle]

    @property
    def halves(self) -> list[str]:
        """The tune and the theme of a title that has both."""
        return [half for half in self.title.split("·") if not half.startswith("其")]

    @property
    def called(self) -> list[str]:
        """Everything it may be known by: title and its halves, names, lines and their clauses."""
        clauses = self.clauses
        lines = [*(line.rstrip("。") for line in self.lines), *clauses]
        lines += [a + b for a, b in pairwise(clauses) if max(len(a), len(b)) < TELLING]
        told = [line for line in lines if len(line) >= SHORT]
        return list(dict.fromkeys([self.title, *self.halves, *self.names, *told]))

    def in_english(self, text: str) -> re.Match[str] | None:
        """Where one of its English names stands in ``text``."""
        return self._english.search(text) if self._english is not None else None

    @cached_property
    def _english(self) -> re.Pattern[str] | None:
        names = sorted(filter(_LATIN.match, self.names), key=len, reverse=True)
        words = ("[^a-z]+".join(re.findall("[a-z]+", name.lower())) for name in names)
        return re.compile(rf"\b(?:{'|'.join(words)})", re.IGNORECASE) if names else None

    def fits(self, text: str) -> int:
        """How many words of its description are in ``text``: English ones where a word begins."""
        return sum(
            re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE) is not None
            if _LATIN.match(word)
            else word in text
            for word in self.about
        )

    def from_there(self, text: str) -> bool:
        """Whether ``text`` names the place where it was written, or its town."""
        return any(name in text for name in self._places)

    def only_there(self, text: str) -> bool:
        """Whether ``text`` names that and next to nothing besides."""
        rest = text
        for name in self._places:
            rest = rest.replace(name, "")
        return rest != text and not re.search(r"[^\x00-\u02ff]{2}|[a-z]{5}", rest)

    @cached_property
    def _places(self) -> list[str]:
        english = re.findall(r"[A-Z]\w+(?: [A-Z]\w+)*", self.place_en)
        return [name for name in [self.place[:2], self.place[2:], *english] if name]

    def following(self, index: int, least: int) -> str:
        """Clauses from ``index`` to the end of its sentence.

        Of a new sentence they are ``least``, and more while they are short.
        """
        start = 0
        for line in self.lines:
            spans = [match.span() for match in _WORDS.finditer(line)]
            if index < start + len(spans):
                break
            start += len(spans)
        first = index - start
        last = len(spans) if first else min(least, len(spans))
        while last < len(spans) and spans[last - 1][1] < TELLING:
            last += 1
        return f"{line[spans[first][0] : spans[last - 1][1]]}。"

    def origin(self, language: Language) -> str:
        """When and where it was written."""
        if language == "en":
            return self._origin_en()
        if "不详" in self.when:
            return f"《{self.title}》的写作年代已经不可考了。"
        where = f"，写于{self.place}" if self.place and self.place not in self.when else ""
        return f"《{self.title}》作于{self.when}{where}。"

    def dedication(self, language: Language) -> str:
        """For whom or about whom it was written; empty when that is not known."""
        if language == "en":
            return f"It was written {self.whom_en}." if self.whom_en else ""
        return f"《{self.title}》是{self.whom}。" if self.whom else ""

    def _origin_en(self) -> str:
        told, _, else_told = self.when.partition("一说")
        year, other = re.search(r"\d{4}", told), re.search(r"\d{4}", else_told)
        about = "about " if re.search(r"约|前后", told) else ""
        said = [f"in {about}{year[0]}"] if year else []
        if self.place_en:
            said.append(self.place_en)
        if not said:
            return "It is not known when it was written."
        return f"It was written {' '.join(said)}.{f' Some say {other[0]}.' if other else ''}"


def clauses_of(lines: Iterable[str]) -> list[str]:
    """What stands between the marks of ``lines``."""
    return [clause for line in lines for clause in _WORDS.findall(line)]
