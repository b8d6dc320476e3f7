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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digital_human.dialogue.poem import SHORT, Poem, Text, clauses_of
from digital_human.dialogue.poem_asks import Ask
from digital_human.dialogue.poem_search import Found, Search
from digital_human.dialogue.types import Line, Source
from digital_human.errors import InputError
from digital_human.speech.types import Delivery, Language

_HAN_WORD = re.compile(r"[\u3400-\u9fff]{2,}?(?=[”’」》\"']|$|[这那]?[两二三四]个?字)")
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
        self._search = Search(self._poems, self.poet)

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
        found = self._search.find(text, whole) or self._search.described(whole)
        if found is None and told and told[-1] and whole.back:
            found = Found(told[-1], whole, named=True)
        if found is None:
            wished = whole.wished and whole.any and not whole.others and not whole.ranked
            wished = wished or (whole.more and bool(told and told[-1]))
            return self._chosen(whole, language, told) if wished else None
        return self._answered(found, whole, language)

    def _answered(self, found: Found, whole: Ask, language: Language) -> Recital | None:
        poem, ask = found.poem, found.ask
        if found.said is not None and ask.step:
            return self._neighbour(poem, found.said, language, ask)
        itself = not ask.whom and not ask.something_of
        if ask.whole and itself:
            return self._recited(poem, language)
        if not ask.other and (part := _part(found, whole.holding)):
            return None if ask.of_line else self._recital(poem, *map(_verse, part))
        if ask.to_me and itself:
            return self._recited(poem, language)
        if ask.whom:
            told = poem.dedication(language)
        elif ask.origin:
            told = poem.origin(language)
        elif ask.which:
            known = (found.named or ask.titled) and not ask.other
            return self._called(poem, language) if known else None
        elif (ask.heard or (ask.bare and not ask.step)) and itself and not ask.other:
            return self._recited(poem, language)
        elif ask.end is not None and not ask.other and not ask.of_line:
            return self._recital(poem, _verse(poem.lines[ask.end]))
        else:
            return None
        return self._recital(poem, Line(told, language, "knowledge")) if told else None

    def _chosen(self, ask: Ask, language: Language, told: Sequence[Poem | None]) -> Recital | None:
        """A poem for somebody who names none, not told yet: about what they wish, if anything."""
        kind = [poem for poem in self._poems if ask.kind in (None, poem.lyric)] or [*self._poems]
        fresh = [poem for poem in kind if poem not in told] or kind
        if topic := ask.topic:
            fitting = self._search.fitting(ask.description, kind)
            titled = [poem for poem in fitting or fresh if topic in poem.title]
            there = [poem for poem in fresh if topic in poem.text or poem.from_there(topic)]
            about = titled or fitting or there
            if not about or (fitting and len(about) > 1 and ask.definite):
                return None
            return self._recited(about[0], language)
        if ask.shown or ask.foreign:
            return None
        there = [poem for poem in fresh if poem.from_there(ask.text)]
        return self._recited((there or fresh)[0], language)

    def _called(self, poem: Poem, language: Language) -> Recital:
        """Which poem it is."""
        origin = poem.origin(language)
        if language != "en":
            told = f"这是{self.poet[0]}的《{poem.title}》。{origin}"
            return self._recital(poem, Line(told, language, "knowledge"))
        lines = [Line(text, "en", "knowledge") for text in ("This is the one:", origin)]
        return self._recital(poem, lines[0], _verse(f"《{poem.title}》。"), lines[1])

    def _neighbour(self, poem: Poem, said: range, language: Language, ask: Ask) -> Recital:
        """What follows to the end of its sentence, or the clause before."""
        clauses = poem.clauses
        if ask.step > 0 and said.stop < len(clauses):
            return self._recital(poem, _verse(poem.following(said.stop, 1 + ask.two)))
        if ask.step < 0 and said.start > 0:
            first = max(0, said.start - 1 - ask.two)
            while first and len(clauses[first]) < SHORT:
                first -= 1
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


def _part(found: Found, word: str | None) -> list[str]:
    """The line or lines of the poem that are asked for by their place or by a ``word``."""
    poem, ask, said = found.poem, found.ask, found.said
    if word is not None:
        words = [poem.clauses[said.start]] if said else _HAN_WORD.findall(word)
        held = [line for line in poem.lines if any(word in line for word in words)]
        return held if len(held) == 1 else []
    lines = poem.stanza(ask.half > 0) if ask.half else poem.lines
    clauses = clauses_of(lines)
    if ask.nth is not None:
        return [f"{clauses[ask.nth]}。"] if -len(clauses) <= ask.nth < len(clauses) else []
    if ask.end is None:
        return [*lines] if ask.half else []
    if said and not ask.half and (said.start, said.stop - len(clauses))[ask.end] == 0:
        return []  # a line that is said to be the first or last is known
    return [lines[ask.end]] if lines else []


def _verse(text: str) -> Line:
    return Line(text, "zh", "knowledge", delivery=_RECITED)
