"""Where a session goes beside its viewers: a recording, an SFU, a platform."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from digital_human.config import IceServer
from digital_human.core.events import Events
from digital_human.errors import DigitalHumanError, InputError, ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.recorder import Recorder
from digital_human.transport.rtmp import RtmpPublisher
from digital_human.transport.whip import WhipPublisher

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # s before a lost publication is tried again

log = structlog.get_logger()


class Egress:
    """The recording and the publication of one session.

    Args:
        broadcast: What is recorded and published.
        events: Told what happens to them.
        recordings: Folder of recordings.
        ice: STUN and TURN servers for WHIP.
        title: Title of recordings.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        events: Events,
        *,
        recordings: Path,
        ice: Sequence[IceServer] = (),
        title: str,
    ) -> None:
        self._broadcast, self._events, self._title = broadcast, events, title
        self._recordings, self._ice = recordings, ice
        self._recorder: Recorder | None = None
        self._publication: asyncio.Task[None] | None = None

    async def record(self, on: bool) -> str | None:
        """Start or end the recording.

        Returns:
            The file's name when one has ended.

        Raises:
            ResourceError: The recording cannot be written.
        """
        if on:
            if self._recorder is not None and self._recorder.failure:
                await self._end_quietly()
            if self._recorder is None:
                self._recorder = Recorder(
                    self._broadcast, self._recordings, self._events, title=self._title
                )
                self._events.emit("recording", on=True, name=self._recorder.name)
            return None
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return None
        try:
            name = await recorder.stop()
        except ResourceError as error:
            self._events.emit("recording", on=False, name=recorder.name, error=error.message)
            raise
        self._events.emit("recording", on=False, name=name)
        return name

    async def publish(self, url: str, token: str | None) -> None:
        """Publish to ``url`` until `unpublish`; a lost connection is made again.

        Raises:
            InputError: ``url`` is neither WHIP nor RTMP, or something is published already.
        """
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https", "rtmp", "rtmps") and parts.hostname
        except ValueError:
            known = False
        if not known or not url.isprintable() or " " in url:
            raise InputError(
                "publish: the address must be http(s):// (WHIP) or rtmp(s)://",
                fix="use the WHIP endpoint of your media server, or the platform's push address",
            )
        if self._publication is not None:
            raise InputError("publish: the session is published already", fix="unpublish it first")
        self._publication = asyncio.create_task(
            self._keep_publishing(url, token), name=f"publish:{self._events.session}"
        )

    async def unpublish(self) -> None:
        """End the publication."""
        task, self._publication = self._publication, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            self._events.emit("publishing", on=False)

    async def close(self) -> None:
        """End both; the recording is finished."""
        await self.unpublish()
        await self._end_quietly()

    async def _end_quietly(self) -> None:
        try:
            await self.record(False)
        except DigitalHumanError as error:
            log.error("recording lost", session=self._events.session, cause=error.message)

    async def _keep_publishing(self, url: str, token: str | None) -> None:
        address = urlsplit(url)
        host = address.hostname  # the rest may hold the key
        wait = _FIRST_WAIT

        def began() -> None:
            self._events.emit("publishing", on=True, host=host)

        while True:
            publisher = (
                WhipPublisher(self._broadcast, url, token, ice=self._ice, began=began)
                if address.scheme in ("http", "https")
                else RtmpPublisher(self._broadcast, url, began=began)
            )
            started = asyncio.get_running_loop().time()
            try:
                await publisher.run()
            except Exception as error:
                message = (
                    error.message if isinstance(error, ResourceError) else type(error).__name__
                )
                log.warning(
                    "publication lost", session=self._events.session, host=host, cause=message
                )
                self._events.emit("publishing", on=False, host=host, error=message)
            if asyncio.get_running_loop().time() - started > 2 * _LONGEST_WAIT:
                wait = _FIRST_WAIT
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT, 2 * wait)
