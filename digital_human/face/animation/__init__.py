"""From speech with timings to the animation track: mouth, eyes, head, breath and emotion."""

from digital_human.face.animation.animator import Animator
from digital_human.face.animation.looks import ACTS, LOOKS, ActName, Look

__all__ = ["ACTS", "LOOKS", "ActName", "Animator", "Look"]
