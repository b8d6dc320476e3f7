"""What visitors say of themselves that tells how to speak to them: age, trade, liking.

Only what is said in the first person counts, and only a group is kept of it, never the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number

Age = Literal["child", "teen", "adult", "elder"]
Depth = Literal["simple", "usual", "deep"]
Interest = Literal[
    "poems", "history", "food", "walking", "nature", "legends", "buildings", "tea", "pictures"
]

_GROWN, _TEENS, _OLD = 18, 13, 65
_ELDEST = 110
_LONGEST = 400  # characters of a text that are looked at

# Age ----------------------------------------------------------------------------------------------

_COUNT_ZH, _COUNT_EN = rf"({CHINESE})", rf"({ENGLISH})"
_AGE = re.compile(
    r"(?:我们?|我(?:叫|是)[^，。？]{1,8}，)(?:今年|现在|才|都|已经|快|刚|满|马上|有|是|个){0,3}"
    rf"{_COUNT_ZH}周?岁"
    rf"|\bi(?:'|’| a)?m (?:only |just |already |now |almost )?{_COUNT_EN}"
    r"(?: years? old| and a half|(?= *(?:[,.!?;]|$|and\b|but\b|so\b)))"
    r"|(?:私|僕|わたし|ぼく)?は?(?:今年)?(\d{1,3})(?:歳|才)です",
    re.IGNORECASE,
)
_OF_CHILD = re.compile(
    r"(?:孩子|小孩|小朋友|儿子|女儿|孙子|孙女|外孙女?|宝宝|娃)(?:今年|现在|才|都|刚|快|满|有)*"
    rf"{_COUNT_ZH}周?岁"
    r"|\b(?:son|daughter|kid|child|boy|girl|grandson|granddaughter) is (?:only |just )?"
    rf"{_COUNT_EN}\b",
    re.IGNORECASE,
)
_GROUPS: tuple[tuple[Age, re.Pattern[str]], ...] = (
    ("child", re.compile(
        r"我们?(?:现在|还|就|也|都|才|只)*(?:是|在|上|读|念|在上|在读)(?:一?[个名]|读|念)?"
        r"(?:小学生|小孩子?|小朋友|儿童|幼儿园|小学|[小中大]班|[一二三四五六1-6]年级)"
        r"(?!的?(?:老师|教师|当|教|工作|上班|附近|旁|对面|门口|校长|妈|爸|家长))"
        r"|\bi(?:'|’| a)?m (?:just |only )?a (?:little )?(?:kid|child|boy|girl)\b"
        r"|\bi(?:'|’| a)?m in (?:(?:the )?(?:first|second|third|fourth|fifth|sixth) grade"
        r"|grade (?:[1-6]|one|two|three|four|five|six)\b|kindergarten"
        r"|primary school|elementary school)"
        r"|(?:私|僕|ぼく)は?小学生", re.IGNORECASE)),
    ("teen", re.compile(
        r"我们?(?:现在|还|就|也|都)*(?:是|在|上|读|念|在上|在读)(?:一?[个名]|读|念)?"
        r"(?:初中生?|高中生?|中学生?|初[一二三]|高[一二三])(?!的?(?:老师|教师|教|工作|旁|对面))"
        r"|\bi(?:'|’| a)?m (?:a teenager|in (?:high|middle|secondary) school)"
        r"|\bi(?:'|’| a)?m a (?:high|middle|secondary) school student|中学生です|高校生です",
        re.IGNORECASE)),
    ("adult", re.compile(
        r"我们?(?:现在|还|就|也|都)*(?:是|在|上|读|念|在上|在读)(?:一?[个名]|读|念)?(?:大学生?|大[一二三四]|研究生)"
        r"|\bi(?:'|’| a)?m (?:a )?(?:college|university) student|大学生です", re.IGNORECASE)),
    ("elder", re.compile(
        r"我(?:已经|早就|都)?(?:退休|是(?:个)?老(?:人|头|太))|年金生活"
        r"|\bi(?:'|’| a)?m (?:a )?(?:retired|pensioner)\b", re.IGNORECASE)),
)  # fmt: skip
_WITH_CHILDREN = re.compile(
    r"(?:带|陪|领)(?:着|了|上)?(?:我们?|家里?|一|个|两|几|俩|的|班|群|这|们)*"
    r"(?:孩子|小孩|小朋友|儿子|女儿|孙子|孙女|外孙|宝宝|娃|小学生|学生)"
    r"|(?:给|跟|对)(?:我们?|家|的|这|个)*(?:孩子|小孩|小朋友|儿子|女儿|孙子|孙女|宝宝|娃)们?(?:听|讲|说|介绍)"
    r"|\b(?:with|brought|taking|for) (?:my|our|the|two|three|some|a|little|small|young| )*"
    r"(?:kids?|child|children|son|daughter|grandson|granddaughter|grandchildren|grandkids|pupils)\b"
    r"|子ども?と|子供と|息子と|娘と",
    re.IGNORECASE,
)

# Trade --------------------------------------------------------------------------------------------

_FILL = (
    r"(?:一?[个名位]|大学|高校|中学|高中|退休的?|历史系?的?|中文系?的?|文学|宋史|宋代|古代史?|考古系?的?|美术史?"
    r"|建筑|艺术|文物|资深|专业|业余|苏轼|苏东坡|诗词)*"
)
_EXPERT = re.compile(
    rf"我们?(?:以前|原来|现在|也|就|都|本身)*(?:是|当过|做过){_FILL}"
    r"(?:教授|讲师|学者|博士生?|研究生|研究员|研究者|大学老师|大学教师|历史老师|语文老师|考古(?:的|队|工作)?"
    r"|导游|讲解员|史学家|专家)"
    r"|我们?(?:以前|现在|也|就)*是(?:搞|做|教|学|研究)(?:历史|中文|文学|宋史|考古|文物|建筑|美术史|文博|诗词)"
    r"|我们?(?:在)?(?:研究|专门研究)(?:苏轼|苏东坡|宋|历史|古代|诗词|文物|建筑)"
    r"|我们?在(?:[\u4e00-\u9fff]{0,4})?(?:大学|高校|博物馆|文物局)(?:教书?|工作|做研究|任教)"
    r"|我学的?是?(?:历史|中文|考古|文物|美术史|古典文学)(?:专业|的|系)"
    r"|\bi(?:'|’| a)?m (?:an? )?(?:retired |university |college |history |art |literature |"
    r"chinese |phd |song |dynasty |tang |professional |tour |museum )*"
    r"(?:professor|lecturer|historian|scholar|researcher|archaeologist|phd|curator|sinologist|guide"
    r"|history teacher|expert)\b"
    r"|\bi (?:teach|study|research) (?:at (?:a |the )?(?:university|college)"
    r"|(?:chinese |song |art )*(?:history|literature|poetry|archaeology|architecture))"
    r"|(?:教授|研究者|学者|歴史の(?:先生|教師))です",
    re.IGNORECASE,
)  # fmt: skip

# Wishes -------------------------------------------------------------------------------------------

_SIMPLER = re.compile(
    r"(?:讲|说)(?:得|的)?(?:再)?(?:简单|浅|通俗)(?:一?[点些])?|(?:简单|通俗)一?[点些](?:讲|说|吧|好)"
    r"|听不懂|太(?:深|难|复杂)了|\b(?:simpler|in simple (?:words|terms)|more simply|easier words)\b"
    r"|\btoo (?:complicated|hard|difficult) (?:for|to)\b|(?:簡単|やさしく)(?:に|く)?(?:話|説明)",
    re.IGNORECASE,
)
_DEEPER = re.compile(
    r"(?:讲|说)(?:得|的)?(?:再)?(?:深入?|专业|学术)(?:一?[点些])?|(?:深入?|专业|学术)一?[点些](?:讲|说|吧|的)?"
    r"|太(?:简单|浅|幼稚)了|\b(?:more (?:depth|in[- ]depth|academic|scholarly)|go deeper)\b"
    r"|もっと(?:詳しく|専門的)",
    re.IGNORECASE,
)
_LIKES = re.compile(
    r"我.{0,8}?(?:喜欢|爱|感兴趣|着迷|想(?:看|了解|听|知道|逛|吃|喝|拍|走))|对.{1,12}?(?:感|有)兴趣"
    r"|\bi(?:'|’| a)?m (?:really |very |most(?:ly)? )?(?:interested in|into|keen on|fond of)\b"
    r"|\bi (?:really |do )?(?:like|love|enjoy)\b|が好き|に興味",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"不(?:太|怎么|是很|大)?(?:喜欢|爱|感兴趣|想)|没(?:有|什么)?兴趣"
    r"|\b(?:not|don't|do not|never) (?:really |very |so )?"
    r"(?:interested|into|like|care|enjoy|keen|love)\b"
    r"|好きではない|興味がない",
    re.IGNORECASE,
)
_TOPIC_WORDS: Mapping[Interest, str] = {
    "poems": r"诗|(?<![单台歌])词(?!语|典)|\b(?:poe(?:m|try|t)s?|verses?)\b|詩",
    "history": r"历史|朝代|宋朝|宋代|古代|\b(?:histor(?:y|ical)|dynasty)\b|歴史",
    "food": r"美食|好吃|小吃|吃的|东坡肉|餐|料理"
    r"|\b(?:food|eat|dish(?:es)?|cuisine|restaurants?)\b",
    "walking": r"散步|徒步|走走|爬山|骑车|跑步|散歩"
    r"|\b(?:walk(?:s|ing)?|hik(?:e|ing)|cycling)\b",
    "nature": r"花|鸟|树|风景|自然|植物"
    r"|\b(?:flowers?|birds?|trees?|nature|scenery|plants?)\b",
    "legends": r"传说|故事|神话|白娘子|白蛇|\b(?:legends?|myths?|stories|story|folk)\b|伝説",
    "buildings": r"建筑|古塔|桥梁|园林|\b(?:architecture|buildings?|pagodas?|gardens?)\b|建築",
    "tea": r"茶|\btea\b|お茶",
    "pictures": r"拍照|摄影|照相|书法|绘画|写真"
    r"|\b(?:photo(?:s|graphy)?|paintings?|calligraphy)\b",
}
_TOPICS = tuple((t, re.compile(words, re.IGNORECASE)) for t, words in _TOPIC_WORDS.items())
_SENTENCE = re.compile(r"[^。！？!?.；;\n]+")


@dataclass(frozen=True, slots=True)
class Hints:
    """What one text says of who says it.

    Attributes:
        age: Age group; None when nothing is said.
        with_children: Whether children are there to listen.
        expert: Whether the speaker knows the field by trade.
        wish: Depth that is asked for.
        interests: Topics with how much they count: a liking twice, a mention once; a dislike 0.
    """

    age: Age | None = None
    with_children: bool = False
    expert: bool = False
    wish: Depth | None = None
    interests: tuple[tuple[Interest, int], ...] = ()


def hints(text: str) -> Hints:
    """What ``text`` says of who says it."""
    text = text[:_LONGEST]
    simpler, deeper = _SIMPLER.search(text), _DEEPER.search(text)
    return Hints(
        age=_age(text),
        with_children=_with_children(text),
        expert=_EXPERT.search(text) is not None,
        wish="simple" if simpler else "deep" if deeper else None,
        interests=_interests(text),
    )


def _age(text: str) -> Age | None:
    if found := _AGE.search(text):
        years = number(next(group for group in found.groups() if group))
        if 2 < years < _ELDEST:
            return (
                "child" if years < _TEENS else "teen" if years < _GROWN
                else "adult" if years < _OLD else "elder"
            )  # fmt: skip
    return next((age for age, pattern in _GROUPS if pattern.search(text)), None)


def _with_children(text: str) -> bool:
    if found := _OF_CHILD.search(text):
        return number(next(group for group in found.groups() if group)) < _TEENS
    return _WITH_CHILDREN.search(text) is not None


def _interests(text: str) -> tuple[tuple[Interest, int], ...]:
    counts: dict[Interest, int] = {}
    for sentence in _SENTENCE.findall(text):
        worth = 0 if _NOT.search(sentence) else 2 if _LIKES.search(sentence) else 1
        for topic, pattern in _TOPICS:
            if worth and pattern.search(sentence):
                counts[topic] = max(worth, counts.get(topic, 0))
    return tuple(counts.items())
