"""One clock for both tracks, in virtual time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from digital_human.core.clock import SampleClock
from digital_human.core.events import Event, Events
from digital_human.core.health import Health
from digital_human.media import pacer as pacer_module
from digital_human.media.broadcast import Broadcast, EncodedFrame
from digital_human.media.pacer import Pacer

SIZE = (32, 32)
FRAME = 0.04


class Recorder(Broadcast):
    """Notes what is released and when; encodes nothing."""

    def __init__(self, clock: SampleClock) -> None:
        super().__init__(size=SIZE)
        self._clock = clock
        self.released: list[tuple[int, float, int | None]] = []
        self.sounds: list[Any] = []
        self.alone: list[tuple[int, float]] = []
        self.images: dict[int, int] = {}
        self.fail = False
        self.wait_for = 0
        self.enough = asyncio.Event()

    @property
    def watched(self) -> bool:
        return True

    async def encode(self, image: Any, pts: int) -> EncodedFrame:
        if self.fail:
            raise RuntimeError("no encoder")
        self.images[pts] = int(image[0, 0, 0])
        return EncodedFrame(pts, {})

    def release(
        self, encoded: EncodedFrame | None, sound: Any, pts: int, *, lag: float = 0.0
    ) -> None:
        self.released.append((pts, self._clock.now(), encoded.pts if encoded else None))
        self.sounds.append(sound)
        if len(self.released) >= self.wait_for:
            self.enough.set()

    def release_picture(self, encoded: EncodedFrame) -> None:
        self.alone.append((encoded.pts, self._clock.now()))


class Source:
    """Pictures that show their number; hooks make it slow or broken."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.before_picture: Callable[[int], None] = lambda pts: None
        self.before_sound: Callable[[int], None] = lambda pts: None
        self.stuck = False
        self._gate = threading.Event()

    def stick(self, pts: int, until: int) -> None:
        """Have picture ``pts`` take until the sound of frame ``until`` is asked for."""

        def wait(drawn: int) -> None:
            if drawn == pts:
                self.stuck = True
                assert self._gate.wait(20)

        def free(heard: int) -> None:
            if heard == until:
                self.stuck = False
                self._gate.set()

        self.before_picture, self.before_sound = wait, free

    def sound(self, pts: int) -> Any:
        self.before_sound(pts)
        self.heard.append(pts)
        return np.full(1920, 0.25, np.float32)

    def picture(self, pts: int) -> Any:
        self.before_picture(pts)
        return np.full((*SIZE, 3), pts % 256, np.uint8)


class Stage:
    """A pacer under a clock, run for some frames."""

    def __init__(self, clock: SampleClock | None = None) -> None:
        self.clock = clock or SampleClock()
        self.source = Source()
        self.broadcast = Recorder(self.clock)
        self.events: list[Event] = []
        stream = Events("test", self.clock.now)
        stream.listen(self.events.append)
        self.pacer = Pacer(self.source, self.broadcast, self.clock, health=Health(stream))
        if isinstance(self.clock, RunningClock):
            self.clock.frozen = lambda: self.pacer._drawing and not self.source.stuck

    async def run(self, frames: int) -> None:
        task = asyncio.create_task(self.pacer.run())
        self.broadcast.wait_for = frames
        await self.broadcast.enough.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        self.broadcast.close()

    def kinds(self) -> list[tuple[str, str]]:
        return [(event.kind, event.data["stage"]) for event in self.events]


async def test_both_tracks_leave_together_on_the_beat() -> None:
    stage = Stage()
    await stage.run(50)
    released = stage.broadcast.released[:50]
    assert [pts for pts, _, _ in released] == list(range(50))
    assert [shown for _, _, shown in released] == list(range(50))
    assert np.allclose(np.diff([at for _, at, _ in released]), FRAME)
    assert stage.source.heard[:50] == list(range(50))
    assert stage.pacer.stats.late == stage.pacer.stats.skipped == 0


async def test_no_drift_over_many_frames() -> None:
    stage = Stage()
    stage.source.picture = lambda pts: np.zeros((*SIZE, 3), np.uint8)  # type: ignore[method-assign]
    stage.broadcast.encode = _instant  # type: ignore[method-assign]
    await stage.run(2000)
    first, last = stage.broadcast.released[0], stage.broadcast.released[1999]
    assert last[1] - first[1] == pytest.approx(1999 * FRAME, abs=1e-6)


async def _instant(image: Any, pts: int) -> EncodedFrame:
    return EncodedFrame(pts, {})


class RunningClock(SampleClock):
    """Time that goes on in small steps while somebody waits and no picture is being drawn.

    Attributes:
        frozen: Whether it stands still now.
        suspend_at: Time at which the machine sleeps for five seconds.
    """

    suspend_at = float("inf")
    frozen: Callable[[], bool] = staticmethod(lambda: False)

    async def wait_until(self, when: float) -> None:
        while self._now < when:
            await asyncio.sleep(0.0002)
            if self.frozen():
                continue
            if self._now > self.suspend_at:
                self._now, self.suspend_at = self._now + 5.0, float("inf")
                return
            self._now = min(self._now + 0.004, when + 0.0005)


