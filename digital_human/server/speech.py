"""OpenAI's audio interface: speech from text and text from speech, beside the live sessions.

The models are those of the live engine, and live sessions come first: work is done clause by
clause, and is broken off and begun anew when a session needs a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol, TypeVar

import numpy as np
import pysubs2
from fastapi import APIRouter, Form
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from digital_human.apps.live.admission import Refused
from digital_human.core.frames import FloatArray
from digital_human.core.stage import ModelThread
from digital_human.errors import Cancelled, InputError, ModerationError
from digital_human.safety.audit import AuditLog
from digital_human.safety.labels import audio_label
from digital_human.safety.moderation import Moderator, gate
from digital_human.safety.provenance import aigc_metadata, new_label
from digital_human.server.api import ANY
from digital_human.server.faults import responses
from digital_human.server.sound import FORMATS, Encoder, decode, media_type, stretches
from digital_human.server.speech_models import (
    Segment,
    SpeechRequest,
    SpokenWord,
    Transcription,
    TranscriptionRequest,
    VerboseTranscription,
)
from digital_human.speech.alignment import DOUBTFUL, align
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.loudness import normalise
from digital_human.speech.recognizers.base import Recognised, Recognizer
from digital_human.speech.speaker import Speaker, clause_cache
from digital_human.speech.text.clauses import split
from digital_human.speech.text.delivery import take_tags
from digital_human.speech.types import Clause, Speech
from digital_human.speech.voices import load_voice

R = TypeVar("R")

_STATUSES = (*ANY, 408, 413, 415, 422, 503)
_MAX_SECONDS = 600.0
_AT_ONCE = 4  # requests that are worked on or wait
_WAIT, _POLL = 30.0, 0.2  # s that a request waits for live sessions, and between looks
_QUIET = 0.3  # s around the audible label
_NAMES = {"zh": "chinese", "en": "english", "ja": "japanese"}


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


@dataclass(frozen=True, slots=True)
class _Said:
    """A stretch of a recording, in samples at `EAR_RATE`, and what was said in it."""

    start: int
    end: int
    heard: Recognised


class SpeechDesk:
    """Speaks and writes down for other programs, with the engine's models.

    Args:
        models: The live engine.
        wait: Seconds that a request waits while live sessions need the models.
    """

    def __init__(self, models: Models, wait: float = _WAIT) -> None:
        self._models = models
        self._wait = wait
        self._files = ModelThread("speech-files", nice=10)
        self._taken = 0

    def close(self) -> None:
        """End the thread that reads and writes files."""
        self._files.shutdown(wait=False)

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
            InputError: There is no such voice, or nothing in the text can be spoken.
        """
        return await self._files.call(self._prepare, wish)

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
        if wish.label == "elsewhere":
            audit.append("audible-label", {"decision": "elsewhere", "voice": voice.name})
        return speaker, clauses

    async def spoken(self, speaker: Speaker, clauses: list[Clause]) -> AsyncIterator[Speech]:
        """The clauses as they are spoken."""
        for clause in clauses:
            yield await self._yielding(self._models.voicing, partial(_speak, speaker, clause))

    async def encoded(self, wish: SpeechRequest, tags: dict[str, str]) -> AsyncGenerator[bytes]:
        """The sound file of ``wish`` in pieces, or as one when it is not to be streamed."""
        speaker, clauses = await self.prepare(wish)
        rate = speaker.synthesizer.rate
        encoder = Encoder(wish.response_format, rate, tags, whole=not wish.stream)
        call = self._files.call
        if wish.label == "audible":
            quiet = np.zeros(round(rate * _QUIET), np.float32)
            label = np.concatenate([quiet, audio_label(rate), quiet])
            if first := await call(encoder.encode, label):
                yield first
        parts: list[FloatArray] = []
        async for speech in self.spoken(speaker, clauses):
            if not wish.stream:
                parts.append(speech.pcm)
            elif piece := await call(encoder.encode, speech.pcm):
                yield piece
        if parts:
            whole = await call(normalise, np.concatenate(parts), rate)
            await call(encoder.encode, whole)
        yield await call(encoder.close)

    async def said(self, data: bytes, wish: TranscriptionRequest) -> tuple[FloatArray, list[_Said]]:
        """Decode a recording and write down its stretches of speech."""
        pcm = await self._files.call(decode, data, _MAX_SECONDS)
        found = await self._files.call(lambda: list(stretches(pcm)))
        result: list[_Said] = []
        language = wish.language
        for start, end in found:
            heard = await self._yielding(
                self._models.ears,
                partial(_recognise, self._models.recognizer, pcm[start:end], language, wish.prompt),
            )
            if heard.text:
                result.append(_Said(start, end, heard))
        return pcm, result

    async def words(self, pcm: FloatArray, said: list[_Said]) -> list[SpokenWord]:
        """When each word is said, by forced alignment; stretches it fails at share their time."""
        result: list[SpokenWord] = []
        for part in said:
            sound = pcm[part.start : part.end]
            result += await self._yielding(self._models.voicing, partial(_words, sound, part))
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
    async def speech(wish: SpeechRequest) -> Response:
        """Speak a text: OpenAI's `audio.speech.create`."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(desk.admitted())
            tags = aigc_metadata(new_label())
            pieces = desk.encoded(wish, tags)
            kind = media_type(wish.response_format)
            first = await anext(pieces)  # what is wrong is told before the sound begins
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
    ) -> Response:
        """Write down a recording: OpenAI's `audio.transcriptions.create`."""
        with desk.admitted():
            pcm, said = await desk.said(await wish.file.read(), wish)
            words = None
            if wish.response_format == "verbose_json" and "word" in wish.granularities:
                words = await desk.words(pcm, said)
        text = _joined(said)
        match wish.response_format:
            case "text":
                return PlainTextResponse(text + "\n")
            case "srt" | "vtt":
                return PlainTextResponse(_subtitles(said, wish.response_format))
            case "json":
                return JSONResponse(Transcription(text=text).model_dump())
        verbose = VerboseTranscription(
            text=text, language=_NAMES[said[0].heard.language if said else wish.language or "zh"],
            duration=round(len(pcm) / EAR_RATE, 3), words=words,
            segments=[_segment(i, part) for i, part in enumerate(said)],
        )  # fmt: skip
        return JSONResponse(verbose.model_dump(exclude_none=True))

    return router


