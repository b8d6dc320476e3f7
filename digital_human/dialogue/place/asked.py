"""What a question asks of a place: the kind of answer, what it is about, and what is left over."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from digital_human.dialogue.knowledge.questions import LIGHT_WORDS
from digital_human.dialogue.knowledge.words import analyse, jieba_file, sounds_of
from digital_human.dialogue.place.files import WHOLE
from digital_human.dialogue.place.moments import Moment, moment_of
from digital_human.dialogue.place.phrases import (
    BARE,
    FRAME_EN,
    FRAME_ZH,
    KINDS,
    TOPICS,
    TOURS,
    VISITORS,
    Kind,
    facility_in,
)
from digital_human.safety.folding import simplified
from digital_human.speech.types import Language

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z][a-z']*|\d+")
_NAME = "◇"  # stands for a name in what is searched for the kind
_SOUNDED = 3  # characters from which a name is known by its sound alone
_LONGEST = 200
_FROM = {
    "zh": re.compile(rf"从{_NAME}|{_NAME}(?:离|到|去)(?:{_NAME}|你|您)"),
    "en": re.compile(rf"\bfrom (?:the )?{_NAME}", re.IGNORECASE),
}
# jieba's tags of verbs, adjectives, adverbs, numbers, pronouns, particles and directions.
_UNNAMING = ("a", "c", "d", "f", "m", "o", "p", "q", "r", "t", "u", "v", "y", "z")
_THAT = re.compile(
    r"那里|那儿|那边|那座|那个|它|呢[？?]?$|^那|\b(?:it|there|that one|that)\b", re.IGNORECASE
)
_HERE = re.compile(r"这里|这儿|这座|这个|这边|这是|此处|\b(?:here|this)\b", re.IGNORECASE)
_TOGETHER: frozenset[Kind] = frozenset(("tickets", "hours", "route"))
# Kinds that are asked only in words that say so, whatever else the question says of a place.
_WHERE: tuple[Kind, ...] = ("where", "route")
_WEAK: frozenset[Kind] = frozenset(("where", "about", "nearby"))


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


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart.

    Attributes:
        kinds: What it asks for; several only of those that go together.
        things: What it names, in order; for a way the start first.
        starts: Whether the first of `things` is where a way begins.
        topic: What a "fact" is asked about, one of `phrases.TOPICS`.
        facility: The kind of facility it names.
        moment: What it says of time.
        visitor: Whose ticket it asks for.
        refers: ``that`` for what was spoken of before, ``here`` for where one stands.
        left: Telling words that none of this explains.
    """

    kinds: tuple[Kind | Literal["facility"], ...]
    things: tuple[str, ...]
    starts: bool
    topic: str | None
    facility: str | None
    moment: Moment
    visitor: str | None
    refers: Literal["that", "here", ""]
    left: tuple[str, ...]


class NameFinder:
    """Finds names as they are written, and Chinese ones as they sound.

    Args:
        names: Names with what they name; of equal names the first counts.
    """

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        self._written: dict[str, str] = {}
        for name, of in names:
            self._written.setdefault(plain(name).removeprefix("the "), of)
        self._patterns = [
            (re.compile(rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name)), of)
            for name, of in self._written.items()
        ]
        self._sounds = [
            (sounds_of(name), of)
            for name, of in self._written.items()
            if len(name) >= _SOUNDED and all(map(_HAN.match, name))
        ]

    def find(self, text: str) -> list[Mention]:
        """Names in a text made `plain`, in order; of overlapping ones the longest."""
        found = sorted(self._all(text), key=lambda m: (m.start - m.end, m.start))
        kept: list[Mention] = []
        for one in found:
            if all(one.end <= other.start or one.start >= other.end for other in kept):
                kept.append(one)
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


