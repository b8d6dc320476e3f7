"""Moderation, labels, provenance and the audit log: what makes the output trustworthy."""
