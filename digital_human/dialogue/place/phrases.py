"""How visitors ask about a place, in Chinese and English."""

from __future__ import annotations

import re
from typing import Literal

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

# In the order in which they are tried.
_ZH: dict[Kind, str] = {
    "tickets": r"[门船]?票价|[门船]票|[多好]少?钱(?:一张)?|多少钱|票钱|(?:一共|总共|加起来|合计"
    r"|拢共|统共)(?:是|得|要|需要?|该|应该)*[花付交给掏]?"
    r"多少(?!时间|分钟|公里|[米里个座条级年天人处种])|价[钱格位]|收费|收不收[钱费票]|收钱|收票"
    r"|(?:需要?|要"
    r"|用)(?:买)?票|多少(?=门票)|什么价"
    r"|花(?=多少|几)|要不?要?钱|免费|免票|买票|购票|半价|优惠|打折"
    r"|(?:学生|儿童|成人|老年|老人|小孩)票|几块钱|多少块|花钱|费用|贵不贵|贵吗|怎么卖|一张票"
    r"|要票|付钱|掏钱",
    "phone": r"电话(?:号码)?|联系方式|怎么联系",
    "address": r"(?:详细)?地址",
    "stay": r"(?:玩|逛|看|游|参观|走完|走一?遍|走一?圈|走一?趟|游览|转|待|完)(?:一?[圈遍趟]"
    r"|完)?[^，。？]{0,5}"
    r"(?:多久|多长时间|几个小时|几小时|多少时间|几分钟|多少分钟|多少个小时)"
    r"|(?:多久|多长时间)[^，。？]{0,4}(?:[玩逛看]完|[走逛]一[圈遍])",
    "seats": r"(?:坐|装|载|乘|挤|容)(?:得|不)[下了开]|(?:坐|装|载|乘|挤|容纳?)得?下?(?:几|多少)"
    r"(?:个|位|名)?人?|坐一[条艘只](?=[^，。？]{0,6}船[^，。？]{0,4}(?:行|够|可以|能))",
    "hours": r"(?:几点|什么时候|何时|啥时候|什么时间|多[晚早])[^，。？]{0,7}"
    r"(?:开航|出发|启航|发船|开(?!始)|开始(?![建修造])|关|闭|营业|打烊|清场|结束|停|下班|散|能进|可以进(?!香)|进去|进场"
    r"|入场|有船|有|演|收)"
    r"|(?:开|关|闭|营业|结束|停|清场|打烊|下班|演|运营)[^，。？]{0,5}(?:几点|多晚|什么时候|何时)"
    r"|(?:开放|营业|开门|关门|闭馆|闭园|参观|游览|游园|运营|演出|表演|开馆|关闭)的?时间"
    r"|几点到几点|什么时间|还有[^，。？]{0,8}(?:[吗么不]|没有?)[？?]?$|还有没有(?:船|班|场|演|票)"
    r"|有[^，。？]{0,3}了吗"
    r"|[营开](?:着|门|放|馆|业)*(?:了|的)?(?:吗|没有|没|不开|么|呢)|开不开|关(?:门|了|闭"
    r"|着)*(?:吗|没有|没|呢)"
    r"|上班(?:[吗么没不]|时间)?|有人吗|停不停|停吗|取消[吗么不]|演不演|放不放|闭馆|歇业|休业"
    r"|休息吗|休不休息|开不开门?|关不关门?|休馆|几点有|不让进|不能进|停止入|还(?:能|可以|让"
    r"|能不能)?(?:进得?去?|开|参观|坐船|上岛|去|看|逛|登|演|放|营业|上得去|进得了|上)(?!.?(?:啥"
    r"|什么|哪|些))"
    r"|来得及|赶得[上及]|能不能进|可以进去?吗|能进去?吗"
    r"|(?:进|上|去)[得不](?:去|了|成)|让(?:不让)?进"
    r"|(?:末班|最后一?班|最后一?场|下一?场|下一?班|首班|头班|第一班|头一班|最早一?班|早班)船?|最晚|最早|全天"
    r"|二十四小时|24小时|几场"
    r"|(?:开|启|出|首)航|发船|关[着了]门|[会要]不会?关门?|闭不闭馆|还卖票|还[能可]以?买(?:得到)?票"
    r"|时间表|有没有(?:演|表演)|有表演吗",
    "route": r"(?:走到?|步行|过去|走路|坐船|上岛|去|从|到)[^，。？]{0,14}(?:多久|多长时间|几分钟"
    r"|多少分钟|多少时间|多少米|要多[久长远]|多远)"
    r"|怎么(?:样)?(?:才)?(?:能|可以|好)?(?:走|去|到|上|过去|前往|坐)|如何(?:去|到|走|前往|过去)"
    r"|走过去|走到|多远|远不远|远吗|有多远|近不近|近吗"
    r"|(?:走到?|步行|过去|走路|坐船|上岛|去|从|到)[^，。？]{0,14}(?:多久|多长时间|几分钟"
    r"|多少分钟|多少时间|多少米|要多[久长远]|多远)"
    r"|几步路?|(?:必须|只能|要不要|一定要)坐船|能不?能?走过去|走得过去|在◇[^◇]{0,6}(?:去|到)◇"
    r"|很久吗|[要得]很久|久不久|往哪(?:边|里|儿|个方向)?走|朝哪|哪个方向|带我(?:们)?去"
    r"|领我(?:们)?去|指(?:个|一下)?路|路线"
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
    r"|\bcharges?\b|\bpay\b"
    r"|\bthe total\b|\btotal (?:cost|price)\b|\badmission\b(?! time)"
    r"|\bdiscounts?\b|\bfares?\b|\bexpensive\b|\bfor nothing\b",
    "phone": r"\b(?:tele)?phone(?: number)?\b|\bcall\b.{0,10}\bnumber\b|\bcontact\b",
    "address": r"\baddress\b",
    "stay": r"how (?:long|much time)\b.{0,20}\b(?:visit|spend|need|plan|allow|see|tour|explore|stay"
    r"|look around)\b.{0,12}"
    r"|how long does (?:it take to (?:see|visit|walk (?:along|the|around)|tour)|a visit)",
    "seats": r"\bhow many\b.{0,24}\b(?:fit|seat|seats|hold|sit|squeeze)\b"
    r"|\bhow many (?:people|persons|of us|passengers|seats)\b.{0,20}"
    r"\b(?:take|takes|carry|go|have|has)\b"
    r"|\b(?:room|space|big enough|seats?) for\b|\b(?:all )?fit (?:in|into|on)\b"
    r"|\b(?:share|squeeze into) (?:a|one|the|a single)\b",
    "hours": r"\bopens?\b|\b(?:still|any) (?:more )?(?:boats?|ferr\w+|shows?|trains?|bus\w*)\b"
    r"|\b(?:final|first|next) (?:boat|ferry|show|entry|admission|one)\b|\bboats? left\b"
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
    r"|\bwhat times?\b|^when(?: is| are|'s)\b|\bcancel\w*|\bnext ◇|\bfirst boats?\b",
    "route": r"\bhow (?:do|can|would|should|to)\b.{0,14}\b(?:get|go|walk|reach|find|come)\b"
    r"|\bway to\b|\bdirections?\b"
    r"|\bhow far\b|\bfar (?:is|away|from)\b|\bis it far\b|\btake (?:me|us) to\b"
    r"|\bshow me (?:the way|to)\b|\broute\b"
    r"|\bhow (?:long|many minutes)\b.{0,24}\b(?:walk|get|reach|boat|go|trip|crossing)\b.{0,8}"
    r"|\bhow (?:long|far)\b.{0,6}\b(?:walk|way|trip|ride|crossing|journey|stroll)\b"
    r"|\bhow many (?:minutes|met(?:re|er)s|kilomet(?:re|er)s)\b.{0,16}\b(?:from|to)\b"
    r"|\bhow long\b.{0,20}\bfrom (?:the )?◇ to\b"
    r"|\bwalk(?:ing)? (?:from|to|over)\b"
    r"|\bwhich way\b|\bon foot\b|\bwalking distance\b",
    "nearby": r"\bnearby\b|\bclose by\b|\b(?:near|close to|around) here\b|\bwhat else\b"
    r"|\bnext stop\b|\bwhere (?:next|should i go next)\b"
    r"|\bwhat should (?:i|we) (?:see|visit) next\b",
    "where": r"\bwhere\b|\blocated\b|\blocation\b|\bwhich (?:side|part)\b",
    "about": r"\btell (?:me|us)\b(?: (?:more|something))?(?: about)?|\bwhat(?: is|'s|’s| are)\b"
    r"|\bwhat does\b.{0,40}\b(?:show|tell|exhibit|display)\b|\bdescribe\b|\bintroduce\b"
    r"|\babout\b|\bwhat can (?:i|we|you) see\b|\bworth (?:seeing|visiting|a visit|it)\b"
    r"|\bexplain\b|\bwhat am i looking at\b",
}
KINDS: dict[Language, dict[Kind, re.Pattern[str]]] = {
    "zh": {kind: re.compile(pattern) for kind, pattern in _ZH.items()},
    "en": {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _EN.items()},
}

