"""Is somebody there, and do they want to talk? A state machine in virtual time.

It is told what the camera sees and what time it is, and holds no clock, picture or thread. A person
is a number that lives as long as the camera can follow one face; nothing says who it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["empty", "passing", "near", "here", "blind"]
"""``empty``: nobody; ``passing``: somebody; ``near``: near enough to talk; ``here``: a visit is on;
``blind``: the camera shows nothing, only touch or the wake word begin a visit."""


@dataclass(frozen=True, slots=True)
class Person:
    """A living face as long as it can be followed.

    Attributes:
        id: Its number; a later face has a larger one.
        metres: Away from the camera.
        looking: Whether it looks at the camera.
    """

    id: int
    metres: float
    looking: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What one picture of the camera shows.

    Attributes:
        people: Living faces, the nearest first; pictures of faces are not among them.
        label: Text of a QR code or ``tag36h11:NUMBER`` of an AprilTag that was read in it.
        blind: The camera is covered, or it is dark.
    """

    people: tuple[Person, ...] = ()
    label: str | None = None
    blind: bool = False

    @property
    def faces(self) -> int:
        """How many people show their faces."""
        return len(self.people)

    @property
    def nearest(self) -> float:
        """Metres to the nearest of them; infinite without any."""
        return min((person.metres for person in self.people), default=float("inf"))

    @property
    def looking(self) -> bool:
        """Whether any of them looks at the camera."""
        return any(person.looking for person in self.people)


@dataclass(frozen=True, slots=True)
class Limits:
    """When a visit begins and ends; metres and seconds.

    Attributes:
        near: Nearer than this, somebody who looks begins a visit.
        far: Further than this, a visitor has left.
        beside: This much further than the nearest visitor, somebody belongs to the visit; who
            stands further behind waits for the next one.
        dwell: Somebody must look this long.
        glance: Looking away this short does not break the dwell.
        flicker: A face that is missed this short is still there.
        gone: A visit ends when no visitor was seen for this long: heads turn to the exhibits.
        handover: The same where somebody else stands before the kiosk already.
        touched: A visit goes on for this long after the visitor touched or spoke.
        unseen: The same while the camera is blind.
        silent: Without a picture for this long the camera is blind.
        again: After a reset nobody begins a visit by looking for this long.
    """

    near: float = 1.8
    far: float = 2.5
    beside: float = 0.5
    dwell: float = 0.8
    glance: float = 0.7
    flicker: float = 1.0
    gone: float = 6.0
    handover: float = 2.0
    touched: float = 12.0
    unseen: float = 45.0
    silent: float = 5.0
    again: float = 4.0


@dataclass(slots=True)
class _Look:
    """Somebody near who looks: since when, and when last."""

    since: float
    last: float


