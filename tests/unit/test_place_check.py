"""What a curator is told of a place, in one language at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from html import unescape
from pathlib import Path
from string import Formatter
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from digital_human.config import settings
from digital_human.dialogue import place_commands
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.place import Place
from digital_human.dialogue.place.check import (
    Finding,
    Unanswered,
    findings_of,
    grouped,
    read_unanswered,
)
from digital_human.dialogue.place.check_texts import TEXTS, PageLanguage, Say, page_language
from digital_human.dialogue.place.page import page

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
TODAY = NOON.date()
PAGES: tuple[PageLanguage, ...] = get_args(PageLanguage)
# Letters and marks that only the other language has.
FOREIGN = {"zh": re.compile("[A-Za-z]+"), "en": re.compile("[\u3000-\u9fff\uff00-\uffef]+")}
ANSWERS = ("大厅门票五十元。", "大厅晚上七点关门。")
QUESTIONS = (
    ("猫在哪里", "zh", "2026-11-20"),
    ("猫在哪里呀", "zh", "2026-11-21"),
    ("Where is the <b>cat</b>?", "en", "2026-11-21"),
    ("大厅怎么去小岛的厕所", "ja", "2026-11-21"),
    ("厕所在哪里", "zh", "2026-11-22"),
)
FILES = {
    "place.toml": 'format = 1\nmap = "map.svg"\n[names]\nzh = "小馆"\nen = "Small Museum"\n',
    "spots.csv": "id,names.zh,names.en,others,code,picture,where.zh,text.zh\n"
    "hall,大厅,Great Hall,前厅,A-1,,大厅在正门里面,大厅很大。\n"
    "attic,阁楼,Attic,前厅,A-1,,,\n"
    "islet,小岛,,,,lost.png,,\n",
    "facilities.csv": "id,kind,at,where.zh\nwc,toilet,hall,厕所在大厅后面\n",
    "hours.csv": "of,opens,closes\nhall,8:00,18:00\nhall,9:00,16:00\n",
    "tickets.csv": "of,price\nhall,5\nhall,6\n",
    "walks.csv": "from,to,minutes,metres\nhall,attic,4,200\n",
    "closures.csv": "of,from,to,reason.zh\nattic,2026-01-01,2026-01-02,盘点\n",
    "holidays.csv": "names.zh,from,to\n元旦,2026-01-01,2026-01-03\n",
    "pictures/spare.png": "",
    "pictures/map.svg": "<svg/>",
    "../knowledge/qa.csv": "question,answer\n大厅门票多少钱,大厅门票五十元。\n"
    "大厅几点关门,大厅晚上七点关门。\n",
}
OWN = (
    *("guide", "Small Museum", "小馆", "Great Hall", "大厅", "Attic", "阁楼", "小岛", "前厅"),
    *("hall", "attic", "islet", "wc", "lost.png", "spare.png", "pictures/", "qa.csv"),
    *("walks", "holidays", "大厅很大。", *ANSWERS, *(row[0] for row in QUESTIONS)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A museum in which everything is wrong."""
    folder = tmp_path / "guide" / "place"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Home with questions that dongpo and the museum could not answer."""
    monkeypatch.setenv("DH_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    for name in ("dongpo", "place"):
        log = tmp_path / "home" / "kiosk" / name / "unanswered.jsonl"
        log.parent.mkdir(parents=True)
        rows = (dict(zip(("question", "language", "day"), row, strict=True)) for row in QUESTIONS)
        log.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    yield tmp_path / "home"
    settings.cache_clear()


def found(folder: Path, language: PageLanguage = "en") -> list[Finding]:
    return findings_of(
        Place.open(folder), ("zh", "en"), folder.parent / "knowledge", TODAY, language
    )


def foreign(text: str, language: PageLanguage, own: Sequence[str] = ()) -> list[str]:
    """Words of the other language, but for what the curator and the visitors wrote."""
    for words in sorted((*OWN, *own), key=len, reverse=True):
        text = text.replace(words, "")
    return FOREIGN[language].findall(text)


def shown(html: str) -> str:
    """What is to be read on a page."""
    html = re.sub("<style>.*?</style>", "", html, flags=re.DOTALL)
    return unescape(re.sub("<[^>]*>", " ", html))


def check(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(place_commands.app, ["check", *arguments])
    assert result.exit_code == code, result.output
    return result.output


# One language -------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", PAGES)
def test_a_page_is_in_one_language(folder: Path, home: Path, language: PageLanguage) -> None:
    place, findings = Place.open(folder), found(folder, language)
    questions = grouped(
        read_unanswered(home / "kiosk" / "dongpo" / "unanswered.jsonl"), place, NOON
    )
    now = [one.now for one in questions if one.now]
    assert now == ["厕所在大厅后面。"]
    html = page("guide", place, ("zh", "en", "ja"), findings, questions, TODAY, language)
    text, say = shown(html), Say(language)
    assert foreign(text, language, now) == []
    assert f'<html lang="{say("html")}">' in html
    heads = re.findall("<h2[^>]*>([^<]*)<", html)
    levels = [f"{say(f'{level}s')} · " for level in ("error", "gap", "hint")]
    assert [re.sub(r"\d+$", "", head) for head in heads] == [
        say("asked"), *levels, say("spots"), say("map"),
    ]  # fmt: skip
    for one in findings:
        assert one.text in text and one.of in text and say(f"kind.{one.kind}") in text
    assert "<h3>大厅</h3>" in html if language == "zh" else "<h3>Great Hall</h3>" in html
    assert "<h3>小岛</h3>" in html  # it has no other name
    assert "<b>cat" not in html


@pytest.mark.parametrize("language", PAGES)
def test_an_empty_page_is_in_one_language(folder: Path, language: PageLanguage) -> None:
    html = page("guide", Place.open(folder), ("zh",), [], [], date(2026, 5, 4), language)
    assert foreign(shown(html), language) == []
    assert html.count(Say(language)("none")) == 4
    assert {"zh": "2026年5月4日", "en": "04 May 2026"}[language] in html


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("language", PAGES)
def test_the_terminal_is_in_one_language(
    folder: Path, tmp_path: Path, language: PageLanguage
) -> None:
    out = tmp_path / "page.html"
    told = check(str(folder), "--lang", language, "--out", str(out), code=1)
    assert foreign(told.replace(str(out), ""), language) == []
    assert "…" not in told  # nothing is cut
    assert Say(language)("counts", spots=3, errors=6, gaps=17, questions=5) in told
    assert f'<html lang="{Say(language)("html")}">' in out.read_text("utf-8")


def test_every_text_of_a_finding_is_told_in_both_languages(folder: Path) -> None:
    zh, en = found(folder, "zh"), found(folder)
    (folder / "walks.csv").unlink()
    zh, en = [*zh, *found(folder, "zh")], [*en, *found(folder)]
    assert [(a.level, a.kind, a.of) for a in zh] == [(b.level, b.kind, b.of) for b in en]
    for language, findings in zip(PAGES, (zh, en), strict=True):
        for key, text in TEXTS[language].items():
            if "." not in key or key.startswith("kind.") or key == "text.in":
                continue
            parts = (re.escape(part) for part in re.split(r"{[^}]*}", text))
            wanted = re.compile("(.+)".join(parts))
            assert any(wanted.fullmatch(one.text) for one in findings), key


def test_both_languages_have_the_same_texts() -> None:
    fields = {
        language: {
            key: {field for _, field, _, _ in Formatter().parse(text) if field is not None}
            for key, text in texts.items()
        }
        for language, texts in TEXTS.items()
    }
    assert {**fields["zh"], "date": set()} == {**fields["en"], "date": set()}
    for language, texts in TEXTS.items():
        bare = {key: re.sub("{[^}]*}", "", text) for key, text in texts.items() if key != "html"}
        assert [key for key, text in bare.items() if FOREIGN[language].search(text)] == []


@pytest.mark.parametrize(
    ("languages", "first"),
    [(("zh", "en"), "zh"), (("en", "zh"), "en"), (("ja", "en"), "en"), (("ja",), "zh")],
)
def test_the_page_is_in_the_first_language_it_can_have(
    languages: Sequence[PageLanguage], first: PageLanguage
) -> None:
    assert page_language(languages) == first


@pytest.mark.usefixtures("home")
def test_without_lang_the_curator_s_first_language_is_taken(folder: Path) -> None:
    assert "景点 3 个" in check(str(folder), code=1)
    head = 'format = 1\n[names]\nen = "Small Museum"\nzh = "小馆"\n'
    (folder / "place.toml").write_text(head, "utf-8")
    assert "spots: 3" in check(str(folder), code=1)
    assert "景点 20 个" in check("dongpo")


# What is found ------------------------------------------------------------------------------------


def test_the_sample_has_no_errors(home: Path) -> None:
    log = home / "kiosk" / "dongpo" / "unanswered.jsonl"
    rows = [
        ("哪里可以停车", "2026-11-20"),
        ("停车场在哪里", "2026-11-21"),
        ("<b>猫</b>呢", "2026-11-21"),
    ]
    lines = (json.dumps({"question": q, "language": "zh", "day": d}) for q, d in rows)
    log.write_text("\n".join(lines), "utf-8")
    out = home / "page.html"
    check("dongpo", "--out", str(out))
    text = out.read_text("utf-8")
    assert '<td class="n">2</td>' in text and "&lt;b&gt;" in text and "<b>猫" not in text


def test_gaps_and_contradictions_are_found(folder: Path) -> None:
    told = " ".join(check(str(folder), "--lang", "en", code=1).split())
    for words in ("two prices: 5 and 6", "no walk leads to islet", "no picture"):
        assert words in told, words


def test_an_answer_that_tells_another_price_is_found(tmp_path: Path) -> None:
    folder = load_persona("dongpo").place_folder
    assert folder is not None
    (tmp_path / "qa.csv").write_text(
        "question,answer\n雷峰塔门票多少钱,雷峰塔门票五十元。\n"
        "雷峰塔几点关门,雷峰塔晚上九点关门。\n"
        "岳王庙门票多少钱,岳王庙门票二十五元。\n",
        "utf-8",
    )
    findings = findings_of(Place.open(folder), ("zh", "en"), tmp_path, TODAY)
    wrong = [(one.kind, one.of) for one in findings if one.level == "error"]
    assert sorted(wrong) == [("hours", "leifeng"), ("tickets", "leifeng")]


def test_only_what_is_still_unanswered_is_counted(folder: Path) -> None:
    asked = [Unanswered("甲", (), "zh", 4, "2026-11-20", ""),
             Unanswered("乙", (), "zh", 3, "2026-11-20", "答")]  # fmt: skip
    html = page("guide", Place.open(folder), ("zh",), [], asked, TODAY, "zh")
    assert '<b class="gap">4</b><span>仍答不上的提问</span>' in html
