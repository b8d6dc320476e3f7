"""One clock for both tracks: sound is always on time, a picture when it is ready."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from digital_human.core.clock import Clock
from digital_human.core.events import Events
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.health import Health
from digital_human.core.stage import Hung, ModelThread
from digital_human.media.broadcast import Broadcast, EncodedFrame
from digital_human.media.live_encoder import SOUND_RATE

STALL_SECONDS = 0.2
LATE_LIMIT_SECONDS = 0.07
_FREEZE_SECONDS = 1.0
_CLOSE_SECONDS = 1.0
_HANG_SECONDS = 1.2  # a picture is drawn in hundredths of a second

log = logging.getLogger(__name__)


class FrameSource(Protocol):
    """What is shown and heard, frame by frame."""

    def sound(self, pts: int) -> FloatArray:
        """Float32 [48000 / fps] mono at 48 kHz of frame ``pts``; on the event loop, in order."""
        ...

    def picture(self, pts: int) -> ByteArray:
        """uint8 [h, w, 3] RGB of frame ``pts``; in the render thread, up to a frame earlier."""
        ...


@dataclass(slots=True)
class PacerStats:
    """Counts since the start.

    Attributes:
        frames: Frames of sound released.
        pictures: Pictures released.
        late: Pictures released after their deadline.
        skipped: Frames that went out without a picture of their own.
        repeated: Frames that showed the last picture again because the source failed.
        reanchored: Stalls after which the schedule was moved instead of caught up.
        lag: Seconds by which the latest release came after its deadline.
        worst_lag: The largest ``lag`` between stalls.
        worst_late: Seconds by which the latest of all pictures came after its deadline.
    """

    frames: int = 0
    pictures: int = 0
    late: int = 0
    skipped: int = 0
    repeated: int = 0
    reanchored: int = 0
    lag: float = 0.0
    worst_lag: float = 0.0
    worst_late: float = 0.0


class Pacer:
    """Releases frame after frame of ``source`` to ``broadcast`` at the frame rate, for ever.

    The picture of a frame is drawn and encoded during the frame before it; at the deadline it goes
    out together with its sound. A picture that is not ready never delays the sound: it follows as
    soon as it is, or is left out when it would be more than `LATE_LIMIT_SECONDS` late. After a
    stall of more than `STALL_SECONDS` the schedule moves, so that nothing is caught up in a burst.
    A source that raises leaves silence and the last picture, and is asked again; while it hangs
    the last picture goes out.

    Args:
        source: Pictures and sound.
        broadcast: Where they go.
        clock: The session's clock.
        health: Told when the source or an encoder fails and when it works; else it is logged.
    """

    def __init__(
        self,
        source: FrameSource,
        broadcast: Broadcast,
        clock: Clock,
        *,
        health: Health | None = None,
    ) -> None:
        self._source, self._broadcast, self._clock = source, broadcast, clock
        self._frame = 1.0 / broadcast.fps
        self._samples = SOUND_RATE // broadcast.fps
        self._silence = np.zeros(self._samples, np.float32)
        self._anchor = 0.0
        self._due = 0
        self._wanted: int | None = None
        self._drawing = False
        self._asked, self._drawn = asyncio.Event(), asyncio.Event()
        self._ready: EncodedFrame | None = None
        self._last: ByteArray | None = None
        self._shown_at = 0.0
        self._health = health or Health(Events("", clock.now))
        self._picture: asyncio.Future[ByteArray] | None = None
        self._hung = False
        self.stats = PacerStats()

    async def run(self) -> None:
        """Work until cancelled."""
        thread = ModelThread("render")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._draw(thread))
                group.create_task(self._release())
        finally:
            thread.shutdown(wait=False)

    def _begin(self) -> None:
        """Start the schedule; after a failure at the frame that nobody has been asked for."""
        if self.stats.frames:
            self._due += 2
            self._ready = self._wanted = None
            self._drawing = False
            self._asked.clear()
            # A picture that was encoded and never released is missing at the viewers.
            for outlet in self._broadcast.outlets:
                outlet.request_key_frame()
        self._anchor = self._clock.now() + self._frame - self._due * self._frame
        self._shown_at = self._deadline(self._due)

    async def _release(self) -> None:
        self._begin()
        self._ask()
        while True:
            deadline = self._deadline(self._due)
            while (now := self._clock.now()) < deadline:
                await self._clock.wait_until(deadline)
            # A sample clock stands still at the deadline while the picture is drawn.
            if now == deadline and self._drawing:
                await self._drawn.wait()
            lag = now - deadline
            if lag > STALL_SECONDS:
                self._anchor += lag
                self.stats.reanchored += 1
                log.warning("stalled for %.2f s: the schedule was moved", lag)
                lag = 0.0
            self._release_frame(self._due, lag)
            self._due += 1
            self._ask()
            if lag > self._frame:
                await asyncio.sleep(0)

    def _release_frame(self, pts: int, lag: float) -> None:
        self.stats.frames += 1
        self.stats.lag = lag
        self.stats.worst_lag = max(self.stats.worst_lag, lag)
        ready, self._ready = self._ready, None
        if ready is not None:
            self._shown(ready, lag)
        try:
            sound = self._source.sound(pts)
            if sound.shape != (self._samples,):
                raise ValueError(f"sound of frame {pts} is {sound.shape}, not ({self._samples},)")
        except Exception as error:
            self._health.failed("sound", error)
            sound = self._silence
        else:
            self._health.worked("sound")
        try:
            self._broadcast.release(ready, sound, pts, lag=lag)
        except Exception as error:
            self._health.failed("sound encoder", error)
        else:
            self._health.worked("sound encoder")

    def _ask(self) -> None:
        """Have the picture of the next frame drawn; one that is still being drawn goes first."""
        if not self._broadcast.watched:
            return
        if self._wanted is not None:
            self.stats.skipped += 1
        self._wanted = self._due
        self._drawn.clear()
        self._drawing = True
        self._asked.set()

    async def _draw(self, thread: ModelThread) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            pts, self._wanted = self._wanted, None
            if pts is not None:
                await self._draw_frame(thread, pts)
            if self._wanted is None:
                self._drawing = False
                self._drawn.set()

    async def _draw_frame(self, thread: ModelThread, pts: int) -> None:
        image = await self._render(thread, pts)
        if image is None or self._too_late(pts):
            self.stats.skipped += 1
            return
        try:
            encoded = await self._broadcast.encode(image, pts)
        except Exception as error:
            self._health.failed("encoder", error)
            self.stats.skipped += 1
            return
        self._health.worked("encoder")
        if self._due <= pts:
            self._ready = encoded
            return
        late = self._clock.now() - self._deadline(pts)
        self.stats.late += 1
        self.stats.worst_late = max(self.stats.worst_late, late)
        self._shown(encoded, late)
        self._broadcast.release_picture(encoded)

    async def _render(self, thread: ModelThread, pts: int) -> ByteArray | None:
        """The picture of frame ``pts``; the last one when the source raises or hangs."""
        loop = asyncio.get_running_loop()
        job = self._picture or loop.run_in_executor(thread, self._source.picture, pts)
        self._picture = job
        try:
            await asyncio.wait([job], timeout=0 if self._hung else _HANG_SECONDS)
        except asyncio.CancelledError:
            await asyncio.wait([job], timeout=_CLOSE_SECONDS)
            raise
        error: BaseException | None
        if not job.done():
            self._hung = True
            error = Hung(f"picture {pts}: not drawn within {_HANG_SECONDS} s")
        else:
            self._picture, self._hung = None, False
            error = job.exception()
        if error is None:
            self._health.worked("picture")
            self._last = job.result()
            return self._last
        if not isinstance(error, Exception):
            raise error
        self._health.failed("picture", error)
        self.stats.repeated += self._last is not None
        return self._last

    def _too_late(self, pts: int) -> bool:
        now = self._clock.now()
        frozen = now - self._shown_at > _FREEZE_SECONDS
        return now - self._deadline(pts) > LATE_LIMIT_SECONDS and not frozen

    def _shown(self, encoded: EncodedFrame, lag: float) -> None:
        self.stats.pictures += 1
        self._shown_at = self._deadline(encoded.pts) + lag

    def _deadline(self, pts: int) -> float:
        return self._anchor + pts * self._frame
