"""A place and what is computed of it: hours, tickets, facilities, ways, tours, and its spots.

Nothing is guessed: a question is answered only when every telling word of it is understood and the
files have what it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from digital_human.dialogue.intent import wants_more
from digital_human.dialogue.knowledge.entries import sentences, spoken
from digital_human.dialogue.place.answers import Answers, Found
from digital_human.dialogue.place.asked import NameFinder, plain, read_question
from digital_human.dialogue.place.files import (
    PICTURES,
    WHOLE,
    Closure,
    Facility,
    Fact,
    Head,
    Holiday,
    Hours,
    Show,
    Spot,
    Ticket,
    Walk,
    read_head,
    read_list,
    read_pages,
)
from digital_human.dialogue.place.phrases import FACILITIES, TOPICS
from digital_human.dialogue.place.times import Timetable
from digital_human.dialogue.place.walks import Walks
from digital_human.dialogue.types import Line, Source
from digital_human.errors import InputError
from digital_human.speech.types import Language


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of the place.

    Attributes:
        said: What is spoken.
        source: What it rests on, with its picture.
    """

    said: tuple[Line, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Files:
    """Everything that stands in a place's folder.

    Attributes:
        folder: The folder.
        head: ``place.toml``.
        spots: With their texts.
        facilities: The list of the name, as all that follow.
        hours: See `Hours`.
        shows: See `Show`.
        tickets: See `Ticket`.
        walks: See `Walk`.
        facts: See `Fact`.
        closures: See `Closure`.
        holidays: See `Holiday`.
        names: File of each list, empty where there is none.
        pages: Where each text of the Markdown pages stands, by its heading.
    """

    folder: Path
    head: Head
    spots: tuple[Spot, ...]
    facilities: tuple[Facility, ...]
    hours: tuple[Hours, ...]
    shows: tuple[Show, ...]
    tickets: tuple[Ticket, ...]
    walks: tuple[Walk, ...]
    facts: tuple[Fact, ...]
    closures: tuple[Closure, ...]
    holidays: tuple[Holiday, ...]
    names: dict[str, str]
    pages: dict[str, str]


def read_files(folder: Path) -> Files:
    """Read a place's folder.

    Raises:
        InputError: A file is wrong; names the file, the entry and the field.
    """
    head = read_head(folder)
    names: dict[str, str] = {}
    spots, names["spots"] = read_list(folder, "spots", Spot)
    facilities, names["facilities"] = read_list(folder, "facilities", Facility)
    hours, names["hours"] = read_list(folder, "hours", Hours)
    shows, names["shows"] = read_list(folder, "shows", Show)
    tickets, names["tickets"] = read_list(folder, "tickets", Ticket)
    walks, names["walks"] = read_list(folder, "walks", Walk)
    facts, names["facts"] = read_list(folder, "facts", Fact)
    closures, names["closures"] = read_list(folder, "closures", Closure)
    holidays, names["holidays"] = read_list(folder, "holidays", Holiday)
    pages = read_pages(folder, head.pages)
    spots = tuple(_with_text(spot, pages) for spot in spots)
    files = Files(
        folder, head, spots, facilities, hours, shows, tickets, walks, facts, closures, holidays,
        names,
        {title: at for title, (_, at) in pages.items()},
    )  # fmt: skip
    _check_references(files)
    return files


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
        self._answers = Answers(
            head, files.spots, files.facilities, files.tickets, files.facts, files.names,
            Timetable(files.hours, files.shows, files.closures, files.holidays, self.zone),
            Walks(files.walks),
        )  # fmt: skip
        self._names = NameFinder(self._called())
        self._holidays = [name for one in files.holidays for name in one.names.values()]
        self._ids = {spot.id for spot in self.spots}

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
        asked = read_question(text, language, self._names, local, self._holidays)
        if asked.left:
            return None
        base = at if at in self._ids else self.files.head.here
        before = self._before(earlier) if asked.refers == "that" or not asked.things else None
        parts: list[Found] = []
        for kind in asked.kinds:
            if kind == "about":
                found = self._about(asked.things, asked.refers, before, at, text, language)
            else:
                found = self._answers.find(kind, asked, language, plain(text), local, base, before)
            if found is None:
                return None
            parts.append(found)
        return _told(parts, language) if parts else None

    def _about(
        self,
        things: Sequence[str],
        refers: str,
        before: str | None,
        at: str | None,
        text: str,
        language: Language,
    ) -> Found | None:
        """What is told of a spot, all of it when more is asked for."""
        thing = things[0] if len(things) == 1 else None
        if not things:
            thing = at if refers == "here" else before if refers == "that" else None
        spot = next((s for s in self.spots if s.id == thing), None)
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


def _told(parts: Sequence[Found], language: Language) -> Told:
    lines = [Line(one, language, "knowledge") for part in parts for one in part.said]
    first = parts[0]
    text = "\n".join(part.text for part in parts)
    picture = next((part.picture for part in parts if part.picture), "")
    return Told(tuple(lines), Source(first.title, first.path, text, 1.0, picture))


def _with_text(spot: Spot, pages: dict[str, tuple[str, str]]) -> Spot:
    """The spot with the passages that stand under its names."""
    found: dict[Language, str] = {
        language: pages[name][0] for language, name in spot.names.items() if name in pages
    }
    return spot.model_copy(update={"text": {**spot.text, **found}}) if found else spot


def _check_references(files: Files) -> None:
    """Every id stands once, and every reference names one."""
    home, names = files.folder, files.names
    spots = [spot.id for spot in files.spots]
    known = set(spots)
    everything = known | {one.id for one in files.facilities} | {WHOLE}
    seen = {WHOLE}
    ids = {"spots": spots, "facilities": [one.id for one in files.facilities]}
    for listed, rows in ids.items():
        for number, one in enumerate(rows, start=1):
            if one in seen:
                raise _unknown(home / names[listed], number, "id", one, "stands twice")
            seen.add(one)
    for number, spot in enumerate(files.spots, start=1):
        for end in set(spot.ends) - known:
            raise _unknown(home / names["spots"], number, "ends", end, "is no spot")
    for number, facility in enumerate(files.facilities, start=1):
        path = home / names["facilities"]
        if facility.at not in known:
            raise _unknown(path, number, "at", facility.at, "is no spot")
        if facility.kind not in FACILITIES:
            said = f"is none of {', '.join(FACILITIES)}"
            raise _unknown(path, number, "kind", facility.kind, said)
    for listed in ("hours", "shows", "tickets", "closures"):
        for number, of in enumerate((row.of for row in getattr(files, listed)), start=1):
            if of not in everything:
                said = "is no spot or facility, nor 'place'"
                raise _unknown(home / names[listed], number, "of", of, said)
    for number, fact in enumerate(files.facts, start=1):
        path = home / names["facts"]
        if fact.of not in known:
            raise _unknown(path, number, "of", fact.of, "is no spot")
        if fact.topic not in TOPICS["zh"]:
            raise _unknown(
                path, number, "topic", fact.topic, f"is none of {', '.join(TOPICS['zh'])}"
            )
    for number, walk in enumerate(files.walks, start=1):
        for field, end in (("from", walk.a), ("to", walk.b)):
            if end not in known:
                raise _unknown(home / names["walks"], number, field, end, "is no spot")
    here = files.head.here
    if here is not None and here not in known:
        raise InputError(f"{home / 'place.toml'}: here: {here!r} is no spot", fix="name a spot")


def _unknown(path: Path, number: int, field: str, value: str, said: str) -> InputError:
    return InputError(f"{path}, entry {number}: {field}: {value!r} {said}", fix="correct it")
