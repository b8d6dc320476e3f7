"""Lip-sync figures of any talking video, measured on the decoded file.

    python scripts/bench/lips.py out/news.mp4 --marks out/news.marks.json clip.mpg

Lip gap: distance of the inner lip points 13 and 14 (FaceLandmarker), and the area of the inner lip
polygon, in units of the outer-eye distance (io). Frames in which no face is found are left out.
Closed: gap at most 0.012 io, or 12 % of the video's own range if that is more, above its closed
level; the closed level is the 5th percentile of the gap, the open level the 95th.
Pauses: sound more than 30 dB below its loud parts (95th percentile) for over 300 ms; their first
and last 120 ms, in which lips travel, are left out.
Lag: where opening and loudness (RMS in dB, 150–3000 Hz, 40 ms) correlate best within ±5 frames;
positive when the mouth is late. Both are high-passed first (less their Gaussian mean of 160 ms),
so that syllables are compared and not phrases, and only speech with 120 ms on both sides counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import mediapipe as mp
import numpy as np
import numpy.typing as npt
import typer
from mediapipe.tasks.python import BaseOptions, vision
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.signal import butter, sosfiltfilt

from digital_human.errors import InputError
from digital_human.models import store

Array = npt.NDArray[np.float64]
Mark = dict[str, Any]
Image = npt.NDArray[np.uint8]

INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
CROP = 384  # px, side of the face crop shown to the landmarker
CROP_FACES = 2.6  # side of the crop in face heights
SEARCH_EVERY = 5  # frames between searches of the whole picture while no face is seen
MAX_LAG = 5  # frames
FLOOR_DB = 45.0  # below the loudest frame all sound counts alike
SYLLABLE = 0.16  # s
PAUSE, EDGE = 0.3, 0.12  # s
QUIET_DB = 30.0
CLOSED_GAP, CLOSED_SHARE = 0.012, 0.12
TOUCH_SHARE = 0.35  # f and v touch below this share of the range above the closed level
RATE = 16000
SONOROUS, WHOLE = (150, 3000), (80, 7800)  # Hz


@dataclass(slots=True)
class Recording:
    """One video's measurements, one entry per frame.

    Attributes:
        time: Seconds on the file's time line.
        gap: Lip gap in io; NaN without a face.
        area: Inner lip area in io²; NaN without a face.
        loud: Loudness in dB at the frame times.
        pauses: (start, end) in seconds.
        fps: Frames per second.
    """

    time: Array
    gap: Array
    area: Array
    loud: Array
    pauses: list[tuple[float, float]]
    fps: float


@dataclass(slots=True)
class Figures:
    """What the table shows; shares are 0…1, NaN (null in JSON) where there is nothing to count."""

    video: str
    frames: int
    face: float
    lag_frames: int
    lag_ms: float
    r: float
    r_area: float
    pause_frames: int
    pause_closed: float
    pause_jitter: float
    closures: int
    closed: float
    touches: int
    touched: float
    closed_gap: float
    open_gap: float
    median_gap: float
    speed: float
    missed: list[str] = field(default_factory=list)


class FaceMeter:
    """Finds the largest face, follows it with a crop, and measures its lips."""

    def __init__(self) -> None:
        model = store().path("face-landmarker") / "face_landmarker.task"
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(model)), num_faces=1
        )
        self._net = vision.FaceLandmarker.create_from_options(options)
        self._box: tuple[float, float, float] | None = None  # centre x, y and side of the crop
        self._lost = 0

    def __enter__(self) -> FaceMeter:
        return self

    def __exit__(self, *_: object) -> None:
        self._net.close()

    def measure(self, image: Image) -> tuple[float, float]:
        """Lip gap in io and inner lip area in io²; NaN when no face is seen."""
        points = self._points(image, *self._box) if self._box else None
        if points is None:
            self._box = None
            if self._lost % SEARCH_EVERY == 0:
                points = self._search(image)
            self._lost += 1
        if points is None:
            return float("nan"), float("nan")
        self._lost = 0
        low, high = points.min(0), points.max(0)
        x, y = (low + high) / 2
        self._box = (float(x), float(y), CROP_FACES * float((high - low).max()))
        io = float(np.linalg.norm(points[33] - points[263]))
        gap = float(np.linalg.norm(points[13] - points[14])) / io
        area = float(cv2.contourArea((points[INNER] / io).astype(np.float32)))
        return gap, area

    def _search(self, image: Image) -> Array | None:
        """Look at the whole picture, then at ever smaller overlapping squares of it."""
        h, w = image.shape[:2]
        for side in (max(h, w), min(h, w), 0.6 * min(h, w)):
            found = []
            for y in _centres(h, side):
                for x in _centres(w, side):
                    points = self._points(image, x, y, side)
                    if points is not None:
                        found.append(points)
            if found:
                return max(found, key=lambda p: float(np.ptp(p[:, 1])))
        return None

    def _points(self, image: Image, x: float, y: float, side: float) -> Array | None:
        """Landmarks float64 [478, 2] in picture pixels, looked for in one square."""
        n = max(8, round(side))
        left, top = round(x - n / 2), round(y - n / 2)
        h, w = image.shape[:2]
        part = image[max(0, top) : max(0, top + n), max(0, left) : max(0, left + n)]
        if not part.size:
            return None
        above, below = max(0, -top), max(0, top + n - h)
        before, after = max(0, -left), max(0, left + n - w)
        framed = cv2.copyMakeBorder(part, above, below, before, after, cv2.BORDER_CONSTANT)
        how = cv2.INTER_AREA if n > CROP else cv2.INTER_CUBIC
        crop = np.ascontiguousarray(cv2.resize(framed, (CROP, CROP), interpolation=how))
        result = self._net.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=crop))
        if not result.face_landmarks:
            return None
        points = np.array([(p.x, p.y) for p in result.face_landmarks[0]]) * n
        return np.asarray(points + [left, top], np.float64)


def _centres(length: int, side: float) -> list[float]:
    """Centres of squares of ``side`` that cover ``length`` with half overlap."""
    if side >= length:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [float(c) for c in np.linspace(side / 2, length - side / 2, count)]


def sound(path: Path) -> tuple[Array, float]:
    """The sound, float64 mono at `RATE`, and the time of its first sample on the file's line."""
    parts: list[Array] = []
    start = 0.0
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise InputError(f"{path}: no sound", fix="give a video with a sound track")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            if not parts:
                start = frame.time or 0.0
            parts += [f.to_ndarray()[0].astype(np.float64) for f in resampler.resample(frame)]
        parts += [f.to_ndarray()[0].astype(np.float64) for f in resampler.resample(None)]
    return np.concatenate(parts), start


