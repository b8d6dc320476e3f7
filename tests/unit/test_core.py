"""Clock, epoch, channels and the graph runner, in virtual time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from digital_human.core.channel import Channel, Policy
from digital_human.core.clock import SampleClock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Events
from digital_human.core.health import Health
from digital_human.core.stage import Hung, ModelThread, Patience, run_graph
from digital_human.core.supervisor import Supervisor
from digital_human.errors import Cancelled
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from tests.fakes.virtual_time import LoopClock, virtual_time


@dataclass(frozen=True)
class Item:
    value: int
    epoch: int = 0


async def drain(channel: Channel[Item]) -> list[int]:
    return [item.value async for item in channel]


async def test_sample_clock_jumps_instead_of_waiting() -> None:
    clock = SampleClock()
    before = asyncio.get_running_loop().time()
    await clock.wait_until(3600.0)
    assert clock.now() == 3600.0
    await clock.wait_until(10.0)
    assert clock.now() == 3600.0, "time never runs backwards"
    assert asyncio.get_running_loop().time() - before < 1.0


async def test_block_policy_holds_the_writer_until_there_is_room() -> None:
    channel: Channel[Item] = Channel(2, Policy.BLOCK, Epoch())
    written: list[int] = []

    async def write() -> None:
        for value in range(5):
            await channel.put(Item(value))
            written.append(value)
        await channel.close()

    writer = asyncio.create_task(write())
    await asyncio.sleep(0.01)
    assert written == [0, 1]
    assert await drain(channel) == [0, 1, 2, 3, 4]
    await writer
    assert channel.dropped == 0


@pytest.mark.parametrize(("policy", "kept"), [(Policy.DROP_OLDEST, [3, 4]), (Policy.LATEST, [4])])
async def test_dropping_policies_never_hold_the_writer(policy: Policy, kept: list[int]) -> None:
    channel: Channel[Item] = Channel(2, policy, Epoch())
    for value in range(5):
        await channel.put(Item(value))
    await channel.close()
    assert channel.dropped == 5 - len(kept)
    assert await drain(channel) == kept


async def test_one_bump_empties_the_channel_and_wakes_the_writer() -> None:
    epoch = Epoch()
    channel: Channel[Item] = Channel(1, Policy.BLOCK, epoch)
    await channel.put(Item(1))
    blocked = asyncio.create_task(channel.put(Item(2)))
    await asyncio.sleep(0.01)
    assert not blocked.done()
    new = epoch.bump()
    await channel.flush()
    await asyncio.wait_for(blocked, 1)
    await channel.put(Item(3, epoch=new))
    await channel.close()
    assert await drain(channel) == [3], "what was made before the bump is never read"


def test_epoch_check_raises_only_when_passed() -> None:
    epoch = Epoch()
    epoch.check(epoch.current)
    old = epoch.current
    epoch.bump()
    with pytest.raises(Cancelled):
        epoch.check(old)


class _Fails:
    async def run(self) -> None:
        raise ValueError("the cause")


class _Waits:
    cancelled = False

    async def run(self) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_graph_raises_the_first_error_itself_and_stops_the_rest() -> None:
    other = _Waits()
    with pytest.raises(ValueError, match="the cause"):
        await run_graph(other, _Fails())
    assert other.cancelled


async def test_model_thread_keeps_one_thread_and_the_loop_free() -> None:
    with ModelThread("model") as thread:
        names = [await thread.call(lambda: threading.current_thread().name) for _ in range(3)]
    assert len(set(names)) == 1
    assert names[0].startswith("model")


async def test_work_that_hangs_is_left_behind_and_what_waits_goes_on() -> None:
    gate = threading.Event()
    with ModelThread("model") as thread:
        first = asyncio.create_task(thread.call_within(Patience(0.2), gate.wait, 30))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(thread.call(threading.get_ident))
        with pytest.raises(Hung, match="model: no answer within 0.2 s"):
            await first
        async with asyncio.timeout(5):
            other = await waiting
            assert await thread.call(threading.get_ident) == other
        gate.set()


async def never_back_for_more(thread: ModelThread, gate: threading.Event) -> None:
    """Work is done, but its thread takes no other until ``gate`` is set."""
    start = threading.Event()
    first = thread.submit(start.wait)
    finished = asyncio.wrap_future(first)
    first.add_done_callback(lambda _: gate.wait(30))  # in the model's thread
    start.set()
    await finished


async def test_a_thread_that_never_begins_is_left_behind() -> None:
    """The work before is done, but its thread does not come back for more."""
    gate = threading.Event()
    with ModelThread("model") as thread:
        await never_back_for_more(thread, gate)
        runs: list[int] = []
        with pytest.raises(Hung, match="model: no answer within 0.2 s"):
            await thread.call_within(Patience(0.2), runs.append, 1)
        async with asyncio.timeout(5):
            await thread.call_within(Patience(0.2), runs.append, 2)
            gate.set()
            await thread.call(runs.append, 3)
    assert runs == [2, 3]


async def test_time_in_the_queue_is_no_hang() -> None:
    with ModelThread("model") as thread:
        long = asyncio.create_task(thread.call(time.sleep, 0.4))
        await asyncio.sleep(0)
        assert await thread.call_within(Patience(0.2), lambda: 7) == 7
        await long


async def test_what_is_overdue_is_told_and_may_still_come_back() -> None:
    overdue: list[Hung] = []
    with ModelThread("model") as thread:
        await thread.call(int)
        patience = Patience(5.0, 0.1, overdue.append)
        await thread.call_within(patience, time.sleep, 0.3)
        await thread.call_within(patience, int)
    assert [str(error) for error in overdue] == ["model: no answer within 0.1 s"]


@pytest.mark.parametrize("slow", [0.5, 30.0])
async def test_what_is_slow_is_begun_again_and_who_comes_back_first_counts(slow: float) -> None:
    """One that is only slow is not lost; one that hangs is made up for."""
    gate, begun = threading.Event(), []

    def work() -> str:
        begun.append(threading.get_ident())
        if len(begun) == 1:
            gate.wait(slow)
            return "first"
        gate.wait(1.5)
        return "second"

    with ModelThread("model") as thread:
        patience = Patience(10.0, again=0.2)
        assert await thread.call_within(patience, work) == ("first" if slow < 1 else "second")
        assert len(set(begun)) == 2
        gate.set()


async def test_what_never_began_is_not_done_twice() -> None:
    gate = threading.Event()
    with ModelThread("model") as thread:
        await never_back_for_more(thread, gate)
        runs: list[int] = []
        async with asyncio.timeout(5):
            await thread.call_within(Patience(4.0, again=0.2), runs.append, 1)
        gate.set()
        await thread.call(runs.append, 2)
    assert runs == [1, 2]


async def test_both_that_hang_are_given_up() -> None:
    gate = threading.Event()
    with ModelThread("model") as thread:
        with pytest.raises(Hung, match="model: no answer within 0.4 s"):
            await thread.call_within(Patience(0.4, again=0.2), gate.wait, 30)
        async with asyncio.timeout(5):
            assert await thread.call(int) == 0
        gate.set()


async def left(thread: ModelThread, patience: Patience, work: Callable[..., object]) -> None:
    """``work`` is begun in ``thread``, and whoever waits for it is cancelled."""
    begun = threading.Event()

    def run() -> None:
        begun.set()
        work()

    waiter = asyncio.create_task(thread.call_within(patience, run))
    await asyncio.to_thread(begun.wait)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_a_hang_that_nobody_waits_for_is_left_behind_too() -> None:
    gate = threading.Event()
    with ModelThread("model") as thread:
        await left(thread, Patience(0.3), partial(gate.wait, 30))
        since = time.monotonic()
        async with asyncio.timeout(5):
            assert await thread.call_within(Patience(5.0), int) == 0
        assert time.monotonic() - since > 0.2, "it has its time all the same"
        gate.set()


async def test_what_nobody_waits_for_keeps_its_thread_when_it_ends_in_time() -> None:
    with ModelThread("model") as thread:
        own = await thread.call(threading.get_ident)
        await left(thread, Patience(0.3), partial(time.sleep, 0.1))
        await thread.call(time.sleep, 0.5)  # others may take longer
        assert await thread.call(threading.get_ident) == own


async def test_what_nobody_waits_for_is_not_begun() -> None:
    gate, runs = threading.Event(), list[int]()
    with ModelThread("model") as thread:
        own = await thread.call(threading.get_ident)
        long = asyncio.create_task(thread.call(gate.wait, 30))
        waiter = asyncio.create_task(thread.call_within(Patience(0.1), runs.append, 1))
        await asyncio.sleep(0.05)
        waiter.cancel()
        await asyncio.sleep(0.2)
        gate.set()
        await long
        assert await thread.call(threading.get_ident) == own and not runs


async def test_a_thread_that_was_ended_is_not_left_behind() -> None:
    gate, thread = threading.Event(), ModelThread("model")
    await left(thread, Patience(0.1), partial(gate.wait, 30))
    running = thread._thread
    thread.shutdown(wait=False)
    await asyncio.sleep(0.2)
    assert running is not None and thread._thread is running
    gate.set()
    await asyncio.to_thread(running.join, 5)
    assert not running.is_alive()


async def test_ending_a_thread_drops_what_waits_and_takes_no_more() -> None:
    thread, gate = ModelThread("model"), threading.Event()
    running = asyncio.create_task(thread.call(gate.wait, 30))
    waiting = asyncio.create_task(thread.call(lambda: 1))
    await asyncio.sleep(0.05)
    thread.shutdown(wait=False)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    assert await running
    with pytest.raises(RuntimeError, match="has ended"):
        await thread.call(lambda: 1)


def told(events: Events) -> list[tuple[str, str]]:
    log: list[tuple[str, str]] = []
    events.listen(lambda event: log.append((event.kind, event.data["stage"])))
    return log


def test_a_streak_of_failures_is_told_once_and_so_is_its_end() -> None:
    events, every = Events("s", lambda: 3.0), []
    health, log = Health(events, lambda stage, error: every.append(stage)), told(events)
    health.worked("mouth")
    for _ in range(3):
        health.failed("mouth", RuntimeError("gone"))
    health.failed("mind", RuntimeError("gone"))
    health.worked("mouth")
    health.worked("mouth")
    health.failed("mouth", RuntimeError("gone"))
    assert log == [
        ("stage.failed", "mouth"), ("stage.failed", "mind"), ("stage.restored", "mouth"),
        ("stage.failed", "mouth"),
    ]  # fmt: skip
    assert every == ["mouth", "mouth", "mouth", "mind", "mouth"]


@virtual_time
async def test_a_stage_that_keeps_failing_is_restored_only_when_it_keeps_running() -> None:
    clock = LoopClock()
    events = Events("s", clock.now)
    log, runs = told(events), 0

    async def stage() -> None:
        nonlocal runs
        runs += 1
        if runs <= 3:
            raise RuntimeError("boom")
        await asyncio.Event().wait()

    supervisor = Supervisor(Health(events), clock)
    running = asyncio.create_task(supervisor.run({"ears": stage}))
    await asyncio.sleep(5)
    running.cancel()
    await asyncio.wait([running])
    assert runs == 4 and log == [("stage.failed", "ears"), ("stage.restored", "ears")]


def test_arkit_has_52_distinct_curves_in_order() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    frame = MotionFrame.rest()
    frame.curves[INDEX["jawOpen"]] = 0.5
    assert frame["jawOpen"] == 0.5
