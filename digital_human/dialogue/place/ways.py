"""The nearest facility, ways, tours, what is near, and where a spot lies."""

from __future__ import annotations

import re
from datetime import timedelta

from digital_human.dialogue.place.facilities import FACILITIES, RIDES
from digital_human.dialogue.place.ground import Ask, Found, Ground, ended
from digital_human.dialogue.place.rows import WHOLE, Facility, Spot
from digital_human.dialogue.place.wording import Leg, Stop

_NEAREST = 3  # spots that are told of as being near
_ALONG = re.compile(
    r"从头|这[头边][^，。？]{0,5}那[头边]|走[完通]"
    r"|到[底头](?=[^到]*(?:多[久长远少]|几(?:分|刻|个?小时|个?钟)))|全程|走一[遍趟]|整条|整个"
    r"|\b(?:whole|entire|full)\b|\bend to end\b|\balong\b"
)
_FROM_SHORE = re.compile(
    r"离(?:西湖|湖[边岸]?)[^，。？]{0,4}(?:远|近|公里|多少)"
    r"|\b(?:far|distance|kilomet\w+)\b.{0,40} from (?:the |west )?(?:lake|shore)\b"
)
# Whose way begins or ends where nothing is known.
_ELSEWHERE = re.compile(
    r"(?:在|到|出|下|从|住)了?[^，。？在]{0,6}(?:[东西南城]站|火车站|高铁站|机场|酒店|宾馆|民宿)(?!在)"
    r"|\b(?:at|from|to|in) (?:the |our |my )?(?:\w+ )?"
    r"(?:airport|(?:railway|train|east|west) station|hotel|hostel)\b"
)
# How long the ways take is known on foot; by bus only where the bus goes all the way.
_DRIVEN = re.compile(
    r"(?:打车|打的|出租车|网约车|滴滴|开车|自驾|骑[着车行]|电瓶车|电动车)"
    r"[^，。？]{0,16}(?:多久|多长|多少时间|[几多]少?分钟|怎么|多远)"
    r"|\bby (?:taxi|cab|car|bike|bicycle)\b|\b(?:driv|cycl)(?:e|es|ing)\b|\b(?:taxi|cab|uber)\b"
)
_BUS = re.compile(
    r"[坐乘搭](?:公交|巴士)[^，。？]{0,16}(?:多久|多长|[几多]少?分钟)"
    r"|\bhow long\b.*\bbus\b|\bby bus\b"
)
# Nor is how long it takes there and back again.
_RETURNING = re.compile(r"来回|往返|\b(?:round trip|there and back|return trip)\b")
_LENT = re.compile(
    r"[借租有]|哪|附近|\b(?:borrow|rent|hire|lend|where|get a|need|any|nearest"
    r"|have|got|is there|are there)\b"
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
    if named and not away and (len(known) > 1 or kind in RIDES):
        return None  # none of them is near there
    best = min(known, key=lambda one: (away.get(one.id, 10**6), one.id))
    minutes = away.get(best.id)
    if minutes is not None and minutes > _NOT_FAR:
        minutes = None
    where = best.where[ask.language]
    entered = start if named or ask.asked.refers == "here" else None
    if kind == "wheelchair" and entered is not None and not _LENT.search(ask.text):
        # Whether one gets in there with it is told only where it is written.
        if ground.plain_name(entered, ask.language) not in where:
            return None
        named, minutes = [], None
    name = best.names.get(ask.language) or FACILITIES[kind].names[ask.language]
    if named and minutes is not None:
        legs = [Leg(name, minutes, "foot", "")] if minutes else []
        start_name = ground.name(named[0], ask.language)
        lies = ask.say.facility(name, None, where)
        way = [ask.say.route(start_name, name, legs, minutes, None)] if legs else []
        said = [*way, lies]
    else:
        said = [ask.say.facility(name, minutes, where)]
    return _facility(ground, best, name, said, ask)


def _facility(ground: Ground, one: Facility, title: str, said: list[str], ask: Ask) -> Found:
    path = f"place/{ground.names['facilities']}#{one.id}"
    return Found(tuple(said), title, path, ask.say.join(said), one.picture or ground.head.map)


def route(ground: Ground, ask: Ask) -> Found | None:
    text = ask.text
    things = [one for one in ask.asked.things if one != WHOLE]
    if not things and ask.before is not None and ask.before != WHOLE:
        things = [ask.before]
    if not 1 <= len(things) <= 2 or (WHOLE in ask.asked.things and len(things) == 1):
        return None
    if _DRIVEN.search(text) or _RETURNING.search(text):
        return None
    if not ask.asked.starts and _ELSEWHERE.search(text):
        return None
    if len(things) == 1 and _FROM_SHORE.search(text) and things[0] in ground.spots:
        return of_spot(ground, "where", ask)
    both = len(things) == 2
    start = things[0] if both else ask.base
    end = things[-1]
    spot = ground.spots.get(end)
    walks_along = _ALONG.search(text) or (ask.asked.along == end and spot and spot.ends)
    if not both and spot is not None and walks_along:
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
    walked = began.minutes if began is not None else 0
    there = start == to and not walked
    there = there or (not both and goal is None and start in ground.spots[to].ends)
    if there and not (goal and goal.minutes):
        return ground.found("route", end, [say.here(name)], ask.language, ground.head.map)
    way = ground.way(start, to)
    if way is not None and _BUS.search(text) and any(leg.by == "foot" for leg in way.legs):
        return None
    if way is None:
        return of_spot(ground, "where", ask)
    if ask.asked.along is not None and ask.asked.along not in way.spots:
        return None
    if began is not None and began.kind == "pier" and way.legs and way.legs[0].by == "boat":
        walked = 0  # from where one boards, the boat is all of the way
    legs = [
        Leg(ground.name(spot, ask.language), leg.minutes, leg.by, leg.way.get(ask.language, ""))
        for spot, leg in zip(way.spots[1:], way.legs, strict=True)
    ]
    minutes, metres = way.minutes, way.metres
    if began is not None and walked:
        minutes, metres = minutes + walked, None
        legs.insert(0, Leg(ground.name(start, ask.language), walked, "foot", ""))
    if goal is not None and goal.minutes:
        minutes, metres = minutes + goal.minutes, None
        legs.append(Leg(name, goal.minutes, "foot", ""))
    began_at = ground.name(began.id if began and walked else start, ask.language)
    said = [say.route(began_at, name, legs, minutes, metres)]
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
    named = ground.facilities.get(ask.asked.things[0]) if len(ask.asked.things) == 1 else None
    if kind == "where" and named is not None and (lies := named.where.get(ask.language)):
        title = ground.plain_name(named.id, ask.language)
        return _facility(ground, named, title, [ask.say.facility(title, None, lies)], ask)
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
