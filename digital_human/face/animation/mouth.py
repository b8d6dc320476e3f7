"""From articulation to the mouth's ARKit curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.face.animation.articulation import COLUMN, NAMES, STEP, Array, Track
from digital_human.face.motion import INDEX
from digital_human.speech.visemes import SPECS, Viseme

_PAIRED = ("mouthStretch", "mouthUpperUp", "mouthLowerDown", "mouthPress")


@dataclass(frozen=True, slots=True)
class Mouth:
    """The mouth at one moment.

    Attributes:
        pose: float64 [channels], free movement.
        lips: Closure of the lips, 0…1.
        teeth: Contact of lower lip and upper teeth, 0…1.
    """

    pose: Array
    lips: float
    teeth: float

    @classmethod
    def rest(cls) -> Mouth:
        """Closed and relaxed."""
        return cls(np.zeros(len(NAMES)), 0.0, 0.0)

    def toward(self, other: Mouth, share: float) -> Mouth:
        """The mouth ``share`` of the way to ``other``."""
        return Mouth(
            self.pose + share * (other.pose - self.pose),
            self.lips + share * (other.lips - self.lips),
            self.teeth + share * (other.teeth - self.teeth),
        )

    def joined(self, other: Mouth) -> Mouth:
        """Both at once: of every movement the greater."""
        return Mouth(
            np.maximum(self.pose, other.pose),
            max(self.lips, other.lips),
            max(self.teeth, other.teeth),
        )


def sample(track: Track, time: float) -> Mouth:
    """The mouth at ``time`` in seconds, between the rows of the grid."""
    at = time / STEP - track.first
    i = int(np.clip(np.floor(at), 0, len(track.pose) - 2))
    u = float(np.clip(at - i, 0.0, 1.0))

    def at_time(curve: Array) -> Array:
        return np.asarray(curve[i] * (1.0 - u) + curve[i + 1] * u)

    return Mouth(at_time(track.pose), float(at_time(track.lips)), float(at_time(track.teeth)))


_TEETH = np.array([SPECS[Viseme.FF].pose.get(name, 0.0) for name in NAMES])
_SHUT = {name: v for name, v in SPECS[Viseme.PP].pose.items() if name != "jawOpen"}
_SHAPE = [COLUMN[n] for n in ("mouthPucker", "mouthFunnel", "mouthStretch")]


def curves(mouth: Mouth, expression: FloatArray) -> tuple[FloatArray, float]:
    """The mouth's curves, float32 [52], and the tongue, 0…1.

    Args:
        mouth: What speech asks for.
        expression: The expression's offsets for the mouth, float32 [52].
    """
    touch = mouth.teeth * (1.0 - mouth.lips)
    contact = _TEETH.copy()
    contact[_SHAPE] = mouth.pose[_SHAPE]
    pose = mouth.pose + touch * (contact - mouth.pose)
    values = dict(zip(NAMES, pose.tolist(), strict=True))
    g = mouth.lips
    for name in ("mouthUpperUp", "mouthLowerDown"):
        values[name] *= 1.0 - g
    for name, target in _SHUT.items():
        values[name] += g * (target - values[name])
    tongue = values.pop("tongue")
    out = np.zeros(52, np.float32)
    for name, value in values.items():
        if name in _PAIRED:
            out[INDEX[f"{name}Left"]] = out[INDEX[f"{name}Right"]] = value
        else:
            out[INDEX[name]] = value
    out[INDEX["mouthClose"]] = out[INDEX["jawOpen"]] * np.float32(g)
    rounded = min(1.0, values["mouthPucker"] + values["mouthFunnel"])
    out += expression * np.float32(1.0 - 0.6 * rounded)
    return out, tongue
