"""From a 3D model (.glb, .vrm, .gltf) to an avatar that talks."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face.build import head_bake
from digital_human.face.build.gltf_bust import MOUTH_OPENERS, Bust, cut_bust
from digital_human.face.build.gltf_file import GltfFile
from digital_human.face.build.gltf_look import Look, flatten
from digital_human.face.build.gltf_names import find
from digital_human.face.build.gltf_rights import denied, rights
from digital_human.face.build.gltf_scene import pose
from digital_human.face.build.gltf_targets import Places, build_targets
from digital_human.face.build.head_marks import hold_lids
from digital_human.face.build.write import write_bundle
from digital_human.face.head_bundle import (
    GEOMETRY,
    MARKS,
    MATERIALS,
    MAX_BYTES,
    MAX_PARTS,
    MAX_TRIANGLES,
    MAX_VERTICES,
    UNIT,
    HeadAvatar,
    HeadMesh,
    read_mesh,
    vertex_normals,
)
from digital_human.face.manifest import CANVAS, AvatarManifest, DisplayName, FaceFrame
from digital_human.face.mesh import IntArray
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.renderers.head_shape import HeadShape
from digital_human.face.shape import JAW_GAP
from digital_human.safety.consent import Consent

Progress = Callable[[str, float], None]
EYE_DISTANCE, WIDTH = 212.0, 1080  # canvas pixels
_TEXTURE = 1024  # pixels of a texture's longer side at most
_TILES = 4  # how often a texture may repeat within one triangle
_KEY = np.array([-0.40, 0.52, 0.755])  # direction of the key light, as in the shaders
_SOFT = 0.22  # radians of the key light
_SKIES, _LIGHTS = 44, 8  # directions in which sky and key light are looked for
_LEAST_SKY, _LEAST_KEY = 0.30, 0.35  # models are lit a little even where nothing reaches
_PIVOT = 0.14, -0.95  # io: over the chin, behind the eyes
_STEP = 32767 * UNIT
_OPEN, _LEAST = (
    0.6,
    0.65,
)  # jaw at which a mouth is measured, and the share of its gap it must reach


def create_from_gltf(
    path: Path,
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Literal["female", "male", "unspecified"],
    out: Path,
    progress: Progress,
) -> AvatarManifest:
    """Build an avatar from a model with ARKit targets, Oculus visemes or VRM expressions.

    Args:
        path: The model; everything must lie in this one file.
        name: Of the avatar; the name of the folder ``out``.
        consent: Given for this file; None for nobody in particular.
        display: Names shown.
        gender: For the choice of a voice.
        out: The bundle's folder; an older bundle there is replaced.
        progress: Told the step and the share that is done, 0…1.

    Raises:
        InputError: The file is damaged, too large, compressed, or has no face that can talk.
            What its licence does not allow is told to ``progress`` as a warning.
        ResourceError: This machine has no OpenGL without a display.
    """
    progress("reading the model", 0.0)
    file = GltfFile(path)
    for kind in denied(file):
        progress(f"warning: the model's own licence does not allow {kind}", 0.0)
    posed = pose(file)
    progress("looking for the face", 0.2)
    bust = cut_bust(file, posed, find(file, posed.names))
    progress("fitting the mouth", 0.35)
    arrays, textures = _assemble(file, bust)
    mesh = read_mesh(path, arrays)
    _check_mouth(file, bust, mesh)
    progress("packing textures", 0.55)
    files = {f"textures/{i:02d}.webp": _packed(image) for i, image in enumerate(textures)}
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    files[GEOMETRY] = packed.getvalue()
    progress("drawing the picture at rest", 0.8)
    draft = _manifest(file, name, consent, display, gender, bust, {CANVAS: b""})
    avatar = HeadAvatar(draft, out, np.zeros((1, 1, 4), np.uint8), mesh, tuple(textures))
    rest = avatar.renderer(draft.canvas[1]).render(MotionFrame.rest())
    if not (rest[..., 3] > 128).mean() > 0.02:
        raise file.wrong("shows nothing where its face should be")
    files[CANVAS] = _packed(rest)
    total = sum(map(len, files.values()))
    if total > MAX_BYTES:
        raise file.wrong(f"gives {total >> 20} MiB, more than a bundle may have")
    progress("checking the bundle", 0.95)
    manifest = _manifest(file, name, consent, display, gender, bust, files)
    write_bundle(out, manifest, files)
    progress("done", 1.0)
    return manifest


def _packed(picture: ByteArray) -> bytes:
    """A picture as WebP, in a quarter of the time of the best compression."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "WEBP", quality=90, method=2, exact=True)
    return out.getvalue()


