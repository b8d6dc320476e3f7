"""H.264 into an MP4 part: the unit that is cached and joined without encoding again."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import soundfile
from av.video.reformatter import ColorRange, Colorspace

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


class PartEncoder:
    """Encodes pictures of one size into a video-only MP4.

    Parts made with the same size and rate carry the same codec header, start with a key frame and
    use closed groups, so `muxer.mux` joins them packet by packet.

    Args:
        path: File to write; its folder must exist.
        size: Width and height in pixels, both even.
        fps: Frames per second.
        threads: Encoder threads.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: int, threads: int = 1) -> None:
        self._path = path
        self.frames = 0
        with disk_errors(path):
            self._file = av.open(str(path), "w", format="mp4")
        self._stream = self._file.add_stream("libx264", rate=fps)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = Fraction(1, fps)
        context.gop_size = fps * 2
        context.thread_count = threads
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = context.color_trc = 1  # ITU-R BT.709
        context.options = {"preset": "veryfast", "crf": "19", "flags": "+cgop", "bf": "2"}

    def write(self, image: ByteArray) -> None:
        """Encode one picture, uint8 [h, w, 3] RGB."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
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
