"""The photo avatar: pictures of one person and the geometry that moves them.

Bundles come from users, so nothing in them is trusted: sizes are bounded and arrays are read
without pickles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.registry import BackendSpec, Registry
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.bundlefiles import read_arrays, read_files, read_image
from digital_human.face.manifest import CANVAS, AvatarManifest, find_bundle, load_manifest
from digital_human.face.mesh import IntArray
from digital_human.face.renderers.base import Renderer

EYES, GEOMETRY = "eyes.webp", "geometry.npz"
LAYERS = ("upper", "lower", "tongue")
MAX_BYTES = 15 * 2**20
MAX_ARRAY = 4_000_000  # elements
MAX_TEXTURES = 64

_DRAWN = "digital_human.face.renderers"
NEURAL_NOTICE = (
    "face = neural: its network was trained on pictures of MobileStyleGAN, whose upstream terms "
    "are non-commercial (neural_mouth.LICENSE.txt beside it); for commercial use set face = mesh"
)
"""Said wherever the neural mouth is chosen."""
RENDERERS = Registry(
    "face",
    (
        BackendSpec("mesh", "face", f"{_DRAWN}.photo:PhotoRenderer"),
        BackendSpec("neural", "face", f"{_DRAWN}.neural:NeuralRenderer", extra="train"),
    ),
)
"""What can draw a photo avatar, chosen by the setting ``face``; a factory takes the bundle and the
height of the pictures and gives a `Renderer`."""


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
        mouths: uint8 [h, w, 4] RGBA each, mouth textures; where they are transparent the face at
            rest shows, warped.
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

    def renderer(self, height: int) -> Renderer:
        """A renderer as the setting ``face`` asks for, with pictures ``height`` px high.

        Raises:
            InputError: ``height`` is out of range.
            ResourceError: The renderer needs a package that is not installed.
        """
        renderer: Renderer = RENDERERS[settings().face].create(self, height)
        return renderer


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
    if GEOMETRY not in manifest.files:
        raise InputError(f"{folder}: does not list {GEOMETRY}", fix="pack the bundle again")
    blobs = read_files(folder, manifest, MAX_BYTES)
    canvas = read_image(folder, CANVAS, blobs, "RGBA", manifest.canvas)
    if canvas[..., 3].max() < 128:
        raise InputError(f"{folder / CANVAS}: is transparent all over", fix="pack it again")
    arrays = read_arrays(folder / GEOMETRY, blobs[GEOMETRY], 8 * MAX_ARRAY)
    geometry = _geometry(folder / GEOMETRY, arrays, manifest.canvas)
    count = int(geometry.textures.max(initial=-1)) + 1
    mouth_size = (int(geometry.mouth_box[2]), int(geometry.mouth_box[3]))
    mouths = tuple(
        read_image(folder, f"mouths/{i:02d}.webp", blobs, "RGBA", mouth_size) for i in range(count)
    )
    eyes_size = (int(geometry.eyes_box[2]), int(geometry.eyes_box[3]))
    eyes = read_image(folder, EYES, blobs, "RGB", eyes_size) if EYES in blobs else None
    layers = {
        name: Layer(read_image(folder, f"layers/{name}.webp", blobs, "RGBA", None), corner)
        for name, corner in zip(LAYERS, geometry.layer_corners, strict=True)
        if f"layers/{name}.webp" in blobs
    }
    return Bundle(manifest, folder, canvas, geometry, mouths, eyes, layers)


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
