"""Records a live session into a labelled, signed MP4."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import av
import structlog

from digital_human.core.events import Events
from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.safety.audit import record_export
from digital_human.safety.provenance import label_and_sign
from digital_human.transport.container import ContainerWriter

log = structlog.get_logger()

PARTIAL = ".recording.mp4"


class Recorder:
    """One recording.

    While it runs the file is a fragmented MP4 with the suffix `PARTIAL`, which plays up to the last
    fragment even after a crash; at the end it becomes a plain one with label and signature.

    Args:
        broadcast: What is recorded.
        folder: Where the file goes; made when needed.
        events: Told when the recording fails.
        title: Title in the signature.
    """

    def __init__(self, broadcast: Broadcast, folder: Path, events: Events, *, title: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        self.name = f"{stamp}-{events.session[:8]}.mp4"
        self._path = folder / self.name
        self._events, self._title = events, title
        self._partial = self._path.with_suffix(PARTIAL)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResourceError(
                f"recordings folder {folder}: {error.strerror or error}",
                fix="set live.recordings to a folder that can be written",
            ) from error
        self._writer = ContainerWriter(broadcast, self._open, name="recorder")
        self._task = asyncio.create_task(self._record(), name=f"recorder:{events.session}")

    async def stop(self) -> str:
        """End the recording; returns the file's name.

        Raises:
            ResourceError: Nothing was recorded, or the file could not be written.
        """
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._writer.frames:
            self._partial.unlink(missing_ok=True)
            raise ResourceError(
                "nothing was recorded", fix="check the free space, then record again"
            )
        await asyncio.to_thread(self._finish)
        return self.name

    def _open(self) -> av.container.OutputContainer:
        return av.open(
            str(self._partial), "w", format="mp4",
            options={"movflags": "frag_keyframe+empty_moov+default_base_moof"},
        )  # fmt: skip

    async def _record(self) -> None:
        try:
            await self._writer.run()
        except Exception as error:
            log.error("recording failed", file=self.name, cause=str(error))
            self._events.emit("recording", on=False, name=self.name, error=str(error))

    def _finish(self) -> None:
        label_and_sign(self._partial, self._path, title=self._title)
        record_export(self._path, session=self._events.session)
        self._partial.unlink()
