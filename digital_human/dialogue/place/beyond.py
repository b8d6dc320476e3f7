"""What a question asks beyond what an answer of its kinds tells."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digital_human.dialogue.place.facilities import RIDES
from digital_human.dialogue.place.kinds import QUANTITY, TAKES, WHERE, topic_of
from digital_human.dialogue.place.leftover import NAME as _NAME
from digital_human.dialogue.place.leftover import clauses
from digital_human.dialogue.place.phrases import KINDS, REMAINING, Kinds
from digital_human.dialogue.place.telling import inside
from digital_human.dialogue.place.topics import OPENED
from digital_human.speech.types import Language

# What is bought by the piece is no ticket: 一把香多少钱.
_GOODS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"[一每](?:把|斤|只|两(?!口)|份|杯|碗|壶|包|盒|件|瓶|顿|晚|间|串|根|支|块(?![儿去来坐登进看逛上])|袋|幅|本|桶|束|朵|盘|桌)"
        r"|花了?多少钱?[建修造盖]|[建修造盖][^，。]{0,8}花|超[过时出了]|第[二三]个?(?:小时|钟头)|押金|罚"
        r"|请[个位]?[^，。？]{0,3}(?:导游|讲解)|(?:讲解|导览)[^。？]{0,8}(?:多少|几|收|价|免费|要钱)"
        # Nor what an hour costs after those that are free.
        r"|过了[^，。]{0,5}(?:小时|钟头)|(?:小时|钟头)(?:以后|之后|过后|后|以外|开外)"
        r"|(?:之后|以后|后面|往后|后头)的?(?:每|一|怎么|按)|续[租费时骑]"
    ),
    # What it cost to make is no ticket either.
    "en": re.compile(
        r"\bdid (?!i\b|we\b|you pay)|\bper (?:night|kilo|cup|glass|piece)\b"
        r"|\bdeposit\b|\bafter (?:the first|that|an hour|one hour|the free)\b|\bovertime\b"
        r"|\b(?:second|extra|third|additional|further|next|subsequent) hours?\b|\bhours? after\b"
        r"|\b(?:beyond|past|over|longer than|more than) (?:the |an |one )?(?:first |free )*hour\b",
        re.IGNORECASE,
    ),
}
# The boats' hours are those of the way out.
_RETURN = re.compile(
    rf"回来|返回|[返回]程|回岸|离岛|下岛|从(?:岛上|{_NAME})[^，。？]{{0,4}}[回开返]"
    rf"|\bleav\w+ (?:the )?{_NAME}(?= ?[?.,]|$)"
    r"|\bback\b(?! (?:by|at|here))|\breturn(?:s|ing)?\b|\boff the island\b|\bfrom the island\b"
)
# What leaves from the island comes back too.
_FROM_ISLAND = re.compile(r"(?<![上登])岛上?的?(?:最后|末班|最晚)")
# What is measured is as it stands today.
_OF_OLD = re.compile(
    r"当年|从前|以前|原[来先]|当初|倒(?:[了塌]|之?前|以前)"
    r"|\b(?:old|originally|used to|fell|collapsed)\b"
)
# What was is in no timetable.
_GONE = re.compile(
    r"哪一?年|几几年|哪个?朝代?(?=开|建|办)|\b(?:what|which) year\b|"
    r"(?:什么|啥)时候[^，。？早晚每平今明]{0,5}(?:开[放馆园业张幕]?|办|落成|成立|[挂揭]牌)的(?=[，。？呀啊呢吗]|$)|"
    rf"{OPENED}|"
    r"昨[天晚日]|前天|去年|前年|上个?(?:周|星期|礼拜|月)|\byesterday\b"
    r"|\blast (?:week|month|year|night|mon|tues|wednes|thurs|fri|satur|sun)"
)
_TO_STOP = re.compile(
    r"(?:到|去|离|往|走)[^，。？船]{0,6}(?:码头|站)|步行|走路|走过去|走着"
    r"|\b(?:walk\w*|on foot"
    r"|to (?:the |a )?(?:nearest |closest )?(?:pier|jetty|dock|boats?|ferry))\b"
)
# Boats may not run in it, wherever in the question it is told.
_WEATHER = re.compile(
    r"[下刮起][大小暴]?[雨雪风雾]|[雨风雪雾](?:[这太很好]么?)?大|大[雨风雪雾]|台风|打雷"
    r"|\b(?:rain|snow|wind|storm|fog|typhoon|thunder)\w*\b"
)
# When something is done there, or best done, is not when it is open.
_DONE_THERE = re.compile(
    r"几点[^,，。？]{0,4}[敲撞亮念诵喂升落]|[敲撞亮念诵喂升落][^,，。？]{0,4}几点"
    r"|几点[^,，。？]{0,9}(?:最[好美佳]|人最?少)"
)
# What is asked of a facility besides where it is.
_OTHERWISE = re.compile(
    r"预[约订定]|排队|晕船|救生|押金|还是[^,，。？]{0,8}[快近省好]|能(?:不能)?看[到见]|(?:划算|值得)[吗么]"
    # How one who comes in a wheelchair gets up.
    r"|坡道|台阶|楼梯|[电扶]梯|\b(?:ramps?|stairs?|steps|lifts?|elevators?|escalators?)\b"
    # Whether it may come along.
    r"|(?:能|让|可以)[^，。？]{0,4}[骑推][^，。？]{0,3}(?:自行车|单车)"
    r"|(?:箱子?|包|行李)(?:能|可以|让)[^，。？]{0,3}[进上](?!哪)"
    r"|[带拎拖背](?:着|个|了)?[^，。？]{0,5}(?:箱子?|包|行李)(?:能|可以|让)[^，。？]{0,2}[进上](?!哪)"
    r"|\b(?:take|bring|carry|ride|push)\b[^,.?]{0,10}"
    r"\b(?:bi(?:ke|cycle)|bag|suitcase|backpack|luggage)s?"
    r" (?:on|onto|along|across|over|up|in|into|inside)\b"
    r"|\bbi(?:ke|cycle)s? (?:be )?allowed\b"
    r"|\bbook\w*|\breserv\w*|\bqueue\w*|\bseasick\b|\bdeposit\b|\b(?:faster|quicker|cheaper)\b"
)
_ANIMAL = re.compile(
    r"狗|猫|宠物|泰迪|金毛|柯基|兔子|\b(?:dogs?|cats?|pets?|puppy|puppies|poodle|terrier)\b"
)
# Who speaks of these, or of how long it takes, asks for more than the nearest stop.
_JOURNEY = re.compile(
    r"机场|火车|东站|城站|车站|高铁|号线|哪条线|下车|换乘|转车|多久|多长时间|几分钟|多少分钟"
    r"|\b(?:airport|railway|train|lines?|change|how long|how many minutes)\b"
)
# Which line the nearest one is on is told with where it is.
_LINE = re.compile(
    r"最近[^，。？]{0,8}[几哪]号?条?线"
    r"|\bwhich (?:metro |subway )?line\b[^,.?]*\b(?:closest|nearest)\b"
)
# Kinds whose answers tell how many or how much.
_NUMBERS: frozenset[str] = frozenset(("tickets", "route", "stay", "fact", "tour", "seats"))


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as far as it is understood.

    Attributes:
        text: The question.
        shape: With a sign in place of each name.
        language: Of the question.
        kinds: What it asks for.
        topic: What a "fact" is asked about.
        facility: The kind of facility it names.
        used: Stretches of the shape by which all this is asked.
    """

    text: str
    shape: str
    language: Language
    kinds: Kinds
    topic: str | None
    facility: str | None
    used: list[tuple[int, int]]


