"""The live loop end to end: latency, barge-in and CPU, measured by real WebRTC visitors.

Starts a server of its own (or takes --url), asks recorded questions from ../shared/data where they
are and spoken ones else, and measures at the client, from the true end of the question to the first
voiced sample and the first picture with an opened mouth. The client's own cost (decoding) is on the
same machine.

Usage: python scripts/bench/live.py [--turns 24] [--barges 20] [--url http://127.0.0.1:8080]
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from lips import FaceMeter
from rich.console import Console
from rich.table import Table

from digital_human.apps.live.loadreport import turn_table, waterfall_table
from digital_human.apps.live.loadtest import Question, TurnResult, Visitor, quantile
from digital_human.core.frames import ByteArray
from digital_human.speech.speaker import Speaker

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "speech"
RECORDED = ("zf_xiaobei_2", "zm_yunyang_2", "zf_xiaobei_4", "zm_yunyang_4")
KNOWN = (
    ("苏堤有多长？", "zh"), ("三潭印月在哪里？", "zh"), ("西湖要门票吗？", "zh"),
    ("断桥为什么叫断桥？", "zh"), ("How long is the Su Causeway?", "en"),
    ("When was Leifeng Pagoda rebuilt?", "en"),
)  # fmt: skip
OPEN = (
    ("带孩子来玩半天，你建议先看哪里？", "zh"), ("苏东坡和西湖有什么关系，用一句话说说。", "zh"),
    ("秋天来西湖应该看什么？", "zh"), ("白堤和苏堤有什么不同？", "zh"),
    ("如果下雨了还值得坐船吗？", "zh"), ("雷峰塔为什么这么有名？", "zh"),
    ("Which one is better for a short walk, the Bai Causeway or the Su Causeway?", "en"),
    ("你觉得西湖最美的是什么时候？", "zh"), ("老人走苏堤会不会太累？", "zh"),
    ("给我讲讲西湖的龙井茶吧。", "zh"),
)  # fmt: skip
LONG = "请介绍一下西湖十景。"
OPEN_LIPS = 0.035  # lip gap in outer-eye distances from which a mouth counts as open


def ask(text: str, language: str, voice: str) -> Question:
    """A question spoken by ``voice``."""
    speech = next(Speaker(voice).say(text, language=language))  # type: ignore[arg-type]
    return Question.of(text, speech.pcm, speech.rate)


def questions(kind: str) -> list[Question]:
    """Recorded ones first, then spoken ones in two voices."""
    found = []
    if kind == "known":
        files = [DATA / "zh_synth" / f"{name}.wav" for name in RECORDED]
        found = [Question.load(path) for path in files if path.is_file()]
    texts = KNOWN if kind == "known" else OPEN
    voices = {"zh": ("yunjian", "xiaoxiao"), "en": ("fenrir", "bella")}
    for number, (text, language) in enumerate(texts):
        found.append(ask(text, language, voices[language][number % 2]))
    return found


@contextlib.contextmanager
def server(url: str | None, options: list[str]) -> Iterator[tuple[str, psutil.Process | None]]:
    """A server of our own on a free port, or the one given."""
    if url:
        yield url, None
        return
    port = 18080 + os.getpid() % 1000
    command = [sys.executable, "-m", "digital_human", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{url}/api/health").is_success:
                    break
            if process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.5)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


class Lips:
    """Whether a picture's mouth is open."""

    def __init__(self) -> None:
        self._meter = FaceMeter()

    def __call__(self, image: ByteArray) -> bool:
        return self._meter.measure(np.ascontiguousarray(image))[0] > OPEN_LIPS


async def latency(url: str, turns: int, lips: Lips | None) -> list[TurnResult]:
    """Known and open questions in turn, each kind ``turns`` times."""
    results = []
    for kind in ("known", "open"):
        visitor = Visitor(url, mouth_open=lips)
        asked = questions(kind)
        try:
            await visitor.start()
            await asyncio.sleep(2.0)
            for turn in range(turns):
                result = await visitor.ask(asked[turn % len(asked)])
                results.append(result)
                sound = f"{result.sound:.2f}" if result.sound else "none"
                print(f"  {kind} {turn + 1}/{turns}: {result.heard} → {result.origin} {sound}")
                await asyncio.sleep(1.0)
        finally:
            await visitor.close()
    return results


