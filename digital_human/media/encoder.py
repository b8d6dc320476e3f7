"""Pictures into a video part: the unit that is cached and joined without encoding again."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import soundfile
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from digital_human.core.frames import ByteArray
from digital_human.errors import ResourceError


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn write errors on ``path`` into a `ResourceError` that says what to do."""
    try:
        yield
    except soundfile.SoundFileError as error:
        raise ResourceError(
            f"cannot write {path}: {error}", fix="check the free space and that the folder is yours"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(
                f"no space left while writing {path}",
                fix="free some space (digital-human doctor shows how much there is) and run the "
                "same command again: finished segments are kept",
            ) from error
        raise ResourceError(f"cannot write {path}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class Coding:
    """How a programme is coded.

    Attributes:
        suffix: Of its files.
        video: Name of the video encoder.
        pix_fmt: Of its pictures.
        options: Of the encoder.
        source: Format of the pictures handed to it.
        audio: Name of the sound encoder.
        bytes_per_second: Roughly, at 720p.
    """

    suffix: str
    video: str
    pix_fmt: str
    options: Mapping[str, str]
    source: Literal["rgb24", "rgba"]
    audio: str
    bytes_per_second: int


H264 = Coding(
    ".mp4", "libx264", "yuv420p",
    {"preset": "veryfast", "crf": "19", "flags": "+cgop", "bf": "2"}, "rgb24", "aac", 600_000,
)  # fmt: skip
"""What viewers get."""
AlphaName = Literal["webm", "prores"]
WITH_ALPHA: Mapping[AlphaName, Coding] = {
    "webm": Coding(
        ".webm", "libvpx-vp9", "yuva420p",
        # Alternate reference frames would come at other times in the picture and in its alpha.
        {"crf": "16", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1",
         "auto-alt-ref": "0", "lag-in-frames": "0"},
        "rgba", "libopus", 500_000,
    ),
    "prores": Coding(
        ".mov", "prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "8"}, "rgba",
        "pcm_s16le", 17_000_000,
    ),
}  # fmt: skip
"""What editors get: straight alpha, in colours of ITU-R BT.709."""


class PartEncoder:
    """Encodes pictures of one size into a video-only file.

    Parts made with the same size, rate and coding carry the same codec header, start with a key
    frame and use closed groups, so `muxer.mux` joins them packet by packet.

    Args:
        path: File to write; its folder must exist.
        size: Width and height in pixels, both even.
        fps: Frames per second.
        threads: Encoder threads.
        coding: How.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], fps: int, threads: int = 1, coding: Coding = H264
    ) -> None:
        self._path, self._coding = path, coding
        self.frames = 0
        with disk_errors(path):
            self._file = av.open(str(path), "w")
        stream = self._file.add_stream(coding.video, rate=fps)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = coding.pix_fmt
        if coding.video == "libvpx-vp9":
            self._stream.metadata["alpha_mode"] = "1"
        context = self._stream.codec_context
        context.time_base = Fraction(1, fps)
        context.gop_size = fps * 2
        context.thread_count = threads
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = context.color_trc = 1  # ITU-R BT.709
        context.options = dict(coding.options)

    def write(self, image: ByteArray) -> None:
        """Encode one picture, uint8 [h, w, 3] RGB, or [h, w, 4] RGBA where the coding has alpha."""
        frame = av.VideoFrame.from_ndarray(image, format=self._coding.source).reformat(
            format=self._coding.pix_fmt,
            dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
        )  # fmt: skip
        frame.pts, frame.time_base = self.frames, Fraction(1, self._stream.codec_context.framerate)
        self.frames += 1
        with disk_errors(self._path):
            self._file.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Flush and finish the file."""
        with disk_errors(self._path):
            self._file.mux(self._stream.encode(None))
            self._file.close()

    def abort(self) -> None:
        """Give up: close and remove the file."""
        try:
            self._file.close()
        except (OSError, av.FFmpegError):
            pass
        self._path.unlink(missing_ok=True)
