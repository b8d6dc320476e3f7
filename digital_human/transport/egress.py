"""Where a session goes beside its viewers: a recording, an SFU, a platform."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import structlog

from digital_human.config import LiveSettings
from digital_human.core.events import Events
from digital_human.errors import DigitalHumanError, InputError, ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.recorder import Recorder
from digital_human.transport.rtmp import RtmpPublisher
from digital_human.transport.whip import WhipPublisher

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # s before a lost publication is tried again

log = structlog.get_logger()


@dataclass(slots=True)
class Publication:
    """What becomes of publishing a session.

    Attributes:
        host: Where it goes; the rest of the address may hold the key.
        state: ``waiting`` is between two tries, ``given-up`` is over.
        error: Why the last try failed.
    """

    host: str
    state: Literal["connecting", "on", "waiting", "given-up"] = "connecting"
    error: str = ""


class Egress:
    """The recording and the publication of one session.

    Args:
        broadcast: What is recorded and published.
        events: Told what happens to them.
        recordings: Folder of recordings.
        live: How long is recorded and tried; STUN and TURN servers for WHIP.
        title: Title of recordings.

    Attributes:
        publication: The latest one; None while there is none.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        events: Events,
        *,
        recordings: Path,
        live: LiveSettings,
        title: str,
    ) -> None:
        self._broadcast, self._events, self._title = broadcast, events, title
        self._recordings, self._live = recordings, live
        self._recorder: Recorder | None = None
        self._switching = asyncio.Lock()
        self._publishing: asyncio.Task[None] | None = None
        self.publication: Publication | None = None

    async def record(self, on: bool) -> str | None:
        """Start or end the recording.

        Returns:
            The file's name when one has ended.

        Raises:
            ResourceError: The recording cannot be written.
        """
        async with self._switching:
            if on:
                if self._recorder is None or self._recorder.over:
                    recorder = Recorder(
                        self._broadcast, self._recordings, self._events, title=self._title,
                        longest=self._live.record_minutes * 60,
                    )  # fmt: skip
                    await recorder.start()
                    self._recorder = recorder
                return None
            recorder_now, self._recorder = self._recorder, None
            return await recorder_now.stop() if recorder_now else None

    async def publish(self, url: str, token: str | None) -> None:
        """Publish to ``url`` until `unpublish`.

        A connection that is lost or cannot be made is tried again after growing waits, and given up
        when nothing has arrived for `LiveSettings.publish_minutes`.

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
        if self._publishing is not None and not self._publishing.done():
            raise InputError("publish: the session is published already", fix="unpublish it first")
        self.publication = Publication(parts.hostname or "")
        self._publishing = asyncio.create_task(
            self._keep_publishing(url, token, self.publication),
            name=f"publish:{self._events.session}",
        )

    async def unpublish(self) -> None:
        """End the publication."""
        task, self._publishing, self.publication = self._publishing, None, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            self._events.emit("publishing", on=False)

    async def close(self) -> None:
        """End both; the recording is finished."""
        await self.unpublish()
        try:
            await self.record(False)
        except DigitalHumanError as error:
            log.error("recording lost", session=self._events.session, cause=error.message)

    async def _keep_publishing(self, url: str, token: str | None, told: Publication) -> None:
        wait, arrives, clock = _FIRST_WAIT, False, asyncio.get_running_loop()
        worked = clock.time()

        def began() -> None:
            nonlocal wait, arrives
            wait, arrives = _FIRST_WAIT, True
            told.state, told.error = "on", ""
            self._events.emit("publishing", on=True, host=told.host)

        while True:
            told.state = "connecting"
            publisher = (
                WhipPublisher(self._broadcast, url, token, ice=self._live.ice, began=began)
                if urlsplit(url).scheme in ("http", "https")
                else RtmpPublisher(self._broadcast, url, began=began)
            )
            try:
                await publisher.run()
            except Exception as error:
                told.error = (
                    error.message if isinstance(error, ResourceError) else type(error).__name__
                )
            if arrives:
                worked, arrives = clock.time(), False
            given_up = clock.time() - worked >= self._live.publish_minutes * 60
            told.state = "given-up" if given_up else "waiting"
            log.warning(
                "publication given up" if given_up else "publication lost",
                session=self._events.session, host=told.host, cause=told.error,
            )  # fmt: skip
            self._events.emit(
                "publishing", on=False, host=told.host, error=told.error, given_up=given_up
            )
            if given_up:
                return
            await asyncio.sleep(wait)
            wait = min(_LONGEST_WAIT, 2 * wait)
