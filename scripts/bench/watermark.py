"""How surely the mark in synthetic sound is found, and how rarely where there is none.

    python scripts/bench/watermark.py --real ../shared/data/speech

Speaks texts with several voices, puts them through codecs, other speeds and noise, and prints how
many are found. Real recordings give the false finds: for the mark itself, and for thousands of
other orders of its patches, each of which might as well have been chosen.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

from digital_human.core.frames import FloatArray
from digital_human.safety import watermark
from digital_human.speech.speaker import Speaker
from digital_human.speech.types import Clause, Language

RATE = watermark.RATE
VOICES: dict[Language, tuple[str, ...]] = {
    "zh": ("xiaoyi", "yunxi", "xiaoxiao", "yunjian"), "en": ("heart", "michael"),
}  # fmt: skip
TEXTS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "中央气象台预计，未来三天北方大部地区气温将下降六到八摄氏度，请注意保暖。",
        "苏堤是苏轼主持修建的，全长三公里。",
        "您好，欢迎来到西湖，今天我来为您讲解。",
        "国家统计局今天发布数据，一季度国内生产总值同比增长百分之五点四。",
    ),
    "en": (
        "The central bank cut its key interest rate by a quarter of a point on Thursday.",
        "Good evening, and welcome to the news.",
        "Scientists have found a new way to store energy from the wind for several weeks.",
    ),
}
ORDERS = 2000


def coded(pcm: FloatArray, name: str, bits: int, container: str, rate: int) -> FloatArray:
    """``pcm`` after a codec."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(name, rate=rate)
        stream.bit_rate, stream.layout = bits, "mono"
        stream.codec_context.open()
        form, size = stream.codec_context.format.name, stream.codec_context.frame_size
        sound = np.asarray(soxr.resample(pcm, RATE, rate), np.float32)
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(form, "mono", rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as again:
        back = av.AudioResampler("flt", "mono", RATE)
        parts = [p.to_ndarray()[0] for f in again.decode(audio=0) for p in back.resample(f)]
    return np.concatenate(parts).astype(np.float32)


def at_speed(pcm: FloatArray, speed: float) -> FloatArray:
    """Played faster: pitch and tempo change."""
    return np.asarray(soxr.resample(pcm, RATE * speed, RATE), np.float32)


def at_tempo(pcm: FloatArray, tempo: float) -> FloatArray:
    """Faster at the same pitch."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=RATE, format="flt", layout="mono", time_base=Fraction(1, RATE)
    )
    change, sink = graph.add("atempo", str(tempo)), graph.add("abuffersink")
    source.link_to(change)
    change.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm)[None], "flt", "mono")
    frame.sample_rate, frame.pts = RATE, 0
    source.push(frame)
    source.push(None)
    parts = []
    try:
        while True:
            parts.append(sink.pull().to_ndarray().ravel())
    except (av.BlockingIOError, av.EOFError):
        return np.concatenate(parts).astype(np.float32)


def noisy(pcm: FloatArray, decibels: float) -> FloatArray:
    """With white noise so far below it."""
    noise = np.random.default_rng(0).standard_normal(len(pcm))
    level = np.sqrt(np.mean(pcm**2) / 10 ** (decibels / 10))
    return (pcm + level * noise).astype(np.float32)


CHANGES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "as made": lambda x: x,
    "AAC 96 kbit/s": lambda x: coded(x, "aac", 96_000, "mp4", 48_000),
    "AAC 96 kbit/s, speed +5 %": lambda x: at_speed(CHANGES["AAC 96 kbit/s"](x), 1.05),
    "AAC 96 kbit/s, speed −5 %": lambda x: at_speed(CHANGES["AAC 96 kbit/s"](x), 0.95),
    "AAC 96 kbit/s, tempo +5 %": lambda x: at_tempo(CHANGES["AAC 96 kbit/s"](x), 1.05),
    "AAC 96 kbit/s, tempo −5 %": lambda x: at_tempo(CHANGES["AAC 96 kbit/s"](x), 0.95),
    "MP3 64 kbit/s": lambda x: coded(x, "libmp3lame", 64_000, "mp3", 48_000),
    "Opus 32 kbit/s": lambda x: coded(x, "libopus", 32_000, "ogg", 48_000),
    "Opus 16 kbit/s": lambda x: coded(x, "libopus", 16_000, "ogg", 48_000),
    "white noise 20 dB below": lambda x: noisy(x, 20),
    "telephone, 8 kHz": lambda x: np.asarray(
        soxr.resample(soxr.resample(x, RATE, 8000), 8000, RATE), np.float32
    ),
    "first 3 s": lambda x: x[: 3 * RATE],
    "first 2 s": lambda x: x[: 2 * RATE],
}


def spoken() -> Iterator[tuple[FloatArray, FloatArray]]:
    """Utterances without and with the mark."""
    for language, voices in VOICES.items():
        for name in voices:
            speaker = Speaker(name, cache=None)
            for text in TEXTS[language]:
                clause = Clause(text, language)
                plain = speaker.synthesizer.synthesize(clause, speaker.voice).pcm
                yield plain, watermark.mark(plain, RATE)


def real(folder: Path, seconds: float) -> Iterator[FloatArray]:
    """Stretches of recordings."""
    size = int(seconds * RATE)
    for path in sorted([*folder.rglob("*.wav"), *folder.rglob("*.flac")]):
        if "synth" in path.parent.name or path.name.startswith("rir"):
            continue
        pcm, rate = soundfile.read(path, dtype="float32", always_2d=True)
        if rate < 16_000:
            continue
        pcm = np.asarray(soxr.resample(pcm.mean(axis=1), rate, RATE), np.float32)
        for start in range(0, max(1, len(pcm) - size + 1), size):
            yield pcm[start : start + size]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, help="folder of real recordings")
    arguments = parser.parse_args()
    pairs = list(spoken())
    seconds = [len(plain) / RATE for plain, _ in pairs]
    start = time.process_time()
    for plain, _ in pairs:
        watermark.mark(plain, RATE)
    cost = (time.process_time() - start) / sum(seconds)
    print(f"{len(pairs)} utterances of {min(seconds):.1f}–{max(seconds):.1f} s; "
          f"marking takes {cost:.2%} of their time")  # fmt: skip
    print(f"\n| change | found | score: least | median |  (found from {watermark.FOUND:g} on)")
    print("|---|---|---|---|")
    for name, change in CHANGES.items():
        rate = 8000 if "8 kHz" in name else 48_000
        heard = [watermark.listen([change(marked)], rate) for _, marked in pairs]
        scores = [h.score for h in heard]
        print(f"| {name} | {sum(h.found for h in heard)}/{len(heard)} | {min(scores):.1f} | "
              f"{np.median(scores):.1f} |", flush=True)  # fmt: skip
    unmarked = [watermark.listen([plain]).score for plain, _ in pairs]
    print(f"| not marked | {sum(s >= watermark.FOUND for s in unmarked)}/{len(unmarked)} | "
          f"{min(unmarked):.1f} | {np.median(unmarked):.1f} |")  # fmt: skip
    if arguments.real is None:
        return
    others = np.stack([watermark.order(f"other {key}") for key in range(ORDERS)])
    own, best = [], []
    for pcm in real(arguments.real, 4.0):
        spectrum, count = watermark.mean_spectrum(pcm)
        if count:
            own.append(watermark.correlate(spectrum, 48_000, watermark.order()).max())
            best.append(watermark.correlate(spectrum, 48_000, others).max(axis=-1))
    all_best = np.concatenate(best)
    print(f"\n{len(own)} stretches of 4 s of real recordings and noise: highest {max(own):.2f}")
    print(f"{len(all_best)} trials with other orders: highest {all_best.max():.2f}, "
          f"{np.mean(all_best >= watermark.FOUND):.1e} reach {watermark.FOUND:g}")  # fmt: skip


if __name__ == "__main__":
    main()
