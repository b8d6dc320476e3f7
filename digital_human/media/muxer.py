"""Joins encoded parts and one sound track into one file."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.audio.stream import AudioStream

from digital_human.core.frames import FloatArray
from digital_human.media.encoder import H264, Coding, disk_errors

if TYPE_CHECKING:
    from av.video.stream import VideoStream

AUDIO_RATE = 48_000
_AAC_FRAME = 1024


def mux(
    parts: Sequence[Path],
    pcm: FloatArray,
    path: Path,
    *,
    fps: int,
    metadata: Mapping[str, str],
    coding: Coding = H264,
    progress: Callable[[int], None] = lambda frames: None,
) -> None:
    """Write ``path`` from video parts of `PartEncoder` and one sound track.

    Args:
        parts: In order of play; all of one size and rate.
        pcm: float32 [n] mono at `AUDIO_RATE`; cut or padded to the length of the picture.
        path: File to write; left behind only when it is whole. An MP4 plays while it loads.
        fps: Frames per second of the parts.
        metadata: Container tags.
        coding: What the parts were made with.
        progress: Called with the number of video frames written so far.
    """
    partial = path.with_suffix(f".part{path.suffix}")
    iso = path.suffix in (".mp4", ".mov")
    try:
        with disk_errors(path):
            options = {"movflags": "faststart"} if iso else {}
            with av.open(str(partial), "w", options=options) as out:
                out.metadata.update(metadata)
                with av.open(str(parts[0])) as first:
                    video = out.add_stream_from_template(first.streams.video[0])
                    video.metadata.update(first.streams.video[0].metadata)
                audio = out.add_stream(coding.audio, rate=AUDIO_RATE, layout="stereo")
                assert isinstance(audio, AudioStream)
                if coding.audio != "pcm_s16le":
                    audio.bit_rate = 160_000
                pictures = list(_lengths(parts))
                total = sum(pictures) * AUDIO_RATE // fps
                pcm = np.pad(pcm[:total], (0, max(0, total - len(pcm))))
                done = 0
                for packet in _interleave(
                    _video_packets(parts, pictures, fps, video), _audio_packets(pcm, audio)
                ):
                    is_video = packet.stream is video
                    out.mux(packet)
                    if is_video:
                        done += 1
                        progress(done)
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _lengths(parts: Sequence[Path]) -> Iterator[int]:
    for part in parts:
        with av.open(str(part)) as file:
            # WebM does not say how many frames it holds.
            counted = file.streams.video[0].frames
            yield counted or sum(1 for packet in file.demux(video=0) if packet.size)


def _video_packets(
    parts: Sequence[Path], lengths: Sequence[int], fps: int, stream: VideoStream
) -> Iterator[av.Packet[Any]]:
    base = Fraction(1, fps)
    start = 0
    for part, length in zip(parts, lengths, strict=True):
        with av.open(str(part)) as file:
            for packet in file.demux(video=0):
                if packet.dts is None or packet.pts is None:
                    continue
                source = packet.time_base
                packet.pts = start + round(packet.pts * source / base)
                packet.dts = start + round(packet.dts * source / base)
                packet.duration = 1
                packet.time_base = base
                packet.stream = stream
                yield packet
        start += length


def _audio_packets(pcm: FloatArray, stream: AudioStream) -> Iterator[av.Packet[Any]]:
    base = Fraction(1, AUDIO_RATE)
    for start in range(0, len(pcm), _AAC_FRAME):
        block = pcm[start : start + _AAC_FRAME]
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(np.stack([block, block])), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, start, base
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _interleave(*tracks: Iterator[av.Packet[Any]]) -> Iterator[av.Packet[Any]]:
    return heapq.merge(*tracks, key=lambda packet: (packet.dts or 0) * packet.time_base)
