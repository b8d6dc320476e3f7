"""Writes the pictures between the frames that a loop joins, and says where the face is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face.build.video_loop import BRIDGE, Seam, blend_pair, bridge_shares
from digital_human.face.build.video_store import VideoWriter
from digital_human.face.build.video_track import FaceTrack
from digital_human.face.mesh import IntArray
from digital_human.face.video_frames import FPS, KEY_EVERY, FrameReader

_BACK = 12 * FPS  # frames of a video that are played back and forth when it has no smooth seam


def write_bridges(
    seams: list[Seam], track: FaceTrack, reader: FrameReader, path: Path
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Make the bridges of all seams; without seams, play its end back.

    Args:
        seams: From `find_seams`, the one that closes the loop first.
        track: Landmarks and poses of the base video.
        reader: The base video.
        path: File to write.

    Returns:
        ``jumps``, ``points`` and ``pose`` as `video_bundle.BaseTrack` has them.
    """
    count = len(track.points)
    points, pose = [track.points[..., :2]], [track.pose]
    jumps: list[tuple[int, int, int, int]] = []
    made = 0
    with VideoWriter(path, reader.native, len(seams) * BRIDGE or _BACK) as writer:
        if not seams:
            first = max(0, count - _BACK)
            order = np.arange(count - 2, first, -1)
            for picture in _backwards(reader, first, count - 1):
                writer.write(picture)
            points.append(track.points[order, :, :2])
            pose.append(track.pose[order])
            jumps.append((count, first, count, len(order)))
        for seam in seams:
            share = bridge_shares()[:, None, None]
            # The last frame stands still while the loop is entered from it.
            a = np.minimum(np.arange(seam.leave, seam.leave + BRIDGE), count - 1)
            b = np.arange(seam.enter - BRIDGE, seam.enter)
            for picture in _blended(reader, a, b):
                writer.write(picture, key=writer.count % BRIDGE == 0)
            points.append(track.points[a, :, :2] * (1 - share) + track.points[b, :, :2] * share)
            pose.append(track.pose[a] * (1 - share) + track.pose[b] * share)
            jumps.append((seam.leave, seam.enter, count + made, BRIDGE))
            made += BRIDGE
    return (
        np.array(jumps, np.int32),
        np.concatenate(points).astype(np.float32),
        np.concatenate(pose).astype(np.float32),
    )


def _blended(
    reader: FrameReader, a: npt.NDArray[np.int_], b: npt.NDArray[np.int_]
) -> list[ByteArray]:
    """The pictures of one bridge, uint8 [h, w, 3]."""
    leaving = [np.ascontiguousarray(reader.read(int(i))[..., :3]) for i in a]
    entering = [np.ascontiguousarray(reader.read(int(i))[..., :3]) for i in b]
    return [
        blend_pair(p, q, float(share))
        for p, q, share in zip(leaving, entering, bridge_shares(), strict=True)
    ]


def _backwards(reader: FrameReader, first: int, last: int) -> Iterator[ByteArray]:
    """The frames between ``first`` and ``last``, the later ones first, few held at a time."""
    for end in range(last, first + 1, -KEY_EVERY):
        start = max(first + 1, end - KEY_EVERY)
        piece = [np.ascontiguousarray(reader.read(i)[..., :3]) for i in range(start, end)]
        yield from reversed(piece)
