"""The raw material of one person: aligned pictures, their landmarks, a bust and mouth layers."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face.manifest import DisplayName

CELL = re.compile(r"^g(\d+)w(\d+)$")


class Placement(BaseModel):
    """Where the face pictures lie in the bust picture; read from ``canvas.json``.

    Attributes:
        offset: Left top of the face pictures in the canvas, in canvas pixels.
        scale: Canvas pixels per pixel of a face picture.
    """

    model_config = ConfigDict(extra="ignore")

    offset: tuple[float, float]
    scale: float = Field(gt=0.1, le=4)


class Person(BaseModel):
    """Who the raw material shows; the fields are those of `AvatarManifest`."""

    model_config = ConfigDict(extra="forbid")

    display: DisplayName
    gender: Literal["female", "male", "unspecified"]
    person: Literal["generated", "real"] = "generated"
    consent: str = ""
    made: str = Field(min_length=1)
    licence: str = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class RawMaterial:
    """What the packer starts from.

    Attributes:
        names: Of the pictures; ``base`` is the face at rest, ``g{i}w{j}`` a cell of the bank.
        images: uint8 [s, h, w, 3] RGB, aligned to the base.
        landmarks: float32 [s, 478, 2], in their pixels.
        layers: From ``layers.npz``, may be empty.
        canvas: uint8 [h, w, 4] RGBA bust.
        placement: Where the pictures lie in the canvas.
    """

    names: tuple[str, ...]
    images: ByteArray
    landmarks: FloatArray
    layers: dict[str, np.ndarray[Any, Any]]
    canvas: ByteArray
    placement: Placement

    def index(self, name: str) -> int:
        """Position of a picture; -1 when there is none."""
        return self.names.index(name) if name in self.names else -1


def read_raw(folder: Path) -> RawMaterial:
    """Read ``work.npz``, ``layers.npz``, ``canvas.png`` and ``canvas.json``.

    Raises:
        InputError: A file is missing or unusable.
    """
    for name in ("work.npz", "canvas.png", "canvas.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: missing", fix="make the raw material first")
    try:
        placement = Placement.model_validate_json((folder / "canvas.json").read_text("utf-8"))
        with np.load(folder / "work.npz", allow_pickle=False) as work:
            names = tuple(str(n) for n in work["names"])
            images, points = work["images"], work["landmarks"].astype(np.float32)
        layers: dict[str, np.ndarray[Any, Any]] = {}
        if (folder / "layers.npz").is_file():
            with np.load(folder / "layers.npz", allow_pickle=False) as packed:
                layers = {name: packed[name] for name in packed.files}
        with Image.open(folder / "canvas.png") as picture:
            canvas = np.asarray(picture.convert("RGBA"), np.uint8)
    except (ValidationError, KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{folder}: raw material is unusable: {error}") from error
    if "base" not in names or not any(CELL.match(n) for n in names):
        raise InputError(f"{folder}: needs a 'base' picture and mouth shapes named g0w0…")
    return RawMaterial(names, images, points, layers, canvas, placement)
