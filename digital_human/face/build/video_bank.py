"""The mouth of a person in a video: how it moves, and how it looks in prototype shapes.

Where the person talks, both are measured: displacements are means over the frames near a shape, and
the prototypes are this person's own frames, their own teeth. Where the mouth stays shut, both are
drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.build.arkit_basis import fit
from digital_human.face.build.modes import FaceModes, linear_fit, symmetric
from digital_human.face.build.video_track import FaceTrack

GAPS = (0.0, 0.025, 0.055, 0.09, 0.13, 0.18, 0.24, 0.30)  # io
WIDTHS = (0.84, 0.92, 1.0, 1.08)
_TALKS = 0.05  # io between a shut and an open mouth, from which on a person counts as talking
_SPREAD = (0.020, 0.05)  # io of gap and width factor over which frames count as near a shape
_TURNED = (9.0, 9.0, 14.0)  # degrees of yaw, pitch and roll that make a prototype a bad one
_OPTIONS = 12  # frames that are considered for a cell
_SHUT = 0.04  # io; below it the inside is hardly seen
_LOOK = 0.18  # of the cheeks' brightness: a difference of the inside that is seen
_LOOK_UPPER, _LOOK_LOWER = (81, 82, 13, 312, 311), (178, 87, 14, 317, 402)
_LOOK_AT = (0.25, 0.5, 0.75)  # of the way from the upper to the lower lip
_LEAST = 4.0  # frames' worth of evidence for a measured displacement
_REACH = 1.15  # rows up to this many times the widest opening seen


@dataclass(frozen=True, slots=True)
class MouthBank:
    """The mouth over lip gap × mouth width; the fields are those of `bundle.Geometry`.

    Attributes:
        gaps: float32 [g], io.
        widths: float32 [w], factors.
        offsets: float32 [g, w, 478, 2], io.
        textures: int32 [g, w], index into ``frames``; -1 throughout where the person never talks.
        modes: name → float32 [478, 2], io.
        frames: int [t], the frames that hold the prototypes.
    """

    gaps: FloatArray
    widths: FloatArray
    offsets: FloatArray
    textures: npt.NDArray[np.int32]
    modes: dict[str, FloatArray]
    frames: npt.NDArray[np.intp]


def talks(track: FaceTrack) -> bool:
    """Whether the mouth opens often enough to learn it from the video."""
    low, high = np.percentile(track.gaps, [10, 96])
    return bool(high - low > _TALKS)


def inside_look(picture: ByteArray, points: FloatArray) -> FloatArray:
    """Brightness between the lips by that of the cheeks: under the upper lip, middle, above the
    lower lip; float32 [3].

    Args:
        picture: uint8 [h, w, 3] RGB.
        points: float32 [478, 2+], landmarks in its pixels.
    """
    upper, lower = points[list(_LOOK_UPPER), :2], points[list(_LOOK_LOWER), :2]
    rows = np.stack([upper + (lower - upper) * f for f in _LOOK_AT])
    cheeks = points[[205, 425], :2]

    def level(at: FloatArray) -> FloatArray:
        places = at.reshape(1, -1, 2).astype(np.float32)
        values = cv2.remap(picture, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        return np.asarray(values.mean(-1).reshape(at.shape[:-1]), np.float32)

    return np.asarray(level(rows).mean(1) / max(8.0, float(level(cheeks).mean())), np.float32)


def make_bank(
    track: FaceTrack, sharp: FloatArray, looks: FloatArray, allowed: npt.NDArray[np.bool_]
) -> MouthBank:
    """The mouth of one person.

    Args:
        track: Landmarks and poses of the frames.
        sharp: float32 [n], sharpness of the face in each.
        looks: float32 [n, 3], from `inside_look`.
        allowed: bool [n], frames that may be used.
    """
    points = np.ascontiguousarray(track.shape[:, :2])
    shapes = fit(points, track.shape[:, 2])
    if not talks(track):
        textures = np.full(shapes.offsets.shape[:2], -1, np.int32)
        # Lips of a turned head are too thin in the picture for the head's own puckering.
        drawn = FaceModes(points)
        across = shapes.modes["width"]
        offsets = np.stack(
            [
                [shapes.modes["open"] * g + across * (w - 1) for w in shapes.widths]
                for g in shapes.gaps
            ]
        ).astype(np.float32)
        modes = shapes.modes | {name: drawn.drawn()[name] for name in ("pucker", "funnel")}
        return MouthBank(shapes.gaps, shapes.widths, offsets, textures, modes, np.zeros(0, np.intp))
    rest_gap = lm.lip_gap(points)
    moved = _moved(track)
    use = np.flatnonzero(allowed)
    opening, _ = linear_fit(moved[use], track.gaps[use] - rest_gap, track.widths[use] - 1)
    opening = opening / (opening[lm.LIP_CENTRES[1], 1] - opening[lm.LIP_CENTRES[0], 1])
    width = shapes.modes["width"]
    gaps, widths = _axes(track, use)
    offsets = _offsets(track, moved, use, (gaps, widths), (opening, width), rest_gap)
    textures, frames = _prototypes(track, sharp, looks, use, gaps, widths)
    # Wider than the person ever opens: as anybody's mouth does.
    for gap in [gap for gap in GAPS if gap > gaps[-1]]:
        beyond = offsets[-1:] + shapes.modes["open"] * np.float32(gap - gaps[-1])
        gaps, offsets = np.append(gaps, np.float32(gap)), np.concatenate([offsets, beyond])
        textures = np.concatenate([textures, textures[-1:]])
    return MouthBank(gaps, widths, offsets.astype(np.float32), textures, shapes.modes, frames)


def _moved(track: FaceTrack) -> FloatArray:
    """Displacement of all landmarks in every frame against the canonical face, symmetric, io."""
    points = track.shape[:, :2]
    pairs = lm.mirror_pairs(points, track.straight[int(np.argmax(track.gaps))])
    moved = (track.straight - points) / track.io
    return np.stack([symmetric(field, pairs) for field in moved])


def _axes(track: FaceTrack, use: npt.NDArray[np.intp]) -> tuple[FloatArray, FloatArray]:
    """Gaps and widths of the grid: those that the person comes near to."""
    widest = float(np.percentile(track.gaps[use], 99)) * _REACH
    gaps = [gap for gap in GAPS if gap <= max(widest, GAPS[2])]
    low, high = np.percentile(track.widths[use], [4, 96])
    widths = [w for w in WIDTHS if low - 0.04 <= w <= high + 0.04 or w == 1.0]
    return np.array(gaps, np.float32), np.array(widths, np.float32)


def _offsets(
    track: FaceTrack,
    moved: FloatArray,
    use: npt.NDArray[np.intp],
    axes: tuple[FloatArray, FloatArray],
    slopes: tuple[FloatArray, FloatArray],
    rest_gap: float,
) -> FloatArray:
    """Mean displacement near every cell, brought to its exact shape; where few, the line's."""
    (gaps, widths), (opening, width) = axes, slopes
    have_gap, have_width = track.gaps[use], track.widths[use]
    out = np.zeros((len(gaps), len(widths), lm.COUNT, 2), np.float32)
    for i, gap in enumerate(gaps):
        for j, factor in enumerate(widths):
            near = ((have_gap - gap) / _SPREAD[0]) ** 2 + ((have_width - factor) / _SPREAD[1]) ** 2
            weight = np.exp(-near / 2)
            total = float(weight.sum())
            weight /= total + 1e-9
            trust = total / (total + _LEAST)
            mean = np.tensordot(weight, moved[use], axes=1)
            mean += opening * (gap - weight @ have_gap) + width * (factor - weight @ have_width)
            line = opening * (gap - rest_gap) + width * (factor - 1)
            out[i, j] = trust * mean + (1 - trust) * line
    # The mouth at rest is the canonical one, to the pixel.
    j = int(np.argmin(np.abs(widths - 1)))
    out[0] -= out[0, j].copy()
    return out


