"""What a visitor wishes of the voice, and the messages that carry it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from digital_human.apps.live.crew import RecentSpeech
from digital_human.apps.live.guests import Wish
from digital_human.apps.live.messages import answer
from digital_human.apps.live.mouth import Mouth
from digital_human.apps.live.session import LiveSession
from digital_human.core.events import Event, Events
from digital_human.core.stage import ModelThread
from digital_human.dialogue.history import History
from digital_human.errors import InputError
from digital_human.speech.types import Clause, Delivery, Speech
from tests.fakes.live import made
from tests.fakes.server import FakeSession

POEM = Clause("山色空蒙雨亦奇。", "zh", delivery=Delivery(speed=0.88))


class Spoken:
    """A speaker that knows some clauses by heart."""

    def __init__(self, *known: Clause) -> None:
        self._known = {(c.text, c.delivery) for c in known}
        self.synthesized: list[Clause] = []

    def recall(self, clause: Clause) -> Speech | None:
        known = (clause.text, clause.delivery) in self._known
        return made(clause, 8000) if known else None

    def speak(self, clause: Clause, *, cancelled: Callable[[], bool]) -> Speech:
        self.synthesized.append(clause)
        return made(clause, 8000)


@pytest.fixture
async def threads() -> AsyncIterator[tuple[ModelThread, ModelThread]]:
    with ModelThread("voice") as voice, ModelThread("recall") as recall:
        yield voice, recall


def level(speech: Speech) -> float:
    return 20 * float(np.log10(np.sqrt(np.mean(speech.pcm**2))))


async def test_louder_needs_no_new_speech_and_moves_nothing(threads: Any) -> None:
    speaker = Spoken(POEM)
    mouth = Mouth(speaker, *threads)  # type: ignore[arg-type]
    plain = await mouth.speak(mouth.fitted(POEM))
    mouth.wish(1.0, -6.0)
    softer = await mouth.speak(mouth.fitted(POEM))
    assert speaker.synthesized == []
    assert level(softer) - level(plain) == pytest.approx(-6.0, abs=0.1)
    assert (softer.phones, softer.words) == (plain.phones, plain.words)
    assert len(softer.pcm) == len(plain.pcm)
    mouth.wish(1.0, 6.0)
    assert float(np.abs((await mouth.speak(mouth.fitted(POEM))).pcm).max()) <= 1.0


async def test_slower_is_spoken_slower_on_top_of_the_clause_s_own_manner(threads: Any) -> None:
    speaker = Spoken(POEM)
    mouth = Mouth(speaker, *threads)  # type: ignore[arg-type]
    mouth.wish(0.85, 3.0)
    await mouth.speak(mouth.fitted(POEM))
    (clause,) = speaker.synthesized
    assert clause.delivery.speed == pytest.approx(0.88 * 0.85)
    assert clause.delivery.loudness == 3.0 and clause.text == POEM.text
    mouth.wish(1.0, 0.0)
    assert mouth.fitted(POEM) == POEM


@pytest.mark.parametrize("wish", [(0.5, 0.0), (1.3, 0.0), (1.0, 7.0), (1.0, -9.0),
                                  (float("nan"), 0.0), (1.0, float("inf"))])  # fmt: skip
async def test_a_wish_out_of_range_changes_nothing(threads: Any, wish: tuple[float, float]) -> None:
    mouth = Mouth(Spoken(), *threads)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        mouth.wish(*wish)
    assert mouth.fitted(POEM) == POEM


def test_what_was_spoken_before_a_wish_is_not_taken_after_it() -> None:
    kept = RecentSpeech()
    kept.put(made(POEM))
    slower = replace(POEM, delivery=POEM.delivery.then(Delivery(speed=0.85)))
    assert kept.get(POEM) is not None and kept.get(slower) is None


# Messages -----------------------------------------------------------------------------------------


async def test_messages_reach_the_session() -> None:
    session = FakeSession("abc", Wish())
    for message in (
        {"type": "spot", "id": "duanqiao"}, {"type": "spot", "id": None},
        {"type": "manner", "speed": 0.9, "gain": 3}, {"type": "manner", "gain": -6},
        {"type": "rate", "score": 1},
    ):  # fmt: skip
        assert await answer(session, message) is None  # type: ignore[arg-type]
    assert session.calls == [
        ("spot", "duanqiao"), ("spot", None), ("manner", 0.9, 3.0), ("manner", 1.0, -6.0),
        ("rate", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "message",
    [{"type": "spot"}, {"type": "manner", "speed": "fast"}, {"type": "rate"},
     {"type": "rate", "score": "yes"}, {"type": "rate", "score": float("nan")}],
)  # fmt: skip
async def test_wrong_messages_are_answered_with_an_error(message: dict[str, Any]) -> None:
    session = FakeSession("abc", Wish())
    reply = await answer(session, message)  # type: ignore[arg-type]
    assert reply is not None and reply["type"] == "error" and session.calls == []


def controls() -> tuple[LiveSession, list[Event]]:
    """A session that has not started, which is enough for what only it knows."""
    session, told = object.__new__(LiveSession), list[Event]()
    session.history, session.events = History(), Events("abc", lambda: 0.0)
    session.events.listen(told.append)
    return session, told


def test_a_spot_is_the_visit_s_and_a_rating_is_told() -> None:
    session, told = controls()
    session.stand_at("duan-qiao_2")
    assert session.spot == session.history.visit.spot == "duan-qiao_2"
    session.rate(1)
    session.rate(0)
    session.stand_at(None)
    assert session.spot is None
    assert [(e.kind, e.data) for e in told] == [
        ("spot", {"id": "duan-qiao_2"}), ("rated", {"score": 1}), ("rated", {"score": 0}),
        ("spot", {"id": None}),
    ]  # fmt: skip
    for wrong in ("", "../etc", "a" * 65, "王 先生"):
        with pytest.raises(InputError, match="spot"):
            session.stand_at(wrong)
    with pytest.raises(InputError, match="score"):
        session.rate(5)
