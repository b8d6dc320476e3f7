"""Words of a question and how they sound, for matching what was said or misheard.

Chinese is cut into jieba's words and read as toneless pinyin with near-homophones folded together,
so that 雷锋塔 sounds like 雷峰塔. English words are stemmed (Porter's Snowball).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from digital_human.safety.folding import simplified
from digital_human.speech.text.phonemes import _jieba as jieba_tokenizer

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+(?:'[a-z]+)*|\d+(?:[.:]\d+)*", re.IGNORECASE)
_SHORT_IS = re.compile(r"(?<=\b(?:how|who|why))'s|(?<=\b(?:long|what|when|high|tall))'s|(?<=\bwhere)'s")
_HAN = re.compile(r"[\u3400-\u9fff]")
# What people say before and after the question itself.
_OPENING_ZH = (
    r"(?:等一下|等等|等一等|稍等|不好意思|打扰一下|打扰了?|麻烦你?您?|劳驾|你好|您好|嗨|喂|嗯+|呃+|额|啊|哦|"
    r"那个|这个|就是|对了|那么?|然后|所以|话说|我(?:就|还|也)?(?:想|要|再)+(?:请)?(?:问|知道|了解|咨询)(?:问|一问)?"
    r"(?:一?下)?(?:的是|说)?|我问(?:你|您)?(?:一?下)?|想(?:请)?问(?:问|一?下)?|请问(?:一?下)?(?:你|您)?|"
    r"请教(?:一?下)?|问(?:你|您)?一?下|(?:请|麻烦)?(?:你|您)?(?:能|可以|可不可以|能不能)?(?:跟|给|和)我"
    r"(?:讲讲|说说|介绍(?:介绍)?|讲|说)(?:一?下)?|(?:你|您)?(?:能不能|可以|能)?告诉我(?:一?下)?|"
    r"(?:你|您)知不?知道|小姐姐|导游)"
)
_OPENING_EN = (
    r"(?:excuse me|sorry|hello|hi|hey|okay|ok|so|well|um+|uh+|please|and|by the way|wait(?: a (?:"
    r"minute|moment|second))?|(?:can|could|would) you (?:please )?tell me(?: about)?|tell me(?: about"
    r")?|do you know|i(?:'d| would) like to (?:know|ask)|i want to (?:know|ask)|i was wondering|"
    r"may i ask|can i ask|just wondering)"
)
_OPENING = re.compile(rf"^(?:(?:{_OPENING_ZH}|{_OPENING_EN}\b)[\s，,。.!！、…]*)+", re.IGNORECASE)
_CLOSING = re.compile(
    r"(?:[\s，,]*(?:谢谢你?您?|好吗|可以吗|呢|啊|呀|吧|哦|嘛|please|thanks|thank you))+[\s。.!！?？]*$",
    re.IGNORECASE,
)
_STOP = frozenset(
    "的 了 是 在 有 吗 呢 啊 吧 呀 嘛 哦 我 你 您 我们 你们 他 她 它 咱们 请 问 请问 想 想要 要 一下 这 那 这个 那个 "
    "这里 那里 这边 个 就 都 也 还 和 与 及 跟 到 从 把 被 给 让 会 能 可以 可 呃 嗯 一个 之 于 里 里面 上 下 中 "
    "吧 大概 大约 到底 究竟 一共 总共 真的 真 现在 具体 分别 一般 通常 比较 还是 明明 已经 其实 当年 当时 啥 什么 怎么 怎样 怎么样 如何 哪 哪个 哪些 哪里 哪儿 谁 几 多少 几点 何时 是不是 有没有 叫 叫做 "
    "a an the is are was were be been am do does did to of in on at for from by with and or it its this that "
    "these those there here i you he she they we me my your what which who whom whose when where why how "
    "can could would should will shall may please about much many long have has had if so s"
    .split()
)
_STOP_WEIGHT = 0.15
_LATIN_WEIGHT = 7.0
_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "r": "l", "f": "h"}
_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"))

# What kind of answer a question wants, and what people say when they want it.
_KINDS = {
    "price": r"多少钱|票价|价格|价钱|收费|要钱|花钱|免费|几块钱?|几元|多少元|要多少$|贵不贵|费用|how much (?!time)|price|"
    r"\bcosts?\b|\bfees?\b|\bfree\b|expensive|charge|\bpay\b",
    "when": r"几点|什么时候|何时|哪一?年|哪天|几月|几号|(?<![长少])时间|啥时候|年代|年份|哪个朝代|什么朝代|哪个季节|什么季节|"
    r"\bwhen\b|what time|\bhours of\b|\bhours$|what year|which year|what date|which month|what month|season|how old|"
    r"(?:opening|closing) (?:times?|hours)|how (?:late|early)|多少年|几年",
    "duration": r"多久|多长时间|多少时间|几个?小时|几分钟|多少分钟|how long (?:does|do|will|should|would)|how much time|"
    r"how many (?:hours|minutes)",
    "where": r"哪里|哪儿|哪边|在哪|何处|什么地方|位置|地址|哪座山|什么山|怎么走|怎么去|怎么到|怎么上|如何(?:去|到)|怎么过去|怎么坐车|"
    r"\bwhere\b|how (?:do|can|to) (?:i |we |you )?(?:get|go|reach|walk)|directions?|\blocat|address|which way|which hill",
    "who": r"谁|哪位|什么人|何人|哪个人|\bwho\b|\bwhom\b|\bwhose\b|which (?:king|poet|monk)",
    "length": r"多长(?!时间)|公里|几米|多少米|全长|长度|长度|how long (?:is|are)|length|kilomet|\bfar\b",
    "height": r"多高|几米|多少米|高度|how (?:tall|high)|height",
    "width": r"多宽|宽度|几米|多少米宽|how (?:wide|broad)|width",
    "depth": r"多深|深度|水深|how deep|depth",
    "area": r"多大(?!年)|面积|大小|平方|how (?:big|large)|\barea\b|\bsize\b",
    "count": r"几(?:个(?!小时)|座|层|条|处|种|棵|株|家|尊|名|位|艘)|多少(?:个(?!小时)|座|层|条|处|种|棵|株|家|尊|名|位|人|只|艘)|"
    r"how many (?!hours|minutes)",
    "why": r"为什么|为何|为啥|由来|怎么来的|怎么会|怎么塌|怎么倒|原因|得名|\bwhy\b|how did .{1,30} get its name|origin",
}
_KIND_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text.

    Attributes:
        text: As written, in simplified characters and lower case; Latin words as stems.
        sounds: One folded syllable per Chinese character; the stem of a Latin word.
        weight: How much it tells, by its rarity in Chinese at large.
    """

    text: str
    sounds: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Analysis:
    """A text made ready for matching.

    Attributes:
        words: In order.
        kinds: What kinds of answer it asks for.
    """

    words: tuple[Word, ...]
    kinds: frozenset[str]

    @property
    def sounds(self) -> tuple[str, ...]:
        """All syllables and stems in order."""
        return tuple(sound for word in self.words for sound in word.sounds)


