"""Answers computed from a place's files."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from digital_human.dialogue.knowledge.entries import sentences
from digital_human.dialogue.place.asked import Asked
from digital_human.dialogue.place.ground import WORDS, Ask, Found, Ground
from digital_human.dialogue.place.opening import hours, shows
from digital_human.dialogue.place.prices import prices, seats
from digital_human.dialogue.place.ways import nearby, nearest, of_spot, route, tour
from digital_human.speech.types import Language

_SHOW = re.compile(
    r"表演|演出|演[一几多]|\b(?:the|an?|next|last|first|evening|light|water|fountain) shows?\b"
    r"|\bperformances?\b"
)
_DOORS = re.compile(r"[开关]门|开放|营业|闭[馆园]|\bopen|\bclos|\bhours\b")


def answer(
    ground: Ground,
    kind: str,
    asked: Asked,
    language: Language,
    text: str,
    now: datetime,
    base: str | None,
    before: str | None,
) -> Found | None:
    """The answer of one kind; None when the files do not have it.

    Args:
        ground: The place.
        kind: What is asked for.
        asked: The question.
        language: Of the answer.
        text: The question as it is compared.
        now: Local time.
        base: Spot where the visitor stands.
        before: Spot that was spoken of before.
    """
    ask = Ask(asked, language, text, now, base, before, WORDS[language])
    if kind in _KINDS:
        return _KINDS[kind](ground, ask)
    return of_spot(ground, kind, ask)


def _hours(ground: Ground, ask: Ask) -> Found | None:
    if (found := shows(ground, ask)) is not None:
        return found
    # When a show begins that is not known is not when its spot is open.
    show = _SHOW.search(ask.text) and not _DOORS.search(ask.text)
    return None if show else hours(ground, ask)


def _fact(ground: Ground, ask: Ask) -> Found | None:
    """What the files say of a spot on one of the usual topics."""
    topic = ask.asked.topic or ""
    of = ground.target(ask, lambda one: (one, topic) in ground.facts)
    text = ground.facts[of, topic].text.get(ask.language) if of else None
    if of is None or text is None:
        return None
    said = sentences(text)
    title = ground.plain_name(of, ask.language)
    return Found(
        tuple(said), title, f"place/{ground.names['facts']}#{of}", text, ground.spots[of].picture
    )


_KINDS: dict[str, Callable[[Ground, Ask], Found | None]] = {
    "hours": _hours, "tickets": prices, "seats": seats, "facility": nearest, "route": route,
    "tour": tour,
    "nearby": nearby, "fact": _fact,
}  # fmt: skip
