"""Records a live session into a labelled, signed MP4."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path

import av
import structlog

from digital_human.core.events import Events
from digital_human.core.stage import ModelThread
from digital_human.errors import DigitalHumanError, ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.safety.audit import record_export
from digital_human.safety.provenance import label_and_sign
from digital_human.transport.container import ContainerWriter

log = structlog.get_logger()

PARTIAL = ".recording.mp4"
_FRAGMENT_SECONDS = 2


class Recorder:
    """One recording.

    While it runs the file is a fragmented MP4 with the suffix `PARTIAL`, which plays up to the last
    fragment even after a crash; at the end it becomes a plain one with label and signature.

    Args:
        broadcast: What is recorded.
        folder: Where the file goes; made when needed.
        events: Told when the recording fails.
        title: Title in the signature.

    Attributes:
        name: Of the finished file.
        failure: Why it ended by itself; empty while it runs.

    Raises:
        ResourceError: The folder cannot be written.
    """

    def __init__(self, broadcast: Broadcast, folder: Path, events: Events, *, title: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        self.name = f"{stamp}-{events.session[:8]}-{secrets.token_hex(2)}.mp4"
        self.failure = ""
        self._path = folder / self.name
        self._events, self._title = events, title
        self._partial = self._path.with_suffix(PARTIAL)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._partial.touch(exist_ok=False)
        except OSError as error:
            log.error("recording cannot start", folder=str(folder), cause=_cause(error))
            raise ResourceError(
                f"recording: the folder of recordings cannot be written: {_cause(error)}",
                fix="set live.recordings to a folder that can be written",
            ) from error
        self._writer = ContainerWriter(
            broadcast, lambda: fragmented(self._partial), name="recorder"
        )
        self._task = asyncio.create_task(self._record(), name=f"recorder:{events.session}")

    async def stop(self) -> str:
        """End the recording; returns the file's name.

        Raises:
            ResourceError: Nothing was recorded, or the file could not be written; what was
                recorded is then kept under the suffix `PARTIAL`.
        """
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._writer.frames:
            self._partial.unlink(missing_ok=True)
            raise ResourceError(
                f"nothing was recorded: {self.failure or 'no picture had come'}",
                fix="check the free space" if self.failure else "record for longer",
            )
        thread = ModelThread("recording", nice=10)
        finishing = asyncio.ensure_future(thread.call(self._finish))
        finishing.add_done_callback(lambda _: thread.close())
        try:
            await asyncio.shield(finishing)
        except (DigitalHumanError, OSError) as error:
            log.error("recording not finished", file=str(self._partial), cause=str(error))
            raise ResourceError(
                f"recording {self.name} could not be finished: {_cause(error)}",
                fix=f"check the free space; what was recorded is kept in {self._partial.name}",
            ) from error
        return self.name

    async def _record(self) -> None:
        try:
            await self._writer.run()
        except Exception as error:
            self.failure = _cause(error)
            log.error("recording failed", file=str(self._partial), cause=str(error))
            self._events.emit("recording", on=False, name=self.name, error=self.failure)

    def _finish(self) -> None:
        label_and_sign(self._partial, self._path, title=self._title)
        record_export(self._path, session=self._events.session)
        self._partial.unlink()


def fragmented(path: Path) -> av.container.OutputContainer:
    """An MP4 that plays while it is written, in fragments of at most two seconds."""
    return av.open(
        str(path), "w", format="mp4",
        options={
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": str(_FRAGMENT_SECONDS * 1_000_000),
            "flush_packets": "1",
        },
    )  # fmt: skip


def _cause(error: BaseException | None) -> str:
    """What the system says of an error, without the paths that an event must not give away."""
    name = type(error).__name__
    while error is not None:
        if isinstance(error, OSError | av.FFmpegError) and error.strerror:
            return error.strerror
        error = error.__cause__
    return name
