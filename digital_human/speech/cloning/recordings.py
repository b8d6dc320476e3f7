"""Recordings as users bring them: read, and measured for whether a voice can be taken from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from scipy.ndimage import binary_closing, median_filter
from scipy.signal import ShortTimeFFT, butter, sosfiltfilt

from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.models.files import file_sha256
from digital_human.speech.vad import WINDOW, SileroVad

RATE = 24_000
LONGEST = 20 * 60
_EAR = 16_000
_MAX_BYTES = 300_000_000
_SPEECH = 0.5  # probability of a voice
_GAP = 0.25  # s: shorter holes in speech are closures of stops
_MARGIN = 0.1  # s around speech that count neither as speech nor as background
_LEAST_BACKGROUND = 0.3  # s
_RUMBLE = 60.0  # Hz
_TONES = 200.0, 6000.0  # Hz
_FULL = 0.98  # of the loudest sample: the level of cut-off tops
_FLAT = 3  # samples in a row at the top
_EQUAL = 3e-4  # of the loudest sample: how far they may differ
_TONE_DB = 15.0  # by which steady tones stand out of a spectrum
_FFT = 1024
_MOST_DB = 12.0

# Nothing that a file names, such as the parts of a playlist, is opened.
_CAREFUL = {
    "protocol_whitelist": "file",
    "format_whitelist": "wav,w64,aiff,flac,mp3,ogg,mov,matroska,aac,amr,caf,au",
}

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Recording:
    """One file, decoded and measured.

    Attributes:
        path: The file.
        sha256: Of the file.
        pcm: float32 [n], mono, −1…1, at `RATE`.
        speech: Whether a voice is heard, bool for every `STEP` samples of ``pcm``.
        snr: Decibels between speech and background.
        clipped: Share of samples in cut-off tops.
        tonal: Share of the background's power in steady tones: music, hum.
    """

    path: Path
    sha256: str
    pcm: FloatArray
    speech: BoolArray
    snr: float
    clipped: float
    tonal: float

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.pcm) / RATE

    @property
    def speech_seconds(self) -> float:
        """How much of it is speech."""
        return float(self.speech.sum()) * STEP / RATE


STEP = WINDOW * RATE // _EAR
"""Samples of `Recording.pcm` to one decision about speech."""


def read_recording(path: Path) -> Recording:
    """Read a recording of any common format and measure it.

    Raises:
        InputError: There is no such file, or it is too large, too long, or no sound.
        ResourceError: The packages that hear speech are not installed.
    """
    if not path.is_file():
        raise InputError(f"--audio {path}: there is no such file", fix="check the path")
    if (size := path.stat().st_size) > _MAX_BYTES:
        raise InputError(
            f"--audio {path}: {size / 1e6:.0f} MB, over {_MAX_BYTES / 1e6:.0f}",
            fix="cut out ten seconds to three minutes of the person speaking",
        )
    sound, rate = _decode(path)
    pcm = _without_rumble(np.asarray(soxr.resample(sound, rate, RATE), np.float32))
    if not len(pcm) or float(np.abs(pcm).max()) < 1e-4:
        raise InputError(f"--audio {path}: is silent", fix="record the person speaking")
    speech = find_speech(pcm)
    snr, tonal = _background(pcm, speech)
    return Recording(path, file_sha256(path), pcm, speech, snr, _clipped(sound), tonal)


def find_speech(pcm: FloatArray) -> BoolArray:
    """Where a voice is heard: bool for every `STEP` samples of ``pcm`` (float32 [n] at `RATE`)."""
    heard = np.asarray(soxr.resample(pcm, RATE, _EAR), np.float32)
    count = -(-len(heard) // WINDOW)
    heard = np.pad(heard, (0, count * WINDOW - len(heard)))
    # A quiet recording is heard as well as a loud one.
    heard = heard * np.float32(0.5 / max(1e-4, float(np.abs(heard).max())))
    vad = SileroVad()
    voiced = np.array([vad(window) > _SPEECH for window in heard.reshape(count, WINDOW)])
    gap = max(1, round(_GAP * RATE / STEP))
    padded = np.pad(voiced, gap)
    return np.asarray(binary_closing(padded, np.ones(gap, bool))[gap:-gap], np.bool_)


def denoised(pcm: FloatArray, speech: BoolArray) -> FloatArray:
    """``pcm`` with less of the noise that is heard between the words.

    A Wiener filter whose signal-to-noise ratio is found by decision direction (Ephraim and Malah,
    1984), with the noise's spectrum from the parts without speech. It takes `_MOST_DB` away at
    most: more changes whom the encoders hear, as WebRTC's noise suppression does at any level.

    Args:
        pcm: float32 [n] at `RATE`.
        speech: As `find_speech` gives it.

    Returns:
        float32 [n]; ``pcm`` itself when it has no part without speech.
    """
    quiet = np.repeat(~_near(speech), STEP)[: len(pcm)]
    quiet = np.pad(quiet, (0, len(pcm) - len(quiet)))
    if quiet.sum() < _LEAST_BACKGROUND * RATE:
        return pcm
    transform = ShortTimeFFT(np.hanning(_FFT + 1)[:-1] ** 0.5, _FFT // 4, RATE)
    spectrum = transform.stft(np.pad(pcm, (0, _FFT)))
    power = np.abs(spectrum) ** 2
    centres = np.clip(np.round(transform.t(len(pcm) + _FFT) * RATE).astype(int), 0, len(pcm) - 1)
    noise = power[:, quiet[centres]].mean(axis=1) + 1e-12
    after = power / noise[:, None]
    gains = np.empty_like(after)
    before = np.ones(len(noise))
    floor = 10 ** (-_MOST_DB / 20)
    for at in range(after.shape[1]):
        ratio = 0.94 * before + 0.06 * np.maximum(after[:, at] - 1, 0)
        gains[:, at] = np.maximum(ratio / (1 + ratio), floor)
        before = gains[:, at] ** 2 * after[:, at]
    clean = transform.istft(spectrum * gains, k1=len(pcm))
    return np.asarray(clean, np.float32)


def _near(speech: BoolArray) -> BoolArray:
    """Where speech is, with a margin around it."""
    margin = max(1, round(_MARGIN * RATE / STEP))
    return np.asarray(np.convolve(speech, np.ones(2 * margin + 1), "same") > 0)


def _decode(path: Path) -> tuple[FloatArray, int]:
    """Mono sound of the first audio stream of ``path``, and its rate."""
    import av

    try:
        with av.open(str(path), metadata_errors="ignore", options=_CAREFUL) as container:
            if not container.streams.audio:
                raise InputError(f"--audio {path}: has no sound", fix="give a sound file")
            stream = container.streams.audio[0]
            rate = int(stream.rate)
            mono = av.AudioResampler(format="fltp", layout="mono", rate=rate)
            parts: list[FloatArray] = []
            length = 0
            for frame in container.decode(stream):
                for piece in mono.resample(frame):
                    parts.append(piece.to_ndarray().reshape(-1).astype(np.float32))
                    length += len(parts[-1])
                if length > LONGEST * rate:
                    raise InputError(
                        f"--audio {path}: longer than {LONGEST // 60} minutes",
                        fix="cut out ten seconds to three minutes of the person speaking",
                    )
            parts += [p.to_ndarray().reshape(-1).astype(np.float32) for p in mono.resample(None)]
    except (av.FFmpegError, ValueError, OSError) as error:
        raise InputError(
            f"--audio {path}: cannot be read as sound: {error}",
            fix="give WAV, FLAC, MP3, OGG or M4A",
        ) from error
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return np.nan_to_num(sound), rate


def _without_rumble(pcm: FloatArray) -> FloatArray:
    """``pcm`` without what lies under every voice: hum, steps, wind."""
    if len(pcm) < RATE // 10:
        return pcm
    filtered = sosfiltfilt(butter(2, _RUMBLE, "highpass", fs=RATE, output="sos"), pcm)
    return np.asarray(filtered, np.float32)


def _clipped(sound: FloatArray) -> float:
    """Share of samples that stand in flat tops: runs of equal extreme samples."""
    peak = float(np.abs(sound).max(initial=0.0))
    if peak < 0.05:
        return 0.0
    flat = np.abs(sound) >= _FULL * peak
    flat[1:] &= np.abs(np.diff(sound)) <= _EQUAL * peak
    runs = flat.copy()
    for shift in range(1, _FLAT):
        runs[shift:] &= flat[:-shift]
        runs[:shift] = False
    return float(runs.mean())


def _background(pcm: FloatArray, speech: BoolArray) -> tuple[float, float]:
    """Decibels of speech over background, and the share of steady tones in the background."""
    count = min(len(pcm) // STEP, len(speech))
    power = (pcm[: count * STEP].reshape(count, STEP).astype(np.float64) ** 2).mean(1) + 1e-12
    voiced = speech[:count]
    quiet = ~_near(voiced)
    if not voiced.any():
        return 0.0, _tonal(pcm)
    if quiet.sum() * STEP >= _LEAST_BACKGROUND * RATE:
        floor = float(np.median(power[quiet]))
        background = pcm[: count * STEP].reshape(count, STEP)[quiet].reshape(-1)
    else:  # Speech all the way: its shortest breaths tell.
        floor = float(np.percentile(power, 3))
        background = np.zeros(0, np.float32)
    loud = float(power[voiced].mean())
    snr = 10 * np.log10(max(loud - floor, 1e-12) / floor)
    return float(snr), _tonal(background)


def _tonal(pcm: FloatArray) -> float:
    """Share of the power in narrow bands that stand out and stay: tones, not noise."""
    size = 2048
    if len(pcm) < 2 * size:
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(pcm, size)[:: size // 2]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    low, high = (round(hertz * size / RATE) for hertz in _TONES)
    mean = np.exp(np.log(spectrum[:, low:high] + 1e-14).mean(0))
    smooth = median_filter(mean, 41)
    tones = mean > smooth * 10 ** (_TONE_DB / 10)
    return float(mean[tones].sum() / mean.sum())
