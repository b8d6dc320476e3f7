from __future__ import annotations

import pickle
from collections.abc import Sequence

import numpy as np
import pytest

from digital_human.face.animation import Animator
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.speech.types import Clause, Emotion, Phone, Speech

RATE = 24000
MOUTH = [i for i, n in enumerate(ARKIT) if n.startswith(("mouth", "jaw", "tongue"))]
LEVEL = {"_": 0.0, **dict.fromkeys("ptkʂsfɕʨxh", 0.03), **dict.fromkeys("mnlŋbdvwj", 0.12)}


def speech(
    phones: Sequence[tuple[str, int]], emotion: Emotion = "neutral", stress: float = 1.0
) -> Speech:
    """A buzz whose loudness follows the phones, (symbol, milliseconds) each."""
    at, marks, parts = 0, [], []
    for symbol, ms in phones:
        n = RATE * ms // 1000
        wave = np.sin(2 * np.pi * 180 * np.arange(at, at + n) / RATE)
        parts.append((LEVEL.get(symbol, 0.4) * wave).astype(np.float32))
        marks.append(Phone(symbol, at, at + n, stress))
        at += n
    clause = Clause("x", "zh", emotion=emotion)
    return Speech(clause, "x", np.concatenate(parts), RATE, tuple(marks), (), 0)


def play(
    said: Speech | None, frames: int, fps: int = 25, at: float = 0.0, seed: int = 1
) -> list[MotionFrame]:
    animator = Animator(fps, seed)
    if said is not None:
        animator.add(said, round(at * RATE))
    return [animator.frame(i) for i in range(frames)]


def gap(frame: MotionFrame) -> float:
    """Lip gap in outer-eye distances by the curve convention."""
    upper = (frame["mouthUpperUpLeft"] + frame["mouthUpperUpRight"]) / 2
    lower = (frame["mouthLowerDownLeft"] + frame["mouthLowerDownRight"]) / 2
    return 0.32 * max(0.0, frame["jawOpen"] - frame["mouthClose"]) + 0.05 * upper + 0.06 * lower


def gaps(frames: Sequence[MotionFrame]) -> np.ndarray:
    return np.array([gap(f) for f in frames])


def around(start: float, end: float, fps: int) -> slice:
    """Frames from one before a stretch of time to one after it."""
    return slice(max(0, int(np.ceil(start * fps)) - 1), int(np.floor(end * fps)) + 2)


FAST = [("_", 120)] + [(s, ms) for s in "pbm" for ms in (25, 40, 70) for s in (s, "a")]


@pytest.mark.parametrize("fps", [25, 30, 50])
@pytest.mark.parametrize("shift", [0.0, 0.007, 0.013, 0.021, 0.029, 0.037])
def test_every_p_b_m_is_shut_within_a_frame(fps: int, shift: float) -> None:
    said = speech([*FAST, ("_", 300)])
    frames = gaps(play(said, 2 * fps, fps, at=0.2 + shift))
    for phone in said.phones:
        if phone.symbol in "pbm":
            start, end = (0.2 + shift + x / RATE for x in (phone.start, phone.end))
            assert frames[around(start, end, fps)].min() == 0.0, (phone, fps)


def test_vowels_between_closures_open_visibly() -> None:
    said = speech([("_", 200), *[("p", 60), ("a", 80)] * 6, ("_", 300)])
    opening = gaps(play(said, 70, 50))
    tops = [opening[around(p.start / RATE, p.end / RATE, 50)].max() for p in said.phones[2::2][:6]]
    assert min(tops) > 0.06
    slow = speech([("_", 200), ("p", 60), ("a", 250), ("_", 300)])
    assert 0.15 < gaps(play(slow, 40)).max() < 0.24


def test_lips_do_not_part_between_a_pause_and_a_closure() -> None:
    said = speech([("_", 400), ("p", 80), ("a", 160), ("m", 120), ("_", 600)])
    opening = gaps(play(said, 120, 100))
    assert opening[:44].max() < 0.004
    assert opening[72:].max() < 0.004
    assert opening[45:66].max() > 0.1


@pytest.mark.parametrize("symbol", ["f", "v"])
def test_f_and_v_touch_the_teeth(symbol: str) -> None:
    said = speech([("_", 200), ("a", 120), (symbol, 50), ("a", 120), ("_", 300)])
    frames = play(said, 25)
    touch = frames[around(0.32, 0.37, 25)]
    best = max(touch, key=lambda f: f["mouthRollLower"])
    assert best["mouthRollLower"] == pytest.approx(0.7, abs=0.02)
    assert gap(best) < 0.04
    assert best["mouthUpperUpLeft"] == pytest.approx(0.25, abs=0.02)


