"""Engines that write down what is said."""

from __future__ import annotations

from digital_human.core.registry import BackendSpec, Registry

RECOGNIZERS = Registry(
    "recognizer",
    [
        BackendSpec(
            name="whisper",
            kind="recognizer",
            factory="digital_human.speech.recognizers.whisper:WhisperRecognizer",
            extra="live",
            capabilities=frozenset({"zh", "en", "ja", "prompt"}),
        ),
    ],
)
