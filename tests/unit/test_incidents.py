"""What was refused is on record when a session ends, and a disk that stalls holds nobody up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from digital_human.apps.live import incidents as incidents_module
from digital_human.apps.live.incidents import Incidents
from digital_human.core.events import Event, Events


class Disk:
    """An audit log that takes nothing until ``gate`` is set."""

    def __init__(self) -> None:
        self.gate, self.turns = threading.Event(), list[object]()

    def append(self, action: str, detail: Mapping[str, object]) -> Any:
        self.gate.wait(30)
        time.sleep(0.02)
        self.turns.append(detail["turn"])


async def refused(disk: Disk) -> tuple[asyncio.Task[None], list[Event]]:
    """Three refusals, of which the first is being written; and what is told."""
    events, told = Events("s1", time.monotonic), list[Event]()
    events.listen(told.append)
    incidents = Incidents(events, disk)
    running = asyncio.create_task(incidents.run())
    for turn in (1, 2, 3):
        incidents.refused(turn, "heard", "block", ["abuse"], "words")
    await asyncio.sleep(0.05)
    return running, told


async def test_at_the_end_everything_is_written(home: Path) -> None:
    disk = Disk()
    running, told = await refused(disk)
    running.cancel()
    disk.gate.set()
    await asyncio.wait([running])
    assert sorted(map(str, disk.turns)) == ["1", "2", "3"]
    assert all(event.kind == "moderation" for event in told)


async def test_a_disk_that_stalls_does_not_hold_the_loop_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incidents_module, "_LAST_SECONDS", 0.2)
    disk = Disk()
    running, told = await refused(disk)
    running.cancel()
    since = time.monotonic()
    await asyncio.wait([running], timeout=5)
    assert running.done()
    assert time.monotonic() - since < 2
    failures = [event.data for event in told if event.kind == "stage.failed"]
    assert [one["stage"] for one in failures] == ["audit"] and "Hung" in failures[0]["error"]
    disk.gate.set()
    await asyncio.sleep(0.2)
    assert 1 in disk.turns, "what was being written is written when the disk comes back"
