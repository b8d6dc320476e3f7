"""What tickets cost, for one visitor and for a party."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from digital_human.dialogue.place.ground import Ask, Found, Ground
from digital_human.dialogue.place.party import Party
from digital_human.dialogue.place.phrases import VISITORS
from digital_human.dialogue.place.rows import WHOLE, Ticket
from digital_human.dialogue.place.wording import Price

_GROWN = 18


@dataclass(frozen=True, slots=True)
class _Bill:
    """What a party pays, and for which of several choices (its name, or empty)."""

    amount: float
    choice: str


def prices(ground: Ground, ask: Ask) -> Found | None:
    """The prices of what is asked for, and their sum for a party."""
    things = [one for one in ask.asked.things if one != WHOLE]
    if len(things) > 1 and ask.asked.facility is None:
        return _several(ground, ask, things)
    of = ground.target(ask, lambda one: bool(_rows(ground, ask, one)))
    if of is None:
        return None
    rows = _rows(ground, ask, of)
    if not _known_visitor(rows, ask):
        return None
    said = [_told(ground, ask, of, rows)]
    if (bill := _bill(rows, ask)) is not None:
        said.append(_total(ground, ask, bill.amount, [rows], bill.choice))
    return ground.found("tickets", of, said, ask.language)


def _several(ground: Ground, ask: Ask, things: Sequence[str]) -> Found | None:
    """The prices of several things, and what all of them cost together when that is asked."""
    rows = {one: _rows(ground, ask, one) for one in things}
    if not all(rows.values()) or not all(_known_visitor(each, ask) for each in rows.values()):
        return None
    said = [_told(ground, ask, one, each) for one, each in rows.items()]
    if ask.asked.party.total or ask.asked.party.size > 1:
        bills = [_for_people(each, ask.asked.party) for each in rows.values()]
        if None in bills:
            return None
        said.append(_total(ground, ask, sum(filter(None, bills)), [*rows.values()]))
    return ground.found("tickets", things[0], said, ask.language)


def _rows(ground: Ground, ask: Ask, of: str) -> list[Ticket]:
    """The prices of a thing on the day that is named; of its choices the one that is named."""
    day = ask.asked.moment.day or ask.now.date()
    rows = [row for row in ground.tickets if row.of == of and row.in_season(day)]
    rows = [row for row in rows if row.begins is not None] or rows
    return [row for row in rows if any(name.lower() in ask.text for name in row.called)] or rows


def _told(ground: Ground, ask: Ask, of: str, rows: Sequence[Ticket]) -> str:
    told = [
        Price(row.price, row.who.get(ask.language, ""), row.note.get(ask.language, ""))
        for row in rows
    ]
    name, used = ground.name(of, ask.language), of in ground.facilities
    return ask.say.prices(name, told, ground.head.currency.get(ask.language, ""), used)


def _total(
    ground: Ground, ask: Ask, amount: float, told: Sequence[Sequence[Ticket]], choice: str = ""
) -> str:
    currency = ground.head.currency.get(ask.language, "")
    grown = any(_pays_full(rows, age) for rows in told for age in ask.asked.party.ages)
    return ask.say.total(ask.asked.party.size, amount, currency, choice, grown)


def seats(ground: Ground, ask: Ask) -> Found | None:
    """How many one boat of the kind that is named holds, and whether a party fits into it."""
    of = ground.target(ask, lambda one: any(row.of == one and row.seats for row in ground.tickets))
    rows = [
        r for r in ground.tickets if r.of == of and any(n.lower() in ask.text for n in r.called)
    ]
    if of is None or len({row.choice for row in rows}) != 1 or not rows[0].seats:
        return None
    names = [name for name in rows[0].called if name.isascii() == (ask.language == "en")]
    if not names:
        return None
    said = [ask.say.seats(names[0], rows[0].seats, ask.asked.party.size)]
    return ground.found("tickets", of, said, ask.language)


def _known_visitor(rows: Sequence[Ticket], ask: Ask) -> bool:
    """Whether there is a price for the visitor that is asked for, if it is not free for all."""
    wanted = ask.asked.visitor
    if wanted is None or all(not row.price for row in rows) or ask.asked.party.size > 1:
        return True
    pattern = VISITORS[wanted]
    return any(
        row.visitor == wanted or any(pattern.search(who) for who in row.who.values())
        for row in rows
    )


def _bill(rows: Sequence[Ticket], ask: Ask) -> _Bill | None:
    """What a party pays; None when nobody asks for a sum, or the rows do not give one."""
    party, span = ask.asked.party, ask.asked.moment.span
    choices = list(dict.fromkeys(row.choice for row in rows))
    if len(choices) > 1:
        # A party that names no choice is told what it pays where each pays for himself.
        choices = [c for c in choices if all(r.per == "person" for r in rows if r.choice == c)]
    if len(choices) != 1 or all(not row.price for row in rows):
        return None
    chosen = [row for row in rows if row.choice == choices[0]]
    hours = span / 60 if span is not None and any(row.per == "hour" for row in chosen) else None
    sum_asked = party.total and len(chosen) > 1
    if max(party.size, party.boats) < 2 and hours is None and not sum_asked:
        return None
    if all(row.per == "hour" for row in chosen):
        amount = _for_hours(chosen, party, hours)
    else:
        amount = _for_people(chosen, party)
    if not amount:
        return None
    names = [name for name in chosen[0].called if name.isascii() == (ask.language == "en")]
    several = len({row.choice for row in rows}) > 1
    return _Bill(amount, names[0] if names and several else "")


def _for_hours(rows: Sequence[Ticket], party: Party, hours: float | None) -> float | None:
    if hours is None or any(row.visitor for row in rows):
        return None
    needed = [
        max(party.boats, math.ceil(party.size / row.seats) if row.seats and party.size else 1)
        for row in rows
    ]
    return sum(row.price * hours * n for row, n in zip(rows, needed, strict=True))


def _pays_full(rows: Sequence[Ticket], age: int) -> bool:
    """Whether a child is too old for every price that is told for children, if there is one."""
    limits = [row.below for row in rows if row.visitor == "child"]
    paid = any(row.price for row in rows)
    return paid and age < _GROWN and all(b is not None and b <= age for b in limits)


def _for_people(rows: Sequence[Ticket], party: Party) -> float | None:
    """The sum; None when a child's age is not told, or there is no price for grown-ups."""
    grown = [row.price for row in rows if row.visitor in (None, "adult")]
    if not grown or any(row.per != "person" for row in rows):
        return None
    reduced = [row for row in rows if row.visitor == "child"]
    if reduced and party.children:
        return None
    full = sum(grown)
    total = full * (party.adults + party.children if party.size else 1)
    for age in party.ages:
        able = [row.price for row in reduced if row.below is None or age < row.below]
        total += min(able) if able else full
    return total
