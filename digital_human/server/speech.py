"""OpenAI's audio interface: speech from text and text from speech, beside the live sessions.

The models are those of the live engine, and live sessions come first: work is done clause by
clause, and is broken off and begun anew when a session needs a model.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Annotated, Any, Protocol, TypeVar

import numpy as np
import structlog
from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from digital_human.apps.live.admission import Refused
from digital_human.core.frames import FloatArray
from digital_human.core.stage import ModelThread
from digital_human.errors import Cancelled, DigitalHumanError, InputError, ModerationError
from digital_human.safety.audit import AuditLog
from digital_human.safety.labels import audio_label
from digital_human.safety.moderation import Moderator, gate
from digital_human.safety.provenance import aigc_metadata, new_label
from digital_human.server.api import ANY
from digital_human.server.faults import responses
from digital_human.server.sound import FORMATS, Encoder, decode, media_type, stretches
from digital_human.server.speech_models import (
    SpeechRequest,
    SpokenWord,
    Transcription,
    TranscriptionRequest,
    VerboseTranscription,
)
from digital_human.server.transcripts import Said, joined, subtitles, verbose, words_of
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.loudness import normalise
from digital_human.speech.recognizers.base import Recognised, Recognizer
from digital_human.speech.speaker import Speaker, clause_cache
from digital_human.speech.text.clauses import split
from digital_human.speech.text.delivery import take_tags
from digital_human.speech.types import Clause, Speech
from digital_human.speech.voices import load_voice, require_voice

_log = structlog.get_logger(__name__)
R = TypeVar("R")

_STATUSES = (*ANY, 408, 413, 415, 422, 503)
_MAX_SECONDS = 600.0  # of a recording
_MAX_PAUSES = 60.0  # s of silence that tags ask for in one text
_AT_ONCE = 4  # requests that are worked on or wait
_WAIT, _POLL = 30.0, 0.2  # s that a request waits for live sessions, and between looks
_QUIET = 0.3  # s around the audible label


class Models(Protocol):
    """What of the live engine is used."""

    voicing: ModelThread
    ears: ModelThread
    moderator: Moderator
    audit: AuditLog
    recognizer: Recognizer

    def occupied(self) -> bool:
        """Whether a live session needs the models now."""
        ...


class SpeechDesk:
    """Speaks and writes down for other programs, with the engine's models.

    Args:
        models: The live engine.
        wait: Seconds that a request waits while live sessions need the models.
    """

    def __init__(self, models: Models, wait: float = _WAIT) -> None:
        self._models = models
        self._wait = wait
        # A long recording that is read keeps no speech waiting.
        self._reading = ModelThread("speech-reading", nice=10)
        self._writing = ModelThread("speech-writing", nice=10)
        self._taken = 0

    def close(self) -> None:
        """End the threads that read and write files."""
        self._reading.shutdown(wait=False)
        self._writing.shutdown(wait=False)

    @contextlib.contextmanager
    def admitted(self) -> Any:
        """Count a request.

        Raises:
            Refused: There are too many.
        """
        if self._taken >= _AT_ONCE:
            raise Refused(
                f"{_AT_ONCE} speech requests are being worked on", fix="try again", retry_after=5
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def prepare(self, wish: SpeechRequest) -> tuple[Speaker, list[Clause]]:
        """Check a text and its voice.

        Raises:
            ModerationError: The text is refused.
            ConsentError: The voice's person does not agree.
            InputError: There is no such voice, nothing in the text can be spoken, or its pauses
                are too long.
        """
        return await self._writing.call(self._prepare, wish)

    def _prepare(self, wish: SpeechRequest) -> tuple[Speaker, list[Clause]]:
        audit = self._models.audit
        try:
            plain, directions = take_tags(wish.input)
        except ValueError as error:
            raise InputError(f"input: {error}", fix="give the tag another number") from None
        try:
            gate(self._models.moderator.check(plain), None, audit, voice=wish.voice)
        except ModerationError as error:
            raise ModerationError(error.message, fix="change the text") from None
        voice = load_voice(wish.voice, "live")
        speaker = Speaker(voice, speed=wish.speed, cache=clause_cache(keep=False))
        language = wish.language or speaker.language
        if language not in voice.languages:
            raise InputError(
                f"voice {voice.name!r} does not read language {language!r}",
                fix=f"it reads {', '.join(voice.languages)}",
            )
        clauses = split(plain, language, tags=directions)
        if not clauses:
            raise InputError("input: nothing in it can be spoken", fix="give words")
        if (silence := sum(clause.lead for clause in clauses) / 1000) > _MAX_PAUSES:
            raise InputError(
                f"input: its pauses are {silence:g} s in all, over {_MAX_PAUSES:g} s",
                fix="ask for fewer or shorter pauses",
            )
        if wish.label == "elsewhere":
            audit.append("audible-label", {"decision": "elsewhere", "voice": voice.name})
        return speaker, clauses

    async def spoken(self, speaker: Speaker, clauses: list[Clause]) -> AsyncGenerator[Speech]:
        """The clauses as they are spoken.

        Raises:
            ConsentError: The voice's person no longer agrees.
            Refused: Live sessions needed the models all the time.
        """
        for clause in clauses:
            await self._writing.call(require_voice, speaker.voice, "live")
            yield await self._yielding(self._models.voicing, partial(_speak, speaker, clause))

    async def encoded(self, wish: SpeechRequest, tags: dict[str, str]) -> AsyncGenerator[bytes]:
        """The sound file of ``wish`` in pieces, or as one when it is not to be streamed.

        Nothing comes, not even the audible label, before the first clause is spoken.
        """
        write = self._writing.call
        speaker, clauses = await self.prepare(wish)
        async with contextlib.aclosing(self.spoken(speaker, clauses)) as speeches:
            first = await anext(speeches)
            rate = first.rate
            encoder = await write(Encoder, wish.response_format, rate, tags, whole=not wish.stream)
            opening = _opening(rate) if wish.label == "audible" else np.zeros(0, np.float32)
            if wish.stream:
                if piece := await write(encoder.encode, np.concatenate([opening, first.pcm])):
                    yield piece
                async for speech in speeches:
                    if piece := await write(encoder.encode, speech.pcm):
                        yield piece
            else:
                parts = [first.pcm, *[speech.pcm async for speech in speeches]]
                whole = await write(normalise, np.concatenate(parts), rate)
                await write(encoder.encode, np.concatenate([opening, whole]))
            yield await write(encoder.close)

    async def said(self, data: bytes, wish: TranscriptionRequest) -> tuple[FloatArray, list[Said]]:
        """Decode a recording and write down its stretches of speech."""
        pcm = await self._reading.call(decode, data, _MAX_SECONDS)
        found = await self._reading.call(lambda: list(stretches(pcm)))
        result: list[Said] = []
        language = wish.language
        for start, end in found:
            heard = await self._yielding(
                self._models.ears,
                partial(_recognise, self._models.recognizer, pcm[start:end], language, wish.prompt),
            )
            if heard.text:
                result.append(Said(start, end, heard))
        return pcm, result

    async def words(self, pcm: FloatArray, said: list[Said]) -> list[SpokenWord]:
        """When each word is said, by forced alignment; stretches it fails at share their time."""
        result: list[SpokenWord] = []
        for part in said:
            sound = pcm[part.start : part.end]
            result += await self._yielding(self._models.voicing, partial(words_of, sound, part))
        return result

    async def _yielding(self, thread: ModelThread, work: Callable[[Callable[[], bool]], R]) -> R:
        """Do ``work``, which is given what says whether to stop, when no live session needs it.

        Raises:
            Refused: Live sessions needed the models all the time.
        """
        loop = asyncio.get_running_loop()
        gone = False
        latest = loop.time() + self._wait
        try:
            while True:
                if not self._models.occupied():
                    with contextlib.suppress(Cancelled):
                        return await thread.call(work, lambda: gone or self._models.occupied())
                if loop.time() > latest:
                    raise Refused(
                        "the models are busy with live sessions", fix="try again",
                        retry_after=self._wait,
                    )  # fmt: skip
                await asyncio.sleep(_POLL)
        finally:
            gone = True  # work that a client no longer waits for stops too


def routes(desk: SpeechDesk) -> APIRouter:
    """The calls under ``/v1/audio``.

    Args:
        desk: What does the work.
    """
    router = APIRouter(prefix="/v1/audio", tags=["audio"])

    @router.post(
        "/speech", response_class=Response,
        responses={
            200: {
                "description": "The sound, in the format that was asked for.",
                "headers": {
                    "AIGC": {
                        "description": "Label of generated content (GB 45438-2025).",
                        "schema": {"type": "string"},
                    }
                },
                "content": {
                    kind: {"schema": {"type": "string", "format": "binary"}}
                    for kind in map(media_type, FORMATS)
                },
            },
            **responses(*_STATUSES),
        },
    )  # fmt: skip
    async def speech(wish: SpeechRequest, request: Request) -> Response:
        """Speak a text: OpenAI's `audio.speech.create`."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(desk.admitted())
            tags = aigc_metadata(new_label())
            pieces = desk.encoded(wish, tags)
            kind = media_type(wish.response_format)
            # What is wrong is told before the sound begins.
            first = await _while_connected(request, anext(pieces))
            if not wish.stream:
                await pieces.aclose()
                return Response(first, media_type=kind, headers=tags)
            release = stack.pop_all()
            return _Streamed(first, pieces, release, media_type=kind, headers=tags)

    @router.post(
        "/transcriptions", response_model=None,
        responses={
            200: {
                "description": "The text, in the format that was asked for.",
                "content": {
                    "application/json": {
                        "schema": {
                            "anyOf": [
                                {"$ref": "#/components/schemas/VerboseTranscription"},
                                {"$ref": "#/components/schemas/Transcription"},
                            ]
                        }
                    },
                    "text/plain": {"schema": {"type": "string"}},
                },
                "model": VerboseTranscription | Transcription,
            },
            **responses(*_STATUSES),
        },
    )  # fmt: skip
    async def transcriptions(
        wish: Annotated[TranscriptionRequest, Form(media_type="multipart/form-data")],
        request: Request,
    ) -> Response:
        """Write down a recording: OpenAI's `audio.transcriptions.create`."""
        with desk.admitted():
            data = await wish.file.read()
            pcm, said = await _while_connected(request, desk.said(data, wish))
            words = None
            if wish.response_format == "verbose_json" and "word" in wish.granularities:
                words = await _while_connected(request, desk.words(pcm, said))
        text = joined(said)
        match wish.response_format:
            case "text":
                return PlainTextResponse(text + "\n")
            case "srt" | "vtt":
                return PlainTextResponse(subtitles(said, wish.response_format))
            case "json":
                return JSONResponse(Transcription(text=text).model_dump())
        found = verbose(said, len(pcm) / EAR_RATE, wish.language, words)
        return JSONResponse(found.model_dump(exclude_none=True))

    return router


