"""Who a question is about: how many grown-ups, how many children of what age."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.speech.types import Language

_CHILD = r"(?:小孩子?|孩子|娃娃?|宝宝|儿童|小朋友|女儿|儿子|孙子|孙女|小家伙)"
_CHILD_EN = (
    r"(?:child(?:ren)?|kids?|toddlers?|sons?|daughters?|boys?|girls?|little ones?|babies|baby)"
)
_ADULT = (
    r"(?:老伴儿?|老婆|老公|媳妇儿?|爱人|太太|先生|对象|男朋友|女朋友|男友|女友|闺蜜|室友|妈妈?|爸爸?|老妈|老爸"
    r"|母亲|父亲|奶奶|爷爷|朋友|同学|同事|姐姐?|妹妹?|哥哥?|弟弟?)"
)
_COUNT_EN = rf"(?:{ENGLISH}|an?)"
_MOST = 60  # people of one party

_PATTERNS: dict[Language, tuple[str, ...]] = {
    "zh": (
        rf"(?P<couple>我[跟和与同]我?{_ADULT}(?!们)|[我咱]?们?夫妻[俩两]?|[老小]?两口子?|情侣)",
        rf"(?:(?P<n>{CHINESE})个?)?(?:(?<!\d)(?P<age>{CHINESE}))周?岁半?多?(?!以[下上内])(?:大?的)?{_CHILD}?",
        rf"(?P<adults>{CHINESE})[个位名]?(?:大人|成年?人)",
        rf"(?P<adults>{CHINESE})大(?=(?:{CHINESE})小)",
        rf"(?P<children>{CHINESE})[个位名]?(?:{_CHILD}|小(?!时))",
        rf"(?:我们|咱们?|一行|一家子?)?(?P<people>{CHINESE})(?:个人|位|人(?!均|民|间)|口人?"
        rf"|张(?:门?票|船票)?)",
        rf"(?:我们|咱们?|俺们?|我[跟和与同][^，。？]{{1,6}}?|一家子?|全家|姐妹|兄弟|同学|朋友)"
        rf"(?!十一|五一|六一|一起|一共|一块|一道)(?P<people>{CHINESE})"
        r"(?!千|万)(?:个|口)?人?(?!个?(?:小时|钟头|[半月天点分刻岁楼号种条张座处路次]))",
        r"(?P<two>我们?[俩两](?!个?小时)|[俩两]口人?|俩人)",
    ),
    "en": (
        rf"\b(?:(?P<n>{_COUNT_EN}) )?(?P<age>{ENGLISH})[- ]years?[- ]olds?(?: {_CHILD_EN})?",
        rf"\b{_CHILD_EN}\b(?: who)?(?:'s| is| aged| of|,)? (?P<age>{ENGLISH})"
        rf"(?:,? and (?P<age2>{ENGLISH}))?\b"
        r"(?! (?:yuan|of|hours?))",
        rf"\b(?P<adults>{_COUNT_EN}) (?:adults?|grown[- ]ups?)",
        rf"\b(?P<children>{_COUNT_EN}) {_CHILD_EN}\b",
        rf"\b(?P<people>{ENGLISH}) (?:people|persons?|of us|tickets?|visitors?|friends)\b",
        rf"\b(?:for|family of|party of|group of|we are|there are) (?P<people>{ENGLISH})"
        r"(?= ?[,?.!]|$| in\b)",
        r"\b(?P<couple>my (?:wife|husband|friend|partner|mother|father|mum|mom|dad) and (?:i|me)"
        r"|(?:me|i) and my (?:wife|husband|friend|partner)|a couple(?! of))\b",
        r"\b(?P<two>both of us)\b",
    ),
}
_TOTALS: dict[Language, str] = {
    "zh": r"一共|总共|共计?|加(?:在)?一?(?:起来|起|块儿?)|合计|拢共|全部|全程|统共|一起|一块儿?"
    r"|合起来|都算上|算下来",
    "en": r"\bin total\b|\baltogether\b|\ball together\b|\bin all\b|\btotal\b|\bcombined\b"
    r"|\boverall\b|\btogether\b|\badds? up\b|\bplus\b",
}
_BOATS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(rf"(?P<n>{CHINESE})[条艘只](?=[^，。？]{{0,3}}船)"),
    "en": re.compile(rf"\b(?P<n>{ENGLISH}) (?=(?:rowing |row)?boats\b)", re.IGNORECASE),
}
_READ = {
    language: tuple(re.compile(one, re.IGNORECASE) for one in patterns)
    for language, patterns in _PATTERNS.items()
}
_TOTAL = {language: re.compile(words, re.IGNORECASE) for language, words in _TOTALS.items()}


@dataclass(frozen=True, slots=True)
class Party:
    """The people of whom a question speaks.

    Attributes:
        adults: Grown-ups, and everybody of whom nothing else is said.
        ages: Of the children whose age is told.
        children: Children of an age that is not told.
        boats: How many boats it speaks of.
        total: Whether the sum is asked for.
        spans: Stretches of the question that say so.
    """

    adults: int = 0
    ages: tuple[int, ...] = ()
    children: int = 0
    boats: int = 0
    total: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        """How many they are; 0 when nothing is said of it."""
        return self.adults + len(self.ages) + self.children


def party_of(text: str, language: Language) -> Party:
    """Who ``text`` is about."""
    adults = children = people = 0
    couple = False
    ages: list[int] = []
    spans: list[tuple[int, int]] = []
    for found in _matches(text, language):
        told = found.groupdict()
        spans.append(found.span())
        if told.get("age"):
            ages += [number(told["age"])] * min(_count(told.get("n")), _MOST)
        if told.get("age2"):
            ages.append(number(told["age2"]))
        adults += _count(told.get("adults"), 0)
        couple = couple or told.get("couple") is not None
        children += _count(told.get("children"), 0)
        people = max(people, 2 if told.get("two") else _count(told.get("people"), 0))
    if couple:
        adults = max(adults, 2)  # they may have been counted before
    if people:
        adults = max(adults, people - len(ages) - children)
    totals = [found.span() for found in _TOTAL[language].finditer(text)]
    boats = 0
    for found in _BOATS[language].finditer(text):
        boats = max(boats, min(number(found["n"]), _MOST))
        spans.append(found.span("n"))
    return Party(
        min(adults, _MOST), tuple(ages), min(children, _MOST), boats, bool(totals),
        (*spans, *totals),
    )  # fmt: skip


def _matches(text: str, language: Language) -> Iterator[re.Match[str]]:
    """What the patterns find, each stretch of the text once."""
    taken: set[int] = set()
    for pattern in _READ[language]:
        for found in pattern.finditer(text):
            if taken.isdisjoint(range(*found.span())):
                taken.update(range(*found.span()))
                yield found


def _count(text: str | None, otherwise: int = 1) -> int:
    if not text:
        return otherwise
    return 1 if text.lower() in ("a", "an") else number(text)
