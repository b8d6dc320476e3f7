"""A small server with OpenAI's chat API in front of a language model, and some broken ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from digital_human.dialogue.llm.base import Llm, Message, estimate_prompt
from digital_human.errors import Cancelled

KEY = "sk-test-5f2d9c"
SHORT_CONTEXT = 300
_FAILURES = {"busy": 429, "broken": 500, "nowhere": 404}


class Served:
    """What the server saw; ``lock`` is held while it uses the model."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.ended: list[str] = []


def make_app(llm: Llm | None, served: Served) -> FastAPI:
    """The server; the model's name chooses what goes wrong, ``real`` and ``short`` answer."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Response:
        asked = await request.json()
        served.requests.append(asked)
        model = asked["model"]
        if request.headers["authorization"] != f"Bearer {KEY}":
            return _error(401, "invalid_api_key", f"wrong key {request.headers['authorization']}")
        if model in _FAILURES:
            return _error(_FAILURES[model], model, "no")
        if model == "garbage":
            return PlainTextResponse("data: {nonsense\n\n", media_type="text/event-stream")
        messages = [Message(m["role"], m["content"]) for m in asked["messages"]]
        if model == "short" and estimate_prompt(messages) > SHORT_CONTEXT:
            return _error(400, "context_length_exceeded", "This model's maximum context length is")
        pieces = {"slow": _slow, "stalling": _stalling, "silent": _silent}.get(model)
        if pieces is not None:
            return StreamingResponse(_events(pieces()), media_type="text/event-stream")
        answer = _answer(llm, messages, asked["max_tokens"], served)
        return StreamingResponse(_events(answer), media_type="text/event-stream")

    return app


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` from a thread; gives the base address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)


async def _events(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    async with contextlib.aclosing(pieces):  # type: ignore[type-var]
        async for piece in pieces:
            chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m",
                     "choices": [{"index": 0, "delta": {"content": piece}}]}  # fmt: skip
            yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


async def _slow() -> AsyncIterator[str]:
    await asyncio.sleep(20)
    yield "late"


async def _stalling() -> AsyncIterator[str]:
    yield "您好，"
    await asyncio.sleep(20)


async def _silent() -> AsyncIterator[str]:
    for _ in range(0):
        yield ""


async def _answer(
    llm: Llm | None, messages: list[Message], max_tokens: int, served: Served
) -> AsyncIterator[str]:
    """Pieces of the model's answer; it stops when the client is gone."""
    assert llm is not None
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    stop = threading.Event()

    def work() -> None:
        try:
            with served.lock:
                for piece in llm.stream(messages, max_tokens=max_tokens, cancelled=stop.is_set):
                    loop.call_soon_threadsafe(queue.put_nowait, piece)
            served.ended.append("whole")
        except Cancelled:
            served.ended.append("cancelled")
        finally:
            loop.call_soon_threadsafe(queue.put_nowait, None)

    running = loop.run_in_executor(None, work)
    try:
        while (piece := await queue.get()) is not None:
            yield piece
    finally:
        stop.set()
        await running
