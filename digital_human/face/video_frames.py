"""Frames of a bundle's base video, in any order, decoded one at a time in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame as DecodedFrame
from av.video.reformatter import Colorspace, Interpolation

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError

FPS = 25
"""Every base video is stored at this rate."""
EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Conversion between YUV and RGB that does not darken the picture."""
KEY_EVERY = 12
"""Frames from one key frame of a base video to the next."""


class FrameReader:
    """Random access to the frames of one file; reading on is cheap, a jump costs a key frame's way.

    One instance belongs to one thread at a time.

    Args:
        path: H.264 without B-frames at `FPS`, pts counted from 0.
        size: Width and height of the pictures given out; None for those of the file.
        exact: Convert colours without error; otherwise quickly, up to two grey levels too dark.
    """

    def __init__(
        self, path: Path, size: tuple[int, int] | None = None, *, exact: bool = True
    ) -> None:
        self._path = path
        self._exact = exact
        try:
            self._file = av.open(str(path))
            self._stream = self._file.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise InputError(
                f"{path}: not a readable video ({error})", fix="make the avatar again"
            ) from error
        self._stream.thread_type = "NONE"
        self._stream.codec_context.thread_count = 1
        self.native = self._stream.width, self._stream.height
        self.count = self._stream.frames
        self.size = size or self.native
        self._decoder: Iterator[DecodedFrame] | None = None
        self._last = -1

    def close(self) -> None:
        """Close the file."""
        self._decoder = None
        self._file.close()

    def read(self, index: int) -> ByteArray:
        """Frame ``index`` as uint8 [h, w, 4] RGBA, opaque; the caller's own.

        Raises:
            InputError: The file has no such frame, or is damaged there.
        """
        frame = self._decoded(index).reformat(
            *self.size, "rgba", src_colorspace=Colorspace.ITU709, interpolation=self._how, threads=1
        )
        # A copy: the array may lie in a buffer that the next frame is converted into.
        return np.array(frame.to_ndarray(), np.uint8, order="C")

    @property
    def _how(self) -> Interpolation:
        shrinks = self.size[1] < self.native[1]
        how = Interpolation.AREA if shrinks else Interpolation.BICUBIC
        # The scaler's quick way at equal size leaves the last columns of some widths unwritten.
        if self._exact or (self.size == self.native and self.native[0] % 16):
            how |= EXACT
        return how

    def approach(self, index: int, steps: int = 2) -> None:
        """Do a part of the way to frame ``index``, so that reading it later is quick."""
        for _ in range(steps):
            if self._near(index) and self._last >= index - 1:
                return
            self._step(index)

    def _near(self, index: int) -> bool:
        """Whether decoding on gets there sooner than a jump."""
        return self._decoder is not None and 0 < index - self._last <= KEY_EVERY

    def _decoded(self, index: int) -> DecodedFrame:
        if 0 <= index < self.count:
            frame = self._step(index)
            while self._last < index:
                frame = self._next(index)
            if self._last == index:
                return frame
        self._decoder = None
        raise InputError(f"{self._path}: has no frame {index}", fix="make the avatar again")

    def _step(self, index: int) -> DecodedFrame:
        """Decode one frame on the way to ``index``, the first one behind a jump if need be."""
        if not self._near(index):
            target = round(index / (FPS * (self._stream.time_base or 1)))
            self._file.seek(target, stream=self._stream)
            self._decoder = self._file.decode(self._stream)
        return self._next(index)

    def _next(self, index: int) -> DecodedFrame:
        try:
            if self._decoder is None:
                raise StopIteration
            frame = next(self._decoder)
        except (av.FFmpegError, StopIteration) as error:
            self._decoder = None
            raise InputError(
                f"{self._path}: cannot be decoded at frame {index}", fix="make the avatar again"
            ) from error
        self._last = round((frame.time or 0.0) * FPS)
        return frame