def core(text: str) -> str:
    """A question without its greeting, hesitation and thanks; itself when nothing else is left."""
    plain = unicodedata.normalize("NFKC", text).strip()
    kept = _CLOSING.sub("", _OPENING.sub("", plain)).strip(" ，,。.、!！")
    return kept if any(c.isalnum() for c in kept) else plain


def analyse(text: str) -> Analysis:
    """Words, sounds and kind of a question or passage."""
    plain = simplified(unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    plain = _SHORT_IS.sub(" is", plain)
    words: list[Word] = []
    for run in _RUN.findall(plain):
        words += _chinese(run) if _HAN.match(run) else [_latin(run)]
    return Analysis(tuple(words), kinds_of(plain))


def kinds_of(text: str) -> frozenset[str]:
    """The kinds of answer (price, when, where …) a question asks for; empty when it is open."""
    return frozenset(k for k, pattern in _KIND_PATTERNS.items() if pattern.search(text))


def keyword_tokens(analysis: Analysis) -> list[str]:
    """Tokens for the keyword channel: words, and the pairs of characters inside long ones."""
    tokens = []
    for word in analysis.words:
        if word.weight > _STOP_WEIGHT:
            tokens.append(word.text)
            if _HAN.match(word.text) and len(word.text) > 2:
                tokens += [word.text[i : i + 2] for i in range(len(word.text) - 1)]
    return tokens


def sound_tokens(analysis: Analysis) -> list[str]:
    """Tokens for the pinyin channel: pairs of neighbouring folded syllables."""
    sounds = analysis.sounds
    return [f"{a} {b}" for a, b in zip(sounds, sounds[1:], strict=False)]


@lru_cache(maxsize=4096)
def fold(syllable: str) -> str:
    """A toneless syllable with the pairs that accents and recognisers mix up made one.

    zh/z, ch/c, sh/s, n/l, r/l, f/h at its start; ang/an, eng/en, ing/in at its end.
    """
    for initial in ("zh", "ch", "sh", "n", "r", "f"):
        if syllable.startswith(initial) and len(syllable) > len(initial):
            syllable = _INITIALS[initial] + syllable[len(initial) :]
            break
    if re.match(r"hu[aeio]", syllable):
        syllable = "h" + syllable[2:]
    for ending, plain in _FINALS:
        if syllable.endswith(ending):
            return syllable[: -len(ending)] + plain
    return syllable


def sounds_of(text: str) -> tuple[str, ...]:
    """Folded syllables of Chinese text, one per character."""
    from pypinyin import Style, lazy_pinyin

    return tuple(map(fold, lazy_pinyin(text, style=Style.NORMAL, v_to_u=False)))


def _chinese(run: str) -> list[Word]:
    sounds = sounds_of(run)
    words = []
    position = 0
    for text in jieba_tokenizer().cut(run, HMM=False):
        end = position + len(text)
        words.append(Word(text, sounds[position:end], _weight(text)))
        position = end
    return words


def _latin(run: str) -> Word:
    if run in _STOP:
        return Word(run, (run,), _STOP_WEIGHT)
    stem = _stemmer().stemWord(run.removesuffix("'s"))
    return Word(stem, (stem,), _LATIN_WEIGHT)


def _weight(word: str) -> float:
    if word in _STOP:
        return _STOP_WEIGHT
    rarity = _rarity()
    return rarity.get(word, rarity[""])


@lru_cache(maxsize=1)
def _rarity() -> dict[str, float]:
    """Inverse document frequencies of Chinese words, as jieba ships them; ``""`` is the median."""
    import jieba.analyse

    path = Path(jieba.analyse.__file__).with_name("idf.txt")
    pairs = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    table = {word: float(value) for word, value in pairs}
    table[""] = sorted(table.values())[len(table) // 2]
    return table


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("english")
