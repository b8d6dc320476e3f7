"""What the mouth network sees: pictures and maps of the mouth region in one fixed frame.

The frame is fixed to the skull: 176 pixels an outer-eye distance, the middle between the resting
mouth corners always at the same place. The network never draws from nothing. It is given four
pictures of the same person, each brought to the wanted shape by geometry in another way, and
chooses between them:

* ``rest``: the face at rest, warped so that its lips have the wanted shape (skin and lips);
* ``open``: the person's open mouth, warped likewise (lips that are apart);
* ``skull``: the open mouth where it is (upper teeth stay with the skull);
* ``jaw``: the open mouth moved down as far as the chin (lower teeth and tongue go with the jaw).

Training and drawing share this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.mesh import spline_matrix

SCALE = 176.0  # pixels an outer-eye distance
WIDTH, HEIGHT = 176, 144
MIDDLE = (87.5, 50.0)  # where the middle between the resting mouth corners lies
SOURCES = ("rest", "open", "skull", "jaw")
PICTURES = 3 * len(SOURCES)
MASKS = 4  # wanted opening and lips, opening of the reference with the skull and with the jaw
NUMBERS = 4  # lip gap, mouth width, chin of the wanted shape, chin of the reference

_JAW_FOLLOW = 0.92  # of the chin's way that lower teeth and tongue go
_GAIN = 4.0  # of the numbers, in outer-eye distances, to the size of the other inputs
_STILL, _MOVED = 0.002, 0.014  # io; lips that moved less are the face's own, from here on drawn
_FADE = 14.0  # pixels over which the patch ends at the region's edge
_SHIFT = 4
_SPLINE = spline_matrix(len(lm.INNER_UPPER))
_OUTER = (lm.OUTER_UPPER, lm.OUTER_LOWER)
_INNER = (lm.INNER_UPPER, lm.INNER_LOWER)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the region lies in a picture.

    Attributes:
        scale: Region pixels per picture pixel.
        shift: float32 [2], region position of the picture's pixel 0, 0.
    """

    scale: float
    shift: FloatArray

    @classmethod
    def of(cls, rest: FloatArray) -> Frame:
        """The frame of a face whose landmarks at rest are float32 [478, 2], in picture pixels."""
        scale = SCALE / lm.eye_distance(rest)
        middle = rest[list(lm.MOUTH_CORNERS), :2].mean(0)
        return cls(scale, (np.array(MIDDLE) - scale * middle).astype(np.float32))

    def place(self, points: FloatArray) -> FloatArray:
        """Picture positions [n, 2] as region positions, float32 [n, 2]."""
        return np.asarray(points * np.float32(self.scale) + self.shift, np.float32)

    def matrix(self) -> FloatArray:
        """float32 [2, 3] that takes picture positions to region positions."""
        turn = np.eye(2, dtype=np.float32) * np.float32(self.scale)
        return np.asarray(np.column_stack([turn, self.shift]), np.float32)


@dataclass(frozen=True, slots=True)
class Reference:
    """One person's open mouth, and the lips at rest, in region pixels.

    Attributes:
        picture: uint8 [HEIGHT, WIDTH, 3] RGB, the open mouth, not warped.
        opening: uint8 [HEIGHT, WIDTH], its opening between the lips.
        rest: float32 [478, 2], landmarks at rest.
        drop: How far its chin is down from rest, io.
    """

    picture: ByteArray
    opening: ByteArray
    rest: FloatArray
    drop: float

    @classmethod
    def of(cls, picture: ByteArray, points: FloatArray, rest: FloatArray) -> Reference:
        """From a picture and landmarks [478, 2] of the open mouth, both in the region's frame."""
        size = picture.shape[1], picture.shape[0]
        drop = float(points[lm.CHIN, 1] - rest[lm.CHIN, 1]) / SCALE
        return cls(picture, outline(points, _INNER, size), rest, drop)


def outline(
    points: FloatArray, lines: tuple[tuple[int, ...], tuple[int, ...]], size: tuple[int, int]
) -> ByteArray:
    """The area between two landmark lines, smoothed, uint8 [height, width], soft at its edge."""
    upper, lower = (_SPLINE @ points[list(line)] for line in lines)
    lower = np.maximum(lower, np.column_stack([lower[:, 0], upper[:, 1]]))
    ring = np.concatenate([upper, lower[-2:0:-1]])
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(ring * (1 << _SHIFT)).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return mask


def pack(reference: Reference, rest: ByteArray, opened: ByteArray, points: FloatArray) -> ByteArray:
    """Pictures and masks of one wanted shape.

    Args:
        reference: The person.
        rest: uint8 [h, w, 3], the face at rest warped to the shape.
        opened: uint8 [h, w, 3], the open mouth warped to the shape.
        points: float32 [478, 2], landmarks of the shape in region pixels.

    Returns:
        uint8 [h, w, PICTURES + MASKS].
    """
    size = rest.shape[1], rest.shape[0]
    drop = float(points[lm.CHIN, 1] - reference.rest[lm.CHIN, 1]) / SCALE
    down = _JAW_FOLLOW * SCALE * (drop - reference.drop)
    fall = np.array([[1, 0, 0], [0, 1, down]], np.float32)
    both = np.dstack([reference.picture, reference.opening])
    jaw = cv2.warpAffine(both, fall, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    opening, lips = outline(points, _INNER, size), outline(points, _OUTER, size)
    parts = (rest, opened, reference.picture, jaw[..., :3], opening, lips, reference.opening)
    return np.dstack([*parts, jaw[..., 3]])


def numbers(reference: Reference, points: FloatArray) -> FloatArray:
    """The numbers of one wanted shape, float32 [NUMBERS]."""
    rest = reference.rest
    a, b = lm.LIP_CENTRES
    gap = float(points[b, 1] - points[a, 1])
    corners = list(lm.MOUTH_CORNERS)
    width = float(np.ptp(points[corners, 0]) - np.ptp(rest[corners, 0]))
    chin = float(points[lm.CHIN, 1] - rest[lm.CHIN, 1])
    shape = np.array([gap, width, chin]) / SCALE
    return np.asarray(_GAIN * np.append(shape, reference.drop), np.float32)


def gate(reference: Reference, points: FloatArray) -> float:
    """0 where the lips are at rest, 1 where they have moved: silence is the face's own picture."""
    lips = list(lm.LIPS)
    moved = float(np.abs(points[lips] - reference.rest[lips]).max()) / SCALE
    t = float(np.clip((moved - _STILL) / (_MOVED - _STILL), 0, 1))
    return t * t * (3 - 2 * t)


def window() -> FloatArray:
    """Weight of the patch, float32 [HEIGHT, WIDTH]: 0 at the region's edge, 1 further in."""
    ramps = []
    for count in (HEIGHT, WIDTH):
        edge = np.arange(count, dtype=np.float32)
        t = np.clip(np.minimum(edge, count - 1 - edge) / _FADE, 0, 1)
        ramps.append(t * t * (3 - 2 * t))
    return np.asarray(np.outer(*ramps), np.float32)
