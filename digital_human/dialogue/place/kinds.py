"""What a question asks for: kinds of answer, several of them where they go together."""

from __future__ import annotations

import re

from digital_human.dialogue.place.facilities import RIDES
from digital_human.dialogue.place.leftover import NAME as _NAME
from digital_human.dialogue.place.moments import Moment
from digital_human.dialogue.place.phrases import (
    BARE,
    JOINT,
    KINDS,
    PRICED,
    TOURS,
    Answered,
    Kind,
    Kinds,
    stretches,
)
from digital_human.dialogue.place.topics import STATED, TOPICS
from digital_human.speech.types import Language

# How long a way takes.
TAKES = re.compile(
    r"多久|多长时间|多少时间|[几多]少?分钟|[工功]夫|\bhow (?:long|many minutes|much time)\b"
)
QUANTITY: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"多少(?!路|分钟|时间)|多[长高宽深大重快](?!时间)|几岁|(?<![那这])几[年月天]"
        r"|(?<![站口])叫什么|可以自己|驾照|[几](?=[个座层条处种棵家艘辆台级步号])(?!号)|谁|为什么"
        r"|为啥|为何"
    ),
    "en": re.compile(
        r"\bhow (?:many|much|old|big|large|deep|wide|heavy|often|fast|tall|high)\b|\bwho\b|\bwhy\b"
    ),
}
_VISIT: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[进去上登逛看玩游走转散]|散步|骑车|跑步|参观|游览|能来|可以来|再过?来"),
    "en": re.compile(
        r"\b(?:visit|go|walk|wander|roam|see|climb|get|enter|come|stroll|tour|there|admit\w*|let)\b",
        re.IGNORECASE,
    ),
}
# Who asks whether there is one, or says that he needs it, is shown the way beside what it costs.
_WANTED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"有没有|[没还]?有(?!多)(?=[^，。？]{0,12}(?:[吗么没不呀啊]|$|[，。？]))|[能可][^，。？]{0,3}[借租存放上]"
        r"|[想要]上|[想要][^，。？]{0,2}[借租找]|找|急"
    ),
    "en": re.compile(
        r"\b(?:is|are) there\b|\bany(?:where)?\b|\bsomewhere\b|\bneed\b|\blooking for\b"
        r"|\bhave you got\b|\bdo you have\b"
        r"|\b(?:can|could|may|might|to) (?:(?:i|we|one|you) )?"
        r"(?:borrow|rent|hire|leave|store|drop|use|get|find)\b"
    ),
}
# Who says so asks how long the way takes, not how long to stay.
_GOING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(rf"从[^，。？]{{0,6}}[走逛转游]到{_NAME}|{_NAME}[走逛转游]到{_NAME}"),
    "en": re.compile(
        r"\bon foot\b|\b(?:get|go|come|walk|stroll|head)(?:ing)? (?:(?:over|back|down|across) )?"
        rf"(?:to|from|there)\b|\bfrom (?:here|(?:the )?{_NAME}) to\b"
    ),
}
# How long one stays, wherever one goes before or afterwards.
_STAYING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[玩待呆](?:上|个)?[多几]"),
    "en": re.compile(
        r"\b(?:stay|visit|explore|look around)\b"
        r"|\b(?:spend|plan|allow)\b"
        r"(?! (?:(?:to|on|for) )?(?:(?:the|a) )?(?:get|go|walk|way|stroll|travel|trip|journey))"
    ),
}
_TOGETHER: frozenset[Kind] = frozenset(("tickets", "hours", "route", "seats"))
# Kinds that are asked only in words that say so, whatever else the question says of a place.
WHERE: tuple[Kind, ...] = ("where", "route")
_WEAK: frozenset[Kind] = frozenset(("where", "about", "nearby"))