# How much time is left before something shuts.
REMAINING: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"(?:还[有剩]|剩|再过|再有)[^，。？]{0,10}(?:多久|多长时间|多少时间|多少分钟|几个?小时|几个钟头|几分钟)"
        r"[^，。？]{0,8}(?:关|闭|停|打烊|下班|末班|清场)[门馆园止]*"
        r"|[离距][^，。？]{0,14}(?:关|闭|停|打烊|下班|末班|清场)[^，。？]{0,8}"
        r"(?:多久|多长时间|多少时间|多少分钟|几个?小时|几个钟头|几分钟)"
        r"|(?:多久|多长时间)[就才会要后]*(?:关门|闭馆|闭园|打烊|停止入)"
    ),
    "en": re.compile(
        r"\bhow (?:long|much (?:more )?time|many (?:more )?(?:hours|minutes))\b[^,.?]{0,24}"
        r"(?:\b(?:until|till|before|left|remain\w*)\b[^,.?]{0,40}"
        r"\b(?:clos\w+|shuts?|last (?:boat|admission|entry))\b)"
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
        r"|玩(?:些|哪|什么|点)?|够|规划|行程|建议|[走看逛]一?圈|导览|参观"
    ),
    "en": re.compile(
        r"\bwhat (?:should|can|could|do|would)\b|\bwhere (?:should|can|could|do)\b|\bplan\b"
        r"|\broute\b|\btour\b|\bsuggest\w*"
        r"|\brecommend\w*|\bitinerary\b|\bsee\b|\bvisit\b|\bwalk\b|\bonly have\b|\bi have\b"
        r"|\bwe have\b|\bgot\b|\bexplore\b|\bwhere to\b|\bideas?\b|\badvi[sc]e\b|\bspend\b|\bdo\b",
        re.IGNORECASE,
    ),
}
# Words that frame a question without asking anything.
_FRAME_ZH = """
    今天 明天 后天 今晚 今儿 明儿 现在 这会儿 此刻 目前 马上 等会儿 等会 待会儿 待会 一会儿 周末
    平时 平常 工作日 节假日 假期 大年初一 初一 初二 早上 上午 中午 下午 傍晚 晚上 夜里 凌晨 早晨
    清晨 半夜 夜间 我们 咱们 咱 我 你们 你 您 大家 一家人 一家三口 一家四口 一家 一个人 几个人
    两个人 三个人 四个人 五个人 两口子 家人 朋友 爸妈 父母 爸爸 妈妈 爷爷 奶奶 外公 外婆 老公 老婆
    同学 同事 大人 成年人 小孩子 小孩 孩子 小朋友 儿子 女儿 儿童 学生 老人家 老人 老年人 长者 宝宝
    娃 外地 本地 游客 访客 团队 客人 人家 别人 人 普通 景区 景点 地方 那里 这里 那儿 这儿 那边
    这边 里面 里头 外面 门口 边上 旁边 附近 最近 想要 打算 准备 计划 希望 需要 想 要 得 该 应该
    必须 能不能 可不可以 可以 能够 能 会 行不行 让 允许 请问 请 麻烦 劳驾 帮忙 帮 告诉 知道
    知不知道 听说 说 问问 问一下 问 了解 查查 查 给 带着 带 陪着 陪 跟 和 与 同 或者 或 还是 还有
    还 再 又 也 都 就 才 只 大概 大约 左右 差不多 一般 通常 到底 究竟 一共 总共 具体 的话 顺便
    过去 过来 回来 出发 前往 走路 步行 走着 走 去 来 到 往 从 由 进去 进 入 出 逛逛 逛 玩 看看 看
    参观 游览 游 买 坐 乘 登 爬 些 儿 上去 下来 上 下 找 办 借 租 拿 近 离 距离 最 比较 很 太 真
    急 快 慢 赶快 赶紧 立刻 方便 合适 好 怎么样 怎么 如何 什么 啥 哪些 哪个 哪里 哪儿 哪 几 多少
    多 是不是 有没有 没有 没 不 是 有 在 吗 呢 吧 啊 呀 嘛 哦 哈 了 的 地 着 过 这 那 它 个 座 处
    条 张 位 次 趟 段 点 一下 一 二 两 三 四 五 六 七 八 九 十 岁 周岁 以下 以上 钱 票 门 时候
    时间 分钟 小时 钟头 半 谢谢 你好 您好 嗯 那么 那个 这个 就是 对了 如果 要是 假如 晚 早 开车
    自驾 第一次 需不需要 用不用 用 另外 单独 还要 额外 算 每天 每 天 详细 仔细 一点 一些 刚才 手里
    身上 剩 只有 总 先 后 最后 完 本身 岛上 岛 走不动 累 表演 演出 场 看完 给我 排个 排 定 这么
    一趟 亲自 号 开始 来着 才能 用得着 我自己 自己 一路 沿途 么 礼拜 星期 寺里 庙里 塔里 园里 馆里
    堤上 桥上 腿脚 不便 收 放 搁 整个 从头到尾 为何 为啥 里边 中秋节 回事 当年 大 小 老 重新 下令
    请您 山峰 进香 烧香 上香 拜佛 点灯 景 景色 风景 故事 散步 走走 转转 公共 公用 很久 久 亮着
    开着 湖边 湖畔 岸边 站 划 包 雇 连 连着 那几天 这几天 小长假 长假 黄金周 假日 期间 第一 第二
    第三 头 呗 咋 小家伙 人数 加 起来 一起 皇帝 国王 王 一遍 名人 姑娘 先生 师傅 同伴 老师 时刻
    方面 情况 眼下 赶 赶车 火车 飞机 高铁 进门 看完这里
""".split()
FRAME_ZH = re.compile("|".join(sorted(_FRAME_ZH, key=len, reverse=True)))
FRAME_EN = frozenset(
    """
    a a.m able about actually adult adults advice advise afford after afternoon again all allow
    allowed along already also altogether am am's am. an and another any anyone anything anywhere
    are aren't around arrive as ask at away back be been before best between big board borrow both
    bring broken bus but buy buying by came can can't cannot carry carrying catch chance chances
    charge charged child children christmas climb close closest come coming cost costs could
    counter couple cross curious currently dad dark daughter day daylight days did directly do
    does doesn't doing don't down drop each earliest early easiest eight eighty either elderly
    eleven else enough enter entire entrance entry evening every everyone everything exactly
    excuse family famous far fast fastest father few fifteen fifty final find first five flight
    folks for forty four friday friends from fun get gets getting give go going good got
    grandfather grandma grandmother grandpa group guide guys had half has have hear heard heavy
    hello help her here hey hi him hire his hold holiday holidays hour hours hours' how hungry
    hurt husband i i'd i'll i'm i've idea ideas if in include included including indoors inside
    interesting into is is's isn't it it's its just keep kid kids kill kindly know lakeside large
    late later latest leave leaves left let let's lets letting like little long look looking lot
    make many may maybe me middle might mind minute minutes minutes' mom moment monday money more
    morning most mother much mum must my myself near nearest need needs next nice night nights
    nine ninety noon not now o'clock of off office ok okay old on one only onto or our ourselves
    out outside over own p.m p.m. parents park part past pensioner pensioners people per perhaps
    person person's place places plane please pm popular possible put quarter quick quickest quite
    rather reach read really reasonable remaining rent ride rides right rmb room run runs same
    saturday say second see seeing senior seniors service seven seventy shall she shore should
    show shows sir sit situated six sixty small so some someone something somewhere son soon sorry
    spare special spend stand standing start started station still stop stops store student
    students subway sunday supposed sure take taking tell ten than thank thanks that that's the
    their them then there there's these they they're thing things think third thirty this those
    three through thursday time times tired to today today's together tomorrow tonight tonight's
    too total tour tourist tourists toward towards train travel trip tuesday twelve twenty two
    under until up us use used usually very via visit visiting visitor visitors wait walk walking
    want was way we we'd we'll we're wednesday weekday weekdays weekend weekends well went were
    what what's when where where's which while who whole why wife will with without won't wonder
    wondering work worth worthwhile would year years yes you your yuan
    """.split()
)
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
}  # fmt: skip


# A question that is nothing but a name asks what it is.
BARE: dict[Language, re.Pattern[str]] = {
    "zh": re.compile(
        r"^(?:那么?|这|请问|嗯|你好|您好|再|还有|[，,。 ])*(?:我?(?:想|要)(?:去|看|听|知道"
        r"|了解)*)?◇"
        r"(?:呢|吧|吗|啊|怎么样|好不好|[，,。？?！! ])*$"
    ),
    "en": re.compile(r"^(?:and|what about|how about|please|so|the|ok|okay|[ ,.])*◇[ ?.!]*$"),
}
