"""Reads a user's video that nobody vouches for: bounded, upright, at the rate of base videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.video_frames import EXACT, FPS
from digital_human.models.files import file_sha256

MIN_SECONDS, MAX_SECONDS = 2.5, 300.0
ADVISED_SECONDS = 10.0
MAX_FILE = 4 * 2**30
MAX_SIDE = 4096
MIN_SIDE = 240
MAX_RATE = 121.0
_WORK = (1920, 1280)  # what is kept of a video's width and height
_TEMPO = (0.82, 1.06)  # how far frames are played faster or slower rather than dropped or doubled
_HINT = "play it to check it, or convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"
_BT709 = 1


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a video file says of itself.

    Attributes:
        sha256: Of its bytes; consent is given for that.
        size: Width and height of the pictures made of it, both even.
        shown: Width and height as the file shows them.
        rate: Its frames per second.
        tempo: How much faster it is played.
        frames: About how many pictures it will give.
    """

    sha256: str
    size: tuple[int, int]
    shown: tuple[int, int]
    rate: float
    tempo: float
    frames: int


class SourceVideo:
    """A user's video.

    Args:
        path: The file.
        faithful: Keep its size and tempo, for new lips in an existing film; otherwise pictures are
            made smaller than `_WORK`, and usual rates are played frame by frame at `FPS`.

    Raises:
        InputError: It is missing, no video, too short, too long, too small or too large.
    """

    def __init__(self, path: Path, *, faithful: bool = False) -> None:
        self.path = path
        if not path.is_file():
            raise InputError(f"video {path}: there is no such file", fix="check the path")
        if path.stat().st_size > MAX_FILE:
            raise InputError(
                f"video {path}: {path.stat().st_size >> 20} MiB, at most {MAX_FILE >> 20} MiB",
                fix="give a shorter or more compressed copy",
            )
        with self._open() as container:
            stream = container.streams.video[0]
            first = self._first(container, stream)
            self.facts = self._check(container, stream, first, faithful)

    def _open(self) -> InputContainer:
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as error:
            raise InputError(
                f"video {self.path}: not a readable video ({error.strerror})", fix=_HINT
            ) from None
        if not container.streams.video:
            container.close()
            raise InputError(
                f"video {self.path}: holds no picture track", fix="give a video of a person"
            )
        return container

    def _first(self, container: InputContainer, stream: VideoStream) -> DecodedFrame:
        try:
            first = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise InputError(f"video {self.path}: damaged ({error.strerror})", fix=_HINT) from None
        if first is None:
            raise InputError(f"video {self.path}: holds no picture", fix=_HINT)
        return first

    def _check(
        self, container: InputContainer, stream: VideoStream, first: DecodedFrame, faithful: bool
    ) -> VideoFacts:
        width, height = first.width, first.height
        if aspect := stream.sample_aspect_ratio:
            width = round(width * float(aspect)) if 0.2 < aspect < 5 else width
        if abs(first.rotation) % 180 == 90:
            width, height = height, width
        if max(width, height) > MAX_SIDE or min(width, height) < MIN_SIDE:
            raise InputError(
                f"video {self.path}: {width}×{height} pixels, sides must be {MIN_SIDE} to "
                f"{MAX_SIDE}",
                fix="give the original, or a copy of a usual size (1920×1080)",
            )
        rate = float(stream.average_rate or stream.guessed_rate or FPS)
        if not 1 <= rate <= MAX_RATE:
            raise InputError(
                f"video {self.path}: {rate:.0f} frames per second, at most {MAX_RATE:.0f}",
                fix="convert it to 25 frames per second",
            )
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration:
            seconds = container.duration / av.time_base
        else:  # as browsers record
            seconds = self._measured(first, 1 / rate)
        self._check_length(seconds)
        scale = 1.0 if faithful else min(1.0, _WORK[0] / width, _WORK[1] / height)
        size = round(width * scale / 2) * 2, round(height * scale / 2) * 2
        # Nobody sees that a film at 24, 30 or 60 frames a second goes a little slower or faster;
        # everybody sees a stutter.
        tempo = FPS / rate * max(1, round(rate / FPS))
        if faithful or not _TEMPO[0] <= tempo <= _TEMPO[1]:
            tempo = 1.0
        frames = max(1, round(seconds / tempo * FPS))
        return VideoFacts(file_sha256(self.path), size, (width, height), rate, tempo, frames)

    def _measured(self, first: DecodedFrame, gap: float) -> float:
        """Seconds from the first picture to the end of the last, by reading the whole file."""
        last = -1.0
        with self._open() as container:
            stream = container.streams.video[0]
            try:
                for packet in container.demux(stream):
                    if packet.pts is not None and packet.time_base is not None:
                        last = max(last, float(packet.pts * packet.time_base))
            except av.FFmpegError as error:
                raise InputError(
                    f"video {self.path}: damaged ({error.strerror})", fix=_HINT
                ) from None
        return max(0.0, last - (first.time or 0.0) + gap)

    def _check_length(self, seconds: float) -> None:
        if seconds > MAX_SECONDS + 1:
            raise InputError(
                f"video {self.path}: {seconds:.0f} s, at most {MAX_SECONDS:.0f} s",
                fix="cut out a part in which the person sits or stands before the camera",
            )
        if 0 < seconds < MIN_SECONDS:
            raise InputError(
                f"video {self.path}: {seconds:.1f} s, at least {MIN_SECONDS} s "
                f"(better {ADVISED_SECONDS:.0f} s and more)",
                fix="record a longer one",
            )

    def frames(self) -> Iterator[ByteArray]:
        """Every picture at `FPS`, uint8 [h, w, 3] RGB, contiguous.

        Raises:
            InputError: The file is damaged, or shorter or longer than it says.
        """
        before: tuple[float, DecodedFrame] | None = None
        made, gap = 0, 1 / (self.facts.tempo * self.facts.rate)
        for time, frame in self._timed():
            if time > MAX_SECONDS + 1:
                self._check_length(time)
            if before is not None:
                middle = (before[0] + time) / 2
                count = max(0, int(np.ceil(middle * FPS - made - 1e-6)))
                yield from self._repeat(before[1], count)
                made += count
            before = (time, frame)
        end = before[0] + gap if before else 0.0
        if made / FPS + gap < MIN_SECONDS and end < MIN_SECONDS - 0.02:
            self._check_length(max(end, 0.01))
        if before is not None:
            yield from self._repeat(before[1], max(0, int(np.floor(end * FPS + 0.01)) - made))

    def _timed(self) -> Iterator[tuple[float, DecodedFrame]]:
        """Seconds from the first picture, at the tempo wanted, and the decoded picture."""
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"
            origin, index, scale = None, 0, 1 / self.facts.tempo
            try:
                for frame in container.decode(stream):
                    now = frame.time if frame.time is not None else index / self.facts.rate
                    origin = now if origin is None else origin
                    yield (now - origin) * scale, frame
                    index += 1
            except av.FFmpegError as error:
                raise InputError(
                    f"video {self.path}: damaged after {index} pictures ({error.strerror})",
                    fix=_HINT,
                ) from None

    def _repeat(self, frame: DecodedFrame, count: int) -> Iterator[ByteArray]:
        if count:
            picture = self._picture(frame)
            for _ in range(count):
                yield picture

    def _picture(self, frame: DecodedFrame) -> ByteArray:
        turned = abs(frame.rotation) % 180 == 90
        width, height = self.facts.size[::-1] if turned else self.facts.size
        wide = frame.colorspace == _BT709 or (frame.colorspace == 2 and frame.height >= 720)
        smaller = height < frame.height
        image = frame.reformat(
            width,
            height,
            "rgb24",
            src_colorspace=Colorspace.ITU709 if wide else Colorspace.ITU601,
            interpolation=EXACT | (Interpolation.AREA if smaller else Interpolation.BICUBIC),
        ).to_ndarray()
        return np.array(np.rot90(image, round(frame.rotation / 90)), np.uint8, order="C")
