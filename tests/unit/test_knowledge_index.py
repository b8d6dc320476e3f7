"""The knowledge index on disk, and search with a small embedder that needs no weights."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from digital_human.config import settings
from digital_human.dialogue.knowledge import Knowledge
from digital_human.dialogue.knowledge.embedder import Vectors
from digital_human.dialogue.knowledge.words import analyse, core, fold
from digital_human.errors import InputError


class CharacterEmbedder:
    """Counts characters and their pairs; alike texts are alike, other languages are not."""

    name = "characters"
    width = 256

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.embedded += texts
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in enumerate(texts):
            for gram in (*text, *map("".join, zip(text, text[1:], strict=False))):
                out[row, zlib.crc32(gram.encode()) % self.width] += 1
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


FAQ = """question,answer,language,keywords
苏堤有多长|苏堤全长多少,苏堤长二点八公里。,zh,苏堤
白堤有多长|白堤全长多少,白堤长一公里。,zh,白堤
雷峰塔几点关门|雷峰塔的开放时间,雷峰塔晚上八点关门。,zh,雷峰塔
雷峰塔门票多少钱|雷峰塔票价,雷峰塔成人票四十元。,zh,雷峰塔
How long is the Su Causeway?,It is 2.8 kilometres long.,en,Su Causeway
"""
PAGE = "# 断桥\n\n断桥在白堤的东头。\n\n## 传说\n\n白娘子在这里遇见许仙。\n"


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A knowledge folder with a table and a page."""
    folder = tmp_path / "knowledge"
    folder.mkdir()
    (folder / "faq.csv").write_text(FAQ, encoding="utf-8")
    (folder / "page.md").write_text(PAGE, encoding="utf-8")
    return folder


def index_files() -> list[Path]:
    return sorted((settings().cache_dir / "knowledge").rglob("*.npz"))


def test_only_changed_files_are_embedded_again(folder: Path) -> None:
    first = CharacterEmbedder()
    Knowledge.open(folder, embedder=first)
    assert len(index_files()) == 2 and first.embedded

    again = CharacterEmbedder()
    knowledge = Knowledge.open(folder, embedder=again)
    assert again.embedded == [] and len(knowledge) == 7

    (folder / "page.md").write_text(PAGE.replace("东头", "东边"), encoding="utf-8")
    assert knowledge.refresh() is True
    assert all("苏堤" not in text for text in again.embedded) and again.embedded
    assert knowledge.refresh() is False
    assert len(index_files()) == 2  # what belonged to the old page is gone
    assert "东边" in knowledge.search("断桥在哪里", "zh").hits[0].text


def test_a_wrong_file_keeps_what_was_known(folder: Path) -> None:
    knowledge = Knowledge.open(folder, embedder=CharacterEmbedder())
    (folder / "faq.csv").write_text("question,answer\n问,\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"faq\.csv, line 2"):
        knowledge.refresh()
    assert knowledge.search("苏堤有多长", "zh").sure is not None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_index_is_rebuilt(folder: Path, damage: bytes | None) -> None:
    before = Knowledge.open(folder, embedder=CharacterEmbedder()).search("苏堤有多长", "zh")
    for path in index_files():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] if damage is None else damage)
    embedder = CharacterEmbedder()
    assert Knowledge.open(folder, embedder=embedder).search("苏堤有多长", "zh") == before
    assert len(embedder.embedded) > 7
    assert not list((settings().cache_dir / "knowledge").rglob("*.tmp"))


def test_flipped_bits_in_the_index_are_noticed(folder: Path) -> None:
    before = Knowledge.open(folder, embedder=CharacterEmbedder()).search("苏堤有多长", "zh")
    for path in index_files():
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
        path.write_bytes(bytes(data))
    embedder = CharacterEmbedder()
    assert Knowledge.open(folder, embedder=embedder).search("苏堤有多长", "zh") == before


