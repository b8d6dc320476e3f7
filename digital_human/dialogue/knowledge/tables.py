"""Tables that people write: TOML, JSON and CSV, with mistakes named by file and line."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator
from typing import Any

from digital_human.errors import InputError


def toml_content(where: str, text: str) -> dict[str, Any]:
    """The content of a TOML file.

    Args:
        where: The file, for messages.
        text: What stands in it.

    Raises:
        InputError: It is no TOML; names the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: {error}", fix="correct the TOML") from None


def json_content(where: str, text: str) -> object:
    """The content of a JSON file; arguments and errors as for `toml_content`."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{where}, line {error.lineno}: {error.msg}"
        raise InputError(message, fix="correct the JSON") from None


def csv_rows(
    where: str, text: str, delimiters: str = ","
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The columns of a CSV file with a header line, and its rows with the line each ends in.

    Args:
        where: The file, for messages.
        text: What stands in it.
        delimiters: What may separate cells; the most frequent in the header counts.

    Raises:
        InputError (the rows too): A quote is not closed, or a row has too many cells.
    """
    header = text.split("\n", 1)[0]
    reader = csv.DictReader(
        io.StringIO(text), delimiter=max(delimiters, key=header.count), strict=True
    )
    return [column.strip() for column in reader.fieldnames or ()], _rows(where, reader)


def _rows(where: str, reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        for row in reader:
            if None in row:
                raise InputError(
                    f"{where}, line {reader.line_num}: more cells than columns",
                    fix="put a cell that contains the separator in double quotes",
                )
            yield reader.line_num, {k.strip(): (cell or "").strip() for k, cell in row.items()}
    except csv.Error as error:
        raise InputError(
            f"{where}, line {reader.line_num}: {error}",
            fix="close the double quotes; write a double quote inside a cell twice",
        ) from None
