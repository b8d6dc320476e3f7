"""Poems a persona knows by heart: recited word for word, and when and where they were written.

A poem is found by its title, another name or any line of it, compared by sound so that a misheard
word does not hide it. Nothing here is left to a language model: a poem is right or is not said.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from digital_human.dialogue.knowledge.words import sounds_of
from digital_human.dialogue.types import Line, Source
from digital_human.errors import InputError
from digital_human.speech.types import Delivery, Language

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

_RECITE = re.compile(
    r"背(?!景|后|包|面|影)|(?<![纪怀思悼想])念(?!佛|旧|头)|朗诵|诵读|吟|读(?:一|两|首|段|个|下)|[来说讲](?:一|两)?首"
    r"|[作写]过(?:哪|什么)|(?<![哪第这那的])一首(?![诗词])|\brecite\b|\b(?:say|read|tell)\b.{0,12}\bpoem\b",
    re.IGNORECASE,
)
_ANY = re.compile(r"诗|(?<![单台歌])词(?!语|典)|\bpoems?\b|\bverses?\b", re.IGNORECASE)
_WHEN = re.compile(r"什么时候|何时|哪一?年|哪个时候|多少岁|\bwhen\b", re.IGNORECASE)
_WHERE = re.compile(r"哪里|哪儿|哪个?地方|什么地方|何处|\bwhere\b", re.IGNORECASE)
_LINE = r"(?:[是接跟对]|紧[接跟]着?)?的?(?:[那这哪]|(?:什么|啥))?(?:半|一)?句"
_NEXT = re.compile(
    rf"(?:下|后)[面头边]?{_LINE}|[下后](?:面|头|边|文)(?:是|[接跟怎]|呢|咋)|接下[来去]|往下|下联"
    r"|\bnext (?:line|verse)\b|\bline (?:after|that follows)\b|\bwhat (?:comes next|follows)\b"
    r"|\bwhat comes after\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"(?:上|前)[面头边]?{_LINE}|[上前](?:面|头|边|文)(?:是|怎|呢|咋)|上联"
    r"|\b(?:line|verse) before\b|\b(?:previous|preceding) (?:line|verse)\b"
    r"|\bwhat comes before\b",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"哪一?首|出自|(?<![为给替])谁[写的]|\bwhich poem\b|\bwho wrote\b", re.IGNORECASE
)
_TOPIC = re.compile(r"(?:首|个|段|关于|有关|写)([^，。？！首关于写]{1,8})的(?:诗|词)")
_YOURS = re.compile(r"你|您|最|自己|这里")
_THIS = re.compile(r"这首|这阕|那首|它|\b(?:it|this poem|that poem)\b", re.IGNORECASE)
_QUOTED = re.compile(r"《([^》]+)》")
_CLAUSE = re.compile(r"[，。、；！？·\s]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
# Syllables that a title or line must have to be known without a verb of reciting or quotes, and
# the share of its syllables that must be heard.
_TELLING, _HEARD = 4, 0.8
_RECITED = Delivery(speed=0.88)
_LONGEST = 120  # characters of a question that are compared
_SHORT = 3  # syllables below which a name must be written as it is


class Poem(BaseModel):
    """One poem.

    Attributes:
        title: Its title, with the tune for a ci.
        names: What else people call it.
        when: When it was written, as it is told.
        place: Where it was written; empty when that is not known.
        lines: Its sentences, with their marks.
        readings: Toned pinyin of words that are easily read wrongly.
        variants: Words here → words of the edition it was compared with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Text
    names: tuple[Text, ...] = ()
    when: Text
    place: str = ""
    lines: tuple[Text, ...] = Field(min_length=1)
    readings: dict[str, str] = Field(default_factory=dict)
    variants: dict[str, str] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.lines)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    poet: list[Text] = Field(min_length=1)
    poems: list[Poem] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Recital:
    """What is said of a poem.

    Attributes:
        poem: The poem.
        said: What is spoken; lines of the poem are Chinese always, and unhurried.
        source: The poem as a source.
    """

    poem: Poem
    said: tuple[Line, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class _Call:
    """Words by which a poem may be asked for, and how they sound."""

    name: str
    sounds: tuple[str, ...]
    set: frozenset[str]
    poem: Poem


class Poems:
    """Poems of one poet.

    Args:
        poems: In the order in which they are offered.
        poet: The poet's names.
        path: Name of their file, as a source names it.
    """

    def __init__(
        self, poems: Iterable[Poem], poet: Sequence[str], path: str = "poems.toml"
    ) -> None:
        self._poems, self.poet = tuple(poems), tuple(poet)
        self._path = path
        self._calls = [
            _Call(name, sounds, frozenset(sounds), poem)
            for poem in self._poems
            for name in _called(poem)
            if (sounds := _sounds(name))
        ]

    @property
    def poems(self) -> tuple[Poem, ...]:
        """All of them."""
        return self._poems

    @classmethod
    def load(cls, path: Path) -> Poems:
        """Read ``poems.toml``.

        Raises:
            InputError: It cannot be read or is wrong; the message names the poem and the field.
        """
        try:
            file = _File.model_validate(tomllib.loads(path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: {error}", fix="correct the file") from error
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"{path}: {field}: {first['msg']}", fix="compare it with another poem"
            ) from error
        return cls(file.poems, file.poet, path.name)

    def readings(self) -> dict[str, str]:
        """Readings of all poems."""
        return {word: pinyin for poem in self._poems for word, pinyin in poem.readings.items()}

    def answer(
        self, text: str, language: Language, earlier: Sequence[Source] = ()
    ) -> Recital | None:
        """What is said to ``text`` when it asks for a poem or about one.

        Args:
            text: What the visitor said.
            language: Language of what is not the poem's own words.
            earlier: Sources of what was said before, the latest last.
        """
        text = text[:_LONGEST]
        wished = _RECITE.search(text) is not None
        poem, line = self._find(text, wished)
        told = [self._titled(source.title) for source in earlier if source.path == self._path]
        if poem is None and told and _THIS.search(text):
            poem = told[-1]
        if poem is None:
            return self._chosen(text, language, told) if wished and _ANY.search(text) else None
        if line is not None and (_NEXT.search(text) or _BEFORE.search(text)):
            return self._neighbour(poem, line, language, 1 if _NEXT.search(text) else -1)
        if _WHEN.search(text) or _WHERE.search(text):
            return self._recital(poem, Line(_origin(poem, language), language, "knowledge"))
        if _WHICH.search(text):
            named = f"这是{self.poet[0]}的《{poem.title}》。" if language != "en" else ""
            told_of = f"{named}{_origin(poem, language)}"
            return self._recital(poem, Line(told_of, language, "knowledge"))
        if wished or _left(text, poem) < _TELLING:
            return self._recited(poem, language)
        return None

    def _find(self, text: str, wished: bool) -> tuple[Poem | None, str | None]:
        """The poem whose title, name or line is heard in ``text``, and that line."""
        quoted = _QUOTED.search(text)
        asked = quoted[1] if quoted else text
        heard = _sounds(asked)
        there = frozenset(heard)
        best, weight = None, 0.0
        for call in self._calls:
            size = len(call.sounds)
            if size < _TELLING and not wished:
                continue
            if size < _SHORT and not _named(call.name, asked):
                continue
            if len(call.set & there) < _HEARD * len(call.set):
                continue
            share = _heard(call.sounds, heard)
            if share >= (_HEARD if size >= _TELLING else 1.0) and share * size > weight:
                best, weight = call, share * size
        if best is None:
            return None, None
        return best.poem, best.name if best.name in _clauses(best.poem) else None

    def _chosen(self, text: str, language: Language, told: Sequence[Poem | None]) -> Recital | None:
        """A poem for somebody who names none, not told yet: about what they wish, if anything."""
        fresh = [poem for poem in self._poems if poem not in told] or list(self._poems)
        found = _TOPIC.search(text)
        topic = found[1] if found and not _YOURS.search(found[1]) else ""
        if topic and topic not in self.poet:
            about = [poem for poem in fresh if topic in f"{poem.title}{poem.place}{poem.text}"]
            return self._recited(about[0], language) if about else None
        there = [poem for poem in fresh if poem.place and poem.place[:2] in text]
        return self._recited((there or fresh)[0], language)

    def _neighbour(
        self, poem: Poem, line: str, language: Language, step: Literal[1, -1]
    ) -> Recital:
        clauses = _clauses(poem)
        index = clauses.index(line) + step
        if 0 <= index < len(clauses):
            return self._recital(poem, _verse(f"{clauses[index]}。"))
        if language == "en":
            end = f"That is the {'last' if step > 0 else 'first'} line of the poem."
        else:
            end = f"这已经是《{poem.title}》的{'最后' if step > 0 else '第'}一句了。"
        return self._recital(poem, Line(end, language, "knowledge"))

    def _recited(self, poem: Poem, language: Language) -> Recital:
        lines = recited(poem)
        if language == "en":
            lines = [Line("Here it is, in Chinese.", "en", "knowledge"), *lines]
        return self._recital(poem, *lines)

    def _recital(self, poem: Poem, *said: Line) -> Recital:
        return Recital(poem, said, Source(poem.title, self._path, poem.text, 1.0))

    def _titled(self, title: str) -> Poem | None:
        return next((poem for poem in self._poems if poem.title == title), None)


def recited(poem: Poem) -> list[Line]:
    """Title and lines as they are spoken."""
    return [_verse(f"《{poem.title}》。"), *map(_verse, poem.lines)]


def _verse(text: str) -> Line:
    return Line(text, "zh", "knowledge", delivery=_RECITED)


def _origin(poem: Poem, language: Language) -> str:
    """When and where it was written."""
    if language == "en":
        year = re.search(r"\d{4}", poem.when)
        when = f"in {year[0]}" if year else "at an unknown date"
        return f"It was written {when}; in Chinese the record says: {poem.when}."
    if "不详" in poem.when:
        return f"《{poem.title}》的写作年代已经不可考了。"
    where = f"，写于{poem.place}" if poem.place and poem.place not in poem.when else ""
    return f"《{poem.title}》作于{poem.when}{where}。"


def _called(poem: Poem) -> list[str]:
    """Everything it may be known by: title and its halves, names, clauses of its lines."""
    halves = [half for half in poem.title.split("·") if not half.startswith("其")]
    pairs = [line.rstrip("。") for line in poem.lines]
    return list(dict.fromkeys([poem.title, *halves, *poem.names, *pairs, *_clauses(poem)]))


def _clauses(poem: Poem) -> list[str]:
    return [clause for line in poem.lines for clause in _CLAUSE.split(line) if clause]


def _named(name: str, text: str) -> bool:
    """Whether ``text`` writes a short name, and not as somebody's or some place's: 东坡的诗."""
    return re.search(rf"{re.escape(name)}(?!的|先生|居士|写|作)", text) is not None


def _sounds(text: str) -> tuple[str, ...]:
    return sounds_of("".join(_HAN.findall(text)))


def _heard(sounds: Sequence[str], heard: Sequence[str]) -> float:
    """Share of ``sounds`` that stand in one stretch of ``heard``."""
    size = len(sounds)
    return max(
        (
            sum(a == b for a, b in zip(sounds, heard[i : i + size], strict=False)) / size
            for i in range(max(1, len(heard) - size + 1))
        ),
        default=0.0,
    )


def _left(text: str, poem: Poem) -> int:
    """Chinese characters of ``text`` that are not the poem's own."""
    known = set("".join(_called(poem)))
    return sum(char not in known for char in _HAN.findall(text))