def asks_where(shape: str, language: Language) -> bool:
    """Whether a question asks for a place or the way there."""
    return any(KINDS[language][kind].search(shape) for kind in WHERE)


def beyond(read: Reading) -> tuple[str, ...]:
    """Words of a question that an answer of its kinds would pass over."""
    shape, language, kinds = read.shape, read.language, read.kinds
    left: tuple[str, ...] = ()
    if read.topic in ("height", "length") and _OF_OLD.search(read.text):
        left += (_NAME,)
    if "facility" in kinds and topic_of(shape, language) is not None:
        left += (_NAME,)  # when the boats were built is not where they are
    if "hours" in kinds:
        whens = [one for one in clauses(shape) if KINDS[language]["hours"].search(one)]
        left += tuple(found[0] for one in whens[-1:] for found in _GONE.finditer(one))
        left += tuple(found[0] for found in _DONE_THERE.finditer(shape))
    if "facility" in kinds:
        left += tuple(found[0] for found in _OTHERWISE.finditer(shape))
    rides = read.facility in RIDES and "facility" in kinds
    if rides and _ANIMAL.search(read.text) and not asks_where(shape, language):
        left += (_NAME,)  # whether it may come along is no way there
    if read.facility == "pier" and "hours" in kinds:
        left += tuple(
            _NAME
            for clause in clauses(shape)
            if _RETURN.search(clause) and KINDS[language]["hours"].search(clause)
        )
        left += tuple(_NAME for _ in _FROM_ISLAND.finditer(read.text))
        left += tuple(found[0] for found in _WEATHER.finditer(shape))
    afloat = read.facility == "pier" and "facility" in kinds
    if afloat and TAKES.search(shape) and not _TO_STOP.search(shape):
        left += (_NAME,)  # how long one is on board is not the way to the boat
    journey = _JOURNEY.search(_LINE.sub("", shape))
    if read.facility in ("metro", "bus") and journey:
        left += (_NAME,)
    if not REMAINING[language].search(shape) and not _NUMBERS & set(kinds):
        # How many there are of it is not where it is.
        counted = [f for f in QUANTITY[language].finditer(shape) if not inside(f.span(), read.used)]
        left += tuple(found[0] for found in counted)
    if "tickets" in kinds:
        left += tuple(found[0] for found in _GOODS[language].finditer(shape))
    return left
