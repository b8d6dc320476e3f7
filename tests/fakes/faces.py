"""Frames of a face for tests: curves by name, pictures over grey, what must hold for any avatar."""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.face.renderers.base import Renderer
from digital_human.face.shape import FaceShape

EYES_APART = 175.0  # pixels: the scale of a 512 × 512 portrait
WIDTHS: tuple[tuple[dict[str, float], float], ...] = (
    ({"mouthStretch": 1.0}, 1.14),
    ({"mouthPucker": 1.0}, 0.72),
    ({"mouthFunnel": 1.0}, 0.84),
)
"""Curves of the mouth's width, and the factor that they ask for."""
SHUT: tuple[dict[str, float], ...] = (
    {"jawOpen": 0.2, "mouthClose": 0.2},
    {"jawOpen": 0.06, "mouthClose": 0.06, "mouthPress": 0.4, "mouthRollLower": 0.2},
    {"mouthSmile": 0.8},
    {"mouthPucker": 0.6},
    {"mouthFrown": 0.8},
)
"""Curves under which the lips stay on each other."""


def curves(**values: float) -> FloatArray:
    """The 52 curves with some set; a name without a side sets both."""
    out = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                out[INDEX[name + side]] = value
    return out


def still(**values: float) -> MotionFrame:
    """A frame with some curves set, the head straight."""
    return frame(0, (0,) * 6, **values)


def frame(pts: int = 0, head: tuple[float, ...] = (0,) * 6, **values: float) -> MotionFrame:
    """A frame with some curves set."""
    return MotionFrame(curves(**values), np.array(head, np.float32), 0.0, 0.0, pts, 0)


def over_grey(renderer: Renderer, **values: float) -> ByteArray:
    """The face with the head straight over grey, uint8 [h, w, 3]."""
    drawn = renderer.render(still(**values))
    alpha = drawn[..., 3:].astype(np.float32) / 255
    return np.asarray(drawn[..., :3] * alpha + 128 * (1 - alpha), np.uint8)


def widest_gap(shape: FaceShape, values: dict[str, float]) -> float:
    """The largest gap along the lips beyond that at rest, in outer-eye distances."""
    points = shape.mouth(curves(**values)).points
    upper, lower = list(lm.INNER_UPPER), list(lm.INNER_LOWER)
    opening = points[lower, 1] - points[upper, 1]
    rest = np.maximum(shape.rest[lower, 1] - shape.rest[upper, 1], 0)
    return float((opening - rest).max()) / shape.io


def width_factor(shape: FaceShape, values: dict[str, float]) -> float:
    """Mouth width over that at rest."""
    return lm.mouth_width(shape.mouth(curves(**values)).points) / lm.mouth_width(shape.rest)
