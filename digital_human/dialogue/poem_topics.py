"""What a question says of the poem it means: its topic, whose it is, of what kind, from where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

# A poem that no record tells: the first he wrote, his last, the longest, a new one.
_RANKED = re.compile(
    r"即兴|现场|原创|新编|[写作]的(?:最[早后长短]的?|第)一?首|绝笔|临终"
    r"|\byour (?:very )?(?:first|last|earliest|longest|shortest)\b",
    re.IGNORECASE,
)
_LYRIC = re.compile(r"(?<![诗台歌])词(?!语|典|牌)|\blyric\b", re.IGNORECASE)
_COUPLETS = re.compile(r"绝句|律诗|[七五]言|[七五]绝|[七五]律|\bquatrain\b", re.IGNORECASE)
_WRITTEN_AT = re.compile(
    r"[在于](\w{2,6}?)(?:的时候|那时候?|那会儿)?[写作]"
    r"|\b(?:wr[io]t\w+|composed) (?:in|at) ([A-Z]\w+)"
)
_DEFINITE = re.compile(
    r"[这那]一?[首阕]|\b(?:the|your|that) (?:\w+ ){0,3}(?:poem|one|verse|lyric)\b"
)
# How a poem is called that is described, so that a word of a description may mean it.
_CALLED = re.compile(
    r"首(?![饰都先次页末尾])|[诗词]|\b(?:poem|verse|lyric|song|wr[io]t|compos"
    r"|the one (?:about|where|when|with|that|which|you|on|for|in|of|to|by|from)\b)"
    r"|\b(?:the|your) (?:[\w-]+ ){1,3}one\b",
    re.IGNORECASE,
)
_POETS = re.compile(
    r"李白|杜甫|白居易|杨万里|林逋|林和靖|林升|柳永|李清照|岳飞|苏小小|王安石|辛弃疾|陆游|李商隐|杜牧|王维"
    r"|孟浩然|贺知章|乾隆|康熙|张岱|徐志摩|赤壁赋"
    r"|唐诗|诗经|楚辞|千家诗|三字经|弟子规"
    r"|(?:[别旁]|其[他它]|另外?)的?(?:一?[位个])?(?:诗人|词人|作者|作家)|[别旁]人(?:写|作|的[诗词])"
    r"|(?<![写给送赠寄咏悼忆怀念想和于跟])"
    r"(?:苏辙|苏洵|欧阳修|黄庭坚|秦观|章质夫|弟弟|父亲|爸爸|妹妹)(?:自己)?(?:[写作]的|的)[^，。？！写]{0,4}[诗词]"
    r"|\b(?:Bai Juyi|Li Bai|Du Fu|Yang Wanli|Lin Bu|Liu Yong|Li Qingzhao|Yue Fei|Qianlong|Kangxi"
    r"|Zhang Dai|rhapsody|prose|ode|(?:an)?other poets?|different poet|(?:some(?:one|body)) else)\b"
    r"|\b(?:poem|verse|lyric|something)s? (?:written )?by "
    r"(?!(?:you|yourself|heart|su shi|su dongpo|su tung|dongpo|the|a)\b)"
    r"|\b(?:brother|father|friend)['’]s (?:\w+ )?(?:poem|verse|lyric)",
    re.IGNORECASE,
)
_TOPICS = (
    re.compile(r"(?:首|个|段|关于|有关|写)([^，。？！,?!首关于写]{1,8})的[小短]?(?:诗|词)"),
    re.compile(
        r"首(?!(?:[古小唐宋名律绝情短长老]|[七五]言|苏轼|东坡|[你您])*[诗词])([^，。？！,?!首的]{1,6})[诗词]"
    ),
    re.compile(r"首(?!诗|词|歌)([^，。？！,?!首]{1,12}?)的(?=$|[，。？！,?!吧呗])"),
    re.compile(r"([^，。？！,?!首]{1,20}?)的?[那这]一?[首阕]"),
    re.compile(
        r"\b(?:poem|verse|lyric|one|something)s?\b.{0,20}?\b(?:about|on)\b ([^,.?!]+)",
        re.IGNORECASE,
    ),
    re.compile(
        r"\b(?:the|your|that|a) ((?:[\w-]+ ){1,3})(?:poem|verse|lyric|one)\b", re.IGNORECASE
    ),
    re.compile(
        r"\b(?:poem|verse|lyric|one|something)s?\b "
        r"(?:where|in which|that|which|when|with|you|from|of|by)\b"
        r"([^,.?!]+)",
        re.IGNORECASE,
    ),
)
# Who is to hear the poem, which is not what it is about.
_LISTENER = re.compile(
    r"(?:给|让|为|带着?|和|跟)?我们?家?的?[^，。？！的写]{0,2}(?:宝宝|宝贝|孩子|娃|儿子|女儿|弟弟|妻子|老婆|夫人|太太|爱人)"
    r"|\b(?:my|our|(?:for|to) (?:a|an|some)) (?:[\w-]+ )?"
    r"(?:bab(?:y|ies)|newborn|brother|wife|son|daughter|kids?|child(?:ren)?|friend)s?\b"
    r"|\b(?:a|the) baby (?=(?:will|would|might|can|could|should)\b)",
    re.IGNORECASE,
)
_FOREIGN = re.compile(
    r"(?:英|日|韩|法|德|俄|外)(?:语|文|国话)"
    r"|\bin (?:English|French|German|Spanish|Italian|Russian|Japanese|Korean|Arabic)\b|\btranslat",
    re.IGNORECASE,
)
_PHRASE = re.compile(
    r"[^，。？！,.?!]*(?:[首诗词]|\b(?:poem|verse|lyric|one)\b)[^，。？！,.?!]*", re.IGNORECASE
)
# What is said of no poem more than of another.
_PLAIN = re.compile(
    r"一下|[你您咱我]们?|自己|这里|能不能|可不可以|可以|能否|请|麻烦|[能给把再就想要先帮说请叫来听背念读诵吟写作过的了吧呢一是有与在里个最很]"
    r"|朗诵|背诵|有名|出名|著名|喜欢|拿手|得意|经典|好听|好的|短|长|简单|别的|其[他它]|另外?|^别$|代表|东坡|苏轼|苏|先生|老师|大家|孩子|听听|刚[才刚]|请问|那么|所以|然后|不过|对了|[哦嗯啊哇问前后上面]"
    r"|\b(?:you|your|yours|own|su|shi|dongpo|famous|favou?rite|best|known|nice|good|beautiful|short|long|"
    r"shorter|same|whole|entire|chinese|classic|lovely|little|great|another|more|other|next|of|most|very|this|me|us|"
    r"a|the|last|first|just|recited|please|loved?|like|wrote|all|poems?|lyrics?|verses?|s|that|which|know|by|heart|memory|works?|collection|yourself|can|have|written|my|son|daughter|children|kids|yours)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Described:
    """What is said of a poem that is meant.

    Attributes:
        text: The question without the words that name the poem.
    """

    text: str

    @cached_property
    def told(self) -> str:
        """``text`` without who is to hear the poem."""
        return _LISTENER.sub("", self.text)

    @property
    def foreign(self) -> bool:
        """Whether another language than the poems' own is wished."""
        return _FOREIGN.search(self.text) is not None

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
        found = (pattern.search(self.told) for pattern in _TOPICS)
        return next((one[1] for one in found if one and _bare(one[1])), "")

    @property
    def phrase(self) -> str:
        """The part of the question that speaks of a poem."""
        found = _PHRASE.search(self.told)
        return found[0] if found else ""

    @property
    def topic(self) -> str:
        """``description`` without what is said of no poem more than of another."""
        return _bare(self.description)

    @property
    def kind(self) -> bool | None:
        """True where a ci is asked for, False where a poem of couplets is, None for either."""
        return True if _LYRIC.search(self.text) else False if _COUPLETS.search(self.text) else None

    @property
    def ranked(self) -> bool:
        """Whether a first, last or longest poem is asked for, or a new one."""
        return _RANKED.search(self.text) is not None

    @property
    def written_at(self) -> str:
        """Where the poem is said to have been written; empty when that is not said."""
        said = _WRITTEN_AT.search(self.text)
        return "" if said is None else said[1] or said[2]


def _bare(description: str) -> str:
    return _PLAIN.sub("", description).strip(" “”\"'")
