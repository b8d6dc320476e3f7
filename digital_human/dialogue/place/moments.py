"""What a question says of time: its day, an hour of it, parts of the day and spans of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from digital_human.dialogue.numbers import CHINESE, ENGLISH, ENGLISH_FEW, number
from digital_human.dialogue.place.days import COUNTED, day_of, has_date, weekday_of
from digital_human.dialogue.place.leftover import NAME

_SPAN_ZH = re.compile(
    rf"(?P<n>{CHINESE})个?(?P<half>半)?(?P<unit>小时|钟头|分钟|刻钟)|半(?:个)?(?P<halfunit>小时"
    rf"|钟头)"
    r"|(?P<whole>半天|一整天|一天|整天|一上午|一下午|一个上午|一个下午|一晚上)"
)
_SPAN_EN = re.compile(
    rf"\bhalf an hour\b|\b(?P<n>{ENGLISH_FEW})(?P<half> and a half)?[ -](?P<unit>hours?"
    rf"|minutes?+(?! (?:to|past) {ENGLISH}\b(?! of\b)))(?P<late> and a half)?"
    r"|\b(?P<whole>half a day|half day|a whole day|one day|a day|all day|the whole day|a morning"
    r"|an afternoon)\b",
    re.IGNORECASE,
)
_WHOLE = {
    "半天": 240, "一上午": 180, "一个上午": 180, "一下午": 240, "一个下午": 240, "一晚上": 180,
    "half a day": 240, "half day": 240, "a morning": 180, "an afternoon": 240,
}  # fmt: skip
_ALL_DAY = 480
_HALF_DAY = 720
_TOLD_PART = re.compile(r"早|上午|凌晨|\d ?a\.?m\b|morning", re.IGNORECASE)
_DAYS_EN = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_CLOCK_ZH = re.compile(
    rf"(?P<part>凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|今晚"
    # 快一点 is no time.
    rf"|夜里)?(?!(?<=[早晚快慢大小多少近远高低好有早])一点(?![钟半一三\d]))(?P<h>{CHINESE})[点时](?!钟头)钟?过?"
    r"(?P<m>半|一刻|三刻"
    rf"|{CHINESE}分|[二三四五]?十[一二三四五六七八九]?(?![个位人张几块元])|零[一二三四五六七八九]|\d\d(?!\d))?"
    r"(?!到几)|(?P<hh>\d{1,2})[:：](?P<mm>\d{2})"
)
_TOLD_ZH = rf"{CHINESE}[点时](?:钟|半|一刻|三刻|{CHINESE}分)?"
_TOLD_EN = rf"(?:(?:half|(?:a )?quarter|{ENGLISH})(?: past| to)? )?{ENGLISH}(?:[:.]\d\d)?\b"
# When it opens or shuts, as somebody has heard it, is no time at which he comes: 五点关门的吧.
_DOORS = re.compile(
    rf"(?P<zh>{_TOLD_ZH})(?=[就才便要得]*"
    r"(?:(?:[关闭](?:门|馆|园)?|开(?:门|馆|园|放))(?!了)|打烊|下班|停止|清场|锁门|赶人))"
    r"|\b(?:opens|closes|shuts|(?:you|they) (?:opened|closed)|locks up|closing"
    r"|(?<!be )close|(?<!be )(?<!is )(?<!it )shut)"
    rf" (?:up |down )?(?:at|by|around) (?P<en>{_TOLD_EN})",
    re.IGNORECASE,
)
# Nor is what the time is now, or when he leaves, where another is named: 现在两点半.
_BEFORE = re.compile(
    rf"(?:现在|这会儿)(?:是|都|已经|才|快)*(?P<zh>{_TOLD_ZH})"
    rf"|\b(?:left|leave|leaving|set(?:ting)? off) (?:from )?(?:here )?at (?P<en>{_TOLD_EN})",
    re.IGNORECASE,
)
_PART_ZH = re.compile(
    "凌晨|清晨|早上|早晨|[一大清]早|[明今]早|天[不没]亮|上午|中午|下午|傍晚|晚上|[今明]晚|夜里"
    "|半夜|深夜|下了班|放了学|[下放]了?[班学](?:再|过?来|去|后|以后|之后)|晚[饭餐]|天黑|入夜|日落"
)
_PART_EN = re.compile(
    rf"\b(?P<am>(?:tomorrow|this|next|{_DAYS_EN}) morning|in the (?:early )?morning|first thing"
    r"|early (?:tomorrow|on|in)|at dawn|before breakfast)\b"
    rf"|\b(?:(?:tomorrow|this|next|{_DAYS_EN}) (?:afternoon|evening|night)|tonight"
    r"|in the (?:afternoon|evening)"
    r"|after (?:dark|dinner|supper|dusk|sunset|work|school))\b",
    re.IGNORECASE,
)
# Where a part of the day belongs to something else that is told: 今早刚到, 上午去爬山.
_PAST_PART = re.compile(
    r"刚(?!好|巧)|昨|(?:已经|[才就])[到来去]|[到来去逛看爬玩]了(?![早中下傍晚])"
    r"|\b(?:got|came|arrived|went|flew|landed|took|saw|visited|started|was|were|did|had)\b"
    r"|(?:\b(?:have|has)|'ve|'s) (?:just |already )?(?:been|come|arrived|seen|done|taken)\b",
    re.IGNORECASE,
)
_DOING = re.compile(
    r"去(?!$|[，。,])|[看逛爬吃玩坐]|开会"
    r"|\b(?:go|going) (?!there|over|up)|\b(?:see|visit\w*|hik\w+)\b",
    re.IGNORECASE,
)
_DAWN = 5  # before it nobody means the morning that he speaks of besides
# Four thirty, 4:30.
_MINUTES_EN = (
    r"(?:[:.](?=\d)|[ -](?=[a-z]))"
    r"(?P<{}>\d\d|ten|fifteen|(?:twenty|thirty|forty|fifty)(?:[ -]five)?)"
)
_CLOCK_EN = re.compile(
    rf"\b(?P<half>half past )?(?P<h>{ENGLISH})(?:{_MINUTES_EN.format('m')})? ?"
    r"(?P<part>a\.?m\b\.?|p\.?m\b\.?"
    r"|o'?clock(?: in the (?:morning|afternoon|evening))?"
    r"|in the (?:morning|afternoon|evening)|tonight|this (?:morning|afternoon|evening))"
    rf"|\b(?:at|by|until|till|before|after|around|about) (?P<half2>half past )?"
    rf"(?>(?P<h2>{ENGLISH})(?:{_MINUTES_EN.format('m2')})?)\b"
    rf"(?! ?(?:a\.?m\b|p\.?m\b|o'?clock|in the|tonight|this)|{COUNTED})"
    r"|\b(?P<noon>noon|midday)\b",
    re.IGNORECASE,
)
# Nine to five, and open ten to six, are whole days.
_CLOCK_NEAR_EN = re.compile(
    rf"(?<!from )(?<![:.\d])\b(?P<m>quarter|half|{ENGLISH}(?= minutes? | past )"
    r"|(?<!open )(?<!opens )(?<!hours )(?<!daily )(?:five|ten|twenty(?:[- ]five)?|5|10|20|25))"
    rf"(?: minutes?)? (?P<side>to|past) (?P<h>(?>{ENGLISH}))\b(?!{COUNTED})"
    r"(?: (?P<part>a\.?m\b\.?|p\.?m\b\.?|o'?clock|in the (?:morning|afternoon|evening)|tonight))?",
    re.IGNORECASE,
)
# 差一刻八点, 八点差一刻
_CLOCK_SHORT_ZH = re.compile(
    rf"差(?P<m>一刻|{CHINESE}分?)钟?(?:不?到)?(?P<h>{CHINESE})点(?!钟头)"
    rf"|(?P<h2>{CHINESE})点差(?P<m2>一刻|{CHINESE}分)钟?"
)
_CLOCK_HALF_EN = re.compile(
    r"(?:^|[,.?!] ?|\b(?:at|by|until|till?|before|after|around|about|gone|say|is|it's) )"
    r"(?P<half>half (?P<h>one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))\b"
    r"(?! (?:o|of|hours?|days?|price)\b)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"大?半夜|夜里|深夜|夜间|凌晨|大?清早|清晨|一大早|一早|早上|早晨|上午|中午|下午|傍晚|晚上"
    r"|(?:吃(?:过|完|了|好))?(?:早|午|中|晚)[饭餐](?:再|后|以后|之后|前|以前|之前)?(?!吃|多少|[在去]?哪)"
    r"|下了班|[下放]了?[班学](?:后|以后|之后)|放了学|天[不没]亮"
    r"|亮了?灯(?:了|后|以后|之后)|\bafter the lights (?:come|go|are) on\b"
    r"|入夜|天黑(?:了|后|以后|之后)?"
    r"|\b(?:at |after |until |past )?midnight\b|\b(?:at|after|before|until|around) (?:dusk|dawn"
    r"|sunset"
    r"|sunrise|dinner|lunch|breakfast|work)\b|(?<=在)日[出落]时"
    r"|\b(?:late )?at night\b|\bafter dark\b|\bin the (?:early |late )?(?:morning|afternoon"
    r"|evening)\b"
    r"|\bearly\b|\blate at night\b|\bovernight\b",
    re.IGNORECASE,
)
# Parts of a day whose hours are never those of the evening.
_EARLY = re.compile(
    rf"{_TOLD_PART.pattern}|清晨|半夜|深夜|夜里|夜间|天[不没]亮|日出|中午"
    r"|\b(?:midnight|dawn|sunrise|breakfast|early|overnight)\b|\bat night\b",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"现在|这会儿|这时候|这个点|此刻|目前|马上|还有|还(?:能|可以|开|来得及|让|赶)|了吗|来得及"
    r"|\bnow\b|\bstill\b"
    r"|\bmake it\b|\bat the moment\b|\bcurrently\b"
    r"|too late|\bright away\b|\bany more\b|\banymore\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a question says of time.

    Attributes:
        day: A day it names.
        weekday: Whether it is named as a day of the week.
        dated: Whether it is named by its date.
        clock: Minutes since midnight it names.
        part: Whether it names a part of a day: in the evening.
        now: Whether it is about now.
        span: Minutes it says somebody has.
        spans: Stretches of the question that say so.
    """

    day: date | None
    weekday: bool
    dated: bool
    clock: int | None
    part: bool
    now: bool
    span: int | None
    spans: tuple[tuple[int, int], ...]


