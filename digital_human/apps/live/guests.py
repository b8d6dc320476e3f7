"""A session as the server keeps it: what was asked of it, and who is connected."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from digital_human.apps.live.ports import PeerPort, Session
from digital_human.errors import InputError


class NoSession(InputError):
    """There is no such session, or it has ended."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks of a new session; None leaves it to the persona.

    Attributes:
        persona: Name of the persona; None is the first one.
        avatar: Name of the avatar.
        voice: Name of the voice.
        language: ``auto``, ``zh`` or ``en``.
        background: ``#RRGGBB``, ``default`` or the name of one of the persona's.
        matte: For a mixer: colour on the left, matte on the right, in a picture of twice the width.
        screen: For the screen of a kiosk, of which there is one.
    """

    persona: str | None = None
    avatar: str | None = None
    voice: str | None = None
    language: str | None = None
    background: str | None = None
    matte: bool = False
    screen: bool = False


@dataclass(slots=True)
class Guest:
    """A running session and who is connected to it.

    Attributes:
        session: The session.
        started: Unix time in seconds.
        peer: The visitor's connection.
        onlookers: Connections that only watch, by id.
        grace: Seconds it may go on without a connection.
        screen: Whether a kiosk's screen shows it.
        came: Whether the visitor has ever connected.
        ended: Whether it is over.
        ending: What ends it because it may not go on.
        errands: Messages that are being worked on.
        when_ended: Called once it is.
    """

    session: Session
    started: float
    met: float
    driven: float
    peer: PeerPort | None = None
    onlookers: dict[str, PeerPort] = field(default_factory=dict)
    grace: float = 0.0
    screen: bool = False
    came: bool = False
    ended: bool = False
    ending: asyncio.Task[None] | None = None
    when_ended: list[Callable[[], None]] = field(default_factory=list)
    turnstile: asyncio.Lock = field(default_factory=asyncio.Lock)
    deaf: Callable[[], None] | None = None
    errands: set[asyncio.Task[None]] = field(default_factory=set)

    def silence(self, now: float) -> float:
        """Seconds without a sign of the visitor's page; infinite when its connection has ended."""
        if self.peer is None and not self.came:
            return now - self.met
        return math.inf if self.peer is None or self.peer.closed.is_set() else self.peer.quiet
