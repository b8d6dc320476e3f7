"""The wake word: while nobody is talked with, the ears act on nothing but the persona's name.

What is heard is compared by its sound, since a recogniser writes a name that comes without context
as it likes: 舒董婆 for 苏东坡, "Sudumpo" for Su Dongpo.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pypinyin import lazy_pinyin
from pypinyin.contrib.tone_convert import to_finals, to_initials

from digital_human.speech.hearing import Abandon, Action, Commit, Interrupt, Started
from digital_human.speech.text.english import is_english
from digital_human.speech.text.phonemes import jieba_tokenizer
from digital_human.speech.turn_state import TurnPolicy
from digital_human.speech.types import Language

DOZING = TurnPolicy(partial=float("inf"), limit=12.0)
"""Of the turn machine while it dozes: only whole utterances are recognised."""

_ZH: Language = "zh"
_EN: Language = "en"
_MARKS = r"[\s,.!?;:~…\-、。《》「」『』“”\"']*"
_ZH_HELLO = "你好|您好|嗨|嘿|喂|哎|诶|欸|哈喽|哈罗|早上好|下午好|晚上好|请问"
_EN_HELLO = r"(?:hello|hallo|hi|hey|okay|ok|good (?:morning|afternoon|evening)|excuse me)\b"
_HELLO = re.compile(f"(?:(?:{_ZH_HELLO}|{_EN_HELLO}){_MARKS})+")
_EMPTY = re.compile(
    f"(?:{_MARKS}(?:{_ZH_HELLO}|{_EN_HELLO}|[啊呀哦噢吧呢嘛]|先生|老师|大人|学士|你?在吗|在不在|醒醒|出来|过来"
    r"|sir|mister|mr|(?:are )?you there|wake up|please))*" + _MARKS
)
_HAN = r"[\u3400-\u9fff]"
_HAN_START = re.compile(f"{_HAN}(?:{_MARKS}{_HAN})*")
_WORD = re.compile(r"[a-z]+(?:['’-][a-z]+)*")
# The name as the subject of a sentence: somebody is told of him.
_TOLD_OF = re.compile(
    r"(?:这|那|他|是|的|在|当|曾|写|有|也|就|又|被|把|和|与|跟|真|很|不|为|到|从|都|一生|出生|居士)"
    r"|(?:'s|is|was|has|had|and|or|of|in|wrote|built|came|lived|used|as|who)\b"
)
_VERB = re.compile("[这那是在找叫学吃看就像爱的说有写去给修我他她和跟]")
_ASKED = re.compile(
    r"[吗呢?]|什么|哪|谁|怎|几|多|为何|[你您]|请|给我|(?:讲|背|念|唱|说|介绍|来)[一下个首段]"
    r"|\b(?:you|your|please|tell|show|what|where|when|why|how|who|which)\b"
)

_NEAR = 0.3  # cost of a sound that is mixed up with the right one; any other costs 1
_INITIALS = ("b p f", "d t z c s zh ch sh", "g k h", "j q x", "n l r")
_FINALS = (
    "an ang", "en eng ong", "in ing", "ian iang", "uan uang", "u v o uo ou", "ie ian ve ue", "e uo",
)  # fmt: skip
_LIMITS = {1: 0.0, 2: 0.3, 3: 0.9}  # cost by syllables
_LONG = 1.0  # the same for more syllables
_APART = 0.6  # the same for two syllables that stand apart
_GREETING = 2  # syllables of it
_COMMON = 40  # occurrences in jieba's corpus from which a word is an ordinary one
_ALIKE = 0.8  # likeness of spelling from which English words may be the name
_SOUNDED = 3  # consonants of a Latin name from which on its sound tells it
_TELLING = 4  # consonants of a Latin name that is known in running words
_FOLDED = (
    ("tch", "s"), ("sch", "s"), ("sh", "s"), ("ch", "s"), ("zh", "s"), ("th", "t"), ("ph", "f"),
    ("ck", "k"), ("ng", "n"), ("x", "s"), ("z", "s"), ("j", "s"), ("c", "s"), ("q", "s"),
    ("b", "p"), ("d", "t"), ("g", "k"), ("v", "f"), ("m", "n"),
)  # fmt: skip
_SILENT = re.compile(r"[^fklnprst]")
_DOUBLE = re.compile(r"(.)\1+")
_TAIL = re.compile(r"[lr]{0,2}")  # Paul, Pearl and Poe sound alike


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody called the persona.

    Attributes:
        language: In which to answer.
        rest: What was said besides the name; "" when nothing.
    """

    language: Language
    rest: str = ""


