"""Word lists: the project's own in ``words/*.toml`` and the user's under the home folder.

A list file is TOML (`WordList`), or plain text with one word a line, which blocks every word in it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from digital_human.config import settings
from digital_human.errors import InputError

_SHIPPED = Path(__file__).resolve().parent / "words"
_CONTEXT = "context.toml"


class Level(IntEnum):
    """How a text is judged; the higher the stricter."""

    PASS = 0
    REVIEW = 1
    BLOCK = 2

    def __str__(self) -> str:
        return self.name.lower()

    @property
    def lowered(self) -> Level:
        """One level milder."""
        return Level(max(0, self - 1))


class Pair(BaseModel):
    """Two groups of words that mean harm together and little apart (炸药 … 货到付款).

    Attributes:
        first: Words of one group.
        second: Words of the other; the order in the text does not matter.
        gap: Most characters between the two, counted without spaces and symbols.
        level: Judgement when both are found.
        exceptions: Phrases in which a word of either group is harmless.
    """

    model_config = ConfigDict(extra="forbid")

    first: tuple[str, ...] = Field(min_length=1)
    second: tuple[str, ...] = Field(min_length=1)
    gap: int = Field(default=4, ge=0, le=20)
    level: Literal["block", "review"] = "block"
    exceptions: tuple[str, ...] = Field(default=(), alias="except")


class WordList(BaseModel):
    """One category of words, as written in a TOML file; the file's stem names the category.

    Attributes:
        title: Name shown to people.
        block: Words that refuse a text.
        review: Words that a person should look at.
        pinyin: Those of the above that are also matched by sound.
        exceptions: Word → phrases that contain it and are harmless (援交 → 声援交).
        pair: Groups of words judged together.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = ""
    block: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    pinyin: tuple[str, ...] = ()
    exceptions: dict[str, tuple[str, ...]] = Field(default_factory=dict, alias="except")
    pair: tuple[Pair, ...] = ()

    @model_validator(mode="after")
    def _refers_to_own_words(self) -> WordList:
        words = {*self.block, *self.review}
        for name, used in (("pinyin", self.pinyin), ("except", self.exceptions)):
            if unknown := sorted(set(used) - words):
                raise ValueError(
                    f"{name} names {unknown[0]!r}, which is in neither block nor review"
                )
        return self


class Context(BaseModel):
    """Words that change how a sentence is judged.

    Attributes:
        reporting: The sentence reports on something or warns against it.
        contact: The sentence tells how to get in touch or pay, so it is no mere report.
    """

    model_config = ConfigDict(extra="forbid")

    reporting: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All lists in force.

    Attributes:
        lists: Category → words.
        context: Words that change how a sentence is judged.
    """

    lists: dict[str, WordList] = field(default_factory=dict)
    context: Context = field(default_factory=Context)


def user_words_dir() -> Path:
    """The folder of the user's own lists."""
    return settings().home / "words"


def load_lexicon(folders: Iterable[Path] | None = None) -> Lexicon:
    """Read every ``*.toml`` and ``*.txt`` of ``folders``.

    Args:
        folders: Where to look; the project's and the user's folder when None. A later file with the
            category of an earlier one replaces it, so a user can change a shipped category.

    Raises:
        InputError: A file is not valid.
    """
    lists: dict[str, WordList] = {}
    context = Context()
    for folder in folders if folders is not None else (_SHIPPED, user_words_dir()):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if path.name == _CONTEXT:
                context = Context.model_validate(_read_toml(path))
            elif path.suffix == ".toml":
                lists[path.stem] = _parse(path)
            elif path.suffix == ".txt":
                words = (line.strip() for line in _read_text(path).splitlines())
                block = tuple(dict.fromkeys(w for w in words if w and not w.startswith("#")))
                lists[path.stem] = WordList(title=path.stem, block=block)
    return Lexicon(lists, context)


def _parse(path: Path) -> WordList:
    try:
        return WordList.model_validate(_read_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"{path}: {where}: {first['msg']}",
            fix="correct the list; docs/trust.md shows the format",
        ) from error


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(_read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}", fix="correct the TOML syntax there") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text", fix="save the file as UTF-8") from error
