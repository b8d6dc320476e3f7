"""Poems a persona knows by heart: recited word for word, and when and where they were written.

A poem is found by its title, another name or any line of it, compared by sound so that a misheard
word does not hide it. Nothing here is left to a language model: a poem is right or is not said.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digital_human.dialogue.knowledge.words import sounds_of
from digital_human.dialogue.poem import SHORT, TELLING, Poem, Text
from digital_human.dialogue.poem_asks import Ask
from digital_human.dialogue.types import Line, Source
from digital_human.errors import InputError
from digital_human.speech.types import Delivery, Language

_QUOTED = re.compile(r"《([^》]+)》")
_MARK = r"[《“”‘’\"'「」》]"
_HAN = re.compile(r"[\u3400-\u9fff]")
_HEARD = 0.8  # share of the syllables of a title or line that must be heard
_RECITED = Delivery(speed=0.88)
_LONGEST = 120  # characters of a question that are compared


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
    """Words by which a poem may be asked for, and how they sound; ``own`` when no other's too."""

    name: str
    sounds: tuple[str, ...]
    set: frozenset[str]
    poem: Poem
    own: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A poem that is spoken of, the question without its words, and the clauses that were said.

    ``named``: it was, in Chinese or as the one of before, and is not only described.
    """

    poem: Poem
    ask: Ask
    said: range | None = None
    named: bool = False


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
        tunes = Counter(half for poem in self._poems for half in poem.halves)
        self._calls = [
            _Call(name, sounds, frozenset(sounds), poem, tunes[name] < 2 or name in poem.names)
            for poem in self._poems
            for name in poem.called
            if (sounds := _sounds(name))
        ]
        self._parts: dict[tuple[str, ...], list[tuple[Poem, int]]] = defaultdict(list)
        for poem in self._poems:
            for index, clause in enumerate(poem.clauses):
                for part in {part for _, part in _parts(clause)}:
                    self._parts[part].append((poem, index))

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
        whole = Ask(text)
        told = [self._titled(source.title) for source in earlier if source.path == self._path]
        found = self._find(text, whole) or self._described(whole)
        if found is None and told and told[-1] and whole.back:
            found = _Found(told[-1], whole, named=True)
        if found is None:
            wished = whole.wished and whole.any and not whole.others
            return self._chosen(whole, language, told) if wished else None
        return self._answered(found, language)

    def _answered(self, found: _Found, language: Language) -> Recital | None:
        poem, ask = found.poem, found.ask
        if found.said is not None and ask.step:
            return self._neighbour(poem, found.said, language, ask)
        if ask.end is not None:
            return self._recital(poem, _verse(poem.lines[ask.end]))
        if ask.whole and not ask.whom:
            return self._recited(poem, language)
        if ask.whom:
            told = poem.dedication(language)
        elif ask.origin:
            told = poem.origin(language)
        elif ask.which:
            named = f"这是{self.poet[0]}的《{poem.title}》。" if language != "en" else ""
            told = f"{named}{poem.origin(language)}" if found.named else ""
        elif ask.heard or (ask.bare and not ask.step):
            return self._recited(poem, language)
        else:
            return None
        return self._recital(poem, Line(told, language, "knowledge")) if told else None

    def _find(self, text: str, ask: Ask) -> _Found | None:
        """The poem whose title, name or line is heard in ``text``."""
        quoted = _QUOTED.search(text)
        asked = quoted[1] if quoted else text
        heard = _sounds(asked)
        there = frozenset(heard)
        best, weight = None, 0.0
        for call in self._calls:
            size = len(call.sounds)
            if len(call.set & there) < _HEARD * len(call.set):
                continue
            if ask.others and (size < TELLING or call.name in call.poem.halves):
                continue
            if size < TELLING and not (ask.wished or (call.own and _marked(call.name, text, ask))):
                continue
            if call.name in self.poet and not re.search(f"{_MARK}{call.name}{_MARK}", text):
                continue
            if size < SHORT and not _named(call.name, asked):
                continue
            share, _ = _heard(call.sounds, heard)
            if share >= (_HEARD if size >= TELLING else 1.0) and share * size > weight:
                best, weight = call, share * size
        if best is not None:
            return self._parted(best.poem, text)
        if (poem := self._begun(text)) is not None:
            return self._parted(poem, text)
        return self._in_english(text)

    def _begun(self, text: str) -> Poem | None:
        """The only poem with a line of which a part is heard, where a line or poem is meant."""
        if not re.search(rf"[首句诗词]|{_MARK}", text):
            return None
        poems = {id(poem): poem for _, p in _parts(text) for poem, _ in self._parts.get(p, ())}
        return next(iter(poems.values())) if len(poems) == 1 else None

    def _in_english(self, text: str) -> _Found | None:
        """The poem one of whose English names is in ``text``."""
        names = [(name, poem) for poem in self._poems if (name := poem.in_english(text))]
        if not names:
            return None
        name, poem = max(names, key=lambda one: len(one[0][0]))
        return _Found(poem, Ask(text[: name.start()] + text[name.end() :]))

    def _parted(self, poem: Poem, text: str) -> _Found:
        """``text`` without the words of ``poem``, and the clauses it has of it."""
        heard = _sounds(text)
        places = [match.start() for match in _HAN.finditer(text)]
        own: set[int] = set()
        for call in self._calls:
            size = len(call.sounds)
            if call.poem is not poem or (size < SHORT and call.name not in text):
                continue
            share, at = _heard(call.sounds, heard)
            if share >= (_HEARD if size >= TELLING else 1.0):
                own.update(range(at, at + size))
        clauses = [_sounds(clause) for clause in poem.clauses]
        said = [
            index
            for index, sounds in enumerate(clauses)
            if len(sounds) >= SHORT
            and _heard(sounds, heard)[0] >= (_HEARD if len(sounds) >= TELLING else 1.0)
        ]
        for at, part in _parts(text):
            for other, index in self._parts.get(part, ()):
                if other is poem:
                    own.update(range(at, at + TELLING))
                    said.append(index)
        kept = set(range(len(text))) - {places[at] for at in own if at < len(places)}
        rest = "".join(text[at] for at in sorted(kept))
        return _Found(poem, Ask(rest), range(min(said), max(said) + 1) if said else None, True)

    def _described(self, ask: Ask) -> _Found | None:
        """The poem that a description fits, and no other as well."""
        if not ask.called or ask.bare:
            return None
        fitting = self._fitting(ask.description or ask.text)
        if len(fitting) > 1:
            fitting = [poem for poem in fitting if poem.from_there(ask.text)]
        return _Found(fitting[0], ask) if len(fitting) == 1 else None

    def _fitting(self, text: str) -> list[Poem]:
        """Poems of whose words the most are in ``text``."""
        scores = [poem.fits(text) for poem in self._poems]
        most = max(scores)
        pairs = zip(self._poems, scores, strict=True)
        return [poem for poem, score in pairs if most and score == most]

    def _chosen(self, ask: Ask, language: Language, told: Sequence[Poem | None]) -> Recital | None:
        """A poem for somebody who names none, not told yet: about what they wish, if anything."""
        fresh = [poem for poem in self._poems if poem not in told] or list(self._poems)
        if topic := ask.topic:
            fitting = self._fitting(ask.description)
            titled = [poem for poem in fitting or fresh if topic in poem.title]
            there = [poem for poem in fresh if topic in poem.text or poem.from_there(topic)]
            about = titled or fitting or there
            if not about or (fitting and len(about) > 1 and ask.definite):
                return None
            return self._recited(about[0], language)
        there = [poem for poem in fresh if poem.from_there(ask.text)]
        return self._recited((there or fresh)[0], language)

    def _neighbour(self, poem: Poem, said: range, language: Language, ask: Ask) -> Recital:
        """What follows to the end of its sentence, or the clause before."""
        clauses = poem.clauses
        if ask.step > 0 and said.stop < len(clauses):
            return self._recital(poem, _verse(poem.following(said.stop, 1 + ask.two)))
        if ask.step < 0 and said.start > 0:
            first = max(0, said.start - 1 - ask.two)
            return self._recital(poem, _verse(f"{'，'.join(clauses[first : said.start])}。"))
        if language == "en":
            end = f"That is the {'last' if ask.step > 0 else 'first'} line of the poem."
        else:
            end = f"这已经是《{poem.title}》的{'最后' if ask.step > 0 else '第'}一句了。"
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


def _named(name: str, text: str) -> bool:
    """Whether ``text`` writes a short name, and not as somebody's or some place's: 东坡的诗."""
    return re.search(rf"{re.escape(name)}(?!的|先生|居士|写|作)", text) is not None


def _marked(name: str, text: str, ask: Ask) -> bool:
    """Whether a name too short to be known by itself is marked as a poem's."""
    if len(name) >= SHORT and name in text and ask.written:
        return True
    named = re.escape(name)
    return (
        re.search(rf"{_MARK}{named}{_MARK}|{named}[那这]一?[首阕]|[那这]一?[首阕]{named}", text)
        is not None
    )


def _parts(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Every four characters of ``text`` in a row, as they sound and as they are written, because a
    character sounds otherwise where its word is cut; and where each begins."""
    rows = (_sounds(text), tuple(_HAN.findall(text)))
    starts = range(len(rows[1]) - TELLING + 1)
    return [(at, row[at : at + TELLING]) for row in rows for at in starts]


def _sounds(text: str) -> tuple[str, ...]:
    return sounds_of("".join(_HAN.findall(text)))


def _heard(sounds: Sequence[str], heard: Sequence[str]) -> tuple[float, int]:
    """Share of ``sounds`` that stand in one stretch of ``heard``, and where that begins."""
    size = len(sounds)
    shares = (
        (sum(a == b for a, b in zip(sounds, heard[at : at + size], strict=False)) / size, -at)
        for at in range(max(1, len(heard) - size + 1))
    )
    share, at = max(shares)
    return share, -at
