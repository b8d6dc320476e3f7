"""What a question about a poem asks: to hear it, a line of it, when, where or for whom it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from digital_human.dialogue.numbers import ORDINALS
from digital_human.dialogue.poem_topics import Described

# Going to school is 念 too: 念过三年书.
_SCHOOL = (
    r"[过完了着的在]*(?:[^，。？！《“给听首诗词]{0,4}书(?![里上中李鄢])|经|大学|[高中小]学|研|本科|博士"
    r"|幼儿园|初[一二三中]|高[一二三]|[几一二三四五六]年级|(?:哪|什么)个?(?:班|专业))"
)
# What joins a poem to something of it that is asked for: the date of the poem, why you wrote it.
_LINKS = (
    r"(?:of|in|on|from|for|to|about|behind|with|you|he|your|his|wrote|is|was|why|how|when|where)\b"
)
_RECITE = re.compile(
    r"(?<![后手驼脊腰])背(?!景|后|包|面|影|着|心|部|负|篓|带|叛|不动|的是?包|[上疼痛酸](?!一))"
    rf"|(?<![纪怀思悼想惦挂留概观信])念(?!佛|旧|头|叨|{_SCHOOL})"
    r"|朗诵|诵读|吟|读(?:一|两)(?!年)|读(?:首|段|下)"
    r"|[来说讲](?:一|两)?首|[作写]过(?:哪|什么)|(?<![哪第这那的写作编创])一首(?![诗词])"
    r"|\brecite\b"
    r"|(?:^|[,.;!?] *|\bplease |\b(?:can|could|will|would) you (?:please |kindly )?|\bhear you )"
    r"(?:say|read|tell|give|perform)(?: (?:me|us|him|her|them|out|aloud|my \w+))? "
    rf"(?:(?:the|that|a|one of (?:the|your)|your) (?:(?!{_LINKS})[\w'’-]+ ){{0,4}}"
    r"(?:poem|verse|lyric)s?\b"
    r"(?!['’]s| (?:title|name|meaning|theme|mood|date|translation|analysis))"
    r"|(?:the|that) one you|it (?:out|aloud|to|for)\b)"
    r"|\bread\W+(?:to|for|out|aloud)\b",
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
# Something of the poem is to be heard, and not the poem: its meaning, the mood of it.
_SOMETHING_OF = re.compile(
    r"的(?:意思|含义|故事|背景|讲解|解[释说读]|典故|赏析|由来|来历|翻译|译文|白话|注释|英文|大意)"
    r"(?!的?[那这]?一?[首诗词])"
    r"|\b(?:recite|say|read|tell|give|hear|perform)\b(?:(?!\b(?:poem|verse|lyric|one)s?\b)[^,.?!])*"
    r"\b(?!(?:one|all|whole|some|any|rest|something|more|front|memory|honou?r)\b)[a-z]+ of\b"
    r"(?! (?:us|me|my|them)\b)",
    re.IGNORECASE,
)
_TO_ME = re.compile(r"听听|听一[听下]|给[^，。？！]{1,8}听|一遍|\brecite\b")
_ANY = re.compile(
    r"诗|绝句|(?<![单台歌])词(?!语|典)|首(?:关于|有关|[写讲])(?![^，。？！]*歌)"
    r"|\bpoems?\b|\bverses?\b|\brecite something\b",
    re.IGNORECASE,
)
_LINE = r"(?:[是接跟对]|紧[接跟]着?)?的?(?:[那这哪]|(?:什么|啥))?(?:半|一|[两二几])?句"
_TWO = re.compile(r"[两二]句|\btwo lines\b", re.IGNORECASE)
_NEXT = re.compile(
    rf"(?:(?<![写留记题刻])下|(?<!最)后)[面头边]?{_LINE}|[下后](?:面|头|边|文)(?:$|[，。？！是接跟怎呢咋啥]|什么)|接下[来去]"
    r"|往[下后]|下半?[联截段句]|接着(?=$|[，。？！是呢怎咋哪啥什的那往])|然后呢|[接对]什么|[接对]哪"
    r"|(?:怎么|咋)接|接一?[下句]|底下(?:$|[，。？！是接跟对呢怎咋]|一?句|什么)"
    r"|(?:怎么|咋|如何)(?:回?答|作答)|答的?是?(?:什么|啥)|\bhow (?:did|do) you answer\b"
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
    r"(?:(?<!倒数)第一|头一|首|起|开[头篇]的?(?:第?一|那)?|[前头][两二])句|开头(?=$|[，。？！是怎咋什啥呢])"
    r"|\b(?:first|opening) (?:two )?lines?\b|\bhow does .{0,40}\b(?:begin|start)\b",
    re.IGNORECASE,
)
_LAST = re.compile(
    r"(?:最后|倒数第一|末|尾|结[尾末]的?(?:那|最后一)?|[后末][两二])[一那两二]?句|结尾(?=$|[，。？！是怎咋什啥呢])"
    r"|\b(?:last|final|closing) (?:two )?lines?\b|\bhow does .{0,40}\bend\b",
    re.IGNORECASE,
)
_NTH = re.compile(r"(倒数)?第([二三四五六七八])句(?!话)")
_NTH_EN = re.compile(rf"\b({'|'.join(ORDINALS[1:])}) line\b", re.IGNORECASE)
_HALF = re.compile(
    r"(?<!上)([下后])(?:半?[阕片]|半(?:[首段]|部分))|([上前])(?:半?[阕片]|半(?:[首段]|部分))"
    r"|\b(second|last|latter) (?:half|stanza)\b|\b(first) (?:half|stanza)\b",
    re.IGNORECASE,
)
# The line of a poem that has a word in it.
_HOLDING = re.compile(
    r"(?:有|带|含|提到|出现)([^，。？！]*?)的?(?:那|是?哪)一?句"
    r"|哪一?句[^，。？！]{0,4}(?:有|带|含|提到|出现)([^，。？！]+)"
)
# What is asked of a line or half besides its words.
_OF_LINE = re.compile(
    r"为[什啥何]|怎么(?:这|那|会|能|想|理解|看|样|用|分|写[得出])|哪[座位种样类]|比|[一几哪]个字|多少字|几个|押|修辞|手法|意境"
    r"|什么(?:样|感|心|景|季|颜色|修辞|手法|意境|内容|关系|区别|不同|道理|人|字|山|水|地方|楼|花|树)"
    r"|[句半首片阕段][里中][面头]?的?[^，。？！是指有句首片阕]{1,8}[是指]"
    r"|(?:是|写的?|说的?|讲的?|指)(?![^，。？！]*(?:什么|啥|怎|哪))[^，。？！句首片阕]{2,12}[吗么](?=$|[，？])"
    r"|\b(?:why|how (?:many|long|come)|rhym|mood|theme|about what|compare|better)|\blast word\b"
    r"|^(?:is|are|was|were|does|do|did)\b(?!.*\b(?:know|remember)\b)",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"(?:什么|啥|哪个)时候|何时|[哪何]一?年|几几年|年份"
    r"|\bwhen(?:'s| (?:did|was|were|is))\b|\b(?:what|which) year\b|\bhow long ago\b"
    r"|\b(?:date|year) of (?:the|your|that|this) (?:[\w-]+ ){0,3}(?:poem|lyric|verse)\b",
    re.IGNORECASE,
)
_WHERE = re.compile(
    r"哪里|哪儿|哪个?地方|什么地方|啥地方|何[处地]|[在到去于]哪|哪[个座]?(?:城|州|地|山|寺|庙|楼|岛)"
    r"|(?<!\bone )(?<!\bpoem )(?<!\bverse )(?<!\blyric )\bwhere\b"
    r"(?! (?:can|could|do|does|should|may|might|is the)\b)"
    r"|\b(?:what|which) (?:town|city|place|temple|mountain|island|part)\b"
    r"|\b(?:what|which) (?:building|tower)\b.{0,12}\b(?:were|was|did)\b",
    re.IGNORECASE,
)
_OCCASION = re.compile(
    r"(?:什么|啥|哪种)(?:场合|情[况形景]|处境|境[况遇])|(?:什么|啥)(?:官|职务?).{0,4}[时候会].{0,3}写"
    r"|\bwhat (?:was the )?occasion\b",
    re.IGNORECASE,
)
_PERSON = r"(?:谁|哪一?[位个](?:人|朋友|好友)?(?!字|词|地方|时候|朝|年|州|城)|什么人|何人|哪些人)"
_WHOM = re.compile(
    rf"[给送赠为替寄呈][了的]?是?{_PERSON}|{_PERSON}的韵|[写说指]的?是?{_PERSON}(?![写作的])"
    rf"|(?:[给送赠为替寄呈]|[怀思想]念|悼|想[的着]|惦|纪念)[^，。？！]{{0,6}}{_PERSON}(?![写作的])"
    rf"|{_PERSON}[^写作，。]{{0,6}}(?:送[行别]|[告道话分]别|分手)|[给送赠为替寄](?![我咱]).{{1,12}}[写作送]的[吗吧么]"
    r"|是不是[写送寄赠]给|是[^，。？！能把]{0,6}[写送寄赠]给(?![我咱])[^，。？！那这首]{1,12}(?:[吗吧么](?=$|[，？])|还是)"
    r"|\b(?:for|to|about|of|with) who(?:m|se)?\b"
    r"|\bwho(?:m|se)?\b(?! (?:wrote|made|composed|painted|sang|built)\b)"
    r".{1,60}\b(?:for|to|about|off|in mind)(?=$|[ ?,.!])"
    r"|\bwho(?:m|se)?\b.{1,40}\b(?:dedicat|address|miss|mourn|meant|sent)"
    r"|\bwho (?:is|was) (?:being )?(?:the )?(?:friend|person|recipient)"
    r"|\b(?:which|what) (?:friend|person|relative|wife|lady|woman|official|monk)\b",
    re.IGNORECASE,
)
# Somebody or something in the poem, and not the poem.
_INSIDE = re.compile(r"[里中][面头]?的[^，。？！说指写诗词首句]{1,8}(?:说|指|写|讲|是)的?是?谁")
# What a poem is called, and not somebody or something in it.
_NAMED = (
    r"(?:到底|究竟|应该|具体|完整|全|[又原本是该的])*(?:叫[做作]?|名字?[是叫]*)"
    r"(?:什么|啥)(?!意思|含义)"
)
_POEM_NAMED = (
    rf"(?:[首阕诗词篇]|作品|首[^，。？！里中]{{1,12}}(?<!写)的){_NAMED}"
    rf"|^(?!.*[里中])(?:.*[，。？！])?{_NAMED}"
)
# Its title, which may be asked of a poem that is only described.
_TITLE = (
    r"哪一?[首阕]|(?:哪|什么)个?词牌|(?:题目|诗名|词牌|标题)(?:名字?)?[是叫]*(?:什么|啥|哪)"
    rf"|{_POEM_NAMED}"
    r"|\b(?:what|which)(?: of (?:his|your|these))? (?:poem|lyric|verse)s?\b|\b(?:what|which) tune\b"
    r"|\bwhat(?:'s| is| was) (?:the|your|that|this|his) "
    r"(?:(?!(?:in|of|from|on|by|at)\b)[\w'’-]+ ){0,4}"
    r"(?:poem|lyric|verse|one)\b(?!['’]s).{0,40}\b(?:called|titled?)\b"
    r"|\b(?:title|name) of (?:the|your|that|this|his) "
    r"(?:(?!(?:in|of|from|on|by|at)\b)[\w'’-]+ ){0,4}(?:poem|lyric|verse|one)\b(?!['’]s)"
)
_TITLED = re.compile(_TITLE, re.IGNORECASE)
_WHICH = re.compile(
    rf"{_TITLE}|出自|什么[诗词]|(?<![为给替])谁[写的作]|\bwho wrote\b|\b(?:come|taken) from\b"
    r"|\bwhat(?:'s| is) (?:it|this|that) called\b",
    re.IGNORECASE,
)
# What may be asked of a poem besides, and is told by nothing that is said here.
_ELSE = re.compile(
    r"意思|含义|故事|背景|讲解|解释|典故|赏析|由来|来历|翻译|[好妙美难错]在|手[稿迹]|真迹|原稿|墨迹|[石诗块]碑|碑[刻在]|牌[子匾]|[石雕]像"
    r"|刻[在着了于]|收藏|保存|藏在|(?:课本|教材|课文)(?![里上](?:[那这]|的(?![吗么？，])))|选入|收[进入录]|谱曲|唱成|谁唱|发表|出版|印[在着]"
    r"|字(?:[是由都究竟到底的])*谁[写题书]|谁的(?:字|手|书法|笔迹)|[石碑匾门柱墙牌亭][头子]?上[^，。？！诗词首]{0,12}谁"
    r"|[匾联][额上的是由都]*谁"
    r"|\b(?:mean|story|explain|translat|background|manuscript|carved|engraved|inscribed on|kept"
    r"|museum|displayed|published|printed|set to music|sung|scroll|calligraph|plaque|handwriting)"
    r"|\bwho wrote the (?:\w+ ){0,2}(?:characters|words|inscription)"
    r"|哪[里儿](?:可以|能)|\bwhere (?:can|could|do|may|should) (?:i|we|one)\b",
    re.IGNORECASE,
)
# A time or place that is asked about with yes or no.
_CLAIMED = re.compile(
    r"(?:在|于|年)[^，。？！哪]{0,8}写的(?:[吗吧么]|对[吗吧不]|是不是)|是不是[^，。？！给]{2,8}写的"
    r"|\b(?:[Ww]as|[Ww]ere|[Dd]id)\b.{1,60}\b(?:wr[io]t\w*|composed?)\b.{0,30}"
    r"\b(?:in|at|on) (?:\d{4}|[A-Z])"
)
# That it is the writing whose time or place is asked.
_WROTE = re.compile(
    r"(?:哪|时候|年份|地方|何[时处地]).{0,6}[写作吟]|[写作](?:于|的?.{0,6}(?:哪|时候|地方|何[时处地]))"
    r"|\b(?:when|where|year|town|city|place)\b.{0,20}\b(?:did|was|were)\b.{0,60}\b(?:wr[io]t|compos)",
    re.IGNORECASE,
)
_SHOWN = re.compile(
    r"^(?!.*(?:名|代表|喜欢|拿手|得意|最)).*[这那]一?[首阕]|\b(?:this|that) (?:poem|verse|lyric)\b",
    re.IGNORECASE,
)
_LIKED = re.compile(
    r"喜欢|满意|得意|推荐|自豪|\b(?:favou?rite|proud|recommend|best|prefer)", re.IGNORECASE
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
# A question of few words about the poem that was just heard.
_FOLLOWING = re.compile(
    r"(?:那|请|嗯|哦|麻烦)*(?:[你您]|能|可以|给[我咱]们?)*再(?:给[我咱]们?)?(?:念|背|来|读|诵|吟)[给我们听]*一[遍次回][吧吗呗好行？。！]*"
    r"|[那嗯哦，]*(?:这|它|[你您]|当[时初])?(?:是|当[时初]|[你您])*(?=.*[写送])(?=.*[哪谁何啥]|.*什么)"
    r"(?:什么|时候|何时|地方|朋友|[啥哪一年里儿在给为送写谁位个的呢呀啊了，？])++"
    r"|[那它的]*(?:(?:第[一二三四五六七八]|最后一|头一|开头第?一?|前两|后两)句"
    r"|[上下]半?[片阕]|[前后上下]半首)(?:是?(?:什么|啥|哪句))?[呢呀啊来着？]*"
    r"|(?:please )?(?:say|read|recite) (?:it|that) (?:again|once more)(?:,? please)?\W*"
    r"|(?:once more|again),? please\W*"
    r"|(?:and )?who (?:was|is) (?:it|that|this) (?:written )?(?:for|to|about)\W*"
    r"|(?:and )?(?:what(?:'s| is| was) )?the (?:first|second|third|last) line(?: again)?\W*",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"再(?:给[我咱]们?)?(?:来|念|背|读|诵|吟)一?首[别其他它的]*[吧吗呗好行？。！]*"
    r"|(?:and )?another(?: one)?(?:,? please)?\W*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Ask(Described):
    """What is asked of a poem that is named or described."""

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
    def something_of(self) -> bool:
        """To hear something of the poem, and not the poem."""
        return _SOMETHING_OF.search(self.text) is not None

    @property
    def of_line(self) -> bool:
        """What a line or half is asked about, where its words are no answer."""
        return _OF_LINE.search(self.text) is not None

    @property
    def to_me(self) -> bool:
        """To recite it for somebody who is there, whatever else is said of it."""
        return self.wished and _TO_ME.search(self.text) is not None

    @property
    def heard(self) -> bool:
        """To recite the poem that is named."""
        return self.wished or _HEAR.search(self.text) is not None

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
    def nth(self) -> int | None:
        """Index of the clause that is asked for by its number, from the end where negative."""
        if number := _NTH.search(self.text):
            count = "一二三四五六七八".index(number[2])
            return -1 - count if number[1] else count
        number = _NTH_EN.search(self.text)
        return ORDINALS.index(number[1].lower()) if number else None

    @property
    def half(self) -> int:
        """1 for the second half of the poem, -1 for the first, 0 for neither."""
        half = _HALF.search(self.text)
        return 0 if half is None else 1 if half[1] or half[3] else -1

    @property
    def holding(self) -> str | None:
        """What stands where a word is named whose line is asked for; None when none is."""
        held = _HOLDING.search(self.text)
        return None if held is None else held[1] or held[2] or ""

    @property
    def origin(self) -> bool:
        """When or where it was written, or on what occasion."""
        asked = any(kind.search(self.text) for kind in (_WHEN, _WHERE, _OCCASION, _CLAIMED))
        return asked and (not self.other or _WROTE.search(self.text) is not None)

    @property
    def whom(self) -> bool:
        """For whom it was written."""
        return _WHOM.search(self.text) is not None and _INSIDE.search(self.text) is None

    @property
    def titled(self) -> bool:
        """The title of the poem that is described, and not which is liked."""
        return _TITLED.search(self.text) is not None and _LIKED.search(self.text) is None

    @property
    def more(self) -> bool:
        """Another poem, after one was heard."""
        return _MORE.fullmatch(self.text) is not None

    @property
    def author(self) -> bool:
        """Whose it is, which of a tune is anybody's."""
        return re.search(r"谁[写的作]|\bwho wrote\b", self.text, re.IGNORECASE) is not None

    @property
    def which(self) -> bool:
        """Which poem it is and whose."""
        return _WHICH.search(self.text) is not None

    @property
    def shown(self) -> bool:
        """Whether a poem is pointed at, of which nothing is said."""
        return _SHOWN.search(self.text) is not None

    @property
    def claimed(self) -> bool:
        """Whether it is asked if the poem was written there or then."""
        return _CLAIMED.search(self.text) is not None

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
    def back(self) -> bool:
        """Whether the poem spoken of before is meant, and none is described."""
        this = self.written and _THIS.search(self.text) is not None and len(self.topic) < 2
        return this or _FOLLOWING.fullmatch(self.text) is not None