class Presence:
    """Decides when a visit begins and ends.

    Every method takes the time in seconds of one clock; time that goes back counts as standing
    still.

    Args:
        limits: When a visit begins and ends.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._now = float("-inf")
        self._frame: float | None = None  # when the last picture came
        self._dark = False
        self._people: tuple[Person, ...] = ()  # in the last picture with somebody
        self._somebody = self._close = float("-inf")  # when last seen: anybody, anybody near
        self._looks: dict[int, _Look] = {}
        self._here = False
        self._members: set[int] = set()
        self._others: set[int] = set()  # seen during the visit, but no part of it
        self._member_metres = 0.0
        self._member_seen = self._touched = float("-inf")
        self._done: set[int] = set()  # their visit was ended; they must leave or touch first
        self._closed = float("-inf")

    @property
    def state(self) -> State:
        """The state as of the last call."""
        if self._here:
            return "here"
        if self._blind:
            return "blind"
        limits = self._limits
        if self._now - self._close <= limits.flicker:
            return "near"
        return "passing" if self._now - self._somebody <= limits.flicker else "empty"

    def see(self, seen: Seen, now: float) -> State:
        """Take in one picture."""
        self._pass(now)
        self._frame, self._dark = self._now, seen.blind
        if seen.people:
            self._people, self._somebody = seen.people, self._now
        if seen.nearest <= self._limits.near:
            self._close = self._now
        self._done &= {person.id for person in self._people}
        if self._here:
            self._follow(seen.people)
            self._end()
        if not self._here:
            self._begin(seen.people)
        return self.state

    def at(self, now: float) -> State:
        """Let time pass without a picture."""
        self._pass(now)
        if self._here:
            self._end()
        return self.state

    def touch(self, now: float) -> State:
        """The visitor touched the screen, pressed the button, said the wake word, or speaks.

        Begins a visit, also while the camera is blind, or prolongs the one that is on.
        """
        self._pass(now)
        self._touched = self._now
        if not self._here:
            fresh = self._now - self._somebody <= self._limits.flicker
            self._start(self._people if fresh else ())
        return self.state

    def reset(self) -> State:
        """End the visit now; who stands there must leave, or touch, before another one begins."""
        if self._here:
            self._done = set(self._members | self._others)
            self._closed = self._now
        self._leave()
        return self.state

    @property
    def _blind(self) -> bool:
        late = self._frame is not None and self._now - self._frame > self._limits.silent
        return self._dark or late or self._frame is None

    def _pass(self, now: float) -> None:
        self._now = max(self._now, now)

    def _begin(self, people: Iterable[Person]) -> None:
        limits, now = self._limits, self._now
        for person in people:
            if person.looking and person.metres <= limits.near and person.id not in self._done:
                self._looks.setdefault(person.id, _Look(now, now)).last = now
        self._looks = {i: k for i, k in self._looks.items() if now - k.last <= limits.glance}
        long = [k for k in self._looks.values() if k.last == now and now - k.since >= limits.dwell]
        if long and now - self._closed >= limits.again:
            self._start(people)

    def _start(self, people: Iterable[Person]) -> None:
        """Begin a visit of the nearest one who looks, and whoever stands beside."""
        self._here, self._member_seen = True, self._now
        self._looks.clear()
        self._done.clear()
        near = [person for person in people if person.metres <= self._limits.far]
        first = min(near, key=lambda p: (not p.looking, p.metres), default=None)
        self._member_metres = first.metres if first else self._limits.near
        reach = self._member_metres + self._limits.beside
        self._members = {person.id for person in near if person.metres <= reach}
        self._others = {person.id for person in people} - self._members

    def _follow(self, people: tuple[Person, ...]) -> None:
        """See who of the visit is still there, who joins it and who waits."""
        limits = self._limits
        mine = [p for p in people if p.id in self._members and p.metres <= limits.far]
        if not mine:
            # A face that turned away and back has a new number; one that was there has not.
            reach = min(limits.far, self._member_metres + limits.beside)
            mine = [
                p for p in people if p.id not in self._members | self._others and p.metres <= reach
            ][:1]
        if mine:
            self._member_seen = self._now
            self._member_metres = min(person.metres for person in mine)
            reach = min(limits.near, self._member_metres + limits.beside)
            joined = {person.id for person in people if person.metres <= reach}
            self._members |= joined | {person.id for person in mine}
        self._others |= {person.id for person in people}
        self._others -= self._members

    def _end(self) -> None:
        """End the visit when its visitors have left."""
        limits = self._limits
        away, quiet = self._now - self._member_seen, self._now - self._touched
        if self._blind:
            left = min(away, quiet) > limits.unseen
        elif self._waits() and min(away, quiet) > limits.handover:
            left = True
        else:
            left = away > limits.gone and quiet > limits.touched
        if left:
            self._leave()

    def _waits(self) -> bool:
        """Whether somebody else stands before the kiosk and looks at it."""
        return self._frame == self._somebody and any(
            p.looking and p.metres <= self._limits.near and p.id in self._others
            for p in self._people
        )

    def _leave(self) -> None:
        self._here = False
        self._members.clear()
        self._others.clear()
        self._looks.clear()
        self._touched = float("-inf")
