"""What a question asks of a place: the kind of answer, what it is about, and what is left over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Literal

from digital_human.dialogue.place.beyond import Reading, asks_where, beyond
from digital_human.dialogue.place.facilities import FACILITIES, facility_in
from digital_human.dialogue.place.kinds import (
    TAKES,
    kinds_of,
    stated_topic,
    topic_of,
)
from digital_human.dialogue.place.leftover import NAME as _NAME
from digital_human.dialogue.place.leftover import clauses, left_over, shaped
from digital_human.dialogue.place.moments import Moment, lends_part, moment_of
from digital_human.dialogue.place.names import Mention, NameFinder, Span, plain, wide
from digital_human.dialogue.place.party import Party, party_of
from digital_human.dialogue.place.phrases import (
    KINDS,
    PRICED,
    REMAINING,
    VISITORS,
    Kinds,
)
from digital_human.dialogue.place.rows import WHOLE
from digital_human.dialogue.place.telling import (
    COMING,
    FROM_HERE,
    GOES,
    HERE,
    QUESTION,
    WAITING,
    asked_of,
    found_in,
    told_besides,
    without_waiting,
)  # fmt: skip
from digital_human.dialogue.place.topics import measured
from digital_human.speech.types import Language

_ENDING = re.compile(r"(?<=[\u3400-\u9fff])不(?=[？?。，,！! ]|$)")  # 要钱不: 要钱吗
_WITHIN = re.compile(
    r"(?:那边|那儿|那里|边上|里面?|上)?(?:晚上|夜里)?(?:的|那个|那座|那)(?:晚上|夜里)?会?"
)
_PASSED = re.compile(
    r"(?:沿着?|顺着?|经过?|路过|穿过|走|\b(?:along|via|past|through|over|across)(?: the)? )$"
)
# 去◇，沿着◇走过去: what is passed comes before.
_BY_WAY = re.compile(
    rf"{_NAME}[^{_NAME}]*(?:沿着?|顺着?|经过?|路过|穿过"
    rf"|\b(?:along|via|past|through)(?: the)? ){_NAME}"
)
# 走◇去◇, 走◇要多久: what is walked along is not where the way begins, nor where it ends.
_ALONG = re.compile(
    rf"(?<!怎么)(?:走|沿着?|顺着?){_NAME}(?:走|过去)?(?=[去到]{_NAME}|[^{_NAME}，。]{{0,3}}(?:多久|多长时间|几分钟))"
)
_TO = re.compile(rf"(?<!刚)[去到往]{_NAME}(?!回)")
# Where one stays, and not where one comes from or goes on to.
_STAYED = re.compile(
    rf"在{_NAME}[^{_NAME}，。]{{0,4}}[玩待呆逛]"
    rf"|\b(?:at|in|for|visit\w*|explor\w+) (?:the )?{_NAME}"
    rf"(?=[^{_NAME}]*\b(?:if|when|before|after|once|until)\b)"
)
_AFLOAT = re.compile(r"\b(?:out )?(?:in|on) the (?:water|lake)\b")  # where all of it lies
# Who has told somebody so, and whether it is true, changes nothing in what is asked.
_HEARD = re.compile(
    r"(?:听|看)(?:到|见)?(?:人家?|别人|朋友|网上|他们|导游|同事|邻居)们?(?:讲|说|写)(?:的?是)?|真的假的"
    r"|\bis it (?:right|true|correct)(?: that)?\b|\b(?:i|we) (?:was|were|have been|'ve been) told\b"
    r"|\b(?:i|we) (?:read|saw|heard) (?:it )?(?:online|somewhere|on the (?:web|internet))\b"
    r"|\b(?:someone|somebody|people|they|the (?:website|guide|leaflet|internet))"
    r" (?:says?|said|told (?:me|us))\b"
)
# Who comes to worship is a visitor too.
_WORSHIP = re.compile(
    r"[上烧进敬][柱炷支]?香(?=$|[^，。？]*(?:[，。？]|[吗呢啊吧]|几点|多少|钱|票))"
    r"|拜(?:拜|一拜)?(?:佛|菩萨)|拜(?:一拜|拜)|祈福|许个?愿"
)
_INCENSE = re.compile(
    r"\b(?:light|burn|offer)(?:ing)? (?:some |an? |(?:our|my) )?(?:incense|joss)(?: sticks?)?\b"
)
# What one goes there to see does not change when it closes, unless it has its own: 去◇看灯，几点关.
_ENDS = re.compile(r"关|闭|最[晚迟]|锁|[卖售停]票")
_PURPOSE = re.compile(
    rf"(?<={_NAME})[去来上里]?[看赏拍瞧观](?!展|[^，。,.]{{0,4}}(?:电影|演|戏|秀|剧|赛|仪式|展览))"
    rf"[^，。？,.?{_NAME}]{{1,6}}(?=[，。,.])"
)
_FROM = {
    "zh": re.compile(
        rf"从{_NAME}|{_NAME}站?(?:出来|出站|出发|下车)|{_NAME}(?:离|到|去){_NAME}|{_NAME}[到去][你您]|在{_NAME}[^{_NAME}]{{0,6}}(?:去"
        rf"|到){_NAME}"
    ),
    # Far from it is as far as it is to it.
    "en": re.compile(
        rf"(?<!\bfar )\bfrom (?:the )?{_NAME}|\bfrom (?:the )?{_NAME}(?=.* to )", re.IGNORECASE
    ),
}
# Who goes into what is named may call it by its sort: 灵隐……进庙.
_TEMPLE = re.compile(
    r"(?<=[进入逛])(?:寺庙|寺院|庙宇|寺|庙)(?:里面?)?|[寺庙](?=大?门[^，。？]{0,4}[开关锁])"
)
# Kinds that colouring words may ask something else of.
_STRICT: frozenset[str] = frozenset(("tickets", "about", "nearby"))
# How people look for a facility.
_SOUGHT: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"哪(?!一?年|朝|个朝代|些?人)|怎么[走去到]|最近|附近|[有借租找存放急憋]|想|要|带我|去|往|坐(?!得|不|几|多少)|位置|^[^，。]{0,6}$"
    ),
    "en": re.compile(
        r"\b(?:where|nearest|closest|near|any|find|need|get|go|looking|borrow|rent|hire|leave"
        r"|drop|store"
        r"|take|catch|way|there)\b",
        re.IGNORECASE,
    ),
}
# 苏堤南口到北口: a way that begins at what is named, to something that may not be known.
_ONWARD = re.compile(rf"{_NAME}(?:走|骑车|坐船|开车|步行)?到(?![底了头这你我您要得需多几大])")
_THAT = re.compile(
    r"那里|那儿|那边|那座|那个|它|呢[？?]?$|^那|\b(?:it|(?<!is )(?<!are )there|that one|that)\b",
    re.IGNORECASE,
)
# Who comes again comes to where one stands.
_COMING_BACK = re.compile(
    r"再过?来(?!一)|能来(?=[吗看参玩，？?]|$)|\b(?:come|be|coming) (?:back|again)\b"
    r"|\b(?:can|could|may|should) (?:we|i) come(?= (?:tomorrow|on|and see|next))"
)
_LASTING = re.compile(r"小时|钟头|分钟|半天|一天|\b(?:hours?|minutes?|day)\b")
# Who asks so whether something suits wants to know whether it is open.
_SUITS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?:才|都|看)?(?:[行成]不[行成]|[行成](?=[吗么吧？?。]|$))|[行成][吗么]|可不可以|可以[吗么]"
        r"|(?:能|可以)(?=再?过?来)|(?:能|可以)带[^，。？]{1,3}来|合不合适|合适[吗么]|没问题[吗吧]"
    ),
    "en": re.compile(r"\b(?:can|could|may|should|ok|okay|all right|alright|fine|possible)\b"),
}
_EACH = re.compile(
    rf"{_NAME}(?:[、，和跟与及]|再|然后|接着)[去到]?{_NAME}"
    rf"|{_NAME},? and (?:then )?(?:on )?(?:to )?(?:the )?{_NAME}"
)
_THEN = re.compile(rf"再[坐乘搭换](?:船|车|地铁|公交)[^{_NAME}]*$")
# What people call the place in which they stand.
_SUCH = frozenset(
    "museum exhibition building site attraction venue 博物馆 展馆 展览馆 展览 景点 家".split()
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart.

    Attributes:
        kinds: What it asks for; several only of those that go together.
        things: What it names, in order; for a way the start first.
        starts: Whether the first of `things` is where a way begins.
        along: What it says somebody walks along.
        topic: What a "fact" is asked about, one of `topics.TOPICS`.
        facility: The kind of facility it names.
        moment: What it says of time.
        visitor: Whose ticket it asks for.
        party: Who it is about.
        refers: ``that`` for what was spoken of before, ``here`` for where one stands.
        left: Telling words that none of this explains.
    """

    kinds: Kinds
    things: tuple[str, ...]
    starts: bool
    along: str | None
    topic: str | None
    facility: str | None
    moment: Moment
    visitor: str | None
    party: Party
    refers: Literal["that", "here", ""]
    left: tuple[str, ...]


