"""Words that frame a question about a place without asking anything."""

from __future__ import annotations

import re

_FRAME_ZH = """
    动手 亲手 亲自 路上 半路 班里 班上 全班
    他们 她们 他俩 她俩
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
    湖上 那种 这种 那样 这样 外头 外边 最外面
    第三 头 呗 咋 小家伙 人数 加 起来 一起 皇帝 国王 王 一遍 名人 姑娘 先生 师傅 同伴 老师 时刻
    方面 情况 眼下 赶 赶车 火车 飞机 高铁 进门 看完这里 钟 香客 老伴 闺女 孙子 孙女 外孙 外孙女
    外甥 外甥女 侄子 侄女
    媳妇 太太 丈夫 妻子 哥哥 弟弟 姐姐 妹妹 叔叔 阿姨 舅舅 姑姑 公公 婆婆 岳父 岳母 亲戚 邻居
    室友 闺蜜 对象 男朋友 女朋友 全家 家属 旅行团 团友 小伙伴 客户 老头 老太太 大爷 大妈 大伯 爸 妈
    班上 单位 公司 呐 哩 咧 不 票钱 园子 院子 夜景 工夫 功夫 点钟 会儿 一口气 从头 到尾 拢共 统共 光
    单 单单 那天 当天 原本 另 每位 每人 个把 一块儿 一块 一道 一同 凑 拜 掏 登 趟儿 外加 加上 算上
    挨着 顺道 正好 恰好 万一 一大早 大清早 大晚上 腿儿 腿 一大家子 银子 下来 推 拖 扛
    春游 秋游 毕业 旅行 旅游 聚会
    哥们儿 哥们 老哥 兄弟 大门 早起
    对 对吧 没错 瞧瞧 瞧 真的
    退休 幼儿园 小学 中学 大学 高中 初中 年级 学校 班级 带队 随行 双胞胎 宿舍 外国
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
    dragging itself lugging themselves
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
    wondering work worth worthwhile would year years yes you your yuan plus minus class
    classmates brother sister
    cousin aunt uncle niece nephew colleague colleagues boss partner baby toddler grandson
    granddaughter grandkids grandchildren grandchild granny gran grandad
    buddy mate mates pal pals team crew bunch both rainy dear
    gonna thought
    wanna gotta cash cheap roughly foot feet legs knees bit while since though anyway yet lads gang
    hubby missus doing yourself yourselves cut heading head hop grab drop dropping picking pick
    swing
    pop nip squeeze set turn full trip during beside besides within gates doors gate door
    instead miss missing behind outer round till dump stash ditch
""".split()
)
