"""A real engine for the tests of whole sessions: real models, no language model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from digital_human.apps.live.engine import Engine
from digital_human.apps.live.phrasing import live_clauses
from digital_human.apps.live.reports import ReportStore
from digital_human.apps.live.session import LiveSession
from digital_human.config import LlmSettings, settings
from digital_human.speech.speaker import Speaker

T = TypeVar("T")
PERSONA = "xihu"
QUESTION = "雷峰塔几点开放？"


@dataclass
class House:
    """An engine on an event loop of its own thread.

    Attributes:
        engine: With persona `PERSONA` loaded.
        loop: Where sessions live.
        reports: Where reported turns go.
    """

    engine: Engine
    loop: asyncio.AbstractEventLoop
    reports: ReportStore

    def run(self, work: Coroutine[Any, Any, T], within: float = 60.0) -> T:
        """Run ``work`` on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within)

    async def prepare(self) -> None:
        """Speak into the cache what the tests wait for."""
        cast = await self.engine.cast(PERSONA)
        assert cast.knowledge is not None
        answer = cast.knowledge.search(QUESTION, "zh").sure
        assert answer is not None
        speaker = Speaker(cast.persona.voice)
        for text in (cast.persona.apology["zh"], answer.text):
            for clause in live_clauses(text, "zh"):
                await self.engine.voicing.call(speaker.speak, clause)

    async def session(
        self, id: str = "0123456789abcdef01234567", *, matte: bool = False
    ) -> LiveSession:
        """A session that has started."""
        session = LiveSession(
            id, self.engine, await self.engine.cast(PERSONA), matte=matte, reports=self.reports
        )
        await session.start()
        return session


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The engine; everything but the weights is in a home of its own."""
    models = settings().models_dir
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(models)
    patch = pytest.MonkeyPatch()
    patch.setenv("DH_HOME", str(home))
    settings.cache_clear()
    chosen = settings().model_copy(update={"llm": LlmSettings(backend="none")})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="house", daemon=True)
    thread.start()
    engine = Engine(chosen)
    built = House(engine, loop, ReportStore(Path(home) / "reports", engine.audit))
    try:
        built.run(engine.load([PERSONA], lambda what: None), 240)
        built.run(built.prepare(), 120)
        yield built
    finally:
        built.run(engine.close())
        built.reports.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        patch.undo()
        settings.cache_clear()
