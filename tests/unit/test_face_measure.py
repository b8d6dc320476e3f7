"""The measures of a face notice the defects they are made for, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from digital_human.config import settings
from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face import measure, regions, truth
from digital_human.face.bundle import load_bundle
from digital_human.face.check import (
    CLOSED,
    LIMITS,
    Card,
    Limit,
    asked_gap,
    card_table,
    check_height,
)
from digital_human.face.sheet import BACKDROP, all_shapes, contact_sheet, motion, over

SIDE = 320


@pytest.fixture(scope="module")
def points() -> FloatArray:
    """A frontal face, 478 points with depth, in a picture of `SIDE`."""
    geometry = load_bundle(settings().avatars_dir / "yun").geometry
    flat = geometry.landmarks - geometry.landmarks[lm.NOSE_ROOT]
    flat = flat * (0.34 * SIDE / lm.eye_distance(geometry.landmarks)) + (SIDE / 2, 0.42 * SIDE)
    depth = -geometry.depth[:, None] * 0.34 * SIDE
    return np.concatenate([flat, depth], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def skin() -> FloatArray:
    """Skin-like texture, float32 [SIDE, SIDE] luma."""
    noise = np.random.default_rng(3).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 6) * 60 + cv2.GaussianBlur(noise, (0, 0), 1.2) * 6
    return np.asarray(np.clip(150 + soft, 0, 255), np.float32)


def turned(points: FloatArray, yaw: float, pitch: float, roll: float, shift: float) -> FloatArray:
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]]
    about_z = [[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]
    centre = points.mean(0)
    turn = np.array(about_y) @ np.array(about_x) @ np.array(about_z)
    return np.asarray((points - centre) @ turn.T * (1 + 0.02 * shift) + centre + shift, np.float32)


def moving(points: FloatArray, count: int = 60) -> FloatArray:
    """The face under a living pose, float32 [count, 478, 3]."""
    t = np.arange(count) / 25
    poses = zip(4 * np.sin(2 * t), 3 * np.sin(1.3 * t), 2 * np.sin(t), np.sin(3 * t), strict=True)
    return np.stack([turned(points, *pose) for pose in poses])


def opened(points: FloatArray, gap: float) -> FloatArray:
    """The face with its inner lips ``gap`` io apart."""
    out, io = points.copy(), lm.eye_distance(points)
    lower = [*lm.INNER_LOWER[1:-1], *lm.OUTER_LOWER[1:-1], lm.CHIN]
    out[lower, 1] += gap * io - (out[lm.LIP_CENTRES[1], 1] - out[lm.LIP_CENTRES[0], 1])
    return out


def test_pose_is_taken_off(points: FloatArray) -> None:
    straight = measure.straighten(moving(points))
    spread = np.linalg.norm(straight - straight.mean(0), axis=2)
    assert float(spread.max()) < 1e-4
    assert lm.eye_distance(straight[0]) == pytest.approx(1, abs=1e-3)


def test_frames_without_a_face_stay_empty(points: FloatArray) -> None:
    track = moving(points)
    track[7] = np.nan
    take = measure.Take([], track)
    assert not take.seen[7] and take.seen.sum() == len(track) - 1
    assert np.isnan(take.gaps()[7]) and np.isfinite(take.gaps()[8])


@pytest.mark.parametrize("gap", [0.02, 0.1, 0.25])
def test_gap_is_measured_in_any_pose(points: FloatArray, gap: float) -> None:
    take = measure.Take([], moving(opened(points, gap)))
    assert take.gaps() == pytest.approx(gap, abs=0.002)


def test_unrest_is_what_the_track_does_not_ask_for(points: FloatArray) -> None:
    track = moving(points)
    t = np.arange(len(track)) / 25
    asked = np.sin(5 * t)[:, None].astype(np.float32)
    lips = list(lm.LIPS)
    io = lm.eye_distance(points)
    calm = track.copy()
    calm[:, lips, 1] += 0.02 * io * asked  # as the track asks
    assert max(measure.unrest(measure.Take([], calm), asked)) < 0.06
    shaking = np.random.default_rng(1).normal(0, 1, len(track)) * 0.5 / measure.IO_512 * io
    calm[:, lips, 1] += shaking[:, None]
    # Half a pixel on the lips, which are most of the points, none on the chin.
    mouth, forehead = measure.unrest(measure.Take([], calm), asked)
    assert mouth == pytest.approx(0.45, abs=0.12) and forehead < 0.06


def test_seam_is_seen_where_there_is_one(points: FloatArray, skin: FloatArray) -> None:
    io = lm.eye_distance(points)
    mouth = points[list(lm.MOUTH_CORNERS), :2].mean(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(x - mouth[0], (y - mouth[1]) * 1.2) / io
    hard = skin + 10 * (away < 0.5)
    soft = skin + 10 * np.clip((0.62 - away) / 0.3, 0, 1)
    assert measure.seam(skin, hard.astype(np.float32), points) > LIMITS["seam"].bad
    assert measure.seam(skin, soft.astype(np.float32), points) < LIMITS["seam"].good
    assert np.isnan(measure.seam(skin, skin, points))


def still_of(frames: FloatArray, points: FloatArray) -> measure.Steady:
    luma: ByteArray = np.clip(frames + 0.5, 0, 255).astype(np.uint8)
    return measure.Steady(luma, points[:, :2])


def test_flicker_is_told_by_place(points: FloatArray, skin: FloatArray) -> None:
    rng = np.random.default_rng(2)
    frames = np.stack([skin] * 12)
    calm = still_of(frames, points)
    assert measure.flicker(calm) == (0.0, 0.0)
    ring = cv2.GaussianBlur(regions.mouth_ring(*calm.face).astype(np.float32), (0, 0), 1)
    frames = frames + ring * rng.normal(0, 6, (12, 1, 1))
    near, far = measure.flicker(still_of(frames, points))
    assert measure.beyond(near, far) > LIMITS["flicker"].bad
    everywhere = still_of(skin + rng.normal(0, 6, (12, 1, 1)), points)
    assert measure.beyond(*measure.flicker(everywhere)) < 0.5


def test_blurred_mouth_is_told_from_a_sharp_one(points: FloatArray, skin: FloatArray) -> None:
    sharp = still_of(np.stack([skin] * 3), points)
    soft = cv2.GaussianBlur(skin, (0, 0), 2.0)
    mouth = regions.mouth_area(*sharp.face)
    blurred = still_of(np.stack([np.where(mouth, soft, skin)] * 3), points)
    share = measure.sharpness(blurred) / measure.sharpness(sharp)
    assert share < LIMITS["sharpness"].bad
    # A picture that is soft all over is no fault of the mouth.
    even = measure.sharpness(still_of(np.stack([soft] * 3), points)) / measure.sharpness(sharp)
    assert even == pytest.approx(1, abs=0.25)


def test_likeness_of_the_same_and_of_another_face(points: FloatArray, skin: FloatArray) -> None:
    upper = regions.upper_face(skin.shape, points)
    assert measure.likeness(skin, skin, upper) == pytest.approx(1)
    other = np.ascontiguousarray(skin[:, ::-1])
    assert measure.likeness(skin, other, upper) < LIMITS["upper_face"].bad


def test_steady_holds_the_head(points: FloatArray, skin: FloatArray) -> None:
    """Pictures that only shift and turn in the plane come out as one."""
    picture = np.repeat(np.clip(skin, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    pictures, found = [], []
    for k in range(9):
        angle, shift = np.radians(0.3 * (k - 4)), 0.5 * k
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.column_stack([turn, [shift, -shift]]).astype(np.float32)
        pictures.append(cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC))
        flat = points[:, :2] @ turn.T + (shift, -shift)
        found.append(np.column_stack([flat, points[:, 2]]))
    still = measure.steady(measure.Take(pictures, np.array(found, np.float32)))
    inside = regions.quiet_skin(*still.face)
    spread = still.luma.astype(np.float32).std(0)[inside]
    assert float(spread.mean()) < 1.5
    assert float(np.std(still.luma[0][inside])) > 3


def test_limits_judge_both_ways() -> None:
    high, low = Limit("", "", 0.9, 0.8), Limit("", "", 0.3, 0.5)
    assert [high.judge(v) for v in (0.95, 0.85, 0.5)] == ["pass", "warn", "fail"]
    assert [low.judge(v) for v in (0.2, 0.4, 0.6)] == ["pass", "warn", "fail"]
    assert high.judge(float("nan")) == "none"


def test_card_takes_the_worst_verdict() -> None:
    good = {name: limit.good for name, limit in LIMITS.items()}
    card = Card("yun", "photo", (4, 4), 1.0, good, "now", {})
    assert card.verdict == "pass"
    worse = replace(card, figures=good | {"seam": LIMITS["seam"].bad * 2})
    assert worse.verdict == "fail"
    assert replace(card, figures=good | {"seam": float("nan")}).verdict == "pass"
    assert '"verdict": "fail"' in worse.json() and '"value": null' not in worse.json()
    assert card_table([card, worse]).row_count == len(LIMITS) + 1


def test_asked_gap_follows_the_convention() -> None:
    assert asked_gap(motion({})) == 0
    assert asked_gap(motion({"jawOpen": 0.5})) == pytest.approx(0.16)
    assert asked_gap(motion({"jawOpen": 0.5, "mouthClose": 0.5})) == 0
    assert asked_gap(motion({"mouthUpperUp": 1.0, "mouthLowerDown": 1.0})) == pytest.approx(0.11)
    assert CLOSED < 0.02


def test_sheet_shows_every_shape(points: FloatArray) -> None:
    pictures = {
        name: np.full((SIDE, SIDE, 3), 40 + 8 * k, np.uint8) for k, name in enumerate(all_shapes())
    }
    sheet = contact_sheet(pictures, points, "title")
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    shown = set(np.unique(sheet))
    assert all(int(picture[0, 0, 0]) in shown for picture in pictures.values())


def test_over_mixes_by_alpha() -> None:
    frame = np.zeros((2, 2, 4), np.uint8)
    frame[0, 0] = (10, 20, 30, 255)
    mixed = over(frame)
    assert tuple(mixed[0, 0]) == (10, 20, 30) and tuple(mixed[1, 1]) == BACKDROP


def test_check_height_never_enlarges() -> None:
    avatar = load_bundle(settings().avatars_dir / "yun")
    height = check_height(avatar)
    face = avatar.manifest.face.eye_distance * height / avatar.manifest.canvas[1]
    assert face == pytest.approx(measure.IO_512, rel=0.01)
    assert check_height(avatar, 5000) == avatar.manifest.canvas[1]


def test_correlation_by_lag() -> None:
    rng = np.random.default_rng(5)
    curve = np.convolve(rng.random(120), np.ones(4) / 4, "same").astype(np.float32)
    late = np.roll(curve, 2)
    assert truth.correlate(curve, late, 2) == pytest.approx(1)
    assert truth.correlate(curve, late, 0) < 0.9
    holes = late.copy()
    holes[10:20] = np.nan
    assert truth.correlate(curve, holes, 2) == pytest.approx(1)
    assert truth.correlate(curve, np.ones_like(curve), 0) == 0.0


def test_comparison_with_the_truth(points: FloatArray, skin: FloatArray) -> None:
    gaps = 0.06 + 0.05 * np.sin(np.arange(30) / 2.5)
    frames = np.stack([opened(points, g) for g in gaps]).astype(np.float32)
    picture = np.repeat(np.clip(skin, 0, 255)[..., None], 3, axis=2).astype(np.uint8)
    real = measure.Take([picture] * 30, frames)
    late = measure.Take([picture] * 30, np.roll(frames, 1, axis=0))
    frozen = measure.Take([picture] * 30, np.repeat(frames[:1], 30, axis=0))
    pcm = np.random.default_rng(0).normal(0, 0.1, 30 * truth.RATE // 25).astype(np.float32)
    same = truth.compare("same", real, real, pcm, 25)
    assert (same.r, same.lag, same.distance) == (pytest.approx(1), 0, pytest.approx(0))
    assert same.gap_share == pytest.approx(1) and same.sharpness == pytest.approx(1)
    assert abs(same.envelope_r) < 0.5
    behind = truth.compare("late", real, late, pcm, 25)
    assert behind.lag == 1 and behind.distance > 0
    dead = truth.compare("frozen", real, frozen, pcm, 25)
    assert dead.r < 0.1 and dead.distance > dead.still_distance * 0.99
    assert truth.truth_table([same, behind]).row_count == 3
