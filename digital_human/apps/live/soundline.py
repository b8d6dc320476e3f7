"""The sound of one session: speech on an endless 48 kHz stream, with the words that were heard.

Speech lies on a *script* line of its own. The stream runs on for ever; a hold stops the script and
resuming moves it back to the start of the broken word, so nothing that is queued ever moves.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import soxr

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.speech.text.phonemes import SILENCE
from digital_human.speech.types import Speech

RATE = 48000
DUCKED = 10 ** (-18 / 20)
"""Gain while the visitor may be interrupting."""
_DUCK_STEP = (1.0 - DUCKED) / (0.010 * RATE)  # change of gain per sample
_FADE = round(0.020 * RATE)
_RISE = (0.5 - 0.5 * np.cos(np.pi * (np.arange(_FADE) + 0.5) / _FADE)).astype(np.float32)
_KEPT_TURNS = 64


@dataclass(slots=True, eq=False)
class Said:
    """What is remembered of a clause.

    Attributes:
        words: As written, in order.
        heard: How many of them have been heard.
    """

    words: tuple[str, ...]
    heard: int = 0


@dataclass(slots=True, eq=False)
class Placed:
    """A spoken clause on the script.

    Attributes:
        speech: The clause.
        turn: Turn it belongs to.
        sound: float32 [n], the clause at `RATE`.
        start: Its first sample on the script.
        said: Its words.
        announced: Whether the listeners were told that it is being heard.
    """

    speech: Speech
    turn: int
    sound: FloatArray
    start: int
    said: Said
    announced: bool = False

    @property
    def end(self) -> int:
        """One past its last sample on the script."""
        return self.start + len(self.sound)

    @property
    def scale(self) -> int:
        """Samples of the script for one of the clause's."""
        return RATE // self.speech.rate

    def words(self) -> Iterator[tuple[str, int, int]]:
        """Each word with its first sample and one past its last on the script."""
        for word in self.speech.words:
            yield (
                word.text, self.start + word.start * self.scale, self.start + word.end * self.scale,
            )  # fmt: skip