class _Streamed(StreamingResponse):
    """A stream that gives back its place among the requests, even when the client left before."""

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
                await super().__call__(scope, receive, send)


async def _begun(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


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


def _words(pcm: FloatArray, said: _Said, cancelled: Callable[[], bool]) -> list[SpokenWord]:
    start, text = said.start / EAR_RATE, said.heard.text
    try:
        found = align(pcm, EAR_RATE, text, said.heard.language, cancelled=cancelled)
    except InputError:
        found = None
    if found is None or found.confidence < DOUBTFUL / 2 or not found.words:
        return [SpokenWord(word=text, start=round(start, 3), end=round(said.end / EAR_RATE, 3))]
    return [
        SpokenWord(
            word=word.text.strip(),
            start=round(start + word.start / EAR_RATE, 3),
            end=round(start + word.end / EAR_RATE, 3),
        )
        for word in found.words
    ]


def _joined(said: list[_Said]) -> str:
    joint = "" if said and said[0].heard.language in ("zh", "ja") else " "
    return joint.join(part.heard.text for part in said)


def _segment(number: int, part: _Said) -> Segment:
    data = part.heard.text.encode()
    return Segment(
        id=number,
        start=round(part.start / EAR_RATE, 3),
        end=round(part.end / EAR_RATE, 3),
        text=part.heard.text,
        avg_logprob=round(math.log(max(part.heard.confidence, 1e-6)), 4),
        compression_ratio=round(len(data) / len(zlib.compress(data)), 3),
        no_speech_prob=round(part.heard.no_speech, 4),
    )


def _subtitles(said: list[_Said], kind: str) -> str:
    file = pysubs2.SSAFile()
    for part in said:
        file.append(
            pysubs2.SSAEvent(
                start=round(part.start * 1000 / EAR_RATE),
                end=round(part.end * 1000 / EAR_RATE),
                text=part.heard.text,
            )
        )
    with io.StringIO() as target:
        file.to_file(target, kind)
        return target.getvalue()
