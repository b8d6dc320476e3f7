"""What sentences about a place are made of, and the figures in them as they are spoken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Protocol

from digital_human.dialogue.place.times import Opening


@dataclass(frozen=True, slots=True)
class Price:
    """One price.

    Attributes:
        amount: In the place's currency; 0 is free.
        who: Who pays it; empty for everyone.
        note: What else to say.
    """

    amount: float
    who: str
    note: str


@dataclass(frozen=True, slots=True)
class Total:
    """What a party pays.

    Attributes:
        people: How many they are; 0 when that is not told.
        amount: In the place's currency.
        choice: Which of several choices it is for; empty when there is one.
        full: Whether it holds the full price of some who might be thought to pay less.
        children: Whether these are the children.
        boats: How many boats it is for; 0 when that need not be said.
        hourly: Whether it is for each hour.
    """

    people: int
    amount: float
    choice: str = ""
    full: bool = False
    children: bool = False
    boats: int = 0
    hourly: bool = False


@dataclass(frozen=True, slots=True)
class Leg:
    """Part of a way.

    Attributes:
        to: Name of where it leads.
        minutes: It takes.
        by: ``foot``, ``boat`` or ``bus``.
        way: How it goes.
    """

    to: str
    minutes: int
    by: str
    way: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of a tour.

    Attributes:
        name: The spot's.
        stay: Minutes.
    """

    name: str
    stay: int


def about(minutes: int) -> int:
    """A time of walking, rounded as one would say it."""
    return minutes if minutes < 60 else round(minutes / 5) * 5


def joined(legs: Sequence[Leg], way: Callable[[Sequence[str]], str]) -> list[Leg]:
    """Legs with neighbouring walks made one.

    Args:
        legs: In order.
        way: How one walks past spots of these names.
    """
    result: list[Leg] = []
    for by, group in groupby(legs, key=lambda leg: leg.by):
        walks = list(group)
        if by != "foot" or len(walks) == 1:
            result += walks
            continue
        passed = [leg.to for leg in walks[:-1]]
        minutes = sum(leg.minutes for leg in walks)
        result.append(Leg(walks[-1].to, minutes, by, way(passed)))
    return result


class Wording(Protocol):
    """The sentences of one language; all times are local."""

    def always(self, name: str) -> str:
        """It never closes."""
        ...

    def daily(self, name: str, when: str, opens: Sequence[Opening], rides: bool) -> str:
        """Its hours; ``when`` is "every day" or a day, ``rides`` for boats and the like."""
        ...

    def closed_weekdays(self, days: Sequence[int]) -> str:
        """On which days of the week it is shut."""
        ...

    def holiday(self, name: str, *, today: bool) -> str:
        """It is open on a holiday, though not on other such days of the week."""
        ...

    def open_now(self, name: str, one: Opening, left: int, rides: bool) -> str:
        """It is open; ``left`` minutes until the last admission."""
        ...

    def too_late(self, name: str, one: Opening, rides: bool) -> str:
        """It is open, but nobody is let in any more."""
        ...

    def closed_now(self, name: str, following: Opening | None, today: date) -> str:
        """It is shut, and opens again then."""
        ...

    def closed(self, name: str, when: str, reason: str) -> str:
        """It is shut on a day."""
        ...

    def remaining(self, minutes: int, rides: bool) -> str:
        """How long until it closes, or until the last boat."""
        ...

    def seats(self, boat: str, seats: int, people: int) -> str:
        """How many one holds, and whether ``people`` fit or how many they need; 0 for none."""
        ...

    def enter(self, name: str, when: str, clock: datetime, able: bool, rides: bool) -> str:
        """Whether one can go in, or ride, at a time."""
        ...

    def shows(self, name: str, when: str, times: Sequence[datetime], minutes: int | None) -> str:
        """When it begins."""
        ...

    def next_show(self, at: datetime) -> str:
        """The next one today."""
        ...

    def day(self, day: date, today: date, *, weekday: bool = False) -> str:
        """A day, as "today" or "on Monday"; always the latter with ``weekday``."""
        ...

    def every_day(self) -> str:
        """ "Every day"."""
        ...

    def prices(self, name: str, prices: Sequence[Price], currency: str, used: bool) -> str:
        """What it costs; ``used`` for what one uses and does not visit."""
        ...

    def total(self, total: Total, currency: str) -> str:
        """What a party pays together."""
        ...

    def route(
        self, start: str, end: str, legs: Sequence[Leg], minutes: int, metres: int | None
    ) -> str:
        """How to go from one spot to another."""
        ...

    def here(self, name: str) -> str:
        """One stands there already."""
        ...

    def from_here(self, minutes: int, by: str) -> str:
        """How far it is from where one stands."""
        ...

    def facility(self, name: str, minutes: int | None, where: str) -> str:
        """The nearest one."""
        ...

    def nearby(self, start: str, spots: Sequence[tuple[str, int]]) -> str:
        """Spots near by with the minutes to them."""
        ...

    def stay(self, name: str, minutes: int) -> str:
        """How long a visit takes."""
        ...

    def tour(self, budget: int, start: str, stops: Sequence[Stop], minutes: int) -> str:
        """What fits a time."""
        ...

    def address(self, name: str, address: str) -> str:
        """Its address."""
        ...

    def phone(self, name: str, phone: str) -> str:
        """Its telephone."""
        ...

    def nth(self, of: str, kind: str, n: int, name: str, ends: tuple[str, str]) -> str:
        """Which one of a row is the ``n``th, counted from the first of ``ends`` to the other."""
        ...

    def behind(self, one: str, name: str, ends: tuple[str, str]) -> str:
        """Which one of a row comes behind another, going from the first of ``ends``."""
        ...

    def join(self, sentences: Sequence[str]) -> str:
        """Sentences one after the other."""
        ...
