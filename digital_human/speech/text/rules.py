"""Rewriting rules applied before WeText, where a newsreader reads otherwise than it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hibari.g2p import numbers

Reader = Callable[[str], str]
Replace = Callable[[re.Match[str], Reader], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rewriting rule.

    Attributes:
        pattern: What it looks for.
        replace: Gives the new text, or None to leave the match alone. Its second argument reads a
            text with WeText.
        final: Whether the result is spoken as it is; otherwise later rules and WeText go on.
    """

    pattern: re.Pattern[str]
    replace: Replace
    final: bool = False


_re = re.compile
_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
_CURRENCY = {"$": "美元", "￥": "元", "¥": "元", "€": "欧元", "£": "英镑"}
_DOLLARS = {"HK": "港元", "NT": "新台币", "A": "澳元", "C": "加元", "S": "新加坡元"}
# Units that WeText leaves as letters.
_UNITS = {
    "kWh": "千瓦时", "MWh": "兆瓦时", "GWh": "吉瓦时", "kW": "千瓦", "MW": "兆瓦", "GW": "吉瓦",
    "W": "瓦", "g": "克", "mg": "毫克", "L": "升", "mL": "毫升", "hPa": "百帕", "kPa": "千帕",
    "Hz": "赫兹", "kHz": "千赫兹", "MHz": "兆赫兹", "GHz": "吉赫兹", "dB": "分贝", "V": "伏",
    "kV": "千伏", "mAh": "毫安时", "min": "分钟", "ms": "毫秒", "nm": "纳米", "μm": "微米",
}  # fmt: skip
_UNIT_NAMES = "|".join(sorted(_UNITS, key=len, reverse=True))
_WON = (
    "战胜|击败|领先|逆转|取胜|大胜|险胜|完胜|落后|战平|不敌|告负|力克|轻取|横扫|淘汰|获胜|[胜负平]"
)
_CELSIUS = "(?:℃|°C|摄氏度)"
_MODEL = "东风|鹰击|红旗|巨浪|长征|神舟|嫦娥|天问|天舟|朱雀"
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_FULL_MONTHS = {name[:3]: name for name in _MONTHS.split("|")[:12]}


def _en_cardinal(n: int) -> str:
    return str(numbers.cardinal(n)).replace(",", "")


def _digits(text: str) -> str:
    return "".join(_DIGITS[c] for c in text)


def _cardinal(text: str, read: Reader) -> str:
    """A bare count in Chinese (二 rather than 两, however long)."""
    return read(f"第{text}").removeprefix("第") if len(text) < 3 else read(f"{text}厘米")[:-2]


def _money(match: re.Match[str], read: Reader) -> str:
    kind, sign, amount, scale, unit = match.groups()
    name = unit or (_DOLLARS.get(kind) if sign == "$" else None) or _CURRENCY[sign]
    return f"{amount}{scale or ''}{name}"


def _duration(match: re.Match[str], read: Reader) -> str:
    parts = zip(match.groups(), ("小时", "分", "秒"), strict=True)
    return "".join(read(f"{int(value)}{unit}") for value, unit in parts)


def _unit(match: re.Match[str], read: Reader) -> str:
    return match[1] + _UNITS[match[2]]


def _below_zero_range(match: re.Match[str], read: Reader) -> str:
    """Both ends get their sign: 零下三到五摄氏度 would be heard as −3…−5."""
    low, high = match.groups()
    if high.startswith("-"):
        return f"零下{low}到零下{high[1:]}℃"
    return f"零下{low}到{'零上' if float(high) else ''}{high.lstrip('+')}℃"


def _score(match: re.Match[str], read: Reader) -> str:
    return f"{_cardinal(match[1], read)}比{_cardinal(match[2], read)}"


def _address(match: re.Match[str], read: Reader) -> str:
    names = {".": " 点 ", "/": " 斜杠 ", "@": " 艾特 ", "-": " 杠 ", "_": " 下划线 "}
    text = re.sub(r"\bwww\b", "WWW", re.sub(r"^https?://", "", match[0]).rstrip("/."))
    return "".join(names.get(c) or _DIGITS.get(c) or (c if c.isalpha() else " ") for c in text)


def _en_address(match: re.Match[str], read: Reader) -> str:
    names = {".": " dot ", "/": " slash ", "@": " at ", "-": " dash ", "_": " underscore "}
    text = re.sub(r"\bwww\b", "WWW", re.sub(r"^https?://", "", match[0]).rstrip("/."))
    spoken = "".join(names.get(c, c if c.isalnum() else " ") for c in text)
    tail = "." if match[0].endswith(".") else ""
    return re.sub(r"\d", lambda m: f" {read(m[0])} ", spoken) + tail


