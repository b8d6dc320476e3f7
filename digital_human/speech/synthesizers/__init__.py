"""Engines that speak a clause, with the time of every phoneme."""

from __future__ import annotations

from digital_human.core.registry import BackendSpec, Registry

SYNTHESIZERS = Registry(
    "synthesizer",
    [
        BackendSpec(
            name="kokoro",
            kind="synthesizer",
            factory="digital_human.speech.synthesizers.kokoro:KokoroSynthesizer",
            capabilities=frozenset({"zh", "en", "ja", "phones", "words", "speed", "blend"}),
        ),
    ],
)
