"""The live loop end to end: latency, barge-in and CPU, measured by real WebRTC visitors.

Starts a server of its own (or takes --url), asks recorded questions from ../shared/data where they
are and spoken ones else, and measures at the client, from the true end of the question: to the
first voiced sample, to the first word of the answer itself (the same, unless a filler line came
before it) and to the first picture with an opened mouth. The client's own cost (decoding) is on the
same machine.

Usage: python scripts/bench/live.py [--only known|open|barge|cycles] [--turns 12] [--trials 20]
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import psutil
import typer
from lips import FaceMeter
from rich.console import Console
from rich.table import Table

from digital_human.apps.live.loadreport import waterfall_table
from digital_human.apps.live.loadtest import Question, TurnResult, Visitor, quantile
from digital_human.apps.live.phrasing import live_clauses
from digital_human.core.frames import ByteArray
from digital_human.dialogue.persona import load_persona
from digital_human.errors import DigitalHumanError
from digital_human.speech.speaker import Speaker

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "speech"
RECORDED = ("zf_xiaobei_2", "zm_yunyang_2", "zf_xiaobei_4", "zm_yunyang_4")
KNOWN = (
    ("苏堤有多长？", "zh"), ("三潭印月在哪里？", "zh"), ("西湖要门票吗？", "zh"),
    ("断桥为什么叫断桥？", "zh"), ("How long is the Su Causeway?", "en"),
    ("When was Leifeng Pagoda rebuilt?", "en"),
)  # fmt: skip
# The knowledge is not sure of any of these, so that the language model answers.
OPEN = (
    ("断桥的故事和白娘子有关系吗？", "zh"), ("杭州人平常喜欢吃什么？", "zh"),
    ("为什么古人那么喜欢西湖？", "zh"), ("雷峰塔和保俶塔哪个更值得看？", "zh"),
    ("三潭印月的三座石塔是做什么用的？", "zh"), ("孤山上有什么值得看的？", "zh"),
    ("花港观鱼适合小朋友吗？", "zh"), ("我只有两个小时，应该怎么安排？", "zh"),
    ("Which is nicer in the evening, the fountain or the pagoda?", "en"),
    ("Why do so many Chinese poems mention this lake?", "en"),
)  # fmt: skip
PERSONA = "xihu"
LONG, STOP = "请介绍一下西湖十景。", "等等，我想问一下门票。"
OPEN_LIPS = 0.035  # lip gap in outer-eye distances from which a mouth counts as open
SLACK = 0.04  # s by which a caption may name a word too late
IDLE_CORES, IDLE_FOR = 0.1, 6.0  # a server that takes less for so many seconds has prepared itself
START_WITHIN = 600.0  # s the server may take to load its models
PATIENCE = 30.0  # s a reply may take to its end
LOST_AFTER = 90.0  # s after which a turn counts as lost and another visitor comes
CALM = 0.5  # s without voice after which the next trial may begin


class Part(StrEnum):
    """What is measured."""

    ALL = "all"
    KNOWN = "known"
    OPEN = "open"
    BARGE = "barge"
    CYCLES = "cycles"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what came back.

    Attributes:
        kind: ``known`` or ``open``.
        result: As the visitor measured it.
        answer: What the reply rests on: ``llm``, ``knowledge``, …
        own: Seconds from the true end of the question to the first voiced sample that is no filler;
            None without.
        filler: Whether a filler line came first.
    """

    kind: str
    result: TurnResult
    answer: str
    own: float | None
    filler: bool


class Asker(Visitor):
    """A visitor who remembers when the question ended, and waits for the end of the reply."""

    ended = 0.0

    async def _first_voice(self, since: float) -> float | None:
        self.ended = since
        return await super()._first_voice(since)

    async def _until_quiet(self, since: float) -> None:
        until = since + PATIENCE
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            if any(m["type"] == "reply.finished" and at > since for at, m in self.client.messages):
                break
        await super()._until_quiet(since)

    async def calm(self, most: float = 4.0) -> None:
        """Wait until nothing has been voiced for a moment."""
        until = time.monotonic() + most
        while time.monotonic() < until:
            voiced = [when for when, loud in tuple(self.sounds)[-200:] if loud]
            if not voiced or time.monotonic() - voiced[-1] > CALM:
                return
            await asyncio.sleep(0.05)


def ask(text: str, language: str, voice: str) -> Question:
    """A question spoken by ``voice``."""
    speech = next(Speaker(voice).say(text, language=language))  # type: ignore[arg-type]
    return Question.of(text, speech.pcm, speech.rate)


def questions(kind: str, most: int) -> list[Question]:
    """``most`` at the most: recorded ones first, then spoken ones in two voices."""
    found = []
    if kind == "known":
        files = [DATA / "zh_synth" / f"{name}.wav" for name in RECORDED]
        found = [Question.load(path) for path in files if path.is_file()]
    texts = KNOWN if kind == "known" else OPEN
    voices = {"zh": ("yunjian", "xiaoxiao"), "en": ("fenrir", "bella")}
    for number, (text, language) in enumerate(texts[: max(0, most - len(found))]):
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
        until = time.monotonic() + START_WITHIN
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server did not start")
            time.sleep(0.5)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/api/health").is_success
    return False


