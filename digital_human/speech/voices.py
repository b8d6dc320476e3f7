"""Voices: the shipped ones, one TOML file each, and the user's own, one folder each."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tokenize
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Literal, Self

import numpy as np
from filelock import FileLock, Timeout
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from digital_human.config import settings
from digital_human.core.frames import FloatArray
from digital_human.errors import ConsentError, InputError, ResourceError
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consents, Use
from digital_human.speech.types import Language

VOICE_FILE = "voice.toml"
STYLE_SIZE = 256
"""Numbers of a fitted style."""
NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

Engine = Literal["kokoro", "kokoro-torch", "xtts", "speech-api"]

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MAX_TOML = 2**16
_MAX_FILE = 2**28
_MAX_ARRAYS = 2**26  # bytes unpacked
_DAMAGES = (
    OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, SyntaxError,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class Loan(BaseModel):
    """A part of a stock voice's timbre.

    Attributes:
        voice: Kokoro's name of the stock voice.
        share: Its part, 0 to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    voice: str
    share: float = Field(ge=0, le=1)


class Voice(BaseModel):
    """A voice and how its engine makes it.

    Attributes:
        name: What scripts call it: the file's name without ``.toml``, or the folder's.
        display: Names shown to people, by language (``zh``, ``en``).
        gender: For choosing a voice that fits a face.
        languages: Languages it may read; the first is its own.
        engine: Synthesizer that makes it.
        style: Kokoro: its own voices and their weights (weights are scaled to sum to 1).
        fitted: Kokoro: file with the style fitted to a person, ``.npz`` with ``style``, float32
            [256]; used instead of ``style``.
        borrowed: Kokoro: for languages that the person of ``fitted`` was not recorded in, what is
            lent by a stock voice so that they are understood.
        adapter: Kokoro: file with changes of the model's weights for this person, ``.npz``.
        references: XTTS: recordings that the voice is taken from.
        remote: Speech servers: the server's own name of the voice.
        speed: Times normal tempo.
        gain: Decibels that bring the engine's sound to −16 LUFS, measured.
        licence: Licence of the voice data.
        source: Where the voice data comes from.
        person: ``real`` when it imitates a person, whose consent it then needs; a file with
            ``sources`` or a consent record is read as ``real`` whatever it says.
        sources: sha256 of the recordings it was made from; consent is given for those.
        consent: ``synthetic`` when no person is imitated, otherwise the id of the consent record.
        folder: Where its files are; not part of the TOML file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{NAME.pattern}$")
    display: dict[str, str]
    gender: Literal["female", "male"]
    languages: tuple[Language, ...] = Field(min_length=1)
    engine: Engine
    style: dict[str, float] = Field(default_factory=dict)
    fitted: str = ""
    borrowed: dict[Language, Loan] = Field(default_factory=dict)
    adapter: str = ""
    references: tuple[str, ...] = Field(default=(), max_length=16)
    remote: str = Field(default="", max_length=200)
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    gain: float = Field(default=0.0, ge=-24, le=24)
    licence: str
    source: str
    person: Literal["real", "generated"] = "generated"
    sources: tuple[str, ...] = Field(default=(), max_length=64)
    consent: str
    folder: Path = Field(default=Path(), exclude=True, repr=False)

    @field_validator("style")
    @classmethod
    def _weights(cls, style: dict[str, float]) -> dict[str, float]:
        if not style:
            return style
        total = sum(style.values())
        if min(style.values()) < 0 or total <= 0:
            raise ValueError("weights must not be negative and must not all be zero")
        return {name: weight / total for name, weight in sorted(style.items())}

    @field_validator("sources")
    @classmethod
    def _digests(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        for digest in sources:
            if not _SHA256.fullmatch(digest):
                raise ValueError(f"{digest!r} is not a sha256 in lower-case hex")
        return sources

    @field_validator("fitted", "adapter")
    @classmethod
    def _plain_file(cls, name: str) -> str:
        return _plain_name(name) if name else name

    @field_validator("references")
    @classmethod
    def _plain_files(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_plain_name(name) for name in names)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.engine in ("kokoro", "kokoro-torch") and not (self.style or self.fitted):
            raise ValueError(f"engine {self.engine!r} needs 'style' or 'fitted'")
        if self.borrowed and not self.fitted:
            raise ValueError("'borrowed' goes with 'fitted': a stock voice needs no other timbre")
        if self.engine == "xtts" and not self.references:
            raise ValueError("engine 'xtts' needs 'references'")
        if self.engine == "speech-api" and not self.remote:
            raise ValueError("engine 'speech-api' needs 'remote', the server's name of the voice")
        if self.person == "real":
            if self.consent in ("", "synthetic"):
                raise ValueError("a real person's voice needs the id of a record in 'consent'")
            if not self.sources:
                raise ValueError(
                    "a real person's voice needs the sha256 of its recordings in 'sources'"
                )
        return self

    def file(self, name: str) -> Path:
        """A file of this voice.

        Args:
            name: As in one of its fields.

        Raises:
            InputError: The name leads out of the folder, or the file is missing or too large.
        """
        path = self.folder / name
        fix = f"make the voice again: digital-human voice create {self.name} …"
        if not _PLAIN.fullmatch(name) or path.is_symlink():
            raise InputError(f"voice {self.name!r}: file {name!r} is no plain file name", fix=fix)
        if not path.is_file():
            raise InputError(f"voice {self.name!r}: {path} does not exist", fix=fix)
        if (size := path.stat().st_size) > _MAX_FILE:
            raise InputError(
                f"voice {self.name!r}: {path} has {size} bytes, over {_MAX_FILE}", fix=fix
            )
        return path

    @property
    def fitted_style(self) -> FloatArray | None:
        """The style in ``fitted``, float32 [256]; None when the voice has none.

        Raises:
            InputError: The file is missing or holds something else.
        """
        if not self.fitted:
            return None
        return read_arrays(self.file(self.fitted), {"style": (STYLE_SIZE,)})["style"]

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that its sound depends on.

        Raises:
            InputError: One of them is missing.
        """
        names = [name for name in (self.fitted, self.adapter, *self.references) if name]
        return tuple(self.file(name) for name in names)

    @property
    def adapter_digest(self) -> str:
        """sha256 of the file ``adapter``.

        Raises:
            InputError: It is missing.
        """
        path = self.file(self.adapter)
        return _digest(path, *_stamp(path))

    @property
    def fingerprint(self) -> str:
        """sha256 over all that makes the voice's sound, tempo and gain aside.

        Raises:
            InputError: One of its files is missing.
        """
        contents = [_digest(path, *_stamp(path)) for path in self.files]
        loans = {language: loan.model_dump() for language, loan in self.borrowed.items()}
        parts = [self.engine, self.style, self.remote, self.fitted, self.adapter, loans, contents]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load_voice(name: str, use: Use | None = None) -> Voice:
    """Load one voice, if the person it imitates agrees.

    Args:
        name: Of a shipped voice or of one of the user's own.
        use: What it is wanted for; None asks only whether it may be used at all.

    Raises:
        InputError: There is no such voice (the message lists those there are), or its file is
            wrong (the message names the field).
        ConsentError: It imitates a real person whose consent does not hold.
    """
    voice = read_voice(name)
    require_voice(voice, use)
    return voice