def plain(text: str) -> str:
    """Text as it is compared: simplified characters, lower case, straight marks."""
    text = simplified(unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    return re.sub(r"\s+", " ", text).strip()


def read_question(
    text: str,
    language: Language,
    names: NameFinder,
    now: datetime,
    holidays: Sequence[str] = (),
) -> Asked:
    """Take a question apart.

    Args:
        text: What the visitor said.
        language: Its language, zh or en.
        names: Of everything in the place.
        now: Local time.
        holidays: Names of holidays.
    """
    text = plain(text)[:_LONGEST]
    mentions = names.find(text)
    shape = _shaped(text, mentions)
    moment = moment_of(shape, now)
    there = facility_in(shape, language)
    things = tuple(dict.fromkeys(mention.id for mention in mentions))
    if len(things) > 1:
        # 西湖的雷峰塔 is the pagoda.
        things = tuple(thing for thing in things if thing != WHOLE)
    if len(things) > 1 and KINDS[language]["route"].search(shape):
        there = None  # 从断桥到雷峰塔坐船多久 does not ask for a pier
    topic = _topic(shape, language) if things and there is None else None
    kinds: tuple[Kind | Literal["facility"], ...]
    if topic is not None:
        kinds, used = ("fact",), [topic[1]]
    else:
        kinds, used = _kinds(shape, language, moment, bool(things), there is not None)
    if there is not None:
        used += there[1]
    refers: Literal["that", "here", ""] = ""
    if not things:
        refers = "here" if _HERE.search(text) else "that" if _THAT.search(text) else ""
    starts = len(things) > 1
    if found := _FROM[language].search(shape):
        first = shape.count(_NAME, 0, found.start())
        if first < len(things):
            things = (things[first], *things[:first], *things[first + 1 :])
            starts = True
    feasts = [m.span() for one in holidays for m in re.finditer(re.escape(plain(one)), shape)]
    left = _left(shape, [*used, *moment.spans, *feasts], language, "tickets" in kinds)
    if kinds == ("facility",) and any(KINDS[language][kind].search(shape) for kind in _WHERE):
        left = ()  # who asks where it is needs no other word to be understood
    who = next((kind for kind, pattern in VISITORS.items() if pattern.search(text)), None)
    return Asked(
        kinds,
        things,
        starts,
        topic[0] if topic else None,
        there[0] if there else None,
        moment,
        who,
        refers,
        left,
    )


def _kinds(
    shape: str, language: Language, moment: Moment, named: bool, facility: bool
) -> tuple[tuple[Kind | Literal["facility"], ...], list[tuple[int, int]]]:
    """What is asked for, and the stretches of the question that say so."""
    if moment.span is not None and not named and not facility:
        if words := [m.span() for m in TOURS[language].finditer(shape)]:
            return ("tour",), words
    found: dict[Kind, list[tuple[int, int]]] = {}
    for kind, pattern in KINDS[language].items():
        if spans := [match.span() for match in pattern.finditer(shape)]:
            found[kind] = spans
    strong = [kind for kind in found if kind not in _WEAK]
    if "stay" in strong:
        strong = ["stay"]
    if strong and not set(strong) <= _TOGETHER:
        strong = strong[:1]
    if facility:
        kinds: list[Kind | Literal["facility"]] = [k for k in strong if k in ("tickets", "hours")]
        if not kinds:
            # However it is put, what is wanted is the way there.
            return ("facility",), [span for spans in found.values() for span in spans]
    else:
        kinds = [*(strong or list(found)[:1])]
    if not kinds and named:
        # "明天下午五点去雷峰塔行吗" asks whether it is open then.
        if moment.clock is not None:
            return ("hours",), []
        return ("about",) if BARE[language].match(shape) else (), []
    return tuple(kinds), [span for kind in kinds if kind != "facility" for span in found[kind]]


def _topic(shape: str, language: Language) -> tuple[str, tuple[int, int]] | None:
    """The first of the usual topics that the question has, and where."""
    for topic, pattern in TOPICS[language].items():
        if found := pattern.search(shape):
            return topic, found.span()
    return None


def _shaped(text: str, mentions: list[Mention]) -> str:
    """The question with a sign in place of each name."""
    for mention in reversed(mentions):
        text = f"{text[: mention.start]}{_NAME}{text[mention.end :]}"
    return text


def _telling(word: str) -> bool:
    """Whether a Chinese word is more than words that frame a question."""
    return any(not one.light for one in analyse(FRAME_ZH.sub(" ", word)).words)


def _names_something(word: str) -> bool:
    """Whether a Chinese word is a noun, or none that jieba's dictionary has."""
    table = jieba_file("dict.txt")
    start = table.find(f"\n{word} ")
    if start < 0:
        return True
    tag = table[start + 1 : table.index("\n", start + 1)].split()[-1]
    return not tag.startswith(_UNNAMING)


def _left(
    shape: str, used: list[tuple[int, int]], language: Language, prices: bool
) -> tuple[str, ...]:
    """Words that may ask for something else.

    Verbs and the like only colour a question whose kind is known; what is bought is told by verbs
    too (住宿多少钱), so that for prices all words count.
    """
    chars = list(shape)
    for start, end in used:
        chars[start:end] = " " * (end - start)
    rest = "".join(chars)
    if language == "zh":
        words = [word.text for word in analyse(rest).words if not word.light]
        words = [word for word in words if _telling(word)]
        return tuple(word for word in words if prices or _names_something(word))
    foreign = tuple(_HAN.findall(rest))
    words_en = (word.removesuffix("'s").strip("'") for word in _WORD.findall(rest))
    return foreign + tuple(w for w in words_en if w not in FRAME_EN and w not in LIGHT_WORDS)