def _cents(match: re.Match[str], read: Reader) -> str | None:
    sign, whole, cents = match.groups()
    one, many = {"$": ("dollar", "dollars"), "£": ("pound", "pounds"), "€": ("euro", "euros")}[sign]
    count = int(whole.replace(",", ""))
    small = "pence" if sign == "£" else "cents"
    parts = [f"{_en_cardinal(count)} {one if count == 1 else many}"] if count else []
    if int(cents):
        parts.append(f"{_en_cardinal(int(cents))} {small}")
    return " and ".join(parts) or None


def _en_number(match: re.Match[str], read: Reader) -> str:
    whole, fraction = match.groups()
    spoken = _en_cardinal(int(whole.replace(",", "")))
    if fraction:
        spoken += " point " + " ".join(_en_cardinal(int(c)) for c in fraction)
    return spoken


def _month_day(match: re.Match[str], read: Reader) -> str | None:
    day = int(match[2])
    if not 1 <= day <= 31:
        return None
    return f"{_FULL_MONTHS[match[1][:3]]} {numbers.ordinal(day)}"


ZH_RULES: tuple[Rule, ...] = (
    Rule(_re(r"(?:https?://|www\.)[!-~]+|[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z]+)+"),
         _address, final=True),
    # Thousands separators; the long dashes and tildes of ranges.
    Rule(_re(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])"), lambda m, r: m[0].replace(",", "")),
    Rule(_re(r"(?<=\d)：(?=\d)"), lambda m, r: ":"),
    Rule(_re(r"(?<=[0-9%℃])\s*[～〜—]+\s*(?=[0-9$￥-])"), lambda m, r: "~"),
    Rule(_re(r"(?<=[用耗历]时)(\d{1,2}):(\d{2}):(\d{2})(?!\d)"), _duration, final=True),
    Rule(_re(r"(US|HK|NT|A|C|S)?([$￥¥€£])\s?(\d+(?:\.\d+)?)\s?(万亿|[千百十]?[亿万])?"
             r"(美元|港元|港币|元|人民币|欧元|英镑|日元)?"), _money),
    Rule(_re(rf"(?<![\d.下~至到])-(\d+(?:\.\d+)?)\s?{_CELSIUS}?\s?[~至到-]\s?"
             rf"([+-]?\d+(?:\.\d+)?)\s?{_CELSIUS}"), _below_zero_range),
    Rule(_re(rf"(?<=[\d℃C])\s?~\s?(?=-\d+(?:\.\d+)?\s?{_CELSIUS})"), lambda m, r: "到"),
    Rule(_re(rf"(?<![\d.下])-(\d+(?:\.\d+)?)\s?{_CELSIUS}"), lambda m, r: f"零下{m[1]}℃"),
    Rule(_re(r"第(\d{1,4})(?!\d)"), lambda m, r: "第" + _cardinal(m[1], r), final=True),
    Rule(_re(r"\b[Nn][Oo]\.\s?(\d{1,3})(?!\d)"), lambda m, r: "第" + _cardinal(m[1], r),
         final=True),
    # Scores: 3-2 or 3:2 beside a word of winning or losing; series of them.
    Rule(_re(rf"(?<![\d-])(\d{{1,3}})[-:](\d{{1,3}})(?![\d-])(?=\s?(?:的比分|{_WON}))"),
         _score, final=True),
    Rule(_re(r"(?<=[分场以胜负平先])(\d{1,3})[-:](\d{1,3})(?![\d:-])(?!赛季)"),
         _score, final=True),
    # Model numbers: 歼-20, F-35, C919, CR400AF, G20, PM2.5, 5G stay with their letters.
    Rule(_re(rf"(?:(?<=[歼运轰直教强])|(?<={_MODEL}))-(\d{{1,3}})(?![\d.%])"),
         lambda m, r: _cardinal(m[1], r) if len(m[1]) < 3 else _digits(m[1]), final=True),
    Rule(_re(r"(?<=[A-Za-z])-?(\d{3,})(?![\d.,%])"), lambda m, r: _digits(m[1]), final=True),
    Rule(_re(r"(?<=[A-Za-z])-(\d{1,2})(?![\d.,%])"), lambda m, r: _cardinal(m[1], r),
         final=True),
    Rule(_re(r"(?<=[A-Za-z] )(\d{3,4})(?![\d.,%年A-Za-z])"), lambda m, r: _digits(m[1]),
         final=True),
    # Years: 2023-2024年, 1998至2003年.
    Rule(_re(r"(?<!\d)((?:19|20)\d{2})\s?(年)?\s?([~-])\s?((?:19|20)\d{2})(?=\s?(?:年|赛季|财年|学年))"),
         lambda m, r: f"{_digits(m[1])}{m[2] or ''}到{_digits(m[4])}", final=True),
    Rule(_re(r"(?<!\d)((?:19|20)\d{2})(?=[至到](?:19|20)\d{2}\s?年)"),
         lambda m, r: _digits(m[1]), final=True),
    Rule(_re(rf"(\d+(?:\.\d+)?)\s?({_UNIT_NAMES})(?![A-Za-z/²³])"), _unit),
    Rule(_re(r"(\d+(?:\.\d+)?)‰"), lambda m, r: f"千分之{_cardinal(m[1], r)}", final=True),
    Rule(_re(r"(?<=\d)\.0+(?=元)"), lambda m, r: ""),
    Rule(_re(r"(\d+)[×x](\d+)(?=小时)"),
         lambda m, r: f"{_cardinal(m[1], r)}乘{_cardinal(m[2], r)}", final=True),
    Rule(_re(r"(?<=\d)°(?![CF])"), lambda m, r: "度"),
    Rule(_re(r"(?<=\d)\s?x\s?(?=\d)", re.IGNORECASE), lambda m, r: "×"),
    Rule(_re(r"(?<=[\u4e00-\u9fff])\+(?=[\u4e00-\u9fff])"), lambda m, r: "加", final=True),
    Rule(_re(r"(?<=[\u4e00-\u9fff])&(?=[\u4e00-\u9fff])"), lambda m, r: "和", final=True),
)  # fmt: skip