async def test_slow_picture_never_delays_the_sound() -> None:
    stage = Stage(RunningClock())
    stage.source.stick(10, until=12)
    await stage.run(30)
    released = stage.broadcast.released[:30]
    assert [pts for pts, _, _ in released] == list(range(30))
    assert np.allclose(np.diff([at for _, at, _ in released]), FRAME, atol=0.0041)
    shown = [picture for _, _, picture in released if picture is not None]
    assert not {10, 11, 12} & set(shown)
    assert 10 not in [pts for pts, _ in stage.broadcast.alone]
    assert {20, 25} <= set(shown)
    assert stage.pacer.stats.skipped >= 2


async def test_slightly_late_picture_follows_its_sound() -> None:
    stage = Stage(RunningClock())
    stage.source.stick(10, until=10)
    await stage.run(20)
    due = {pts: at for pts, at, _ in stage.broadcast.released}
    assert [pts for pts, _ in stage.broadcast.alone] == [10]
    assert stage.broadcast.alone[0][1] - due[10] < FRAME
    assert stage.pacer.stats.late == 1


async def test_stall_moves_the_schedule_instead_of_bursting() -> None:
    clock = RunningClock()
    clock.suspend_at = 20.5 * FRAME
    stage = Stage(clock)
    await stage.run(60)
    at = [at for _, at, _ in stage.broadcast.released[:60]]
    gaps = np.diff(at)
    assert gaps.max() >= 4.9
    assert np.sum(gaps < FRAME / 2) == 0
    assert stage.pacer.stats.reanchored == 1
    assert [pts for pts, _, _ in stage.broadcast.released[:60]] == list(range(60))


async def test_broken_picture_repeats_the_last_and_is_reported_once() -> None:
    stage = Stage()

    def broken(pts: int) -> None:
        if 10 <= pts < 20:
            raise RuntimeError("renderer died")

    stage.source.before_picture = broken
    await stage.run(30)
    assert [stage.broadcast.images[pts] for pts in range(8, 22)] == [8, *[9] * 11, 20, 21]
    assert stage.kinds() == [("stage.failed", "picture"), ("stage.restored", "picture")]
    assert stage.events[0].data["error"] == "RuntimeError: renderer died"
    assert stage.events[1].data["seconds"] == pytest.approx(10 * FRAME, abs=FRAME)


async def test_hung_picture_repeats_the_last_until_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pacer_module, "_HANG_SECONDS", 0.2)
    stage, drawing = Stage(), threading.Lock()
    gate, back = threading.Event(), threading.Event()

    def hangs(pts: int) -> None:
        assert drawing.acquire(blocking=False), "two pictures are drawn at once"
        if pts == 10:
            assert gate.wait(20)
        drawing.release()
        if pts == 10:
            back.set()

    def free(pts: int) -> None:
        if pts == 20:
            gate.set()
            assert back.wait(20)

    stage.source.before_picture, stage.source.before_sound = hangs, free
    await stage.run(60)
    shown = stage.broadcast.images
    assert [shown[pts] for pts in range(8, 19)] == [8, *[9] * 10]
    assert shown[59] == 59
    assert stage.kinds() == [("stage.failed", "picture"), ("stage.restored", "picture")]
    assert "Hung" in stage.events[0].data["error"]


async def test_broken_sound_is_silence() -> None:
    stage = Stage()

    def broken(pts: int) -> None:
        if 5 <= pts < 8:
            raise RuntimeError("mixer died")

    stage.source.before_sound = broken
    await stage.run(12)
    levels = [float(np.abs(sound).max()) for sound in stage.broadcast.sounds[:12]]
    assert levels == [0.25] * 5 + [0.0] * 3 + [0.25] * 4
    assert stage.kinds() == [("stage.failed", "sound"), ("stage.restored", "sound")]


async def test_sound_of_a_wrong_length_is_silence() -> None:
    stage = Stage()
    stage.source.sound = lambda pts: np.ones(7, np.float32)  # type: ignore[method-assign]
    await stage.run(3)
    assert all(sound.shape == (1920,) and not sound.any() for sound in stage.broadcast.sounds)
    assert "(7,)" in stage.events[0].data["error"]


async def test_broken_encoder_keeps_the_sound() -> None:
    stage = Stage()

    def breaks(pts: int) -> None:
        stage.broadcast.fail = 5 <= pts < 10

    stage.source.before_sound = breaks
    await stage.run(20)
    assert [pts for pts, _, _ in stage.broadcast.released[:20]] == list(range(20))
    assert stage.kinds() == [("stage.failed", "encoder"), ("stage.restored", "encoder")]


async def test_ending_waits_for_the_picture_being_drawn() -> None:
    stage = Stage(RunningClock())
    drawing, done = threading.Event(), threading.Event()

    def slow(pts: int) -> None:
        drawing.set()
        time.sleep(0.1)
        done.set()

    stage.source.before_picture = slow
    task = asyncio.create_task(stage.pacer.run())
    assert await asyncio.to_thread(drawing.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()
    stage.broadcast.close()
