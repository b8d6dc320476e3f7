"""What every synthesizer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.types import Clause, Language, Speech
from digital_human.speech.voices import Voice


def never() -> bool:
    """A ``cancelled`` that never fires."""
    return False


class Synthesizer(Protocol):
    """Speaks one clause at a time; safe to call from several threads.

    Attributes:
        rate: Samples per second of what it makes.
        languages: Languages it can read.
        fingerprint: Changes when the same text could sound different (model file, code version);
            part of the key of cached clauses.
    """

    rate: int
    languages: frozenset[Language]

    @property
    def fingerprint(self) -> str: ...

    def warm(self, voice: Voice) -> None:
        """Load all that the first clause of ``voice`` in any of its languages would wait for.

        Raises:
            WeightsError: The model is not there.
        """
        ...

    def synthesize(
        self,
        clause: Clause,
        voice: Voice,
        *,
        lexicon: Lexicon | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Speech:
        """Speak ``clause``.

        Args:
            clause: What to say; its pause is added as silence.
            voice: Voice of this engine.
            lexicon: Pronunciation entries.
            cancelled: Asked while the model runs; when it says yes, the work is dropped.

        Returns:
            Sound whose phones cover it without gaps. A clause with nothing to read gives its pause.

        Raises:
            Cancelled: ``cancelled`` said yes.
            InputError: The voice cannot read the clause's language or its style is unknown.
            WeightsError: The model is not there.
        """
        ...