def pictures(path: Path) -> Iterator[tuple[float, Image]]:
    """Frames as (seconds on the file's time line, uint8 RGB [h, w, 3])."""
    with av.open(str(path)) as container:
        if not container.streams.video:
            raise InputError(f"{path}: no picture", fix="give a video with a picture track")
        for frame in container.decode(video=0):
            yield frame.time or 0.0, np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


def loudness(pcm: Array, start: float, times: Array, band: tuple[int, int] = SONOROUS) -> Array:
    """RMS of ``band`` (Hz) in dB around ``times``, over 40 ms."""
    part = sosfiltfilt(butter(3, band, "bandpass", fs=RATE, output="sos"), pcm)
    shape = np.hanning(int(0.04 * RATE) | 1)
    power = np.convolve(part**2, shape / shape.sum(), "same")
    at = np.clip(((times - start) * RATE).astype(int), 0, len(power) - 1)
    return np.asarray(10 * np.log10(power[at] + 1e-10))


def find_pauses(pcm: Array, start: float, end: float) -> list[tuple[float, float]]:
    """Stretches of sound quieter than the loud parts by `QUIET_DB` for more than `PAUSE`."""
    times = np.arange(start, end, 0.01)
    level = loudness(pcm, start, times, WHOLE)
    quiet = np.concatenate([[False], level < np.percentile(level, 95) - QUIET_DB, [False]])
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [(start + a * 0.01, start + b * 0.01) for a, b in runs if (b - a) * 0.01 > PAUSE]


def record(path: Path) -> Recording:
    """Decode ``path`` and measure every frame.

    Raises:
        InputError: There is no picture, no sound or no face.
    """
    pcm, start = sound(path)
    rows: list[tuple[float, float, float]] = []
    with FaceMeter() as meter:
        for time, image in pictures(path):
            rows.append((time, *meter.measure(image)))
    time, gap, area = np.array(rows, np.float64).T
    if not np.isfinite(gap).any():
        raise InputError(f"{path}: no face in any frame", fix="give a video of a talking face")
    fps = 1 / float(np.median(np.diff(time)))
    pauses = find_pauses(pcm, start, min(start + len(pcm) / RATE, float(time[-1])))
    return Recording(time, gap, area, loudness(pcm, start, time), pauses, fps)


