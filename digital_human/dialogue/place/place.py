"""A place and what is computed of it: hours, tickets, facilities, ways, tours, and its spots.

A question is answered only when the files have what it asks for and every telling word of it is
understood; with words left, about something that is named, it is a guess that somebody must read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from digital_human.dialogue.intent import wants_more
from digital_human.dialogue.knowledge.entries import sentences, spoken
from digital_human.dialogue.place.answers import answer
from digital_human.dialogue.place.asked import read_question
from digital_human.dialogue.place.described import Descriptions
from digital_human.dialogue.place.files import PICTURES, Files, read_files
from digital_human.dialogue.place.ground import Found, Ground
from digital_human.dialogue.place.leftover import NAME
from digital_human.dialogue.place.names import NameFinder, plain, wide
from digital_human.dialogue.place.rows import WHOLE, Facility, Spot
from digital_human.dialogue.place.series import Rows
from digital_human.dialogue.place.times import Timetable
from digital_human.dialogue.place.walks import Walks
from digital_human.dialogue.types import Line, Source
from digital_human.errors import InputError
from digital_human.speech.types import Language

_LONGEST = 200  # characters of a question
_WEATHER = re.compile(r"[下刮起]?大?(?P<what>[雨风雪])天?")


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of the place.

    Attributes:
        said: What is spoken.
        source: What it rests on, with its picture.
        sure: Whether every telling word of the question is understood; else somebody must read
            whether this answers it.
    """

    said: tuple[Line, ...]
    source: Source
    sure: bool = True


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """In which a question is asked; see `Place.answer`."""

    language: Language
    now: datetime
    at: str | None
    base: str | None
    earlier: Sequence[Source]


