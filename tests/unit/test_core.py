"""Clock, epoch, channels and the graph runner, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from digital_human.core.channel import Channel, Policy
from digital_human.core.clock import SampleClock
from digital_human.core.epoch import Epoch
from digital_human.core.stage import ModelThread, run_graph
from digital_human.errors import Cancelled
from digital_human.face.motion import ARKIT, INDEX, MotionFrame


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
    import threading

    with ModelThread("model") as thread:
        names = [await thread.call(lambda: threading.current_thread().name) for _ in range(3)]
    assert len(set(names)) == 1
    assert names[0].startswith("model")


def test_arkit_has_52_distinct_curves_in_order() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    frame = MotionFrame.rest()
    frame.curves[INDEX["jawOpen"]] = 0.5
    assert frame["jawOpen"] == 0.5
