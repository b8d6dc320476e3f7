"""What a turn machine knows: its thresholds, its phases and the turn that is open."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from digital_human.speech.hearing import Decode, Judge, Transcript


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """The thresholds, in seconds unless said otherwise.

    Attributes:
        voice_on: VAD probability of a voiced window while there is no voice.
        voice_stay: VAD probability of a voiced window while there is.
        on_windows: Voiced windows among the last ``on_span`` that begin a voice.
        on_span: See ``on_windows``.
        hangover: Unvoiced time that ends a voice.
        quiet: Windows below this level (dBFS) are never voiced.
        noise: A shorter voice is noise.
        partial: Time between decodes while the voice lasts.
        complete: Judge's probability from which a turn counts as complete.
        silence_complete: Silence that ends a turn the judge calls complete.
        silence_short: Silence that ends a short command or answer whatever the judge says.
        silence: Silence that ends any turn.
        silence_opening: Silence that ends a turn in which a question was only begun.
        judge_again: Silence at which a judge that said no is asked once more.
        limit: Longest turn.
        decode_timeout: How long a decode is waited for; whoever is asked gives up sooner.
        duck: Voice that lowers the digital human's own voice.
        hold: Voice that pauses it.
        interrupt: Voice that stops it, whatever the words.
        warm_up: After it began to speak the echo canceller still learns …
        warm_up_voice: … and a voice counts only when it is this long.
        undecided: Silence after which a held voice goes on while the words are still unknown.
        thinking_interrupt: Voice that goes on with the question while the answer is being made.
    """

    voice_on: float = 0.5
    voice_stay: float = 0.35
    on_windows: int = 2
    on_span: int = 3
    hangover: float = 0.096
    quiet: float = -60.0
    noise: float = 0.1
    partial: float = 0.9
    complete: float = 0.5
    silence_complete: float = 0.3
    silence_short: float = 0.7
    silence: float = 1.0
    silence_opening: float = 2.5
    judge_again: float = 0.5
    limit: float = 25.0
    decode_timeout: float = 15.0
    duck: float = 0.064
    hold: float = 0.096
    interrupt: float = 0.8
    warm_up: float = 0.3
    warm_up_voice: float = 0.2
    undecided: float = 1.2
    thinking_interrupt: float = 0.6


class Phase(Enum):
    """Where the visitor's turn is."""

    QUIET = "quiet"
    SUSPECT = "suspect"
    VOICE = "voice"
    PAUSE = "pause"
    PRESSED = "pressed"
    CLOSING = "closing"


class Floor(Enum):
    """What the visitor's voice has done to the digital human's."""

    FREE = "free"
    DUCKED = "ducked"
    HELD = "held"


@dataclass(slots=True)
class OpenTurn:
    """What is known of the turn that is open."""

    start: float
    end: float
    asked_at: float
    voiced: float = 0.0
    revision: int = 0
    pending: Decode | None = None
    final: Transcript | None = None
    last_text: str = ""
    speculated: str = ""
    asked: Judge | None = None
    judgements: int = 0
    probability: float | None = None
    broke_in: bool = False  # the voice has stopped what was thought or said
    by: Literal["button", "limit"] = "button"
