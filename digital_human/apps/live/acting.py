"""Stage directions in a text that is spoken live as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from digital_human.apps.live.phrasing import live_clauses
from digital_human.dialogue.types import Act, Line
from digital_human.face.animation import Direction, take_directions, voice_tags
from digital_human.speech.text.delivery import EMOTIONS, LONGEST_LEAD, Manner
from digital_human.speech.types import Clause

_MOST_SILENCE = 20_000  # ms that all pauses of one reply may have


class SpokenManner:
    """How a reply is spoken as it goes on, by the acts before its lines."""

    def __init__(self) -> None:
        self._manner = Manner()
        self._lead = 0
        self._silence = _MOST_SILENCE
        self.moody = False
        """Whether an act has named an emotion."""

    def take(self, act: Act) -> bool:
        """Obey ``act`` as far as it concerns the voice; whether it concerns the face."""
        direction = Direction(0, act.name)
        for tag in voice_tags([direction]):
            pause = min(self._manner.take(tag), LONGEST_LEAD - self._lead, self._silence)
            self._lead += pause
            self._silence -= pause
            self.moody |= tag.name in EMOTIONS
        return direction.facial

    def clauses(self, line: Line, *, epoch: int, index: int) -> list[Clause]:
        """The clauses of ``line``, the first behind the silence that was asked for.

        Args:
            line: What is to be spoken.
            epoch: Epoch of the clauses.
            index: Clauses of the turn before it.
        """
        made = list(
            live_clauses(
                line.text, line.language, epoch=epoch, emotion=line.emotion, index=index,
                delivery=line.delivery, manner=self._manner,
            )
        )  # fmt: skip
        if made:
            made[0], self._lead = replace(made[0], lead=self._lead), 0
        return made


def acted(line: Line) -> Iterator[Line | Act]:
    """``line`` cut at its stage directions, which become acts; other brackets are left in it.

    An act is handed to the stage behind the words before it, so `Performer.act` is to be told that
    it comes after the speech.
    """
    text, directions = take_directions(line.text)
    cuts = [0, *(direction.at for direction in directions), len(text)]
    for number, (start, end) in enumerate(pairwise(cuts)):
        if number:
            yield Act(directions[number - 1].act)
        if words := text[start:end].strip():
            yield replace(line, text=words)
