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
from filelock import FileLock

from digital_human.apps.news.plan import FPS, RATE, SegmentPlan
from digital_human.apps.news.studio import Studio
from digital_human.apps.news.timeline import Placed, Timeline, lay_out
from digital_human.core.channel import Channel, Policy
from digital_human.core.clock import Clock, SampleClock
from digital_human.core.epoch import Epoch
from digital_human.core.frames import VideoFrame
from digital_human.core.stage import ModelThread, run_graph
from digital_human.errors import Cancelled
from digital_human.media.encoder import H264, WITH_ALPHA, Coding, PartEncoder, disk_errors
from digital_human.speech.types import Speech

SOUND, NOTES = "sound.flac", "segment.json"
# Frames drawn ahead of the encoder: enough to keep both busy, little memory.
_AHEAD = 6


def coding_of(plan: SegmentPlan) -> Coding:
    """How a segment's pictures are coded."""
    return H264 if plan.alpha is None else WITH_ALPHA[plan.alpha]


def video_of(plan: SegmentPlan) -> str:
    """Name of a segment's video in its folder."""
    return f"video{coding_of(plan).suffix}"


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
    stopped: Callable[[], bool]

    async def run(self) -> None:
        epoch = self.epoch.current

        def cancelled() -> bool:
            return self.stopped() or self.epoch.stale(epoch)

        for number, turn in enumerate(self.plan.turns):
            clauses = self.studio.say(turn, cancelled=cancelled)
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
            image = await self.thread.call(next, frames, None)
            if image is None:
                raise RuntimeError(f"{self.plan.name}: drew {pts} of {self.timeline.frames} frames")
            await self.out.put(VideoFrame(image, pts, self.epoch.current))
        await self.out.close()


@dataclass
class _Write:
    """Encodes the frames."""

    encoder: PartEncoder
    frames: Channel[VideoFrame]
    clock: Clock
    thread: ModelThread
    progress: Callable[[int], None]

    async def run(self) -> None:
        async for frame in self.frames:
            await self.clock.wait_until(frame.pts / FPS)
            await self.thread.call(self.encoder.write, frame.image)
            self.progress(self.encoder.frames)
        await self.thread.call(self.encoder.close)


def render_segment(
    plan: SegmentPlan,
    folder: Path,
    threads: int,
    progress: Callable[[int, int], None],
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Render ``plan`` into ``folder`` (video, sound and notes), which appears only when whole.

    Args:
        plan: The segment.
        folder: Folder to create.
        threads: CPU threads to use.
        progress: Called with frames done and frames in all (0 until known).
        stopped: Asked all the time; when it says yes, the work ends.

    Raises:
        Cancelled: ``stopped`` said yes.
        DigitalHumanError: The segment cannot be made; nothing is left.
    """
    work = folder.with_name(f"{folder.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    try:
        with disk_errors(work):
            work.mkdir(parents=True)
        timeline = asyncio.run(_run(plan, work, threads, progress, stopped))
        with disk_errors(work):
            soundfile.write(work / SOUND, timeline.sound(), RATE, subtype="PCM_24")
            (work / NOTES).write_text(_notes(timeline), encoding="utf-8")
            _publish(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _publish(work: Path, folder: Path) -> None:
    """Rename the finished segment into place; another render may have made the same one."""
    with FileLock(folder.parent / ".lock"):
        if folder.exists():
            shutil.rmtree(folder)
        work.replace(folder)


async def _run(
    plan: SegmentPlan,
    work: Path,
    threads: int,
    progress: Callable[[int, int], None],
    stopped: Callable[[], bool],
) -> Timeline:
    epoch = Epoch()
    said: Channel[_Said] = Channel(2, Policy.BLOCK, epoch)
    drawn: Channel[VideoFrame] = Channel(_AHEAD, Policy.BLOCK, epoch)
    studio = Studio(plan, threads)
    encoder = PartEncoder(work / video_of(plan), plan.size, FPS, threads, coding_of(plan))
    try:
        with (
            ModelThread("speech") as speech,
            ModelThread("picture") as picture,
            ModelThread("encoder") as writer,
        ):
            draw = _Draw(plan, studio, said, drawn, epoch, picture)

            def report(frames: int) -> None:
                if stopped():
                    raise Cancelled("the render was stopped")
                progress(frames, draw.timeline.frames if draw.timeline else 0)

            try:
                await run_graph(
                    _Speak(plan, studio, said, epoch, speech, stopped),
                    draw,
                    _Write(encoder, drawn, SampleClock(), writer, report),
                )
            except BaseException:
                epoch.bump()
                raise
    except BaseException:
        # The threads have ended: nothing writes to the encoder any more.
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
