"""The inside of the mouth as layers, seen through the opening between the lips.

From back to front: a dark cavity, the tongue and the lower teeth, which move with the chin, and the
upper teeth, which stay with the skull. Nothing is stretched: opening the lips only uncovers more.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Layer
from digital_human.face.shape import Mouth

_SUBDIVIDE = 5  # points per span of the smoothed lip line
_SHIFT = 4
TONGUE_RISE = 0.06  # io, how far a raised tongue tip goes up
_LAYER_FOLLOW = {"upper": 0.0, "lower": 0.92, "tongue": 0.85}


@dataclass(frozen=True, slots=True)
class _Sprite:
    """A premultiplied float32 RGBA layer [h, w, 4] (0…255, alpha 0…1) and its left top."""

    image: FloatArray
    corner: FloatArray


def _spline_matrix(count: int) -> FloatArray:
    """Weights [m, count] of a Catmull-Rom curve through ``count`` points, ends included."""
    rows = []
    for i in range(count - 1):
        for k in range(_SUBDIVIDE):
            t = k / _SUBDIVIDE
            w = 0.5 * np.array(
                [-(t**3) + 2 * t**2 - t, 3 * t**3 - 5 * t**2 + 2, -3 * t**3 + 4 * t**2 + t,
                 t**3 - t**2]
            )  # fmt: skip
            row = np.zeros(count)
            for weight, j in zip(w, range(i - 1, i + 3), strict=True):
                row[min(max(j, 0), count - 1)] += weight
            rows.append(row)
    last = np.zeros(count)
    last[-1] = 1
    return np.array([*rows, last], np.float32)


class MouthInterior:
    """Draws the interior of one person's mouth.

    Args:
        layers: Upper and lower teeth and tongue, in canvas pixels.
        cavity: float32 [3], RGB of the open mouth.
        scale: Canonical pixels per canvas pixel.
        io: Outer-eye distance in canonical pixels.
    """

    def __init__(
        self, layers: dict[str, Layer], cavity: FloatArray, scale: float, io: float
    ) -> None:
        self._io = io
        self._cavity = cavity.astype(np.float32)
        self._sprites = {name: self._prepare(layer, scale) for name, layer in layers.items()}
        self._spline = _spline_matrix(len(lm.INNER_UPPER))

    @staticmethod
    def _prepare(layer: Layer, scale: float) -> _Sprite:
        image = layer.image.astype(np.float32)
        image[..., 3] /= 255
        image[..., :3] *= image[..., 3:]
        height, width = image.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(image, size, interpolation=method)
        corner = (layer.corner + 0.5) * scale - 0.5
        return _Sprite(np.asarray(resized, np.float32), corner.astype(np.float32))

    def draw(self, image: ByteArray, origin: FloatArray, mouth: Mouth, tongue: float) -> None:
        """Paint the interior into ``image`` in place.

        Args:
            image: uint8 [h, w, 4], a part of the canonical picture.
            origin: float32 [2], where its left top lies in the canonical picture.
            mouth: The lower face of this frame.
            tongue: 0…1, tongue tip raised.
        """
        points = mouth.points - origin
        upper = self._spline @ points[list(lm.INNER_UPPER)]
        lower = self._spline @ points[list(lm.INNER_LOWER)]
        opening = float((lower[:, 1] - upper[:, 1]).max())
        if opening < 0.35:
            return
        lower = np.maximum(lower, np.column_stack([lower[:, 0], upper[:, 1]]))
        outline = np.concatenate([upper, lower[-2:0:-1]])
        low = np.maximum(0, np.floor(outline.min(0)).astype(int) - 4)
        size = np.array([image.shape[1], image.shape[0]])
        high = np.minimum(size, np.ceil(outline.max(0)).astype(int) + 5)
        width, height = (int(v) for v in high - low)
        if width < 4 or height < 3:
            return
        mask = np.zeros((height, width), np.uint8)
        fixed = np.round((outline - low) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, _SHIFT)
        edge = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.0035 * self._io))
        inside = self._compose((width, height), origin + low, mouth, tongue)
        inside *= self._shade(mask, mouth)[..., None]
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        # A thin slit is darker than what lies behind it; full strength from 1.5 px on.
        part = image[rows, columns, :3]
        alpha = edge.astype(np.float32) / 255
        part[:] = cv2.blendLinear(
            np.ascontiguousarray(part), inside.astype(np.uint8), 1 - alpha, alpha
        )

    def _compose(
        self, size: tuple[int, int], corner: FloatArray, mouth: Mouth, tongue: float
    ) -> FloatArray:
        """The layers in a rectangle of the canonical picture, float32 [h, w, 3]."""
        out = np.empty((size[1], size[0], 3), np.float32)
        out[:] = self._cavity
        for name in ("tongue", "lower", "upper"):
            sprite = self._sprites.get(name)
            if sprite is None:
                continue
            place = sprite.corner - corner
            down = _LAYER_FOLLOW[name] * mouth.drop
            if name == "tongue":
                down -= TONGUE_RISE * self._io * tongue
            shift = np.array([[1, 0, place[0]], [0, 1, place[1] + down]], np.float32)
            moved = cv2.warpAffine(sprite.image, shift, size, flags=cv2.INTER_LINEAR)
            out *= 1 - moved[..., 3:]
            out += moved[..., :3]
        return out

    def _shade(self, mask: ByteArray, mouth: Mouth) -> FloatArray:
        """Light that reaches the interior: less near the lips, most of all under the upper one."""
        sigma = 0.022 * self._io
        soft = cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        fall = np.array([[1, 0, 0], [0, 1, 0.8 * sigma]], np.float32)
        height, width = mask.shape
        soft = cv2.warpAffine(soft, fall, (width, height), flags=cv2.INTER_LINEAR)
        light = soft.astype(np.float32) * (1 / 255)
        deep = 1 - 0.30 * mouth.rounding
        return np.asarray(np.clip(0.30 + 0.95 * light, 0, 1) * deep, np.float32)
