"""A speech server as the voice: CosyVoice, GPT-SoVITS, Fish Speech, OpenAI, another of our own.

Anything that answers ``POST …/audio/speech`` as OpenAI does. Such servers give sound only; when
each phoneme is spoken is found by forced alignment.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import soundfile
import soxr
import structlog

from digital_human.config import SpeechApiSettings, settings
from digital_human.core.frames import FloatArray
from digital_human.errors import (
    Cancelled,
    DigitalHumanError,
    InputError,
    ResourceError,
    install_fix,
)
from digital_human.speech.aligned_clause import RATE, aligned_speech, nothing_to_read
from digital_human.speech.synthesizers.base import never
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import read
from digital_human.speech.types import Clause, Language, Speech
from digital_human.speech.voices import Voice

log = structlog.get_logger()

T = TypeVar("T")

_CONNECT = 5.0  # s
_RETRIES = 2  # of the client, for what may pass: no connection, 408, 409, 429 and 5xx
_POLL = 0.02
_NO_KEY = "none"  # local servers want none, but the client wants something
_MAX_BYTES = 32 * 2**20
_LONGEST = 120.0  # s of one clause
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_CODE_VERSION = "1"


class SpeechApiSynthesizer:
    """Speaks through an OpenAI-compatible speech server.

    It is sent the text as it is read, numbers as words; of a lexicon's entries only respellings
    reach it.

    Args:
        api: By default the program's settings, section ``[speech_api]``.
        threads: Not used: the server has its own.

    Raises:
        InputError: ``base_url`` is missing or is not an address.
        ResourceError: The package ``openai`` is not installed.
    """

    rate = RATE
    languages: frozenset[Language] = frozenset({"zh", "en", "ja"})

    def __init__(self, api: SpeechApiSettings | None = None, threads: int = 0) -> None:
        api = api or settings().speech_api
        address = urlsplit(api.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InputError(
                f"speech_api.base_url {api.base_url!r} is not an http address",
                fix="set it in digital-human.toml, e.g. http://127.0.0.1:9880/v1",
            )
        try:
            import openai
        except ImportError:
            raise ResourceError(
                "speech servers need the package 'openai'",
                fix=install_fix("live"),
            ) from None
        if address.scheme == "http" and address.hostname not in _LOOPBACK:
            log.warning(
                "texts and the key go to the speech server unencrypted", host=address.hostname,
                fix="use https, or a server on this machine",
            )  # fmt: skip
        port = f":{address.port}" if address.port else ""
        self._shown = f"{address.scheme}://{address.hostname}{port}"
        self._api = api
        self._openai = openai
        self._new_client = functools.partial(
            openai.AsyncOpenAI,
            base_url=api.base_url,
            api_key=api.api_key.get_secret_value() if api.api_key else _NO_KEY,
            timeout=openai.Timeout(api.timeout, connect=_CONNECT),
            max_retries=_RETRIES,
        )
        self._certificates = ssl.create_default_context()

    @property
    def fingerprint(self) -> str:
        """Names the server, its model and the version of this code."""
        server = f"{self._api.base_url} {self._api.model} {sorted(self._api.extra.items())}"
        return f"speech-api-{_CODE_VERSION}-{hashlib.sha256(server.encode()).hexdigest()[:16]}"

    def warm(self, voice: Voice) -> None:
        """Have the server load its model; see `Synthesizer.warm`."""
        language = voice.languages[0]
        self.synthesize(Clause("您好。" if language == "zh" else "Hello.", language), voice)

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        """See `Synthesizer.synthesize`.

        Raises:
            ResourceError: The server cannot be reached, is busy, or sent no sound; later it may.
            InputError: The key, the model or the voice is wrong; only a setting helps.
        """
        if clause.language not in voice.languages:
            raise InputError(
                f"voice {voice.name!r} does not read language {clause.language!r}",
                fix=f"it reads {', '.join(voice.languages)}: choose another voice or language",
            )
        if nothing_to_read(clause):
            return aligned_speech(clause, np.zeros(0, np.float32), RATE, voice)
        text = read(clause.text, clause.language, lexicon).spoken
        speed = voice.speed * clause.delivery.speed
        data, kind = self._run(self._fetch(text, voice.remote, speed), cancelled)
        pcm = self._decoded(data, kind)
        return aligned_speech(clause, pcm, RATE, voice, lexicon=lexicon, cancelled=cancelled)

    async def _fetch(self, text: str, voice: str, speed: float) -> tuple[bytes, str]:
        """The server's answer and its content type; a longer one than may be is not read on."""
        http = self._openai.DefaultAsyncHttpxClient(verify=self._certificates)
        async with (
            self._new_client(http_client=http) as client,
            client.audio.speech.with_streaming_response.create(
                model=self._api.model, voice=voice, input=text, response_format=self._api.format,
                speed=speed if speed != 1.0 else self._openai.omit,
                extra_body=self._api.extra or None,
            ) as answer,
        ):  # fmt: skip
            data = bytearray()
            async for piece in answer.iter_bytes(65_536):
                data += piece
                if len(data) > _MAX_BYTES:
                    raise ResourceError(
                        f"{self._shown} sent more than {_MAX_BYTES >> 20} MB for one clause",
                        fix="look at the server's own log",
                    )
            return bytes(data), answer.headers.get("content-type", "")

    def _run(self, work: Coroutine[Any, Any, T], cancelled: Callable[[], bool]) -> T:
        """Do ``work`` in an event loop of its own, unless it is cancelled meanwhile."""
        try:
            return asyncio.run(_wanted(work, cancelled))
        except DigitalHumanError:
            raise
        except Exception as error:
            raise self._explained(error) from None

    def _decoded(self, data: bytes, kind: str) -> FloatArray:
        """The sound as float32 [n] at 24 kHz."""
        try:
            if self._api.format == "pcm" and not data.startswith(b"RIFF"):
                samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
                pcm, rate = samples.astype(np.float32) / np.float32(32768), RATE
            else:
                with soundfile.SoundFile(io.BytesIO(data)) as file:
                    rate = int(file.samplerate)
                    if not 8000 <= rate <= 96000:
                        raise ResourceError(
                            f"{self._shown} sent sound of {rate} Hz", fix="8 to 96 kHz are read"
                        )
                    frames = int(_LONGEST * rate) + 1
                    pcm = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
        except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
            raise ResourceError(
                f"{self._shown} sent {len(data)} bytes of {kind[:40] or 'no type'} that are no "
                f"{self._api.format}",
                fix="set speech_api.format to what the server makes (wav or pcm)",
            ) from error
        if not len(pcm) or len(pcm) > _LONGEST * rate:
            raise ResourceError(
                f"{self._shown} sent {len(pcm) / rate:.1f} s of sound for one clause",
                fix="look at the server's own log",
            )
        pcm = np.nan_to_num(np.asarray(pcm, np.float32))
        return pcm if rate == RATE else np.asarray(soxr.resample(pcm, rate, RATE), np.float32)

    def _explained(self, error: Exception) -> DigitalHumanError:
        """What went wrong, without the key or the text, which servers like to repeat."""
        openai = self._openai
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return InputError(
                    f"{self._shown} refuses speech_api.api_key or the text "
                    f"(HTTP {error.status_code})",
                    fix="set DH_SPEECH_API__API_KEY to a valid key of that server",
                )
            case openai.NotFoundError():
                return InputError(
                    f"{self._shown} does not know the path or the model (HTTP 404)",
                    fix="correct speech_api.base_url (it often ends in /v1) and speech_api.model",
                )
            case openai.BadRequestError() | openai.UnprocessableEntityError():
                return InputError(
                    f"{self._shown} does not accept the request (HTTP {error.status_code})",
                    fix="check the voice's 'remote', speech_api.model and speech_api.format",
                )
            case openai.RateLimitError():
                return ResourceError(
                    f"{self._shown} takes no more requests now (HTTP 429)",
                    fix="wait, or raise the quota at the provider",
                )
            case openai.APITimeoutError():
                return ResourceError(
                    f"{self._shown} does not answer within {self._api.timeout:g} s",
                    fix="check that the server is running, or raise speech_api.timeout",
                )
            case openai.APIStatusError():
                return ResourceError(
                    f"{self._shown} failed (HTTP {error.status_code})",
                    fix="look at the server's own log",
                )
        return ResourceError(
            f"{self._shown} cannot be reached ({type(error).__name__})",
            fix="start the server or correct speech_api.base_url",
        )


async def _wanted(work: Coroutine[Any, Any, T], cancelled: Callable[[], bool]) -> T:
    """The result of ``work``, unless ``cancelled`` says that it is not wanted any more."""
    task = asyncio.ensure_future(work)
    try:
        while not cancelled():
            done, _ = await asyncio.wait({task}, timeout=_POLL)
            if done:
                return task.result()
        raise Cancelled("the speech is not wanted any more")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
