"""Pushes a broadcast to a streaming platform by RTMP: H.264 and AAC in FLV."""

from __future__ import annotations

import av
from av.container import OutputContainer

from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.container import ContainerWriter

_OPEN_SECONDS, _WRITE_SECONDS = 5.0, 5.0


class RtmpPublisher:
    """One push; it ends with `run`.

    Args:
        broadcast: What is pushed.
        url: ``rtmp://`` or ``rtmps://`` address with the stream key; never logged.
    """

    def __init__(self, broadcast: Broadcast, url: str) -> None:
        self._url = url
        self._writer = ContainerWriter(broadcast, self._open, name="rtmp")

    async def run(self) -> None:
        """Push until cancelled.

        Raises:
            ResourceError: The server refuses, cannot be reached, or the connection was lost.
        """
        try:
            await self._writer.run()
        except OSError as error:  # av's errors of the network are OSErrors; they name the address
            raise ResourceError(
                f"RTMP: {error.strerror or type(error).__name__}",
                fix="check the address and the stream key, and that the server is up",
            ) from None

    def _open(self) -> OutputContainer:
        return av.open(
            self._url, "w", format="flv", timeout=(_OPEN_SECONDS, _WRITE_SECONDS),
            options={"flvflags": "no_duration_filesize"},
        )  # fmt: skip
