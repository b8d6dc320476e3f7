"""Who a question is about: how many grown-ups, and children of what age.

A sum must never be wrong: where it is not sure who comes along, that is said (`Party.sure`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.dialogue.place.companions import set_aside
from digital_human.dialogue.place.counting import MOST, Count
from digital_human.dialogue.place.people import ELDER, GROUP, STUDENT, Ages
from digital_human.speech.types import Language

_TOTAL: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"一共|总共|共计?|加(?:在)?一?(?:起来|起|块儿?)|合计|拢共|全部|全程|统共|一起|一块儿?"
        r"|合起来|都算上|算下来|总价|总的|凑一?(?:起|块)"
    ),
    "en": re.compile(
        r"\bin total\b|\baltogether\b|\ball together\b|\bin all\b|\btotal\b|\bcombined\b"
        r"|\boverall\b|\btogether\b|\badds? up\b|\bplus\b|\bcomes? to\b|\bthe lot\b",
        re.IGNORECASE,
    ),
}
_BOATS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(rf"(?P<n>{CHINESE})[条艘只](?=[^，。？]{{0,3}}船)"),
    "en": re.compile(rf"\b(?P<n>{ENGLISH}) (?=(?:rowing |row)?boats\b)", re.IGNORECASE),
}
_REDUCED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"{ELDER}|{STUDENT}|老[两俩]口|[六七八九]十[多几来一二三四五六七八九]*[岁了]|残疾|退休|军人"
    ),
    "en": re.compile(
        r"\bstudents?\b|\bseniors?\b|\bpensioners?\b|\belderly\b|\bretired\b|\bdisabled\b"
        r"|\bgrand(?:parents|ma|pa|mother|father)\b|\bover (?:sixty|seventy|eighty|[678]\d)",
        re.IGNORECASE,
    ),
}
# Who is counted, in words of his own: 合唱团二十个人.
_NAMED_GROUP = re.compile(
    rf"(?<![^，。？！,?!])(?:我们|咱们?)?[^，。？！,?!◇]{{0,8}}(?:{GROUP}|团建|同事|车|帮|伙|群|校|聚会"
    r"|[职员]工|[教党店学]员|医生|护士|干部|师徒|兄弟|姐妹|志愿者|爱好者)的?(?:我们|一共|总共)?$"
)


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
        apart: Whether some are told of with one place, some with another.
        spans: Stretches of the question that say so.
    """

    adults: int = 0
    children: tuple[Ages, ...] = ()
    sure: bool = True
    reduced: bool = False
    boats: int = 0
    total: bool = False
    apart: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def size(self) -> int:
        """How many they are; 0 when nothing is said of it."""
        return self.adults + len(self.children)


def party_of(text: str, language: Language) -> Party:
    """Who ``text``, with the marks of its language (`names.wide`), is about."""
    text, aside = set_aside(text, language)
    count = Count(text, language)
    adults, children, sure = count.resolve()
    totals = [found.span() for found in _TOTAL[language].finditer(text)]
    spans = [*aside, *count.spans]
    for start, end in count.spans:
        if language == "zh" and (group := _NAMED_GROUP.search(text[:start])):
            spans.append((group.start(), end))
    boats = 0
    for found in _BOATS[language].finditer(text):
        boats = max(boats, min(number(found["n"]), MOST))
        spans.append(found.span("n"))
    reduced = count.old or _REDUCED[language].search(text) is not None
    return Party(
        adults, children, sure, reduced, boats, bool(totals), count.apart, (*spans, *totals)
    )
