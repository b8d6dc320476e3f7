"""What can happen to a conversation besides what the ears tell."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from digital_human.apps.live.acting import acted
from digital_human.apps.live.reply import Question, Think
from digital_human.dialogue.types import Line, Thought
from digital_human.errors import InputError
from digital_human.speech.types import Language

By = Literal["voice", "button", "typed"]


@dataclass(frozen=True, slots=True)
class Ask:
    """Answer a typed question."""

    turn: int
    question: Question


@dataclass(frozen=True, slots=True)
class Say:
    """Speak lines as they are."""

    turn: int
    line: Line


@dataclass(frozen=True, slots=True)
class SayNow(Say):
    """Speak lines instead of what is being said."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop speaking and thinking."""

    by: By


@dataclass(slots=True)
class Visitor:
    """The visitor's turn that is open.

    Attributes:
        turn: Its number.
        at: Onset on the microphone's clock.
        words_at: The microphone time up to which the words are known, and the session's time at
            which they became known.
    """

    turn: int
    at: float
    words_at: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Broken:
    """A reply that a voice broke off, while it is not known what the voice wants.

    Attributes:
        question: What it answered.
        unanswered: The same, without text when something of the answer was heard.
        rest: What is known of the answer and was not heard.
        goes_on: Whether the voice goes on with the same question.
    """

    question: Question
    unanswered: Question
    rest: tuple[Line, ...]
    goes_on: bool


def given(text: str, limit: int) -> str:
    """``text`` without white space around it.

    Raises:
        InputError: It is empty or longer than ``limit`` characters.
    """
    text = text.strip()
    if not text:
        raise InputError("text is empty", fix="give some words")
    if len(text) > limit:
        raise InputError(f"text has {len(text)} characters", fix=f"give at most {limit} at a time")
    return text


def written_in(text: str) -> Language:
    """The language ``text`` is most likely written in."""
    if any("\u3040" <= c <= "\u30ff" for c in text):
        return "ja"
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"


def joined(first: str, second: str, language: Language) -> str:
    """A question and its continuation."""
    first = first.rstrip(" 。．.…，,、!！?？")
    return f"{first} {second}" if language == "en" else f"{first}，{second}"


def script(lines: Sequence[Line]) -> Think:
    """Thoughts that are known already, with their stage directions."""

    async def think(cancelled: Callable[[], bool]) -> AsyncGenerator[Thought]:
        for line in lines:
            for thought in acted(line):
                yield thought

    return think
