"""What lips really do: gap and width of the mouth in clips of talking people.

Measured with FaceLandmarker in units of the outer-eye distance and kept beside the clip's sound.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import lips as bench

from digital_human.face.animation.heardmel import RATE

Array = np.ndarray


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        name: File name without suffix.
        pcm: float32 [n] at `RATE`, beginning at time 0 of ``time``.
        time: float64 [frames], seconds.
        gap: float64 [frames], lip gap in outer-eye distances.
        width: float64 [frames], mouth width in outer-eye distances.
    """

    name: str
    pcm: Array
    time: Array
    gap: Array
    width: Array


class Meter(bench.FaceMeter):
    """Also measures how wide the mouth is, in outer-eye distances."""

    width = float("nan")

    def _points(self, image: Array, x: float, y: float, side: float) -> Array | None:
        points = super()._points(image, x, y, side)
        if points is not None:
            eyes = np.linalg.norm(points[33] - points[263])
            self.width = float(np.linalg.norm(points[61] - points[291]) / eyes)
        return points


def measure(path: Path, cache: Path) -> Clip:
    """Measure ``path``; the result is kept in ``cache``."""
    kept = cache / f"{path.stem}.npz"
    if not kept.exists():
        pcm, start = bench.sound(path)
        sound = soxr.resample(pcm, bench.RATE, RATE) if bench.RATE != RATE else pcm
        rows = []
        with Meter() as meter:
            for time, image in bench.pictures(path):
                gap, _ = meter.measure(image)
                rows.append((time - start, gap, meter.width))
        time, gap, width = np.array(rows).T
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, pcm=sound.astype(np.float32), time=time, gap=gap, width=width)
    with np.load(kept) as file:
        seen = np.isfinite(file["gap"])
        return Clip(
            path.stem, file["pcm"], file["time"][seen], file["gap"][seen], file["width"][seen]
        )
