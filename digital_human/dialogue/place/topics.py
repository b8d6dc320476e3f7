"""What people usually ask of a sight: when it was built, by whom, how high it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digital_human.speech.types import Language

_BUILD = r"[建修造筑立盖创]"
_WHEN = r"(?:什么时候|何时|啥时候|哪一?年|几几年|哪个朝代|什么朝代|什么年代|哪个年代|哪朝)"
OPENED = r"\bwhen (?:did|was|were) (?!you say|they say)(?=.{0,40}\bopen)"
"""Asks for the day on which something was first opened."""
# In the order in which it is tried.
_TOPICS: dict[str, dict[Language, str]] = {
    "rebuilt": {
        "zh": rf"{_WHEN}[^，。？]{{0,5}}重[建修造]|重[建修造][^，。？]{{0,5}}{_WHEN}",
        "en": r"\bwhen\b.{0,30}\b(?:rebuilt|restored|reconstructed|reopened)\b",
    },
    "built": {
        "zh": rf"{_WHEN}[^，。？]{{0,7}}{_BUILD}成?|{_BUILD}[于在成]?[^，。？]{{0,3}}{_WHEN}"
        rf"|{_WHEN}(?:就)?有的"
        r"|(?:多少|几百|几)年(?:了|的?历史)|历史有?多[久长少]|(?:哪个|什么)(?:朝代|年代)的?|哪年的",
        "en": r"\bwhen\b.{0,40}\b(?:built|founded|made|erected|created|established|constructed"
        r"|put up|date)\b"
        rf"|{OPENED}.{{0,40}}\bopen(?:ed)?\b"
        r"(?: (?:its|their) (?:doors|gates))?(?: for the first time)?"
        r"|\bhow old\b|\b(?:what|which) (?:year|dynasty|century)\b|\bwhat age\b",
    },
    "builder": {
        "zh": rf"(?:谁|哪位|什么人|何人|哪个(?:人|皇帝|国王|朝代的人))[^，。？]{{0,7}}{_BUILD}造?"
        rf"|{_BUILD}造?[^，。？]{{0,4}}(?:谁|哪位|何人)",
        "en": r"\bwho\b.{0,40}\b(?:built|build|founded|founder|made|erected|created|established"
        r"|constructed|put up)\b"
        r"|\bbuilt by\b",
    },
    "length": {
        "zh": r"多长(?!时间)|长度|全长|(?:几|多少)公里"
        r"|多少米长|(?:几|多少)里路?",
        "en": r"\bhow long (?:is|are)\b(?! (?:each|one) )"
        r"(?! (?:the |a |that |it )?(?:walk|way|trip|ride"
        r"|crossing|journey|stroll|boat|it (?:from|over|to|on foot)|from))|\blength\b"
        r"|\bhow many (?:metres|meters|kilomet\w+|miles)\b(?! (?:high|tall))"
        r"(?!.* (?:from|to) )",
    },
    "height": {
        "zh": r"(?:有)?多高|高度|多少米高|高(?:达|出水面)?(?:多少|几)米"
        r"|从(?:上到下|下到上|底到顶)[^，。？几层]{0,4}(?=米|多高)",
        "en": r"\bhow (?:tall|high)\b|\bheight\b"
        r"|\bhow many (?:met(?:re|er)s|feet) (?:high|tall)\b",
    },
    "fell": {
        "zh": r"(?:怎么|咋个?|为什么|为何|为啥|什么时候|何时|哪一?年|几几年)"
        r"[^，。？]{0,5}(?:倒塌|倒|塌|垮|毁|没了)[了掉的]*"
        r"|(?:倒塌|倒|塌|垮)[^，。？]{0,4}(?:什么时候|哪一?年|原因)",
        "en": r"\b(?:fall|fell|falls|collapse[sd]?|destroyed|happened to|c[ao]me down|toppled?"
        r"|crumbled?|fall down|ruined)\b",
    },
    "before": {
        "zh": r"(?:以前|从前|原来|原先|早先|当初|本来|过去|古时候|南宋时|最[早初]|起初)"
        r"[^，。？]{0,5}(?:怎么叫|是|做"
        r"|干|叫|属于)"
        r"[^，。？]{0,3}(?:什么|啥|谁家?|哪|干嘛)?(?:的?(?:地方|用|园子|花园|院子))?",
        "en": r"\bused to be\b|\boriginally\b|\bin the past\b|\b(?:here|it|this) before\b"
        r"|\bformerly\b|\bwho did\b.{0,30}\bbelong to\b|\bwhose\b.{0,30}\b(?:was|were)\b",
    },
    "name": {
        "zh": r"(?:为什么|为啥|为何|怎么会?|干嘛|凭什么|因为什么)[^，。？]{0,3}叫(?:作|做"
        r"|这个名字?)?|名字[^，。？]{0,5}"
        r"(?:由来|怎么来的?|来历|意思|含义|谁起|来的)|得名|(?:是)?(?:什么|啥|何)意思|含义|(?:指"
        r"|说)的?是?(?:什么|哪|啥)"
        r"|由来|来历|(?<!叫什么)(?<!叫啥)(?:这个)?名字(?:里)?|真的断|断过|断了吗",
        "en": r"\bwhy\b.{0,40}\b(?:called|named|name|broken)\b|\bname\b.{0,25}\b(?:mean|means"
        r"|come|from|origin)\b"
        r"|\bwhat does\b.{0,40}\bmean\b|\bmeaning\b|\bnamed after\b|\breally broken\b|\bbroken\?",
    },
    "season": {
        "zh": r"(?:什么时候|几月份?|哪个季节|什么季节|什么时节|何时|啥时候"
        r"|哪个月)[^，。？]{0,7}(?:(?<!进)(?<!上)(?<!出)(?<!回)[看去来]|最好|最美|漂亮|开花|花开|盛)"
        r"|花期|最佳(?:时间|季节)|最好的(?:时候|季节)",
        "en": r"\bbest (?:time|season|month)\b|\bwhen\b.{0,30}\b(?:best|bloom|blooms|blossom"
        r"|blossoms|prettiest)\b"
        r"|\bwhich (?:season|month)\b",
    },
    "legend": {
        "zh": r"(?:什么|啥|哪些)?(?:传说|典故|神话)|(?:什么|啥)(?:神话|民间)?故事",
        "en": r"\b(?:story|tale|legend)s? behind\b|\blegends?\b|\bmyths?\b|\btales?\b|\bstor(?:y"
        r"|ies)\b",
    },
}
# What is said of it asks too, where nothing else is asked: 有一千年了吧, is it seventy metres tall.
STATED: dict[str, re.Pattern[str]] = {
    "built": re.compile(
        r"有?[百千]多?年(?:了|的?历史)(?:了?吗)?"
        r"|\b(?:hundred|thousand|\d00)(?: and \w+)? years old\b"
    ),
    "length": re.compile(r"公里长?(?=，?(?:吧|对|是吧|是不是))"),
    "height": re.compile(
        r"[几十百\d]多?米(?:多|来)?高(?=[吧吗么呢对没，。？]|$)"
        r"|\b(?:met(?:re|er)s?|feet|foot) (?:high|tall)\b"
    ),
}
# What one is told in metres: by the words for it, or else by what it is.
_METRES = re.compile(
    r"(?:露?出水面)?(?:多少|好?几[十百千]?)米(?![远宽深])"
    r"|\bhow many (?:metres|meters|feet)\b(?! (?:high|tall|long))"
)
_SAID: dict[str, re.Pattern[str]] = {
    "height": re.compile(r"[高矮](?!铁)|\b(?:tall|high|low)\b"),
    "length": re.compile(r"长(?!时间)|短|\b(?:long|short|endless)\b"),
}
_SORT: dict[str, re.Pattern[str]] = {
    "height": re.compile(r"[塔山峰]|\b(?:pagoda|tower|hill|mountain|peak)\b"),
    "length": re.compile(r"[堤桥]|\b(?:causeway|dyke|bridge)\b"),
}
# Who speaks so of metres asks for the way, or for how wide or deep it is.
_AWAY = re.compile(
    r"[离距隔远近去往从过步骑宽深厚粗]|周长|[之中]间|走(?!起来)|到(?!底)"
    r"|\b(?:from|to|away|far|walk\w*|distance|off|get|go|take|wide|deep)\b"
)
TOPICS: dict[Language, dict[str, re.Pattern[str]]] = {
    language: {topic: re.compile(words[language]) for topic, words in _TOPICS.items()}
    for language in ("zh", "en")
}


def measured(
    text: str, said: Sequence[str], shape: str
) -> tuple[str, list[tuple[int, int]]] | None:
    """Whether so many metres are of height or of length, and where that is said.

    Args:
        text: The question with the names in it.
        said: Its clauses.
        shape: The question with signs for the names.
    """
    asking = "".join(one for one in said if _METRES.search(one))
    if not asking or _AWAY.search(asking):
        return None
    for told in (_SAID, {} if _AWAY.search(text) else _SORT):
        able = [topic for topic, words in told.items() if words.search(text)]
        if len(able) == 1:
            spans = [*_METRES.finditer(shape), *_SAID[able[0]].finditer(shape)]
            return able[0], [found.span() for found in spans]
    return None
