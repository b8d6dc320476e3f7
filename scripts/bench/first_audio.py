"""Time to the first sound of a clause, and real-time factor, with a warm session.

    python scripts/bench/first_audio.py --threads 1 2 --runs 10

Prints processor and wall time of first clauses as live replies begin with them, and of longer
ones. Run it on an idle machine: on a busy one only the processor time says anything.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

from digital_human.speech.synthesizers.kokoro import KokoroSynthesizer
from digital_human.speech.types import Clause, Language
from digital_human.speech.voices import load_voice

FIRST: tuple[tuple[str, str, Language], ...] = (
    ("xiaoyi", "您好，", "zh"),
    ("xiaoyi", "好的，请稍等。", "zh"),
    ("xiaoyi", "苏堤是苏轼主持修建的，", "zh"),
    ("heart", "Of course,", "en"),
    ("heart", "The causeway was built by Su Shi,", "en"),
)
LONG: tuple[tuple[str, str, Language], ...] = (
    ("xiaoyi", "中央气象台预计，未来三天北方大部地区气温将下降六到八摄氏度，请注意保暖。", "zh"),
    ("heart", "The central bank cut its key interest rate by a quarter of a point today.", "en"),
)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", nargs="+", type=int, default=[2])
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    print("| threads | clause | sound s | CPU ms | wall ms | RTF (wall) |")
    print("|---|---|---|---|---|---|")
    for threads in arguments.threads:
        synthesizer = KokoroSynthesizer(threads=threads)
        for name in ("xiaoyi", "heart"):
            synthesizer.warm(load_voice(name))
        for name, text, language in (*FIRST, *LONG):
            voice, clause = load_voice(name), Clause(text, language)
            synthesizer.synthesize(clause, voice)
            cpu, wall, seconds = [], [], 0.0
            for _ in range(arguments.runs):
                begun, used = time.perf_counter(), time.process_time()
                speech = synthesizer.synthesize(clause, voice)
                cpu.append(time.process_time() - used)
                wall.append(time.perf_counter() - begun)
                seconds = len(speech.pcm) / speech.rate
            told = statistics.median(wall)
            print(f"| {threads} | {text} | {seconds:.2f} | {1e3 * statistics.median(cpu):.0f} | "
                  f"{1e3 * told:.0f} | {told / seconds:.2f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
