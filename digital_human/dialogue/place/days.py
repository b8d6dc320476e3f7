"""The days that a question names: dates, days of the week and feasts."""

from __future__ import annotations

import re
from datetime import date, timedelta

from digital_human.dialogue.numbers import CHINESE, ENGLISH, ORDINALS, number
from digital_human.dialogue.place.leftover import NAME

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH_EN = (
    r"(?P<{0}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_EN = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)?|{'|'.join(ORDINALS)}"
    rf"|twenty[- ](?:{'|'.join(ORDINALS[:9])})|thirtieth|thirty[- ]first)"
)
COUNTED = (
    rf"(?:(?: to | or | ?- ?){ENGLISH})?[ -](?:(?:more|other|young|old|small|school) )?"
    r"(?:of (?!course)|people|children|person|yuan|k?m\b|(?:kilo)?met(?:re|er)|dozen|percent|hour"
    r"|minute|year|(?!(?:is|was|has|does|this|us|as|its|yes|unless|plus|perhaps|always|sometimes"
    r"|\w+days)\b)[a-z]+s\b)"
)
"""Pattern of what makes the English number before it a count, and no hour and no day."""
# At 5 may I come in, may 5 of us: the verb, and no month.
_MAY = (
    r"(?:(?<=\bat )\d{1,2} may"
    rf"|(?<!\bon )(?<!\bon the )(?:the )?{_DAY_EN} may (?:i|we|you|he|she|they|it|there)"
    rf"|(?<!\bon )may (?:the )?{_DAY_EN}{COUNTED})\b"
)
_DATE_EN = re.compile(
    rf"\b(?!{_MAY}){_MONTH_EN.format('m1')} (?:the )?(?P<d1>{_DAY_EN})\b(?:,? (?P<y1>20\d\d)\b)?"
    rf"|\b(?!{_MAY})(?:the )?(?P<d2>{_DAY_EN})(?: day)?(?: of)? {_MONTH_EN.format('m2')}\b"
    r"(?:,? (?P<y2>20\d\d)\b)?",
    re.IGNORECASE,
)
_WEEKDAY = re.compile(
    r"(?P<next>下个?|\bnext )?(?:(?:周|星期|礼拜)(?P<zh>[一二三四五六日天])|周末"
    r"|\b(?P<en>mon|tues|wednes|thurs|fri|satur|sun)days?\b|\bweekends?\b)",
    re.IGNORECASE,
)
_EN_DAYS = ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")
_RELATIVE = re.compile(
    r"(?P<after>大后天)|(?P<two>后天|(?:the )?day after tomorrow)|"
    r"(?P<one>明[天儿早晚]|\btomorrow\b)"
    r"|(?P<none>今[天儿晚日早]|\b(?:today|tonight|this (?:morning|afternoon|evening))\b)",
    re.IGNORECASE,
)
_DATE = re.compile(
    rf"(?:(?P<year>20\d\d|二[〇零]二[六七八九])年)?(?P<month>{CHINESE})月(?P<day>{CHINESE})[号日]"
)
# The next such day of a month: 二十三号, the 23rd.
_OF_MONTH = re.compile(
    rf"(?<![第月\d])(?P<zh>{CHINESE})号(?=那天|这天|早|上午|下午|晚|去|来|到|能|可|开|还|是|周|星期|礼拜"
    rf"|[，。,？?{NAME}]|$)"
    r"|\bthe (?P<en>\d{1,2}(?:st|nd|rd|th))\b(?! (?:century|floor|time|day|of|anniversary))",
    re.IGNORECASE,
)
_FIGURES = str.maketrans("〇零一二三四五六七八九", "00123456789")
_NEXT_YEAR = re.compile(r"明年|\bnext year\b", re.IGNORECASE)
_FEASTS = tuple(
    (re.compile(words, re.IGNORECASE), when)
    for words, when in (
        (r"圣诞节?|\bchristmas(?: day)?\b(?! eve)", (12, 25)),
        (r"平安夜|\bchristmas eve\b", (12, 24)),
        (r"跨年夜?|\bnew year'?s eve\b", (12, 31)),
        (r"元旦|\bnew year'?s day\b", (1, 1)),
        (r"情人节|\bvalentine'?s(?: day)?\b", (2, 14)),
        (r"妇女节|三八节", (3, 8)),
        (r"劳动节", (5, 1)),
        (r"儿童节|六一", (6, 1)),
        (r"国庆节?|\bnational day\b", (10, 1)),
    )
)


