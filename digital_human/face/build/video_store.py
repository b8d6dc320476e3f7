"""Writes the base video of a bundle: H.264 that is quick to decode and to enter anywhere."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from digital_human.core.frames import ByteArray
from digital_human.errors import ResourceError
from digital_human.face.video_frames import EXACT, FPS, KEY_EVERY

_CRF = "15"
_RATE = 80_000_000  # bits per second
MAX_BYTES = 380 * 2**20


class VideoWriter:
    """Encodes pictures of one size; a context manager.

    Args:
        path: File to write.
        size: Width and height in pixels, both even.
        frames: About how many there will be, for the limit of the file's size.

    Raises:
        ResourceError: At the end of the ``with`` statement, as in `write`.
    """

    def __init__(self, path: Path, size: tuple[int, int], frames: int) -> None:
        self._path = path
        self._count = 0
        self._file = av.open(str(path), "w", format="mp4")
        self._stream = self._file.add_stream("libx264", rate=FPS)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base = Fraction(1, FPS)
        context.gop_size = KEY_EVERY
        context.max_b_frames = 0
        context.thread_count = 2
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = context.color_trc = 1  # ITU-R BT.709
        limit = min(_RATE, int(MAX_BYTES * 8 * FPS / max(frames, FPS)))
        context.options = {
            "preset": "fast", "crf": _CRF, "tune": "fastdecode", "sc_threshold": "0",
            "maxrate": str(limit), "bufsize": str(limit),
        }  # fmt: skip

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            try:
                if error is None:
                    self._file.mux(self._stream.encode(None))
            finally:
                self._file.close()
        except OSError as late:
            if error is None:
                raise self._unwritten(late) from late

    @property
    def count(self) -> int:
        """Frames written so far."""
        return self._count

    def write(self, image: ByteArray, *, key: bool = False) -> None:
        """Encode one picture, uint8 [h, w, 3] RGB; ``key`` makes it one that can be entered at.

        Raises:
            ResourceError: The disk is full, or the file cannot be written.
        """
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=EXACT | Interpolation.BICUBIC,
        )
        frame.pts, frame.time_base = self._count, Fraction(1, FPS)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        try:
            self._file.mux(self._stream.encode(frame))
        except OSError as error:
            raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> ResourceError:
        return ResourceError(
            f"cannot write {self._path}: {error.strerror or error}",
            fix="check the free space and that the folder is yours",
        )
