"""What a question about a poem asks: to hear it, a line of it, when, where or for whom it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_RECITE = re.compile(
    r"背(?!景|后|包|面|影)"
    r"|(?<![纪怀思悼想惦挂留概观信])念(?!佛|旧|头|[过完了着]?(?:书|经|大学|[高中小]学|研))"
    r"|朗诵|诵读|吟|读(?:一|两|首|段|个|下)"
    r"|[来说讲](?:一|两)?首|[作写]过(?:哪|什么)|(?<![哪第这那的])一首(?![诗词])"
    r"|\brecite\b|\b(?:say|read|tell)\b.{0,12}\bpoem\b",
    re.IGNORECASE,
)
_ALL = r"[整全]首|全[诗词文]|从头|完整|\b(?:whole|entire|in full|all of it)\b"
_WHOLE = re.compile(rf"{_ALL}|[整全]阕", re.IGNORECASE)
# Wishes to hear something, which may be a poem that is named.
_HEAR = re.compile(
    rf"{_ALL}|一遍|[来说讲唱]一?段|来一下|听[一下听]|想听|要听"
    r"|\b(?:hear|listen)\b|\bgive (?:me|us)\b",
    re.IGNORECASE,
)
_ANY = re.compile(r"诗|(?<![单台歌])词(?!语|典)|\bpoems?\b|\bverses?\b", re.IGNORECASE)
_LINE = r"(?:[是接跟对]|紧[接跟]着?)?的?(?:[那这哪]|(?:什么|啥))?(?:半|一|[两二几])?句"
_TWO = re.compile(r"[两二]句|\btwo lines\b", re.IGNORECASE)
_NEXT = re.compile(
    rf"(?:(?<![写留记题刻])下|(?<!最)后)[面头边]?{_LINE}|[下后](?:面|头|边|文)(?:$|[，。？！是接跟怎呢咋啥]|什么)|接下[来去]"
    r"|往[下后]|下半?[联截段句]|接着(?=$|[，。？！是呢怎咋哪啥什的那往])|然后呢|[接对]什么|[接对]哪"
    r"|(?:怎么|咋)接|接一?下"
    r"|\bnext (?:two )?(?:lines?|verse)\b|\blines? (?:after|that follows?)\b"
    r"|\bwhat(?:'s| is) next\b|\bcomes? (?:next|after)\b|\bwhat follows\b|\bgoes? on\b"
    r"|\bcontinues?\b|\b(?:finish|complete) (?:the|this|that)\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"(?:上|前)[面头边]?{_LINE}|[上前](?:面|头|边|文)(?:$|[，。？！是怎呢咋啥]|什么)|上半?联"
    r"|\b(?:line|verse) before\b|\b(?:previous|preceding) (?:line|verse)\b|\bcomes? before\b",
    re.IGNORECASE,
)
_FIRST = re.compile(
    r"(?:第一|头一|首|起|开[头篇]的?(?:第?一|那)?|[前头][两二])句|开头(?=是|怎|咋|什么|啥)"
    r"|\b(?:first|opening) (?:two )?lines?\b|\bhow does .{0,40}\b(?:begin|start)\b",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"(?:最后|末|尾|结[尾末]的?(?:那|最后一)?|[后末][两二])[一那两二]?句|结尾(?=是|怎|咋|什么|啥)"
    r"|\b(?:last|final|closing) (?:two )?lines?\b|\bhow does .{0,40}\bend\b",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"(?:什么|啥|哪个)时候|何时|[哪何]一?年|几几年|年份"
    r"|\bwhen(?:'s| (?:did|was|were|is))\b|\b(?:what|which) year\b|\bhow long ago\b",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"哪里|哪儿|哪个?地方|什么地方|啥地方|何[处地]|[在到去于]哪|哪[个座]?(?:城|州|地|山|寺|庙|楼|岛)"
    r"|\bwhere\b(?! (?:can|could|do|does|should|may|might|is the)\b)"
    r"|\b(?:what|which) (?:town|city|place|temple|mountain|island|part)\b",
    re.IGNORECASE,
)
_OCCASION = re.compile(
    r"(?:什么|啥|哪种)(?:场合|情[况形景]|处境|境[况遇])|\bwhat (?:was the )?occasion\b",
    re.IGNORECASE,
)
_PERSON = r"(?:谁|哪一?[位个](?:人|朋友|好友)?(?!字|词|地方|时候|朝|年|州|城)|什么人|何人|哪些人)"
_WHOM = re.compile(
    rf"[给送赠为替寄呈][了的]?是?{_PERSON}|{_PERSON}的韵|[写说指]的?是?{_PERSON}(?![写作的])"
    rf"|(?:[给送赠为替寄呈]|[怀思想]念|悼|想[的着]|惦|纪念)[^，。？！]{{0,6}}{_PERSON}(?![写作的])"
    rf"|{_PERSON}[^写作，。]{{0,6}}送[行别]|[给送赠为替寄].{{1,12}}[写作送]的[吗吧么]"
    r"|\b(?:for|to|about|of|with) who(?:m|se)?\b"
    r"|\bwho(?:m|se)?\b(?! (?:wrote|made|composed|painted|sang|built)\b)"
    r".{1,60}\b(?:for|to|about|off|in mind)(?=$|[ ?,.!])"
    r"|\bwho(?:m|se)?\b.{1,40}\b(?:dedicat|address|miss|mourn|meant|sent)"
    r"|\bwho (?:is|was) (?:being )?(?:the )?(?:friend|person|recipient)"
    r"|\b(?:which|what) (?:friend|person|relative|wife|official|monk)\b",
    re.IGNORECASE,
)
_WHICH = re.compile(
    r"哪一?[首阕]|(?:哪|什么)个?词牌|出自|什么[诗词]|(?<![为给替])谁[写的作]"
    r"|(?:叫|题目|诗名|词牌|名字)[是叫]?(?:什么|啥)"
    r"|\bwhich poem\b|\bwho wrote\b",
    re.IGNORECASE,
)
# What may be asked of a poem besides, and is told by nothing that is said here.
_ELSE = re.compile(
    r"意思|含义|故事|背景|讲解|解释|典故|赏析|由来|来历|翻译|[好妙美难错]在|手[稿迹]|真迹|原稿|墨迹|[石诗]碑|碑刻"
    r"|刻[在着了于]|收藏|保存|藏在|课本|教材|课文|选入|收[进入录]|谱曲|唱成|谁唱|发表|出版|印[在着]"
    r"|\b(?:mean|story|explain|translat|background|manuscript|carved|engraved|inscribed on|kept"
    r"|museum|displayed|published|printed|set to music|sung|scroll)",
    re.IGNORECASE,
)
# That it is the writing whose time or place is asked.
_WROTE = re.compile(
    r"(?:哪|时候|年份|地方|何[时处地]).{0,6}[写作吟]|[写作](?:于|的?.{0,6}(?:哪|时候|地方|何[时处地]))"
    r"|\b(?:when|where|year|town|city|place)\b.{0,20}\b(?:did|was|were)\b.{0,60}\b(?:wr[io]t|compos)",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"谁|什么|啥|哪|几[个首次年]|多少|为何|怎|咋|吗|么(?=$|[？，])"
    r"|\b(?:what|why|who|how|which|does|do|did|is|was|mean)\b",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"[写作诗词首句]|\b(?:wr[io]t|compos|poem|verse|lyric|lines?\b|song\b|the one\b)", re.IGNORECASE
)
_LETTERS = re.compile(r"[\u3400-\u9fff]|[a-z]+(?:'[a-z]+)?", re.IGNORECASE)
_FEW = 4  # words beyond a poem's own with which something else is said than its words


_THIS = re.compile(r"[这那]一?[首阕]|它|\b(?:it|this poem|that poem)\b", re.IGNORECASE)
_DEFINITE = re.compile(
    r"[这那]一?[首阕]|\b(?:the|your|that) (?:\w+ ){0,3}(?:poem|one|verse|lyric)\b"
)
# How a poem is called that is described, so that a word of a description may mean it.
_CALLED = re.compile(
    r"首(?![饰都先次页末尾])|[诗词]|\b(?:poem|verse|lyric|song|the one|wr[io]t|compos)",
    re.IGNORECASE,
)
_POETS = re.compile(
    r"李白|杜甫|白居易|杨万里|林逋|林和靖|林升|柳永|李清照|岳飞|苏小小|王安石|辛弃疾|陆游|李商隐|杜牧|王维"
    r"|孟浩然|贺知章|乾隆|康熙|张岱|徐志摩|赤壁赋"
    r"|\b(?:Bai Juyi|Li Bai|Du Fu|Yang Wanli|Lin Bu|Liu Yong|Li Qingzhao|Yue Fei|Qianlong|Kangxi"
    r"|Zhang Dai|rhapsody|prose|ode)\b",
    re.IGNORECASE,
)
_TOPICS = (
    re.compile(r"(?:首|个|段|关于|有关|写)([^，。？！,?!首关于写]{1,8})的(?:诗|词)"),
    re.compile(r"首(?!诗|词|歌)([^，。？！,?!首]{1,12}?)的(?=$|[，。？！,?!吧呗])"),
    re.compile(r"([^，。？！,?!首]{1,20}?)的?[那这]一?[首阕]"),
    re.compile(r"\b(?:poem|verse|lyric|one)s?\b.{0,20}?\b(?:about|on)\b ([^,.?!]+)", re.IGNORECASE),
    re.compile(r"\b(?:the|your|that|a) ((?:[\w-]+ ){1,3})(?:poem|verse|lyric)\b", re.IGNORECASE),
)
# What is said of no poem more than of another.
_PLAIN = re.compile(
    r"[你您咱我]们?|自己|这里|能不能|可不可以|可以|能否|请|麻烦|[能给把再就想要先帮说请叫来听背念读诵吟写作过的了吧呢一是有与在里个最很]"
    r"|朗诵|背诵|有名|出名|著名|喜欢|拿手|得意|经典|好听|好的|短|长|简单|代表|东坡|苏轼|苏|先生|老师|大家|孩子|听听|刚[才刚]|请问|那么|所以|然后|不过|对了|[哦嗯啊哇问前后上面]"
    r"|\b(?:you|your|yours|own|su|shi|dongpo|famous|favou?rite|best|known|nice|good|beautiful|short|long|"
    r"shorter|same|whole|entire|chinese|classic|lovely|little|great|another|more|other|next|of|most|very|this|me|us|"
    r"a|the|last|first|just|recited|please|loved?|like|wrote|all|poem|s)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Ask:
    """What is asked of a poem.

    Attributes:
        text: The question without the words that name the poem.
    """

    text: str

    @cached_property
    def wished(self) -> bool:
        """To recite a poem."""
        return _RECITE.search(self.text) is not None

    @cached_property
    def any(self) -> bool:
        """Whether poems are spoken of at all."""
        return _ANY.search(self.text) is not None

    @property
    def written(self) -> bool:
        """Whether something written is spoken of."""
        return _WRITING.search(self.text) is not None

    @property
    def whole(self) -> bool:
        """To recite all of the poem that is named."""
        return self.wished and _WHOLE.search(self.text) is not None

    @property
    def heard(self) -> bool:
        """To recite the poem that is named."""
        return self.wished or (_HEAR.search(self.text) is not None and not self.other)

    @property
    def step(self) -> int:
        """1 for the line after the one that is named, -1 for the one before, 0 for neither."""
        return 1 if _NEXT.search(self.text) else -1 if _BEFORE.search(self.text) else 0

    @property
    def two(self) -> bool:
        """Whether two lines are asked for."""
        return _TWO.search(self.text) is not None

    @property
    def end(self) -> int | None:
        """0 for the first line of the poem, -1 for the last, None for neither."""
        return 0 if _FIRST.search(self.text) else -1 if _LAST.search(self.text) else None

    @property
    def origin(self) -> bool:
        """When or where it was written, or on what occasion."""
        asked = any(kind.search(self.text) for kind in (_WHEN, _WHERE, _OCCASION))
        return asked and (not self.other or _WROTE.search(self.text) is not None)

    @property
    def whom(self) -> bool:
        """For whom it was written."""
        return _WHOM.search(self.text) is not None

    @property
    def which(self) -> bool:
        """Which poem it is and whose."""
        return _WHICH.search(self.text) is not None

    @property
    def other(self) -> bool:
        """Something that a poem's record does not tell."""
        return _ELSE.search(self.text) is not None

    @property
    def bare(self) -> bool:
        """Whether next to nothing is said but the poem's own words."""
        few = len(_LETTERS.findall(self.text)) < _FEW
        return few and not _QUESTION.search(self.text)

    @property
    def called(self) -> bool:
        """Whether a poem, and not another poet's, may be meant that is only described."""
        return _CALLED.search(self.text) is not None and not self.others

    @cached_property
    def others(self) -> bool:
        """Whether another poet is named."""
        return _POETS.search(self.text) is not None

    @property
    def definite(self) -> bool:
        """Whether one certain poem is meant."""
        return _DEFINITE.search(self.text) is not None

    @cached_property
    def description(self) -> str:
        """The words that say what a poem is to be about; empty for none."""
        found = (pattern.search(self.text) for pattern in _TOPICS)
        return next((one[1] for one in found if one and _bare(one[1])), "")

    @property
    def topic(self) -> str:
        """``description`` without what is said of no poem more than of another."""
        return _bare(self.description)

    @property
    def back(self) -> bool:
        """Whether the poem spoken of before is meant, and none is described."""
        return self.written and _THIS.search(self.text) is not None and len(self.topic) < 2


def _bare(description: str) -> str:
    return _PLAIN.sub("", description).strip(" “”\"'")
