"""The teacher: what the program's own articulation makes of a synthesizer's phoneme marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from digital_human.face.animation.articulation import STEP, articulate
from digital_human.face.animation.heardmel import HOP, RATE
from digital_human.face.animation.prosody import analyse, pauses
from digital_human.speech.types import Clause, Phone, Speech

Array = np.ndarray
LEAD, TAIL = 0.3, 0.4  # s of silence around the speech
FRAME = 0.04  # s; closures last at least this long
_FOREVER = 1e9


@dataclass(frozen=True)
class Marked:
    """Speech and its phones.

    Attributes:
        pcm: int16 [n] at `RATE`, without silence around it.
        symbols: The phones.
        times: float64 [phones, 3]: start and end in seconds, stress.
    """

    pcm: Array
    symbols: Sequence[str]
    times: Array


def rows(marked: Marked) -> tuple[Array, Array]:
    """(pcm float64 [n] with silence around the speech, rows float32 [m, pose + 3] of 10 ms).

    The last three columns are the closure of the lips, lip on teeth, and silence.
    """
    sound = marked.pcm.astype(np.float64) / 32767
    pcm = np.concatenate([np.zeros(round(LEAD * RATE)), sound, np.zeros(round(TAIL * RATE))])
    count = len(pcm) // HOP
    phones = tuple(
        Phone(symbol, round(start * RATE), round(end * RATE), stress)
        for symbol, (start, end, stress) in zip(marked.symbols, marked.times, strict=True)
    )
    speech = Speech(Clause("", "en"), "", sound.astype(np.float32), RATE, phones, (), 0)
    prosody = analyse(speech, LEAD)
    end = LEAD + len(sound) / RATE
    silences = pauses([(-_FOREVER, LEAD), *prosody.silences, (end, _FOREVER)])
    track = articulate(prosody.gestures, silences, 0, 2 * count, FRAME)
    time = np.arange(count) * 2 * STEP
    quiet = np.zeros(count, bool)
    for a, b in silences:
        quiet |= (time >= a) & (time < b)
    table = np.column_stack([track.pose[::2], track.lips[::2], track.teeth[::2], quiet])
    return pcm, table.astype(np.float32)
