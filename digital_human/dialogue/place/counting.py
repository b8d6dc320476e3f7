"""Counts the people a question speaks of: grown-ups, children and what is not sure of them."""

from __future__ import annotations

import re

from digital_human.dialogue.numbers import CHINESE, number
from digital_human.dialogue.place.companions import (
    ADDED,
    AGES,
    BRINGING,
    JOINED,
    LOOSE,
    SHARES,
    TAKEN,
    UNREAD,
)
from digital_human.dialogue.place.leftover import NAME
from digital_human.dialogue.place.people import (
    GROWN_CHILD,
    LIKE_ME,
    ME,
    OWN_CHILD,
    YOUNGER,
    Ages,
    ages_of,
    described,
    is_child,
    key_of,
    keys_of_pair,
    mentions_of,
)
from digital_human.speech.types import Language

MOST = 1000
"""People of one party, at most."""
_ANY_CHILD: Ages = (0, 17)
_GROWN, _OLD = 18, 60
_LARGEST_FAMILY = 9
# All of a number are told of, some of them apart.
_AMONG: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"其中|里[面头]?有|里[面头](?=[一两俩三])|包括|含|有[一两俩]?个是|当中"
        rf"|[一总]共(?:是|有)?{CHINESE}[个口位人]"
    ),
    "en": re.compile(
        r"\bincluding\b|\bincludes\b|\bof whom\b|\bone (?:of us )?is\b|\bcounting\b"
        r"|\bof (?:them|us) (?:are|is|kids|children)\b|\bthe (?:youngest|oldest)\b"
    ),
}
_EACH: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"都|均|全是|双胞胎|龙凤胎"),
    "en": re.compile(r"\bboth\b|\ball\b|\beach\b|\btwins?\b", re.IGNORECASE),
}
_ABOUT = re.compile(r"[一二三四五六七八九]{2}")
_COUNTS = ("n", "n2", "adults", "adults2", "adults3", "children", "people", "peers")
# 两大三小……三个孩子 are the same three.
_GENERAL = re.compile(r"孩|娃|小朋友|儿童|\b(?:kids|children)\b", re.IGNORECASE)
_PAIR = re.compile(r"双胞胎|龙凤胎|\btwins?\b|\bboth\b", re.IGNORECASE)
_PLURAL = re.compile(r"\b(?:kids|children|boys|girls|sons|daughters|pupils|toddlers)\b", re.I)
# Behind all places, in a clause of its own: "…, how much for both of us".
_AGAIN = re.compile(rf"{NAME}[^{NAME}]*[，。！？,.!?;；][^{NAME}]*$")
_PRICE_EACH = re.compile(r"(?:门票|的票)?(?:得|要|是)?(?:花|付|掏)?(?:多少|几)")  # 一个人多少钱
_SIBLING = re.compile(r"(?:little|big|older|younger) (brother|sister)")


