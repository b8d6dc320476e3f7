"""English sentences about a place; times of day are written as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from digital_human.dialogue.numbers import ORDINALS
from digital_human.dialogue.place.times import Opening
from digital_human.dialogue.place.wording import Leg, Price, Stop, Total, about, joined

_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_LEGS = 3
_SOON = 60


def clock(at: datetime) -> str:
    """A time of day."""
    hour, minute = at.hour, at.minute
    if minute == 0 and hour in (0, 12):
        return "midnight" if hour == 0 else "noon"
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    name, following = _HOURS[hour % 12], _HOURS[(hour + 1) % 12]
    words = {0: name, 15: f"a quarter past {name}", 30: f"half past {name}",
             45: f"a quarter to {following}"}.get(minute)  # fmt: skip
    return f"{words or f'{hour % 12 or 12}:{minute:02d}'} in the {part}"


def span(minutes: int) -> str:
    """A length of time."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} minute{'s' * (rest != 1)}"
    if rest == 30:
        return "an hour and a half" if hours == 1 else f"{hours} and a half hours"
    told = "one hour" if hours == 1 else f"{hours} hours"
    return f"{told} and {rest} minutes" if rest else told


def distance(metres: int) -> str:
    """A length, rounded to what one would say."""
    if metres < 950:
        return f"{max(10, round(metres, -1) if metres < 200 else round(metres, -2))} metres"
    tenths = round(metres / 100)
    told = f"{tenths // 10}.{tenths % 10}" if tenths % 10 else f"{tenths // 10}"
    return f"{told} kilometre{'s' * (tenths != 10)}"


def amount(value: float) -> str:
    """A price without its currency."""
    return f"{value:g}" if value == int(value) else f"{value:.2f}"


