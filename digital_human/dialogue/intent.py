"""What sort of thing a visitor says: small talk, a wish to hear it again, or a question of fact."""

from __future__ import annotations

import re
from typing import Literal

from digital_human.dialogue.persona import Talk

Intent = Talk | Literal["repeat", "chat", "question"]

_LONGEST = 64  # characters of a fixed phrase with what stands around it; bounds the matching

# What may stand before and behind a phrase without changing what it is.
_AROUND = (
    r"(?:那|好的?|嗯|哦|啊|呃|请问|小姐姐?|云舒|你们?|您|呀|啦|了|吧|呢|哈|真的?|太|非常"
    r"|well|oh|ok|okay|and|so|please)*"
)
_SELF = r"(?:真人|机器人|人工智能|ai|人类|活人|程序|假人|数字人)"
_BEING = r"(?:real|human|robot|ai|bot|machine|person|alive)"
_PHRASES: dict[Intent, tuple[str, ...]] = {
    "repeat": (
        r"(?:请|你|您|可以|能|麻烦)*(?:再说|再讲|重复|再来)(?:一遍|一次|一下)?(?:可以|好)?吗?",
        r"我?没听(?:清楚?|见|懂)",
        r"(?:can|could|would) you (?:please )?(?:repeat|say) (?:that|it|this)(?: again)?",
        r"(?:please )?(?:say (?:that|it) again|repeat (?:that|it))",
        r"(?:pardon|sorry|come again)(?: me)?",
        r"i (?:didn t|did not) (?:catch|hear) (?:that|you)",
    ),
    "hearing": (
        r"(?:能|可以)?(?:听得?(?:到|见|清)|听不听得(?:到|见))我?(?:说话|的声音|讲话)?(?:吗|么)?",
        r"喂+(?:你?好)?",
        r"在吗",
        r"can you hear(?: me)?(?: now)?",
        r"are you (?:there|listening)",
    ),
    "artificial": (
        rf"(?:是|不是|难道是)+(?:一?个)?{_SELF}(?:还是{_SELF})?(?:吗|么)?",
        r"are you (?:really )?(?:an? )?(?:real )?"
        rf"{_BEING}(?: (?:person|human|being|woman))?(?: or (?:an? )?(?:real )?{_BEING})?",
    ),
    "identity": (
        r"(?:你|您)?(?:是谁|叫什么(?:名字)?|的名字(?:是什么|叫什么)|是(?:什么|哪个)人?|贵姓)",
        r"(?:做个|来个)?自我介绍(?:一下)?",
        r"介绍(?:一下)?(?:你|您)?自己",
        r"(?:你|您)?(?:能|会|可以)(?:帮我)?做(?:些)?什么",
        r"who are you",
        r"what (?:is|s) your name",
        r"introduce yourself",
        r"tell me (?:about yourself|who you are)",
        r"what can you do(?: for me)?",
    ),
    "thanks": (
        r"(?:谢谢|多谢|感谢|谢啦|谢了|辛苦)+(?:你们?|您|了|啊|啦|的?(?:讲解|介绍|回答|帮助))*",
        r"(?:thank you|thanks)(?: (?:so|very) much| a lot| for .{0,40})?",
    ),
    "goodbye": (
        r"(?:再见|拜|回头见|下次见|我(?:先|要)?走了|没有?(?:别的|其他)?问题了)+",
        r"(?:good ?bye|bye)(?: bye)?",
        r"see you(?: later| soon| next time)?",
        r"that s all",
    ),
    "hello": (
        r"(?:你好|您好|嗨|哈喽|哈罗|大家好|(?:早上|上午|中午|下午|晚上)好|早安)+",
        r"很高兴(?:认识|见到)(?:你|您)",
        r"(?:hello|hi|hey)(?: (?:there|hello|hi))*",
        r"good (?:morning|afternoon|evening)",
        r"nice to meet you",
    ),
    "praise": (
        r"(?:你|您)?(?:讲得|说得|长得|声音)?(?:真|好|太|很)+"
        r"(?:棒|厉害|好看|漂亮|可爱|聪明|不错|好听|好|美)(?:了|啊|呀)*",
        r"(?:you are|you re) (?:so |very |really )?"
        r"(?:great|beautiful|pretty|cute|smart|nice|good|amazing|lovely)",
        r"(?:good|great|nice) job",
        r"well done",
    ),
}
_PATTERNS = {
    intent: re.compile(f"^{_AROUND} ?(?:{'|'.join(phrases)}) ?{_AROUND}$")
    for intent, phrases in _PHRASES.items()
}
_CHAT = re.compile(
    r"你(?:今天|最近|现在)?(?:好吗|怎么样|过得|心情|累不累|累吗|开心|高兴|喜欢|觉得(?:累|开心|无聊|孤单)|几岁|多大)"
    r"|你(?:结婚|有男朋友|会不会|吃饭|吃了)|笑话|唱(?:首|个|一首)?歌|陪我|聊(?:聊天|天|会儿?)"
    r"|无聊|好累|我(?:很|好|有点)?(?:累|开心|高兴|难过|喜欢你|爱你)"
    r"|how are you|how s it going|how do you feel|do you (?:like|love|feel|enjoy|get)"
    r"|your favou?rite|how old are you|tell me a joke|sing (?:me )?a song"
    r"|i m (?:tired|happy|sad|bored)|i (?:like|love) you"
)
_MORE = re.compile(
    r"详细|仔细|具体(?:讲|说|介绍)|多(?:讲|说|介绍)(?:一?点|一?些|几句)|展开|慢慢(?:讲|说)|完整"
    r"|讲个?故事|more about|in (?:more )?detail|tell me (?:everything|more|all)"
    r"|the whole (?:story|legend)|elaborate",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"介绍|讲[讲一个些述]|说[说一]|聊|故事|传说|历史|来历|由来|推荐|建议|安排|规划|合适|适合|值得|意思"
    r"|好玩|有趣|觉得|喜欢|最[美好]|好[看吃喝在]|可看|看点|怎么样|怎样|为[什啥何]|怎么(?:叫|会|来的|玩|拍|看|想)"
    r"|有(?:什么|啥)(?:可|好|看|玩|讲究|值得)|区别|不一样|不同|相同|关系|有关|相关|哪个更|谁更|特[色别点]"
    r"|意义|评价|印象|了解|理解|心[情境]|体会|道理|解释|赏析|怕不怕"
    r"|\b(?:recommend|suggest|advise|advice|(?<!how much )should|worth|nicer|better"
    r"|prefer|favou?rite|think|feel"
    r"|enjoy|why|how come|differen\w+|differ|compare[ds]? (?:to|with)|connect\w*|relat\w+"
    r"|tell (?:me|us)|what do you know|history|mean(?:s|ing)?|(?:to|can (?:i|we)) (?:see|do)"
    r"|describe|explain|introduce|interesting|fun|beautiful|lovely|talk about|would you say"
    r"|good (?:time|place|idea|way|spot)|best (?:time|way|place|spot)"
    r"|(?:what|how)'?s? .{1,30} like)\b",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"它|他们?|她们?|那里|那儿|这里|这儿|那个|这个|那座|这座|刚才|上面|里面|呢[？?]?$"
    r"|^(?:那|还有|然后|为什么|多少钱|多高|多大|多长|怎么去|什么时候)"
    r"|\b(?:it|its|he|his|him|she|her|they|them|there|that one|this one|the same)\b"
    r"|^(?:and|what about|how about|why|when|how (?:long|high|tall|big|much))\b",
    re.IGNORECASE,
)


def intent_of(text: str) -> Intent:
    """What ``text`` is, judged by fixed phrases; anything unknown is a question."""
    plain = _plain(text)
    if len(plain) <= _LONGEST:
        for intent, pattern in _PATTERNS.items():
            if pattern.match(plain):
                return intent
    return "chat" if _CHAT.search(plain) else "question"


def wants_more(text: str) -> bool:
    """Whether a long answer is asked for."""
    return _MORE.search(text) is not None


def asks_openly(text: str) -> bool:
    """Whether advice, an opinion, a reason, a comparison or a story is asked for, not a fact."""
    return _OPEN.search(text) is not None


def follows_up(text: str) -> bool:
    """Whether ``text`` seems to need what was said before to be understood."""
    return _FOLLOWS.search(text.strip()) is not None


def _plain(text: str) -> str:
    words = re.sub(r"[^\w]+", " ", text.casefold()).strip()
    return re.sub(r"(?<=[^\x00-\x7f]) | (?=[^\x00-\x7f])", "", words)