class Count:
    """What a question says of people, mention by mention."""

    def __init__(self, text: str, language: Language) -> None:
        self.text, self.language = text, language
        self.adults = 0  # counted as such
        self.paired = 0  # couples
        self.kin = 0  # told one by one, with the speaker
        self.people = 0  # counted, of whatever age
        self.numbers = 0  # how often
        self.counted = 0  # children
        self.ages: list[Ages] = []
        self.sons = 0  # children told one by one
        self.own: list[Ages] = []  # of those whose own age is told: 儿子九岁
        self.young: list[Ages] = []  # of counted children, from what they are called
        self.ours: list[Ages] = []  # 一个九岁一个五岁, "we're nine and five"
        self.rest: Ages | None = None  # of the other children, where one is the youngest
        self.sides: set[str] = set()  # whether the young one is told of, and the old one
        self.most = False  # as the youngest and the oldest: there may be others between them
        self.named: dict[str, Ages | None] = {}
        self.at: dict[str, tuple[int, int]] = {}
        self.homes: list[int] = []  # where 一家三口 stands
        self.spans: list[tuple[int, int]] = []
        self.where: dict[str, tuple[int, int]] = {}
        self.family = self.parent = self.couple = self.me = False
        # Children of whom no number is told; 都; an age told of "he"; 一家子; 两个孩子
        self.vague = self.each = self.back = self.all = self.general = False
        self.part = False  # 四个人，两个不满六岁: of those who are counted
        self.some: list[tuple[int, int]] = []  # where somebody is told of, not all of them again
        self.sure = True
        self.old = False  # somebody is sixty or older
        for found in mentions_of(text, language):
            self._take(found)
        self._take_named()
        added = self._added("adults", "paired") or self._added("paired", "adults")
        if self.paired and (added or self.paired != self.adults):
            self.adults += self.paired
            self._widen("adults", self.where["paired"])
        elif self.paired:
            self.sure &= not (self._joined("adults", "paired") or self._joined("paired", "adults"))
        loose = [one.span() for one in LOOSE[language].finditer(text)]
        loose = [span for span in loose if not self._read(span)]
        self.sure &= not any(not self.people or self._beside(span) for span in loose)
        self.sure &= all(self._read(one.span()) for one in AGES[language].finditer(text))
        self.sure &= UNREAD[language].search(text) is None
        shares = [one.span() for one in SHARES[language].finditer(text)]
        places = {text.count(NAME, 0, start) for start, _ in [*self.some, *shares]}
        self.apart = len(places) > 1

    def _read(self, span: tuple[int, int]) -> bool:
        return any(start < span[1] and span[0] < end for start, end in self.spans)

    def _beside(self, span: tuple[int, int]) -> bool:
        """Whether somebody comes along with a number of people: 五个人加上导游."""
        first, second = sorted((self.where["people"], span))
        between, joined = self.text[first[1] : second[0]], JOINED[self.language].search
        word = self.text[slice(*second)].split(" ")[0]  # that joins them: "and their guide"
        return joined(between) is not None or joined(between + word) is not None

    def _take(self, found: re.Match[str]) -> None:
        told = {key: value for key, value in found.groupdict().items() if value}
        self.spans.append(found.span())
        again = "two" in told or "people" in told or "people2" in told
        if not (again and _AGAIN.search(self.text[: found.start()])):
            self.some.append(found.span())
        # 四五个人 may be four.
        self.sure &= not any(_ABOUT.search(told.get(key, "")) for key in _COUNTS)
        n = _number(told.get("n2") or told.get("n"), 1)
        ages = ages_of(told)
        self.old |= any(low >= _OLD for low, _ in ages)
        who = told.get("who") or told.get("who2")
        self.back |= "back" in told or "months" in told
        self.each |= "each" in told or ("back" in told and len(ages) == 1)
        if who is not None and n == 1:
            self._name(key_of(who), found, ages[0] if ages else None)
        elif "ours" in told:
            self.ours += ages
            self.where.setdefault("ages", found.span())
        elif ages and ages[0][0] >= _GROWN:
            # 一个七十岁的老人 is one more, 都七十二岁 only says how old they are.
            more = "elder" in told and not self.text[: found.start()].endswith(("都", "是"))
            self._add("adults", n if "n" in told or more else 0, found)
        elif ages:
            pair = "pair" in told or (len(ages) == 1 and _PAIR.search(found[0]) is not None)
            self.ages += ages * min(2 if pair and n == 1 else n, MOST)
            # "kids aged five" may be any number.
            alone = len(ages) == n == 1 and not pair and "children" not in told
            self.sure &= not (alone and "children2" not in told and _PLURAL.search(found[0]))
            self.where.setdefault("ages", found.span())
            if "least" in told:
                self._take_rest(told["least"], ages[0][0])
        elif "twins" in told:
            self._add("counted", 2, found)
        self._take_counted(told, n, found)
        self.all |= "all" in told
        self.parent = self.parent or "parent" in told
        self.family |= self.parent or "family" in told or found[0].endswith(("口", "口人"))
        self._take_people(told, found)

    def _take_counted(self, told: dict[str, str], n: int, found: re.Match[str]) -> None:
        """Those who are told of by a number or a word for several, without their age."""
        if "infant" in told:
            self._add("counted", n, found)
            self.young += [described(told["infant"])] * n
            self.sure &= "n" in told or not told["infant"].endswith(("s", "ies"))
        self.general |= "children" in told and _GENERAL.search(found[0]) is not None
        self.part |= "part" in told and not told.keys() & {"noun", "noun2"}
        same = _number(told.get("children") or told.get("children2"), 0) == self.counted
        if self.counted and same and _GENERAL.search(found[0]):
            told = {key: value for key, value in told.items() if not key.startswith("children")}
        if "adults2" in told and self.adults:
            # 两个大人，两张成人票 are the same two.
            self.sure &= _number(told.pop("adults2"), 0) == self.adults
        for key, name in (("adults", "adults"), ("children", "counted"), ("peers", "kin")):
            for at in (key, f"{key}2", f"{key}3"):
                self._add(name, _number(told.get(at), 0), found)
        self._add("paired", 2 * _number(told.get("pairs"), 0), found)
        self._add("kin", 4 if "four" in told else 0, found)
        for one in keys_of_pair(told["kin2"]) if "kin2" in told else ():
            self._name(one, found, None)
        if "couple" in told:
            self.couple = True
            self.where.setdefault("kin", found.span())
        if "kids" in told:
            self.vague = True
            self.where.setdefault("kids", found.span())

    def _take_rest(self, which: str, age: int) -> None:
        """What the age of the youngest, or of the oldest, says of the other children."""
        low, high = self.rest or (0, _ANY_CHILD[1])
        young = which.startswith(("最小", "小", "老二", "young", "small"))
        self.rest = (age, high) if young else (low, age)
        self.sides.add("young" if young else "old")
        self.most |= which.startswith("最") or which.endswith("est")

    def _take_people(self, told: dict[str, str], found: re.Match[str]) -> None:
        """A number of people; another one may be added to it."""
        people = 2 if "two" in told else _number(told.get("people") or told.get("people2"), 0)
        if people and found[0].startswith(("一家", "一大家", "全家")):
            self.homes.append(found.start())
        self.numbers += bool(people)
        if self.people and people:
            first, second = sorted((self.where["people"], found.span()))
            between = self.text[first[1] : second[0]]
            if ADDED[self.language].search(between):
                self.people += people
                self._widen("people", found.span())
                return
            each = people == 1 and _PRICE_EACH.match(self.text, found.end()) is not None
            self.sure &= people == self.people or each or self._among()
        if people > self.people:
            self.people = people
            self.where["people"] = found.span()

    def _name(self, key: str, found: re.Match[str], ages: Ages | None) -> None:
        self.named[key] = ages or self.named.get(key)
        self.at.setdefault(key, found.span())

    def _take_named(self) -> None:
        """Those who are told of one by one, each of them once."""
        self.me = ME in self.named
        self._take_ours()
        mine = self.named.get(ME)
        taken = mine is None and TAKEN[self.language].search(self.text) is not None
        self.sure &= not (taken and self.people)
        grown = GROWN_CHILD.search(self.text) is not None
        # "My little brother … my brother" may be the same.
        siblings = [found[1] for key in self.named if (found := _SIBLING.fullmatch(key))]
        self.sure &= self.named.keys().isdisjoint(siblings)
        for key, told in self.named.items():
            ages, younger = told, YOUNGER.search(key) is not None
            if ages is None and taken and (younger or key == ME):
                ages = (0, _GROWN)
            elif ages is None and younger and mine is not None and mine[0] < _GROWN:
                ages = (0, mine[0])
            if ages is not None and ages[0] < _GROWN:
                self.own.append(ages)
                self._widen("ages", self.at[key])
            elif ages is None and is_child(key) and not (grown and OWN_CHILD.fullmatch(key)):
                self.sons += 1
                self._widen("counted", self.at[key])
            else:
                self.kin += 1
                self._widen("kin", self.at[key])

    def _take_ours(self) -> None:
        """The ages of several: of the children, or of who speaks and those like him."""
        if not self.ours:
            return
        if self.counted or self.vague or any(is_child(key) for key in self.named):
            self.ages += self.ours
            return
        we = [key for key, age in self.named.items() if age is None and LIKE_ME.search(key)]
        self.sure &= len(we) == len(self.ours)
        self.named.update(zip(we, self.ours, strict=False))

    def _widen(self, name: str, span: tuple[int, int]) -> None:
        start, end = self.where.get(name, span)
        self.where[name] = min(start, span[0]), max(end, span[1])

    def _add(self, name: str, size: int, found: re.Match[str]) -> None:
        if size:
            setattr(self, name, getattr(self, name) + size)
            self._widen(name, found.span())

    def _lead(self, one: str, other: str) -> str:
        """What stands before the second of two mentions in this order; empty in another."""
        if one not in self.where or other not in self.where:
            return ""
        end, start = self.where[one][1], self.where[other][0]
        return self.text[end:start] if end <= start else ""

    def _joined(self, one: str, other: str) -> bool:
        return JOINED[self.language].search(self._lead(one, other)) is not None

    def _added(self, one: str, other: str) -> bool:
        return ADDED[self.language].search(self._lead(one, other)) is not None

    def _children(self) -> list[Ages]:
        """The children: those that are counted and those whose age is told are the same."""
        # A baby and a boy of five are two, "a baby, she is five months old" is one.
        young = [] if self.back else self.young
        counted, ages, own = self.counted - len(young), self.ages, self.own
        if counted and own:
            # 两个孩子，女儿九岁，儿子五岁 are two.
            self.sure &= counted == len(ages) + len(own) + self.sons
            return self._of_age(counted, ages + own) + young
        if self.sons == counted > 1 and self.general:
            counted = 0  # 两个孩子，儿子和女儿
        return self._of_age(counted + self.sons, ages) + own + young

    def _of_age(self, counted: int, ages: list[Ages]) -> list[Ages]:
        others = [*(self.young if self.back else ()), *[self.rest or _ANY_CHILD] * MOST]
        if not ages:
            vague = self.vague and not counted and not self.own
            self.sure &= not vague
            return others[: min(counted or int(vague), MOST)]
        if not counted or counted == len(ages):
            self.sure &= not (counted and self._joined("counted", "ages"))
            return ages
        if counted < len(ages) or self._joined("counted", "ages"):
            self.sure = False
            return ages
        each = self.each or _EACH[self.language].search(self.text)
        if len(ages) == 1 and each:
            return ages * min(counted, MOST)
        return [*ages, *others[: min(counted - len(ages), MOST)]]

    def _grown(self) -> int:
        """Grown-ups that are counted, or told one by one."""
        kin = max(self.kin, 2) if self.couple and self.me else self.kin + 2 * self.couple
        if not self.adults or not kin:
            return self.adults or kin
        # 我带两个大人 are three, 我跟老公两个大人 are two.
        for one, other in (("kin", "adults"), ("adults", "kin")):
            if self._joined(one, other):
                near = JOINED[self.language].match(self._lead(one, other)) is not None
                self.sure &= near or kin > 1 or self._added(one, other)
                return self.adults + kin
        # "I bring a class with three teachers": who speaks may be one of them.
        self.sure &= kin <= self.adults and not (self.me and kin == 1 < self.adults)
        return self.adults

    def resolve(self) -> tuple[int, tuple[Ages, ...], bool]:
        """Grown-ups, children, and whether that is sure."""
        for name in ("adults", "kin"):
            if self._added("people", name):
                self.people += getattr(self, name)
                setattr(self, name, 0)
            else:
                self.sure &= not self._joined("people", name)
        children, adults = self._children(), self._grown()
        size, people = len(children), self.people
        if not people:
            bare = not (self.adults or self.me or self.couple)
            self.sure &= not (bare and self._brought() and (adults or children))
            self.sure &= not (self.all and 0 < adults + size < 3)
        elif not adults and not children:
            adults = people
            if self.family and (2 if self.parent else 3) <= people <= _LARGEST_FAMILY:
                adults, children = people - 1, [_ANY_CHILD]  # there may be children
        elif self.kin == adults and not self.me and self._with_us():
            adults += people  # grandma, grandpa and the two of us
            self.sure &= not children
        elif not children:
            self.sure &= not self.adults or adults == people
            self.sure &= adults <= people
            self.sure &= adults == people or not self._joined("kin", "people")
            adults = people
        elif not adults and size == people and self._with_children():
            adults = people
        elif adults + size != people:
            missing = people - adults - size
            others = self.rest is not None and (self.most or len(self.sides) < 2)
            counted = self.counted + self.sons
            if self.rest is not None and others and not counted and missing > 0:
                children += [(self.rest[0], _GROWN)] * missing
            else:
                adults = self._apart(adults, size)
        if any(end in self.homes for _, end in self.at.values()):
            # 我妹妹一家三口 may come along with others.
            self.sure &= adults + size == people and self.numbers == 1
        return min(adults, MOST), tuple(children[:MOST]), self.sure

    def _brought(self) -> bool:
        """Whether somebody of whom nothing else is said brings those who are told of."""
        for found in BRINGING[self.language].finditer(self.text):
            if not any(0 <= found.start() - end <= 1 for _, end in self.spans):
                return True
        return False

    def _among(self) -> bool:
        return _AMONG[self.language].search(self.text) is not None

    def _with_us(self) -> bool:
        """Whether those who are told of one by one come along with a number of others."""
        return self._added("kin", "people") or (self.kin > 1 and self._joined("kin", "people"))

    def _with_children(self) -> bool:
        """Whether a number of people is joined to children by a word: "two of us and a girl"."""
        return any(self._joined("people", one) for one in ("ages", "counted", "kids"))

    def _apart(self, adults: int, children: int) -> int:
        """Grown-ups of a counted party with children: these may be counted or come along."""
        people = self.people
        first = "ages" if "ages" in self.where else "counted"
        within = self.family or self._among()
        within |= self.part and not self._joined("people", first)
        if within and adults + children < people:
            return people - children
        joined = self._with_children()
        # "four of us with a child" may be five or four.
        able = people == 2 or "with" not in self._lead("people", first)
        if not within and joined and able and adults in (0, people):
            return people
        self.sure = False
        return max(adults, people - children)


def _number(text: str | None, otherwise: int) -> int:
    if not text:
        return otherwise
    text = text.lower()
    few = {"a": 1, "an": 1, "both": 2, "all": 1, "half a dozen": 6, "a dozen": 12}
    return min(few[text] if text in few else number(text), MOST)
