"""Speed of the language models: first token, first clause, tokens per second, time to cancel.

Every figure is the median of the rounds. A turn has its question to read; the persona's part of
the prompt is warm and the passage was learned. "busy" runs beside another process that computes on
one core without pause.

    python scripts/bench/llm.py --models qwen2.5-coder-1.5b,qwen2.5-coder-0.5b --rounds 5
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Iterator

from digital_human.config import LlmSettings, settings
from digital_human.dialogue import prompt
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.llama import LlamaLlm
from digital_human.dialogue.persona import Persona, load_persona
from digital_human.dialogue.spoken import Sentences
from digital_human.dialogue.types import Source
from digital_human.errors import Cancelled

QUESTIONS = (
    "荷花什么时候开？",
    "在哪里看荷花最好？",
    "七月去能看到荷花吗？",
    "荷花开到几月？",
    "荷花哪里多？",
)
PASSAGE = Source(
    "西湖的荷花", "",
    "西湖的荷花从六月中旬开到八月，七月最盛，看荷花最好去曲院风荷，那里有近百个品种。", 1,
)  # fmt: skip
LONG = "请把西湖的四季都讲一遍，越详细越好。"


def spin() -> None:
    """Compute for ever."""
    value = 0
    while True:
        value = (value * 31 + 7) % 1_000_003


@contextlib.contextmanager
def neighbour(busy: bool) -> Iterator[None]:
    """Another process that computes, when ``busy``."""
    process = multiprocessing.get_context("fork").Process(target=spin, daemon=True)
    if busy:
        process.start()
    try:
        yield
    finally:
        if busy:
            process.kill()
            process.join()


def turn(llm: LlamaLlm, persona: Persona, question: str) -> tuple[float, float, float, int]:
    """One turn: seconds to the first token, to the first clause, tokens per second, tokens read."""
    messages = [prompt.system(persona, "zh"), prompt.question(question, [PASSAGE], "zh")]
    sentences = Sentences("zh")
    start = time.perf_counter()
    times: list[float] = []
    clause = 0.0
    for piece in llm.stream(messages, max_tokens=48):
        times.append(time.perf_counter() - start)
        if not clause and any(sentences.feed(piece)):
            clause = times[-1]
    rate = (len(times) - 1) / (times[-1] - times[0])
    return times[0], clause or times[-1], rate, llm.evaluated


def cancel(llm: LlamaLlm, persona: Persona, text: str, after: float) -> float:
    """Seconds from the wish to stop, ``after`` seconds into a turn, to its end."""
    wanted, asked = threading.Event(), [0.0]

    def stop() -> None:
        asked[0] = time.perf_counter()
        wanted.set()

    timer = threading.Timer(after, stop)
    timer.start()
    messages = [prompt.system(persona, "zh"), prompt.question(text, [], "zh")]
    try:
        for _ in llm.stream(messages, max_tokens=400, cancelled=wanted.is_set):
            pass
    except Cancelled:
        return time.perf_counter() - asked[0]
    finally:
        timer.cancel()
    return float("nan")


def measure(name: str, threads: int, busy: bool, rounds: int, persona: Persona) -> str:
    """One row of the table."""
    llm = LLMS["llama"].create(LlmSettings(model=name, threads=threads))
    try:
        start = time.perf_counter()
        llm.warm([prompt.system(persona, "zh")])
        warm = time.perf_counter() - start
        llm.learn(prompt.head(persona, "zh"), prompt.passage(PASSAGE, "zh") or "")
        with neighbour(busy):
            turns = [turn(llm, persona, QUESTIONS[i % len(QUESTIONS)]) for i in range(rounds)]
            # A prompt of its own each time, stopped while it is read; an answer, stopped later.
            reading = [cancel(llm, persona, f"{i}" + "湖光山色" * 60, 0.2) for i in range(rounds)]
            writing = [cancel(llm, persona, f"{i}{LONG}", 2.0) for i in range(rounds)]
    finally:
        llm.close()
    first, clause, rate, read = (statistics.median(values) for values in zip(*turns, strict=True))
    again = statistics.median(t[0] for t in turns[1:])
    return (
        f"{name:<20}{threads:>8}{'busy' if busy else 'idle':>6}{warm:>8.2f}{turns[0][0]:>9.2f}"
        f"{again:>9.2f}{read:>6.0f}{clause:>9.2f}{rate:>8.1f}"
        f"{statistics.median(reading) * 1e3:>9.0f}{statistics.median(writing) * 1e3:>9.0f}"
    )


def main() -> None:
    """Print one line per model, threads and load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="qwen2.5-coder-1.5b,qwen2.5-coder-0.5b")
    parser.add_argument("--threads", default=f"{settings().cpu_threads},1")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    persona = load_persona("xihu")
    print(f"load average before: {os.getloadavg()[0]:.1f}, {settings().cpu_threads} cores")
    print(
        f"{'model':<20}{'threads':>8}{'cores':>6}{'warm s':>8}{'first s':>9}{'again s':>9}"
        f"{'read':>6}{'clause s':>9}{'tok/s':>8}{'stop ms':>9}{'stop ms':>9}"
    )
    print(f"{'':<42}{'new text':>9}{'warm':>9}{'tok':>6}{'':>17}{'reading':>9}{'writing':>9}")
    for name in args.models.split(","):
        for threads in (int(count) for count in args.threads.split(",")):
            for busy in (False, True):
                print(measure(name, threads, busy, args.rounds, persona), flush=True)


if __name__ == "__main__":
    main()
