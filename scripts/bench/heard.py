"""How well the mouth that is heard from sound alone follows real people's.

    python scripts/bench/heard.py ../shared/data/talking/*.mpg

Opening: lip gap that the curves ask for, in outer-eye distances, against the gap FaceLandmarker
sees in the clip: Pearson's r over all frames at the best lag of −1, 0, +1 frames (positive: ours is
late). Envelope: the same for the plain loudness of the sound (RMS over 40 ms), linear or in dB,
whichever is better. The shipped net has learned from no recording of a person; --nets gives for
each clip NAME another net NAME.onnx, such as one tuned without that clip (scripts/train/lips).
--rendered: a folder of re-voiced NAME.mp4, measured by FaceLandmarker too.
Silence: in recordings of speech (--sounds; the clips of GRID begin with breath), sound more than
30 dB below the loud parts for over 300 ms, less 120 ms at both ends; closed is a gap of at most
0.012; jitter is the RMS step of the gap from frame to frame there.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))
import lips

from digital_human.face.animation import mouth as mouths
from digital_human.face.animation.heard import LOOKAHEAD, ROW, Heard, HeardMouth, open_net
from digital_human.face.motion import INDEX
from digital_human.face.shape import JAW_GAP, LOWER_GAP, UPPER_GAP

Array = npt.NDArray[np.float64]
LEAD = 0.01  # s the animator's mouth is ahead of the sound
CLOSED = 0.012
FRAME = 0.04


@dataclass(slots=True)
class Row:
    """The figures of one clip; NaN where there is nothing to count."""

    clip: str
    frames: int
    r: float
    lag: int
    envelope: float
    envelope_lag: int
    rendered: float
    rendered_lag: int
    cpu_ms: float


def stream(pcm: Array, rate: int, net: Any = None) -> tuple[Heard, float]:
    """Rows of ``pcm`` fed in frames of 40 ms, and median CPU ms of a frame."""
    sound = pcm.astype(np.float32)
    ears = HeardMouth(rate, net)
    rows, costs = Heard.none(), []
    step = round(FRAME * rate)
    for at in range(0, len(sound), step):
        begun = time.thread_time()
        rows = rows + ears.feed(sound[at : at + step])
        costs.append(time.thread_time() - begun)
    return rows + ears.finish(), 1000 * float(np.median(costs))


def gaps(rows: Heard, times: Array) -> Array:
    """Lip gap that the renderers draw at ``times``, in outer-eye distances."""
    still = np.zeros(52, np.float32)
    found = []
    for t in times:
        c, _ = mouths.curves(rows.mouth((t + LEAD) / ROW), still)
        gap = JAW_GAP * (c[INDEX["jawOpen"]] - c[INDEX["mouthClose"]])
        gap += UPPER_GAP * c[INDEX["mouthUpperUpLeft"]] + LOWER_GAP * c[INDEX["mouthLowerDownLeft"]]
        found.append(float(gap))
    return np.array(found)


def best(ours: Array, theirs: Array) -> tuple[float, int]:
    """Pearson's r at the best lag of −1, 0, +1 frames; positive: ours is late."""
    found = {}
    for lag in (-1, 0, 1):
        a, b = ours[max(0, lag) : len(ours) + min(0, lag)], theirs[max(0, -lag) :]
        b = b[: len(a)]
        use = np.isfinite(a) & np.isfinite(b)
        found[lag] = float(np.corrcoef(a[use], b[use])[0, 1]) if a[use].std() > 0 else 0.0
    lag = max(found, key=lambda k: found[k])
    return found[lag], lag


def envelope(pcm: Array, start: float, times: Array) -> tuple[float, Array]:
    """RMS over 40 ms at ``times``: (its dB floor, linear)."""
    half = round(0.02 * lips.RATE)
    power = np.convolve(pcm**2, np.ones(2 * half) / (2 * half), "same")
    at = np.clip(((times - start) * lips.RATE).astype(int), 0, len(power) - 1)
    return -60.0, np.sqrt(power[at])


def figures(path: Path, nets: Path | None, rendered: Path | None) -> Row:
    """Measure one clip."""
    rec = lips.record(path)
    pcm, start = lips.sound(path)
    net = open_net(nets / f"{path.stem}.onnx") if nets else None
    rows, cost = stream(pcm, lips.RATE, net)
    ours = gaps(rows, rec.time - start)
    r, lag = best(ours, rec.gap)
    floor, linear = envelope(pcm, start, rec.time)
    loud = np.maximum(20 * np.log10(linear / linear.max() + 1e-9), floor)
    plain = max((best(curve, rec.gap) for curve in (linear, loud)), key=lambda found: found[0])
    drawn = (float("nan"), 0)
    if rendered and (film := rendered / f"{path.stem}.mp4").exists():
        made = lips.record(film)
        theirs = np.interp(made.time, rec.time - rec.time[0], rec.gap)
        drawn = best(made.gap, theirs)
    return Row(path.stem, len(rec.time), r, lag, *plain, *drawn, cost)


def silence(paths: list[Path]) -> tuple[int, float, float]:
    """Frames of silence in recordings, the share of them that is closed, and the jitter there."""
    closed: list[float] = []
    steps: list[float] = []
    for path in paths:
        pcm, _ = lips.sound(path)
        rows, _ = stream(pcm, lips.RATE)
        for a, b in lips.find_pauses(pcm, 0.0, len(pcm) / lips.RATE):
            ours = gaps(rows, np.arange(a + lips.EDGE, b - lips.EDGE, FRAME))
            closed += (ours <= CLOSED).tolist()
            steps += np.diff(ours).tolist()
    return len(closed), float(np.mean(closed)), float(np.sqrt(np.mean(np.square(steps))))


def table(rows: list[Row]) -> Table:
    """One line a clip and the means."""
    result = Table(title=f"Heard mouths; lookahead {1000 * (LOOKAHEAD + LEAD):.0f} ms")
    for heading in (
        "clip", "r", "lag", "envelope", "lag", "rendered", "lag", "CPU ms/frame",
    ):  # fmt: skip
        result.add_column(heading, justify="left" if heading == "clip" else "right")
    for f in rows:
        result.add_row(
            f.clip, f"{f.r:.3f}", f"{f.lag:+d}", f"{f.envelope:.3f}", f"{f.envelope_lag:+d}",
            "–" if np.isnan(f.rendered) else f"{f.rendered:.3f}", f"{f.rendered_lag:+d}",
            f"{f.cpu_ms:.2f}",
        )  # fmt: skip
    drawn = [f.rendered for f in rows if not np.isnan(f.rendered)]
    result.add_row(
        "mean", f"{np.mean([f.r for f in rows]):.3f}", "",
        f"{np.mean([f.envelope for f in rows]):.3f}", "",
        f"{np.mean(drawn):.3f}" if drawn else "–",
    )  # fmt: skip
    return result


def main(
    clips: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    nets: Annotated[Path | None, typer.Option(help="Folder of nets, one a clip.")] = None,
    rendered: Annotated[Path | None, typer.Option(help="Folder of re-voiced clips.")] = None,
    sounds: Annotated[
        list[Path] | None, typer.Option(help="Recordings of speech, for silence.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure clips of talking people."""
    cv2.setNumThreads(1)
    rows = [figures(path, nets, rendered) for path in clips]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        Console().print(table(rows))
    if sounds and not as_json:
        count, closed, jitter = silence(sounds)
        Console().print(
            f"silence in {len(sounds)} recordings: {100 * closed:.1f} % of {count} frames closed, "
            f"jitter {jitter:.4f} outer-eye distances"
        )


if __name__ == "__main__":
    typer.run(main)
