"""What flows out of the mind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from digital_human.speech.types import NEUTRAL, Delivery, Emotion, Language

Origin = Literal["knowledge", "llm", "filler", "decline", "greeting", "apology", "script"]


@dataclass(frozen=True, slots=True)
class Source:
    """A passage an answer rests on.

    Attributes:
        title: Heading or question of the passage.
        path: File inside the knowledge folder, with ``#heading`` or ``:row`` where there is one.
        text: The passage.
        score: 0…1, how well it fits the question.
        picture: Name of a picture of the persona's place that belongs to it; empty for none.
    """

    title: str
    path: str
    text: str
    score: float
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Words to speak now: one sentence, or the first clause of one.

    Attributes:
        text: As written; spoken and shown.
        language: Its language.
        origin: Where it comes from.
        emotion: What the face shows.
        delivery: How it is spoken.
    """

    text: str
    language: Language
    origin: Origin
    emotion: Emotion = "neutral"
    delivery: Delivery = NEUTRAL


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages the answer that follows rests on; sent before its first line."""

    items: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """A stage direction of the model or the persona, e.g. ``nod`` or ``slow``; never spoken."""

    name: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A line was unsafe and another was put in its place; for the log.

    Attributes:
        text: What would have been said.
        level: The moderation level.
        categories: Lists it was found on.
    """

    text: str
    level: str
    categories: tuple[str, ...]


Thought = Line | Sources | Act | Replaced
