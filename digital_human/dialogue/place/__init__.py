"""What a persona knows of the place it stands in, computed from files that a curator writes."""

from digital_human.dialogue.place.place import Place, Told
from digital_human.dialogue.place.rows import Spot

__all__ = ["Place", "Spot", "Told"]
