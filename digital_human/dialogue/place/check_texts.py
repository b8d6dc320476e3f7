"""What the check of a place says to its curator, in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from digital_human.speech.types import Language

PageLanguage = Literal["zh", "en"]

TEXTS: Mapping[PageLanguage, Mapping[str, str]] = {
    "zh": {
        "html": "zh-CN",
        "title": "{name} · 地点资料检查",
        "date": "{0.year}年{0.month}月{0.day}日",
        "comma": "、",
        "zh": "中文",
        "en": "英文",
        "ja": "日文",
        "none": "没有。",
        # Levels
        "error": "错误",
        "gap": "待补充",
        "hint": "提示",
        "errors": "错误",
        "gaps": "待补充",
        "hints": "提示",
        # Findings
        "entry": "条目",
        "kind": "类别",
        "finding": "说明",
        "kind.name": "名称",
        "kind.text": "介绍",
        "kind.where": "位置",
        "kind.picture": "图片",
        "kind.hours": "开放时间",
        "kind.tickets": "票价",
        "kind.facts": "知识点",
        "kind.map": "地图",
        "kind.code": "标牌码",
        "kind.walks": "路线",
        "kind.holidays": "节假日",
        "kind.closures": "临时关闭",
        "name.none": "没有{language}名称",
        "name.twice": "“{name}”也是 {other} 的名称",
        "text.in": "{language}介绍",
        "text.none": "没有{language}介绍",
        "where.none": "没有写明在哪里",
        "where.language": "没有用{language}写明在哪里",
        "picture.none": "没有图片",
        "picture.missing": "资料里用到了，但 {folder}/ 里没有这个文件",
        "picture.unused": "资料里没有用到",
        "hours.none": "没有开放时间；全天开放也要写明",
        "hours.twice": "有两条开放时间在同一天重叠",
        "hours.knowledge": "{path} 里的时间与开放时间资料不一致：{text}",
        "tickets.none": "没有票价；免费也要写明",
        "tickets.twice": "有两个票价：{one:g} 和 {other:g}",
        "tickets.knowledge": "{path} 里写的是 {prices}，与票价资料不一致",
        "map.none": "没有标出在地图上的位置",
        "code.none": "没有标牌二维码编码",
        "code.twice": "编码与 {other} 的重复",
        "walks.none": "没有路线资料：答不了怎么走，也排不出游览路线",
        "walks.island": "没有路线通到：{spots}",
        "holidays.past": "节假日都已过去，请补充今后的",
        "closures.past": "已于 {day} 结束",
        # Questions
        "asked": "没答上的问题",
        "question": "问题",
        "language": "语言",
        "times": "次数",
        "last": "最近一次",
        "now": "现在能答：{answer}",
        # Counts and the rest
        "spots": "景点",
        "open": "仍答不上的提问",
        "map": "地图",
        "counts": (
            "景点 {spots} 个，错误 {errors} 处，待补充 {gaps} 处，没答上的提问 {questions} 次"
        ),
        "written": "页面已写入：{path}",
    },
    "en": {
        "html": "en",
        "title": "{name} · place check",
        "date": "{0:%d %B %Y}",
        "comma": ", ",
        "zh": "Chinese",
        "en": "English",
        "ja": "Japanese",
        "none": "None.",
        # Levels
        "error": "error",
        "gap": "gap",
        "hint": "hint",
        "errors": "Errors",
        "gaps": "Gaps",
        "hints": "Hints",
        # Findings
        "entry": "entry",
        "kind": "kind",
        "finding": "finding",
        "kind.name": "name",
        "kind.text": "text",
        "kind.where": "where",
        "kind.picture": "picture",
        "kind.hours": "hours",
        "kind.tickets": "tickets",
        "kind.facts": "facts",
        "kind.map": "map",
        "kind.code": "code",
        "kind.walks": "walks",
        "kind.holidays": "holidays",
        "kind.closures": "closures",
        "name.none": "no {language} name",
        "name.twice": "“{name}” is also a name of {other}",
        "text.in": "{language} text",
        "text.none": "no {language} text",
        "where.none": "nothing says where it lies",
        "where.language": "nothing says in {language} where it lies",
        "picture.none": "no picture",
        "picture.missing": "is named but not in {folder}/",
        "picture.unused": "is named nowhere",
        "hours.none": "no hours, not even that it is always open",
        "hours.twice": "two rows of hours hold on the same days",
        "hours.knowledge": "{path} tells other hours: {text}",
        "tickets.none": "no price, not even that it is free",
        "tickets.twice": "two prices: {one:g} and {other:g}",
        "tickets.knowledge": "{path} says {prices}; the place does not",
        "map.none": "has no position on the map",
        "code.none": "has no code for a label",
        "code.twice": "its code is also that of {other}",
        "walks.none": "no walks: ways and tours cannot be told",
        "walks.island": "no walk leads to {spots}",
        "holidays.past": "all holidays are past: add the coming ones",
        "closures.past": "ended on {day}",
        # Questions
        "asked": "Unanswered questions",
        "question": "question",
        "language": "language",
        "times": "times",
        "last": "last",
        "now": "answered now: {answer}",
        # Counts and the rest
        "spots": "Spots",
        "open": "Still unanswered",
        "map": "Map",
        "counts": (
            "spots: {spots}, errors: {errors}, gaps: {gaps}, unanswered questions: {questions}"
        ),
        "written": "page: {path}",
    },
}


@dataclass(frozen=True, slots=True)
class Say:
    """The texts of one language.

    Attributes:
        page: Which one.
    """

    page: PageLanguage

    def __call__(self, key: str, *values: object, **named: object) -> str:
        """The text of ``key`` with its values."""
        return TEXTS[self.page][key].format(*values, **named)

    def language(self, code: str) -> str:
        """What a language is called; an unknown code is left as it is."""
        return self(code) if code in ("zh", "en", "ja") else code

    def own(self, texts: Mapping[Language, str]) -> str:
        """Of what the curator wrote by language that in the page's one, or else the first."""
        return texts.get(self.page, next(iter(texts.values()), ""))


def page_language(languages: Iterable[Language]) -> PageLanguage:
    """The first of ``languages`` that a page can have; Chinese where there is none."""
    for one in languages:
        if one == "zh" or one == "en":
            return one
    return "zh"
