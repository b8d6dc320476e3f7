"""From a video of one person to an avatar whose body goes on living while its mouth is new."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face import video_bundle as fmt
from digital_human.face.build import interior
from digital_human.face.build import video_gate as gate
from digital_human.face.build.detect import Detector
from digital_human.face.build.pack import face_triangles
from digital_human.face.build.pictures import bleed, webp
from digital_human.face.build.video_bank import MouthBank, inside_look, make_bank, talks
from digital_human.face.build.video_bridges import write_bridges
from digital_human.face.build.video_crop import crop_size, cut_out
from digital_human.face.build.video_input import ADVISED_SECONDS, SourceVideo
from digital_human.face.build.video_loop import features, find_seams
from digital_human.face.build.video_seam import lips_on_seam
from digital_human.face.build.video_store import VideoWriter
from digital_human.face.build.video_track import FaceTrack, FaceTracker, solve_track
from digital_human.face.build.write import face_frame, write_bundle
from digital_human.face.bundle import LAYERS
from digital_human.face.manifest import CANVAS, AvatarManifest, DisplayName
from digital_human.face.video_frames import FPS, FrameReader
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent

Gender = Literal["female", "male", "unspecified"]
Progress = Callable[[str, float], None]
MADE = (
    "Made from one video. The mouth is made of the video's own frames; where the person does not "
    "talk in it, expressions are those of MakeHuman's CC0 head, and teeth and tongue are painted "
    "by the program."
)
_SKIN = np.array([200.0, 152.0, 132.0])  # RGB of skin in plain daylight
_LOOK_AGAIN = 15  # frames from one search of the whole picture to the next
_CALM = FPS // 2  # frames over which liveliness is averaged


@dataclass(frozen=True, slots=True)
class _Footage:
    """What was seen while the video was read.

    Attributes:
        points: float32 [n, 478, 3], landmarks; those of lost frames are filled in.
        found: bool [n].
        sharp: float32 [n], sharpness of the face.
        looks: float32 [n, 3], the inside of the mouth, see `video_bank.inside_look`.
        thumbs: uint8 [n, h, w, 3].
    """

    points: FloatArray
    found: npt.NDArray[np.bool_]
    sharp: FloatArray
    looks: FloatArray
    thumbs: ByteArray


def create_from_video(
    path: Path,
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Gender,
    out: Path,
    progress: Progress,
    *,
    faithful: bool = False,
) -> AvatarManifest:
    """Build an avatar from a video; the result depends on the file only.

    Args:
        path: The video, 10 s to 5 min; from 2.5 s on it is accepted, and ``progress`` is told
            that the loop will be short.
        name: Of the avatar; the name of the folder ``out``.
        consent: Given for this video; None for pictures of nobody in particular.
        display: Names shown.
        gender: For the choice of a voice.
        out: The bundle's folder; an older bundle there is replaced.
        progress: Told the step and the share that is done, 0…1.
        faithful: Keep the video's size and tempo, to give an existing film new lips.

    Raises:
        InputError: The file is no usable video.
        VideoRefused: The video fails the quality gate; carries a picture of the problem.
        WeightsError: The landmark model is not here.
    """
    progress("opening the video", 0.0)
    source = SourceVideo(path, faithful=faithful)
    if source.facts.frames < ADVISED_SECONDS * FPS:
        seconds = source.facts.frames / FPS
        progress(f"warning: only {seconds:.1f} s, the loop will be short (10 s and more)", 0.0)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        folder = Path(scratch)
        footage = _read(source, folder / fmt.BASE, progress)
        progress("solving head poses", 0.62)
        track = solve_track(footage.points)
        reader = FrameReader(folder / fmt.BASE)
        try:
            _judge(path, footage, track, reader)
            if not talks(track):
                track = lips_on_seam(track, reader)
            files, rest = _files(footage, track, reader, folder, name, progress)
        finally:
            reader.close()
        manifest = _manifest(name, consent, display, gender, source, rest, files)
        progress("checking the bundle", 0.97)
        write_bundle(out, manifest, files)
    progress("done", 1.0)
    return manifest


def _read(source: SourceVideo, base: Path, progress: Progress) -> _Footage:
    """Decode the video once: find the face in every frame and store the base video."""
    check = gate.VideoGate(source.path)
    marks: list[FloatArray] = []
    found: list[bool] = []
    sharp: list[float] = []
    looks: list[FloatArray] = []
    thumbs: list[ByteArray] = []
    changes: list[float] = []
    lost: ByteArray | None = None
    total = source.facts.frames
    with (
        Detector() as detector,
        FaceTracker() as tracker,
        VideoWriter(base, source.facts.size, total) as writer,
    ):
        for number, picture in enumerate(source.frames()):
            points = tracker.look(picture, marks[-1]) if marks else None
            if points is None or number % _LOOK_AGAIN == 0:
                faces = detector(picture)
                if number == 0:
                    points = check.first(picture, faces).points
                check.others(picture, faces, number)
                if points is None and faces:
                    points = tracker.look(picture, faces[0].points)
            leap = _leap(marks[-1], points) if marks and points is not None else 0.0
            thumb = gate.thumbnail(picture)
            if thumbs:
                usual = float(np.median(changes)) if changes else 0.0
                jump = leap if points is not None else float("inf")
                check.cut(thumbs[-1], thumb, jump, usual, number, picture)
                changes.append(gate.picture_change(thumbs[-1], thumb))
            if points is None:
                lost = picture
            found.append(points is not None)
            sharp.append(gate.sharpness(picture, points) if points is not None else 0.0)
            looks.append(inside_look(picture, marks[-1] if points is None else points))
            marks.append(points if points is not None else marks[-1])
            thumbs.append(thumb)
            writer.write(picture)
            if number % 10 == 0:
                progress("following the face", 0.02 + 0.6 * min(1.0, number / total))
    if lost is not None:
        check.lost(found, lost)
    return _Footage(
        _filled(np.stack(marks), np.array(found)),
        np.array(found),
        np.array(sharp, np.float32),
        np.stack(looks),
        np.stack(thumbs),
    )


def _leap(before: FloatArray, now: FloatArray) -> float:
    """How far the nose moved, in outer-eye distances."""
    moved = now[lm.NOSE_MIDDLE, :2] - before[lm.NOSE_MIDDLE, :2]
    return float(np.linalg.norm(moved)) / lm.eye_distance(now)


def _filled(points: FloatArray, found: npt.NDArray[np.bool_]) -> FloatArray:
    """Landmarks of lost frames between those of their neighbours."""
    if found.all():
        return points
    seen = np.flatnonzero(found)
    after = np.clip(np.searchsorted(seen, np.arange(len(found))), 0, len(seen) - 1)
    before = np.maximum(after - 1, 0)
    a, b = seen[before], seen[after]
    share = np.clip((np.arange(len(found)) - a) / np.maximum(b - a, 1), 0, 1)
    share = np.where(found, 1.0, share).astype(np.float32)[:, None, None]
    return np.asarray(points[a] * (1 - share) + points[b] * share, np.float32)


def _judge(path: Path, footage: _Footage, track: FaceTrack, reader: FrameReader) -> None:
    """Refuse what only the whole video shows."""
    eyes = gate.eye_distances(footage.points)
    wrong = gate.VideoGate(path).whole(track.angles, eyes, footage.sharp)
    if wrong is not None:
        frame, reason, fix = wrong
        picture = np.ascontiguousarray(reader.read(frame)[..., :3])
        raise gate.VideoRefused(path, reason, fix, picture, footage.points[frame])


def _files(
    footage: _Footage,
    track: FaceTrack,
    reader: FrameReader,
    folder: Path,
    name: str,
    progress: Progress,
) -> tuple[dict[str, bytes | Path], FloatArray]:
    """Name → content of every file but the manifest, and the landmarks [478, 2] at rest."""
    limits = gate.MAX_YAW, gate.MAX_PITCH, gate.MAX_ROLL
    allowed = footage.found & (np.abs(track.angles) < limits).all(1)
    progress("finding the loop", 0.66)
    seams = find_seams(features(track.points, footage.thumbs, track.io), allowed)
    jumps, points, pose = write_bridges(seams, track, reader, folder / fmt.BRIDGES)
    progress("learning the mouth", 0.82)
    bank = make_bank(track, footage.sharp, footage.looks, allowed)
    files: dict[str, bytes | Path] = {
        fmt.BASE: folder / fmt.BASE,
        fmt.BRIDGES: folder / fmt.BRIDGES,
    }
    rest = int(jumps[0, 1])
    canvas = reader.read(rest)
    files[CANVAS] = webp(canvas)
    crop = crop_size(track, reader.native)
    pieces, piece_points, piece_pose = cut_out(bank.frames, track, reader, crop)
    for i, piece in enumerate(pieces):
        files[f"mouths/{i:02d}.webp"] = webp(piece)
    progress("painting teeth and tongue", 0.90)
    straight = np.ascontiguousarray(track.shape[:, :2])
    light = interior.read_light(
        np.ascontiguousarray(canvas[..., :3]), track.points[rest, :, :2], 1.0
    )
    corners = np.zeros((len(LAYERS), 2), np.float32)
    if not len(bank.frames):
        warm = _lit(np.ascontiguousarray(canvas[..., :3]), track.points[rest, :, :2], light)
        layers, places = interior.paint(straight, warm, zlib.crc32(name.encode()))
        for i, layer in enumerate(LAYERS):
            files[f"layers/{layer}.webp"] = webp(bleed(layers[layer]))
            corners[i] = places[layer]
    arrays = {
        "points": points, "pose": pose, "shape": track.shape,
        "energy": _energy(track), "jumps": jumps,
        "talks": np.bool_(len(bank.frames) > 0), "triangles": face_triangles(),
        **_bank_arrays(bank), "crop": np.array([0, 0, *crop], np.int32),
        "layer_corners": corners, "cavity": light.cavity,
        "prototype_points": piece_points, "prototype_pose": piece_pose,
    }  # fmt: skip
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    files[fmt.TRACK] = packed.getvalue()
    return files, track.points[rest, :, :2]


def _lit(image: ByteArray, points: FloatArray, light: interior.Light) -> interior.Light:
    """The light with half of the tint that the scene gives to the skin: lamps, coloured walls."""
    cheeks = np.round(points[[50, 280, 205, 425]]).astype(int)
    reach = max(1, round(0.04 * lm.eye_distance(points)))
    skin = np.mean(
        [
            image[y - reach : y + reach + 1, x - reach : x + reach + 1].mean((0, 1))
            for x, y in cheeks
        ],
        axis=0,
    )
    tint = np.sqrt(skin / skin.max() / (_SKIN / _SKIN.max()))
    tint = np.clip(tint / tint.mean(), 0.75, 1.2).astype(np.float32)
    return replace(light, tooth=light.tooth * tint)


def _energy(track: FaceTrack) -> FloatArray:
    """How lively each frame is: mean speed of the head, outer-eye distances per second [n]."""
    head = track.pose[:, :, :3] @ track.shape[list(lm.STABLE)].T + track.pose[:, :, 3:]
    speed = np.linalg.norm(np.gradient(head, axis=0), axis=1).mean(1) * FPS / track.io
    return np.asarray(uniform_filter1d(speed, 2 * _CALM + 1, mode="nearest"), np.float32)


def _bank_arrays(bank: MouthBank) -> dict[str, np.ndarray[Any, Any]]:
    return {
        "gaps": bank.gaps, "widths": bank.widths, "offsets": bank.offsets,
        "textures": bank.textures, **{f"mode_{name}": f for name, f in bank.modes.items()},
    }  # fmt: skip


def _manifest(
    name: str,
    consent: Consent | None,
    display: DisplayName,
    gender: Gender,
    source: SourceVideo,
    rest: FloatArray,
    files: dict[str, bytes | Path],
) -> AvatarManifest:
    return AvatarManifest(
        format=1,
        name=name,
        display=display,
        gender=gender,
        person=consent.person if consent else "generated",
        consent=consent.id if consent else "",
        source=source.facts.sha256,
        kind="video",
        opaque=True,
        fps=FPS,
        canvas=source.facts.size,
        face=face_frame(rest),
        licence=consent.licence if consent else "The terms of the video it was made from.",
        made=MADE,
        files={key: _digest(files[key]) for key in sorted(files)},
    )


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    return file_sha256(content)
