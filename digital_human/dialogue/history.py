"""What was said in a session, as the visitor heard it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digital_human.dialogue.llm.base import Message, estimate_tokens
from digital_human.dialogue.types import Source
from digital_human.dialogue.visit import Visit
from digital_human.speech.types import Language

INTERRUPTED: dict[Language, str] = {
    "zh": "（被打断）", "en": " (interrupted)", "ja": "（中断）",
}  # fmt: skip
TOLD = 320
"""Tokens of what was said before that the language model is told."""


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
        refused: Whether the question was unsafe; the language model is never told of it.
    """

    turn: int
    question: str
    answer: str
    language: Language
    interrupted: bool = False
    sources: tuple[Source, ...] = ()
    at: float = 0.0
    refused: bool = False


class History:
    """The exchanges of one session, the oldest dropped first.

    One thread adds to it; any thread may read it, and sees it before or after an exchange was
    added, never in between.

    Args:
        limit: Exchanges kept; a session may go on for ever.
        told: Tokens that `messages` may have.

    Attributes:
        visit: What is known of the visitor, and what was told.
    """

    def __init__(self, limit: int = 200, told: int = TOLD) -> None:
        self._limit, self._told = limit, told
        self.visit = Visit()
        # The exchanges, and the turn of the first one that the language model is told.
        self._state: tuple[tuple[Exchange, ...], int] = ((), 0)

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """In order."""
        return self._state[0]

    def add(self, exchange: Exchange) -> None:
        """Append an exchange; what it says of the visitor goes into `visit`.

        When those that the language model is told no longer fit, the oldest are left out until
        half the room is free, so that the first message stays the same for many turns and the
        language model's prefix stays warm.
        """
        if not exchange.refused:
            self.visit.note(exchange.question, exchange.language)
            self.visit.tell(exchange.sources, exchange.answer)
        exchanges, first = self._state
        exchanges = (*exchanges, exchange)[-self._limit :]
        shown = _shown(exchanges, first)
        costs = [estimate_tokens(e.question) + estimate_tokens(_answer(e)) + 8 for e in shown]
        if sum(costs) > self._told:
            while shown and sum(costs) > self._told // 2:
                shown, costs = shown[1:], costs[1:]
            first = shown[0].turn if shown else exchange.turn + 1
        self._state = (exchanges, first)

    def messages(self) -> list[Message]:
        """The latest exchanges as chat messages."""
        return [message for exchange in _shown(*self._state) for message in _messages(exchange)]


def _shown(exchanges: Sequence[Exchange], first: int) -> list[Exchange]:
    return [e for e in exchanges if e.turn >= first and e.answer and not e.refused]


def _messages(exchange: Exchange) -> Sequence[Message]:
    answer = Message("assistant", _answer(exchange))
    return (Message("user", exchange.question), answer) if exchange.question else (answer,)


def _answer(exchange: Exchange) -> str:
    mark = INTERRUPTED[exchange.language] if exchange.interrupted else ""
    return exchange.answer + mark
