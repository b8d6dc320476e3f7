"""The calls of LiveTalking, so that its clients work here; one session per ``/offer``.

Answers come in its envelope ``{code, msg, data}``: 0 is success. Errors have a fitting HTTP status
and the same envelope with code -1. What its calls leave open (avatar by path, voice cloning, motion
scripts) is ignored here.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from digital_human.apps.live.guests import NoSession, Wish
from digital_human.apps.live.sessions import Sessions
from digital_human.server.api import ANY, OF_SESSION, WITH_BODY
from digital_human.server.faults import fault, responses
from digital_human.server.media import recording_file
from digital_human.server.models import SDP_LIMIT, SESSION_PATTERN, Name, SessionId, Words

_REMEMBERED = 1000  # recordings by session


class _Call(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, regex_engine="python-re")


class Offer(_Call):
    """A visitor's offer."""

    sdp: str = Field(min_length=1, max_length=SDP_LIMIT)
    type: Literal["offer"]
    avatar: Name | None = None


class OfferAnswer(BaseModel):
    """The answer; not in an envelope."""

    sdp: str
    type: Literal["answer"] = "answer"
    sessionid: str


class OfSession(_Call):
    """A call about a session."""

    sessionid: str = Field(pattern=SESSION_PATTERN, max_length=24)


class Human(OfSession):
    """Words to speak, or a question."""

    text: Words
    type: Literal["echo", "chat"]
    interrupt: bool = Field(False, strict=True)


class Record(OfSession):
    """The recorder."""

    type: Literal["start_record", "end_record"]


class Envelope(BaseModel):
    """Success."""

    code: Literal[0] = 0
    msg: str = "ok"
    data: Any = None


def routes(sessions: Sessions, recordings: Path) -> APIRouter:
    """The calls of LiveTalking.

    Args:
        sessions: What they drive.
        recordings: Folder of the recordings.
    """
    router = APIRouter(tags=["livetalking"])
    recorded: OrderedDict[str, str] = OrderedDict()

    @router.post("/offer", responses=responses(*WITH_BODY))
    async def offer(offer: Offer) -> OfferAnswer:
        """Start a session and connect the visitor."""
        session = await sessions.create(Wish(avatar=offer.avatar))
        try:
            answer = await sessions.attach(session.id, offer.sdp)
        except BaseException:
            with suppress(NoSession):
                await sessions.close(session.id, "the offer failed")
            raise
        return OfferAnswer(sdp=answer, sessionid=session.id)

    @router.post("/human", responses=responses(*WITH_BODY))
    async def human(words: Human) -> Envelope:
        """Speak words (echo) or answer a question (chat)."""
        session = sessions.drive(words.sessionid)
        if words.type == "echo":
            session.say(words.text, interrupt=words.interrupt)
        else:
            if words.interrupt:
                session.interrupt()
            session.ask(words.text)
        return Envelope()

    @router.post(
        "/humanaudio", status_code=501, responses=responses(*ANY, 501),
        openapi_extra={
            "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}
        },
    )  # fmt: skip
    async def humanaudio() -> JSONResponse:
        """Not available: lips are driven by the phonemes of our own speech, not by recordings."""
        return fault(
            501, "speaking a recording is not possible: no audio-driven motion is installed",
            fix="send the words to /human with type echo", path="/humanaudio",
        )  # fmt: skip

    @router.post("/interrupt_talk", responses=responses(*WITH_BODY))
    async def interrupt_talk(call: OfSession) -> Envelope:
        """Stop what is being said."""
        sessions.drive(call.sessionid).interrupt()
        return Envelope()

    @router.post("/is_speaking", responses=responses(*WITH_BODY))
    async def is_speaking(call: OfSession) -> Envelope:
        """Whether it speaks."""
        return Envelope(data=sessions.get(call.sessionid).speaking())

    @router.post("/record", responses=responses(*WITH_BODY))
    async def record(call: Record) -> Envelope:
        """Start or finish recording."""
        name = await sessions.drive(call.sessionid).record(call.type == "start_record")
        if name is not None:
            recorded[call.sessionid] = name
            while len(recorded) > _REMEMBERED:
                recorded.popitem(last=False)
        return Envelope()

    @router.get(
        "/record/{id}", response_class=FileResponse,
        responses={
            200: {"description": "The labelled MP4.", "content": {"video/mp4": {}}},
            206: {"description": "A part of it.", "content": {"video/mp4": {}}},
            **responses(*OF_SESSION),
        },
    )  # fmt: skip
    def recording(id: SessionId) -> FileResponse:
        """Download the session's latest recording."""
        if id not in recorded:
            raise NoSession("this session has no recording", fix="finish one with end_record")
        return recording_file(recordings, recorded[id])

    return router
