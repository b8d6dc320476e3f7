"""The mark in synthetic sound: found after codecs and other speeds, and nowhere else."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from digital_human.safety import watermark
from digital_human.safety.verify import verify
from digital_human.safety.watermark import FOUND, RATE, listen, mark

FloatArray = npt.NDArray[np.float32]


def babble(seconds: float, seed: int = 0) -> FloatArray:
    """Sound with a voice's pulses, moving resonances and pauses."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    t = np.arange(n) / RATE
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * t + seed) + 10 * np.sin(2 * np.pi * 2.3 * t)
    pulses = np.diff(np.floor(np.cumsum(pitch) / RATE), prepend=0.0)
    sound = pulses + 0.02 * rng.standard_normal(n)
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    tilt = 1 / (1 + (frequency / 900) ** 1.2)
    for formant in rng.uniform([500, 1200, 2400, 3600], [800, 1900, 3000, 4500]):
        tilt = tilt * (1 + 3 / (1 + ((frequency - formant) / 120) ** 2))
    sound = np.fft.irfft(spectrum * tilt, n) * (0.5 + 0.5 * np.sin(2 * np.pi * 1.9 * t)) ** 2
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def through_aac(pcm: FloatArray) -> FloatArray:
    """Encoded at 96 kbit/s and 48 kHz, and decoded again."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=48000)
        stream.bit_rate, stream.layout = 96000, "mono"
        frame = av.AudioFrame.from_ndarray(
            soxr.resample(pcm, RATE, 48000).astype(np.float32)[None], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
        for part in av.AudioResampler("fltp", "mono", 48000, frame_size=1024).resample(frame):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as again:
        resampler = av.AudioResampler("flt", "mono", RATE)
        parts = [p.to_ndarray()[0] for f in again.decode(audio=0) for p in resampler.resample(f)]
    return np.concatenate(parts).astype(np.float32)


def at_speed(pcm: FloatArray, speed: float) -> FloatArray:
    return np.asarray(soxr.resample(pcm, RATE * speed, RATE), np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_found_where_it_is_and_not_where_it_is_not(seed: int) -> None:
    pcm = babble(5, seed)
    assert listen([mark(pcm, RATE)]).found
    assert not listen([pcm]).found


@pytest.mark.parametrize("speed", [0.95, 1.0, 1.05])
def test_it_survives_aac_at_another_speed(speed: float) -> None:
    heard = listen([at_speed(through_aac(mark(babble(6), RATE)), speed)])
    assert heard.found and heard.speed == pytest.approx(speed, abs=0.01)


def test_it_survives_noise_a_cut_and_another_loudness() -> None:
    marked = mark(babble(8), RATE)[2 * RATE + 77 : 7 * RATE] * np.float32(0.1)
    noise = np.random.default_rng(1).standard_normal(len(marked))
    level = np.sqrt(np.mean(marked**2) / 100)
    assert listen([(marked + level * noise).astype(np.float32)]).found


def test_other_orders_do_not_find_it_and_false_finds_are_rare() -> None:
    others = np.stack([watermark.order(f"other {key}") for key in range(500)])
    for seed in range(4):
        spectrum, _ = watermark.mean_spectrum(babble(4, seed))
        scores = watermark.correlate(spectrum, RATE, others)
        assert scores.max() < FOUND and 0.7 < scores.std() < 1.3
    marked, _ = watermark.mean_spectrum(mark(babble(4), RATE))
    assert watermark.correlate(marked, RATE, others).max() < FOUND + 0.5
    assert watermark.correlate(marked, RATE, watermark.order()).max() > FOUND


def test_it_is_too_fine_to_hear() -> None:
    response = watermark._filter(RATE)
    power = np.abs(np.fft.rfft(response, 1 << 16)) ** 2
    frequency = np.fft.rfftfreq(1 << 16, 1 / RATE)
    for centre in np.geomspace(100, 11000, 120):
        width = 24.7 * (4.37 * centre / 1000 + 1)  # critical band after Glasberg and Moore 1990
        band = (frequency > centre - width / 2) & (frequency < centre + width / 2)
        assert abs(10 * np.log10(power[band].mean())) < 0.9, "a band's just noticeable change is 1"
    tail = np.sum(response[int(0.04 * RATE) :] ** 2) / np.sum(response**2)
    assert 10 * np.log10(tail) < -30


def test_it_keeps_the_time_line() -> None:
    pcm = np.zeros(RATE, np.float32)
    pcm[5000] = 0.5
    marked = mark(pcm, RATE)
    assert len(marked) == len(pcm) and int(np.argmax(np.abs(marked))) == 5000
    assert not np.abs(marked[:4999]).max() > 1e-6, "nothing rings before"
    assert np.array_equal(marked, mark(pcm, RATE))
    assert len(mark(np.zeros(0, np.float32), RATE)) == 0


def test_silence_and_short_sound_have_none() -> None:
    assert not listen([]).found
    assert not listen([np.zeros(RATE, np.float32)]).found
    assert not listen([babble(0.05)]).found


def test_long_sound_is_told_stretch_by_stretch() -> None:
    pcm = np.concatenate([babble(20, 1), mark(babble(20, 2), RATE)])
    heard = listen(pcm[i : i + 5000] for i in range(0, len(pcm), 5000))
    assert heard.found and (heard.marked, heard.stretches) == (2, 4)


def test_verify_tells_of_it(tmp_path: Path) -> None:
    for name, pcm, status in (("a", mark(babble(5), RATE), "ok"), ("b", babble(5), "note")):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, pcm, RATE)
        (finding,) = [f for f in verify(path).findings if f.item == "sound mark"]
        assert finding.status == status and not finding.required
