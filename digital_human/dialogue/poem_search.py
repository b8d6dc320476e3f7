"""Finds the poem that is spoken of: by its title, another name, a line of it or a description."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from digital_human.dialogue.knowledge.words import sounds_of
from digital_human.dialogue.poem import SHORT, TELLING, Poem
from digital_human.dialogue.poem_asks import Ask

_QUOTED = re.compile(r"《([^》]+)》")
_MARK = r"[《“”‘’\"'「」》]"
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(
    rf"{_MARK}([\u3400-\u9fff]{{2,3}}){_MARK}|有([\u3400-\u9fff]{{2,3}}?)[两二三]个字"
)
# What a poem is about or for, which tells it from others to its tune.
_DESCRIBES = re.compile(r"[写给送赠寄讲咏悼忆]|关于")
_PART = "(?:第|最后|[前后][半两]|[上下][半片阕])"  # how a part of a poem is asked for
_HEARD = 0.8  # share of the syllables of a title or line that must be heard


@dataclass(frozen=True, slots=True)
class _Call:
    """Words by which a poem may be asked for, and how they sound; ``own`` when no other's too."""

    name: str
    sounds: tuple[str, ...]
    set: frozenset[str]
    poem: Poem
    own: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A poem that is spoken of, the question without its words, and the clauses that were said.

    ``named``: it was, in Chinese or as the one of before, and is not only described.
    """

    poem: Poem
    ask: Ask
    said: range | None = None
    named: bool = False


class Search:
    """Finds poems of one poet.

    Args:
        poems: In the order in which they are offered.
        poet: The poet's names.
    """

    def __init__(self, poems: Sequence[Poem], poet: Sequence[str]) -> None:
        self._poems, self._poet = poems, poet
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

    def find(self, text: str, ask: Ask) -> Found | None:
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
            if call.name in self._poet and not re.search(f"{_MARK}{call.name}{_MARK}", text):
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
        if fitting := self.fitting(ask.text, poems):
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

    def _in_english(self, text: str) -> Found | None:
        """The poem one of whose English names is in ``text``."""
        names = [(name, poem) for poem in self._poems if (name := poem.in_english(text))]
        if not names:
            return None
        name, poem = max(names, key=lambda one: len(one[0][0]))
        return Found(poem, Ask(text[: name.start()] + text[name.end() :]))

    def _parted(self, poem: Poem, text: str) -> Found:
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
        return Found(poem, Ask(rest), range(min(said), max(said) + 1) if said else None, True)

    def described(self, ask: Ask) -> Found | None:
        """The poem that a description fits, and no other as well."""
        if not ask.called or ask.bare:
            return None
        fitting = self.fitting(ask.description or ask.told) or self.fitting(ask.phrase)
        if not fitting:
            fitting = [poem for poem in self._poems if poem.only_there(ask.topic)]
        if not ask.claimed and any(poem.from_there(ask.written_at) for poem in self._poems):
            fitting = [poem for poem in fitting if poem.from_there(ask.written_at)]
        if len(fitting) > 1:
            fitting = self.fitting(ask.told, fitting) or fitting
        if len(fitting) > 1 and ask.kind is not None:
            fitting = [poem for poem in fitting if poem.lyric == ask.kind]
        if len(fitting) > 1:
            fitting = [poem for poem in fitting if poem.from_there(ask.text)]
        return Found(fitting[0], ask) if len(fitting) == 1 else None

    def fitting(self, text: str, among: Sequence[Poem] = ()) -> list[Poem]:
        """Poems, all or those ``among`` them, of whose words the most are in ``text``."""
        poems = among or self._poems
        scores = [poem.fits(text) for poem in poems]
        most = max(scores)
        pairs = zip(poems, scores, strict=True)
        return [poem for poem, score in pairs if most and score == most]


def _named(name: str, text: str) -> bool:
    """Whether ``text`` writes a short name, and not as somebody's or some place's: 东坡的诗."""
    return re.search(rf"{re.escape(name)}(?!的(?!{_PART})|先生|居士|写|作)", text) is not None


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
            rf"(?:[背念诵读吟听把]|一?[下遍首段]){named}(?=$|[，。？！吧呗吗好行可听给再]|的?{_PART})|{named}[诗词]"
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
