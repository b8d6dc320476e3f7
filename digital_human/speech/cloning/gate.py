"""Whether a voice can be made from recordings: every reason against it, with value and limit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digital_human.errors import InputError
from digital_human.speech.cloning.recordings import RATE, STEP, Recording

MOST_SPEECH = 180.0  # s; more makes the fitting slower, not the voice more alike
LEAST_SPEECH = 5.0  # s
_FEW_SPEECH = 10.0
_SHARE = 0.2  # of a recording that must be speech
_TONAL = 0.5
_CLIPPED, _SOME_CLIPPED = 1e-3, 1e-4
_ONE_VOICE = 0.45  # CAM++ cosine between the two halves that differ most
_WINDOW = 3.0  # s of one look at who speaks
_NOISY = 10.0  # dB


class RecordingsRefused(InputError):
    """No voice can be made from the recordings; the message gives every reason."""


def problems_of(recordings: Sequence[Recording]) -> tuple[float, list[str]]:
    """How far all is one voice, and why no voice can be made."""
    problems: list[str] = []
    speech = sum(r.speech_seconds for r in recordings)
    for recording in recordings:
        name = recording.path.name
        share = recording.speech_seconds / recording.seconds
        if share < _SHARE:
            problems.append(
                f"{name}: {100 * share:.0f} % of it is speech, under {100 * _SHARE:.0f} %"
                + ("; it sounds like music or hum" if recording.tonal > _TONAL else "")
            )
        elif recording.snr < _NOISY:
            kind = "music or hum" if recording.tonal > _TONAL else "noise"
            problems.append(
                f"{name}: {kind} lies {recording.snr:.0f} dB under the voice, less than {_NOISY:g}"
            )
        if recording.clipped > _CLIPPED:
            problems.append(
                f"{name}: {1000 * recording.clipped:.1f} of 1000 samples are cut off (clipping), "
                f"over {1000 * _CLIPPED:g}"
            )
    if speech < LEAST_SPEECH:
        problems.append(f"{speech:.1f} s of speech in all, under {LEAST_SPEECH:g} s")
    if problems:
        return 1.0, problems
    if (one_voice := one_voice_of(recordings)) < _ONE_VOICE:
        problems.append(
            f"two voices: the parts that differ most are {one_voice:.2f} alike, under {_ONE_VOICE}"
        )
    return one_voice, problems


def refused(problems: Sequence[str]) -> RecordingsRefused:
    """The error with all ``problems``."""
    return RecordingsRefused(
        "no voice can be made from these recordings:\n  " + "\n  ".join(problems),
        fix="record one person alone, near the microphone, in a quiet room, for ten seconds to "
        "three minutes, not too loud",
    )


def warnings_of(
    recordings: Sequence[Recording], cleaned: Sequence[str], lost: int
) -> tuple[str, ...]:
    """What would make a better voice.

    Args:
        recordings: All of them.
        cleaned: Names of those that noise was taken out of.
        lost: Utterances that were left out.
    """
    speech = sum(r.speech_seconds for r in recordings)
    warnings = []
    if speech < _FEW_SPEECH:
        warnings.append(f"{speech:.0f} s of speech: thirty seconds or more give a closer voice")
    if speech > MOST_SPEECH:
        warnings.append(f"{speech:.0f} s of speech: the first {MOST_SPEECH:.0f} s are used")
    if cleaned:
        warnings.append(f"noise was taken out of {', '.join(cleaned)}: a quiet room is better")
    if any(r.clipped > _SOME_CLIPPED for r in recordings):
        warnings.append("some samples are cut off: record with less gain")
    if lost:
        warnings.append(f"{lost} utterances were left out: what is said in them was not clear")
    return tuple(warnings)


def one_voice_of(recordings: Sequence[Recording]) -> float:
    """CAM++ cosine between the middles of the two groups into which all looks fall best."""
    from digital_human.speech.cloning.encoders import loss_encoder

    encoder = loss_encoder()
    looks = []
    for recording in recordings:
        speech = np.repeat(recording.speech, STEP)[: len(recording.pcm)]
        sound = recording.pcm[: len(speech)][speech][: int(MOST_SPEECH * RATE)]
        count = int(len(sound) / (_WINDOW * RATE))
        pieces = np.array_split(sound, count) if count else []
        looks += [encoder.embed(piece, RATE) for piece in pieces[:40]]
    if len(looks) < 2:
        return 1.0
    vectors = np.stack(looks)
    likeness = vectors @ vectors.T
    first, second = np.unravel_index(int(likeness.argmin()), likeness.shape)
    middles = vectors[[first, second]]
    for _ in range(10):
        near = (vectors @ middles.T).argmax(1)
        if near.all() or not near.any():
            return 1.0
        middles = np.stack([vectors[near == side].sum(0) for side in (0, 1)])
        middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    return float(middles[0] @ middles[1])
