"""What every avatar bundle says of itself: who it is, its licence, its consent and its files.

A bundle is a folder with ``avatar.toml`` and the files that it lists with their sha256. What the
other files are depends on its kind. Bundles come from users, so nothing in them is trusted: sizes
are bounded, and no name may lead out of the folder.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from digital_human.config import settings
from digital_human.errors import InputError
from digital_human.safety.consent import Consents

FORMAT = 1
MANIFEST = "avatar.toml"
CANVAS = "canvas.webp"
"""The person at rest; every kind has it, layouts and lists show it."""
MAX_SIDE = 4096
_NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"

Kind = Literal["photo", "video", "head"]


class DisplayName(BaseModel):
    """The person's name as shown on screen."""

    model_config = ConfigDict(extra="forbid")

    zh: str = Field(min_length=1, max_length=40)
    en: str = Field(min_length=1, max_length=40)


class FaceFrame(BaseModel):
    """Where the face is in the canvas, in canvas pixels, for layouts.

    Attributes:
        eyes: Middle between the outer eye corners (x, y).
        eye_distance: Distance of the outer eye corners.
        chin: Chin tip (x, y).
    """

    model_config = ConfigDict(extra="forbid")

    eyes: tuple[float, float]
    eye_distance: float = Field(gt=8)
    chin: tuple[float, float]


class AvatarManifest(BaseModel):
    """What ``avatar.toml`` says.

    Attributes:
        format: Version of the bundle format.
        name: Folder name of the bundle and what scripts call the anchor.
        display: Shown names.
        gender: For the choice of a voice.
        person: ``generated`` (nobody in particular) or ``real``.
        consent: Id of the consent record; required for a real person.
        source: sha256 of the photo or video it was made from; consent is given for that.
        kind: What draws it: ``photo`` (a still picture, warped), ``video`` (a base video with new
            lips) or ``head`` (a 3D head).
        opaque: Its pictures bring their own background and fill the whole canvas.
        fps: Frames per second it was made for.
        canvas: Width and height of the picture at rest in pixels.
        face: Where the face is in it.
        licence: Terms under which the pictures may be used.
        made: How it was made.
        files: sha256 of every other file of the bundle.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1]
    name: str = Field(pattern=_NAME)
    display: DisplayName
    gender: Literal["female", "male", "unspecified"]
    person: Literal["generated", "real"]
    consent: str = Field(default="", max_length=200)
    source: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    kind: Kind = "photo"
    opaque: bool = False
    fps: int = Field(default=25, ge=10, le=60)
    canvas: tuple[int, int]
    face: FaceFrame
    licence: str = Field(min_length=1, max_length=4000)
    made: str = Field(min_length=1, max_length=4000)
    files: dict[str, str]

    @field_validator("canvas")
    @classmethod
    def _bounded(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not all(64 <= side <= MAX_SIDE for side in value):
            raise ValueError(f"{value}: sides must be between 64 and {MAX_SIDE} pixels")
        return value

    @field_validator("files")
    @classmethod
    def _plain_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name, digest in value.items():
            path = Path(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or len(path.parts) > 2:
                raise ValueError(f"{name!r}: leads out of the bundle's folder")
            if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
                raise ValueError(f"{name!r}: {digest!r} is not a sha256 in lower-case hex")
        if CANVAS not in value:
            raise ValueError(f"does not list {CANVAS}")
        return value

    @model_validator(mode="after")
    def _consented(self) -> Self:
        if self.person == "real" and not self.consent.strip():
            raise ValueError("person = 'real' needs the id of a consent record in 'consent'")
        return self


def check_name(name: str) -> None:
    """Refuse what cannot be an avatar's name.

    Raises:
        InputError: It has other characters than a-z, 0-9, - and _, or is too long.
    """
    if not re.fullmatch(_NAME, name):
        raise InputError(
            f"avatar name {name!r}: must be 1 to 32 of a-z, 0-9, - and _, a letter or digit first",
            fix="for example: mei-2",
        )


def known_avatars(folder: Path | None = None) -> list[str]:
    """Names of the bundles in ``folder`` (default: the user's own and the shipped ones), sorted."""
    folders = settings().avatar_folders if folder is None else (folder,)
    return sorted({p.parent.name for f in folders for p in f.glob(f"*/{MANIFEST}")})


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle given by name or by path; the user's own come before shipped ones.

    Raises:
        InputError: No such anchor; the message lists the known ones and the closest.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in text or "\\" in text:
        path = Path(name_or_path)
        if (path / MANIFEST).is_file():
            return path
        raise InputError(
            f"anchor {text!r}: there is no {MANIFEST} in that folder",
            fix="give the folder of an avatar bundle, or the name of one",
        )
    names = known_avatars()
    if text in names:
        folders = (folder / text for folder in settings().avatar_folders)
        return next(folder for folder in folders if (folder / MANIFEST).is_file())
    close = difflib.get_close_matches(text, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(names) or f"none in {settings().avatars_dir}"
    raise InputError(f"anchor {text!r} is unknown", fix=f"{hint}known anchors: {listed}")


def load_manifest(name_or_path: str | Path) -> AvatarManifest:
    """Read and check ``avatar.toml`` only, and the consent of a real person.

    Raises:
        InputError: Unknown anchor, broken TOML, or a field that is wrong.
        ConsentError: It shows a real person whose consent does not hold for its source.
    """
    manifest = read_manifest(name_or_path)
    if manifest.person == "real":
        Consents().require(manifest.consent, source=manifest.source)
    return manifest


def read_manifest(name_or_path: str | Path) -> AvatarManifest:
    """Read and check ``avatar.toml`` only, to list or remove it; nothing may be shown by that.

    Raises:
        InputError: Unknown anchor, broken TOML, or a field that is wrong.
    """
    path = find_bundle(name_or_path) / MANIFEST
    try:
        if path.stat().st_size > 2**18:
            raise InputError(f"{path}: larger than 256 KiB", fix="pack the bundle again")
        data = tomllib.loads(path.read_text("utf-8"))
        return AvatarManifest.model_validate(data)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}", fix="correct that line") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "avatar"
        message = f"{path}: {field}: {first['msg']}"
        raise InputError(message, fix=f"correct {field} in {MANIFEST}") from error
