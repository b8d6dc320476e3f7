"""Pushes a broadcast to a streaming platform by RTMP: H.264 and AAC in FLV."""

from __future__ import annotations

import multiprocessing
import re
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import av
from av.container import OutputContainer

from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.container import ContainerWriter, FileMuxer, Sound

_LINK_SECONDS = 5  # a connection that takes nothing for so long is lost
_CLOSE_SECONDS = 2.0


class RtmpPublisher:
    """One push; it ends with `run`.

    Args:
        broadcast: What is pushed.
        url: ``rtmp://`` or ``rtmps://`` address with the stream key; never logged.
        began: Called when the server has taken the first picture.
    """

    def __init__(self, broadcast: Broadcast, url: str, *, began: Callable[[], None]) -> None:
        self._muxer = _Process(url, broadcast.fps)
        self._writer = ContainerWriter(
            broadcast, self._muxer, name="rtmp", began=began, patience=_CLOSE_SECONDS
        )

    async def run(self) -> None:
        """Push until cancelled.

        Raises:
            ResourceError: The server refuses, cannot be reached, or the connection was lost.
        """
        await self._writer.run()


class _Process:
    """A muxer in a process of its own.

    FFmpeg holds Python's lock while it connects: a server that does not answer would stop every
    session of this process for `_LINK_SECONDS`.
    """

    def __init__(self, url: str, fps: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, self._theirs = context.Pipe()
        self._process = context.Process(
            target=_push, args=(self._theirs, url, fps, _LINK_SECONDS), name="rtmp", daemon=True
        )
        self._started = False

    def write(self, picture: bytes, pts: int, key: bool, sounds: Sequence[Sound]) -> None:
        if not self._started:
            self._started = True
            self._process.start()
            self._theirs.close()
        try:
            self._ours.send((picture, pts, key, list(sounds)))
            problem: str | None = self._ours.recv()
        except (EOFError, OSError):
            problem = "the process that pushes has died"
        if problem is not None:
            raise ResourceError(
                f"RTMP: {problem}",
                fix="check the address and the stream key, and that the server is up",
            )

    def finish(self) -> None:
        if self._started:
            self._ours.close()
            self._process.join(_CLOSE_SECONDS)
            self._process.kill()
            self._process.join()
            self._process.close()


def _push(packets: Connection[Any, Any], url: str, fps: int, link_seconds: int) -> None:
    """Write what comes until the other end closes; every packet is answered with its problem."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(None)
    muxer = FileMuxer(lambda: _open(url, link_seconds), fps)
    try:
        while True:
            muxer.write(*packets.recv())
            packets.send(None)
    except EOFError:
        muxer.finish()
    except (OSError, av.FFmpegError) as error:  # their text names the address
        packets.send(error.strerror or type(error).__name__)


def _open(url: str, link_seconds: int) -> OutputContainer:
    # av gives an output no timeout of its own; FFmpeg's tee muxer passes one on to the socket.
    address = re.sub(r"([\\'|])", r"\\\1", url)
    link = f"rw_timeout={link_seconds * 1_000_000}"
    return av.open(f"[f=flv:flvflags=no_duration_filesize:{link}]{address}", "w", format="tee")