@dataclass(slots=True, eq=False)
class _Turn:
    spoken: list[Said] = field(default_factory=list)
    waiting: int = 0
    finished: bool = False
    cut: bool = False
    voiced: bool = False

    @property
    def drained(self) -> bool:
        return self.cut or (self.finished and not self.waiting)


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of the stream.

    Attributes:
        pcm: float32 [n].
        begun: Clauses that begin to be heard in it: the clause, the sample of the block, and the
            sample of the clause (at `RATE`; not 0 when it goes on after a hold).
        voiced: Turns whose first voiced sample is in it, with that sample of the block.
    """

    pcm: FloatArray
    begun: tuple[tuple[Placed, int, int], ...]
    voiced: tuple[tuple[int, int], ...]


class SoundLine:
    """Speech in order on a sample line; belongs to the event loop and knows no clock."""

    def __init__(self) -> None:
        self._queue: deque[Placed] = deque()
        self._turns: OrderedDict[int, _Turn] = OrderedDict()
        self._position = 0
        self._offset = 0  # stream sample − script sample
        self._held_at: int | None = None
        self._quiet_until = 0  # stream sample at which speech fades in after a hold
        self._gain = self._aim = 1.0
        self._tail: FloatArray | None = None

    @property
    def position(self) -> int:
        """The stream's sample that is handed out next."""
        return self._position

    @property
    def held(self) -> bool:
        """Whether speech is being held."""
        return self._held_at is not None

    @property
    def quiet_until(self) -> int:
        """The stream's sample before which speech that was held is not heard."""
        return self._quiet_until

    @property
    def queue(self) -> tuple[Placed, ...]:
        """What has not been heard to its end, in order."""
        return tuple(self._queue)

    @property
    def queued(self) -> float:
        """Seconds of speech that have not been handed out."""
        cursor = self._cursor
        return sum(placed.end - max(placed.start, cursor) for placed in self._queue) / RATE

    def at(self, placed: Placed) -> int:
        """The stream's sample at which ``placed`` begins, or would have begun."""
        return placed.start + self._offset

    def add(self, speech: Speech, turn: int, delay: int) -> Placed:
        """Put ``speech`` after what is queued.

        Args:
            speech: At a rate that divides `RATE`.
            turn: Turn it belongs to.
            delay: Samples from now until its first voiced sample when nothing is queued.

        Raises:
            InputError: The rate does not divide `RATE`.
        """
        if RATE % speech.rate:
            raise InputError(
                f"speech of {speech.rate} Hz: its rate must divide {RATE}",
                fix="use a synthesizer of 16, 24 or 48 kHz",
            )
        sound = np.zeros(len(speech.pcm) * (RATE // speech.rate), np.float32)
        if len(sound):
            full = soxr.resample(speech.pcm, speech.rate, RATE)[: len(sound)]
            sound[: len(full)] = full
        start = self._cursor + max(0, delay - onset(speech) * (RATE // speech.rate))
        if self._queue:
            start = max(start, self._queue[-1].end)
        said = Said(tuple(word.text for word in speech.words))
        placed = Placed(speech, turn, sound, start, said)
        self._queue.append(placed)
        state = self._turn(turn)
        state.spoken.append(said)
        state.waiting += 1
        state.cut = False
        return placed

    def finish(self, turn: int) -> None:
        """No more speech will come for ``turn``."""
        self._turn(turn).finished = True

    def drained(self, turn: int) -> bool:
        """Whether ``turn`` is finished and handed out, or was cut."""
        return self._turn(turn).drained

    def heard(self, turn: int) -> str:
        """The words of ``turn`` of which at least half has been handed out, as written."""
        state = self._turns.get(turn)
        return _joined("".join(s.words[: s.heard]) for s in state.spoken) if state else ""

    def take(self, count: int) -> Block:
        """Hand out the next ``count`` samples."""
        pcm, gain = self._sounding(count)
        self._gain = gain
        begun, voiced = self._beginnings(count) if not self.held else ((), ())
        if self._tail is not None:
            tail = self._tail[:count]
            pcm[: len(tail)] += tail
            self._tail = self._tail[count:] if len(self._tail) > count else None
        self._position += count
        if self.held:
            self._offset += count
        self._account()
        return Block(pcm, begun, voiced)

    def skip(self, count: int) -> None:
        """Pass over ``count`` samples that nobody asked for; speech waits."""
        self._position += count
        self._offset += count
        self._quiet_until += count

    def duck(self) -> None:
        """Lower the voice."""
        self._aim = DUCKED

    def hold(self) -> None:
        """Fade out and keep the place."""
        if not self.held:
            self._fade_out()
            self._held_at = self._cursor

    def resume(self, delay: int) -> bool:
        """Raise the voice again; after a hold go on from the start of the word that was broken.

        Args:
            delay: Samples from now at which held speech goes on.

        Returns:
            Whether speech was held.
        """
        self._aim = 1.0
        if self._held_at is None:
            return False
        begin = self._broken(self._held_at)
        self._held_at = None
        self._gain = 1.0
        self._offset = self._position + delay - begin
        self._quiet_until = self._position + delay
        for placed in self._queue:
            placed.announced = False
        return True

    def cut(self) -> None:
        """Fade out and drop everything."""
        if not self.held:
            self._fade_out()
        self._account()
        self._queue.clear()
        for state in self._turns.values():
            state.cut = not state.drained or state.cut
            state.waiting = 0
        self._held_at = None
        self._gain = self._aim = 1.0

    @property
    def _cursor(self) -> int:
        """The script's sample that is heard next."""
        return self._position - self._offset if self._held_at is None else self._held_at

    def _turn(self, turn: int) -> _Turn:
        if turn not in self._turns:
            self._turns[turn] = _Turn()
            while len(self._turns) > _KEPT_TURNS:
                self._turns.popitem(last=False)
        return self._turns[turn]

    def _sounding(self, count: int) -> tuple[FloatArray, float]:
        """The next ``count`` samples without the fade of a hold or cut, and the gain after them."""
        pcm = np.zeros(count, np.float32)
        first = self._position - self._offset
        if self.held or not self._queue or self._queue[0].start >= first + count:
            return pcm, self._aim
        for placed in self._queue:
            a, b = max(placed.start, first), min(placed.end, first + count)
            if a < b:
                pcm[a - first : b - first] = placed.sound[a - placed.start : b - placed.start]
        since = self._position - self._quiet_until
        if since < _FADE:
            pcm[: max(0, -since)] = 0.0
            rising = pcm[max(0, -since) :]
            rise = _RISE[max(0, since) :][: len(rising)]
            rising[: len(rise)] *= rise
        if self._gain == self._aim == 1.0:
            return pcm, 1.0
        way = np.float32(self._aim - self._gain)
        steps = np.minimum(np.arange(1, count + 1) * _DUCK_STEP, abs(way)).astype(np.float32)
        gains = self._gain + np.sign(way) * steps
        pcm *= gains.astype(np.float32)
        return pcm, self._aim if steps[-1] >= abs(way) else float(gains[-1])

    def _beginnings(
        self, count: int
    ) -> tuple[tuple[tuple[Placed, int, int], ...], tuple[tuple[int, int], ...]]:
        """What begins to be heard in the next ``count`` samples."""
        now = max(self._position, self._quiet_until)
        until = self._position + count
        begun: list[tuple[Placed, int, int]] = []
        voiced: list[tuple[int, int]] = []
        for placed in self._queue:
            at = self.at(placed)
            if max(at, now) >= until:
                break
            if not placed.announced:
                placed.announced = True
                heard_from = max(at, now)
                begun.append((placed, heard_from - self._position, heard_from - at))
            state = self._turn(placed.turn)
            first = max(now, at + onset(placed.speech) * placed.scale)
            if not state.voiced and first < until and placed.said.words:
                state.voiced = True
                voiced.append((placed.turn, first - self._position))
        return tuple(begun), tuple(voiced)

    def _account(self) -> None:
        """Count the words that were handed out and forget clauses that are over."""
        cursor = self._cursor
        for placed in self._queue:
            if placed.start >= cursor:
                break
            count = sum(start + end < 2 * cursor for _, start, end in placed.words())
            placed.said.heard = max(placed.said.heard, count)
        while self._queue and self._queue[0].end <= cursor:
            placed = self._queue.popleft()
            placed.said.heard = len(placed.said.words)
            self._turn(placed.turn).waiting -= 1

    def _broken(self, at: int) -> int:
        """The start of the word that lies around sample ``at`` of the script, or ``at``."""
        for placed in self._queue:
            for _, start, end in placed.words():
                if start < at < end:
                    return start
        return at

    def _fade_out(self) -> None:
        tail, _ = self._sounding(_FADE)
        if tail.any():
            self._tail = tail * _RISE[::-1]


def onset(speech: Speech) -> int:
    """The first sample of ``speech`` that is not silence, by its phones; 0 when all of it is."""
    return next((phone.start for phone in speech.phones if phone.symbol != SILENCE), 0)


def _joined(clauses: Iterable[str]) -> str:
    """Clauses as one text; those of a language with spaces keep them."""
    text = ""
    for clause in clauses:
        apart = text[-1:].isascii() and clause[:1].isascii() and text and clause
        text += f" {clause}" if apart and not text[-1].isspace() else clause
    return text
