"""Where the time between the end of a question and the first sound of its answer goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Span = Literal["end_of_turn", "transcript", "knowledge", "llm", "speech", "filler", "playout"]


@dataclass(slots=True)
class Waterfall:
    """Spans of one turn on the session's clock.

    Attributes:
        origin: True end of the question; None until the turn is committed.
        spans: Start and end of each stage; one that began before the question had ended
            (speculation) starts before ``origin``.
    """

    origin: float | None = None
    spans: dict[Span, tuple[float, float]] = field(default_factory=dict)

    def mark(self, name: Span, start: float, end: float) -> None:
        """Note a stage; only its first run counts."""
        self.spans.setdefault(name, (start, end))

    def to_data(self) -> dict[str, Any]:
        """The ``latency`` event: stages in order of their end, seconds from ``origin``."""
        origin = self.origin or 0.0
        stages = [
            {"name": name, "start": round(start - origin, 4), "end": round(end - origin, 4)}
            for name, (start, end) in sorted(self.spans.items(), key=lambda item: item[1][1])
        ]
        return {"stages": stages, "total": stages[-1]["end"] if stages else 0.0}
