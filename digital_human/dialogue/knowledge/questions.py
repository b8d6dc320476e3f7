"""How people put questions, in Chinese and English: what they say around them and ask for."""

from __future__ import annotations

import re

# What people say before and after the question itself.
_OPENING_ZH = (
    r"(?:[\u3400-\u9fff]{0,3}(?:先生|老师|居士|大人|学士|老爷子)(?=[，,])|(?:我?(?:冒昧|斗胆|顺便|随口))?"
    r"(?:请教|打听|问)(?:您|你)?一(?:句|下|声)|等一下|等等|等一等|稍等|不好意思|打扰一下|打扰了?|麻烦你?您?|劳驾|你好|您好|嗨|喂|"
    r"嗯+|呃+|额|啊|哦|那个|这个|就是|对了|那么?|然后|所以|话说|我(?:就|还|也)?(?:想|要|"
    r"再)+(?:请)?(?:问|知道|了解|咨询)(?:问|一问)?(?:一?下)?(?:的是|说)?|我问(?:你|"
    r"您)?(?:一?下)?|想(?:请)?问(?:问|一?下)?|请问(?:一?下)?(?:你|您)?|请教(?:一?下)?|问(?:你|"
    r"您)?一?下|(?:请|麻烦)?(?:你|您)?(?:能|可以|可不可以|能不能)?(?:跟|给|和)我(?:讲讲|说说|"
    r"介绍(?:介绍)?|讲|说)(?:一?下)?|(?:你|您)?(?:能不能|可以|能)?告诉我(?:一?下)?|(?:你|"
    r"您)知不?知道|小姐姐|导游)"
)
_OPENING_EN = (
    r"(?:excuse me|sorry|hello|hi|hey|okay|ok|so|well|um+|uh+|please|and|by the way|"
    r"wait(?: a (?:minute|moment|second))?|(?:can|could|"
    r"would) you (?:please )?tell me(?: about)?|tell me(?: about)?|do you know|i(?:'d|"
    r" would) like to (?:know|ask)|i want to (?:know|ask)|i was wondering|may i ask|can i ask|"
    r"just wondering)"
)
# What people tell of themselves before they ask, unless it is a wish.
_OF_SELF = re.compile(
    r"^(?!.*(?:想[吃买喝找要]|要[吃买喝找]|找))(?:.*(?:我|咱|孩子|妈|爸|老人|奶奶|爷爷)|您?好|请问|打扰|麻烦)"
    r"|^(?!.*\b(?:want|like|need|look)\b).*\b(?:i|i'm|i've|my|we|we're|we've|our|excuse me|hello|hi"
    r"|sorry)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[，,。.！!？?；;]+ ?")
