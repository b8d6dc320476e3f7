"""Publishes a broadcast to an SFU by WHIP (RFC 9725): one upload, any number of viewers there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from urllib.parse import urljoin

import httpx
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from digital_human.config import IceServer
from digital_human.errors import ResourceError
from digital_human.media.broadcast import Broadcast
from digital_human.transport.webrtc import internals, sdp
from digital_human.transport.webrtc.internals import LinkQuality
from digital_human.transport.webrtc.tracks import PacketTrack

_TIMEOUT = 10.0
_CONNECT_SECONDS = 15.0

# These log the addresses of requests and answers, which may hold the key.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class WhipPublisher:
    """One publication; it ends with `run`.

    Args:
        broadcast: What is published.
        url: The WHIP endpoint.
        token: Sent as a bearer token.
        ice: STUN and TURN servers.
        began: Called when media flows.
    """

    def __init__(
        self,
        broadcast: Broadcast,
        url: str,
        token: str | None,
        *,
        ice: Sequence[IceServer] = (),
        began: Callable[[], None],
    ) -> None:
        self._broadcast, self._url, self._ice = broadcast, url, tuple(ice)
        self._began = began
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()

    async def run(self) -> None:
        """Publish until cancelled; the resource at the server is deleted then.

        Raises:
            ResourceError: The server refuses, cannot be reached, or the connection was lost.
        """
        internals.prepare()
        connection = RTCPeerConnection(sdp.configuration(self._ice))
        outlet = self._broadcast.open("h264", name="whip")

        def state() -> None:
            if connection.connectionState in ("failed", "closed"):
                self._lost.set()
            if connection.connectionState in ("connected", "failed", "closed"):
                self._connected.set()

        connection.on("connectionstatechange", state)
        resource = ""
        tracks = [PacketTrack(outlet, kind) for kind in ("audio", "video")]
        try:
            async with httpx.AsyncClient(
                timeout=_TIMEOUT, headers=self._headers, follow_redirects=True
            ) as client:
                try:
                    for track in tracks:
                        sender = connection.addTransceiver(track, direction="sendonly").sender
                        internals.follow_reports(sender, LinkQuality(), outlet.report_estimate)
                        internals.report_schedule(sender, track.due)
                        if track.kind == "video":
                            internals.on_key_frame_request(sender, outlet.request_key_frame)
                    _only_what_is_sent(connection)
                    await connection.setLocalDescription(await connection.createOffer())
                    resource, answer = await self._post(client, connection.localDescription.sdp)
                    await _accept(connection, answer)
                    await self._until_lost()
                finally:
                    if resource:
                        await _delete(client, resource)
        finally:
            outlet.close()
            await connection.close()

    async def _post(self, client: httpx.AsyncClient, offer: str) -> tuple[str, str]:
        try:
            reply = await client.post(
                self._url, content=offer, headers={"Content-Type": "application/sdp"}
            )
        except httpx.HTTPError as error:
            raise ResourceError(
                f"WHIP server cannot be reached: {type(error).__name__}", fix="check the address"
            ) from error
        if reply.status_code != httpx.codes.CREATED:
            raise ResourceError(
                f"WHIP server answered {reply.status_code} instead of 201",
                fix="check the address and the token",
            )
        location = reply.headers.get("Location")
        resource = httpx.URL(urljoin(str(reply.url), location)) if location else None
        if resource is not None and _origin(resource) != _origin(reply.url):
            resource = None  # the token is for the server that was named, not for another
        return str(resource or ""), reply.text

    async def _until_lost(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connected.wait()
        except TimeoutError:
            raise ResourceError(
                f"WHIP: no connection within {_CONNECT_SECONDS:.0f} s",
                fix="check that UDP reaches the server, or configure TURN (live.ice)",
            ) from None
        if not self._lost.is_set():
            self._began()
        await self._lost.wait()
        raise ResourceError("WHIP: the connection was lost", fix="check that the server is up")


def _only_what_is_sent(connection: RTCPeerConnection) -> None:
    """An SFU hands the packets on as they are: offer only the codecs that are sent."""
    codecs = RTCRtpSender.getCapabilities("video").codecs
    h264 = [codec for codec in codecs if codec.name.upper() == "H264"]
    for transceiver in connection.getTransceivers():
        transceiver.setCodecPreferences(h264 if transceiver.kind == "video" else internals.opus())


async def _accept(connection: RTCPeerConnection, answer: str) -> None:
    try:
        await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    except Exception as error:  # aiortc raises whatever its parser meets
        raise ResourceError(
            "WHIP server's answer is not an SDP that fits the offer",
            fix="check that the address is a WHIP endpoint and that it takes H.264 and Opus",
        ) from error


async def _delete(client: httpx.AsyncClient, resource: str) -> None:
    try:
        async with asyncio.timeout(2.0):
            await client.delete(resource)
    except (httpx.HTTPError, TimeoutError):
        return  # the server drops it when the connection's consent expires


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