def correlation(opening: Array, rec: Recording) -> tuple[Array, Array]:
    """Lags in frames (positive: the mouth is late) and the correlation at each, in speech."""
    floor = float(rec.loud.max()) - FLOOR_DB
    seen = np.isfinite(opening)
    filled = np.interp(rec.time, rec.time[seen], opening[seen])
    speech = rec.loud > np.percentile(rec.loud, 95) - QUIET_DB
    seen &= maximum_filter1d(speech, 2 * round(EDGE * rec.fps) + 1)
    x = filled - gaussian_filter1d(filled, SYLLABLE * rec.fps, mode="nearest")
    y = np.maximum(rec.loud, floor)
    y = y - gaussian_filter1d(y, SYLLABLE * rec.fps, mode="nearest")
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    r = np.zeros(len(lags))
    for i, lag in enumerate(lags.tolist()):
        use = seen[max(0, lag) : len(x) + min(0, lag)]
        a = x[max(0, lag) : len(x) + min(0, lag)][use]
        b = y[max(0, -lag) : len(y) - max(0, lag)][use]
        if len(a) > 8 and a.std() > 0 and b.std() > 0:
            r[i] = np.corrcoef(a, b)[0, 1]
    return lags.astype(np.float64), r


def peak(lags: Array, r: Array) -> tuple[int, float, float]:
    """The best lag in frames, refined by a parabola in fractions of a frame, and its r."""
    i = int(np.argmax(r))
    fine = float(lags[i])
    if 0 < i < len(r) - 1:
        bend = r[i - 1] - 2 * r[i] + r[i + 1]
        fine += 0.5 * (r[i - 1] - r[i + 1]) / bend if bend < 0 else 0.0
    return int(lags[i]), fine, float(r[i])


def figures(name: str, rec: Recording, marks: list[Mark]) -> Figures:
    """The figures of one recording, with the marks of its phones when there are any."""
    seen = np.isfinite(rec.gap)
    low, high = np.percentile(rec.gap[seen], [5, 95])
    closed_at = low + max(CLOSED_GAP, CLOSED_SHARE * (high - low))
    touch_at = low + TOUCH_SHARE * (high - low)
    lag, fine, r = peak(*correlation(rec.gap, rec))
    inside = np.zeros(len(rec.time), bool)
    for start, end in rec.pauses:
        inside |= (rec.time >= start + EDGE) & (rec.time <= end - EDGE)
    inside &= seen
    steps = np.diff(rec.gap)
    still = steps[inside[1:] & inside[:-1]]
    speaking = seen & (rec.loud > np.percentile(rec.loud, 95) - QUIET_DB)
    shut = _smallest(rec, marks, "pbm")
    touch = _smallest(rec, marks, "fv")
    return Figures(
        video=name,
        frames=len(rec.time),
        face=float(seen.mean()),
        lag_frames=lag,
        lag_ms=1000 * fine / rec.fps,
        r=r,
        r_area=peak(*correlation(rec.area, rec))[2],
        pause_frames=int(inside.sum()),
        pause_closed=_share(rec.gap[inside] <= closed_at),
        pause_jitter=float(np.sqrt(np.mean(still**2))) if len(still) else float("nan"),
        closures=len(shut),
        closed=_share(np.array([g <= closed_at for _, g in shut])),
        touches=len(touch),
        touched=_share(np.array([g <= touch_at for _, g in touch])),
        closed_gap=float(low),
        open_gap=float(high),
        median_gap=float(np.median(rec.gap[speaking])) if speaking.any() else float("nan"),
        speed=float(np.nanpercentile(np.abs(steps), 98) * rec.fps),
        missed=[what for what, g in shut if g > closed_at]
        + [what for what, g in touch if g > touch_at],
    )


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")


