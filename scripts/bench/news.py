"""What a second of broadcast costs: CPU time by stage, real-time factor and peak memory.

Stages run one after the other on one thread, so their CPU time adds up; the whole render then runs
as users run it, in its own processes, without any cached clause or segment.
usage: python scripts/bench/news.py [SCRIPT.yaml] [--size 720p]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import psutil
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from digital_human.apps.news.plan import SegmentPlan

ROOT = Path(__file__).resolve().parents[2]


class Meter:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.process_time()
        yield
        self.seconds[stage] += time.process_time() - start


def by_stage(script: Path, size: str, folder: Path) -> tuple[Meter, int]:
    """Render every segment stage by stage; returns the meter and the number of frames."""
    from digital_human.apps.news.load import load_script
    from digital_human.apps.news.plan import plan_programme

    file = load_script(script)
    file = replace(file, script=file.script.model_copy(update={"size": size}))
    meter = Meter()
    plans = plan_programme(file, file.script.languages[0])
    return meter, sum(_segment(plan, meter, folder) for plan in plans)


def _segment(plan: SegmentPlan, meter: Meter, folder: Path) -> int:
    from digital_human.apps.news.plan import FPS
    from digital_human.apps.news.studio import Studio, caption_track
    from digital_human.apps.news.timeline import lay_out
    from digital_human.media.encoder import PartEncoder

    with meter("set up"):
        studio = Studio(plan, 1)
    with meter("speech"):
        spoken = [
            (number, speech)
            for number, turn in enumerate(plan.turns)
            for speech in studio.say(turn, cancelled=lambda: False)
        ]
    timeline = lay_out(plan, spoken, studio.framings)
    with meter("captions"):
        captions = caption_track(plan, timeline)
    animators = {key: studio.animator(key, timeline) for key in plan.people}
    encoder = PartEncoder(folder / f"{plan.index}.mp4", plan.size, FPS)
    for start, shot in timeline.shots:
        for t in range(shot.frames):
            with meter("motion"):
                motions = {key: a.frame(start + t) for key, a in animators.items()}
            with meter("face"):
                people = {
                    key: studio.renderer(shot, key).render(motions[key]) for key in shot.anchors
                }
            cue = captions.cue_at((start + t) / FPS)
            with meter("picture"):
                picture = studio.compositor.compose(shot, t, people, cue.lines if cue else ())
            with meter("encode"):
                encoder.write(picture)
    with meter("encode"):
        encoder.close()
    return timeline.frames


def whole(script: Path, size: str, folder: Path) -> tuple[float, float, float, float]:
    """Render as users do; returns wall s, CPU s, media s and peak RSS of all processes in MB."""
    out = folder / "news.mp4"
    command = [sys.executable, "-m", "digital_human", "news", "render", str(script)]
    start = time.monotonic()
    process = psutil.Popen([*command, "--out", str(out), "--size", size], stderr=subprocess.PIPE)
    peak, cpu = 0.0, 0.0
    drained = threading.Thread(target=process.stderr.read)
    drained.start()
    while process.poll() is None:
        try:
            tree = [process, *process.children(recursive=True)]
            peak = max(peak, sum(p.memory_info().rss for p in tree) / 1e6)
            cpu = max(cpu, sum(sum(p.cpu_times()[:2]) for p in tree))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.2)
    wall = time.monotonic() - start
    drained.join()
    if process.returncode:
        raise SystemExit(f"the render failed with exit code {process.returncode}")
    with av.open(str(out)) as file:
        media = file.duration / av.time_base
    return wall, cpu, media, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("script", nargs="?", default=ROOT / "assets/news/sample.yaml", type=Path)
    parser.add_argument("--size", default="720p")
    options = parser.parse_args()
    from digital_human.config import settings

    models = settings().models_dir
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "home"
        home.mkdir()
        (home / "models").symlink_to(models)
        os.environ["DH_HOME"] = str(home)
        settings.cache_clear()
        wall, cpu, media, peak = whole(options.script, options.size, Path(name))
        (home / "cache").rename(home / "cache-of-the-whole")
        os.environ["DH_THREADS"] = "1"
        settings.cache_clear()
        meter, frames = by_stage(options.script, options.size, Path(name))
    total = sum(meter.seconds.values())
    console = Console()
    load = os.getloadavg()[0]
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {load:.1f}; "
        f"{options.script.name} at {options.size}, {frames} frames"
    )
    table = Table(title="CPU time by stage, one thread")
    for column in ("stage", "ms a frame", "share"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    for stage, seconds in sorted(meter.seconds.items(), key=lambda item: -item[1]):
        table.add_row(stage, f"{seconds / frames * 1e3:.2f}", f"{seconds / total:.0%}")
    table.add_row("all", f"{total / frames * 1e3:.2f}", "100%", style="bold")
    console.print(table)
    console.print(
        f"whole render, nothing cached: {media:.1f} s of video in {wall:.1f} s wall = "
        f"{media / wall:.2f}x real time, {cpu:.1f} s CPU = {cpu / media:.2f} cores per second of "
        f"video, peak memory {peak:.0f} MB in all processes"
    )


if __name__ == "__main__":
    main()
