"""Captions: breaking, timing, files; and the line-breaking rules they share with drawn text."""

from __future__ import annotations

from pathlib import Path

import pysubs2
import pytest

from digital_human.media.captions import (
    RATE,
    CaptionStyle,
    CaptionTrack,
    Cue,
    clause_cues,
    join_cues,
)
from digital_human.media.linebreak import NO_END, NO_START, break_lines, printable, units
from digital_human.media.text import TextStyle, fit_line, measure, wrap
from digital_human.speech.types import Word

ZH = CaptionStyle("zh")
LONG = (
    "国产大飞机今天上午在上海浦东国际机场顺利完成首次跨洋商业飞行任务，机上共有一百六十四名旅客，"
    "航程超过八千公里，这标志着我国民用航空工业进入新的发展阶段"
)


def spoken(text: str, per_char: int = 4800, latin: bool = False) -> list[Word]:
    """Words of a clause: characters, or space-separated words with the space kept in front."""
    parts = list(text)
    if latin:
        parts = [w if i == 0 else " " + w for i, w in enumerate(text.split(" "))]
    return [Word(p, i * per_char, (i + 1) * per_char) for i, p in enumerate(parts)]


def columns(line: str) -> float:
    return sum(0.5 if ord(c) < 0x2E80 else 1.0 for c in line)


@pytest.mark.parametrize("portrait", [False, True])
def test_long_clause_becomes_short_even_lines(portrait: bool) -> None:
    style = CaptionStyle("zh", portrait)
    cues = clause_cues(spoken(LONG), 0, style)
    limit = 12 if portrait else 18
    assert len(cues) >= 2
    for cue in cues:
        assert 1 <= len(cue.lines) <= 2
        for line in cue.lines:
            assert columns(line) <= limit
            assert line[0] not in NO_START and line[-1] not in NO_END
            assert len(line) > 1
    kept = "".join("".join(cue.lines) for cue in cues)
    assert kept == LONG.replace("，", "") or set(LONG) - set(kept) <= {"，"}
    assert [c for c in kept if c not in "，"] == [c for c in LONG if c not in "，"]


def test_breaks_fall_between_words() -> None:
    cues = clause_cues(spoken(LONG), 0, ZH)
    edges = ["".join(cue.lines[: i + 1]) for cue in cues for i in range(len(cue.lines))]
    lines = [line for cue in cues for line in cue.lines]
    for word in ("飞机", "机场", "旅客", "航空", "标志", "国际"):
        assert any(word in line for line in lines), word
    assert edges


def test_times_follow_the_words_and_the_offset() -> None:
    cues = clause_cues(spoken("今天天气很好。"), 48_000, ZH)
    assert cues == [Cue(48_000, 48_000 + 7 * 4800, ("今天天气很好",))] or (
        cues[0].start == 48_000 and cues[0].lines == ("今天天气很好",)
    )
    parts = clause_cues(spoken(LONG), 0, ZH)
    assert parts[0].start == 0 and parts[-1].end == len(LONG) * 4800
    for before, after in zip(parts, parts[1:], strict=False):
        assert before.end <= after.start


def test_english_lines() -> None:
    text = (
        "The first scheduled passenger flight across the ocean landed safely this morning, "
        "carrying one hundred and sixty four passengers over eight thousand kilometres."
    )
    cues = clause_cues(spoken(text, latin=True), 0, CaptionStyle("en"))
    assert all(len(line) <= 42 for cue in cues for line in cue.lines)
    joined = " ".join(line for cue in cues for line in cue.lines)
    assert joined.split()[:5] == text.split()[:5]
    assert set(joined.replace(",", "").split()) <= set(text.replace(",", "").split())


def test_question_marks_stay_and_commas_go() -> None:
    assert clause_cues(spoken("准备好了吗？"), 0, ZH)[0].lines == ("准备好了吗？",)
    assert clause_cues(spoken("好，"), 0, ZH)[0].lines == ("好",)
    assert clause_cues(spoken("……，"), 0, ZH) == []
    assert clause_cues([], 0, ZH) == []


def test_joined_cues_are_readable_and_never_overlap() -> None:
    raw = [Cue(0, 2000, ("好",)), Cue(30_000, 60_000, ("二",)), Cue(200_000, 202_000, ("三",))]
    cues = join_cues(raw, end=260_000)
    assert cues[0].end - cues[0].start >= 0.9 * RATE
    assert cues[2].end - cues[2].start >= 0.9 * RATE
    for before, after in zip(cues, cues[1:], strict=False):
        assert before.end <= after.start
    # A short gap is closed, a long one is not.
    assert cues[0].end == 30_000
    assert cues[1].end == 60_000
    assert join_cues([Cue(0, 1000, ("一",))], end=500)[0].end == 500


def test_cue_at() -> None:
    track = CaptionTrack([Cue(24_000, 48_000, ("一",)), Cue(72_000, 96_000, ("二",))])
    assert track.cue_at(0.5) is None
    assert track.cue_at(1.0) is track.cues[0]
    assert track.cue_at(1.999) is track.cues[0]
    assert track.cue_at(2.0) is None
    assert track.cue_at(3.5) is track.cues[1]
    assert track.cue_at(9) is None


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_files_read_back(tmp_path: Path, kind: str) -> None:
    track = CaptionTrack([Cue(0, 24_000, ("第一行", "第二行")), Cue(36_000, 60_000, ("a < b",))])
    path = tmp_path / f"news.{kind}"
    track.write(path)
    assert path.read_text("utf-8").startswith("WEBVTT" if kind == "vtt" else "1\n")
    events = pysubs2.load(str(path)).events
    assert [(e.start, e.end) for e in events] == [(0, 1000), (1500, 2500)]
    assert events[0].plaintext == "第一行\n第二行"
    assert events[1].plaintext == "a < b"


def test_units_keep_numbers_words_and_punctuation_together() -> None:
    assert units("增长15.6%，达到（GDP）") == ["增", "长", "15.6%，", "达", "到", "（GDP）"]
    assert "".join(units("a bc，“好”")) == "a bc，“好”"


def test_break_lines_refuses_what_cannot_fit() -> None:
    assert break_lines(units("一二三四五六"), len, 2, 2) is None
    assert break_lines(units("一二三四五六"), len, 3, 2) == ["一二三", "四五六"]
    # Never a comma at a line start, even where the halves would be even.
    lines = break_lines(units("一二三四，五六七"), len, 5, 2)
    assert lines == ["一二三四，", "五六七"]


def test_printable_drops_pictographs() -> None:
    assert printable("好消息🎉\n来了👍🏽") == "好消息 来了"


def test_text_fits_its_box() -> None:
    style = TextStyle(40)
    for width in (1000, 400, 120):
        assert fit_line("国产大飞机完成首次跨洋商业飞行任务" * 2, style, width).width <= width
    lines, small = wrap("国产大飞机完成首次跨洋商业飞行任务，圆满成功" * 3, style, 500, 2)
    assert len(lines) == 2
    assert all(measure(line, small) <= 500 for line in lines)
    assert lines[-1].endswith("…")