def check_model(path: Path) -> str:
    """The sha256 of a model file that can be read as one; for the consent.

    Raises:
        InputError: It is no model that can be read.
    """
    return GltfFile(path).sha256


def _check_mouth(file: GltfFile, bust: Bust, mesh: HeadMesh) -> None:
    """A mouth that cannot open as wide as speech asks for does not talk."""
    shape = HeadShape(mesh)
    gaps = []
    for jaw in (0.0, _OPEN):
        curves = np.zeros(len(INDEX), np.float32)
        curves[INDEX["jawOpen"]] = jaw
        moved, _ = shape.frame(curves, np.zeros(6, np.float32), 0.0, 0.0)
        upper, lower = (
            float((moved if mesh.marks[name] < len(moved) else mesh.positions)[mesh.marks[name], 1])
            for name in ("lip_upper", "lip_lower")
        )
        gaps.append(upper - lower)
    asked = _OPEN * JAW_GAP * shape.size
    if not gaps[1] - gaps[0] >= _LEAST * (asked - gaps[0]):
        opener = next(name for name in MOUTH_OPENERS if name in bust.fields)
        raise file.wrong(
            f"the mouth does not open: target {opener} parts the lips by "
            f"{gaps[1] - gaps[0]:.3f} of {asked:.3f} outer-eye distances",
            "make that target move the lower lip down and leave the upper lip",
        )


def _check_size(file: GltfFile, vertices: int, triangles: int) -> None:
    if vertices > MAX_VERTICES or triangles > MAX_TRIANGLES:
        raise file.wrong(
            f"head and shoulders have {vertices} vertices and {triangles} triangles",
            f"simplify it to {MAX_VERTICES} vertices and {MAX_TRIANGLES} triangles (decimate)",
        )


