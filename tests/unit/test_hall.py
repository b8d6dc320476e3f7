"""Who stands before the microphone, told by levels; and what the listener makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from digital_human.core.events import Events
from digital_human.core.health import Health
from digital_human.core.stage import ModelThread
from digital_human.speech.hall import Hall, NearField
from digital_human.speech.hearing import EAR_RATE, Abandon, Action, Commit, Mode, Started
from digital_human.speech.hotwords import HotWords
from digital_human.speech.listener import Listener
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.turn import TurnMachine
from digital_human.speech.vad import WINDOW

FLOOR = -50.0
NOISE = np.random.default_rng(1).normal(0, 1.0, 20_000)


def noisy(near: NearField, seconds: float, level: float = FLOOR) -> None:
    for k in range(round(seconds / 0.032)):
        near(level + NOISE[k], voiced=False, going_on=False, speaking=False)


def syllables(seconds: float, level: float, fall: float) -> Iterator[float]:
    """Levels of speech: syllables of 160 ms, between which it falls by ``fall`` dB."""
    for k in range(round(seconds / 0.032)):
        yield level - (fall if k % 8 >= 5 else 0.0) + NOISE[k] / 2


def spoken(
    near: NearField, seconds: float, level: float, *, fall: float = 18.0, speaking: bool = False
) -> list[bool]:
    """Whether each window of a voice counted; the turn goes on from the first that did."""
    near.begin()
    heard: list[bool] = []
    for one in syllables(seconds, level, fall):
        heard.append(near(one, voiced=True, going_on=any(heard), speaking=speaking))
    return heard


def test_only_what_stands_clear_of_the_noise_is_a_voice() -> None:
    near = NearField(Hall())
    noisy(near, 10)
    assert not any(spoken(near, 2, FLOOR + 7))
    noisy(near, 2)
    assert np.mean(spoken(near, 2, FLOOR + 16)) > 0.9


def test_the_floor_follows_the_hall_up_and_down() -> None:
    hall = Hall()
    near = NearField(hall)
    noisy(near, 10)
    assert hall.floor == pytest.approx(FLOOR, abs=1.5)
    noisy(near, 10, FLOOR + 20)
    assert hall.floor == pytest.approx(FLOOR + 20, abs=1.5)
    assert not any(spoken(near, 2, FLOOR + 27))
    noisy(near, 10)
    assert hall.floor == pytest.approx(FLOOR, abs=1.5)


def test_a_long_talk_does_not_lift_the_floor_to_itself() -> None:
    hall = Hall()
    near = NearField(hall)
    noisy(near, 10)
    heard = spoken(near, 20, FLOOR + 24)
    assert hall.floor < FLOOR + 10 and all(heard[-50:])


def test_a_muted_microphone_tells_nothing_of_the_hall() -> None:
    hall = Hall()
    near = NearField(hall)
    noisy(near, 10)
    for _ in range(1000):
        near(-120.0, voiced=False, going_on=False, speaking=False)
    assert hall.floor == pytest.approx(FLOOR, abs=1.5)


def test_a_click_is_no_voice() -> None:
    near = NearField(Hall())
    noisy(near, 10)
    assert not near(-10.0, voiced=True, going_on=False, speaking=False)


def test_breaking_in_takes_more_than_beginning_to_talk() -> None:
    near = NearField(Hall())
    noisy(near, 10)
    level = FLOOR + 11.0
    assert any(spoken(near, 1, level)), "clear enough when nobody speaks"
    noisy(near, 10)
    assert not any(spoken(near, 1, level - 1.0, speaking=True))


@pytest.mark.parametrize("below", [11, 15])
def test_after_the_visitor_was_understood_voices_from_further_off_are_not(below: int) -> None:
    near = NearField(Hall())
    noisy(near, 10)
    spoken(near, 3, -22.0)
    near.understood()
    noisy(near, 2)
    assert not any(spoken(near, 3, -22.0 - below))
    assert np.mean(spoken(near, 3, -25.0)) > 0.9 and not near.is_far


def test_a_whole_turn_is_far_though_it_had_a_loud_beginning() -> None:
    near = NearField(Hall())
    noisy(near, 10)
    spoken(near, 3, -22.0)
    near.understood()
    near.begin()
    for level in (*syllables(0.3, -28.0, 8), *syllables(2, -33.0, 8)):
        near(level, voiced=True, going_on=True, speaking=False)
    assert near.is_far


def test_the_hall_remembers_how_loud_visitors_are_and_a_soft_one_is_heard() -> None:
    hall = Hall()
    for level in (-20.0, -22.0, -26.0, -24.0, -30.0):
        near = NearField(hall)
        noisy(near, 2)
        spoken(near, 3, level)
        near.understood()
    newcomer = NearField(hall)
    noisy(newcomer, 2)
    assert any(spoken(newcomer, 2, -31.0)) and not newcomer.is_far
    noisy(newcomer, 2)
    assert not any(spoken(newcomer, 2, -38.0))


def test_a_reverberant_voice_teaches_nothing() -> None:
    hall = Hall()
    near = NearField(hall)
    noisy(near, 10)
    spoken(near, 3, -35.0, fall=4.0)
    near.understood()
    spoken(near, 0.4, -35.0)
    near.understood()  # too short to tell
    assert hall.near < -80


# In the listener ----------------------------------------------------------------------------------


class Words:
    """A recogniser that hears words in everything."""

    languages = frozenset({"zh", "en"})

    def recognise(self, pcm: object, **_: object) -> Recognised:
        return Recognised("断桥在哪里？", "zh", 0.8, 0.02, 0.99)


async def listen(
    parts: list[tuple[float, float, bool]],
    near: NearField | None,
    monkeypatch: pytest.MonkeyPatch,
    mode: Mode = Mode.IDLE,
) -> list[Action]:
    """Let a listener hear (seconds, level in dBFS, voiced) one after the other."""
    rng, told, voiced = np.random.default_rng(0), list[Action](), list[bool]()
    sounds = []
    for seconds, level, is_voice in parts:
        count = round(seconds * EAR_RATE / WINDOW) * WINDOW
        gains = np.repeat(
            [level] * (count // WINDOW)
            if not is_voice
            else list(syllables(count / EAR_RATE, level, 18.0))[: count // WINDOW],
            WINDOW,
        )
        sounds.append(rng.standard_normal(gains.size) * 10 ** (gains / 20))
        voiced += [is_voice] * (count // WINDOW)
    windows = iter(voiced)
    monkeypatch.setattr(
        "digital_human.speech.listener.SileroVad",
        lambda: lambda window: 0.95 if next(windows) else 0.02,
    )
    with ModelThread("asr") as asr, ModelThread("judge") as judging:
        listener = Listener(
            recognizer=Words(), judge=lambda pcm: 0.9,  # type: ignore[arg-type]
            asr_thread=asr, judge_thread=judging, machine=TurnMachine(), hot_words=HotWords([]),
            on_action=told.append, health=Health(Events("test", lambda: 0.0)), near=near,
        )  # fmt: skip
        running = asyncio.create_task(listener.run())
        listener.set_mode(mode)
        sound = np.concatenate(sounds).astype(np.float32)
        for first in range(0, sound.size, WINDOW):
            listener.hear(sound[first : first + WINDOW])
            await asyncio.sleep(0.004 if listener.open else 0)
        running.cancel()
        await asyncio.wait({running})
    return told


HALL = (9.0, FLOOR, False)
PAUSE = (1.5, FLOOR, False)


async def test_near_voices_are_answered_and_far_ones_are_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = [HALL, (2.0, -24.0, True), PAUSE, (2.0, -37.0, True), PAUSE, (1.5, -25.0, True), PAUSE]
    told = await listen(scene, NearField(Hall()), monkeypatch)
    assert [type(a) for a in told if isinstance(a, Started | Commit | Abandon)] == [
        Started, Commit, Started, Commit,
    ]  # fmt: skip
    everybody = await listen(scene, None, monkeypatch)
    assert sum(isinstance(a, Commit) for a in everybody) == 3


async def test_a_turn_from_further_off_is_abandoned_as_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hall = Hall()
    hall.met(-22.0)
    scene = [HALL, (0.5, -29.0, True), (2.5, -34.0, True), PAUSE]
    told = await listen(scene, NearField(hall), monkeypatch)
    assert [a.reason for a in told if isinstance(a, Abandon)] == ["far"]
    assert not any(isinstance(a, Commit) for a in told)


async def test_the_hall_does_not_break_in(monkeypatch: pytest.MonkeyPatch) -> None:
    hall = Hall()
    hall.met(-22.0)
    scene = [HALL, (3.0, -36.0, True), PAUSE]
    told = await listen(scene, NearField(hall), monkeypatch, Mode.SPEAKING)
    assert told == []
    told = await listen([HALL, (2.0, -24.0, True)], NearField(hall), monkeypatch, Mode.SPEAKING)
    assert "Interrupt" in [type(a).__name__ for a in told]
