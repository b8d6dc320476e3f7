"""What is said when something went wrong, or when somebody spoke and was not understood."""

from __future__ import annotations

from digital_human.core.clock import Clock
from digital_human.core.events import Events
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.types import Line
from digital_human.speech.hearing import Abandon
from digital_human.speech.types import Language

_APOLOGY_EVERY = 10.0  # s
_ADDRESSED = 45.0  # s after the last words or the greeting in which a voice is meant for it
_SPOKEN = 0.5  # s of voice that are words and not a cough
_ASK_EVERY = 3.0  # s
_MOST = 3  # times in a row: after that a voice without words is taken for noise


class Amends:
    """Of one conversation; all methods belong to the event loop.

    Args:
        persona: Who speaks.
        events: Where ``misheard`` goes.
        clock: The session's.
        asks_again: Whether a voice that gave no words is answered at all: only where the ears let
            nothing but near voices through.
    """

    def __init__(self, persona: Persona, events: Events, clock: Clock, *, asks_again: bool) -> None:
        self._persona, self._events, self._clock = persona, events, clock
        self._asks_again = asks_again
        self._apologised = self._asked = self._addressed = float("-inf")
        self._times = 0

    def addressed(self, *, understood: bool = False) -> None:
        """Somebody is being talked with; ``understood`` when there were words."""
        self._addressed = self._clock.now()
        if understood:
            self._times = 0

    def apology(self, language: Language) -> Line | None:
        """That something went wrong; None when that was said a moment ago."""
        now = self._clock.now()
        if now - self._apologised < _APOLOGY_EVERY:
            return None
        self._apologised = now
        return Line(self._persona.apology[language], language, "apology")

    def ask_again(self, heard: Abandon, turn: int, language: Language) -> Line | None:
        """Words that ask the visitor to say it again, the second time other ones.

        Args:
            heard: What was heard.
            turn: Its turn.
            language: Last spoken.

        Returns:
            None when the voice was none, was not meant for it, or was asked often enough.
        """
        now = self._clock.now()
        spoken = heard.reason == "empty" and heard.voiced >= _SPOKEN
        due = now - self._addressed < _ADDRESSED and now - self._asked >= _ASK_EVERY
        if not (self._asks_again and spoken and due) or self._times >= _MOST:
            return None
        self._asked = now
        self._times += 1
        self._events.emit("misheard", turn=turn, times=self._times)
        wordings = self._persona.ask_again[language]
        return Line(wordings[min(self._times, len(wordings)) - 1], language, "decline")
