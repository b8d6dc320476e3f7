"""What comes in and goes out over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from digital_human.apps.live.backgrounds import PATTERN as BACKGROUND_PATTERN
from digital_human.apps.live.conversation import MAX_QUESTION, MAX_SAID
from digital_human.apps.live.guests import Guest
from digital_human.apps.live.ports import Heard, PersonaCard, Session
from digital_human.config import IceServer
from digital_human.speech.types import Language

SDP_LIMIT = 65_536
SESSION_PATTERN = "^[0-9a-f]{24}$"

SessionId = Annotated[
    str,
    Path(
        pattern=SESSION_PATTERN, max_length=24, description="Id of the session.",
        examples=["3f9a0c41d2b85e67a1c09f42"],
    ),
]  # fmt: skip
PersonaName = Annotated[
    str,
    Path(
        pattern="^[a-z][a-z0-9-]{0,39}$", max_length=40, description="Name of the persona.",
        examples=["xihu"],
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


def _words(most: int) -> Any:
    return Field(
        pattern=r"\S", min_length=1, max_length=most, examples=["断桥在哪里？"],
        description="Words in Chinese or English.",
    )  # fmt: skip


Question = Annotated[str, _words(MAX_QUESTION)]
Words = Annotated[str, _words(MAX_SAID)]
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Background = Annotated[
    str,
    Field(
        pattern=BACKGROUND_PATTERN, max_length=80, examples=["#2b3a42", "default"],
        description="#RRGGBB, default, or the name of a file of the persona's backgrounds.",
    ),
]  # fmt: skip


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
    background: Background | None = Field(None, description="What is behind the person.")
    matte: bool = Field(
        False, strict=True,
        description="For a mixer: a picture of twice the width, the person's colour on the left, "
        "the matte on the right; `background` is not drawn.",
    )  # fmt: skip
    screen: bool = Field(
        False, strict=True,
        description="For the screen of a kiosk: takes the place of the screen's session before, "
        "when nothing comes from that one's page any more.",
    )  # fmt: skip


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

    text: Words
    language: SpokenLanguage | None = Field(None, description="By default found from the text.")
    interrupt: bool = Field(False, strict=True, description="Stop what is being said first.")


class Ask(Incoming):
    """A question to answer."""

    text: Question
    language: SpokenLanguage | None = Field(None, description="By default found from the text.")


class ActName(Incoming):
    """A gesture or a mood."""

    name: str = Field(
        pattern=r"^[^\x00-\x1f]{1,40}$", max_length=40, examples=["nod"],
        description="One of the session's acts.",
    )  # fmt: skip


class BackgroundChoice(Incoming):
    """What is behind the person."""

    background: Background


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
    notice: dict[str, str] = Field(description="The AI notice.")
    avatar: str
    voice: str
    languages: list[str]
    poster: str = Field(description="Address of the portrait, a JPEG.")

    @classmethod
    def of(cls, persona: PersonaCard) -> PersonaView:
        """The view of ``persona``."""
        return cls(
            name=persona.name, display=_texts(persona.display), notice=_texts(persona.notice),
            avatar=persona.avatar, voice=persona.voice, languages=list(persona.languages),
            poster=f"/api/personas/{persona.name}/poster",
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
    acts: list[str] = Field(description="Gestures and moods to ask for.")
    ice_servers: list[IceView]

    @classmethod
    def of(cls, session: Session, ice: Sequence[IceServer]) -> Opened:
        """The view of a session that has just started."""
        persona = session.persona
        return cls(
            id=session.id, persona=persona.name, display=_texts(persona.display),
            notice=_texts(persona.notice), languages=list(persona.languages),
            suggestions={key: list(value) for key, value in persona.suggestions.items()},
            acts=list(session.acts), ice_servers=[IceView.of(server) for server in ice],
        )  # fmt: skip


class PublicationView(BaseModel):
    """What becomes of sending a session to another server."""

    host: str
    state: Literal["connecting", "on", "waiting", "given-up"] = Field(
        description="waiting is between two tries; given-up is over."
    )
    error: str = Field(description="Why the last try failed; empty while it works.")


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
    publication: PublicationView | None
    speaking: bool
    exchanges: int = Field(description="Length of the history.")

    @classmethod
    def of(cls, guest: Guest) -> SessionView:
        """The view of a running session."""
        session, sent = guest.session, guest.session.publication
        return cls(
            id=session.id, persona=session.persona.name, avatar=session.avatar,
            voice=session.voice, language=session.language, started=guest.started,
            connected=guest.peer is not None, onlookers=len(guest.onlookers),
            publication=None if sent is None else PublicationView(
                host=sent.host, state=sent.state, error=sent.error
            ),
            speaking=session.speaking(),
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
