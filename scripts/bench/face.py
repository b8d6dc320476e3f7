"""Cost and pictures of the photo renderer: CPU ms per frame by stage, a contact sheet, a film.

Usage: python scripts/bench/face.py [ANCHOR…] [--face 512] [--sheet FILE.png] [--film FILE.mp4]
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import numpy as np
import typer
from PIL import Image

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.eyes import UpperFace
from digital_human.face.manifest import known_avatars
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.mouth import LowerFace, MouthInterior
from digital_human.face.pose import HeadField
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import FaceShape

VISEMES: dict[str, dict[str, float]] = {
    "rest": {},
    "m": {"jawOpen": 0.06, "mouthClose": 0.06, "mouthPress": 0.4, "mouthRollUpper": 0.2,
          "mouthRollLower": 0.2},
    "f": {"mouthRollLower": 0.7, "mouthUpperUp": 0.25, "jawOpen": 0.06},
    "a": {"jawOpen": 0.48},
    "e": {"jawOpen": 0.2, "mouthStretch": 0.4, "mouthSmile": 0.2},
    "i": {"jawOpen": 0.1, "mouthStretch": 0.5, "mouthSmile": 0.3, "mouthUpperUp": 0.1},
    "o": {"jawOpen": 0.3, "mouthFunnel": 0.6, "mouthPucker": 0.3},
    "u": {"jawOpen": 0.1, "mouthPucker": 0.9, "mouthFunnel": 0.3},
    "l": {"jawOpen": 0.22},
}  # fmt: skip
SEQUENCE = ("rest", "m", "a", "m", "i", "u", "o", "f", "e", "l", "a", "m", "o", "i", "rest", "rest")
STAGES: dict[str, tuple[type, str]] = {
    "shape": (FaceShape, "mouth"),
    "lower face": (LowerFace, "draw"),
    "  of it interior": (MouthInterior, "draw"),
    "upper face": (UpperFace, "draw"),
    "pose field": (HeadField, "map"),
}


def curves(**values: float) -> FloatArray:
    """ARKit curves [52] by name; a name without a side sets both sides."""
    out = np.zeros(len(INDEX), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                out[INDEX[name + side]] = value
    return out


def speech(frames: int, per_viseme: int = 4) -> list[MotionFrame]:
    """Hand-made speech at 25 fps with sway, breathing and a blink every two seconds."""
    keys = np.stack([curves(**VISEMES[name]) for name in SEQUENCE])
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


def over(frame: ByteArray, colour: tuple[int, int, int]) -> ByteArray:
    """Composite RGBA over a plain colour, uint8 [h, w, 3]."""
    alpha = frame[..., 3:].astype(np.float32) / 255
    mixed = frame[..., :3] * alpha + np.array(colour, np.float32) * (1 - alpha)
    return np.asarray(mixed + 0.5, np.uint8)


def measure(renderer: PhotoRenderer, motion: list[MotionFrame]) -> dict[str, list[float]]:
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
    for frame in motion:
        for stage in STAGES:
            spent[stage].append(0.0)
        start = time.process_time_ns()
        renderer.render(frame)
        spent["whole frame"].append((time.process_time_ns() - start) / 1e6)
    for restore in undo:
        restore()
    return spent


def sheet(bundle: Bundle, renderer: PhotoRenderer, motion: list[MotionFrame]) -> ByteArray:
    """Four whole pictures over two backgrounds, then 24 consecutive mouths at double size."""
    height = renderer.size[1]
    points = bundle.geometry.landmarks * height / bundle.canvas.shape[0]
    io = lm.eye_distance(points)
    x, y = points[list(lm.MOUTH_CORNERS)].mean(0)
    left, top, half, tall = round(x - 0.6 * io), round(y - 0.45 * io), round(1.2 * io), round(io)
    mouths, faces = [], []
    for i, frame in enumerate(motion[:24]):
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


def write_film(path: Path, renderer: PhotoRenderer, motion: list[MotionFrame]) -> None:
    """Encode ``motion`` over a dark blue background as H.264."""
    width, height = (side // 2 * 2 for side in renderer.size)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=renderer.fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in motion:
            picture = over(renderer.render(frame), (24, 40, 80))[:height, :width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def main(
    anchors: Annotated[list[str] | None, typer.Argument(help="Names or folders.")] = None,
    face: Annotated[int, typer.Option(help="Face scale: 512 puts the eyes 175 px apart.")] = 512,
    frames: Annotated[int, typer.Option(help="Frames to measure.")] = 200,
    sheet_to: Annotated[Path | None, typer.Option("--sheet", help="Contact sheet (PNG).")] = None,
    film: Annotated[Path | None, typer.Option(help="Film (MP4).")] = None,
) -> None:
    """Print CPU ms per frame by stage for each anchor, on one thread."""
    cv2.setNumThreads(1)
    motion = speech(frames)
    for name in anchors or known_avatars():
        bundle = load_bundle(Path(name) if "/" in name else name)
        scale = face * 0.341 / bundle.manifest.face.eye_distance
        renderer = PhotoRenderer(bundle, max(64, round(bundle.canvas.shape[0] * scale)))
        renderer.render(motion[0])
        spent = measure(renderer, motion)
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
                Image.fromarray(write(bundle, renderer, motion)).save(path)
            else:
                write_film(path, renderer, motion)
            print(f"  wrote {path}")


if __name__ == "__main__":
    typer.run(main)
