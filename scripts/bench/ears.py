"""Figures of the ears on real recordings: words, cost, turns, echo.

    python scripts/bench/ears.py ../shared/data/speech            # everything, some minutes
    python scripts/bench/ears.py ../shared/data/speech --only words cost turns echo noise

- words: character (zh) or word (en) error rate of recordings with a transcript: clean, in a room
  with real noise at 10 dB, and with 5 % of the 20 ms packets lost.
- cost: CPU milliseconds of a decode by length of speech and threads.
- noise: noise, hum and silence; no text may come out.
- turns: read sentences and questions, each followed by silence: turns that were cut off at a pause,
  and seconds from the true end of speech to the decision, by the judge's threshold.
- echo: far end only, double talk and near end only while the digital human speaks.

Recognition takes, in microphone time, what its CPU use takes on two idle cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from hearing import in_room, load, pauses, play, silence, with_loss  # noqa: E402
from readback import compare  # noqa: E402

from digital_human.core.frames import FloatArray  # noqa: E402
from digital_human.speech.endpoint import EndpointJudge  # noqa: E402
from digital_human.speech.hearing import (  # noqa: E402
    EAR_RATE,
    Commit,
    Duck,
    Hold,
    Interrupt,
    Mode,
    Resume,
    Started,
)
from digital_human.speech.hotwords import HotWords  # noqa: E402
from digital_human.speech.recognizers.whisper import WhisperRecognizer  # noqa: E402
from digital_human.speech.turn_state import TurnPolicy  # noqa: E402

JFK = (
    "And so my fellow Americans, ask not what your country can do for you, "
    "ask what you can do for your country."
)
NAMES = ("苏堤", "雷峰塔", "苏东坡", "西湖", "杭州")
ECHO = {
    "far end only": "9mkQhVtzTEy2hDk-6u2Sww_farend_singletalk",
    "double talk": "DMTgmZwtgUilp4omPK7-OQ_doubletalk",
    "near end only": "DLhjtuwiEkS-68TsUVvW5g_nearend_singletalk",
}


def transcribed(speech: Path) -> Iterator[tuple[Path, str]]:
    """Recordings whose words are known."""
    for line in (speech / "zh_real" / "text.tsv").read_text("utf-8").splitlines():
        name, text = line.split("\t")
        yield speech / "zh_real" / f"{name}.wav", text
    for line in (speech / "zh_synth" / "transcripts.tsv").read_text("utf-8").splitlines()[1:]:
        name, _, text, _ = line.split("\t")
        yield speech / "zh_synth" / name, text
    yield speech / "jfk.wav", JFK


def words(speech: Path) -> None:
    """Error rates by recording and condition."""
    recognizer, names = WhisperRecognizer(), HotWords(NAMES)
    response = load(speech / "noise" / "rir1.wav")
    noise = load(speech / "noise" / "noise1.wav")
    totals: dict[str, list[float]] = {}
    for path, text in transcribed(speech):
        clean = load(path)
        language = "en" if path.name == "jfk.wav" else "zh"
        conditions = {
            "clean": clean,
            "room+10dB": in_room(clean, response, noise, 10.0),
            "5% loss": with_loss(clean, 0.05),
        }
        line = []
        for name, pcm in conditions.items():
            heard = recognizer.recognise(pcm, language=None, prompt=names.prompt(None))
            result = compare(text, names.correct(heard.text), language)
            rate = result.words if language == "en" else result.characters
            assert rate is not None
            totals.setdefault(name, []).append(rate)
            line.append(f"{name} {100 * rate:5.1f} %")
        print(f"{path.name:36s} {'  '.join(line)}")
    for name, rates in totals.items():
        print(f"mean {name}: {100 * statistics.mean(rates):.1f} %")


def cost(speech: Path) -> None:
    """CPU and wall time of a decode."""
    clip = np.concatenate([load(path) for path, _ in transcribed(speech)])
    for threads in (1, 2):
        recognizer = WhisperRecognizer(threads=threads)
        for seconds in (1, 2, 4, 8, 16, 28):
            cpu, wall = [], []
            for turn in range(4):
                start = turn * 4 * EAR_RATE
                pcm = clip[start : start + seconds * EAR_RATE]
                cpu.append(-time.process_time())
                wall.append(-time.perf_counter())
                recognizer.recognise(pcm, language=None)
                cpu[-1] += time.process_time()
                wall[-1] += time.perf_counter()
            print(
                f"{threads} threads, {seconds:2d} s: "
                f"{1000 * statistics.median(cpu):5.0f} ms CPU, "
                f"{1000 * statistics.median(wall):5.0f} ms wall"
            )


def noise(speech: Path) -> None:
    """How often text comes out where nobody speaks."""
    recognizer, rng, texts, tried = WhisperRecognizer(), np.random.default_rng(0), [], 0
    clips: list[FloatArray] = []
    for path in sorted((speech / "noise").glob("*.wav")):
        pcm = load(path)
        for start in range(0, max(1, pcm.size - EAR_RATE), 2 * EAR_RATE):
            clips += [pcm[start : start + n * EAR_RATE] for n in (1, 2, 4)]
    for seconds in (0.5, 1, 2, 5, 10):
        size = round(seconds * EAR_RATE)
        line = np.arange(size) / EAR_RATE
        clips.append(silence(seconds))
        clips += [rng.standard_normal(size).astype(np.float32) * g for g in (1e-3, 1e-2, 1e-1)]
        clips.append((0.05 * np.sin(2 * np.pi * 50 * line)).astype(np.float32))
    for clip in clips:
        for language in (None, "zh", "en"):
            tried += 1
            heard = recognizer.recognise(clip, language=language, prompt="、".join(NAMES))
            if heard.text:
                texts.append(heard.text)
    print(f"{len(texts)} of {tried} decodes of noise and silence gave a text: {texts}")


def turns(speech: Path) -> None:
    """Cut-offs and delays by the judge's threshold."""
    recognizer, judge = WhisperRecognizer(), EndpointJudge()
    files = sorted(speech.glob("en_speakers/*/*.flac"))
    files += [path for path, _ in transcribed(speech)]
    for complete in (0.5, 0.7, 0.85):
        policy = TurnPolicy(complete=complete)
        cut = inside = whole = 0
        waited, onsets = [], []
        for path in files:
            pcm = load(path)
            start, end, gaps = pauses(pcm, policy.silence_complete)
            inside += len(gaps)
            microphone = np.concatenate([silence(0.6), pcm, silence(3.0)])
            ears = asyncio.run(
                play(microphone, recognizer=recognizer, judge=judge, policy=policy, words=NAMES)
            )
            commits = [action for _, action in ears.of(Commit)]
            early = [c for c in commits if c.transcript.end < 0.6 + end - 0.3]
            cut += len(early)
            whole += bool(early)
            waited += [c.waited for c in commits if c not in early]
            started = ears.of(Started)
            onsets += [at - 0.6 - start for at, _ in started[:1]]
        print(
            f"complete {complete}: {cut} cut-offs at {inside} pauses ≥ "
            f"{policy.silence_complete} s in {len(files)} recordings ({whole} recordings cut); "
            f"end of turn p50 {np.percentile(waited, 50):.2f} s, "
            f"p95 {np.percentile(waited, 95):.2f} s; "
            f"onset reported after {1000 * statistics.median(onsets):.0f} ms (median)"
        )


