"""Clauses to speech for live sessions: prepared ones at once, others from the engine's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from digital_human.core.stage import ModelThread, Patience
from digital_human.errors import InputError
from digital_human.speech.loudness import limit
from digital_human.speech.speaker import Speaker
from digital_human.speech.synthesizers.base import never
from digital_human.speech.types import NEUTRAL, Clause, Delivery, Speech

SPEEDS, GAINS = (0.85, 1.2), (-6.0, 6.0)
"""What a visitor may wish: times the tempo, and decibels."""
_HANG_SECONDS = 15.0  # the longest clause on a busy machine takes less


class Mouth:
    """One voice of one session.

    Args:
        speaker: The voice; its cache should only be read.
        thread: The synthesizer's thread, shared by all sessions.
        recall_thread: Where the cache is read, so that a prepared clause never waits for a model.
    """

    def __init__(self, speaker: Speaker, thread: ModelThread, recall_thread: ModelThread) -> None:
        self._speaker, self._thread, self._recall_thread = speaker, thread, recall_thread
        self._manner = NEUTRAL

    def wish(self, speed: float, gain: float) -> None:
        """Speak so from the next clause on.

        Args:
            speed: Times the tempo; the speech is made at that tempo, so its phones are exact.
            gain: Decibels, under the limiter.

        Raises:
            InputError: One of them is out of range.
        """
        for name, value, (least, most) in (("speed", speed, SPEEDS), ("gain", gain, GAINS)):
            if not least <= value <= most:
                raise InputError(f"{name} {value:g}", fix=f"give {least:g} to {most:g}")
        self._manner = Delivery(speed=speed, loudness=gain)

    def fitted(self, clause: Clause) -> Clause:
        """``clause`` in the manner that is wished."""
        return replace(clause, delivery=clause.delivery.then(self._manner))

    async def speak(self, clause: Clause, *, cancelled: Callable[[], bool] = never) -> Speech:
        """Speak ``clause``.

        Raises:
            Cancelled: ``cancelled`` said yes before the speech was there.
            InputError: The voice cannot read the clause's language.
            Hung: The synthesizer does not come back; the next clause gets another thread.
        """
        kept = await self._recall_thread.call(self._recall, clause)
        if kept is not None:
            return kept
        return await self._thread.call_within(
            Patience(_HANG_SECONDS), self._speaker.speak, clause, cancelled=cancelled
        )

    def _recall(self, clause: Clause) -> Speech | None:
        """``clause`` as it was prepared, also when it was prepared at another loudness."""
        if (kept := self._speaker.recall(clause)) is not None or not clause.delivery.loudness:
            return kept
        even = replace(clause, delivery=replace(clause.delivery, loudness=0.0))
        kept = self._speaker.recall(even)
        return None if kept is None else _louder(kept, clause)


def _louder(speech: Speech, clause: Clause) -> Speech:
    """``speech`` as the ``clause``, at its loudness; nothing in it moves."""
    gain = np.float32(10 ** (clause.delivery.loudness / 20))
    return replace(speech, clause=clause, pcm=limit(speech.pcm * gain, speech.rate))
