"""Sound files over HTTP: encoding as sound is made, decoding what was sent, finding speech."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.speech.hearing import EAR_RATE
from digital_human.speech.vad import WINDOW, SileroVad

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


@dataclass(frozen=True, slots=True)
class _Kind:
    media_type: str
    container: str
    codec: str
    bit_rate: int = 0


FORMATS: tuple[Format, ...] = ("mp3", "opus", "aac", "flac", "wav", "pcm")

_KINDS: dict[Format, _Kind] = {
    "mp3": _Kind("audio/mpeg", "mp3", "libmp3lame", 64_000),
    "opus": _Kind("audio/ogg", "ogg", "libopus", 48_000),
    "aac": _Kind("audio/aac", "adts", "aac", 64_000),
    "flac": _Kind("audio/flac", "flac", "flac"),
    "wav": _Kind("audio/wav", "wav", "pcm_s16le"),
    "pcm": _Kind("audio/pcm", "s16le", "pcm_s16le"),
}

# Nothing that a file names, such as the parts of a playlist, is opened.
_CAREFUL = {
    "protocol_whitelist": "none",
    "format_whitelist": "wav,w64,aiff,flac,mp3,ogg,mov,matroska,aac,amr,caf,au",
}

_RATES = 4000, 192_000  # samples per second that recordings have

# Stretches of speech: probability that begins and keeps one, the gap that ends it, what is kept on
# either side, and the longest that a recogniser hears whole.
_VOICE = 0.5
_GAP, _MARGIN, _LONGEST = 0.6, 0.2, 25.0


def media_type(kind: Format) -> str:
    """MIME type of a format."""
    return _KINDS[kind].media_type


class Encoder:
    """Encodes sound piece by piece; what comes out joined is a file that plays.

    Args:
        kind: Format; ``pcm`` is 16 bit little-endian without a header, as OpenAI's is.
        rate: Samples per second.
        tags: Container tags, where the format has any.
        whole: Whether the pieces are only taken at the end, so that the head can tell the length.
    """

    def __init__(
        self, kind: Format, rate: int, tags: Mapping[str, str], *, whole: bool = True
    ) -> None:
        form = _KINDS[kind]
        self._pipe: Any = io.BytesIO() if whole else _Pipe()
        self._whole = whole
        options = {"write_xing": "0"} if kind == "mp3" and not whole else {}
        self._out = av.open(self._pipe, "w", format=form.container, options=options)
        self._out.metadata.update(tags)
        stream: Any = self._out.add_stream(form.codec, rate=rate, layout="mono")
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        self._stream = stream
        self._rate = rate
        self._done = 0

    def encode(self, pcm: FloatArray) -> bytes:
        """Take float32 [n], −1…1; gives what can already be sent."""
        samples = np.rint(np.clip(pcm, -1, 1) * 32767).astype(np.int16)
        if len(samples):
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._done
            self._done += len(samples)
            self._out.mux(self._stream.encode(frame))
        return b"" if self._whole else self._taken()

    def close(self) -> bytes:
        """End the file; gives the rest of it."""
        self._out.mux(self._stream.encode(None))
        self._out.close()
        return self._taken()

    def _taken(self) -> bytes:
        data: bytes = self._pipe.getvalue() if self._whole else self._pipe.taken()
        return data


class _Pipe:
    """A file that only grows and is emptied as it does."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def taken(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data


def decode(data: bytes, seconds: float) -> FloatArray:
    """The sound of a file of any kind that FFmpeg reads: float32 [n] at `EAR_RATE`, mono.

    Args:
        data: The file.
        seconds: Longest sound that is taken.

    Raises:
        InputError: It is no sound, is damaged at its beginning, is too long, or has a sample rate
            that no recording has.
    """
    pieces: list[FloatArray] = []
    count = 0
    resampler = AudioResampler("flt", "mono", EAR_RATE)
    try:
        with av.open(io.BytesIO(data), "r", options=_CAREFUL) as file:
            if not file.streams.audio:
                raise InputError("file: there is no sound in it", fix="send a sound file")
            for frame in file.decode(audio=0):
                _check(frame, count, seconds)
                for part in resampler.resample(frame):
                    pieces.append(part.to_ndarray()[0].astype(np.float32))
                    count += part.samples
            pieces.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    except (FFmpegError, ValueError, OSError) as error:
        if not pieces:
            raise InputError(
                f"file: cannot be read as sound ({type(error).__name__})",
                fix="send wav, flac, mp3, ogg, m4a or webm",
            ) from None
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.asarray(np.nan_to_num(np.clip(sound, -1, 1)), np.float32)


def _check(frame: av.AudioFrame, count: int, seconds: float) -> None:
    """Refuse a frame before it grows, by resampling, to more than may follow ``count`` samples."""
    low, high = _RATES
    if not low <= frame.sample_rate <= high:
        raise InputError(
            f"file: its sample rate is {frame.sample_rate} Hz",
            fix=f"send sound of {low} to {high} Hz",
        )
    if frame.samples * EAR_RATE > (seconds * EAR_RATE - count) * frame.sample_rate:
        raise InputError(
            f"file: the sound is longer than {seconds / 60:g} minutes", fix="send it in parts"
        )


def stretches(pcm: FloatArray) -> Iterator[tuple[int, int]]:
    """Where somebody speaks, in samples at `EAR_RATE`; none is longer than 25 s.

    Long speech is parted where a voice is least likely, in the last third of the 25 s.
    """
    vad = SileroVad()
    windows = len(pcm) // WINDOW
    voice = np.array(
        [vad(np.ascontiguousarray(pcm[i * WINDOW : (i + 1) * WINDOW])) for i in range(windows)]
    )
    spoken = np.flatnonzero(voice >= _VOICE)
    if not len(spoken):
        return
    gap = int(_GAP * EAR_RATE / WINDOW)
    longest = int((_LONGEST - 2 * _MARGIN) * EAR_RATE / WINDOW)
    margin = int(_MARGIN * EAR_RATE)
    for run in np.split(spoken, np.flatnonzero(np.diff(spoken) > gap) + 1):
        start, end = int(run[0]), int(run[-1]) + 1
        while end - start > longest:
            cut = start + longest * 2 // 3
            cut += int(np.argmin(voice[cut : start + longest]))
            yield max(0, start * WINDOW - margin), cut * WINDOW
            start = cut
        yield max(0, start * WINDOW - margin), min(len(pcm), end * WINDOW + margin)
