"""A video as a live background: coded once in the picture's size, then looped at little cost.

Decoding what a camera or an editor delivered costs more per frame than drawing the person. So it is
decoded once, scaled, and coded again in memory for the quickest decoding there is; the end fades
into the beginning, so that the loop has no jump.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from digital_human.core.frames import ByteArray
from digital_human.core.stage import ModelThread
from digital_human.errors import DigitalHumanError, InputError, ResourceError
from digital_human.media.clips import resampled
from digital_human.media.layouts import Size

MAX_SECONDS = 180
"""Longest background video: a minute takes about 10 MB."""
_FADE = 0.5  # s over which the end becomes the beginning
_KEPT = 3  # prepared videos kept for further sessions
_NICE = 19  # of the preparing process


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """A video ready to be looped; shared by sessions and never changed.

    Attributes:
        size: Width and height of its pictures.
        packets: H.264, one picture each; only the first can be decoded by itself.
    """

    size: Size
    packets: tuple[bytes, ...]


def first_picture(path: Path, size: Size) -> ByteArray:
    """The first picture of a video, filling ``size``: uint8 [h, w, 3].

    Raises:
        InputError: The file is missing, damaged or no video.
    """
    return next(_pictures(path, size, 25)).copy()


def footage(path: Path, size: Size, fps: int) -> Footage:
    """Prepare a video in a process of its own, which yields to everything else that runs.

    In this process it would hold the interpreter up and make running sessions stutter. It takes
    about a second for every three of the video; the last few are remembered.

    Args:
        path: The video; its sound is not used.
        size: Width and height to fill, cropped about the middle, both even.
        fps: Frames per second of the live picture.

    Raises:
        InputError: The file is missing, damaged or longer than `MAX_SECONDS`.
        ResourceError: The process was killed.
    """
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    with _preparing:
        return _prepared(path.resolve(), changed, size, fps)


_preparing = Lock()


@lru_cache(maxsize=_KEPT)
def _prepared(path: Path, changed: int, size: Size, fps: int) -> Footage:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, path, size, fps), daemon=True)
    process.start()
    there.close()
    if sys.platform == "linux" and process.pid is not None:
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    try:
        made: Footage | DigitalHumanError = here.recv()
    except EOFError:
        raise ResourceError(
            f"background {path}: preparing it was killed, most likely for want of memory",
            fix="use a smaller or shorter video",
        ) from None
    finally:
        process.join()
    if isinstance(made, DigitalHumanError):
        raise made
    return made


def _work(answer: Connection, path: Path, size: Size, fps: int) -> None:
    try:
        answer.send(code(path, size, fps))
    except DigitalHumanError as error:
        answer.send(error)


def code(path: Path, size: Size, fps: int) -> Footage:
    """As `footage`, here and now."""
    encoder = _encoder(size, fps)
    packets: list[bytes] = []
    for number, picture in enumerate(_joined(_pictures(path, size, fps), round(_FADE * fps))):
        if number >= MAX_SECONDS * fps:
            raise InputError(
                f"background {path}: longer than {MAX_SECONDS} s",
                fix="cut it; it is shown again and again",
            )
        coded = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
        frame = av.VideoFrame.from_ndarray(np.asarray(coded, np.uint8), format="yuv420p")
        frame.pts = number
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return Footage(size, tuple(packets))


def _encoder(size: Size, fps: int) -> VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(fps), Fraction(1, fps)
    encoder.thread_count = 1
    encoder.gop_size = 1_000_000
    encoder.options = {
        "preset": "veryfast", "coder": "0", "crf": "18", "bf": "0", "sc_threshold": "0"
    }  # fmt: skip
    return encoder


def _pictures(path: Path, size: Size, fps: int) -> Iterator[ByteArray]:
    """The video's pictures, filling ``size``."""
    width, height = size
    last, picture = None, None
    for frame in resampled(path, fps):
        if frame is not last or picture is None:
            last = frame
            scale = max(width / frame.width, height / frame.height)
            w, h = max(width, round(frame.width * scale)), max(height, round(frame.height * scale))
            big = frame.reformat(width=w, height=h, format="rgb24").to_ndarray()
            x, y = (w - width) // 2, (h - height) // 2
            picture = np.ascontiguousarray(big[y : y + height, x : x + width], np.uint8)
        yield picture


def _joined(pictures: Iterator[ByteArray], overlap: int) -> Iterator[ByteArray]:
    """``pictures`` without the first ``overlap``, which the last ones fade into instead."""
    head = list(itertools.islice(pictures, 2 * overlap))
    if len(head) < 2 * overlap:
        yield from head
        return
    begin, tail = head[:overlap], deque(head[overlap:])
    for picture in pictures:
        tail.append(picture)
        yield tail.popleft()
    for number, (old, new) in enumerate(zip(tail, begin, strict=True), 1):
        share = number / (overlap + 1)
        yield np.asarray(cv2.addWeighted(old, 1 - share, new, share, 0), np.uint8)


class Loop:
    """Plays prepared footage for ever, decoding one picture ahead in a thread of its own.

    Args:
        source: What to play.
    """

    def __init__(self, source: Footage) -> None:
        self._decoder = _Decoder(source)
        self._shown = self._decoder.next(None)
        self._thread = ModelThread("background")
        weakref.finalize(self, self._thread.shutdown, wait=False)
        self._spare: ByteArray | None = None
        self._coming: Future[ByteArray] = self._ask()

    def picture(self) -> ByteArray:
        """The picture of this frame, uint8 [h, w, 3]; the last one again when none is ready.

        It is valid until the next call.
        """
        if self._coming.done():
            self._spare, self._shown = self._shown, self._coming.result()
            self._coming = self._ask()
        return self._shown

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)

    def _ask(self) -> Future[ByteArray]:
        spare, self._spare = self._spare, None
        return self._thread.submit(self._decoder.next, spare)


class _Decoder:
    """Decodes footage round and round; one thread at a time."""

    def __init__(self, source: Footage) -> None:
        self._packets = itertools.cycle(source.packets)
        self._context = av.CodecContext.create("h264", "r")
        self._context.thread_count = 1
        self._context.options = {"flags": "low_delay"}

    def next(self, into: ByteArray | None) -> ByteArray:
        """The next picture, uint8 [h, w, 3], written over ``into`` where one is given."""
        frames: list[av.VideoFrame] = []
        while not frames:
            frames = self._context.decode(av.Packet(next(self._packets)))
        planes = frames[0].to_ndarray()
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420, dst=into), np.uint8)