def moment_of(text: str, now: datetime) -> Moment:
    """What ``text`` says of time, seen from ``now``."""
    spans: list[tuple[int, int]] = []
    span = _span(text, spans)
    spans += [found.span(found.lastgroup or 0) for found in _DOORS.finditer(text)]
    before = [found.span(found.lastgroup or 0) for found in _BEFORE.finditer(text)]
    clock = _clock(_blanked(text, [*spans, *before]), spans)
    if clock is None:
        clock = _clock(_blanked(text, spans), spans)
    else:
        spans += before
    day, weekday = day_of(text, now.date(), spans)
    soon = _NOW.search(text) is not None
    if clock is not None and soon and day in (None, now.date()) and not _EARLY.search(text):
        at = now.hour * 60 + now.minute
        if clock < min(at, _HALF_DAY) and at <= clock + _HALF_DAY:
            clock += _HALF_DAY  # "still at eight", asked in the afternoon
    parts = [found.span() for found in _PART.finditer(text)]
    spans += parts
    dated = day is not None and has_date(text)
    if day is not None and not weekday:
        named: list[tuple[int, int]] = []
        if day == weekday_of(text, day, named):
            spans += named
    return Moment(day, weekday, dated, clock, bool(parts), soon, span, tuple(spans))


def lends_part(clause: str, beside: Moment, of: Moment) -> bool:
    """Whether an hour that another clause names is one of the part of the day told in this one.

    Args:
        clause: Names no hour, and may name a part of the day.
        beside: What it says of time.
        of: What the clause says that names the hour.
    """
    if beside.clock is not None or NAME in clause or _PAST_PART.search(clause):
        return False
    if of.day is not None and of.day != beside.day:
        return False
    return not (_EARLY.search(clause) and _DOING.search(clause))