async def _while_connected(request: Request, work: Awaitable[R]) -> R:
    """Do ``work``; it is cancelled when the client hangs up.

    Raises:
        Cancelled: The client hung up.
    """
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait([task], timeout=_POLL))[0]:
            if await request.is_disconnected():
                raise Cancelled("the client went away")
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Streamed(StreamingResponse):
    """A stream that gives back its place among the requests, even when the client left before.

    When it cannot go on it stays incomplete, and the server closes the connection.
    """

    def __init__(
        self,
        first: bytes,
        pieces: AsyncGenerator[bytes],
        release: contextlib.ExitStack,
        **options: Any,
    ) -> None:
        super().__init__(_begun(first, pieces), **options)
        self._pieces, self._release = pieces, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._release:
            async with contextlib.aclosing(self._pieces):
                try:
                    await super().__call__(scope, receive, send)
                except DigitalHumanError as error:
                    _log.warning("speech.broken_off", error=type(error).__name__)


async def _begun(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


def _opening(rate: int) -> FloatArray:
    quiet = np.zeros(round(rate * _QUIET), np.float32)
    return np.concatenate([quiet, audio_label(rate), quiet])


def _speak(speaker: Speaker, clause: Clause, cancelled: Callable[[], bool]) -> Speech:
    return speaker.speak(clause, cancelled=cancelled)


def _recognise(
    recognizer: Recognizer,
    pcm: FloatArray,
    language: Any,
    prompt: str,
    cancelled: Callable[[], bool],
) -> Recognised:
    return recognizer.recognise(pcm, language=language, prompt=prompt, cancelled=cancelled)