class Place:
    """One place; immutable, used from any thread.

    Args:
        files: What its folder holds.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        head = files.head
        self.spots = files.spots
        self.map = head.map
        self.zone = ZoneInfo(head.timezone)
        self._ground = Ground(
            head, files.spots, files.facilities, files.tickets, files.facts, files.names,
            Timetable(files.hours, files.shows, files.closures, files.holidays, self.zone),
            Walks(files.walks),
        )  # fmt: skip
        self._holidays = [
            name for one in files.holidays for name in (*one.names.values(), *one.others)
        ]
        self._ids = {spot.id for spot in self.spots}
        self._names = NameFinder(self._called(), self._ids, Descriptions(files.spots).find)
        self._rows = Rows(files.series, self._ground, self._names)

    @classmethod
    def open(cls, folder: Path) -> Place:
        """Read a place's folder; `docs/place.md` describes it.

        Raises:
            InputError: A file is wrong; names the file, the entry and the field.
        """
        return cls(read_files(folder))

    @property
    def hot_words(self) -> tuple[str, ...]:
        """Chinese names that a recogniser should expect."""
        names = (name for spot in self.spots for name in (spot.names.get("zh", ""), *spot.others))
        return tuple(dict.fromkeys(n for n in names if len(n) > 1 and not n.isascii()))

    def picture(self, name: str) -> Path:
        """The file of a picture.

        Args:
            name: As `Spot.picture`, `map` and `Source.picture` name it.

        Raises:
            InputError: There is no such picture in the place.
        """
        path = self.files.folder / PICTURES / name
        if name not in self.pictures() or not path.is_file():
            raise InputError(f"picture {name!r:.80} is none of the place's", fix="name one of them")
        return path

    def pictures(self) -> frozenset[str]:
        """Names of all pictures that the place's files name."""
        head = self.files.head
        named = [one.picture for one in self.spots] + [one.picture for one in self.files.facilities]
        return frozenset(filter(None, (head.map, head.picture, *named)))

    def depicted(self, *texts: str) -> str:
        """Name of the picture of the spot that the first of ``texts`` to do so names; "" if none.

        Args:
            *texts: A question and titles of what answers it, in Chinese or English.
        """
        found = (one.id for text in texts for one in self._names.find(plain(text)))
        spots = (spot for name in found if (spot := self.spot(name)) is not None)
        return next((spot.picture for spot in spots if spot.picture), "")

    def spot(self, name: str) -> Spot | None:
        """The spot with this id, or whose label's code says this."""
        return next((s for s in self.spots if name and name in (s.id, s.code)), None)

    def answer(
        self,
        text: str,
        language: Language,
        *,
        now: datetime,
        at: str | None,
        earlier: Sequence[Source] = (),
    ) -> Told | None:
        """What is said to ``text``; None when the place's files do not answer it.

        Args:
            text: What the visitor said.
            language: Of the answer; Chinese and English are spoken.
            now: The time, with its zone.
            at: Spot where the visitor stands; None when that is not known.
            earlier: Sources of what was said before, the latest last.
        """
        if language not in ("zh", "en"):
            return None
        local = now.astimezone(self.zone)
        base = at if at in self._ids else self.files.head.here
        circumstances = _Circumstances(language, local, at, base, earlier)
        return self._answer(wide(plain(text)[:_LONGEST], language), circumstances)

    def _answer(self, text: str, around: _Circumstances) -> Told | None:
        language, now, base = around.language, around.now, around.base
        spoken_of = partial(self._before, around.earlier)
        if (counted := self._rows.answer(text, language, spoken_of)) is not None:
            return _told([counted], language)
        asked = read_question(text, language, self._names, now, self._holidays, base)
        before = None if asked.things else spoken_of()
        parts: list[Found] = []
        for kind in asked.kinds:
            if kind == "about":
                thing = around.at if asked.refers == "here" else before
                found = self._about(asked.things, asked.refers and thing, text, language)
            else:
                found = answer(self._ground, kind, asked, language, text, now, base, before)
            if found is None:
                return None
            parts.append(found)
        told = "".join(one for part in parts for one in part.said).lower()
        left = [word for word in asked.left if not _stands(word, told)]
        named = bool(asked.things or asked.facility)
        if not parts or (left and (not named or NAME in left)):
            return None  # a word asks for something that is not told
        return _told(parts, language, sure=not left)

    def _about(
        self, things: Sequence[str], thing: str | None, text: str, language: Language
    ) -> Found | None:
        """What is told of a spot, all of it when more is asked for.

        Args:
            things: What the question names.
            thing: What it is about when it names nothing.
            text: The question.
            language: Of the answer.
        """
        named = things[0] if len(things) == 1 else None if things else thing
        spot = next((s for s in self.spots if s.id == named), None)
        if spot is None or language not in spot.text:
            return None
        whole = spot.text[language]
        title = spot.names[language]
        path = self.files.pages.get(title, f"place/{self.files.names['spots']}#{spot.id}")
        told = whole if wants_more(text) else spoken(whole, language)
        return Found(tuple(sentences(told)), title, path, whole, spot.picture)

    def _before(self, earlier: Sequence[Source]) -> str | None:
        """The spot that was spoken of last."""
        for source in reversed(earlier):
            _, _, named = source.path.partition("#")
            if source.path.startswith("place/") and named in self._ids:
                return named
            if found := self._names.find(plain(source.title)):
                return found[0].id
        return None

    def _called(self) -> Iterable[tuple[str, str]]:
        things: list[Spot | Facility] = [*self.spots, *self.files.facilities]
        for thing in things:
            for name in (*thing.names.values(), *thing.others):
                yield name, thing.id
        for name in (*self.files.head.names.values(), *self.files.head.others):
            yield name, WHOLE


def _stands(word: str, told: str) -> bool:
    """Whether an answer holds a word, its weather, or the first two characters of a long one."""
    if weather := _WEATHER.fullmatch(word):
        return weather["what"] in told
    return word in told or (len(word) > 2 and not word.isascii() and word[:2] in told)


def _told(parts: Sequence[Found], language: Language, *, sure: bool = True) -> Told:
    lines = [Line(one, language, "knowledge") for part in parts for one in part.said]
    first = parts[0]
    text = "\n".join(part.text for part in parts)
    picture = next((part.picture for part in parts if part.picture), "")
    return Told(tuple(lines), Source(first.title, first.path, text, 1.0, picture), sure)