_SENTENCE = re.compile(r"[^。！？!?.]*[^。！？!?.\s][^。！？!?.]*(?:[。！？!?.]+|$)")
_ASKS = re.compile(
    r"什么|啥|(?<!与)谁(?!道)|哪|(?<![这那好上前])几(?![乎时])|多少|多[高长大深久远宽重]|怎么|怎样|咋|为何|[吗么][，。？?]?$"
    r"|([是有能会要])[不没]\1|\b(?:what|which|who|whose|whom|when|where|why|how)\b",
    re.IGNORECASE,
)
_WH = r"(?:(?:in|at|by|for|to|from|with|of) )?(?:what|which|who|whose|whom|when|where|why|how)\b"
# Where one English question ends and the next begins.
_AND_ASKS = re.compile(rf"(?<=[?,.;])\s+(?:and )?(?={_WH})|,? and (?={_WH})", re.IGNORECASE)
_LEADING_WH = re.compile(rf"^\W*{_WH}(?: (?:year|town|place|month|day))?\s*", re.IGNORECASE)
_TRAILING = re.compile(r"(?:[是在有叫为到被让由给上去得要凭]|到底|究竟|应该|最[早后]?)+$")
_SHORTEST = 6  # characters of a question that stands by itself
OPENING = re.compile(rf"^(?:(?:{_OPENING_ZH}|{_OPENING_EN}\b)[\s，,。.!！、…]*)+", re.IGNORECASE)
CLOSING = re.compile(
    r"(?:[\s，,]*(?:谢谢你?您?|好吗|可以吗|呢|啊|呀|吧|哦|嘛|please|thanks|thank you"
    r"|, *(?:mr|mister|master)\.? [a-z]+(?: [a-z]+)?))+"
    r"[\s。.!！?？]*$",
    re.IGNORECASE,
)
# Words that tell next to nothing about what is asked.
LIGHT_WORDS = frozenset(
    (
        "的 了 着 过 是 在 有 吗 呢 啊 吧 呀 嘛 哦 我 你 您 我们 你们 他 她 它 咱们 请 问 "
        "请问 想 想要 要 一下 这 那 这个 那个 这里 那里 这边 这座 那座 个 座 张 一张 位 条 "
        "就 都 也 还 和 与 及 跟 到 从 把 被 给 让 会 能 可以 可 得 呃 嗯 一个 之 于 里 里面 "
        "上 上面 下 中 大概 大约 到底 究竟 一共 总共 真的 真 现在 具体 分别 一般 通常 比较 "
        "还是 明明 已经 其实 当年 当时 啥 什么 怎么 怎样 怎么样 如何 哪 哪个 哪些 哪里 哪儿 "
        "哪年 哪天 哪座 哪一 谁 几 多 多少 几点 何时 是不是 有没有 能不能 可不可以 叫 叫做 "
        "来 去 走 走路 好 时候 月份 地方 位置 的话 那么 要是 a an the is are was were be "
        "been am do does did to of in on at for from by with and or it its this that these "
        "those there here i you he she they we me my your us our what which who whom whose "
        "when where why how can could would should will shall may please about much many "
        "long have has had if so s get go find need want see let t d ll m re"
    ).split()
)

# Words that a question may have although its answer has not.
FILLING_WORDS = frozenset(
    """
    先生 老师 东坡先生 居士 请教 冒昧 好奇 听说 据说 知道 告诉 介绍 自己 亲自 最后 最终 后来 先前
    起初 最初 当初 那时 那时候 现在 如今 目前 今天 眼下 后头 后面 背面 里头 外头 上头 下头 附近
    好端端 一句 一辈子 一生 平生 意思 含义 指 指的是 干什么 做什么 用处 作用 用 干 人 不好 大家
    别人 人家 就 呗 咋 咱 加起来 前后 这辈子 老早 真的假的 万一 合适 那儿 那边 这儿
    瞅 瞧 呐 喔 欸 嘞 挺 到底 究竟 麻烦 同学 同学们 学生们 姐姐 妈妈 师傅 挨个 一遍 正宗 地道
    actually really exactly whole entire kind sort first heard hear curious
    wonder wondering know think say said someone something anything any people used still ever
    even just only quite very also own well maybe perhaps chance possible please sir mister guide
    today now then again else in fact originally finally some more most thing things way place
    roughly approximately nearly precisely simply up out over off down around into onto away along
    across through during since until all both each folks guys eh
    nowadays current currently great famous called name time year season month day best
    """.split()
)

