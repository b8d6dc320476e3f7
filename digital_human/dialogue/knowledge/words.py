"""Words of a question and how they sound, for matching what was said or misheard.

Chinese is cut into jieba's words and read as toneless pinyin with near-homophones folded together,
so that 雷锋塔 sounds like 雷峰塔. English words are stemmed (Porter's Snowball).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from digital_human.dialogue.knowledge.questions import CLOSING, KINDS, LIGHT_WORDS, OPENING
from digital_human.safety.folding import simplified
from digital_human.speech.text.phonemes import jieba_tokenizer

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+(?:'[a-z]+)*|\d+(?:[.:]\d+)*", re.IGNORECASE)
_SHORT_IS = re.compile(
    r"(?<=\b(?:how|who|why))'s|(?<=\b(?:long|what|when|high|tall))'s|(?<=\bwhere)'s"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LIGHT_WEIGHT = 0.15
_LATIN_WEIGHT = 7.0
_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "r": "l", "f": "h"}
_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"))


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

    @property
    def light(self) -> bool:
        """Whether it tells next to nothing (的, 什么, "the", "please")."""
        return self.weight <= _LIGHT_WEIGHT


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
    kept = CLOSING.sub("", OPENING.sub("", plain)).strip(" ，,。.、!！")
    return kept if any(c.isalnum() for c in kept) else plain


def analyse(text: str) -> Analysis:
    """Words, sounds and kind of a question or passage."""
    plain = simplified(unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    plain = _SHORT_IS.sub(" is", plain)
    found = [(k, m.span()) for k, pattern in KINDS.items() for m in pattern.finditer(plain)]
    words: list[Word] = []
    for run in _RUN.finditer(plain):
        pieces = _chinese(run[0]) if _HAN.match(run[0]) else [_latin(run[0])]
        words += _told_by_kind(pieces, run.start(), [span for _, span in found])
    return Analysis(tuple(words), frozenset(kind for kind, _ in found))


def _told_by_kind(
    words: list[Word], position: int, spans: Sequence[tuple[int, int]]
) -> Iterator[Word]:
    """Words with those made light that only say what kind of answer is wanted.

    "how high" and "how tall", 票价 and 多少钱 ask the same; `Analysis.kinds` compares them.
    """
    for word in words:
        end = position + len(word.text)
        inside = any(start <= position and end <= stop for start, stop in spans)
        yield replace(word, weight=min(word.weight, _LIGHT_WEIGHT)) if inside else word
        position = end


def keyword_tokens(analysis: Analysis) -> list[str]:
    """Tokens for the keyword channel: words, and the pairs of characters inside long ones."""
    tokens = []
    for word in analysis.words:
        if not word.light:
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
    if run in LIGHT_WORDS:
        return Word(run, (run,), _LIGHT_WEIGHT)
    base = stem(run)
    return Word(base, (base,), _LATIN_WEIGHT)


def stem(word: str) -> str:
    """The stem of an English word in lower case."""
    return str(_stemmer().stemWord(word.removesuffix("'s")))


def _weight(word: str) -> float:
    if word in LIGHT_WORDS:
        return _LIGHT_WEIGHT
    rarity = _rarity()
    return rarity.get(word, rarity[""])


@lru_cache(maxsize=1)
def _rarity() -> dict[str, float]:
    """Inverse document frequencies of Chinese words, as jieba ships them; ``""`` is the median."""
    pairs = (line.split() for line in jieba_file("analyse/idf.txt").splitlines())
    table = {word: float(value) for word, value in pairs}
    table[""] = sorted(table.values())[len(table) // 2]
    return table


@lru_cache(maxsize=4)
def jieba_file(name: str) -> str:
    """The text of a file that the jieba package ships."""
    spec = find_spec("jieba")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("jieba")
    return Path(spec.submodule_search_locations[0], name).read_text(encoding="utf-8")


@lru_cache(maxsize=8192)
def tag_of(word: str) -> str | None:
    """The part of speech that jieba's dictionary gives a word; None for a word it has not."""
    table = jieba_file("dict.txt")
    start = table.find(f"\n{word} ")
    return None if start < 0 else table[start + 1 : table.index("\n", start + 1)].split()[-1]


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from snowballstemmer import stemmer

    return stemmer("english")
