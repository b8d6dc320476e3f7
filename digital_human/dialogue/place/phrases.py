"""How visitors ask about a place, in Chinese and English."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from digital_human.dialogue.place.leftover import NAME as _NAME
from digital_human.speech.types import Language

Kind = Literal[
    "fact",
    "tour",
    "tickets",
    "phone",
    "address",
    "stay",
    "seats",
    "hours",
    "route",
    "nearby",
    "where",
    "about",
]
Answered: TypeAlias = Kind | Literal["facility"]
Kinds: TypeAlias = tuple[Answered, ...]

# In the order in which they are tried.
_ZH: dict[Kind, str] = {
    "tickets": r"[门船]?票价|山?门票|船票|全票|[多好]少?钱(?:一张)?|票钱|(?:一共|总共|加起来|合计"
    r"|拢共|统共)(?:[是得要需该]|应该)*[花付交给掏]?"
    r"多少(?!时间|分钟|公里|[米里个座条级年天人处种])|价[钱格位]|收费|收不收[钱费票]|收钱|收票"
    r"|(?:需要?|要"
    rf"|用)(?:买)?票|多少(?=门票)|什么价|总价|(?:[人位{_NAME}趟圈]|小时|钟头)多少(?=$|[？?，。呢啊呀])|多少银子|几文钱"
    r"|花(?=多少|几)|要不?要?钱|免费|免票|买票|购票|半价|优惠|打折"
    r"|(?:学生|儿童|成人|老年|老人|小孩)票|几块钱|多少块|花钱|费用|贵不贵|贵吗|便宜|划算|怎么卖|一张票"
    r"|要票|付钱|掏钱|掏多少|破费|花费|开销|白[看玩逛]|多少(?:一[位张人次个]|钱)|一[位张人次个](?:人)?多少"
    r"|票[^，。？]{0,12}多少(?=$|[？?，。])|[人位][^，。？]{0,8}(?:是|下来|得|花)多少(?=$|[？?，。])"
    r"|收(?:几|多少)[块元]|(?<![有是])几块(?=$|[吗呢啊呀，。？])"
    r"|(?:块|元)钱?(?:一[张位个人次趟]|每[张位人])?(?=吧|吗|么|对[吧吗不]|是[吧吗不])"
    r"|(?:一共|总共|合计)(?=[？?。]?$)|加(?:起来|一块儿?|一起|在一起|一共)[是要得该]*多少|[要得花交付]多少(?=$|[呢啊呀吗，。？?])|怎么收",
    "phone": r"电话(?:号码)?|联系方式|怎么联系",
    "address": r"(?:详细)?地址",
    "stay": r"(?:玩|逛|看|游|参观|走完|走一?遍|走一?圈|走一?趟|游览|转|待|完)(?:一?[圈遍趟]"
    r"|完)?[^，。？]{0,5}"
    r"(?:多久|多长时间|几个小时|几小时|多少时间|几分钟|多少分钟|多少个小时)"
    r"|(?:多久|多长时间)[^，。？]{0,4}(?:[玩逛看]完|[走逛]一[圈遍])",
    "seats": r"(?:坐|装|载|乘|挤|容)(?:得|不)[下了开]|(?:坐|装|载|乘|挤|容纳?)得?下?(?:几|多少)"
    r"(?:个|位|名)?人?|坐一[条艘只](?=[^，。？]{0,6}船[^，。？]{0,4}(?:行|够|可以|能))"
    r"|(?:得|要|该|需要?)?(?:租|包|划|坐|用|开)?(?:得|要|需要?)?(?:租|包|划)?[几多][少]?(?:条|艘|只)(?:手划|小)?船?"
    r"|[一两二三四][条艘只][^，。？]{0,5}够(?:不够)?[坐吗么用]",
    "hours": r"[闭关][馆门园]之?前(?:多久|多长时间|几分钟)|收[工摊班]"
    rf"|有没有{_NAME}|有{_NAME}(?=[吗没看么])|{_NAME}(?:有没有|还?有吗)"
    r"|(?:几点|什么时候|何时|啥时候|什么时间|多[晚早])[^，。？]{0,7}"
    r"(?:开航|出发|启航|发船|开(?!始)|开始(?![建修造])|关|闭|营业|打烊|清场|结束|停|下班|散|能进|可以进(?!香)|进去|进场|取(?![票名经])|拿走"
    r"|入场|有船|有|演|收[工摊班]?)"
    r"|(?:[闭关][门馆园]前?|开|关|闭|营业|结束|停|清场|打烊|下班|演|运营)[^，。？]{0,5}(?:几点|多晚|什么时候|何时)"
    r"|(?:开放|营业|开门|关门|闭馆|闭园|参观|游览|游园|运营|演出|表演|开馆|关闭)的?时间"
    r"|几点到几点|什么时间|还有[^，。？]{0,8}(?:[吗么不]|没有?)[？?]?$|还有没有(?:船|班|场|演|票)"
    r"|有[^，。？]{0,3}了吗"
    r"|(?<![你您我他她谁])[营开](?:着|门|放|馆|业)*(?:了|的)?(?:吗|没有|没|不开|么|呢|吧|对[吧吗不]|是[吧吗不])"
    r"|开不开|关(?:门|了|闭|着)*的?(?:吗|没有|没|呢|吧|对[吧吗不]|是[吧吗不])"
    r"|才[开关][门馆]?|晚不晚|不晚[了的]?[吧吗]|会不会太?晚|不[歇停休](?:息|业)?的?吧"
    r"|[开关闭][门馆园]?(?=，?(?:是不是|对不对|是吧|对吧|是吗|对吗|没错))"
    r"|(?<![你您我他她谁])[开关闭]着?的(?=[，。？！呀啊]|$)"
    r"|上班(?:[吗么没不]|时间)?|有人吗|停不停|停吗|取消[吗么不]|演不演|放不放|闭馆|歇业|休业"
    r"|休息吗|休不休息|歇不歇|歇[业息吗]|[演放](?:一[次场])?[要得是]?多[久长]|一场(?:是|要|有)?多[久长]|开不开门?|关不关门?|休馆|几点有|不让进|不能进|停止入|还(?:能|可以|让"
    r"|能不能)?(?:进得?去?|开|参观|坐船|上岛|去|看|逛|登|演|放|营业|上得去|进得了|上)(?!.?(?:啥"
    r"|什么|哪|些))"
    r"|来得及|赶得[上及]|能不能进|可以进去?吗|能进去?吗"
    r"|(?:进|上|去|来|看|逛)[得不](?:去|了|成|来)|让(?:不让)?进"
    r"|(?:末班|最后一?班|最后一?场|下一?场|下一?班|首班|头班|第一班|头一班|最早一?班|早班)船?|最晚|最早|全天"
    r"|二十四小时|24小时|几场"
    r"|(?:礼拜|星期|周)几[要会]?(?:不开|休|闭|关|歇|放假|开)[息门馆]?|开几天"
    r"|哪几?一?天[^，。？]{0,4}(?:不开|休|闭|关|歇|放假)[息门馆]?"
    r"|(?:开|启|出|首)航|发船|关[着了]门|[会要]不会?关门?|闭不闭馆|还卖票|还[能可]以?买(?:得到)?票"
    r"|时间表|有没有(?:演|表演)|有表演吗|锁(?:不锁|大)?门|上锁|落锁|下班|打烊|清园|停运|开园|开张"
    r"|放人|接待|截止|扑空|白跑|赶趟|通宵|照常|照开|几点钟?(?:[之以]?[前后])?|几时|最迟|[停不][卖售]票|停票"
    r"|[闭关][馆门园]之?前|赶人"
    r"|停止[入进检售卖接放][票人场馆园待内]?|检票|(?:第[一二两三四]|[头末尾])场|歇着"
    r"|放不放假|放假[吗么没不]",
    "route": r"(?:走路|走到?|步行|过去|坐船|上岛|去|从(?!这?头)|到(?!那?头|底))[^。？]{0,14}"
    r"(?:多久|多长时间|几分钟|多少分钟|多少时间|多少米|要多[久长远]|多远)"
    r"|坐(?:什么|啥|哪路|哪趟|几路)(?:公交|车|船)|怎么(?:样)?(?:才)?(?:能|可以|好)?(?:走|去|到|上|过去|前往|坐)|如何(?:去|到|走|前往|过去)"
    r"|走过去|走到|多远|远不远|远吗|有多远|近不近|近吗"
    rf"|几步路?|(?:必须|只能|要不要|一定要)坐船|能不?能?走过去|走得过去|在{_NAME}[^{_NAME}]{{0,6}}(?:去|到){_NAME}"
    r"|(?:走|溜达|散步|骑|坐船|过去|步行|到|去)[^。？]{0,14}(?:[多几][大少]?(?:会儿)?[工功]夫|多大会儿|几刻钟)"
    rf"|{_NAME}[和跟与]{_NAME}(?:离|隔|相距|距离)|(?:离|隔|相距)[^，。？]{{0,3}}多[远少]"
    r"|很久吗|[要得]很久|久不久|往哪(?:边|里|儿|个方向)?走|朝哪|哪个方向|带我(?:们)?去"
    r"|领我(?:们)?去|指(?:个|一下)?路|路线"
    r"|(?:走到|走路|步行|走过去|到)[^。？玩逛看]{0,8}(?:分钟|小时|钟头)(?:就?够|就到|就行|对吧|是吧)"
    r"|(?:要|得)?(?:多久|多长时间|几分钟)(?:能|可以|才)?到",
    "nearby": r"(?:附近|周边|旁边|周围|这边|这里|这儿|还|接下来|近处)[^，。？]{0,6}"
    r"(?:好玩|景点|可看|可逛|好看|去处|看的|玩的|能看|能逛|逛的|值得|景观)[^，。？]{0,4}"
    r"|接下来[^，。？]{0,5}(?:去|看|逛)(?:哪里|哪儿|什么|哪)?(?:看看|逛逛)?|下一(?:站|个景点)"
    r"|最近的景点",
    "where": r"在哪个?(?:里|儿|边|位置|方向)?|哪里|哪儿|什么地方|什么位置|位置|什么方位"
    r"|哪个方[位向]|方位|哪个位置|哪一?[边面头侧]|什么方向",
    "about": r"介绍(?:介绍)?|讲讲|讲一?讲|说说|说一?说|聊聊|讲解一?下|给我讲解|讲一?下|说一?下"
    r"|了解一?下"
    r"|是什么地方|是个什么|什么样"
    r"|(?:有)?(?:什么|啥)(?:好看|看头|可看|特色|特别|值得看)|好玩吗|好看吗|值得(?:去|看)吗"
    r"|这是(?:什么|哪)"
    r"|有意思吗|看(?:点|什么)|是什么|什么是",
}
_EN: dict[Kind, str] = {
    "tickets": r"how much(?! time)|\bprices?\b|\bcosts?\b|\btickets?\b|\bfees?\b|\bfree\b"
    r"|(?<!to )\bcharges?\b|\bpay\b"
    r"|\btotal (?:bill|cost|price|sum)\b|\btotal\b(?! (?:length|height|area|number|distance))"
    r"|(?<!last )(?<!latest )(?<!final )\badmission\b(?! time)"
    r"|\bset (?:me|us|you) back\b|\bdamage\b|\bin total\b"
    r"|\baltogether\b|\btogether\?|\bowe\b|\badds? up\b"
    r"|\b(?:that|it|this|all|which) (?:all )?(?:come|add|amount|work out)s?\b(?: to| at)?"
    r"|\bwe (?:come to(?= ?[?.,]|$| in| alto)|amount to|add up)"
    r"|\bwhat'?s (?:the|our|my) (?:bill|tab|sum)\b|\bwhat(?:'s|'ll|'d| will| would| does| do)\b"
    r"(?=[^,.?]{0,40}\b(?:come|add up|amount|work out|run) (?:us )?(?:to|at)\b)"
    r"|\b(?:come|add up|amount|work out|run us) (?:to|at)\b(?=[^a-z]*$|,)"
    r"|\byuan (?:each|apiece|for|per|a (?:head|person|piece))\b"
    r"|\bdiscounts?\b|\bfares?\b|\bexpensive\b|\bfor nothing\b",
    "phone": r"\b(?:tele)?phone(?: number)?\b|\bcall\b.{0,10}\bnumber\b|\bcontact\b",
    "address": r"\baddress\b",
    "stay": r"how (?:long|much time)\b.{0,20}\b(?:visit|spend|need|plan|allow|see|tour|explore"
    r"|stay(?! open)|look around)\b.{0,12}"
    r"|how long does (?:it take to (?:see|visit|walk (?:along|the|around)|tour)|a visit)",
    "seats": r"\bhow many\b.{0,24}\b(?:fit|seat|seats|hold|sit|squeeze)\b"
    r"|\bhow many (?:people|persons|of us|passengers|seats)\b.{0,20}"
    r"\b(?:take|takes|carry|go|have|has)\b"
    r"|\b(?:room|space|big enough|seats?) for\b|\b(?:all )?fit (?:in|into|on)\b"
    r"|\bhow many (?:rowing |row)?boats\b(?! (?:do (?:they|you)|are there|have|does))"
    r"|\bone boat enough\b|\benough for (?:all|us)\b"
    r"|\b(?:share|squeeze into) (?:a|one|the|a single)\b",
    "hours": r"\bopens?\b|\b(?:still|any) (?:more )?(?:boats?|ferr\w+|shows?|trains?|bus\w*)\b"
    r"|\b(?:last|final|first|second|third|next) performance\b"
    r"|\b(?:kick|throw)\w* \w+ out\b"
    rf"|{_NAME} (?:still )?on(?= (?:tonight|today|tomorrow|now|this)\b)"
    r"|\b(?:final|first|second|next) (?:boat|ferry|show|entry|admission|one)\b|\bboats? left\b"
    r"|\bopened\b|\bopening\b|\bclos(?:e(?! by| to)|es|ed|ing)\b"
    r"|\bhours\b(?! walk)"
    r"|\bshut(?:s|ting)?\b"
    r"|\blast (?:admission|entry|entrance|boat|ferry|show|one|ticket|tickets)\b|\bhow late\b"
    r"|\btoo late\b"
    r"|\bhow early\b|\b(?:the )?(?:latest|earliest)\b|\bstill (?:go|get|visit|enter|make)\b"
    r"|\bin time\b"
    r"|\b(?:what time|when)\b.{0,30}\b(?:start|starts|begin|begins|play|plays|stop|stops|finish"
    r"|end|ends|run|runs"
    r"|leave|leaves|on|show|get in|go in)\b|\b(?:go|get|going|getting) in(?:to|side)?\b"
    r"|\benter\b|\bnext (?:show|boat|one)\b|\buntil when\b"
    r"|\btimetable\b|\bschedule\b"
    rf"|\bdoes (?:the )?{_NAME} (?:show )?(?:still |also )?(?:run|play|work|do its thing)\b"
    r"(?= (?:on|every|tonight|today|tomorrow|now|in the (?:rain|evening|morning|winter)))"
    r"|\b(?:any|(?:what|which)) days? (?:of|in) the week\b"
    r"|\b(?:plays|runs|starts|begins|goes on) at\b"
    rf"|\bwhat times?\b|^when(?: is| are|'s)\b|\bcancel\w*|\bnext {_NAME}|\bfirst boats?\b"
    r"|\block(?:s|ing)?(?: up)?\b|\bwraps? up\b|\blet (?:\w+ )?in\b|\badmit\w*"
    r"|\bcut-?off\b|\bhow many (?:shows|performances)\b"
    rf"|\bis there (?:still|another|one more) (?:a |an |any )?{_NAME} show"
    rf"|{_NAME} shows? after (?:that|then|it)\b"
    r"|\bhow many minutes does (?:it|one|each|the show) (?:last|run|take|go on)\b"
    rf"|\bhow long (?:does|is|do) (?:the |a |one |each )?{_NAME}(?: show)?"
    r"(?: last| run| go on|\?|$)"
    r"|\bdeparts?\b|\bsets? off\b|\bsails?\b|\b(?:until|by) when\b|\bdoors\b"
    r"|\bwhen (?:do|must|should|have)\b.{0,24}\b(?:collect(?:ed)?|fetch(?:ed)?"
    r"|pick(?:ed)? (?:them |it |(?:our|my) \w+ )?up|back)\b",
    "route": r"\bhow (?:do|can|would|should|to)\b.{0,14}\b(?:get|go|walk|reach|find|come)\b"
    r"|\bway to\b|\bdirections?\b"
    r"|\bhow far\b(?! back)|\bfar (?:is|away|from)\b|\bis it far\b|\btake (?:me|us) to\b"
    r"|\bshow me (?:the way|to)\b|\broute\b"
    r"|\bhow (?:long|many minutes)\b.{0,24}\b(?:walk|get|reach|boat|go|trip|crossing)\b.{0,8}"
    r"|\bhow (?:long|far)\b.{0,6}\b(?:walk|way|trip|ride|crossing|journey|stroll)\b"
    r"|\bhow many (?:minutes|met(?:re|er)s|kilomet(?:re|er)s)\b.{0,16}\b(?:from|to)\b"
    rf"|\bhow long\b.{{0,20}}\bfrom (?:the )?{_NAME} to\b"
    r"|\bwalk(?:ing)? (?:from|to|over)\b"
    r"|\bwhich way\b|\bon foot\b|\bwalking distance\b|\b(?:walking|travel|walk) time\b|\bdistance\b"
    rf"|\bfrom (?:the )?{_NAME} to (?:the )?{_NAME}",
    "nearby": r"\bnearby\b|\bclose by\b|\b(?:near|close to|around) here\b|\bwhat else\b"
    r"|\bnext stop\b|\bwhere (?:next|should i go next)\b"
    r"|\bwhat should (?:i|we) (?:see|visit) next\b",
    "where": r"\bwhere\b|\blocated\b|\blocation\b|\bwhich (?:side|part)\b",
    "about": r"\btell (?:me|us)\b(?: (?:more|something))?(?: about)?|\bwhat(?: is|'s|’s| are)\b"
    r"|\bwhat does\b.{0,40}\b(?:show|tell|exhibit|display)\b|\bdescribe\b|\bintroduce\b"
    r"|(?<!at )\babout\b(?! (?:\d|half|quarter|noon|midday|that time))"
    r"|\bwhat can (?:i|we|you) see\b|\bworth (?:seeing|visiting|a visit|it)\b"
    r"|\bexplain\b|\bwhat am i looking at\b",
}
_ANYTHING = re.compile(r"(?:\.|\[\^[^\]]+\])\{0,\d+\}")


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with groups for the stretches in which anything may stand, see `stretches`."""
    return re.compile(_ANYTHING.sub(r"(\g<0>)", pattern), re.IGNORECASE)