def test_rounding_spreads_ahead_over_consonants() -> None:
    rounded = play(speech([("_", 200), ("a", 150), ("k", 90), ("u", 150), ("_", 300)]), 100, 100)
    plain = play(speech([("_", 200), ("a", 150), ("k", 90), ("a", 150), ("_", 300)]), 100, 100)
    before = int(0.44 * 100) - 8  # 80 ms before the vowel
    assert rounded[before]["mouthPucker"] > 0.15
    assert plain[before]["mouthPucker"] == 0.0
    assert max(f["mouthPucker"] for f in rounded) > 0.75


def test_pauses_close_the_mouth_and_keep_it_still_while_life_goes_on() -> None:
    said = speech(
        [("_", 300), ("a", 200), ("n", 60), ("_", 700), ("t", 60), ("a", 200), ("_", 4000)]
    )
    frames = play(said, 130)
    for start, end in ((0.56 + 0.16, 1.26 - 0.12), (1.52 + 0.16, 5.0)):
        still = frames[int(np.ceil(start * 25)) : int(end * 25)]
        assert len(still) >= 9
        assert not np.any([f.curves[MOUTH] for f in still])
        assert np.ptp([f.head[0] for f in still]) > 0
        assert np.ptp([f.breath for f in still]) > 0
    assert gaps(frames)[8:13].max() > 0.1


