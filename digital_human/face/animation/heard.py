"""Mouth movement from sound alone, for speech that comes without marks.

A small convolution net (`scripts/train/lips` trains it) turns log-mel frames into the rows that
`articulate` would make of the speech's marks. It sees 50 ms of mel frames ahead; with half a frame
window and the step between two rows a row is known 70 ms after its sound.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import WeightsError
from digital_human.face.animation.articulation import (
    GAP,
    LEAST_GAP,
    LIP_SPEED,
    NAMES,
    REST_OPEN,
    REST_SHUT,
    Array,
    smoothstep,
)  # fmt: skip
from digital_human.face.animation.heardmel import HOP, RANGE, RATE, WINDOW, Mel, MelStream
from digital_human.face.animation.mouth import Mouth

ROW = HOP / RATE  # s between rows
PAST, AHEAD = 61, 5  # mel frames the net sees before and after a row
LOOKAHEAD = (AHEAD + 1) * ROW + WINDOW / 2 / RATE  # s of sound after a moment that show it
_MODEL = Path(__file__).with_name("heard.onnx")
_SHA256 = "4a67f4410ec7bb4235fe0b748c4d9af67b59e97d5eb4381ef5ef927fd5d0536d"
_POSE = len(NAMES)
_PIECE = 1000  # rows of one run
_SILENT = -38.0  # dB below the speaker's loud parts: no speech
_NOTHING = -60.0  # dBFS: no speech either
_LOUD = -30.0  # dBFS that is speech without having risen above anything
_RISE = 4.0  # dB above the noise so far that softer sound must have to begin speech after a pause
_ABSENT = -85.0  # dBFS: no noise, but no sound at all
_PAUSED = 30  # rows without speech that make a pause
_RISES = 0.02  # dB per row by which that noise is thought to grow
_SMOOTH = 5  # rows over which noise is measured
_BRIGHT = 8  # first mel band (500 Hz) of those in which it is
_HOLD = 2  # rows speech goes on after its last sound
_BEGINS, _ENDS = 0.35, 0.65  # chances of silence below which speech begins, above which it ends
_SURE = 3  # rows in which speech must be likely before the mouth opens
_CLOSING = 1.6  # times as fast as they open lips close; they meet at speed (Löfqvist & Gracco 1997)
_CLOSED, _OPEN = 0.8, 0.1  # chances of a closure that count as certain and as none


@dataclass(frozen=True, slots=True)
class Heard:
    """Rows of `ROW` seconds.

    Attributes:
        pose: float64 [n, channels] in the order of `articulation.NAMES`.
        lips: float64 [n], closure of the lips.
        teeth: float64 [n], contact of the lower lip and the upper teeth.
        speech: bool [n], whether somebody speaks.
        level: float64 [n], loudness in dB below the loud parts.
    """

    pose: Array
    lips: Array
    teeth: Array
    speech: np.ndarray[tuple[int], np.dtype[np.bool_]]
    level: Array

    def __len__(self) -> int:
        return len(self.lips)

    def __add__(self, other: Heard) -> Heard:
        return Heard(
            np.concatenate([self.pose, other.pose]),
            np.concatenate([self.lips, other.lips]),
            np.concatenate([self.teeth, other.teeth]),
            np.concatenate([self.speech, other.speech]),
            np.concatenate([self.level, other.level]),
        )

    @classmethod
    def none(cls) -> Heard:
        """No rows."""
        empty = np.zeros(0)
        return cls(np.zeros((0, _POSE)), empty, empty, np.zeros(0, bool), empty)

    def mouth(self, row: float) -> Mouth:
        """The mouth at a fractional row; the first and last row go on for ever."""
        at = float(np.clip(row, 0.0, len(self) - 1.0))
        i = min(int(at), max(0, len(self) - 2))
        j, u = min(i + 1, len(self) - 1), at - i

        def between(curve: Array) -> Array:
            return np.asarray(curve[i] * (1.0 - u) + curve[j] * u)

        return Mouth(between(self.pose), float(between(self.lips)), float(between(self.teeth)))


def open_net(path: Path) -> Any:
    """An ONNX Runtime session of a net that `scripts/train/lips` wrote."""
    return _open(path.read_bytes())


def _open(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@lru_cache(maxsize=1)
def _shipped_net() -> Any:
    """The program's own net, checked and opened once.

    Raises:
        WeightsError: The file is missing or is not the one this program was released with.
    """
    try:
        model = _MODEL.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{_MODEL}: {error.strerror}", fix="install digital-human again"
        ) from error
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise WeightsError(f"{_MODEL}: not the file released", fix="install digital-human again")
    return _open(model)


class HeardMouth:
    """Listens to one stream of sound and gives the mouth that goes with it.

    Row i belongs to `ROW` × i seconds after the first sample fed and needs `LOOKAHEAD` of sound
    after it (and, unless the rate is 16 kHz, the few milliseconds the resampler holds back). How
    the sound is cut into pieces makes no difference. One instance belongs to one thread at a time.

    Args:
        rate: Samples per second.
        net: From `open_net`; by default the program's own.

    Raises:
        WeightsError: The net's file is missing or damaged.
    """

    def __init__(self, rate: int, net: Any = None) -> None:
        self._net = _shipped_net() if net is None else net
        self._mel = MelStream(rate)
        self._frames = Mel.silence(PAST)
        self._noise = np.inf
        self._open = 0.0
        self._lips = 0.0
        self._since = _PAUSED + 1
        self._likely = 0
        self._ended = False

    def feed(self, pcm: FloatArray) -> Heard:
        """The rows that ``pcm``, float32 [n] mono, −1…1, completes; none while too little came."""
        return self._rows(self._mel.feed(pcm))

    def finish(self) -> Heard:
        """The last rows, as if silence followed; the mouth is closed at their end."""
        self._ended = True
        closing = round(REST_SHUT / ROW) + _HOLD + AHEAD + 1
        mel = self._mel.feed(np.zeros(WINDOW, np.float32), last=True)
        return self._rows(mel + Mel.silence(closing))

    def _rows(self, mel: Mel) -> Heard:
        self._frames = self._frames + mel
        rows = Heard.none()
        while (count := min(_PIECE, len(self._frames) - PAST - AHEAD)) > 0:
            part = self._frames[: count + PAST + AHEAD]
            (out,) = self._net.run(["rows"], {"mel": part.bands[None]})
            rows = rows + self._settled(out[0].astype(np.float64), part[PAST:])
            self._frames = self._frames[count:]
        return rows

    def _settled(self, out: Array, mel: Mel) -> Heard:
        """Decided closures, and a closed mouth where nobody speaks."""
        chance = 1.0 / (1.0 + np.exp(-out[:, _POSE:]))
        lips, teeth = (smoothstep((chance[:, k] - _OPEN) / (_CLOSED - _OPEN)) for k in range(2))
        level = mel.level
        sound = (level > _SILENT) & (level + mel.loud > _NOTHING)
        coming = np.lib.stride_tricks.sliding_window_view(sound, AHEAD + 1).any(1)
        begins = coming & (chance[:, 2] < _BEGINS) & (not self._ended)
        stands_out = self._stands_out(mel)
        goes_on = coming & (chance[:, 2] < _ENDS)
        pose = np.clip(out[:, :_POSE], 0.0, 1.0)
        travel = ROW * LIP_SPEED / np.maximum(pose @ GAP, LEAST_GAP)
        share = np.empty(len(out))
        speech = np.empty(len(out), bool)
        for i in range(len(out)):
            likely = begins[i] and (stands_out[i] or self._since <= _PAUSED)
            self._likely = self._likely + 1 if likely else 0
            voiced = goes_on[i] if self._since <= _HOLD else self._likely >= _SURE
            self._since = 0 if voiced else self._since + 1
            speech[i] = self._since <= _HOLD
            step = ROW / REST_OPEN if speech[i] else -ROW / REST_SHUT
            self._lips += min(_CLOSING * travel[i], max(-travel[i], lips[i] - self._lips))
            lips[i] = self._lips
            share[i] = self._open = min(1.0, max(0.0, self._open + step))
        share = smoothstep(share)
        return Heard(
            pose * share[:, None],
            lips * share,
            teeth * share * (1.0 - lips),
            speech,
            level[: len(out)].astype(np.float64),
        )

    def _stands_out(self, mel: Mel) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Rows that are loud, or louder than the noise of the stream so far."""
        windows = np.lib.stride_tricks.sliding_window_view
        count = len(mel) - AHEAD
        level = (mel.level + mel.loud)[: count + _SMOOTH - 1]
        bands = mel.bands[: len(level), _BRIGHT:].astype(np.float64).mean(1)
        bright = (bands - 1.0) * (RANGE / 2) + mel.loud[: len(level)]
        smooth = windows(bright, _SMOOTH).mean(1)
        there = windows(level, _SMOOTH).min(1) > _ABSENT
        grown = np.arange(1, count + 1) * _RISES
        lows = np.concatenate([[self._noise], np.where(there, smooth, np.inf) - grown])
        noise = np.minimum.accumulate(lows)[1:] + grown
        if count:
            self._noise = float(noise[-1])
        risen = smooth > noise + _RISE
        return np.asarray(risen | (windows(level, _SMOOTH).max(1) > _LOUD))


def hear(pcm: FloatArray, rate: int) -> Heard:
    """The mouth for a whole sound, float32 [n] mono; row i is at `ROW` × i seconds."""
    mouth = HeardMouth(rate)
    return mouth.feed(np.asarray(pcm, np.float32)) + mouth.finish()