def _smallest(rec: Recording, marks: list[Mark], symbols: str) -> list[tuple[str, float]]:
    """The smallest gap from one frame before to one after each mark, where a face is seen."""
    found = []
    for mark in marks:
        symbol = str(mark["symbol"])
        if symbol[:1] not in symbols:
            continue
        near = (rec.time >= float(mark["start"]) - 1 / rec.fps) & (
            rec.time <= float(mark["end"]) + 1 / rec.fps
        )
        gaps = rec.gap[near]
        if np.isfinite(gaps).any():
            found.append((f"{symbol}@{float(mark['start']):.2f}", float(np.nanmin(gaps))))
    return found


def plot(path: Path, recordings: dict[str, Recording], all_marks: dict[str, list[Mark]]) -> None:
    """Draw opening over loudness for every recording into one picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(recordings), 1, squeeze=False)
    longest = max(float(r.time[-1]) for r in recordings.values())
    figure.set_size_inches(min(60.0, max(14.0, 2.5 * longest)), 3.2 * len(recordings))
    for axis, (name, rec) in zip(axes[:, 0], recordings.items(), strict=True):
        axis.plot(rec.time, rec.gap, ".-", color="tab:blue", label="lip gap / io")
        axis.set_ylim(-0.01, max(0.25, float(np.nanmax(rec.gap)) * 1.1))
        axis.set_title(name)
        other = axis.twinx()
        other.plot(rec.time, rec.loud, color="tab:red", linewidth=0.8, label="loudness dB")
        other.set_ylim(rec.loud.max() - 60, rec.loud.max() + 3)
        for start, end in rec.pauses:
            axis.axvspan(start + EDGE, end - EDGE, color="0.9")
        for mark in all_marks.get(name, []):
            if str(mark["symbol"])[:1] in "pbmfv":
                axis.axvspan(float(mark["start"]), float(mark["end"]), color="gold", alpha=0.4)
                axis.text(float(mark["start"]), 0.22, str(mark["symbol"]))
        axis.legend(loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=60)
    pyplot.close(figure)


def table(rows: list[Figures]) -> Table:
    """The figures, one row per video."""
    result = Table(title="Lip sync, measured on the decoded file (io = outer-eye distance)")
    for heading in (
        "video", "frames", "face", "lag", "r", "r area", "pauses closed", "pause jitter",
        "p b m closed", "f v touch", "closed…open gap", "median", "speed/s",
    ):  # fmt: skip
        result.add_column(heading, justify="left" if heading == "video" else "right")

    def share(value: float, count: int) -> str:
        return f"{100 * value:.1f} % of {count}" if count else "–"

    for f in rows:
        result.add_row(
            f.video,
            str(f.frames),
            f"{100 * f.face:.0f} %",
            f"{f.lag_frames:+d} ({f.lag_ms:+.0f} ms)",
            f"{f.r:.2f}",
            f"{f.r_area:.2f}",
            share(f.pause_closed, f.pause_frames),
            "–" if np.isnan(f.pause_jitter) else f"{f.pause_jitter:.4f}",
            share(f.closed, f.closures),
            share(f.touched, f.touches),
            f"{f.closed_gap:.3f}…{f.open_gap:.3f}",
            f"{f.median_gap:.3f}",
            f"{f.speed:.1f}",
        )
    return result


def read_marks(path: Path) -> list[Mark]:
    """Phones as a list of ``{symbol, start, end}``, seconds on the file's time line."""
    marks = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(marks, list) or any(
        not isinstance(m, dict) or {"symbol", "start", "end"} - m.keys() for m in marks
    ):
        raise InputError(f"{path}: not a list of {{symbol, start, end}}", fix="see the docstring")
    return marks


def main(
    videos: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    marks: Annotated[Path | None, typer.Option(help="Phones of the first video.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Draw into this PNG.")] = None,
) -> None:
    """Measure lip sync in videos."""
    cv2.setNumThreads(1)
    phones = {str(videos[0]): read_marks(marks)} if marks else {}
    recordings = {str(path): record(path) for path in videos}
    rows = [figures(Path(name).name, rec, phones.get(name, [])) for name, rec in recordings.items()]
    if plot_to:
        plot(plot_to, recordings, phones)
    if as_json:
        plain = [
            {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(row).items()}
            for row in rows
        ]
        typer.echo(json.dumps(plain, indent=1, ensure_ascii=False))
        return
    console = Console()
    console.print(table(rows))
    for row in rows:
        if row.missed:
            console.print(f"{row.video}: not closed or touching: {', '.join(row.missed)}")


if __name__ == "__main__":
    typer.run(main)
