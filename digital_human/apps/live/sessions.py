"""Who is being served: sessions are made, found, attached to, watched and ended here."""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import structlog

from digital_human.apps.live.admission import Admission, Intake, ProcessMeter, Refused
from digital_human.apps.live.guests import Guest, NoSession, Wish
from digital_human.apps.live.messages import answer as answer_to
from digital_human.apps.live.ports import NewPeer, PeerPort, PersonaCard, Picture, Session
from digital_human.config import IceServer
from digital_human.core.clock import Clock, WallClock
from digital_human.core.memory import give_back
from digital_human.errors import ResourceError

_log = structlog.get_logger(__name__)


MakeSession = Callable[[str, Wish], Awaitable[Session]]


class Sessions:
    """All sessions of the process; used from the event loop only.

    Args:
        make: Makes a session that has not started yet, from its id and a wish; raises `InputError`
            for a persona, avatar or voice that does not exist.
        admission: Decides whether one more fits.
        new_peer: Makes a WebRTC connection.
        personas: The personas a visitor may choose, the default first.
        draw: The portrait of one of them.
        ice: STUN and TURN servers for the connections and the browsers.
        clock: Time.
        spare_work: Whether the process now does work that yields to sessions, such as speaking
            known answers into the cache; its CPU use is not counted as theirs.
    """

    ALONE_S = 30.0  # without any connection since it began
    LEFT_S = 4.0  # after the last one; a page that lost its connection makes a new one in time
    DRIVEN_S = 600.0  # after the last call that drove it
    SILENT_S = 2.0  # a page that is there sends something more often
    ONLOOKERS = 32  # per session
    OFFERS = 8  # at once
    STARTS = 4  # at once
    ANSWER_S = 10.0
    CLOSE_S = 10.0
    FAREWELL_S = 0.1
    TICK_S = 0.1

    def __init__(
        self,
        make: MakeSession,
        *,
        admission: Admission,
        new_peer: NewPeer,
        personas: Callable[[], Sequence[PersonaCard]],
        draw: Callable[[str], Awaitable[Picture]],
        ice: Sequence[IceServer] = (),
        clock: Clock | None = None,
        spare_work: Callable[[], bool] = lambda: False,
    ) -> None:
        self.admission = admission
        self.personas = personas
        self._draw = draw
        self.ice = tuple(ice)
        self.on_open: list[Callable[[Session], None]] = []
        self.on_close: list[Callable[[Session], None]] = []
        self._make = make
        self._new_peer = new_peer
        self._clock: Clock = clock or WallClock()
        self._spare_work = spare_work
        self._guests: dict[str, Guest] = {}
        self._starting = 0
        self._closing = False
        self._screen_turn = asyncio.Lock()
        self._starts = Intake(self.STARTS, "session starts")
        self._offers = Intake(self.OFFERS, "offers")
        self._meter = ProcessMeter()
        self._past_frames = self._past_late = 0

    def __len__(self) -> int:
        return len(self._guests) + self._starting

    def all(self) -> list[Guest]:
        """The running sessions, oldest first."""
        return list(self._guests.values())

    async def poster(self, name: str) -> Picture:
        """The portrait of the persona ``name``.

        Raises:
            NoSession: There is no such persona here.
            ConsentError: It shows a real person who does not agree.
        """
        if name not in (card.name for card in self.personas()):
            raise NoSession(f"persona {name!r}: is not served here", fix="see GET /api/personas")
        return await self._draw(name)

    def guest(self, id: str) -> Guest:
        """A running session with its connections.

        Raises:
            NoSession: It does not exist or has ended.
        """
        try:
            return self._guests[id]
        except KeyError:
            raise NoSession(
                "there is no such session", fix="make one with POST /api/sessions"
            ) from None

    def get(self, id: str) -> Session:
        """A running session.

        Raises:
            NoSession: It does not exist or has ended.
        """
        return self.guest(id).session

    def drive(self, id: str) -> Session:
        """A running session that a call is about to move; keeps it from ending for a while."""
        guest = self.guest(id)
        guest.driven = self._clock.now()
        return guest.session

    async def create(self, wish: Wish) -> Session:
        """Start a session.

        One for a kiosk's screen takes the place of the one before when nothing comes from that
        one's page any more, because it crashed or was loaded anew; a page that is there keeps it.

        Raises:
            Refused: It would be one too many.
            InputError: The persona, avatar, voice or language does not exist.
        """
        if not wish.screen:
            return await self._admitted(wish)
        async with self._screen_turn:
            await self._free_screen()
            return await self._admitted(wish)

    async def _admitted(self, wish: Wish) -> Session:
        if self._closing:
            raise Refused("the server is shutting down", retry_after=10)
        self.admission.admit(len(self))
        with self._starts():
            self._starting += 1
            try:
                return await self._start(wish)
            finally:
                self._starting -= 1

    async def _free_screen(self) -> None:
        """End the screen's sessions whose pages are gone; that shows within `SILENT_S`."""
        latest = self._clock.now() + self.SILENT_S + self.TICK_S
        while screens := [guest for guest in self.all() if guest.screen]:
            # What has arrived while the loop was busy is read first.
            await self._clock.wait_until(self._clock.now() + self.TICK_S)
            now = self._clock.now()
            for guest in screens:
                if guest.silence(now) >= self.SILENT_S:
                    with suppress(NoSession):  # it has ended meanwhile
                        await self.close(guest.session.id, "another page is on the screen")
            if now >= latest:
                return

    async def close(self, id: str, reason: str) -> None:
        """End a session and free all it has.

        Raises:
            NoSession: It does not exist or has ended.
        """
        guest = self.guest(id)
        del self._guests[id]
        frames, late = guest.session.frames()
        self._past_frames += frames
        self._past_late += late
        for errand in tuple(guest.errands):
            errand.cancel()
        peers = [peer for peer in (guest.peer, *guest.onlookers.values()) if peer is not None]
        guest.peer = None
        guest.onlookers.clear()
        try:
            await self._quietly(guest.session.close(reason), "session.close", id)
            # What ended it is still on its way over the data channel.
            await asyncio.sleep(self.FAREWELL_S if peers else 0)
            self._forget_peer(guest)
            for peer in peers:
                await self._quietly(peer.close(), "peer.close", id)
        finally:
            guest.ended = True
            for wake in tuple(guest.when_ended):
                wake()
            for told in self.on_close:
                told(guest.session)
        # What a session leaves behind lies in reference cycles, and holds pictures and sound; with
        # the engine's objects frozen a collection takes milliseconds.
        gc.collect()
        if not self._guests:
            await asyncio.to_thread(give_back)
        _log.info("session.closed", session=id, reason=reason)

    async def close_all(self, reason: str) -> None:
        """End every session and let no more in."""
        self._closing = True

        async def end(id: str) -> None:
            with suppress(NoSession):  # another call ended it meanwhile
                await self.close(id, reason)

        async with asyncio.TaskGroup() as group:
            for id in tuple(self._guests):
                group.create_task(end(id))

    async def attach(self, id: str, sdp: str) -> str:
        """Connect the visitor; an older connection of the same session is replaced.

        Args:
            id: The session.
            sdp: The offer, complete with candidates.

        Returns:
            The answer, complete with candidates.

        Raises:
            NoSession: It does not exist or has ended.
            Refused: Too many offers at once.
            InputError: The offer is wrong.
        """
        guest = self.guest(id)
        with self._offers():
            async with guest.turnstile:
                session = guest.session
                peer: PeerPort

                async def obey(message: dict[str, Any]) -> None:
                    if (reply := await answer_to(session, message)) is not None:
                        peer.send(reply)

                def heard_message(message: dict[str, Any]) -> None:
                    errand = asyncio.create_task(obey(message), name=f"message:{id}")
                    guest.errands.add(errand)
                    errand.add_done_callback(guest.errands.discard)

                peer = self._new_peer(
                    session.broadcast, ice=self.ice, on_audio=session.hear,
                    on_message=heard_message, name=id,
                )  # fmt: skip
                answer = await self._answer(guest, peer, sdp)
                self._forget_peer(guest)
                old, guest.peer, guest.came = guest.peer, peer, True
                guest.deaf = session.events.listen(lambda event: peer.send(event.to_json()))
                if old is not None:
                    await self._quietly(old.close(), "peer.close", id)
                return answer

    async def watch(self, id: str, sdp: str) -> tuple[str, str]:
        """Connect an onlooker, who is neither heard nor sent messages.

        Returns:
            The onlooker's id and the answer.

        Raises:
            NoSession: It does not exist or has ended.
            Refused: Too many onlookers, or too many offers at once.
            InputError: The offer is wrong.
        """
        guest = self.guest(id)
        with self._offers():
            async with guest.turnstile:
                self._drop_gone(guest)
                if len(guest.onlookers) >= self.ONLOOKERS:
                    raise Refused(
                        f"{len(guest.onlookers)} onlookers watch this session already",
                        retry_after=30,
                        fix="publish the session to a media server for a larger audience",
                    )
                peer = self._new_peer(
                    guest.session.broadcast, ice=self.ice, on_audio=None, on_message=None,
                    name=f"{id}:onlooker",
                )  # fmt: skip
                answer = await self._answer(guest, peer, sdp)
                name = secrets.token_hex(8)
                guest.onlookers[name] = peer
                return name, answer

    async def leave(self, id: str, onlooker: str) -> None:
        """Disconnect an onlooker.

        Raises:
            NoSession: The session or the onlooker does not exist.
        """
        peer = self.guest(id).onlookers.pop(onlooker, None)
        if peer is None:
            raise NoSession("there is no such onlooker", fix="it has left already")
        await self._quietly(peer.close(), "peer.close", id)

    async def publish(self, id: str, url: str, token: str | None) -> None:
        """Send a session to a WHIP or RTMP server until it ends or `unpublish` is called."""
        await self.drive(id).publish(url, token)

    async def unpublish(self, id: str) -> None:
        """Stop sending a session to another server."""
        await self.drive(id).unpublish()

    async def run(self) -> None:
        """Let sessions in, measure the load and end what nobody uses, until cancelled."""
        self._closing = False
        due = swept = self._clock.now()
        own = True
        while True:
            due = max(due + self.TICK_S, self._clock.now())
            await self._clock.wait_until(due)
            self._meter.late(self._clock.now() - due)
            own = own and not self._spare_work()
            for guest in self.all():
                if guest.session.over and not guest.ending:
                    guest.ending = asyncio.create_task(
                        self._end_over(guest.session), name=f"end:{guest.session.id}"
                    )
            if self._clock.now() - swept < 1.0:
                continue
            swept = self._clock.now()
            try:
                load = self._meter.read(*self.frames())
                self.admission.note(load, len(self._guests), own=own)
                await self.sweep()
            except Exception:
                _log.exception("sweep.failed")
            own = True

    async def sweep(self) -> None:
        """Drop connections that are gone and end sessions that nobody uses."""
        now = self._clock.now()
        for id, guest in tuple(self._guests.items()):
            self._drop_gone(guest)
            publication = guest.session.publication
            sent = publication is not None and publication.state != "given-up"
            if guest.peer is not None or guest.onlookers or sent:
                guest.met, guest.grace = now, self.LEFT_S
            if now - guest.met >= guest.grace and now - guest.driven >= self.DRIVEN_S:
                with suppress(NoSession):
                    await self.close(id, "nobody is connected")

    async def _end_over(self, session: Session) -> None:
        with suppress(NoSession):  # a call has ended it meanwhile
            await self.close(session.id, session.over)

    @property
    def refusals(self) -> int:
        """Sessions and offers that were refused for lack of room."""
        return self.admission.refusals + self._starts.refusals + self._offers.refusals

    async def _start(self, wish: Wish) -> Session:
        id = secrets.token_hex(12)
        session = await self._make(id, wish)
        try:
            await session.start()
            for told in self.on_open:
                told(session)
        except BaseException:
            await self._quietly(session.close("it did not start"), "session.close", id)
            raise
        now = self._clock.now()
        self._guests[id] = Guest(
            session, time.time(), met=now, driven=now - self.DRIVEN_S, grace=self.ALONE_S,
            screen=wish.screen,
        )  # fmt: skip
        if self._closing:
            await self.close(id, "the server is shutting down")
            raise Refused("the server is shutting down", retry_after=10)
        _log.info("session.opened", session=id, persona=session.persona.name)
        return session

    async def _answer(self, guest: Guest, peer: PeerPort, sdp: str) -> str:
        try:
            async with asyncio.timeout(self.ANSWER_S):
                answer = await peer.answer(sdp)
            self.guest(guest.session.id)
        except TimeoutError:
            await self._quietly(peer.close(), "peer.close", guest.session.id)
            raise ResourceError(
                f"no answer to the offer within {self.ANSWER_S:.0f} s",
                fix="check that the STUN and TURN servers of live.ice can be reached",
            ) from None
        except BaseException:
            await self._quietly(peer.close(), "peer.close", guest.session.id)
            raise
        return answer

    def _drop_gone(self, guest: Guest) -> None:
        if guest.peer is not None and guest.peer.closed.is_set():
            self._forget_peer(guest)
            guest.peer = None
        for name in [n for n, peer in guest.onlookers.items() if peer.closed.is_set()]:
            del guest.onlookers[name]

    def _forget_peer(self, guest: Guest) -> None:
        if guest.deaf is not None:
            guest.deaf()
            guest.deaf = None

    def frames(self) -> tuple[int, int]:
        counts = [guest.session.frames() for guest in self._guests.values()]
        frames = self._past_frames + sum(count for count, _ in counts)
        return frames, self._past_late + sum(late for _, late in counts)

    async def _quietly(self, work: Awaitable[None], what: str, id: str) -> None:
        """Finish ``work`` in time; a failure is logged and keeps nothing else from being freed."""
        try:
            async with asyncio.timeout(self.CLOSE_S):
                await work
        except Exception:
            _log.exception("close.failed", what=what, session=id)
