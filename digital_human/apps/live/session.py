"""One live conversation: the graph from microphone to packets, under a real clock."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

import numpy as np
import soxr
import structlog

from digital_human.apps.live.backgrounds import DEFAULT, find_background
from digital_human.apps.live.conversation import Conversation
from digital_human.apps.live.engine import Cast, Engine
from digital_human.apps.live.performer import Performer
from digital_human.apps.live.reports import ReportStore, reported
from digital_human.apps.live.wake import DOZING, Call, Doze, WakeWords
from digital_human.core.clock import WallClock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Event, Events
from digital_human.core.frames import FloatArray
from digital_human.core.health import Health
from digital_human.core.supervisor import Supervisor
from digital_human.dialogue.history import History
from digital_human.dialogue.persona import Persona
from digital_human.errors import Cancelled, InputError, ResourceError
from digital_human.face.animation import ACTS, MOODS
from digital_human.face.manifest import AvatarManifest
from digital_human.media.broadcast import Broadcast
from digital_human.media.pacer import Pacer
from digital_human.safety.consent import Consents
from digital_human.safety.labels import label_text
from digital_human.speech.hall import Hall, NearField
from digital_human.speech.hearing import EAR_RATE, Action, Heard, Mode
from digital_human.speech.listener import Listener
from digital_human.speech.turn import TurnMachine
from digital_human.speech.turn_state import TurnPolicy
from digital_human.speech.types import Language
from digital_human.speech.voices import load_voice
from digital_human.transport.egress import Egress, Publication

log = structlog.get_logger()

SIZE = (576, 768)
SOUND_RATE = 48_000
_NOTICE_EVERY = 600.0  # s between reminders that this is an AI, beside the label in the picture
_CONSENT_EVERY = 0.5  # s between looks whether the person still agrees
_SPOT = re.compile(r"[\w-]{1,64}")
_CLOSE_SECONDS = 5.0  # s that the stages may take to end
_DEAF_AFTER = 1.0  # s without any sample after which an open turn is given silence


class LiveSession:
    """A digital human that listens, thinks, speaks and is seen.

    Args:
        id: Unguessable name.
        engine: Shared models.
        cast: The persona with its knowledge and mind.
        avatar: Instead of the persona's.
        voice: Instead of the persona's.
        language: ``auto``, or the language visitors speak.
        background: See `find_background`.
        matte: See `LivePicture`.
        reports: Where reported turns are kept.
        hall: Where the microphone stands in the open: only who stands near is heard, and is asked
            again when not understood. None where it belongs to one visitor, as a browser's does.

    Attributes:
        over: Why the session has to end; empty while it may go on.
    """

    def __init__(
        self,
        id: str,
        engine: Engine,
        cast: Cast,
        *,
        avatar: str | None = None,
        voice: str | None = None,
        language: str | None = None,
        background: str | None = None,
        matte: bool = False,
        reports: ReportStore,
        hall: Hall | None = None,
    ) -> None:
        self.id = id
        self.avatar = avatar or cast.persona.avatar
        self.voice = voice or cast.persona.voice
        self.language = "auto"
        self.history = History()
        self.clock = WallClock()
        self.epoch = Epoch()
        self.events = Events(id, self.clock.now)
        self.health = Health(self.events, self._apologise)
        self.over = ""
        self.broadcast = Broadcast(size=(2 * SIZE[0], SIZE[1]) if matte else SIZE)
        self._engine, self._cast, self._reports = engine, cast, reports
        self._hall = hall
        self._first_language = language or "auto"
        self._first_background, self._matte = background or DEFAULT, matte
        self._task: asyncio.Task[None] | None = None
        self._egress = Egress(
            self.broadcast, self.events, recordings=engine.settings.recordings_dir,
            live=engine.settings.live, title=self._name,
        )  # fmt: skip
        self._greeted = self._dressing = False
        self._called_in: Language | None = None
        self._doze = Doze(_wake_words(cast), self._obey_ear, self._woken)
        self._state = "idle"
        self._ended = asyncio.Event()
        self.events.listen(self._follow)
        self._closed = False

    @property
    def persona(self) -> Persona:
        """Who it is."""
        return self._cast.persona

    async def start(self) -> None:
        """Build the graph and begin; returns when the face can be seen.

        Raises:
            InputError: The avatar, the voice, the language or the background does not exist, or the
                voice does not read a language of the persona.
            ConsentError: The avatar or the voice is of a real person who does not agree to live
                sessions.
        """
        engine, persona = self._engine, self.persona
        self.set_language(self._first_language)
        avatar = await engine.avatar(self.avatar)
        await engine.recalling.call(require_consent, avatar.manifest)
        heard = await engine.recalling.call(load_voice, self.voice, "live")
        self._given = {i.consent for i in (avatar.manifest, heard) if i.person == "real"}
        background = await engine.recalling.call(find_background, persona, self._first_background)
        self.mouth = await engine.judging.call(engine.mouth, heard, self._cast)
        self.performer = await engine.judging.call(
            Performer, avatar, size=SIZE, epoch=self.epoch, events=self.events, clock=self.clock,
            label=label_text(persona.languages[0]),
            background=background,
            matte=self._matte,
            seed=int(self.id[:8], 16),
        )  # fmt: skip
        self._turns = TurnMachine()
        self.listener = Listener(
            recognizer=engine.recognizer, judge=engine.judge, asr_thread=engine.ears,
            judge_thread=engine.judging, machine=self._turns, hot_words=self._cast.hot_words,
            on_action=self._doze.take, health=self.health,
            language=self._heard_language(),
            near=None if self._hall is None else NearField(self._hall),
        )  # fmt: skip
        self.conversation = Conversation(
            persona=persona, mind=self._cast.mind, mouth=self.mouth, performer=self.performer,
            history=self.history, events=self.events, epoch=self.epoch, clock=self.clock,
            moderator=engine.moderator, audit=engine.audit, set_mode=self.listener.set_mode,
            asks_again=self._hall is not None,
        )  # fmt: skip
        self.pacer = Pacer(self.performer, self.broadcast, self.clock, health=self.health)
        # The far end as the microphone hears it: the ears' rate.
        down = soxr.ResampleStream(SOUND_RATE, EAR_RATE, 1, dtype="float32")
        self.performer.on_sound.append(lambda pcm: self.listener.far_end(down.resample_chunk(pcm)))
        record = {"session": self.id, "persona": persona.name, "avatar": self.avatar}
        await engine.judging.call(engine.audit.append, "session", record)
        self._task = asyncio.create_task(self._run(), name=f"session:{self.id}")
        self._task.add_done_callback(self._report_end)
        self.events.emit("session.started", persona=persona.name, voice=self.voice)

    async def _run(self) -> None:
        supervisor = Supervisor(self.health, self.clock)
        with self._engine.in_use(lambda: self._state != "idle"):
            await supervisor.run(
                {
                    "out": self.pacer.run,
                    "ears": self.listener.run,
                    "microphone": self._let_time_pass,
                    "conversation": self.conversation.run,
                    "notice": self._remind,
                    "mind": self._read_ahead,
                    "consent": self._watch_consent,
                }
            )

    def _follow(self, event: Event) -> None:
        if event.kind == "state":
            self._state = event.data["state"]
        elif event.kind == "reply.finished":
            self._ended.set()

    def _apologise(self, stage: str, error: Exception) -> None:
        """A turn was lost: say so. The others the visitor does not notice, or the reply tells."""
        if not self._doze.on and stage in ("ears", "recogniser", "conversation"):
            self.conversation.apologise()

    async def _watch_consent(self) -> None:
        """Have the session end as soon as who is shown or heard does not agree any more."""
        valid = Consents().valid
        while not self.over:
            await self.clock.wait_until(self.clock.now() + _CONSENT_EVERY)
            held = [await self._engine.recalling.call(valid, id) for id in self._given]
            if not all(held):
                self.over = "consent_revoked"
                log.warning(
                    "consent revoked", session=self.id, avatar=self.avatar, voice=self.voice
                )
                self.events.emit("consent.revoked", avatar=self.avatar, voice=self.voice)
        await asyncio.Event().wait()

    async def _read_ahead(self) -> None:
        """Let the language model read the history while nobody waits for it."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            with contextlib.suppress(Cancelled):
                await self._engine.thinking.call(
                    self._cast.mind.warm, self.history, cancelled=self._engine.occupied
                )

    async def _let_time_pass(self) -> None:
        """Give an open turn silence when the microphone is gone, whose samples are its clock."""
        while True:
            heard = self.listener.now
            await self.clock.wait_until(self.clock.now() + _DEAF_AFTER)
            if self.listener.now == heard and self.listener.open:
                self.listener.hear(np.zeros(round(_DEAF_AFTER * EAR_RATE), np.float32))

    async def _remind(self) -> None:
        while True:
            self.events.emit("notice", text=self._say_in(self.persona.notice))
            await self.clock.wait_until(self.clock.now() + _NOTICE_EVERY)

    def _report_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session ended", session=self.id, cause=str(error), exc_info=error)

    async def close(self, reason: str) -> None:
        """End every stage and free what the session holds; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.epoch.bump()
        try:
            if self._task is not None:
                self._task.cancel()
                _, running = await asyncio.wait([self._task], timeout=_CLOSE_SECONDS)
                if running:
                    log.error("a stage does not end", session=self.id, seconds=_CLOSE_SECONDS)
        finally:
            self.events.emit("session.ended", reason=reason)
            try:
                await self._egress.close()
            finally:  # a long recording may be given up
                self.broadcast.close()

    def hear(self, pcm: FloatArray) -> None:
        """The visitor's microphone: float32, mono, `EAR_RATE`, any length."""
        if not self._closed:
            self.listener.hear(pcm)

    def doze(self, on: bool) -> None:
        """Act on nothing that is heard until the persona is called by its name, or listen again.

        Greeting, a typed question and push to talk end it too.

        Raises:
            InputError: The persona has no name to call it by.
        """
        if on and not self._doze.words:
            raise InputError(
                f"persona {self.persona.name!r}: has no wake words",
                fix="add [wake_words] to its persona.toml",
            )
        if on != self._doze.on:
            self._doze.set(on)
            self._listen_closely(not on)

    def _listen_closely(self, closely: bool) -> None:
        self._turns.policy = TurnPolicy() if closely else DOZING
        self.listener.learns = closely

    def _obey_ear(self, action: Action) -> None:
        self.conversation.on_ear(action)

    def _woken(self, call: Call) -> None:
        """The persona was called: the visit begins, with the greeting or with a question."""
        self._listen_closely(True)
        self._called_in = self.persona.language(call.language)
        self._greeted = self._greeted or bool(call.rest)
        self.events.emit("woken", language=self._called_in, asks=bool(call.rest))

    def ask(self, text: str, language: str | None = None) -> int:
        """A typed question; returns the turn's number."""
        self.doze(False)
        return self.conversation.ask(text, self._speech_language(language))

    def say(self, text: str, language: str | None = None, *, interrupt: bool = False) -> int:
        """Words to be spoken as they are; returns the turn's number."""
        return self.conversation.say(text, self._speech_language(language), interrupt=interrupt)

    def greet(self) -> None:
        """Greet the visitor, once in the session's life."""
        self.doze(False)
        if not self._greeted:
            self._greeted = True
            self.conversation.greet(self._speech_language(None) or self._called_in)

    def interrupt(self) -> None:
        """Stop speaking."""
        self.conversation.interrupt("button")

    def act(self, name: str) -> None:
        """A gesture.

        Raises:
            InputError: There is no such gesture.
        """
        self.performer.act(name)

    @property
    def acts(self) -> tuple[str, ...]:
        """Names of the gestures and moods that this avatar offers."""
        return (*ACTS, *MOODS)

    async def set_background(self, wanted: str) -> None:
        """Change what is behind the person; see `find_background`.

        Raises:
            InputError: There is no such background, or the avatar brings its own.
            ResourceError: Another one is being prepared.
        """
        if self._dressing:
            raise ResourceError("another background is being prepared", fix="wait for it")
        self._dressing = True
        try:
            found = await self._engine.recalling.call(find_background, self.persona, wanted)
            await self.performer.set_background(found)
        finally:
            self._dressing = False
        self.events.emit("background", background=wanted)

    def talk(self, down: bool) -> None:
        """Push to talk."""
        self.doze(False)
        self.listener.button(down)

    def set_language(self, language: str) -> None:
        """The language visitors speak, or ``auto``.

        Raises:
            InputError: The persona does not speak it.
        """
        known = ("auto", *self.persona.languages)
        if language not in known:
            raise InputError(
                f"language {language!r}: {self.persona.name} does not speak it",
                fix=f"use one of {', '.join(known)}",
            )
        self.language = language
        if self._task is not None:
            self.listener.language = self._heard_language()

    @property
    def spot(self) -> str | None:
        """Where the visitor stands; None when nobody has told."""
        return self.history.visit.spot

    def stand_at(self, spot: str | None) -> None:
        """The visitor stands at ``spot``, a spot of the persona's place; None for nowhere.

        Raises:
            InputError: It is no name of a spot.
        """
        if spot is not None and not _SPOT.fullmatch(spot):
            raise InputError(f"spot {spot[:80]!r} is no name of a spot", fix="give its id")
        self.history.visit.stand_at(spot)
        self.events.emit("spot", id=spot)

    def set_manner(self, speed: float, gain: float) -> None:
        """Speak slower or faster, softer or louder, from the next clause on; see `Mouth.wish`.

        Raises:
            InputError: One of them is out of range.
        """
        self.mouth.wish(speed, gain)
        self.events.emit("manner", speed=speed, gain=gain)

    def rate(self, score: int) -> None:
        """What the visitor thinks of the visit: 1 good, 0 not.

        Raises:
            InputError: It is neither.
        """
        if score not in (0, 1):
            raise InputError(f"score {score}", fix="give 1 (good) or 0 (not)")
        self.events.emit("rated", score=score)

    async def record(self, on: bool) -> str | None:
        """Start or end the recording; returns the file's name when it has ended."""
        return await self._egress.record(on)

    async def publish(self, url: str, token: str | None) -> None:
        """Send the stream to a WHIP (http, https) or an RTMP server.

        Raises:
            InputError: The address is wrong, or its host is not one that may be published to.
        """
        allowed = self._engine.settings.live.publish_to
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        if host not in allowed:
            raise InputError(
                f"publish: the host {host!r} is not among those allowed",
                fix=f"add it to live.publish_to (now: {', '.join(allowed) or 'none'})",
            )
        await self._egress.publish(url, token)

    @property
    def publication(self) -> Publication | None:
        """What becomes of sending it to another server; None when it is not sent."""
        return self._egress.publication

    async def unpublish(self) -> None:
        """Stop sending it."""
        await self._egress.unpublish()

    async def report(self, note: str, turn: int | None) -> str:
        """Store a turn, by default the last one, for a person to look at; returns the id."""
        told = reported(self.id, self.persona.name, self.history.exchanges, turn, note)
        return await self._reports.save(told)

    def speaking(self) -> bool:
        """Whether it speaks now."""
        return self.conversation.mode is Mode.SPEAKING

    def frames(self) -> tuple[int, int]:
        """Video frames due since the start, and how many of them were late or skipped."""
        stats = self.pacer.stats
        return stats.frames, stats.late + stats.skipped

    def _heard_language(self) -> Heard | None:
        return None if self.language == "auto" else cast(Heard, self.language)

    def _speech_language(self, wanted: str | None) -> Language | None:
        language = wanted or self.language
        if language == "auto":
            return None
        if language not in self.persona.languages:
            self.set_language(language)  # raises with the list of those it speaks
        return cast(Language, language)

    def _say_in(self, texts: Mapping[Language, str]) -> str:
        language = self.persona.languages[0] if self.language == "auto" else self.language
        return texts[cast(Language, language)]

    @property
    def _name(self) -> str:
        return self._say_in(self.persona.display) or self.persona.name


def _wake_words(cast: Cast) -> WakeWords:
    """The names of the persona, told apart from other names that it knows."""
    spots = cast.place.spots if cast.place is not None else ()
    others = [name for spot in spots for name in spot.names.values()]
    return WakeWords(cast.persona.wake_words, [*cast.persona.hot_words, *others])


def require_consent(manifest: AvatarManifest) -> None:
    """Check that whom the avatar shows agrees to live sessions; reads files.

    Raises:
        ConsentError: The avatar is of a real person who does not.
    """
    if manifest.person == "real":
        Consents().require(manifest.consent, source=manifest.source, use="live")
