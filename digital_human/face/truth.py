"""An avatar beside the real film of the same person saying the same.

The avatar hears the film's sound only; what its lips do is compared with what the person's did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import soxr
from rich.table import Table
from scipy.ndimage import uniform_filter1d

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face import measure
from digital_human.face.animation import Animator
from digital_human.face.avatar import open_avatar
from digital_human.face.check import check_height
from digital_human.face.sheet import over, side_by_side, write_film
from digital_human.face.video_bundle import VideoAvatar

RATE = 16_000
_LAGS = 5  # frames either way that are looked at
_NEAR = 1  # frames either way that count as in time
_ENVELOPE = 0.06  # s
_HEIGHT = 480  # px of the film


@dataclass(frozen=True, slots=True)
class Likeness:
    """An avatar against the truth.

    Attributes:
        clip: Name of the film.
        frames: Frames in which both faces are seen.
        r: Correlation of the lip gaps, best within a frame of lag 0.
        lag: Frames by which the avatar's lips are late, where they fit best.
        envelope_r: The same as ``r`` for the loudness of the sound instead of the avatar.
        width_r: Correlation of the mouth widths, best within a frame of lag 0.
        distance: Mean distance of the lip landmarks in io.
        still_distance: The same for a mouth that keeps the person's mean shape.
        gap_share: Spread of the avatar's gaps over that of the person's.
        flicker: Of the skin at the mouth beyond that of the rest of the face, in grey levels: the
            avatar, the person.
        sharpness: Of the mouth over the rest of the face: the avatar over the person.
    """

    clip: str
    frames: int
    r: float
    lag: int
    envelope_r: float
    width_r: float
    distance: float
    still_distance: float
    gap_share: float
    flicker: tuple[float, float]
    sharpness: float

    def data(self) -> dict[str, object]:
        """JSON values, rounded."""

        def plain(value: object) -> object:
            return round(value, 4) if isinstance(value, float) and np.isfinite(value) else value

        return {key: plain(value) for key, value in asdict(self).items()}


def compare_with_truth(avatar: str | Path, clip: Path, film: Path | None) -> Likeness:
    """Drive an avatar by the sound of a real film and compare their lips.

    Args:
        avatar: Name or folder; made of the same person.
        clip: Film with sound in which the person speaks.
        film: MP4 to write: the truth on the left, the avatar on the right, with the sound.

    Raises:
        InputError: The film has no picture, sound or face.
    """
    fps, truth_pictures = read_pictures(clip)
    pcm = read_sound(clip)
    truth = measure.follow(truth_pictures)
    if int(truth.seen.sum()) < 2 * _LAGS:
        raise InputError(f"{clip}: no face in it", fix="give a film of a talking face")
    count = len(truth.points)
    ours = measure.follow(_heard(avatar, pcm, fps, count))
    result = compare(clip.name, truth, ours, pcm, fps)
    if film is not None:
        _write(film, truth, ours, pcm, fps)
    return result


def compare(
    name: str, truth: measure.Take, ours: measure.Take, pcm: FloatArray, fps: float
) -> Likeness:
    """Compare two takes frame by frame.

    Args:
        name: Of the film.
        truth: The person.
        ours: The avatar; as many frames.
        pcm: float32 [n], their sound at `RATE`.
        fps: Frames per second of both.
    """
    seen = truth.seen & ours.seen
    # Straightened together, so that both have one frame of reference.
    both = measure.straighten(np.concatenate([truth.points, ours.points]))
    real, made = both[: len(seen)], both[len(seen) :]
    lips = list(lm.LIPS)
    apart = np.linalg.norm(real[seen][:, lips] - made[seen][:, lips], axis=2)
    still = np.linalg.norm(real[seen][:, lips] - real[seen][:, lips].mean(0), axis=2)
    real_gap, made_gap = _gap(real), _gap(made)
    lags = {k: correlate(real_gap, made_gap, k) for k in range(-_LAGS, _LAGS + 1)}
    loud = envelope(pcm, fps, len(seen))
    steady = measure.steady(ours), measure.steady(truth)
    rings = [measure.beyond(*measure.flicker(take)) for take in steady]
    sharp = [measure.sharpness(take) for take in steady]
    return Likeness(
        clip=name,
        frames=int(seen.sum()),
        r=max(lags[k] for k in range(-_NEAR, _NEAR + 1)),
        lag=max(lags, key=lambda k: lags[k]),
        envelope_r=max(correlate(real_gap, loud, k) for k in range(-_NEAR, _NEAR + 1)),
        width_r=max(correlate(_width(real), _width(made), k) for k in range(-_NEAR, _NEAR + 1)),
        distance=float(apart.mean()),
        still_distance=float(still.mean()),
        gap_share=float(np.nanstd(made_gap) / np.nanstd(real_gap)),
        flicker=(rings[0], rings[1]),
        sharpness=sharp[0] / sharp[1],
    )


def correlate(truth: FloatArray, ours: FloatArray, lag: int) -> float:
    """Correlation of two curves [n] when ``ours`` is ``lag`` frames late; NaN frames are left out.

    Zero when either does not move.
    """
    n = len(truth)
    a = truth[max(0, -lag) : n - max(0, lag)]
    b = ours[max(0, lag) : n - max(0, -lag)]
    use = np.isfinite(a) & np.isfinite(b)
    a, b = a[use], b[use]
    if len(a) < 8 or a.std() < 1e-6 or b.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def envelope(pcm: FloatArray, fps: float, count: int) -> FloatArray:
    """Loudness (RMS over 60 ms) of sound at `RATE` at each frame, float32 [count]."""
    power = uniform_filter1d(pcm.astype(np.float64) ** 2, round(_ENVELOPE * RATE))
    at = np.clip((np.arange(count) / fps * RATE).astype(int), 0, len(power) - 1)
    return np.asarray(np.sqrt(np.maximum(power[at], 0)), np.float32)


def truth_table(rows: list[Likeness]) -> Table:
    """One row for each film, and their mean."""
    table = Table(title="Against real films (lags in frames, lengths in outer-eye distances)")
    heads = ("clip", "frames", "r gap", "lag", "r envelope", "r width", "lip distance",
             "a still mouth", "gap spread", "flicker ours/real", "mouth sharpness")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="left" if head == "clip" else "right")
    for row in rows:
        table.add_row(
            row.clip, str(row.frames), f"{row.r:.2f}", f"{row.lag:+d}", f"{row.envelope_r:.2f}",
            f"{row.width_r:.2f}", f"{row.distance:.4f}", f"{row.still_distance:.4f}",
            f"{row.gap_share:.2f}", f"{row.flicker[0]:.2f} / {row.flicker[1]:.2f}",
            f"{row.sharpness:.2f}",
        )  # fmt: skip
    if len(rows) > 1:
        means = [
            float(np.mean([getattr(row, key) for row in rows]))
            for key in ("r", "envelope_r", "width_r", "distance", "still_distance")
        ]
        r, loud, width, apart, still = means
        table.add_section()
        table.add_row("mean", "", f"{r:.2f}", "", f"{loud:.2f}", f"{width:.2f}", f"{apart:.4f}",
                      f"{still:.4f}", "", "", "")  # fmt: skip
    return table


def read_sound(path: Path) -> FloatArray:
    """The sound of a film, float32 [n] mono at `RATE`, sample 0 at its first picture.

    Raises:
        InputError: There is none.
    """
    with av.open(str(path)) as file:
        if not file.streams.audio or not file.streams.video:
            raise InputError(f"{path}: no picture or no sound", fix="give a film with both")
        video, audio = file.streams.video[0], file.streams.audio[0]
        first = float((video.start_time or 0) * (video.time_base or 0))
        start: float | None = None
        parts = []
        for frame in file.decode(audio):
            start = frame.time if start is None else start
            data = frame.to_ndarray().astype(np.float32)
            if frame.format.name.startswith("s16"):
                data /= 32768
            if not frame.format.is_planar:
                data = data.reshape(-1, frame.layout.nb_channels).T
            parts.append(data.mean(0))
        rate = audio.rate
    if not parts or start is None:
        raise InputError(f"{path}: its sound is empty", fix="give a film with sound")
    pcm = np.asarray(soxr.resample(np.concatenate(parts), rate, RATE), np.float32)
    shift = round((start - first) * RATE)
    return np.pad(pcm, (shift, 0)) if shift > 0 else pcm[-shift:]


def read_pictures(path: Path) -> tuple[float, Iterator[ByteArray]]:
    """Frames per second of a film and its RGB pictures, uint8 [h, w, 3].

    Raises:
        InputError: There is no picture.
    """
    with av.open(str(path)) as file:
        if not file.streams.video:
            raise InputError(f"{path}: no picture", fix="give a film")
        rate = float(file.streams.video[0].average_rate or 25)

    def pictures() -> Iterator[ByteArray]:
        with av.open(str(path)) as file:
            for frame in file.decode(video=0):
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))

    return rate, pictures()


def _heard(avatar: str | Path, pcm: FloatArray, fps: float, count: int) -> Iterator[ByteArray]:
    """The avatar while it hears ``pcm``; a video avatar over its own pictures in their order."""
    loaded = open_avatar(avatar)
    if isinstance(loaded, VideoAvatar):
        renderer = loaded.in_order()
    else:
        renderer = loaded.renderer(check_height(loaded))
    animator = Animator(round(fps), seed=3)
    animator.add_heard(pcm, RATE, 0)
    for pts in range(count):
        yield over(renderer.render(animator.frame(pts)))


def _gap(points: FloatArray) -> FloatArray:
    upper, lower = (points[:, i] for i in lm.LIP_CENTRES)
    return np.asarray(np.linalg.norm(upper - lower, axis=1), np.float32)


def _width(points: FloatArray) -> FloatArray:
    right, left = (points[:, i] for i in lm.MOUTH_CORNERS)
    return np.asarray(np.linalg.norm(right - left, axis=1), np.float32)


def _write(
    path: Path, truth: measure.Take, ours: measure.Take, pcm: FloatArray, fps: float
) -> None:
    def scaled(picture: ByteArray) -> ByteArray:
        width = round(picture.shape[1] * _HEIGHT / picture.shape[0] / 2) * 2
        sized = cv2.resize(picture, (width, _HEIGHT), interpolation=cv2.INTER_CUBIC)
        return np.asarray(sized, np.uint8)

    pairs = (
        side_by_side(scaled(a), scaled(b), ("ground truth", "ours"))
        for a, b in zip(truth.pictures, ours.pictures, strict=True)
    )
    write_film(path, pairs, fps, pcm[: round(len(truth.points) / fps * RATE)], RATE)
