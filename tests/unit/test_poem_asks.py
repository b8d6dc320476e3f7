"""A poem is recited where it is asked for, and not where something else of it is."""

from __future__ import annotations

import re
import time

import pytest

from digital_human.dialogue.persona import load_persona
from digital_human.dialogue.poems import Poems
from digital_human.dialogue.types import Source

PERSONA = load_persona("dongpo")


@pytest.fixture(scope="module")
def poems() -> Poems:
    assert PERSONA.poems_file is not None
    return Poems.load(PERSONA.poems_file)


def said(poems: Poems, asked: str, earlier: tuple[Source, ...] = ()) -> str:
    """All that is said to ``asked``; empty for nothing."""
    recital = poems.answer(asked, "en" if re.match("[A-Z]", asked) else "zh", earlier)
    return "" if recital is None else "".join(line.text for line in recital.said)


@pytest.mark.parametrize(
    "asked",
    [
        # another's name is asked, and not the poem's
        "你悼念亡妻的那首词，妻子叫什么名字？", "诗里的望湖楼现在叫什么？",
        "这首诗里的西子叫什么名字？", "《题西林壁》写的那座山叫什么？",
        "大江东去说的周郎叫什么？", "你和苏辙怀旧的那首诗，那个和尚叫什么？",
        "What is the mountain in your poem about the true face called?",
        "What is the name of your wife in the poem about the dream?",
        "What is the monk in your poem called?", "水调歌头里的婵娟指的是谁？",
        # something of the poem
        "Tell me the rhyme scheme of the poem Drinking on the Lake",
        "Tell me the theme of the poem Drinking on the Lake",
        "Tell me the last word of the poem Drinking on the Lake",
        "Tell me the mood of your poem about the moon", "Tell me your poem's theme",
        "Give me the background of the poem Drinking on the Lake",
        "Give me the translation of the poem on Mount Lu",
        "Recite the theme of the poem about the moon",
        "Tell me the reason you wrote the moon poem",
        "Tell me the story behind the Red Cliff poem", "Tell me how you wrote the moon poem",
        "把水调歌头的翻译念给我听", "把水调歌头的意思讲给我听听",
        # another poet's, or in another language
        "Recite the poem about a jug of wine among the flowers",
        "Recite something from Shakespeare", "Recite something by Keats",
        "Recite a poem by Robert Frost", "Recite a poem by your brother",
        "Recite something in English", "用英语背一首诗", "念一首别的诗人的诗",
        "念一首苏辙的诗", "念一首欧阳修的词", "念一首你弟弟写的诗",
        # whose hand it is
        "“望湖楼”三个字是谁写的？", "石头上“赤壁”两个字是谁写的？",
        "墙上那四个字“山色空蒙”谁写的？", "Who wrote the characters 水光潋滟 on this stone?",
        # to write it down for somebody
        "你能把《水调歌头》抄写给我吗？", "把水调歌头写给我好吗？", "《水调歌头》写给我老婆行吗？",
        # what a line is about
        "水调歌头第二句为什么这么写？", "题西林壁第二句里的岭是哪座山？",
        "饮湖上初晴后雨前半首是写晴天吗？", "题西林壁的最后一句为什么有名？",
        "水调歌头第一句最后一个字是什么？", "题西林壁第三句里的真面目是什么？",
        "Why is the first line of Written on the Wall of Xilin Temple so famous?",
        "Is the first half of Drinking on the Lake about sunshine?", "水调歌头上下片怎么分？",
    ],
)  # fmt: skip
def test_what_no_record_tells_is_left_alone(poems: Poems, asked: str) -> None:
    assert said(poems, asked) == ""


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("您写过一首关于鸭子的诗，叫什么来着？", "《惠崇春江晚景·其一》"),
        ("半夜回家敲门没人应那首，叫什么？", "《临江仙·夜归临皋》"),
        ("What's the poem about lychees called?", "《惠州一绝》"),
        ("What's the name of the Red Cliff poem?", "《念奴娇·赤壁怀古》"),
        ("Tell me the date of the poem Drinking on the Lake", "in 1073"),
        ("Can you tell me the poem about the moon?", "明月几时有"),
        ("Perform your famous Mid-Autumn moon poem", "明月几时有"),
        ("Recite all of the Red Cliff poem", "大江东去"),
        ("Recite the poem about the sound of the zither", "若言琴上有琴声"),
        ("Give me one of your poems", "水光潋滟"), ("Recite a poem by heart", "水光潋滟"),
        ("Recite a poem my baby will like", "水光潋滟"),
        ("Recite a poem for my brother", "水光潋滟"),
        ("Recite the poem you wrote for your newborn", "人皆养子望聪明"),
        ("念一首给弟弟的诗", "人生到处知何似"),
        ("有‘雪泥’两个字的诗是谁写的？", "这是苏轼的《和子由渑池怀旧》"),
        ("水调歌头是不是写给弟弟的？", "怀念弟弟子由的"),
        ("课本里那首题西林壁给我们背一下", "横看成岭侧成峰"),
        ("您问过“与谁同坐”，那您自己怎么答的？", "明月清风我。"),
        ("你知道题西林壁第二句是什么吗？", "远近高低各不同。"),
        ("题西林壁第二句是远近高低各不同吗？", "远近高低各不同。"),
        ("题西林壁第二句怎么读", "远近高低各不同。"),
        ("水调歌头下阕第二句是什么", "低绮户。"), ("蝶恋花下阕第一句", "墙里秋千墙外道。"),
        ("念奴娇上片最后一句", "江山如画，一时多少豪杰。"),
        ("背一下琴诗的后半首", "若言声在指头上，何不于君指上听。"),
        ("题西林壁第二句怎么写", "远近高低各不同。"),
        ("你能写一下题西林壁第二句吗？", "远近高低各不同。"),
        ("题西林壁这首里的第二句是什么", "远近高低各不同。"),
        ("Please recite 题西林壁 in front of the class", "横看成岭侧成峰"),
        ("Recite 题西林壁 for the three of us", "横看成岭侧成峰"),
        (
            "刚贬到黄州那会儿，您写过江里鱼好、山上笋香的一首，背来听听呗",
            "《初到黄州》。自笑平生为口忙",
        ),
    ],
)  # fmt: skip
def test_what_is_asked_is_told(poems: Poems, asked: str, told: str) -> None:
    answer = said(poems, asked)
    assert told in answer and (not told.endswith("。") or answer == told)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("水调歌头下半首是什么？", "转朱阁", "千里共婵娟。"),
        ("念奴娇的上片写什么？", "大江东去", "一时多少豪杰。"),
        ("我不会背定风波下半片", "料峭春风", "也无风雨也无晴。"),
        ("江城子密州出猎的上片是什么", "老夫聊发", "看孙郎。"),
        ("“大江东去”那首的下片", "遥想公瑾", "一尊还酹江月。"),
        ("水调歌头上下片都背一遍", "《水调歌头", "千里共婵娟。"),
        ("Recite the second half of Shuidiao Getou", "转朱阁", "千里共婵娟。"),
        ("Recite the last stanza of your Red Cliff poem", "遥想公瑾", "一尊还酹江月。"),
    ],
)
def test_a_stanza_is_recited(poems: Poems, asked: str, first: str, last: str) -> None:
    answer = said(poems, asked)
    assert answer.startswith(first) and answer.endswith(last)


