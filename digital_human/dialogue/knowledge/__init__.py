"""What a persona knows: a folder of files, searched by meaning, words and sound."""

from digital_human.dialogue.knowledge.embedder import Embedder, UseEmbedder, default_embedder
from digital_human.dialogue.knowledge.knowledge import Answer, Findings, Knowledge

__all__ = ["Answer", "Embedder", "Findings", "Knowledge", "UseEmbedder", "default_embedder"]
