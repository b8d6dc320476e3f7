"""WHEP for onlookers (draft-ietf-wish-whep) and the download of recordings."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from digital_human.apps.live.guests import NoSession
from digital_human.apps.live.sessions import Sessions
from digital_human.config import IceServer
from digital_human.errors import InputError
from digital_human.server.api import OF_SESSION, WITH_BODY
from digital_human.server.faults import responses
from digital_human.server.models import SDP_LIMIT, OnlookerId, RecordingName, SessionId

_SDP_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/sdp": {
                "schema": {"type": "string", "minLength": 1, "maxLength": SDP_LIMIT}
            }
        },
    }
}


def routes(sessions: Sessions, recordings: Path) -> APIRouter:
    """The calls of players and downloads.

    Args:
        sessions: What is watched.
        recordings: Folder of the recordings.
    """
    router = APIRouter()

    @router.options("/whep/{id}", status_code=204, tags=["watch"], responses=responses(*OF_SESSION))
    async def options(id: SessionId, response: Response) -> None:
        """What the WHEP endpoint takes, and the STUN and TURN servers."""
        response.headers["Accept-Post"] = "application/sdp"
        if links := ice_links(sessions.ice):
            response.headers["Link"] = links

    @router.post(
        "/whep/{id}", status_code=201, tags=["watch"], openapi_extra=_SDP_BODY,
        response_class=Response,
        responses={
            201: {
                "description": "The answer; Location names the connection.",
                "content": {"application/sdp": {"schema": {"type": "string"}}},
            },
            **responses(*WITH_BODY),
        },
    )  # fmt: skip
    async def watch(id: SessionId, request: Request) -> Response:
        """Watch a session: an SDP offer in, an SDP answer out."""
        try:
            sdp = (await request.body()).decode()
        except UnicodeDecodeError:
            raise InputError("the offer is not UTF-8 text", fix="send an SDP offer") from None
        if not 0 < len(sdp) <= SDP_LIMIT:
            raise InputError(
                f"an offer of {len(sdp)} characters: 1 to {SDP_LIMIT}", fix="send an SDP offer"
            )
        onlooker, answer = await sessions.watch(id, sdp)
        headers = {"Location": f"/whep/{id}/{onlooker}"}
        if links := ice_links(sessions.ice):
            headers["Link"] = links
        return Response(answer, 201, headers, media_type="application/sdp")

    @router.delete(
        "/whep/{id}/{onlooker}", status_code=204, tags=["watch"],
        responses=responses(*OF_SESSION),
    )  # fmt: skip
    async def leave(id: SessionId, onlooker: OnlookerId) -> None:
        """Stop watching."""
        await sessions.leave(id, onlooker)

    @router.get(
        "/api/recordings/{name}", tags=["outcome"], response_class=FileResponse,
        responses={
            200: {"description": "The labelled MP4.", "content": {"video/mp4": {}}},
            206: {"description": "A part of it.", "content": {"video/mp4": {}}},
            **responses(*OF_SESSION),
        },
    )  # fmt: skip
    def recording(name: RecordingName) -> FileResponse:
        """Download a finished recording."""
        return recording_file(recordings, name)

    return router


def recording_file(folder: Path, name: str) -> FileResponse:
    """The download of a recording.

    Raises:
        NoSession: There is no such recording.
    """
    path = folder / name
    if path.parent != folder or path.is_symlink() or not path.is_file():
        raise NoSession("there is no such recording", fix="finish it with …/record {on: false}")
    return FileResponse(path, media_type="video/mp4", filename=name)


def ice_links(servers: tuple[IceServer, ...]) -> str:
    """STUN and TURN servers as the value of a ``Link`` header (RFC 8288, WHIP section 4.4)."""
    links = []
    for server in servers:
        for url in server.urls:
            link = f'<{url}>; rel="ice-server"'
            if server.username and server.credential:
                secret = server.credential.get_secret_value()
                link += f'; username="{server.username}"; credential="{secret}"'
                link += '; credential-type="password"'
            links.append(link)
    return ", ".join(links)