def _span(text: str, spans: list[tuple[int, int]]) -> int | None:
    for found in _SPAN_ZH.finditer(text):
        spans.append(found.span())
        if whole := found["whole"]:
            return _WHOLE.get(whole, _ALL_DAY)
        if found["halfunit"]:
            return 30
        size = {"小时": 60, "钟头": 60, "分钟": 1, "刻钟": 15}[found["unit"]]
        return number(found["n"]) * size + (size // 2 if found["half"] else 0)
    for found in _SPAN_EN.finditer(text):
        spans.append(found.span())
        if whole := found["whole"]:
            return _WHOLE.get(whole.lower(), _ALL_DAY)
        if found["n"] is None:
            return 30
        size = 60 if found["unit"].lower().startswith("h") else 1
        half = found["half"] or found["late"]
        return number(found["n"]) * size + (size // 2 if half else 0)
    return None


def _clock(text: str, spans: list[tuple[int, int]]) -> int | None:
    if found := _CLOCK_SHORT_ZH.search(text):
        spans.append(found.span())
        hour, short = number(found["h"] or found["h2"]), found["m"] or found["m2"]
        less = 15 if short == "一刻" else number(short.removesuffix("分"))
        return _hour(hour, _part("", text, hour)) * 60 - less
    if found := _CLOCK_ZH.search(text):
        spans.append(found.span())
        if found["hh"]:
            hour = int(found["hh"])
            return _hour(hour, _part("", text, hour)) * 60 + int(found["mm"])
        late = found["m"] or "零分"
        minutes = {"半": 30, "一刻": 15, "三刻": 45}.get(late) or (number(late.removesuffix("分")))
        hour = number(found["h"])
        return _hour(hour, _part(found["part"], text, hour)) * 60 + minutes
    if (found := _CLOCK_NEAR_EN.search(text)) and 1 <= number(found["h"]) <= 12:
        spans.append(found.span())
        minutes = {"quarter": 15, "half": 30}.get(found["m"].lower()) or number(found["m"])
        hour = number(found["h"])
        at = _hour(hour, _part(found["part"], text, hour)) * 60
        return at + (minutes if found["side"].lower() == "past" else -minutes)
    if found := _CLOCK_HALF_EN.search(text):
        spans.append(found.span("half"))
        hour = number(found["h"])
        return _hour(hour, _part("", text, hour)) * 60 + 30
    for found in _CLOCK_EN.finditer(text):
        hour = 12 if found["noon"] else number(found["h"] or found["h2"])
        if hour > 24:
            continue  # a count or a year
        spans.append(found.span())
        if found["noon"]:
            return hour * 60
        half = "30" if found["half"] or found["half2"] else "0"
        minutes = number(found["m"] or found["m2"] or half)
        return _hour(hour, _part(found["part"], text, hour)) * 60 + minutes
    return None


def _part(own: str | None, text: str, hour: int) -> str:
    """The part of the day of an hour: its own, or one that is told beside it."""
    if own and own.lower() not in ("o'clock", "oclock"):
        return own.lower()
    part = next(iter(_PART_ZH.findall(text)), "")
    if not part and (found := _PART_EN.search(text)):
        part = "am" if found["am"] else "pm"
    early = part == "am" or _TOLD_PART.search(part) is not None
    return "" if early and part != "凌晨" and hour < _DAWN else part


def _hour(hour: int, part: str) -> int:
    """The hour of a day; one to seven without a part of the day are taken for the afternoon."""
    late = (
        part.startswith(("下", "放", "晚", "天黑", "入夜", "日落"))
        or part in ("傍晚", "今晚", "明晚")
        or (part in ("夜里", "半夜", "深夜") and hour > _DAWN)
        or part[:1] == "p"
        or "noon" in part
    )
    late = late or "evening" in part or part == "tonight" or (part == "中午" and hour < 3)
    if hour < 12 and (late or (not part and 1 <= hour <= 7)):
        return hour + 12
    return 0 if hour == 12 and part[:1] == "a" else min(hour, 24)


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    chars = list(text)
    for position in _positions(spans):
        chars[position] = " "
    return "".join(chars)


def _positions(spans: list[tuple[int, int]]) -> Iterator[int]:
    for start, end in spans:
        yield from range(start, end)