def test_an_index_of_another_embedder_is_not_used(folder: Path) -> None:
    Knowledge.open(folder, embedder=CharacterEmbedder())
    other = CharacterEmbedder()
    other.name = "others"
    Knowledge.open(folder, embedder=other)
    assert other.embedded


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("苏堤有多长", "苏堤长二点八公里。"),
        ("请问一下，苏堤有多长呀？谢谢", "苏堤长二点八公里。"),
        ("雷锋塔几点关门", "雷峰塔晚上八点关门。"),
        ("苏迪有多长", "苏堤长二点八公里。"),
    ],
)
def test_sure_answers(folder: Path, question: str, answer: str) -> None:
    sure = Knowledge.open(folder, embedder=CharacterEmbedder()).search(question, "zh").sure
    assert sure is not None and sure.text == answer
    assert sure.source.path.startswith("faq.csv:")


@pytest.mark.parametrize(
    "question",
    [
        "雷峰塔的设计师叫什么",
        "苏堤有多宽",
        "太湖有多长",
        "保俶塔门票多少钱",
        "今天天气怎么样",
        "",
        "？！",
        "门票多少钱",
    ],
)
def test_what_is_not_known_is_never_sure(folder: Path, question: str) -> None:
    assert Knowledge.open(folder, embedder=CharacterEmbedder()).search(question, "zh").sure is None


def test_no_sure_answer_in_another_language(folder: Path) -> None:
    knowledge = Knowledge.open(folder, embedder=CharacterEmbedder())
    assert knowledge.search("雷峰塔几点关门", "en").sure is None
    assert knowledge.search("How long is the Su Causeway?", "en").sure is not None


def test_hits_are_ordered_and_scored(folder: Path) -> None:
    findings = Knowledge.open(folder, embedder=CharacterEmbedder()).search(
        "白堤全长多少", "zh", k=3
    )
    scores = [hit.score for hit in findings.hits]
    assert len(scores) == 3 and scores == sorted(scores, reverse=True)
    assert findings.confidence == scores[0] and 0 <= scores[-1] <= scores[0] <= 1
    assert findings.hits[0].text == "白堤长一公里。"


def test_hot_words_are_names_and_answers_can_be_spoken(folder: Path) -> None:
    knowledge = Knowledge.open(folder, embedder=CharacterEmbedder())
    assert {"苏堤", "白堤", "雷峰塔", "Su Causeway"} <= set(knowledge.hot_words)
    assert not {"门票", "传说", "关门"} & set(knowledge.hot_words)
    answers = list(knowledge.answers())
    assert ("苏堤长二点八公里。", "zh") in answers and (
        "It is 2.8 kilometres long.",
        "en",
    ) in answers


def test_an_empty_folder_knows_nothing(home: Path, tmp_path: Path) -> None:
    knowledge = Knowledge.open(tmp_path, embedder=CharacterEmbedder())
    assert len(knowledge) == 0 and knowledge.hot_words == ()
    findings = knowledge.search("苏堤有多长", "zh")
    assert (findings.hits, findings.sure, findings.confidence) == ((), None, 0.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [("zhang", "zan"), ("cheng", "cen"), ("shi", "si"), ("ning", "lin"), ("ri", "li"),
     ("feng", "heng"), ("hua", "fa"), ("liang", "lian")],
)  # fmt: skip
def test_near_homophones_fold_together(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("ta", "da"), ("su", "si"), ("dong", "dun"), ("an", "en")]
)
def test_other_syllables_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    ("heard", "asked"),
    [
        ("等一下，我想问一下门票多少钱。", "门票多少钱"),
        ("Excuse me, could you tell me how long it is, please?", "how long it is"),
        ("你好", "你好"),
        ("嗯，那个，断桥在哪里呢？", "断桥在哪里"),
    ],
)
def test_core_of_a_question(heard: str, asked: str) -> None:
    assert core(heard) == asked


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("门票多少钱", {"price"}),
        ("How long is it?", {"length"}),
        ("How long does it take?", {"duration"}),
        ("苏堤有多宽", {"width"}),
        ("苏堤", set()),
    ],
)
def test_kinds_of_questions(text: str, kinds: set[str]) -> None:
    assert analyse(text).kinds == kinds
