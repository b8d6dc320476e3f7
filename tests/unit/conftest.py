"""Fixtures of the unit tests."""

from tests.fakes.west_lake import place

__all__ = ["place"]
