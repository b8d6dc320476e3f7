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
_WORD = re.compile(
    rf"{_MARK}([\u3400-\u9fff]{{2,3}}){_MARK}|有([\u3400-\u9fff]{{2,3}}?)[两二三]个字"
)
_HAN_WORD = re.compile(r"[\u3400-\u9fff]{2,}?(?=[”’」》\"']|$|[这那]?[两二三四]个?字)")
# What a poem is about or for, which tells it from others to its tune.
_DESCRIBES = re.compile(r"[写给送赠寄讲咏悼忆]|关于")
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
            wished = whole.wished and whole.any and not whole.others and not whole.ranked
            wished = wished or (whole.more and bool(told and told[-1]))
            return self._chosen(whole, language, told) if wished else None
        return self._answered(found, whole, language)

    def _answered(self, found: _Found, whole: Ask, language: Language) -> Recital | None:
        poem, ask = found.poem, found.ask
        if found.said is not None and ask.step:
            return self._neighbour(poem, found.said, language, ask)
        if ask.whole and not ask.whom:
            return self._recited(poem, language)
        if not ask.other and (part := _part(found, whole.holding)):
            return self._recital(poem, *map(_verse, part))
        if ask.to_me and not ask.whom:
            return self._recited(poem, language)
        if ask.whom:
            told = poem.dedication(language)
        elif ask.origin:
            told = poem.origin(language)
        elif ask.which:
            return self._called(poem, language) if found.named or ask.titled else None
        elif ask.heard or (ask.bare and not ask.step):
            return self._recited(poem, language)
        elif ask.end is not None and not ask.other:
            return self._recital(poem, _verse(poem.lines[ask.end]))
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
            tune = call.name == call.poem.halves[0] and call.name not in call.poem.names
            if tune and call.poem.lyric and ask.author:
                continue
            if ask.others and (size < TELLING or call.name in call.poem.halves):
                continue
            wished = ask.wished and (size == SHORT or _wished(call.name, text))
            if size < TELLING and not (wished or (call.own and _marked(call.name, text, ask))):
                continue
            if call.name in self.poet and not re.search(f"{_MARK}{call.name}{_MARK}", text):
                continue
            if size < SHORT and not _named(call.name, asked):
                continue
            share, _ = _heard(call.sounds, heard)
            if share >= (_HEARD if size >= TELLING else 1.0) and share * size > weight:
                best, weight = call, share * size
        if best is not None:
            poem = best.poem if best.own else self._of_tune(best.name, ask)
            return self._parted(poem, text) if poem is not None else None
        if (poem := self._begun(text)) is not None:
            return self._parted(poem, text)
        return self._in_english(text)

    def _of_tune(self, tune: str, ask: Ask) -> Poem | None:
        """The poem that is meant of those to one tune; the first where none is described."""
        poems = [poem for poem in self._poems if tune in poem.halves]
        if fitting := self._fitting(ask.text, poems):
            return fitting[0]
        return None if _DESCRIBES.search(ask.description.replace(tune, "")) else poems[0]

    def _begun(self, text: str) -> Poem | None:
        """The only poem with a line of which a part is heard, where a line or poem is meant."""
        if not re.search(rf"[首句诗词写]|{_MARK}", text):
            return None
        poems = {id(poem): poem for _, p in _parts(text) for poem, _ in self._parts.get(p, ())}
        if not poems and (words := [a or b for a, b in _WORD.findall(text)]):
            held = (poem for poem in self._poems if all(word in poem.text for word in words))
            poems = {id(poem): poem for poem in held}
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
        fitting = self._fitting(ask.description or ask.text) or self._fitting(ask.phrase)
        if not fitting:
            fitting = [poem for poem in self._poems if poem.only_there(ask.topic)]
        if not ask.claimed and any(poem.from_there(ask.written_at) for poem in self._poems):
            fitting = [poem for poem in fitting if poem.from_there(ask.written_at)]
        if len(fitting) > 1:
            fitting = self._fitting(ask.text, fitting) or fitting
        if len(fitting) > 1 and ask.kind is not None:
            fitting = [poem for poem in fitting if poem.lyric == ask.kind]
        if len(fitting) > 1:
            fitting = [poem for poem in fitting if poem.from_there(ask.text)]
        return _Found(fitting[0], ask) if len(fitting) == 1 else None

    def _fitting(self, text: str, among: Sequence[Poem] = ()) -> list[Poem]:
        """Poems, all or those ``among`` them, of whose words the most are in ``text``."""
        poems = among or self._poems
        scores = [poem.fits(text) for poem in poems]
        most = max(scores)
        pairs = zip(poems, scores, strict=True)
        return [poem for poem, score in pairs if most and score == most]

    def _chosen(self, ask: Ask, language: Language, told: Sequence[Poem | None]) -> Recital | None:
        """A poem for somebody who names none, not told yet: about what they wish, if anything."""
        kind = [poem for poem in self._poems if ask.kind in (None, poem.lyric)] or [*self._poems]
        fresh = [poem for poem in kind if poem not in told] or kind
        if topic := ask.topic:
            fitting = self._fitting(ask.description, kind)
            titled = [poem for poem in fitting or fresh if topic in poem.title]
            there = [poem for poem in fresh if topic in poem.text or poem.from_there(topic)]
            about = titled or fitting or there
            if not about or (fitting and len(about) > 1 and ask.definite):
                return None
            return self._recited(about[0], language)
        if ask.shown:
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


def _part(found: _Found, word: str | None) -> list[str]:
    """The line or lines of the poem that are asked for by their place or by a ``word``."""
    poem, ask, said = found.poem, found.ask, found.said
    clauses = poem.clauses
    if word is not None:
        words = [clauses[said.start]] if said else _HAN_WORD.findall(word)
        held = [line for line in poem.lines if any(word in line for word in words)]
        return held if len(held) == 1 else []
    if ask.nth is not None:
        return [f"{clauses[ask.nth]}。"] if -len(clauses) <= ask.nth < len(clauses) else []
    if ask.half:
        middle = len(poem.lines) // 2
        if not poem.even:
            return [*poem.lines]
        return [*(poem.lines[middle:] if ask.half > 0 else poem.lines[:middle])]
    if ask.end is None or (said and (said.start, said.stop - len(clauses))[ask.end] == 0):
        return []  # a line that is said to be the first or last is known
    return [poem.lines[ask.end]]


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


def _wished(name: str, text: str) -> bool:
    """Whether a name that is an everyday word stands where a wish to hear it has a title."""
    named = re.escape(name)
    return (
        re.search(
            rf"(?:[背念诵读吟听把]|一?[下遍首段]){named}(?=$|[，。？！吧呗吗好行可听给再])|{named}[诗词]"
            rf"|{named}[，,]?(?:[你您]?会|怎么|咋)背",
            text,
        )
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
