"""The avatar bundle: a folder with a description, pictures and geometry of one person.

``avatar.toml`` describes the person, says who they are and names every other file with its sha256.
Bundles come from users, so nothing in them is trusted: sizes are bounded, arrays are read without
pickles, and no name may lead out of the folder.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from PIL import Image, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.mesh import IntArray

FORMAT = 1
MANIFEST = "avatar.toml"
CANVAS, EYES, GEOMETRY = "canvas.webp", "eyes.webp", "geometry.npz"
LAYERS = ("upper", "lower", "tongue")
MAX_BYTES = 15 * 2**20
MAX_SIDE = 4096
MAX_ARRAY = 4_000_000  # elements
MAX_TEXTURES = 64
_NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"


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
        fps: Frames per second it was made for.
        canvas: Width and height of the bust picture in pixels.
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
        missing = {CANVAS, GEOMETRY} - set(value)
        if missing:
            raise ValueError(f"does not list {', '.join(sorted(missing))}")
        return value

    @model_validator(mode="after")
    def _consented(self) -> Self:
        if self.person == "real" and not self.consent.strip():
            raise ValueError("person = 'real' needs the id of a consent record in 'consent'")
        return self


@dataclass(frozen=True, slots=True)
class Layer:
    """A piece of the mouth's interior.

    Attributes:
        image: uint8 [h, w, 4] RGBA, straight alpha.
        corner: float32 [2], its left top in canvas pixels with the jaw shut.
    """

    image: ByteArray
    corner: FloatArray


@dataclass(frozen=True, slots=True)
class Geometry:
    """Landmarks and displacement fields, in canvas pixels or outer-eye distances (io).

    Attributes:
        landmarks: float32 [478, 2], the face at rest, canvas px.
        triangles: int32 [t, 3], tessellation with the holes of mouth and eyes filled first.
        depth: float32 [478], how far each point lies before the neck's axis, io.
        gaps: float32 [g], lip gaps of the bank's rows, io, ascending from 0.
        widths: float32 [w], mouth width factors of its columns, ascending.
        offsets: float32 [g, w, 478, 2], displacement of each cell, io.
        textures: int32 [g, w], mouth texture of each cell, -1 for the face at rest.
        modes: name → float32 [478, 2], displacement of an expression at full strength, io.
        mouth_reference: float32 [478, 2], the landmarks that all mouth textures share, canvas px.
        mouth_box: int32 [4], x, y, width, height of the mouth textures in the canvas.
        eyes_closed: float32 [478, 2], landmarks of the closed-eye picture, canvas px.
        eyes_box: int32 [4], x, y, width, height of that picture in the canvas.
        layer_corners: float32 [3, 2], of upper teeth, lower teeth and tongue, canvas px.
        cavity: float32 [3], RGB colour of the open mouth.
    """

    landmarks: FloatArray
    triangles: IntArray
    depth: FloatArray
    gaps: FloatArray
    widths: FloatArray
    offsets: FloatArray
    textures: IntArray
    modes: dict[str, FloatArray]
    mouth_reference: FloatArray
    mouth_box: IntArray
    eyes_closed: FloatArray
    eyes_box: IntArray
    layer_corners: FloatArray
    cavity: FloatArray


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded avatar.

    Attributes:
        manifest: What it says of itself.
        path: Its folder.
        canvas: uint8 [h, w, 4] RGBA, the bust at rest.
        geometry: Landmarks and fields.
        mouths: uint8 [h, w, 3] each, mouth textures.
        eyes: uint8 [h, w, 3], the closed eyes, or None when the bundle has none.
        layers: Upper teeth, lower teeth and tongue by name.
    """

    manifest: AvatarManifest
    path: Path
    canvas: ByteArray
    geometry: Geometry
    mouths: tuple[ByteArray, ...]
    eyes: ByteArray | None
    layers: dict[str, Layer]

    @property
    def name(self) -> str:
        """What scripts call the anchor."""
        return self.manifest.name


