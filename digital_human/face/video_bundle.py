"""The video avatar: a base video, its landmarks and poses, and the mouth that is put into it.

Bundles come from users, so nothing in them is trusted: sizes are bounded and arrays are read
without pickles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.bundle import LAYERS, MAX_TEXTURES, Geometry, Layer
from digital_human.face.bundlefiles import read_arrays, read_files, read_image
from digital_human.face.manifest import (
    CANVAS,
    MANIFEST,
    AvatarManifest,
    find_bundle,
    load_manifest,
)
from digital_human.face.mesh import IntArray
from digital_human.face.renderers.base import Renderer
from digital_human.face.video_frames import FPS, FrameReader
from digital_human.models.files import file_sha256

BASE, BRIDGES, TRACK = "base.mp4", "bridges.mp4", "track.npz"
MAX_VIDEO = 400 * 2**20
MAX_FRAMES = 8000
_MAX_PICTURES = 64 * 2**20
_MAX_TRACK = 256 * 2**20
_MODES = ("open", "width", "chin", "blink")


@dataclass(frozen=True, slots=True)
class BaseTrack:
    """The face in every frame of the base video and, after these, of the bridges.

    Attributes:
        points: float32 [n + b, 478, 2], landmarks in pixels of the base video.
        pose: float32 [n + b, 2, 4]; ``pose[:, :3] @ x + pose[:, 3]`` is where the point x of the
            canonical face lies in the frame.
        shape: float32 [478, 3], the canonical face.
        energy: float32 [n], how lively the person is, outer-eye distances per second.
        jumps: int32 [j, 4]: first frame not shown, frame shown after the bridge, number of the
            bridge's first frame (counted on from the base video's), and its length. The first one
            closes the loop; one leaves the last frame.
        talks: The mouth moves in the base video and is drawn anew in every frame.
    """

    points: FloatArray
    pose: FloatArray
    shape: FloatArray
    energy: FloatArray
    jumps: IntArray
    talks: bool

    @property
    def count(self) -> int:
        """Frames of the base video without bridges."""
        return len(self.energy)


@dataclass(frozen=True, slots=True)
class Prototypes:
    """Lower faces of single frames that show the person's mouth in typical shapes.

    Attributes:
        images: uint8 [h, w, 3] each, all of one size, cut from the base video.
        points: float32 [t, 478, 2], landmarks in their pixels.
        pose: float32 [t, 2, 4], where the canonical face lies in them.
    """

    images: tuple[ByteArray, ...]
    points: FloatArray
    pose: FloatArray


@dataclass(frozen=True, slots=True)
class VideoAvatar:
    """A loaded video avatar; implements `digital_human.face.avatar.Avatar`.

    Attributes:
        manifest: What it says of itself.
        path: Its folder.
        canvas: uint8 [h, w, 4] RGBA, the first frame of the loop.
        geometry: How the mouth moves, on the canonical face.
        track: The face in every frame.
        prototypes: The person's own mouth; empty when the base video is silent.
        layers: Drawn teeth and tongue by name, in canonical pixels.
        crop: Width and height of the lower face that is cut out, in pixels of the base video.
    """

    manifest: AvatarManifest
    path: Path
    canvas: ByteArray
    geometry: Geometry
    track: BaseTrack
    prototypes: Prototypes
    layers: dict[str, Layer]
    crop: tuple[int, int]

    def renderer(self, height: int) -> Renderer:
        """A renderer that plays the base video as an endless loop, ``height`` px high."""
        from digital_human.face.renderers.video import VideoRenderer

        return VideoRenderer(self, height)

    def in_order(self) -> Renderer:
        """A renderer at the video's own size that shows the frame with the motion's pts.

        After the last frame the loop goes on.
        """
        from digital_human.face.renderers.video import VideoRenderer

        return VideoRenderer(self, self.canvas.shape[0], in_order=True)


def load_video_bundle(name_or_path: str | Path) -> VideoAvatar:
    """Load a video avatar with all its files, checked.

    Raises:
        InputError: The anchor is unknown, or a file of the bundle is missing, altered, corrupt,
            too large or of the wrong size; the message names it.
    """
    manifest = load_manifest(name_or_path)
    folder = find_bundle(name_or_path)
    for name in (BASE, BRIDGES, TRACK):
        if name not in manifest.files:
            raise InputError(f"{folder}: does not list {name}", fix="make the avatar again")
    if manifest.fps != FPS:
        raise InputError(f"{folder}: fps {manifest.fps}, must be {FPS}", fix="make it again")
    videos = {BASE, BRIDGES}
    _check_videos(folder, {name: manifest.files[name] for name in videos})
    others = {name: digest for name, digest in manifest.files.items() if name not in videos}
    blobs = read_files(folder, manifest.model_copy(update={"files": others}), _MAX_PICTURES)
    canvas = read_image(folder, CANVAS, blobs, "RGBA", manifest.canvas)
    arrays = _Arrays(folder / TRACK, read_arrays(folder / TRACK, blobs[TRACK], _MAX_TRACK))
    track = arrays.track()
    geometry = arrays.geometry(track, manifest.canvas)
    count = int(geometry.textures.max(initial=-1)) + 1
    crop = int(geometry.mouth_box[2]), int(geometry.mouth_box[3])
    images = tuple(
        read_image(folder, f"mouths/{i:02d}.webp", blobs, "RGB", crop) for i in range(count)
    )
    prototypes = arrays.prototypes(images)
    layers = {
        name: Layer(read_image(folder, f"layers/{name}.webp", blobs, "RGBA", None), corner)
        for name, corner in zip(LAYERS, geometry.layer_corners, strict=True)
        if f"layers/{name}.webp" in blobs
    }
    for name, frames in ((BASE, track.count), (BRIDGES, len(track.points) - track.count)):
        reader = FrameReader(folder / name)
        held = reader.native, reader.count
        reader.close()
        if held != (manifest.canvas, frames):
            raise InputError(
                f"{folder / name}: has {held[1]} frames of {held[0][0]}×{held[0][1]}, must have "
                f"{frames} of {manifest.canvas[0]}×{manifest.canvas[1]}",
                fix="make the avatar again",
            )
    return VideoAvatar(manifest, folder, canvas, geometry, track, prototypes, layers, crop)


def _check_videos(folder: Path, digests: dict[str, str]) -> None:
    """The videos' hashes, read piece by piece: they stay on disk."""
    root, total = folder.resolve(), 0
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file() or not path.resolve().is_relative_to(root):
            raise InputError(f"{path}: missing", fix="restore the bundle or make it again")
        total += path.stat().st_size
        if total > MAX_VIDEO:
            raise InputError(f"{folder}: its videos exceed {MAX_VIDEO >> 20} MiB")
        if file_sha256(path) != digest:
            raise InputError(
                f"{path}: damaged or altered, its sha256 is not the one in {MANIFEST}",
                fix="restore the bundle or make it again",
            )


