"""What a consent says: the file a user writes, and the record that is kept of it."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from digital_human.errors import InputError

Use = Literal["live", "kiosk", "news", "host"]
Scope = Literal["face", "voice"]
State = Literal["valid", "expired", "revoked"]

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_MAX_FILE = 2**16
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ConsentFile(BaseModel):
    """What a user writes into the TOML file of a consent.

    Attributes:
        subject: Who is shown or heard.
        person: ``real``, or ``generated`` for a picture of nobody in particular, where the file
            states who owns the rights.
        granted_by: Who gives it: the person, a guardian, or the owner of the picture.
        uses: What it is given for: conversations over the web, a screen in a public place,
            rendered broadcasts, live rooms of shops.
        until: Last day on which it holds, by the date in UTC.
        scope: Whether the face or the voice may be imitated.
        statement: What was agreed, in words.
        licence: Terms of the pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    subject: str = Field(min_length=1, max_length=200)
    person: Literal["real", "generated"] = "real"
    granted_by: str = Field(min_length=1, max_length=200)
    uses: list[Use] = Field(min_length=1)
    until: date
    scope: list[Scope] = Field(default=["face"], min_length=1)
    statement: str = Field(min_length=1, max_length=4000)
    licence: str = Field(
        default="All rights reserved; used by consent.", min_length=1, max_length=4000
    )

    @field_validator("uses", "scope")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("says something twice")
        return value


class Consent(ConsentFile):
    """A consent on record.

    Attributes:
        id: What bundles and commands call it.
        sources: Name → sha256 of the pictures, films or recordings it was given for.
        granted: When it was recorded.
        revoked: When it was taken back.
        reason: Why it was taken back.
    """

    id: str = Field(pattern=f"^{ID.pattern}$")
    sources: dict[str, str] = Field(min_length=1)
    granted: datetime
    revoked: datetime | None = None
    reason: str = Field(default="", max_length=2000)

    @field_validator("sources")
    @classmethod
    def _digests(cls, value: dict[str, str]) -> dict[str, str]:
        for name, digest in value.items():
            if not _SHA256.fullmatch(digest):
                raise ValueError(f"{name!r}: {digest!r} is not a sha256 in lower-case hex")
        return value

    def state(self, today: date) -> State:
        """Whether it holds on the day ``today`` (UTC)."""
        if self.revoked is not None:
            return "revoked"
        return "valid" if today <= self.until else "expired"


def read_consent_file(path: Path) -> ConsentFile:
    """Read and check what a user wrote.

    Raises:
        InputError: It cannot be read, is not TOML, or a field is wrong; all of them are named.
    """
    try:
        if path.stat().st_size > _MAX_FILE:
            raise InputError(f"{path}: larger than 64 KiB", fix="give the TOML file of a consent")
        data = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise InputError(
            f"consent file {path} does not exist",
            fix=f"start one with: digital-human consent template > {path}",
        ) from None
    except OSError as error:
        raise InputError(f"consent file {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: not valid TOML: {error}",
            fix="correct that line; see digital-human consent template",
        ) from error
    try:
        return ConsentFile.model_validate(data)
    except ValidationError as error:
        raise InputError(
            "\n".join(f"{path}: {_problem(detail)}" for detail in error.errors()),
            fix="correct these fields; see digital-human consent template",
        ) from None


def _problem(detail: Any) -> str:
    field = ".".join(str(step) for step in detail["loc"])
    value = detail.get("input")
    if detail["type"] == "missing":
        return f"{field}: is required"
    if detail["type"] == "extra_forbidden":
        known = ", ".join(ConsentFile.model_fields)
        return f"{field}: no such field; there are {known}"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"{field} = {value!r}: {message}"
