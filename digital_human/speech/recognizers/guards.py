"""What a recogniser writes for noise and silence, told from what people say.

Whisper was trained on subtitles: on noise it writes their usual closing lines, repeats itself, or
reads its prompt back.
"""

from __future__ import annotations

import re
import unicodedata

from digital_human.safety.folding import simplified

_NEVER_SAID = re.compile(
    r"(?:.*(?:字幕|subtitle|caption).*(?:by|由|提供|制作|志愿者|索兰娅|amara|组|community).*"
    r"|(?:请|欢迎|记得)?(?:不吝)?(?:大家)?(?:点赞|订阅|转发|打赏|关注|收藏)+.*(?:频道|栏目|支持|观看|明镜).*"
    r"|(?:感谢|谢谢)(?:大家|您|你们|各位)?(?:的)?(?:观看|收看|收听|聆听|观赏)+.*"
    r"|(?:本期|本集)?(?:视频|节目)就到(?:这里|这).*|(?:我们)?下(?:期|次)(?:视频|节目)?再见"
    r"|(?:优优独播剧场|明镜与点点栏目|mingpao|中文字幕|作词|作曲|编曲|词曲).*"
    r"|thank(?:s|you)(?:somuch|verymuch)?for(?:watching|listening|viewing).*"
    r"|(?:please)?(?:like|subscribe).*(?:channel|subscribe|video).*|seeyouinthenextvideo.*"
    r"|ご視聴ありがとうございました|チャンネル登録.*)"
)
_DOUBTFUL = frozenset(
    "you thankyou thanks bye byebye goodbye hmm mm oh so the i okay ok yeah "
    "谢谢 谢谢大家 再见 拜拜 嗯 啊 哦 呃 "
    "好 是 对 我 你 他 的 了 点 一 music applause 音乐 掌声 笑声".split()
)
_SOUND_NAMES = re.compile(r"[\[(（【*♪][^\])）】*♪]{0,24}[\])）】*♪]|♪+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff，。！？；：、])\s+(?=[\u3400-\u9fff，。！？；：、])")
_FULL = str.maketrans({",": "，", "?": "？", "!": "！", ";": "；", ":": "："})
_STOP = re.compile(r"(?<=[\u3400-\u9fff])\.(?!\w)")
_UNIT = 3  # Letters of the shortest piece whose repetition is a loop.

# Chinese characters and letters a second: nobody speaks faster, and few people do.
_FASTEST = 9.0, 25.0
_HURRIED = 6.5, 18.0


def letters(text: str) -> str:
    """``text`` as compared here: no punctuation, spaces or case, full-width forms folded."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def tidy(text: str) -> str:
    """Simplified characters, one kind of punctuation, no names of sounds ("[Music]", "♪")."""
    text = _SOUND_NAMES.sub("", text).strip()
    if not _HAN.search(text):
        return " ".join(text.split())
    text = simplified(text)
    text = _BETWEEN_HAN.sub("，", " ".join(text.split()))
    text = re.sub(r"([，。！？；：、])，|，([，。！？；：、])", r"\1\2", text)
    text = re.sub(r"(?<!\d)[,:]|[,:](?!\d)|[?!;]", lambda m: m.group().translate(_FULL), text)
    return _STOP.sub("。", text)


def is_chinese(text: str) -> bool:
    """Whether Chinese characters are in it."""
    return _HAN.search(text) is not None


def loop(text: str, seconds: float) -> tuple[int, int] | None:
    """Where ``text`` starts to go round in circles.

    Three times the same three letters or more are a loop, and so is a whole text said twice when
    there was no time for it. Short words are let go: "快点快点快点" is something people say.

    Args:
        text: As written.
        seconds: How long the speech was.

    Returns:
        Letters before the loop and letters of what is repeated, or None.
    """
    plain = letters(text)
    hurried = not _fits(plain, seconds, _HURRIED)
    starts = _phrase_starts(text)
    for first in range(len(plain)):
        rest = plain[first:]
        times = 2 if first == 0 and hurried else 3
        for size in range(_UNIT, len(rest) // times + 1):
            if rest == (rest[:size] * (len(rest) // size + 1))[: len(rest)]:
                at_phrase = (i for i in range(first, first + size) if i in starts)
                return next(at_phrase, first), size
    return None


def without_loop(text: str, seconds: float) -> str:
    """``text`` with what it repeats once; see `loop`."""
    found = loop(text, seconds)
    return text if found is None else _first_letters(text, sum(found))


def is_echo(text: str, prompt: str) -> bool:
    """Whether ``text`` may be the model's prompt read back: a piece of it, or only names of it."""
    plain, told = letters(text), letters(prompt)
    if len(plain) >= 4 and plain in told:
        return True
    for name in sorted(re.split(r"[、，。,.]", prompt), key=len, reverse=True):
        plain = plain.replace(letters(name) or " ", "")
    return bool(told) and not plain


def is_hallucination(text: str, *, seconds: float, confidence: float, no_speech: float) -> bool:
    """Whether ``text`` was made up.

    Args:
        text: What the model wrote.
        seconds: How long the speech was.
        confidence: Geometric mean of the token probabilities.
        no_speech: The model's own probability that there was none; below 0.3 for speech, above
            0.5 for noise in the recordings tried.
    """
    plain = letters(text)
    if not plain or _NEVER_SAID.fullmatch(plain):
        return True
    if confidence < 0.2 or no_speech > 0.75:
        return True
    if (no_speech > 0.6 and confidence < 0.7) or (no_speech > 0.35 and confidence < 0.45):
        return True
    if plain in _DOUBTFUL and (no_speech > 0.3 or confidence < 0.35):
        return True
    return _is_loop(plain) or not _fits(plain, 1.5 * seconds + 0.5, _FASTEST)


def _is_loop(plain: str) -> bool:
    """Whether it is a short piece over and over ("谢谢谢谢谢谢谢谢谢谢谢谢")."""
    for size in range(1, min(12, len(plain) // 4) + 1):
        unit = plain[-size:]
        if plain.endswith(unit * (8 if size == 1 else 5 if size == 2 else 4)):
            return True
    return False


def _fits(plain: str, seconds: float, rate: tuple[float, float]) -> bool:
    """Whether that much can be said in that time, at Chinese characters and letters a second."""
    han = len(_HAN.findall(plain))
    return han / rate[0] + (len(plain) - han) / rate[1] <= seconds


def _phrase_starts(text: str) -> set[int]:
    """Which letters of ``text`` (see `letters`) stand after a punctuation mark."""
    starts, count, after = set(), 0, True
    for char in text:
        kept = letters(char)
        if kept and after:
            starts.add(count)
        count += len(kept)
        after = not kept and (after or char in "，。！？；,.!?;")
    return starts


def _first_letters(text: str, count: int) -> str:
    """``text`` up to its ``count``-th letter, with the punctuation that follows it."""
    end = seen = 0
    while end < len(text) and seen < count:
        seen += len(letters(text[end]))
        end += 1
    while end < len(text) and not letters(text[end]):
        end += 1
    return text[:end].strip()
