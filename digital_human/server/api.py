"""The REST interface: sessions, what they say and do, and what came of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from digital_human import __version__
from digital_human.apps.live.admission import Intake
from digital_human.apps.live.guests import Wish
from digital_human.apps.live.sessions import Sessions
from digital_human.server import models
from digital_human.server.faults import responses
from digital_human.server.models import SessionId
from digital_human.server.stream import EventStream

_FOLLOWERS = 64

# Errors every call may answer with, those of calls about a session, and those of calls with a body.
ANY = (400, 401, 403, 414, 431, 500)
OF_SESSION = (*ANY, 404, 422, 503)
WITH_BODY = (*OF_SESSION, 408, 409, 413, 415)


def routes(sessions: Sessions) -> APIRouter:
    """The calls under ``/api``.

    Args:
        sessions: What they drive.
    """
    router = APIRouter(prefix="/api")
    _add_sessions(router, sessions)
    _add_speech(router, sessions)
    _add_controls(router, sessions)
    _add_outcome(router, sessions)
    return router


def _add_sessions(router: APIRouter, sessions: Sessions) -> None:
    @router.get("/health", tags=["server"], responses=responses(*ANY))
    async def health() -> models.Health:
        """Whether the server is up; needs no token."""
        return models.Health(version=__version__, sessions=len(sessions))

    @router.get("/personas", tags=["server"], responses=responses(*ANY))
    def personas() -> list[models.PersonaView]:
        """The personas to choose from, the default first."""
        return [models.PersonaView.of(persona) for persona in sessions.personas()]

    @router.get(
        "/personas/{name}/poster", tags=["server"], response_class=Response,
        responses={
            200: {"description": "A JPEG.", "content": {"image/jpeg": {}}},
            304: {"description": "It has not changed."},
            **responses(*ANY, 404, 422, 503),
        },
    )  # fmt: skip
    async def poster(name: models.PersonaName, request: Request) -> Response:
        """The portrait of a persona, as the first picture of a session shows it."""
        found = await sessions.poster(name)
        headers = {"ETag": found.etag, "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.data, media_type="image/jpeg", headers=headers)

    @router.post("/sessions", status_code=201, tags=["sessions"], responses=responses(*WITH_BODY))
    async def create(wish: models.NewSession, response: Response) -> models.Opened:
        """Start a session; 503 with Retry-After when it would be one too many."""
        session = await sessions.create(Wish(**wish.model_dump()))
        response.headers["Location"] = f"/api/sessions/{session.id}"
        return models.Opened.of(session, sessions.ice)

    @router.get("/sessions", tags=["sessions"], responses=responses(*ANY))
    async def running() -> list[models.SessionView]:
        """The running sessions."""
        return [models.SessionView.of(guest) for guest in sessions.all()]

    @router.get("/sessions/{id}", tags=["sessions"], responses=responses(*OF_SESSION))
    async def session(id: SessionId) -> models.SessionView:
        """One running session."""
        return models.SessionView.of(sessions.guest(id))

    @router.delete(
        "/sessions/{id}", status_code=204, tags=["sessions"], responses=responses(*OF_SESSION)
    )
    async def end(id: SessionId) -> None:
        """End a session and free all it has."""
        await sessions.close(id, "ended by a call")

    @router.post("/sessions/{id}/offer", tags=["sessions"], responses=responses(*WITH_BODY))
    async def offer(id: SessionId, offer: models.Description) -> models.Answer:
        """Connect the visitor's browser; an older connection is replaced.

        The visitor's sound goes in on an audio track; the data channel carries events out and
        messages in.
        """
        return models.Answer(sdp=await sessions.attach(id, offer.sdp))


def _add_speech(router: APIRouter, sessions: Sessions) -> None:
    @router.post("/sessions/{id}/say", tags=["speech"], responses=responses(*WITH_BODY))
    async def say(id: SessionId, words: models.Say) -> models.Turn:
        """Speak words as they are, after moderation."""
        session = sessions.drive(id)
        turn = session.say(words.text, words.language, interrupt=words.interrupt)
        return models.Turn(turn=turn)

    @router.post("/sessions/{id}/ask", tags=["speech"], responses=responses(*WITH_BODY))
    async def ask(id: SessionId, question: models.Ask) -> models.Turn:
        """Ask a question as if the visitor had typed it."""
        return models.Turn(turn=sessions.drive(id).ask(question.text, question.language))

    @router.post(
        "/sessions/{id}/interrupt", status_code=204, tags=["speech"],
        responses=responses(*WITH_BODY),
    )  # fmt: skip
    async def interrupt(id: SessionId) -> None:
        """Stop what is being said."""
        sessions.drive(id).interrupt()

    @router.post(
        "/sessions/{id}/talk", status_code=204, tags=["speech"], responses=responses(*WITH_BODY)
    )
    async def talk(id: SessionId, button: models.TalkButton) -> None:
        """Press or release the push-to-talk button."""
        sessions.drive(id).talk(button.down)

    @router.post(
        "/sessions/{id}/language", status_code=204, tags=["speech"],
        responses=responses(*WITH_BODY),
    )  # fmt: skip
    async def language(id: SessionId, heard: models.HeardLanguage) -> None:
        """Tell which language the visitor speaks."""
        sessions.drive(id).set_language(heard.language)


def _add_controls(router: APIRouter, sessions: Sessions) -> None:
    @router.post(
        "/sessions/{id}/act", status_code=204, tags=["control"], responses=responses(*WITH_BODY)
    )
    async def act(id: SessionId, act: models.ActName) -> None:
        """Make a gesture, or take a mood."""
        sessions.drive(id).act(act.name)

    @router.post(
        "/sessions/{id}/background", status_code=204, tags=["control"],
        responses=responses(*WITH_BODY),
    )  # fmt: skip
    async def background(id: SessionId, choice: models.BackgroundChoice) -> None:
        """Change what is behind the person."""
        await sessions.drive(id).set_background(choice.background)

    @router.post("/sessions/{id}/record", tags=["control"], responses=responses(*WITH_BODY))
    async def record(id: SessionId, switch: models.RecordSwitch) -> models.Recorded:
        """Start recording, or finish and name the recording."""
        return models.Recorded(on=switch.on, name=await sessions.drive(id).record(switch.on))

    @router.post(
        "/sessions/{id}/publish", status_code=204, tags=["control"],
        responses=responses(*WITH_BODY),
    )  # fmt: skip
    async def publish(id: SessionId, target: models.Publish) -> None:
        """Send picture and sound to a WHIP or RTMP server too."""
        await sessions.publish(id, target.url, target.token)

    @router.delete(
        "/sessions/{id}/publish", status_code=204, tags=["control"],
        responses=responses(*OF_SESSION),
    )  # fmt: skip
    async def unpublish(id: SessionId) -> None:
        """Stop sending to the other server."""
        await sessions.unpublish(id)


def _add_outcome(router: APIRouter, sessions: Sessions) -> None:
    followers = Intake(_FOLLOWERS, "event streams")

    @router.get("/sessions/{id}/history", tags=["outcome"], responses=responses(*OF_SESSION))
    async def history(id: SessionId) -> list[models.ExchangeView]:
        """What was asked, and what was heard of each answer."""
        return [models.ExchangeView.of(heard) for heard in sessions.get(id).history.exchanges]

    @router.get(
        "/sessions/{id}/events", status_code=200, tags=["outcome"], response_class=EventStream,
        responses={
            200: {
                "description": "Events until the session ends; a slow reader loses the oldest.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **responses(*OF_SESSION),
        },
    )  # fmt: skip
    async def events(id: SessionId) -> EventStream:
        """Follow what happens: states, transcripts, captions, sources, latency."""
        return EventStream(sessions.guest(id), followers)

    @router.post(
        "/sessions/{id}/report", status_code=201, tags=["outcome"],
        responses=responses(*WITH_BODY),
    )  # fmt: skip
    async def report(id: SessionId, note: models.ReportNote) -> models.Reported:
        """Keep a turn for people to look at: question, answer, sources and the note."""
        return models.Reported(id=await sessions.get(id).report(note.note, note.turn))
