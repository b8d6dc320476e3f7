"""What an answer must have: a question for a year needs a year, one for a price needs a price."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from digital_human.dialogue.knowledge.words import analyse, tag_of

_N = r"(?:[零〇一二两三四五六七八九十百千万\d]+(?:点[零〇一二三四五六七八九\d]+|\.\d+)?半?)"
_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    "|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    "|hundred|thousand"
)
_NE = rf"\b(?:\d[\d,.]*|(?:{_WORDS})(?:[ -](?:and a half|and|point|{_WORDS}))*)"
_YEAR = r"[〇零一二三四五六七八九\d]{3,4}年|\b\d{3,4}\b"
_AGE = (
    rf"{_N}世纪|年间|[唐宋元明清晋汉隋梁]代|[东西南北][宋晋汉周]|民国|吴越|\bcentury\b|\bdynasty\b"
    r"|\b(?:Ming|Qing|Tang|Song|Yuan)\b"
)
_CLOCK = (
    rf"{_N}点(?:半|钟|{_N}分)?(?![零〇一二三四五六七八九\d])|全天|\d:\d\d|\bin the (?:morning"
    r"|afternoon|evening)\b|o'clock|half past|\bnoon\b|\bany hour\b"
)
_SEASON = (
    rf"{_N}月|[春夏秋冬]|季|中秋|清明|\b(?:January|February|March|April|May|June|July|August"
    r"|September|October|November|December|spring|summer|autumn|fall|winter|Mid-Autumn)\b"
)
_METRES = rf"{_N}(?:多|来)?(?:公里|平方米|米|里|丈|尺)"
_METRES_EN = r"(?:met(?:re|er)s?|kilomet(?:re|er)s?|feet|miles?)"
_UNITS = "天座层条处种棵株家尊名位艘口回次任场首只岁句间扇块件匹头朵颗片辆盏栋"
_PIECES = "把斤两份杯碗壶包盒件瓶顿晚间串根支袋幅本桶束盘桌"
# Measure words that may stand for one another.
_LIKE = ("次回任趟遍", "座个处", "棵株", "只条尾", "名位口人", "岁年")
_PERSON = (
    r"工作人员|游客中心|皇帝|国王|和尚|僧|禅师|诗人|画家|名将|知府|刺史|娘子|人(?:名|称)|百姓|\b(?:king|emperor"
    r"|monk|poet"
    r"|general|governor|prefect|painter|wife|brother|people)s?\b"
)
# Words at the end of names that no person has.
_SIGHT = (
    "Temple|Pagoda|Causeway|Bridge|Hill|Lake|Park|Hall|Peak|Garden|Island|Islet|Tower|Society"
    "|Museum"
    "|Road|Street|Pavilion|Scenes|Harbour|Lakeside|Gate|River|Bay|List|Heritage|Song|City"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of fact.

    Attributes:
        asked: What asks for it; a group ``unit`` is what is counted.
        told: Pattern of what tells it, ``UNIT`` standing for what is counted.
        strict: Whether `told` is hardly ever found by chance.
        own: Whether only what is foreseen of the very thing tells it: a length belongs to one.
    """

    asked: re.Pattern[str]
    told: str
    strict: bool
    own: bool


def _shape(asked: str, told: str, *, strict: bool = True, own: bool = False) -> Shape:
    return Shape(re.compile(asked, re.IGNORECASE), told, strict, own)


