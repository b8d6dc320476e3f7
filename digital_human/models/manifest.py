"""The list of weights: each file by size and sha256, each model with its licence and carriers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from digital_human.errors import WeightsError


def _inside(name: str) -> str:
    """Refuse a name that could leave the folder or archive it is looked up in."""
    path = PurePosixPath(name)
    bad = "\\" in name or ":" in name or "\0" in name or str(path) != name
    if bad or path.is_absolute() or ".." in path.parts or name in ("", "."):
        raise ValueError(f"path {name!r} must be plain, relative and without '..'")
    return name


InsidePath = Annotated[str, AfterValidator(_inside)]
_REQUIREMENT = re.compile(r"[A-Za-z0-9@/._-]+(==|@)[A-Za-z0-9._+-]+")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSpec(_Strict):
    """One file of a model.

    Attributes:
        name: Path inside the model's folder.
        size: Bytes.
        sha256: Hexadecimal digest that the file must have.
    """

    name: InsidePath
    size: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Part(_Strict):
    """A member of a published archive that is a file, or a piece of one.

    Attributes:
        package: ``name==version`` (pip) or ``name@version`` (npm).
        member: Path inside the archive.
    """

    package: str
    member: InsidePath

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read ``package:member``."""
        package, colon, member = text.partition(":")
        if not colon or not _REQUIREMENT.fullmatch(package):
            raise ValueError(f"part {text!r}: expected 'name==version:path/in/archive'")
        return cls(package=package, member=member)


class PackageCarrier(_Strict):
    """A pip or npm package whose archive holds the files as plain data members.

    Attributes:
        kind: ``pypi`` or ``npm``.
        archive: Which of a pip project's archives to take; npm has one kind only.
        members: File name (``*`` for every other file) → the parts to join, in order, each
            ``package:member``; ``{name}`` in it stands for the file's name.
    """

    kind: Literal["pypi", "npm"]
    archive: Literal["wheel", "sdist"] = "wheel"
    members: Mapping[str, tuple[str, ...]] = Field(min_length=1)

    @model_validator(mode="after")
    def _parts_are_sound(self) -> PackageCarrier:
        for texts in self.members.values():
            for text in texts:
                Part.parse(text.replace("{name}", "name"))
        return self

    @property
    def label(self) -> str:
        """What a user would look for: the kind and the packages."""
        texts = [text for parts in self.members.values() for text in parts]
        packages = dict.fromkeys(text.partition(":")[0] for text in texts)
        return f"{self.kind} {', '.join(packages)}"

    def parts(self, file: FileSpec) -> list[Part]:
        """The pieces of ``file`` in joining order; empty when this carrier does not have it."""
        texts = self.members.get(file.name, self.members.get("*", ()))
        return [Part.parse(text.replace("{name}", file.name)) for text in texts]

    def offers(self, file: FileSpec) -> bool:
        """Whether this carrier has ``file``."""
        return bool(self.parts(file))


class WebCarrier(_Strict):
    """Plain files on a model hub or a web server.

    Attributes:
        kind: ``modelscope``, ``huggingface`` or ``url``.
        repo: Repository on the hub, ``owner/name``; empty for ``url``.
        revision: Branch, tag or commit on the hub.
        paths: File name (``*`` for every other file) → path in the repository, or the whole
            address for ``url``; ``{name}`` stands for the file's name.
    """

    kind: Literal["modelscope", "huggingface", "url"]
    repo: str = ""
    revision: str = ""
    paths: Mapping[str, str] = Field(default_factory=lambda: {"*": "{name}"})

    @model_validator(mode="after")
    def _complete(self) -> WebCarrier:
        if (self.kind == "url") == bool(self.repo):
            raise ValueError(f"repo {self.repo!r}: a hub carrier needs one, a url carrier has none")
        return self

    @property
    def label(self) -> str:
        """What a user would look for: the kind and the repository or host."""
        return f"{self.kind} {self.repo or ', '.join(self.paths.values())}"

    def path(self, file: FileSpec) -> str:
        """Where ``file`` lies at this carrier; empty when it does not have it."""
        return self.paths.get(file.name, self.paths.get("*", "")).replace("{name}", file.name)

    def offers(self, file: FileSpec) -> bool:
        """Whether this carrier has ``file``."""
        return bool(self.path(file))


Carrier = Annotated[PackageCarrier | WebCarrier, Field(discriminator="kind")]


class ModelSpec(_Strict):
    """One model.

    Attributes:
        name: What `Store.path` is asked for; also the folder's name.
        kind: What sort of model it is.
        purpose: What the program uses it for.
        licence: SPDX identifier, or words where there is none.
        note: What a user must know about the licence or the origin.
        source: Where its authors publish it.
        default: Whether making a broadcast needs it, so that a bare ``models pull`` fetches it.
        files: Its files.
        carriers: Where the files come from, tried in order after the local folder.
    """

    name: InsidePath
    kind: str
    purpose: str
    licence: str
    note: str = ""
    source: str = ""
    default: bool = False
    files: tuple[FileSpec, ...] = Field(min_length=1)
    carriers: tuple[Carrier, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Manifest(_Strict):
    """All models by name."""

    models: Mapping[str, ModelSpec]

    def __getitem__(self, name: str) -> ModelSpec:
        try:
            return self.models[name]
        except KeyError:
            raise WeightsError(
                f"model {name!r} is not in the manifest",
                fix=f"use one of: {', '.join(self.models)}",
            ) from None


def parse_manifest(text: str) -> Manifest:
    """Read a manifest.

    Raises:
        WeightsError: The text is not TOML or a field is wrong.
    """
    try:
        models = tomllib.loads(text).get("models", {})
        return Manifest.model_validate(
            {"models": {name: {"name": name, **body} for name, body in models.items()}}
        )
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise WeightsError(f"models/manifest.toml: {error}", fix="reinstall the program") from error


@lru_cache
def manifest() -> Manifest:
    """The manifest that the program ships."""
    source = files("digital_human.models").joinpath("manifest.toml")
    return parse_manifest(source.read_text(encoding="utf-8"))
