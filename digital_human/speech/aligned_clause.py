"""Sound of an engine that tells no times → a clause's `Speech`, its times found by alignment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import structlog

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError, ResourceError
from digital_human.speech.alignment import DOUBTFUL, align
from digital_human.speech.loudness import limit
from digital_human.speech.synthesizers.base import never
from digital_human.speech.synthesizers.timing import silences
from digital_human.speech.text.clauses import speakable
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import SILENCE
from digital_human.speech.types import Clause, Phone, Speech
from digital_human.speech.voices import Voice

log = structlog.get_logger()

RATE = 24_000
_LEAD, _TAIL, _FADE = 0.03, 0.06, 0.004  # s kept before and after the voice, and of fading


def nothing_to_read(clause: Clause) -> bool:
    """Whether the clause is only a pause."""
    return not speakable(clause.text)


def aligned_speech(
    clause: Clause,
    pcm: FloatArray,
    rate: int,
    voice: Voice,
    *,
    lexicon: Lexicon | None = None,
    cancelled: Callable[[], bool] = never,
) -> Speech:
    """Trim, amplify and time what an engine made of ``clause``.

    Args:
        clause: What was asked for; its pause is added.
        pcm: float32 [n], mono, as the engine made it; empty where there is nothing to read.
        rate: Its samples per second.
        voice: Its gain and tempo are used.
        lexicon: Pronunciation entries.
        cancelled: Asked while the alignment runs.

    Raises:
        ResourceError: The sound is silent or far too short for the text.
        Cancelled: ``cancelled`` said yes.
    """
    tempo = voice.speed * clause.delivery.speed
    pause = np.zeros(round(clause.pause / tempo * rate / 1000), np.float32)
    sound = _trimmed(pcm, rate)
    if not len(sound):
        if not nothing_to_read(clause):
            raise _unusable(clause, "is silent")
        quiet = (Phone(SILENCE, 0, len(pause)),) if len(pause) else ()
        return Speech(clause, "", pause, rate, quiet, (), clause.epoch)
    try:
        found = align(
            sound, rate, clause.text, clause.language, lexicon=lexicon, cancelled=cancelled
        )
    except InputError as error:
        raise _unusable(clause, error.message) from error
    if found.confidence < DOUBTFUL:
        log.warning(
            "the sound hardly fits its text: the lips may be off", voice=voice.name,
            confidence=round(found.confidence, 2), characters=len(clause.text),
        )  # fmt: skip
    phones = found.phones
    if len(pause):
        last = phones[-1]
        end = len(sound) + len(pause)
        start = last.start if last.symbol == SILENCE else last.end
        phones = (*(p for p in phones if p.start < start), Phone(SILENCE, start, end))
    gain = np.float32(10 ** ((voice.gain + clause.delivery.loudness) / 20))
    whole = np.concatenate([sound * gain, pause])
    return Speech(clause, found.spoken, limit(whole, rate), rate, phones, found.words, clause.epoch)


def _trimmed(pcm: FloatArray, rate: int) -> FloatArray:
    """The sound without most of the silence at its ends, faded in and out."""
    if not len(pcm) or float(np.abs(pcm).max()) < 1e-4:
        return np.zeros(0, np.float32)
    start, end = 0, len(pcm)
    for a, b in silences(pcm, rate):
        if a == 0:
            start = max(0, b - int(_LEAD * rate))
        if b == len(pcm):
            end = min(end, a + int(_TAIL * rate))
    if end <= start:
        return np.zeros(0, np.float32)
    sound = np.array(pcm[start:end], np.float32)
    fade = np.linspace(0, 1, min(int(_FADE * rate), len(sound)), dtype=np.float32)
    sound[: len(fade)] *= fade
    sound[len(sound) - len(fade) :] *= fade[::-1]
    return sound


def _unusable(clause: Clause, why: str) -> ResourceError:
    return ResourceError(
        f"the engine's sound for {len(clause.text)} characters cannot be used: {why}",
        fix="try again; if it stays so, listen to what the engine makes of this text",
    )
