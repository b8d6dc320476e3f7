"""Who wakes the kiosk and who does not: real faces in a hall, empty halls, portraits, labels, cost.

    python scripts/bench/presence.py                         # about ten minutes
    python scripts/bench/presence.py empty --minutes 1       # one part, shorter

Clips of ../shared/data (talking, base_video) are set into halls at several distances; they come,
stand and leave as pictures of a camera at four a second, with grain, as JPEG. Everything goes
through the real watcher and the real state machine, in virtual time. Exits with 1 when more than
2 % of the visitors are missed or an empty hall wakes the kiosk.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from faces import hardware
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from digital_human.apps.kiosk.camera import Watcher  # noqa: E402
from digital_human.apps.kiosk.codes import LabelReader  # noqa: E402
from digital_human.apps.kiosk.faces import FaceFinder  # noqa: E402
from digital_human.apps.kiosk.presence import Presence, State  # noqa: E402
from digital_human.core.clock import SampleClock  # noqa: E402
from digital_human.core.frames import ByteArray  # noqa: E402
from tests.fakes.visitors import (  # noqa: E402
    SIZE,
    Clip,
    clip_files,
    hall,
    jpeg,
    read_clip,
    stand,
)  # fmt: skip

FPS = 4
MISSED = 0.02  # share of visitors
NEAR = (0.6, 1.0, 1.5)  # metres
PARTS = ["visitors", "bystanders", "queue", "empty", "portraits", "cost", "labels"]
DATA = ROOT.parent / "shared" / "data"

Pictures = Iterable[ByteArray]


@dataclass
class Run:
    """What a sequence of pictures brought about.

    Attributes:
        states: After each picture.
        labels: Texts that were read.
        cpu: Seconds of processor time of each picture.
    """

    states: list[State] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def wakes(self) -> list[int]:
        """Pictures at which a visit began."""
        before = ["empty", *self.states[:-1]]
        pairs = zip(before, self.states, strict=True)
        return [i for i, (a, b) in enumerate(pairs) if b == "here" and a != "here"]


class Kiosk:
    """The watcher and the state machine under a clock that jumps."""

    def __init__(self) -> None:
        self._clock = SampleClock()
        self._watcher = Watcher(self._clock)
        self._rng = np.random.default_rng(0)

    async def show(self, pictures: Pictures) -> Run:
        """Begin anew and look at pictures, `FPS` a second."""
        await self._clock.wait_until(self._clock.now() + 4000)  # everybody is forgotten
        presence, run = Presence(), Run()
        for picture in pictures:
            await self._clock.wait_until(self._clock.now() + 1 / FPS)
            data = jpeg(picture, self._rng)
            begun = time.process_time()
            seen = await self._watcher.look(data)
            run.cpu.append(time.process_time() - begun)
            run.states.append(presence.see(seen, self._clock.now()))
            run.labels += [seen.label] if seen.label else []
        return run

    def close(self) -> None:
        """Close the networks."""
        self._watcher.close()


def comes(clip: Clip, metres: float, across: float, ground: ByteArray) -> Iterator[ByteArray]:
    """One second of the hall, two of approach, four of standing, one of leaving, then eight."""
    for index in range(16 * FPS):
        t = index / FPS - 1
        frame = clip.at(round(t * 5)) if 0 <= t < 7 else None
        if frame is None:
            yield ground
        elif t < 2:
            yield stand(ground, frame, clip, metres + (3.5 - metres) * (1 - t / 2), across)
        else:
            gone = max(0.0, t - 6)
            yield stand(ground, frame, clip, metres + gone, across + 1.2 * gone)


def stands(clip: Clip, metres: float, seconds: int, ground: ByteArray) -> Iterator[ByteArray]:
    """Somebody who is there from the first picture on."""
    for index in range(seconds * FPS):
        yield stand(ground, clip.at(round(index * 5 / FPS)), clip, metres)


def passes(clip: Clip, metres: float, ground: ByteArray) -> Iterator[ByteArray]:
    """Somebody who walks by at 1.2 m/s with the face to the camera."""
    view = 2 * metres * np.tan(np.radians(35))
    for index in range(8 * FPS):
        yield stand(ground, clip.at(index), clip, metres, -0.3 + 1.2 * index / FPS / view)


def queue(first: Clip, second: Clip, ground: ByteArray) -> Iterator[ByteArray]:
    """One talks at 0.8 m, another waits at 1.9 m, steps up when the first has left."""
    for index in range(26 * FPS):
        t = index / FPS
        picture = ground
        step = float(np.clip((t - 13) / 1.5, 0, 1))
        if t > 4:
            picture = stand(picture, second.at(index), second, 1.9 - 1.0 * step, 0.78 - 0.25 * step)
        if t < 13:
            gone = max(0.0, t - 12)
            picture = stand(picture, first.at(index), first, 0.8 + gone, 0.4 - 1.2 * gone)
        yield picture


def empty(minutes: float, first: int = 0) -> Iterator[ByteArray]:
    """Halls and other scenes without faces: moving light, a lamp that dims, shake, people's backs.

    A new scene every half minute; the halls have seeds from ``first`` on.
    """
    pictures = [
        np.asarray(Image.open(path).convert("RGB").resize(SIZE), np.uint8)
        for path in sorted((ROOT / "assets" / "news").glob("*.jpg"))
    ]
    rng = np.random.default_rng(7 + first)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]].astype(np.float32)
    for index in range(round(minutes * 60 * FPS)):
        scene, t = divmod(index, 30 * FPS)
        halls = hall(first + scene), hall(first + scene + 100)
        ground = [*pictures, *halls][scene % (len(pictures) + 2)]
        out = ground.astype(np.float32)
        kind = scene % 5
        if kind == 1:  # a patch of light wanders
            spot = np.exp(-((x - 20 * t / FPS) ** 2 + (y - 180) ** 2) / 2 / 70**2)
            out *= 0.7 + 0.8 * spot[..., None]
        elif kind == 2:  # a lamp that dims
            out *= 0.75 + 0.35 * np.sin(t / 9)
        elif kind == 3:  # the kiosk is bumped
            out = np.roll(out, tuple(rng.integers(-3, 4, 2)), (0, 1))
        elif kind == 4:  # backs: heads of hair on shoulders
            for k in range(3):
                left = (t * (4 + k) * 3 + 200 * k) % (SIZE[0] + 200) - 100
                cv2.ellipse(out, (int(left), 330), (75, 160), 0, 0, 360, (60 + 50 * k, 50, 70), -1)
                cv2.ellipse(out, (int(left), 140), (34, 46), 0, 0, 360, (35, 26, 20), -1)
        yield np.clip(out, 0, 255).astype(np.uint8)


def portrait(path: Path, metres: float) -> Iterator[ByteArray]:
    """A picture of a face on the wall for a minute: light changes, bumps, somebody walks by."""
    still = read_clip(path)
    framed = stand(hall(5), still.frames[0], still, metres)
    rng = np.random.default_rng(3)
    for index in range(60 * FPS):
        out = framed.astype(np.float32) * (0.85 + 0.2 * np.sin(index / 11))
        if index % 17 == 0:
            out = np.roll(out, tuple(rng.integers(-2, 3, 2)), (0, 1))
        passer = (index - 20 * FPS) % (15 * FPS) * 30  # pixels a picture: 1.2 m/s at 1.2 m
        if index > 20 * FPS and passer < SIZE[0] + 200:
            cv2.ellipse(out, (passer - 100, 300), (80, 260), 0, 0, 360, (50, 45, 60), -1)
        yield np.clip(out, 0, 255).astype(np.uint8)


async def visitors(kiosk: Kiosk, clips: list[Clip], console: Console) -> bool:
    """Everybody comes at each distance; whether few enough are missed."""
    table = Table(
        "clip", *(f"{metres} m" for metres in NEAR), "wakes after arrival", "ends after leaving"
    )
    trials = missed = 0
    for clip in track(clips, "visitors"):
        marks, waits, ends = [], [], []
        for metres in NEAR:
            woke = 0
            places = (0.35, 0.6)
            for number, across in enumerate(places):
                run = await kiosk.show(comes(clip, metres, across, hall(number)))
                wakes = [i for i in run.wakes if i < 7 * FPS]
                woke += bool(wakes)
                waits += [(i / FPS) - 3 for i in wakes[:1]]
                left = [i for i, s in enumerate(run.states) if s == "here"]
                ends += [left[-1] / FPS - 7] if left and left[-1] < len(run.states) - 1 else []
            trials, missed = trials + len(places), missed + len(places) - woke
            marks.append(f"{woke}/{len(places)}")
        wait = f"{np.median(waits):+.1f} s" if waits else "never"
        end = f"{np.median(ends):.1f} s" if ends else "never"
        table.add_row(clip.name, *marks, wait, end)
    console.print(table)
    console.print(f"missed: {missed} of {trials} ({missed / trials:.1%})")
    return missed <= MISSED * trials


async def bystanders(kiosk: Kiosk, clips: list[Clip], console: Console) -> None:
    """Print what those do who are there already, far away, or walk by."""
    table = Table("clip", "there from the start", "stands at 2.8 m", "walks by at 1 m", "at 1.5 m")
    for clip in track(clips, "bystanders"):
        there = (await kiosk.show(stands(clip, 1.2, 8, hall(9)))).wakes
        far = await kiosk.show(stands(clip, 2.8, 8, hall(9)))
        by = [(await kiosk.show(passes(clip, metres, hall(9)))).wakes for metres in (1.0, 1.5)]
        begins = f"wakes in {there[0] / FPS:.1f} s" if there else "never"
        table.add_row(clip.name, begins, *("wakes" if w else "no" for w in (far.wakes, *by)))
    console.print(table)


async def queues(kiosk: Kiosk, clips: list[Clip], console: Console) -> None:
    """Print how visits are told apart when the next one steps up at once."""
    apart = 0
    pairs = list(zip(clips, clips[1:] + clips[:1], strict=True))[::2]
    for first, second in track(pairs, "queue"):
        run = await kiosk.show(queue(first, second, hall(2)))
        while_first = [i for i in run.wakes if i < 12 * FPS]
        apart += len(while_first) == 1 and len(run.wakes) == 2
    console.print(f"queue: {apart} of {len(pairs)} pairs are two visits, one after the other")


async def nobody(kiosk: Kiosk, minutes: float, console: Console) -> bool:
    """Print what happens where nobody is; whether the kiosk slept."""
    run = await kiosk.show(track(empty(minutes), "empty", round(minutes * 60 * FPS)))
    somebody = run.states.count("passing") + run.states.count("near")
    console.print(
        f"empty: {len(run.wakes)} wakes in {minutes:g} min, {somebody} of {len(run.states)} "
        f"pictures with somebody, {len(run.labels)} labels"
    )
    return not run.wakes


async def portraits(kiosk: Kiosk, console: Console) -> None:
    """Print how often a painted, drawn or photographed face on the wall wakes the kiosk."""
    files = [*sorted((DATA / "portraits").iterdir()), *sorted((DATA / "base_video").iterdir())]
    woke, found = [], 0
    with closing(FaceFinder(70, 2.6)) as finder:
        for number, path in enumerate(track(files, "portraits")):
            metres = (0.9, 1.4)[number % 2]
            found += bool(finder(next(portrait(path, metres))))
            run = await kiosk.show(portrait(path, metres))
            woke += [f"{path.name} at {metres} m"] if run.wakes else []
    console.print(
        f"portraits: a face is found in {found} of {len(files)}, {len(woke)} wake within a minute "
        + ", ".join(woke)
    )


def labels(console: Console) -> None:
    """Print from which size on labels are read, turned and tilted a little, with grain."""
    rng = np.random.default_rng(5)
    code = cv2.copyMakeBorder(
        cv2.QRCodeEncoder.create().encode("su-causeway"), 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=255
    )
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    tag = cv2.aruco.generateImageMarker(family, 17, 80)
    tag = cv2.copyMakeBorder(tag, 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=255)
    code, tag = (
        cv2.resize(image, (800, 800), interpolation=cv2.INTER_NEAREST) for image in (code, tag)
    )
    table = Table("label", *(f"{n} px" for n in (40, 50, 64, 80, 120)))
    for name, image in (("QR code, 11 characters", code), ("AprilTag 36h11", tag)):
        cells = []
        for side in (40, 50, 64, 80, 120):
            read = sum(_read(image, side, rng) for _ in range(20))
            cells.append(f"{5 * read} %")
        table.add_row(name, *cells)
    console.print(table)


def _read(image: ByteArray, side: int, rng: np.random.Generator) -> bool:
    """Whether a label is read in one of three pictures, as of a hand that holds it."""
    reader, found = LabelReader(), False
    for _ in range(3):
        scene = cv2.cvtColor(hall(int(rng.integers(50))), cv2.COLOR_RGB2GRAY)
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5
        angle = rng.uniform(-0.4, 0.4)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        there = (corners @ turn * side + rng.uniform(-0.06, 0.06, (4, 2)) * side) + [320, 180]
        here = (corners + 0.5) * image.shape[0]
        warp = cv2.getPerspectiveTransform(here.astype(np.float32), there.astype(np.float32))
        soft = cv2.GaussianBlur(image, (0, 0), max(0.1, 0.4 * image.shape[0] / side))
        label = cv2.warpPerspective(soft, warp, SIZE, flags=cv2.INTER_LINEAR)
        inside = cv2.warpPerspective(np.full_like(image, 255), warp, SIZE)
        scene = np.where(inside > 127, label, scene)
        scene = cv2.GaussianBlur(scene, (0, 0), 0.6)
        noisy = np.clip(scene + rng.normal(0, 3, scene.shape), 0, 255).astype(np.uint8)
        found = found or reader(noisy) is not None
    return found


async def cost(kiosk: Kiosk, clips: list[Clip], console: Console) -> None:
    """Print the processor time of a picture."""
    still = await kiosk.show(hall(1) for _ in range(100))
    light = await kiosk.show(list(empty(1))[30 * FPS :])
    one = await kiosk.show(stands(clips[0], 1.0, 15, hall(1)))
    for name, run in (("nobody", still), ("moving light", light), ("a visitor", one)):
        mean = float(np.mean(run.cpu[4:]))
        console.print(f"CPU, {name}: {1000 * mean:.1f} ms a picture, {mean * FPS:.1%} of a core")


async def bench(parts: list[str], minutes: float) -> bool:
    """Run the parts and print them; whether the limits are kept."""
    console, kiosk, kept = Console(width=150), Kiosk(), True
    console.print(hardware())
    clips = [read_clip(path) for path in track(clip_files(DATA), "clips")]
    if "visitors" in parts:
        kept &= await visitors(kiosk, clips, console)
    if "bystanders" in parts:
        await bystanders(kiosk, clips, console)
    if "queue" in parts:
        await queues(kiosk, clips, console)
    if "empty" in parts:
        kept &= await nobody(kiosk, minutes, console)
    if "portraits" in parts:
        await portraits(kiosk, console)
    if "cost" in parts:
        await cost(kiosk, clips, console)
    if "labels" in parts:
        labels(console)
    kiosk.close()
    return kept


def main() -> int:
    """Run the benchmark; 0 when the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=PARTS, help=f"of {', '.join(PARTS)}")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the empty hall")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    return 0 if asyncio.run(bench(given.parts, given.minutes)) else 1


if __name__ == "__main__":
    sys.exit(main())
