"""Server-sent events of one session."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse
from starlette.types import Receive, Scope, Send

from digital_human.apps.live.admission import Intake
from digital_human.apps.live.guests import Guest
from digital_human.core.events import Event

_WAITING = 256
_HEARTBEAT_S = 15
_STUCK_S = 30.0


class EventStream(EventSourceResponse):
    """Events from now until the session ends, with heartbeats.

    Args:
        guest: The session.
        places: Bounds the streams that are open at once.
    """

    def __init__(self, guest: Guest, places: Intake) -> None:
        super().__init__(follow(guest), ping=_HEARTBEAT_S, send_timeout=_STUCK_S, sep="\n")
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._places():
            await super().__call__(scope, receive, send)


async def follow(guest: Guest) -> AsyncIterator[dict[str, str]]:
    """Events from now until the session ends, as ``event`` and ``data`` of a stream.

    At most 256 wait for a slow reader; then the oldest are dropped.
    """
    waiting: deque[Event] = deque(maxlen=_WAITING)
    arrived = asyncio.Event()

    def hear(event: Event) -> None:
        waiting.append(event)
        arrived.set()

    stop = guest.session.events.listen(hear)
    guest.when_ended.append(arrived.set)
    try:
        while waiting or not guest.ended:
            if not waiting:
                await arrived.wait()
            arrived.clear()
            while waiting:
                event = waiting.popleft()
                yield {
                    "event": event.kind,
                    "data": json.dumps(event.to_json(), ensure_ascii=False),
                }
    finally:
        stop()
        guest.when_ended.remove(arrived.set)
