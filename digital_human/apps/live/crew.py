"""What a reply needs around it: voice, stage and judgement, as small interfaces."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from digital_human.apps.live.incidents import Incidents
from digital_human.core.clock import Clock
from digital_human.core.events import Events
from digital_human.dialogue.history import History
from digital_human.dialogue.persona import Persona
from digital_human.dialogue.types import Thought
from digital_human.safety.moderation import Verdict
from digital_human.speech.types import Clause, Language, Speech

_KEPT_SPEECH = 6


class Thinker(Protocol):
    """Finds answers: `digital_human.dialogue.mind.Mind`."""

    def think(
        self, text: str, language: Language, history: History, *, cancelled: Callable[[], bool]
    ) -> AsyncGenerator[Thought]:
        """The answer to ``text``, piece by piece."""
        ...

    async def expect(
        self, text: str, language: Language, history: History, *, cancelled: Callable[[], bool]
    ) -> None:
        """Prepare for a question that begins with ``text``."""
        ...


class Voice(Protocol):
    """Speaks clauses: `digital_human.apps.live.mouth.Mouth`."""

    def fitted(self, clause: Clause) -> Clause:
        """``clause`` in the manner the visitor wishes."""
        ...

    async def speak(self, clause: Clause, *, cancelled: Callable[[], bool]) -> Speech:
        """The sound of ``clause``."""
        ...


class Stage(Protocol):
    """Where speech is heard and seen: `digital_human.apps.live.performer.Performer`."""

    def say(self, speech: Speech, turn: int) -> None: ...
    def finish(self, turn: int) -> None: ...
    async def drained(self, turn: int) -> None: ...
    async def wait_room(self, seconds: float) -> None: ...
    def duck(self) -> None: ...
    def hold(self) -> None: ...
    def resume(self) -> None: ...
    def cut(self) -> None: ...
    def heard(self, turn: int) -> str: ...
    def first_sample_at(self, turn: int) -> float | None: ...
    def look(self, state: str) -> None: ...
    def act(self, name: str, *, after_speech: bool = False) -> None: ...


class Judge(Protocol):
    """Judges text: `digital_human.safety.moderation.Moderator`."""

    def check(self, text: str) -> Verdict:
        """The verdict on ``text``."""
        ...


class RecentSpeech:
    """The last few clauses of a session as they were spoken.

    A dropped draft often leads to the same answer as the question it was dropped for.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], Speech] = OrderedDict()

    def get(self, clause: Clause) -> Speech | None:
        """``clause`` as it was spoken before, in the epoch of ``clause``."""
        speech = self._kept.get(_key(clause))
        return None if speech is None else replace(speech, clause=clause, epoch=clause.epoch)

    def put(self, speech: Speech) -> None:
        """Keep ``speech``, the oldest dropped."""
        self._kept[_key(speech.clause)] = speech
        while len(self._kept) > _KEPT_SPEECH:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Crew:
    """What the replies of one session share.

    Attributes:
        on_voice: Told the turn whenever speech of it is handed to the stage.
    """

    persona: Persona
    mouth: Voice
    stage: Stage
    moderator: Judge
    events: Events
    clock: Clock
    recent: RecentSpeech
    incidents: Incidents
    on_voice: Callable[[int], None]


def _key(clause: Clause) -> tuple[object, ...]:
    return clause.text, clause.language, clause.pause, clause.delivery, clause.lead
