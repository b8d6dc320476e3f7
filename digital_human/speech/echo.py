"""Keeps the digital human's own voice out of its ears.

A browser cancels the echo of what it plays, but not every client does and none does so at once.
WebRTC's AEC3 takes out what it has learnt of the room, and what it has not is recognised by its
likeness to what was played: the residual's normalised cross-correlation with the reference.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from digital_human.core.frames import FloatArray
from digital_human.errors import ResourceError, install_fix
from digital_human.speech.hearing import EAR_RATE

BLOCK = EAR_RATE // 100
"""Samples that the canceller takes at a time: 10 ms."""

_HEARD = 4096  # Samples of the microphone that are compared: 256 ms.
_DELAY = 9600  # Longest way from the server to the loudspeaker and back that is looked for: 600 ms.
_KEPT = 1 << 14
_AHEAD = EAR_RATE // 2  # The reference may run ahead of the microphone by this much.
_SLACK = EAR_RATE // 50  # By more all the time: the microphone's sound was lost.
_WATCHED = EAR_RATE  # Samples of reference over which the least lead is looked for.
_ALIKE = (
    0.25  # Measured on the AEC challenge: residual echo ≥ 0.25, near end and double talk below.
)
_SILENT = 1e-4
_STRETCH = EAR_RATE // 10  # Samples over which levels are compared.
_ROUND_TRIP = EAR_RATE // 4  # Before a level, in which what is played counts.
_PLAYED = 0.01  # Peak of a reference that sounds.
_SPAN, _ENOUGH = 60, 10  # Levels kept, and levels needed.
_INAUDIBLE = -60.0  # dBFS
_RAISED = 4.0  # dB above the room's own noise that count as echo.


class EchoPath:
    """Tells whether the loudspeaker reaches the microphone at all, by their levels.

    Behind headphones or a browser's own canceller it does not: the microphone is as quiet while the
    reference sounds as it is otherwise, and a canceller would only harm the visitor's voice.

    Attributes:
        present: Whether there is echo; assumed until a second of reference has been compared.
    """

    def __init__(self) -> None:
        self.present = True
        self._sounding: deque[float] = deque(maxlen=_SPAN)
        self._quiet: deque[float] = deque(maxlen=_SPAN)

    def note(self, level: float, sounding: bool) -> None:
        """The microphone's level in dBFS over a tenth of a second."""
        (self._sounding if sounding else self._quiet).append(level)
        if len(self._sounding) >= _ENOUGH:
            floor = float(np.quantile(self._quiet, 0.4)) if self._quiet else -100.0
            heard = float(np.quantile(self._sounding, 0.4))
            self.present = heard > max(_INAUDIBLE, floor + _RAISED)