def kinds_of(
    shape: str,
    language: Language,
    moment: Moment,
    named: bool,
    facility: tuple[str, list[tuple[int, int]]] | None,
) -> tuple[Kinds, list[tuple[int, int]]]:
    """What is asked for, and the stretches of the question that say so."""
    if moment.span is not None and not named and not facility:
        if words := [m.span() for m in TOURS[language].finditer(shape)]:
            return ("tour",), words
    found: dict[Kind, list[tuple[int, int]]] = {}
    for kind, pattern in KINDS[language].items():
        spans = stretches(pattern, shape)
        # "two hours" does not ask for hours.
        spans = [s for s in spans if not any(a <= s[0] and s[1] <= b for a, b in moment.spans)]
        if spans:
            found[kind] = spans
    if shape.count(_NAME) == 2 and "stay" not in found and (takes := TAKES.search(shape)):
        found.setdefault("route", []).append(takes.span())  # 坐船从◇去◇要多久
    strong = [kind for kind in found if kind not in _WEAK]
    priced = PRICED[language].search(shape) is not None
    if "seats" in strong:
        strong = ["tickets", "seats"] if "tickets" in strong and priced else ["seats"]
    late = moment.clock is not None or re.search(r"还[卖能可]|\bstill\b", shape)
    if "tickets" in strong and late and not priced:
        # Whether one still gets a ticket is told by the last admission.
        return ("hours",), [*found["tickets"], *found.get("hours", [])]
    if "stay" in strong:
        going = _GOING[language].search(shape) and not _STAYING[language].search(shape)
        strong = ["route" if going else "stay"]
        found.setdefault(strong[0], []).extend(found["stay"])
    if strong and not set(strong) <= _TOGETHER:
        strong = strong[:1]
    if facility:
        kinds: list[Answered]
        kinds = [k for k in strong if k in ("tickets", "hours", "seats", "phone")]
        when = moment.clock is not None or moment.day is not None or moment.now
        if not kinds and when and not any(KINDS[language][kind].search(shape) for kind in WHERE):
            return ("hours",), []
        if not kinds:
            # However it is put, what is wanted is the way there.
            return ("facility",), [span for spans in found.values() for span in spans]
    else:
        kinds = [*(strong or list(found)[:1])]
    if not kinds and named:
        # "明天下午五点去雷峰塔行吗" asks whether it is open then.
        at = moment.clock is not None or moment.day is not None or moment.part or moment.now
        counted = QUANTITY[language].search(shape)
        if moment.clock is not None or (at and not counted and _VISIT[language].search(shape)):
            return ("hours",), []
        return ("about",) if BARE[language].match(shape) else (), []
    spans = [span for kind in kinds if kind != "facility" for span in found[kind]]
    if kinds and set(kinds) <= _TOGETHER:
        also = _apart(shape, language, spans, found.get("where", []))
        if facility:
            sought = _sought(shape, language, facility, found)
            also += _apart(shape, language, spans, sought)
        if also:
            first = facility is not None and min(also) < min(spans)
            kinds.insert(0 if first else len(kinds), "facility" if facility else "where")
            spans += also
    return tuple(kinds), spans


def _sought(
    shape: str,
    language: Language,
    facility: tuple[str, list[tuple[int, int]]],
    found: dict[Kind, list[tuple[int, int]]],
) -> list[tuple[int, int]]:
    """Stretches of the clauses that name a facility, which ask for the way to it."""
    kind, named = facility
    asking = [*found.get("nearby", []), *found.get("route", [])]
    if kind not in RIDES:  # 有船吗 asks whether there is still one
        asking += [one.span() for one in _WANTED[language].finditer(shape)]
    return [one for one in asking if any(not _apart(shape, language, [n], [one]) for n in named)]


def _apart(
    shape: str,
    language: Language,
    spans: list[tuple[int, int]],
    others: list[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Those of ``others`` that stand in no clause of ``spans``."""
    joints = [joint.start() for joint in JOINT[language].finditer(shape)]
    return [
        (start, end)
        for start, end in others
        if all(any(min(a, start) < j < max(a, start) for j in joints) for a, _ in spans)
    ]


def topic_of(shape: str, language: Language) -> tuple[str, tuple[int, int]] | None:
    """The first of the usual topics that the question has, and where."""
    for topic, pattern in TOPICS[language].items():
        if found := pattern.search(shape):
            return topic, found.span()
    return None


def stated_topic(shape: str, language: Language) -> tuple[str, tuple[int, int]] | None:
    """A topic of which something is said, in a question that asks nothing else."""
    for topic, pattern in STATED.items():
        if found := pattern.search(shape):
            start, end = found.span()
            every = (one for kind in KINDS[language].values() for one in kind.finditer(shape))
            if all(one.start() < end and start < one.end() for one in every):
                return topic, (start, end)
    return None