def _assemble(file: GltfFile, bust: Bust) -> tuple[dict[str, Any], list[ByteArray]]:
    """The arrays of ``head.npz``, and its textures."""
    points = bust.positions
    _check_size(file, len(points), len(bust.triangles))
    if not 1 <= (count := len(np.unique(bust.piece))) <= MAX_PARTS:
        raise file.wrong(
            f"head and shoulders have {count} materials, at most {MAX_PARTS} are drawn",
            "join materials into one texture atlas",
        )
    places = Places(points, bust.skin, bust.marks)
    eyes = _eyeballs(bust)
    targets = build_targets(bust.fields, places, bool(eyes[:, 3].any()))
    _hold_lids(targets, points, eyes)
    baked = _bake(bust, targets)
    source, uv, triangles, parts, textures = _parts(file, bust, eyes)
    _check_size(file, len(source), len(triangles))
    stored = {name: _steps(own[source]) for name, own in targets.items()}
    stored = {name: own for name, own in stored.items() if own.any()}
    moves = np.any([own.any(axis=1) for own in stored.values()], axis=0)
    order = np.argsort(~moves, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    where = np.full(len(points), -1, np.int64)
    where[source[::-1]] = np.arange(len(source))[::-1]
    moved, chin = int(moves.sum()), float(points[bust.marks["chin"], 1])
    return {
        "positions": _steps(points[source])[order],
        "uv": np.round(np.clip(uv[order], 0, 1) * 65535).astype(np.uint16),
        "bake": np.round(np.clip(baked[source][order], 0, 1) * 255).astype(np.uint8),
        "triangles": place[triangles].astype(np.int32),
        "parts": parts,
        "targets": np.array(list(stored)),
        "offsets": np.stack([own[order][:moved] for own in stored.values()]),
        "eyes": eyes,
        "pivot": np.array([0.0, chin + _PIVOT[0], _PIVOT[1]], np.float32),
        "marks": np.array([place[where[bust.marks[m]]] for m in MARKS], np.int32),
    }, textures


def _steps(values: FloatArray) -> Any:
    """Coordinates as a bundle stores them, int16."""
    return np.round(np.clip(values, -_STEP, _STEP) / UNIT).astype(np.int16)


def _eyeballs(bust: Bust) -> FloatArray:
    """Centre and radius of the right and left eyeball, float32 [2, 4]; radius 0 for none."""
    eyes = np.zeros((2, 4), np.float32)
    for row, side in enumerate(("right", "left")):
        groups = [i for i, (_, eye) in enumerate(bust.looks) if eye == side]
        used = np.unique(bust.triangles[np.isin(bust.piece, groups)])
        if len(used) < 8:
            continue
        p = bust.positions[used].astype(np.float64)
        # A sphere through the vertices: |p|² = 2 c·p + (r² − |c|²) is linear in both unknowns.
        rows = np.hstack([2 * p, np.ones((len(p), 1))])
        solved, *_ = np.linalg.lstsq(rows, (p * p).sum(axis=1), rcond=None)
        centre = solved[:3]
        radius = np.sqrt(max(0.0, float(solved[3] + centre @ centre)))
        error = np.abs(np.linalg.norm(p - centre, axis=1) - radius).mean()
        round_ = 0.03 < radius < 0.6 and error < 0.15 * radius
        if not round_ and side in bust.joints:  # a painted disc that turns about its joint
            centre = bust.joints[side].astype(np.float64)
            radius = float(np.linalg.norm(p - centre, axis=1).max())
            round_ = 0.03 < radius < 0.8
        if round_:
            eyes[row] = [*centre, radius]
    return eyes if eyes[:, 3].all() else np.zeros((2, 4), np.float32)


def _hold_lids(targets: dict[str, FloatArray], points: FloatArray, eyes: FloatArray) -> None:
    for (x, y, z, radius), side in zip(eyes, ("Right", "Left"), strict=True):
        blink = targets.get("eyeBlink" + side)
        if radius > 0 and blink is not None:
            held = hold_lids(points, blink, np.array([x, y, z], np.float32), float(radius))
            targets["lidHalf" + side] = held.astype(np.float32)


def _bake(bust: Bust, targets: dict[str, FloatArray]) -> FloatArray:
    """Open sky, key light, share in the head's motion and in breath, float32 [n, 4], 0…1.

    What lies in the mouth and under lids is lit as it is when those open or close.
    """
    points, triangles = bust.positions, bust.triangles
    solid = np.array([not look.flat and look.alpha != "BLEND" for look, _ in bust.looks])
    casters = triangles[solid[bust.piece]]
    sky, key = np.ones(len(points)), np.ones(len(points))
    if len(casters):
        baker = head_bake.Baker(casters.astype(np.int64))
        sky, key = np.zeros(len(points)), np.zeros(len(points))
        none = np.zeros((len(points), 3), np.float32)
        blink = targets.get("eyeBlinkLeft", none) + targets.get("eyeBlinkRight", none)
        for moved in (none, 0.7 * targets["jawOpen"], blink):
            if moved is not none and not moved.any():
                continue
            at = (points + moved).astype(np.float32)
            weld = np.arange(len(points), dtype=np.int32)
            normals = vertex_normals(at, triangles, weld).astype(np.float64)
            wide = at.astype(np.float64)
            sky = np.maximum(sky, head_bake.open_sky(baker, wide, wide, normals, _SKIES))
            lit = head_bake.lit(baker, wide, wide, normals, _KEY, _SOFT, _LIGHTS)
            key = np.maximum(key, lit)
    chin = float(points[bust.marks["chin"], 1])
    y = points[:, 1]
    by_height = _smooth((y - chin + 1.10) / 0.85)
    head = np.where(np.isnan(bust.skull), by_height, bust.skull)
    # The edge at which the picture ends stays where it is.
    held = _smooth((y + bust.bottom) / 0.7)
    sky, key = np.clip(1.25 * sky, _LEAST_SKY, 1), np.clip(1.1 * key, _LEAST_KEY, 1)
    return np.stack([sky, key, head * held, held], axis=1).astype(np.float32)


def _smooth(value: FloatArray) -> FloatArray:
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _parts(
    file: GltfFile, bust: Bust, eyes: FloatArray
) -> tuple[IntArray, FloatArray, IntArray, IntArray, list[ByteArray]]:
    """Vertices by their source, their texture coordinates, triangles, parts and textures."""
    order = sorted(range(len(bust.looks)), key=lambda i: bust.looks[i][0].alpha == "BLEND")
    order = [i for i in order if (bust.piece == i).any()]
    pictures: dict[tuple[Any, ...], int] = {}
    decoded: dict[int, ByteArray | None] = {-1: None}
    textures: list[ByteArray] = []
    sources, uvs, triangles, rows = [], [], [], []
    count, first = 0, 0
    for group in order:
        look, eye = bust.looks[group]
        own = bust.triangles[bust.piece == group]
        source, uv, local, tiles = _unrolled(bust.uv, own)
        key = (look, tiles)
        if key not in pictures:
            pictures[key] = len(textures)
            if look.texture not in decoded:
                decoded[look.texture] = _shrunk(file.picture(look.texture), _TEXTURE)
            textures.append(_texture(decoded[look.texture], look, tiles))
        material = _material(look, bool(eye) and bool(eyes[:, 3].all()))
        rows.append((MATERIALS.index(material), pictures[key], first, len(local)))
        sources.append(source)
        uvs.append(uv)
        triangles.append(local + count)
        count, first = count + len(source), first + len(local)
    return (
        np.concatenate(sources).astype(np.int32), np.concatenate(uvs).astype(np.float32),
        np.concatenate(triangles).astype(np.int32), np.array(rows, np.int32), textures,
    )  # fmt: skip


def _material(look: Look, eye: bool) -> str:
    words = ["flat" if look.flat else "plain"]
    words += ["eye"] if eye else []
    words += ["blended"] if look.alpha == "BLEND" else []
    return "_".join(words)


def _unrolled(
    uv: FloatArray, triangles: IntArray
) -> tuple[IntArray, FloatArray, IntArray, tuple[int, int]]:
    """Coordinates of a texture that repeats, brought into 0…1.

    Each triangle is moved by whole repeats; what still reaches beyond one gets a texture that shows
    several.

    Returns:
        int32 [n], vertices by number in ``uv``; float32 [n, 2]; int32 [t, 3] of them; repeats.
    """
    corners = uv[triangles]
    shift = np.floor(corners.min(axis=1) + 1e-4).astype(np.int64)
    key = np.column_stack([triangles.reshape(-1), np.repeat(shift, 3, axis=0)])
    unique, local = np.unique(key, axis=0, return_inverse=True)
    moved = uv[unique[:, 0]] - unique[:, 1:]
    tiles = np.clip(np.ceil(moved.max(axis=0) - 1e-3), 1, _TILES).astype(int)
    return (
        unique[:, 0].astype(np.int32),
        np.asarray(np.clip(moved / tiles, 0, 1), np.float32),
        local.reshape(-1, 3).astype(np.int32),
        (int(tiles[0]), int(tiles[1])),
    )


def _texture(image: ByteArray | None, look: Look, tiles: tuple[int, int]) -> ByteArray:
    if image is not None:
        across, down = tiles
        largest = _TEXTURE if max(tiles) == 1 else 2 * _TEXTURE // max(tiles)
        image = np.tile(_shrunk(image, largest), (down, across, 1))
    return flatten(image, look)


def _shrunk(image: ByteArray, largest: int) -> ByteArray:
    """A picture of at most ``largest`` pixels on its longer side."""
    scale = min(1.0, largest / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _manifest(
    file: GltfFile,
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Literal["female", "male", "unspecified"],
    bust: Bust,
    files: dict[str, bytes],
) -> AvatarManifest:
    height = round((bust.top + bust.bottom) * EYE_DISTANCE / 2) * 2
    eyes = WIDTH / 2, round(bust.top * EYE_DISTANCE, 1)
    chin = bust.positions[bust.marks["chin"]]
    return AvatarManifest(
        format=1,
        name=name,
        display=display,
        gender=gender,
        person=consent.person if consent else "generated",
        consent=consent.id if consent else "",
        source=file.sha256,
        kind="head",
        canvas=(WIDTH, height),
        face=FaceFrame(
            eyes=eyes,
            eye_distance=EYE_DISTANCE,
            chin=(
                round(eyes[0] + EYE_DISTANCE * float(chin[0]), 1),
                round(eyes[1] - EYE_DISTANCE * float(chin[1]), 1),
            ),
        ),
        licence=consent.licence if consent else "The terms of the model it was made from.",
        made=_made(file),
        files={key: hashlib.sha256(blob).hexdigest() for key, blob in sorted(files.items())},
    )


def _made(file: GltfFile) -> str:
    """Where it comes from, with what the file says of its owner."""
    said = rights(file)
    return "Made from a 3D model." + (f" The file says of its rights: {said}" if said else "")
