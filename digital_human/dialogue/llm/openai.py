"""A server that speaks OpenAI's chat API: DeepSeek, Qwen, vLLM, Ollama, llama.cpp and others."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import openai

from digital_human.config import LlmSettings, settings
from digital_human.dialogue.llm.base import (
    Message,
    estimate_prompt,
    estimate_tokens,
    never,
    shortened,
)
from digital_human.errors import Cancelled, DigitalHumanError, InputError, ResourceError

_CONNECT, _SILENCE = 5.0, 15.0  # s to connect, and between two pieces
_POLL = 0.02  # s between questions whether the answer is still wanted
_TEMPERATURE, _TOP_P, _SEED = 0.2, 0.8, 7
_SHORTENINGS = 3
_NO_KEY = "none"  # local servers want none, but the client wants something

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Line:
    """One thread's way to the server."""

    loop: asyncio.AbstractEventLoop
    client: openai.AsyncOpenAI


class OpenAiLlm:
    """Chat completions of a server.

    Several threads may call it at a time. Each has an event loop and connections of its own, in
    which its requests run, so that one that waits for the server can be ended at any time.

    Args:
        llm: By default the program's settings; ``base_url``, ``model``, ``api_key`` and
            ``context`` are used.
        silence: Seconds without a piece after which the server counts as down.

    Raises:
        InputError: ``base_url`` or ``model`` is missing or is not an address.
    """

    def __init__(self, llm: LlmSettings | None = None, *, silence: float = _SILENCE) -> None:
        llm = llm or settings().llm
        address = urlsplit(llm.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InputError(
                f"llm.base_url {llm.base_url!r} is not an http address",
                fix="set it in digital-human.toml, e.g. https://api.deepseek.com/v1",
            )
        if not llm.model:
            raise InputError("llm.model is empty", fix="set it to the server's name of the model")
        self._model, self._limit = llm.model, llm.context
        self._shown = f"{address.scheme}://{address.hostname}" + (
            f":{address.port}" if address.port else ""
        )
        self._new_client = functools.partial(
            openai.AsyncOpenAI,
            base_url=llm.base_url,
            api_key=llm.api_key.get_secret_value() if llm.api_key else _NO_KEY,
            timeout=openai.Timeout(silence, connect=_CONNECT),
            max_retries=0,
        )
        self._mine = threading.local()
        self._all: list[_Line] = []

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """Answer the last message; see `base.Llm`."""
        room = self._limit - max_tokens
        for _ in range(_SHORTENINGS):
            kept = shortened(messages, room, estimate_prompt)
            try:
                yield from self._answer(kept, max_tokens, cancelled)
                return
            except openai.BadRequestError as error:
                # The server counts other tokens, or its context is shorter than was said.
                if not _too_long(error):
                    raise self._explained(error) from None
                room = sum(estimate_tokens(m.content) for m in kept) // 2
        raise InputError(
            f"{self._shown}: the prompt is too long for model {self._model!r}",
            fix="set llm.context to what the server allows",
        )

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        """Nothing: servers keep their own prefix caches."""

    def learn(
        self, head: Sequence[Message], passage: str, *, cancelled: Callable[[], bool] = never
    ) -> None:
        """Nothing, as `warm`."""

    def forget(self, kept: Sequence[Sequence[Message]]) -> None:
        """Nothing: what the server keeps is up to it."""

    def close(self) -> None:
        """Close the connections of all threads, none of which may wait for an answer any more;
        harmless when done before."""
        while self._all:
            line = self._all.pop()
            line.loop.run_until_complete(line.client.close())
            line.loop.close()

    def _line(self) -> _Line:
        """The calling thread's."""
        line: _Line | None = getattr(self._mine, "line", None)
        if line is None or line.loop.is_closed():
            line = self._mine.line = _Line(asyncio.new_event_loop(), self._new_client())
            self._all.append(line)
        return line

    def _answer(
        self, messages: Sequence[Message], max_tokens: int, cancelled: Callable[[], bool]
    ) -> Iterator[str]:
        line = self._line()
        pieces = self._pieces(line.client, messages, max_tokens)
        try:
            while True:
                piece = line.loop.run_until_complete(_wanted(anext(pieces, None), cancelled))
                if piece is None:
                    return
                yield piece
        except (Cancelled, openai.BadRequestError):
            raise
        except Exception as error:
            raise self._explained(error) from None
        finally:
            line.loop.run_until_complete(pieces.aclose())

    async def _pieces(
        self, client: openai.AsyncOpenAI, messages: Sequence[Message], max_tokens: int
    ) -> AsyncGenerator[str, None]:
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_tokens,
            "temperature": _TEMPERATURE,
            "top_p": _TOP_P,
            "seed": _SEED,
            "stream": True,
        }
        async with await client.chat.completions.create(**request) as stream:
            async for chunk in stream:
                piece = chunk.choices[0].delta.content if chunk.choices else None
                if piece:
                    yield piece

    def _explained(self, error: Exception) -> DigitalHumanError:
        """What went wrong, without the key or the prompt, which servers like to repeat."""
        match error:
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                return InputError(
                    f"{self._shown} refuses llm.api_key (HTTP {error.status_code})",
                    fix="set DH_LLM__API_KEY to a valid key of that server",
                )
            case openai.NotFoundError():
                return InputError(
                    f"{self._shown} does not know model {self._model!r} or the path (HTTP 404)",
                    fix="correct llm.model and llm.base_url (it often ends in /v1)",
                )
            case openai.RateLimitError():
                return ResourceError(
                    f"{self._shown} takes no more requests now (HTTP 429)",
                    fix="wait, or raise the quota at the provider",
                )
            case openai.APITimeoutError():
                return ResourceError(
                    f"{self._shown} does not answer in time", fix="check that the server is running"
                )
            case openai.APIStatusError():
                return ResourceError(
                    f"{self._shown} failed (HTTP {error.status_code})",
                    fix="look at the server's own log",
                )
            case openai.APIConnectionError():
                return ResourceError(
                    f"{self._shown} cannot be reached",
                    fix="start the server or correct llm.base_url",
                )
        return ResourceError(
            f"{self._shown} sent an answer that is not a chat completion",
            fix="check that llm.base_url is an OpenAI-compatible address",
        )


async def _wanted(waiting: Awaitable[R], cancelled: Callable[[], bool]) -> R:
    """The result of ``waiting``, unless ``cancelled`` says that it is not wanted any more."""
    task = asyncio.ensure_future(waiting)
    try:
        while not cancelled():
            done, _ = await asyncio.wait({task}, timeout=_POLL)
            if done:
                return task.result()
        raise Cancelled("the answer is not wanted any more")
    finally:
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, openai.OpenAIError):
                await task


def _too_long(error: openai.BadRequestError) -> bool:
    text = str(error).casefold()
    return error.code == "context_length_exceeded" or "context" in text or "too long" in text
