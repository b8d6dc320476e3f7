"""The end of a live session."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest
import structlog

from digital_human.apps.live import session as session_module
from digital_human.apps.live.engine import Cast, Engine
from digital_human.apps.live.session import LiveSession
from digital_human.config import LlmSettings, settings
from tests.fakes.west_lake import PERSONA


async def test_a_stage_that_does_not_end_keeps_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "_CLOSE_SECONDS", 0.1)
    engine = Engine(settings().model_copy(update={"llm": LlmSettings(backend="none")}))
    nothing = cast(Any, None)
    someone = Cast(PERSONA, None, nothing, nothing)
    session = LiveSession("0123456789abcdef01234567", engine, someone, reports=nothing)
    told: list[str] = []
    session.events.listen(lambda event: told.append(event.kind))
    outlet = session.broadcast.open("h264", name="test")
    gate = asyncio.Event()

    async def hangs() -> None:
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()

    session._task = asyncio.create_task(hangs())
    await asyncio.sleep(0)
    try:
        with structlog.testing.capture_logs() as logs:
            async with asyncio.timeout(5):
                await session.close("test")
    finally:
        gate.set()
    assert [log["event"] for log in logs] == ["a stage does not end"]
    assert told == ["session.ended"] and outlet.closed
    await session._task
    await engine.close()
