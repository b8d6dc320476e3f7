"""The listener on the clock of its own samples, with real VAD and scripted models."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from digital_human.core.events import Event, Events
from digital_human.core.health import Health
from digital_human.core.stage import ModelThread
from digital_human.errors import Cancelled
from digital_human.speech.echo import EchoCanceller, _likeness
from digital_human.speech.hearing import EAR_RATE, Action, Decode, Heard, Judge, Mode
from digital_human.speech.hotwords import HotWords
from digital_human.speech.listener import Listener
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.turn import TurnMachine


class Machine(TurnMachine):
    """Asks what a test tells it to and writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.ask: list[Action] = []
        self.told: list[tuple[Any, ...]] = []
        self.windows: list[tuple[float, float, float]] = []

    def voice(self, t: float, probability: float, level: float) -> list[Action]:
        self.windows.append((t, probability, level))
        asked, self.ask = self.ask, []
        return asked

    def decoded(self, t: float, transcript: Any, final: bool) -> list[Action]:
        self.told.append(("decoded", transcript, final))
        return []

    def judged(self, t: float, probability: float, asked: Judge) -> list[Action]:
        self.told.append(("judged", probability, asked))
        return []


class Scripted:
    """A recogniser that does what ``work`` does."""

    languages: frozenset[Heard] = frozenset({"zh", "en"})

    def __init__(self, work: Callable[[int, Callable[[], bool]], Recognised]) -> None:
        self._work = work
        self.heard: list[np.ndarray] = []
        self.usual: list[Heard | None] = []

    def recognise(self, pcm: Any, *, language: Any, usual: Any = None, prompt: str = "",
                  cancelled: Callable[[], bool]) -> Recognised:  # fmt: skip
        self.heard.append(pcm)
        self.usual.append(usual)
        return self._work(len(self.heard), cancelled)


def said(text: str = "苏迪有多长？") -> Recognised:
    return Recognised(text, "zh", 0.8, 0.02, 0.99)


@contextlib.asynccontextmanager
async def listening(
    recognizer: Scripted,
    machine: Machine,
    failures: list[str] | None = None,
    events: list[Event] | None = None,
    judge: Callable[[Any], float] = lambda pcm: 0.75,
) -> AsyncIterator[tuple[Listener, asyncio.Task[None]]]:
    stream = Events("test", lambda: 0.0)
    stream.listen(lambda event: None if events is None else events.append(event))
    with ModelThread("asr") as asr, ModelThread("judge") as judging:
        listener = Listener(
            recognizer=recognizer,
            judge=judge,  # type: ignore[arg-type]
            asr_thread=asr,
            judge_thread=judging,
            machine=machine,
            hot_words=HotWords(["苏堤"]),
            on_action=lambda action: None,
            health=Health(
                stream,
                lambda stage, error: None if failures is None else failures.append(stage),
            ),
        )
        running = asyncio.create_task(listener.run())
        try:
            yield listener, running
        finally:
            running.cancel()
            await asyncio.wait({running})


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(round(seconds * EAR_RATE)) * 0.01).astype(np.float32)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it did not happen within 10 s")


async def test_windows_are_timed_by_samples_whatever_the_chunks() -> None:
    machine = Machine()
    async with listening(Scripted(lambda n, c: said()), machine) as (listener, _):
        for size in (1, 159, 161, 320, 333, 4000, 16000, 7):
            listener.hear(noise(size / EAR_RATE))
        assert listener.now == pytest.approx((1 + 159 + 161 + 320 + 333 + 4000 + 16000 + 7) / 16000)
    times = [t for t, _, _ in machine.windows]
    assert times == pytest.approx([0.032 * (k + 1) for k in range(len(times))])
    assert len(times) == 20960 // 512
    assert all(level == pytest.approx(-40, abs=1) for _, _, level in machine.windows[1:])


async def test_a_decode_gets_its_sound_with_pre_roll_and_its_names_corrected() -> None:
    machine, recognizer = Machine(), Scripted(lambda n, c: said())
    async with listening(recognizer, machine) as (listener, _):
        sound = noise(3.0)
        listener.hear(sound)
        machine.ask = [Decode(1.0, 2.0, True), Judge(1.0, 2.1)]
        listener.hear(noise(0.04))
        await until(lambda: len(machine.told) == 2)
    np.testing.assert_array_equal(recognizer.heard[0], sound[8000 : round(2.15 * EAR_RATE)])
    told = {kind: rest for kind, *rest in machine.told}
    transcript, final = told["decoded"]
    assert (transcript.text, transcript.raw) == ("苏堤有多长？", "苏迪有多长？")
    assert (transcript.start, transcript.end, final) == (1.0, 2.0, True)
    assert told["judged"] == [0.75, Judge(1.0, 2.1)]


