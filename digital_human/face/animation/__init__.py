"""From speech with timings to the animation track: mouth, eyes, head, breath and emotion."""

from digital_human.face.animation.animator import Animator

__all__ = ["Animator"]