def require_voice(voice: Voice, use: Use | None = None) -> None:
    """Refuse a voice of a real person who does not agree; reads files.

    Raises:
        ConsentError: The consent does not hold for one of its recordings, or not for ``use``, or
            a recording that its sound is taken from is none of those.
        InputError: Such a recording is missing.
    """
    if voice.person != "real" and not _of_somebody(voice.consent, voice.sources):
        return
    consents = Consents()
    for source in voice.sources or ("",):
        consents.require(voice.consent, source=source, use=use, scope="voice")
    for name in voice.references:
        path = voice.file(name)
        if (digest := _digest(path, *_stamp(path))) not in voice.sources:
            raise ConsentError(
                f"consent {voice.consent!r}: voice {voice.name!r} is taken from {name} "
                f"(sha256 {digest[:12]}), which is not among its 'sources'",
                fix="put back the recording that the person agreed to, or ask for a new consent",
            )


def read_voice(name: str) -> Voice:
    """Read and check a voice's file only, to list or remove it; nothing may be spoken by that.

    Raises:
        InputError: There is no such voice, or its file is wrong.
    """
    for path in (_own_folder() / name / VOICE_FILE, settings().voices_dir / f"{name}.toml"):
        if NAME.fullmatch(name) and path.is_file():
            return _read(path, name)
    known = voice_names()
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(
        f"voice {name!r} does not exist",
        fix=f"{hint}voices: {', '.join(known) or f'none in {settings().voices_dir}'}",
    )


def voice_names() -> list[str]:
    """Names of all voices, the user's own and the shipped ones."""
    return sorted({*own_voice_names(), *shipped_voice_names()})


