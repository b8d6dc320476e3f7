"""Reads a knowledge folder: Markdown pages and question-and-answer tables.

Every mistake is an `InputError` that names the file, the line or row and what to change.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from digital_human.dialogue.knowledge.entries import Entry, language_of
from digital_human.dialogue.knowledge.markdown import read_markdown
from digital_human.dialogue.knowledge.tables import csv_rows, json_content, toml_content
from digital_human.errors import InputError
from digital_human.speech.types import Language

MAX_FILE = 4 * 2**20
MAX_FILES = 2000
_LANGUAGES = ("zh", "en", "ja")
_COLUMNS = ("question", "answer", "language", "keywords")
_SHAPE = "give question and answer, and language and keywords where needed"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A knowledge file as it is on disk.

    Attributes:
        name: Path inside the folder, with ``/``.
        data: Its bytes.
        digest: sha256 of them.
    """

    name: str
    data: bytes
    digest: str


def read_folder(folder: Path) -> list[SourceFile]:
    """All knowledge files under a folder, by name.

    Hidden files and files of other kinds are passed over.

    Raises:
        InputError: The folder is missing, a file is too large, unreadable, or a link that leaves
            the folder.
    """
    root = folder.resolve()
    if not root.is_dir():
        raise InputError(
            f"knowledge: folder {folder} does not exist",
            fix="create it, or correct `knowledge` in the persona file",
        )
    found = sorted(_names(root))
    if len(found) > MAX_FILES:
        raise InputError(
            f"knowledge: {folder} has {len(found)} files, the limit is {MAX_FILES}",
            fix="join small files, or give the persona a smaller folder",
        )
    return [_read(root, name) for name in found]


def entries_of(file: SourceFile) -> list[Entry]:
    """The entries of one file.

    Raises:
        InputError: Its text or a row is wrong; names the file and the line or row.
    """
    text = _decode(file)
    return _READERS[Path(file.name).suffix.lower()](file.name, text)


def _names(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        for name in folders:
            _stay_inside(root, Path(folder, name))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in _READERS:
                yield Path(folder, name).relative_to(root).as_posix()


def _stay_inside(root: Path, path: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        raise InputError(
            f"knowledge: {path.relative_to(root)} is a link that leaves the knowledge folder",
            fix="copy what it points to into the folder",
        )


def _read(root: Path, name: str) -> SourceFile:
    path = root / name
    _stay_inside(root, path)
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise InputError(
                f"knowledge: {name} has {size / 2**20:.1f} MB, the limit is {MAX_FILE >> 20} MB",
                fix="split it into smaller files",
            )
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"knowledge: {name} cannot be read: {error.strerror}",
            fix="check that the file exists and its permissions",
        ) from None
    return SourceFile(name, data, sha256(data).hexdigest())


def _decode(file: SourceFile) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, or the GBK family."""
    data = file.data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise InputError(
        f"knowledge: {file.name} is neither UTF-8 nor GBK text",
        fix="save it as UTF-8",
    )


def _csv(name: str, text: str) -> list[Entry]:
    columns, rows = csv_rows(f"knowledge: {name}", text, ",\t;")
    fields = [column.lower() for column in columns]
    missing = [column for column in _COLUMNS[:2] if column not in fields]
    if missing:
        raise InputError(
            f"knowledge: {name}, line 1: no column {' and '.join(missing)}",
            fix="the first line must be question,answer[,language,keywords]",
        )
    return [
        _entry(name, f"line {line}", {k.lower(): v for k, v in row.items()}, f"{name}:{line}")
        for line, row in rows
        if any(row.values())
    ]


def _json(name: str, text: str) -> list[Entry]:
    content = json_content(f"knowledge: {name}", text)
    rows = content.get("entries") if isinstance(content, dict) else content
    return _rows(name, rows, "a list of objects, or an object with the list `entries`")


def _toml(name: str, text: str) -> list[Entry]:
    rows = toml_content(f"knowledge: {name}", text).get("entries")
    return _rows(name, rows, "[[entries]] tables")


def _rows(name: str, rows: object, shape: str) -> list[Entry]:
    if not isinstance(rows, list):
        raise InputError(f"knowledge: {name}: no entries", fix=f"write {shape}")
    entries = []
    for number, row in enumerate(rows, start=1):
        place = f"entry {number}"
        if not isinstance(row, Mapping):
            raise InputError(f"knowledge: {name}, {place}: {row!r:.60} is no table", fix=_SHAPE)
        entries.append(_entry(name, place, row, f"{name}:{number}"))
    return entries


def _entry(name: str, place: str, row: Mapping[str, Any], path: str) -> Entry:
    """One question with its answer from a row.

    Args:
        name: The file.
        place: Line or number of the row, for messages.
        row: Its cells.
        path: What sources will show.
    """
    unknown = sorted(set(row) - set(_COLUMNS))
    if unknown:
        raise InputError(
            f"knowledge: {name}, {place}: unknown column {unknown[0]!r}",
            fix=f"columns are {', '.join(_COLUMNS)}",
        )
    questions = _several(name, place, "question", row.get("question"))
    answer = row.get("answer")
    if not isinstance(answer, str) or not answer.strip():
        raise InputError(f"knowledge: {name}, {place}: answer is empty", fix=_SHAPE)
    if not questions:
        raise InputError(f"knowledge: {name}, {place}: question is empty", fix=_SHAPE)
    answer = answer.strip()
    language = (row.get("language") or "").strip() or language_of(answer)
    if language not in _LANGUAGES:
        raise InputError(
            f"knowledge: {name}, {place}: language {language!r} is not known",
            fix=f"use one of {', '.join(_LANGUAGES)}, or leave it empty",
        )
    keywords = _several(name, place, "keywords", row.get("keywords"))
    return Entry("qa", questions, questions[0], answer, cast(Language, language), path, keywords)


def _several(name: str, place: str, column: str, value: object) -> tuple[str, ...]:
    """The parts of a cell separated by ``|``, or the items of a list."""
    items: Iterable[object] = value if isinstance(value, list) else str(value or "").split("|")
    parts = []
    for item in items:
        if not isinstance(item, str):
            raise InputError(
                f"knowledge: {name}, {place}: {column} has {item!r}, which is no text",
                fix="write text, or a list of texts",
            )
        parts.append(item.strip())
    return tuple(dict.fromkeys(filter(None, parts)))


_READERS: dict[str, Callable[[str, str], list[Entry]]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_markdown,
    ".csv": _csv,
    ".tsv": _csv,
    ".json": _json,
    ".toml": _toml,
}
