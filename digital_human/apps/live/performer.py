"""One avatar on stage: speech, motion and picture of a session on one endless time line.

The event loop owns the sound; what concerns the motion is handed to the render thread in order, so
the animator belongs to that thread alone and nothing waits for a lock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from digital_human.apps.live.soundline import RATE, Placed, SoundLine
from digital_human.core.clock import Clock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Events
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.core.stage import ModelThread
from digital_human.errors import InputError
from digital_human.face.animation import (
    ACTS,
    LOOKS,
    MOODS,
    OWN_ACTS,
    Animator,
    Look,
    read_direction,
)
from digital_human.face.avatar import Avatar
from digital_human.media.live_picture import LivePicture
from digital_human.speech.types import Phone, Speech, Word

START = 0.03
"""Least seconds from the next frame to the first voiced sample of a turn: the quiet before the
first phone. The picture of that frame is drawn already; the one after it shows the right mouth."""
_ORDERS = 64  # for the next picture; the oldest are dropped while nobody watches
_RESUME = 0.04  # s between the next frame and speech that goes on after a hold


class Performer:
    """The time line of speech, motion and picture; a frame source for the pacer.

    Pictures may be asked for up to one frame before their sound. All methods but `picture` belong
    to the event loop, `picture` to the pacer's render thread.

    Args:
        avatar: The avatar.
        size: Width and height of the picture in pixels, even.
        fps: Frames per second; divides 48 000.
        epoch: The session's; speech of an older epoch is dropped.
        events: Where ``caption`` events go.
        label: The visible label of generated content.
        clock: The session's.
        background: Path of a picture or a video, or ``#RRGGBB``; by default a view over a lake. An
            avatar that brings its own surroundings shows those.
        matte: Give mixers a picture of twice the width: colour on the left, matte on the right.
        seed: Of blinks, gaze, head and breath.

    Raises:
        InputError: The size, the label, the background or the frame rate is wrong.
    """

    def __init__(
        self,
        avatar: Avatar,
        *,
        size: tuple[int, int] = (576, 768),
        fps: int = 25,
        epoch: Epoch,
        events: Events,
        label: str,
        clock: Clock,
        background: Path | str | None = None,
        matte: bool = False,
        seed: int = 0,
    ) -> None:
        if fps < 1 or RATE % fps:
            raise InputError(f"fps {fps}: must divide {RATE}", fix="use 25, 30 or 50")
        self._fps, self._epoch, self._events, self._clock = fps, epoch, events, clock
        self._samples = RATE // fps
        self._line = SoundLine()
        self._heard_epoch = epoch.current
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._voiced: dict[int, float] = {}
        self._orders: deque[Callable[[int], None]] = deque(maxlen=_ORDERS)
        self._animator = Animator(fps, seed)
        self._picture = LivePicture(
            avatar, size, label=label, background=background, fps=fps, matte=matte
        )
        self._backgrounds = 0
        self._after: list[tuple[str, Placed]] = []
        self.on_sound: list[Callable[[FloatArray], None]] = []

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self._picture.size

    def say(self, speech: Speech, turn: int) -> None:
        """Queue ``speech`` after what is queued; it is dropped when its epoch has passed."""
        if self._epoch.stale(speech.epoch):
            return
        placed = self._line.add(speech, turn, round(START * RATE))
        if not self._line.held:
            self._move(placed)

    def finish(self, turn: int) -> None:
        """No more speech will come for ``turn``."""
        self._line.finish(turn)
        self._wake()

    async def drained(self, turn: int) -> None:
        """Return when ``turn`` is finished and its last sample was handed out, or it was cut."""
        await self._wait(lambda: self._line.drained(turn))

    def queued(self) -> float:
        """Seconds of speech that have not been handed out."""
        return self._line.queued

    async def wait_room(self, seconds: float) -> None:
        """Return when at most ``seconds`` of speech are queued."""
        await self._wait(lambda: self._line.queued <= seconds)

    def duck(self) -> None:
        """Lower the voice by 18 dB; `resume` raises it again."""
        self._line.duck()

    def hold(self) -> None:
        """Fade out and keep the place; the mouth closes."""
        if not self._line.held:
            self._line.hold()
            self._close_mouth()

    def resume(self) -> None:
        """Go on at full voice, after `hold` from the start of the word that was broken."""
        if self._line.resume(round(_RESUME * RATE)):
            for placed in self._line.queue:
                self._move(placed)

    def cut(self) -> None:
        """Fade out, drop all speech and close the mouth gently."""
        self._line.cut()
        self._after.clear()
        self._heard_epoch = self._epoch.current
        self._close_mouth()
        self._wake()

    def heard(self, turn: int) -> str:
        """The words of ``turn`` that were handed out so far, as written."""
        return self._line.heard(turn)

    def first_sample_at(self, turn: int) -> float | None:
        """Clock time of the first voiced sample of ``turn``, None while there was none."""
        return self._voiced.get(turn)

    def look(self, state: str) -> None:
        """Look ``idle``, ``listening``, ``thinking`` or ``speaking`` from the next picture on.

        Raises:
            InputError: There is no such look.
        """
        look = cast(Look, _known("look", state, LOOKS))
        self._orders.append(lambda pts: self._animator.look(look))

    def act(self, name: str, *, after_speech: bool = False) -> None:
        """Make a short gesture, or take a mood that stays until the next one.

        Args:
            name: As in a stage direction: ``nod``, ``点头``, ``look left``, ``smile 0.5`` …
            after_speech: Wait until the speech that is queued now has been heard.

        Raises:
            InputError: There is no such act or level.
        """
        try:
            act = read_direction(name)
        except ValueError as error:
            raise InputError(f"act {error}") from error
        if act is None:
            known = ", ".join((*ACTS, *MOODS, *OWN_ACTS))
            raise InputError(f"act {name!r} is unknown", fix=f"use one of {known}")
        if after_speech and self._line.queue:
            self._after.append((act, self._line.queue[-1]))
        else:
            self._order_act(act)

    async def set_background(self, background: Path | str | None) -> None:
        """Replace the background while the session runs; no picture is late for it.

        A video is prepared first, which takes about a second for every three of it. When several
        changes are under way, the one asked for last stays.

        Args:
            background: Path of a picture or a video, ``#RRGGBB``, or None for the default.

        Raises:
            InputError: It cannot be shown, or the avatar brings its own background; the picture
                stays as it is.
        """
        self._backgrounds += 1
        asked = self._backgrounds
        thread = ModelThread("background")
        try:
            ground = await thread.call(self._picture.prepare, background)
        finally:
            thread.shutdown(wait=False)
        if asked == self._backgrounds:
            self._picture.show(ground)
        else:
            ground.close()

    def sound(self, pts: int) -> FloatArray:
        """The sound of frame ``pts``, float32 [48000 / fps]; calls come in order.

        Raises:
            ValueError: ``pts`` was handed out before.
        """
        missed = pts * self._samples - self._line.position
        if missed < 0:
            raise ValueError(f"pts {pts}: its sound was handed out before")
        if self._epoch.current != self._heard_epoch:
            self._heard_epoch = self._epoch.current
            if any(self._epoch.stale(p.speech.epoch) for p in self._line.queue):
                self.cut()
        if missed:
            self._line.skip(missed)
        block = self._line.take(self._samples)
        for turn, sample in block.voiced:
            self._voiced[turn] = self._clock.now() + sample / RATE
            while len(self._voiced) > 64:
                del self._voiced[next(iter(self._voiced))]
        for placed, _, since in block.begun:
            self._announce(placed, since)
        if self._after:
            waiting = self._line.queue
            for act, placed in self._after:
                if placed not in waiting:
                    self._order_act(act)
            self._after = [entry for entry in self._after if entry[1] in waiting]
        for listener in self.on_sound:
            listener(block.pcm)
        if self._waiting:
            self._wake()
        return block.pcm

    def picture(self, pts: int) -> ByteArray:
        """The picture of frame ``pts``, uint8 [h, w, 3] RGB; calls come in order.

        It is valid until three more have been drawn.
        """
        while self._orders:
            self._orders.popleft()(pts)
        return self._picture.draw(self._animator.frame(pts))

    def _move(self, placed: Placed) -> None:
        """Let the mouth speak what of ``placed`` has not been heard."""
        speech, at, scale = placed.speech, self._line.at(placed), placed.scale
        since = max(0, self._line.quiet_until - at) // scale
        if since:
            speech = rest(speech, since)
        sample = at // scale + since
        self._orders.append(lambda pts: self._animator.add(speech, sample))

    def _order_act(self, act: str) -> None:
        self._orders.append(lambda pts: self._animator.act(act))

    def _close_mouth(self) -> None:
        self._orders.append(lambda pts: self._animator.cut(pts))

    def _announce(self, placed: Placed, since: int) -> None:
        """Tell the listeners which words are heard when, in seconds from now."""
        clause = placed.speech.clause
        words: list[list[Any]] = [
            [word.text, *(round(s / placed.speech.rate - since / RATE, 3) for s in
             (word.start, word.end))]
            for word in placed.speech.words
        ]  # fmt: skip
        self._events.emit(
            "caption", turn=placed.turn, clause=clause.index, text=clause.text,
            language=clause.language, words=words,
        )  # fmt: skip

    async def _wait(self, until: Callable[[], bool]) -> None:
        if not until():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            entry = (until, future)
            self._waiting.append(entry)
            try:
                await future
            finally:
                if entry in self._waiting:
                    self._waiting.remove(entry)

    def _wake(self) -> None:
        ready = [entry for entry in self._waiting if entry[0]()]
        for entry in ready:
            self._waiting.remove(entry)
            if not entry[1].done():
                entry[1].set_result(None)


def rest(speech: Speech, start: int) -> Speech:
    """``speech`` from its sample ``start`` on; words and phones that lie before it are left out."""

    def left(a: int) -> int:
        return max(0, a - start)

    words = tuple(Word(w.text, left(w.start), w.end - start) for w in speech.words if w.end > start)
    phones = tuple(
        Phone(p.symbol, left(p.start), p.end - start, p.stress)
        for p in speech.phones
        if p.end > start
    )
    clause = replace(speech.clause, text="".join(word.text for word in words))
    return replace(speech, clause=clause, pcm=speech.pcm[start:], phones=phones, words=words)


def _known(what: str, name: str, names: tuple[str, ...]) -> str:
    if name not in names:
        raise InputError(f"{what} {name!r} is unknown", fix=f"use one of {', '.join(names)}")
    return name
