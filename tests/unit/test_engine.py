"""What is made ready while nobody talks: in order, never in anybody's way, and told."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from digital_human.apps.live import engine as engine_module
from digital_human.apps.live.engine import Cast, Engine, prepared_clauses
from digital_human.apps.live.phrasing import live_clauses
from digital_human.config import LlmSettings, settings
from digital_human.core.stage import Hung, Patience
from digital_human.dialogue.llm import workers as workers_module
from digital_human.dialogue.place import Place
from digital_human.errors import Cancelled, ResourceError
from tests.fakes.west_lake import PERSONA, SUNDAY

Lesson = Callable[[Callable[[], bool]], None]


@pytest.fixture
async def engine(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setattr(engine_module, "_PREPARE_WAIT", 0.01)
    made = Engine(settings().model_copy(update={"llm": LlmSettings(backend="none")}))
    yield made
    await made.close()


SOMEONE = cast(Cast, SimpleNamespace(persona=SimpleNamespace(name="tester")))


async def test_passages_are_learned_one_after_the_other_and_told(engine: Engine) -> None:
    learned: list[int] = []
    lessons: list[Lesson] = [lambda cancelled, n=n: learned.append(n) for n in range(60)]  # type: ignore[misc]
    with structlog.testing.capture_logs() as logs:
        await engine._teach(SOMEONE, lessons, "passages")
    assert learned == list(range(60)) and not engine.preparing
    assert [(log["done"], log["of"]) for log in logs] == [(25, 60), (50, 60), (60, 60)]


async def test_learning_waits_while_a_session_needs_the_models(engine: Engine) -> None:
    begun: list[bool] = []
    first, busy = threading.Event(), True

    def lesson(cancelled: Callable[[], bool]) -> None:
        nonlocal busy
        begun.append(engine.preparing)
        if len(begun) == 1:  # a visitor comes in the middle of it
            busy = True
            assert cancelled()
            first.set()
            raise Cancelled("not now")

    with engine.in_use(lambda: busy):
        learning = asyncio.create_task(engine._teach(SOMEONE, [lesson], "passages"))
        await asyncio.sleep(0.05)
        assert not begun and not engine.preparing
        busy = False
        async with asyncio.timeout(5):
            await asyncio.to_thread(first.wait)
        await asyncio.sleep(0.05)
        assert len(begun) == 1 and not learning.done()
        busy = False
        async with asyncio.timeout(5):
            await learning
    assert begun == [True, True]


async def test_a_disk_that_is_full_ends_learning_with_a_line_in_the_log(engine: Engine) -> None:
    tried: list[int] = []

    def full(cancelled: Callable[[], bool]) -> None:
        tried.append(1)
        raise ResourceError("cannot keep a passage: No space left on device")

    with structlog.testing.capture_logs() as logs:
        await engine._teach(SOMEONE, [full, full], "passages")
    assert len(tried) == 1 and "No space left" in logs[0]["cause"]


async def test_speech_waits_for_room_on_the_disk_and_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_FULL_WAIT", 0.2)
    monkeypatch.setattr(engine_module, "load_voice", lambda *_: None)
    monkeypatch.setattr(engine_module, "Speaker", lambda *_, **__: None)
    tried: list[tuple[float, str]] = []

    def speak(speaker: None, clause: Any, cancelled: Callable[[], bool]) -> None:
        tried.append((time.monotonic(), clause.text))
        if len(tried) == 1:
            raise ResourceError("cannot write the clause cache: No space left on device")

    monkeypatch.setattr(engine_module, "_spoken", speak)
    persona = SimpleNamespace(name="tester", voice="nothing")
    someone = cast(Cast, SimpleNamespace(persona=persona, lexicon=None))
    clauses = [cast(Any, SimpleNamespace(text=text)) for text in "abc"]
    with structlog.testing.capture_logs() as logs:
        await engine._speak_ahead(someone, clauses)
    assert [text for _, text in tried] == ["a", "b", "c"] and logs[-1]["clauses"] == 2
    assert tried[1][0] - tried[0][0] >= 0.2 > tried[2][0] - tried[1][0]


async def test_a_clause_that_hangs_does_not_keep_the_voice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_CLAUSE_PATIENCE", Patience(0.2))
    monkeypatch.setattr(engine_module, "_FULL_WAIT", 0.01)
    monkeypatch.setattr(engine_module, "load_voice", lambda *_: None)
    monkeypatch.setattr(engine_module, "Speaker", lambda *_, **__: None)
    gate = threading.Event()

    def speak(speaker: None, clause: Any, cancelled: Callable[[], bool]) -> None:
        if clause.text == "a":
            gate.wait(30)

    monkeypatch.setattr(engine_module, "_spoken", speak)
    persona = SimpleNamespace(name="tester", voice="nothing")
    someone = cast(Cast, SimpleNamespace(persona=persona, lexicon=None))
    clauses = [cast(Any, SimpleNamespace(text=text)) for text in "abc"]
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(5):
            await engine._speak_ahead(someone, clauses)
    gate.set()
    assert "voice: no answer within 0.2 s" in logs[0]["cause"] and logs[-1]["clauses"] == 2


async def test_a_lesson_that_hangs_ends_learning_and_nobody_waits_for_the_model(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_LESSON_SECONDS", 0.1)
    monkeypatch.setattr(workers_module, "STOP_SECONDS", 0.1)
    gate = threading.Event()
    with structlog.testing.capture_logs() as logs:
        async with asyncio.timeout(5):
            await engine._teach(SOMEONE, [lambda cancelled: cast(None, gate.wait(30))], "passages")
            with pytest.raises(Hung):
                await engine.thinking.call(int)
    gate.set()
    assert "no end within" in logs[0]["cause"] and not engine.preparing


async def test_what_was_said_is_forgotten_after_the_last_session(engine: Engine) -> None:
    forgotten: list[tuple[Any, ...]] = []
    heads = [[object()]]
    engine._heads = cast(Any, heads)
    engine._llm = cast(Any, SimpleNamespace(forget=forgotten.append, close=lambda: None))
    with engine.in_use(lambda: True):
        with engine.in_use(lambda: False):
            pass
        await asyncio.sleep(0.02)
        assert not forgotten, "somebody still talks"
    await asyncio.gather(*engine._forgetting)
    assert forgotten == [tuple(heads)]


async def test_a_model_that_cannot_forget_is_told(engine: Engine) -> None:
    def broken(kept: Any) -> None:
        raise RuntimeError("no")

    engine._llm = cast(Any, SimpleNamespace(forget=broken, close=lambda: None))
    with structlog.testing.capture_logs() as logs:
        with engine.in_use(lambda: True):
            pass
        await asyncio.gather(*engine._forgetting, return_exceptions=True)
        await asyncio.sleep(0)
    assert [log["event"] for log in logs] == ["the language model could not forget"]


@pytest.mark.parametrize(("backend", "threads"), [("llama", 1), ("none", 1), ("openai", 8)])
async def test_only_a_server_is_asked_by_several_at_a_time(backend: Any, threads: int) -> None:
    made = Engine(settings().model_copy(update={"llm": LlmSettings(backend=backend)}))
    assert len(made.thinking._threads) == threads
    await made.close()


def test_the_beginnings_of_what_is_usually_asked_are_spoken_ahead(place: Place) -> None:
    someone = cast(Cast, SimpleNamespace(persona=PERSONA, place=place, knowledge=None, poems=None))
    phrases, answers = prepared_clauses(someone, SUNDAY)
    assert [clause.index > 0 for clause in answers] == sorted(c.index > 0 for c in answers)
    told = place.answer("雷峰塔在哪里", "zh", now=SUNDAY, at=None)
    assert told is not None
    first = live_clauses(told.said[0].text, "zh")[0]
    assert first in answers
    assert PERSONA.greeting["zh"].startswith(phrases[0].text)
