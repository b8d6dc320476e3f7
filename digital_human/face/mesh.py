"""Piecewise-affine warps on a coarse grid.

A face part is a triangle mesh: landmarks that move, and a fixed border that ties it to the rest of
the picture. `PiecewiseWarp.locate` finds, for the wanted positions, which triangle covers each
cell of a coarse grid; `PiecewiseWarp.map_from` then gives the sampling map from any picture whose
landmarks are known (morph first, then blend). Triangles are drawn at grid resolution and the
displacement is interpolated up, a tenth of the cost of a map per pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm

IntArray = npt.NDArray[np.int32]
_SUBDIVIDE = 5  # points per span of a smoothed line
_SHIFT = 6  # fractional bits of the triangle corners given to the rasteriser
_MIN_REST_AREA = 1.5e-5  # square outer-eye distances; smaller ones (under the nose) are left out
_MOVED = 0.02  # pixels; a triangle whose corners moved less is at rest
_MIN_HEIGHT = 0.2  # cells; a flatter triangle has collapsed and is not drawn


class Box:
    """A rectangle of whole pixels.

    Args:
        x: Left edge.
        y: Top edge.
        width: Pixels across.
        height: Pixels down.
    """

    __slots__ = ("height", "width", "x", "y")

    def __init__(self, x: int, y: int, width: int, height: int) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height

    @classmethod
    def around(
        cls, points: FloatArray, margin: float, size: tuple[int, int], multiple: int = 1
    ) -> Box:
        """The box of ``points`` [n, 2] plus ``margin`` px, inside ``size`` (width, height).

        Width and height are cut to a multiple of ``multiple``.
        """
        low = np.maximum(0, np.floor(points.min(0) - margin)).astype(int)
        high = np.minimum(size, np.ceil(points.max(0) + margin + 1)).astype(int)
        extent = (high - low) // multiple * multiple
        return cls(int(low[0]), int(low[1]), int(extent[0]), int(extent[1]))

    def union(self, other: Box | None) -> Box:
        """The smallest box around both."""
        if other is None:
            return self
        x, y = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Box(x, y, right - x, bottom - y)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices for indexing an image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    @property
    def corner(self) -> FloatArray:
        """Left and top as float32 [2]."""
        return np.array([self.x, self.y], np.float32)


def identity_grid(width: int, height: int) -> FloatArray:
    """Pixel coordinates (x, y) as float32 [height, width, 2]."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack([x, y])


def border_points(box: Box, spacing: float) -> FloatArray:
    """Points on the edge of ``box``, at most ``spacing`` px apart, float32 [n, 2]."""
    nx = max(2, int(np.ceil(box.width / spacing)) + 1)
    ny = max(2, int(np.ceil(box.height / spacing)) + 1)
    xs = np.linspace(box.x - 1, box.x + box.width, nx)
    ys = np.linspace(box.y - 1, box.y + box.height, ny)
    rows = [(x, y) for y in (ys[0], ys[-1]) for x in xs]
    columns = [(x, y) for x in (xs[0], xs[-1]) for y in ys[1:-1]]
    return np.array(rows + columns, np.float32)


def spline_matrix(count: int) -> FloatArray:
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


