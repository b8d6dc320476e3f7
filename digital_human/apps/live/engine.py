"""What all live sessions of a process share: models, threads, personas and prepared speech."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import chain

import structlog

from digital_human.apps.live.mouth import Mouth
from digital_human.apps.live.phrasing import live_clauses
from digital_human.config import Settings
from digital_human.core.stage import Hung, ModelThread, Patience
from digital_human.dialogue.knowledge import Knowledge
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.base import Llm, Message
from digital_human.dialogue.llm.workers import Workers
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import Persona, load_persona
from digital_human.dialogue.place import Place
from digital_human.dialogue.place.usual import usual
from digital_human.dialogue.poems import Poems, recited
from digital_human.dialogue.types import Line
from digital_human.errors import (
    Cancelled,
    ConsentError,
    DigitalHumanError,
    InputError,
    ResourceError,
)
from digital_human.face.avatar import Avatar, open_avatar
from digital_human.models import store
from digital_human.safety.audit import AuditLog
from digital_human.safety.moderation import Moderator
from digital_human.speech.endpoint import EndpointJudge
from digital_human.speech.hotwords import HotWords
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.speaker import Speaker, clause_cache
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.types import Clause
from digital_human.speech.voices import Voice, load_voice, require_voice

log = structlog.get_logger()

# How much each model's threads yield: the picture first, then the voice, hearing, thinking.
_NICE = {"voice": 2, "ears": 3, "judge": 2, "mind": 6, "prepare": 10}
_CLAUSE_PATIENCE = Patience(60.0)  # the longest clause on a slow machine takes less
_LESSON_SECONDS = 600.0  # more than any lesson takes
_FORGET_SECONDS = 5.0  # at the end of the program
_PREPARE_WAIT = 1.0  # s between looks whether everybody is silent
_FULL_WAIT = 60.0  # s until the next clause after one that there was no room for
_SERVER_CALLS = 8  # calls to a language model's server at a time
_TOLD_EVERY = 25  # passages between lines in the log


@dataclass(frozen=True, slots=True)
class Cast:
    """A persona with what belongs to it, loaded once."""

    persona: Persona
    knowledge: Knowledge | None
    mind: Mind
    hot_words: HotWords
    poems: Poems | None = None
    place: Place | None = None

    @property
    def lexicon(self) -> Lexicon:
        """Readings that belong to what the persona knows."""
        readings = self.poems.readings() if self.poems is not None else {}
        return Lexicon.from_mapping(readings, where="poems")


class Engine:
    """Models and threads of the live loop.

    Args:
        settings: The program's settings.

    Attributes:
        preparing: Whether something is being made ready now that can wait for anybody.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ears = ModelThread("ears", _NICE["ears"])
        self.judging = ModelThread("judge", _NICE["judge"])
        backend = settings.llm.backend
        remote = backend != "none" and "parallel" in LLMS[backend].capabilities
        self.thinking = Workers("mind", _SERVER_CALLS if remote else 1, _NICE["mind"])
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
        self._heads: list[Sequence[Message]] = []
        self._forgetting: set[asyncio.Task[None]] = set()
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
            voice = Speaker(await self.voicing.call(load_voice, cast.persona.voice, "live"))
            await self.voicing.call(_warm, voice)
            for text, language in cast.persona.urgent():
                for clause in live_clauses(text, language):
                    await self.voicing.call(voice.speak, clause)

    async def cast(self, name: str) -> Cast:
        """A persona, its knowledge and its mind."""
        if name not in self._casts:
            persona = await self.judging.call(load_persona, name)
            knowledge = None
            if persona.knowledge_folder is not None:
                opened = partial(Knowledge.open, also=persona.shared_knowledge)
                knowledge = await self.judging.call(opened, persona.knowledge_folder)
            poems = None
            if persona.poems_file is not None:
                poems = await self.judging.call(Poems.load, persona.poems_file)
            place = None
            if persona.place_folder is not None:
                place = await self.judging.call(Place.open, persona.place_folder)
            mind = Mind(
                persona, llm=self._llm, llm_thread=self.thinking, knowledge=knowledge,
                moderator=self.moderator, poems=poems, place=place,
            )  # fmt: skip
            if self._llm is not None:
                await self.thinking.call(mind.warm)
                self._heads += mind.heads()
            known = [one.hot_words for one in (knowledge, place) if one is not None]
            called = persona.wake_words.get("en", ())
            words = [*persona.hot_words, *called, *chain.from_iterable(known)]
            hot_words = await self.judging.call(HotWords, words)
            self._casts[name] = Cast(persona, knowledge, mind, hot_words, poems, place)
        return self._casts[name]

    async def avatar(self, name: str) -> Avatar:
        """An avatar, loaded once for all sessions."""
        if name not in self._avatars:
            self._avatars[name] = await self.judging.call(open_avatar, name)
        return self._avatars[name]

    def mouth(self, voice: Voice, cast: Cast) -> Mouth:
        """The mouth of one session of ``cast``; reads files.

        Args:
            voice: One that may be used live.
            cast: Who speaks.

        Raises:
            InputError: The voice does not read all languages of the persona.
        """
        speaker = Speaker(voice, lexicon=cast.lexicon, cache=clause_cache(keep=False))
        if unread := set(cast.persona.languages) - set(speaker.voice.languages):
            raise InputError(
                f"voice {voice.name!r} does not read {', '.join(sorted(unread))}",
                fix="choose a voice that reads every language of the persona",
            )
        return Mouth(speaker, self.voicing, self.recalling)

    @contextlib.contextmanager
    def in_use(self, busy: Callable[[], bool]) -> Iterator[None]:
        """Count a session whose ``busy`` says when the models must not be kept from it.

        After the last one the language model forgets what was said.
        """
        self._busy.add(busy)
        try:
            yield
        finally:
            self._busy.discard(busy)
            if not self._busy and self._llm is not None:
                task = asyncio.create_task(self._forget(self._llm), name="forget")
                self._forgetting.add(task)
                task.add_done_callback(self._forgotten)

    async def _forget(self, llm: Llm) -> None:
        """Again while the model hangs, until somebody else comes, after whom it is done anyway."""
        while not self._busy:
            try:
                return await self.thinking.call(llm.forget, tuple(self._heads))
            except Hung:
                await asyncio.sleep(_PREPARE_WAIT)

    def _forgotten(self, task: asyncio.Task[None]) -> None:
        self._forgetting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the language model could not forget", exc_info=error)

    async def prepare(self) -> None:
        """Make ready what is sure to be needed, while nobody needs the models.

        First it is seen whether the language model can judge, then the personas' own phrases are
        spoken into the cache, then the language model learns the passages it may be given, then the
        sure answers are spoken.
        """
        for cast in tuple(self._casts.values()):
            with ModelThread("prepare", _NICE["prepare"]) as thread:
                phrases, answers = await thread.call(prepared_clauses, cast, datetime.now(UTC))
            await self._teach(cast, cast.mind.exams(), "exams")
            await self._speak_ahead(cast, phrases)
            await self._teach(cast, cast.mind.lessons(), "passages")
            await self._speak_ahead(cast, answers)

    async def _speak_ahead(self, cast: Cast, clauses: Sequence[Clause]) -> None:
        """Speak ``clauses`` into the cache, for as long as whose voice it is agrees."""
        name, count = cast.persona.voice, 0
        try:
            voice = await self.recalling.call(load_voice, name, "live")
        except ConsentError as error:
            log.info("speech is not prepared", persona=cast.persona.name, cause=error.message)
            return
        speaker = Speaker(voice, lexicon=cast.lexicon)
        for clause in clauses:
            try:
                speak = partial(_spoken, speaker, clause)
                await self._unhurried(partial(self.voicing.call_within, _CLAUSE_PATIENCE, speak))
                count += 1
            except ConsentError as error:
                log.info("speech is not prepared", persona=cast.persona.name, cause=error.message)
                return
            except DigitalHumanError as error:
                log.warning("cannot prepare a clause", text=clause.text, cause=str(error))
                if isinstance(error, ResourceError):  # a full disk has room again some time
                    await asyncio.sleep(_FULL_WAIT)
        log.info("prepared speech", persona=cast.persona.name, clauses=count)

    async def _teach(
        self, cast: Cast, lessons: Sequence[Callable[[Callable[[], bool]], None]], what: str
    ) -> None:
        """Let the language model do its ``lessons``."""
        for number, lesson in enumerate(lessons, start=1):
            try:
                await self._unhurried(partial(self._learn, lesson))
            except DigitalHumanError as error:
                log.warning("cannot keep what was read", persona=cast.persona.name, of=what,
                            cause=str(error))  # fmt: skip
                return
            if number % _TOLD_EVERY == 0 or number == len(lessons):
                log.info("the language model learned", persona=cast.persona.name, what=what,
                         done=number, of=len(lessons))  # fmt: skip

    async def _learn(
        self, lesson: Callable[[Callable[[], bool]], None], cancelled: Callable[[], bool]
    ) -> None:
        try:
            async with asyncio.timeout(_LESSON_SECONDS):
                await self.thinking.call(lesson, cancelled)
        except TimeoutError:
            raise Hung(f"the language model: no end within {_LESSON_SECONDS:.0f} s") from None

    async def _unhurried(self, work: Callable[[Callable[[], bool]], Awaitable[None]]) -> None:
        """Do ``work``, which is given what says whether it is to stop; wait, and begin it anew,
        while somebody needs the models."""
        while True:
            if not self.occupied():
                self.preparing = True
                try:
                    return await work(self.occupied)
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
        if self._forgetting:
            _, hung = await asyncio.wait(self._forgetting, timeout=_FORGET_SECONDS)
            for task in hung:
                task.cancel()
        if self._llm is not None:
            with contextlib.suppress(Hung):  # it is left to its thread
                await self.thinking.call(self._llm.close)
        loop = asyncio.get_running_loop()
        for cast in self._casts.values():
            await loop.run_in_executor(None, cast.mind.close)
        for thread in (self.ears, self.judging, self.thinking, self.voicing, self.recalling):
            await loop.run_in_executor(None, thread.close)


