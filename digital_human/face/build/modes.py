"""Displacement fields (modes) of one face: measured from pictures where there are some, else drawn.

All fields are float32 [478, 2] in outer-eye distances, x to the right and y down, for an expression
at full strength.
"""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm


def symmetric(field: FloatArray, pairs: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
    """The left-right symmetric part of a field; irises are left as they are."""
    out = field.copy()
    mirrored = field[pairs] * np.array([-1, 1], np.float32)
    out[: lm.MESH] = (field[: lm.MESH] + mirrored) / 2
    return out.astype(np.float32)


def linear_fit(
    offsets: FloatArray, gaps: FloatArray, widths: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Displacement per unit of lip gap and of mouth width factor, by least squares.

    Args:
        offsets: float32 [s, 478, 2] of the bank's cells.
        gaps: float32 [s], their lip gaps less the gap at rest.
        widths: float32 [s], their width factors less 1.
    """
    inputs = np.column_stack([gaps, widths])
    ridge = inputs.T @ inputs + np.diag([1e-5, 1e-4])
    modes = np.linalg.solve(ridge, inputs.T @ offsets.reshape(len(offsets), -1))
    opening, width = modes.reshape(2, lm.COUNT, 2).astype(np.float32)
    return opening, width


class FaceModes:
    """Draws the fields for one face.

    Args:
        points: float32 [478, 2], landmarks at rest; any unit.
    """

    def __init__(self, points: FloatArray) -> None:
        self.io = lm.eye_distance(points)
        self._p = (points - points[lm.NOSE_ROOT]) / self.io
        self._seam = self._p[list(lm.LIP_CENTRES), 1].mean()
        self._corners = self._p[list(lm.MOUTH_CORNERS)]

    def _near(self, indices: tuple[int, ...], sigma: float) -> FloatArray:
        """1 at the given points, falling off with the distance to the nearest of them."""
        gap = np.linalg.norm(self._p[:, None] - self._p[None, list(indices)], axis=-1).min(1)
        return np.asarray(np.exp(-((gap / sigma) ** 2)), np.float32)

    def _field(
        self, weight: FloatArray, dx: float | FloatArray, dy: float | FloatArray
    ) -> FloatArray:
        return np.column_stack([weight * dx, weight * dy]).astype(np.float32)

    def _outward(self) -> FloatArray:
        """-1 on the left of the picture, 1 on the right, smooth in between."""
        centre = self._corners[:, 0].mean()
        return np.asarray(np.clip((self._p[:, 0] - centre) / 0.12, -1, 1), np.float32)

    def opening(self) -> FloatArray:
        """Lips apart by one outer-eye distance (a field to scale down), the lower one more."""
        y = self._p[:, 1]
        half = (self._corners[1, 0] - self._corners[0, 0]) / 2
        across = (self._p[:, 0] - self._corners[:, 0].mean()) / half
        arch = np.clip(1 - across**2, 0, 1) ** 0.7
        chin = self._p[lm.CHIN, 1]
        fall = np.clip((y - self._seam) / (chin - self._seam), 0, 1.2)
        jaw = np.exp(-((across / 2.4) ** 4))
        lower = np.where(fall < 0.55, arch * 0.75, 0.75 * jaw * 0.8)
        rise = np.exp(-(((y - self._seam) / 0.13) ** 2)) * arch * -0.25
        below = np.zeros(lm.COUNT, bool)
        below[list({*lm.INNER_LOWER[1:-1], *lm.OUTER_LOWER[1:-1]})] = True
        dy = np.where(below | (y > self._seam + 0.01), lower, rise)
        for upper, factor in ((lm.INNER_UPPER, -0.25), (lm.OUTER_UPPER, -0.22)):
            dy[list(upper)] = arch[list(upper)] * factor
        return self._field(np.ones(lm.COUNT, np.float32), 0, dy.astype(np.float32))

    def widening(self) -> FloatArray:
        """Mouth wider by its own width (a field to scale down)."""
        weight = self._near((*lm.LIPS,), 0.16)
        return self._field(weight, self._p[:, 0] - self._corners[:, 0].mean(), 0)

    def chin(self) -> FloatArray:
        """Chin and jaw down by one outer-eye distance; lips stay."""
        y = self._p[:, 1]
        start = self._p[17, 1] + 0.01
        t = np.clip((y - start) / (0.75 * (self._p[lm.CHIN, 1] - start)), 0, 1)
        across = np.abs(self._p[:, 0] - self._p[lm.CHIN, 0])
        jaw = np.exp(-((across / 0.62) ** 4))
        weight = (t * t * (3 - 2 * t) * jaw).astype(np.float32)
        weight[list(lm.LIPS)] = 0
        return self._field(weight / max(float(weight[lm.CHIN]), 1e-3), 0, 1)

    def _vermilion(
        self, indices: tuple[int, ...], outer: tuple[int, ...], sign: float
    ) -> FloatArray:
        """Lip made thinner: its outer line towards the seam, the skin beside it follows."""
        weight = self._near(outer[2:-2], 0.055)
        line = self._p[:, 1] - self._seam
        side = np.clip(sign * line / 0.02, 0, 1)
        weight = weight * side
        for inner in indices:
            weight[inner] = 0
        thick = abs(float(self._p[outer[5], 1] - self._seam))
        return self._field(weight.astype(np.float32), 0, -sign * thick)

    def drawn(self) -> dict[str, FloatArray]:
        """All fields that need no pictures."""
        near, field = self._near, self._field
        outward = self._outward()
        up = near((*lm.INNER_UPPER[2:-2], *lm.OUTER_UPPER[2:-2]), 0.07)
        up = up * (self._p[:, 1] < self._seam + 0.02)
        up[list(lm.INNER_LOWER[1:-1])] = 0
        low = near((*lm.INNER_LOWER[2:-2], *lm.OUTER_LOWER[2:-2]), 0.08)
        low = low * (self._p[:, 1] > self._seam - 0.02)
        low[list(lm.INNER_UPPER[1:-1])] = 0
        corner = near(lm.MOUTH_CORNERS, 0.12)
        cheek = near((50, 280, 205, 425), 0.17)
        lids = near((*lm.RIGHT_LOWER_LID[2:-2], *lm.LEFT_LOWER_LID[2:-2]), 0.045)
        tops = near((*lm.RIGHT_UPPER_LID[2:-2], *lm.LEFT_UPPER_LID[2:-2]), 0.035)
        inner_brow = near((55, 107, 65, 285, 336, 295), 0.11)
        outer_brow = near((70, 63, 105, 46, 53, 300, 293, 334, 276, 283), 0.11)
        brows = near((*lm.RIGHT_BROW, *lm.LEFT_BROW), 0.09)
        centre = np.clip(1 - np.abs(self._p[:, 0]) / 0.35, 0, 1)
        thinner_low = self._vermilion(lm.INNER_LOWER, lm.OUTER_LOWER, 1.0)
        thinner_up = self._vermilion(lm.INNER_UPPER, lm.OUTER_UPPER, -1.0)
        return {
            "upper_up": field(up, 0, -0.05),
            "lower_down": field(low, 0, 0.06),
            "roll_upper": thinner_up * 0.45,
            "roll_lower": thinner_low * 0.50 + field(low, 0, -0.012),
            "press": thinner_up * 0.20 + thinner_low * 0.20 + field(corner, outward * 0.008, 0.004),
            "shrug_upper": field(up + low * 0.5, 0, -0.02),
            "shrug_lower": field(low + up * 0.4 + 0.7 * near((152, 199, 200), 0.12), 0, -0.025),
            "pucker": -0.22 * thinner_up - 0.26 * thinner_low,
            "funnel": -0.26 * thinner_up - 0.26 * thinner_low,
            "smile": field(corner, outward * 0.01, -0.055) + field(cheek, outward * 0.012, -0.035),
            "dimple": field(corner, outward * 0.025, 0),
            "frown": field(corner, 0, 0.045),
            "puff": field(near((187, 411, 192, 416), 0.16), outward * 0.04, 0),
            "cheek": field(cheek, outward * 0.006, -0.03) + field(lids, 0, -0.014),
            "sneer": field(near((49, 279, 98, 327), 0.07), outward * 0.006, -0.022),
            "shift": field(near(lm.LIPS, 0.15), 0.07, 0),
            "jaw_shift": field(self.chin()[:, 1], 0.05, 0),
            "brow_in": field(inner_brow * (0.4 + 0.6 * centre), 0, -0.080),
            "brow_out": field(outer_brow, 0, -0.075),
            "brow_down": field(brows, -0.016 * outward, 0.055),
            "squint": field(lids, 0, -0.020) + field(tops, 0, 0.014),
            "wide": field(tops, 0, -0.022),
        }

    def blink(self) -> FloatArray:
        """Upper lids onto the lower ones, the crease a third of the way, lower lids a little up."""
        out = np.zeros((lm.COUNT, 2), np.float32)
        for upper, lower in (
            (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
            (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
        ):
            u, w = list(upper[1:-1]), list(lower[1:-1])
            height = self._p[w] - self._p[u]
            out[w] = -0.10 * height
            out[u] = height + out[w]
        for crease, upper in (
            ((247, 30, 29, 27, 28, 56, 190), lm.RIGHT_UPPER_LID),
            ((467, 260, 259, 257, 258, 286, 414), lm.LEFT_UPPER_LID),
        ):
            out[list(crease)] = 0.36 * out[list(upper[1:-1])]
        return out
