"""Who a question is about: how many grown-ups, and children of what age.

A sum must never be wrong: where it is not sure who comes along, that is said (`Party.sure`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.dialogue.place.people import (
    ELDER,
    NO_PEOPLE,
    STUDENT,
    Ages,
    ages_of,
    mentions_of,
)
from digital_human.speech.types import Language

_ANY_CHILD: Ages = (0, 17)
_GROWN = 18
_MOST = 1000  # people of one party
_LARGEST_FAMILY = 9

_TOTALS: dict[Language, str] = {
    "zh": r"一共|总共|共计?|加(?:在)?一?(?:起来|起|块儿?)|合计|拢共|全部|全程|统共|一起|一块儿?"
    r"|合起来|都算上|算下来|总价|总的|凑一?(?:起|块)",
    "en": r"\bin total\b|\baltogether\b|\ball together\b|\bin all\b|\btotal\b|\bcombined\b"
    r"|\boverall\b|\btogether\b|\badds? up\b|\bplus\b|\bcomes? to\b|\bthe lot\b",
}
_BOATS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(rf"(?P<n>{CHINESE})[条艘只](?=[^，。？]{{0,3}}船)"),
    "en": re.compile(rf"\b(?P<n>{ENGLISH}) (?=(?:rowing |row)?boats\b)", re.IGNORECASE),
}
# Between two mentions: the second comes along with the first.
_JOINED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[，、]?(?:再|另外?|外)?(?:带|领|抱|陪|加|和|跟|与|同|还有|以及|连同|捎)(?:着|上|了)?(?:我们?|还有|咱们?)?的?[一这那]?个?$"
    ),
    "en": re.compile(
        r",?\s*(?:and|plus|with|as well as)(?: also)?(?: (?:our|my|the|a))?\s*$", re.IGNORECASE
    ),
}
# All of a number are told of, some of them apart.
_AMONG: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"其中|里面?有|里头有|包括|含|有[一两俩]?个是|当中"
        rf"|[一总]共(?:是|有)?{CHINESE}[个口位人]"
    ),
    "en": re.compile(r"\bincluding\b|\bincludes\b|\bof whom\b|\bone (?:of us )?is\b|\bcounting\b"),
}
_EACH: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"都|均|全是|双胞胎|龙凤胎"),
    "en": re.compile(r"\bboth\b|\ball\b|\beach\b|\btwins\b", re.IGNORECASE),
}
# Numbers that are not read: so many for each, one or the other, more than a hundred in words.
_UNREAD: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"各自?[带领]|每[人家位](?:都|各)?[带领有]"),
    "en": re.compile(
        rf"\bhundred (?:and )?{ENGLISH}\b"
        r"|\beach (?:bring|with|have|has|of us (?:has|brings))\b"
        rf"|\b{ENGLISH} (?:or|to) {ENGLISH} (?:of us|people|adults|kids|children|friends)\b",
        re.IGNORECASE,
    ),
}
_ABOUT = re.compile(r"[一二三四五六七八九]{2}")
_COUNTS = ("n", "n2", "adults", "adults2", "adults3", "children", "people", "peers")
# 两大三小……三个孩子 are the same three.
_GENERAL = re.compile(r"孩|娃|小朋友|\b(?:kids|children)\b", re.IGNORECASE)
_PAIR = re.compile(r"双胞胎|龙凤胎|\btwins\b|\bboth\b", re.IGNORECASE)
_PLURAL = re.compile(r"\b(?:kids|children|boys|girls|sons|daughters|pupils|toddlers)\b", re.I)
# People of whom it is not told how many they are, or who are counted in words that are not known.
_LOOSE: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?<=[和跟与同带陪])(?:我的?|几个|一些|一帮|一群)?(?:朋友|同事|同学|家人|亲戚|亲友|长辈)"
        r"|(?<=我[和跟与同])[^，。？]|带[队团](?!的?(?:老师|家长))|导游"
        rf"|(?<![第前后])(?!一|零|1个){CHINESE}[个名位]{NO_PEOPLE}(?![都加合门票寺庙塔◇一多半]|项目|人)"
    ),
    "en": re.compile(
        r"\b(?:and|with|my|our|some|plus) (?:\w+ )?(?:parents|grandparents|in-laws|relatives"
        r"|friends|mates|colleagues|folks|guests|clients"
        r"|kids|children)\b|\b[a-z]+(?= and (?:i|me)\b)|(?<=\bme and )[a-z]+"
        r"|\b(?:members|players|tourists|travell?ers|teammates|classmates)\b",
        re.IGNORECASE,
    ),
}
# Somebody of whom nothing is said brings the others along.
_BRINGING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"我们|咱们?|俺们|[带领陪抱]"),
    "en": re.compile(r"\b(?:we|we're|we'd|we've|us|our|with|bring\w*|tak(?:e|ing) (?:my|our))\b"),
}
_REDUCED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"{ELDER}|{STUDENT}|老[两俩]口|[六七八九]十[多几来一二三四五六七八九]*岁|残疾|退休|军人"
    ),
    "en": re.compile(
        r"\bstudents?\b|\bseniors?\b|\bpensioners?\b|\belderly\b|\bretired\b|\bdisabled\b"
        r"|\bgrand(?:parents|ma|pa|mother|father)\b|\bover (?:sixty|seventy|eighty|[678]\d)",
        re.IGNORECASE,
    ),
}
# Who is counted, in words of his own: 合唱团二十个人.
_NAMED_GROUP = re.compile(
    r"(?<![^，。？！,?!])(?:我们|咱们?)?[^，。？！,?!◇]{0,8}(?:队|团|班|组|社|宿舍|单位|公司|部门|团建|同事|车|帮|伙|群|校|聚会)的?(?:我们|一共|总共)?$"
)
_TOTAL = {language: re.compile(words, re.IGNORECASE) for language, words in _TOTALS.items()}


@dataclass(frozen=True, slots=True)
class Party:
    """The people of whom a question speaks.

    Attributes:
        adults: Grown-ups, and everybody of whom nothing else is said.
        children: Of what age each child may be.
        sure: Whether it is understood who comes along.
        reduced: Whether they are people who may pay less somewhere: students, old people.
        boats: How many boats it speaks of.
        total: Whether the sum is asked for.
        spans: Stretches of the question that say so.
    """

    adults: int = 0
    children: tuple[Ages, ...] = ()
    sure: bool = True
    reduced: bool = False
    boats: int = 0
    total: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        """How many they are; 0 when nothing is said of it."""
        return self.adults + len(self.children)


class _Count:
    """What a question says of people, mention by mention."""

    def __init__(self, text: str, language: Language) -> None:
        self.text, self.language = text, language
        self.adults = 0  # counted as such
        self.kin = 0  # told one by one, with the speaker
        self.people = 0  # counted, of whatever age
        self.counted = 0  # children
        self.ages: list[Ages] = []
        self.spans: list[tuple[int, int]] = []
        self.where: dict[str, tuple[int, int]] = {}
        self.family = self.parent = self.couple = self.me = False
        self.vague = self.each = False
        self.sure = True
        for found in mentions_of(text, language):
            self._take(found)
        loose = (one.span() for one in _LOOSE[language].finditer(text))
        if not self.people and any(not self._read(span) for span in loose):
            self.sure = False
        self.sure &= _UNREAD[language].search(text) is None

    def _read(self, span: tuple[int, int]) -> bool:
        return any(start < span[1] and span[0] < end for start, end in self.spans)

    def _take(self, found: re.Match[str]) -> None:
        told = {key: value for key, value in found.groupdict().items() if value}
        self.spans.append(found.span())
        # 四五个人 may be four.
        self.sure &= not any(_ABOUT.search(told.get(key, "")) for key in _COUNTS)
        n = _number(told.get("n2") or told.get("n"), 1)
        ages = ages_of(told)
        if ages and ages[0][0] >= _GROWN:
            # 一个七十岁的老人 is one more, 都七十二岁 only says how old they are.
            more = "elder" in told and not self.text[: found.start()].endswith(("都", "是"))
            self._add("adults", n if "n" in told or more else 0, found)
        elif ages:
            pair = "pair" in told or (len(ages) == 1 and _PAIR.search(found[0]) is not None)
            self.ages += ages * min(2 if pair and n == 1 else n, _MOST)
            # "kids aged five" may be any number.
            alone = len(ages) == n == 1 and not pair and "children" not in told
            self.sure &= not (alone and "children2" not in told and _PLURAL.search(found[0]))
            self.each = self.each or "each" in told
            self.where.setdefault("ages", found.span())
        elif "twins" in told:
            self._add("counted", 2, found)
        again = _number(told.get("children") or told.get("children2"), 0) == self.counted
        if self.counted and again and _GENERAL.search(found[0]):
            told = {key: value for key, value in told.items() if not key.startswith("children")}
        for key, name in (("adults", "adults"), ("children", "counted"), ("peers", "kin")):
            for at in (key, f"{key}2", f"{key}3"):
                self._add(name, _number(told.get(at), 0), found)
        for key, size in (("kin2", 2), ("kin", 1), ("me", 1)):
            self._add("kin", size if key in told else 0, found)
        self._add("counted", "son" in told, found)
        self.me = self.me or "me" in told
        if "couple" in told:
            self.couple = True
            self.where.setdefault("kin", found.span())
        if "kids" in told:
            self.vague = True
            self.where.setdefault("kids", found.span())
        self.parent = self.parent or "parent" in told
        self.family |= self.parent or "family" in told or found[0].endswith(("口", "口人"))
        people = 2 if "two" in told else _number(told.get("people") or told.get("people2"), 0)
        if people > self.people:
            self.people = people
            self.where["people"] = found.span()

    def _add(self, name: str, size: int, found: re.Match[str]) -> None:
        if size:
            setattr(self, name, getattr(self, name) + size)
            start, end = self.where.get(name, found.span())
            self.where[name] = min(start, found.start()), max(end, found.end())

    def _lead(self, one: str, other: str) -> str:
        """What stands before the second of two mentions in this order; empty in another."""
        if one not in self.where or other not in self.where:
            return ""
        end, start = self.where[one][1], self.where[other][0]
        return self.text[end:start] if end <= start else ""

    def _joined(self, one: str, other: str) -> bool:
        return _JOINED[self.language].search(self._lead(one, other)) is not None

    def _children(self) -> list[Ages]:
        """The children: those that are counted and those whose age is told are the same."""
        counted, ages = self.counted, self.ages
        if not ages:
            self.sure &= not (self.vague and not counted)
            return [_ANY_CHILD] * min(counted or int(self.vague), _MOST)
        if not counted or counted == len(ages):
            self.sure &= not (counted and self._joined("counted", "ages"))
            return ages
        if counted < len(ages) or self._joined("counted", "ages"):
            self.sure = False
            return ages
        each = self.each or _EACH[self.language].search(self.text)
        if len(ages) == 1 and each:
            return ages * min(counted, _MOST)
        return [*ages, *[_ANY_CHILD] * min(counted - len(ages), _MOST)]

    def _grown(self) -> int:
        """Grown-ups that are counted, or told one by one."""
        kin = max(self.kin, 2) if self.couple and self.me else self.kin + 2 * self.couple
        if not self.adults or not kin:
            return self.adults or kin
        # 我带两个大人 are three, 我跟老公两个大人 are two.
        for one, other in (("kin", "adults"), ("adults", "kin")):
            if self._joined(one, other):
                near = _JOINED[self.language].match(self._lead(one, other)) is not None
                self.sure &= near or kin > 1
                return self.adults + kin
        # "I bring a class with three teachers": who speaks may be one of them.
        self.sure &= kin <= self.adults and not (self.me and kin == 1 < self.adults)
        return self.adults

    def resolve(self) -> tuple[int, tuple[Ages, ...], bool]:
        """Grown-ups, children, and whether that is sure."""
        children, adults = self._children(), self._grown()
        size, people = len(children), self.people
        if not people:
            bare = not (self.adults or self.me or self.couple)
            brings = bare and _BRINGING[self.language].search(self.text) is not None
            self.sure &= not (brings and (adults or children))
        elif not adults and not children:
            adults = people
            if self.family and (2 if self.parent else 3) <= people <= _LARGEST_FAMILY:
                adults, children = people - 1, [_ANY_CHILD]  # there may be children
        elif people == 2 <= self.kin == adults and not self.me and self._joined("kin", "people"):
            adults += people  # grandma, grandpa and the two of us
        elif not children:
            self.sure &= not self.adults or adults == people
            self.sure &= adults <= people
            self.sure &= adults == people or not self._joined("kin", "people")
            adults = people
        elif adults + size != people:
            adults = self._apart(adults, size)
        return min(adults, _MOST), tuple(children[:_MOST]), self.sure

    def _apart(self, adults: int, children: int) -> int:
        """Grown-ups of a counted party with children: these may be counted or come along."""
        people = self.people
        within = self.family or _AMONG[self.language].search(self.text) is not None
        first = "ages" if "ages" in self.where else "counted"
        if within and adults + children < people:
            return people - children
        joined = any(self._joined("people", one) for one in (first, "counted", "kids"))
        # "four of us with a child" may be five or four.
        able = people == 2 or "with" not in self._lead("people", first)
        if not within and joined and able and adults in (0, people):
            return people
        self.sure = False
        return max(adults, people - children)


def party_of(text: str, language: Language) -> Party:
    """Who ``text`` is about."""
    count = _Count(text, language)
    adults, children, sure = count.resolve()
    totals = [found.span() for found in _TOTAL[language].finditer(text)]
    spans = [*count.spans]
    for start, end in count.spans:
        if language == "zh" and (group := _NAMED_GROUP.search(text[:start])):
            spans.append((group.start(), end))
    boats = 0
    for found in _BOATS[language].finditer(text):
        boats = max(boats, min(number(found["n"]), _MOST))
        spans.append(found.span("n"))
    reduced = _REDUCED[language].search(text) is not None
    return Party(adults, children, sure, reduced, boats, bool(totals), (*spans, *totals))


def _number(text: str | None, otherwise: int) -> int:
    if not text:
        return otherwise
    text = text.lower()
    few = {"a": 1, "an": 1, "both": 2, "all": 1}
    return min(few[text] if text in few else number(text), 1000)
