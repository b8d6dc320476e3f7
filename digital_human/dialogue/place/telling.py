"""What people tell besides what they ask: where they wait, go and have been, and how they come."""

from __future__ import annotations

import re
from collections.abc import Sequence

from digital_human.dialogue.place.kinds import TAKES, topic_of
from digital_human.dialogue.place.leftover import NAME as _NAME
from digital_human.dialogue.place.leftover import clause_spans, clauses
from digital_human.dialogue.place.names import Mention
from digital_human.dialogue.place.phrases import KINDS
from digital_human.speech.types import Language

HERE = re.compile(
    r"这里|这儿|这座|这个|这边|这是|此处|[你您]们?(?:这|馆|博物馆|展馆|家)|[本贵]馆|馆里"
    r"|\byou (?:(?:don't|do|are|aren't|will|won't|still|guys|really|always|usually|normally) )*"
    r"(?:open|closed?|shut)\b|\byou're (?:open|closed|shut)\b"
    r"|\b(?:here|this|your (?:hall|museum|place|building)"
    r"|the museum(?! (?:at (?!\w+ o'|\d|noon)|of|about|near|next|opposite|across|with|where|that))"
    r"|are you (?:guys )?(?:open|closed))\b",
    re.IGNORECASE,
)
QUESTION = re.compile(
    r"[?？]|[吗么呢](?:$|[，。])|([行成能可会])不\1|几|多[少久晚早]|什么|啥|\b(?:what|when|how|which)\b"
)
# Where somebody waits is all that this says: 司机把车停◇底下等我们.
WAITING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"(?=.*(?:[等停候在]|集合|碰[头面]|会合|见面))[^离{_NAME}]*?(?:[在到停]了?)?{_NAME}"
        r"(?:那[边儿里]|这[边儿里]|门口|[底下外][下面]|[边楼山]?[下上]|旁边|跟前)*+"
        r"(?:[等停候]|集合|碰[头面]|会合|见面|着|我们?|咱们?|大家|呢|了|的|[,，。 ])*+"
    ),
    "en": re.compile(
        r"[^,.?]*\b(?:is|'s|are|'re|be|been|gets?|parked|waits?|waiting|meet\w*|stops?|pick\w*)\b"
        r"(?: (?:waiting|parked|standing|staying|meeting|picking|stopping|us|me|up|for|now"
        r"|already))*"
        r" (?:below|under|at|by|outside|near|beside|behind|next to|in front of|opposite)"
        rf" (?:the )?{_NAME}[ ,.]*"
    ),
}
_WAITS = re.compile(r"[等停候]|集合|碰[头面]|会合|见面|\b(?:wait|park|meet|pick)")
# Where somebody else waits is not where the way begins, unless he is spoken of again.
_AWAITED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"^(?!(?:我们?|咱们?)?(?:现在|正|都|就|还)*在)(?=[^{_NAME}]).*(?:[等停候]|集合|碰[头面]|会合|见面)"
    ),
    "en": re.compile(
        r"^(?! *(?:(?:so|well|hi|hello|and|now)\b[ ,]*)*(?:we|i)\b)(?!.*\b(?:hotel|hostel)\b)"
        r".*\b(?:wait|park|meet|pick|stop|is\b|'s\b)"
    ),
}
_FROM_THERE = re.compile(r"(?:从|离|在)那|那[儿里边](?:出发|走)|\bfrom (?:there|that)\b")
_GOAL: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        rf"(?<!刚)(?<!经)[去到往逛看游登上]{_NAME}"
        rf"|(?<![从离在到刚]){_NAME}[^，。？{_NAME}]{{0,4}}(?:怎么|哪|远|多久|要多|几分)"
    ),
    "en": re.compile(rf"\b(?:to|reach|visit|see|is|find) (?:the )?{_NAME}"),
}
FROM_HERE = re.compile(r"从(?:[你您我咱]们?)?(?:这[里儿边]|此处|馆)|\bfrom (?:here|your|this)\b")
# Who says where he goes asks about that, whether it is known or not.
GOES: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[去到逛看拜]|参观|游览|[给向](?=.{1,6}[上献鞠磕敬])"),
    "en": re.compile(r"\b(?:go|going|visit\w*|see|seeing|get) (?:to )?(?:the )?(?=[a-z])"),
}
# Where somebody has been is not what he asks about.
_DONE = re.compile(
    rf"去[了过]|[逛看玩走]完|刚[从去]|从{_NAME}(?:[出过回]来)"
    r"|\b(?:been to|did|saw|seen|done|finished|visited|com(?:e|ing) from)\b"
)
# How one comes changes no hours.
COMING = re.compile(
    r"(?:骑着?(?:自行车|单车|电动车|车)|打车|打的|[坐乘](?:公交车?|地铁|车))"
    r"(?:出来|过来|过去|出发|出门|赶?[来去到])|到了?杭州"
)


