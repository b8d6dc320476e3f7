"""What most visitors ask of a place, for speaking its answers before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from digital_human.dialogue.place.facilities import FACILITIES
from digital_human.dialogue.place.place import Place
from digital_human.dialogue.types import Line
from digital_human.speech.types import Language

_OF_SPOTS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "介绍一下{}", "{}在哪里", "从这里到{}怎么走", "{}现在开着吗", "{}几点开门", "{}几点关门",
        "{}门票多少钱",
    ),
    "en": (
        "Tell me about {}", "Where is {}", "How do I get to {} from here", "Is {} open now",
        "When does {} open", "When does {} close", "How much is the ticket for {}",
    ),
}  # fmt: skip
_OF_FACILITIES: dict[Language, str] = {"zh": "最近的{}在哪里", "en": "Where is the nearest {}"}
_HOURS = 10, 15, 22  # of the day: what is open, and what is said of it, changes


def usual(place: Place, now: datetime, languages: Sequence[Language]) -> Iterator[tuple[Line, ...]]:
    """What is told to the questions that are asked most, each answer once.

    Args:
        place: The place.
        now: A time of the day that they are asked on, with its zone.
        languages: In which visitors are answered.
    """
    day = now.astimezone(place.zone)
    seen: set[tuple[Line, ...]] = set()
    for question, language in _questions(place, languages):
        for hour in _HOURS:
            told = place.answer(question, language, now=day.replace(hour=hour), at=None)
            if told is not None and told.said not in seen:
                seen.add(told.said)
                yield told.said


def _questions(place: Place, languages: Sequence[Language]) -> Iterator[tuple[str, Language]]:
    kinds = dict.fromkeys(one.kind for one in place.files.facilities)
    for language in languages:
        for pattern in _OF_SPOTS.get(language, ()):
            for spot in place.spots:
                if language in spot.names:
                    yield pattern.format(spot.names[language]), language
        if language in _OF_FACILITIES:
            for kind in kinds:
                name = FACILITIES[kind].names[language]
                yield _OF_FACILITIES[language].format(name), language
