"""Words that need no answer ("嗯", "uh-huh"), short ones that are a whole turn, and those that only
begin one ("请问")."""

from __future__ import annotations

import re
import unicodedata

_HESITATION = (
    "嗯|唔|呃|额|啊|哦|噢|喔|诶|欸|哎|唉|呵|嘿|哈|"
    "u+h+m*|u+m+|h*m{2,}|m+h+m+|h+m+|e+r+m*|a+h+|o+h+|uhhuh|mmhmm|うん|ええ|えっと|あの|ああ"
)
_ASSENT = (
    "对|对的|对呀|对啊|好|好的|好吧|好嘞|好呀|行|是|是的|是啊|是呀|是吗|没错|这样|这样啊|原来如此|"
    "明白|明白了|知道了|了解|可以|不错|yeah|yep|yes|yup|ok|okay|right|allright|alright|sure|isee|"
    "gotit|great|good|nice|wow|really|はい|そう|そうですか|そうですね|なるほど"
)
_HESITATIONS = re.compile(f"(?:{_HESITATION})+")
_BACKCHANNELS = re.compile(f"(?:{_HESITATION}|{_ASSENT}|的|了|呀)+")
_RUN = re.compile(r"(.)\1{2,}")
_LONGEST = 24  # Characters of a back-channel; bounds the work on a runaway transcript.
_COMPLETE = frozenset(
    "你好 您好 你好啊 嗨 早上好 下午好 晚上好 谢谢 谢谢你 多谢 再见 拜拜 停 停下 停一下 等一下 "
    "别说了 不要说了 安静 闭嘴 继续 继续说 接着说 再说一遍 再来一遍 重复一遍 下一个 上一个 "
    "好 好的 行 可以 对 对的 是 是的 不 不是 不对 不用 不用了 不要 不行 没有 有 没了 要 不知道 "
    "hi hello hey thanks thankyou bye goodbye stop wait holdon next goon continue repeat "
    "sayitagain repeatthat yes yeah no nope ok okay sure right idontknow nothanks".split()
)
_GREETINGS = "你好|您好|嗨|喂|hello|hi|hey"
_OPENINGS = re.compile(
    rf"(?:{_GREETINGS})*(?:(?:{_GREETINGS}|那个?|不好意思|sorry|excuseme"
    "|(?:打扰|麻烦|劳驾)(?:一?下)?(?:你|您)?(?:一?下|了)?"
    "|(?:我|那)?(?:就?是?想)?(?:请问|请教|咨询|问|打听|知道)(?:你|您)?(?:一?下|个问题)?(?:你|您)?(?:啊|呀)?"
    "|(?:can|could|may)i(?:just)?ask(?:you)?(?:something|aquestion)?|(?:can|could)youtellme"
    "|i(?:waswondering|wantto(?:know|ask)|d?(?:would)?liketo(?:know|ask)(?:you)?)|doyouknow))+"
)


def normalised(text: str) -> str:
    """``text`` without punctuation, spaces and case, full-width forms folded."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def is_hesitation(text: str) -> bool:
    """Whether nothing but sounds was said ("嗯……", "um")."""
    return _only(_HESITATIONS, text)


def is_backchannel(text: str) -> bool:
    """Whether it only shows that somebody listens ("嗯嗯", "好的好的", "uh-huh", "I see")."""
    return _only(_BACKCHANNELS, text)


def is_complete(text: str) -> bool:
    """Whether it is a short command or answer that nobody goes on from."""
    return normalised(text) in _COMPLETE


def is_opening(text: str) -> bool:
    """Whether it only begins a question ("你好，请问", "Excuse me, could you tell me")."""
    return _only(_OPENINGS, text) and not is_complete(text)


def _only(words: re.Pattern[str], text: str) -> bool:
    short = _RUN.sub(r"\1\1", normalised(text))
    return len(short) <= _LONGEST and words.fullmatch(short) is not None
