"""How live speech is cut into clauses; prepared speech is cut the same way, so that it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from digital_human.dialogue.opening import first_limit
from digital_human.speech.text import clauses
from digital_human.speech.text.delivery import Manner
from digital_human.speech.types import NEUTRAL, Clause, Delivery, Emotion, Language

_GOES_ON = 60  # ms after words without a mark: more of their sentence comes


def live_clauses(
    text: str,
    language: Language,
    *,
    epoch: int = 0,
    emotion: Emotion = "neutral",
    index: int = 0,
    delivery: Delivery = NEUTRAL,
    manner: Manner | None = None,
) -> Sequence[Clause]:
    """The clauses of ``text``; the first one short when it begins a turn.

    Args:
        text: What is to be spoken, as written.
        language: Its main language.
        epoch: Epoch of the clauses.
        emotion: What the face shows.
        index: Clauses of the turn before this text.
        delivery: How it is spoken.
        manner: What voice tags before it have set; goes on with it.
    """
    first = first_limit(text, language) if index == 0 else None
    found = clauses.split(
        text, language, epoch=epoch, emotion=emotion, first_limit=first, delivery=delivery,
        manner=manner,
    )  # fmt: skip
    made = [replace(clause, index=clause.index + index) for clause in found]
    if made and made[-1].text[-1:].isalnum():
        made[-1] = replace(made[-1], pause=min(made[-1].pause, _GOES_ON))
    return made