class WakeWords:
    """Tells whether an utterance begins with a name of the persona.

    Args:
        words: Names by language; Chinese characters, or Latin letters.
        others: Names that may begin alike and are another thing: 东坡肉.
    """

    def __init__(self, words: Mapping[Language, Sequence[str]], others: Iterable[str] = ()) -> None:
        names = [word for listed in words.values() for word in listed]
        chinese = {word for name in names if (word := _only_han(name))}
        greeted = {hello + word for word in chinese for hello in ("你好", "您好")}
        self._chinese = sorted(((w, _syllables(w)) for w in chinese | greeted), key=_longest)
        latin = [_WORD.findall(_lower(name)) for name in names if not _only_han(name)]
        self._latin = sorted(
            {(_heard(name), "".join(name)) for name in latin if name}, key=_longest
        )
        self._others = tuple(other for other in others if _only_han(other))

    def __bool__(self) -> bool:
        return bool(self._chinese or self._latin)

    def called(self, text: str) -> Call | None:
        """What was said to the persona by ``text``; None when it was not called."""
        text = unicodedata.normalize("NFKC", text).strip()
        plain = _lower(text)
        hello = _HELLO.match(plain)
        starts = [0]
        if hello is not None and hello.end() < len(plain):
            starts.append(hello.end())
        for start in starts:
            for find, language in ((self._in_chinese, _ZH), (self._in_latin, _EN)):
                end = find(plain[start:], start > 0)
                if end is not None and not _tells(plain[start + end :]):
                    return self._call(text[start + end :], language)
        return None

    def _call(self, rest: str, language: Language) -> Call:
        """The call before ``rest``, in which it may be repeated."""
        if _EMPTY.fullmatch(_lower(rest)):
            return Call(language)
        rest = re.sub(f"^{_MARKS}", "", rest)
        again = self.called(rest)
        return again or Call(_ZH if re.search(_HAN, rest) else _EN, rest)

    def _in_chinese(self, text: str, greeted: bool) -> int | None:
        """End of a Chinese name at the beginning of ``text``."""
        run = _HAN_START.match(text)
        if run is None:
            return None
        places = [i for i, char in enumerate(run[0]) if re.match(_HAN, char)]
        said = "".join(run[0][i] for i in places)
        heard = _syllables(said)
        whole = not any(char.isalnum() for char in text[run.end() :])
        for word, sounds in self._chinese:
            size = len(word)
            if size > len(said):
                continue
            end = places[size - 1] + 1
            apart = greeted or (whole and size == len(said)) or not text[end : end + 1].isalnum()
            limit = _APART if size == 2 and apart else _LIMITS.get(size, _LONG)
            cost = _cost(heard[:size], sounds)
            sure = cost == 0.0 or apart or size > 2 or _ASKED.search(text[end:])
            if cost <= limit and sure and self._stands(said, word, exact=cost == 0.0):
                return end
            # Of a greeting before the name that is all that was said, only the name was understood.
            before = len(said) - size
            greets = 0 < before <= _GREETING and not _VERB.search(said[:before])
            if whole and greets and said[before:] == word:
                return len(text)
        return None

    def _stands(self, said: str, word: str, *, exact: bool) -> bool:
        """Whether the name at the beginning of ``said`` is no other word or part of one."""
        size, at = len(word), 0
        if any(len(other) > size and said.startswith(other) for other in self._others):
            return False
        for piece in jieba_tokenizer().lcut(said[: size + 4], HMM=False):
            end = at + len(piece)
            ordinary = len(piece) > 1 and jieba_tokenizer().FREQ.get(piece, 0) >= _COMMON
            if at < size and ordinary and said[at:end] != word[at:end]:
                return exact and end <= size
            if at < size < end and exact:
                return False
            at = end
        return True

    def _in_latin(self, text: str, greeted: bool) -> int | None:
        """End of a Latin name at the beginning of ``text``."""
        tokens = list(_WORD.finditer(text))
        if not tokens or text[: tokens[0].start()].strip(" .,-'\""):
            return None
        for name, spelt in self._latin:
            words: list[str] = []
            for token in tokens[:4]:
                words += re.split(r"['’-]", token[0])
                sounds, end = _heard(words), token.end()
                told = "".join(words) == spelt or (
                    len(name) >= _SOUNDED
                    and sounds.startswith(name)
                    and _TAIL.fullmatch(sounds[len(name) :]) is not None
                    and _strange(words, spelt)
                )
                rest = "".join(token[0] for token in tokens if token.start() >= end)
                alone = greeted or not rest.replace("".join(words), "")  # or said again
                apart = not text[end : end + 2].strip()[:1].isalnum() or _ASKED.search(text[end:])
                if told and (alone or (apart and len(name) >= _TELLING)):
                    return end
        return None


