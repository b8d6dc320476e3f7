"""When things are open, computed from the rows of hours, seasons, holidays and closures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from digital_human.dialogue.place.names import plain
from digital_human.dialogue.place.rows import DAYS, MIDNIGHT, Closure, Holiday, Hours, Show

R = TypeVar("R", Hours, Show)
_AHEAD = 60  # days that are looked through for the next opening


@dataclass(frozen=True, slots=True)
class Opening:
    """A stretch of time in which something is open.

    Attributes:
        opens: Local time.
        closes: Local time.
        last: Last admission; `closes` where none is named.
        always: Whether it stands for a place that never closes.
    """

    opens: datetime
    closes: datetime
    last: datetime
    always: bool

    def admits(self, at: datetime) -> bool:
        """Whether one may still go in."""
        return self.opens <= at and (at <= self.last if self.last < self.closes else at < self.last)


class Timetable:
    """Hours of everything in a place.

    Args:
        hours: All rows of hours.
        shows: All rows of shows.
        closures: All closures.
        holidays: All holidays.
        zone: The place's time zone.
    """

    def __init__(
        self,
        hours: Sequence[Hours],
        shows: Sequence[Show],
        closures: Sequence[Closure],
        holidays: Sequence[Holiday],
        zone: ZoneInfo,
    ) -> None:
        self._hours, self._shows = hours, shows
        self._closures, self._holidays = closures, holidays
        self.zone = zone

    def knows(self, of: str) -> bool:
        """Whether there are hours of it."""
        return any(row.of == of for row in self._hours)

    def holiday(self, day: date) -> Holiday | None:
        """The holiday on a day."""
        return next((one for one in self._holidays if one.begins <= day <= one.ends), None)

    def named_holiday(self, text: str, day: date) -> Holiday | None:
        """The next holiday whose name stands in ``text``, made `plain`; the longest name counts."""
        named = [
            (-len(name), one.begins, one)
            for one in self._holidays
            if one.ends >= day
            for name in map(plain, (*one.names.values(), *one.others))
            if re.search(rf"{re.escape(name)}(?!'s eve)", text)
        ]
        return min(named, key=lambda found: found[:2])[2] if named else None

    def closure(self, of: str, day: date) -> Closure | None:
        """What shuts it on a day."""
        return next((c for c in self._closures if c.of == of and c.begins <= day <= c.ends), None)

    def on(self, of: str, day: date) -> list[Opening]:
        """When it is open on a day, in order; nothing when it is shut."""
        if self.closure(of, day) is not None:
            return []
        rows = self._that_hold([row for row in self._hours if row.of == of], day)
        found = [self._opening(row, day) for row in rows]
        return sorted(found, key=lambda one: one.opens)

    def current(self, of: str, now: datetime) -> Opening | None:
        """The opening that ``now`` falls into; it may have begun the evening before."""
        around = (*self.on(of, now.date() - timedelta(days=1)), *self.on(of, now.date()))
        return next((one for one in around if one.opens <= now < one.closes), None)

    def next(self, of: str, now: datetime) -> Opening | None:
        """The next opening that begins after ``now``."""
        for ahead in range(_AHEAD):
            for one in self.on(of, now.date() + timedelta(days=ahead)):
                if one.opens > now:
                    return one
        return None

    def closed_weekdays(self, of: str, day: date) -> list[int]:
        """Days of the week, 0 for Monday, on which it is shut in the season of ``day``."""
        rows = self._in_season([row for row in self._hours if row.of == of], day)
        if not rows or any(not row.days for row in rows):
            return []
        return [n for n, name in enumerate(DAYS) if all(name not in row.days for row in rows)]

    def show(self, of: str, day: date) -> tuple[Show, list[datetime]] | None:
        """What begins there on a day, and when; None when there is no such row at all."""
        every = [row for row in self._shows if row.of == of]
        if not every:
            return None
        rows = [] if self.closure(of, day) else self._that_hold(every, day)
        times = sorted(self._at(day, begin) for row in rows for begin in row.times)
        return (rows or every)[0], times

    def _that_hold(self, rows: list[R], day: date) -> list[R]:
        """Rows of a day: its season's before the year's, a holiday's before the weekday's."""
        rows = self._in_season(rows, day)
        special = [row for row in rows if "holiday" in row.days]
        if special and self.holiday(day) is not None:
            return special
        return [row for row in rows if not row.days or DAYS[day.weekday()] in row.days]

    def _in_season(self, rows: list[R], day: date) -> list[R]:
        holding = [row for row in rows if row.in_season(day)]
        return [row for row in holding if row.begins is not None] or holding

    def _opening(self, row: Hours, day: date) -> Opening:
        closes = row.closes if row.closes > row.opens else row.closes + MIDNIGHT
        last = closes if row.last is None else row.last
        if last < row.opens:
            last += MIDNIGHT
        return Opening(
            self._at(day, row.opens), self._at(day, closes), self._at(day, last), row.always
        )

    def _at(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, MIDNIGHT)
        clock = time(minutes // 60, minutes % 60, tzinfo=self.zone)
        return datetime.combine(day + timedelta(days=days), clock)
