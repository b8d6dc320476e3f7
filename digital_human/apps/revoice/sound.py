"""The recording that gives a video its new lips: read, written down and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from scipy.ndimage import uniform_filter1d

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.media.muxer import AUDIO_RATE
from digital_human.safety.moderation import Moderator, Verdict
from digital_human.speech.hearing import EAR_RATE, Heard
from digital_human.speech.recognizers import RECOGNIZERS
from digital_human.speech.recognizers.base import Recognizer

MAX_SECONDS = 1800.0
_MIN_SECONDS = 0.3
_SILENT = 1e-3  # peak below −60 dBFS
_PIECE, _LEAST = 25.0, 12.0  # s heard at once: at most, and before a pause is looked for
_HOP = 0.02  # s
_HINT = "play it to check it, or convert it: ffmpeg -i IN OUT.wav"


@dataclass(frozen=True, slots=True)
class Words:
    """What a recording says, and what moderation thinks of it.

    Attributes:
        text: One line a piece.
        language: Of most pieces.
        verdict: Of moderation.
    """

    text: str
    language: Heard
    verdict: Verdict


def read_sound(path: Path) -> FloatArray:
    """The first sound track of any media file, float32 [n] mono at `AUDIO_RATE`.

    Raises:
        InputError: It cannot be read, holds no sound, or is too short, too long or silent.
    """
    if not path.is_file():
        raise InputError(f"audio {path}: there is no such file", fix="check the path")
    pieces: list[FloatArray] = []
    length = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise InputError(
                    f"audio {path}: holds no sound track", fix="give a recording of speech"
                )
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=AUDIO_RATE)
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    pieces.append(part.to_ndarray()[0].astype(np.float32))
                    length += len(pieces[-1])
                if length > MAX_SECONDS * AUDIO_RATE:
                    raise InputError(
                        f"audio {path}: longer than {MAX_SECONDS / 60:.0f} minutes",
                        fix="cut it into parts and re-voice them one after the other",
                    )
            pieces += [p.to_ndarray()[0].astype(np.float32) for p in resampler.resample(None)]
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"audio {path}: cannot be read ({error.strerror})", fix=_HINT) from None
    pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if len(pcm) < _MIN_SECONDS * AUDIO_RATE:
        raise InputError(
            f"audio {path}: {len(pcm) / AUDIO_RATE:.2f} s, at least {_MIN_SECONDS} s",
            fix="give a longer recording",
        )
    if not np.isfinite(pcm).all() or float(np.abs(pcm).max()) < _SILENT:
        raise InputError(f"audio {path}: silent or damaged", fix="give a recording of speech")
    return np.clip(pcm, -1.0, 1.0)


def write_down(
    pcm: FloatArray,
    language: Heard | None,
    progress: Callable[[float], None] = lambda share: None,
    recognizer: Recognizer | None = None,
) -> Words:
    """Recognise ``pcm``, float32 [n] mono at `AUDIO_RATE`, and judge what it says.

    Args:
        pcm: The recording.
        language: Spoken language; None tells Chinese and English apart, piece by piece.
        progress: Called with the share that is done.
        recognizer: By default the program's own.

    Raises:
        ResourceError: The recognizer is not installed.
        WeightsError: Its model is missing.
    """
    ears: Recognizer = recognizer or RECOGNIZERS["whisper"].create()
    sound = soxr.resample(pcm, AUDIO_RATE, EAR_RATE).astype(np.float32)
    lines: list[str] = []
    spoken: list[Heard] = []
    for start, end in _pieces(sound):
        heard = ears.recognise(sound[start:end], language=language)
        # What the guards drop may have been said: it is judged all the same.
        if text := heard.text or heard.dropped:
            lines.append(text)
            spoken.append(heard.language)
        progress(end / len(sound))
    text = "\n".join(lines)
    most: Heard = max(set(spoken), key=spoken.count) if spoken else language or "zh"
    return Words(text, most, Moderator.default().check(text))


def _pieces(sound: FloatArray) -> Iterator[tuple[int, int]]:
    """Stretches of at most `_PIECE` seconds, cut where it is quietest."""
    hop = round(_HOP * EAR_RATE)
    power = uniform_filter1d(np.square(sound, dtype=np.float64), 5 * hop, mode="nearest")[::hop]
    start = 0
    while len(sound) - start > _PIECE * EAR_RATE:
        first, last = (start + round(s * EAR_RATE) for s in (_LEAST, _PIECE))
        end = (first // hop + int(np.argmin(power[first // hop : last // hop]))) * hop
        yield start, end
        start = end
    yield start, len(sound)