def known_avatars(folder: Path | None = None) -> list[str]:
    """Names of the bundles in ``folder`` (default: the configured avatars folder), sorted."""
    folder = folder or settings().avatars_dir
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if (p / MANIFEST).is_file())


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a bundle given by name or by path.

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
        return settings().avatars_dir / text
    close = difflib.get_close_matches(text, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(names) or f"none in {settings().avatars_dir}"
    raise InputError(f"anchor {text!r} is unknown", fix=f"{hint}known anchors: {listed}")


def load_manifest(name_or_path: str | Path) -> AvatarManifest:
    """Read and check ``avatar.toml`` only.

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


def load_bundle(name_or_path: str | Path) -> Bundle:
    """Load an avatar with all its pictures, checked.

    Args:
        name_or_path: Name of a bundle in the avatars folder, or the path of its folder.

    Raises:
        InputError: The anchor is unknown, or a file of the bundle is missing, altered, corrupt,
            too large or of the wrong size; the message names it.
    """
    manifest = load_manifest(name_or_path)
    folder = find_bundle(name_or_path)
    blobs = _read_files(folder, manifest)
    canvas = _image(folder, CANVAS, blobs, "RGBA", manifest.canvas)
    if canvas[..., 3].max() < 128:
        raise InputError(f"{folder / CANVAS}: is transparent all over", fix="pack it again")
    arrays = _arrays(folder / GEOMETRY, blobs[GEOMETRY])
    geometry = _geometry(folder / GEOMETRY, arrays, manifest.canvas)
    count = int(geometry.textures.max(initial=-1)) + 1
    mouth_size = (int(geometry.mouth_box[2]), int(geometry.mouth_box[3]))
    mouths = tuple(
        _image(folder, f"mouths/{i:02d}.webp", blobs, "RGB", mouth_size) for i in range(count)
    )
    eyes_size = (int(geometry.eyes_box[2]), int(geometry.eyes_box[3]))
    eyes = _image(folder, EYES, blobs, "RGB", eyes_size) if EYES in blobs else None
    layers = {
        name: Layer(_image(folder, f"layers/{name}.webp", blobs, "RGBA", None), corner)
        for name, corner in zip(LAYERS, geometry.layer_corners, strict=True)
        if f"layers/{name}.webp" in blobs
    }
    return Bundle(manifest, folder, canvas, geometry, mouths, eyes, layers)


def _read_files(folder: Path, manifest: AvatarManifest) -> dict[str, bytes]:
    """Every listed file, its hash checked."""
    root = folder.resolve()
    blobs: dict[str, bytes] = {}
    total = 0
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(root):
            raise InputError(f"{path}: leads out of the bundle's folder", fix="remove the link")
        if not path.is_file():
            raise InputError(f"{path}: missing", fix="restore the bundle or pack it again")
        total += path.stat().st_size
        if total > MAX_BYTES:
            raise InputError(
                f"{folder}: its files exceed {MAX_BYTES >> 20} MiB", fix="pack smaller pictures"
            )
        blob = path.read_bytes()
        if hashlib.sha256(blob).hexdigest() != digest:
            raise InputError(
                f"{path}: damaged or altered, its sha256 is not the one in {MANIFEST}",
                fix="restore the bundle or pack it again",
            )
        blobs[name] = blob
    return blobs


def _image(
    folder: Path, name: str, blobs: dict[str, bytes], mode: str, size: tuple[int, int] | None
) -> ByteArray:
    """Decode one picture as uint8 [h, w, 3 or 4], its size checked before its pixels are read."""
    path = folder / name
    if name not in blobs:
        raise InputError(f"{path}: not listed in {MANIFEST}", fix="pack the bundle again")
    try:
        with Image.open(io.BytesIO(blobs[name]), formats=["WEBP", "PNG", "JPEG"]) as picture:
            if max(picture.size) > MAX_SIDE:
                raise InputError(f"{path}: {picture.size} is larger than {MAX_SIDE} pixels")
            if size is not None and picture.size != size:
                raise InputError(
                    f"{path}: is {picture.width}×{picture.height}, must be {size[0]}×{size[1]}",
                    fix="pack the bundle again",
                )
            return np.asarray(picture.convert(mode), np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable picture ({error})", fix="pack the bundle again"
        ) from error


def _arrays(path: Path, blob: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """The arrays of an npz, without pickles and with bounded sizes."""
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > 8 * MAX_ARRAY:
                raise InputError(f"{path}: unpacks to too much", fix="pack the bundle again")
        with np.load(io.BytesIO(blob), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: not a readable array file ({error})", fix="pack the bundle again"
        ) from error


def _geometry(
    path: Path, arrays: dict[str, np.ndarray[Any, Any]], canvas: tuple[int, int]
) -> Geometry:
    """Check shapes, finiteness and ranges of the arrays."""

    def take(name: str, shape: tuple[int | None, ...], kind: type[np.generic]) -> Any:
        if name not in arrays:
            raise InputError(f"{path}: lacks {name!r}", fix="pack the bundle again")
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != kind or not np.isfinite(array).all():
            wanted = f"{np.dtype(kind)} {list(shape)}"
            raise InputError(
                f"{path}: {name!r} is {array.dtype} {list(array.shape)}, must be finite {wanted}",
                fix="pack the bundle again",
            )
        return array

    f, i, n = np.float32, np.int32, lm.COUNT
    gaps, widths = take("gaps", (None,), f), take("widths", (None,), f)
    grid = (len(gaps), len(widths))
    modes = {key[5:]: take(key, (n, 2), f) for key in arrays if key.startswith("mode_")}
    geometry = Geometry(
        landmarks=take("landmarks", (n, 2), f),
        triangles=take("triangles", (None, 3), i),
        depth=take("depth", (n,), f),
        gaps=gaps,
        widths=widths,
        offsets=take("offsets", (*grid, n, 2), f),
        textures=take("textures", grid, i),
        modes=modes,
        mouth_reference=take("mouth_reference", (n, 2), f),
        mouth_box=take("mouth_box", (4,), i),
        eyes_closed=take("eyes_closed", (n, 2), f),
        eyes_box=take("eyes_box", (4,), i),
        layer_corners=take("layer_corners", (len(LAYERS), 2), f),
        cavity=take("cavity", (3,), f),
    )
    _check_ranges(path, geometry, canvas)
    return geometry


def _check_ranges(path: Path, geometry: Geometry, canvas: tuple[int, int]) -> None:
    rising = all(
        len(axis) >= 1 and (np.diff(axis) > 0).all() for axis in (geometry.gaps, geometry.widths)
    )
    low, high = geometry.triangles.min(initial=0), geometry.triangles.max(initial=0)
    points = geometry.landmarks
    checks = {
        "gaps and widths must rise": rising and float(geometry.gaps[0]) == 0.0,
        "triangles must index the 478 landmarks": 0 <= low and high < lm.COUNT,
        "textures must lie in -1…63": -1 <= geometry.textures.min()
        and geometry.textures.max() < MAX_TEXTURES,
        "landmarks must lie in the canvas": (points >= 0).all() and (points < canvas).all(),
        "boxes must lie in the canvas": all(
            (box >= 0).all() and (box[:2] + box[2:] <= canvas).all()
            for box in (geometry.mouth_box, geometry.eyes_box)
        ),
        "the eye distance must exceed 8 px": lm.eye_distance(points) > 8,
    }
    for rule, holds in checks.items():
        if not holds:
            raise InputError(f"{path}: {rule}", fix="pack the bundle again")
