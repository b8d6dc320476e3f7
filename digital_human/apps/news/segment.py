"""Renders one segment: the graph text → speech → motion → picture → file, under its own clock."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import soundfile

from digital_human.apps.news.plan import FPS, RATE, SegmentPlan
from digital_human.apps.news.studio import Studio
from digital_human.apps.news.timeline import Placed, Timeline, lay_out
from digital_human.core.channel import Channel, Policy
from digital_human.core.epoch import Epoch
from digital_human.core.frames import VideoFrame
from digital_human.core.stage import ModelThread, run_graph
from digital_human.media.encoder import PartEncoder, disk_errors
from digital_human.speech.types import Speech

VIDEO, SOUND, NOTES = "video.mp4", "sound.flac", "segment.json"
# Frames drawn ahead of the encoder: enough to keep both busy, little memory.
_AHEAD = 6


@dataclass(frozen=True, slots=True)
class _Said:
    turn: int
    speech: Speech
    epoch: int


@dataclass
class _Speak:
    """Reads the turns clause by clause."""

    plan: SegmentPlan
    studio: Studio
    out: Channel[_Said]
    epoch: Epoch
    thread: ModelThread

    async def run(self) -> None:
        epoch = self.epoch.current
        for number, turn in enumerate(self.plan.turns):
            clauses = self.studio.say(turn, cancelled=lambda: self.epoch.stale(epoch))
            while (speech := await self.thread.call(next, clauses, None)) is not None:
                await self.out.put(_Said(number, speech, epoch))
        await self.out.close()


@dataclass
class _Draw:
    """Lays the speech out, then draws frame by frame."""

    plan: SegmentPlan
    studio: Studio
    heard: Channel[_Said]
    out: Channel[VideoFrame]
    epoch: Epoch
    thread: ModelThread
    timeline: Timeline | None = field(default=None, init=False)

    async def run(self) -> None:
        # Shots are cut to the length of the speech, so a segment's speech comes before its picture.
        spoken = [(said.turn, said.speech) async for said in self.heard]
        self.timeline = lay_out(self.plan, spoken, self.studio.framings)
        frames = self.studio.draw(self.timeline)
        for pts in range(self.timeline.frames):
            image = await self.thread.call(next, frames)
            await self.out.put(VideoFrame(image, pts, self.epoch.current))
        await self.out.close()


@dataclass
class _Write:
    """Encodes the frames."""

    encoder: PartEncoder
    frames: Channel[VideoFrame]
    thread: ModelThread
    progress: Callable[[int], None]

    async def run(self) -> None:
        async for frame in self.frames:
            await self.thread.call(self.encoder.write, frame.image)
            self.progress(self.encoder.frames)
        await self.thread.call(self.encoder.close)


def render_segment(
    plan: SegmentPlan, folder: Path, threads: int, progress: Callable[[int, int], None]
) -> None:
    """Render ``plan`` into ``folder`` (video, sound and notes), which appears only when whole.

    Args:
        plan: The segment.
        folder: Folder to create.
        threads: CPU threads to use.
        progress: Called with frames done and frames in all (0 until known); it may raise to stop.
    """
    work = folder.with_name(f"{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    with disk_errors(work):
        work.mkdir(parents=True)
    try:
        timeline = asyncio.run(_run(plan, work, threads, progress))
        with disk_errors(work):
            soundfile.write(work / SOUND, timeline.sound(), RATE, subtype="PCM_24")
            (work / NOTES).write_text(_notes(timeline), encoding="utf-8")
            if folder.exists():
                shutil.rmtree(folder)
            work.replace(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


async def _run(
    plan: SegmentPlan, work: Path, threads: int, progress: Callable[[int, int], None]
) -> Timeline:
    epoch = Epoch()
    said: Channel[_Said] = Channel(2, Policy.BLOCK, epoch)
    drawn: Channel[VideoFrame] = Channel(_AHEAD, Policy.BLOCK, epoch)
    encoder = PartEncoder(work / VIDEO, plan.size, FPS, threads)
    with Studio(plan, threads) as studio, ModelThread("speech") as speech:
        with ModelThread("picture") as picture, ModelThread("encoder") as writer:
            draw = _Draw(plan, studio, said, drawn, epoch, picture)

            def report(frames: int) -> None:
                progress(frames, draw.timeline.frames if draw.timeline else 0)

            try:
                await run_graph(
                    _Speak(plan, studio, said, epoch, speech),
                    draw,
                    _Write(encoder, drawn, writer, report),
                )
            except BaseException:
                epoch.bump()
                encoder.abort()
                raise
    assert draw.timeline is not None
    return draw.timeline


def _notes(timeline: Timeline) -> str:
    """What later steps need of the speech: words and phones on the segment's time line."""

    def clause(item: Placed) -> dict[str, object]:
        speech = item.speech
        return {
            "anchor": item.anchor,
            "text": speech.clause.text,
            "spoken": speech.spoken,
            "language": speech.clause.language,
            "at": item.at,
            "samples": len(speech.pcm),
            "words": [[w.text, w.start, w.end] for w in speech.words],
            "phones": [[p.symbol, p.start, p.end] for p in speech.phones],
        }

    return json.dumps(
        {"frames": timeline.frames, "clauses": [clause(item) for item in timeline.placed]},
        ensure_ascii=False,
    )
