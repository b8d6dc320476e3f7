"""Records a live session into a labelled, signed MP4."""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
import os
import secrets
import shutil
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import structlog

from digital_human.core.clock import Clock, WallClock
from digital_human.core.events import Events
from digital_human.errors import InputError, ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.safety.audit import record_export
from digital_human.safety.provenance import label_and_sign
from digital_human.transport.container import ContainerWriter, FileMuxer

log = structlog.get_logger()

PARTIAL = ".recording.mp4"
DAMAGED = ".damaged.mp4"
LEAST_FREE = 500_000_000
"""Bytes of the disk that a recording leaves free."""
_NEARLY_FULL = f"less than {LEAST_FREE // 1_000_000} MB of the disk are free"
_FRAGMENT_SECONDS = 2
_LOOK_EVERY = 2.0  # s between looks at the length and the disk


class Recorder:
    """One recording.

    While it runs the file is a fragmented MP4 with the suffix `PARTIAL`, which plays up to the last
    fragment even after a crash; at the end it becomes a plain one with label and signature.

    Args:
        broadcast: What is recorded.
        folder: Where the file goes; made when needed.
        events: Told when the recording begins and ends, and why.
        title: Title in the signature.
        longest: Seconds after which it ends by itself.
        clock: Time.

    Attributes:
        name: Of the finished file.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        folder: Path,
        events: Events,
        *,
        title: str,
        longest: float,
        clock: Clock | None = None,
    ) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        self.name = f"{stamp}-{events.session[:8]}-{secrets.token_hex(2)}.mp4"
        self._path = folder / self.name
        self._events, self._title, self._longest = events, title, longest
        self._clock = clock or WallClock()
        self._partial = self._path.with_suffix(PARTIAL)
        self._lock = -1
        muxer = FileMuxer(lambda: fragmented(self._partial), broadcast.fps)
        self._writer = ContainerWriter(broadcast, muxer, name="recorder")
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, by itself or by `stop`."""
        return self._task is not None and self._task.done()

    async def start(self) -> None:
        """Begin.

        Raises:
            ResourceError: The folder cannot be written, or the disk is nearly full.
        """
        loop = asyncio.get_running_loop()
        try:
            self._lock = await loop.run_in_executor(None, _begun, self._partial)
        except OSError as error:
            log.error("recording cannot start", file=str(self._partial), cause=_cause(error))
            raise ResourceError(
                f"recording: the folder of recordings cannot be written: {_cause(error)}",
                fix="set live.recordings to a folder that can be written",
            ) from error
        self._events.emit("recording", on=True, name=self.name)
        self._task = asyncio.create_task(self._run(), name=f"recorder:{self._events.session}")
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def stop(self) -> str:
        """End the recording; returns the file's name.

        Raises:
            ResourceError: Nothing was recorded, or the file could not be written; what was
                recorded is then kept under the suffix `PARTIAL`.
        """
        self._wanted.set()
        if self._task is not None:
            await asyncio.shield(self._task)
        return self.name

    async def _run(self) -> None:
        """Record, finish the file, tell."""
        reason = failure = ""
        try:
            async with asyncio.TaskGroup() as group:
                writing = group.create_task(self._writer.run())
                reason = await self._until_over()
                writing.cancel()
        except* Exception as errors:
            failure = _cause(errors.exceptions[0])
            log.error("recording failed", file=str(self._partial), cause=failure)
        told: dict[str, Any] = {"reason": reason} if reason else {}
        if failure:
            told = {"error": failure}
        try:
            await self._finish(failure)
        except ResourceError as error:
            self._events.emit("recording", on=False, name=self.name, error=error.message)
            raise
        finally:
            os.close(self._lock)
        self._events.emit("recording", on=False, name=self.name, **told)

    async def _until_over(self) -> str:
        """Return when it is to end; why, unless `stop` was called."""
        began, loop = self._clock.now(), asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wanted.wait()
                    return ""
            except TimeoutError:
                pass
            if self._clock.now() - began >= self._longest:
                return f"the longest recording is {self._longest / 60:.0f} minutes"
            disk = await loop.run_in_executor(None, shutil.disk_usage, self._partial.parent)
            if disk.free < LEAST_FREE:
                return _NEARLY_FULL

    async def _finish(self, failure: str) -> None:
        if not self._writer.frames:
            self._partial.unlink(missing_ok=True)
            raise ResourceError(
                f"nothing was recorded: {failure or 'no picture had come'}",
                fix="check the free space" if failure else "record for longer",
            )
        finishing = asyncio.get_running_loop().run_in_executor(
            _process(), _finish, self._partial, self._path, self._title, self._events.session
        )
        try:
            problem, _ = await asyncio.shield(finishing)
        except BrokenExecutor as error:
            problem = _cause(error)
        if problem:
            raise ResourceError(
                f"recording {self.name} could not be finished: {problem}",
                fix=f"check the free space; what was recorded is kept in {self._partial.name}",
            )


def recover(folder: Path) -> None:
    """Finish the recordings that a crash has left in ``folder``, or move them aside; takes long.

    One that cannot be read gets the suffix `DAMAGED`; one without a picture is deleted.
    """
    for partial in sorted(folder.glob(f"*{PARTIAL}")):
        try:
            lock = _locked(partial)
        except OSError:
            continue  # another process is writing it
        name = partial.name.removesuffix(PARTIAL)
        try:
            if not partial.stat().st_size:
                partial.unlink()
                log.warning("a recording without a picture was deleted", file=partial.name)
                continue
            film = partial.with_name(f"{name}.mp4")
            problem, readable = _process().submit(_finish, partial, film, "", name).result()
            if not problem:
                log.warning("a recording left by a crash was finished", file=film.name)
            elif readable:
                log.error("a recording left by a crash stays", file=partial.name, cause=problem)
            else:
                partial.rename(partial.with_name(name + DAMAGED))
                log.error(
                    "a recording left by a crash was moved aside",
                    file=name + DAMAGED, cause=problem,
                )  # fmt: skip
        except (OSError, BrokenExecutor) as error:
            log.error("a recording left by a crash stays", file=partial.name, cause=_cause(error))
        finally:
            os.close(lock)


def _process() -> ProcessPoolExecutor:
    """A process to finish a film in: writing a long one anew holds Python's lock for seconds."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), os.nice, (10,))


def _finish(partial: Path, path: Path, title: str, session: str) -> tuple[str, bool]:
    """Label and sign; what went wrong, if anything did, and whether the recording can be read."""
    try:
        label_and_sign(partial, path, title=title)
        record_export(path, session=session)
        partial.unlink()
    except Exception as error:
        log.error("recording not finished", file=str(partial), cause=str(error))
        return _cause(error), not isinstance(error, InputError)
    return "", True


def _begun(partial: Path) -> int:
    """The locked file of a new recording."""
    folder = partial.parent
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < LEAST_FREE:
        raise ResourceError(
            f"recording: {_NEARLY_FULL}",
            fix="free some space, or set live.recordings to a folder on another disk",
        )
    return _locked(partial)


def _locked(path: Path) -> int:
    """Open or make the file and hold it for this process until the descriptor is closed.

    Raises:
        OSError: It cannot be made, or another one holds it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


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
