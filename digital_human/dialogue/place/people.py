"""How people tell who comes along: words for people, their numbers and their ages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from digital_human.dialogue.numbers import CHINESE, ENGLISH, number
from digital_human.speech.types import Language

Ages = tuple[int, int]
"""From and to which age somebody may be."""

SON = r"(?:[大小]?(?:女儿|儿子|闺女)|小?外?孙(?:子|女儿?)|外孙|小?外甥女?|小?侄[子女儿]|小家伙)"
KIDS = r"(?:小孩儿?子?|孩子|[女男]?娃娃?儿?|宝宝|儿童|小朋友|小宝贝|小的|大的|老[大二])"
_SMALL = r"小(?![时伙姐哥弟妹姑两学])"
_TWINS = r"双胞胎|龙凤胎"
_CHILD = rf"(?:{SON}|小?{KIDS}|{_SMALL}|{_TWINS})"
KIN = (
    r"(?:老头子|老婆子|老伴儿?|老婆|老公|儿?媳妇儿?|爱人|太太|(?<=[我和跟与同])先生|丈夫|妻子|对象"
    r"|男朋友|女朋友|男友|女友|闺蜜|室友|[表堂]?[姐妹]夫|女婿|弟媳|儿媳|[表堂]?嫂子?|[表堂][哥姐弟妹]|阿姨|姨[妈父夫]"
    r"|姑[妈父]|舅妈|伯[伯父母]|大伯母?|婶[婶子]|外祖[父母]|祖[父母]|老?丈人"
    r"|(?<![大姑姨舅干小])(?:妈妈?|爸爸?)|老妈|老爸|母亲|父亲|奶奶|爷爷|外婆|外公|姥姥|姥爷|婆婆|公公|丈母娘"
    r"|岳父|岳母|姐姐?|妹妹?|哥哥?|弟弟?|舅舅|姑姑|小姨[夫父]?|叔叔|(?:孩子|孩儿)?他[爸妈爹娘]"
    r"|(?<=我)[姨舅姑叔伯婶姥爹娘爷奶](?!家)|(?<![二三四两])[大二三四][姨舅姑叔伯][夫妈父]?"
    r"|(?<=我)[大二三四][哥姐]|干[爹妈]"
    r"|(?<=[和跟与同带陪])(?:我的?)?(?:朋友|同学|同事|老师|师傅|客户|导师))"
)
_OWN = r"(?:(?:我|咱|俺)家?的?)"
PAIR = (
    r"(?:爸爸妈妈|爷爷奶奶|外公外婆|姥姥姥爷|公公婆婆|岳父岳母|爸妈|父母亲?|爹[妈娘]|公婆|岳父母"
    r"|二老)"
)
_PEER = (
    r"(?:老?朋友|老?同学|同事|好?闺蜜|室友|舍友|哥们儿?|兄弟|姐妹|[队驴战工好团道车球牌校网书]友|伙伴|小伙伴|亲戚|邻居"
    r"|女生|男生|姑娘|小伙子?|老外|外国人|客人|客户|游客|阿姨)"
)
_SORT = r"(?:(?:外国|国外|外地|本地|外籍|交换|在校|年轻|退休|带队|随队|同行)的?)?"
# Who are counted as what they are to each other: 哥仨, 师徒四人.
_TIED = r"(?:姐妹|兄弟|哥儿?|姐儿?|兄妹|姐弟|师徒|妯娌|连襟|闺蜜|室友|同学|朋友|同事)"
ELDER = r"(?:老人家?|老头|老太太|老年人|老爷子|老奶奶|老爷爷|长辈)"
GUIDE = r"(?:导游|领队|司机|翻译|保姆|护工|教练|向导|讲解员|地陪|助理|摄影师)"
STUDENT = r"(?:大?学生|研究生|本科生|留学生)"
_NUMERALS = r"零一二两俩三仨四五六七八九十百千\d"
GROUP = (
    r"(?:家|代|班|队|组|批|对|团|社|桌|系|专业|寝室|宿舍|办公室|[科教]室|教研室|工作室|单位|公司|厂子?"
    r"|部门|村子?|小区|学校|年级|机构|俱乐部|协会|剧组)"
)
NO_PEOPLE = (
    rf"(?![{_NUMERALS}多几来余])(?!个?(?:小时|钟头"
    rf"|[半月天点分刻岁楼号种条张座处路次年层段间]|{GROUP}|地方|景点|周|礼拜|星期|晚上))"
)
SAYS = "们|让|叫|想知道|想问|问|说|觉得|听说|喜欢|爱|走不动|腿|怕"  # and may not come along
SAYS_EN = r"(?!'s| (?:wants to know|asks?|asked|says?|said|told|wonders))"
_NOT_HOME = r"[店馆酒公饭餐单景]"
_FEAST = r"(?!十一|五一|六一|一起|一共|一块|一道|一趟|一下|一个人|千|万)"

_COUNT_EN = rf"(?:{ENGLISH}|an?)"
_GROWING_EN = r"(?:baby|newborn|toddler|teenaged?|teen)"
CHILD_EN = (
    r"(?:(?:little |small |young |twin )?(?:child(?:ren)?|kids?|sons?|daughters?|boys?|girls?"
    r"|grandson|granddaughter|grandchild(?:ren)?|nephews?|nieces?)|toddlers?|little ones?|babies"
    r"|baby|infants?|pupils?|schoolchildren|twins)"
)
_BARE_EN = (
    r"(?:mum|mom|dad|mummy|mommy|daddy|granny|grandma|grandpa|gran|nana?|grandad|gramps|hubby"
    r"|aunt(?:ie|y)|uncle)"
)
KIN_EN = (
    r"(?:(?:old |best |elderly |dear |older |younger |big |little )?(?:wife|husband|missus|partner"
    rf"|girlfriend|boyfriend|fianc[eé]e?|friend|mate|buddy|pal|(?:mother|father)(?:-in-law)?"
    r"|(?:sister|brother|son|daughter)-in-law|sister|brother|grandmother|grandfather|aunt|uncle"
    rf"|cousin|colleague|boss|teacher|flatmate|roommate|{_BARE_EN}))(?!s)"
)
_PAIR_EN = r"(?:(?:grand)?parents|in-laws|folks)"
_PEER_EN = (
    r"(?:(?:old |good |other |exchange )?(?:friends?|mates?|pals?|buddies|buddy|colleagues?"
    r"|students?|classmates?|teammates?|mums|moms|dads|grand(?:ma|pa|mother|father)s|cousins?|sisters?|brothers?|aunts?|uncles?))"
)
_ADULT_EN = (
    r"(?:(?:other )?(?:adults?|grown[- ]?ups?|teachers?|seniors?|pensioners?|grandparents|parents"
    r"|oldies|helpers?|chaperones?|guides?|women|men|ladies))"
)
# What a party calls itself: backpackers, Germans.
_FOLK_EN = (
    r"(?:backpackers?|tourists?|travell?ers?|hikers?|retirees?|foreigners?"
    r"|[a-z]+(?:ians|icans|reans)|germans|spaniards|brits|poles|danes|swedes|finns)"
)
_SORT_EN = (
    r"(?:(?!hours|others)[a-z]+(?:[eo]rs|ists|ees|ans|ese)|brits|guys|lads|girlfriends|housemates)"
)
_MANY_EN = rf"(?:half a dozen|a dozen|{ENGLISH})"
_TEENS_EN = r"(?>(?: just turned| is| are| who is| who's|'s| age[ds]?| of|,| \()*)"

_OLD_EN = r"(?: just| only| about| already| nearly)?(?: turned)?"
_NO_AGE_EN = r"(?! (?:of|yuan|hours?|adults?|people|minutes?|tickets?|kids|children|and a))"
UNDER_EN = (
    rf"\b(?:under|below|younger than)[- ](?:the age of |age )?{ENGLISH}(?:e?s)?\b"
    r"(?!\.\d| ?(?:m|cm|met\w+|feet|foot|ft|yuan|rmb|hours?|minutes?)\b)"
)
_AGES_EN = rf"(?P<age>{ENGLISH}(?:, {ENGLISH})*(?:,? and {ENGLISH})?)\b"
# None is made of others, or a search for them takes exponential time.
_YET_WORDS = r"今年|现在|刚|才|已经|也|过了|是|满"
_YET = rf"(?:{_YET_WORDS})*"
_BARE_AGE = r"(?:[二三四五六七八九]?十[一二三四五六七八九]?|\d\d)(?=[，。,、了]|$)"

_PATTERNS: dict[Language, tuple[str, ...]] = {
    "zh": (
        rf"(?:(?P<n>{CHINESE})[个名位])?刚?[上读念]?小?学?(?<![没未]上)(?P<grade>[一二三四五六1-6])年级"
        rf"(?:的?(?:小?学生|{KIDS}|(?P<who>{SON})))?(?:(?P<n2>{CHINESE})[个名位人])?",
        rf"(?:(?P<n>{CHINESE})[个名位])(?P<school>小学生|初中生|中学生|高中生)"
        rf"|(?P<school2>小学生|初中生|中学生|高中生)(?P<n2>{CHINESE})[个名位人]"
        r"|(?P<each>都)?(?:已经|刚|在)?(?<![没未])[上读念](?P<school3>小学|初中|中学|高中)了?",
        rf"(?:(?P<n>{CHINESE})个)?(?P<months>{CHINESE})个多?月(?:大的?|的){_CHILD}?",
        rf"(?:(?P<n>{CHINESE})[个位名]?{_CHILD}?|{_CHILD}(?:(?P<n2>{CHINESE})个)?)?(?:还|都|全|才|是)*"
        rf"(?:(?:不到|未满|不满|没满|没到|不足|小于)(?P<under>{CHINESE})|快(?P<nearly>{CHINESE}))周?岁(?!以)了?的?"
        rf"{_CHILD}?",
        rf"(?:(?P<part>(?P<n>{CHINESE})[个位名])(?:人|(?P<noun>{_CHILD}))?|{_CHILD}(?:(?P<n2>{CHINESE})个)?|(?=都|全))"
        rf"(?:还|都|全|才|是|在)*(?:(?P<under>{CHINESE})周?岁以[下内]|(?P<over>{CHINESE})周?岁以上)"
        rf"(?:的(?P<noun2>{_CHILD})?)?",
        rf"(?P<under>{CHINESE})周?岁以[下内]的?(?:{_CHILD}|人)?有(?P<n>{CHINESE})[个位名]",
        rf"(?:(?P<n>{CHINESE})个)?(?<![十老])(?P<low>[一二三四五六七八九])(?P<high>[二三四五六七八九])岁的?{_CHILD}?",
        r"(?P<ours>一个)(?P<age2>[二三四五六七八九]?十[一二三四五六七八九]??|[一二三四五六七八九]|\d\d?)岁?[，、]?另?一个"
        rf"(?P<age>{CHINESE})周?岁",
        rf"(?P<age2>{CHINESE})岁?[、和跟](?P<age>{CHINESE})周?岁(?!以[下上内])的?(?:{_CHILD})?",
        rf"(?P<least>最[大小]的?|大的|小的|老[大二])(?:那个)?(?:{KIDS}|{SON})?{_YET}(?P<age>{CHINESE})周?岁[半多]?",
        rf"(?<![个位名两俩仨对\d])(?P<who>{_OWN}?(?:{KIN}|{SON})){_YET}"
        rf"(?:(?P<age>{CHINESE})周?岁(?!以[下上内])[半多]?大?(?!的)|(?P<age2>{_BARE_AGE}))",
        # 我五岁的儿子 is not five oneself, nor is 我五岁儿子; 我十岁弟弟四岁 is ten.
        rf"(?P<who>我){_YET}(?:(?P<age>{CHINESE})周?岁(?!以[下上内])[半多]?大?"
        rf"(?!的|{SON}|{KIDS}|(?>{KIN})(?!{_YET}{CHINESE}))|(?P<age2>{_BARE_AGE}))",
        rf"(?:(?P<n>{CHINESE})[个位名](?:都|全|刚|才|是|满|已经)*|(?P<pair>一?对)"
        rf"|(?:小?{KIDS}|{_SMALL}|{_TWINS})(?:都|{_YET_WORDS})*)?"
        rf"(?P<age>{CHINESE})(?:周岁|岁)(?!以[下上内])半?多?大?的?"
        rf"(?:小?(?P<twins>{_TWINS})的?(?:{SON}|{KIDS})?|(?P<who>{SON}|老?{KIN})|小?{KIDS}"
        rf"|(?P<elder>{ELDER}))?",
        rf"(?P<adults>{CHINESE})大(?P<children>{CHINESE})小",
        r"(?P<who>我)(?:这|就)?一个(?:大人|成年?人|老师|家长)",
        rf"(?<![请雇找要租])(?P<adults>{CHINESE})[个位名]?{_SORT}(?:大人|成年?人|老师|家长|{GUIDE}|{ELDER}|{STUDENT})"
        rf"|(?P<adults2>{CHINESE})张(?:成人|大人)票|(?:大人|成年?人|老师|家长|{ELDER}|{STUDENT})"
        rf"(?P<adults3>{CHINESE})[个位名]",
        rf"(?:(?P<n>{CHINESE})[个位名]?)?(?P<infant>(?:小?婴儿|新生儿|奶娃娃?|[不未没]满(?:周岁|月)的?(?:{_CHILD})?"
        rf"|(?:刚?满月|刚出生|吃奶|襁褓[里中])(?:没?多久)?的(?:{_CHILD})?))",
        rf"(?:(?P<children>{CHINESE})[个位名]?(?:小?{SON}|小?{KIDS}|{_SMALL})|{KIDS}(?P<children2>{CHINESE})个(?!人)"
        rf"|(?P<children3>{CHINESE})张(?:儿童|小孩)票)",
        rf"[一两]?对?(?P<twins>{_TWINS}|一儿一女|一[男子]一女|儿女双全)",
        rf"(?:我们|咱们?|俺们?)[^，。？◇{_NUMERALS}]{{0,4}}{_FEAST}(?P<people>{CHINESE}){NO_PEOPLE}[个位名]?"
        rf"{_SORT}(?:{_PEER}|{STUDENT})",
        rf"(?P<pairs>{CHINESE})对(?:[老小]|年轻|中年)?(?:夫[妻妇]|情侣|恋人|两口子)",
        r"(?P<couple>[老小]?[两俩]口子?(?!人)|夫[妻妇][俩两二]?(?:个?人)?|情侣[俩两]?|小夫妻)",
        r"(?P<four>(?:双方|两边|两家)的?(?:父母|爸妈|老人|家长))",
        rf"(?P<kin2>(?:{_OWN}?{KIN}的|他|她|我的?)?{PAIR})",
        rf"(?P<family>一大?家子?|全家)?(?:我们|咱们?|一行)?(?P<people>{CHINESE})(?:个人|位|名|人(?!均|民|间)"
        rf"|口人?|张(?:门?票|船票)?)",
        rf"(?:[一总]共|共)(?P<people>{CHINESE})个(?=[，。,]|$)",
        rf"(?P<family>一大?家子?|全家){_FEAST}(?P<people>{CHINESE}){NO_PEOPLE}",
        rf"(?<!我)(?:我们|咱们?|俺们?|[他她]们|我[跟和与同][^，。？]{{1,6}}?(?<!我)|(?:我们|咱们?)?{_TIED}){_FEAST}"
        rf"(?<![都快刚满过{_NUMERALS}])(?P<people>{CHINESE})(?!了){NO_PEOPLE}(?:个|口)?人?",
        rf"(?P<peers>{CHINESE})(?:[个位名]?(?:{_PEER}|{_SORT}(?:朋友|同学|同事|室友|姑娘|小伙子|[男女]生))"
        rf"|(?:[个位名]|(?<=[俩仨])){KIN})(?![的家])",
        rf"(?P<who>(?:{_OWN}?{KIN}的|{_OWN}|他|她)?{KIN}(?!的(?:{CHINESE}[个位名])?(?:{KIN}|{PAIR}|{SON}|{KIDS})|{SAYS}))"
        r"(?:今年|都|也|已经)*(?:[四五六七八九]十[一二三四五六七八九]?[多几]?岁?)?",
        rf"(?P<parent>娘儿?|爷儿?|母[女子]|父[女子]|[爷祖婆]孙)(?P<people>{CHINESE})(?:个?人)?",
        r"(?P<two>我们?[俩两](?![个家代对]?(?:小时|人?家|代|对))|[俩两]口人|俩人)",
        rf"(?P<who>(?:{_OWN}?{KIN}的|{_OWN})?{SON})",
        rf"(?P<kids>{KIDS})",
        r"(?P<who>我)(?:自己)?(?=[和跟与同、，]|[^，。？是]{0,3}[带领陪抱](?![队团路]))"
        r"|(?:(?<=[和跟与同、带上着])|(?<=还有|连同|包括))(?P<who2>我)(?:自己)?(?![们的])",
        rf"(?P<all>一大?家子人?|(?<!一)(?!一){CHINESE}家(?:人|子)?(?!{_NOT_HOME})|一大家人|全家(?:老小|人)?|祖孙三代|老少三代|拖家带口|老老小小)",
    ),
    "en": (
        rf"\b(?:(?P<n>{_COUNT_EN}) )?(?:(?P<months>{ENGLISH})[- ]months?[- ]olds?(?: {CHILD_EN})?"
        rf"|{CHILD_EN}(?: of| aged|'s| is|,)* (?P<months2>{ENGLISH}) months?(?: old)?)",
        rf"\b(?:(?P<n>{_COUNT_EN}) )?(?:class of (?P<n2>{ENGLISH}) )?"
        r"(?P<grade>first|second|third|fourth|fifth|sixth)[- ]graders?",
        rf"\b(?:(?P<n>{_COUNT_EN}) (?:of them )?)?(?:class of (?P<n2>{ENGLISH}) )?"
        rf"(?P<age>{ENGLISH})(?:[- ]and[- ](?P<age2>{ENGLISH}))?[- ]years?[- ]olds?"
        rf"(?: {CHILD_EN}|(?P<elder> (?:{KIN_EN}|man|woman|lady)))?",
        rf"\b(?:(?P<n>{_COUNT_EN}|both)(?: of (?:them|us|whom))?(?: are| is)? )?{CHILD_EN}\b"
        rf"{_TEENS_EN}(?: both| all)? ?(?P<under>{UNDER_EN})",
        rf"\b(?P<part>(?P<n>both|all|{ENGLISH})(?: of (?:them|us|whom))?(?:'s| who| is| are"
        rf"| being| all| both| aged| still)*) (?P<under>{UNDER_EN})",
        rf"\b(?P<who>i)(?:'m| am){_OLD_EN} (?P<age>{ENGLISH})(?=[,.;:!?]| and\b| years\b|$)",
        rf"\b(?P<who>(?:(?:my|our|his|her) )?{KIN_EN}|(?:my|our|his|her) (?:(?:grand)?(?:son"
        rf"|daughter)|nephew|niece))(?:'s| is|, who's|, who is|, aged){_OLD_EN} "
        rf"(?P<age>{ENGLISH})\b{_NO_AGE_EN}",
        rf"\b(?:(?P<children>{_COUNT_EN}) )?(?:(?:my|our|the) )?(?:(?P<children2>{ENGLISH}) )?"
        rf"{CHILD_EN}\b{_TEENS_EN}(?: (?P<each>both|all))?{_TEENS_EN}[ (]*{_AGES_EN}"
        rf"{_NO_AGE_EN}",
        rf"\b(?P<n>one|two|three|both|all)(?: of (?:us|them|whom))?(?: is| are|'s)(?: just| only)? "
        rf"(?P<age>{ENGLISH})\b(?! (?:of|yuan|hours?|adults?|people))",
        rf"\b(?:both|all)(?: of (?:them|whom))?(?: are)? (?P<over>over {ENGLISH})\b",
        r"\b(?:the|our|my) (?P<least>youngest|oldest|eldest|smallest|younger|older|elder)"
        rf"(?: one| child| kid)?(?:'s| is|, who's|,| aged)*{_OLD_EN} (?P<age>{ENGLISH})\b"
        rf"{_NO_AGE_EN}",
        rf"\b(?P<ours>we(?:'re| are)){_OLD_EN} (?P<age>{ENGLISH}(?:, {ENGLISH})*,? and {ENGLISH})\b"
        rf"{_NO_AGE_EN}",
        rf"\b(?P<back>he|she)(?:'s| is){_OLD_EN} (?P<age>{ENGLISH})\b{_NO_AGE_EN}",
        rf"\b(?P<back>they)(?:'re| are)(?: both)? {_AGES_EN}{_NO_AGE_EN}",
        rf"\baged? {_AGES_EN}",
        rf"\b(?<!need )(?<!hire )(?<!book )(?<!want )(?P<adults>{_COUNT_EN}) "
        r"(?:(?:retired|old|elderly|university|college) )?"
        rf"(?:{_ADULT_EN}|(?:exchange )?students?(?! (?:cards?|tickets?|discounts?"
        r"|prices?|ids?|rates?|fares?|pass)))\b",
        rf"\b(?:(?P<n>{_COUNT_EN}) |(?:my|our|the) )?(?P<infant>baby|babies|infants?|newborns?"
        r"|toddlers?|teenagers?|teens"
        rf"|{_GROWING_EN} (?:grand)?(?:sons?|daughters?|boys?|girls?|child(?:ren)?|kids?))\b",
        rf"\b(?P<children>{_COUNT_EN}) (?:of my |of our )?{CHILD_EN}\b"
        rf"|\bclass of (?P<children3>{ENGLISH})\b",
        r"\b(?:my |our |the )?(?P<twins>twins|twin (?:girls|boys|sons|daughters|babies))\b",
        r"\b(?:(?P<family>family of)|(?:coach |tour |school |bus )?(?:party|group|coachload|team)"
        rf" of) (?P<people>{ENGLISH})(?: {_SORT_EN})?\b",
        rf"\b(?:the )?(?P<people>{_MANY_EN}) (?:people|persons?|of us|tickets?|visitors?|others)\b"
        r"(?:(?: (?!and|with|plus|want|would|are|need|going)[a-z]+)?"
        rf" (?:{_PEER_EN}|{_ADULT_EN}|{_SORT_EN}))?\b"
        rf"(?:(?<= of us) (?!{CHILD_EN}|is|was|has|needs|wants|this|plus)[a-z]+s\b)?",
        rf"\b(?:we are|we're|us|we) (?P<people>{ENGLISH}) (?:{_PEER_EN}|{_SORT_EN})\b",
        rf"\b(?:we are|we're|there are|there's) (?P<people>{ENGLISH})(?= ?[,?.!]|$| in\b)"
        rf"|\bfor (?P<people2>{ENGLISH})(?= ?[,?.!]|$| in\b)",
        rf"\b(?:has|have|of) (?P<people>{ENGLISH}) (?:members|players)\b",
        rf"\b(?P<peers>{_COUNT_EN}) (?:of my |of our )?(?:{_PEER_EN}|{_FOLK_EN})\b",
        rf"\b(?P<pairs>{ENGLISH}) (?:\w+ )?couples\b",
        r"\b(?P<couple>(?:(?:a|the|an) )(?:\w+ )?couple\b(?! of)|husband and wife)\b",
        rf"\b(?P<four>both sets of {_PAIR_EN}|{_PAIR_EN} (?:on|from) both sides)\b",
        rf"\b(?P<kin2>(?:my|our|his|her) (?:[\w']+ )?{_PAIR_EN}|mum and dad|mom and dad)\b",
        rf"\b(?P<who>(?:my|our|his|her|the) (?:{KIN_EN}'s )?{KIN_EN}{SAYS_EN}"
        rf"|(?<=and )(?:{KIN_EN})(?!'s)|{KIN_EN}(?= and {KIN_EN}\b)"
        rf"|(?<!a )(?<!a single ){_BARE_EN}"
        rf"{SAYS_EN})\b(?!-)",
        rf"\b(?P<who>(?:my|our|her|his|the) {CHILD_EN})\b(?<!s)(?<!children)",
        rf"\b(?P<kids>{CHILD_EN})\b",
        r"\b(?P<two>both of us|us both|us two|we two|the pair of us)\b",
        r"\b(?P<who>(?<=and )(?:i|me|myself)|(?<=plus )(?:me|myself)|(?<=and then )me"
        rf"|i'm an? (?:single )?(?:{_BARE_EN}|mother|father)"
        r"|(?:i|me|myself)(?=,? (?:and|plus)\b|, (?:my|the|our)\b)|with me"
        r"|i(?='m [^,.?]{0,16}\bwith\b|'m bringing\b|'m taking\b)|just me)\b",
        r"\bfor (?:the pair|both|everyone|everybody|all of us|us all)\b"
        rf"|\b(?P<all>(?:the|my|our) whole family|{ENGLISH} families)\b",
    ),
}
_SCHOOL: dict[str, Ages] = {
    "小学": (6, 12), "初中": (12, 15), "中学": (12, 18), "高中": (15, 18),
}  # fmt: skip
_GRADES = "first second third fourth fifth sixth".split()
# Who are called so, of whatever language.
_YOUNG: tuple[tuple[re.Pattern[str], Ages], ...] = (
    (re.compile("teen"), (13, 17)),
    (re.compile("toddler"), (1, 3)),
    (re.compile(""), (0, 1)),
)
# The same person.
_SAME = (
    "爸爸 爸 老爸 父亲 爹", "妈妈 妈 老妈 母亲 娘", "爷爷 祖父", "奶奶 祖母", "外公 姥爷 外祖父",
    "外婆 姥姥 外祖母", "岳父 丈人 老丈人", "岳母 丈母娘", "哥哥 哥", "姐姐 姐",
    "弟弟 弟", "妹妹 妹",
    "老婆 媳妇 媳妇儿 爱人 太太 妻子 老伴 老伴儿 对象", "老公 丈夫 先生",
    "dad father daddy", "mum mom mother mummy mommy", "wife missus", "husband hubby",
    "grandma gran granny grandmother nan nana", "grandpa grandad grandfather gramps",
)  # fmt: skip
_KEYS = {word: group.split()[0] for group in _SAME for word in group.split()}
_PAIRS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile("爷爷奶奶"), "爷爷 奶奶"),
    (re.compile("外公外婆|姥姥姥爷"), "外公 外婆"),
    (re.compile("公公婆婆|公婆"), "公公 婆婆"),
    (re.compile("岳父岳?母"), "岳父 岳母"),
    (re.compile("爸爸?妈妈?|父母亲?|爹[妈娘]"), "爸爸 妈妈"),
    (re.compile("grandparents"), "grandma grandpa"),
    (re.compile("mum and dad|mom and dad|parents|folks"), "mum dad"),
    (re.compile(""), "one other"),
)
_MINE = re.compile(
    r"^(?:我家?的?|咱家?的?|俺家?的?|(?:my|our|the) )(?:(?:old|best|elderly|dear) )?(?=.)"
)
ME = "我"
"""Key of who speaks."""
GROWN_CHILD = re.compile(
    r"儿媳|女婿|孙|(?:son|daughter)(?:,| and| with| plus)+ (?:his|her) (?:wife|husband|partner)"
    r"|\b(?:son|daughter)-in-law\b|\bgrand(?:son|daughter|child)",
    re.IGNORECASE,
)
"""A son or a daughter of whom this is said is grown up."""
OWN_CHILD = re.compile(r"[大小]?(?:儿子|女儿|闺女)|son|daughter")
LIKE_ME = re.compile(
    rf"^{ME}$|(?:[哥姐弟妹]|朋友|同学|闺蜜|室友)$|(?:brother|sister|cousin|friend|mate|buddy|pal)$"
)
"""Keys of who speaks and of those who may be as old."""
YOUNGER = re.compile(r"(?:弟弟?|妹妹?)$|\b(?:little|younger|baby) (?:brother|sister)$")
"""Keys of those who are younger than somebody else."""
_SON_KEY = re.compile(rf"(?:(?:.+的)?{SON}|(?:\w+ )?{CHILD_EN})$")
_NUMBER = re.compile(rf"{ENGLISH}|{CHINESE}", re.IGNORECASE)
_READ = {
    language: tuple(re.compile(one, re.IGNORECASE) for one in patterns)
    for language, patterns in _PATTERNS.items()
}


def key_of(who: str) -> str:
    """What one person is called, whatever the word: 我爸 and 父亲 are the same."""
    who = who.lower()
    if who in (ME, "i", "me", "myself", "with me", "just me") or who.startswith("i'm "):
        return ME
    who = _MINE.sub("", who)
    return _KEYS.get(who, who.removeprefix("小") if "孙" in who or "侄" in who else who)


def keys_of_pair(who: str) -> tuple[str, str]:
    """What the two that are told of together are called: 爸妈, "her parents"."""
    words = next(words for pattern, words in _PAIRS if pattern.search(who.lower()))
    whose = re.match(r"(?:.*的|[他她]|(?:his|her|\w+ \w+'s) )", who.lower())
    one, other = ((whose[0] if whose else "") + word for word in words.split())
    return one, other


def is_child(key: str) -> bool:
    """Whether somebody is called a child."""
    return _SON_KEY.fullmatch(key) is not None


def described(word: str) -> Ages:
    """Of what age somebody is who is called so: a baby, a teenager."""
    return next(ages for pattern, ages in _YOUNG if pattern.search(word.lower()))


def ages_of(told: dict[str, str]) -> list[Ages]:
    """The ages that one mention tells."""
    if grade := told.get("grade", "").lower():
        year = _GRADES.index(grade) + 1 if grade in _GRADES else number(grade)
        return [(year + 5 - (grade in _GRADES), year + 7)]
    if school := told.get("school") or told.get("school2") or told.get("school3"):
        return [_SCHOOL[school.removesuffix("生")]]
    if months := told.get("months") or told.get("months2"):
        return [(number(months) // 12,) * 2]
    if "nearly" in told:
        return [(number(told["nearly"]) - 1,) * 2]
    for bound in told.keys() & {"under", "over"}:
        age = number(_NUMBER.findall(told[bound])[-1])
        return [(0, age - 1) if bound == "under" else (age, 17)]
    if "low" in told:
        return [(number(told["low"]), number(told["high"]))]
    ages = [told[key] for key in ("age2", "age") if key in told]
    each = [number(one) for age in ages for one in _NUMBER.findall(age)]
    return [(age, age) for age in each]


def mentions_of(text: str, language: Language) -> Iterator[re.Match[str]]:
    """What the patterns find, each stretch of the text once."""
    taken: set[int] = set()
    for pattern in _READ[language]:
        for found in pattern.finditer(text):
            if taken.isdisjoint(range(*found.span())):
                taken.update(range(*found.span()))
                yield found
