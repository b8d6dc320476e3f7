"""When something is open, and when shows begin."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from digital_human.dialogue.place.ground import Ask, Found, Ground, ended
from digital_human.dialogue.place.phrases import REMAINING

_AFTER = re.compile(
    r"[点半刻分]钟?(?:以后|之后|过后)|\bafter (?:half|a quarter|\d|[a-z]+(?=[ ?.,]|$))"
    r"|n't\b[^.?]{0,20}\b(?:before|until|till)\b"
)


def hours(ground: Ground, ask: Ask) -> Found | None:
    """When what is asked for is open, or whether one can go in now or at the time that is named."""
    of = ground.target(ask, ground.times.knows)
    if of is None:
        return None
    name, say, now, moment = ground.name(of, ask.language), ask.say, ask.now, ask.asked.moment
    day = _day(ground, ask)
    today = day in (None, now.date()) and moment.clock is None
    if today and REMAINING[ask.language].search(ask.text):
        said = _now(ground, of, name, ask, counted=True)
    elif today and moment.now:
        said = _now(ground, of, name, ask)
    elif _weekly(ground, of, now.date()) and day is None and moment.clock is None:
        said = _on(ground, of, name, now.date(), say.every_day(), ask)
        if not _always(ground, of, now.date()):
            said += _today(ground, of, name, ask)
    else:
        day = day or now.date()
        when = say.day(day, now.date(), weekday=moment.weekday)
        said = _on(ground, of, name, day, when, ask)
    return ground.found("hours", of, said, ask.language)


def _on(ground: Ground, of: str, name: str, day: date, when: str, ask: Ask) -> list[str]:
    """Its hours on a day, or whether one can go in at the time that is named."""
    say, clock = ask.say, ask.asked.moment.clock
    opens = ground.times.on(of, day)
    if not opens:
        closure = ground.times.closure(of, day)
        reason = closure.reason.get(ask.language, "") if closure else ""
        said = [say.closed(name, when, reason)]
        if (following := ground.times.next(of, _at(day, 24 * 60 - 1, ask.now))) is not None:
            next_day = say.day(following.opens.date(), ask.now.date())
            said.append(say.daily(name, next_day, [following], ground.rides(of)))
        return said
    if opens[0].always:
        return [say.always(name)]
    daily = say.daily(name, when, opens, ground.rides(of))
    if clock is not None:
        at = _at(day, clock, ask.now)
        if any(one.last == at for one in opens) and _AFTER.search(ask.text):
            return [daily]
        if at < opens[0].opens and not ground.rides(of):
            # Before the doors open nobody is too late: when they open says it.
            return [daily, *_as_usual(ground, of, day, ask)]
        able = any(one.admits(at) for one in opens)
        told = [say.enter(name, when, at, able, ground.rides(of)), daily]
        return [*told, *_as_usual(ground, of, day, ask)]
    if ground.times.holiday(day) is not None:
        return [daily, *_as_usual(ground, of, day, ask)]
    closed = ground.times.closed_weekdays(of, day)
    return [daily, say.closed_weekdays(closed)] if closed else [daily]


def _as_usual(ground: Ground, of: str, day: date, ask: Ask) -> list[str]:
    """For which holiday it is open on a day of the week on which it is usually shut."""
    holiday = ground.times.holiday(day)
    name = holiday.names.get(ask.language) if holiday else None
    if name is None or day.weekday() not in ground.times.closed_weekdays(of, day):
        return []
    return [ask.say.holiday(name, today=day == ask.now.date())]


def _now(ground: Ground, of: str, name: str, ask: Ask, *, counted: bool = False) -> list[str]:
    """Whether it is open; ``counted`` to tell how much time is left."""
    say, now = ask.say, ask.now
    one = ground.times.current(of, now)
    if one is None:
        following = ground.times.next(of, now)
        closed = ground.times.closure(of, now.date())
        reason = closed.reason.get(ask.language, "") if closed else ""
        first = [say.closed(name, say.day(now.date(), now.date()), reason)] if closed else []
        return [*first, say.closed_now(name, following, now.date())]
    if one.always:
        return [say.always(name)]
    if not one.admits(now):
        said = [say.too_late(name, one, ground.rides(of))]
    else:
        left = int((one.last - now).total_seconds() // 60)
        rides = ground.rides(of)
        said = [say.open_now(name, one, left, rides)]
        if counted:
            end = one.last if rides else one.closes
            said.insert(0, say.remaining(int((end - now).total_seconds() // 60), rides))
    return [*said, *_as_usual(ground, of, one.opens.date(), ask)]


def _today(ground: Ground, of: str, name: str, ask: Ask) -> list[str]:
    """What of today differs from the rule that was told."""
    now, say = ask.now, ask.say
    opens = ground.times.on(of, now.date())
    if not opens or ground.times.current(of, now) is not None or now < opens[0].opens:
        return []
    following = ground.times.next(of, now)
    return [say.closed_now(name, following, now.date())]


def _weekly(ground: Ground, of: str, day: date) -> bool:
    """Whether the coming week has the same hours every day."""
    week = [ground.times.on(of, day + timedelta(days=n)) for n in range(7)]
    clocks = {tuple((o.opens.time(), o.closes.time(), o.last.time()) for o in w) for w in week}
    return len(clocks) == 1 and () not in clocks


def _always(ground: Ground, of: str, day: date) -> bool:
    return any(one.always for one in ground.times.on(of, day))


def shows(ground: Ground, ask: Ask) -> Found | None:
    """When the shows of what is asked for begin, and of today's which one comes next."""
    of = ground.target(ask, lambda one: ground.times.show(one, ask.now.date()) is not None)
    if of is None or (not ask.asked.things and ask.asked.facility is None):
        return None
    name, say, now = ground.name(of, ask.language), ask.say, ask.now
    asked_day = _day(ground, ask)
    day = asked_day or now.date()
    found = ground.times.show(of, day)
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
        said.append(ended(note, ask.language))
    return ground.found("shows", of, said, ask.language)


def _day(ground: Ground, ask: Ask) -> date | None:
    today, moment = ask.now.date(), ask.asked.moment
    if moment.dated:
        return moment.day  # whatever feast it falls on
    if (holiday := ground.times.named_holiday(ask.text, today)) is not None:
        return max(holiday.begins, today)
    return moment.day


def _at(day: date, minutes: int, now: datetime) -> datetime:
    start = datetime.combine(day, time(), tzinfo=now.tzinfo)
    return start + timedelta(minutes=minutes)
