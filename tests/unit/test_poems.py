"""Poems are recited word for word or not at all."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.mind import Mind
from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.types import Line, Sources
from digital_human.errors import InputError
from digital_human.safety.folding import simplified
from digital_human.safety.moderation import Moderator
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.phonemes import read

PERSONA = load_persona("dongpo")
OLD = str.maketrans("於馀著乾锺麽", "于余着干钟么")
HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")


@pytest.fixture(scope="module")
def poems() -> Poems:
    assert PERSONA.poems_file is not None
    return Poems.load(PERSONA.poems_file)


def plain(text: str) -> str:
    """Only the characters, simplified."""
    return "".join(HAN.findall(simplified(text).translate(OLD)))


def test_every_character_is_the_edition_s_or_a_named_variant(data_dir: Path, poems: Poems) -> None:
    edition = json.loads((data_dir / "text/sushi_all.json").read_text("utf-8"))
    known = {plain("".join(entry["paragraphs"])) for entry in edition}
    assert len(poems.poems) >= 60
    for poem in poems.poems:
        text = poem.text
        for ours, theirs in poem.variants.items():
            assert ours in text, poem.title
            text = text.replace(ours, theirs)
        assert plain(text) in known, poem.title


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("背一首题西林壁", "题西林壁"),
        ("景带一首水调歌头", "水调歌头·明月几时有"),  # as it was heard
        ("请朗诵《饮湖上初晴后雨》", "饮湖上初晴后雨"),
        ("请背诵引湖上初晴后语", "饮湖上初晴后雨"),
        ("念一下赤壁怀古", "念奴娇·赤壁怀古"),
        ("竹外桃花三两枝", "惠崇春江晚景·其一"),
        ("来一首关于梅花的词", "西江月·梅花"),
        ("背一首苏东坡的诗", "饮湖上初晴后雨"),
        ("Can you recite a poem?", "饮湖上初晴后雨"),
    ],
)
def test_a_poem_is_found_and_recited_whole(poems: Poems, asked: str, title: str) -> None:
    recital = poems.answer(asked, "en" if asked.isascii() else "zh")
    assert recital is not None and recital.poem.title == title
    verses = [line for line in recital.said if line.language == "zh"]
    assert "".join(line.text for line in verses) == f"《{title}》。{recital.poem.text}"
    assert all(line.delivery.speed < 1 for line in verses)


@pytest.mark.parametrize(
    "asked",
    [
        "苏堤是谁修的", "雷峰塔门票多少钱", "我想去望湖楼，怎么走", "背一首李白的静夜思",
        "背一首李白的诗", "When did you write your first poem?", "Do you like poems?",
        "What is the difference between a poem and a song?", "这个词怎么读？", "你读过李白的诗吗？",
        "背景里的字是谁的词？", "苏东坡什么时候来的杭州", "东坡肉是怎么来的",
        "西湖的海棠什么时候开",
    ],
)  # fmt: skip
def test_other_questions_are_left_alone(poems: Poems, asked: str) -> None:
    assert poems.answer(asked, "en" if asked.isascii() else "zh") is None


def test_the_next_line_and_the_one_before(poems: Poems) -> None:
    def said(asked: str) -> str:
        recital = poems.answer(asked, "zh")
        assert recital is not None
        return "".join(line.text for line in recital.said)

    assert said("春江水暖鸭先知的下一句是什么") == "蒌蒿满地芦芽短。"
    assert said("只缘身在此山中的上一句") == "不识庐山真面目。"
    assert "最后一句" in said("只缘身在此山中的下一句")
    assert said("“春江水暖鸭先知”前面那句是什么来着") == "竹外桃花三两枝。"
    assert said("一蓑烟雨任平生上头那句是什么") == "谁怕。"
    assert said("“人生如逆旅”，后面接哪一句") == "我亦是行人。"
    assert said("“竹外桃花三两枝”下半句是什么") == "春江水暖鸭先知。"
    assert said("What comes before 只缘身在此山中?") == "不识庐山真面目。"
    assert said("欲把西湖比西子是哪首诗").startswith("这是苏轼的《饮湖上初晴后雨》")


def test_what_was_recited_is_this_poem_and_is_not_chosen_again(poems: Poems) -> None:
    first = poems.answer("背一首诗", "zh")
    assert first is not None
    again = poems.answer("再来一首诗", "zh", [first.source])
    assert again is not None and again.poem != first.poem
    origin = poems.answer("这首诗是什么时候写的", "zh", [first.source])
    assert origin is not None and "1073年" in origin.said[0].text
    assert poems.answer("这首诗是什么时候写的", "zh") is None


def test_a_question_takes_little_time(poems: Poems) -> None:
    poems.answer("热身", "zh")
    before = time.process_time()
    for _ in range(20):
        poems.answer("请问从这里到雷峰塔应该怎么走，大概需要多长时间", "zh")
    assert time.process_time() - before < 0.4


def test_readings_are_heard(poems: Poems) -> None:
    lexicon = Lexicon.from_mapping(poems.readings(), where="poems")
    for poem in poems.poems:
        for word in poem.readings:
            assert word in f"{poem.title}{poem.text}", (poem.title, word)
    plain = read("一尊还酹江月。", "zh").pieces
    taught = read("一尊还酹江月。", "zh", lexicon).pieces
    assert [p.phonemes for p in plain] != [p.phonemes for p in taught]


def test_nothing_of_it_is_held_back(poems: Poems) -> None:
    moderator = Moderator.default()
    held = [p.title for p in poems.poems if moderator.check(p.text).blocked]
    assert held == []


async def test_the_mind_recites_without_a_language_model(poems: Poems) -> None:
    mind = Mind(
        PERSONA, llm=None, llm_thread=None, knowledge=None, moderator=Moderator.default(),
        poems=poems,
    )  # fmt: skip
    try:
        thoughts = [t async for t in mind.think("背一首惠崇春江晚景", "zh", History())]
        assert isinstance(thoughts[0], Sources)
        lines = [thought for thought in thoughts[1:] if isinstance(thought, Line)]
        assert lines[-1].text == "蒌蒿满地芦芽短，正是河豚欲上时。" and lines[-1].delivery.speed < 1
        history = History()
        history.add(Exchange(1, "背诗", lines[-1].text, "zh", sources=thoughts[0].items))
        origin = [t async for t in mind.think("它是哪一年写的？", "zh", history)]
        assert any(isinstance(t, Line) and "1085年" in t.text for t in origin)
        plain = [t async for t in mind.think("今天会下雨吗？", "zh", History())]
        assert [t.origin for t in plain if isinstance(t, Line)] == ["decline"]
    finally:
        mind.close()


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "poems.toml"
    path.write_text('poet = ["x"]\n[[poems]]\ntitle = "t"\nwhen = "1"\nlines = []\n', "utf-8")
    with pytest.raises(InputError, match=r"poems\.0\.lines"):
        Poems.load(path)
    with pytest.raises(InputError, match=r"absent\.toml"):
        Poems.load(tmp_path / "absent.toml")
