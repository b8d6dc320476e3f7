"""Makes clean synthetic speech sound like recordings people make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import butter, fftconvolve, sosfilt
from teacher import Marked
from teacher import rows as teach

from digital_human.face.animation.articulation import COLUMN, NAMES, smoothstep
from digital_human.face.animation.heardmel import BANDS, HOP, RATE, Mel, mel_of

Array = np.ndarray
ROW = len(NAMES) + 3  # pose, lips, teeth, quiet
_BREATH = {"jawOpen": 0.22, "mouthLowerDown": 0.15}  # the mouth that breathes in audibly
_HEARD = -30.0  # dB below speech from which on a breath within speech opens the mouth
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz, of the mel bands


@dataclass(frozen=True)
class Room:
    """Recorded noises and room impulse responses, float64 [n] at `RATE`."""

    noises: list[Array]
    impulses: list[Array]


def load_room(folder: Path | None) -> Room:
    """``noise*`` and ``rir*`` of a folder; without one, noise is coloured and rooms are none."""
    found: dict[str, list[Array]] = {"noise": [], "rir": []}
    for path in sorted(folder.glob("*.wav")) if folder else []:
        pcm, rate = soundfile.read(path, always_2d=True)
        sound = soxr.resample(pcm[:, 0], rate, RATE)
        for kind, sounds in found.items():
            if path.stem.startswith(kind):
                sounds.append(sound)
    return Room(found["noise"], found["rir"])


def load_speech(folder: Path) -> list[tuple[Array, Array]]:
    """(pcm float64 [n], rows float32 [m, ROW]) of every file of `synth.py`."""
    items = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            marked = Marked(file["pcm"], file["symbols"].tolist(), file["times"])
        items.append(teach(marked))
    return items


def _coloured(rng: np.random.Generator, n: int) -> Array:
    """Noise with a slope of 0 to −6 dB per octave."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    slope = rng.uniform(0.0, 1.0)
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 4.0) ** slope, n)


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(x**2) + 1e-12))


def disturb(pcm: Array, rng: np.random.Generator, room: Room) -> Array:
    """A room, a microphone, noise, a codec and a level, each now and then."""
    if rng.random() < 0.4:
        if room.impulses and rng.random() < 0.5:
            impulse = room.impulses[int(rng.integers(len(room.impulses)))]
        else:  # a decaying tail after the direct sound
            t = np.arange(int(0.3 * RATE)) / RATE
            tail = rng.standard_normal(len(t)) * np.exp(-6.9 * t / rng.uniform(0.1, 0.5))
            impulse = tail / _rms(tail) / np.sqrt(len(t)) * 10 ** rng.uniform(-1.0, -0.2)
            impulse[0] = 1.0
        impulse = impulse[int(np.argmax(np.abs(impulse))) :]  # the direct sound comes at once
        pcm = fftconvolve(pcm, impulse)[: len(pcm)] / (np.abs(impulse).max() + 1e-9)
    if rng.random() < 0.6:  # a shelf or a bump
        low, high = np.sort(np.exp(rng.uniform(np.log(80), np.log(7000), 2)))
        if high > 1.3 * low:
            part = sosfilt(butter(1, [low, high], "bandpass", fs=RATE, output="sos"), pcm)
            pcm = pcm + part * (10 ** (rng.uniform(-10, 8) / 20) - 1)
    if rng.random() < 0.3:
        pcm = sosfilt(butter(2, rng.uniform(60, 250), "highpass", fs=RATE, output="sos"), pcm)
    if rng.random() < 0.25:
        pcm = sosfilt(butter(6, rng.uniform(3200, 7500), fs=RATE, output="sos"), pcm)
    if rng.random() < 0.75:
        noise = _coloured(rng, len(pcm))
        if room.noises and rng.random() < 0.6:
            source = room.noises[int(rng.integers(len(room.noises)))]
            noise = np.resize(np.roll(source, int(rng.integers(len(source)))), len(pcm))
        speech = _rms(pcm[np.abs(pcm) > 0.02 * np.abs(pcm).max()])
        pcm = pcm + noise * speech / _rms(noise) * 10 ** (-rng.uniform(8, 45) / 20)
    if rng.random() < 0.1:  # μ-law, 8 bits
        peak = np.abs(pcm).max() + 1e-9
        coded = np.sign(pcm) * np.log1p(255 * np.abs(pcm) / peak) / np.log(256)
        coded = np.round(coded * 127) / 127
        pcm = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255 * peak
    return pcm / (np.abs(pcm).max() + 1e-9) * 10 ** (-rng.uniform(1, 30) / 20)


