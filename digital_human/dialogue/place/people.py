"""How people tell who comes along: words for people, their numbers and their ages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.speech.types import Language

Ages = tuple[int, int]
"""From and to which age somebody may be."""

_SON = r"(?:[大小]?(?:女儿|儿子|闺女)|外?孙(?:子|女儿?)|外甥女?|侄子|侄女|小家伙)"
_KIDS = r"(?:小孩儿?子?|孩子|[女男]?娃娃?儿?|宝宝|儿童|小朋友|小宝贝|小的|大的|老[大二])"
_TWINS = r"双胞胎|龙凤胎"
_CHILD = rf"(?:{_SON}|小?{_KIDS}|小(?!时)|{_TWINS})"
_SPOUSE = (
    r"(?:老伴儿?|老婆|老公|媳妇儿?|爱人|太太|(?<=我)先生|丈夫|妻子|对象|男朋友|女朋友|男友|女友|闺蜜|室友"
    r"|(?<![大姑姨舅干小])(?:妈妈?|爸爸?)|老妈|老爸|母亲|父亲|奶奶|爷爷|外婆|外公|姥姥|姥爷|婆婆|公公|丈母娘"
    r"|岳父|岳母|姐姐?|妹妹?|哥哥?|弟弟?|舅舅|姑姑|姑妈|姨妈|小姨|叔叔|嫂子|姐夫|妹夫|儿媳妇?|女婿"
    r"|弟媳|老头子|老婆子|(?:孩子|孩儿)?他[爸妈爹娘]|(?<=[和跟与同带陪])(?:我的?)?(?:朋友|同学|同事|老师|师傅|客户|导师))"
)
_PEER = (
    r"(?:老?朋友|老?同学|同事|好?闺蜜|室友|舍友|哥们儿?|兄弟|姐妹|队友|驴友|战友|工友|好友|伙伴|小伙伴|亲戚|邻居"
    r"|女生|男生|姑娘|小伙子?|老外|外国人|客人|客户|游客|团友|阿姨)"
)
ELDER = r"(?:老人家?|老头|老太太|老年人|老爷子|老奶奶|老爷爷|长辈)"
STUDENT = r"(?:大?学生|研究生|本科生|留学生)"
_NUMERALS = r"零一二两俩三仨四五六七八九十百千\d"
NO_PEOPLE = (
    rf"(?![{_NUMERALS}多几来余])(?!个?(?:小时|钟头"
    r"|[半月天点分刻岁楼号种条张座处路次年层段间家代班队组批]|地方|景点|周|礼拜|星期|晚上))"
)
_FEAST = r"(?!十一|五一|六一|一起|一共|一块|一道|一趟|一下|一个人|千|万)"

_COUNT_EN = rf"(?:{ENGLISH}|an?)"
_CHILD_EN = (
    r"(?:(?:little |small |young )?(?:child(?:ren)?|kids?|sons?|daughters?|boys?|girls?"
    r"|grandson|granddaughter|grandchild(?:ren)?|nephews?|nieces?)|toddlers?|little ones?|babies"
    r"|baby|infants?|pupils?|schoolchildren|twins)"
)
_KIN_EN = (
    r"(?:(?:old |best |elderly |dear )?(?:wife|husband|hubby|missus|partner|girlfriend|boyfriend"
    r"|fianc[eé]e?|friend|mate|buddy|pal|mother|father|mum|mom|dad|mother-in-law|father-in-law"
    r"|sister|brother|gran|granny|grandma|grandpa|grandad|grandmother|grandfather|aunt|uncle|cousin"
    r"|colleague|boss|flatmate|roommate))(?!s)"
)
_PEER_EN = (
    r"(?:(?:old |good |other )?(?:friends?|mates?|pals?|buddies|buddy|colleagues?|students?"
    r"|classmates?|teammates?|cousins?|sisters?|brothers?|aunts?|uncles?))"
)
_ADULT_EN = (
    r"(?:adults?|grown[- ]?ups?|teachers?|seniors?|pensioners?|grandparents|parents|oldies"
    r"|helpers?|chaperones?|guides?|women|men|ladies)"
)
_TEENS_EN = r"(?: just turned| is| are| who is| who's|'s| aged?| of|, who is|,| \()*"

_PATTERNS: dict[Language, tuple[str, ...]] = {
    "zh": (
        rf"(?:(?P<n>{CHINESE})[个名位])?小?学?(?P<grade>[一二三四五六1-6])年级的?(?:小?学生|{_KIDS})?"
        rf"(?:(?P<n2>{CHINESE})[个名位人])?",
        rf"(?P<n>{CHINESE})[个名位](?P<school>小学生|初中生|中学生|高中生)"
        rf"|(?P<school2>小学生|初中生|中学生|高中生)(?P<n2>{CHINESE})[个名位人]",
        rf"(?:(?P<n>{CHINESE})个)?(?P<months>{CHINESE})个多?月(?:大的?|的){_CHILD}?",
        rf"{_CHILD}?(?:(?P<n>{CHINESE})个)?(?:还|都|才)?(?:不到|未满|不满|没满|没到|快)(?P<under>{CHINESE})"
        rf"周?岁(?!以)了?的?{_CHILD}?",
        rf"(?:(?P<n>{CHINESE})个)?(?<!十)(?P<low>[一二三四五六七八九])(?P<high>[二三四五六七八九])岁的?{_CHILD}?",
        rf"(?P<age2>{CHINESE})岁?[、和跟](?P<age>{CHINESE})周?岁(?!以[下上内])的?(?:{_CHILD})?",
        rf"(?:(?P<n>{CHINESE})[个位名](?:都|全|刚|才|是|满|已经)*|(?P<pair>一?对)"
        rf"|{_CHILD}(?:今年|刚刚?|才|已经|都|过了|是|满)*)?"
        rf"(?P<age>{CHINESE})(?:周岁|岁)(?!以[下上内])半?多?大?的?(?:小?(?P<twins>{_TWINS})的?(?:{_SON}|{_KIDS})?|小?{_SON}|小?{_KIDS}"
        rf"|(?P<elder>{ELDER}|老?{_SPOUSE}))?",
        rf"(?P<adults>{CHINESE})大(?P<children>{CHINESE})小",
        rf"(?P<adults>{CHINESE})[个位名]?(?:大人|成年?人|老师|家长|导游|领队|(?P<less>{ELDER}|{STUDENT}))"
        rf"|(?P<adults2>{CHINESE})张(?:成人|大人)票|(?:大人|成年?人|老师|家长|(?P<less2>{ELDER}|{STUDENT}))"
        rf"(?P<adults3>{CHINESE})[个位名]",
        rf"(?:(?P<children>{CHINESE})[个位名]?(?:小?{_SON}|小?{_KIDS}|小(?!时))|{_KIDS}(?P<children2>{CHINESE})个(?!人)"
        rf"|(?P<children3>{CHINESE})张(?:儿童|小孩)票)",
        rf"[一两]?对?(?P<twins>{_TWINS})",
        rf"(?:我们|咱们?|俺们?)[^，。？◇{_NUMERALS}]{{0,4}}{_FEAST}(?P<people>{CHINESE}){NO_PEOPLE}[个位名]{_PEER}",
        r"(?P<couple>[老小]?[两俩]口子?(?!人)|夫[妻妇][俩两二]?(?:个?人)?|情侣[俩两]?|小夫妻)",
        r"(?P<kin2>爸爸妈妈|爷爷奶奶|外公外婆|姥姥姥爷|公公婆婆|岳父岳母|爸妈|父母亲?|爹妈|公婆|岳父母|二老)",
        rf"(?P<family>一大?家子?|全家)?(?:我们|咱们?|一行)?(?P<people>{CHINESE})(?:个人|位|名|人(?!均|民|间)"
        rf"|口人?|张(?:门?票|船票)?)",
        rf"(?:[一总]共|共)(?P<people>{CHINESE})个(?=[，。,]|$)",
        rf"(?P<family>一大?家子?|全家){_FEAST}(?P<people>{CHINESE}){NO_PEOPLE}",
        rf"(?<!我)(?<![和跟同])(?:我们|咱们?|俺们?|我[跟和与同][^，。？]{{1,6}}?|姐妹|兄弟|同学|朋友|同事){_FEAST}"
        rf"(?P<people>{CHINESE}){NO_PEOPLE}(?:个|口)?人?",
        rf"(?P<peers>{CHINESE})[个位名]?{_PEER}",
        rf"(?P<kin>(?:我|我的|他|她)?{_SPOUSE}(?!们|让|叫|想知道|想问|问|说|觉得|听说|喜欢|爱|走不动|腿|怕))(?:今年|都|也|已经)*(?:[四五六七八九]十[一二三四五六七八九]?[多几]?岁?)?",
        rf"(?P<parent>娘儿?|爷儿?|母[女子]|父[女子]|[爷祖婆]孙)(?P<people>{CHINESE})(?:个?人)?",
        r"(?P<two>我们?[俩两](?!个?小时)|[俩两]口人|俩人)",
        rf"(?P<son>(?:我家?|咱家?)?{_SON})",
        rf"(?P<kids>{_KIDS})",
        r"(?P<me>我(?:自己)?(?=[和跟与同、]|[^，。？是]{0,3}[带领陪抱](?![队团路]))|(?:(?<=[和跟与同、带上])|(?<=还有|连同|包括))我(?:自己)?"
        r"(?![们的]))",
    ),
    "en": (
        rf"\b(?:(?P<n>{_COUNT_EN}) )?(?P<months>{ENGLISH})[- ]months?[- ]olds?(?: {_CHILD_EN})?",
        rf"\b(?:(?P<n>{_COUNT_EN}) (?:of them )?)?(?:class of (?P<n2>{ENGLISH}) )?"
        rf"(?P<age>{ENGLISH})(?:[- ]and[- ](?P<age2>{ENGLISH}))?[- ]years?[- ]olds?"
        rf"(?: {_CHILD_EN}|(?P<elder> (?:{_KIN_EN}|man|woman|lady)))?",
        rf"\b(?:(?P<n>{_COUNT_EN}) )?{_CHILD_EN}\b{_TEENS_EN}(?: both| all)? ?"
        rf"(?P<under>under {ENGLISH})\b",
        rf"\b(?:(?P<children>{_COUNT_EN}) )?(?:(?:my|our|the) )?(?:(?P<children2>{ENGLISH}) )?"
        rf"{_CHILD_EN}\b{_TEENS_EN}(?: (?P<each>both|all))?(?:{_TEENS_EN})[ (]*"
        rf"(?P<age>{ENGLISH})(?:, (?P<age3>{ENGLISH}))?(?:,? and (?P<age2>{ENGLISH}))?\b"
        r"(?! (?:yuan|of|hours?|adults?|people|tickets?|kids|children|and a))",
        rf"\b(?P<n>one|two|three|both|all)(?: of (?:us|them|whom))?(?: is| are|'s)(?: just| only)? "
        rf"(?P<age>{ENGLISH})\b(?! (?:of|yuan|hours?|adults?|people))",
        rf"\b(?:he|she)(?:'s| is)(?: just| only| about)?(?: turned)? (?P<age>{ENGLISH})\b"
        r"(?! (?:of|yuan|hours?|people|minutes?))",
        rf"\bthey(?:'re| are)(?: both)? (?P<age>{ENGLISH})(?: and (?P<age2>{ENGLISH}))?\b",
        rf"\baged? (?P<age>{ENGLISH})(?:,? and (?P<age2>{ENGLISH}))?\b",
        rf"\b(?P<adults>{_COUNT_EN}) (?:(?P<less>retired|old|elderly|university|college) )?"
        rf"(?:{_ADULT_EN}|(?P<less2>students?(?! (?:cards?|tickets?|discounts?"
        r"|prices?|ids?|rates?|fares?|pass))))\b",
        rf"\b(?P<children>{_COUNT_EN}) (?:of my |of our )?{_CHILD_EN}\b"
        rf"|\bclass of (?P<children3>{ENGLISH})\b",
        r"\b(?:(?P<family>family of)|(?:coach |tour |school |bus )?(?:party|group|coachload|team)"
        rf" of) (?P<people>{ENGLISH})\b",
        rf"\b(?:the )?(?P<people>{ENGLISH}) (?:people|persons?|of us|tickets?|visitors?|others)\b",
        rf"\b(?:we are|we're|there are) (?P<people>{ENGLISH})(?= ?[,?.!]|$| in\b)"
        rf"|\bfor (?P<people2>{ENGLISH})(?= ?[,?.!]|$| in\b)",
        rf"\b(?P<peers>{_COUNT_EN}) (?:of my |of our )?{_PEER_EN}\b",
        r"\b(?P<couple>(?:(?:a|the|an) )(?:\w+ )?couple)\b(?! of)",
        r"\b(?P<kin2>(?:my|our|his|her) (?:\w+ )?(?:parents|grandparents|in-laws|folks)"
        r"|mum and dad|mom and dad)\b",
        rf"\b(?P<kin>(?:my|our|his|her) {_KIN_EN}"
        r"(?!'s| (?:wants to know|asks?|asked|says?|said|told|wonders))"
        r"|(?<=and )(?:mum|mom|dad|granny|grandma)"
        r"|(?:mum|mom|dad|granny|grandma|grandpa)(?=,| and\b))\b",
        rf"\b(?P<son>(?:my|our|her|his) {_CHILD_EN})\b(?<!s)(?<!children)",
        rf"\b(?P<kids>{_CHILD_EN})\b",
        r"\b(?P<two>both of us|us both|us two|we two|the pair of us)\b",
        r"\b(?P<me>(?<=and )(?:i|me|myself)|(?<=plus )(?:me|myself)"
        r"|(?:i|me|myself)(?=,? (?:and|plus)\b"
        r"|, my\b)|i(?='m [^,.?]{0,16}\bwith\b|'m bringing\b|'m taking\b)|just me)\b",
    ),
}
_SCHOOL: dict[str, Ages] = {
    "小学生": (6, 12), "初中生": (12, 15), "中学生": (12, 18), "高中生": (15, 18),
}  # fmt: skip
_READ = {
    language: tuple(re.compile(one, re.IGNORECASE) for one in patterns)
    for language, patterns in _PATTERNS.items()
}


def ages_of(told: dict[str, str]) -> list[Ages]:
    """The ages that one mention tells."""
    if "grade" in told:
        grade = number(told["grade"])
        return [(grade + 5, grade + 7)]
    if school := told.get("school") or told.get("school2"):
        return [_SCHOOL[school]]
    if "months" in told:
        return [(number(told["months"]) // 12,) * 2]
    if "under" in told:
        age = number(told["under"].removeprefix("under "))
        return [(0 if "under " in told["under"] else age - 1, age - 1)]
    if "low" in told:
        return [(number(told["low"]), number(told["high"]))]
    ages = [number(told[key]) for key in ("age", "age2", "age3") if key in told]
    return [(age, age) for age in ages]


def mentions_of(text: str, language: Language) -> Iterator[re.Match[str]]:
    """What the patterns find, each stretch of the text once."""
    taken: set[int] = set()
    for pattern in _READ[language]:
        for found in pattern.finditer(text):
            if taken.isdisjoint(range(*found.span())):
                taken.update(range(*found.span()))
                yield found
