"""Cost of the performer: CPU of pictures, of motion and of sound, and hours of talk in seconds.

Usage: python scripts/bench/performer.py [ANCHOR…] [--voice xiaoxiao] [--hours 2] [--sheet FILE.png]
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import psutil
import typer
from PIL import Image

from digital_human.apps.live.performer import Performer
from digital_human.core.clock import SampleClock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Events
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.manifest import known_avatars
from digital_human.safety.labels import label_text
from digital_human.speech.speaker import Speaker
from digital_human.speech.types import Speech

SIZES = ((512, 512), (576, 768), (1280, 720))
TEXT = "西湖十景里，我最喜欢断桥残雪。苏堤是苏轼主持修建的，春天走一走很舒服。"


def performer(bundle: Bundle, size: tuple[int, int]) -> Performer:
    clock = SampleClock()
    return Performer(
        bundle, size=size, epoch=Epoch(), events=Events("bench", clock.now),
        label=label_text("zh"), clock=clock,
    )  # fmt: skip


def cpu_ms(work: Callable[[int], object], frames: range) -> np.ndarray:
    """CPU milliseconds of ``work`` for each frame, this thread only."""
    out = []
    for pts in frames:
        start = time.thread_time()
        work(pts)
        out.append((time.thread_time() - start) * 1000)
    return np.array(out)


def pictures(name: str, speeches: list[Speech]) -> None:
    bundle = load_bundle(name)
    for size in SIZES:
        stage = performer(bundle, size)
        idle = cpu_ms(stage.picture, range(100))
        sound = cpu_ms(stage.sound, range(100))
        for speech in speeches:
            stage.say(speech, 1)
        frames = range(100, 100 + int(25 * stage.queued()))
        talking = cpu_ms(stage.picture, frames)
        typer.echo(
            f"{name:6} {size[0]}x{size[1]}: idle {np.median(idle):5.2f} ms, talking median "
            f"{np.median(talking):5.2f}, p95 {np.percentile(talking, 95):5.2f}, worst "
            f"{talking.max():5.2f}; sound {np.median(sound):.3f}"
        )


async def hours_of_talk(name: str, speeches: list[Speech], hours: float) -> None:
    """A turn every 12 s with holds and cuts; motion and sound, no pictures."""
    stage = performer(load_bundle(name), (240, 320))
    process, rss, spent = psutil.Process(), [], time.process_time()
    frames = round(hours * 3600 * 25)
    for pts in range(frames):
        second, turn = pts % 300, pts // 300
        if second == 0:
            stage.look("listening")
        elif second == 60:
            stage.look("thinking")
        elif second == 80:
            stage.look("speaking")
            for speech in speeches:
                stage.say(speech, turn)
            stage.finish(turn)
        elif second == 120 and turn % 3 == 0:
            stage.hold()
        elif second == 135 and turn % 3 == 0:
            stage.resume()
        elif second == 160 and turn % 4 == 0:
            stage.cut()
        while stage._orders:
            stage._orders.popleft()(pts)
        stage._animator.frame(pts)
        stage.sound(pts)
        if pts % (frames // 8) == frames // 8 - 1:
            gc.collect()
            rss.append(process.memory_info().rss / 2**20)
    spent = time.process_time() - spent
    typer.echo(
        f"{hours:g} h of talk: {spent / frames * 1000:.2f} ms CPU per frame, RSS MiB "
        + " ".join(f"{value:.0f}" for value in rss)
    )


def sheet(names: list[str], speeches: list[Speech], path: Path) -> None:
    """Idle, listening, thinking, three of speaking; one row for each anchor."""
    rows = []
    for name in names:
        stage = performer(load_bundle(name), (576, 768))
        shown, pts = [], 0
        for look, seconds in (("idle", 2.0), ("listening", 2.0), ("thinking", 1.4)):
            stage.look(look)
            for _ in range(round(25 * seconds)):
                pts += 1
                stage.sound(pts)
                picture = stage.picture(pts)
            shown.append(picture.copy())
        stage.look("speaking")
        stage.say(speeches[0], 1)
        for number in range(36):
            pts += 1
            stage.sound(pts)
            picture = stage.picture(pts)
            if number in (12, 20, 30):
                shown.append(picture.copy())
        rows.append(np.concatenate(shown, axis=1))
    Image.fromarray(np.concatenate(rows)).save(path)


def main(
    anchors: Annotated[list[str] | None, typer.Argument(help="Avatars; all by default.")] = None,
    voice: Annotated[str, typer.Option(help="Voice of the speech.")] = "xiaoxiao",
    hours: Annotated[float, typer.Option(help="Length of the talk.")] = 2.0,
    sheet_file: Annotated[Path | None, typer.Option("--sheet", help="PNG of looks.")] = None,
) -> None:
    cv2.setNumThreads(1)
    names = anchors or known_avatars()
    speeches = list(Speaker(voice).say(TEXT))
    for name in names:
        pictures(name, speeches)
    if sheet_file is not None:
        sheet(names, speeches, sheet_file)
    if hours:
        asyncio.run(hours_of_talk(names[0], speeches, hours))


if __name__ == "__main__":
    typer.run(main)