def strip_triangles(upper: tuple[int, ...], lower: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Triangles between two landmark lines that share both ends (lips, lids)."""
    out: list[tuple[int, int, int]] = []
    for i in range(len(upper) - 1):
        a, b, c, d = upper[i], upper[i + 1], lower[i], lower[i + 1]
        out += [t for t in ((a, b, d), (a, d, c)) if len(set(t)) == 3]
    return out


def signed_areas(points: FloatArray, triangles: IntArray) -> FloatArray:
    """Areas of ``triangles`` [t, 3], positive when they run clockwise in the picture."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    return np.asarray((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) / 2, np.float32)


def part_mesh(
    points: FloatArray,
    triangles: IntArray,
    box: Box,
    spacing: float,
    fixed: FloatArray | None = None,
) -> tuple[IntArray, FloatArray]:
    """The mesh of the part of a face that lies in ``box``.

    Inside the face oval it keeps the face's own ``triangles``; between the oval and the fixed
    border of the box it is filled in by Delaunay's method.

    Args:
        points: float32 [478, 2], landmarks at rest.
        triangles: int32 [t, 3], tessellation of the face, holes of mouth and eyes filled in.
        box: The part; landmarks outside of it take no part.
        spacing: Pixels between border points.
        fixed: float32 [n, 2], more points outside the face oval that do not move.

    Returns:
        Triangles int32 [u, 3] over the 478 landmarks followed by the fixed points, and these,
        float32 [b, 2]: the border's, then those of ``fixed`` that lie in the box.
    """
    border = border_points(box, spacing)
    low, high = box.corner, box.corner + (box.width, box.height)
    if fixed is not None:
        held = ((fixed > low + spacing / 4) & (fixed < high - spacing / 4)).all(1)
        border = np.concatenate([border, fixed[held]]).astype(np.float32)
    inside: npt.NDArray[np.bool_] = np.all((points > low + 1) & (points < high - 2), axis=1)
    inside[lm.MESH :] = False
    own = triangles[inside[triangles].all(1)]
    hole = np.isin(own, lm.INNER_LIPS).all(1)
    smallest = _MIN_REST_AREA * lm.eye_distance(points) ** 2
    own = own[hole | (np.abs(signed_areas(points, own)) > smallest)]
    every = np.concatenate([points, border]).astype(np.float32)
    used = np.flatnonzero(np.concatenate([inside, np.ones(len(border), bool)]))
    filled = used[Delaunay(every[used]).simplices].astype(np.int32)
    covered = np.zeros((box.height, box.width), np.uint8)
    for t in own:
        cv2.fillConvexPoly(covered, np.round(every[t] - low).astype(np.int32), 1)
    centres = np.round(every[filled].mean(1) - low).astype(int)
    centres = np.clip(centres, 0, np.array([box.width - 1, box.height - 1]))
    free = covered[centres[:, 1], centres[:, 0]] == 0
    return np.concatenate([filled[free], own]).astype(np.int32), border


class PiecewiseWarp:
    """Sampling maps for one box of a picture.

    Args:
        triangles: int32 [t, 3], in painting order: a later triangle covers an earlier one.
        box: Where the output lies in the picture; its size must be a multiple of ``step``.
        step: Pixels per cell of the coarse grid.
        rest: float32 [n, 2], the mesh points at rest; a triangle that faces the other way than
            there has folded over and is not drawn.
    """

    def __init__(self, triangles: IntArray, box: Box, step: int, rest: FloatArray) -> None:
        self.box = box
        self._triangles = triangles
        self._step = step
        self._cells = (box.height // step, box.width // step)
        self._ids = np.full(self._cells, len(triangles), np.int32)
        self._pixels = identity_grid(box.width, box.height) + box.corner
        coarse = (identity_grid(self._cells[1], self._cells[0]) + 0.5) * step - 0.5
        self._coarse = coarse.astype(np.float32)
        self._weights = np.zeros((len(triangles), 2, 3), np.float32)
        self._drawn = np.zeros(len(triangles), bool)
        facing = np.sign(signed_areas(rest, triangles))
        facing[np.isin(triangles, lm.INNER_LIPS).all(1)] = 1.0  # shut at rest; see strip_triangles
        self._facing = facing.astype(np.float32)
        self._rest_corners = (rest - box.corner)[triangles].astype(np.float32)
        self._place(np.arange(len(triangles)), self._rest_corners)
        self._rest = self._weights.copy(), self._drawn.copy(), self._ids.copy()

    def locate(self, target: FloatArray) -> Box | None:
        """Place the mesh points at ``target`` [n, 2], in pixels of the whole picture.

        Returns:
            Where the picture differs from the one at rest; None when nowhere.
        """
        corners = (target - self.box.corner)[self._triangles]
        moved = (np.abs(corners - self._rest_corners) > _MOVED).reshape(len(corners), -1).any(1)
        self._weights[:], self._drawn[:] = self._rest[0], self._rest[1]
        chosen = np.flatnonzero(moved)
        # A cell that no moved triangle covers keeps the triangle that it has at rest.
        np.copyto(self._ids, self._rest[2])
        if not len(chosen):
            return None
        self._place(chosen, corners[chosen])
        touched = np.concatenate([corners[chosen], self._rest_corners[chosen]]).reshape(-1, 2)
        size = self.box.width, self.box.height
        changed = Box.around(touched, 2 * self._step, size)
        return Box(changed.x + self.box.x, changed.y + self.box.y, changed.width, changed.height)

    def _place(self, chosen: npt.NDArray[np.intp], corners: FloatArray) -> None:
        """Weights of the ``chosen`` triangles at ``corners`` [t, 3, 2], and their cells."""
        a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        det = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
        longest = np.maximum((b * b).sum(1), (c * c).sum(1))
        longest = np.sqrt(np.maximum(longest, ((c - b) ** 2).sum(1)))
        drawn = det * self._facing[chosen] > _MIN_HEIGHT * self._step * longest
        # Barycentric weights of corners 1 and 2 as affine functions of the pixel: u = U·(x, y, 1).
        weights = np.empty((len(chosen), 2, 3), np.float32)
        weights[:, 0, 0], weights[:, 0, 1] = c[:, 1], -c[:, 0]
        weights[:, 0, 2] = c[:, 0] * a[:, 1] - c[:, 1] * a[:, 0]
        weights[:, 1, 0], weights[:, 1, 1] = -b[:, 1], b[:, 0]
        weights[:, 1, 2] = b[:, 1] * a[:, 0] - b[:, 0] * a[:, 1]
        weights /= np.where(drawn, det, np.float32(np.inf))[:, None, None]
        self._weights[chosen] = weights
        self._drawn[chosen] = drawn
        scaled = ((corners + 0.5) / self._step - 0.5) * (1 << _SHIFT)
        fixed = np.round(scaled).astype(np.int32)
        ids, fill = self._ids, cv2.fillConvexPoly
        for i in np.flatnonzero(drawn).tolist():
            fill(ids, fixed[i], int(chosen[i]), cv2.LINE_8, _SHIFT)

    def cells(self, box: Box) -> tuple[slice, slice, Box]:
        """Row and column slices of the grid cells in ``box``, and the whole pixels they cover."""
        step, own = self._step, self.box
        x0, y0 = max(0, (box.x - own.x) // step), max(0, (box.y - own.y) // step)
        x1 = min(self._cells[1], -(-(box.x + box.width - own.x) // step))
        y1 = min(self._cells[0], -(-(box.y + box.height - own.y) // step))
        covered = Box(own.x + x0 * step, own.y + y0 * step, (x1 - x0) * step, (y1 - y0) * step)
        return slice(y0, y1), slice(x0, x1), covered

    def map_from(
        self, source: FloatArray, part: tuple[slice, slice, Box] | None = None
    ) -> FloatArray:
        """The map that fetches the located mesh from a picture.

        Args:
            source: [n, 2], the mesh points in the picture sampled, in its own pixels.
            part: From `cells`: make the map of these cells only.

        Returns:
            float32 [h, w, 2] for ``cv2.remap``; cells outside all triangles fetch themselves.
        """
        rows, columns, box = part or (slice(None), slice(None), self.box)
        s = source[self._triangles]
        edges = np.stack([s[:, 1] - s[:, 0], s[:, 2] - s[:, 0]], 1).astype(np.float32)
        affine = np.einsum("tki,tkj->tij", edges, self._weights)
        affine[:, :, 2] += s[:, 0]
        affine[:, 0, 0] -= 1
        affine[:, 1, 1] -= 1
        affine[:, :, 2] -= self.box.corner
        affine[~self._drawn] = 0  # its cells fetch themselves
        table = np.concatenate([affine.reshape(-1, 6), np.zeros((1, 6), np.float32)])
        a = table.take(self._ids[rows, columns], axis=0)
        coarse = self._coarse[rows, columns]
        x, y = coarse[..., 0], coarse[..., 1]
        moved = np.empty((*a.shape[:2], 2), np.float32)
        moved[..., 0] = a[..., 0] * x + a[..., 1] * y + a[..., 2]
        moved[..., 1] = a[..., 3] * x + a[..., 4] * y + a[..., 5]
        fine = cv2.resize(moved, (box.width, box.height), interpolation=cv2.INTER_LINEAR)
        top, left = box.y - self.box.y, box.x - self.box.x
        pixels = self._pixels[top : top + box.height, left : left + box.width]
        return np.asarray(cv2.add(fine, pixels, dst=fine), np.float32)


def sample(
    image: ByteArray,
    positions: FloatArray,
    border: int = cv2.BORDER_REPLICATE,
    method: int = cv2.INTER_LINEAR,
) -> ByteArray:
    """``image`` [h, w, c] at ``positions`` [m, n, 2] (x, y), bilinear unless ``method`` says."""
    return _remap(image, positions, method, border)


def _remap(image: ByteArray, positions: FloatArray, method: int, border: int) -> ByteArray:
    # The stubs know no single two-channel map.
    out = cv2.remap(image, positions, None, method, borderMode=border)  # type: ignore[call-overload]
    return np.asarray(out, np.uint8)


def mix(into: ByteArray, patch: ByteArray, alpha: npt.NDArray[np.floating]) -> None:
    """Blend ``patch`` over ``into`` in place, both uint8 [h, w, c]; ``alpha`` 0…1 [h, w]."""
    weight = alpha.astype(np.float32, copy=False)
    into[:] = cv2.blendLinear(np.ascontiguousarray(into), patch, 1 - weight, weight)


def scaled(image: ByteArray, scale: float | FloatArray) -> ByteArray:
    """Resize an image by ``scale`` (or by scales across and down), averaging when it shrinks."""
    sx, sy = (float(v) for v in np.broadcast_to(np.asarray(scale), (2,)))
    if sx == 1 and sy == 1:
        return np.ascontiguousarray(image)
    size = max(1, round(image.shape[1] * sx)), max(1, round(image.shape[0] * sy))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


class Placed:
    """A picture cut from the canvas, with the mesh points in its own scaled pixels.

    Args:
        points: float32 [n, 2], mesh points in canvas pixels.
        box: int32 [4], x, y, width, height of the picture in the canvas.
        scale: Canonical pixels per canvas pixel, across and down.
    """

    __slots__ = ("points", "size")

    def __init__(self, points: FloatArray, box: IntArray, scale: FloatArray) -> None:
        corner, extent = box[:2].astype(np.float32), box[2:].astype(np.float32)
        size = np.maximum(1, np.round(extent * scale))
        self.size = int(size[0]), int(size[1])
        self.points = ((points - corner + 0.5) * (size / extent) - 0.5).astype(np.float32)


def warp_points(
    image: ByteArray, source: FloatArray, target: FloatArray, triangles: IntArray, box: Box
) -> ByteArray:
    """Warp the part ``box`` of an image at full resolution (used when a bundle is built).

    Args:
        image: uint8 [h, w, c].
        source: [n, 2], mesh points in ``image``.
        target: [n, 2], where they go.
        triangles: int32 [t, 3] over the points.
        box: Output rectangle.

    Returns:
        uint8 [box.height, box.width, c].
    """
    warp = PiecewiseWarp(triangles, box, 1, target)
    warp.locate(target)
    return _remap(image, warp.map_from(source), cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
