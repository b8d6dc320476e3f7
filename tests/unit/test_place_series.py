"""Things in a row: which is the fourth from the south, which comes next, which number one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.dialogue.place import Place
from digital_human.errors import InputError
from tests.fakes.west_lake import told


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("苏堤那几座桥，打南头数起，排老四的叫什么？", "从南往北数，苏堤的第四座桥是压堤桥。"),
        ("从我们这头上苏堤往北走，数到第四座桥，那座叫什么？",
         "从南往北数，苏堤的第四座桥是压堤桥。"),
        ("苏堤第三座桥叫什么", "从南往北数，苏堤的第三座桥是望山桥。"),
        ("苏堤从北数第二座桥叫啥", "从北往南数，苏堤的第二座桥是东浦桥。"),
        ("苏堤倒数第二座桥叫什么", "从南往北数，苏堤的第五座桥是东浦桥。"),
        ("苏堤最北边那座桥叫什么名字", "从南往北数，苏堤的第六座桥是跨虹桥。"),
        ("苏堤头一座桥叫什么", "从南往北数，苏堤的第一座桥是映波桥。"),
        ("压堤桥排第几", "从南往北数，苏堤的第四座桥是压堤桥。"),
        ("我在苏堤上从南往北走，刚过了压堤桥，下一座叫什么？", "从南往北走，过了压堤桥是东浦桥。"),
        ("从跨虹桥往南走下一座是啥桥", "从北往南走，过了跨虹桥是东浦桥。"),
        ("压堤桥前一座是哪座", "从北往南走，过了压堤桥是望山桥。"),
        ("What is the fourth bridge on the Su Causeway called?",
         "Counted from south to north, the fourth bridge of the Su Causeway is Yadi Bridge."),
        ("What's the second bridge from the northern end of the Su Causeway called?",
         "Counted from north to south, the second bridge of the Su Causeway is Dongpu Bridge."),
        ("Walking north on the causeway I just crossed Wangshan. What's the next bridge called?",
         "Going from south to north, Yadi Bridge comes after Wangshan Bridge."),
        ("Which number is Dongpu Bridge?",
         "Counted from south to north, the fifth bridge of the Su Causeway is Dongpu Bridge."),
    ],
)  # fmt: skip
def test_what_stands_in_a_row_is_counted_from_the_end_that_is_named(
    place: Place, asked: str, said: str
) -> None:
    assert told(place, asked) == said


@pytest.mark.parametrize(
    "asked",
    [
        "苏堤第四座桥多长",
        "苏堤第四座桥是谁修的",
        "苏堤第四座桥边上的亭子叫什么",
        "跨虹桥下一座是什么桥",
        "苏堤第七座桥叫什么",
        "苏堤六座桥都叫什么",
        "西湖第三座岛叫什么",
        "苏堤第一次修是哪年",
        "Who built the third bridge of the Su Causeway?",
        "What is the first thing to see on the Su Causeway?",
        "How long is the third bridge on the Su Causeway?",
    ],
)
def test_what_else_is_asked_of_a_row_is_not_counted(place: Place, asked: str) -> None:
    answer = told(place, asked) or ""
    assert "座桥是" not in answer and "bridge of" not in answer


def test_a_row_names_its_members_in_every_language(tmp_path: Path) -> None:
    (tmp_path / "place.toml").write_text('format = 1\nnames = { zh = "馆" }\n', "utf-8")
    (tmp_path / "spots.toml").write_text(
        '[[spots]]\nid = "hall"\nnames = { zh = "主楼" }\n', "utf-8"
    )
    row = (
        '[[series]]\nof = "{of}"\nnames = {{ zh = "个展厅", en = "room" }}\n'
        'from = {{ zh = "东", en = "east" }}\nto = {{ zh = "西", en = "west" }}\n'
        'members = [{{ zh = "序厅", en = "Prelude" }}, {{ zh = "书画厅"{more} }}]\n'
    )
    (tmp_path / "series.toml").write_text(row.format(of="hall", more=""), "utf-8")
    with pytest.raises(InputError, match=r"series\.toml.*entry 1.*'en'"):
        Place.open(tmp_path)
    (tmp_path / "series.toml").write_text(row.format(of="no", more=', en = "Ink"'), "utf-8")
    with pytest.raises(InputError, match=r"series\.toml, entry 1: of: 'no' is no spot"):
        Place.open(tmp_path)
    (tmp_path / "series.toml").write_text(row.format(of="hall", more=', en = "Ink"'), "utf-8")
    place = Place.open(tmp_path)
    assert told(place, "主楼第二个展厅叫什么") == "从东往西数，主楼的第二个展厅是书画厅。"


def test_a_row_may_be_known_in_chinese_only_and_be_called_anything(tmp_path: Path) -> None:
    (tmp_path / "place.toml").write_text('format = 1\nnames = { zh = "馆" }\n', "utf-8")
    (tmp_path / "spots.toml").write_text(
        '[[spots]]\nid = "hall"\nnames = { zh = "主楼", en = "Main Building" }\n', "utf-8"
    )
    row = (
        '[[series]]\nof = "hall"\nnames = {{ zh = "{kind}" }}\n'
        'from = {{ zh = "东(左" }}\nto = {{ zh = "西+" }}\n'
        'members = [{{ zh = "序厅", en = "Prelude Room" }}, {{ zh = "书画厅" }}]\n'
    )
    (tmp_path / "series.toml").write_text(row.format(kind="个展厅(新)"), "utf-8")
    place = Place.open(tmp_path)
    assert told(place, "主楼第二个展厅(新)叫什么").endswith("书画厅。")
    assert told(place, "What is the second room of the main building called?") == ""
    (tmp_path / "series.toml").write_text(row.format(kind="桥"), "utf-8")
    with pytest.raises(InputError, match="needs its measure word"):
        Place.open(tmp_path)