def test_opening_follows_loudness_without_lag() -> None:
    rng = np.random.default_rng(3)
    phones: list[tuple[str, int]] = [("_", 300)]
    for _ in range(30):
        phones.append((str(rng.choice(list("tksnl"))), int(rng.integers(50, 90))))
        phones.append((str(rng.choice(["a", "ɛ", "o", "ə"])), int(rng.integers(90, 200))))
    said = speech([*phones, ("_", 300)])
    fps = 100
    opening = gaps(play(said, len(said.pcm) * fps // RATE, fps))
    level = np.array(
        [np.sqrt(np.mean(said.pcm[max(0, i * 240 - 480) : i * 240 + 480] ** 2))
         for i in range(len(opening))]
    )  # fmt: skip

    def r(lag: int) -> float:
        n = len(opening) - 20
        return float(np.corrcoef(opening[10 + lag : 10 + lag + n], level[10 : 10 + n])[0, 1])

    best = max(range(-10, 11), key=r)
    assert -2 <= best <= 1  # −20…+10 ms
    assert r(best) > 0.45


def test_free_movement_keeps_to_the_speed_of_lips() -> None:
    said = speech([("_", 200), *[("t", 40), ("a", 60), ("k", 40), ("i", 60)] * 5, ("_", 300)])
    frames = play(said, 130, 100)
    for name, limit in (("jawOpen", 6.5), ("mouthStretchLeft", 8.0)):
        speed = np.abs(np.diff([f[name] for f in frames])) * 100
        assert speed.max() <= limit * 1.02
        assert speed.max() > limit * 0.2


def test_louder_vowels_open_more() -> None:
    phones = [("_", 200), ("t", 60), ("a", 160), ("t", 60), ("a", 160), ("t", 60), ("a", 160)]
    said = speech([*phones, ("_", 300)])
    scale = np.ones(len(said.pcm), np.float32)
    for phone, factor in zip(said.phones[2:7:2], (0.4, 1.0, 2.0), strict=True):
        scale[phone.start : phone.end] = factor
    louder = Speech(said.clause, "x", said.pcm * scale, RATE, said.phones, (), 0)
    opening = gaps(play(louder, 30))
    tops = [opening[around(p.start / RATE, p.end / RATE, 25)].max() for p in said.phones[2:7:2]]
    assert tops[0] < tops[1] < tops[2]
    assert tops[0] > 0.1


def test_starts_and_settles_neutral_without_a_jump() -> None:
    animator = Animator(25, 5)
    animator.add(speech([("p", 60), ("a", 3000), ("_", 400)], emotion="happy"), 0)
    animator.settle(60)  # in the middle of the vowel
    frames = [animator.frame(i) for i in range(120)]
    for i in (0, 60):
        assert not frames[i].curves.any()
        assert not frames[i].head.any()
        assert frames[i].breath == 0.0
    assert frames[40]["mouthSmileLeft"] > 0.2
    steps = np.abs(np.diff([f.head[:3] for f in frames], axis=0)).max()
    assert steps < 0.6  # degrees a frame
    assert frames[100].head.any()


def test_cut_closes_the_mouth_gently_and_drops_the_rest() -> None:
    animator = Animator(25, 2)
    animator.add(speech([("_", 100), *[("t", 60), ("a", 160)] * 20, ("_", 300)]), 0)
    frames = [animator.frame(i) for i in range(26)]
    assert gap(frames[-1]) > 0.05
    animator.cut(26)
    after = [animator.frame(i) for i in range(26, 80)]
    opening = [gap(frames[-1]), *gaps(after)]
    assert opening[1] > 0.02  # not at once
    assert max(opening[4:]) == 0.0  # 120 ms
    assert np.all(np.diff(opening[:5]) <= 0)


def test_cut_ahead_lets_speech_play_until_then() -> None:
    said = speech([("_", 100), *[("t", 60), ("a", 160)] * 20, ("_", 300)])
    animator = Animator(25, 2)
    animator.add(said, 0)
    animator.frame(0)
    animator.cut(40)
    opening = gaps([animator.frame(i) for i in range(1, 80)])
    whole = gaps(play(said, 80, seed=2)[1:])
    np.testing.assert_allclose(opening[:36], whole[:36], atol=0.01)
    assert opening[43:].max() == 0.0


def test_speech_after_a_cut_plays() -> None:
    animator = Animator(25, 2)
    animator.add(speech([("a", 3000)]), 0)
    for i in range(20):
        animator.frame(i)
    animator.cut(20)
    animator.add(speech([("t", 60), ("a", 300), ("_", 300)]), RATE * 6 // 5)
    opening = gaps([animator.frame(i) for i in range(20, 60)])
    assert opening[:5].min() == 0.0
    assert opening[10:20].max() > 0.12
    assert opening[27:].max() == 0.0


def test_speech_added_too_late_does_not_make_the_mouth_jump() -> None:
    animator = Animator(25, 2)
    frames = [animator.frame(i) for i in range(10)]
    animator.add(speech([("a", 400), ("_", 300)]), RATE * 9 // 25)
    frames += [animator.frame(i) for i in range(10, 30)]
    assert np.abs(np.diff([f["jawOpen"] for f in frames])).max() < 0.3
    assert gaps(frames).max() > 0.12


def test_same_seed_same_track_and_other_seed_another() -> None:
    said = speech([("_", 100), *[("t", 60), ("a", 160)] * 8, ("_", 300)])
    one, two, other = (play(said, 100, seed=s) for s in (7, 7, 8))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.curves, b.curves)
        np.testing.assert_array_equal(a.head, b.head)
    assert any(not np.array_equal(a.head, c.head) for a, c in zip(one, other, strict=True))
    np.testing.assert_array_equal([f.curves[MOUTH] for f in one], [f.curves[MOUTH] for f in other])


def test_clauses_added_one_by_one_move_like_added_at_once() -> None:
    said = speech([("_", 50), *[("t", 60), ("a", 160)] * 4, ("_", 100)])
    length = len(said.pcm)
    early, late = Animator(25, 1), Animator(25, 1)
    for i in range(3):
        early.add(said, i * length)
    late.add(said, 0)
    a, b = [], []
    for i in range(90):
        for k in (1, 2):
            if i == int(k * length / RATE * 25) - 15:  # 0.6 s ahead
                late.add(said, k * length)
        a.append(early.frame(i))
        b.append(late.frame(i))
    np.testing.assert_allclose(gaps(a), gaps(b), atol=1e-9)


def test_frames_come_in_order() -> None:
    animator = Animator(25)
    animator.frame(3, epoch=4)
    with pytest.raises(ValueError, match="pts 3"):
        animator.frame(3)
    assert animator.frame(9, epoch=5).epoch == 5


def test_old_speech_is_forgotten() -> None:
    said = speech([("_", 100), *[("t", 60), ("a", 160)] * 4, ("_", 200)])
    animator = Animator(25, 1)
    sizes = []
    at = pts = 0
    for _ in range(40):
        animator.add(said, at)
        at += len(said.pcm)
        while pts < at / RATE * 25 - 10:
            animator.frame(pts)
            pts += 1
        sizes.append(len(pickle.dumps(animator)))
    assert max(sizes[10:]) < 1.3 * max(sizes[3:10])


def test_emotion_fades_in_and_does_not_open_the_lips() -> None:
    said = speech([("_", 200), *[("m", 70), ("a", 160)] * 12, ("_", 600)], emotion="happy")
    frames = play(said, 90)
    smile = np.array([f["mouthSmileLeft"] for f in frames])
    assert smile.max() > 0.35
    assert np.abs(np.diff(smile)).max() < 0.08
    assert max(f["cheekSquintLeft"] for f in frames) > 0.25
    for phone in said.phones[1:-1:2]:
        assert gaps(frames)[around(phone.start / RATE, phone.end / RATE, 25)].min() == 0.0
    pause = frames[80:90]
    assert np.ptp([f["mouthSmileLeft"] for f in pause]) == 0.0
    assert gaps(pause).max() == 0.0


@pytest.mark.parametrize("emotion", ["serious", "sad", "surprised", "warm"])
def test_emotions_differ_from_neutral_and_fade_after_speech(emotion: Emotion) -> None:
    said = speech([("_", 100), *[("t", 70), ("a", 160)] * 12, ("_", 300)], emotion=emotion)
    frames = play(said, 300)
    plain = play(speech([("_", 100), *[("t", 70), ("a", 160)] * 12, ("_", 300)]), 300)
    shown = np.abs(frames[70].curves - plain[70].curves)
    assert shown.max() > 0.1
    rest = np.abs(frames[299].curves - plain[299].curves)
    assert rest.max() < 0.01


def test_blinks_are_as_often_and_as_long_as_people_s() -> None:
    fps = 50
    frames = play(None, 240 * fps, fps, seed=3)
    lid = np.array([f["eyeBlinkLeft"] for f in frames])
    starts = np.flatnonzero((lid[1:] > 0.5) & (lid[:-1] <= 0.5))
    assert 8 <= len(starts) / 4 <= 26  # a minute
    intervals = np.diff(starts) / fps
    assert np.median(intervals) == pytest.approx(3.6, rel=0.4)
    for start in starts[:-1]:
        blink = lid[start : start + fps // 4]
        assert blink.max() > 0.98
    closing = np.mean([np.sum(lid[s - 8 : s + 1] > 0.02) for s in starts[1:]])
    opening = np.mean([np.sum(lid[s + 1 : s + 20] < 0.98) for s in starts[1:]])
    assert closing < opening


def test_gaze_stays_on_the_camera_and_turns_against_the_head() -> None:
    frames = play(None, 25 * 120, seed=4)
    yaw = np.array(
        [(f["eyeLookOutLeft"] - f["eyeLookInLeft"]) * 25.0 + float(f.head[0]) for f in frames]
    )
    assert np.mean(np.abs(yaw) < 2.0) > 0.7
    assert np.abs(yaw).max() < 9.0
    assert np.abs(yaw).max() > 2.0  # it does look away at times


def test_head_moves_within_its_limits_and_nods_in_speech() -> None:
    said = speech([("_", 300), *[("t", 70), ("a", 160), ("n", 50), ("i", 90)] * 60, ("_", 300)])
    loud = np.ones(len(said.pcm), np.float32)
    for phone in said.phones[2::16]:
        loud[phone.start : phone.end] = 2.2
    stressed = Speech(said.clause, "x", said.pcm * loud, RATE, said.phones, (), 0)
    frames = play(stressed, 550, seed=6)
    head = np.array([f.head for f in frames])
    assert np.all(np.abs(head).max(0) <= [4.0, 3.0, 2.0, 0.03, 0.02, 0.03])
    assert np.ptp(head[:, 0]) > 1.0
    assert np.abs(np.diff(head[:, :3], axis=0)).max() < 1.0  # degrees a frame
    idle = np.array([f.head for f in play(None, 550, seed=6)])
    assert np.abs(np.diff(head[:, 1])).max() > 1.5 * np.abs(np.diff(idle[:, 1])).max()
    assert max(f["browInnerUp"] for f in frames) > 0.1


def test_breath_is_calm_and_comes_before_a_phrase() -> None:
    idle = np.array([f.breath for f in play(None, 25 * 120)])
    peaks = np.sum((idle[1:-1] > 0.5) & (idle[1:-1] >= idle[:-2]) & (idle[1:-1] > idle[2:]))
    assert 12 <= peaks / 2 <= 16
    assert np.abs(idle).max() <= 1.0
    for onset in (4.4, 5.2, 6.0, 6.8, 7.6):
        frames = play(speech([("t", 70), ("a", 900), ("_", 300)]), 220, at=onset)
        breath = np.array([f.breath for f in frames])
        assert breath[int(onset * 25)] > 0.85
        assert np.abs(np.diff(breath)).max() < 0.3


def test_curves_stay_in_range() -> None:
    said = speech(
        [("_", 100), *[(s, 60) for s in "pafiwuʂɤmyɕjɛtaʃoθæ"] * 3, ("_", 200)], "surprised", 1.5
    )
    for frame in play(said, 120):
        assert frame.curves.dtype == np.float32
        assert frame.curves.shape == (52,)
        assert frame.curves.min() >= 0.0
        assert frame.curves.max() <= 1.0
        assert 0.0 <= frame.tongue <= 1.0
        assert frame.curves[INDEX["mouthClose"]] <= frame.curves[INDEX["jawOpen"]] + 1e-7


def test_silence_alone_keeps_the_mouth_shut() -> None:
    quiet = Speech(
        Clause("", "zh"), "", np.zeros(RATE, np.float32), RATE, (Phone("_", 0, RATE),), (), 0
    )
    assert not np.any([f.curves[MOUTH] for f in play(quiet, 50)])
    empty = Speech(Clause("", "zh"), "", np.zeros(0, np.float32), RATE, (), (), 0)
    assert not np.any([f.curves[MOUTH] for f in play(empty, 10)])


def test_fps_must_be_positive() -> None:
    with pytest.raises(ValueError, match="fps 0"):
        Animator(0)
