"""The conversation on the real stage: what is sent, what is heard and what is remembered agree."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from digital_human.apps.live.performer import Performer
from digital_human.core.epoch import Epoch
from digital_human.core.events import Events
from digital_human.core.frames import FloatArray
from digital_human.face.bundle import load_bundle
from tests.fakes.live import SECONDS_PER_CHARACTER, World, sure
from tests.fakes.virtual_time import LoopClock, virtual_time

LINE, FRAME = 48_000, 0.04
LAKE = "西湖有多大？"
LONG = ("西湖在杭州市的西边。", "它的三面都是山。", "湖里有三个小岛。", "最美的是苏堤和白堤。")


class Sounding(Performer):
    """A performer whose pictures nobody looks at."""

    def __init__(self, clock: LoopClock, epoch: Epoch, events: Events) -> None:
        super().__init__(
            load_bundle("yun"), size=(240, 320), epoch=epoch, events=events, label="AI生成",
            clock=clock, background="#8090a0",
        )  # fmt: skip
        self.sent: list[FloatArray] = []

    async def run(self) -> None:
        pts = 0
        while True:
            await asyncio.sleep(FRAME)
            self.sent.append(self.sound(pts).copy())
            self._orders.clear()
            pts += 1

    def voiced(self) -> FloatArray:
        """Times of the samples that can be heard at full voice."""
        sound = np.concatenate(self.sent)
        return np.asarray(np.flatnonzero(np.abs(sound) > 0.3) / LINE, np.float32)


def world(answers: dict[str, list[object]]) -> World:
    return World(answers, stage=Sounding, rate=24_000)  # type: ignore[arg-type]


def words_in(seconds: float) -> float:
    return seconds / SECONDS_PER_CHARACTER["zh"]


@virtual_time
async def test_a_whole_answer() -> None:
    async with world({LAKE: sure(*LONG)}) as w:
        end = w.say(LAKE)
        await w.until("reply.finished")
        assert w.history.exchanges[0].answer == "".join(LONG)
        voiced = w.stage.voiced()
        assert words_in(len(voiced) / LINE) == pytest.approx(len("".join(LONG)), abs=0.5)
        total = w.of("latency")[0].data["total"]
        assert voiced[0] + FRAME == pytest.approx(end + total, abs=0.04)


@virtual_time
async def test_an_interruption_is_silent_soon_and_remembered_truly() -> None:
    async with world({LAKE: sure(*LONG), "停一下，苏堤在哪里？": sure("在西边。")}) as w:
        w.say(LAKE)
        await w.until("caption", 2)
        await w.sleep(0.7)
        before = len(w.stage.voiced())
        assert before
        onset = w.say("停一下，苏堤在哪里？", 1.5) - 1.5
        await w.until("reply.finished")
        first = w.history.exchanges[0]
        assert first.interrupted and "".join(LONG).startswith(first.answer)
        voiced = w.stage.voiced()
        assert voiced[-1] - onset <= 0.15
        assert words_in(len(voiced) / LINE) == pytest.approx(len(first.answer), abs=1)
        await w.until("reply.finished", 2)
        assert w.history.exchanges[1].answer == "在西边。"


@virtual_time
async def test_a_back_channel_loses_nothing() -> None:
    async with world({LAKE: sure(*LONG)}) as w:
        w.say(LAKE)
        await w.until("caption")
        await w.sleep(1.3)
        w.say("嗯嗯", 0.4)
        await w.until("reply.finished")
        (exchange,) = w.history.exchanges
        assert exchange.answer == "".join(LONG) and not exchange.interrupted
        voiced = words_in(len(w.stage.voiced()) / LINE)
        assert 0 <= voiced - len(exchange.answer) + 0.6 <= 1.6  # a word, ducked and then repeated
