"""Clauses to speech for live sessions: prepared ones at once, others from the engine's thread."""

from __future__ import annotations

from collections.abc import Callable

from digital_human.core.stage import ModelThread, Patience
from digital_human.speech.speaker import Speaker
from digital_human.speech.synthesizers.base import never
from digital_human.speech.types import Clause, Speech

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

    async def speak(self, clause: Clause, *, cancelled: Callable[[], bool] = never) -> Speech:
        """Speak ``clause``.

        Raises:
            Cancelled: ``cancelled`` said yes before the speech was there.
            InputError: The voice cannot read the clause's language.
            Hung: The synthesizer does not come back; the next clause gets another thread.
        """
        kept = await self._recall_thread.call(self._speaker.recall, clause)
        if kept is not None:
            return kept
        return await self._thread.call_within(
            Patience(_HANG_SECONDS), self._speaker.speak, clause, cancelled=cancelled
        )
