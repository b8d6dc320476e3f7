"""Chinese sentences about a place; figures are written as they are read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from digital_human.dialogue.place.times import Opening
from digital_human.dialogue.place.wording import Leg, Price, Stop, Total, about, joined

_DIGITS = "零一二三四五六七八九"
_DAYS = "一二三四五六日"
_LEGS = 3  # parts of a way that are told one by one
_SOON = 60  # minutes before the last admission at which it is told


def number(n: int) -> str:
    """A number before a measure word: 2 is 两."""
    return "两" if n == 2 else _number(n)


def _number(n: int) -> str:
    if n < 10:
        return _DIGITS[n]
    for size, unit in ((10000, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if n < size:
            continue
        head, rest = divmod(n, size)
        first = "" if size == 10 and head == 1 and n < 20 else _DIGITS[head]
        first = _number(head) if head > 9 else "两" if head == 2 and size > 10 else first
        gap = "零" if rest and rest * 10 < size else ""
        tail = f"一{_number(rest)}" if 9 < rest < 20 and size > 10 else _number(rest)
        tail = tail.replace("两百", "二百")  # 一千二百
        return f"{first}{unit}{gap}{tail if rest else ''}"
    raise ValueError(n)


def clock(at: datetime) -> str:
    """A time of day."""
    hour = at.hour
    parts = ((5, "凌晨"), (9, "早上"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
    part = next(word for until, word in parts if hour < until)
    if hour == at.minute == 0:
        return "午夜十二点"
    minutes = {0: "", 30: "半"}.get(at.minute)
    if minutes is None:
        minutes = f"{'零' if at.minute < 10 else ''}{_number(at.minute)}分"
    return f"{part}{number(hour if hour <= 12 else hour - 12)}点{minutes}"


def span(minutes: int) -> str:
    """A length of time."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{number(rest)}分钟"
    if rest == 30:
        return f"{number(hours)}个半小时"
    return f"{number(hours)}小时{f'{number(rest)}分钟' if rest else ''}"


