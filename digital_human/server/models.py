"""What comes in and goes out over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from digital_human.apps.live.ports import Heard, PersonaCard
from digital_human.apps.live.sessions import Guest
from digital_human.config import IceServer
from digital_human.speech.types import Language

TEXT_LIMIT = 4_000
SDP_LIMIT = 65_536
SESSION_PATTERN = "^[0-9a-f]{24}$"

SessionId = Annotated[
    str,
    Path(
        pattern=SESSION_PATTERN, max_length=24, description="Id of the session.",
        examples=["3f9a0c41d2b85e67a1c09f42"],
    ),
]  # fmt: skip
OnlookerId = Annotated[
    str, Path(pattern="^[0-9a-f]{16}$", max_length=16, description="Id of the onlooker.")
]
RecordingName = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.mp4$", max_length=104,
        description="Name of the recording.", examples=["3f9a0c41d2b85e67a1c09f42-1.mp4"],
    ),
]  # fmt: skip

SpokenLanguage = Literal["zh", "en"]
Text = Annotated[
    str,
    Field(
        pattern=r"\S",
        min_length=1,
        max_length=TEXT_LIMIT,
        description="Words in Chinese or English.",
        examples=["断桥在哪里？"],
    ),
]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]*$", max_length=64)]


def _a_number(value: object) -> object:
    """JSON has one kind of number: 3.0 is whole; text and truth values are no numbers."""
    if isinstance(value, bool | str):
        raise ValueError("a whole number is wanted")
    return value


TurnNumber = Annotated[int, Field(ge=1, le=1_000_000_000), BeforeValidator(_a_number)]


class Incoming(BaseModel):
    """Base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re")


class NewSession(Incoming):
    """A wish for a new session; what is left out is up to the persona."""

    persona: Name | None = Field(None, description="Name of the persona.", examples=["xihu"])
    avatar: Name | None = Field(None, description="Name of the avatar.")
    voice: Name | None = Field(None, description="Name of the voice.")
    language: Literal["auto", "zh", "en"] | None = Field(
        None, description="Language the visitor speaks; auto finds out."
    )


class Description(Incoming):
    """A session description."""

    sdp: str = Field(
        min_length=1,
        max_length=SDP_LIMIT,
        description="SDP, complete with ICE candidates.",
        examples=["v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"],
    )
    type: Literal["offer"] = Field(description="It is an offer.")


class Say(Incoming):
    """Words to speak as they are."""

    text: Text
    language: SpokenLanguage | None = Field(None, description="By default found from the text.")
    interrupt: bool = Field(False, strict=True, description="Stop what is being said first.")


class Ask(Incoming):
    """A question to answer."""

    text: Text
    language: SpokenLanguage | None = Field(None, description="By default found from the text.")


class ActName(Incoming):
    """A gesture."""

    name: Literal["nod", "shake", "smile", "surprise"] = Field(description="Name of the gesture.")


class TalkButton(Incoming):
    """The push-to-talk button."""

    down: bool = Field(strict=True, description="Whether it is pressed.")


class HeardLanguage(Incoming):
    """The language the visitor speaks."""

    language: Literal["auto", "zh", "en"] = Field(description="auto finds out.")


class RecordSwitch(Incoming):
    """The recorder."""

    on: bool = Field(strict=True, description="Start or finish.")


class Publish(Incoming):
    """A server to send the session to."""

    url: str = Field(
        pattern=r"^(https?|rtmps?)://[!-~]+$", max_length=2_000,
        description="WHIP endpoint (http, https) or RTMP address.",
        examples=["https://sfu.example.org/whip/room"],
    )  # fmt: skip
    token: str | None = Field(
        None, pattern="^[!-~]+$", max_length=1_000, description="Bearer token of the WHIP endpoint."
    )


class ReportNote(Incoming):
    """A visitor's complaint."""

    note: str = Field(
        max_length=2_000,
        description="What is wrong with the answer.",
        examples=["断桥不在苏堤上。"],
    )
    turn: TurnNumber | None = Field(None, description="By default the last one.")


