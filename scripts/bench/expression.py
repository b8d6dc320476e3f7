"""What the controls of delivery do: asked for and measured, and whether it is still understood.

    python scripts/bench/expression.py --voices xiaoyi yunxi heart

For every setting the same sentences are spoken: tempo from the length of the speech without its
silence at both ends, pitch as the median of autocorrelation pitch (semitones to the neutral
reading), range as the spread of the pitch, loudness after BS.1770, error with Whisper base.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from readback import read_back  # noqa: E402

from digital_human.core.frames import FloatArray  # noqa: E402
from digital_human.speech.loudness import loudness  # noqa: E402
from digital_human.speech.speaker import Speaker  # noqa: E402
from digital_human.speech.text.delivery import EMOTIONS  # noqa: E402
from digital_human.speech.types import Clause, Delivery, Language, Speech  # noqa: E402

TEXTS: dict[Language, tuple[str, ...]] = {
    "zh": (
        "中央气象台预计，未来三天北方大部地区气温将下降六到八摄氏度。",
        "苏堤是苏轼任杭州知州时，疏浚西湖，用挖出的泥土筑成的。",
        "国家统计局今天发布数据，一季度国内生产总值同比增长百分之五点四。",
    ),
    "en": (
        "The central bank cut its key interest rate by a quarter of a point on Thursday.",
        "Scientists have found a new way to store energy from the wind for several weeks.",
        "The old bridge across the river was closed to traffic this morning.",
    ),
}
SETTINGS: dict[str, Delivery] = {
    "neutral": Delivery(),
    "[slow]": Delivery(speed=0.8),
    "[slow 0.5]": Delivery(speed=0.8).scaled(0.5),
    "[fast 0.5]": Delivery(speed=1.25).scaled(0.5),
    "[fast]": Delivery(speed=1.25),
    "[higher]": Delivery(pitch=2.5),
    "[lower]": Delivery(pitch=-2.5),
    "[louder]": Delivery(loudness=4),
    "[softer]": Delivery(loudness=-6),
    **{name: delivery for name, delivery in EMOTIONS.items() if name != "neutral"},
}


def pitches(pcm: FloatArray, rate: int) -> FloatArray:
    """Pitch of the voiced frames, in semitones."""
    size, hop = int(0.08 * rate), int(0.01 * rate)
    low, high = rate // 450, rate // 65
    loud = np.sqrt(np.mean(np.square(pcm))) * 0.3
    found = []
    for start in range(0, len(pcm) - size, hop):
        frame = pcm[start : start + size] - pcm[start : start + size].mean()
        if np.sqrt(np.mean(frame**2)) < loud:
            continue
        power = np.abs(np.fft.rfft(frame, 2 * size)) ** 2
        lags = np.fft.irfft(power)[: high + 1]
        lags = lags / lags[0] * (size / (size - np.arange(high + 1)))
        best = lags[low:].max()
        # The shortest lag that is nearly as good: a multiple of the period is no pitch.
        lag = low + int(np.argmax(lags[low:] > 0.9 * best))
        while lag < high and lags[lag + 1] > lags[lag]:
            lag += 1
        if best > 0.6:
            found.append(12 * np.log2(rate / lag))
    return np.array(found, np.float32)


def covers(speech: Speech) -> bool:
    """Whether the phones cover the sound exactly."""
    ends = [0, *(phone.end for phone in speech.phones)]
    starts = [*(phone.start for phone in speech.phones), len(speech.pcm)]
    return ends == starts


def main() -> None:
    """Print one row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voices", nargs="+", default=["xiaoyi", "yunxi", "heart"])
    parser.add_argument("--understood", action="store_true", help="read back with Whisper base")
    arguments = parser.parse_args()
    speakers = [Speaker(name, cache=None) for name in arguments.voices]
    neutral: dict[tuple[str, str], tuple[float, float, float, float]] = {}
    print("| setting | tempo asked | got | pitch asked | got | range asked | got | loudness asked "
          "| got | error zh | error en | phones cover |")  # fmt: skip
    print("|" + "---|" * 12)
    for name, delivery in track(SETTINGS.items(), transient=True):
        changes, errors, exact = [], {"zh": [], "en": []}, True
        for speaker in speakers:
            for text in TEXTS[speaker.language]:
                speech = speaker.speak(Clause(text, speaker.language, delivery=delivery))
                exact &= covers(speech)
                sound = [p for p in speech.phones if p.symbol != "_"]
                tone = pitches(speech.pcm, speech.rate)
                measured = (
                    (sound[-1].end - sound[0].start) / speech.rate,
                    float(np.median(tone)),
                    float(np.percentile(tone, 90) - np.percentile(tone, 10)),
                    loudness(speech.pcm, speech.rate),
                )
                was = neutral.setdefault((speaker.voice.name, text), measured)
                changes.append((was[0] / measured[0], measured[1] - was[1],
                                measured[2] / was[2], measured[3] - was[3]))  # fmt: skip
                if arguments.understood:
                    heard = read_back(speech.pcm, speech.rate, text, speaker.language)
                    error = heard.pinyin if speaker.language == "zh" else heard.words
                    errors[speaker.language].append(error)
        tempo, pitch, spread, level = np.median(np.array(changes), axis=0)
        told = [f"{100 * np.mean(e):.1f} %" if e else "" for e in errors.values()]
        print(f"| {name} | {delivery.speed:.2f} | {tempo:.2f} | {delivery.pitch:+.1f} | "
              f"{pitch:+.1f} | {delivery.range:.2f} | {spread:.2f} | {delivery.loudness:+.1f} | "
              f"{level:+.1f} | {told[0]} | {told[1]} | {'yes' if exact else 'NO'} |",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
