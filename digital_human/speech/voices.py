"""Voices: one TOML file each."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from digital_human.config import settings
from digital_human.errors import InputError
from digital_human.speech.types import Language


class Voice(BaseModel):
    """A voice and how its engine makes it.

    Attributes:
        name: File name without ``.toml``; what scripts call it.
        display: Names shown to people, by language (``zh``, ``en``).
        gender: For choosing a voice that fits a face.
        languages: Languages it may read; the first is its own.
        engine: Synthesizer that makes it.
        style: The engine's own voices and their weights (weights are scaled to sum to 1).
        speed: Times normal tempo.
        gain: Decibels that bring the engine's sound to −16 LUFS, measured.
        licence: Licence of the voice data.
        source: Where the voice data comes from.
        consent: ``synthetic`` when no person is imitated, otherwise the consent record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    display: dict[str, str]
    gender: Literal["female", "male"]
    languages: tuple[Language, ...] = Field(min_length=1)
    engine: str
    style: dict[str, float] = Field(min_length=1)
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    gain: float = Field(default=0.0, ge=-24, le=24)
    licence: str
    source: str
    consent: str

    @field_validator("style")
    @classmethod
    def _weights(cls, style: dict[str, float]) -> dict[str, float]:
        total = sum(style.values())
        if min(style.values()) < 0 or total <= 0:
            raise ValueError("weights must not be negative and must not all be zero")
        return {name: weight / total for name, weight in sorted(style.items())}


def load_voice(name: str) -> Voice:
    """Load one voice from the voices folder.

    Args:
        name: Its file name without ``.toml``.

    Raises:
        InputError: There is no such voice (the message lists those there are), or its file is
            wrong (the message names the field).
    """
    folder = settings().voices_dir
    path = folder / f"{name}.toml"
    known = voice_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise InputError(
            f"voice {name!r} does not exist",
            fix=f"{hint}voices in {folder}: {', '.join(known) or 'none'}",
        )
    return _load(path)


def voice_names() -> list[str]:
    """Names of the voices in the voices folder."""
    return sorted(path.stem for path in settings().voices_dir.glob("*.toml"))


def load_voices() -> list[Voice]:
    """All voices of the voices folder."""
    return [load_voice(name) for name in voice_names()]


def _load(path: Path) -> Voice:
    try:
        voice = Voice.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}", fix="correct the file") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{path}: {field}: {first['msg']}", fix="compare it with another voice's file"
        ) from error
    if voice.name != path.stem:
        raise InputError(
            f"{path}: name is {voice.name!r}", fix=f"set name = {path.stem!r} or rename the file"
        )
    return voice