async def test_a_newer_decode_cancels_the_running_one() -> None:
    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        if number == 1:
            for _ in range(1000):
                if cancelled():
                    raise Cancelled("not wanted")
                time.sleep(0.002)
        return said("最后")

    machine, recognizer = Machine(), Scripted(work)
    async with listening(recognizer, machine) as (listener, _):
        machine.ask = [Decode(0.0, 0.5, False)]
        listener.hear(noise(1.0))
        await until(lambda: len(recognizer.heard) == 1)
        machine.ask = [Decode(0.0, 0.8, True)]
        listener.hear(noise(0.1))
        await until(lambda: bool(machine.told))
    assert [(t.end, t.text, final) for _, t, final in machine.told] == [(0.8, "最后", True)]


async def test_the_language_that_was_spoken_becomes_the_usual_one() -> None:
    machine, recognizer = Machine(), Scripted(lambda n, c: said())
    async with listening(recognizer, machine) as (listener, _):
        for k in range(2):
            machine.ask = [Decode(0.0, 0.5, True)]
            listener.hear(noise(0.5))
            await until(lambda k=k: len(machine.told) == k + 1)
    assert recognizer.usual == [None, "zh"]


async def test_one_failure_is_tried_again_and_not_noticed() -> None:
    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        if number == 1:
            raise RuntimeError("once")
        return said()

    machine = Machine()
    failures: list[str] = []
    async with listening(Scripted(work), machine, failures) as (listener, _):
        machine.ask = [Decode(0.0, 0.5, True)]
        listener.hear(noise(0.6))
        await until(lambda: bool(machine.told))
    assert machine.told[0][1].text == "苏堤有多长？"
    assert failures == []


async def test_a_lasting_failure_ends_each_turn_and_is_told_once() -> None:
    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        if number <= 4:  # two turns, each tried twice
            raise RuntimeError("broken")
        return said()

    machine = Machine()
    failures: list[str] = []
    events: list[Event] = []
    async with listening(Scripted(work), machine, failures, events) as (listener, running):
        for k in range(3):
            machine.ask = [Decode(0.0, 0.5, True)]
            listener.hear(noise(0.5))
            await until(lambda k=k: len(machine.told) == k + 1)
        assert not running.done()
    assert [t.text for _, t, _ in machine.told] == ["", "", "苏堤有多长？"]
    assert failures == ["recogniser", "recogniser"]
    assert [(e.kind, e.data["stage"]) for e in events] == [
        ("stage.failed", "recogniser"), ("stage.restored", "recogniser"),
    ]  # fmt: skip


@pytest.mark.parametrize("times", [1, 2])
async def test_a_recogniser_that_hangs_is_told_in_two_seconds_and_left_behind(
    times: int,
) -> None:
    stuck = threading.Event()

    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        if number <= times:
            stuck.wait(30)
        return said()

    machine = Machine()
    failures: list[str] = []
    events: list[Event] = []
    async with listening(Scripted(work), machine, failures, events) as (listener, _):
        began = time.monotonic()
        machine.ask = [Decode(0.0, 0.5, True)]
        listener.hear(noise(0.6))
        await until(lambda: bool(events))
        assert time.monotonic() - began < 2.0 and failures == [] and machine.told == []
        await until(lambda: bool(machine.told))
        # It hung once: the same sound was recognised by another thread.
        assert machine.told[0][1].text == ("苏堤有多长？" if times == 1 else "")
        assert failures == ([] if times == 1 else ["recogniser"])
        machine.ask = [Decode(0.0, 0.5, True)]
        listener.hear(noise(0.6))
        await until(lambda: len(machine.told) == 2)
        stuck.set()
    assert machine.told[1][1].text == "苏堤有多长？"
    assert [e.kind for e in events] == ["stage.failed", "stage.restored"]
    assert "Hung" in events[0].data["error"]