def distance(metres: int) -> str:
    """A length, rounded to what one would say."""
    if metres < 950:
        return f"{number(max(10, round(metres, -1) if metres < 200 else round(metres, -2)))}米"
    tenths = round(metres / 100)
    point = f"点{_DIGITS[tenths % 10]}" if tenths % 10 else ""
    whole = _number(tenths // 10) if point else number(tenths // 10)
    return f"{whole}{point}公里"


def amount(value: float) -> str:
    """A price without its currency."""
    whole, cents = divmod(round(value * 100), 100)
    point = f"点{_DIGITS[cents // 10]}{_DIGITS[cents % 10] if cents % 10 else ''}" if cents else ""
    return f"{_number(whole) if point else number(whole)}{point}"


class Chinese:
    """See `Wording`."""

    def always(self, name: str) -> str:
        return f"{name}全天开放，随时都能来。"

    def daily(self, name: str, when: str, opens: Sequence[Opening], rides: bool) -> str:
        if rides:
            parts = [f"{clock(o.opens)}开始，最后一班{clock(o.last)}" for o in opens]
        else:
            parts = [f"{clock(o.opens)}开放，{clock(o.closes)}关门{_last(o)}" for o in opens]
        return f"{name}{when}{'；'.join(parts)}。"

    def closed_weekdays(self, days: Sequence[int]) -> str:
        return f"{'、'.join(f'周{_DAYS[day]}' for day in days)}不开放。"

    def holiday(self, name: str, *, today: bool) -> str:
        return f"{'今天' if today else '那天'}是{name}假期，照常开放。"

    def open_now(self, name: str, one: Opening, left: int, rides: bool) -> str:
        end = f"最后一班是{clock(one.last)}" if rides else f"{clock(one.closes)}关门{_last(one)}"
        hurry = f"，还有{span(left)}，请抓紧" if left < _SOON else ""
        return f"{name}现在开着，{end}{hurry}。"

    def too_late(self, name: str, one: Opening, rides: bool) -> str:
        if rides:
            return f"来不及了，{name}最后一班是{clock(one.last)}，已经开走了。"
        return f"来不及了，{name}{clock(one.last)}就停止入场了，{clock(one.closes)}关门。"

    def closed_now(self, name: str, following: Opening | None, today: date) -> str:
        then = ""
        if following is not None:
            day = self.day(following.opens.date(), today)
            then = f"，{day}{clock(following.opens)}开放，{clock(following.closes)}关门"
        return f"{name}现在没有开放{then}。"

    def closed(self, name: str, when: str, reason: str) -> str:
        return f"{name}{when}{f'因{reason}' if reason else ''}不开放。"

    def remaining(self, minutes: int, rides: bool) -> str:
        return f"离{'最后一班' if rides else '关门'}还有{span(minutes)}。"

    def seats(self, boat: str, seats: int, people: int) -> str:
        told = f"{boat}一条可坐{number(seats)}人"
        if not people:
            return f"{told}。"
        able = "坐得下" if people <= seats else f"一条坐不下，要{number(-(-people // seats))}条"
        return f"{told}，{number(people)}个人{able}。"

    def enter(self, name: str, when: str, clock: datetime, able: bool, rides: bool) -> str:
        at = f"{when}{_clock(clock)}"
        if rides:
            return f"{at}{'还有' if able else '没有'}{name}。"
        return f"{at}还能进{name}。" if able else f"{at}已经进不了{name}了。"

    def shows(self, name: str, when: str, times: Sequence[datetime], minutes: int | None) -> str:
        if not times:
            return f"{name}{when}没有演出。"
        each = f"，每场大约{span(minutes)}" if minutes else ""
        at = "和".join(("、".join(map(clock, times[:-1])), clock(times[-1]))).removeprefix("和")
        return f"{name}{when}{at}{'各一场' if len(times) > 1 else '一场'}{each}。"

    def next_show(self, at: datetime) -> str:
        return f"下一场是今天{clock(at)}。"

    def day(self, day: date, today: date, *, weekday: bool = False) -> str:
        ahead = (day - today).days
        if 0 <= ahead <= 2 and not weekday:
            return ("今天", "明天", "后天")[ahead]
        if 0 <= ahead < 7:
            return f"周{_DAYS[day.weekday()]}"
        return f"{_number(day.month)}月{_number(day.day)}日"

    def every_day(self) -> str:
        return "每天"

    def prices(self, name: str, prices: Sequence[Price], currency: str, used: bool) -> str:
        if len(prices) == 1 and not prices[0].amount and not prices[0].who:
            free = "免费，不收钱" if used else "不收门票，免费参观"
            return f"{name}{free}。{_sentence(prices[0].note)}"
        parts, notes = [], ""
        for price in prices:
            cost = f"{amount(price.amount)}{currency}" if price.amount else "免费"
            parts.append(f"{price.who or '门票'}{cost}")
            notes += _sentence(price.note)
        return f"{name}{'，'.join(parts)}。{notes}"

    def total(self, total: Total, currency: str) -> str:
        people = total.people
        count = f"{number(people)}个人" if people > 1 else "" if people or total.boats else "每人"
        if total.full:
            count = f"{'孩子按成人票' if total.children else '按全价'}算，{count}"
        boats = f"{'要' if count else ''}{number(total.boats)}条船，" if total.boats else ""
        hourly = "每小时" if total.hourly else ""
        return f"{total.choice}{count}{boats}{hourly}一共{_amount(total.amount)}{currency}。"

    def route(
        self, start: str, end: str, legs: Sequence[Leg], minutes: int, metres: int | None
    ) -> str:
        on_foot = all(leg.by == "foot" for leg in legs)
        far = f"，{distance(metres)}左右" if metres and on_foot else ""
        head = f"从{start}{'步行' if on_foot else ''}到{end}大约{span(about(minutes))}{far}"
        if len(legs) > _LEGS:
            legs = joined(legs, lambda passed: f"走过{'、'.join(passed)}")
        told = [self._leg(leg, on_foot) for leg in legs if leg.way or not on_foot or len(legs) > 1]
        if not told:
            return f"{head}。"
        return f"{head}：{'；再'.join(told)}。"

    def _leg(self, leg: Leg, on_foot: bool) -> str:
        if leg.way:
            return f"{leg.way}，到{leg.to}"
        by = {"foot": "走", "boat": "坐船", "bus": "坐车"}[leg.by]
        return f"{by}到{leg.to}" if on_foot else f"{by}{span(leg.minutes)}到{leg.to}"

    def here(self, name: str) -> str:
        return f"您现在就在{name}。"

    def from_here(self, minutes: int, by: str) -> str:
        return f"从这里{'步行' if by == 'foot' else '过去'}大约{span(about(minutes))}。"

    def facility(self, name: str, minutes: int | None, where: str) -> str:
        if minutes is None:
            return _sentence(where)
        near = "就在这里" if minutes == 0 else f"从这里步行大约{span(about(minutes))}"
        return f"最近的{name}{near}：{_sentence(where)}"

    def nearby(self, start: str, spots: Sequence[tuple[str, int]]) -> str:
        told = [f"{name}，{'走' if not n else ''}{span(about(minutes))}" for n, (name, minutes) in
                enumerate(spots)]  # fmt: skip
        return f"离{start}最近的是{'；'.join(told)}。"

    def stay(self, name: str, minutes: int) -> str:
        return f"{name}慢慢看，大约需要{span(minutes)}。"

    def tour(self, budget: int, start: str, stops: Sequence[Stop], minutes: int) -> str:
        told = [f"{stop.name}，看{span(stop.stay)}" for stop in stops]
        path = f"先去{told[0]}"
        if len(told) > 1:
            path += "".join(f"；再去{one}" for one in told[1:-1]) + f"；最后到{told[-1]}"
        whole = f"连走带看大约{span(about(minutes))}。"
        return f"{span(budget)}可以这样安排：从{start}出发，{path}。{whole}"

    def address(self, name: str, address: str) -> str:
        return f"{name}的地址是{address.rstrip('。')}。"

    def phone(self, name: str, phone: str) -> str:
        return f"{name}的电话是{phone}。"

    def nth(self, of: str, kind: str, n: int, name: str, ends: tuple[str, str]) -> str:
        return f"从{ends[0]}往{ends[1]}数，{of}的第{_number(n)}{kind}是{name}。"

    def behind(self, one: str, name: str, ends: tuple[str, str]) -> str:
        return f"从{ends[0]}往{ends[1]}走，过了{one}是{name}。"

    def join(self, sentences: Sequence[str]) -> str:
        return "".join(sentences)


def _amount(value: float) -> str:
    return amount(value)


def _clock(at: datetime) -> str:
    return clock(at)


def _last(one: Opening) -> str:
    return f"，{clock(one.last)}停止入场" if one.last < one.closes else ""


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in "。！？" else f"{text}。"
