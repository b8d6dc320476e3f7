"""Puts the inner lip lines of a person who keeps the mouth shut onto the line between the lips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.lips import meet, on_the_seam
from digital_human.face.build.video_track import FaceTrack
from digital_human.face.video_frames import FrameReader

_FRAMES = 9


def lips_on_seam(track: FaceTrack, reader: FrameReader) -> FaceTrack:
    """The track with its inner lips moved, in every frame alike, to where the lips part.

    Landmarks miss that line by some pixels, always to the same side in one face: the shift is the
    median over some frames with shut lips, taken on the canonical face.
    """
    calm = np.argsort(track.gaps, kind="stable")[: max(_FRAMES, len(track.gaps) // 2)]
    chosen = np.sort(calm)[np.linspace(0, len(calm) - 1, _FRAMES).astype(int)]
    found = []
    for frame in chosen:
        image = np.ascontiguousarray(reader.read(int(frame))[..., :3])
        points = track.points[frame, :, :2]
        moved = on_the_seam(image, meet(points)) - points
        found.append(moved @ np.linalg.inv(track.pose[frame, :, :2]).T)
    shift = np.median(found, axis=0).astype(np.float32)
    still = np.ones(lm.COUNT, bool)
    still[list(lm.LIPS)] = False
    shift[still] = 0
    points = track.points.copy()
    points[..., :2] += _turned(shift, track.pose)
    shape = track.shape.copy()
    shape[:, :2] += shift
    return replace(track, points=points, shape=shape, straight=track.straight + shift)


def _turned(shift: FloatArray, pose: FloatArray) -> FloatArray:
    """A displacement of the canonical face as each frame shows it, float32 [n, 478, 2]."""
    return np.asarray(np.einsum("nij,kj->nki", pose[:, :, :2], shift), np.float32)
