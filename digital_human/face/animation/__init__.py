"""From speech with timings to the animation track: mouth, eyes, head, breath and emotion."""

from digital_human.face.animation.animator import Animator
from digital_human.face.animation.directions import (
    Direction,
    read_direction,
    take_directions,
    voice_tags,
)
from digital_human.face.animation.looks import ACTS, LOOKS, MOODS, OWN_ACTS, ActName, Look

__all__ = [
    "ACTS", "LOOKS", "MOODS", "OWN_ACTS", "ActName", "Animator", "Direction", "Look",
    "read_direction", "take_directions", "voice_tags",
]  # fmt: skip
