"""The microphone of one session: voice, turns, words.

Everything is timed by the samples received, so a recording fed in faster than real time gives the
same turns as a live microphone.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.core.health import Health
from digital_human.core.stage import Hung, ModelThread, Patience
from digital_human.errors import Cancelled
from digital_human.speech.echo import BLOCK, EchoCanceller
from digital_human.speech.endpoint import EndpointJudge
from digital_human.speech.hall import NearField
from digital_human.speech.hearing import (
    EAR_RATE,
    Abandon,
    Action,
    Commit,
    Decode,
    Heard,
    Judge,
    Mode,
    Started,
    Transcript,
)
from digital_human.speech.hotwords import HotWords
from digital_human.speech.recognizers.base import Recognised, Recognizer
from digital_human.speech.turn import TurnMachine
from digital_human.speech.turn_state import Phase
from digital_human.speech.vad import WINDOW, SileroVad

_KEPT = 32 * EAR_RATE
_PRE_ROLL = 0.5
_TAIL = 0.15  # After the last voiced window: the end of a final consonant.
_SURE = 0.9  # Certainty from which a language counts as the visitor's.
_OVERDUE = 1.7  # A recognition takes half a second, a judgement less.
_AGAIN = 2.0  # Its thread may hang, or the machine be busy: another one begins, both may answer.
_AGAIN_SHARE = 0.4  # Of the length of a long turn.
_GIVEN_UP = 4.0  # That much later both are; the turn machine waits longer still.

_Asked = TypeVar("_Asked", Decode, Judge)
_log = logging.getLogger(__name__)


class Listener:
    """Microphone of one session: VAD, echo guard, turn machine, end of turn and recogniser.

    Args:
        recognizer: Shared by sessions; runs in ``asr_thread``.
        judge: Shared by sessions; runs in ``judge_thread``.
        asr_thread: Thread of the recogniser.
        judge_thread: Thread of the judge.
        machine: This session's turns.
        hot_words: Names that the persona and its knowledge care about.
        on_action: Told every action that is neither `Decode` nor `Judge`, on the event loop.
        health: Told when the recogniser or the judge fails and when it works.
        language: What the visitor speaks; None tells Chinese and English apart, turn by turn.
        near: Tells who stands near; None hears everybody.

    Attributes:
        language: As given.
        learns: Whether it gets used to who speaks, their language and how near they are; not while
            what is heard is meant for nobody.
    """

    def __init__(
        self,
        *,
        recognizer: Recognizer,
        judge: EndpointJudge,
        asr_thread: ModelThread,
        judge_thread: ModelThread,
        machine: TurnMachine,
        hot_words: HotWords,
        on_action: Callable[[Action], None],
        health: Health,
        language: Heard | None = None,
        near: NearField | None = None,
    ) -> None:
        self._recognizer, self._judge = recognizer, judge
        self._asr_thread, self._judge_thread = asr_thread, judge_thread
        self._machine, self._hot_words = machine, hot_words
        self._on_action, self._health = on_action, health
        self.language = language
        self._near = near
        self._usual: Heard | None = None
        self.learns = True
        self._vad = SileroVad()
        self._echo = EchoCanceller()
        self._ring = np.zeros(_KEPT, np.float32)
        self._received = 0
        self._cleaned = 0
        self._seen = 0
        self._rest = np.zeros(0, np.float32)
        self._decode: Decode | None = None
        self._asked: Judge | None = None
        self._decode_asked = asyncio.Event()
        self._judge_asked = asyncio.Event()
        self._turn_floor = 0.0

    # What comes in ------------------------------------------------------------------------------

    def hear(self, pcm: FloatArray) -> None:
        """Take what the microphone sent next: float32 [n] at 16 kHz, any n, −1…1."""
        self._received += pcm.size
        rest = np.concatenate((self._rest, np.asarray(pcm, np.float32)))
        whole = rest.size // BLOCK * BLOCK
        for first in range(0, whole, BLOCK):
            self._keep(self._echo(rest[first : first + BLOCK]))
            while self._cleaned - self._seen >= WINDOW:
                self._listen()
        self._rest = rest[whole:]

    def far_end(self, pcm: FloatArray) -> None:
        """What the digital human says, as it is sent: float32 [n] at 16 kHz."""
        self._echo.far_end(pcm)

    def set_mode(self, mode: Mode) -> None:
        """The digital human now listens, thinks or speaks."""
        self._do(self._machine.set_mode(mode, self.now))

    def button(self, down: bool) -> None:
        """Push to talk."""
        self._do(self._machine.button(self.now, down))

    @property
    def now(self) -> float:
        """Seconds of microphone received."""
        return self._received / EAR_RATE

    @property
    def open(self) -> bool:
        """Whether a turn has begun and is not over."""
        return self._machine.phase is not Phase.QUIET

    @property
    def _is_far(self) -> bool:
        """Whether the open turn is of somebody who does not stand near."""
        return (
            self._near is not None
            and self._machine.phase is not Phase.CLOSING  # the button says who is meant
            and self._near.is_far
        )

    # What is done about it ----------------------------------------------------------------------

    async def run(self) -> None:
        """Recognise and judge what the turn machine asks for, until cancelled.

        A recogniser that fails or hangs twice has heard nothing, which ends the turn; without a
        judge silence does.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._recognising(), name="listener-recognise")
            group.create_task(self._judging(), name="listener-judge")

    async def _recognising(self) -> None:
        while True:
            await self._decode_asked.wait()
            self._decode_asked.clear()
            if (asked := self._decode) is None:
                continue
            heard: Recognised | None = None
            text = ""
            try:
                heard, text = await self._recognise(asked)
            except Cancelled:
                continue
            except Exception as error:
                told = self._health.failed if asked.final else self._health.suspected
                told("recogniser", error)
            else:
                self._health.worked("recogniser")
            if asked is self._decode:
                self._decode = None
            if self._is_far and asked.final:
                heard, text = None, ""
            transcript = self._transcript(asked, heard, text)
            self._do(self._machine.decoded(self.now, transcript, asked.final))

    async def _recognise(self, asked: Decode) -> tuple[Recognised, str]:
        """What was heard, and its text with hot words corrected.

        A visitor has spoken only once: after a failure the same sound is recognised again, and in
        another thread when the first does not come back.
        """
        pcm = self._between(self._onset(asked), asked.end + _TAIL)
        language, usual = self.language, self._usual if self.learns else None

        def work() -> tuple[Recognised, str]:
            heard = self._recognizer.recognise(
                pcm,
                language=language,
                usual=usual,
                prompt=self._hot_words.prompt(language),
                cancelled=lambda: self._decode is not asked,
            )
            return heard, self._hot_words.correct(heard.text)

        again = max(_AGAIN, _AGAIN_SHARE * pcm.size / EAR_RATE)
        patience = Patience(
            again + _GIVEN_UP if asked.final else again,
            _OVERDUE,
            lambda error: self._health.suspected("recogniser", error),
            again if asked.final else math.inf,
        )
        try:
            return await self._asr_thread.call_within(patience, work)
        except (Cancelled, Hung):
            raise
        except Exception:
            if not asked.final:
                raise
            _log.warning("the recogniser failed and is asked again", exc_info=True)
            return await self._asr_thread.call_within(patience, work)

    async def _judging(self) -> None:
        while True:
            await self._judge_asked.wait()
            self._judge_asked.clear()
            if (asked := self._asked) is None:
                continue
            self._asked = None
            pcm = self._between(self._onset(asked), asked.end)
            try:
                probability = await self._judge_thread.call_within(
                    Patience(_OVERDUE), self._judge, pcm
                )
            except Exception as error:
                self._health.failed("judge", error)
                continue
            self._health.worked("judge")
            self._do(self._machine.judged(self.now, probability, asked))

    def _transcript(self, asked: Decode, heard: Recognised | None, text: str) -> Transcript:
        language = self.language or self._usual or "zh"
        if heard is None:
            return Transcript("", language, asked.start, asked.end, 0, 0.0)
        if heard.dropped:
            _log.info("%d characters dropped as a hallucination", len(heard.dropped))
        sure = asked.final and heard.text and heard.certainty >= _SURE
        if sure and self.learns and self.language is None:
            self._usual = heard.language
        return Transcript(
            text=text,
            language=heard.language,
            start=asked.start,
            end=asked.end,
            revision=0,
            confidence=heard.confidence,
            raw=heard.text,
        )

    # The voice ----------------------------------------------------------------------------------

    def _listen(self) -> None:
        """One VAD window."""
        window = self._slice(self._seen, self._seen + WINDOW)
        self._seen += WINDOW
        probability = self._vad(window)
        level = 10.0 * float(np.log10(np.mean(np.square(window)) + 1e-12))
        if probability >= self._machine.policy.voice_stay and self._echo.is_echo():
            probability = 0.0
        if self._near is not None and not self._near(
            level,
            voiced=probability >= self._machine.policy.voice_stay,
            going_on=self.open,
            speaking=self._machine.mode is Mode.SPEAKING,
        ):
            probability = 0.0
        self._do(self._machine.voice(self._seen / EAR_RATE, probability, level))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Decode):
                self._decode = action
                self._decode_asked.set()
            elif isinstance(action, Judge):
                self._asked = action
                self._judge_asked.set()
            else:
                if isinstance(action, Abandon) and action.reason == "empty" and self._is_far:
                    action = replace(action, reason="far")
                if isinstance(action, (Commit, Abandon)):
                    self._decode = self._asked = None
                if self._near is not None and isinstance(action, Started):
                    self._near.begin()
                if isinstance(action, Commit):
                    self._turn_floor = action.transcript.end
                    if self._near is not None and self.learns:
                        self._near.understood()
                self._on_action(action)

    # The sound ----------------------------------------------------------------------------------

    def _onset(self, asked: _Asked) -> float:
        return max(asked.start - _PRE_ROLL, min(self._turn_floor, asked.start))

    def _keep(self, block: FloatArray) -> None:
        first = self._cleaned % _KEPT
        self._ring[first : first + BLOCK] = block
        self._cleaned += BLOCK

    def _between(self, start: float, end: float) -> FloatArray:
        return self._slice(round(start * EAR_RATE), round(end * EAR_RATE))

    def _slice(self, start: int, end: int) -> FloatArray:
        """A copy of samples [start, end), as far as they are kept."""
        start = max(start, self._cleaned - _KEPT, 0)
        end = min(end, self._cleaned)
        return self._ring[np.arange(start, max(start, end)) % _KEPT]
