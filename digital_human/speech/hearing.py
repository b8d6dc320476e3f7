"""What the ears tell the conversation: the vocabulary between listener, turn machine and session.

Times are seconds on the microphone's own sample clock (samples received / 16,000).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

EAR_RATE = 16_000
Heard = Literal["zh", "en", "ja"]


class Mode(Enum):
    """What the digital human is doing; thresholds of the turn machine depend on it."""

    IDLE = "idle"
    THINKING = "thinking"
    SPEAKING = "speaking"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said, as far as it is known.

    Attributes:
        text: Simplified Chinese or English, hot words corrected, without hallucinations; may be "".
        language: Language of the text.
        start: Onset of the voice.
        end: True end of the voice so far (hangover subtracted).
        revision: Grows with every decode of the same turn.
        confidence: 0…1, from the recogniser's mean log probability.
        raw: The recogniser's own words before correction.
    """

    text: str
    language: Heard
    start: float
    end: float
    revision: int
    confidence: float
    raw: str = ""


# What the turn machine asks of the listener …


@dataclass(frozen=True, slots=True)
class Decode:
    """Recognise the turn from ``start`` up to ``end`` now; ``final`` when the voice has paused."""

    start: float
    end: float
    final: bool


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the end-of-turn model about the turn from ``start`` up to ``end``."""

    start: float
    end: float


# … and what it tells the conversation.


@dataclass(frozen=True, slots=True)
class Started:
    """A voice began at ``at`` (onset, not its detection)."""

    at: float


@dataclass(frozen=True, slots=True)
class Partial:
    """The turn's text so far."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Speculate:
    """The turn may be over with this text: start thinking, say nothing yet."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class Commit:
    """The turn is over: answer this.

    Attributes:
        transcript: The final text.
        by: What ended it.
        waited: Seconds from the true end of speech to this decision.
    """

    transcript: Transcript
    by: Literal["endpoint", "silence", "button", "typed", "limit"]
    waited: float


@dataclass(frozen=True, slots=True)
class Abandon:
    """What was heard needs no answer.

    Attributes:
        reason: Noise, a back-channel, a voice without words, or one from further off.
        voiced: Seconds of voice.
    """

    reason: Literal["noise", "backchannel", "empty", "far"]
    voiced: float = 0.0


@dataclass(frozen=True, slots=True)
class Duck:
    """Somebody may be interrupting: lower the voice at once."""

    at: float


@dataclass(frozen=True, slots=True)
class Hold:
    """It goes on: pause speaking, keep the place."""

    at: float


@dataclass(frozen=True, slots=True)
class Resume:
    """It was no interruption: go on from where the voice was held."""

    at: float


@dataclass(frozen=True, slots=True)
class Interrupt:
    """It is one: stop, forget what was not said."""

    at: float
    by: Literal["voice", "button", "typed"]


Action = (
    Decode | Judge | Started | Partial | Speculate | Commit | Abandon | Duck | Hold | Resume
    | Interrupt
)  # fmt: skip
