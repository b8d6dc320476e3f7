"""Reading a knowledge folder: every format, every encoding, every mistake named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from digital_human.dialogue.knowledge.entries import Entry, language_of, spoken
from digital_human.dialogue.knowledge.loaders import MAX_FILE, entries_of, read_folder
from digital_human.errors import InputError


def load(folder: Path) -> list[Entry]:
    return [entry for file in read_folder(folder) for entry in entries_of(file)]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_phrasings_languages_and_places(tmp_path: Path) -> None:
    write(
        tmp_path,
        "faq.csv",
        "question,answer,language,keywords\n"
        '塔有多高|塔的高度,"塔高七十米，很高。",,塔|雷峰塔\n'
        "\n"
        "How high is it?,Seventy metres.,en,\n",
    )
    zh, en = load(tmp_path)
    assert zh.asks == ("塔有多高", "塔的高度")
    assert (zh.text, zh.language, zh.keywords) == ("塔高七十米，很高。", "zh", ("塔", "雷峰塔"))
    assert (zh.path, en.path, en.language) == ("faq.csv:2", "faq.csv:4", "en")


def test_json_and_toml_give_the_same_entries(tmp_path: Path) -> None:
    write(tmp_path, "a.json", '[{"question": ["问一", "问二"], "answer": "答。"}]')
    write(tmp_path, "b.toml", '[[entries]]\nquestion = "问一|问二"\nanswer = "答。"\n')
    first, second = load(tmp_path)
    assert (first.asks, first.text) == (second.asks, second.text) == (("问一", "问二"), "答。")
    assert (first.path, second.path) == ("a.json:1", "b.toml:1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, "问答.csv", "question,answer\r\n苏堤有多长,二点八公里。\r\n".encode(encoding))
    assert load(tmp_path)[0].text == "二点八公里。"


def test_markdown_headings_lists_tables_and_what_is_no_knowledge(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pages/塔.md",
        "---\ntitle: x\n---\n# 雷峰塔\n\n**雷峰塔**在夕照山上，\n很好看。\n\n第二段。\n\n"
        "## 开放时间\n\n早上八点。\n\n<!-- 来源 -->\n\n> 备注\n\n```\ncode\n```\n\n"
        "## 票价\n\n- 成人四十元\n- 儿童免费\n\n| 票 | 价 |\n|---|---|\n| 成人 | 40 |\n",
    )
    entries = load(tmp_path)
    assert [entry.text for entry in entries] == [
        "雷峰塔在夕照山上，很好看。", "第二段。", "早上八点。", "成人四十元",
        "儿童免费", "票：成人；价：40",
    ]  # fmt: skip
    first, second, hours = entries[:3]
    assert first.keywords == ("雷峰塔",)
    assert (first.speakable, second.speakable, hours.speakable) == (True, False, True)
    assert hours.asks == ("开放时间", "雷峰塔开放时间", "早上八点。")
    assert hours.path == "pages/塔.md#开放时间"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "frage,antwort\n1,2\n", ["a.csv, line 1", "question and answer"]),
        ("a.csv", "question,answer\n问,答\n问二,\n", ["a.csv, line 3", "answer is empty"]),
        ("a.csv", "question,answer\n问,答,多\n", ["a.csv, line 2", "more cells"]),
        ("a.csv", 'question,answer\n问,"答\n', ["a.csv, line", "quote"]),
        ("a.csv", "question,answer,prise\n问,答,1\n", ["line 2", "unknown column 'prise'"]),
        ("a.csv", "question,answer,language\n问,答,fr\n", ["line 2", "language 'fr'"]),
        ("a.json", "[{]", ["a.json, line 1"]),
        ("a.json", '{"x": 1}', ["a.json: no entries"]),
        ("a.json", '[{"question": "问"}]', ["a.json, entry 1", "answer is empty"]),
        ("a.json", '[{"question": [1], "answer": "答"}]', ["entry 1", "question has 1"]),
        ("a.json", "[3]", ["entry 1: 3 is no table"]),
        ("a.toml", "[[entries]\n", ["a.toml", "line 1"]),
        ("a.md", b"\xff\xff\xff\x00\x00\x81", ["a.md is neither UTF-8 nor GBK"]),
    ],
)  # fmt: skip
def test_mistakes_name_file_place_and_fix(
    tmp_path: Path, name: str, content: str | bytes, words: list[str]
) -> None:
    write(tmp_path, name, content)
    with pytest.raises(InputError) as caught:
        load(tmp_path)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.fix


def test_missing_folder_and_huge_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_folder(tmp_path / "none")
    write(tmp_path, "big.md", b"x" * (MAX_FILE + 1))
    with pytest.raises(InputError, match=r"big\.md has 4\.0 MB"):
        read_folder(tmp_path)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out_of_the_folder_are_refused_and_inside_are_read(tmp_path: Path, kind: str) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    write(inside, "a.md", "# 甲\n\n甲文。\n")
    secret = write(outside, "secret.md", "# 乙\n\n乙文。\n")
    os.symlink(inside / "a.md", inside / "b.md")
    assert [entry.text for entry in load(inside)] == ["甲文。", "甲文。"]
    os.symlink(secret if kind == "file" else outside, inside / f"link{'.md' * (kind == 'file')}")
    with pytest.raises(InputError, match="leaves the knowledge folder"):
        load(inside)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, ".hidden.md", "# x\n\nx\n")
    write(tmp_path, ".git/a.md", "# x\n\nx\n")
    write(tmp_path, "photo.png", b"\x89PNG")
    assert read_folder(tmp_path) == []


def test_spoken_takes_whole_first_sentences() -> None:
    assert spoken("短句。" * 5, "zh") == "短句。" * 5
    long = "这是一个比较长的句子，用来占满可以说的长度，看看会不会在句号处停下来。" * 4
    assert spoken(long, "zh") == long[: len(long) // 2]
    english = "The pagoda is 71.7 metres high, i.e. tall. " + "It is old. " * 20
    kept = spoken(english, "en")
    assert kept.startswith("The pagoda is 71.7 metres high, i.e. tall. It is old.")
    assert len(kept.split()) <= 45 and kept.endswith("old.")
    endless = "词" * 200 + "。"
    assert spoken(endless, "zh") == endless


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("苏堤长2.8公里", "zh"),
        ("Su Causeway (苏堤) is long", "en"),
        ("西湖は広い", "ja"),
        ("12", "en"),
    ],
)
def test_language_of(text: str, language: str) -> None:
    assert language_of(text) == language
