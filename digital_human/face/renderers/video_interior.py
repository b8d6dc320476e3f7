"""Drawn teeth and tongue behind the lips of a head that turns."""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.mesh import mix, spline_matrix
from digital_human.face.shape import Mouth
from digital_human.face.video_bundle import VideoAvatar

_FOLLOW = {"upper": 0.0, "lower": 0.92, "tongue": 0.85}  # how far each goes with the chin
_BEHIND = {"upper": 0.06, "lower": 0.07, "tongue": 0.10}  # io behind the lips
_RISE = 0.06  # io, how far a raised tongue tip goes up
_SHADOW = np.array([0.90, 1.0, 1.0], np.float32)  # what a shadow takes of red, green and blue


class Interior:
    """Draws the inside of the mouth through the opening between the lips.

    Args:
        avatar: The avatar; without layers nothing is drawn.
        scale: Pixels of the pictures per pixel of the base video, across and down.
    """

    def __init__(self, avatar: VideoAvatar, scale: FloatArray) -> None:
        self.drawn = bool(avatar.layers)
        self._io = lm.eye_distance(avatar.geometry.landmarks)
        self._pixels = self._io * float(scale[1])
        self._cavity = avatar.geometry.cavity
        self._lips = float(avatar.track.shape[list(lm.LIP_CENTRES), 2].mean())
        self._layers: dict[str, tuple[FloatArray, FloatArray]] = {}
        for name, layer in avatar.layers.items():
            image = layer.image.astype(np.float32)
            image[..., 3] /= 255
            image[..., :3] *= image[..., 3:]
            self._layers[name] = (image, layer.corner)
        self._spline = spline_matrix(len(lm.INNER_UPPER))

    def draw(
        self,
        crop: ByteArray,
        target: FloatArray,
        mouth: Mouth,
        pose: FloatArray,
        corner: FloatArray,
        tongue: float,
    ) -> None:
        """Paint it into ``crop`` [h, w, 4] in place.

        Args:
            crop: A part of the picture.
            target: float32 [478, 2], the landmarks in it.
            mouth: The lower face of this frame.
            pose: float32 [2, 4], from the canonical face to the picture.
            corner: float32 [2], where the crop lies in the picture.
            tongue: 0…1, tongue tip raised.
        """
        upper = self._spline @ target[list(lm.INNER_UPPER)]
        lower = self._spline @ target[list(lm.INNER_LOWER)]
        if float((lower[:, 1] - upper[:, 1]).max()) < 0.35 or mouth.gap < 0.004:
            return
        lower = np.maximum(lower, np.column_stack([lower[:, 0], upper[:, 1]]))
        outline = np.concatenate([upper, lower[-2:0:-1]])
        low = np.maximum(0, np.floor(outline.min(0)).astype(int) - 4)
        high = np.minimum(crop.shape[1::-1], np.ceil(outline.max(0)).astype(int) + 5)
        width, height = (int(v) for v in high - low)
        if width < 4 or height < 3:
            return
        mask = np.zeros((height, width), np.uint8)
        fixed = np.round((outline - low) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, 4)
        edge = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.0035 * self._pixels))
        inside = self._compose((width, height), pose, corner + low, mouth, tongue)
        inside *= self._shade(mask, mouth)
        into = crop[low[1] : high[1], low[0] : high[0], :3]
        mix(into, np.clip(inside, 0, 255).astype(np.uint8), edge.astype(np.float32) / 255)

    def _compose(
        self,
        size: tuple[int, int],
        pose: FloatArray,
        corner: FloatArray,
        mouth: Mouth,
        tongue: float,
    ) -> FloatArray:
        """The layers in a rectangle of the picture, float32 [h, w, 3]."""
        out = np.empty((size[1], size[0], 3), np.float32)
        out[:] = self._cavity
        for name in ("tongue", "lower", "upper"):
            if name not in self._layers:
                continue
            image, place = self._layers[name]
            down = _FOLLOW[name] * mouth.drop - _RISE * self._io * tongue * (name == "tongue")
            at = np.array([place[0], place[1] + down, self._lips + _BEHIND[name] * self._io])
            matrix = np.column_stack([pose[:, :2], pose[:, :3] @ at + pose[:, 3] - corner])
            moved = cv2.warpAffine(image, matrix.astype(np.float32), size, flags=cv2.INTER_AREA)
            out *= 1 - moved[..., 3:]
            out += moved[..., :3]
        return out

    def _shade(self, mask: ByteArray, mouth: Mouth) -> FloatArray:
        """Light that reaches the interior, float32 [h, w, 3]: least of all under the upper lip."""
        sigma = 0.028 * self._pixels
        soft = cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        fall = np.array([[1, 0, 0], [0, 1, 0.8 * sigma]], np.float32)
        height, width = mask.shape
        soft = cv2.warpAffine(soft, fall, (width, height), flags=cv2.INTER_LINEAR)
        light = soft.astype(np.float32) * (1 / 255)
        light = np.clip(0.38 + 0.85 * light, 0, 0.98) * (1 - 0.55 * mouth.rounding)
        return np.asarray(1 - (1 - light[..., None]) * _SHADOW, np.float32)
