"""What the curator learns, and that it is nothing of the visitor."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from datetime import date
from pathlib import Path

import pytest

from digital_human.apps.kiosk import report as report_module
from digital_human.apps.kiosk.curator import (
    UNANSWERED,
    USAGE,
    Curator,
    Day,
    Unanswered,
    curator_folder,
    read_unanswered,
    read_usage,
    without_person,
)
from digital_human.apps.kiosk.report import _TEXTS, ReportLanguage, report_command, report_page
from digital_human.config import settings
from digital_human.core.events import Events
from digital_human.errors import InputError, ResourceError

TODAY = date(2026, 5, 4)


@contextlib.asynccontextmanager
async def running(folder: Path, today: list[date] | None = None):  # type: ignore[no-untyped-def]
    curator = Curator(folder, lambda: (today or [TODAY])[-1])
    task = asyncio.create_task(curator.run())
    await asyncio.sleep(0)
    yield curator
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def visit(curator: Curator) -> Events:
    events = Events("abc123", lambda: 1.0)
    curator.watch(events)
    return events


async def test_a_day_of_visits_is_counted(tmp_path: Path) -> None:
    async with running(tmp_path / "dongpo") as curator:
        for questions in (0, 2, 1):
            events = visit(curator)
            events.emit("reply.started", turn=1, origin="greeting")
            for turn in range(questions):
                events.emit(
                    "heard.final", turn=2 + turn, text="苏堤多长？", language="zh", by="voice"
                )
            if questions == 2:
                events.emit("unanswered", turn=3, question="谁建了天文馆？", language="zh")
                events.emit("misheard", times=1)
                events.emit("rated", score=0)
                events.emit("rated", score=1)
        visit(curator).emit("reply.started", turn=1, origin="script")  # nobody was there
    assert read_usage(tmp_path / "dongpo") == {TODAY: Day(3, 3, 1, 1, good=1, bad=0)}
    assert read_unanswered(tmp_path / "dongpo") == [
        Unanswered("谁建了天文馆？", "zh", "2026-05-04")
    ]


async def test_days_are_added_to_and_questions_appended(tmp_path: Path) -> None:
    today = [TODAY]
    for day in (TODAY, TODAY, date(2026, 5, 5)):
        today.append(day)
        async with running(tmp_path, today) as curator:
            visit(curator).emit("unanswered", turn=1, question="停车场多大？", language="zh")
    usage = read_usage(tmp_path)
    assert [day.unanswered for day in usage.values()] == [2, 1]
    assert [one.day for one in read_unanswered(tmp_path)] == ["2026-05-04"] * 2 + ["2026-05-05"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("我叫王小明，断桥是谁修的？", "断桥是谁修的？"),
        ("断桥是谁修的？我的电话是13812345678。", "断桥是谁修的？"),
        ("请打一三八一二三四五六七八，灯什么时候亮？", "请打，灯什么时候亮？"),
        ("我今年八岁，鱼吃什么", "鱼吃什么"),
        ("我是李雷", ""),
        ("我带晓岚来的，鱼吃什么", "鱼吃什么"),
        ("她叫韩梅梅，天文馆在哪", "天文馆在哪"),
        ("My name is John Smith. Who built the tower?", "Who built the tower?"),
        ("I'm seven, where are the fish?", "where are the fish?"),
        ("Mail it to john.smith@example.com please", "Mail it to  please"),
        ("call 555 123 4567, is there a lift?", "call , is there a lift?"),
        ("苏堤为什么叫苏堤？", "苏堤为什么叫苏堤？"),
        ("1089年发生了什么？", "1089年发生了什么？"),
        ("Is it 2.8 kilometres long?", "Is it 2.8 kilometres long?"),
        ("你叫什么名字？", "你叫什么名字？"),
    ],
)
def test_what_speaks_of_a_person_is_left_out(said: str, kept: str) -> None:
    assert without_person(said) == kept


async def test_a_question_that_only_speaks_of_a_person_is_counted_but_not_kept(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as curator:
        visit(curator).emit("unanswered", turn=1, question="我叫王小明", language="zh")
    assert read_usage(tmp_path)[TODAY].unanswered == 1
    assert read_unanswered(tmp_path) == [] and not (tmp_path / UNANSWERED).exists()


async def test_nothing_tells_who_or_when(tmp_path: Path) -> None:
    async with running(tmp_path) as curator:
        visit(curator).emit("unanswered", turn=7, question="鱼吃什么？", language="zh")
    written = json.loads((tmp_path / UNANSWERED).read_text("utf-8"))
    assert written == {"question": "鱼吃什么？", "language": "zh", "day": "2026-05-04"}
    assert set(json.loads((tmp_path / USAGE).read_text())["days"]["2026-05-04"]) == {
        "visits", "questions", "unanswered", "misheard", "good", "bad",
    }  # fmt: skip
    assert (tmp_path / UNANSWERED).stat().st_mode & 0o077 == 0


async def test_what_a_full_disk_refuses_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digital_human.apps.kiosk import curator as module

    write, full = module._replace, [True]

    def replace(path: Path, text: str) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        write(path, text)

    monkeypatch.setattr(module, "_replace", replace)
    monkeypatch.setattr(module, "_EVERY", 0.01)
    async with running(tmp_path) as curator:
        visit(curator).emit("unanswered", turn=1, question="鱼吃什么？", language="zh")
        await asyncio.sleep(0.1)
        assert not (tmp_path / USAGE).exists()
        full[0] = False
    assert read_usage(tmp_path)[TODAY].unanswered == 1
    assert len(read_unanswered(tmp_path)) == 1


async def test_a_long_full_disk_costs_the_oldest_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digital_human.apps.kiosk import curator as module

    write, full = module._replace, [True]

    def replace(path: Path, text: str) -> None:
        if not full[0]:
            write(path, text)
            return
        full[0] = False
        curator.unanswered("第3个？", "zh")  # asked while the disk is busy refusing the others
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_replace", replace)
    monkeypatch.setattr(module, "_WAITING", 3)
    monkeypatch.setattr(module, "_EVERY", 0.01)
    async with running(tmp_path) as curator:
        for number in range(3):
            visit(curator).emit("unanswered", turn=1, question=f"第{number}个？", language="zh")
        await asyncio.sleep(0.1)
    assert [one.question for one in read_unanswered(tmp_path)] == ["第1个？", "第2个？", "第3个？"]


async def test_damaged_files_do_not_stop_the_counting(tmp_path: Path) -> None:
    (tmp_path / USAGE).write_text('{"days": {"2026-05-')
    (tmp_path / UNANSWERED).write_text('{"question": "多')
    with pytest.raises(ResourceError, match="damaged"):
        read_usage(tmp_path)
    async with running(tmp_path) as curator:
        visit(curator).emit("unanswered", turn=1, question="鱼吃什么？", language="zh")
    assert read_usage(tmp_path) == {TODAY: Day(unanswered=1)}
    assert [one.question for one in read_unanswered(tmp_path)] == ["鱼吃什么？"]


async def test_only_so_many_questions_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digital_human.apps.kiosk import curator as module

    monkeypatch.setattr(module, "_QUESTIONS", 3)
    async with running(tmp_path) as curator:
        for number in range(5):
            visit(curator).emit("unanswered", turn=1, question=f"第{number}个？", language="zh")
    assert [one.question for one in read_unanswered(tmp_path)] == ["第2个？", "第3个？", "第4个？"]


# The page -----------------------------------------------------------------------------------------


def test_the_page_shows_counts_and_questions() -> None:
    usage = {date(2026, 5, 3): Day(4, 10, 2, 1, 2, 1), TODAY: Day(6, 10, 3, 0, 1, 0)}
    asked = [
        Unanswered("鱼吃什么？", "zh", "2026-05-03"), Unanswered("鱼吃什么", "zh", "2026-05-04"),
        Unanswered("<b>Who?</b>", "en", "2026-05-04"), Unanswered("旧的？", "zh", "2026-01-01"),
    ]  # fmt: skip
    page = report_page("Su <Dongpo>", usage, asked, TODAY, 30, "en")
    assert page.count("<svg") == 3
    assert "<h1>Visits to Su &lt;Dongpo&gt;</h1>" in page
    assert "<b>10</b><span>visits" in page
    assert "<b>75%</b><span>answered; 5 were not" in page
    assert "<b>75%</b><span>satisfied, of 4 touches" in page and "3 of 4 touches were yes" in page
    assert '<td>鱼吃什么</td><td>Chinese</td><td class="n">2</td>' in page
    assert "&lt;b&gt;Who?" in page and "<b>Who?" not in page and "旧的" not in page
    assert "http-equiv" not in page and 'src="' not in page  # nothing is fetched


def test_the_page_is_chinese_too() -> None:
    usage = {TODAY: Day(6, 10, 3, 0, 1, 0)}
    page = report_page("苏东坡", usage, [Unanswered("Who?", "en", "2026-05-04")], TODAY, 7, "zh")
    assert '<html lang="zh-CN">' in page
    assert "2026年4月28日 至 2026年5月4日，共 7 天" in page
    assert "<b>70%</b><span>已回答；3 个没答上" in page
    assert '<td>Who?</td><td>英文</td><td class="n">1</td>' in page
    words = re.sub(r"<(style|svg).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert re.findall("[A-Za-z]+", words) == ["Who"]
    assert _TEXTS["zh"].keys() == _TEXTS["en"].keys()


def test_a_page_without_visits_says_so() -> None:
    page = report_page("dongpo", {}, [], TODAY, 7, "en")
    assert "No visit was counted" in page and "<svg" not in page
    rated = report_page("dongpo", {TODAY: Day(visits=1, questions=2)}, [], TODAY, 7, "en")
    assert "Nobody has touched" in rated and rated.count("<svg") == 2


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DH_HOME", str(tmp_path))
    settings.cache_clear()
    try:
        with pytest.raises(InputError, match="no visit has been counted"):
            report_command("dongpo", tmp_path / "page.html", 30)
        with pytest.raises(InputError, match="no name"):
            report_command("../dongpo", tmp_path / "page.html", 30)
        folder = curator_folder("dongpo")
        folder.mkdir(parents=True)
        day = report_module.date.today().isoformat()
        counts = dict.fromkeys(("visits", "questions", "unanswered", "misheard", "good", "bad"), 2)
        (folder / USAGE).write_text(json.dumps({"format": 1, "days": {day: counts}}))
        pages = []
        wishes: tuple[tuple[str, ReportLanguage | None], ...] = (
            ("dongpo", None), ("dongpo", "en"), ("gone", None),
        )  # fmt: skip
        for persona, lang in wishes:
            if persona == "gone":  # the counts outlive their persona
                folder.rename(folder.with_name(persona))
            report_command(persona, tmp_path / "page.html", 30, lang)
            pages.append((tmp_path / "page.html").read_text("utf-8"))
    finally:
        settings.cache_clear()
    assert (tmp_path / "page.html").stat().st_mode & 0o077 == 0  # it quotes visitors
    for page, title in zip(
        pages, ("苏东坡 · 参观统计", "Visits to Su Dongpo", "gone · 参观统计"), strict=True
    ):
        assert f"<h1>{title}</h1>" in page