_KINDS = {
    "price": (
        r"多少钱|票价|价格|价钱|收费|要钱|花钱|免费|几块钱?|几元|多少元|要多少$|贵不贵|费用|"
        r"how much (?!time)|price|\bcosts?\b|\bfees?\b|\bfree\b|expensive|charge|\bpay\b"
    ),
    "when": (
        r"几点|什么时候|何时|哪一?年|哪天|几月|几号|(?<![长少])时间|啥时候|年代|年份|哪个朝代|"
        r"什么朝代|哪个季节|什么季节|\bwhen\b|what time|\bhours of\b|\bhours$|what year|"
        r"which year|what date|which month|what month|season|how old|(?:opening|"
        r"closing) (?:times?|hours)|how (?:late|early)|多少年|几年"
    ),
    "duration": (
        r"多久|多长时间|多少时间|几个?小时|几分钟|多少分钟|how long (?:does|do|will|should|"
        r"would)|how much time|how many (?:hours|minutes)"
    ),
    "where": (
        r"哪里|哪儿|哪边|在哪|何处|什么地方|位置|地址|哪座山|什么山|怎么走|怎么去|怎么到|"
        r"怎么上|如何(?:去|到)|怎么过去|怎么坐车|\bwhere\b|how (?:do|can|to) (?:i |we |"
        r"you )?(?:get|go|reach|walk)|directions?|\blocat|address|which way|which hill"
    ),
    "who": (r"谁|哪位|什么人|何人|哪个人|\bwho\b|\bwhom\b|\bwhose\b|which (?:king|poet|monk)"),
    "length": (
        r"多长(?!时间)|公里|几米|多少米|全长|长度|how long (?:is|are)|length|kilomet|\bfar\b"
    ),
    "height": (r"多高|几米|多少米|高度|how (?:tall|high)|height"),
    "width": (r"多宽|宽度|几米|多少米宽|how (?:wide|broad)|width"),
    "depth": (r"多深|深度|水深|how deep|depth"),
    "area": (r"多大(?!年)|面积|大小|平方|how (?:big|large)|\barea\b|\bsize\b"),
    "count": (
        r"几(?:个(?!小时)|座|层|条|处|种|棵|株|家|尊|名|位|艘)|多少(?:个(?!小时)|座|层|条|处|"
        r"种|棵|株|家|尊|名|位|人|只|艘)|how many (?!hours|minutes)"
    ),
    "why": (
        r"为什么|为何|为啥|由来|怎么来的|怎么会|怎么塌|怎么倒|原因|得名|\bwhy\b|"
        r"how did .{1,30} get its name|origin"
    ),
}
# What kind of answer a question wants, and what people say when they want it.
KINDS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}


def asking_clause(text: str) -> str | None:
    """The clause that asks, behind what somebody tells of himself: 我腿不好，塔里有电梯吗.

    None for a text without such a beginning.
    """
    clauses = [one for one in _CLAUSE.split(text.strip()) if one]
    if len(clauses) < 2 or not all(_OF_SELF.search(one) for one in clauses[:-1]):
        return None
    return clauses[-1]


def last_clause(text: str) -> str | None:
    """The last clause of several, where most people ask; None for a text of one, or a short one."""
    clauses = [one for one in _CLAUSE.split(text.strip()) if one]
    return clauses[-1] if len(clauses) > 1 and len(clauses[-1]) >= _SHORTEST else None


def asking_sentence(text: str) -> str | None:
    """The one sentence of several that is a question: Is there a last boat? I can't miss it.

    None where there is but one sentence, or not exactly one question of some length.
    """
    found: list[str] = [one.strip() for one in _SENTENCE.findall(text)]
    asking = [one for one in found if one.endswith(("?", "？"))]
    if len(found) < 2 or len(asking) != 1 or len(asking[0]) < _SHORTEST:
        return None
    return asking[0]


def halves(text: str) -> tuple[str, str] | None:
    """The two questions of one that asks for two things, each with what it is about.

    原先那座雷峰塔是哪年垮的，怎么会垮呢 is 原先那座雷峰塔是哪年垮的 and 原先那座雷峰塔怎么会垮呢.
    None for a text that does not ask for exactly two.
    """
    if re.search(r"[\u3400-\u9fff]", text) is None:
        return _halves_en(text)
    clauses = [one for one in _CLAUSE.split(text.strip()) if one]
    asking = [one for one in clauses if _ASKS.search(one)]
    if len(asking) != 2:
        return None
    first, second = asking
    lead = "，".join(one for one in clauses[: clauses.index(first)] if not _OF_SELF.search(one))
    found = _ASKS.search(first)
    assert found is not None
    subject = _TRAILING.sub("", first[: found.start()])
    about = "，".join(filter(None, (lead, subject))) or first
    joint = "" if len(subject) > 1 else "，"
    return "，".join(filter(None, (lead, first))) + "？", f"{about}{joint}{second}？"


def _halves_en(text: str) -> tuple[str, str] | None:
    parts = [one.strip(" ,.?;") for one in _AND_ASKS.split(text.strip())]
    asking = [one for one in parts if _LEADING_WH.search(one)]
    if len(asking) != 2:
        return None
    first, second = asking
    rest, more = _LEADING_WH.sub("", first), _LEADING_WH.sub("", second)
    if not rest:
        return f"{first} {more}?", f"{second}?"  # when and where did you write it
    return f"{first}?", f"{rest}: {second}?" if more else f"{second} {rest}?"
