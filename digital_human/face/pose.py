"""Head pose and breathing as a smooth displacement of the whole bust.

Small rotations of a head seen from the front move each point sideways by its depth times the angle.
The field is linear in the pose, so a frame's field is one small product with fields made once on a
coarse grid. Neck and shoulders take part less and less from the chin down.
"""

from __future__ import annotations

import cv2
import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.mesh import Box, identity_grid
from digital_human.face.motion import MotionFrame

STEP = 16  # output pixels per cell of the coarse grid
CAMERA = 7.0  # io, distance of the camera: how much nearer is larger
LIMITS = np.array([9.0, 7.0, 8.0, 0.25, 0.10, 0.15], np.float32)  # of the pose that is drawn
STILL = 1.5  # io below the chin from where on nothing moves
_SHOULDER = 0.14  # how much of the head's motion the shoulders take part in
_BREATH = 0.012  # io


def _smooth(value: FloatArray) -> FloatArray:
    t = np.clip(value, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


class HeadField:
    """Sampling maps of the posed bust.

    Args:
        points: float32 [478, 2], landmarks at rest in output pixels.
        depth: float32 [478], depth of each before the neck's axis in outer-eye distances.
        ratio: Pixels of the picture sampled per output pixel, across and down.
        box: The part of the output to make maps for.
    """

    def __init__(
        self,
        points: FloatArray,
        depth: FloatArray,
        ratio: tuple[float, float],
        box: Box,
    ) -> None:
        self._ratio = ratio
        self._size = box.width, box.height
        # One more cell on each side, so that interpolation is linear up to the edge.
        cells = 2 - (-box.width // STEP), 2 - (-box.height // STEP)
        grid = (identity_grid(*cells) - 0.5) * STEP - 0.5 + box.corner
        self._fields = self._basis(grid, points, depth, float(box.y + box.height))
        rest = (grid + 0.5) * np.array(ratio, np.float32) - 0.5
        self._rest = rest.astype(np.float32)
        self._cells = cells

    @staticmethod
    def _basis(
        grid: FloatArray, points: FloatArray, depth: FloatArray, bottom: float
    ) -> FloatArray:
        """Displacement per unit of yaw, pitch, roll (rad), x, y, z and breath: [7, h·w·2]."""
        io = lm.eye_distance(points)
        x, y = grid[..., 0], grid[..., 1]
        chin, top = points[lm.CHIN], points[lm.OVAL[0]]
        centre = points[list(lm.OVAL)].mean(0)
        neck = _smooth((y - chin[1] + 0.10 * io) / (0.95 * io))
        rigid = 1 - (1 - _SHOULDER) * neck
        z = _depth_field(grid, points, depth, io) * (1 - neck)
        pivot = chin + (0, 0.40 * io)
        zero = np.zeros_like(x)
        shoulders = 0.45 + 0.55 * _smooth((y - chin[1]) / (0.8 * io))
        height = float(chin[1] - top[1])
        # Yaw narrows the far side a little: second order in the angle, left out.
        fields = [
            (z * io, zero),
            (zero, -z * io),
            (-rigid * (y - pivot[1]), rigid * (x - pivot[0])),
            (rigid * io, zero),
            (zero, -rigid * io),
            (rigid * (x - centre[0]) / CAMERA, rigid * (y - centre[1] - height) / CAMERA),
            (zero, -_BREATH * io * shoulders),
        ]
        basis = np.stack([np.dstack(field) for field in fields])
        # The chest is still; nothing may lift the bust from its lower edge where it is cut off.
        still = min(bottom, float(chin[1]) + STILL * io)
        basis[..., 1] *= _smooth((still - y) / (0.5 * io))
        if still < bottom:
            basis[..., 0] *= _smooth((still - y) / (0.5 * io))
        return basis.reshape(len(fields), -1).astype(np.float32)

    def map(self, motion: MotionFrame) -> FloatArray:
        """The map [h, w, 2] for ``cv2.remap`` from the unposed picture to the box."""
        head = np.clip(np.nan_to_num(motion.head), -LIMITS, LIMITS)
        pose = np.empty(7, np.float32)
        pose[:3] = np.radians(head[:3])
        pose[3:6] = head[3:]
        pose[6] = np.clip(np.nan_to_num(motion.breath), -1, 1)
        moved = (-pose @ self._fields).reshape(self._cells[1], self._cells[0], 2)
        positions = self._rest + moved * np.array(self._ratio, np.float32)
        size = self._cells[0] * STEP, self._cells[1] * STEP
        fine = np.asarray(cv2.resize(positions, size, interpolation=cv2.INTER_LINEAR), np.float32)
        return fine[STEP : STEP + self._size[1], STEP : STEP + self._size[0]]


def _depth_field(grid: FloatArray, points: FloatArray, depth: FloatArray, io: float) -> FloatArray:
    """Depth over the grid: landmarks inside the face, falling to 0 at the outline of the hair."""
    mesh = points[: lm.MESH]
    oval = points[list(lm.OVAL)]
    centre = oval.mean(0)
    ring = centre + (oval - centre) * np.array([1.55, 1.60], np.float32)
    ring = np.concatenate([ring, centre + (oval - centre) * np.array([2.1, 2.1], np.float32)])
    sites = np.concatenate([mesh, ring])
    values = np.concatenate([depth[: lm.MESH], np.zeros(len(ring), np.float32)])
    sigma = 0.16 * io
    gap = ((grid[..., None, :] - sites) ** 2).sum(-1)
    weight = np.exp(-gap / (2 * sigma**2)) + 1e-7 / (1 + gap / sigma**2)
    return np.asarray((weight @ values) / weight.sum(-1), np.float32)
