"""Kinds of facility: what they are called and how people ask for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from digital_human.speech.types import Language


@dataclass(frozen=True, slots=True)
class FacilityKind:
    """A kind of facility.

    Attributes:
        names: What one is called, by language.
        words: How people ask for it, by language.
    """

    names: dict[Language, str]
    words: dict[Language, re.Pattern[str]]


def _kind(zh: str, words_zh: str, en: str, words_en: str) -> FacilityKind:
    words: dict[Language, re.Pattern[str]] = {
        "zh": re.compile(words_zh),
        "en": re.compile(words_en, re.IGNORECASE),
    }
    return FacilityKind({"zh": zh, "en": en}, words)


FACILITIES: dict[str, FacilityKind] = {
    "toilet": _kind(
        "厕所",
        r"公?厕所|茅房|茅厕|公厕|洗手间|卫生间|盥洗室|上大号|方便一下|尿急|内急|解手",
        "toilet",
        r"toilets?|restrooms?|bathrooms?|washrooms?|\bwc\b|\bloo\b|ladies'? room"
        r"|\bgents\b|men'?s room|\bpee\b",
    ),
    "visitor_centre": _kind(
        "游客中心",
        r"游客(?:服务)?中心|服务中心|服务台|问讯处|咨询[台处]|人工服务|工作人员",
        "visitor centre",
        r"visitor'?s? cent(?:er|re)|information (?:desk|cent(?:er|re))|tourist office"
        r"|help desk",
    ),
    "luggage": _kind(
        "行李寄存处",
        r"行李(?:箱)?(?:寄存)?|拉杆箱|寄存(?:行李|处|柜)?|存包|存行李|箱子|背包|大包"
        r"|[存寄][^，,。？?]{0,8}的?(?:包|东西)|双肩包|包包",
        "luggage store",
        r"luggage|baggage|lockers?|cloakroom|suitcases?|\bbags?\b|\bbackpacks?\b"
        r"|\bcheck(?:ed|ing)? out of (?:our|my|the) (?:hotel|hostel|room|flat)\b"
        r"|\bwho(?:'d|'ll| would| will| can| could) (?:look after|take care of) (?:them|our|my)\b",
    ),
    "pier": _kind(
        "码头",
        r"(?:游船)?码头|[坐乘上]游?船(?:去|到)?|[上登]岛(?=要?(?:多少钱|几块|门?票|收费|花)"
        r"|的?(?:最[晚迟]|几点|末班|船)|[吗么不?？。]|$)|游船|画舫|小?木?船(?![长员夫主])票?|摇橹船|手划船",
        "pier",
        r"\bpiers?\b|(?:\browing )?\bboats?\b|\brow-?boats?\b|\b(?:go|going|fancy|try) rowing\b"
        r"|\brow(?:ing)?\b(?= (?:ourselves|ourself|myself|for|on|around|about))"
        r"|\bferr(?:y|ies)\b|\bcruises?\b|\bjetty\b"
        r"|\bdock\b",
    ),
    "metro": _kind(
        "地铁站",
        r"(?:坐|乘)?地铁(?:站|口)?",
        "metro station",
        r"\bmetro\b(?: stops?)?|\bsubway\b(?: stops?)?|\bunderground station\b"
        r"|\bnearest underground\b|\b(?:nearest|closest|the) tube\b(?: stop| station)?"
        r"|\btube (?:stop|station)s?\b",
    ),
    "bus": _kind(
        "公交站",
        r"公交(?:车|站)|巴士站",
        "bus stop",
        r"\bbus(?:es)?\b(?: stops?)?",
    ),
    "parking": _kind(
        "停车场",
        r"停车(?:场|位)?|车停|车位|停个?车|自驾.{0,4}停|停哪|停[在到]哪",
        "car park",
        r"parking|car parks?|\bpark (?:my|our|the|a) (?:car|van)\b|\b(?:leave|put) (?:my|our|the)"
        r" car\b|\b(?:can|to|could|should|do) (?:i |we |you )?park\b",
    ),
    "bicycle": _kind(
        "租车点",
        r"(?<!骑)(?<!骑着)(?:公共|共享)?(?:自行车|单车)|借车|小黄车",
        "bicycle stand",
        r"(?:public )?\b(?<!by )(?<!my )(?<!our )(?<!own )(?<!ride a )(?:bicycles?|bikes?)\b",
    ),
    "wheelchair": _kind(
        "轮椅租借处",
        r"轮椅|无障碍",
        "wheelchair desk",
        r"wheelchairs?|step[- ]free",
    ),
    "nursing_room": _kind(
        "母婴室",
        r"母婴室|换尿布|换尿不湿|哺乳|喂奶|育婴",
        "nursing room",
        r"nursing room|baby (?:room|changing)|change (?:a |the |my )?(?:baby|nappy"
        r"|diaper)|breast-?feed\w*",
    ),
    "water": _kind(
        "饮水处",
        r"饮水(?:机|处)?|开水|热水|接水|喝水|直饮水",
        "drinking water",
        r"drinking water|water (?:fountain|dispenser)|refill|fill (?:up )?my bottle",
    ),
    "first_aid": _kind(
        "医务室",
        r"医务室|急救(?:站|点)?|医疗点|创可贴|医生|看病|受伤",
        "first-aid room",
        r"first[- ]aid|medical|doctor|\bnurse\b|plasters?|band-?aids?",
    ),
    "shop": _kind(
        "商店",
        r"商店|小卖部|纪念品|文创|便利店|超市",
        "shop",
        r"\bshops?\b|\bstores?\b(?! my)|souvenirs?|\bgifts?\b",
    ),
    "food": _kind(
        "吃饭的地方",
        r"餐厅|吃饭|饭馆|小吃|咖啡|茶馆|茶室|喝茶|吃东西|吃点",
        "place to eat",
        r"restaurants?|\beat\b|caf[eé]s?|coffee|tea ?house|\bsnacks?\b|\bfood\b"
        r"|(?<!after )(?<!before )lunch"
        r"|(?<!after )(?<!before )dinner",
    ),
    "atm": _kind(
        "取款机",
        r"取款机?|取钱|提款机?|取现",
        "cash machine",
        r"\batm\b|cash machine|withdraw",
    ),
    "lift": _kind(
        "电梯",
        r"电梯|扶梯",
        "lift",
        r"\blifts?\b|elevators?|escalators?",
    ),
    "entrance": _kind(
        "入口",
        r"入口|(?<![开关锁闭])(?:大门|正门)(?![^，。？]{0,4}[开关锁])",
        "entrance",
        r"entrances?(?! fee)|\bgate\b(?! (?:open|close|shut|lock))",
    ),
    "exit": _kind(
        "出口",
        r"出口",
        "exit",
        r"\bexits?\b|way out",
    ),
    "charging": _kind(
        "充电处",
        r"充电宝?|充电桩",
        "charging point",
        r"power ?banks?|charg(?:e|ing) (?:my )?(?:phone|station|point)",
    ),
    "lost": _kind(
        "失物招领处",
        r"失物招领|东西丢|丢了",
        "lost property office",
        r"lost (?:and found|property)|lost my",
    ),
    "bench": _kind(
        "休息处",
        r"长椅|休息(?:区|处|一下|的地方)|坐一坐|歇歇脚?|歇一会儿?",
        "bench",
        r"\bbench(?:es)?\b|sit down|\brest\b",
    ),
}

RIDES: frozenset[str] = frozenset(("pier", "bus", "metro"))
"""Kinds that stand for what leaves from them."""


def facility_in(text: str, language: Language) -> tuple[str, list[tuple[int, int]]] | None:
    """The kind of facility ``text`` names first, and every stretch that names it."""
    found = [
        (spans[0], kind, spans)
        for kind, one in FACILITIES.items()
        if (spans := [match.span() for match in one.words[language].finditer(text)])
    ]
    return min(found)[1:] if found else None
