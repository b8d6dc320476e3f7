"""When a kiosk may start afresh at night: from the wall clock and the program's age alone.

Nothing is remembered, so nothing can be lost: a program that started within this night's hours is
too young to start again, whatever the clock has done since; and one that was missed by every
night's hour gets old enough for any quiet moment.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

WINDOW = 3600.0
"""Seconds from the set time within which it may happen."""
QUIET = 300.0
"""Seconds for which nobody was there."""
YOUNG = 6 * 3600.0
"""Age in seconds below which the program is fresh; longer than a clock is ever set back."""
OLD = 72 * 3600.0
"""Age in seconds from which on any hour will do."""
LONG_QUIET = 1800.0
"""The same as `QUIET`, outside the hour."""


def quiet_wanted(
    now: float, age: float, at: time | None, zone: tzinfo | None = None
) -> float | None:
    """For how long nobody must have been there for a restart now.

    Args:
        now: Unix time in seconds, as the machine's clock has it.
        age: Seconds since the program started, by a clock that nobody sets.
        at: Local time from which on it may happen; None for never.
        zone: Of ``at``; None is the machine's own.

    Returns:
        Seconds; None when it must not happen now.
    """
    if at is None or age < YOUNG:
        return None
    if _in_window(now, at, zone):
        return QUIET
    return LONG_QUIET if age >= OLD else None


def next_restart(now: float, age: float, at: time, zone: tzinfo | None = None) -> datetime:
    """Local time from which on it may happen in this night's hour, or in the next one in which the
    program is old enough; see `quiet_wanted`.
    """
    ripe = now - age + YOUNG
    day = datetime.fromtimestamp(max(now, ripe), zone).date() - timedelta(days=1)
    while (start := datetime.combine(day, at, zone).timestamp()) + WINDOW <= max(now, ripe):
        day += timedelta(days=1)
    return datetime.fromtimestamp(max(start, ripe), zone)


def _in_window(now: float, at: time, zone: tzinfo | None) -> bool:
    today = datetime.fromtimestamp(now, zone).date()
    # A time that the change to summer time leaves out counts as an hour later; of one that comes
    # twice in autumn the first counts (PEP 495, fold 0).
    starts = (
        datetime.combine(today - timedelta(days=back), at, zone).timestamp() for back in (0, 1)
    )
    return any(0 <= now - start < WINDOW for start in starts)
