"""How live speech is cut into clauses; prepared speech is cut the same way, so that it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from digital_human.dialogue.opening import first_limit
from digital_human.speech.text import clauses
from digital_human.speech.types import Clause, Emotion, Language

_GOES_ON = 60  # ms after words without a mark: more of their sentence comes


def live_clauses(
    text: str,
    language: Language,
    *,
    epoch: int = 0,
    emotion: Emotion = "neutral",
    index: int = 0,
) -> Sequence[Clause]:
    """The clauses of ``text``; the first one short when it begins a turn.

    Args:
        text: What is to be spoken, as written.
        language: Its main language.
        epoch: Epoch of the clauses.
        emotion: What the face shows.
        index: Clauses of the turn before this text.
    """
    first = first_limit(text, language) if index == 0 else None
    found = clauses.split(text, language, epoch=epoch, emotion=emotion, first_limit=first)
    made = [replace(clause, index=clause.index + index) for clause in found]
    if made and made[-1].text[-1:].isalnum():
        made[-1] = replace(made[-1], pause=min(made[-1].pause, _GOES_ON))
    return made