EN_RULES: tuple[Rule, ...] = (
    Rule(_re(r"(?:https?://|www\.)[!-~]+|[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z]+)+"),
         _en_address, final=True),
    # 9:30 a.m. keeps its stop only where the sentence ends.
    Rule(_re(r"(?<=\d)\s?([ap])\.m\.(?=\s*$)"), lambda m, r: f" {m[1]}m."),
    Rule(_re(r"(?<=\d)\s?([ap])\.m\.(?=[,;:)])"), lambda m, r: f" {m[1]}m"),
    Rule(_re(r"US(\$[\d.,]*\d)"), lambda m, r: m[1]),
    # $3.50 is three dollars and fifty cents, not three point five dollars.
    Rule(_re(r"([$£€])(\d[\d,]*)\.(\d\d)(?![\d])(?!\s?(?:hundred|thousand|million|billion|trillion))"),
         _cents, final=True),
    Rule(_re(r"(?<![\w$£€¥.,])(\d{1,3}(?:,\d{3})+)(?:\.(\d+))?(?![\d,])"), _en_number, final=True),
    Rule(_re(r"(?<![\w$£€¥.,])(\d+)\.(\d+)(?=%)"), _en_number, final=True),
    Rule(_re(r"(?<=[\ue000\d])%"), lambda m, r: " percent" if m.start() and m.string[
        m.start() - 1] == "\ue000" else None, final=True),
    Rule(_re(r"(?<=\d)\s?km/h\b"), lambda m, r: " kilometers per hour", final=True),
    Rule(_re(r"(?<=\d)\s?mph\b"), lambda m, r: " miles per hour", final=True),
    Rule(_re(r"\b((?:19|20)\d{2})\s?[-–]\s?((?:19|20)\d{2})\b"),
         lambda m, r: f"{r(m[1])} to {r(m[2])}", final=True),
    # Scores and ranges, never a subtraction (that has spaces).
    Rule(_re(r"(?<![\d\w.-])(\d{1,4})[-–](\d{1,4})(?=%)"), lambda m, r: f"{r(m[1])} to {m[2]}"),
    Rule(_re(r"(?<![\d\w.-])(\d{1,4}(?:\.\d+)?)[-–](\d{1,4}(?:\.\d+)?)(?![\d\w-]|\.\d|\s?[°%])"),
         lambda m, r: f"{r(m[1])} to {r(m[2])}", final=True),
    Rule(_re(r"(?<=\d%)\s?[-–]\s?(?=\d)"), lambda m, r: " to ", final=True),
    Rule(_re(r"(?<![\w.])-(?=[\d.]+\s?(?:°|degrees|%))"), lambda m, r: "minus ", final=True),
    # Letters and digits of names: COVID-19, F-35, Boeing 737.
    Rule(_re(r"(?<=[A-Za-z])-(\d{1,3})(?![\d.,%])"), lambda m, r: " " + r(m[1]), final=True),
    Rule(_re(r"(?<![\d][A-Z])(?<=[A-Z])(\d{1,2})(?![\d.,%])"), lambda m, r: " " + r(m[1]),
         final=True),
    Rule(_re(r"(?<![\w$£€¥.,])([1-9]000)(?![\w,]|\.\d)"), lambda m, r: _en_cardinal(int(m[1])),
         final=True),
    Rule(_re(r"(?<!\w)(\d{1,2})(?=[A-Z]\b)"), lambda m, r: r(m[1]) + " ", final=True),
    # May 10 is the tenth of May.
    Rule(_re(rf"\b({_MONTHS})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?![\d:%])"), _month_day, final=True),
    Rule(_re(r"\bNo\. ?(?=\d)"), lambda m, r: "number ", final=True),
    Rule(_re(r"(?<=\w)\s?&\s?(?=\w)"), lambda m, r: " and ", final=True),
)  # fmt: skip
