"""The egress of a broadcast with the events it emits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from digital_human.config import LiveSettings
from digital_human.core.events import Event, Events
from digital_human.media.broadcast import Broadcast
from digital_human.safety.verify import verify
from digital_human.transport.egress import Egress
from digital_human.transport.recorder import PARTIAL
from tests.fakes.flash import Seen

VISIBLE = "visible label"  # belongs into the picture, which the sources of these tests leave bare


class Desk:
    """The egress of a broadcast, and what it told."""

    def __init__(
        self, broadcast: Broadcast, folder: Path, live: LiveSettings | None = None
    ) -> None:
        self.events = Events("abcdef0123456789", lambda: 0.0)
        self.log: list[Event] = []
        self.events.listen(self.log.append)
        self.folder = folder
        self.egress = Egress(
            broadcast, self.events, recordings=folder, live=live or LiveSettings(), title="向导"
        )

    @property
    def partial(self) -> Path:
        (path,) = self.folder.glob("*" + PARTIAL)
        return path

    async def until(self, found: Callable[[], Any], within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not found():  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def in_step(seen: Seen, flashes: int) -> None:
    assert seen.codecs == ("h264", "aac")
    assert len(seen.flashes) >= flashes
    assert max(map(abs, seen.skews)) <= 0.040, seen.skews


def lacks(path: Path) -> set[str]:
    """What a file lacks of what the rules require."""
    return {finding.item for finding in verify(path).missing}


def films(folder: Path) -> list[Path]:
    """The recordings in a folder, finished and partial."""
    return sorted(folder.glob("*.mp4"))