async def barge_in(url: str, trials: int) -> list[tuple[float | None, str, str]]:
    """Interrupt long answers; (seconds to silence, the history's words, the words played)."""
    long, stop = ask(LONG, "zh", "yunjian"), ask("等一下，我想问一下门票多少钱。", "zh", "xiaoxiao")
    out = []
    visitor = Visitor(url)
    try:
        await visitor.start()
        for trial in range(trials):
            assert visitor.client.microphone is not None
            seen = len(visitor.client.messages)
            began = await visitor.client.microphone.play(long.pcm, long.rate)
            if await visitor.first_voice(began + long.end) is None:
                out.append((None, "", ""))
                continue
            stopped = await visitor.interrupt(2.0 + 0.23 * trial % 2.5, stop)
            messages = visitor.client.messages[seen:]
            await visitor.until_quiet()
            cut = [m for _, m in messages if m["type"] == "reply.finished" and m["interrupted"]]
            stored = [e["answer"] for e in await visitor.history() if e["interrupted"]]
            played = _played(messages, visitor, stopped)
            out.append((stopped, stored[-1] if stored and cut else "", played))
            print(f"  barge-in {trial + 1}/{trials}: {stopped}")
    finally:
        await visitor.close()
    return out


def _played(messages: list[tuple[float, dict[str, Any]]], visitor: Visitor, stop: object) -> str:
    """Words by the captions whose middle was received as voice before the silence."""
    words = ""
    finished = [at for at, m in messages if m["type"] == "reply.finished"]
    until = finished[0] if finished else float("inf")
    voiced = [at for at, loud in visitor.sounds if loud and at <= until + 0.3]
    last = voiced[-1] if voiced else 0.0
    for at, message in messages:
        if message["type"] == "caption" and at <= until:
            for text, start, end in message["words"]:
                if at + (start + end) / 2 <= last:
                    words += text
    return words


def difference(a: str, b: str) -> int:
    """Characters that differ."""
    same = sum(m.size for m in difflib.SequenceMatcher(None, a, b, autojunk=False)
               .get_matching_blocks())  # fmt: skip
    return max(len(a), len(b)) - same


async def connect_and_close(url: str, cycles: int, process: psutil.Process) -> list[int]:
    """Resident memory of the server in MB before, and after every tenth session."""
    sizes = [process.memory_info().rss >> 20]
    for cycle in range(1, cycles + 1):
        visitor = Visitor(url)
        await visitor.start()
        await asyncio.sleep(0.3)
        await visitor.close()
        if cycle % 10 == 0:
            sizes.append(process.memory_info().rss >> 20)
            print(f"  {cycle} sessions: {sizes[-1]} MB")
    return sizes


def main(
    turns: Annotated[int, typer.Option(help="Questions of each kind.")] = 12,
    barges: Annotated[int, typer.Option(help="Interruptions.")] = 20,
    url: Annotated[str | None, typer.Option(help="A running server instead of our own.")] = None,
    mouth: Annotated[bool, typer.Option(help="Look for the first opened mouth.")] = True,
    cycles: Annotated[int, typer.Option(help="Sessions made and ended instead.")] = 0,
    settle: Annotated[float, typer.Option(help="Seconds for the server to prepare speech.")] = 240,
    model: Annotated[str, typer.Option(help="Language model.")] = "",
) -> None:
    """Measure and print."""
    console = Console(width=150)
    options = ["--model", model] if model else []
    with server(url, options) as (address, process):
        if cycles:
            assert process is not None, "memory is measured on a server of our own"
            sizes = asyncio.run(connect_and_close(address, cycles, process))
            console.print("RSS in MB after every 10 sessions:", *sizes)
            return
        time.sleep(settle)
        before, started = process.cpu_times() if process else None, time.monotonic()
        results = asyncio.run(latency(address, turns, Lips() if mouth else None))
        if process and before:
            after, span = process.cpu_times(), time.monotonic() - started
            used = (after.user + after.system - before.user - before.system) / span
            console.print(
                f"server: {used:.2f} cores while talking, {process.memory_info().rss >> 20} MB"
            )
        barged = asyncio.run(barge_in(address, barges)) if barges else []
    console.print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    console.print(turn_table(results), waterfall_table(results))
    silent = [seconds for seconds, _, _ in barged if seconds is not None]
    table = Table("barge-in", "trials", "stopped", "p50 ms", "p95 ms", "history ±1 character")
    right = sum(bool(a) and difference(a, b) <= 2 for _, a, b in barged)
    table.add_row(
        "onset → last voiced sample", str(len(barged)), str(len(silent)),
        f"{quantile(silent, 0.5) * 1000:.0f}", f"{quantile(silent, 0.95) * 1000:.0f}", f"{right}",
    )  # fmt: skip
    if barged:
        console.print(table)


if __name__ == "__main__":
    typer.run(main)
