"""Finds where a video can go on from one frame to another one, and makes the bridges between them.

The idea is that of "Video Textures" (Schödl et al. 2000): frames are compared over a short window,
so that movement matches as well as position. A bridge is a cross-fade in which both sides are first
moved onto each other along the optical flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.video_frames import FPS

BRIDGE = 8  # frames
MOST = 10  # seams besides the one that closes the loop
_LEAST_LOOP = 1.6  # s
_APART = 1.0  # s between the ends of two seams
_POINT, _PICTURE, _EYES = 0.030, 3.0, 0.035  # io, grey levels and io that count as one unit
_POOR = 6.0  # units; a worse bridge is not made: the video turns back instead
_FEW = 1400  # frames that are compared with each other
_SHORTER = 0.8  # units that losing all of the video would be worth


@dataclass(frozen=True, slots=True)
class Seam:
    """A way from one frame to another: ``leave`` … are blended into the frames before ``enter``.

    Attributes:
        leave: First frame that is not shown any more by itself.
        enter: First frame shown after the bridge.
        cost: How unlike the two sides are, in units of what is just visible.
    """

    leave: int
    enter: int
    cost: float


def features(points: FloatArray, thumbs: ByteArray, io: float) -> FloatArray:
    """What frames are compared by, float32 [n, d]; squared distances add up to squared units.

    Args:
        points: float32 [n, 478, 2+], landmarks in pixels.
        thumbs: uint8 [n, h, w, 3], the whole pictures, very small: hair, shoulders, hands.
        io: Outer-eye distance in pixels.
    """
    chosen = [*lm.STABLE, *lm.OVAL]
    place = points[:, chosen, :2].reshape(len(points), -1) / (io * _POINT * np.sqrt(len(chosen)))
    pictures = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    pictures /= _PICTURE * np.sqrt(pictures.shape[1])
    lids = points[:, [145, 374], 1] - points[:, [159, 386], 1]
    gaze = points[:, [468, 473], :2] - (points[:, [33, 362], :2] + points[:, [133, 263], :2]) / 2
    eyes = np.concatenate([lids, gaze.reshape(len(points), -1)], axis=1) / (io * _EYES)
    return np.concatenate([place, pictures, eyes], axis=1).astype(np.float32)


def find_seams(feature: FloatArray, allowed: npt.NDArray[np.bool_]) -> list[Seam]:
    """The seam that closes the loop, others as smooth, and last the one from the last frame.

    Empty when none is smooth.

    Args:
        feature: float32 [n, d] from `features`.
        allowed: bool [n], frames that may be shown.
    """
    n = len(feature)
    window = np.array([0, BRIDGE // 2, BRIDGE - 1])
    stride = max(1, n // _FEW)
    leave = np.arange(BRIDGE, n - BRIDGE, stride)
    enter = np.arange(BRIDGE, n - 1, stride)
    clear = np.concatenate([[0], np.cumsum(~allowed)])
    cost = np.zeros((len(leave), len(enter)), np.float32)
    for offset in window:
        cost += _distances(feature[leave + offset], feature[enter - BRIDGE + offset])
    cost = np.sqrt(cost / len(window))
    cost[clear[np.minimum(n, leave + BRIDGE)] > clear[leave]] = np.inf
    cost[:, clear[enter] > clear[enter - BRIDGE]] = np.inf
    length = leave[:, None] - enter[None, :]
    least = min(round(_LEAST_LOOP * FPS), max(1, n // 2))
    closing = np.where(length >= least, cost + _SHORTER * (1 - length / n), np.inf)
    i, j = np.unravel_index(int(np.argmin(closing)), closing.shape)
    if not cost[i, j] < _POOR:
        return []
    seams = [Seam(int(leave[i]), int(enter[j]), float(cost[i, j]))]
    last, apart = seams[0], round(_APART * FPS)
    limit = max(1.3 * last.cost, 1.0)
    # Only inside the loop, and only over a distance that brings something new.
    far = np.where(np.abs(length) >= 2 * FPS, cost, np.inf)
    far[leave >= last.leave - apart] = np.inf
    far[:, (enter >= last.leave - apart) | (enter < last.enter)] = np.inf
    far[leave <= last.enter + apart] = np.inf
    while len(seams) <= MOST:
        i, j = np.unravel_index(int(np.argmin(far)), far.shape)
        if not far[i, j] < limit:
            break
        seams.append(Seam(int(leave[i]), int(enter[j]), float(far[i, j])))
        near_leave = np.abs(leave - leave[i]) < apart
        near_enter = np.abs(enter - enter[j]) < apart
        far[np.ix_(near_leave, near_enter)] = np.inf
        far[np.abs(leave - leave[i]) < apart // 2] = np.inf
    return [*seams, _end_seam(feature, last)]


def _end_seam(feature: FloatArray, loop: Seam) -> Seam:
    """From the very last frame into the loop, for what lasts longer than the video."""
    first = max(BRIDGE, loop.enter)
    enter = np.arange(first, max(first + 1, loop.leave - FPS))
    cost = np.sqrt(_distances(feature[-1:], feature[enter - BRIDGE // 2])[0])
    best = int(np.argmin(cost))
    return Seam(len(feature), int(enter[best]), float(cost[best]))


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared distances of all rows of ``a`` to all rows of ``b``."""
    squares = (a * a).sum(1)[:, None] + (b * b).sum(1)[None]
    return np.asarray(np.maximum(0, squares - 2 * (a @ b.T)), np.float32)


def blend_pair(a: ByteArray, b: ByteArray, share: float) -> ByteArray:
    """The picture ``share`` of the way from ``a`` to ``b``, both uint8 [h, w, 3].

    Both are moved along the optical flow (DIS, Kroeger et al. 2016) to where things are then.
    """
    height, width = a.shape[:2]
    scale = min(1.0, 480 / max(height, width))
    size = max(16, round(width * scale)), max(16, round(height * scale))
    small = [
        cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for image in (a, b)
    ]
    net = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    parts = []
    for image, pair, part in ((a, small, share), (b, small[::-1], 1 - share)):
        flow = net.calc(pair[0], pair[1], None)  # type: ignore[call-overload]
        flow = cv2.GaussianBlur(flow, (0, 0), 2.0)
        flow = cv2.resize(flow, (width, height)) * np.array([width / size[0], height / size[1]])
        parts.append(_pull(image, (flow * part).astype(np.float32)))
    return np.asarray(cv2.addWeighted(parts[0], 1 - share, parts[1], share, 0), np.uint8)


def _pull(image: ByteArray, moved: FloatArray) -> ByteArray:
    """``image`` with every pixel displaced by ``moved`` [h, w, 2], looked up backwards."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.dstack([x, y])
    # The displacement at the target: one fixed-point step, enough for smooth fields.
    at_target = cv2.remap(moved, grid - moved, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    positions = (grid - at_target).astype(np.float32)
    out = cv2.remap(  # type: ignore[call-overload]
        image, positions, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def bridge_shares() -> FloatArray:
    """How far each frame of a bridge is from one side to the other, float32 [`BRIDGE`]."""
    t = (np.arange(BRIDGE, dtype=np.float32) + 1) / (BRIDGE + 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
