"""From one portrait to an avatar that talks."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import bundle as fmt
from digital_human.face import landmarks as lm
from digital_human.face.build import interior, lips, matte
from digital_human.face.build.arkit_basis import Expressions, fit
from digital_human.face.build.detect import Detector, Face
from digital_human.face.build.gate import Finding, PhotoRefused, inspect
from digital_human.face.build.lids import close_eyes, closed_points
from digital_human.face.build.orient import turned_upright
from digital_human.face.build.pack import face_triangles
from digital_human.face.build.photo import Photo, read_photo
from digital_human.face.build.pictures import bleed, one_piece, webp
from digital_human.face.build.upright import bust, scale_of
from digital_human.face.build.write import face_frame, write_bundle
from digital_human.face.manifest import CANVAS, AvatarManifest, DisplayName
from digital_human.face.mesh import Box, IntArray
from digital_human.safety.consent import Consent

Gender = Literal["female", "male", "unspecified"]
Progress = Callable[[str, float], None]
MADE = (
    "Made from one portrait. Expressions: MakeHuman's CC0 head. Teeth, tongue and closed eyes are "
    "painted by the program."
)
_MARGIN = 0.12  # io of empty canvas above the hair


@dataclass(frozen=True, slots=True)
class _Portrait:
    """The bust on the canvas: uint8 [h, w, 4] RGBA, lips shut, landmarks and depths there."""

    canvas: ByteArray
    points: FloatArray
    shapes: Expressions
    triangles: IntArray
    light: interior.Light


def create_from_photo(
    path: Path,
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Gender,
    out: Path,
    progress: Progress,
) -> AvatarManifest:
    """Build an avatar from a portrait; the result depends on the file and the name only.

    Args:
        path: The portrait.
        name: Of the avatar; the name of the folder ``out``.
        consent: Given for this portrait; None for a picture of nobody in particular.
        display: Names shown.
        gender: For the choice of a voice.
        out: The bundle's folder; an older bundle there is replaced.
        progress: Told the step and the share that is done, 0…1.

    Raises:
        InputError: The file is no usable picture.
        PhotoRefused: The portrait fails the quality gate.
        WeightsError: The landmark model is not here.
    """
    progress("reading the photo", 0.0)
    photo = read_photo(path)
    with Detector() as detector:
        progress("looking for the face", 0.08)
        photo, face, _ = _accepted(photo, detector)
        portrait = _portrait(photo, face, detector, progress)
    files = _files(portrait, zlib.crc32(name.encode()), progress)
    manifest = _manifest(name, consent, display, gender, photo, portrait, files)
    total = sum(len(blob) for blob in files.values())
    if total > fmt.MAX_BYTES:
        raise InputError(f"{name}: {total >> 20} MiB, more than a bundle may have")
    progress("checking the bundle", 0.95)
    write_bundle(out, manifest, files)
    progress("done", 1.0)
    return manifest


def check_photo(path: Path) -> tuple[Photo, list[Finding]]:
    """Put a portrait through the quality gate.

    Returns:
        The photo, and what would be better otherwise.

    Raises:
        InputError: The file is no usable picture.
        PhotoRefused: The portrait fails the quality gate.
        WeightsError: The landmark model is not here.
    """
    photo = read_photo(path)
    with Detector() as detector:
        photo, _, findings = _accepted(photo, detector)
    return photo, findings


def _accepted(photo: Photo, detector: Detector) -> tuple[Photo, Face, list[Finding]]:
    """A portrait that passes the gate, the head up, its face, and the warnings."""
    photo, faces, warnings = turned_upright(photo, detector)
    findings = inspect(photo.image, faces)
    if any(f.fatal for f in findings):
        raise PhotoRefused(photo.path, photo.image, findings)
    return photo, faces[0], warnings + findings


def _portrait(photo: Photo, face: Face, detector: Detector, progress: Progress) -> _Portrait:
    progress("bringing the head upright", 0.14)
    layers = [photo.image] if photo.alpha is None else [photo.image, photo.alpha[..., None]]
    picture, points = bust(np.dstack(layers), face)
    image = np.ascontiguousarray(picture[..., :3])
    # Looked for again, now that the head is upright and large: lips and lids lie better.
    found = detector(image)
    again = found[0].points if found else np.column_stack([points, face.points[:, 2]])
    if (
        found
        and np.linalg.norm(again[lm.NOSE_MIDDLE, :2] - points[lm.NOSE_MIDDLE]) > 0.2 * found[0].io
    ):
        again = np.column_stack([points, face.points[:, 2] * (lm.eye_distance(points) / face.io)])
    points, depth = again[:, :2].astype(np.float32), again[:, 2].astype(np.float32)
    size = np.array([image.shape[1], image.shape[0]], np.float32)
    points = np.clip(points, 1, size - 2).astype(np.float32)
    progress("cutting out the person", 0.22)
    alpha = matte.person(image, points) if photo.alpha is None else picture[..., 3]
    colours = matte.foreground(image, alpha, lm.eye_distance(points))
    canvas = one_piece(np.dstack([colours, alpha]))
    canvas, points = _trimmed(canvas, points)
    progress("closing the lips", 0.42)
    triangles = face_triangles()
    gap = lm.lip_gap(points)
    if gap > 0.014:
        canvas, points = lips.shut(canvas, points, fit(points, depth).modes["open"], triangles)
    else:
        points = lips.on_the_seam(np.ascontiguousarray(canvas[..., :3]), lips.meet(points))
    canvas = lips.lit(canvas, points)
    progress("fitting the expressions", 0.50)
    light = interior.read_light(
        np.ascontiguousarray(canvas[..., :3]), points, max(1.0, scale_of(face))
    )
    return _Portrait(canvas, points, fit(points, depth), triangles, light)


def _trimmed(canvas: ByteArray, points: FloatArray) -> tuple[ByteArray, FloatArray]:
    """The canvas without empty rows above the hair, and its landmarks."""
    rows = np.flatnonzero((canvas[..., 3] > 20).any(1))
    top = max(0, int(rows[0]) - round(_MARGIN * lm.eye_distance(points)))
    top -= top % 2
    return np.ascontiguousarray(canvas[top:]), (points - (0, top)).astype(np.float32)


def _files(portrait: _Portrait, seed: int, progress: Progress) -> dict[str, bytes]:
    """Name → content of every file but the manifest."""
    canvas, points, shapes = portrait.canvas, portrait.points, portrait.shapes
    io_px = lm.eye_distance(points)
    image = np.ascontiguousarray(canvas[..., :3])
    size = canvas.shape[1], canvas.shape[0]
    progress("painting teeth and tongue", 0.55)
    layers, corners = interior.paint(points, portrait.light, seed)
    progress("parting the lips", 0.62)
    reference = _reference(points, shapes)
    mouth_box = _mouth_box(points, reference, size)
    texture = lips.parted(image, points, reference, portrait.triangles, mouth_box, portrait.light)
    progress("closing the eyes", 0.70)
    closed = closed_points(points, shapes.modes["blink"])
    lids = points[[*lm.RIGHT_UPPER_LID, *lm.LEFT_UPPER_LID]]
    eyes_box = Box.around(lids, 0.17 * io_px, size, 2)
    eyes = close_eyes(image, points, closed, portrait.light.blur, seed)
    progress("writing the pictures", 0.78)
    files = {
        CANVAS: webp(bleed(canvas), lossless=True),
        "mouths/00.webp": webp(texture),
        fmt.EYES: webp(np.ascontiguousarray(eyes[eyes_box.slices])),
        **{f"layers/{name}.webp": webp(bleed(layers[name])) for name in fmt.LAYERS},
    }
    textures = np.zeros((len(shapes.gaps), len(shapes.widths)), np.int32)
    textures[0] = -1
    arrays = {
        "landmarks": points, "triangles": portrait.triangles, "depth": shapes.depth,
        "gaps": shapes.gaps, "widths": shapes.widths, "offsets": shapes.offsets,
        "textures": textures, "mouth_reference": reference, "mouth_box": _array(mouth_box),
        "eyes_closed": closed, "eyes_box": _array(eyes_box),
        "layer_corners": np.stack([corners[name] for name in fmt.LAYERS]),
        "cavity": portrait.light.cavity,
        **{f"mode_{name}": field for name, field in shapes.modes.items()},
    }  # fmt: skip
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    files[fmt.GEOMETRY] = packed.getvalue()
    return files


def _reference(points: FloatArray, shapes: Expressions) -> FloatArray:
    """Landmarks of the mouth texture: lips apart, nothing else moved."""
    io_px = lm.eye_distance(points)
    y, nose = points[:, 1], points[lm.NOSE_BASE, 1]
    fade = np.clip((y - nose + 0.08 * io_px) / (0.14 * io_px), 0, 1)[:, None]
    moved = shapes.modes["open"] * np.float32(lips.REFERENCE_GAP)
    return np.asarray(points + io_px * fade * moved, np.float32)


def _mouth_box(points: FloatArray, reference: FloatArray, size: tuple[int, int]) -> Box:
    io_px = lm.eye_distance(points)
    x, _ = reference[list(lm.MOUTH_CORNERS)].mean(0)
    top = points[lm.NOSE_BASE, 1] - 0.04 * io_px
    bottom = reference[lm.CHIN, 1] + 0.06 * io_px
    extent = np.array([[x - 0.6 * io_px, top], [x + 0.6 * io_px, bottom]], np.float32)
    return Box.around(extent, 0, size, 2)


def _array(box: Box) -> IntArray:
    return np.array([box.x, box.y, box.width, box.height], np.int32)


def _manifest(
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Gender,
    photo: Photo,
    portrait: _Portrait,
    files: dict[str, bytes],
) -> AvatarManifest:
    return AvatarManifest(
        format=1,
        name=name,
        display=display,
        gender=gender,
        person=consent.person if consent else "generated",
        consent=consent.id if consent else "",
        source=photo.sha256,
        canvas=(portrait.canvas.shape[1], portrait.canvas.shape[0]),
        face=face_frame(portrait.points),
        licence=consent.licence if consent else "The terms of the photo it was made from.",
        made=MADE,
        files={key: hashlib.sha256(files[key]).hexdigest() for key in sorted(files)},
    )