KINDS: dict[Language, dict[Kind, re.Pattern[str]]] = {
    "zh": {kind: _compiled(pattern) for kind, pattern in _ZH.items()},
    "en": {kind: _compiled(pattern) for kind, pattern in _EN.items()},
}


def stretches(kind: re.Pattern[str], shape: str) -> list[tuple[int, int]]:
    """What a pattern of `KINDS` understands: its matches without what may stand in between."""
    told: list[tuple[int, int]] = []
    for found in kind.finditer(shape):
        start, end = found.span()
        for begin, stop in sorted(span for span in found.regs[1:] if 0 <= span[0] < span[1]):
            told.append((start, begin))
            told += [between.span() for between in kind.finditer(shape, begin, stop)]
            start = stop
        told.append((start, end))
    return [span for span in told if span[0] < span[1]]


# How much time is left before something shuts.
REMAINING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?:还[有剩]|剩|再过|再有)[^，。？]{0,10}(?:多久|多长时间|多少时间|多少分钟|几个?小时|几个钟头|几分钟)"
        r"[^，。？]{0,8}(?:关|闭|停|打烊|下班|末班|清场)[门馆园止]*"
        r"|[离距][^，。？]{0,14}(?:关|闭|停|打烊|下班|末班|清场)[^，。？]{0,8}"
        r"(?:多久|多长时间|多少时间|多少分钟|几个?小时|几个钟头|几分钟)"
        r"|(?:多久|多长时间)[就才会要后]*(?:关门|闭馆|闭园|打烊|停止入)"
        r"|还[能可]以?[^，。？]{0,6}[待呆逛看玩]上?(?:多久|多长时间|几个小时|多少时间)"
    ),
    "en": re.compile(
        r"\bhow (?:long|much (?:more )?time|many (?:more )?(?:hours|minutes))\b[^,.?]{0,24}"
        r"(?:\b(?:until|till|before|left|remain\w*)\b[^,.?]{0,40}"
        r"\b(?:clos\w+|shuts?|last (?:boat|admission|entry))\b)"
        r"|\bhow (?:much longer|long) can (?:i|we) (?:still )?stay\b"
    ),
}
# What asks for a price, and not only for a ticket.
PRICED: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"多少|几块|几元|价|钱|贵|费|免|优惠|打折|半价"),
    "en": re.compile(
        r"\bhow much\b|\b(?:cost|price|fee|fare|charge|discount)s?\b|\bpay\b|\bfree\b|\btotal\b"
        r"|\bexpensive\b"
    ),
}
# Between two questions in one.
JOINT: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(r"[，。？、；,.?;]|还有|另外|以及"),
    "en": re.compile(r"[,.?;]| and "),
}

