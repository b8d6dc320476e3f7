"""The neural mouth against the 2D renderer: quality, cost, and pictures for eyes.

    python scripts/bench/mouth.py                                    # every shipped photo avatar
    python scripts/bench/mouth.py yun --data build/mouth --out out/mouth

Figures of avatars are measured on drawn pictures with FaceLandmarker. With `--data` (the folder of
scripts/train/mouth/data.py) people that the network was not trained on are drawn too, and compared
with their own pictures. On a CUDA device mouths a second are put beside what the device could do.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import torch
import typer
from faces import hardware, talking
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face import measure
from digital_human.face.build.detect import Detector
from digital_human.face.bundle import RENDERERS, Bundle, load_bundle
from digital_human.face.check import asked_gap, check_height
from digital_human.face.manifest import find_bundle, known_avatars, read_manifest
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers import neural_inputs as inputs
from digital_human.face.renderers.base import Renderer
from digital_human.face.renderers.neural_net import (
    MouthNet,
    MouthPainter,
    Wanted,
    load_weights,
)
from digital_human.face.sheet import MOUTHS, motion, over

FACES = ("mesh", "neural")
OPENINGS = np.linspace(0, 0.6, 7)
SHAPES = ("rest", "a", "e", "i", "o", "u", "f", "m")
FRAMES = 60
BATCHES_CPU, BATCHES_CUDA = (1, 4), (1, 8, 32)
REPEATS = 30


@dataclass(frozen=True, slots=True)
class Figures:
    """What is measured of one avatar drawn in one way."""

    gap_error: float
    gap_reached: float
    sharpness: float
    seam: float
    flicker: float
    silence: float
    cpu_ms: float


def landmarks(detector: Detector, picture: ByteArray) -> FloatArray:
    """Landmarks float32 [478, 3] of the face in a picture; NaN without one."""
    faces = detector(picture)
    return faces[0].points if faces else np.full((lm.COUNT, 3), np.nan, np.float32)


def draw(renderer: Renderer, frame: MotionFrame) -> ByteArray:
    """RGB over the sheet's backdrop."""
    return over(renderer.render(frame))


def figures(renderer: Renderer) -> tuple[Figures, dict[str, ByteArray]]:
    """Measure a renderer; also its pictures of `SHAPES`."""
    pictures = {name: draw(renderer, motion(MOUTHS[name])) for name in SHAPES}
    asked = [motion({"jawOpen": float(value)}) for value in OPENINGS]
    with Detector() as detector:
        rest = landmarks(detector, pictures["rest"])
        found = np.array([landmarks(detector, draw(renderer, frame)) for frame in asked])
        shaped = np.array([landmarks(detector, pictures[name]) for name in SHAPES])
    gaps = np.array([lm.lip_gap(points) for points in found])
    wanted = np.maximum([asked_gap(frame) for frame in asked], gaps[0])
    luma = {name: measure.luminance(picture) for name, picture in pictures.items()}
    seams = [measure.seam(luma["rest"], luma[name], rest) for name in ("a", "o", "i", "u")]
    still = measure.steady(measure.Take(list(pictures.values()), shaped))
    spoken = measure.steady(measure.follow(draw(renderer, frame) for frame in talking(FRAMES)))
    resting = measure.steady(measure.Take([pictures["rest"]] * 3, np.stack([rest] * 3)))
    first = renderer.render(MotionFrame.rest()).copy()
    moved = [np.abs(renderer.render(MotionFrame.rest()).astype(int) - first) for _ in range(5)]
    result = Figures(
        gap_error=float(np.nanmean(np.abs(gaps - wanted))),
        gap_reached=float((gaps[-1] - gaps[0]) / (wanted[-1] - gaps[0])),
        sharpness=measure.sharpness(still) / measure.sharpness(resting),
        seam=float(np.nanmax(seams)),
        flicker=measure.beyond(*measure.flicker(spoken)),
        silence=float(max(m.max() for m in moved)),
        cpu_ms=cpu_ms(renderer),
    )
    return result, pictures


def cpu_ms(renderer: Renderer) -> float:
    """Median CPU milliseconds of a talking frame."""
    spent = []
    for frame in talking(FRAMES):
        start = time.process_time_ns()
        renderer.render(frame)
        spent.append(time.process_time_ns() - start)
    return float(np.median(spent)) / 1e6