def read_question(
    text: str,
    language: Language,
    names: NameFinder,
    now: datetime,
    holidays: Sequence[str] = (),
    base: str | None = None,
) -> Asked:
    """Take a question apart.

    Args:
        text: What the visitor said.
        language: Its language, zh or en.
        names: Of everything in the place.
        now: Local time.
        holidays: Names of holidays.
        base: Spot where the visitor stands.
    """
    text, mentions, shape = _shaped(text, language, names)
    moment = _moment(shape, now)
    there = facility_in(shape, language)
    if there is not None and told_besides(there[1], shape, language):
        there = None
    mentions = asked_of(mentions, shape, language)
    things = tuple(dict.fromkeys(mention.id for mention in mentions))
    if len(things) > 1:
        # 西湖的雷峰塔 is the pagoda.
        things = tuple(thing for thing in things if thing != WHOLE)
    ways = KINDS[language]["route"].search(shape) or TAKES.search(shape)
    if ways and (len(things) > 1 or (things and "坐船" in ways[0])):
        there = None  # 从断桥到雷峰塔坐船多久 does not ask for a pier
    here = HERE.search(text) or _COMING_BACK.search(shape)
    refers: Literal["that", "here", ""] = ""
    if not things:
        refers = "here" if here else "that" if _THAT.search(text) else ""
    comes = here is not None and moment.day is not None
    kinds, used, topic = _kinds(text, shape, language, moment, bool(things), there, comes)
    things, starts, along = _way(things, mentions, shape, kinds, language)
    party = party_of(shape, language) if {"tickets", "seats"} & set(kinds) else Party()
    facility = there[0] if there else None
    reading = Reading(text, shape, language, kinds, topic, facility, used)
    feasts = [m.span() for one in holidays for m in re.finditer(re.escape(plain(one)), shape)]
    told = [*moment.spans, *feasts, *party.spans]
    left = _left(reading, things, refers, told, names, base)
    return Asked(
        kinds=kinds,
        things=things,
        starts=starts,
        along=along,
        topic=topic,
        facility=facility,
        moment=moment,
        visitor=next((kind for kind, word in VISITORS.items() if word.search(text)), None),
        party=party,
        refers=refers,
        left=left + beyond(reading),
    )


