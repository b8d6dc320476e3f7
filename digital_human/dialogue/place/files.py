"""The files of a place: what a curator writes, checked field by field.

``place.toml`` names the place; every list beside it is one file, ``NAME.toml`` with ``[[NAME]]``
tables, ``NAME.csv`` with a header line, or ``NAME.json`` with a list of objects. A dot in a column
makes a table (``names.zh``), ``|`` separates several values.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from digital_human.dialogue.knowledge.markdown import read_markdown
from digital_human.errors import InputError
from digital_human.speech.types import Language

FILE = "place.toml"
PICTURES = "pictures"
WHOLE = "place"
"""What ``of`` says for the place as a whole."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_FILE = 4 * 2**20
MAX_ENTRIES = 2000
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
        kind: What it is, one of `words.FACILITIES`.
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

    Attributes:
        of: Spot, facility or ``place``.
        price: In the place's currency; 0 is free.
        visitor: Who pays it; empty when it is the price for all, or `who` says it in words.
        who: Who pays it or for what it is, in words ("children under six").
        note: What else to say.
    """

    price: float = Field(ge=0, le=100_000)
    visitor: Visitor | None = None
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
        topic: One of `phrases.TOPICS`.
        text: The answer.
    """

    of: Id
    topic: Id
    text: Words = Field(min_length=1)


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
        begins: First day; written ``from``.
        ends: Last day; written ``to``.
    """

    names: Names = Field(min_length=1)
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


Row = TypeVar("Row", bound=Entry)
LISTS: dict[str, type[Entry]] = {
    "spots": Spot, "facilities": Facility, "hours": Hours, "shows": Show, "tickets": Ticket,
    "walks": Walk, "facts": Fact, "closures": Closure, "holidays": Holiday,
}  # fmt: skip


def read_head(folder: Path) -> Head:
    """``place.toml`` of a folder.

    Raises:
        InputError: It is missing or wrong; names the field.
    """
    path = folder / FILE
    content = _toml(path, _text(path))
    try:
        return Head.model_validate(content)
    except ValidationError as error:
        raise _wrong(path, "", error) from None


def read_list(folder: Path, name: str, row: type[Row]) -> tuple[tuple[Row, ...], str]:
    """One list of a place.

    Returns:
        Its entries, and the name of the file they stand in; none and empty without such a file.

    Raises:
        InputError: There are two files of the name, or an entry is wrong; names file, entry, field.
    """
    files = [folder / f"{name}.{kind}" for kind in ("toml", "csv", "json")]
    found = [path for path in files if path.is_file()]
    if not found:
        return (), ""
    if len(found) > 1:
        raise InputError(f"{found[0]} and {found[1].name} are both there", fix="keep one of them")
    path = found[0]
    rows = _rows(path, name, row)
    if len(rows) > MAX_ENTRIES:
        raise InputError(f"{path}: {len(rows)} entries, the limit is {MAX_ENTRIES}", fix="cut it")
    entries = []
    for number, values in enumerate(rows, start=1):
        try:
            entries.append(row.model_validate(values))
        except ValidationError as error:
            named = next((values[k] for k in ("id", "of", "from") if values.get(k)), "")
            place = f"entry {number}" + (f" ({named})" if named else "")
            raise _wrong(path, place, error) from None
    return tuple(entries), path.name


def read_pages(folder: Path, pages: str) -> dict[str, tuple[str, str]]:
    """Texts of Markdown pages by their heading: the passages under it, and where they stand.

    Raises:
        InputError: The folder is missing or a page cannot be read.
    """
    if not pages:
        return {}
    home = folder / pages
    if not home.is_dir():
        raise InputError(f"{folder / FILE}: pages: {pages!r} is no folder", fix="correct `pages`")
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(home.glob("*.md")):
        for entry in read_markdown(path.name, _text(path)):
            joint = " " if entry.language == "en" else ""
            before, at = found.get(entry.title, ("", f"{home.name}/{entry.path}"))
            found[entry.title] = (f"{before}{joint if before else ''}{entry.text}", at)
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{path}: larger than {MAX_FILE >> 20} MB", fix="split it")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}", fix="create it; docs/place.md shows how"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8", fix="save it as UTF-8") from None


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}", fix="correct the TOML") from None


def _rows(path: Path, name: str, row: type[Entry]) -> list[dict[str, Any]]:
    text = _text(path)
    if path.suffix == ".csv":
        return _csv(path, text, row)
    if path.suffix == ".toml":
        content: object = _toml(path, text).get(name)
    else:
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}, line {error.lineno}: {error.msg}", fix="correct it"
            ) from None
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        shape = f"[[{name}]] tables" if path.suffix == ".toml" else "a list of objects"
        raise InputError(f"{path}: has no {name}", fix=f"write {shape}")
    return content


def _csv(path: Path, text: str, row: type[Entry]) -> list[dict[str, Any]]:
    """Rows of a table: empty cells are left out, ``a.b`` is a table, ``|`` separates values."""
    lists = {
        name
        for key, field in row.model_fields.items()
        if get_origin(field.annotation) is tuple
        for name in (key, field.alias or key)
    }
    reader = csv.DictReader(io.StringIO(text), strict=True)
    rows = []
    try:
        for cells in reader:
            if None in cells:
                raise InputError(
                    f"{path}, line {reader.line_num}: more cells than columns",
                    fix="put a cell that contains a comma in double quotes",
                )
            values: dict[str, Any] = {}
            for column, cell in cells.items():
                key, _, part = column.strip().partition(".")
                if not (cell := (cell or "").strip()):
                    continue
                if part:
                    values.setdefault(key, {})[part] = cell
                else:
                    values[key] = [one.strip() for one in cell.split("|")] if key in lists else cell
            if values:
                rows.append(values)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}", fix="correct it") from None
    return rows


def _wrong(path: Path, entry: str, error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the entry"
    place = f"{path}, {entry}" if entry else f"{path}"
    return InputError(f"{place}: {field}: {first['msg']}", fix="correct it; see docs/place.md")