class Doze:
    """Stands between the ears and the conversation, and lets nothing through while it dozes.

    Nothing of what is heard meanwhile is kept. What began while it dozed is not heard to its end
    when it is woken otherwise, by a touch for instance, unless the button says that it is meant;
    only that it is over is told then.

    Args:
        words: What wakes it.
        forward: Where the ears' actions go.
        woken: Told that it was called, before the rest of the call is forwarded.
    """

    def __init__(
        self, words: WakeWords, forward: Callable[[Action], None], woken: Callable[[Call], None]
    ) -> None:
        self.words, self._forward, self._woken = words, forward, woken
        self.on = False
        self._open = False  # a turn has begun
        self._unheard = False  # and began while it dozed

    def set(self, on: bool) -> None:
        """Doze, or listen."""
        if on and not self.on and self._open and not self._unheard:
            self._forward(Abandon("noise"))
            self._unheard = True
        self.on = on

    def take(self, action: Action) -> None:
        """Take what the ears tell."""
        if isinstance(action, Started):
            self._open, self._unheard = True, self.on
        elif isinstance(action, (Interrupt, Commit)) and action.by == "button":
            if self._unheard and not self.on:
                self._unheard = False
                at = action.at if isinstance(action, Interrupt) else action.transcript.start
                self._forward(Started(at))
        unheard = self.on or self._unheard
        if isinstance(action, (Commit, Abandon)):
            self._open = self._unheard = False
        if not unheard:
            self._forward(action)
        elif self.on:
            if isinstance(action, Commit):
                self._answer(action)
        elif isinstance(action, (Commit, Abandon)):
            self._forward(Abandon("noise"))

    def _answer(self, commit: Commit) -> None:
        transcript = commit.transcript
        call = self.words.called(transcript.text)
        if call is None:
            return
        self.on = False
        self._woken(call)
        if call.rest:
            words = replace(transcript, text=call.rest, raw="", language=call.language)
            self._forward(replace(commit, transcript=words))


def _tells(rest: str) -> bool:
    """Whether the name before ``rest`` is only spoken of."""
    return bool(_TOLD_OF.match(rest.lstrip())) and _ASKED.search(rest) is None


def _lower(text: str) -> str:
    """``text`` with Latin letters in lower case; as long as before."""
    return "".join(char.lower() if char.isascii() else char for char in text)


def _only_han(text: str) -> str:
    """``text`` when it is Chinese characters only."""
    return text if re.fullmatch(f"{_HAN}+", text) else ""


def _strange(words: Sequence[str], spelt: str) -> bool:
    """Whether heard words are none of English, or are spelt much like the name."""
    like = difflib.SequenceMatcher(None, "".join(words), spelt).ratio()
    return like >= _ALIKE or not all(is_english(word) for word in words)


def _longest(word: tuple[str, object]) -> int:
    return -len(word[0])


@lru_cache(maxsize=512)
def _syllables(text: str) -> tuple[tuple[str, str], ...]:
    """Initial and final of each Chinese character."""
    return tuple(
        (to_initials(one, strict=False), to_finals(one, strict=False) or one)
        for one in lazy_pinyin(text, v_to_u=False)
    )


def _cost(heard: Sequence[tuple[str, str]], sounds: Sequence[tuple[str, str]]) -> float:
    """How different as many syllables sound."""
    return sum(
        _different(a[0], b[0], _INITIALS) + _different(a[1], b[1], _FINALS)
        for a, b in zip(heard, sounds, strict=True)
    )


def _different(a: str, b: str, alike: Sequence[str]) -> float:
    if a == b:
        return 0.0
    return _NEAR if any({a, b} <= set(group.split()) for group in alike) else 1.0


def _heard(words: Iterable[str]) -> str:
    """Consonants of Latin words by their sound, those that are mixed up made one."""
    sounds = []
    for sound in words:
        for spelling, one in _FOLDED:
            sound = sound.replace(spelling, one)
        sounds.append(_DOUBLE.sub(r"\1", _SILENT.sub("", sound)))
    return "".join(sounds)