class Lips:
    """Whether a picture's mouth is open."""

    def __init__(self) -> None:
        self._meter = FaceMeter()

    def __call__(self, image: ByteArray) -> bool:
        return self._meter.measure(np.ascontiguousarray(image))[0] > OPEN_LIPS


async def latency(url: str, kind: str, turns: int, lips: Lips | None) -> list[Turn]:
    """``turns`` questions of a kind, one after the other."""
    found = []
    visitor: Asker | None = None
    asked = questions(kind, turns)
    try:
        for number in range(turns):
            try:
                async with asyncio.timeout(LOST_AFTER):
                    visitor = visitor or await _arrived(url, lips)
                    seen = len(visitor.client.messages)
                    result = await visitor.ask(asked[number % len(asked)])
            except (TimeoutError, DigitalHumanError) as error:
                print(f"  {kind} {number + 1}/{turns}: lost ({error or 'no end'})", flush=True)
                if visitor is not None:
                    await visitor.close()
                visitor = None
                continue
            messages = list(visitor.client.messages)[seen:]
            turn = _turn(kind, result, messages, visitor)
            found.append(turn)
            print(
                f"  {kind} {number + 1}/{turns}: {result.heard} → {turn.answer or 'none'}, sound "
                f"{_s(result.sound)}, own words {_s(turn.own)}{', filler' if turn.filler else ''}\n"
                f"      {result.reply}",
                flush=True,
            )
            await asyncio.sleep(1.0)
    finally:
        if visitor is not None:
            await visitor.close()
    return found


async def _arrived(url: str, lips: Lips | None) -> Asker:
    """A visitor who has been connected for a moment."""
    visitor = Asker(url, mouth_open=lips)
    await visitor.start()
    await asyncio.sleep(2.0)
    return visitor


def _turn(
    kind: str, result: TurnResult, messages: list[tuple[float, dict[str, Any]]], visitor: Asker
) -> Turn:
    captions = [(at, m) for at, m in messages if m["type"] == "caption" and at > visitor.ended]
    finished = [m for _, m in messages if m["type"] == "reply.finished"]
    answer = finished[-1]["origin"] if finished else result.origin
    fillers = filler_clauses()
    filler = bool(captions) and captions[0][1]["text"] in fillers
    own = result.sound
    if filler:
        rest = [at + m["words"][0][1] for at, m in captions if m["text"] not in fillers]
        own = _voiced_after(visitor, rest[0] - SLACK) if rest else None
    return Turn(kind, result, answer, own, filler)


def _voiced_after(visitor: Asker, when: float) -> float | None:
    """Seconds from the question's end to the first voiced sample received after ``when``."""
    voiced = (at for at, loud in tuple(visitor.sounds) if loud and at >= when)
    first = next(voiced, None)
    return None if first is None else first - visitor.ended


def filler_clauses() -> frozenset[str]:
    """What the persona says while it thinks."""
    filler = load_persona(PERSONA).filler
    texts = [(text, language) for language, texts in filler.items() for text in texts]
    return frozenset(c.text for text, language in texts for c in live_clauses(text, language))


