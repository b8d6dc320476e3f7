"""Pushes a broadcast to a streaming platform by RTMP: H.264 and AAC in FLV."""

from __future__ import annotations

import re
from collections.abc import Callable

import av
from av.container import OutputContainer

from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.container import ContainerWriter

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
        self._url = url
        self._writer = ContainerWriter(
            broadcast, self._open, name="rtmp", began=began, patience=_CLOSE_SECONDS
        )

    async def run(self) -> None:
        """Push until cancelled.

        Raises:
            ResourceError: The server refuses, cannot be reached, or the connection was lost.
        """
        try:
            await self._writer.run()
        except (OSError, av.FFmpegError) as error:  # their text names the address
            raise ResourceError(
                f"RTMP: {error.strerror or type(error).__name__}",
                fix="check the address and the stream key, and that the server is up",
            ) from None

    def _open(self) -> OutputContainer:
        # av gives an output no timeout of its own; FFmpeg's tee muxer passes one on to the socket.
        address = re.sub(r"([\\'|])", r"\\\1", self._url)
        link = f"rw_timeout={_LINK_SECONDS * 1_000_000}"
        return av.open(f"[f=flv:flvflags=no_duration_filesize:{link}]{address}", "w", format="tee")
