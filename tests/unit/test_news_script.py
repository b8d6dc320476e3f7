"""Reading and checking scripts: every error names file, line and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from digital_human.apps.news.load import load_script
from digital_human.apps.news.script import SIZES, schema_text
from digital_human.errors import InputError

ROOT = Path(__file__).resolve().parents[2]

GOOD = """\
version: 1
title: 测试
anchors:
  yun: {avatar: yun, voice: xiaoyi, name: 云舒}
segments:
  - layout: full
    anchor: yun
    say: 你好。
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_short_script_loads_and_say_becomes_a_turn(tmp_path: Path) -> None:
    script = load_script(write(tmp_path, GOOD)).script
    assert script.languages == ["zh"]
    assert [(turn.anchor, turn.say) for turn in script.segments[0].turns] == [("yun", "你好。")]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        ("title: 测试", "title: 测试\naccent: blue", 3, "accent", "#RRGGBB"),
        ("title: 测试", "title: 测试\nsize: 4k", 3, "size", "720p"),
        ("title: 测试", "title: 测试\nlanguages: [fr]", 3, "languages", "zh"),
        ("    say: 你好。", "    sey: 你好。", 8, "segments.0.sey", "did you mean `say`"),
        ("layout: full", "layout: beside", 6, "segments.0", "pictures"),
        ("anchor: yun", "anchor: chen", 7, "segments.0.anchor", "'chen' is not in `anchors`"),
        ("version: 1\n", "", 1, "version", "is required"),
        ("name: 云舒}", "name: 云舒, speed: 9}", 4, "anchors.yun.speed", "1.6"),
    ],
)
def test_errors_name_line_field_and_what_is_right(
    tmp_path: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_script(path)
    assert f"{path}:{line}: {field}" in caught.value.message
    assert words in caught.value.message
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: [1, 2\n  x", "not valid YAML"),
        ("- just\n- a list\n", "holds no script"),
        ("", "holds no script"),
    ],
)
def test_what_is_no_script_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_script(write(tmp_path, text))


def test_a_missing_file_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_script(tmp_path / "none.yaml")
    assert "news new" in caught.value.fix


def test_all_errors_are_listed_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("title: 测试", "title: 测试\naccent: red\nclock: 25:99")
    with pytest.raises(InputError) as caught:
        load_script(write(tmp_path, text))
    assert "accent" in caught.value.message
    assert "clock" in caught.value.message


def test_the_sample_is_valid_in_every_language_it_offers() -> None:
    script = load_script(ROOT / "assets" / "news" / "sample.yaml").script
    assert script.size in SIZES
    for segment in script.segments:
        for turn in segment.turns:
            assert isinstance(turn.say, dict)
            assert set(turn.say) == {"zh", "en"}


def test_the_published_schema_is_the_models() -> None:
    published = (ROOT / "docs" / "news.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "run: digital-human news schema > docs/news.schema.json"
    assert json.loads(published)["properties"]["segments"]["maxItems"] == 500
