"""Model weights: a manifest of files known by sha256, carriers that bring them, and the store."""

from digital_human.models.store import FileReport, ModelStatus, Store, store

__all__ = ["FileReport", "ModelStatus", "Store", "store"]