def _warm(speaker: Speaker) -> None:
    speaker.synthesizer.warm(speaker.voice)


def _spoken(speaker: Speaker, clause: Clause, cancelled: Callable[[], bool]) -> None:
    require_voice(speaker.voice, "live")
    speaker.speak(clause, cancelled=cancelled)


def prepared_clauses(cast: Cast, now: datetime) -> tuple[list[Clause], list[Clause]]:
    """What the persona may say word for word: its own phrases; and what is usually asked of the
    place, the sure answers and the poems.

    In both the beginnings come first: the rest is made while they play.
    """
    phrases = [(Line(*one, "script"),) for one in cast.persona.phrases()]
    answers: list[Sequence[Line]] = []
    if cast.place is not None:
        answers += usual(cast.place, now, cast.persona.languages)
    if cast.knowledge is not None:
        answers += [(Line(*one, "knowledge"),) for one in cast.knowledge.answers()]
    if cast.poems is not None:
        answers += [recited(poem) for poem in cast.poems.poems]
    return _beginnings_first(phrases), _beginnings_first(answers)


def _beginnings_first(told: Sequence[Sequence[Line]]) -> list[Clause]:
    clauses = [
        clause
        for lines in told
        for number, line in enumerate(lines)
        for clause in live_clauses(line.text, line.language, index=number, delivery=line.delivery)
    ]
    return sorted(clauses, key=lambda clause: clause.index > 0)
