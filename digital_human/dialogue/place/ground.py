"""What answers rest on: a place's files, what a question is about, and sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from digital_human.dialogue.place.asked import Asked
from digital_human.dialogue.place.chinese import Chinese
from digital_human.dialogue.place.english import English
from digital_human.dialogue.place.facilities import FACILITIES, RIDES
from digital_human.dialogue.place.rows import WHOLE, Facility, Fact, Head, Spot, Ticket
from digital_human.dialogue.place.times import Timetable
from digital_human.dialogue.place.walks import Walks, Way
from digital_human.dialogue.place.wording import Wording
from digital_human.speech.types import Language

WORDS: dict[Language, Wording] = {"zh": Chinese(), "en": English()}
_FAR = 10**6
_TITLES: dict[str, dict[Language, str]] = {
    "hours": {"zh": "开放时间", "en": "opening hours"},
    "tickets": {"zh": "门票", "en": "tickets"},
    "shows": {"zh": "演出时间", "en": "show times"},
    "route": {"zh": "路线", "en": "the way"},
    "tour": {"zh": "游览路线", "en": "a tour"},
    "nearby": {"zh": "附近", "en": "near by"},
    "where": {"zh": "位置", "en": "where it is"},
    "stay": {"zh": "游览时间", "en": "time for a visit"},
    "series": {"zh": "顺序", "en": "in order"},
    "phone": {"zh": "电话", "en": "telephone"},
    "address": {"zh": "地址", "en": "address"},
}


@dataclass(frozen=True, slots=True)
class Found:
    """An answer.

    Attributes:
        said: Its sentences.
        title: Of its source.
        path: Of its source: ``place/FILE#ID``.
        text: What stands there.
        picture: That belongs to it; empty for none.
    """

    said: tuple[str, ...]
    title: str
    path: str
    text: str
    picture: str


Known = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question in its circumstances.

    Attributes:
        asked: The question, taken apart.
        language: Of the answer.
        text: The question as it is compared.
        now: Local time.
        base: Spot where the visitor stands.
        before: Spot that was spoken of before.
        say: Sentences of the language.
    """

    asked: Asked
    language: Language
    text: str
    now: datetime
    base: str | None
    before: str | None
    say: Wording


class Ground:
    """What a place's files hold, and how its things are called.

    Args:
        head: The place.
        spots: Its spots.
        facilities: Its facilities.
        tickets: Its prices.
        facts: What is told of its spots by topic.
        names: File of each list.
        times: Its hours.
        walks: Its ways.
    """

    def __init__(
        self,
        head: Head,
        spots: Sequence[Spot],
        facilities: Sequence[Facility],
        tickets: Sequence[Ticket],
        facts: Sequence[Fact],
        names: dict[str, str],
        times: Timetable,
        walks: Walks,
    ) -> None:
        self.head, self.tickets, self.names = head, tickets, names
        self.facts = {(fact.of, fact.topic): fact for fact in facts}
        self.times, self.walks = times, walks
        self.spots = {spot.id: spot for spot in spots}
        self.facilities = {one.id: one for one in facilities}

    def target(self, ask: Ask, known: Known) -> str | None:
        """What the question is about, if ``known`` says that the files have it."""
        asked = ask.asked
        if asked.facility is not None and not any(t in self.facilities for t in asked.things):
            return self._of_kind(ask, known)
        if len(asked.things) == 1:
            return asked.things[0] if known(asked.things[0]) else None
        if asked.things:
            return None
        if asked.refers == "that" or (asked.refers == "" and ask.before):
            return ask.before if ask.before and known(ask.before) else None
        for one in (ask.base, WHOLE):
            if one is not None and known(one):
                return one
        return None

    def _of_kind(self, ask: Ask, known: Known) -> str | None:
        """The facility of the kind that is named: where a spot is named too, the one there."""
        things = [one for one in ask.asked.things if one != WHOLE]
        kind = [one for one in self.facilities.values() if one.kind == ask.asked.facility]
        if things and ask.asked.facility not in RIDES:
            kind = [one for one in kind if one.at in things]
        if ask.asked.facility in RIDES:
            return next((one.id for one in kind if known(one.id)), None)
        # What is told of a kind is told of the one that the visitor is shown.
        away = self.away(ask.base, kind)
        one = min(kind, key=lambda one: (away.get(one.id, _FAR), one.id), default=None)
        return one.id if one is not None and known(one.id) else None

    def away(self, start: str | None, facilities: Sequence[Facility]) -> dict[str, int]:
        """Minutes on foot from a spot to those facilities that can be reached."""
        reached = self.walks.minutes(start, foot=True) if start is not None else {}
        return {o.id: reached[o.at] + o.minutes for o in facilities if o.at in reached}

    def found(
        self,
        kind: str,
        of: str,
        said: Sequence[str],
        language: Language,
        picture: str = "",
    ) -> Found:
        """An answer with what it rests on."""
        file = {"stay": "spots", "where": "spots", "phone": "spots", "address": "spots",
                "route": "walks", "tour": "walks", "nearby": "walks"}.get(kind, kind)  # fmt: skip
        thing = self.spots.get(of) or self.facilities.get(of)
        shown = picture or (thing.picture if thing else self.head.picture)
        joint = "：" if language == "zh" else ": "
        title = f"{self.plain_name(of, language)}{joint}{_TITLES[kind][language]}"
        text = WORDS[language].join(said)
        return Found(tuple(said), title, f"place/{self.names[file]}#{of}", text, shown)

    def plain_name(self, of: str, language: Language) -> str:
        thing = self.spots.get(of) or self.facilities.get(of)
        if thing is None:
            return self.head.names.get(language, "")
        name = thing.names.get(language)
        if name is None and isinstance(thing, Facility):
            name = FACILITIES[thing.kind].names[language]
        return name or next(iter(thing.names.values()), of)

    def name(self, of: str, language: Language) -> str:
        """A name as it stands in a sentence."""
        thing = self.spots.get(of) or self.facilities.get(of) or self.head
        name = self.plain_name(of, language)
        return f"the {name}" if language == "en" and thing.the else name

    def rides(self, of: str) -> bool:
        return of in self.facilities and self.facilities[of].kind in RIDES

    def way(self, start: str, to: str) -> Way | None:
        """The shortest way to a spot, or to another of its ends."""
        ends = (to, *self.spots[to].ends) if to in self.spots else (to,)
        ways = [way for end in ends if (way := self.walks.way(start, end)) is not None]
        return min(ways, key=lambda way: way.minutes, default=None)


def ended(text: str, language: Language) -> str:
    text = text.strip()
    if text[-1] in "。！？.!?":
        return text
    return f"{text}{'。' if language == 'zh' else '.'}"