def avatar_table(rows: list[tuple[str, str, Figures]]) -> Table:
    """One row for each avatar and way of drawing."""
    table = Table("avatar", "face", title=f"Drawn avatars, face 512² ({hardware()})")
    columns = ("gap error, io", "widest gap reached", "mouth's detail, rest = 1", "seam",
               "flicker, grey levels", "silence, grey levels", "CPU ms a frame")  # fmt: skip
    for column in columns:
        table.add_column(column, justify="right")
    for name, face, f in rows:
        values = [f"{f.gap_error:.3f}", f"{f.gap_reached:.2f}", f"{f.sharpness:.2f}"]
        values += [f"{f.seam:.2f}", f"{f.flicker:.2f}", f"{f.silence:.0f}", f"{f.cpu_ms:.1f}"]
        table.add_row(name, face, *values)
    return table


def mouths_sheet(pictures: dict[str, dict[str, ByteArray]], points: FloatArray) -> ByteArray:
    """A row for each way of drawing: the mouths of `SHAPES`, enlarged."""
    io = lm.eye_distance(points)
    x, y = points[list(lm.MOUTH_CORNERS), :2].mean(0)
    left, top, wide = round(x - 0.55 * io), round(y - 0.5 * io), round(1.1 * io)
    rows = []
    for face in FACES:
        cells = []
        for name in SHAPES:
            part = pictures[face][name][top : top + wide, left : left + wide]
            cell = cv2.resize(part, (300, 300), interpolation=cv2.INTER_CUBIC)
            cv2.putText(cell, f"{face} {name}", (6, 18), 0, 0.5, (20, 20, 20), 1, cv2.LINE_AA)
            cells.append(cell)
        rows.append(np.hstack(cells))
    return np.asarray(np.vstack(rows), np.uint8)


def gradient_error(a: Tensor, b: Tensor, mask: Tensor) -> float:
    """Mean absolute difference of the pixel gradients in a mask, grey levels."""
    total = 0.0
    for axis in (2, 3):
        difference = (torch.diff(a, dim=axis) - torch.diff(b, dim=axis)).abs()
        near = mask.narrow(axis, 1, mask.shape[axis] - 1)
        total += float((difference * near).sum() / (3 * near.sum()))
    return total