def _prototypes(
    track: FaceTrack,
    sharp: FloatArray,
    looks: FloatArray,
    use: npt.NDArray[np.intp],
    gaps: FloatArray,
    widths: FloatArray,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """For every cell, a sharp and frontal frame whose mouth is near to it.

    From one gap to the next the inside should look alike, or teeth would come and go: each width's
    frames are the cheapest path through the best few of every gap (Viterbi). Widths are taken
    from the middle one outwards, each bound to the one before.
    """
    typical = np.median(track.angles[use], axis=0)
    turned = np.linalg.norm((track.angles[use] - typical) / _TURNED, axis=1)
    blur = np.clip(1 - sharp[use] / np.median(sharp[use]), 0, 1)
    tempo = np.abs(np.gradient(track.gaps))[use] / 0.05  # a fast mouth is blurred
    general = turned**2 + 0.8 * blur + 0.3 * tempo
    middle = int(np.argmin(np.abs(widths - 1)))
    picked = np.zeros((len(gaps), len(widths)), np.intp)
    for j in sorted(range(len(widths)), key=lambda j: abs(j - middle)):
        costs, options = [], []
        for i, gap in enumerate(gaps):
            cost = general + _misfit(track, use, float(gap), float(widths[j]))
            if j != middle and gap > _SHUT:
                beside = picked[i, j + (1 if j < middle else -1)]
                cost = cost + 0.5 * _unlike(looks[use], looks[beside])
            best = np.argsort(cost, kind="stable")[:_OPTIONS]
            options.append(use[best])
            costs.append(cost[best])
        picked[:, j] = _path(costs, options, looks, gaps)
    frames, textures = np.unique(picked, return_inverse=True)
    return textures.reshape(picked.shape).astype(np.int32), frames


def _misfit(
    track: FaceTrack, use: npt.NDArray[np.intp], gap: float, width: float
) -> npt.NDArray[np.float64]:
    """How far the mouth of each frame is from a cell."""
    have = track.gaps[use]
    # A closed mouth must not show teeth; an open one must not show lips that touch.
    wrong = have > 0.02 if gap == 0 else have < max(0.75 * gap, min(gap, 0.045))
    away = (3 * (have - gap) / 0.1) ** 2 + ((track.widths[use] - width) / 0.12) ** 2
    return np.asarray(away + 9.0 * wrong, np.float64)


def _unlike(a: FloatArray, b: FloatArray) -> FloatArray:
    """How differently the insides of mouths look, over the last axis."""
    return np.asarray((((a - b) / _LOOK) ** 2).mean(-1), np.float32)


def _path(
    costs: list[npt.NDArray[np.float64]],
    options: list[npt.NDArray[np.intp]],
    looks: FloatArray,
    gaps: FloatArray,
) -> npt.NDArray[np.intp]:
    """One option of every gap, together the cheapest."""
    total, back = costs[0], []
    for i in range(1, len(costs)):
        change = _unlike(looks[options[i]][None], looks[options[i - 1]][:, None])
        # Shut lips have no inside to compare with.
        step = total[:, None] + change * (gaps[i - 1] > _SHUT)
        back.append(step.argmin(0))
        total = costs[i] + step.min(0)
    at = int(total.argmin())
    chosen = [options[-1][at]]
    for i in range(len(back) - 1, -1, -1):
        at = int(back[i][at])
        chosen.append(options[i][at])
    return np.array(chosen[::-1], np.intp)
