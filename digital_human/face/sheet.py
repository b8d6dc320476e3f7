"""Contact sheets and side-by-side films of avatars, for eyes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.motion import INDEX, MotionFrame

BACKDROP = (206, 212, 222)
_CELL = 236  # px, width of a cell of the sheet
_COLUMNS = 8
_CAPTION = 26

MOUTHS: dict[str, dict[str, float]] = {
    "rest": {},
    "m": {"jawOpen": 0.06, "mouthClose": 0.06, "mouthPress": 0.4, "mouthRollUpper": 0.2,
          "mouthRollLower": 0.2},
    "f": {"mouthRollLower": 0.7, "mouthUpperUp": 0.25, "jawOpen": 0.06},
    "a": {"jawOpen": 0.48},
    "e": {"jawOpen": 0.2, "mouthStretch": 0.4, "mouthSmile": 0.2},
    "i": {"jawOpen": 0.1, "mouthStretch": 0.5, "mouthSmile": 0.3, "mouthUpperUp": 0.1},
    "o": {"jawOpen": 0.3, "mouthFunnel": 0.6, "mouthPucker": 0.3},
    "u": {"jawOpen": 0.1, "mouthPucker": 0.9, "mouthFunnel": 0.3},
}  # fmt: skip
"""Curves of mouth shapes; a name without a side stands for both."""

FACES: dict[str, dict[str, float]] = {
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.4},
    "blink": {"eyeBlink": 1.0},
    "look left": {"eyeLookOutLeft": 0.7, "eyeLookInRight": 0.7},
    "look right": {"eyeLookInLeft": 0.7, "eyeLookOutRight": 0.7},
    "brows up": {"browInnerUp": 0.8, "browOuterUp": 0.8},
    "brows down": {"browDown": 0.8},
}
"""Curves of the rest of the face."""

HEADS: dict[str, tuple[float, ...]] = {
    "yaw +6": (6, 0, 0, 0, 0, 0),
    "yaw -6": (-6, 0, 0, 0, 0, 0),
    "pitch +5": (0, 5, 0, 0, 0, 0),
    "pitch -5": (0, -5, 0, 0, 0, 0),
    "roll +5": (0, 0, 5, 0, 0, 0),
    "roll -5": (0, 0, -5, 0, 0, 0),
}
"""Head poses as in `MotionFrame.head`."""


def motion(
    values: dict[str, float], head: Sequence[float] = (0, 0, 0, 0, 0, 0), pts: int = 0
) -> MotionFrame:
    """A frame with some curves set; a name without a side sets both sides."""
    curves = np.zeros(len(INDEX), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                curves[INDEX[name + side]] = value
    return MotionFrame(curves, np.array(head, np.float32), 0.0, 0.0, pts, 0)


def all_shapes() -> dict[str, MotionFrame]:
    """Every shape of the sheet by its caption."""
    shapes = {name: motion(values) for name, values in (MOUTHS | FACES).items()}
    heads = {name: motion(MOUTHS["e"], head) for name, head in HEADS.items()}
    return shapes | heads


def over(frame: ByteArray, colour: tuple[int, int, int] = BACKDROP) -> ByteArray:
    """Composite RGBA [h, w, 4] over a plain colour: uint8 [h, w, 3]."""
    alpha = frame[..., 3:].astype(np.float32) / 255
    mixed = frame[..., :3] * alpha + np.array(colour, np.float32) * (1 - alpha)
    return np.asarray(mixed + 0.5, np.uint8)


def contact_sheet(pictures: dict[str, ByteArray], points: FloatArray, title: str) -> ByteArray:
    """Every picture's face, and its mouth enlarged below it.

    Args:
        pictures: Caption → RGB picture; all of one size.
        points: float32 [478, 2+], landmarks of the face at rest in them.
        title: Written on top.

    Returns:
        uint8 [h, w, 3].
    """
    io = lm.eye_distance(points)
    middle = points[list(lm.OVAL), :2].mean(0)
    mouth = points[list(lm.MOUTH_CORNERS), :2].mean(0) + (0, 0.06 * io)
    rows: list[list[ByteArray]] = []
    for number, (caption, picture) in enumerate(pictures.items()):
        if number % _COLUMNS == 0:
            rows.append([])
        face = _cut(picture, middle, 2.3 * io, 2.9 * io)
        near = _cut(picture, mouth, 0.95 * io, 0.75 * io)
        rows[-1].append(np.vstack([_caption(caption), face, near]))
    blank = np.full_like(rows[0][0], 255)
    lines = [np.hstack([*row, *[blank] * (_COLUMNS - len(row))]) for row in rows]
    sheet = np.vstack(lines)
    return np.vstack([_caption(title, sheet.shape[1]), sheet])


def write_film(
    path: Path, pictures: Iterable[ByteArray], fps: float, sound: FloatArray | None, rate: int
) -> None:
    """Write RGB pictures of one size, and mono sound if there is any, as MP4."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=round(fps), options={"crf": "18"})
        audio = out.add_stream("aac", rate=rate, layout="mono") if sound is not None else None
        for number, picture in enumerate(pictures):
            height, width = (side // 2 * 2 for side in picture.shape[:2])
            if not number:
                video.width, video.height, video.pix_fmt = width, height, "yuv420p"
            data = np.ascontiguousarray(picture[:height, :width])
            out.mux(video.encode(av.VideoFrame.from_ndarray(data, format="rgb24")))
        out.mux(video.encode(None))
        if audio is not None and sound is not None:
            samples = np.ascontiguousarray(sound[None], np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = rate
            out.mux(audio.encode(frame))
            out.mux(audio.encode(None))


def side_by_side(left: ByteArray, right: ByteArray, captions: tuple[str, str]) -> ByteArray:
    """Two RGB pictures of one height beside each other, captioned."""
    halves = [
        np.vstack([_caption(text, picture.shape[1]), picture])
        for text, picture in zip(captions, (left, right), strict=True)
    ]
    return np.hstack(halves)


def _cut(picture: ByteArray, centre: FloatArray, width: float, height: float) -> ByteArray:
    """A part of a picture, ``_CELL`` px wide; what lies outside it is backdrop."""
    scale = _CELL / width
    size = _CELL, round(height * scale)
    corner = centre - np.array([width, height]) / 2
    matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]], np.float32)
    if scale < 0.7:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.uint8)
    part = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderValue=BACKDROP)
    return np.asarray(part, np.uint8)


def _caption(text: str, width: int = _CELL) -> ByteArray:
    image = Image.new("RGB", (width, _CAPTION), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.text((6, 4), text, fill=(20, 20, 20), font=ImageFont.load_default(16))
    return np.asarray(image, np.uint8)
