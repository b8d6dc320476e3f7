"""From ARKit curves to the vertices of a head mesh, in the convention of `face.shape`.

Targets of different meshes mean different things by 1. Here each is scaled so that lip gap, mouth
width and chin move as the curves say, and what several targets together still lack is made up by
two of them: lips opened or closed at the jaw's place, corners drawn out or in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.head_bundle import HeadMesh
from digital_human.face.motion import ARKIT, INDEX
from digital_human.face.renderers.head_gl import Pose
from digital_human.face.shape import (
    CHIN_DROP,
    FUNNEL,
    JAW_GAP,
    LOWER_GAP,
    MAX_GAP,
    PUCKER,
    SMILE,
    STRETCH,
    UPPER_GAP,
)

LIMITS = np.array([28.0, 20.0, 15.0, 0.25, 0.12, 0.25], np.float32)
"""Of the head pose that is drawn: degrees, then outer-eye distances."""
BREATH = 0.012  # io the chest rises
_GAZE = 0.062, 0.042  # io the pupil goes aside and up for a look curve at 1
_FOLLOW, _FOLLOW_LIMITS = 0.38, (-0.12, 0.4)  # of the upper lid after the eye
_SCALE = 0.2, 1.2  # by what a target's strength may be corrected
_REST_OF = 0.7  # strongest use of a target that makes up for what others lack
_FUNNEL_STRENGTH = 0.7  # more of it folds the corners; a pucker does the rest
_LIP_TO_CHIN = 0.40  # io from a shut mouth to the chin of a face with the convention's proportions
_OVER = 1.1  # lip gap of a wide jaw that other targets take back, over what is asked for
_SEEN = 1e-4  # a weight below it moves nothing visible


@dataclass(frozen=True, slots=True)
class _Effect:
    """What one target at 1 does: lip gap and chin in io, mouth width as a share of its rest."""

    gap: float
    width: float
    chin: float


class HeadShape:
    """Vertices of one head for any curves; one instance belongs to one thread at a time.

    Args:
        mesh: The head.

    Attributes:
        size: Its mouth against the convention's, 0.3…1; lip gaps and the chin's drop shrink by it.
    """

    def __init__(self, mesh: HeadMesh) -> None:
        self._mesh = mesh
        count = mesh.offsets.shape[1]
        rest = np.hstack([mesh.positions[:count], mesh.normals[:count]])
        self._rest = np.ascontiguousarray(rest, np.float32)
        self._basis = np.concatenate([mesh.offsets, mesh.turns], axis=2).reshape(
            len(mesh.offsets), -1
        )
        self._out = self._rest.copy()
        self._part = np.empty(self._out.size, np.float32)
        self._marks = mesh.marks
        self._rest_gap = self._gap(mesh.positions)
        self._rest_width = self._width(mesh.positions)
        # A drawing's small mouth under large eyes opens less, or its lip would pass its chin.
        chin = mesh.positions[mesh.marks["lip_lower"], 1] - mesh.positions[mesh.marks["chin"], 1]
        self.size = float(np.clip(chin / _LIP_TO_CHIN, 0.3, 1.0))
        self._effects = {name: self._effect(row) for name, row in mesh.targets.items()}
        self._scale = self._scales()
        self._radius = float(mesh.eyes[:, 3].max())

    def frame(
        self, curves: FloatArray, head: FloatArray, tongue: float, breath: float
    ) -> tuple[FloatArray, Pose]:
        """The moved vertices float32 [m, 6] (position, normal), reused, and the pose.

        Args:
            curves: float32 [52], 0…1.
            head: float32 [6], degrees and io as in `MotionFrame`.
            tongue: 0…1.
            breath: −1…1.
        """
        weights, gap = self.weights(curves, tongue)
        out = self._out.reshape(-1)
        out[:] = self._rest.reshape(-1)
        for name, weight in weights.items():
            if abs(weight) > _SEEN:
                np.multiply(self._basis[self._mesh.targets[name]], np.float32(weight), self._part)
                out += self._part
        limited = np.clip(head, -LIMITS, LIMITS)
        pose = Pose(
            head=_rotation(*np.radians(limited[:3])),
            shift=limited[3:].astype(np.float32),
            breath=BREATH * breath,
            eyes=np.stack([self._eye(curves, side) for side in ("Right", "Left")]),
            lids=self._lids(),
            opening=float(np.clip(gap / (JAW_GAP * self.size), 0, 1)),
        )
        return self._out, pose

    def weights(self, curves: FloatArray, tongue: float) -> tuple[dict[str, float], float]:
        """Weight of every target that acts, and the lip gap in outer-eye distances."""
        weights = {
            name: float(curves[i]) * self._scale[name]
            for i, name in enumerate(ARKIT)
            if curves[i] > _SEEN and name in self._scale
        }
        weights["mouthClose"] = self._closing(curves)
        weights["tongueUp"] = tongue
        self._close_lids(weights, curves)
        gap = self._fit_mouth(weights, curves)
        return {name: w for name, w in weights.items() if name in self._effects}, gap

    def _fit_mouth(self, weights: dict[str, float], curves: FloatArray) -> float:
        """Make lip gap and mouth width exact."""
        jaw = float(curves[INDEX["jawOpen"]])
        opening = max(0.0, jaw - float(curves[INDEX["mouthClose"]]))
        gap = JAW_GAP * opening + UPPER_GAP * _mean(curves, "mouthUpperUp")
        gap = min(MAX_GAP, gap + LOWER_GAP * _mean(curves, "mouthLowerDown")) * self.size
        width = 1 + STRETCH * _mean(curves, "mouthStretch") + SMILE * _mean(curves, "mouthSmile")
        width += PUCKER * float(curves[INDEX["mouthPucker"]])
        width += FUNNEL * float(curves[INDEX["mouthFunnel"]])
        wanted = max(self._rest_gap, gap)
        for attempt in range(3):
            have_gap, have_width = self._rest_gap, 1.0
            for name, weight in weights.items():
                if (effect := self._effects.get(name)) is not None:
                    have_gap += weight * effect.gap
                    have_width += weight * effect.width
            # Pressed lips sink into each other; to part them again would show a slit.
            if gap > self._rest_gap or have_gap > wanted:
                lack = wanted - have_gap
                self._add(weights, self._openers(lack, attempt), lack, "gap")
            self._add(weights, self._wideners(width - have_width), width - have_width, "width")
        return gap

    def _closing(self, curves: FloatArray) -> float:
        """Weight of ``mouthClose`` that takes back what the jaw opens."""
        if "mouthClose" not in self._effects or "jawOpen" not in self._effects:
            return 0.0
        closed = min(float(curves[INDEX["jawOpen"]]), float(curves[INDEX["mouthClose"]]))
        opens = self._effects["jawOpen"].gap * self._scale["jawOpen"]
        return closed * opens / max(1e-3, -self._effects["mouthClose"].gap)

    def _openers(self, lack: float, attempt: int) -> tuple[str, ...]:
        """What moves the lips alone; where that is not enough to shut them, the jaw's closer."""
        if "mouthLowerDownLeft" not in self._effects or (lack < 0 and attempt > 0):
            return ("mouthClose",)
        return tuple(
            f"mouth{part}{side}" for part in ("LowerDown", "UpperUp") for side in ("Left", "Right")
        )

    def _wideners(self, lack: float) -> tuple[str, ...]:
        return ("mouthStretchLeft", "mouthStretchRight") if lack > 0 else ("mouthPucker",)

    def _add(
        self, weights: dict[str, float], names: tuple[str, ...], lack: float, what: str
    ) -> None:
        """Raise ``names`` together so that ``what`` grows by ``lack``."""
        known = [name for name in names if name in self._effects]
        per = sum(float(getattr(self._effects[name], what)) for name in known)
        if abs(per) < 1e-3 or lack * per < 0:
            return
        limit = 2.0 if names == ("mouthClose",) else _REST_OF
        step = float(np.clip(lack / per, -limit, limit))
        for name in known:
            weights[name] = weights.get(name, 0.0) + step

    def _close_lids(self, weights: dict[str, float], curves: FloatArray) -> None:
        """Blinks, with the upper lid following the eye; a closed lid cannot squint or widen."""
        for side in ("Left", "Right"):
            blink = float(curves[INDEX["eyeBlink" + side]])
            down = float(curves[INDEX["eyeLookDown" + side]] - curves[INDEX["eyeLookUp" + side]])
            follow = float(np.clip(_FOLLOW * down, *_FOLLOW_LIMITS))
            closed = blink + follow * (1 - blink)
            weights["eyeBlink" + side] = closed * self._scale.get("eyeBlink" + side, 1.0)
            weights["lidHalf" + side] = max(0.0, 4 * closed * (1 - closed))
            for name in ("eyeSquint", "eyeWide"):
                if name + side in weights:
                    weights[name + side] *= 1 - 0.85 * blink
            if self._radius > 0:  # the eyeballs turn instead
                for name in ("eyeLookDown", "eyeLookUp", "eyeLookIn", "eyeLookOut"):
                    weights.pop(name + side, None)

    def _eye(self, curves: FloatArray, side: str) -> FloatArray:
        """Rotation of one eyeball."""
        if self._radius <= 0:
            return np.eye(3, dtype=np.float32)
        look = {n: float(curves[INDEX[f"eyeLook{n}{side}"]]) for n in ("In", "Out", "Up", "Down")}
        across = look["Out"] - look["In"] if side == "Left" else look["In"] - look["Out"]
        yaw = np.arcsin(np.clip(_GAZE[0] * across / self._radius, -0.7, 0.7))
        pitch = np.arcsin(np.clip(_GAZE[1] * (look["Up"] - look["Down"]) / self._radius, -0.6, 0.6))
        return _rotation(float(yaw), float(pitch), 0.0)

    def _lids(self) -> FloatArray:
        lids = np.zeros((2, 2), np.float32)
        for i, side in enumerate(("right", "left")):
            centre, radius = self._mesh.eyes[i, 1], max(1e-6, float(self._mesh.eyes[i, 3]))
            for j, lid in enumerate(("upper", "lower")):
                vertex = self._marks[f"lid_{lid}_{side}"]
                lids[i, j] = (self._position(vertex)[1] - centre) / radius
        return lids

    def _position(self, vertex: int) -> FloatArray:
        if vertex < len(self._out):
            return np.asarray(self._out[vertex, :3], np.float32)
        return np.asarray(self._mesh.positions[vertex], np.float32)

    def _gap(self, positions: FloatArray) -> float:
        upper, lower = self._marks["lip_upper"], self._marks["lip_lower"]
        return float(positions[upper, 1] - positions[lower, 1])

    def _width(self, positions: FloatArray) -> float:
        left, right = self._marks["corner_left"], self._marks["corner_right"]
        return max(1e-3, float(positions[left, 0] - positions[right, 0]))

    def _effect(self, row: int) -> _Effect:
        moved = self._mesh.positions.copy()
        moved[: self._mesh.offsets.shape[1]] += self._mesh.offsets[row]
        chin = self._marks["chin"]
        return _Effect(
            gap=self._gap(moved) - self._rest_gap,
            width=self._width(moved) / self._rest_width - 1,
            chin=float(self._mesh.positions[chin, 1] - moved[chin, 1]),
        )

    def _scales(self) -> dict[str, float]:
        """Strength of each target when its curve is 1."""
        scale = dict.fromkeys(self._effects, 1.0)
        wanted = (
            (("jawOpen",), "chin", CHIN_DROP * self.size),
            (("mouthPucker",), "width", PUCKER),
            (("mouthStretchLeft", "mouthStretchRight"), "width", STRETCH),
            (("mouthSmileLeft", "mouthSmileRight"), "width", SMILE),
            (("mouthUpperUpLeft", "mouthUpperUpRight"), "gap", UPPER_GAP * self.size),
            (("mouthLowerDownLeft", "mouthLowerDownRight"), "gap", LOWER_GAP * self.size),
        )
        for names, what, value in wanted:
            has = [self._effects[name] for name in names if name in self._effects]
            total = sum(float(getattr(effect, what)) for effect in has)
            if total * value > 1e-4:
                for name in names:
                    scale[name] = float(np.clip(value / total, *_SCALE))
        if "jawOpen" in scale and self._effects["jawOpen"].gap > 0:
            most = _OVER * JAW_GAP * self.size / self._effects["jawOpen"].gap
            scale["jawOpen"] = min(scale["jawOpen"], most)
        if "mouthFunnel" in scale:
            scale["mouthFunnel"] = _FUNNEL_STRENGTH
        for side in ("Left", "Right"):
            if (row := self._mesh.targets.get("eyeBlink" + side)) is not None:
                scale["eyeBlink" + side] = self._blink_scale(row, side.lower())
        return scale

    def _blink_scale(self, row: int, side: str) -> float:
        """So that the lids meet."""
        upper, lower = self._marks[f"lid_upper_{side}"], self._marks[f"lid_lower_{side}"]
        open_ = float(self._mesh.positions[upper, 1] - self._mesh.positions[lower, 1])
        moved = self._mesh.offsets[row]
        if max(upper, lower) >= len(moved):
            return 1.0
        closes = float(moved[lower, 1] - moved[upper, 1])
        return float(np.clip(open_ / closes, 0.5, 1.6)) if closes > 1e-3 else 1.0


def _mean(curves: FloatArray, name: str) -> float:
    return 0.5 * float(curves[INDEX[name + "Left"]] + curves[INDEX[name + "Right"]])


def _rotation(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Turn to the person's left, look up, tilt to the left shoulder (radians), in that order."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(-pitch), np.sin(-pitch)
    cr, sr = np.cos(-roll), np.sin(-roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(tilt @ turn @ nod, np.float32)
