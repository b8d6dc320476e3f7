"""Stage directions: what they are called, when they act, and that they are never spoken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from digital_human.apps.live.acting import acted
from digital_human.apps.news.load import load_script
from digital_human.apps.news.plan import RATE, Person, SegmentPlan, TurnPlan, plan_programme
from digital_human.apps.news.timeline import SAMPLES, Cue, lay_out
from digital_human.dialogue.types import Act, Line
from digital_human.errors import InputError
from digital_human.face.animation import ACTS, MOODS, OWN_ACTS, Animator, Direction
from digital_human.face.animation.directions import read_direction, take_directions
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.media.shot import Look
from digital_human.speech.types import Clause, Phone, Speech, Word

UPPER = [i for i, n in enumerate(ARKIT) if n.startswith(("brow", "eyeSquint", "cheek"))]


@pytest.mark.parametrize(
    ("words", "act"),
    [
        ("nod", "nod"), ("点头", "nod"), ("Nod 0.5", "nod 0.5"), ("微笑0.8", "smile 0.8"),
        ("look left", "look-left"), ("look-left", "look-left"), ("向左看", "look-left"),
        ("happy .6", "happy 0.6"), ("开心 1", "happy"), ("挥手", "wave"), ("shake head", "shake"),
        ("nodd", None), ("", None), ("1", None), ("0.5", None), ("图1", None),
    ],
)  # fmt: skip
def test_names(words: str, act: str | None) -> None:
    assert read_direction(words) == act


@pytest.mark.parametrize("words", ["nod 0", "nod 1.5", "开心 2"])
def test_levels_out_of_range_are_named(words: str) -> None:
    with pytest.raises(ValueError, match="at most 1"):
        read_direction(words)


@pytest.mark.parametrize(
    ("text", "plain", "directions"),
    [
        ("你好。", "你好。", ()),
        ("[点头]你好，【微笑】再见。", "你好，再见。", ((0, "nod"), (3, "smile"))),
        ("[nod] Good evening, [look left] look here.", "Good evening, look here.",
         ((0, "nod"), (14, "look-left"))),
        ("完了。[wink]", "完了。", ((3, "wink"),)),
        ("【快讯】今天[1]有雪。", "【快讯】今天[1]有雪。", ()),
        ("[nod][smile]好。", "好。", ((0, "nod"), (0, "smile"))),
    ],
)  # fmt: skip
def test_they_are_taken_out_of_the_text(
    text: str, plain: str, directions: tuple[tuple[int, str], ...]
) -> None:
    assert take_directions(text, strict=True) == (
        plain,
        tuple(Direction(at, act) for at, act in directions),
    )


def test_a_misspelt_one_is_refused_where_that_is_asked_for() -> None:
    assert take_directions("[nodd]好。")[0] == "[nodd]好。"
    with pytest.raises(ValueError, match=r"did you mean \[nod\]"):
        take_directions("[nodd]好。", strict=True)


SCRIPT = """\
version: 1
title: 测试
languages: [zh, en]
anchors:
  yun: {avatar: yun, voice: {zh: xiaoyi, en: heart}, name: 云舒}
segments:
  - layout: full
    background: '#203040'
    anchor: yun
    say: {zh: "[点头]法[惊讶]轮。", en: "Good [smile 0.5] evening."}
