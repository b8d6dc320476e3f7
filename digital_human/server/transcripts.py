"""What was said in a recording, as the formats of a transcription show it."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import pysubs2

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.server.speech_models import (
    Segment,
    SpokenWord,
    VerboseTranscription,
)
from digital_human.speech.alignment import DOUBTFUL, align
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.recognizers.base import Recognised
from digital_human.speech.types import Language

_NAMES = {"zh": "chinese", "en": "english", "ja": "japanese"}


@dataclass(frozen=True, slots=True)
class Said:
    """A stretch of a recording, in samples at `EAR_RATE`, and what was said in it."""

    start: int
    end: int
    heard: Recognised


def words_of(pcm: FloatArray, said: Said, cancelled: Callable[[], bool]) -> list[SpokenWord]:
    """When each word of a stretch is said, by forced alignment; one that fails is one word.

    Args:
        pcm: float32 [n], the sound of the stretch at `EAR_RATE`.
        said: The stretch.
        cancelled: Asked while it is worked on.

    Raises:
        Cancelled: ``cancelled`` said yes.
    """
    start, text = said.start / EAR_RATE, said.heard.text
    try:
        found = align(pcm, EAR_RATE, text, said.heard.language, cancelled=cancelled)
    except InputError:
        found = None
    if found is None or found.confidence < DOUBTFUL / 2 or not found.words:
        return [SpokenWord(word=text, start=round(start, 3), end=round(said.end / EAR_RATE, 3))]
    return [
        SpokenWord(
            word=word.text.strip(),
            start=round(start + word.start / EAR_RATE, 3),
            end=round(start + word.end / EAR_RATE, 3),
        )
        for word in found.words
    ]


def joined(said: list[Said]) -> str:
    """The whole text."""
    joint = "" if said and said[0].heard.language in ("zh", "ja") else " "
    return joint.join(part.heard.text for part in said)


def _segment(number: int, part: Said) -> Segment:
    data = part.heard.text.encode()
    return Segment(
        id=number,
        start=round(part.start / EAR_RATE, 3),
        end=round(part.end / EAR_RATE, 3),
        text=part.heard.text,
        avg_logprob=round(math.log(max(part.heard.confidence, 1e-6)), 4),
        compression_ratio=round(len(data) / len(zlib.compress(data)), 3),
        no_speech_prob=round(part.heard.no_speech, 4),
    )


def verbose(
    said: list[Said], seconds: float, language: Language | None, words: list[SpokenWord] | None
) -> VerboseTranscription:
    """The stretches with all that is known of them.

    Args:
        said: The stretches.
        seconds: Length of the recording.
        language: As asked for; told when nothing was said.
        words: Times of the words, when they are wanted.
    """
    return VerboseTranscription(
        text=joined(said), language=_NAMES[said[0].heard.language if said else language or "zh"],
        duration=round(seconds, 3), words=words,
        segments=[_segment(i, part) for i, part in enumerate(said)],
    )  # fmt: skip


def subtitles(said: list[Said], kind: str) -> str:
    """The stretches as a file of subtitles, ``srt`` or ``vtt``."""
    file = pysubs2.SSAFile()
    for part in said:
        file.append(
            pysubs2.SSAEvent(
                start=round(part.start * 1000 / EAR_RATE),
                end=round(part.end * 1000 / EAR_RATE),
                text=part.heard.text,
            )
        )
    with io.StringIO() as target:
        file.to_file(target, kind)
        return target.getvalue()
