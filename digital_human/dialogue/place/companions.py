"""Who may come along besides those that are counted, and what only sounds like people."""

from __future__ import annotations

import re

from digital_human.dialogue.numbers import CHINESE, ENGLISH
from digital_human.dialogue.place.names import Span
from digital_human.dialogue.place.people import (
    GUIDE,
    KIN,
    KIN_EN,
    NO_PEOPLE,
    PAIR,
    SAYS,
    SAYS_EN,
    UNDER_EN,
)
from digital_human.speech.types import Language

_SMALL = r"(?:(?:婴幼?儿|宝宝|儿童|小孩子?|母婴|亲子)的?|(?:孩子|小朋友|娃娃?)的)"
_THING = (
    r"(?:(?:手?推|小)?车|座|[餐坐]?椅|床|背[带包]|用[品具]|食品|辅食|奶粉|奶瓶|尿[布不]|衣服|玩具"
    r"|[休哺护室房间]|厕所|卫生间|乐园|游乐|公园|节|区|救生)"
)
# Whoever may be called so by a stranger, a child above all.
_CALLED = (
    r"(?:老?爷爷|老?奶奶|伯伯|老?伯|大伯|叔叔?|大叔|阿姨|大?哥哥?|大?姐姐?|小哥哥?|小姐姐?|大[爷妈娘]"
    r"|帅哥|美女|先生|老师|师傅|老先生|老人家)"
)
_SU = r"(?:苏轼?|苏?东坡|苏?子瞻)"
_SURNAME = r"[王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许沈彭]"
_GREETING = r"[你您]?们?好|请问|打扰|[早晚]上好|[上下]午好"
_HELLO = rf"^(?:[^\u4e00-\u9fff◇]|{_GREETING}|[哎诶欸喂嗨嘿嗯啊呀呃]|哈[喽啰]|谢谢)*"
_CALLED_EN = (
    r"(?:grand(?:pa|dad|father|ma|mother)|granny|gran|nana?|uncle|aunt(?:ie|y)?"
    r"|big (?:brother|sister)|sir|mister|teacher|master)"
)
_HELLO_EN = (
    r"^(?:(?:excuse me|hi|hello|hey|sorry|please|dear|good (?:morning|afternoon|evening))\b"
    r"[ ,!.]*(?:there\b[ ,!.]*)?)+"
)
_SMALL_EN = r"(?:baby|infant|toddler|child(?:ren)?(?:'s)?|kids?'?)"
_PRAM_EN = r"(?:stroller|buggy|pushchair|pram|carriage|carrier|sling)"
_GUIDE_EN = (
    r"(?:guide|driver|leader|interpreter|translator|carer|nurse|helper|nanny|teacher|coach"
    r"|instructor|chaperone|assistant|photographer|escort|minder|tutor|babysitter)"
)
# Things for children, tickets that are only asked about, and whoever is only spoken to. `who` is
# what is set aside where that is not all of it; what is marked so, or `known`, is understood.
_ASIDE: dict[Language, tuple[re.Pattern[str], ...]] = {
    "zh": (
        re.compile(rf"(?P<known>推着?|带着?)?(?:{CHINESE}?[个辆张把台套间])?{_SMALL}{_THING}"),
        re.compile(
            r"(?P<who>(?:需要|[要用得买]|有没有|有)(?:不[要用得])?(?:另外|单独|再)?[买补]?"
            rf"{_SMALL}门?票)(?=[^，。？！]{{0,2}}[吗么嘛？])"
        ),
        re.compile(
            rf"(?:{CHINESE}?[个只辆把件])小"
            r"(?:包|箱|狗|猫|推?车|袋|瓶|背|行李|书|旗|伞|板|凳|椅|桌)"
        ),
        re.compile(rf"(?<![和跟与同带陪叫、家的])(?P<who>{_SU}{_CALLED})(?![和跟与同带陪的、家])"),
        re.compile(
            rf"{_HELLO}(?P<who>(?:{_SURNAME}|[老小◇])?{_CALLED})"
            rf"(?:[啊呀诶，。！？]*(?:{_GREETING}|[你您]|我?想问|问一?下|能不能|可以)"
            rf"|[啊呀诶]?[，。！？](?!(?:[我咱]家?的?)?(?:{KIN}|{PAIR})|我[，、。]))"
        ),
        re.compile(
            r"(?:(?<=[呀啊吗呢钱少吧嘛][，？！。])|(?<=[呀啊吗呢钱吧嘛]))"
            rf"(?P<who>{_SURNAME}?{_CALLED})(?=[，。？！]*$|[，。？！]我)"
        ),
    ),
    "en": (
        re.compile(
            rf"(?P<known>(?:with|in|push\w*|bring\w*) (?:an?|our|the|my) {_SMALL_EN}[- ]?"
            rf"{_PRAM_EN}s?\b)"
        ),
        re.compile(
            rf"\b(?:(?:an?|the|any|our|my|{ENGLISH}) )?{_SMALL_EN}[- ]"
            rf"(?:{_PRAM_EN}|(?:high ?|booster |car )?(?:seat|chair)|changing|change|food|formula"
            r"|milk|bottle|cot|bed|clothes|bag|backpack|toilet|room|trailer|bike|wagon|cart|life"
            r"|friendly|care|supplies|facilities|stuff|things)s?\b"
        ),
        re.compile(
            r"(?P<who>\b(?:need|require|buy|get|is there|are there|have) (?:to (?:buy|get) )?"
            rf"(?:an?|any) {_SMALL_EN} tickets?\b)"
        ),
        re.compile(
            rf"(?<!and )(?<!with )(?<!plus )(?P<who>\b{_CALLED_EN} (?:su|dongpo)"
            r"(?: (?:shi|dongpo))?\b)(?! and\b)"
        ),
        # "Hello, grandpa, grandma and I": he may be one of them; "hello, grandpa wants": he is.
        re.compile(
            rf"{_HELLO_EN}(?P<who>{_CALLED_EN}\b)(?!, {KIN_EN}\b|'s\b| is {ENGLISH}\b"
            r"| (?:and|plus|wants|needs|has|comes|came|goes|would (?:like|love))\b)"
        ),
        re.compile(
            rf"^(?P<who>{_CALLED_EN})(?=[,!.] ?(?:how|what|when|is|are|can|could|do|does|i'?d|i'm"
            r"|i want|i am|we|there|please|tell|excuse)\b)"
        ),
        re.compile(
            rf"(?:\band (?:(?:my|our|the) )?[\w']+|(?<![\w'])(?!(?:{KIN_EN})\b)[\w'◇]+)[,?] "
            rf"(?P<who>{_CALLED_EN})(?=[?.!]*$)"
        ),
    ),
}
JOINED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[，、]?(?:再|另外?|外)?(?:带|领|抱|陪|加|和|跟|与|同|还有|以及|连同|捎)(?:着|上|了)?(?:我们?|还有|咱们?)?的?[一这那]?[个位名]?$"
    ),
    "en": re.compile(
        r",?\s*\b(?:and|plus|with|as well as)(?: also)?(?: (?:our|my|the|an?|their|his|her))?\s*$",
        re.IGNORECASE,
    ),
}
"""Between two mentions: the second comes along with the first."""
ADDED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[，、]?(?:再|另外?|外)?加(?:着|上|了)?(?:我们?|咱们?)?的?[一这那]?个?$"),
    "en": re.compile(
        r",?\s*(?:plus|as well as)(?: also)?(?: (?:our|my|the|an?|their|his|her))?\s*$", re.I
    ),
}
"""The same, and in no way can it be one of the first."""
TAKEN: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[爸妈爷奶公婆姥叔姨伯舅姑母][^，。？]{0,4}[带领](?:着|上)?(?:我|咱|俺)"),
    "en": re.compile(
        r"\b(?:mum|mom|dad|gran\w*|parents|uncle|aunt)\b[^,.?]{0,12}\b(?:tak|bring)\w+ (?:me|us)\b",
        re.IGNORECASE,
    ),
}
"""Who is taken along by these may be a child."""
UNREAD: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"各自?[带领]|每[人家位](?:都|各)?[带领有]"
        rf"|(?:[个人位名俩仨]|{KIN})(?:都|就|说)?不(?:想|打算|能|愿意?)?(?:一起|跟着)?(?:去|上|进|来|爬|登|坐|玩)"
        r"|在(?:外[面边]|门口|[下底]面|[下底]下|山下|车[上里])[等坐]|留(?:在|下来?)"
        r"|(?:老公|老婆|媳妇儿?|丈夫|妻子|爱人|太太|对象|[男女]朋?友)[他她]?(?:家里?的?)?"
        r"(?:爸|妈|父母|爹|(?:爷爷|奶奶|外公|外婆|姥姥|姥爷))"
        rf"|{_HELLO}{KIN}[，。！]?我们?(?:[和跟与同陪带]|想|要|打算)"
        rf"|{_HELLO}{_CALLED}[，。！](?:[我咱]家?的?)?{KIN}[和跟与同]"
    ),
    "en": re.compile(
        rf"\bhundred (?:and )?{ENGLISH}\b"
        r"|\b(?:not|\w+n't)(?: be)? (?:com(?:e|ing)|go(?:ing)?|join(?:ing)?|climb(?:ing)?|want)\b"
        r"|\b(?:stay|wait)(?:s|ing)? (?:behind|outside|below|downstairs|down|at|in|here)\b"
        r"|\bexcept\b|\bwithout (?:my|our|the|him|her|them)\b"
        r"|\b(?:and|plus|with) (?:his|hers|theirs|yours|(?:my|our|his|her) \w+'s)"
        r"(?=[,.?!]|$| (?:to|at|for|want|are|go|in|all)\b)"
        rf"|{_HELLO_EN}{_CALLED_EN}(?:, {KIN_EN}\b| and {_CALLED_EN}[,.!])"
        rf"|^{_CALLED_EN}, (?!(?:grand|gran|nan|uncle|aunt))"
        rf"(?:(?:my|our|the) )?(?:{KIN_EN}|me|i) and\b"
        r"|\beach (?:bring|with|have|has|of us (?:has|brings))\b"
        rf"|\b{ENGLISH} (?:or|to) {ENGLISH} (?:of us|people|adults|kids|children|friends)\b",
        re.IGNORECASE,
    ),
}
"""What is not read: so many for each, one or the other, more than a hundred in words, who stays
behind, and who may be one of the party or spoken to, or both or one: 我老公爸妈."""
LOOSE: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"[俩仨]{NO_PEOPLE}(?=[\u4e00-\u9fff])(?![都全各加合一总共])"
        r"|(?<=[姐妹哥弟叔姨舅姑伯友学事居])一家(?=[，。？去来上都也])"
        rf"|[爸妈爷奶婆姐妹哥弟叔姨舅姑伯嫂婶爹媳侄孙](?!.{{0,2}}(?:{SAYS}))"
        r"|(?<=[和跟与同带陪])(?:我的?|几个|一些|一帮|一群)?(?:朋友|同事|同学|家人|亲戚|亲友|长辈)"
        rf"|(?<=我[和跟与同])[^，。？]|带[队团](?!的?(?:老师|家长))|{GUIDE}|{_SMALL}门?票"
        r"|(?<=[加上有])(?:我们)?的?(?:老师|师傅)|一[位名](?!◇)|加(?:上|了)?一个(?!小时|钟|半|[天月])"
        r"|(?:(?<=[和跟与同带陪加上])|(?<=还有))(?:[他她]们(?!家)|自己|几[个位名]|一些|各自)的?[^，。？]"
        rf"|(?<![第前后])(?!一|零|1个){CHINESE}[个名位]{NO_PEOPLE}"
        r"(?![都加合门票寺庙塔◇一多半]|项目|人)"
    ),
    "en": re.compile(
        r"\b(?:and|with|my|our|their|his|her|some|plus) (?:a \w+ of )?(?:\w+ )?(?:parents"
        r"|grandparents|in-laws|relatives|friends|mates|colleagues|folks|guests|clients|kids"
        r"|children|students|pupils|staff|crew|class|team)\b"
        r"|\b(?:and|with|plus) (?:their|his|her) [a-z]+"
        r"|\b(?:and|with|plus|including|our|my|their|his|her|an?|the|one) (?:\w+ )?"
        rf"{_GUIDE_EN}s?\b"
        r"|\b[a-z]+(?= and (?:i|me)\b)|(?<=\bme and )(?!my\b|our\b|the\b)[a-z]+"
        r"|\b(?:aunt\w*|uncle|nan|gran|granny|grand(?:ma|pa|dad|mother|father)|mum|mom|dad|mother"
        r"|father|sister|brother|cousin|wife|husband|god(?:mother|father)|friend|neighbou?r"
        rf"|nanny)s?\b{SAYS_EN}"
        r"|\b(?:(?:my|our|his|her) )?\w+'s family\b|\b(?:his|her|their) famil(?:y|ies)\b"
        r"|\b(?:members|players|tourists|travell?ers|teammates|classmates)\b",
        re.IGNORECASE,
    ),
}
"""People of whom it is not told how many they are, or who are counted in unknown words."""
BRINGING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"我们|咱们?|俺们|[带领陪抱]"),
    "en": re.compile(r"\b(?:we|we're|we'd|we've|us|our|with|bring\w*|tak(?:e|ing) (?:my|our))\b"),
}
"""Somebody of whom nothing is said brings the others along."""
AGES: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"{CHINESE}周?岁|[一二1](?:\.\d+)?米[一二三四五六七八九\d]|没上(?:小|幼儿园|学)|未成年"
        r"|[上读念]幼儿园"
    ),
    "en": re.compile(
        rf"{UNDER_EN}|\b(?:isn't|aren't|not)(?: yet)? {ENGLISH}\b(?: yet)?(?! (?:yuan|people|of))"
        r"|\byears? old\b|\b1\.\d+ ?m|\b\d+ ?cm\b|\bminors?\b",
        re.IGNORECASE,
    ),
}
"""What tells of somebody's age or height."""
SHARES: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(rf"{CHINESE}[个位名]人?(?:只|想|要|就)*(?:去|上|进|玩|看|登|爬|坐)"),
    "en": re.compile(
        rf"\b(?:{ENGLISH}|the others?|the rest|some)(?: of (?:us|them))? "
        r"(?:wants?|goes|go|to|for|would|will|prefers?)\b"
    ),
}
"""Some of a party go to a place."""


def set_aside(text: str, language: Language) -> tuple[str, list[Span]]:
    """``text`` with a sign for what only sounds like somebody who comes along.

    These are things (a baby's seat) and whoever is spoken to: 阿姨，我和妈妈…

    Returns:
        The text, as long as before, and the stretches that are understood all the same.
    """
    known = []
    for pattern in _ASIDE[language]:
        for found in list(pattern.finditer(text)):
            start, end = found.span("who" if "who" in pattern.groupindex else 0)
            text = f"{text[:start]}{'□' * (end - start)}{text[end:]}"
            if found.groupdict().get("who") or found.groupdict().get("known"):
                known.append((start, end))
    return text, known