"""


def test_a_script_gives_plain_words_and_its_directions(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    file = load_script(path)
    turn = file.script.segments[0].turns[0]
    assert turn.say == {"zh": "法轮。", "en": "Good evening."}, "what moderation and voices get"
    (chinese,) = plan_programme(file, "zh")
    (english,) = plan_programme(file, "en")
    assert chinese.turns[0].directions == (Direction(0, "nod"), Direction(1, "surprise"))
    assert english.turns[0].directions == (Direction(5, "smile 0.5"),)
    assert chinese.look.background == "#203040"


def test_a_script_with_an_unknown_direction_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SCRIPT.replace("[点头]", "[点点]"), encoding="utf-8")
    with pytest.raises(InputError, match=r"s.yaml:10: segments.0.say.*\[点点\] is no stage"):
        load_script(path)


def speech(text: str, word: float = 0.4) -> Speech:
    """A clause of one word a character, each ``word`` seconds."""
    n = round(word * RATE)
    words = tuple(Word(c, i * n, (i + 1) * n) for i, c in enumerate(text))
    phones = tuple(Phone("a", w.start, w.end) for w in words)
    pcm = np.full(n * len(text), 0.1, np.float32)
    return Speech(Clause(text, "zh"), text, pcm, RATE, phones, words, 0)


def plan(*turns: TurnPlan) -> SegmentPlan:
    people = {turn.anchor: Person("yun", "xiaoyi", 1.0, "云", "") for turn in turns}
    return SegmentPlan(1, "full", "zh", (1280, 720), Look(), people, turns=turns)


def test_they_act_when_the_word_behind_them_begins() -> None:
    text, directions = take_directions("一[nod]二，三[smile]四。[wink]")
    turn = TurnPlan("a", text, None, directions)
    spoken = [(0, speech("一二，")), (0, speech("三四。"))]
    timeline = lay_out(plan(turn), spoken, {})
    first, second = timeline.placed
    assert timeline.cues == (
        Cue((first.at + first.speech.words[1].start) // SAMPLES, "a", "nod"),
        Cue((second.at + second.speech.words[1].start) // SAMPLES, "a", "smile"),
        Cue((second.at + len(second.speech.pcm)) // SAMPLES, "a", "wink"),
    )


def test_a_mood_ends_with_its_turn_and_starts_from_the_turns_emotion() -> None:
    text, directions = take_directions("一[sad 0.5]二。")
    turns = TurnPlan("a", text, "warm", directions), TurnPlan("b", "三", None)
    timeline = lay_out(plan(*turns), [(0, speech("一二。")), (1, speech("三"))], {})
    said = timeline.placed[0]
    assert [(cue.anchor, cue.act) for cue in timeline.cues] == [
        ("a", "warm 0.55"), ("a", "sad 0.5"), ("a", "neutral"),
    ]  # fmt: skip
    assert timeline.cues[0].frame == said.at // SAMPLES
    assert timeline.cues[2].frame == (said.at + len(said.speech.pcm)) // SAMPLES


def gesture(name: str, frames: int = 80) -> tuple[list[MotionFrame], list[MotionFrame]]:
    """A person that acts ``name``, and the same one that does not."""
    tracks = []
    for act in (name, None):
        animator = Animator(25, 4)
        for pts in range(60):
            animator.frame(pts)
        if act:
            animator.act(act)
        tracks.append([animator.frame(60 + i) for i in range(frames)])
    return tracks[0], tracks[1]


def turned(frames: list[MotionFrame], other: list[MotionFrame], axis: int) -> np.ndarray:
    return np.array([f.head[axis] - g.head[axis] for f, g in zip(frames, other, strict=True)])


def gaze(frame: MotionFrame) -> tuple[float, float]:
    """Seen from the camera, degrees to the right of the picture and up."""
    right = frame["eyeLookOutLeft"] + frame["eyeLookInRight"]
    right -= frame["eyeLookInLeft"] + frame["eyeLookOutRight"]
    up = frame["eyeLookUpLeft"] - frame["eyeLookDownLeft"]
    return 12.5 * right + float(frame.head[0]), 25 * up + float(frame.head[1])


@pytest.mark.parametrize(
    ("act", "across", "up"),
    [("look-left", -1, 0), ("look-right", 1, 0), ("look-up", 0, 1), ("look-down", 0, -1)],
)
def test_looks_go_where_the_viewer_sees_them_go(act: str, across: int, up: int) -> None:
    frames, other = gesture(act)
    x, y = np.array([np.subtract(gaze(f), gaze(g)) for f, g in zip(frames, other, strict=True)]).T
    assert x[25] * across >= 15 * abs(across)
    assert y[25] * up >= 12 * abs(up)
    assert max(abs(x[25]) * (not across), abs(y[25]) * (not up)) < 2.0
    assert abs(turned(frames, other, 0 if across else 1)[25]) > 4.0
    assert np.abs([x[55:], y[55:]]).max() < 0.5, "it comes back"


@pytest.mark.parametrize("act", ACTS)
def test_every_act_is_smooth_passes_and_follows_its_level(act: str) -> None:
    whole, other = gesture(act)
    half, _ = gesture(f"{act} 0.5")
    change = np.array([f.curves - g.curves for f, g in zip(whole, other, strict=True)])
    heads = np.array([f.head - g.head for f, g in zip(whole, other, strict=True)])
    less = np.array([f.head - g.head for f, g in zip(half, other, strict=True)])
    assert max(np.abs(heads[:, :3]).max() / 2.4, np.abs(change).max() / 0.25) > 1.0, "seen"
    np.testing.assert_allclose(less, 0.5 * heads, atol=1e-5)
    assert np.abs(np.diff(heads[:, :3], axis=0)).max() < 2.5
    assert np.abs(heads[70:]).max() < 1e-6
    assert np.abs(change[70:, INDEX["mouthSmileLeft"]]).max() < 1e-6


def test_a_wink_shuts_one_eye() -> None:
    frames, _ = gesture("wink")
    assert max(f["eyeBlinkLeft"] for f in frames[:16]) > 0.95
    assert min(f["eyeBlinkRight"] for f in frames[4:8]) < 0.3


def test_moods_stay_and_go_and_follow_their_level() -> None:
    animator = Animator(25, 4)
    faces = []
    for number, act in enumerate(("happy", "happy 0.5", "neutral")):
        animator.act(act)
        frames = range(49 * number, 49 * (number + 1))
        faces += [animator.frame(pts)["mouthSmileLeft"] for pts in frames]
    full, half, none = faces[48], faces[97], faces[146]
    assert full > 0.7
    assert half == pytest.approx(full / 2, abs=0.01)
    assert none == pytest.approx(0.0, abs=0.01)
    assert np.abs(np.diff(faces)).max() < 0.1


@pytest.mark.parametrize("act", OWN_ACTS)
def test_what_only_some_avatars_can_do_leaves_the_face_alone(act: str) -> None:
    frames, other = gesture(act, 20)
    for f, g in zip(frames, other, strict=True):
        np.testing.assert_array_equal(f.curves, g.curves)


def test_every_emotion_is_a_mood() -> None:
    assert set(MOODS) >= {"neutral", "happy", "serious", "sad", "surprised", "warm"}
    for mood in MOODS:
        assert read_direction(mood) == mood


def test_a_line_that_is_spoken_live_is_cut_at_its_directions() -> None:
    line = Line("[点头]你好，[smile 0.5][wink]再见。【注】", "zh", "script", "warm")
    assert list(acted(line)) == [
        Act("nod"), replace(line, text="你好，"), Act("smile 0.5"), Act("wink"),
        replace(line, text="再见。【注】"),
    ]  # fmt: skip
    plain = replace(line, text="你好。")
    assert list(acted(plain)) == [plain]
