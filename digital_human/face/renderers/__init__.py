"""Renderers: one animation frame in, one RGBA picture out."""
