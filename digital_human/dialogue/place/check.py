"""What is missing in a place, what contradicts itself, and what visitors asked in vain."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import combinations
from pathlib import Path
from typing import Literal

from digital_human.dialogue.knowledge.entries import Entry
from digital_human.dialogue.knowledge.loaders import entries_of, read_folder
from digital_human.dialogue.knowledge.words import analyse
from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.dialogue.place.asked import read_question
from digital_human.dialogue.place.check_texts import PageLanguage, Say
from digital_human.dialogue.place.files import PICTURES
from digital_human.dialogue.place.names import NameFinder, plain
from digital_human.dialogue.place.phrases import KINDS
from digital_human.dialogue.place.place import Place
from digital_human.dialogue.place.rows import WHOLE, Facility, Spot
from digital_human.dialogue.place.walks import Walks
from digital_human.errors import InputError
from digital_human.speech.types import Language

Level = Literal["error", "gap", "hint"]
_ALIKE = 0.5  # share of telling words two questions have in common when they are one
_PRICE_ZH = re.compile(rf"(?:({CHINESE})|(\d+\.\d+))(?:元|块)")
_PRICE_EN = re.compile(rf"\b(?:({ENGLISH})|(\d+\.\d+)) yuan", re.IGNORECASE)
_TIME_ZH = re.compile(rf"({CHINESE})点(半)?")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a curator should look at.

    Attributes:
        level: ``error`` is wrong, ``gap`` is missing, ``hint`` is worth a look.
        kind: What kind of finding.
        of: Spot or file it is about.
        text: What was found, in the language asked for.
    """

    level: Level
    kind: str
    of: str
    text: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Questions that are one, asked in vain.

    Attributes:
        question: The commonest wording.
        others: Other wordings.
        language: Their language.
        times: How often they were asked.
        last: The last day.
        now: What would be answered today; empty when it is still not known.
    """

    question: str
    others: tuple[str, ...]
    language: str
    times: int
    last: str
    now: str


def findings_of(
    place: Place,
    languages: Sequence[Language],
    knowledge: Path | None,
    today: date,
    page: PageLanguage = "en",
) -> list[Finding]:
    """Everything to look at in a place, the worst first.

    Args:
        place: The place.
        languages: Those the persona speaks.
        knowledge: The persona's knowledge folder.
        today: For what lies in the past.
        page: Language of the findings; error messages are in English.
    """
    say = Say(page)
    found = [
        *_gaps(place, languages, say),
        *_pictures(place, say),
        *_islands(place, say),
        *_twice(place, say),
        *_past(place, today, say),
        *(_against_knowledge(place, knowledge, say) if knowledge is not None else ()),
    ]
    order = ("error", "gap", "hint")
    return sorted(found, key=lambda one: (order.index(one.level), one.kind, one.of))


def _gaps(place: Place, languages: Sequence[Language], say: Say) -> Iterator[Finding]:
    files = place.files
    timed = {row.of for row in (*files.hours, *files.shows)}
    priced = {row.of for row in files.tickets}
    for spot in place.spots:
        for language in languages:
            called = say.language(language)
            if language not in spot.names:
                yield Finding("gap", "name", spot.id, say("name.none", language=called))
            if language not in spot.text:
                yield Finding("gap", "text", spot.id, say("text.none", language=called))
            if spot.where and language not in spot.where:
                yield Finding("gap", "where", spot.id, say("where.language", language=called))
        if not spot.where:
            yield Finding("gap", "where", spot.id, say("where.none"))
        if not spot.picture:
            yield Finding("gap", "picture", spot.id, say("picture.none"))
        if spot.id not in timed:
            yield Finding("gap", "hours", spot.id, say("hours.none"))
        if spot.id not in priced:
            yield Finding("gap", "tickets", spot.id, say("tickets.none"))
        if spot.x is None or spot.y is None:
            yield Finding("hint", "map", spot.id, say("map.none"))
        if not spot.code:
            yield Finding("hint", "code", spot.id, say("code.none"))
    for facility in files.facilities:
        for language in languages:
            if language not in facility.where:
                text = say("where.language", language=say.language(language))
                yield Finding("gap", "where", facility.id, text)


def _pictures(place: Place, say: Say) -> Iterator[Finding]:
    folder = place.files.folder / PICTURES
    for name in sorted(place.pictures()):
        if not (folder / name).is_file():
            yield Finding("error", "picture", name, say("picture.missing", folder=PICTURES))
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name not in place.pictures() and not path.name.startswith("."):
                yield Finding("hint", "picture", path.name, say("picture.unused"))


def _islands(place: Place, say: Say) -> Iterator[Finding]:
    if not place.files.walks:
        yield Finding("gap", "walks", "walks", say("walks.none"))
        return
    groups = Walks(place.files.walks).islands([spot.id for spot in place.spots])
    for group in groups[1:]:
        text = say("walks.island", spots=say("comma").join(group))
        yield Finding("error", "walks", group[0], text)


def _twice(place: Place, say: Say) -> Iterator[Finding]:
    """Two answers to one question within the place's own files."""
    names: dict[str, str] = {}
    things: list[Spot | Facility] = [*place.spots, *place.files.facilities]
    for thing in things:
        for name in (*thing.names.values(), *thing.others):
            if names.setdefault(plain(name), thing.id) != thing.id:
                text = say("name.twice", name=name, other=names[plain(name)])
                yield Finding("error", "name", thing.id, text)
    for a, b in combinations(place.files.tickets, 2):
        same = (a.of, a.visitor, a.who, a.begins, a.ends) == (
            b.of,
            b.visitor,
            b.who,
            b.begins,
            b.ends,
        )
        if same and a.price != b.price:
            text = say("tickets.twice", one=a.price, other=b.price)
            yield Finding("error", "tickets", a.of, text)
    for first, second in combinations(place.files.hours, 2):
        share = not first.days or not second.days or set(first.days) & set(second.days)
        season = (first.begins, first.ends) == (second.begins, second.ends)
        crossing = first.opens < second.closes and second.opens < first.closes
        if first.of == second.of and share and season and crossing:
            yield Finding("error", "hours", first.of, say("hours.twice"))
    codes: dict[str, str] = {}
    for spot in place.spots:
        if spot.code and codes.setdefault(spot.code, spot.id) != spot.id:
            text = say("code.twice", other=codes[spot.code])
            yield Finding("error", "code", spot.id, text)