def without_waiting(text: str, shape: str, language: Language) -> str:
    """A question after a way without the clauses that tell where somebody waits.

    They stay where nothing else is named as where one goes: 司机在◇等我们，怎么走.

    Args:
        text: The question.
        shape: With a sign in place of each name.
        language: Of the question.
    """
    if not KINDS[language]["route"].search(shape) and not TAKES.search(shape):
        return text
    said, shapes = clauses(text), clauses(shape)
    if len(said) != len(shapes):
        return text  # a name has a mark in it that ends clauses
    here = FROM_HERE.search(text) is not None
    waits, awaited = WAITING[language], _AWAITED[language]
    kept = [
        (words, clause)
        for words, clause in zip(said, shapes, strict=True)
        if not (waits.fullmatch(clause) and awaited.search(clause))
        and not (here and _WAITS.search(clause) and not FROM_HERE.search(words))
    ]
    rest = "".join(clause for _, clause in kept)
    if not _GOAL[language].search(rest) or _FROM_THERE.search(rest) or _DONE.search(rest):
        return text
    return "".join(words for words, _ in kept)


def found_in(spans: Sequence[tuple[int, int]], clause: str, shape: str) -> list[tuple[int, int]]:
    """Stretches of a clause as they stand in the whole, each time that it is said."""
    said = [at for at, end in clause_spans(shape) if shape[at:end] == clause]
    return [(at + start, at + end) for at in said for start, end in spans]


def asked_of(mentions: list[Mention], shape: str, language: Language) -> list[Mention]:
    """The names in the clauses that ask, where nothing but hours is asked for.

    None of them where it is about where one stands: 从◇赶过来，你这儿还进得去吗.
    """
    kinds = KINDS[language]
    left, every = list(mentions), list[tuple[str, list[Mention]]]()
    for clause in clauses(shape):
        count = clause.count(_NAME)
        every.append((clause, left[:count]))
        left = left[count:]
    asking = [(clause, named) for clause, named in every if kinds["hours"].search(clause)]
    if (
        topic_of(shape, language)
        or TAKES.search(shape)
        or any(kinds[kind].search(shape) for kind in ("tickets", "route", "where"))
    ):
        return mentions
    if asking and all(HERE.search(clause) and not named for clause, named in asking):
        return []
    asked = [one for _, named in asking for one in named]
    to_come = [one for clause, named in every if not _DONE.search(clause) for one in named]
    return asked or to_come or mentions


def told_besides(spans: Sequence[tuple[int, int]], shape: str, language: Language) -> bool:
    """Whether what is found is only told, while another clause asks about a place."""
    asking = [
        clause for clause in clauses(shape)
        if (_NAME in clause or HERE.search(clause))
        and any(KINDS[language][kind].search(clause) for kind in ("hours", "route"))
    ]  # fmt: skip
    said = [found for clause in asking for found in found_in([(0, len(clause))], clause, shape)]
    besides = "".join(clause for clause in clauses(shape) if clause not in asking)
    return (
        bool(asking)
        and not any(inside(span, said) for span in spans)
        and not QUESTION.search(besides)
    )


def inside(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    """Whether one of the others contains a stretch."""
    return any(start <= span[0] and span[1] <= end for start, end in others)
