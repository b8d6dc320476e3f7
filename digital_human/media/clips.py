"""Video b-roll: checked before anything is rendered, decoded frame by frame in bounded memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame as DecodedFrame

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.media.pictures import alike, on_blur, read_picture

_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
_HINT = "play it to check it, or convert it: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a picture or video file holds.

    Attributes:
        width: Columns.
        height: Rows.
        seconds: Length; 0 for a picture.
    """

    width: int
    height: int
    seconds: float


def is_picture(path: Path) -> bool:
    """Whether ``path`` is a still picture by its name; everything else is taken for a video."""
    return path.suffix.lower() in _PICTURES


def probe_media(path: Path) -> MediaInfo:
    """Decode a picture, or every frame of a video, to be sure that it can be shown.

    Raises:
        InputError: The file is missing, damaged anywhere, or holds no picture.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist", fix="check the path in the script")
    if is_picture(path):
        picture = read_picture(path)
        return MediaInfo(picture.shape[1], picture.shape[0], 0.0)
    last, first, size = 0.0, None, (0, 0)
    frames = 0
    for frame in _decode(path):
        if frame.is_corrupt:
            raise InputError(f"video {path} is damaged at {frame.time or 0.0:.2f} s", fix=_HINT)
        frames += 1
        last = frame.time if frame.time is not None else last
        first = last if first is None else first
        size = (frame.width, frame.height)
    if not frames or first is None:
        raise InputError(f"video {path} holds no picture that can be decoded", fix=_HINT)
    return MediaInfo(*size, last - first + (last - first) / max(1, frames - 1))


def _open(path: Path) -> InputContainer:
    try:
        container = av.open(str(path), options={"err_detect": "explode"})
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", fix="check the path in the script") from None
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"video {path} cannot be opened: {error.strerror}", fix=_HINT) from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path} holds no video", fix="give a video with a picture track")
    return container


def _decode(path: Path) -> Generator[DecodedFrame]:
    """Every frame in order; the file is closed when the iterator is."""
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        try:
            yield from container.decode(stream)
        except av.FFmpegError as error:
            raise InputError(f"video {path} is damaged: {error.strerror}", fix=_HINT) from None


def resampled(path: Path, fps: int) -> Iterator[DecodedFrame]:
    """The video once through at ``fps``: frames are repeated or left out to keep its pace.

    Raises:
        InputError: The file is missing, damaged or holds no picture.
    """
    shown: DecodedFrame | None = None
    origin, index, gap = 0.0, 0, 1 / fps
    for frame in _decode(path):
        if shown is None:
            shown, origin = frame, frame.time or 0.0
            continue
        now = (frame.time or 0.0) - origin
        gap = max(1e-3, now - ((shown.time or 0.0) - origin))
        while index / fps < now - 1e-6:
            yield shown
            index += 1
        shown = frame
    if shown is None:
        raise InputError(f"video {path} holds no picture that can be decoded", fix=_HINT)
    end = (shown.time or 0.0) - origin + gap
    while index / fps < end - 1e-6 or index == 0:
        yield shown
        index += 1


class Clip:
    """Plays a video at the programme's frame rate, filling a box; starts again at its end.

    Only one decoded frame is held. Frames must be asked for in order; asking for an earlier one
    opens the file again.

    Args:
        path: The file.
        size: Width and height to fill, cropped about the middle.
        fps: Programme frames per second.
        whole: Show a video of another orientation whole, on a blurred copy of itself; otherwise it
            is cropped too.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: int, *, whole: bool = True) -> None:
        self._path, self._size, self._fps, self._whole = path, size, fps, whole
        self._asked = -1
        self._loop = 0.0
        self._gap = 1 / fps
        self._picture: ByteArray | None = None
        self._start()

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    def draw(self, target: ByteArray, index: int) -> None:
        """Fill ``target`` (uint8 [h, w, 3]) with the picture for programme frame ``index``.

        Raises:
            InputError: The file turned out damaged here.
        """
        if index < self._asked:
            self.close()
            self._start()
            self._loop = 0.0
        self._asked = index
        want = index / self._fps
        while want >= self._loop + self._until:
            self._advance()
        if self._picture is None:
            self._picture = self._convert(self._shown)
        target[...] = self._picture

    def _start(self) -> None:
        self._frames = _decode(self._path)
        first = next(self._frames, None)
        if first is None:
            raise InputError(f"video {self._path} holds no picture", fix=_HINT)
        self._shown: DecodedFrame = first
        self._origin = first.time or 0.0
        self._picture = None
        self._next = next(self._frames, None)
        self._until: float = self._ends()

    def _ends(self) -> float:
        """Clip time at which the shown frame gives way to the next."""
        now = (self._shown.time or 0.0) - self._origin
        if self._next is None or self._next.time is None:
            return now + self._gap
        then = self._next.time - self._origin
        self._gap = max(1e-3, then - now)
        return then

    def _advance(self) -> None:
        if self._next is None:
            self._loop += self._until
            self.close()
            self._start()
            return
        self._shown, self._next = self._next, next(self._frames, None)
        self._picture = None
        self._until = self._ends()

    def _convert(self, frame: DecodedFrame) -> ByteArray:
        """Fill the box; a picture of another orientation is shown whole on a blurred copy."""
        width, height = self._size
        scale = max(width / frame.width, height / frame.height)
        size = (frame.width, frame.height)
        if scale < 1:  # Shrinking inside the decoder's own scaler is the cheapest.
            size = (max(width, round(size[0] * scale)), max(height, round(size[1] * scale)))
        picture = frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
        image: ByteArray = picture.astype(np.uint8, copy=False)
        if self._whole and not alike(image, self._size):
            return on_blur(image, self._size, quick=True)
        # Cropped before it is enlarged: what is cut off costs nothing.
        w, h = (
            min(size[0], round(width / max(scale, 1))),
            min(size[1], round(height / max(scale, 1))),
        )
        x, y = (size[0] - w) // 2, (size[1] - h) // 2
        part = image[y : y + h, x : x + w]
        if (w, h) == self._size:
            return part
        out: ByteArray = cv2.resize(part, self._size).astype(np.uint8, copy=False)
        return out
