"""Visitors before a kiosk's camera: real faces of ../shared/data set into a hall, at any distance.

    python -m tests.fakes.visitors visitor.mjpeg      # for Chromium's fake camera

The clips are other people's pictures: what is made of them stays in temporary folders.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Detector

SIZE = (640, 360)
"""Width and height of the camera's picture."""
FIELD_OF_VIEW = 70.0
"""Degrees that it sees across."""
RATE = 30
"""Pictures a second that Chromium takes from an MJPEG file, whatever it holds."""

_PUPILS = 0.063  # metres
_FPS = 5  # of a clip
_MOST = 60  # frames of a clip


@dataclass(frozen=True, slots=True)
class Clip:
    """A person who was filmed from the front.

    Attributes:
        name: Of the file.
        frames: uint8 [h, w, 3] RGB each, 5 a second.
        eyes: Between the pupils in the first frame, in pixels.
        pupils: Distance of the pupils in pixels.
    """

    name: str
    frames: tuple[ByteArray, ...]
    eyes: tuple[float, float]
    pupils: float

    def at(self, index: int) -> ByteArray:
        """A frame of the clip played to and fro for ever."""
        last = len(self.frames) - 1
        return self.frames[last - abs(last - index % (2 * last))] if last else self.frames[0]


def clip_files(data: Path) -> list[Path]:
    """All clips of people who look at the camera."""
    return sorted([*(data / "talking").iterdir(), *(data / "base_video").iterdir()])


def read_clip(path: Path) -> Clip:
    """Read a clip and find the face in it.

    Raises:
        WeightsError: The landmark model is not here; says how to pull it.
    """
    frames: list[ByteArray] = []
    with av.open(str(path)) as file:
        step = max(1, round(float(file.streams.video[0].average_rate or 25) / _FPS))
        for index, frame in enumerate(file.decode(video=0)):
            if index % step == 0:
                frames.append(np.ascontiguousarray(frame.to_ndarray(format="rgb24")))
            if len(frames) == _MOST:
                break
    with Detector() as detector:
        points = detector(frames[0])[0].points[:, :2]
    right, left = points[lm.RIGHT_IRIS[0]], points[lm.LEFT_IRIS[0]]
    x, y = (right + left) / 2
    return Clip(path.name, tuple(frames), (float(x), float(y)), float(np.hypot(*(right - left))))


def hall(seed: int = 0) -> ByteArray:
    """An empty exhibition hall: walls, floor, frames with blots, showcases and lamps.

    Returns:
        uint8 [360, 640, 3].
    """
    rng = np.random.default_rng(seed)
    width, height = SIZE
    y = np.linspace(0, 1, height)[:, None, None]
    colour = rng.uniform(90, 190, 3)
    picture = np.broadcast_to(colour * (1.1 - 0.4 * y), (height, width, 3)).astype(np.uint8).copy()
    floor = np.array([[-200, height], [150, 230], [490, 230], [width + 200, height]])
    cv2.fillPoly(picture, [floor], [float(v) for v in rng.uniform(50, 130, 3)])
    for x in range(-200, width + 200, 60):
        cv2.line(picture, (x, height), (320 + (x - 320) // 3, 230), (70, 66, 60), 1, cv2.LINE_AA)
    for _ in range(6):
        x, top = int(rng.integers(0, width - 90)), int(rng.integers(20, 120))
        w, h = (int(v) for v in rng.integers(30, 90, 2))
        inside = cv2.resize(rng.integers(30, 230, (6, 6, 3), np.uint8), (w, h))
        picture[top : top + h, x : x + w] = inside[: height - top, : width - x]
        cv2.rectangle(picture, (x - 2, top - 2), (x + w + 1, top + h + 1), (60, 45, 30), 2)
    for x in (90, 320, 550):
        cv2.circle(picture, (x, 12), 7, (255, 250, 235), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.9), np.uint8)


def stand(
    ground: ByteArray, frame: ByteArray, clip: Clip, metres: float, across: float = 0.5
) -> ByteArray:
    """Set a person into a scene.

    Args:
        ground: uint8 [360, 640, 3].
        frame: A frame of the clip.
        clip: Whose face it is.
        metres: From the camera.
        across: Where the face is, 0 at the left edge to 1 at the right one, or beyond.

    Returns:
        uint8 [360, 640, 3].
    """
    width, height = SIZE
    focal = width / 2 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    scale = focal * _PUPILS / metres / clip.pupils
    x, y = across * width - clip.eyes[0] * scale, 0.42 * height - clip.eyes[1] * scale
    shift = np.array([[scale, 0, x], [0, scale, y]], np.float32)
    if scale < 0.6:
        frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.4 / scale), np.uint8)
    corners = np.array([[0, 0], frame.shape[1::-1]]) * scale + (x, y)
    (x0, y0), (x1, y1) = (np.clip(np.round(c), 0, SIZE).astype(int) for c in corners)
    out = ground.copy()
    if x1 - x0 > 2 and y1 - y0 > 2:
        shift -= np.array([[0, 0, x0], [0, 0, y0]], np.float32)
        size = int(x1 - x0), int(y1 - y0)
        solid = np.pad(np.full((28, 28, 1), 255, np.uint8), ((2, 2), (2, 2), (0, 0)))
        solid = cv2.resize(cv2.GaussianBlur(solid, (0, 0), 0.8), frame.shape[1::-1])
        alpha = cv2.warpAffine(solid, shift, size)[..., None].astype(np.float32) / 255
        person = cv2.warpAffine(frame, shift, size)
        part = out[y0:y1, x0:x1]
        part[:] = part + alpha * (person.astype(np.float32) - part)
    return out


