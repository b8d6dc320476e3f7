"""Where the lower face is on the canonical face of a video avatar."""

from __future__ import annotations

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face import landmarks as lm

_ABOVE = 0.45  # of the way from the lower lids to the nose's base the lower face begins
_SIDE, _BELOW = 0.22, 0.62  # io around the oval of the face


def lower_corners(shape: FloatArray) -> FloatArray:
    """Corners float32 [4, 2] of what jaw and lips can move on a canonical face [478, 2+]."""
    io = lm.eye_distance(shape)
    oval = shape[list(lm.OVAL), :2]
    lids = float(max(shape[145, 1], shape[374, 1]))
    top = lids + _ABOVE * (float(shape[lm.NOSE_BASE, 1]) - lids)
    left, right = oval[:, 0].min() - _SIDE * io, oval[:, 0].max() + _SIDE * io
    bottom = oval[:, 1].max() + _BELOW * io
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def lower_centre(shape: FloatArray) -> FloatArray:
    """Its middle, float32 [3], with the mean depth of the face's oval."""
    depth = float(shape[list(lm.OVAL), 2].mean())
    return np.append(lower_corners(shape).mean(0), depth).astype(np.float32)
