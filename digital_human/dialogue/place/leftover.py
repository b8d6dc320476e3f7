"""Words of a question that may ask for something else than what is answered.

What is asked stands in the clauses that ask and in those that name what it is about; what people
tell besides, of themselves or as a reason, changes no answer. In these clauses every word counts
that is neither understood nor a frame. Where the question names what it is about, verbs only colour
it (how one gets in, what one does there), unless they are services that cost something themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from digital_human.dialogue.knowledge.questions import LIGHT_WORDS
from digital_human.dialogue.knowledge.words import analyse, stem, tag_of
from digital_human.dialogue.place.frames import FRAME_EN, FRAME_ZH
from digital_human.dialogue.place.names import Mention
from digital_human.speech.types import Language

NAME = "◇"
"""Stands for a name in a question."""

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z][a-z']*|\d+")
# A full stop or comma inside a number, and the points of a.m., end no clause.
_CLAUSE_END = re.compile(r"[，。！？；!?;…—]|(?<!\d)[,.]|(?<![ap])(?<![ap]\.m)[,.](?!\d)")
_WISH = re.compile(
    r"想[买吃喝租借找做求]|要[买吃喝租借找]|[带牵抱]着?|请[个位]|雇|[坐乘骑]"
    r"|\b(?:bring|brought|carry\w*|ha(?:ve|s)) an?\b"
    r"|\b(?:want|like|need|looking) (?:an?|some|to (?:buy|eat|rent|hire))\b"
)
# jieba's tags of verbs, adjectives, adverbs, numbers, pronouns, particles and directions.
_UNNAMING = ("a", "c", "d", "f", "m", "o", "p", "q", "r", "t", "u", "v", "y", "z")
_PAST = re.compile(
    r"[唐宋元明清]朝|[唐宋元明清古]代|古时|从前|民国"
)  # the place is told of as it is
_TWICE = re.compile(r"(.)\1(.)\2")  # 前前后后
# What one does for money, or has done: its price is not the ticket's.
_SERVICE_ZH = re.compile(
    r"[退敲撞卖修建盖造挣赚聘寄住睡宿吃喝抽求签捐供喂钓停充洗换罚赔做拆画写印邮种养押订约摆]|打车|祈福"
)
_SERVICE_EN = frozenset(
    """
    ring strike hit rebuild build built repair earn refund cancel feed fish swim print ship send
    drink sleep marry donate burn light paint weigh employ own smoke fly camp dive taste order
    book reserve return exchange cook make restore design clean plant keep recommend
    """.split()
)
# An English word behind one of these is a verb.
_BEFORE_VERB = frozenset(
    """
    to i we you they he she it can could will would shall should may might must i'll we'll you'll
    they'll i'd we'd you'd they'd don't doesn't won't can't cannot not please let's do does
    """.split()
)
_BETWEEN = frozenset("still just even ever already also only both all simply quickly".split())


def left_over(
    shape: str,
    asking: Sequence[tuple[int, int]],
    used: Sequence[tuple[int, int]],
    language: Language,
    *,
    strict: bool,
    named: bool,
) -> tuple[str, ...]:
    """Words that may ask for something else.

    Args:
        shape: The question with `NAME` for each name.
        asking: Stretches that say what is asked for.
        used: Stretches that are understood.
        language: Of the question.
        strict: Whether verbs count too, as for what is bought: 住宿多少钱.
        named: Whether the question names what it is about, so that verbs only colour it.
    """
    chars = list(_counted(shape, asking))
    for start, end in used:
        chars[start:end] = " " * (end - start)
    rest = "".join(chars)
    if language == "zh":
        words = [word.text for word in analyse(rest).words if not word.light]
        words = [word for word in words if _telling(word) and not _TWICE.fullmatch(word)]
        return tuple(word for word in words if _counts(word, strict, named))
    foreign = tuple(_HAN.findall(rest))
    return foreign + tuple(_english(rest, shape, named))


def shaped(text: str, mentions: Iterable[Mention]) -> str:
    """A text with `NAME` in place of each name."""
    for one in sorted(mentions, key=lambda one: -one.start):
        text = f"{text[: one.start]}{NAME}{text[one.end :]}"
    return text


def clauses(shape: str) -> list[str]:
    """The clauses of a question, in order."""
    return [shape[start:end] for start, end in clause_spans(shape)]


def clause_spans(shape: str) -> list[tuple[int, int]]:
    """Where the clauses of a question stand, in order."""
    ends = [found.end() for found in _CLAUSE_END.finditer(shape)]
    return [(a, b) for a, b in pairwise([0, *ends, len(shape)]) if a < b]


def _counted(shape: str, asking: Sequence[tuple[int, int]]) -> str:
    """The question without the clauses in which somebody tells of something else."""
    spans = clause_spans(shape)
    asks = [c for c in spans if any(a < c[1] and c[0] < b for a, b in asking)]
    if not asks:
        return shape
    kept = [c for c in spans if c in asks or _topic(shape[c[0] : c[1]])]
    if not any(NAME in shape[a:b] for a, b in asks):
        kept = [
            (a, b)
            for a, b in spans
            if (a, b) in kept or NAME in shape[a:b] or _WISH.search(shape[a:b])
        ]
    chars = [" "] * len(shape)
    for a, b in kept:
        chars[a:b] = shape[a:b]
    return "".join(chars)


def _topic(clause: str) -> bool:
    """Whether a Chinese clause only names what the next one asks about: 楼外楼的叫花鸡，多少钱."""
    words = [word.text for word in analyse(clause).words if not word.light]
    tags = [tag_of(word) or "n" for word in words if _telling(word)]
    return (
        bool(tags)
        and _HAN.search(clause) is not None
        and FRAME_ZH.match(clause) is None
        and all(tag.startswith(("n", "l", "i")) for tag in tags)
    )


def _telling(word: str) -> bool:
    """Whether a Chinese word is more than words that frame a question."""
    return any(not one.light for one in analyse(FRAME_ZH.sub(" ", word)).words)


def _counts(word: str, strict: bool, named: bool) -> bool:
    """Whether a Chinese word is a noun, none that jieba's dictionary has, a service, or a time
    that is long past."""
    tag = tag_of(word)
    if tag is None or not tag.startswith(_UNNAMING) or _PAST.search(word):
        return True
    return strict and (not named or _SERVICE_ZH.search(word) is not None)


def _english(rest: str, shape: str, named: bool) -> list[str]:
    left = []
    before = ""
    for found in _WORD.finditer(rest):
        word = found[0].removesuffix("'s").strip("'")
        verb = before in _BEFORE_VERB
        if found[0] not in _BETWEEN:
            before = found[0]
        if word in _KNOWN_EN or word.split("'")[0] in _KNOWN_EN or stem(word) in _STEMS_EN:
            continue
        if named and (word.endswith("ly") or (verb and word not in _SERVICE_EN)):
            continue
        left.append(word)
    return left


_KNOWN_EN = FRAME_EN | LIGHT_WORDS
_STEMS_EN = frozenset(map(stem, FRAME_EN))
