"""Answers computed from a place's files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from digital_human.dialogue.knowledge.entries import sentences
from digital_human.dialogue.place.asked import Asked
from digital_human.dialogue.place.chinese import Chinese
from digital_human.dialogue.place.english import English
from digital_human.dialogue.place.files import WHOLE, Facility, Fact, Head, Spot, Ticket
from digital_human.dialogue.place.phrases import FACILITY_NAMES, VISITORS
from digital_human.dialogue.place.times import Timetable
from digital_human.dialogue.place.walks import Walks, Way
from digital_human.dialogue.place.wording import Leg, Price, Stop, Wording
from digital_human.speech.types import Language

_RIDES = frozenset(("pier", "bus", "metro"))
_NEAREST = 3  # spots that are told of as being near
_NOT_FAR = 45  # minutes of walking that are told of where something lies
_WORDS: dict[Language, Wording] = {"zh": Chinese(), "en": English()}
_TITLES: dict[str, dict[Language, str]] = {
    "hours": {"zh": "开放时间", "en": "opening hours"},
    "tickets": {"zh": "门票", "en": "tickets"},
    "shows": {"zh": "演出时间", "en": "show times"},
    "route": {"zh": "路线", "en": "the way"},
    "tour": {"zh": "游览路线", "en": "a tour"},
    "nearby": {"zh": "附近", "en": "near by"},
    "where": {"zh": "位置", "en": "where it is"},
    "stay": {"zh": "游览时间", "en": "time for a visit"},
    "phone": {"zh": "电话", "en": "telephone"},
    "address": {"zh": "地址", "en": "address"},
}


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        said: Its sentences.
        title: Of its source.
        path: Of its source: ``place/FILE#ID``.
        text: What stands there.
        picture: That belongs to it; empty for none.
    """

    said: tuple[str, ...]
    title: str
    path: str
    text: str
    picture: str


_Known = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Ask:
    """A question in its circumstances; see `Answers.find`."""

    asked: Asked
    language: Language
    text: str
    now: datetime
    base: str | None
    before: str | None
    say: Wording


