"""Recognises the wish for a verse made up on the spot, and what it is to be about."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 24
"""Characters of a theme that are used."""
_HEARD = 200  # characters of what a visitor says that are looked at

_KIND = r"(?:打油诗|顺口溜)"
_POEM = rf"(?:{_KIND}|绝句|小诗|诗(?!人|词|歌|集|意|情|句|社)|词(?!语|典|句|汇))"
_MAKE = r"(?:写|作|做|编|创作|即兴|赋|凑|吟|造)"
_TOPIC = r"([^，。？！]{1,24}?)"
_COUNT = r"(?:[一两几四个首段点句些支]|出来|上|出|来)+"
_JOKE_ZH = re.compile(_KIND)
_MADE_ZH = re.compile(
    rf"{_MAKE}{_COUNT}[^，。？！]{{0,24}}?{_POEM}|(?:作|写|赋|吟){_POEM}(?:一首|吧|$)"
    rf"|即兴.{{0,6}}{_POEM}|(?:为|做)(?:题|主题).{{0,8}}{_POEM}|{_POEM}.{{0,6}}(?:为|做)(?:题|主题)"
)
_FACT_ZH = re.compile(
    r"[写作编做]过|[写作编做]了|[写作]的|写于|作于|谁|为什么|什么时候|哪|多少|是不是|有没有|怎么[写作]"
    r"|什么是|是什么|什么叫|意思|来历|由来|历史|背(?=[一这那首段个诗打])"
    r"|(?<![像学仿照按])(?:苏轼|苏东坡|东坡|李白|杜甫|白居易|古人|诗人|他|她)的(?:那首)?[诗词]"
)
_TOPICS_ZH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:以|用|拿|把){_TOPIC}(?:为|做|作|当)(?:主题|题目?|韵)",
        rf"(?:关于|有关|描写|描述|形容|赞美|夸夸?|吐槽){_TOPIC}的?(?:{_POEM}|[，。]|$)",
        rf"(?:用|拿|把){_TOPIC}(?:给我|帮我|来)?(?:[写编][进成]|{_MAKE}|来{_COUNT})",
        rf"(?:给|为|替)(?!我们?[写作编来]|大家|咱){_TOPIC}(?:{_MAKE}|来){_COUNT}",
        rf"[首个段句](?![像学仿按照]){_TOPIC}的(?:[^，。？！的]{{0,4}}){_POEM}",
        rf"{_POEM}(?:来?一?[首个段])?[，：。]*就?(?:关于|有关|[题目主]+[是叫]|[写讲说夸]){_TOPIC}$",
        rf"^([^，。？！给请]{{1,12}}?)的{_KIND}",
    )
)
_POLITE_ZH = re.compile(r"(?:吧|吗|呢|呀|啊|好不好|可以|行不行|行吗|好吗|怎么样|谢谢|一下)+$")
_MANNER_ZH = re.compile(
    r"^(?:很|非常|特别|好|最)?(?:好玩|有趣|搞笑|幽默|好笑|简单|简短|短|新|可爱|你自己|自己|即兴|随便)的?$"
)
_MARKS = str.maketrans(",?!:", "，？！：")
_EN = re.compile(
    r"\b(make|compose|improvise|create|invent|write|come up with|give|tell|say|do|recite)\b"
    r"(.{0,40}?)\b(poem|verse|rhyme|ditty|doggerel|limerick)s?\b",
    re.IGNORECASE,
)
_TELLS_EN = ("give", "tell", "say", "do", "recite")
_JOKE_EN = re.compile(r"\b(?:funny|silly|comic|nonsense|humou?rous|of your own)\b", re.IGNORECASE)
_KIND_EN = ("doggerel", "limerick", "ditty")
_FACT_EN = re.compile(r"\b(?:did|who|when|where|which|why|what|written|wrote)\b", re.IGNORECASE)
_BY_EN = re.compile(r"^ (?:by|that (?:he|she|you)|(?:he|she) wrote)\b", re.IGNORECASE)
_TOPIC_EN = re.compile(
    r"\b(?:about|on|of|for|with|using|from|out of)\s+(?!me\b|us\b|your own\b)(?:the words? )?"
    r"([^,.?!;]+?)(?=\s*(?:$|[,.?!;]|\bplease\b|\bfor (?:me|us)\b|\b(?:make|write|compose)\b))",
    re.IGNORECASE,
)


def wished(text: str) -> str | None:
    """What a verse is wished about: "" when that is left open, None when none is wished.

    A poem that is already there ("背一首诗", "which poem did he write here") is not such a wish.
    """
    heard = unicodedata.normalize("NFKC", text[:_HEARD])
    if (found := _EN.search(heard)) is not None:
        return _wished_en(heard, found)
    heard = heard.translate(_MARKS).rstrip("。！？ ")
    if _FACT_ZH.search(heard) or not (_JOKE_ZH.search(heard) or _MADE_ZH.search(heard)):
        return None
    for pattern in _TOPICS_ZH:
        if (match := pattern.search(heard)) and (theme := _bare(match[1])):
            return theme
    return ""


def plain(text: str) -> str:
    """``text`` as it may stand in a prompt: letters, digits and single spaces, and not many."""
    words = re.findall(r"(?:[^\W_]|、)+", unicodedata.normalize("NFKC", text[:_HEARD]))
    joined = re.sub(r"(?<=[\u3400-\u9fff]) | (?=[\u3400-\u9fff])", "", " ".join(words))
    return joined[:LONGEST].strip(" 、")


def _wished_en(heard: str, found: re.Match[str]) -> str | None:
    verb, between, kind = found[1].casefold(), found[2], found[3].casefold()
    if _FACT_EN.search(heard[: found.start()]) or _BY_EN.search(heard[found.end() :]):
        return None
    joke = kind in _KIND_EN or _JOKE_EN.search(heard)
    if verb in _TELLS_EN and not joke:
        return None
    for part in (heard[found.end() :], heard[: found.start()], between):
        if match := _TOPIC_EN.search(part):
            return plain(match[1])
    return ""


def _bare(theme: str) -> str:
    """A theme without what politeness and manner put around it."""
    bare = plain(_POLITE_ZH.sub("", theme.strip()))
    return "" if _MANNER_ZH.match(bare) else bare