def day_of(text: str, today: date, spans: list[tuple[int, int]]) -> tuple[date | None, bool]:
    """The day that a question names, and whether it is named as a day of the week.

    Args:
        text: The question.
        today: The day on which it is asked.
        spans: Takes up the stretches that name the day.
    """
    if found := _RELATIVE.search(text):
        spans.append(found.span())
        ahead = {"after": 3, "two": 2, "one": 1, "none": 0}[str(found.lastgroup)]
        return today + timedelta(days=ahead), False
    later = today
    if next_year := _NEXT_YEAR.search(text):
        spans.append(next_year.span())
        later = date(today.year + 1, 1, 1)
    if found := _DATE.search(text):
        spans.append(found.span())
        later = _from_year(found["year"], later)
        return _dated(number(found["month"]), number(found["day"]), later), False
    if found := _DATE_EN.search(text):
        spans.append(found.span())
        later = _from_year(found["y1"] or found["y2"], later)
        month = _MONTHS.index((found["m1"] or found["m2"])[:3].lower()) + 1
        return _dated(month, _nth(found["d1"] or found["d2"]), later), False
    if (found := _OF_MONTH.search(text)) and (day := _of_month(found, today)) is not None:
        spans.append(found.span())
        return day, False
    if (feast := _feast(text, later, spans)) is not None:
        return feast, False
    day = weekday_of(text, today, spans)
    return day, day is not None


def weekday_of(text: str, today: date, spans: list[tuple[int, int]]) -> date | None:
    """The coming day of the week that a question names; ``spans`` takes up where."""
    found = _WEEKDAY.search(text)
    if found is None:
        return None
    spans.append(found.span())
    if found["zh"]:
        wanted = min("一二三四五六日天".index(found["zh"]), 6)
    else:
        wanted = _EN_DAYS.index(found["en"].lower()) if found["en"] else 5
    if found["next"]:
        return today + timedelta(days=7 - today.weekday() + wanted)
    return today + timedelta(days=(wanted - today.weekday()) % 7)


def has_date(text: str) -> bool:
    """Whether a day is named by its date."""
    return any(date_of.search(text) for date_of in (_DATE, _DATE_EN, _OF_MONTH))


def _from_year(year: str | None, today: date) -> date:
    """The day from which a date is sought, when its year may be named."""
    named = int(year.translate(_FIGURES)) if year else today.year
    return date(named, 1, 1) if named > today.year else today


def _of_month(found: re.Match[str], today: date) -> date | None:
    wanted = number(found["zh"]) if found["zh"] else _nth(found["en"])
    ahead = (today + timedelta(days=n) for n in range(62))
    return next((day for day in ahead if day.day == wanted), None)


def _feast(text: str, today: date, spans: list[tuple[int, int]]) -> date | None:
    """The next day of a feast that falls on the same date every year."""
    for pattern, (month, day) in _FEASTS:
        if found := pattern.search(text):
            spans.append(found.span())
            return _dated(month, day, today)
    return None


def _nth(text: str) -> int:
    """The day of a month: 21st, twenty-first."""
    if figures := re.match(r"\d+", text):
        return int(figures[0])
    if text.startswith("thirt") and text != "thirteenth":
        return 30 if text == "thirtieth" else 31
    ten, _, one = text.lower().replace("-", " ").partition(" ")
    return 21 + ORDINALS.index(one) if one else 1 + ORDINALS.index(ten)


def _dated(month: int, day: int, today: date) -> date | None:
    for year in (today.year, today.year + 1):
        try:
            found = date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None