def _shaped(text: str, language: Language, names: NameFinder) -> tuple[str, list[Mention], str]:
    """The question as it is read, the names in it, and it without them and without what changes
    nothing in what is asked."""
    text = _ENDING.sub("吗", wide(plain(text), language).replace("咋", "怎么"))
    mentions = _meant(names.find(text), text)
    asked = without_waiting(text, shaped(text, mentions), language)
    if asked != text:
        text, mentions = asked, _meant(names.find(asked), asked)
    shape = _WORSHIP.sub(lambda found: "逛" * len(found[0]), shaped(text, mentions))
    if not PRICED[language].search(shape):
        shape = _INCENSE.sub(lambda found: " " * len(found[0]), shape)
    shape = _HEARD.sub(lambda found: " " * len(found[0]), shape)
    shape = _AFLOAT.sub(lambda found: " " * len(found[0]), shape)
    if _ENDS.search(shape) and not PRICED[language].search(shape):
        shape = _PURPOSE.sub(lambda found: "逛" * len(found[0]), shape)
    return text, mentions, shape


def _moment(shape: str, now: datetime) -> Moment:
    """The time that is asked for, of several that are said."""
    moment = moment_of(shape, now)
    told_of = [(clause, moment_of(clause, now)) for clause in clauses(shape)]
    for clause, own in told_of:
        # "My flight is at nine, can I go up ◇ at seven?"
        if _NAME in clause and own.clock is not None:
            around = "".join(c for c, m in told_of if m is own or lends_part(c, m, own))
            moment = replace(moment, clock=moment_of(around, now).clock)
        asks = QUESTION.search(clause) or _COMING_BACK.search(clause)
        if own.day is not None and asks:
            # "We leave on Tuesday. Could we come tomorrow?"
            spans = tuple(dict.fromkeys((*moment.spans, *found_in(own.spans, clause, shape))))
            moment = replace(moment, day=own.day, weekday=own.weekday, dated=own.dated, spans=spans)
    return moment


def _kinds(
    text: str,
    shape: str,
    language: Language,
    moment: Moment,
    named: bool,
    there: tuple[str, list[Span]] | None,
    comes: bool,
) -> tuple[Kinds, list[Span], str | None]:
    """What is asked for, the stretches that ask for it, and the topic of a fact.

    Args:
        text: The question.
        shape: It without its names.
        language: Its language.
        moment: What it says of time.
        named: Whether it names something.
        there: The facility that it names, and where.
        comes: Whether somebody comes on a day to where one stands.
    """
    remains = REMAINING[language].search(shape)
    topic: tuple[str, list[Span]] | None = None
    if named and there is None and not remains:
        topic = measured(text, clauses(text), shape)
        usual = topic_of(shape, language) or stated_topic(shape, language)
        if topic is None and usual is not None:
            topic = usual[0], [usual[1]]
    kinds: Kinds
    if topic is not None:
        kinds, used = ("fact",), topic[1]
    elif remains:
        kinds, used = ("hours",), [remains.span()]
    else:
        kinds, used = kinds_of(shape, language, moment, named, there)
        suits = [one.span() for one in _SUITS[language].finditer(shape)]
        unasked = not kinds or (kinds == ("tour",) and not _LASTING.search(shape))
        if unasked and comes and suits:
            kinds, used = ("hours",), suits
        elif "hours" in kinds and language == "zh":
            used += suits
    if there is not None:
        used += there[1]
    if there is not None and there[0] == "luggage":
        # The visitor centre keeps it.
        used += [one.span() for one in FACILITIES["visitor_centre"].words[language].finditer(shape)]
    return kinds, used, topic[0] if topic else None


