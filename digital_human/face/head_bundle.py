"""The 3D avatar: one triangle mesh with face targets, its textures and its materials.

Distances are in outer-eye distances (io). The origin lies midway between the outer eye corners; x
points to the right of the picture, y up and z to the viewer. Bundles come from users, so nothing in
them is trusted: sizes are bounded, indices checked and arrays read without pickles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face.bundlefiles import read_arrays, read_files, read_image
from digital_human.face.manifest import CANVAS, AvatarManifest, find_bundle, load_manifest
from digital_human.face.mesh import IntArray
from digital_human.face.motion import ARKIT
from digital_human.face.renderers.base import Renderer

GEOMETRY = "head.npz"
UNIT = 1 / 4000
"""Outer-eye distances of one step of a stored coordinate."""
MATERIALS = (
    "skin", "eye", "mouth", "cloth", "hair", "strands",
    "plain", "plain_blended", "plain_eye", "plain_eye_blended",
    "flat", "flat_blended", "flat_eye", "flat_eye_blended",
)  # fmt: skip
"""How a part is lit. ``strands`` is blended by its texture's alpha. Parts of models from elsewhere
are ``plain`` (lit) or ``flat`` (a drawing's colour), turn with an ``eye``, may be ``blended``."""
HELPERS = ("tongueUp", "lidHalfLeft", "lidHalfRight")
"""Targets beside the ARKit curves: tongue tip at the upper teeth; what keeps a half-closed lid
before the eyeball."""
MARKS = (
    "lip_upper", "lip_lower", "corner_right", "corner_left", "chin",
    "lid_upper_right", "lid_lower_right", "lid_upper_left", "lid_lower_left",
)  # fmt: skip
"""Named vertices: middle of the inner lip lines, mouth corners, chin tip, middle of the lids;
right and left are the person's own."""
MAX_BYTES = 24 * 2**20
MAX_UNPACKED = 160 * 2**20
MAX_VERTICES, MAX_TRIANGLES, MAX_PARTS, MAX_REACH = 120_000, 240_000, 32, 8.0


@dataclass(frozen=True, slots=True)
class Part:
    """A run of triangles drawn with one material.

    Attributes:
        material: One of `MATERIALS`.
        texture: Index of its texture.
        first: Its first triangle.
        count: How many there are.
    """

    material: str
    texture: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class HeadMesh:
    """Geometry of the bust.

    Attributes:
        positions: float32 [n, 3], at rest, io.
        normals: float32 [n, 3], unit length.
        uv: float32 [n, 2], 0…1 from the texture's left top.
        bake: uint8 [n, 4]: open sky (ambient occlusion), key light that arrives, how far it turns
            with the head, how far it lifts with breath.
        triangles: int32 [t, 3], in drawing order, counter-clockwise seen from outside.
        parts: In drawing order.
        targets: Name → row of ``offsets``.
        offsets: float32 [k, m, 3], displacement of the first m vertices by a target at 1, io.
        turns: float32 [k, m, 3], change of their normals by it.
        eyes: float32 [2, 4], centre and radius of the right and left eyeball; radius 0: none.
        pivot: float32 [3], where the head turns on the neck.
        marks: Name → vertex, see `MARKS`.
    """

    positions: FloatArray
    normals: FloatArray
    uv: FloatArray
    bake: ByteArray
    triangles: IntArray
    parts: tuple[Part, ...]
    targets: dict[str, int]
    offsets: FloatArray
    turns: FloatArray
    eyes: FloatArray
    pivot: FloatArray
    marks: dict[str, int]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class HeadAvatar:
    """A loaded 3D avatar; implements `digital_human.face.avatar.Avatar`.

    Attributes:
        manifest: What it says of itself.
        path: Its folder.
        canvas: uint8 [h, w, 4] RGBA, the bust at rest.
        mesh: Its geometry.
        textures: uint8 [h, w, 4] RGBA each.
    """

    manifest: AvatarManifest
    path: Path
    canvas: ByteArray = field(repr=False)
    mesh: HeadMesh = field(repr=False)
    textures: tuple[ByteArray, ...] = field(repr=False)

    def renderer(self, height: int) -> Renderer:
        """A `HeadRenderer` with pictures ``height`` px high.

        Raises:
            InputError: ``height`` is out of range.
        """
        from digital_human.face.renderers.head import HeadRenderer

        return HeadRenderer(self, height)


def load_head_bundle(name_or_path: str | Path) -> HeadAvatar:
    """Load a 3D avatar with all its files, checked.

    Args:
        name_or_path: Name of a bundle in the avatars folder, or the path of its folder.

    Raises:
        InputError: The anchor is unknown, or a file of the bundle is missing, altered, corrupt or
            too large; the message names it.
    """
    manifest = load_manifest(name_or_path)
    folder = find_bundle(name_or_path)
    if GEOMETRY not in manifest.files:
        raise InputError(f"{folder}: does not list {GEOMETRY}", fix="build the bundle again")
    blobs = read_files(folder, manifest, MAX_BYTES)
    canvas = read_image(folder, CANVAS, blobs, "RGBA", manifest.canvas)
    arrays = read_arrays(folder / GEOMETRY, blobs[GEOMETRY], MAX_UNPACKED)
    mesh = read_mesh(folder / GEOMETRY, arrays)
    count = 1 + max(part.texture for part in mesh.parts)
    textures = tuple(
        read_image(folder, f"textures/{i:02d}.webp", blobs, "RGBA", None) for i in range(count)
    )
    return HeadAvatar(manifest, folder, canvas, mesh, textures)


def vertex_normals(positions: FloatArray, triangles: IntArray, weld: IntArray) -> FloatArray:
    """Area-weighted vertex normals, shared by vertices that lie on each other.

    Args:
        positions: float32 [n, 3].
        triangles: int32 [t, 3].
        weld: int32 [n], the same number for vertices that share a normal.

    Returns:
        float32 [n, 3] of unit length; 0 where no triangle ends.
    """
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    faces = np.cross(b - a, c - a)
    corners = weld[triangles]
    count = int(weld.max(initial=-1)) + 1
    sums = np.zeros((count, 3))
    for axis in range(3):
        for corner in range(3):
            sums[:, axis] += np.bincount(corners[:, corner], faces[:, axis], count)
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = sums / np.where(length > 0, length, 1)
    return np.asarray(unit[weld], np.float32)


def read_mesh(path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> HeadMesh:
    """The geometry in a bundle's arrays; shapes, ranges and indices checked, normals derived.

    Args:
        path: Of their file, for messages.
        arrays: As ``head.npz`` holds them.

    Raises:
        InputError: An array is missing, of another shape or type, or leads out of the mesh.
    """

    def take(name: str, shape: tuple[int | None, ...], kind: type[np.generic]) -> Any:
        if name not in arrays:
            raise InputError(f"{path}: lacks {name!r}", fix="build the bundle again")
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != kind or not np.isfinite(array).all():
            raise InputError(
                f"{path}: {name!r} is {array.dtype} {list(array.shape)}, must be finite "
                f"{np.dtype(kind)} {list(shape)}",
                fix="build the bundle again",
            )
        return array

    stored = take("positions", (None, 3), np.int16)
    n = len(stored)
    triangles = take("triangles", (None, 3), np.int32)
    rows = take("parts", (None, 4), np.int32)
    offsets = take("offsets", (None, None, 3), np.int16)
    names, marks = arrays.get("targets"), take("marks", (len(MARKS),), np.int32)
    eyes, pivot = take("eyes", (2, 4), np.float32), take("pivot", (3,), np.float32)
    uv = take("uv", (n, 2), np.uint16).astype(np.float32) / 65535
    bake = take("bake", (n, 4), np.uint8)
    known = isinstance(names, np.ndarray) and names.dtype.kind == "U" and names.ndim == 1
    listed = [str(name) for name in names] if known and names is not None else []
    ends = np.cumsum(rows[:, 3], dtype=np.int64)
    checks = {
        f"must have 3…{MAX_VERTICES} vertices": 3 <= n <= MAX_VERTICES,
        f"must have 1…{MAX_TRIANGLES} triangles": 1 <= len(triangles) <= MAX_TRIANGLES,
        "triangles must index the vertices": triangles.min() >= 0 and triangles.max() < n,
        "marks must index the vertices": marks.min() >= 0 and marks.max() < n,
        f"must have 1…{MAX_PARTS} parts": 1 <= len(rows) <= MAX_PARTS,
        "parts must name known materials": bool(
            (rows[:, 0] >= 0).all() and (rows[:, 0] < len(MATERIALS)).all()
        ),
        f"parts must name textures 0…{MAX_PARTS - 1}": bool(
            (rows[:, 1] >= 0).all() and (rows[:, 1] < MAX_PARTS).all()
        ),
        "parts must cover the triangles in order": bool(
            (rows[:, 3] > 0).all()
            and (rows[:, 2] == ends - rows[:, 3]).all()
            and ends[-1] == len(triangles)
        ),
        "targets must be known names, each once": len(listed) == len(offsets)
        and len(set(listed)) == len(listed)
        and set(listed) <= {*ARKIT, *HELPERS},
        "targets must move at most all vertices": offsets.shape[1] <= n,
        "eyes and pivot must lie in the bust": bool(
            (np.abs(eyes) <= MAX_REACH).all() and (np.abs(pivot) <= MAX_REACH).all()
        ),
    }
    for rule, holds in checks.items():
        if not holds:
            raise InputError(f"{path}: {rule}", fix="build the bundle again")
    positions = stored.astype(np.float32) * np.float32(UNIT)
    moved = offsets.astype(np.float32) * np.float32(UNIT)
    normals, turns = _normals(stored, positions, triangles, moved)
    return HeadMesh(
        positions=positions,
        normals=normals,
        uv=uv,
        bake=bake,
        triangles=triangles,
        parts=tuple(Part(MATERIALS[m], int(t), int(f), int(c)) for m, t, f, c in rows),
        targets={name: i for i, name in enumerate(listed)},
        offsets=moved,
        turns=turns,
        eyes=eyes,
        pivot=pivot,
        marks=dict(zip(MARKS, (int(i) for i in marks), strict=True)),
    )


def _normals(
    stored: np.ndarray[Any, Any], positions: FloatArray, triangles: IntArray, offsets: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Normals at rest [n, 3], and how each target at 1 changes those of its vertices [k, m, 3].

    The change is linear in the target, a usual approximation that spares a pass over all triangles
    in every frame.
    """
    key = stored.astype(np.int64) + 32768
    _, weld = np.unique((key[:, 0] << 32) | (key[:, 1] << 16) | key[:, 2], return_inverse=True)
    weld = weld.reshape(-1).astype(np.int32)
    normals = vertex_normals(positions, triangles, weld)
    m = offsets.shape[1]
    local = triangles[(triangles < m).any(axis=1)]
    turns = np.zeros_like(offsets)
    rest = vertex_normals(positions, local, weld)[:m]
    for row, offset in enumerate(offsets):
        moved = positions.copy()
        moved[:m] += offset
        turns[row] = vertex_normals(moved, local, weld)[:m] - rest
    return normals, turns
