"""The photo renderer with a network that draws the mouth.

Everything but the mouth is the 2D renderer's work: geometry, jaw, eyes, pose. Where the lips have
moved, the region round them is drawn by `neural_net.MouthNet` from the face at rest and the
person's open mouth, both warped to the wanted shape, and laid over the picture with its alpha.
The open mouth is the 2D renderer's own picture of an "a", so that teeth are those of the bundle.

It is an option: the 2D renderer stays the default, as it needs no torch, costs less on a CPU, and
as the network was made from pictures whose terms forbid commercial use (`bundle.NEURAL_NOTICE`).
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face.bundle import Bundle
from digital_human.face.mesh import Box, mix, sample
from digital_human.face.motion import ARKIT, INDEX
from digital_human.face.mouth import LowerFace
from digital_human.face.renderers import neural_inputs as inputs
from digital_human.face.renderers.neural_net import PaintOne, Wanted, shared_painter
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import FaceShape, Mouth

_OPEN = 0.5  # of jawOpen, in the picture of the open mouth


class NeuralRenderer(PhotoRenderer):
    """Draws one photo-real avatar, its mouth by the network.

    Args:
        bundle: The avatar.
        height: Height of the pictures in pixels.
        paint: Draws a mouth; the process's shared network when None.

    Raises:
        InputError: ``height`` is out of range.
        WeightsError: The network's file is missing or altered.
        ResourceError: torch is not installed.
    """

    def __init__(self, bundle: Bundle, height: int, paint: PaintOne | None = None) -> None:
        super().__init__(bundle, height)
        painter = paint or shared_painter()
        self._lower = NeuralLowerFace(bundle, self._still, self._shape, self._scale, painter)


class NeuralLowerFace(LowerFace):
    """Draws the lower face of one person into the canonical picture.

    Args:
        bundle: The avatar.
        still: uint8 [h, w, 4], the canonical picture at rest.
        shape: Its landmarks.
        scale: Canonical pixels per canvas pixel, across and down.
        paint: Draws a mouth.
    """

    def __init__(
        self,
        bundle: Bundle,
        still: ByteArray,
        shape: FaceShape,
        scale: FloatArray,
        paint: PaintOne,
    ) -> None:
        super().__init__(bundle, still, shape, scale)
        self._paint = paint
        curves = np.zeros(len(ARKIT), np.float32)
        self._rest = shape.mouth(curves).points
        curves[INDEX["jawOpen"]] = _OPEN
        opened = shape.mouth(curves)
        self._opened = still.copy()
        super().draw(self._opened, opened, 0.0)
        self._open_source = np.concatenate([opened.points, self._border])
        self._frame = inputs.Frame.of(self._rest)
        self._matrix = self._frame.matrix()
        rest = self._frame.place(self._rest)
        picture = self._view(self._opened, np.zeros(2, np.float32))
        self._reference = inputs.Reference.of(picture, self._frame.place(opened.points), rest)
        low = -self._frame.shift / self._frame.scale
        high = low + np.array([inputs.WIDTH, inputs.HEIGHT], np.float32) / self._frame.scale
        size = still.shape[1], still.shape[0]
        region = Box.around(np.array([low, high], np.float32), 1, size)
        self._region = self._warp.cells(region)

    def draw(self, head: ByteArray, mouth: Mouth, tongue: float) -> None:
        """Paint the lower face of one frame into the canonical picture; ``tongue`` is not shown."""
        moved = self._warp.locate(np.concatenate([mouth.points, self._border]))
        placed = self._frame.place(mouth.points)
        gate = inputs.gate(self._reference, placed)
        box = self._region[2]
        changed = box.union(moved) if gate else moved
        dirty = changed.union(self._changed) if changed else self._changed
        self._changed = changed
        if dirty is None:
            return
        part = self._warp.cells(dirty)
        head[part[2].slices] = sample(self._still, self._warp.map_from(self._source, part))
        if not gate:
            return
        target = head[box.slices]
        opened = sample(self._opened, self._warp.map_from(self._open_source, self._region))
        layers = inputs.pack(
            self._reference,
            self._view(target, box.corner),
            self._view(opened, box.corner),
            placed,
        )
        wanted = Wanted(layers, inputs.numbers(self._reference, placed), gate)
        self._lay(target, self._paint(wanted, id(self)), box.corner)

    def _view(self, picture: ByteArray, corner: FloatArray) -> ByteArray:
        """The region as a part of the canonical picture at ``corner`` shows it, RGB."""
        matrix = self._matrix.copy()
        matrix[:, 2] += self._frame.scale * corner
        image = np.ascontiguousarray(picture[..., :3])
        ratio = self._frame.scale
        if ratio < 0.75:  # filtered before it is sampled down
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / ratio), np.uint8)
        size = inputs.WIDTH, inputs.HEIGHT
        view = cv2.warpAffine(
            image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(view, np.uint8)

    def _lay(self, target: ByteArray, patch: ByteArray, corner: FloatArray) -> None:
        """Blend a patch of the region over the part of the canonical picture at ``corner``."""
        matrix = self._matrix.copy()
        matrix[:, 2] += self._frame.scale * corner
        size = target.shape[1], target.shape[0]
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        placed = cv2.warpAffine(patch, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        alpha = placed[..., 3].astype(np.float32) * np.float32(1 / 255)
        placed[..., 3] = 255
        mix(target, np.asarray(placed, np.uint8), alpha)