def _past(place: Place, today: date, say: Say) -> Iterator[Finding]:
    holidays = place.files.holidays
    if holidays and max(one.ends for one in holidays) < today:
        yield Finding("gap", "holidays", "holidays", say("holidays.past"))
    for closure in place.files.closures:
        if closure.ends < today:
            yield Finding("hint", "closures", closure.of, say("closures.past", day=closure.ends))


def _against_knowledge(place: Place, folder: Path, say: Say) -> Iterator[Finding]:
    """Prices and hours in questions and answers that the place's files tell otherwise."""
    called = [(n, s.id) for s in place.spots for n in (*s.names.values(), *s.others)]
    finder = NameFinder([*called, *((n, WHOLE) for n in place.files.head.names.values())])
    now = datetime(2001, 1, 1, tzinfo=place.zone)
    for file in read_folder(folder):
        for entry in entries_of(file):
            if entry.kind != "qa" or entry.language not in ("zh", "en"):
                continue
            told = [KINDS[entry.language][kind] for kind in ("tickets", "hours")]
            asks = [ask for ask in entry.asks if any(kind.search(ask) for kind in told)]
            asked = [read_question(ask, entry.language, finder, now) for ask in asks]
            things = {thing for one in asked for thing in one.things if thing != WHOLE}
            kinds = {kind for one in asked if not one.left for kind in one.kinds}
            if len(things) == 1:
                yield from _compared(place, entry, things.pop(), kinds, say)


def _compared(
    place: Place, entry: Entry, of: str, kinds: Collection[str], say: Say
) -> Iterator[Finding]:
    if "tickets" in kinds:
        prices = {row.price for row in place.files.tickets if row.of == of}
        told = set(_prices(entry.text))
        if prices and told and not told <= prices:
            others = say("comma").join(f"{one:g}" for one in sorted(told - prices))
            text = say("tickets.knowledge", path=entry.path, prices=others)
            yield Finding("error", "tickets", of, text)
    if "hours" in kinds and entry.language == "zh":
        rows = [row for row in place.files.hours if row.of == of]
        known = {m % 720 for row in rows for m in (row.opens, row.closes, row.last or row.closes)}
        told_times = {
            (number(found[1]) * 60 + (30 if found[2] else 0)) % 720
            for found in _TIME_ZH.finditer(entry.text)
        }
        if rows and told_times and not told_times <= known:
            text = say("hours.knowledge", path=entry.path, text=entry.text[:60])
            yield Finding("error", "hours", of, text)


def _prices(text: str) -> Iterator[float]:
    for pattern in (_PRICE_ZH, _PRICE_EN):
        for found in pattern.finditer(text):
            yield float(found[2] or number(found[1]))


def read_unanswered(file: Path) -> list[tuple[str, str, str]]:
    """Question, language and day of every line of ``unanswered.jsonl``; none without the file.

    Raises:
        InputError: A line is wrong; names it.
    """
    if not file.is_file():
        return []
    rows = []
    for line_number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            rows.append((str(row["question"]), str(row["language"]), str(row["day"])))
        except (json.JSONDecodeError, KeyError, TypeError):
            raise InputError(
                f"{file}, line {line_number}: is no question with language and day",
                fix="remove the line",
            ) from None
    return rows


def grouped(rows: Iterable[tuple[str, str, str]], place: Place, now: datetime) -> list[Unanswered]:
    """Unanswered questions, those that are alike together, the most frequent first."""
    groups: list[tuple[str, frozenset[str], list[tuple[str, str]]]] = []
    for question, language, day in rows:
        words = frozenset(w.text for w in analyse(question).words if not w.light)
        for known, theirs, members in groups:
            if known == language and _likeness(words, theirs) >= _ALIKE:
                members.append((question, day))
                break
        else:
            groups.append((language, words, [(question, day)]))
    return sorted(
        (_group(language, members, place, now) for language, _, members in groups),
        key=lambda one: (-one.times, one.question),
    )


def _likeness(words: frozenset[str], theirs: frozenset[str]) -> float:
    """Share of the words of two questions that they have in common; 停车 is in 停车场."""
    if not words or not theirs:
        return float(words == theirs)
    one = sum(any(a in b or b in a for b in theirs) for a in words)
    other = sum(any(a in b or b in a for b in words) for a in theirs)
    return (one + other) / (len(words) + len(theirs))


def _group(
    language: str, members: list[tuple[str, str]], place: Place, now: datetime
) -> Unanswered:
    counts: dict[str, int] = {}
    for question, _ in members:
        counts[question] = counts.get(question, 0) + 1
    wordings = sorted(counts, key=lambda one: (-counts[one], one))
    told = None
    if language in ("zh", "en"):
        spoken: Language = "zh" if language == "zh" else "en"
        told = place.answer(wordings[0], spoken, now=now, at=None)
    answer = " ".join(line.text for line in told.said) if told and told.sure else ""
    last = max(day for _, day in members)
    return Unanswered(wordings[0], tuple(wordings[1:]), language, len(members), last, answer)