def _way(
    things: tuple[str, ...],
    mentions: Sequence[Mention],
    shape: str,
    kinds: Kinds,
    language: Language,
) -> tuple[tuple[str, ...], bool, str | None]:
    """What is named, the start of a way first; whether that is a start; what is walked along."""
    starts, along = len(things) > 1, None
    each = len(things) == len(mentions) == shape.count(_NAME)
    if each and kinds == ("route",) and (found := _ALONG.search(shape)) and len(things) < 3:
        named = shape.count(_NAME, 0, found.start())
        if named == 0 or _TO.search(shape[: found.start()]):
            along, starts = things[named], False
            things = tuple(one for one in things if one != along) or things
    elif each and kinds == ("stay",) and (found := _STAYED.search(shape)):
        things, starts = (things[shape.count(_NAME, 0, found.start())],), False
    elif found := _FROM[language].search(shape):
        at = shape.count(_NAME, 0, found.start())
        first = mentions[at].id if len(mentions) == shape.count(_NAME) else None
        if first in things and not (len(things) == 1 < len(mentions)):
            things, starts = (first, *(one for one in things if one != first)), True
    elif len(things) == 2 and kinds == ("route",) and _BY_WAY.search(shape):
        things = things[::-1]
    if along is None and language == "zh" and _ONWARD.search(shape):
        starts = True
    return things, starts, along


def _left(
    asked: Reading,
    things: tuple[str, ...],
    refers: str,
    told: Sequence[Span],
    names: NameFinder,
    base: str | None,
) -> tuple[str, ...]:
    """Telling words that nothing explains, and signs for what is not told in part.

    Args:
        asked: The question.
        things: What it names.
        refers: See `Asked.refers`.
        told: Stretches that say when and who.
        names: Of everything in the place.
        base: Spot where the visitor stands.
    """
    shape, language, kinds, there = asked.shape, asked.language, asked.kinds, asked.facility
    goes = [one.span() for one in GOES[language].finditer(shape)]
    asking = asked.used if things or there is not None or refers else [*asked.used, *goes]
    explained = [*asked.used, *told]
    if kinds == ("route",):
        waits = [c for c in clauses(shape) if WAITING[language].fullmatch(c)]
        explained += [span for c in waits for span in found_in([(0, len(c))], c, shape)]
    if kinds == ("hours",):
        explained += [found.span() for found in COMING.finditer(shape)]
    if any(names.part_of_name(temple, things) for temple in "寺庙"):
        explained += [found.span() for found in _TEMPLE.finditer(shape)]
    sought = _SOUGHT[language].search(shape) is not None
    named = bool(things) or there is not None
    strict = bool(_STRICT & set(kinds)) or ("facility" in kinds and not sought) or not named
    coloured = named and (not strict or "tickets" in kinds)
    left = left_over(shape, asking, explained, language, strict=strict, named=coloured)
    left = tuple(
        word
        for word in left
        if not (names.part_of_name(word, things) if things else names.sort_of(word, base))
        and not (refers == "here" and word in _SUCH)
    )
    if not things and refers != "that" and _WORSHIP.search(asked.text):
        left += (_NAME,)  # nobody worships where one stands
    both = FROM_HERE.search(asked.text) and _EACH.search(shape)
    if kinds == ("route",) and (both or _THEN.search(shape)):
        left += (_NAME,)  # a part of the way is not all of it
    if kinds == ("facility",) and asks_where(shape, language):
        return ()  # who asks where it is needs no other word to be understood
    return left


def _meant(mentions: list[Mention], text: str) -> list[Mention]:
    """Names without those that only say where another is: 湖滨那个喷泉 is the fountain."""
    within = {
        one for one, after in pairwise(mentions) if _WITHIN.fullmatch(text[one.end : after.start])
    }
    passed = {one for one in mentions if _PASSED.search(text[: one.start])}
    if len(mentions) - len(within) > 2 or (FROM_HERE.search(text) and passed < set(mentions)):
        within |= passed
    return [one for one in mentions if one not in within]
