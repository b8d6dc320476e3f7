"""Reads a place's folder: ``place.toml`` and the lists beside it.

Every list is one file, ``NAME.toml`` with ``[[NAME]]`` tables, ``NAME.csv`` with a header line, or
``NAME.json`` with a list of objects. A dot in a column makes a table (``names.zh``), ``|``
separates several values.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin

from pydantic import ValidationError

from digital_human.dialogue.knowledge.markdown import read_markdown
from digital_human.dialogue.knowledge.tables import csv_rows, json_content, toml_content
from digital_human.dialogue.place.facilities import FACILITIES
from digital_human.dialogue.place.rows import (
    WHOLE,
    Closure,
    Entry,
    Facility,
    Fact,
    Head,
    Holiday,
    Hours,
    Series,
    Show,
    Spot,
    Ticket,
    Walk,
)
from digital_human.dialogue.place.topics import TOPICS
from digital_human.errors import InputError
from digital_human.speech.types import Language

FILE = "place.toml"
PICTURES = "pictures"
MAX_FILE = 4 * 2**20
MAX_ENTRIES = 2000

Row = TypeVar("Row", bound=Entry)


@dataclass(frozen=True, slots=True)
class Files:
    """Everything that stands in a place's folder.

    Attributes:
        folder: The folder.
        head: ``place.toml``.
        spots: With their texts.
        facilities: The list of the name, as all that follow.
        hours: See `Hours`.
        shows: See `Show`.
        tickets: See `Ticket`.
        walks: See `Walk`.
        facts: See `Fact`.
        series: See `Series`.
        closures: See `Closure`.
        holidays: See `Holiday`.
        names: File of each list, empty where there is none.
        pages: Where each text of the Markdown pages stands, by its heading.
    """

    folder: Path
    head: Head
    spots: tuple[Spot, ...]
    facilities: tuple[Facility, ...]
    hours: tuple[Hours, ...]
    shows: tuple[Show, ...]
    tickets: tuple[Ticket, ...]
    walks: tuple[Walk, ...]
    facts: tuple[Fact, ...]
    series: tuple[Series, ...]
    closures: tuple[Closure, ...]
    holidays: tuple[Holiday, ...]
    names: dict[str, str]
    pages: dict[str, str]


def read_files(folder: Path) -> Files:
    """Read a place's folder.

    Raises:
        InputError: A file is wrong; names the file, the entry and the field.
    """
    head = read_head(folder)
    names: dict[str, str] = {}
    spots, names["spots"] = read_list(folder, "spots", Spot)
    facilities, names["facilities"] = read_list(folder, "facilities", Facility)
    hours, names["hours"] = read_list(folder, "hours", Hours)
    shows, names["shows"] = read_list(folder, "shows", Show)
    tickets, names["tickets"] = read_list(folder, "tickets", Ticket)
    walks, names["walks"] = read_list(folder, "walks", Walk)
    facts, names["facts"] = read_list(folder, "facts", Fact)
    series, names["series"] = read_list(folder, "series", Series)
    closures, names["closures"] = read_list(folder, "closures", Closure)
    holidays, names["holidays"] = read_list(folder, "holidays", Holiday)
    pages = read_pages(folder, head.pages)
    spots = tuple(_with_text(spot, pages) for spot in spots)
    files = Files(
        folder, head, spots, facilities, hours, shows, tickets, walks, facts, series,
        closures, holidays, names,
        {title: at for title, (_, at) in pages.items()},
    )  # fmt: skip
    _check_references(files)
    return files


def read_head(folder: Path) -> Head:
    """``place.toml`` of a folder.

    Raises:
        InputError: It is missing or wrong; names the field.
    """
    path = folder / FILE
    content = toml_content(str(path), _text(path))
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


def _rows(path: Path, name: str, row: type[Entry]) -> list[dict[str, Any]]:
    text = _text(path)
    if path.suffix == ".csv":
        return _table(path, text, row)
    if path.suffix == ".toml":
        content: object = toml_content(str(path), text).get(name)
    else:
        content = json_content(str(path), text)
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        shape = f"[[{name}]] tables" if path.suffix == ".toml" else "a list of objects"
        raise InputError(f"{path}: has no {name}", fix=f"write {shape}")
    return content


def _table(path: Path, text: str, row: type[Entry]) -> list[dict[str, Any]]:
    """Rows of a table: empty cells are left out, ``a.b`` is a table, ``|`` separates values."""
    lists = {
        name
        for key, field in row.model_fields.items()
        if get_origin(field.annotation) is tuple
        for name in (key, field.alias or key)
    }
    rows = []
    for _, cells in csv_rows(str(path), text)[1]:
        values: dict[str, Any] = {}
        for column, cell in cells.items():
            key, _, part = column.partition(".")
            if not cell:
                continue
            if part:
                values.setdefault(key, {})[part] = cell
            else:
                values[key] = [one.strip() for one in cell.split("|")] if key in lists else cell
        if values:
            rows.append(values)
    return rows


def _wrong(path: Path, entry: str, error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "the entry"
    place = f"{path}, {entry}" if entry else f"{path}"
    return InputError(f"{place}: {field}: {first['msg']}", fix="correct it; see docs/place.md")


def _with_text(spot: Spot, pages: dict[str, tuple[str, str]]) -> Spot:
    """The spot with the passages that stand under its names."""
    found: dict[Language, str] = {
        language: pages[name][0] for language, name in spot.names.items() if name in pages
    }
    return spot.model_copy(update={"text": {**spot.text, **found}}) if found else spot


def _check_references(files: Files) -> None:
    """Every id stands once, and every reference names one."""
    home, names = files.folder, files.names
    spots = [spot.id for spot in files.spots]
    known = set(spots)
    everything = known | {one.id for one in files.facilities} | {WHOLE}
    seen = {WHOLE}
    ids = {"spots": spots, "facilities": [one.id for one in files.facilities]}
    for listed, rows in ids.items():
        for number, one in enumerate(rows, start=1):
            if one in seen:
                raise _unknown(home / names[listed], number, "id", one, "stands twice")
            seen.add(one)
    for number, spot in enumerate(files.spots, start=1):
        for end in set(spot.ends) - known:
            raise _unknown(home / names["spots"], number, "ends", end, "is no spot")
    for number, facility in enumerate(files.facilities, start=1):
        path = home / names["facilities"]
        if facility.at not in known:
            raise _unknown(path, number, "at", facility.at, "is no spot")
        if facility.kind not in FACILITIES:
            said = f"is none of {', '.join(FACILITIES)}"
            raise _unknown(path, number, "kind", facility.kind, said)
    for listed in ("hours", "shows", "tickets", "closures"):
        for number, of in enumerate((row.of for row in getattr(files, listed)), start=1):
            if of not in everything:
                said = "is no spot or facility, nor 'place'"
                raise _unknown(home / names[listed], number, "of", of, said)
    for number, fact in enumerate(files.facts, start=1):
        path = home / names["facts"]
        if fact.of not in known:
            raise _unknown(path, number, "of", fact.of, "is no spot")
        if fact.topic not in TOPICS["zh"]:
            raise _unknown(
                path, number, "topic", fact.topic, f"is none of {', '.join(TOPICS['zh'])}"
            )
    for number, row in enumerate(files.series, start=1):
        if row.of not in known:
            raise _unknown(home / names["series"], number, "of", row.of, "is no spot")
    for number, walk in enumerate(files.walks, start=1):
        for field, end in (("from", walk.a), ("to", walk.b)):
            if end not in known:
                raise _unknown(home / names["walks"], number, field, end, "is no spot")
    here = files.head.here
    if here is not None and here not in known:
        raise InputError(f"{home / 'place.toml'}: here: {here!r} is no spot", fix="name a spot")


def _unknown(path: Path, number: int, field: str, value: str, said: str) -> InputError:
    return InputError(f"{path}, entry {number}: {field}: {value!r} {said}", fix="correct it")
