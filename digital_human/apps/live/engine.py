"""What all live sessions of a process share: models, threads, personas and prepared speech."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import structlog

from digital_human.apps.live.mouth import Mouth
from digital_human.apps.live.phrasing import live_clauses
from digital_human.config import Settings
from digital_human.core.stage import ModelThread
from digital_human.dialogue.knowledge import Knowledge
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.base import Llm
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import Persona, load_persona
from digital_human.errors import Cancelled, DigitalHumanError, InputError
from digital_human.face.avatar import Avatar, open_avatar
from digital_human.models import store
from digital_human.safety.audit import AuditLog
from digital_human.safety.moderation import Moderator
from digital_human.speech.endpoint import EndpointJudge
from digital_human.speech.hotwords import HotWords
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.speaker import Speaker, clause_cache
from digital_human.speech.types import Clause, Language

log = structlog.get_logger()

# How much each model's threads yield: the picture first, then the voice, hearing, thinking.
_NICE = {"voice": 2, "ears": 4, "judge": 2, "mind": 6, "prepare": 10}
_PREPARE_WAIT = 1.0  # s between looks whether everybody is silent


@dataclass(frozen=True, slots=True)
class Cast:
    """A persona with what belongs to it, loaded once."""

    persona: Persona
    knowledge: Knowledge | None
    mind: Mind
    hot_words: HotWords


class Engine:
    """Models and threads of the live loop.

    Args:
        settings: The program's settings.

    Attributes:
        preparing: Whether a clause is being spoken into the cache now.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ears = ModelThread("ears", _NICE["ears"])
        self.judging = ModelThread("judge", _NICE["judge"])
        self.thinking = ModelThread("mind", _NICE["mind"])
        self.voicing = ModelThread("voice", _NICE["voice"])
        self.recalling = ModelThread("recall")
        self.moderator = Moderator.default()
        self.audit = AuditLog()
        self.recognizer: Recognizer
        self.judge: EndpointJudge
        self._llm: Llm | None = None
        self._casts: dict[str, Cast] = {}
        self._avatars: dict[str, Avatar] = {}
        self._busy: set[Callable[[], bool]] = set()
        self.preparing = False

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """Models of the store that live sessions use with these settings."""
        names = ["kokoro-int8", "kokoro-voices", "whisper-base", "smart-turn", "use-multilingual"]
        llm = self.settings.llm
        known = [status.spec.name for status in store().list()]
        if llm.backend == "llama" and llm.model in known:
            names.append(llm.model)
        return tuple(names)

    async def load(self, personas: Sequence[str], told: Callable[[str], None]) -> None:
        """Load the models and the personas, each in its own thread, and warm them.

        Args:
            personas: Names or folders; the first is the default.
            told: Called with what is being loaded.

        Raises:
            DigitalHumanError: A model, a persona or its knowledge is missing or wrong.
        """
        told("speech recognition")
        self.recognizer = await self.ears.call(RECOGNIZERS["whisper"].create)
        self.judge = await self.judging.call(EndpointJudge)
        if self.settings.llm.backend != "none":
            told(f"language model {self.settings.llm.model}")
            self._llm = await self.thinking.call(LLMS[self.settings.llm.backend].create)
        for name in personas:
            told(f"persona {name}")
            cast = await self.cast(name)
            await self.avatar(cast.persona.avatar)
            voice = Speaker(cast.persona.voice)
            await self.voicing.call(_warm, voice)
            for language, text in cast.persona.greeting.items():
                for clause in live_clauses(text, language):
                    await self.voicing.call(voice.speak, clause)

    async def cast(self, name: str) -> Cast:
        """A persona, its knowledge and its mind."""
        if name not in self._casts:
            persona = await self.judging.call(load_persona, name)
            knowledge = None
            if persona.knowledge_folder is not None:
                knowledge = await self.judging.call(Knowledge.open, persona.knowledge_folder)
            mind = Mind(
                persona, llm=self._llm, llm_thread=self.thinking, knowledge=knowledge,
                moderator=self.moderator,
            )  # fmt: skip
            if self._llm is not None:
                await self.thinking.call(mind.warm)
            words = [*persona.hot_words, *(knowledge.hot_words if knowledge else ())]
            hot_words = await self.judging.call(HotWords, words)
            self._casts[name] = Cast(persona, knowledge, mind, hot_words)
        return self._casts[name]

    async def avatar(self, name: str) -> Avatar:
        """An avatar, loaded once for all sessions."""
        if name not in self._avatars:
            self._avatars[name] = await self.judging.call(open_avatar, name)
        return self._avatars[name]

    def mouth(self, voice: str, languages: Iterable[Language]) -> Mouth:
        """A voice for one session; reads files.

        Raises:
            InputError: There is no such voice, or it does not read all of ``languages``.
        """
        speaker = Speaker(voice, cache=clause_cache(keep=False))
        if unread := set(languages) - set(speaker.voice.languages):
            raise InputError(
                f"voice {voice!r} does not read {', '.join(sorted(unread))}",
                fix="choose a voice that reads every language of the persona",
            )
        return Mouth(speaker, self.voicing, self.recalling)

    @contextlib.contextmanager
    def in_use(self, busy: Callable[[], bool]) -> Iterator[None]:
        """Count a session whose ``busy`` says when the models must not be kept from it."""
        self._busy.add(busy)
        try:
            yield
        finally:
            self._busy.discard(busy)

    async def prepare(self) -> None:
        """Speak what personas are sure to say into the cache while nobody needs the models."""
        for cast in tuple(self._casts.values()):
            speaker = Speaker(cast.persona.voice)
            count = 0
            with ModelThread("prepare", _NICE["prepare"]) as thread:
                clauses = await thread.call(prepared_clauses, cast)
            for clause in clauses:
                try:
                    await self._prepare(speaker, clause)
                    count += 1
                except DigitalHumanError as error:
                    log.warning("cannot prepare a clause", text=clause.text, cause=str(error))
            log.info("prepared speech", persona=cast.persona.name, clauses=count)

    async def _prepare(self, speaker: Speaker, clause: Clause) -> None:
        """Have ``clause`` in the cache; wait while somebody needs the models."""
        while True:
            if not self.occupied():
                self.preparing = True
                try:
                    await self.voicing.call(speaker.speak, clause, cancelled=self.occupied)
                    return
                except Cancelled:
                    pass
                finally:
                    self.preparing = False
            await asyncio.sleep(_PREPARE_WAIT)

    def occupied(self) -> bool:
        """Whether a session needs the models now."""
        return any(busy() for busy in tuple(self._busy))

    async def close(self) -> None:
        """End the threads and free the models."""
        if self._llm is not None:
            await self.thinking.call(self._llm.close)
        loop = asyncio.get_running_loop()
        for cast in self._casts.values():
            await loop.run_in_executor(None, cast.mind.close)
        for thread in (self.ears, self.judging, self.thinking, self.voicing, self.recalling):
            await loop.run_in_executor(None, thread.close)


def _warm(speaker: Speaker) -> None:
    speaker.synthesizer.warm(speaker.voice)


def prepared_clauses(cast: Cast) -> list[Clause]:
    """What the persona may say word for word, beginnings first: the rest is made while they play.

    Its own phrases come before the sure answers.
    """
    known = cast.knowledge.answers() if cast.knowledge is not None else ()
    texts = (*cast.persona.phrases(), *known)
    clauses = [clause for text, language in texts for clause in live_clauses(text, language)]
    return sorted(clauses, key=lambda clause: clause.index > 0)