def shipped_voice_names() -> list[str]:
    """Names of the voices that come with the program."""
    return sorted(path.stem for path in settings().voices_dir.glob("*.toml"))


def own_voice_names() -> list[str]:
    """Names of the user's own voices."""
    folders = (path.parent for path in _own_folder().glob(f"*/{VOICE_FILE}"))
    return sorted(folder.name for folder in folders if NAME.fullmatch(folder.name))


def check_voice_name(name: str) -> None:
    """Refuse a name that no voice of the user's own may have.

    Raises:
        InputError: It has other characters, or is the name of a shipped voice.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"voice name {name!r}: must match {NAME.pattern}",
            fix="use lower-case letters, digits and hyphens, beginning with a letter",
        )
    if name in shipped_voice_names():
        raise InputError(f"voice {name!r} is the name of a shipped one", fix="choose another name")


def voice_folder(name: str) -> Path:
    """Where the user's own voice ``name`` is or would be."""
    return _own_folder() / name


@contextmanager
def changing_alone(name: str) -> Iterator[None]:
    """One process at a time makes or removes the user's own voice ``name``.

    Raises:
        ResourceError: Another one does.
    """
    folder = _own_folder()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(folder / f".{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ResourceError(
            f"another process is making the voice {name!r}", fix="wait for it, or stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def part_folder(name: str) -> Path:
    """Where the user's own voice ``name`` is while it is made: its prepared recordings too."""
    return _own_folder() / f".{name}.part"


def _own_folder() -> Path:
    return settings().home / "voices"


def _read(path: Path, name: str) -> Voice:
    try:
        if path.stat().st_size > _MAX_TOML:
            raise InputError(f"{path}: larger than 64 KiB", fix="correct or remove the file")
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}", fix="correct the file") from error
    if "folder" in data:
        raise InputError(f"{path}: folder: is not a field of the file", fix="remove that line")
    if _of_somebody(data.get("consent", "synthetic"), data.get("sources")):
        data["person"] = "real"
    try:
        voice = Voice.model_validate({**data, "folder": path.parent})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "voice"
        message = str(first["msg"]).removeprefix("Value error, ")
        value = f" = {first['input']!r}" if isinstance(first["input"], str | int | float) else ""
        raise InputError(
            f"{path}: {field}{value}: {message}", fix="compare it with another voice's file"
        ) from error
    if voice.name != name:
        raise InputError(
            f"{path}: name is {voice.name!r}", fix=f"set name = {name!r} or rename the file"
        )
    return voice


def _of_somebody(consent: object, sources: object) -> bool:
    """Whether a voice is of somebody who has to agree, as its other fields tell."""
    return consent != "synthetic" or bool(sources)


def _plain_name(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise ValueError(f"{name!r} is no plain file name in the voice's folder")
    return name


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=256)
def _digest(path: Path, changed: int, size: int) -> str:
    """sha256 of a file, read again only when its stamp changes."""
    return file_sha256(path)


def read_arrays(path: Path, shapes: Mapping[str, tuple[int | None, ...]]) -> dict[str, FloatArray]:
    """Arrays of an ``.npz`` file that may be damaged or made to do harm; nothing is unpickled.

    Args:
        path: The file.
        shapes: Name → shape of each array that is wanted; None stands for any length.

    Returns:
        Name → float32, finite.

    Raises:
        InputError: An array is missing, or has another type or shape, or the file is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > _MAX_ARRAYS:
                raise ValueError(f"{size} bytes unpacked, over {_MAX_ARRAYS}")
            arrays = {}
            for name, shape in shapes.items():
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = _array(member, name, shape)
    except _DAMAGES as error:
        raise InputError(
            f"{path}: no sound file of arrays: {error}", fix="make the voice again"
        ) from error
    return arrays


def _array(member: IO[bytes], name: str, wanted: tuple[int | None, ...]) -> FloatArray:
    """One array; its header is checked before memory is taken for it."""
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError(f"{name} is in another version of the format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(member)
    fits = len(shape) == len(wanted) and all(
        size == want if want else 0 < size < _MAX_ARRAYS
        for size, want in zip(shape, wanted, strict=True)
    )
    if not fits or dtype != np.float32:
        told = ", ".join(str(size or "any") for size in wanted)
        raise ValueError(f"{name} has shape {shape} of {dtype}, not ({told}) of float32")
    data = np.frombuffer(member.read(), "<f4")
    array = data.reshape(shape, order="F" if by_columns else "C").astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array