class EchoCanceller:
    """Acoustic echo cancellation of one session's microphone, in the order of its samples.

    The reference is laid on the microphone's sample line as it arrives, so the delay between the
    two is that of the network and the room. Nothing is done until a reference arrives, and the
    microphone is left as it is while the reference does not reach it.
    """

    def __init__(self) -> None:
        self._processor: Any = None
        self._reference = np.zeros(_KEPT + _AHEAD + EAR_RATE, np.float32)
        self._origin = -_KEPT  # Microphone sample of the reference buffer's first.
        self._written = 0  # One past the last reference sample, on the microphone's line.
        self._lead = _AHEAD  # Least that it was ahead of the microphone lately.
        self._watched = 0
        self._cleaned = np.zeros(_HEARD, np.float32)
        self._now = 0
        self._path = EchoPath()
        self._power = 0.0

    def far_end(self, pcm: FloatArray) -> None:
        """What is being sent out, float32 [n] at 16 kHz.

        Raises:
            ResourceError: The canceller's package is not installed.
        """
        if self._processor is None:
            if not np.any(np.abs(pcm) > _SILENT):
                return
            self._processor = _processor()
        start = max(self._written, self._now)
        start -= self._surplus(start - self._now, pcm.size)
        room = self._origin + self._reference.size - start
        pcm = pcm[: max(0, min(room, self._now + _AHEAD - start))]
        first = start - self._origin
        self._reference[first : first + pcm.size] = pcm
        self._written = start + pcm.size

    def __call__(self, block: FloatArray) -> FloatArray:
        """The microphone's next 10 ms, float32 [160], without the echo."""
        if self._processor is not None:
            first = self._now - self._origin
            self._processor.process_reverse_stream(_pcm16(self._reference[first : first + BLOCK]))
            cleaned = self._processor.process_stream(_pcm16(block))
            self._measure(block)
            if self._path.present:
                block = np.frombuffer(cleaned, "<i2").astype(np.float32) / 32768.0
        self._now += BLOCK
        self._cleaned = np.concatenate((self._cleaned[BLOCK:], block))
        self._slide()
        return block

    def _surplus(self, lead: int, size: int) -> int:
        """Samples of waiting reference that are dropped, since the microphone will never reach
        them: packets of its sound were lost, or it was away.

        Args:
            lead: Samples that the reference is ahead.
            size: Samples that come now.
        """
        self._lead = min(self._lead, lead)
        self._watched += size
        if self._watched < _WATCHED:
            return 0
        surplus, self._lead, self._watched = self._lead, _AHEAD, 0
        if surplus <= _SLACK:
            return 0
        first = self._now - self._origin
        waiting = self._reference[first : first + lead]
        waiting[: lead - surplus] = waiting[surplus:].copy()
        waiting[lead - surplus :] = 0.0
        return surplus

    def is_echo(self) -> bool:
        """Whether the last 256 ms that came out are still mostly what was played."""
        end = self._now - self._origin
        if self._processor is None or not self._path.present:
            return False
        reference = self._reference[max(0, end - _HEARD - _DELAY) : end]
        if not np.any(np.abs(reference) > _SILENT):
            return False
        return _likeness(self._cleaned, reference) >= _ALIKE

    def _measure(self, block: FloatArray) -> None:
        """Compare the microphone's level with what is played, every tenth of a second."""
        self._power += float(block @ block) / _STRETCH
        if self._now % _STRETCH:
            return
        level = 10.0 * float(np.log10(self._power + 1e-12))
        self._power = 0.0
        end = self._now - self._origin
        played = self._reference[max(0, end - _ROUND_TRIP) : end]
        self._path.note(level, bool(np.abs(played).max(initial=0.0) > _PLAYED))

    def _slide(self) -> None:
        passed = self._now - _KEPT - self._origin
        if passed < EAR_RATE // 2:
            return
        self._reference[:-passed] = self._reference[passed:]
        self._reference[-passed:] = 0.0
        self._origin += passed


def _likeness(heard: FloatArray, played: FloatArray) -> float:
    """Largest normalised cross-correlation over all delays, 0…1, of the first differences.

    The difference is a rough whitening: without it the low frequencies of two different voices
    are alike.

    Args:
        heard: float32 [n].
        played: float32 [n + longest delay], ending at the same time.
    """
    heard, played = np.diff(heard), np.diff(played)
    lags = played.size - heard.size + 1
    size = 1 << int(played.size + heard.size).bit_length()
    spectrum = np.fft.rfft(played, size) * np.conj(np.fft.rfft(heard, size))
    correlation = np.abs(np.fft.irfft(spectrum, size)[:lags])
    energy = np.concatenate(([0.0], np.cumsum(played.astype(np.float64) ** 2)))
    windows = energy[heard.size :] - energy[: -heard.size]
    scale = np.sqrt(np.maximum(windows, 1e-9) * max(float(heard @ heard), 1e-9))
    return float(np.max(correlation / scale))


def _pcm16(pcm: FloatArray) -> bytes:
    return (np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def _processor() -> Any:
    try:
        from aec_audio_processing import AudioProcessor
    except ModuleNotFoundError as error:
        raise ResourceError(
            "the echo guard needs the package 'aec-audio-processing'",
            fix=install_fix("live"),
        ) from error
    processor = AudioProcessor(enable_aec=True, enable_ns=False, enable_agc=False, enable_vad=False)
    processor.set_stream_format(EAR_RATE, 1)
    processor.set_reverse_stream_format(EAR_RATE, 1)
    processor.set_stream_delay(0)
    return processor