def held_out_table(folder: Path, net: MouthNet) -> Table:
    """People that were not trained on: drawn mouths against their own pictures."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train" / "mouth"))
    from data import HELD_OUT
    from pairs import as_batch, centre, person_pairs
    from train import psnr

    from digital_human.face.renderers.neural_net import composite

    names = ("rest picture warped", "open picture warped", "network")
    sums = {name: [0.0, 0.0] for name in names}
    count = 0
    people = [folder / "people" / f"{number}.npz" for number in HELD_OUT]
    for path in track([p for p in people if p.exists()], description="held out"):
        pairs = person_pairs(path, itself=False)
        if pairs is None:
            continue
        for start in range(0, len(pairs), 8):
            rows = np.arange(start, min(start + 8, len(pairs)))
            layers, targets, numbers, gates = as_batch(pairs, rows)
            layers, targets = centre(layers), centre(targets)
            with torch.inference_mode():
                drawn = composite(net(layers, numbers, gates), layers[:, :3])
            lips = layers[:, inputs.PICTURES + 1 : inputs.PICTURES + 2]
            mask = (nn.functional.max_pool2d(lips, 9, 1, 4) > 127).float()
            for name, picture in zip(names, (layers[:, :3], layers[:, 3:6], drawn), strict=True):
                sums[name][0] += len(rows) * psnr(picture, targets, mask)
                sums[name][1] += len(rows) * gradient_error(picture, targets, mask)
            count += len(rows)
    table = Table("picture", title=f"Lips of people not trained on, {count} pairs")
    table.add_column("PSNR, dB", justify="right")
    table.add_column("gradient error, grey levels", justify="right")
    for name, (decibel, gradient) in sums.items():
        table.add_row(name, f"{decibel / max(1, count):.2f}", f"{gradient / max(1, count):.2f}")
    return table


def example() -> Wanted:
    """A mouth of noise; what it shows costs nothing."""
    rng = np.random.default_rng(1)
    shape = inputs.HEIGHT, inputs.WIDTH, inputs.PICTURES + inputs.MASKS
    layers = rng.integers(0, 256, shape, np.uint8)
    return Wanted(layers, np.zeros(inputs.NUMBERS, np.float32), 1.0)


def seconds(painter: MouthPainter, batch: int) -> tuple[float, float]:
    """Median wall and CPU seconds of one batch, uploads and downloads included."""
    wanted = [example()] * batch
    painter(wanted)
    spent = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        painter(wanted)
        spent.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(spent, axis=0)
    return float(wall), float(cpu)


def work(net: MouthNet, bytes_each: int) -> tuple[float, float]:
    """Floating-point operations of one mouth, and bytes its convolutions read and write."""
    moved = [0]

    def note(module: nn.Module, given: Any, out: Tensor) -> None:
        moved[0] += (given[0].numel() + out.numel()) * bytes_each

    hooks = [m.register_forward_hook(note) for m in net.modules() if isinstance(m, nn.Conv2d)]
    counter = FlopCounterMode(display=False)
    layers = torch.zeros(1, inputs.PICTURES + inputs.MASKS, inputs.HEIGHT, inputs.WIDTH)
    with counter, torch.no_grad():
        net(layers, torch.zeros(1, inputs.NUMBERS), torch.ones(1))
    for hook in hooks:
        hook.remove()
    return float(counter.get_total_flops()), float(moved[0])


def peaks() -> tuple[float, float]:
    """What this CUDA device reaches: bf16 operations and bytes a second."""

    def best(run: Any) -> float:
        times = []
        for _ in range(10):
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 1000)
        return min(times)

    side = 8192
    a = torch.randn(side, side, device="cuda", dtype=torch.bfloat16)
    big = torch.empty(2**28, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(big)
    return 2 * side**3 / best(lambda: a @ a), 2 * 2**28 / best(lambda: target.copy_(big))


def speed_table(net: MouthNet) -> Table:
    """The network alone: on CUDA against the roofline, else on one CPU thread."""
    if not torch.cuda.is_available():
        flops, _ = work(net, 4)
        painter = MouthPainter(net)
        table = Table("batch", title=f"Network alone, {flops / 1e9:.2f} GFLOP a mouth, 1 thread")
        for column in ("CPU ms a mouth", "mouths a second (wall)"):
            table.add_column(column, justify="right")
        for batch in BATCHES_CPU:
            wall, cpu = seconds(painter, batch)
            table.add_row(str(batch), f"{1000 * cpu / batch:.1f}", f"{batch / wall:.0f}")
        return table
    flops, moved = work(net, 2)
    compute, memory = peaks()
    roof = 1 / max(flops / compute, moved / memory)
    table = Table("batch", title=f"{torch.cuda.get_device_name()}, bf16, CUDA graphs")
    for column in ("mouths a second", "roofline", "share"):
        table.add_column(column, justify="right")
    painter = MouthPainter(net, "cuda")
    for batch in BATCHES_CUDA:
        wall, _ = seconds(painter, batch)
        rate = batch / wall
        table.add_row(str(batch), f"{rate:.0f}", f"{roof:.0f}", f"{rate / roof:.1%}")
    return table


def photo_avatars() -> list[str]:
    """Names of all photo avatars."""
    return [n for n in known_avatars() if read_manifest(find_bundle(n)).kind == "photo"]


def main(
    anchors: Annotated[list[str] | None, typer.Argument(help="Names or folders.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the training data.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for sheets.")] = Path("out/mouth"),
) -> None:
    """Print figures of both renderers and write sheets of their mouths."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    rows: list[tuple[str, str, Figures]] = []
    for name in track(anchors or photo_avatars(), description="avatars"):
        bundle: Bundle = load_bundle(Path(name) if "/" in name else name)
        height, pictures = check_height(bundle), {}
        for face in FACES:
            renderer: Renderer = RENDERERS[face].create(bundle, height)
            result, pictures[face] = figures(renderer)
            rows.append((bundle.name, face, result))
        points = bundle.geometry.landmarks * height / bundle.canvas.shape[0]
        sheet = mouths_sheet(pictures, points)
        Image.fromarray(sheet).save(out / f"{bundle.name}-mouths.png")
    console.print(avatar_table(rows))
    net = load_weights()
    if data is not None:
        console.print(held_out_table(data, net))
    console.print(speed_table(net))
    console.print(f"sheets: {out}", markup=False)


if __name__ == "__main__":
    typer.run(main)
