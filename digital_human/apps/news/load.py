"""Reads a script file; every error gives the line, the field and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from digital_human.apps.news.script import Anchor, City, Script, Segment, Titles, Turn
from digital_human.errors import InputError

MAX_BYTES = 2_000_000
_EDIT = "edit these lines, then: digital-human news check"


@dataclass(frozen=True)
class ScriptFile:
    """A script and where its fields stand in the file.

    Attributes:
        path: The YAML file; relative paths in the script start at its folder.
        script: The validated script.
        tree: The YAML tree with line numbers.
    """

    path: Path
    script: Script
    tree: Any

    def problem(self, location: Sequence[int | str], message: str) -> str:
        """``message`` with the file, line and field it is about."""
        field = ".".join(str(step) for step in location)
        return f"{self.path}:{line_of(self.tree, location)}: {field}: {message}"

    def resolve(self, path: Path) -> Path:
        """A path of the script as seen from the current folder."""
        return path if path.is_absolute() else self.path.parent / path

    def backing(self, background: Path | str | None) -> Path | str | None:
        """A background of the script: a path as `resolve` gives it, a colour as it is."""
        return self.resolve(background) if isinstance(background, Path) else background

    def media(self) -> Iterator[tuple[tuple[int | str, ...], Path]]:
        """Where every picture and video is named, and its path."""
        script = self.script
        named: list[tuple[tuple[int | str, ...], Path | str | None]] = [
            (("background",), script.background),
            (("logo_picture",), script.logo_picture),
        ]
        for number, segment in enumerate(script.segments):
            at = ("segments", number)
            named += [((*at, "pictures", i), path) for i, path in enumerate(segment.pictures)]
            named.append(((*at, "video"), segment.video))
            named.append(((*at, "background"), segment.background))
        for location, path in named:
            if isinstance(path, Path):
                yield location, self.resolve(path)


def load_script(path: Path) -> ScriptFile:
    """Parse and validate ``path``.

    Raises:
        InputError: It cannot be read, is not YAML, or breaks the model; one message lists all
            errors as ``file:line: field: what is wrong``.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(
                f"{path}: larger than {MAX_BYTES // 1_000_000} MB",
                fix="split it into several scripts",
            )
        source = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"script {path} does not exist",
            fix=f"check the path, or start one with: digital-human news new {path}",
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text (byte {error.start})", fix="save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    try:
        tree = YAML(typ="rt").load(source)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise InputError(
            f"{where}: not valid YAML: {error.problem or error.context}",
            fix="check the indentation, and quote text that contains ': ' or starts with [ { @ %",
        ) from None
    except (YAMLError, ValueError) as error:
        raise InputError(
            f"{path}: not valid YAML: {error}", fix="save it as plain text; put quotes around dates"
        ) from None
    if not isinstance(tree, dict):
        raise InputError(f"{path}: holds no script", fix="see digital-human news new")
    try:
        file = ScriptFile(path, Script.model_validate(_plain(tree)), tree)
    except ValidationError as error:
        lines = [_describe(path, tree, detail) for detail in error.errors()]
        raise InputError("\n".join(dict.fromkeys(lines)), fix=_EDIT) from None
    if problems := _unknown_anchors(file):
        raise InputError("\n".join(problems), fix=_EDIT)
    return file


def line_of(tree: Any, location: Sequence[int | str]) -> int:
    """The 1-based line of ``location`` in a round-trip YAML tree, or of its nearest parent."""
    line = 0
    node = tree
    for step in location:
        try:
            position = node.lc.item(step) if isinstance(step, int) else node.lc.key(step)
            line, node = position[0], node[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1


def _plain(node: Any) -> Any:
    """Round-trip YAML nodes as plain values, dates back to text."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, bool | int | float | str) or node is None:
        return node if not isinstance(node, str) else str(node)
    return str(node)


def _unknown_anchors(file: ScriptFile) -> list[str]:
    known = ", ".join(file.script.anchors)
    return [
        file.problem(
            ("segments", number, *(("turns", index) if len(segment.turns) > 1 else ()), "anchor"),
            f"{turn.anchor!r} is not in `anchors` ({known})",
        )
        for number, segment in enumerate(file.script.segments)
        for index, turn in enumerate(segment.turns)
        if turn.anchor not in file.script.anchors
    ]


# What stands under each key of the script.
_MODELS: dict[str, type[BaseModel]] = {
    "anchors": Anchor,
    "segments": Segment,
    "turns": Turn,
    "cities": City,
    "opening": Titles,
    "closing": Titles,
}


def _describe(path: Path, tree: Any, detail: ErrorDetails) -> str:
    # Union branches ("str", "dict[...]") are pydantic's, not the user's.
    location = [
        step
        for step in detail["loc"]
        if isinstance(step, int) or not step.startswith(("str", "dict[", "constrained-str", "["))
    ]
    field = ".".join(str(step) for step in location) or "script"
    message = detail["msg"].removeprefix("Value error, ")
    value = detail.get("input")
    if detail["type"] == "extra_forbidden":
        parents = [_MODELS[step] for step in location[:-1] if step in _MODELS]
        known = (parents[-1] if parents else Script).model_fields
        close = difflib.get_close_matches(str(location[-1]), known, 1)
        guess = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(known)}"
        message = f"no such field; {guess}"
    elif detail["type"] == "missing":
        message = "is required"
    elif detail["type"] == "string_pattern_mismatch" and "accent" in field:
        message = f"{value!r} is not a colour; write it as #RRGGBB, e.g. '#1677ff'"
    elif isinstance(value, str | int | float):
        message = f"{value!r}: {message}"
    return f"{path}:{line_of(tree, location)}: {field}: {message}"
