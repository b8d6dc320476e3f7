"""Cuts lower faces out of the frames of a base video, all of one size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.video_track import FaceTrack
from digital_human.face.video_crop import lower_centre, lower_corners
from digital_human.face.video_frames import FrameReader


def crop_size(track: FaceTrack, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height, both even, that hold the lower face of every frame."""
    corners = np.column_stack([lower_corners(track.shape), np.full(4, _depth(track.shape))])
    placed = np.einsum("nij,kj->nki", track.pose[:, :, :3], corners)
    extent = (placed.max(1) - placed.min(1)).max(0)
    even = np.ceil(extent / 2).astype(int) * 2
    width, height = (int(min(e, s // 2 * 2)) for e, s in zip(even, size, strict=True))
    return width, height


def _depth(shape: FloatArray) -> float:
    return float(shape[list(lm.OVAL), 2].mean())


def cut_out(
    frames: npt.NDArray[np.intp],
    track: FaceTrack,
    reader: FrameReader,
    crop: tuple[int, int],
) -> tuple[list[ByteArray], FloatArray, FloatArray]:
    """The lower faces of ``frames``.

    Returns:
        uint8 [h, w, 3] each, landmarks float32 [t, 478, 2] and poses float32 [t, 2, 4] in them.
    """
    centre = lower_centre(track.shape)
    pictures: dict[int, ByteArray] = {}
    points = np.zeros((len(frames), lm.COUNT, 2), np.float32)
    poses = np.zeros((len(frames), 2, 4), np.float32)
    extent, size = np.array(crop), np.array(reader.native)
    for place in np.argsort(frames):
        frame = int(frames[place])
        pose = track.pose[frame].copy()
        corner = np.round(pose[:, :3] @ centre + pose[:, 3] - extent / 2)
        corner = np.clip(corner, 0, size - extent).astype(int)
        picture = reader.read(frame)[..., :3]
        x, y = corner.tolist()
        pictures[int(place)] = np.ascontiguousarray(picture[y : y + crop[1], x : x + crop[0]])
        points[place] = track.points[frame, :, :2] - corner
        pose[:, 3] -= corner
        poses[place] = pose
    return [pictures[i] for i in range(len(frames))], points, poses
