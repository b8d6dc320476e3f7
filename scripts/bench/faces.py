"""Checks avatars of any kind and prints one table: figures, limits, speed, and real films.

    python scripts/bench/faces.py                        # every avatar there is
    python scripts/bench/faces.py yun ./my-avatar --out out/faces
    python scripts/bench/faces.py --no-check --no-fast --film clip.mpg --film other.mpg

A film is made into a video avatar of its own pictures, which then hears the film's sound only.
"""

from __future__ import annotations

import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from digital_human.config import settings
from digital_human.errors import DigitalHumanError
from digital_human.face.avatar import Avatar, open_avatar
from digital_human.face.build.from_video import create_from_video
from digital_human.face.check import Card, card_table, check_avatar, check_height
from digital_human.face.manifest import DisplayName, known_avatars
from digital_human.face.motion import MotionFrame
from digital_human.face.sheet import MOUTHS, motion
from digital_human.face.truth import Likeness, compare_with_truth, truth_table
from digital_human.models.files import file_sha256
from digital_human.safety.consent import Consent, ConsentFile, Consents

SESSIONS = (1, 4)
FRAMES = 120  # of each session
PER_SHAPE = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """Talking frames per second of all sessions together, and CPU ms of one frame."""

    sessions: int
    fps: float
    cpu_ms: float


def hardware() -> str:
    """The processor and its cores."""
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.processor()
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def talking(frames: int) -> list[MotionFrame]:
    """Speech-like motion: every mouth in turn, with sway and a blink."""
    keys = list(MOUTHS.values())
    out = []
    for pts in range(frames):
        position = pts / PER_SHAPE
        a, b = keys[int(position) % len(keys)], keys[(int(position) + 1) % len(keys)]
        share = position % 1
        values = {
            name: (1 - share) * a.get(name, 0.0) + share * b.get(name, 0.0) for name in {*a, *b}
        }
        values["eyeBlink"] = max(0.0, 1 - abs(pts % 50 - 25) / 3)
        turn = 3 * (1 - abs(pts % 40 - 20) / 10)
        out.append(motion(values, (turn, 0.5 * turn, 0, 0, 0, 0), pts))
    return out


def speed(avatar: Avatar, sessions: int) -> Speed:
    """Draw ``sessions`` faces at once, each by a thread of its own."""
    height, frames = check_height(avatar), talking(FRAMES)
    renderers = [avatar.renderer(height) for _ in range(sessions)]
    for renderer in renderers:
        renderer.render(frames[0])
    gate = threading.Barrier(sessions + 1)

    def run(number: int) -> None:
        gate.wait()
        for frame in frames:
            renderers[number].render(frame)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(sessions)]
    for thread in threads:
        thread.start()
    gate.wait()
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    drawn = sessions * FRAMES
    return Speed(sessions, drawn / wall, 1000 * cpu / drawn)


def speed_table(rows: dict[str, tuple[Avatar, list[Speed]]]) -> Table:
    """One row for each avatar."""
    table = Table(title=f"Talking frames a second, face 512² or the avatar's own ({hardware()})")
    table.add_column("avatar")
    table.add_column("picture")
    for sessions in SESSIONS:
        table.add_column(f"{sessions} sessions" if sessions > 1 else "1 session", justify="right")
        table.add_column("CPU ms", justify="right")
    for name, (avatar, speeds) in rows.items():
        width, height = avatar.renderer(check_height(avatar)).size
        cells = [cell for s in speeds for cell in (f"{s.fps:.1f}", f"{s.cpu_ms:.1f}")]
        table.add_row(f"{name} ({avatar.manifest.kind})", f"{width}×{height}", *cells)
    return table


@contextmanager
def private_home() -> Iterator[None]:
    """A home for the measurement alone: consents and audit records made for it go with it."""
    models, before = settings().models_dir, os.environ.get("DH_HOME")
    with tempfile.TemporaryDirectory(prefix="dh-faces-") as folder:
        (Path(folder) / "models").symlink_to(models)
        os.environ["DH_HOME"] = folder
        settings.cache_clear()
        try:
            yield
        finally:
            os.environ.pop("DH_HOME")
            if before is not None:
                os.environ["DH_HOME"] = before
            settings.cache_clear()


def consented(film: Path) -> Consent:
    """A consent for one day to measure with a film."""
    consents = Consents()
    file = ConsentFile(
        subject=f"speaker of {film.stem}",
        granted_by="the user who measures",
        uses=["live"],
        until=consents.today() + timedelta(days=1),
        statement="Made for one measurement; the avatar is deleted after it.",
    )
    return consents.grant(file, {film.name: file_sha256(film)})


def against(film: Path, out: Path) -> Likeness:
    """Make an avatar of a film, drive it by the film's sound, and compare."""
    with private_home():
        bundle = settings().home / "avatars" / "subject"
        create_from_video(
            film, "subject", consented(film), DisplayName(zh="测试", en="Subject"),
            "unspecified", bundle, lambda step, share: None,
        )  # fmt: skip
        return compare_with_truth(bundle, film, out / f"{film.stem}-side.mp4")


def main(
    anchors: Annotated[list[str] | None, typer.Argument(help="Names or folders.")] = None,
    out: Annotated[Path, typer.Option(help="Sheets, films and cards.")] = Path("out/faces"),
    films: Annotated[list[Path] | None, typer.Option("--film", help="Real talking film.")] = None,
    check: Annotated[bool, typer.Option(help="Measure the avatars.")] = True,
    fast: Annotated[bool, typer.Option(help="Measure frames a second.")] = True,
) -> None:
    """Print figures, verdicts and speeds of avatars, and their likeness to real films."""
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    names = (anchors or known_avatars()) if check or fast else []
    targets = [Path(name) if "/" in name else name for name in names]
    cards: list[Card] = []
    speeds: dict[str, tuple[Avatar, list[Speed]]] = {}
    likenesses: list[Likeness] = []
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("", total=len(targets) + len(films or []))
        for target in targets:
            progress.update(task, description=str(target))
            try:
                avatar = open_avatar(target)
                if check:
                    cards.append(check_avatar(target, out))
                if fast:
                    speeds[avatar.manifest.name] = avatar, [speed(avatar, n) for n in SESSIONS]
            except DigitalHumanError as error:
                console.print(f"{target}: {error}", markup=False)
            progress.advance(task)
        for film in films or []:
            progress.update(task, description=film.name)
            try:
                likenesses.append(against(film, out))
            except DigitalHumanError as error:
                console.print(f"{film}: {error}", markup=False)
            progress.advance(task)
    if cards:
        console.print(card_table(cards))
        for card in cards:
            for note in card.notes:
                console.print(f"{card.avatar}: {note}", markup=False)
    if speeds:
        console.print(speed_table(speeds))
    if likenesses:
        console.print(truth_table(likenesses))
    console.print(f"sheets and films: {out}", markup=False)


if __name__ == "__main__":
    typer.run(main)
