"""The lower face: jaw and lips warped, mouth textures blended over them, and the mouth's inside.

The inside is made of layers seen through the opening between the lips, from back to front: a dark
cavity, the tongue and the lower teeth, which move with the chin, and the upper teeth, which stay
with the skull. Nothing there is stretched: opening the lips only uncovers more.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle, Layer
from digital_human.face.mesh import (
    Box,
    PiecewiseWarp,
    Placed,
    mix,
    part_mesh,
    sample,
    spline_matrix,
)
from digital_human.face.shape import FaceShape, Mouth

_STEP = 3  # pixels per grid cell
_SHIFT = 4
_SHADOW = 0.10  # how much less red than green and blue a shadow takes in a mouth that is red
TONGUE_RISE = 0.06  # io, how far a raised tongue tip goes up
_LAYER_FOLLOW = {"upper": 0.0, "lower": 0.92, "tongue": 0.85}


@dataclass(frozen=True, slots=True)
class _Sprite:
    """A premultiplied float32 RGBA layer [h, w, 4] (0…255, alpha 0…1) and its left top."""

    image: FloatArray
    corner: FloatArray


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
        red = float(np.clip(2.5 * (1 - cavity[1] / max(float(cavity[0]), 1.0)), 0, 1))
        self._shadow = np.array([1 - _SHADOW * red, 1, 1], np.float32)
        self._sprites = {name: self._prepare(layer, scale) for name, layer in layers.items()}
        self._spline = spline_matrix(len(lm.INNER_UPPER))

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
        inside = self._compose((width, height), origin + low, mouth, tongue, self._shade(mask))
        rows, columns = slice(low[1], high[1]), slice(low[0], high[0])
        mix(image[rows, columns, :3], inside.astype(np.uint8), edge.astype(np.float32) / 255)

    def _compose(
        self,
        size: tuple[int, int],
        corner: FloatArray,
        mouth: Mouth,
        tongue: float,
        light: FloatArray,
    ) -> FloatArray:
        """The layers in a rectangle of the canonical picture in their light, float32 [h, w, 3]."""
        deep = 1 - np.float32(0.72 * mouth.rounding) * self._shadow**1.5
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
            if name == "upper":  # nearer to the light than what lies behind it
                out *= light
                light = np.asarray(np.sqrt(light), np.float32)
                np.multiply(moved[..., :3], light, out=moved[..., :3])
            out *= 1 - moved[..., 3:]
            out += moved[..., :3]
        lit = out if "upper" in self._sprites else out * light
        return np.asarray(lit * deep, np.float32)

    def _shade(self, mask: ByteArray) -> FloatArray:
        """Light that reaches the interior, float32 [h, w, 3]: least of all under the upper lip."""
        sigma = 0.028 * self._io
        soft = cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        fall = np.array([[1, 0, 0], [0, 1, 0.8 * sigma]], np.float32)
        height, width = mask.shape
        soft = cv2.warpAffine(soft, fall, (width, height), flags=cv2.INTER_LINEAR)
        light = soft.astype(np.float32) * (1 / 255)
        light = np.clip(0.20 + 0.95 * light, 0, 0.96)
        tinted: FloatArray = 1 - (1 - light[..., None]) * self._shadow
        return tinted


class LowerFace:
    """Draws the lower face of one person into the canonical picture.

    Args:
        bundle: The avatar.
        still: uint8 [h, w, 4], the canonical picture at rest.
        shape: Its landmarks.
        scale: Canonical pixels per canvas pixel, across and down.
    """

    def __init__(
        self, bundle: Bundle, still: ByteArray, shape: FaceShape, scale: FloatArray
    ) -> None:
        g, io, rest = bundle.geometry, shape.io, shape.rest
        self._still = still
        size = still.shape[1], still.shape[0]
        oval = rest[list(lm.OVAL)]
        low, high = oval.min(0) - (0.22 * io, 0), oval.max(0) + (0.22 * io, 0.62 * io)
        extent = np.array([[low[0], shape.split], high], np.float32)
        self.box = Box.around(extent, 0, size, _STEP)
        triangles, border = part_mesh(rest, g.triangles, self.box, 0.25 * io, _anchors(rest, io))
        self._border = border
        self._source = np.concatenate([rest, border])
        self._warp = PiecewiseWarp(triangles, self.box, _STEP, self._source)
        points = np.concatenate([g.mouth_reference, (border + 0.5) / scale - 0.5])
        self._placed = Placed(points, g.mouth_box, scale)
        mask = _mouth_mask(self._placed)
        self._textures: list[ByteArray] = []
        for texture in bundle.mouths:
            small = cv2.resize(texture, self._placed.size, interpolation=cv2.INTER_AREA)
            alpha = cv2.multiply(mask, np.ascontiguousarray(small[..., 3]), scale=1 / 255)
            self._textures.append(np.dstack([small[..., :3], alpha]).astype(np.uint8))
        self._part = self._warp.cells(_patch_box(rest, io, size))
        # What a frame changes is redrawn in the next one.
        self._changed: Box | None = self.box
        self._interior = MouthInterior(bundle.layers, g.cavity, float(scale[1]), io)

    def draw(self, head: ByteArray, mouth: Mouth, tongue: float) -> None:
        """Paint the lower face of one frame into the canonical picture; ``tongue`` 0…1 is up."""
        moved = self._warp.locate(np.concatenate([mouth.points, self._border]))
        share = float(mouth.textures.sum())
        box = self._part[2]
        speaks = share > 0.004 or mouth.gap > 0.004
        changed = box.union(moved) if speaks else moved
        dirty = changed.union(self._changed) if changed else self._changed
        self._changed = changed
        if dirty is None:
            return
        part = self._warp.cells(dirty)
        head[part[2].slices] = sample(self._still, self._warp.map_from(self._source, part))
        target = head[box.slices]
        if share > 0.004:
            positions = self._warp.map_from(self._placed.points, self._part)
            patch = sample(self._blend(mouth.textures), positions, cv2.BORDER_CONSTANT)
            alpha = patch[..., 3].astype(np.float32) * np.float32(share / 255)
            patch[..., 3] = 255
            mix(target, patch, alpha)
        # Closed lips have no interior; drawn again and again over the same picture it would grow.
        if speaks:
            self._interior.draw(target, box.corner, mouth, tongue)

    def _blend(self, weights: FloatArray) -> ByteArray:
        """Weighted mean of the textures, uint8 [h, w, 4]."""
        chosen = np.flatnonzero(weights > 0.01 * weights.max())
        mean: ByteArray = self._textures[chosen[0]]
        done = float(weights[chosen[0]])
        for i in chosen[1:]:
            weight = float(weights[i])
            done += weight
            share = weight / done
            blended = cv2.addWeighted(mean, 1 - share, self._textures[i], share, 0)
            mean = np.asarray(blended, np.uint8)
        return mean


def _anchors(rest: FloatArray, io: float) -> FloatArray:
    """Points that the jaw does not move: ears, the sides of the neck, the throat. [n, 2]"""
    oval = rest[list(lm.OVAL)]
    ring = oval.mean(0) + (oval - oval.mean(0)) * np.float32(1.12)
    # Room for the chin to come down: 0.25 below it, less to the sides.
    near_chin = np.exp(-(((oval[:, 0] - rest[lm.CHIN, 0]) / (0.45 * io)) ** 2))
    below = oval[:, 1] > rest[lm.CHIN, 1] - 0.5 * io
    ring[:, 1] += 0.13 * io * near_chin * below
    return np.asarray(ring, np.float32)


def _patch_box(rest: FloatArray, io: float, size: tuple[int, int]) -> Box:
    """Where the mouth textures can land for any shape."""
    mouth = rest[list(lm.LIPS)]
    extent = np.concatenate(
        [mouth, rest[[lm.NOSE_BASE]], rest[[lm.CHIN]] + np.array([0, 0.22 * io], np.float32)]
    )
    extent = np.concatenate([extent, mouth.mean(0) + np.array([[-0.62, 0], [0.62, 0]]) * io])
    return Box.around(extent.astype(np.float32), 0.02 * io, size)


def _mouth_mask(placed: Placed) -> ByteArray:
    """Soft mask from under the nose to the chin, uint8 [h, w], in the textures' own geometry."""
    points = placed.points
    io = lm.eye_distance(points)
    mask = np.zeros((placed.size[1], placed.size[0]), np.uint8)
    x, y = points[list(lm.MOUTH_CORNERS)].mean(0)
    top, chin = points[lm.NOSE_BASE, 1] + 0.075 * io, points[lm.CHIN, 1]
    outline = [
        (x - 0.46 * io, y), (x - 0.30 * io, top + 0.02 * io), (x, top),
        (x + 0.30 * io, top + 0.02 * io), (x + 0.46 * io, y), (x + 0.36 * io, chin - 0.14 * io),
        (x, chin - 0.05 * io), (x - 0.36 * io, chin - 0.14 * io),
    ]  # fmt: skip
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.045 * io), np.uint8)
    fade = max(2, round(0.04 * io))
    for edge in (mask[:fade], mask[::-1][:fade], mask.T[:fade], mask.T[::-1][:fade]):
        ramp = np.linspace(0, 1, len(edge), dtype=np.float32)[:, None]
        edge[:] = (edge * ramp).astype(np.uint8)
    return mask
