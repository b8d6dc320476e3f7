"""What every recognizer does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from digital_human.core.frames import FloatArray
from digital_human.speech.hearing import Heard
from digital_human.speech.synthesizers.base import never


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was said.

    Attributes:
        text: Simplified Chinese, English or Japanese with punctuation; "" when nothing was said.
        language: Of the text.
        confidence: 0…1, the geometric mean of the token probabilities.
        no_speech: 0…1, how likely there was no speech at all.
        certainty: 0…1, how sure the language is; 1 when it was given.
        dropped: What the model wrote and the guards took for a hallucination; "" when nothing.
    """

    text: str
    language: Heard
    confidence: float
    no_speech: float
    certainty: float = 1.0
    dropped: str = ""


class Recognizer(Protocol):
    """Writes down one stretch of speech at a time; safe to call from several threads.

    Attributes:
        languages: Languages it can write.
    """

    languages: frozenset[Heard]

    def recognise(
        self,
        pcm: FloatArray,
        *,
        language: Heard | None,
        usual: Heard | None = None,
        prompt: str = "",
        cancelled: Callable[[], bool] = never,
    ) -> Recognised:
        """Write down ``pcm``.

        Args:
            pcm: float32 [n] at 16 kHz, −1…1; only the last 28 s are heard.
            language: Spoken language; None tells Chinese and English apart.
            usual: Language this visitor has spoken so far: without strong evidence it stays so.
            prompt: Names that may come up, as a text in the spoken language, or a line for each
                script.
            cancelled: Asked between the parts of the work; when it says yes, the work is dropped.

        Returns:
            The text, empty for noise and silence.

        Raises:
            Cancelled: ``cancelled`` said yes.
            InputError: The language is not one it can write.
        """
        ...