# Somebody with so much time asks where to go.
TOURS: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"怎么(?:玩|逛|走|安排|游|看)|安排|路线|推荐|逛(?:逛|些|哪|什么)?|转转|转一转|游览|去哪"
        r"|[看玩逛去](?:些|哪|什么|点|啥)"
        r"|玩(?:些|哪|什么|点|法)?|够|规划|行程|建议|[走看逛]一?圈|导览|参观"
    ),
    "en": re.compile(
        r"\bwhat (?:should|can|could|do|would)\b|\bwhere (?:should|can|could|do)\b|\bplan\b"
        r"|\broute\b|\btour\b|\bsuggest\w*"
        r"|\brecommend\w*|\bitinerary\b|\bsee\b|\bvisit\b|\bwalk\b|\bonly have\b|\bi have\b"
        r"|\bwe have\b|\bgot\b|\bexplore\b|\bwhere to\b|\bideas?\b|\badvi[sc]e\b|\bspend\b|\bdo\b",
        re.IGNORECASE,
    ),
}
# Who may pay less somewhere; a price is told only where the tickets speak of them. Of several the
# first counts.
VISITORS: dict[str, re.Pattern[str]] = {
    "child": re.compile(r"儿童|小孩|孩子|小朋友|宝宝|\bchild(?:ren)?\b|\bkids?\b", re.IGNORECASE),
    "student": re.compile(r"学生|\bstudents?\b", re.IGNORECASE),
    "senior": re.compile(
        r"老人|老年|长者|爷爷|奶奶|外公|外婆|\bseniors?\b|\belderly\b|\bpensioners?\b"
        r"|\bgrand(?:ma|pa|mother"
        r"|father)\b",
        re.IGNORECASE,
    ),
    "disabled": re.compile(r"残疾|残障|\bdisabled\b", re.IGNORECASE),
    "soldier": re.compile(
        r"退[伍役]|现役|[军烈]属|军[人官]证|是[个名位]?(?:军人|老兵|消防员)|\bveterans?\b"
        r"|\b(?:am|'m|are|'re|is|'s|for) (?:an? )?(?:soldiers?|firefighters?)\b"
        r"|\bin the (?:army|military|armed forces)\b",
        re.IGNORECASE,
    ),
    "resident": re.compile(
        r"(?<!不是)(?<!非)(?:本地人|当地人|杭州人)|市民卡|居民|公园卡|[年月]卡|会员|\blocals\b"
        r"|\bresidents?\b|\b(?:annual|season|city|year) (?:pass|card|ticket)",
        re.IGNORECASE,
    ),
    "licensed": re.compile(
        r"记者|导游证|教师证|教师节|\bpress (?:card|pass)|\bjournalists?\b|\bguide'?s? licen[cs]e",
        re.IGNORECASE,
    ),
    "believer": re.compile(
        r"皈依|是[个名位]?(?:僧人|出家人|和尚)"
        r"|\b(?:am|'m|are|'re) (?:a )?(?:monks?|nuns?|buddhists?)\b",
        re.IGNORECASE,
    ),
}  # fmt: skip


# A question that is nothing but a name asks what it is.
BARE: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"^(?:那么?|这|请问|嗯|你好|您好|再|还有|[，,。 ])*(?:我?(?:想|要)(?:去|看|听|知道"
        rf"|了解)*)?{_NAME}"
        r"(?:呢|吧|吗|啊|怎么样|好不好|[，,。？?！! ])*$"
    ),
    "en": re.compile(rf"^(?:and|what about|how about|please|so|the|ok|okay|[ ,.])*{_NAME}[ ?.!]*$"),
}
