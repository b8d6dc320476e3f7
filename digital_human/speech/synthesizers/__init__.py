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
        BackendSpec(
            name="kokoro-torch",
            kind="synthesizer",
            factory="digital_human.speech.synthesizers.kokoro_torch:KokoroTorchSynthesizer",
            extra="train",
            capabilities=frozenset({"zh", "en", "ja", "phones", "words", "speed", "blend"}),
        ),
        BackendSpec(
            name="speech-api",
            kind="synthesizer",
            factory="digital_human.speech.synthesizers.speech_api:SpeechApiSynthesizer",
            extra="live",
            capabilities=frozenset({"zh", "en", "ja", "phones", "words", "speed", "aligned"}),
        ),
        BackendSpec(
            name="xtts",
            kind="synthesizer",
            factory="digital_human.speech.synthesizers.xtts:XttsSynthesizer",
            extra="clone",
            capabilities=frozenset({"zh", "en", "ja", "phones", "words", "speed", "aligned"}),
        ),
    ],
)
