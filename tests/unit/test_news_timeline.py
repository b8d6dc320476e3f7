"""Speech on the segment's line, and the shots cut to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from digital_human.apps.news.plan import RATE, Person, SegmentPlan, TurnPlan
from digital_human.apps.news.timeline import (
    FIRST_LEAD,
    GAP,
    LEAD,
    SAMPLES,
    TAIL,
    lay_out,
    with_audible_label,
)
from digital_human.media.shot import CityWeather, Look
from digital_human.safety.detect import find_rhythm
from digital_human.speech.types import Clause, Phone, Speech, Word

PEOPLE = {
    "yun": Person("yun", "xiaoyi", 1.0, "云舒", "主播"),
    "chen": Person("chen", "yunxi", 1.0, "陈朗", "主播"),
}


def speech(seconds: float, level: float = 0.1) -> Speech:
    n = round(seconds * RATE)
    return Speech(
        Clause("好", "zh"), "好", np.full(n, level, np.float32), RATE,
        (Phone("a", 0, n),), (Word("好", 0, n),), 0,
    )  # fmt: skip


def plan(layout: str, *anchors: str, index: int = 1) -> SegmentPlan:
    return SegmentPlan(
        index=index, layout=layout, language="zh", size=(1280, 720), look=Look(),
        people={key: PEOPLE[key] for key in dict.fromkeys(anchors)}, tags=tuple(set(anchors)),
        turns=tuple(TurnPlan(key, "好", None) for key in anchors), headline="标题",
    )  # fmt: skip


def test_sound_and_picture_end_together_to_the_sample() -> None:
    for seconds in (0.5, 1.234, 3.0001):
        timeline = lay_out(plan("full", "yun"), [(0, speech(seconds))], {})
        assert len(timeline.sound()) == timeline.frames * SAMPLES
        assert timeline.frames * SAMPLES >= (LEAD + TAIL) * SAMPLES + seconds * RATE


def test_clauses_of_a_turn_follow_at_once_and_turns_after_a_gap() -> None:
    spoken = [(0, speech(1)), (0, speech(1)), (1, speech(1))]
    first, second, third = lay_out(plan("two", "yun", "chen"), spoken, {}).placed
    assert first.at == LEAD * SAMPLES
    assert second.at == first.at + RATE
    assert third.at == second.at + RATE + GAP * SAMPLES
    assert [item.anchor for item in (first, second, third)] == ["yun", "yun", "chen"]


def test_sound_is_silent_before_between_and_after() -> None:
    pcm = lay_out(plan("two", "yun", "chen"), [(0, speech(1)), (1, speech(1))], {}).sound()
    assert not pcm[: LEAD * SAMPLES].any()
    gap = LEAD * SAMPLES + RATE
    assert not pcm[gap : gap + GAP * SAMPLES].any()
    assert not pcm[-TAIL * SAMPLES :].any()
    assert pcm.max() == pytest.approx(0.1)


@pytest.mark.parametrize("layout", ["full", "half", "beside", "weather", "story", "two"])
def test_shots_cover_the_segment_without_gaps(layout: str) -> None:
    made = replace(
        plan(layout, "yun", "chen"), pictures=(), cities=(CityWeather("北京", "sunny", 1, 2),)
    )
    spoken = [(0, speech(3)), (0, speech(2)), (1, speech(2))]
    timeline = lay_out(made, spoken, {})
    at = 0
    for start, shot in timeline.shots:
        assert start == at
        at += shot.frames
    assert at == timeline.frames


def test_the_camera_changes_between_turns_not_within_words() -> None:
    timeline = lay_out(plan("full", "yun", "chen"), [(0, speech(2)), (1, speech(2))], {})
    assert [shot.anchors for _, shot in timeline.shots] == [("yun",), ("chen",)]
    change = timeline.shots[1][0] * SAMPLES
    first, second = timeline.placed
    assert first.at + len(first.speech.pcm) < change < second.at


def test_a_story_shows_the_anchor_before_its_pictures() -> None:
    spoken = [(0, speech(3)), (0, speech(4))]
    timeline = lay_out(plan("story", "yun"), spoken, {})
    assert [shot.layout for _, shot in timeline.shots] == ["anchor_full", "broll"]
    assert timeline.shots[1][0] * SAMPLES == pytest.approx(LEAD * SAMPLES + 3 * RATE, abs=SAMPLES)
    short = lay_out(plan("story", "yun"), [(0, speech(2))], {})
    assert [shot.layout for _, shot in short.shots] == ["broll"]


def test_a_title_lasts_as_long_as_it_says() -> None:
    made = replace(plan("title_open"), seconds=3.0, title="题", turns=(), people={}, tags=())
    timeline = lay_out(made, [], {})
    assert timeline.frames == 75
    assert not timeline.sound().any()


def test_a_programme_that_opens_with_speech_waits_for_the_audible_label() -> None:
    timeline = lay_out(plan("full", "yun", index=0), [(0, speech(2))], {})
    assert timeline.placed[0].at == FIRST_LEAD * SAMPLES
    rng = np.random.default_rng(1)
    voice = timeline.sound() * rng.normal(0, 1, timeline.frames * SAMPLES).astype(np.float32)
    assert find_rhythm(voice, RATE) is None
    found = find_rhythm(with_audible_label(voice, RATE), RATE)
    assert found is not None
    assert found[1] > 0.9


@pytest.mark.parametrize("seconds", [4.0, 5.0, 6.0, 9.0])
def test_a_short_segment_shares_its_time_between_name_and_headline(seconds: float) -> None:
    timeline = lay_out(plan("full", "yun"), [(0, speech(seconds))], {})
    _, shot = timeline.shots[0]
    (tag,) = shot.tags
    assert 50 <= tag.frames <= 110
    assert shot.frames - tag.start - tag.frames >= 50
    alone = lay_out(replace(plan("full", "yun"), headline=""), [(0, speech(seconds))], {})
    assert alone.shots[0][1].tags[0].frames == min(110, shot.frames - tag.start)