# The first that is asked for counts.
_SHAPES = (
    _shape(
        r"造价|投资|[建修造][^，。]{0,8}花了?多少|花了?多少钱?[建修造]"
        r"|\bdid\b(?!.*\b(?:i|we|you)\b).*\bcost\b",
        rf"花了?{_N}|\bcost {_NE}",
    ),
    _shape(
        rf"(?:多少钱?|几块钱?|几元)[一每](?P<unit>[{_PIECES}])"
        rf"|[一每](?P<unit2>[{_PIECES}])[^，。]{{0,3}}(?:多少|几[块元])",
        r"[一每]UNIT",
    ),
    _shape(
        r"(?:几|多少)(?:两|黄?金子?(?!额)|银[子两]?)|how much (?:gold|silver)",
        rf"{_N}两|\btaels?\b",
    ),
    _shape(
        r"多少钱|票[价钱]|车[费钱]|运费|价格|价[钱位]|收费|几块钱?|几元|多少[元块]|费用|免费|贵不贵|贵吗|花费|要钱"
        r"|收钱"
        r"|人均|便宜|how much (?!time)|\bprices?\b|\bcosts?\b|\bfees?\b|\bfares?\b|\bfree\b"
        r"|\bcharges?\b|\bpay\b|\bexpensive\b|\bcheap",
        rf"{_N}(?:元|块|贯|文)|[金银][^，。]{{0,2}}{_N}两|{_N}两[白黄]?[金银]|免费|不收|\byuan\b|\bfree\b",
    ),
    _shape(
        r"几点|多晚|最[晚早]|营业时间|开放时间|末班|首班|what time|\bhow (?:late|early)\b"
        r"|(?:opening|what|which) hours",
        _CLOCK,
        strict=False,
    ),
    _shape(
        r"多久|多长时间|多少时间|几个?(?:小时|钟头|分钟|月)(?!份)|多少(?:小时|分钟)"
        r"|how long (?:does|do|will|would|did|has|have|was|were)|how much time"
        r"|how long (?:is|are) (?:\w+ ){1,3}?(?:trip|ride|journey|walk|show|wait|drive|tour)s?\b"
        r"|how many (?:hours|minutes|days|years)",
        rf"{_N}个?半?(?:小时|钟头|分钟|刻钟|天|月)|年到"
        rf"|(?<![〇零一二三四五六七八九\d])[一二三四五六七八九十百\d]{{1,2}}年|\b(?:minutes?"
        rf"|hours?|days?|years?)\b"
        r"|\bfrom \d{4}\b",
    ),
    _shape(
        r"什么年代|哪个年代|什么朝代|哪个朝代|哪朝|(?:what|which) (?:dynasty|century)",
        rf"{_YEAR}|{_AGE}",
    ),
    _shape(
        r"多大(?:年[纪龄]|岁|[嫁娶死]|出嫁|成亲|结婚|[去过]世)|(?:那年|时候?)(?:是|才|有)?多大"
        r"|什么年[纪龄]|年[纪龄]多大|享年|岁数|\bwhat age\b"
        r"|how old (?:was|were|did) (?!the\b|it\b|this\b|that\b)"
        r"|how old (?:is|are|do|does) (?:you|he|she|they)\b",
        rf"{_N}周?岁|\bage[ds]? (?:of )?{_NE}|\bat (?:the age of )?{_NE}(?! (?:in|o'clock))"
        rf"|years old|\blived (?:to |until )?(?:be )?{_NE}",
    ),
    _shape(
        r"(?<![几哪这那前后过第十])几年(?![前后级代])",
        r"(?<![〇零一二三四五六七八九十百\d])[一二两三四五六七八九十百\d]{1,3}(?:多|来)?年(?!代)",
    ),
    _shape(
        r"哪一?年|几几年|年份|多少年|几百年|(?:what|which) year"
        r"|how old (?:is|are) (?:the|it|this|that)",
        rf"{_YEAR}|{_N}年|\byears old\b|\bhundred years\b",
    ),
    _shape(r"几月份?|哪个?月|什么季节|哪个季节|(?:which|what) (?:season|month)", _SEASON),
    _shape(
        r"什么时候|什么时节|哪个时节|何时|啥时候|什么时间|哪天|几号(?!线)|\bwhen\b|what date",
        rf"{_YEAR}|{_CLOCK}|{_SEASON}|{_N}年|每[天晚]",
    ),
    _shape(
        r"多高|高(?:度|多少|几)|身高|海拔|露出.{0,4}多少|how (?:tall|high)\b|\bheight\b",
        rf"(?:高|露出)[^，。]{{0,8}}{_METRES}|{_METRES}[^，。]{{0,2}}高"
        rf"|{_METRES_EN} (?:high|tall|above)",
        own=True,
    ),
    _shape(
        r"多长|长(?:度|多少|几)|全长|(?<![宽高深])(?:几|多少)(?:公里|米|里)"
        r"|how long (?:is|are)\b|\blength\b",
        rf"长[^，。]{{0,5}}{_METRES}|{_METRES}[^，。]{{0,2}}长|{_N}公里|{_METRES_EN}\b",
        own=True,
    ),
    _shape(
        r"多宽|宽(?:度|多少|几)|how (?:wide|broad)|\bwidth\b",
        rf"宽[^，。]{{0,5}}{_METRES}|\bwide\b",
        own=True,
    ),
    _shape(
        r"多深|深(?:度|多少|几)|水深|how deep|\bdepth\b",
        rf"深[^，。]{{0,8}}{_METRES}|\bdeep\b",
        own=True,
    ),
    _shape(r"多远|how far", rf"{_METRES}|{_N}分钟|\bminutes\b|{_METRES_EN}\b", own=True),
    _shape(
        r"多重|几斤|重量|how heavy|\bweigh",
        rf"{_N}(?:斤|吨|公斤|千克)|\b(?:tons?|kilograms?)\b",
        own=True,
    ),
    _shape(
        r"多大(?!年|岁)|面积|平方|how (?:big|large)|\barea\b|\bsize\b",
        rf"{_N}(?:平方|公顷|亩)|\bsquare\b|\bhectares?\b",
        own=True,
    ),
    _shape(
        rf"(?<!哪)(?:几|多少)(?P<unit>[{_UNITS}])(?!地方|时候|人)", rf"{_N}(?:多|来)?UNIT", own=True
    ),
    _shape(r"how many times|how often", rf"\b(?:once|twice)\b|{_NE} times"),
    _shape(r"how many (?:\w+ ){0,2}?(?P<unit>[a-z]{3,})s\b", rf"{_NE} (?:[\w-]+ ){{0,3}}?UNITs?\b"),
    _shape(
        r"(?<!哪)(?:几|多少)[个位名]?(?P<unit>[\u3400-\u9fff]{1,2})(?<![了呢啊呀吗吧])",
        rf"{_N}(?:多|来)?[个位名座条处种棵株只家]?UNIT|(?<![每一])UNIT{_N}",
    ),
    _shape(r"多少|(?<!哪)几个|how many|how much", rf"{_N}|{_NE}", strict=False),
    _shape(
        r"谁|哪位|什么人|何人|哪个?(?:皇帝|国王|诗人|和尚|人)|(?<![a-z] )\bwho(?:se|m)?\b"
        r"|\b(?:by|with|for|to|from|of|know|guess|was it|is it|and|so) who(?:se|m)?\b"
        r"|\bwhich (?:king|emperor|poet|monk|general|person)",
        _PERSON,
        strict=False,
    ),
    _shape(
        r"哪[里儿国省个]?(?:地方)?的?人(?!多|少|最|物|们)|(?:什么|啥)地方的?人(?!多|少|最|物|们)",
        r"来自|老家|家乡|生[于在]|印度|[州县市省山塘川国]人",
    ),
    _shape(
        r"哪里|哪儿|什么地方|何处|在哪|\bwhere\b",
        r"[在于到从往藏葬去]|\b(?:at|in|on|near|from|to)\b",
        strict=False,
    ),  # fmt: skip
)


