"""The nearest facility, ways, tours, what is near, and where a spot lies."""

from __future__ import annotations

import re
from datetime import timedelta

from digital_human.dialogue.place.facilities import FACILITIES
from digital_human.dialogue.place.ground import Ask, Found, Ground, ended
from digital_human.dialogue.place.rows import WHOLE, Spot
from digital_human.dialogue.place.wording import Leg, Stop

_NEAREST = 3  # spots that are told of as being near
_ALONG = re.compile(
    r"从头|走[完通]|全程|走一[遍趟]|整条|整个|\b(?:whole|entire|full)\b|\bend to end\b|\balong\b"
)
_FROM_SHORE = re.compile(
    r"离(?:西湖|湖[边岸]?)[^，。？]{0,4}(?:远|近|公里|多少)"
    r"|\b(?:far|distance|kilomet\w+)\b.{0,40} from (?:the |west )?(?:lake|shore)\b"
)
_NOT_FAR = 45  # minutes of walking that are told of where something lies


def nearest(ground: Ground, ask: Ask) -> Found | None:
    kind = ask.asked.facility
    known = [one for one in ground.facilities.values() if one.kind == kind]
    known = [one for one in known if ask.language in one.where]
    named = [one for one in ask.asked.things if one in ground.spots]
    if kind == "parking" and named:
        known = [one for one in known if one.at in named]  # elsewhere is no answer
    if kind == "pier" and named and len(ground.walks.minutes(named[0], foot=True)) == 1:
        named = []  # who wants to the island looks for a pier on this side
    start = named[0] if named else ask.base
    if not known or kind is None or WHOLE in ask.asked.things and len(ask.asked.things) > 1:
        return None
    away = ground.away(start, known)
    best = min(known, key=lambda one: (away.get(one.id, 10**6), one.id))
    minutes = away.get(best.id)
    if minutes is not None and minutes > _NOT_FAR:
        minutes = None
    name = best.names.get(ask.language) or FACILITIES[kind].names[ask.language]
    if named and minutes is not None:
        legs = [Leg(name, minutes, "foot", "")] if minutes else []
        start_name = ground.name(named[0], ask.language)
        where = ask.say.facility(name, None, best.where[ask.language])
        way = [ask.say.route(start_name, name, legs, minutes, None)] if legs else []
        said = [*way, where]
    else:
        said = [ask.say.facility(name, minutes, best.where[ask.language])]
    path = f"place/{ground.names['facilities']}#{best.id}"
    picture = best.picture or ground.head.map
    return Found(tuple(said), name, path, ask.say.join(said), picture)


def route(ground: Ground, ask: Ask) -> Found | None:
    things = [one for one in ask.asked.things if one != WHOLE]
    if not things and ask.before is not None:
        things = [ask.before]
    if not 1 <= len(things) <= 2 or (WHOLE in ask.asked.things and len(things) == 1):
        return None
    if len(things) == 1 and _FROM_SHORE.search(ask.text) and things[0] in ground.spots:
        return of_spot(ground, "where", ask)
    both = len(things) == 2
    start = things[0] if both else ask.base
    end = things[-1]
    spot = ground.spots.get(end)
    if not both and spot is not None and _ALONG.search(ask.text):
        if not spot.ends:
            return None  # the way to it is not its own length
        both, start, end = True, end, spot.ends[0]
    if not both and ask.asked.starts:
        return None
    goal = ground.facilities.get(end)
    to = goal.at if goal else end
    began = ground.facilities.get(start or "")
    start = began.at if began else start
    if start is None:
        return of_spot(ground, "where", ask)
    say, name = ask.say, ground.name(end, ask.language)
    there = start == to or (not both and goal is None and start in ground.spots[to].ends)
    if there and not (goal and goal.minutes):
        return ground.found("route", end, [say.here(name)], ask.language, ground.head.map)
    way = ground.way(start, to)
    if way is None:
        return of_spot(ground, "where", ask)
    legs = [
        Leg(ground.name(spot, ask.language), leg.minutes, leg.by, leg.way.get(ask.language, ""))
        for spot, leg in zip(way.spots[1:], way.legs, strict=True)
    ]
    minutes = way.minutes
    if goal is not None and goal.minutes:
        minutes += goal.minutes
        legs.append(Leg(name, goal.minutes, "foot", ""))
    said = [say.route(ground.name(start, ask.language), name, legs, minutes, way.metres)]
    return ground.found("route", end, said, ask.language, ground.head.map)


def tour(ground: Ground, ask: Ask) -> Found | None:
    budget, start = ask.asked.moment.span, ask.base
    if budget is None or start is None:
        return None

    def open_at(spot: Spot, minutes: int) -> bool:
        if not ground.times.knows(spot.id):
            return True
        at = ask.now + timedelta(minutes=minutes)
        one = ground.times.current(spot.id, at)
        return one is not None and one.admits(at)

    able = [spot for spot in ground.spots.values() if ask.language in spot.names]
    tour = ground.walks.tour(start, able, budget, open_at)
    if tour is None:
        return None
    stops = [Stop(ground.name(s.id, ask.language), s.stay or 0) for s in tour.stops]
    start_name = ground.name(start, ask.language)
    said = [ask.say.tour(budget, start_name, stops, tour.minutes)]
    return ground.found("tour", start, said, ask.language, ground.head.map)


def nearby(ground: Ground, ask: Ask) -> Found | None:
    spots = [one for one in ask.asked.things if one in ground.spots]
    start = spots[0] if spots else ask.base
    if start is None or len(ask.asked.things) > 1:
        return None
    reached = ground.walks.minutes(start)
    near = sorted(
        (minutes, one)
        for one, minutes in reached.items()
        if one != start and ground.spots[one].worth and minutes
    )[:_NEAREST]
    if not near:
        return None
    named = [(ground.name(one, ask.language), minutes) for minutes, one in near]
    said = [ask.say.nearby(ground.name(start, ask.language), named)]
    return ground.found("nearby", start, said, ask.language, ground.head.map)


def of_spot(ground: Ground, kind: str, ask: Ask) -> Found | None:
    """Where a spot lies, how long it takes, its address or telephone."""
    if not ask.asked.things and not ask.asked.refers:
        return None  # "where were you born" is not about the place
    of = ground.target(ask, lambda one: one in ground.spots)
    if kind == "where" and len(ask.asked.things) == 2:
        # 净慈寺在雷峰塔哪边, where it is told by the other.
        first, other = ask.asked.things
        told = ground.spots[first].where.get(ask.language, "") if first in ground.spots else ""
        of = first if ground.plain_name(other, ask.language) in told else None
    spot = ground.spots.get(of or "")
    if spot is None:
        return None
    name, say = ground.name(spot.id, ask.language), ask.say
    said: list[str] = []
    if kind == "where" and (where := spot.where.get(ask.language)):
        said = [ended(where, ask.language)]
        way = ground.way(ask.base, spot.id) if ask.base else None
        if way is not None and 0 < way.minutes <= _NOT_FAR:
            by = "foot" if all(leg.by == "foot" for leg in way.legs) else "boat"
            said.append(say.from_here(way.minutes, by))
    elif kind == "stay" and spot.stay:
        said = [say.stay(name, spot.stay)]
    elif kind == "phone" and spot.phone:
        said = [say.phone(name, spot.phone)]
    elif kind == "address" and (address := spot.address.get(ask.language)):
        said = [say.address(name, address)]
    return ground.found(kind, spot.id, said, ask.language) if said else None