def warp(pcm: Array, rows: Array, factor: float) -> tuple[Array, Array]:
    """Played ``factor`` times as fast: tempo and pitch change together, with the rows."""
    sound = soxr.resample(pcm, RATE * factor, RATE)
    at = np.arange(len(sound) // HOP) * factor
    columns = [np.interp(at, np.arange(len(rows)), column) for column in rows.T]
    return sound, np.column_stack(columns).astype(np.float32)


def _breath(rng: np.random.Generator, count: int) -> Array:
    """An inhalation of ``count`` rows: noise shaped by an open mouth, RMS 1 where it is loudest."""
    n = count * HOP
    noise = sosfilt(butter(2, rng.uniform(400, 1000), "highpass", fs=RATE, output="sos"),
                    rng.standard_normal(n))  # fmt: skip
    sound = noise * rng.uniform(0.05, 0.3)
    for low, high in ((600, 1100), (1100, 2100), (2100, 3400), (3400, 5200), (5000, 7200)):
        centre, width = rng.uniform(low, high), rng.uniform(0.1, 0.3)
        edges = [centre * (1 - width), min(centre * (1 + width), 7800.0)]
        sos = butter(1, edges, "bandpass", fs=RATE, output="sos")
        sound = sound + sosfilt(sos, noise) * 10 ** (rng.uniform(-12, 6) / 20)
    t = np.linspace(0.0, 1.0, n)
    peak = rng.uniform(0.3, 0.9)
    swell = np.where(t < peak, t / peak, (1.0 - t) / (1.0 - peak)) ** rng.uniform(0.3, 1.2)
    return sound / _rms(sound) * swell


def _click(rng: np.random.Generator) -> Array:
    """Lips or tongue that come apart, 10 ms, peak about 1."""
    t = np.arange(HOP) / RATE
    return rng.standard_normal(HOP) * np.exp(-t / rng.uniform(0.0005, 0.003)) / 2.5


def breathe(pcm: Array, rows: Array, rng: np.random.Generator, first: bool) -> tuple[Array, Array]:
    """The speech with a pause and an inhalation before it.

    What is heard as one (or comes ``first``) opens the mouth until the speech begins.
    """
    count = int(rng.integers(20, 80))
    pause = count + int(rng.integers(20, 60))
    level = rng.uniform(-42, -20) if first else rng.uniform(-45, -16)
    still = np.zeros((pause, ROW), np.float32)
    still[:, -1] = 1.0
    rows = np.concatenate([still, rows])
    pcm = np.concatenate([np.zeros(pause * HOP), pcm])
    end = int(np.argmax(rows[:, -1] < 0.5)) - int(rng.integers(2, 20))
    begin = end - count
    loud = _rms(pcm[np.abs(pcm) > 0.1 * np.abs(pcm).max()])
    pcm[begin * HOP : end * HOP] += _breath(rng, count) * loud * 10 ** (level / 20)
    if not first and level < _HEARD:
        return pcm, rows
    at = np.arange(len(rows))
    share = np.minimum(smoothstep((at - begin) / 9.0), smoothstep((end + 12 - at) / 12.0))
    for name, value in _BREATH.items():
        rows[:, COLUMN[name]] = np.maximum(rows[:, COLUMN[name]], value * share)
    rows[share > 0.3, -1] = 0.0
    return pcm, rows


def bend(bands: Array, factor: float) -> Array:
    """Mel frames [n, BANDS] of a vocal tract that is ``factor`` times as short."""

    def mel(hertz: Array) -> Array:
        return 2595.0 * np.log10(1.0 + hertz / 700.0)

    edges = np.linspace(mel(np.array(_LOWEST)), mel(np.array(_HIGHEST)), BANDS + 2)
    hertz = 700.0 * (10.0 ** (edges[1:-1] / 2595.0) - 1.0)
    at = (mel(hertz / factor) - edges[1]) / (edges[1] - edges[0])
    at = np.clip(at, 0.0, BANDS - 1.0)
    low = np.minimum(at.astype(int), BANDS - 2)
    share = (at - low).astype(np.float32)
    return bands[:, low] * (1.0 - share) + bands[:, low + 1] * share


def streams(
    items: list[tuple[Array, Array]], rng: np.random.Generator, room: Room, seconds: float = 8.0
) -> list[tuple[Mel, Array]]:
    """All the speech once in random order, with random pauses, disturbed: pieces of ``seconds``."""
    result: list[tuple[Mel, Array]] = []
    sounds: list[Array] = []
    targets: list[Array] = []
    length = 0
    for index in rng.permutation(len(items)):
        pcm, rows = warp(*items[index], float(rng.uniform(0.9, 1.1)))
        n = len(rows)
        lead, tail = rng.integers(0, 26), rng.integers(0, 36)  # of 30 and 40 rows of silence
        pcm, rows = pcm[lead * HOP : (n - tail) * HOP], rows[lead : n - tail]
        pcm = pcm / (np.abs(pcm).max() + 1e-9) * 10 ** (-rng.uniform(0, 9) / 20)
        if rng.random() < 0.2:  # begins softly
            rise = int(rng.uniform(0.2, 1.5) * RATE)
            pcm[:rise] *= 10 ** (np.linspace(-rng.uniform(6, 25), 0.0, len(pcm[:rise])) / 20)
        if rng.random() < (0.35 if not sounds else 0.2):
            pcm, rows = breathe(pcm, rows, rng, not sounds)
        sounds.append(pcm)
        targets.append(rows)
        if rng.random() < 0.3:
            pause = int(rng.integers(10, 120) if rng.random() < 0.75 else rng.integers(150, 400))
            sounds.append(np.zeros(pause * HOP))
            still = np.zeros((pause, ROW), np.float32)
            still[:, -1] = 1.0
            targets.append(still)
        length += len(sounds[-1])
        if length > seconds * RATE:
            result.append(_stream(sounds, targets, rng, room))
            sounds, targets, length = [], [], 0
    return result


def _stream(
    sounds: list[Array], targets: list[Array], rng: np.random.Generator, room: Room
) -> tuple[Mel, Array]:
    if rng.random() < 0.5:  # begins with noise only, whose level says nothing about the speaker's
        pause = int(rng.integers(10, 150))
        still = np.zeros((pause, ROW), np.float32)
        still[:, -1] = 1.0
        sounds, targets = [np.zeros(pause * HOP), *sounds], [still, *targets]
    rows = np.concatenate(targets)
    pcm = np.concatenate(sounds)
    for at in rng.integers(0, len(rows) - 1, rng.poisson(len(rows) / 400)):
        if rows[at, -1] > 0.5:  # in silence
            pcm[at * HOP : (at + 1) * HOP] += _click(rng) * 10 ** (rng.uniform(-40, -12) / 20)
    pcm = disturb(pcm, rng, room)
    if rng.random() < 0.25:  # the recording is faded in
        rise = int(rng.uniform(0.05, 1.0) * RATE)
        pcm[:rise] *= np.linspace(0.0, 1.0, rise) ** rng.uniform(0.5, 3.0)
    mel = mel_of(pcm.astype(np.float32), RATE)
    n = min(len(mel), len(rows))
    factor = float(np.exp(rng.uniform(-0.15, 0.15)))
    return Mel(bend(mel.bands[:n], factor), mel.level[:n], mel.loud[:n]), rows[:n]