def echo(speech: Path) -> None:
    """What the digital human's own voice and the visitor's do while it speaks."""
    recognizer, judge = WhisperRecognizer(), EndpointJudge()
    for title, name in ECHO.items():
        microphone = load(speech / "echo" / f"{name}_mic.wav")
        played = load(speech / "echo" / f"{name}_lpb.wav")
        for delay in (0.0, 0.15, 0.3):
            late = np.concatenate([silence(delay), microphone])
            for guard in (True, False):
                ears = asyncio.run(
                    play(
                        late,
                        recognizer=recognizer,
                        judge=judge,
                        far_end=played if guard else None,
                        mode=Mode.SPEAKING,
                    )
                )
                found = ", ".join(
                    f"{type(action).__name__} {at - delay:.2f} s"
                    for at, action in ears.of(Duck, Hold, Resume, Interrupt)[:6]
                )
                print(
                    f"{title}, {1000 * delay:.0f} ms, guard {'on' if guard else 'off'}: "
                    f"{found or 'nothing'}"
                )


SECTIONS = {"words": words, "cost": cost, "noise": noise, "turns": turns, "echo": echo}


def main() -> None:
    """Print the sections asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speech", type=Path, help="folder of recordings")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    args = parser.parse_args()
    for section in args.only:
        print(f"== {section}")
        SECTIONS[section](args.speech)


if __name__ == "__main__":
    main()
