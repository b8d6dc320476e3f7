"""What tickets cost, for one visitor and for a party."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from digital_human.dialogue.knowledge.words import tag_of
from digital_human.dialogue.place.ground import Ask, Found, Ground
from digital_human.dialogue.place.party import Party
from digital_human.dialogue.place.people import Ages
from digital_human.dialogue.place.phrases import VISITORS
from digital_human.dialogue.place.rows import WHOLE, Ticket
from digital_human.dialogue.place.wording import Price, Total

_HOUR = 60

# What is hired by the hour.
_HIRE = re.compile(r"租|包一?[条艘只]|自己划|\b(?:rent|hire|paddl)\w*\b")
_TIMED = re.compile(r"小时|钟头|分钟|\b(?:hours?|minutes?)\b")  # a day has no price
# Who asks for a reduction is not helped by the sum without one.
_LESS = re.compile(
    r"半价|优惠|打折|折扣|便宜|减免|免票|免费|学生[票价证]|老[年人]+[票证]|证件?|省多少"
    r"|\bdiscounts?\b|\breduc\w+|\bconcessions?\b|\bcards?\b|\bsav(?:e|ings?)\b|\bcheaper\b|\bless\b"
    r"|\b(?:student|senior|child(?:ren)?'?s?|pensioner)'?s? (?:price|ticket|rate|fare)s?\b|\bfree\b"
)
# Between a boat and a place that is paid too, and where the place is only where it starts.
_ALSO = re.compile(r"[和跟与加再、连都]|然后|还有|以及|\b(?:and|plus|then|both|as well)\b")
_START = re.compile(r"从|码头|出发|\bfrom\b|\bpiers?\b")
# What is paid at all places together stands nowhere.
_EVERYTHING = re.compile(
    r"(?:所有|每个|各个|全部|各大)的?(?:要\w{1,3}的)?(?:地方|景点|项目)|(?:地方|景点|项目)[都全]"
    r"|\b(?:all (?:of )?the|every|each of the) (?:\w+ )?"
    r"(?:sights?|places?|spots?|attractions?|temples?)\b"
)


def prices(ground: Ground, ask: Ask) -> Found | None:
    """The prices of what is asked for, and their sum for a party."""
    things = [one for one in ask.asked.things if one != WHOLE]
    if len(things) > 1 and ask.asked.facility is None:
        return _several(ground, ask, things)
    if _EVERYTHING.search(ask.text):
        return None
    of = ground.target(ask, lambda one: bool(_rows(ground, ask, one)))
    if of is None:
        return None
    rows = _rows(ground, ask, of)
    if not _known_visitor(rows, ask):
        return None
    said = [_told(ground, ask, of, rows)]
    others = [one for one in things if one != of and _paid_apart(ground, ask, one)]
    if others and _ALSO.search(ask.text) and not _START.search(ask.text):
        return _several(ground, ask, [of, *others])
    if not others and (bill := _bill(rows, ask)) is not None:
        said.append(ask.say.total(bill, ground.head.currency.get(ask.language, "")))
    return ground.found("tickets", of, said, ask.language)


def _several(ground: Ground, ask: Ask, things: Sequence[str]) -> Found | None:
    """The prices of several things, and what all of them cost together when that is asked."""
    rows = {one: _rows(ground, ask, one) for one in things}
    if not all(rows.values()) or not all(_known_visitor(each, ask) for each in rows.values()):
        return None
    said = [_told(ground, ask, one, each) for one, each in rows.items()]
    party = ask.asked.party
    if party.total or party.size > 1:
        bills = [_for_people(each, party) for each in rows.values()]
        if party.sure and not party.apart and None not in bills:
            amount = sum(filter(None, bills))
            full = any(_full(each, party) for each in rows.values())
            bill = Total(party.size, amount, full=full, children=_only_children(party))
            said.append(ask.say.total(bill, ground.head.currency.get(ask.language, "")))
    return ground.found("tickets", things[0], said, ask.language)


def _paid_apart(ground: Ground, ask: Ask, spot: str) -> bool:
    """Whether a spot that is named beside a boat is paid by itself: it lies on no island."""
    rows = _rows(ground, ask, spot)
    way = ground.way(ask.base, spot) if ask.base else None
    island = way is not None and any(leg.by == "boat" for leg in way.legs)
    return any(row.price for row in rows) and not island


def _rows(ground: Ground, ask: Ask, of: str) -> list[Ticket]:
    """The prices of a thing on the day that is named; of its choices the one that is named."""
    day = ask.asked.moment.day or ask.now.date()
    rows = [row for row in ground.tickets if row.of == of and row.in_season(day)]
    rows = [row for row in rows if row.begins is not None] or rows
    if named := [row for row in rows if any(_called(name, ask.text) for name in row.called)]:
        return named
    hired = [row for row in rows if row.per == "hour"]
    return hired if hired and _HIRE.search(ask.text) else rows


def _called(name: str, text: str) -> bool:
    """Whether a text names a choice; what is done with it may stand apart: 划一小时的船."""
    name = name.lower()
    if name.isascii():
        return re.search(rf"\b{re.escape(name)}s?\b", text) is not None
    apart = len(name) == 2 and (tag_of(name) or "").startswith("v")
    words = [re.escape(part) for part in (name if apart else [name])]
    return re.search("[^，。？]{0,9}".join(words), text) is not None


def _told(ground: Ground, ask: Ask, of: str, rows: Sequence[Ticket]) -> str:
    told = [
        Price(row.price, row.who.get(ask.language, ""), row.note.get(ask.language, ""))
        for row in rows
    ]
    name, used = ground.name(of, ask.language), of in ground.facilities
    return ask.say.prices(name, told, ground.head.currency.get(ask.language, ""), used)


def seats(ground: Ground, ask: Ask) -> Found | None:
    """How many one boat of the kind that is named holds, and whether a party fits into it."""
    of = ground.target(ask, lambda one: any(row.of == one and row.seats for row in ground.tickets))
    rows = _rows(ground, ask, of) if of is not None else []
    if of is None or len({row.choice for row in rows}) != 1 or not rows[0].seats:
        return None
    names = [name for name in rows[0].called if name.isascii() == (ask.language == "en")]
    if not names or not ask.asked.party.sure:
        return None
    said = [ask.say.seats(names[0], rows[0].seats, ask.asked.party.size)]
    return ground.found("tickets", of, said, ask.language)


def _known_visitor(rows: Sequence[Ticket], ask: Ask) -> bool:
    """Whether there is a price for the visitor that is asked for, if it is not free for all."""
    wanted, party = ask.asked.visitor, ask.asked.party
    less = party.reduced and _LESS.search(ask.text) is not None
    if all(not row.price for row in rows) or (not less and (wanted is None or party.size > 1)):
        return True
    if wanted is None:
        return False
    pattern = VISITORS[wanted]
    return any(
        row.visitor == wanted or any(pattern.search(who) for who in row.who.values())
        for row in rows
    )


def _bill(rows: Sequence[Ticket], ask: Ask) -> Total | None:
    """What a party pays; None when nobody asks for a sum, or the rows do not give one."""
    party = ask.asked.party
    span = ask.asked.moment.span if _TIMED.search(ask.text) else None
    choices = list(dict.fromkeys(row.choice for row in rows))
    timed = any(row.per == "hour" for row in rows)
    if len(choices) > 1:
        # A party that names no choice is told what it pays where each pays for himself.
        choices = [c for c in choices if all(r.per == "person" for r in rows if r.choice == c)]
        timed = False
    if len(choices) != 1 or all(not row.price for row in rows) or not party.sure:
        return None
    if len({row.choice for row in rows}) > 1 and span is not None:
        return None  # by the hour or not?
    chosen = [row for row in rows if row.choice == choices[0]]
    together = len([row for row in chosen if row.visitor is None]) > 1
    alone = together and (party.total or party.size == 1)
    if max(party.size, party.boats) < 2 and not (timed and span) and not alone:
        return None
    names = [name for name in chosen[0].called if name.isascii() == (ask.language == "en")]
    several = len({row.choice for row in rows}) > 1
    if all(row.per == "hour" for row in chosen):
        return _for_hours(chosen, party, span)
    amount = _for_people(chosen, party)
    total = Total(
        party.size, amount or 0, names[0] if names and several else "",
        full=_full(chosen, party), children=_only_children(party),
    )  # fmt: skip
    return total if amount else None


def _for_hours(rows: Sequence[Ticket], party: Party, span: int | None) -> Total | None:
    """What boats cost by the hour: for the time that is told, or for one hour."""
    if len(rows) > 1 or rows[0].visitor:
        return None
    row = rows[0]
    boats = max(party.boats, math.ceil(party.size / row.seats) if row.seats else 1, 1)
    if span is None and boats < 2 or span is not None and span < _HOUR:
        return None  # whether part of an hour is paid in part is not told
    if span == _HOUR and boats == 1 and not party.size:
        return None  # it is the price itself
    amount = row.price * boats * (span / 60 if span is not None else 1)
    return Total(party.size, amount, boats=boats if boats > 1 or not party.size else 0,
                 hourly=span is None)  # fmt: skip


def _only_children(party: Party) -> bool:
    return bool(party.children) and not party.reduced


def _full(rows: Sequence[Ticket], party: Party) -> bool:
    """Whether somebody pays as much as a grown-up who might pay less elsewhere."""
    paid = sum(row.price for row in rows if row.visitor in (None, "adult"))
    if not paid:
        return False
    return party.reduced or any(_price(rows, ages) == paid for ages in party.children)


def _for_people(rows: Sequence[Ticket], party: Party) -> float | None:
    """The sum; None when a child's price is not sure, or there is none for grown-ups."""
    grown = [row.price for row in rows if row.visitor in (None, "adult")]
    if not grown or any(row.per != "person" for row in rows):
        return None
    each = [_price(rows, ages) for ages in party.children]
    if None in each:
        return None
    return sum(grown) * (party.adults if party.size else 1) + sum(filter(None, each))


def _price(rows: Sequence[Ticket], ages: Ages) -> float | None:
    """What a child pays; None where that depends on an age that is not told exactly."""
    full = sum(row.price for row in rows if row.visitor in (None, "adult"))
    reduced = [row for row in rows if row.visitor == "child"]
    prices = {
        min((r.price for r in reduced if r.below is None or age < r.below), default=full)
        for age in range(ages[0], ages[1] + 1)
    }
    return prices.pop() if len(prices) == 1 else None