def test_the_stanza_of_the_poem_that_was_heard(poems: Poems) -> None:
    heard = poems.answer("背一首水调歌头", "zh")
    assert heard is not None
    assert said(poems, "下片呢", (heard.source,)).startswith("转朱阁")


def test_a_ci_breaks_near_its_middle(poems: Poems) -> None:
    """Both stanzas of a tune are about as long as each other."""
    for poem in poems.poems:
        assert bool(poem.break_after) == poem.lyric, poem.title
        if poem.lyric:
            sizes = [sum(map(len, poem.stanza(second))) for second in (False, True)]
            assert 0.65 < sizes[0] / sizes[1] < 1.25, (poem.title, sizes)
            assert poem.stanza(False) + poem.stanza(True) == poem.lines


@pytest.mark.parametrize(
    "asked",
    [
        f"你在{'哪个地方' * 20}写诗啊", f"你在{'个' * 110}写诗啊?", f"当时{'什么时候' * 25}写x",
        f"那{'的' * 100}第一句是不", f"{'那首' * 50}叫什么x", f"Tell me the {'a-' * 50}poem",
    ],
)  # fmt: skip
def test_a_long_run_takes_little_time(poems: Poems, asked: str) -> None:
    heard = poems.answer("背一首赠刘景文", "zh")
    assert heard is not None
    before = time.process_time()
    poems.answer(asked, "zh", [heard.source])
    assert time.process_time() - before < 2.0  # seconds; it would be minutes


def test_what_is_called_the_one_is_a_poem_only_where_it_is_described(poems: Poems) -> None:
    exiled = "Which place did they banish you to last, the one way down on Hainan?"
    assert poems.answer(exiled, "en") is None
    written = poems.answer("Where did you write the one about Hainan?", "en")
    assert written is not None and "Chengmai" in written.said[0].text
