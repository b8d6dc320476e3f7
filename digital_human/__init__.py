"""An open runtime for AI digital humans: a face and a voice, live or rendered."""

__version__ = "0.1.0"