async def test_a_busy_machine_loses_no_turn() -> None:
    """Every recognition takes longer than one that hangs is waited for."""
    machine = Machine()
    failures: list[str] = []

    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        for _ in range(28):
            time.sleep(0.1)
            if cancelled():
                raise Cancelled
        return said()

    async with listening(Scripted(work), machine, failures) as (listener, _):
        machine.ask = [Decode(0.0, 0.5, True)]
        listener.hear(noise(0.6))
        await until(lambda: bool(machine.told))
    assert machine.told[0][1].text == "苏堤有多长？"
    assert failures == []


async def test_words_that_are_only_guessed_at_are_no_turn_that_was_lost() -> None:
    """A decode while the voice lasts: nobody needs an apology."""
    stuck = threading.Event()

    def work(number: int, cancelled: Callable[[], bool]) -> Recognised:
        if number == 1:
            stuck.wait(30)
        return said()

    machine = Machine()
    failures: list[str] = []
    events: list[Event] = []
    async with listening(Scripted(work), machine, failures, events) as (listener, _):
        machine.ask = [Decode(0.0, 0.5, False)]
        listener.hear(noise(0.6))
        await until(lambda: bool(machine.told))
        machine.ask = [Decode(0.0, 0.6, True)]
        listener.hear(noise(0.1))
        await until(lambda: len(machine.told) == 2)
        stuck.set()
    assert machine.told[1][1].text == "苏堤有多长？"
    assert failures == []
    assert [e.kind for e in events] == ["stage.failed", "stage.restored"]


async def test_a_judge_that_hangs_is_left_behind_and_comes_back() -> None:
    stuck, asked = threading.Event(), []

    def judge(pcm: Any) -> float:
        asked.append(pcm)
        if len(asked) == 1:
            stuck.wait(30)
        return 0.9

    machine = Machine()
    events: list[Event] = []
    recognizer = Scripted(lambda number, cancelled: said())
    async with listening(recognizer, machine, events=events, judge=judge) as (listener, _):
        for kind in ("stage.failed", "stage.restored"):
            machine.ask = [Judge(0.0, 0.5)]
            listener.hear(noise(0.6))
            await until(lambda kind=kind: bool(events) and events[-1].kind == kind)
        stuck.set()
    assert {e.data["stage"] for e in events} == {"judge"}


async def test_hours_of_sound_take_no_more_memory() -> None:
    machine = Machine()
    async with listening(Scripted(lambda n, c: said()), machine) as (listener, _):
        listener.hear(noise(40.0))
        machine.ask = [Decode(1.0, 39.9, True)]
        listener.hear(noise(0.1))
        await until(lambda: bool(machine.told))
        assert listener._ring.nbytes == 32 * EAR_RATE * 4


def test_what_is_played_and_comes_back_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    played = np.convolve(rng.standard_normal(3 * EAR_RATE), np.ones(6) / 6)[: 3 * EAR_RATE]
    played = (0.1 * played).astype(np.float32)
    room = np.zeros(2400, np.float32)
    room[[1600, 1900, 2300]] = (0.5, -0.2, 0.1)
    came_back = np.convolve(played, room)[: played.size].astype(np.float32)
    canceller = EchoCanceller()
    out = []
    for first in range(0, played.size, 160):
        canceller.far_end(played[first : first + 160])
        out.append(canceller(came_back[first : first + 160]))
    tail = np.concatenate(out)[-EAR_RATE:]
    assert np.sqrt(np.mean(tail**2) / np.mean(came_back[-EAR_RATE:] ** 2)) < 0.2


def test_what_is_left_of_the_echo_is_told_from_a_visitor() -> None:
    rng = np.random.default_rng(2)
    played, visitor = (0.1 * rng.standard_normal((2, 8192))).astype(np.float32)
    assert _likeness(0.1 * played[1000 : 1000 + 4096] + 0.05 * visitor[:4096], played) > 0.25
    assert _likeness(0.01 * played[1000 : 1000 + 4096] + 0.1 * visitor[:4096], played) < 0.25


def test_nothing_played_leaves_the_sound_as_it_is() -> None:
    canceller = EchoCanceller()
    block = noise(0.01)
    canceller.far_end(np.zeros(1600, np.float32))
    assert canceller(block) is block
    assert not canceller.is_echo()


async def test_the_mode_reaches_the_machine() -> None:
    machine = Machine()
    async with listening(Scripted(lambda n, c: said()), machine) as (listener, _):
        listener.set_mode(Mode.SPEAKING)
    assert machine.mode is Mode.SPEAKING
