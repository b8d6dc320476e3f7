"""Plays recordings to a listener on the clock of their own samples.

Recognising and judging take the time that their CPU use would take on two idle cores, counted in
microphone samples, so that a loaded machine gives the same turns as an idle one.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr

from digital_human.core.events import Events
from digital_human.core.frames import FloatArray
from digital_human.core.health import Health
from digital_human.core.stage import ModelThread, Patience
from digital_human.speech.endpoint import EndpointJudge
from digital_human.speech.hall import NearField
from digital_human.speech.hearing import EAR_RATE, Action, Mode
from digital_human.speech.hotwords import HotWords
from digital_human.speech.listener import Listener
from digital_human.speech.recognizers.base import Recognizer
from digital_human.speech.turn import TurnMachine
from digital_human.speech.turn_state import Phase, TurnPolicy
from digital_human.speech.vad import WINDOW, SileroVad

CHUNK = EAR_RATE // 50
PARALLEL = 1.4
"""CPU seconds of a decode with two threads over its wall seconds on two idle cores, measured."""


def load(path: Path) -> FloatArray:
    """A recording as float32 [n] mono at 16 kHz."""
    pcm, rate = sf.read(path, dtype="float32", always_2d=True)
    return soxr.resample(pcm.mean(axis=1), rate, EAR_RATE).astype(np.float32)


def silence(seconds: float) -> FloatArray:
    """Digital silence."""
    return np.zeros(round(seconds * EAR_RATE), np.float32)


def in_room(pcm: FloatArray, response: FloatArray, noise: FloatArray, snr: float) -> FloatArray:
    """``pcm`` in a room (its impulse response) with ``noise`` at ``snr`` dB."""
    start = int(np.argmax(np.abs(response)))
    far = np.convolve(pcm, response[start:] / np.abs(response).max())[: pcm.size]
    noise = np.resize(noise, pcm.size)
    gain = np.sqrt(np.mean(far**2) / (np.mean(noise**2) * 10 ** (snr / 10)))
    mixed = far + gain * noise
    return (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32)


def with_loss(pcm: FloatArray, share: float, seed: int = 0) -> FloatArray:
    """``pcm`` with that share of its 20 ms packets lost and not concealed."""
    lost = np.random.default_rng(seed).random(-(-pcm.size // CHUNK)) < share
    return np.where(np.repeat(lost, CHUNK)[: pcm.size], np.float32(0), pcm)


def pauses(pcm: FloatArray, least: float) -> tuple[float, float, list[float]]:
    """First onset, last end and the pauses of ``least`` seconds and more between, by VAD."""
    vad = SileroVad()
    voiced = [
        k for k in range(pcm.size // WINDOW) if vad(pcm[k * WINDOW : (k + 1) * WINDOW]) >= 0.5
    ]
    unit = WINDOW / EAR_RATE
    gaps = [(b - a - 1) * unit for a, b in zip(voiced, voiced[1:], strict=False)]
    return voiced[0] * unit, (voiced[-1] + 1) * unit, [gap for gap in gaps if gap >= least]


@dataclass(slots=True)
class Ears:
    """What a recording made the listener say: (seconds of microphone, action)."""

    actions: list[tuple[float, Action]] = field(default_factory=list)

    def of(self, *kinds: type) -> list[tuple[float, Any]]:
        """The actions of these kinds."""
        return [(at, action) for at, action in self.actions if isinstance(action, kinds)]


class _SampleClock:
    """Wakes sleepers when enough samples have come."""

    def __init__(self) -> None:
        self.now = 0.0
        self._computing = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        event = asyncio.Event()
        self._sleepers.append((self.now + seconds, event))
        await event.wait()

    def begin(self) -> None:
        self._computing += 1
        self._idle.clear()

    def end(self) -> None:
        self._computing -= 1
        if not self._computing:
            self._idle.set()

    async def computed(self) -> None:
        await self._idle.wait()

    def advance(self, now: float) -> None:
        self.now = now
        for due, event in self._sleepers:
            if due <= now:
                event.set()
        self._sleepers = [s for s in self._sleepers if s[0] > now]


class _TimedThread(ModelThread):
    """A model thread whose work takes its CPU time in microphone samples."""

    def __init__(self, name: str, clock: _SampleClock) -> None:
        super().__init__(name)
        self._clock = clock

    async def call(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._clock.begin()
        before = _cpu()
        try:
            result = await super().call(work, *args, **kwargs)
        finally:
            self._clock.end()
        await self._clock.sleep((_cpu() - before) / PARALLEL)
        return result

    async def call_within(
        self, patience: Patience, work: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        return await self.call(work, *args, **kwargs)  # a loaded machine is slow, not hung


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def threads(clock: _SampleClock) -> Iterator[tuple[ModelThread, ModelThread]]:
    """Threads for the recogniser and the judge."""
    with _TimedThread("asr", clock) as asr, _TimedThread("judge", clock) as judge:
        yield asr, judge


async def play(
    microphone: FloatArray,
    *,
    recognizer: Recognizer,
    judge: EndpointJudge,
    policy: TurnPolicy | None = None,
    words: tuple[str, ...] = (),
    far_end: FloatArray | None = None,
    mode: Mode = Mode.IDLE,
    near: NearField | None = None,
    speaking: bool = False,
    learns: bool = True,
    take: Callable[[float, Action], None] | None = None,
) -> Ears:
    """Let a listener hear ``microphone`` (float32 [n] at 16 kHz) as if it came live.

    Args:
        microphone: What it hears.
        recognizer: Of the listener.
        judge: Of the listener.
        policy: Thresholds of its turn machine.
        words: Hot words.
        far_end: What is sent out meanwhile, float32 [n] at 16 kHz.
        mode: What the digital human does meanwhile.
        near: Tells who stands near; None hears everybody.
        speaking: Whether it speaks again whenever nobody has the turn.
        learns: See `Listener`.
        take: Told every action too, with the seconds of microphone.
    """
    clock, ears, machine = _SampleClock(), Ears(), TurnMachine(policy or TurnPolicy())

    def told(action: Action) -> None:
        ears.actions.append((listener.now, action))
        if take is not None:
            take(listener.now, action)

    with threads(clock) as (asr, judging):
        listener = Listener(
            recognizer=recognizer,
            judge=judge,
            asr_thread=asr,
            judge_thread=judging,
            machine=machine,
            hot_words=HotWords(words),
            on_action=told,
            health=Health(Events("hearing", lambda: listener.now)),
            near=near,
        )
        listener.learns = learns
        listener.set_mode(mode)
        running = asyncio.create_task(listener.run())
        try:
            for first in range(0, microphone.size, CHUNK):
                if speaking and machine.phase is Phase.QUIET:
                    listener.set_mode(Mode.SPEAKING)
                if far_end is not None:
                    listener.far_end(far_end[first : first + CHUNK])
                listener.hear(microphone[first : first + CHUNK])
                clock.advance(listener.now)
                for _ in range(5):
                    await asyncio.sleep(0)
                await clock.computed()
        finally:
            running.cancel()
            await asyncio.wait({running})
    return ears