def shape_of(question: str) -> tuple[Shape, str] | None:
    """The kind of fact a question asks for, and what is to be counted; None for no such kind."""
    for shape in _SHAPES:
        if asked := shape.asked.search(question):
            return shape, next(filter(None, asked.groupdict().values()), "")
    return None


def tells(text: str, shape: Shape, unit: str) -> bool:
    """Whether ``text`` has what an answer must have; see `shape_of`."""
    if _told(shape.told, unit).search(text):
        return True
    return shape.told is _PERSON and _names_person(text)


@lru_cache(maxsize=512)
def _told(pattern: str, unit: str) -> re.Pattern[str]:
    alike = next((f"[{group}]" for group in _LIKE if unit and unit in group), re.escape(unit))
    return re.compile(pattern.replace("UNIT", alike), re.IGNORECASE)


def _names_person(text: str) -> bool:
    """Whether a person stands in ``text``: by jieba's dictionary, a surname where a name would
    stand, or two capitalised words."""
    chinese = (tag_of(word.text) or "" for word in analyse(text).words)
    named = any(tag.startswith("nr") for tag in chinese) or _SURNAMED.search(text)
    return bool(named or _CAPITALS.search(text))


# Surnames that hardly begin other words.
_SURNAMED = re.compile(
    r"(?:^|[是由叫的和、，：])[李王张刘陈杨赵黄周吴徐孙胡朱郭何罗梁郑谢韩冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴汪范"
    r"姚谭廖邹陆孔崔康邱秦顾侯邵孟钱尹黎贺林][\u3400-\u9fff]{1,2}(?=[是写画题修建造开凿筑立创做率带，。、和]|$)"
)
_CAPITALS = re.compile(
    rf"\b(?!The |It |In |At |On |Its )[A-Z][a-z]+ (?!(?:{_SIGHT})\b)[A-Z][a-z]+(?! (?:{_SIGHT})\b)"
)