class Answers:
    """Everything that can be computed of a place.

    Args:
        head: The place.
        spots: Its spots.
        facilities: Its facilities.
        tickets: Its prices.
        facts: What is told of its spots by topic.
        names: File of each list.
        times: Its hours.
        walks: Its ways.
    """

    def __init__(
        self,
        head: Head,
        spots: Sequence[Spot],
        facilities: Sequence[Facility],
        tickets: Sequence[Ticket],
        facts: Sequence[Fact],
        names: dict[str, str],
        times: Timetable,
        walks: Walks,
    ) -> None:
        self._head, self._tickets, self._names = head, tickets, names
        self._facts = {(fact.of, fact.topic): fact for fact in facts}
        self._times, self._walks = times, walks
        self._spots = {spot.id: spot for spot in spots}
        self._facilities = {one.id: one for one in facilities}

    def find(
        self,
        kind: str,
        asked: Asked,
        language: Language,
        text: str,
        now: datetime,
        base: str | None,
        before: str | None,
    ) -> Found | None:
        """The answer of one kind; None when the files do not have it.

        Args:
            kind: What is asked for.
            asked: The question.
            language: Of the answer.
            text: The question as it is compared.
            now: Local time.
            base: Spot where the visitor stands.
            before: Spot that was spoken of before.
        """
        ask = _Ask(asked, language, text, now, base, before, _WORDS[language])
        match kind:
            case "hours":
                return self._shows(ask) or self._hours(ask)
            case "tickets":
                return self._prices(ask)
            case "facility":
                return self._nearest(ask)
            case "route":
                return self._route(ask)
            case "tour":
                return self._tour(ask)
            case "nearby":
                return self._nearby(ask)
            case "fact":
                return self._fact(ask)
            case _:
                return self._of_spot(kind, ask)

    # Hours --------------------------------------------------------------------------------------

    def _hours(self, ask: _Ask) -> Found | None:
        of = self._target(ask, self._times.knows)
        if of is None:
            return None
        name, say, now, moment = self._name(of, ask.language), ask.say, ask.now, ask.asked.moment
        day = self._day(ask)
        if day in (None, now.date()) and moment.clock is None and moment.now:
            said = self._now(of, name, ask)
        elif self._weekly(of, now.date()) and day is None and moment.clock is None:
            said = self._on(of, name, now.date(), say.every_day(), ask)
            if not self._always(of, now.date()):
                said += self._today(of, name, ask)
        else:
            day = day or now.date()
            when = say.day(day, now.date(), weekday=moment.weekday)
            said = self._on(of, name, day, when, ask)
        return self._found("hours", of, said, ask.language)

    def _on(self, of: str, name: str, day: date, when: str, ask: _Ask) -> list[str]:
        """Its hours on a day, or whether one can go in at the time that is named."""
        say, clock = ask.say, ask.asked.moment.clock
        opens = self._times.on(of, day)
        if not opens:
            closure = self._times.closure(of, day)
            reason = closure.reason.get(ask.language, "") if closure else ""
            said = [say.closed(name, when, reason)]
            if (following := self._times.next(of, _at(day, 24 * 60 - 1, ask.now))) is not None:
                next_day = say.day(following.opens.date(), ask.now.date())
                said.append(say.daily(name, next_day, [following], self._rides(of)))
            return said
        if opens[0].always:
            return [say.always(name)]
        daily = say.daily(name, when, opens, self._rides(of))
        if clock is not None:
            at = _at(day, clock, ask.now)
            return [say.enter(name, when, at, any(one.admits(at) for one in opens)), daily]
        usual = self._times.holiday(day) is None
        closed = self._times.closed_weekdays(of, day) if usual else []
        return [daily, say.closed_weekdays(closed)] if closed else [daily]

    def _now(self, of: str, name: str, ask: _Ask) -> list[str]:
        """Whether it is open."""
        say, now = ask.say, ask.now
        one = self._times.current(of, now)
        if one is None:
            following = self._times.next(of, now)
            closed = self._times.closure(of, now.date())
            reason = closed.reason.get(ask.language, "") if closed else ""
            first = [say.closed(name, say.day(now.date(), now.date()), reason)] if closed else []
            return [*first, say.closed_now(name, following, now.date())]
        if one.always:
            return [say.always(name)]
        if not one.admits(now):
            said = [say.too_late(name, one, self._rides(of))]
        else:
            left = int((one.last - now).total_seconds() // 60)
            said = [say.open_now(name, one, left, self._rides(of))]
        return said

    def _today(self, of: str, name: str, ask: _Ask) -> list[str]:
        """What of today differs from the rule that was told."""
        now, say = ask.now, ask.say
        opens = self._times.on(of, now.date())
        if not opens or self._times.current(of, now) is not None or now < opens[0].opens:
            return []
        following = self._times.next(of, now)
        return [say.closed_now(name, following, now.date())]

    def _weekly(self, of: str, day: date) -> bool:
        """Whether the coming week has the same hours every day."""
        week = [self._times.on(of, day + timedelta(days=n)) for n in range(7)]
        clocks = {tuple((o.opens.time(), o.closes.time(), o.last.time()) for o in w) for w in week}
        return len(clocks) == 1 and () not in clocks

    def _always(self, of: str, day: date) -> bool:
        return any(one.always for one in self._times.on(of, day))

    def _shows(self, ask: _Ask) -> Found | None:
        of = self._target(ask, lambda one: self._times.show(one, ask.now.date()) is not None)
        if of is None or (not ask.asked.things and ask.asked.facility is None):
            return None
        name, say, now = self._name(of, ask.language), ask.say, ask.now
        asked_day = self._day(ask)
        day = asked_day or now.date()
        found = self._times.show(of, day)
        if found is None:
            return None
        row, times = found
        plain_rule = asked_day is None and not row.days and row.begins is None and times
        when = say.every_day() if plain_rule else say.day(day, now.date())
        said = [say.shows(name, when, times, row.minutes)]
        coming = [at for at in times if at > now]
        if day == now.date() and coming and len(coming) < len(times):
            said.append(say.next_show(coming[0]))
        if note := row.note.get(ask.language, ""):
            said.append(_ended(note, ask.language))
        return self._found("shows", of, said, ask.language)

    def _day(self, ask: _Ask) -> date | None:
        today = ask.now.date()
        if (holiday := self._times.named_holiday(ask.text, today)) is not None:
            return max(holiday.begins, today)
        return ask.asked.moment.day

    # Tickets ------------------------------------------------------------------------------------

    def _prices(self, ask: _Ask) -> Found | None:
        day = ask.asked.moment.day or ask.now.date()

        def rows_of(of: str) -> list[Ticket]:
            rows = [row for row in self._tickets if row.of == of and row.in_season(day)]
            return [row for row in rows if row.begins is not None] or rows

        of = self._target(ask, lambda one: bool(rows_of(one)))
        if of is None:
            return None
        rows, wanted = rows_of(of), ask.asked.visitor
        free = all(not row.price for row in rows)
        if wanted is not None and not free:
            pattern = VISITORS[wanted]
            known = [
                row
                for row in rows
                if row.visitor == wanted or any(pattern.search(who) for who in row.who.values())
            ]
            if not known:
                return None
        prices = [
            Price(row.price, row.who.get(ask.language, ""), row.note.get(ask.language, ""))
            for row in rows
        ]
        currency = self._head.currency.get(ask.language, "")
        said = [ask.say.prices(self._name(of, ask.language), prices, currency)]
        return self._found("tickets", of, said, ask.language)

    # Ways ---------------------------------------------------------------------------------------

    def _nearest(self, ask: _Ask) -> Found | None:
        kind = ask.asked.facility
        known = [one for one in self._facilities.values() if one.kind == kind]
        known = [one for one in known if ask.language in one.where]
        named = [one for one in ask.asked.things if one in self._spots]
        start = named[0] if named else ask.base
        if not known or kind is None or WHOLE in ask.asked.things and len(ask.asked.things) > 1:
            return None
        away: dict[str, int] = {}
        if start is not None:
            reached = self._walks.minutes(start, foot=True)
            away = {o.id: reached[o.at] + o.minutes for o in known if o.at in reached}
        best = min(known, key=lambda one: (away.get(one.id, 10**6), one.id))
        minutes = away.get(best.id)
        if minutes is not None and minutes > _NOT_FAR:
            minutes = None
        name = best.names.get(ask.language) or FACILITY_NAMES[kind][ask.language]
        if named and minutes is not None:
            legs = [Leg(name, minutes, "foot", "")] if minutes else []
            start_name = self._name(named[0], ask.language)
            where = ask.say.facility(name, None, best.where[ask.language])
            way = [ask.say.route(start_name, name, legs, minutes, None)] if legs else []
            said = [*way, where]
        else:
            said = [ask.say.facility(name, minutes, best.where[ask.language])]
        path = f"place/{self._names['facilities']}#{best.id}"
        picture = best.picture or self._head.map
        return Found(tuple(said), name, path, ask.say.join(said), picture)

    def _route(self, ask: _Ask) -> Found | None:
        things = [one for one in ask.asked.things if one != WHOLE]
        if not things and ask.before is not None:
            things = [ask.before]
        if not 1 <= len(things) <= 2 or (WHOLE in ask.asked.things and len(things) == 1):
            return None
        both = len(things) == 2
        start = things[0] if both else ask.base
        end = things[-1]
        if not both and ask.asked.starts:
            return None
        goal = self._facilities.get(end)
        to = goal.at if goal else end
        began = self._facilities.get(start or "")
        start = began.at if began else start
        if start is None:
            return self._of_spot("where", ask)
        say, name = ask.say, self._name(end, ask.language)
        there = start == to or (goal is None and start in self._spots[to].ends)
        if there and not (goal and goal.minutes):
            return self._found("route", end, [say.here(name)], ask.language, self._head.map)
        way = self._way(start, to)
        if way is None:
            return self._of_spot("where", ask)
        legs = [
            Leg(self._name(spot, ask.language), leg.minutes, leg.by, leg.way.get(ask.language, ""))
            for spot, leg in zip(way.spots[1:], way.legs, strict=True)
        ]
        minutes = way.minutes
        if goal is not None and goal.minutes:
            minutes += goal.minutes
            legs.append(Leg(name, goal.minutes, "foot", ""))
        said = [say.route(self._name(start, ask.language), name, legs, minutes, way.metres)]
        return self._found("route", end, said, ask.language, self._head.map)

    def _way(self, start: str, to: str) -> Way | None:
        """The shortest way to a spot, or to another of its ends."""
        ends = (to, *self._spots[to].ends) if to in self._spots else (to,)
        ways = [way for end in ends if (way := self._walks.way(start, end)) is not None]
        return min(ways, key=lambda way: way.minutes, default=None)

    def _tour(self, ask: _Ask) -> Found | None:
        budget, start = ask.asked.moment.span, ask.base
        if budget is None or start is None:
            return None

        def open_at(spot: Spot, minutes: int) -> bool:
            if not self._times.knows(spot.id):
                return True
            at = ask.now + timedelta(minutes=minutes)
            one = self._times.current(spot.id, at)
            return one is not None and one.admits(at)

        able = [spot for spot in self._spots.values() if ask.language in spot.names]
        tour = self._walks.tour(start, able, budget, open_at)
        if tour is None:
            return None
        stops = [Stop(self._name(s.id, ask.language), s.stay or 0) for s in tour.stops]
        start_name = self._name(start, ask.language)
        said = [ask.say.tour(budget, start_name, stops, tour.minutes)]
        return self._found("tour", start, said, ask.language, self._head.map)

    def _nearby(self, ask: _Ask) -> Found | None:
        spots = [one for one in ask.asked.things if one in self._spots]
        start = spots[0] if spots else ask.base
        if start is None or len(ask.asked.things) > 1:
            return None
        reached = self._walks.minutes(start)
        near = sorted(
            (minutes, one)
            for one, minutes in reached.items()
            if one != start and self._spots[one].worth and minutes
        )[:_NEAREST]
        if not near:
            return None
        named = [(self._name(one, ask.language), minutes) for minutes, one in near]
        said = [ask.say.nearby(self._name(start, ask.language), named)]
        return self._found("nearby", start, said, ask.language, self._head.map)

    def _of_spot(self, kind: str, ask: _Ask) -> Found | None:
        """Where a spot lies, how long it takes, its address or telephone."""
        if not ask.asked.things and not ask.asked.refers:
            return None  # "where were you born" is not about the place
        of = self._target(ask, lambda one: one in self._spots)
        spot = self._spots.get(of or "")
        if spot is None:
            return None
        name, say = self._name(spot.id, ask.language), ask.say
        said: list[str] = []
        if kind == "where" and (where := spot.where.get(ask.language)):
            said = [_ended(where, ask.language)]
            way = self._way(ask.base, spot.id) if ask.base else None
            if way is not None and 0 < way.minutes <= _NOT_FAR:
                by = "foot" if all(leg.by == "foot" for leg in way.legs) else "boat"
                said.append(say.from_here(way.minutes, by))
        elif kind == "stay" and spot.stay:
            said = [say.stay(name, spot.stay)]
        elif kind == "phone" and spot.phone:
            said = [say.phone(name, spot.phone)]
        elif kind == "address" and (address := spot.address.get(ask.language)):
            said = [say.address(name, address)]
        return self._found(kind, spot.id, said, ask.language) if said else None

    def _fact(self, ask: _Ask) -> Found | None:
        """What the files say of a spot on one of the usual topics."""
        topic = ask.asked.topic or ""
        of = self._target(ask, lambda one: (one, topic) in self._facts)
        text = self._facts[of, topic].text.get(ask.language) if of else None
        if of is None or text is None:
            return None
        said = sentences(text)
        title = self._plain_name(of, ask.language)
        return Found(
            tuple(said), title, f"place/{self._names['facts']}#{of}", text, self._spots[of].picture
        )

    # Names and sources --------------------------------------------------------------------------

    def _target(self, ask: _Ask, known: _Known) -> str | None:
        """What the question is about, if ``known`` says that the files have it."""
        asked = ask.asked
        if asked.facility is not None and not any(t in self._facilities for t in asked.things):
            return self._of_kind(ask, known)
        if len(asked.things) == 1:
            return asked.things[0] if known(asked.things[0]) else None
        if asked.things:
            return None
        if asked.refers == "that" or (asked.refers == "" and ask.before):
            return ask.before if ask.before and known(ask.before) else None
        for one in (ask.base, WHOLE):
            if one is not None and known(one):
                return one
        return None

    def _of_kind(self, ask: _Ask, known: _Known) -> str | None:
        """The facility of the kind that is named: where a spot is named too, the one there."""
        things = [one for one in ask.asked.things if one != WHOLE]
        kind = [one for one in self._facilities.values() if one.kind == ask.asked.facility]
        if things and ask.asked.facility not in _RIDES:
            kind = [one for one in kind if one.at in things]
        return next((one.id for one in kind if known(one.id)), None)

    def _found(
        self,
        kind: str,
        of: str,
        said: Sequence[str],
        language: Language,
        picture: str = "",
    ) -> Found:
        """An answer with what it rests on."""
        file = {"stay": "spots", "where": "spots", "phone": "spots", "address": "spots",
                "route": "walks", "tour": "walks", "nearby": "walks"}.get(kind, kind)  # fmt: skip
        thing = self._spots.get(of) or self._facilities.get(of)
        shown = picture or (thing.picture if thing else self._head.picture)
        joint = "：" if language == "zh" else ": "
        title = f"{self._plain_name(of, language)}{joint}{_TITLES[kind][language]}"
        text = _WORDS[language].join(said)
        return Found(tuple(said), title, f"place/{self._names[file]}#{of}", text, shown)

    def _plain_name(self, of: str, language: Language) -> str:
        thing = self._spots.get(of) or self._facilities.get(of)
        if thing is None:
            return self._head.names.get(language, "")
        name = thing.names.get(language)
        if name is None and isinstance(thing, Facility):
            name = FACILITY_NAMES[thing.kind][language]
        return name or next(iter(thing.names.values()), of)

    def _name(self, of: str, language: Language) -> str:
        """A name as it stands in a sentence."""
        thing = self._spots.get(of) or self._facilities.get(of) or self._head
        name = self._plain_name(of, language)
        return f"the {name}" if language == "en" and thing.the else name

    def _rides(self, of: str) -> bool:
        return of in self._facilities and self._facilities[of].kind in _RIDES


def _at(day: date, minutes: int, now: datetime) -> datetime:
    start = datetime.combine(day, time(), tzinfo=now.tzinfo)
    return start + timedelta(minutes=minutes)


def _ended(text: str, language: Language) -> str:
    text = text.strip()
    if text[-1] in "。！？.!?":
        return text
    return f"{text}{'。' if language == 'zh' else '.'}"
