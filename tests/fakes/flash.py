"""Flash and beep: a source whose pictures and sound prove that they are in step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.fakes.webrtc import SIZE

PERIOD = 20  # frames from flash to flash
LENGTH = 4  # frames of a flash and of its beep
RATE = 48_000


class FlashAndBeep:
    """Every `PERIOD` frames a white picture and a beep of 1 kHz; dark and silent otherwise."""

    def sound(self, pts: int) -> Any:
        tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(1920) / RATE)
        return (tone if pts % PERIOD < LENGTH else 0 * tone).astype(np.float32)

    def picture(self, pts: int) -> Any:
        level = 235 if pts % PERIOD < LENGTH else 20
        return np.full((SIZE[1], SIZE[0], 3), level, np.uint8)


@dataclass(frozen=True)
class Seen:
    """What a decoder makes of a file or a stream.

    Attributes:
        codecs: Names of the video's and the audio's codec.
        start: Seconds of the first picture.
        pictures: Number of pictures.
        flashes: Seconds at which flashes begin.
        beeps: Seconds at which beeps begin.
    """

    codecs: tuple[str, str]
    start: float
    pictures: int
    flashes: list[float]
    beeps: list[float]

    @property
    def skews(self) -> list[float]:
        """Seconds from each flash to the nearest beep."""
        return [min((beep - flash for beep in self.beeps), key=abs) for flash in self.flashes]


def watch(path: str | Path, *, seconds: float = 1e9) -> Seen:
    """Decode so many seconds of a file or an address."""
    light: list[tuple[float, bool]] = []
    loud: list[tuple[float, bool]] = []
    with av.open(str(path), timeout=10) as file:
        video, audio = file.streams.video[0], file.streams.audio[0]
        codecs = video.codec_context.name, audio.codec_context.name
        for frame in file.decode(video, audio):
            assert frame.time is not None
            if isinstance(frame, av.VideoFrame):
                light.append((frame.time, float(frame.to_ndarray(format="gray").mean()) > 128))
                if frame.time - light[0][0] > seconds:
                    break
            else:
                blocks = frame.to_ndarray()[0][: frame.samples // 96 * 96].reshape(-1, 96)
                for index, block in enumerate(blocks):
                    loud.append((frame.time + index * 96 / RATE, float(abs(block).max()) > 0.25))
    light.sort()
    return Seen(codecs, light[0][0], len(light), _begins(light), _begins(loud, 0.05))


def _begins(states: list[tuple[float, bool]], quiet: float = 0.0) -> list[float]:
    """Times of the changes from off, which lasted at least ``quiet`` seconds, to on."""
    begins, off_since = [], None
    for time, on in states:
        if not on:
            off_since = time if off_since is None else off_since
        elif off_since is not None:
            if time - off_since > quiet:
                begins.append(time)
            off_since = None
    return begins