class Health(BaseModel):
    """Whether the server is up."""

    status: Literal["ok"] = "ok"
    version: str
    sessions: int = Field(description="Sessions that run or start.")


class PersonaView(BaseModel):
    """A persona to choose; texts are by language."""

    name: str
    display: dict[str, str]
    avatar: str
    voice: str
    languages: list[str]

    @classmethod
    def of(cls, persona: PersonaCard) -> PersonaView:
        """The view of ``persona``."""
        return cls(
            name=persona.name, display=_texts(persona.display), avatar=persona.avatar,
            voice=persona.voice, languages=list(persona.languages),
        )  # fmt: skip


class IceView(BaseModel):
    """A STUN or TURN server, as a browser's RTCIceServer."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None

    @classmethod
    def of(cls, server: IceServer) -> IceView:
        """The view of ``server``; browsers need its credential."""
        secret = server.credential.get_secret_value() if server.credential else None
        return cls(urls=server.urls, username=server.username, credential=secret)


class Opened(BaseModel):
    """A session that has just started."""

    id: str = Field(description="Names the session in all other calls.")
    persona: str
    display: dict[str, str] = Field(description="The persona's name by language.")
    notice: dict[str, str] = Field(description="The AI notice, to be shown all the time.")
    languages: list[str]
    suggestions: dict[str, list[str]] = Field(description="Questions to offer, by language.")
    ice_servers: list[IceView]

    @classmethod
    def of(cls, id: str, persona: PersonaCard, ice: Sequence[IceServer]) -> Opened:
        """The view of a new session with ``persona``."""
        return cls(
            id=id, persona=persona.name, display=_texts(persona.display),
            notice=_texts(persona.notice), languages=list(persona.languages),
            suggestions={key: list(value) for key, value in persona.suggestions.items()},
            ice_servers=[IceView.of(server) for server in ice],
        )  # fmt: skip


class SessionView(BaseModel):
    """A running session."""

    id: str
    persona: str
    avatar: str
    voice: str
    language: str
    started: float = Field(description="Unix time in seconds.")
    connected: bool = Field(description="Whether the visitor is connected.")
    onlookers: int
    publishing: bool
    speaking: bool
    exchanges: int = Field(description="Length of the history.")

    @classmethod
    def of(cls, guest: Guest) -> SessionView:
        """The view of a running session."""
        session = guest.session
        return cls(
            id=session.id, persona=session.persona.name, avatar=session.avatar,
            voice=session.voice, language=session.language, started=guest.started,
            connected=guest.peer is not None, onlookers=len(guest.onlookers),
            publishing=guest.publishing, speaking=session.speaking(),
            exchanges=len(session.history.exchanges),
        )  # fmt: skip


class Answer(BaseModel):
    """A session description."""

    sdp: str
    type: Literal["answer"] = "answer"


class Turn(BaseModel):
    """The turn that a call began; events carry its number."""

    turn: int = Field(examples=[3])


class Recorded(BaseModel):
    """The recorder's state."""

    on: bool
    name: str | None = Field(None, description="Finished recording, see /api/recordings/{name}.")


class Reported(BaseModel):
    """A report that was stored."""

    id: str


class SourceView(BaseModel):
    """A passage an answer rests on."""

    title: str
    path: str
    text: str
    score: float


class ExchangeView(BaseModel):
    """A question and what was heard of its answer."""

    turn: int
    question: str
    answer: str
    language: str
    interrupted: bool
    sources: list[SourceView]
    at: float = Field(description="Seconds on the session's clock.")

    @classmethod
    def of(cls, heard: Heard) -> ExchangeView:
        """The view of one exchange."""
        sources: list[dict[str, Any]] = [
            {"title": s.title, "path": s.path, "text": s.text, "score": s.score}
            for s in heard.sources
        ]
        return cls(
            turn=heard.turn, question=heard.question, answer=heard.answer,
            language=heard.language, interrupted=heard.interrupted,
            sources=[SourceView(**source) for source in sources], at=heard.at,
        )  # fmt: skip


def _texts(texts: Mapping[Language, str]) -> dict[str, str]:
    return {str(language): text for language, text in texts.items()}