def jpeg(picture: ByteArray, rng: np.random.Generator | None = None) -> bytes:
    """A picture as a camera and a browser send it: with grain, compressed."""
    if rng is not None:
        y, x = rng.integers(0, 64, 2)
        height, width = picture.shape[:2]
        grain = _grain()[y : y + height, x : x + width]
        picture = np.asarray(cv2.add(picture, grain, dtype=cv2.CV_8U), np.uint8)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=75)
    return out.getvalue()


@lru_cache(maxsize=1)
def _grain() -> npt.NDArray[np.int16]:
    size = SIZE[1] + 64, SIZE[0] + 64, 3
    return np.random.default_rng(0).normal(0, 2, size).round().astype(np.int16)


def visit(
    clip: Clip, fps: float, *, empty: float = 4.0, stays: float = 12.0, seed: int = 0
) -> Iterator[ByteArray]:
    """An empty hall; somebody comes from four metres away, looks, and leaves to the side.

    Args:
        clip: Who it is.
        fps: Pictures a second.
        empty: Seconds without anybody, before and afterwards.
        stays: Seconds for which they stand at 0.9 m.
        seed: Of the hall.
    """
    ground, coming, going = hall(seed), 3.0, 1.5
    for index in range(round((empty + coming + stays + going + empty) * fps)):
        t = index / fps - empty
        frame = clip.at(int(t * _FPS)) if t >= 0 else None
        if frame is None or t >= coming + stays + going:
            yield ground
        elif t < coming:
            yield stand(ground, frame, clip, 4.0 + (0.9 - 4.0) * t / coming, 0.35 + 0.05 * t)
        else:
            gone = max(0.0, t - coming - stays) / going
            yield stand(ground, frame, clip, 0.9 + gone, 0.5 + 1.2 * gone)


def write_mjpeg(path: Path, pictures: Iterable[ByteArray], fps: int) -> None:
    """Write a file for Chromium's ``--use-file-for-fake-video-capture``, which plays it in a loop.

    Args:
        path: Its name ends in ``.mjpeg``.
        pictures: uint8 [h, w, 3] RGB.
        fps: A divisor of `RATE`: pictures are repeated.
    """
    rng = np.random.default_rng(1)
    with path.open("wb") as file:
        for picture in pictures:
            file.write(jpeg(picture, rng) * (RATE // fps))


def main() -> None:
    """Write a visit for trying out by hand."""
    data = Path(__file__).resolve().parents[3] / "shared" / "data"
    clip = read_clip(data / "base_video" / "sit_musev.mp4")
    write_mjpeg(Path(sys.argv[1]), visit(clip, 10), 10)


if __name__ == "__main__":
    main()