class _Arrays:
    """Checks shapes, finiteness and ranges of the arrays of a bundle.

    Args:
        path: Of the file, for messages.
        arrays: Its content.
    """

    def __init__(self, path: Path, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        self._path = path
        self._arrays = arrays

    def _take(self, name: str, shape: tuple[int | None, ...], kind: type[np.generic]) -> Any:
        array = self._arrays.get(name)
        if array is None:
            raise InputError(f"{self._path}: lacks {name!r}", fix="make the avatar again")
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype != kind or not np.isfinite(array).all():
            raise InputError(
                f"{self._path}: {name!r} is {array.dtype} {list(array.shape)}, must be finite "
                f"{np.dtype(kind)} {list(shape)}",
                fix="make the avatar again",
            )
        return array

    def _rule(self, holds: bool, rule: str) -> None:
        if not holds:
            raise InputError(f"{self._path}: {rule}", fix="make the avatar again")

    def track(self) -> BaseTrack:
        """Landmarks, poses and jumps."""
        f, n = np.float32, lm.COUNT
        points = self._take("points", (None, n, 2), f)
        energy = self._take("energy", (None,), f)
        jumps = self._take("jumps", (None, 4), np.int32)
        count, total = len(energy), len(points)
        self._rule(2 <= count <= MAX_FRAMES, f"must have 2 to {MAX_FRAMES} frames")
        self._rule(count < total <= 3 * MAX_FRAMES, "must have landmarks of base and bridges")
        leave, enter, first, length = jumps.T
        inside = (leave >= 1) & (leave <= count) & (enter >= 0) & (enter < count)
        bridged = (first >= count) & (length >= 1) & (first + length <= total)
        self._rule(len(jumps) > 0 and bool((inside & bridged).all()), "jumps lead nowhere")
        self._rule(bool(enter[0] < leave[0]), "the first jump must go back")
        self._rule(count in leave, "no jump leaves the last frame")
        return BaseTrack(
            points=points,
            pose=self._take("pose", (total, 2, 4), f),
            shape=self._take("shape", (n, 3), f),
            energy=energy,
            jumps=jumps,
            talks=bool(self._take("talks", (), np.bool_)),
        )

    def geometry(self, track: BaseTrack, canvas: tuple[int, int]) -> Geometry:
        """How the mouth moves."""
        f, i, n = np.float32, np.int32, lm.COUNT
        gaps, widths = self._take("gaps", (None,), f), self._take("widths", (None,), f)
        grid = len(gaps), len(widths)
        points = np.ascontiguousarray(track.shape[:, :2])
        geometry = Geometry(
            landmarks=points,
            triangles=self._take("triangles", (None, 3), i),
            depth=np.zeros(n, f),
            gaps=gaps,
            widths=widths,
            offsets=self._take("offsets", (*grid, n, 2), f),
            textures=self._take("textures", grid, i),
            modes={
                key[5:]: self._take(key, (n, 2), f)
                for key in self._arrays
                if key.startswith("mode_")
            },
            mouth_reference=points,
            mouth_box=self._take("crop", (4,), i),
            eyes_closed=points,
            eyes_box=np.zeros(4, i),
            layer_corners=self._take("layer_corners", (len(LAYERS), 2), f),
            cavity=self._take("cavity", (3,), f),
        )
        triangles, crop = geometry.triangles, geometry.mouth_box
        rising = all(len(a) > 0 and bool((np.diff(a) > 0).all()) for a in (gaps, widths))
        self._rule(rising and gaps[0] == 0, "gaps and widths must rise, gaps from 0")
        self._rule(0 <= triangles.min() and triangles.max() < n, "triangles must index landmarks")
        textures = geometry.textures
        self._rule(-1 <= textures.min() and textures.max() < MAX_TEXTURES, "textures out of range")
        self._rule(lm.eye_distance(points) > 8, "the eye distance must exceed 8 px")
        self._rule(all(name in geometry.modes for name in _MODES), f"modes must have {_MODES}")
        self._rule(
            bool((crop[2:] >= 8).all() and (crop[2:] <= canvas).all()),
            "the lower face must lie in the picture",
        )
        return geometry

    def prototypes(self, images: tuple[ByteArray, ...]) -> Prototypes:
        """The person's own mouth."""
        t, f = len(images), np.float32
        points = self._take("prototype_points", (t, lm.COUNT, 2), f)
        return Prototypes(images, points, self._take("prototype_pose", (t, 2, 4), f))
