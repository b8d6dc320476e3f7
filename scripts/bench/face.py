"""Cost and pictures of the photo renderer: CPU ms per frame by stage, a contact sheet, a film.

Usage: python scripts/bench/face.py [ANCHOR…] [--face 512] [--sheet FILE.png] [--film FILE.mp4]
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.eyes import UpperFace
from digital_human.face.manifest import known_avatars
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.mouth import LowerFace, MouthInterior
from digital_human.face.pose import HeadField
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import FaceShape
from digital_human.face.sheet import MOUTHS, motion, over, write_film

VISEMES = MOUTHS | {"l": {"jawOpen": 0.22}}
SEQUENCE = ("rest", "m", "a", "m", "i", "u", "o", "f", "e", "l", "a", "m", "o", "i", "rest", "rest")
STAGES: dict[str, tuple[type, str]] = {
    "shape": (FaceShape, "mouth"),
    "lower face": (LowerFace, "draw"),
    "  of it interior": (MouthInterior, "draw"),
    "upper face": (UpperFace, "draw"),
    "pose field": (HeadField, "map"),
}


def speech(frames: int, per_viseme: int = 4) -> list[MotionFrame]:
    """Hand-made speech at 25 fps with sway, breathing and a blink every two seconds."""
    keys = np.stack([motion(VISEMES[name]).curves for name in SEQUENCE])
    out = []
    for n in range(frames):
        t, position = n / 25, n / per_viseme % (len(keys) - 1)
        i = int(position)
        f = position - i
        f = f * f * (3 - 2 * f)
        now = keys[i] * (1 - f) + keys[i + 1] * f
        blink = float(np.interp(n % 50, [20, 22, 23, 24, 28], [0, 0.7, 1, 0.8, 0]))
        now[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = blink
        head = [3 * np.sin(2 * t), 1.5 * np.sin(3 * t + 1), 1.5 * np.sin(1.7 * t), 0, 0, 0]
        tongue = float(SEQUENCE[i] == "l") * (1 - f)
        breath = float(np.sin(1.6 * t))
        out.append(MotionFrame(now, np.array(head, np.float32), tongue, breath, n, 0))
    return out


def measure(renderer: PhotoRenderer, spoken: list[MotionFrame]) -> dict[str, list[float]]:
    """CPU milliseconds per frame of each stage and of the whole."""
    spent: dict[str, list[float]] = defaultdict(list)
    undo: list[Callable[[], None]] = []
    for stage, (owner, method) in STAGES.items():
        original = getattr(owner, method)

        @functools.wraps(original)
        def timed(*args: Any, _f: Any = original, _stage: str = stage, **more: Any) -> Any:
            start = time.process_time_ns()
            value = _f(*args, **more)
            spent[_stage][-1] += (time.process_time_ns() - start) / 1e6
            return value

        setattr(owner, method, timed)
        undo.append(functools.partial(setattr, owner, method, original))
    for frame in spoken:
        for stage in STAGES:
            spent[stage].append(0.0)
        start = time.process_time_ns()
        renderer.render(frame)
        spent["whole frame"].append((time.process_time_ns() - start) / 1e6)
    for restore in undo:
        restore()
    return spent


def sheet(bundle: Bundle, renderer: PhotoRenderer, spoken: list[MotionFrame]) -> ByteArray:
    """Four whole pictures over two backgrounds, then 24 consecutive mouths at double size."""
    height = renderer.size[1]
    points = bundle.geometry.landmarks * height / bundle.canvas.shape[0]
    io = lm.eye_distance(points)
    x, y = points[list(lm.MOUTH_CORNERS)].mean(0)
    left, top, half, tall = round(x - 0.6 * io), round(y - 0.45 * io), round(1.2 * io), round(io)
    mouths, faces = [], []
    for i, frame in enumerate(spoken[:24]):
        picture = over(renderer.render(frame), (24, 40, 80) if i % 12 < 6 else (226, 229, 236))
        mouths.append(picture[max(0, top) : top + tall, max(0, left) : left + half])
        if i % 6 == 3:
            faces.append(picture)
    rows = [np.hstack(mouths[i : i + 6]) for i in range(0, 24, 6)]
    strip = np.vstack(rows)
    wide = np.hstack(faces)
    ratio = wide.shape[1] / strip.shape[1]
    strip = cv2.resize(strip, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_CUBIC)
    return np.vstack([wide, strip])


def film_pictures(renderer: PhotoRenderer, spoken: list[MotionFrame]) -> Iterator[ByteArray]:
    """The film over a dark blue background."""
    for frame in spoken:
        yield over(renderer.render(frame), (24, 40, 80))


def main(
    anchors: Annotated[list[str] | None, typer.Argument(help="Names or folders.")] = None,
    face: Annotated[int, typer.Option(help="Face scale: 512 puts the eyes 175 px apart.")] = 512,
    frames: Annotated[int, typer.Option(help="Frames to measure.")] = 200,
    sheet_to: Annotated[Path | None, typer.Option("--sheet", help="Contact sheet (PNG).")] = None,
    film: Annotated[Path | None, typer.Option(help="Film (MP4).")] = None,
) -> None:
    """Print CPU ms per frame by stage for each anchor, on one thread."""
    cv2.setNumThreads(1)
    spoken = speech(frames)
    for name in anchors or known_avatars():
        bundle = load_bundle(Path(name) if "/" in name else name)
        scale = face * 0.341 / bundle.manifest.face.eye_distance
        renderer = PhotoRenderer(bundle, max(64, round(bundle.canvas.shape[0] * scale)))
        renderer.render(spoken[0])
        spent = measure(renderer, spoken)
        print(f"{bundle.name}: picture {renderer.size[0]}×{renderer.size[1]}, {frames} frames")
        for stage, values in spent.items():
            mean, high = float(np.mean(values)), float(np.percentile(values, 95))
            print(f"  {stage:18s} mean {mean:6.2f} ms   p95 {high:6.2f} ms")
        for target, write in ((sheet_to, sheet), (film, None)):
            if target is None:
                continue
            path = target.with_stem(f"{target.stem}-{bundle.name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            if write is not None:
                Image.fromarray(write(bundle, renderer, spoken)).save(path)
            else:
                write_film(path, film_pictures(renderer, spoken), renderer.fps, None, 0)
            print(f"  wrote {path}")


if __name__ == "__main__":
    typer.run(main)