class English:
    """See `Wording`."""

    def always(self, name: str) -> str:
        return _capital(f"{name} is open day and night.")

    def daily(self, name: str, when: str, opens: Sequence[Opening], rides: bool) -> str:
        if rides:
            parts = [f"from {clock(o.opens)}, and the last one leaves at {clock(o.last)}"
                     for o in opens]  # fmt: skip
            return _capital(f"{name}: {when}, {', then '.join(parts)}.")
        parts = [f"from {clock(o.opens)} to {clock(o.closes)}{_last(o)}" for o in opens]
        return _capital(f"{name} is open {when}, {', then '.join(parts)}.")

    def closed_weekdays(self, days: Sequence[int]) -> str:
        return f"It is closed on {' and '.join(f'{_DAYS[day]}s' for day in days)}."

    def holiday(self, name: str, *, today: bool) -> str:
        return f"It is open as usual {'today, ' if today else ''}during the {name} holiday."

    def open_now(self, name: str, one: Opening, left: int, rides: bool) -> str:
        end = (f"The last one leaves at {clock(one.last)}" if rides
               else f"It closes at {clock(one.closes)}{_last(one)}")  # fmt: skip
        hurry = f", so you have {span(left)}" if left < _SOON else ""
        return f"Yes, {name} is open now. {end}{hurry}."

    def too_late(self, name: str, one: Opening, rides: bool) -> str:
        if rides:
            return f"I'm afraid it is too late: the last one left at {clock(one.last)}."
        return (
            f"I'm afraid it is too late: {name} lets nobody in after {clock(one.last)}, "
            f"and closes at {clock(one.closes)}."
        )

    def closed_now(self, name: str, following: Opening | None, today: date) -> str:
        told = _capital(f"{name} is closed now.")
        if following is None:
            return told
        day = self.day(following.opens.date(), today)
        return (
            f"{told} It opens {day} at {clock(following.opens)} and closes at "
            f"{clock(following.closes)}."
        )

    def closed(self, name: str, when: str, reason: str) -> str:
        return _capital(f"{name} is closed {when}{f' {reason}' if reason else ''}.")

    def remaining(self, minutes: int, rides: bool) -> str:
        until = "the last one leaves" if rides else "it closes"
        return f"There {'is' if minutes < 2 else 'are'} {span(minutes)} left before {until}."

    def seats(self, boat: str, seats: int, people: int) -> str:
        name = f"{'an' if boat[0] in 'aeiou' else 'a'} {boat}"
        told = f"{_capital(name)} seats {_HOURS[seats] if seats < len(_HOURS) else seats}"
        if not people:
            return f"{told}."
        if people <= seats:
            return f"Yes: {name} seats {_HOURS[seats] if seats < len(_HOURS) else seats}."
        needed = -(-people // seats)
        return f"No. {told}, so {people} people do not fit into one and need {needed} boats."

    def enter(self, name: str, when: str, clock: datetime, able: bool, rides: bool) -> str:
        at = f"at {_clock(clock)} {when}".strip()
        if rides:
            return _capital(f"{name} {'still' if able else 'do not'} run {at}.")
        if able:
            return f"You can still go into {name} {at}."
        return f"You cannot go into {name} {at}."

    def shows(self, name: str, when: str, times: Sequence[datetime], minutes: int | None) -> str:
        if not times:
            return _capital(f"{name} does not play {when}.")
        each = f", for about {span(minutes)}" if minutes else ""
        return _capital(f"{name} plays {when} at {' and at '.join(map(clock, times))}{each}.")

    def next_show(self, at: datetime) -> str:
        return f"The next one is today at {clock(at)}."

    def day(self, day: date, today: date, *, weekday: bool = False) -> str:
        ahead = (day - today).days
        if 0 <= ahead <= 1 and not weekday:
            return ("today", "tomorrow")[ahead]
        if 0 <= ahead < 7:
            return f"on {_DAYS[day.weekday()]}"
        return f"on {day.day} {day:%B}"

    def every_day(self) -> str:
        return "every day"

    def prices(self, name: str, prices: Sequence[Price], currency: str, used: bool) -> str:
        if len(prices) == 1 and not prices[0].amount and not prices[0].who:
            free = "free of charge" if used else "free; no ticket is needed"
            return _capital(f"{name} is {free}.{_sentence(prices[0].note)}")
        parts, notes = [], ""
        for price in prices:
            cost = f"{amount(price.amount)} {currency}" if price.amount else "free"
            parts.append(f"{cost} {price.who}".strip())
            notes += _sentence(price.note)
        return _capital(f"{name}: {', '.join(parts)}.{notes}")

    def total(self, total: Total, currency: str) -> str:
        people = total.people
        count = f" for {people} people" if people > 1 else ""
        if not people and not total.boats:
            count = " for each person"
        lead = f" on the {total.choice}" if total.choice else ""
        if total.boats:
            boats = "one boat" if total.boats == 1 else f"{total.boats} boats"
            lead = f" {'in' if people else 'for'} {boats}"
        head = "That"
        if total.full:
            lot = "With adult tickets for children" if total.children else "At full price"
            head = f"{lot}, that"
        hourly = " an hour" if total.hourly else ""
        return f"{head} makes {_amount(total.amount)} {currency}{hourly} in all{count}{lead}."

    def route(
        self, start: str, end: str, legs: Sequence[Leg], minutes: int, metres: int | None
    ) -> str:
        on_foot = all(leg.by == "foot" for leg in legs)
        far = f", {distance(metres)}" if metres and on_foot else ""
        walk = "on foot" if on_foot else "in all"
        head = f"From {start} to {end} it is about {span(about(minutes))} {walk}{far}"
        if len(legs) > _LEGS:
            legs = joined(legs, lambda passed: f"walk past {', '.join(passed)}")
        told = [self._leg(leg, on_foot) for leg in legs if leg.way or not on_foot or len(legs) > 1]
        if not told:
            return f"{head}."
        path = ", then ".join(told)
        return f"{head}. {_capital(path)}."

    def _leg(self, leg: Leg, on_foot: bool) -> str:
        if leg.way:
            return f"{leg.way} to {leg.to}"
        by = {"foot": "walk", "boat": "take the boat", "bus": "take the bus"}[leg.by]
        return f"{by} to {leg.to}" if on_foot else f"{by} {span(leg.minutes)} to {leg.to}"

    def here(self, name: str) -> str:
        return f"You are standing at {name}."

    def from_here(self, minutes: int, by: str) -> str:
        return f"From here it is about {span(about(minutes))}{' on foot' if by == 'foot' else ''}."

    def facility(self, name: str, minutes: int | None, where: str) -> str:
        told = _sentence(where).strip()
        if minutes is None:
            return told
        near = "right here" if minutes == 0 else f"about {span(about(minutes))} from here on foot"
        return f"The nearest {name} is {near}. {told}"

    def nearby(self, start: str, spots: Sequence[tuple[str, int]]) -> str:
        told = [f"{name}, {span(about(minutes))}" for name, minutes in spots]
        told[0] += " on foot"
        return f"Nearest to {start}: {'; '.join(told)}."

    def stay(self, name: str, minutes: int) -> str:
        return f"Allow about {span(minutes)} for {name}."

    def tour(self, budget: int, start: str, stops: Sequence[Stop], minutes: int) -> str:
        told = [f"{stop.name}, {span(stop.stay)}" for stop in stops]
        path = f"begin with {told[0]}" + "".join(f"; then {one}" for one in told[1:])
        whole = f"In all it takes about {span(about(minutes))}."
        return f"For {span(budget)}, start from {start}: {path}. {whole}"

    def address(self, name: str, address: str) -> str:
        return f"The address of {name} is {address.rstrip('.')}."

    def phone(self, name: str, phone: str) -> str:
        return f"The telephone number of {name} is {phone}."

    def nth(self, of: str, kind: str, n: int, name: str, ends: tuple[str, str]) -> str:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        nth = ORDINALS[n - 1] if n <= len(ORDINALS) else f"{n}{ending}"
        return f"Counted from {ends[0]} to {ends[1]}, the {nth} {kind} of {of} is {name}."

    def behind(self, one: str, name: str, ends: tuple[str, str]) -> str:
        return f"Going from {ends[0]} to {ends[1]}, {name} comes after {one}."

    def join(self, sentences: Sequence[str]) -> str:
        return " ".join(sentences)


def _amount(value: float) -> str:
    return amount(value)


def _clock(at: datetime) -> str:
    return clock(at)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _last(one: Opening) -> str:
    return f", with the last admission at {clock(one.last)}" if one.last < one.closes else ""


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    return f" {text}" if text[-1] in ".!?" else f" {text}."
