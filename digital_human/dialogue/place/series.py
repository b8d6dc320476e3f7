"""Things that stand in a row, such as the bridges of a causeway: which is the fourth from the
south, which comes next, which number one is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from digital_human.dialogue.numbers import CHINESE, ORDINALS, number
from digital_human.dialogue.place.ground import WORDS, Found, Ground
from digital_human.dialogue.place.leftover import NAME, left_over, shaped
from digital_human.dialogue.place.names import NameFinder, Span
from digital_human.dialogue.place.rows import Series
from digital_human.speech.types import Language

_NTH: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"(?P<back>倒数)?(?:第|排?行?老|排)(?P<n>{CHINESE}|大)(?!年)[座个条道栋处间]?"
    ),
    "en": re.compile(rf"\b(?:number )?(?P<n>{'|'.join(ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th)?)\b"),
}
_FIRST = {
    "zh": re.compile(r"[头打]头?(?:一|那)?[座个条]|最[前先开](?:头|面|边)?的?[那一]?[座个]?"),
    "en": re.compile(r"\bfirst\b"),
}
_LAST = {
    "zh": re.compile(r"最后(?:面|头)?的?[那一]?[座个]?|末[尾了]?[那一]?[座个]|尽头|最末"),
    "en": re.compile(r"\b(?:last|final)\b"),
}
_NEXT = {
    "zh": re.compile(
        r"下一|下面|接下来|紧?接着|[过经走]过?了?(?=◇)|再(?:往前|过去|走)|后(?:面|边|头)"
    ),
    "en": re.compile(r"\b(?:next|after|follow\w*|past|beyond|crossed|over)\b"),
}
_BEFORE = {
    "zh": re.compile(r"(?:前|上)一[座个条]|之前"),
    "en": re.compile(r"\bbefore\b|\bprevious\b"),
}
_WHICH = {
    "zh": re.compile(r"排?第几[座个条]?|排?老几|排在?第?几"),
    "en": re.compile(
        r"\b(?:which|what) number\b|\bhow many(?:th)? .{0,20}\bis\b|\bin what place\b"
    ),
}
_ASKS = {
    "zh": re.compile(
        r"叫(?:个?什么|个?啥|做?什么)(?:名字?|来着)?|(?:是|又是)?[哪啥](?:一)?[座个条]|(?:什么|啥)(?:名字?|来着)?"
        r"|名字|大名|名儿"
    ),
    "en": re.compile(
        r"\bnamed?\b|\bcalled?\b|\bwhich(?: one)?\b|\bwhat(?:'s| is| was)?\b|\bknow\b"
    ),
}
_COUNTED = {
    "zh": re.compile(
        rf"数(?:过去|过来|起|到|下去)?|走|排|那几|{CHINESE}(?=[座个条道栋处间])|的|上"
    ),
    "en": re.compile(
        r"\b(?:counted|counting|starting|walking|going|heading|if i|from|the|of|on)\b"
    ),
}


@dataclass(frozen=True, slots=True)
class _Side:
    """Where counting begins.

    Attributes:
        back: Whether it begins at the far end.
        spans: What says so.
    """

    back: bool
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Words:
    """How people speak of a row in one language.

    Attributes:
        noun: What one of its things is called.
        start: Where they begin to count: group 1 is an end.
        way: Where they go: group 1 is an end.
        extreme: The one at an end: group 1 is that end.
    """

    noun: re.Pattern[str]
    start: re.Pattern[str]
    way: re.Pattern[str]
    extreme: re.Pattern[str]

    @classmethod
    def of(cls, row: Series, language: Language) -> _Words:
        """Of a row whose names are known in ``language``."""
        kind = row.names[language]
        end = "|".join(re.escape(one[language]) for one in (row.begins, row.ends))
        if language == "zh":
            words = (
                rf"{re.escape(kind[0])}?{re.escape(kind[1:])}",
                rf"[从打自由](?:最|靠)?({end})[边头面口端]?(?:往|向|朝)?",
                rf"[往向朝]({end})[边面]?",
                rf"最靠?({end})[边头面端]?",
            )
        else:
            words = (
                rf"\b{re.escape(kind)}s?\b",
                rf"\bfrom (?:the )?(?:far )?({end})(?:ern)?(?: (?:end|side))?\b",
                rf"\b(?:walk|go|head|cycl|towards|to the)\w*(?: the)? ({end})(?:wards?)?\b",
                rf"\b({end})ernmost\b",
            )
        return cls(*map(re.compile, words))


class Rows:
    """Finds what a question asks of things in a row.

    Args:
        rows: The rows of the place.
        ground: How its things are called.
        names: Finds the names of its spots.
    """

    def __init__(self, rows: Sequence[Series], ground: Ground, names: NameFinder) -> None:
        self._ground, self._names = ground, names
        self._rows = [
            (row, NameFinder(_called(row)), {one: _Words.of(row, one) for one in row.names})
            for row in rows
        ]

    def answer(
        self, text: str, language: Language, before: Callable[[], str | None]
    ) -> Found | None:
        """What is told of the row that ``text`` asks about; None for another question.

        Args:
            text: The question as it is compared.
            language: Of the question and the answer.
            before: Gives the spot that was spoken of last.
        """
        spots = self._names.find(text) if self._rows else []
        for row, finder, words in self._rows:
            if language not in words:
                continue
            members = finder.find(text)
            kept = [one for one in spots if not any(one.meets(other) for other in members)]
            ends = self._ground.spots[row.of].ends
            of: set[str | None] = {row.of if one.id in ends else one.id for one in kept}
            if not members and (of or {before()}) != {row.of}:
                continue
            shape = shaped(text, [*members, *(one for one in kept if one.id not in ends)])
            named = [int(one.id) for one in members]
            told = self._told(row, words[language], shape, named, language)
            if told is not None:
                return self._ground.found("series", row.of, (told,), language)
        return None

    def _told(
        self, row: Series, words: _Words, shape: str, named: list[int], language: Language
    ) -> str | None:
        side = _side(row, words, shape, language)
        say, of = WORDS[language], self._ground.name(row.of, language)
        ends = (row.begins[language], row.ends[language])
        names = [one[language] for one in row.members]
        if side.back:
            ends = ends[::-1]
        which = _WHICH[language].search(shape) if len(named) == 1 else None
        found: tuple[int, list[Span]] | None = None
        if which is not None:
            found = named[0], [which.span()]
        elif not _ASKS[language].search(shape):
            return None
        elif named:
            found = _neighbour(shape, named, side, language)
        elif words.noun.search(shape):
            found = _counted(row, words, shape, side, language)
        if found is None or not 0 <= found[0] < len(names):
            return None
        if self._left(row.of, shape, [*found[1], *side.spans], words.noun, language):
            return None
        name = names[found[0]]
        if named and which is None:
            if (found[0] < named[0]) is not side.back:
                ends = ends[::-1]
            return say.behind(names[named[0]], name, ends)
        n = len(names) - found[0] if side.back else found[0] + 1
        return say.nth(of, row.names[language], n, name, ends)

    def _left(
        self, of: str, shape: str, used: list[Span], noun: re.Pattern[str], language: Language
    ) -> bool:
        """Whether words are left that ask for something else."""
        asking = [one.span() for one in _ASKS[language].finditer(shape)] or used
        told = [one.span() for pattern in (_COUNTED[language], noun, _ASKS[language])
                for one in pattern.finditer(shape)]  # fmt: skip
        left = left_over(shape, asking, [*used, *told], language, strict=False, named=True)
        return any(word != NAME and not self._names.part_of_name(word, (of,)) for word in left)


def _counted(
    row: Series, words: _Words, shape: str, side: _Side, language: Language
) -> tuple[int, list[Span]] | None:
    """Which one is counted to, from the near end, and the stretches that say so."""
    size, back = len(row.members), side.back
    if found := words.extreme.search(shape):
        return (0 if found[1] == row.begins[language] else size - 1), [found.span()]
    if found := _NTH[language].search(shape):
        n = 1 if found["n"] == "大" else _nth(found["n"], language)
        back ^= language == "zh" and found["back"] is not None
        return (size - n if back else n - 1), [found.span()]
    for pattern, at in ((_FIRST[language], 0), (_LAST[language], size - 1)):
        if found := pattern.search(shape):
            return (size - 1 - at if back else at), [found.span()]
    return None


def _neighbour(
    shape: str, named: list[int], side: _Side, language: Language
) -> tuple[int, list[Span]] | None:
    """Which one stands beside the one that is named."""
    step = -1 if side.back else 1
    for pattern, by in ((_BEFORE[language], -step), (_NEXT[language], step)):
        if len(named) == 1 and pattern.search(shape):
            return named[0] + by, [one.span() for one in pattern.finditer(shape)]
    return None


def _side(row: Series, words: _Words, shape: str, language: Language) -> _Side:
    begins, ends = row.begins[language], row.ends[language]
    start, way = words.start.search(shape), words.way.search(shape)
    back = start[1] == ends if start else way is not None and way[1] == begins
    return _Side(back, tuple(found.span() for found in (start, way) if found))


def _nth(word: str, language: Language) -> int:
    if language == "en":
        return ORDINALS.index(word) + 1 if word in ORDINALS else int(re.sub(r"\D", "", word))
    return number(word)


def _called(row: Series) -> Iterator[tuple[str, str]]:
    """Names of the members, with and without what they are, and their places in the row."""
    for place, member in enumerate(row.members):
        for language, name in member.items():
            yield name, str(place)
            if language == "en" and "en" in row.names:
                yield name.removesuffix(f" {row.names['en'].capitalize()}"), str(place)
