"""The animation track that drives every renderer: 52 ARKit curves, head pose and tongue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray

# Apple ARKit ARFaceAnchor.BlendShapeLocation, alphabetical as MediaPipe reports them.
ARKIT: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft",
    "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT)}


@dataclass(frozen=True, slots=True)
class MotionFrame:
    """What the face does in one video frame.

    Attributes:
        curves: float32 [52], 0…1, in the order of `ARKIT`.
        head: float32 [6]: yaw, pitch, roll in degrees (positive: the face turns to its own left,
            looks up, tilts to its own left shoulder), then x, y, z in outer-eye distances
            (positive: right in the picture, up, nearer).
        tongue: 0…1, tongue tip raised behind the upper teeth (l, n, d, t).
        breath: −1…1, phase of the chest and shoulders.
        pts: Frame index.
        epoch: Epoch it was made in.
    """

    curves: FloatArray
    head: FloatArray
    tongue: float
    breath: float
    pts: int
    epoch: int

    def __getitem__(self, name: str) -> float:
        """The value of one ARKit curve by name."""
        return float(self.curves[INDEX[name]])

    @classmethod
    def rest(cls, pts: int = 0, epoch: int = 0) -> MotionFrame:
        """A face at rest: all curves zero, head straight."""
        return cls(np.zeros(52, np.float32), np.zeros(6, np.float32), 0.0, 0.0, pts, epoch)