async def barge_in(url: str, trials: int) -> list[tuple[float | None, str, str]]:
    """Interrupt long answers; (seconds to silence, the history's words, the words played)."""
    long, stop = ask(LONG, "zh", "yunjian"), ask(STOP, "zh", "xiaoxiao")
    out: list[tuple[float | None, str, str]] = []
    visitor = Asker(url)
    try:
        await visitor.start()
        await asyncio.sleep(1.0)
        for trial in range(trials):
            started = time.monotonic()
            out.append(await _interrupted(visitor, long, stop, 1.5 + 0.23 * trial % 2.0))
            stopped, stored, played = out[-1]
            took = "nothing measured" if stopped is None else f"{stopped * 1000:.0f} ms"
            print(
                f"  barge-in {trial + 1}/{trials}: {took}, remembered {stored!r}, "
                f"played {played!r}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    finally:
        await visitor.close()
    return out


async def _interrupted(
    visitor: Asker, long: Question, stop: Question, after: float
) -> tuple[float | None, str, str]:
    """One trial of `barge_in`."""
    assert visitor.client.microphone is not None
    seen = len(visitor.client.messages)
    began = await visitor.client.microphone.play(long.pcm, long.rate)
    if await visitor.first_voice(began + long.end) is None:
        return None, "", ""
    stopped = await visitor.interrupt(after, stop)
    if stopped is not None and stopped < 0:
        stopped = None  # it was silent already: nothing was interrupted
    messages = list(visitor.client.messages)[seen:]
    # What would be said to the interruption is of no interest.
    visitor.client.send({"type": "interrupt"})
    cut = [m["turn"] for _, m in messages if m["type"] == "reply.finished" and m["interrupted"]]
    stored = [e["answer"] for e in await visitor.history() if cut and e["turn"] == cut[0]]
    await asyncio.sleep(CALM)
    await visitor.calm()
    return stopped, stored[-1] if stored else "", _played(messages, visitor)


def _played(messages: list[tuple[float, dict[str, Any]]], visitor: Visitor) -> str:
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
            print(f"  {cycle} sessions: {sizes[-1]} MB", flush=True)
    return sizes


def settled(process: psutil.Process, most: float) -> None:
    """Wait until the server has made ready what it can, or ``most`` seconds."""
    started = time.monotonic()
    calm = started
    while time.monotonic() - started < most and time.monotonic() - calm < IDLE_FOR:
        if process.cpu_percent(1.0) > 100 * IDLE_CORES:
            calm = time.monotonic()
    print(f"the server was ready after {time.monotonic() - started:.0f} s", flush=True)


def turn_table(turns: Sequence[Turn]) -> Table:
    """One row a turn, with medians and 95th percentiles by what answered at the end."""
    table = Table("question", "heard", "answer", "first sound ms", "own words ms", "mouth opens ms")
    for turn in turns:
        result = turn.result
        table.add_row(
            result.question, result.heard, (turn.answer or "[red]none[/]") + (" (filler)" *
            turn.filler), _ms(result.sound), _ms(turn.own), _ms(result.mouth),
        )  # fmt: skip
    for kind, answer in sorted({(t.kind, t.answer) for t in turns if t.answer}):
        mine = [t for t in turns if (t.kind, t.answer) == (kind, answer)]
        table.add_section()
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            table.add_row(
                f"[bold]{name}[/]", f"{kind}: {len(mine)} turns, {sum(t.filler for t in mine)} "
                "with a filler", answer, *(
                    _ms(quantile([v for v in values if v is not None], share))
                    for values in ([t.result.sound for t in mine], [t.own for t in mine],
                                   [t.result.mouth for t in mine])
                ),
            )  # fmt: skip
    return table


def _s(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.2f} s"


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None or seconds != seconds else f"{seconds * 1000:.0f}"


def barge_table(barged: Sequence[tuple[float | None, str, str]]) -> Table:
    """How soon it stopped, and whether it remembers what was heard."""
    silent = [seconds for seconds, _, _ in barged if seconds is not None]
    right = sum(bool(a) and difference(a, b) <= 2 for _, a, b in barged)
    table = Table("barge-in", "trials", "measured", "p50 ms", "p95 ms", "history ±1 character")
    table.add_row(
        "onset → last voiced sample", str(len(barged)), str(len(silent)),
        f"{quantile(silent, 0.5) * 1000:.0f}", f"{quantile(silent, 0.95) * 1000:.0f}", f"{right}",
    )  # fmt: skip
    return table


def main(
    only: Annotated[Part, typer.Option(help="What to measure.")] = Part.ALL,
    turns: Annotated[int, typer.Option(help="Questions of each kind.")] = 12,
    trials: Annotated[int, typer.Option(help="Interruptions.")] = 20,
    cycles: Annotated[int, typer.Option(help="Sessions made and ended; not part of all.")] = 200,
    url: Annotated[str | None, typer.Option(help="A running server instead of our own.")] = None,
    mouth: Annotated[bool, typer.Option(help="Look for the first opened mouth.")] = True,
    settle: Annotated[float, typer.Option(help="Seconds the server may prepare itself.")] = 900,
    model: Annotated[str, typer.Option(help="Language model.")] = "",
) -> None:
    """Measure and print."""
    console = Console(width=160)
    options = ["--model", model] if model else []
    console.print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with server(url, options) as (address, process):
        if only is Part.CYCLES:
            assert process is not None, "memory is measured on a server of our own"
            sizes = asyncio.run(connect_and_close(address, cycles, process))
            console.print("RSS in MB after every 10 sessions:", *sizes)
            return
        if process is not None:
            settled(process, settle)
        before, started = process.cpu_times() if process else None, time.monotonic()
        lips = Lips() if mouth else None
        done: list[Turn] = []
        for kind in (Part.KNOWN, Part.OPEN):
            if only in (Part.ALL, kind):
                done += asyncio.run(latency(address, kind.value, turns, lips))
        if done and process and before:
            after, span = process.cpu_times(), time.monotonic() - started
            used = (after.user + after.system - before.user - before.system) / span
            console.print(
                f"server: {used:.2f} cores while talking, {process.memory_info().rss >> 20} MB"
            )
        if done:
            console.print(turn_table(done), waterfall_table([turn.result for turn in done]))
        if only in (Part.ALL, Part.BARGE):
            console.print(barge_table(asyncio.run(barge_in(address, trials))))


if __name__ == "__main__":
    typer.run(main)
