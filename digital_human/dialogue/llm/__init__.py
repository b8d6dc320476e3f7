"""Language models that answer a chat."""

from __future__ import annotations

from digital_human.core.registry import BackendSpec, Registry

LLMS = Registry(
    "language model",
    [
        BackendSpec(
            name="llama",
            kind="language model",
            factory="digital_human.dialogue.llm.llama:LlamaLlm",
            extra="llm",
            capabilities=frozenset({"offline", "prefix", "lines", "leaning"}),
        ),
        BackendSpec(
            name="openai",
            kind="language model",
            factory="digital_human.dialogue.llm.openai:OpenAiLlm",
            extra="live",
            capabilities=frozenset({"remote", "parallel"}),
        ),
    ],
)
