"""A question for a fact is answered only by a text that has such a fact."""

from __future__ import annotations

import pytest

from digital_human.dialogue.knowledge.questions import (
    asking_clause,
    asking_sentence,
    halves,
)
from digital_human.dialogue.knowledge.shapes import shape_of, tells


@pytest.mark.parametrize(
    ("question", "text", "told"),
    [
        ("苏堤有多宽", "苏堤长二点八公里。", False),
        ("苏堤有多长", "苏堤长二点八公里。", True),
        ("王弗走的时候多大年纪", "王弗一〇六五年去世。", False),
        ("您一共活了多大岁数", "他活了六十五岁。", True),
        ("How old was she when she died?", "She died there in 1096.", False),
        ("您在杭州做了几年官", "前后大约五年。", True),
        ("岳飞是哪年遇害的", "岳飞是南宋名将。", False),
        ("雷峰塔是哪年倒的", "雷峰塔在一九二四年倒塌。", True),
        ("安乐坊捐了多少黄金", "他捐了黄金五十两。", True),
        ("你自己掏了多少金子", "他捐了黄金五十两。", True),
        ("How much gold did you give?", "He gave fifty taels of gold.", True),
        ("苏堤上有几棵树", "堤上有六座桥。", False),
        ("法海是哪里人", "法海和尚把白娘子镇在雷峰塔下。", False),
        ("慧理是哪国人", "慧理是印度僧人。", True),
        ("What's the metro fare?", "It takes about twenty-five minutes.", False),
        ("How long is the boat trip?", "It takes about an hour.", True),
        ("苏轼当过几任官", "苏轼两次到杭州做官。", True),
        ("灵隐寺的香多少钱一把", "灵隐寺门票三十元。", False),
        ("苏堤修了多少天", "一〇九〇年修了苏堤。", False),
        ("喷泉放的是谁的歌", "喷泉在湖面上，不收费。", False),
        ("谁建的塔", "塔是吴越国王建的。", True),
        ("How wide is the causeway?", "It is two kilometres long.", False),
        ("How many bridges are there?", "There are six stone bridges.", True),
        ("How many swans are there?", "There are six stone bridges.", False),
        ("What did the fountain cost?", "It is free to watch.", False),
        ("要坐几号线", "从东站坐地铁一号线到龙翔桥站。", True),
        ("苏堤宽多少米", "苏堤全长二点八公里。", False),
        ("What hours does the museum keep?", "The museum is on Solitary Hill.", False),
        ("Who is the abbot of the temple?", "Lingyin Temple is a famous old temple.", False),
    ],
)
def test_a_fact_has_its_shape(question: str, text: str, told: bool) -> None:
    shape = shape_of(question)
    assert shape is not None
    assert tells(text, *shape) is told


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("我腿不好，雷峰塔里头有电梯不", "雷峰塔里头有电梯不"),
        ("My mother can't walk well, is there a lift?", "is there a lift?"),
        ("我想吃素面，多少钱一碗", None),
        ("灵隐寺几点开门", None),
    ],
)
def test_what_people_tell_of_themselves_is_no_question(text: str, clause: str | None) -> None:
    found = asking_clause(text)
    assert (found.rstrip("?") if found else found) == (clause.rstrip("?") if clause else clause)


@pytest.mark.parametrize("text", ["您被贬到过哪几个地方", "A place for kids who love fish?"])
def test_what_asks_for_no_number_date_or_person_has_no_shape(text: str) -> None:
    assert shape_of(text) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("When's the last boat out? I can't miss it.", "When's the last boat out?"),
        ("我是从外地来的。雷峰塔里有电梯吗？谢谢。", "雷峰塔里有电梯吗？"),
        ("Is it free? Is it far?", None),
        ("How long is the Su Causeway?", None),
    ],
)
def test_one_sentence_of_several_asks(text: str, sentence: str | None) -> None:
    assert asking_sentence(text) == sentence


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("原先那座雷峰塔是哪年垮的，怎么会垮呢？", "原先那座雷峰塔是哪年垮的？",
         "原先那座雷峰塔怎么会垮呢？"),
        ("岛上有块石头写着虫二，这俩字什么意思，谁写的", "岛上有块石头写着虫二，这俩字什么意思？",
         "岛上有块石头写着虫二，这俩字谁写的？"),
        ("我妈腿不好，听说能借轮椅，上哪儿借，要钱吗？", "听说能借轮椅，上哪儿借？",
         "听说能借轮椅，要钱吗？"),
        ("When did the old pagoda fall, and why?", "When did the old pagoda fall?",
         "why did the old pagoda fall?"),
        ("When and where did you write it?", "When did you write it?", "where did you write it?"),
        ("Who started Lingyin Temple, and which country did he come from?",
         "Who started Lingyin Temple?", "started Lingyin Temple: which country did he come from?"),
    ],
)  # fmt: skip
def test_a_question_for_two_things_is_two_questions(text: str, first: str, second: str) -> None:
    assert halves(text) == (first, second)


@pytest.mark.parametrize(
    "text",
    [
        "雷峰塔是哪年垮的？",
        "苏堤上那几座桥，打南边数起第三座叫什么？",
        "谁道人生无再少，下半截是啥？",
        "与谁同坐，明月清风我，这句是您哪一年写的",
        "我从上海来，苏堤有多长，走完要多久，能骑车吗？",
        "That hermit who kept cranes on the hill, what did people say his wife was?",
        "My teacher mentioned a poet who never married. What was his name?",
    ],
)
def test_one_question_is_not_taken_for_two(text: str) -> None:
    assert halves(text) is None
