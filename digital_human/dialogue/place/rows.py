"""What stands in a place's files: one class for each list, checked field by field."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from digital_human.speech.types import Language

WHOLE = "place"
"""What ``of`` says for the place as a whole."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60

_CLOCK = re.compile(r"([01]?\d|2[0-4])[:：]([0-5]\d)")


def _minutes(value: object) -> object:
    """Minutes since midnight of ``8:30``."""
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (minutes := int(found[1]) * 60 + int(found[2])) > MIDNIGHT:
        raise ValueError(f"{value!r} is no time of day such as 8:30")
    return minutes


Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Clock = Annotated[int, BeforeValidator(_minutes)]
MonthDay = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
Visitor = Literal["adult", "child", "student", "senior", "disabled"]
Words = dict[Language, Text]
Names = dict[Language, Name]
Picture = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*\.(png|jpe?g|svg|webp))?$")
]


class Entry(BaseModel):
    """A row of one of the lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Spot(Entry):
    """Something to see: an exhibit, a building, a view.

    Attributes:
        id: What other files and the page call it.
        names: By language.
        others: What else people call it, in any language.
        traits: What people say of it who do not know its name, in any language: 倒, 重建, rebuilt.
        the: Whether English puts "the" before its name.
        text: What is told of it, by language; from ``spots`` or from the Markdown pages.
        where: Where it lies, as a sentence.
        address: Its address.
        phone: Its telephone.
        picture: File in ``pictures/``; empty for none.
        code: What the QR code on its label says.
        x: 0 (left) … 1 (right) on the map.
        y: 0 (top) … 1 (bottom) on the map.
        stay: Minutes a visit takes.
        worth: How much it is worth on a tour, 0 (never offered) … 5.
        ends: Other spots at which one has reached it too, e.g. the far end of a causeway.
    """

    id: Id
    names: Names = Field(min_length=1)
    ends: tuple[Id, ...] = ()
    others: tuple[Name, ...] = ()
    traits: tuple[Name, ...] = ()
    the: bool = False
    text: Words = Field(default_factory=dict)
    where: Words = Field(default_factory=dict)
    address: Words = Field(default_factory=dict)
    phone: str = Field(default="", pattern=r"^[0-9+() ,/-]{0,80}$")
    picture: Picture = ""
    code: str = Field(default="", max_length=64)
    x: float | None = Field(default=None, ge=0, le=1)
    y: float | None = Field(default=None, ge=0, le=1)
    stay: int | None = Field(default=None, ge=1, le=MIDNIGHT)
    worth: int = Field(default=1, ge=0, le=5)


class Facility(Entry):
    """Something visitors need: a toilet, a pier, a cloakroom.

    Attributes:
        id: What other files call it.
        kind: What it is, one of `facilities.FACILITIES`.
        names: By language; empty for a nameless one.
        others: What else people call it.
        the: Whether English puts "the" before its name.
        at: The spot it belongs to.
        minutes: Walk from there.
        where: How to find it, as a sentence.
        picture: File in ``pictures/``.
    """

    id: Id
    kind: Id
    names: Names = Field(default_factory=dict)
    others: tuple[Name, ...] = ()
    the: bool = True
    at: Id
    minutes: int = Field(default=0, ge=0, le=120)
    where: Words = Field(min_length=1)
    picture: Picture = ""


class _Season(Entry):
    of: Id
    begins: MonthDay | None = Field(default=None, alias="from")
    ends: MonthDay | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _both_ends(self) -> _Season:
        if (self.begins is None) != (self.ends is None):
            raise ValueError("from and to go together, e.g. from = '04-01', to = '10-31'")
        return self

    def in_season(self, day: date) -> bool:
        """Whether the row holds on ``day``; a season may run over the new year."""
        if self.begins is None or self.ends is None:
            return True
        at = day.strftime("%m-%d")
        if self.begins <= self.ends:
            return self.begins <= at <= self.ends
        return at >= self.begins or at <= self.ends


class Hours(_Season):
    """When something is open.

    Attributes:
        of: Spot, facility or ``place``.
        opens: Minutes since midnight; written ``8:00``.
        closes: The same, ``24:00`` for midnight; before ``opens`` it is the next day's.
        last: Last admission.
        days: On which it holds, ``holiday`` for `Holiday`; empty for every day.
    """

    opens: Clock
    closes: Clock
    last: Clock | None = None
    days: tuple[Day, ...] = ()

    @property
    def always(self) -> bool:
        """Whether it is never closed."""
        return self.opens == 0 and self.closes == MIDNIGHT


class Show(_Season):
    """Something that begins at fixed times.

    Attributes:
        of: Spot, facility or ``place``.
        times: When it begins.
        minutes: How long it lasts.
        days: As in `Hours`.
        note: What else to say, e.g. that it is cancelled in rain.
    """

    times: tuple[Clock, ...] = Field(min_length=1)
    minutes: int | None = Field(default=None, ge=1, le=MIDNIGHT)
    days: tuple[Day, ...] = ()
    note: Words = Field(default_factory=dict)


class Ticket(_Season):
    """A price.

    Rows of one thing and one `choice` that have no `visitor` are paid together.

    Attributes:
        of: Spot, facility or ``place``.
        price: In the place's currency; 0 is free.
        visitor: Who pays it; empty when it is the price for all, or `who` says it in words.
        below: A child's row holds for children younger than so many years.
        per: Whether each ``person`` pays it, or it is the price of an ``hour``.
        seats: How many people one price by the hour is for.
        choice: Which of several it is, e.g. of two kinds of boat; empty when there is one.
        called: Words that name this choice, in any language.
        who: Who pays it or for what it is, in words ("children under six").
        note: What else to say.
    """

    price: float = Field(ge=0, le=100_000)
    visitor: Visitor | None = None
    below: int | None = Field(default=None, ge=1, le=100)
    per: Literal["person", "hour"] = "person"
    seats: int | None = Field(default=None, ge=1, le=1000)
    choice: str = Field(default="", max_length=40)
    called: tuple[Name, ...] = ()
    who: Words = Field(default_factory=dict)
    note: Words = Field(default_factory=dict)


class Walk(Entry):
    """A way between two spots, good in both directions.

    Attributes:
        a: Spot at one end; written ``from``.
        b: Spot at the other; written ``to``.
        minutes: It takes.
        metres: Its length.
        by: ``foot``, ``boat`` or ``bus``.
        way: How it goes, as a clause ("along the Bai Causeway").
    """

    a: Id = Field(alias="from")
    b: Id = Field(alias="to")
    minutes: int = Field(ge=1, le=600)
    metres: int | None = Field(default=None, ge=1, le=100_000)
    by: Literal["foot", "boat", "bus"] = "foot"
    way: Words = Field(default_factory=dict)


class Fact(Entry):
    """What is told of a spot when a question has one of the usual topics.

    Attributes:
        of: The spot.
        topic: One of `topics.TOPICS`.
        text: The answer.
    """

    of: Id
    topic: Id
    text: Words = Field(min_length=1)


class Series(Entry):
    """Things of one kind that stand in a row, such as the bridges of a causeway.

    Attributes:
        of: The spot they belong to.
        names: What one of them is called, in Chinese with its measure word: 座桥.
        begins: Where counting begins; written ``from``: 南, south.
        ends: Where it ends; written ``to``.
        members: Their names by language, in order.
    """

    of: Id
    names: Names = Field(min_length=1)
    begins: Names = Field(alias="from")
    ends: Names = Field(alias="to")
    members: tuple[Names, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _same_languages(self) -> Series:
        if len(self.names.get("zh", "座桥")) < 2:
            raise ValueError(f"names.zh {self.names['zh']!r} needs its measure word, as in 座桥")
        for words in (self.begins, self.ends, *self.members):
            if missing := self.names.keys() - words.keys():
                raise ValueError(f"from, to and every member need a name in {sorted(missing)[0]!r}")
        return self


class Closure(Entry):
    """Days on which something is shut for a reason of its own.

    Attributes:
        of: Spot, facility or ``place``.
        begins: First day; written ``from``.
        ends: Last day; written ``to``.
        reason: As a clause ("for repairs").
    """

    of: Id
    begins: date = Field(alias="from")
    ends: date = Field(alias="to")
    reason: Words = Field(default_factory=dict)


class Holiday(Entry):
    """Public holidays of one name.

    Attributes:
        names: By language.
        others: What else people call them.
        begins: First day; written ``from``.
        ends: Last day; written ``to``.
    """

    names: Names = Field(min_length=1)
    others: tuple[Name, ...] = ()
    begins: date = Field(alias="from")
    ends: date = Field(alias="to")


class Head(Entry):
    """``place.toml``.

    Attributes:
        format: Version of the layout.
        names: Of the place.
        others: What else people call it.
        the: Whether English puts "the" before its name.
        timezone: IANA name; all hours are of it.
        currency: What prices are counted in, as it is spoken.
        map: Picture of the map in ``pictures/``.
        here: Spot where the guide stands when nothing else is known.
        pages: Folder of Markdown pages, beside or one above; a passage under the heading of a
            spot's name is its text.
        picture: Of the place as a whole.
    """

    format: Literal[1]
    names: Names = Field(min_length=1)
    others: tuple[Name, ...] = ()
    the: bool = False
    timezone: str = "Asia/Shanghai"
    currency: Names = {"zh": "元", "en": "yuan"}
    map: Picture = ""
    here: Id | None = None
    pages: str = Field(default="", pattern=r"^((\.\./)?[A-Za-z0-9][A-Za-z0-9_-]*)?$")
    picture: Picture = ""

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no time zone such as Asia/Shanghai") from None
        return zone
