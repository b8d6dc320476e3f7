"""What was said in a session, as the visitor heard it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from digital_human.dialogue.llm.base import Message, estimate_tokens
from digital_human.dialogue.types import Source
from digital_human.speech.types import Language

INTERRUPTED: dict[Language, str] = {
    "zh": "（被打断）", "en": " (interrupted)", "ja": "（中断）",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn.

    Attributes:
        turn: Its number.
        question: What the visitor said; empty when the digital human spoke first.
        answer: What the visitor heard of the answer.
        language: Language of the answer.
        interrupted: Whether the visitor cut the answer short.
        sources: Passages the answer rests on.
        at: Seconds on the session's clock.
    """

    turn: int
    question: str
    answer: str
    language: Language
    interrupted: bool = False
    sources: tuple[Source, ...] = ()
    at: float = 0.0


class History:
    """The exchanges of one session, the oldest dropped first; used from one thread only.

    Args:
        limit: Exchanges kept; a session may go on for ever.
    """

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._exchanges: list[Exchange] = []
        self._first = 0  # turn of the first exchange that the language model is shown

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """In order."""
        return tuple(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        """Append an exchange."""
        self._exchanges.append(exchange)
        del self._exchanges[: -self._limit]

    def messages(self, budget: int, count: Callable[[str], int] = estimate_tokens) -> list[Message]:
        """The latest exchanges as chat messages.

        When they no longer fit, exchanges are dropped until half the budget is free, so that the
        first message stays the same for many turns and the language model's prefix stays warm.

        Args:
            budget: Tokens they may have.
            count: Tokens of a text.
        """
        shown = [e for e in self._exchanges if e.turn >= self._first and e.answer]
        costs = [count(e.question) + count(_answer(e)) + 8 for e in shown]
        if sum(costs) > budget:
            while shown and sum(costs) > budget // 2:
                shown, costs = shown[1:], costs[1:]
            self._first = shown[0].turn if shown else self._next_turn()
        return [message for exchange in shown for message in _messages(exchange)]

    def _next_turn(self) -> int:
        return self._exchanges[-1].turn + 1 if self._exchanges else 0


def _messages(exchange: Exchange) -> Sequence[Message]:
    answer = Message("assistant", _answer(exchange))
    return (Message("user", exchange.question), answer) if exchange.question else (answer,)


def _answer(exchange: Exchange) -> str:
    mark = INTERRUPTED[exchange.language] if exchange.interrupted else ""
    return exchange.answer + mark
