"""Names that a recogniser writes with the wrong characters: 苏迪 for 苏堤, "Lay Feng" for Leifeng.

A Chinese name is found by its sound: pinyin without tones, near sounds that speakers and
recognisers mix up (zh/z, n/l, an/ang …) counted as near. An English name is found by its consonants
and spelling. Ordinary words stay as they are.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import jieba
from pypinyin import Style, pinyin
from pypinyin.constants import PHRASES_DICT
from pypinyin.contrib.tone_convert import to_finals, to_initials

from digital_human.speech.hearing import Heard

_HAN = re.compile(r"[\u3400-\u9fff]+")
_PHRASE = re.compile(r"[A-Za-z'’ -]+")
_LATIN = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")
_NEAR_INITIALS = {frozenset(p.split("/")) for p in "z/zh c/ch s/sh n/l f/h r/l j/z q/c x/s".split()}
_NEAR_FINALS = {
    frozenset(p.split("/"))
    for p in "an/ang en/eng in/ing ian/iang uan/uang eng/ong ing/in u/v uo/ou ie/ian e/uo".split()
}
_NEAR = 0.3  # Cost of a near initial or final; a different one costs 1.
_TONE = 0.05
_COMMON = 40  # Occurrences in jieba's corpus from which a word is an ordinary one.
_PROMPT = 24  # Names that are told to the recogniser.


@dataclass(frozen=True, slots=True)
class _Sound:
    initial: str
    final: str
    tone: str


@dataclass(frozen=True, slots=True)
class _Spelt:
    word: str
    joined: str
    skeleton: str
    tokens: int


class HotWords:
    """Puts names right that were misheard as something that sounds alike.

    Args:
        words: Names, most important first; Chinese ones of two characters or more and English ones
            of five letters or more are corrected.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(dict.fromkeys(w.strip() for w in words if w.strip()))
        han = [w for w in self.words if len(w) >= 2 and _HAN.fullmatch(w)]
        self._chinese = sorted(((w, _sounds(w)) for w in han), key=lambda p: -len(p[0]))
        self._known = frozenset(han)
        if han:
            jieba.setLogLevel(logging.WARNING)
            jieba.initialize()
        self._english = [s for w in self.words if (s := _spelt(w)) is not None]

    def prompt(self, language: Heard | None) -> str:
        """The names as a text that a recogniser may be told before; "" when there are none.

        Without a language there is a line for each script.
        """
        chinese = "、".join([w for w in self.words if _HAN.fullmatch(w)][:_PROMPT])
        english = ", ".join(s.word for s in self._english[:_PROMPT])
        if language is None:
            return "\n".join(line for line in (chinese, english) if line)
        return english if language == "en" else chinese

    def correct(self, text: str) -> str:
        """``text`` with misheard names put right."""
        if self._chinese:
            text = _HAN.sub(lambda m: self._correct_run(m.group()), text)
        if self._english:
            text = self._correct_english(text)
        return text

    # Chinese ------------------------------------------------------------------------------------

    def _correct_run(self, run: str) -> str:
        if len(run) < 2:
            return run
        sounds = _sounds(run)
        taken = self._held(run)
        words = _segments(run)
        found: list[tuple[float, int, str]] = []
        for word, target in self._chinese:
            size = len(word)
            for first in range(len(run) - size + 1):
                window = run[first : first + size]
                if window == word or any(taken[first : first + size]):
                    continue
                distance = _distance(sounds[first : first + size], target)
                if distance <= _limit(window, word) and _free(window, first, words, distance):
                    found.append((distance / size - size, first, word))
        result = list(run)
        for _, first, word in sorted(found):
            if not any(taken[first : first + len(word)]):
                result[first : first + len(word)] = word
                taken[first : first + len(word)] = [True] * len(word)
        return "".join(result)

    def _held(self, run: str) -> list[bool]:
        """Which characters already belong to a name."""
        held = [False] * len(run)
        for word in self._known:
            first = run.find(word)
            while first >= 0:
                held[first : first + len(word)] = [True] * len(word)
                first = run.find(word, first + 1)
        return held

    # English ------------------------------------------------------------------------------------

    def _correct_english(self, text: str) -> str:
        for spelt in self._english:
            text = self._correct_one(text, spelt)
        return text

    def _correct_one(self, text: str, spelt: _Spelt) -> str:
        tokens = list(_LATIN.finditer(text))
        spans: list[tuple[float, int, int]] = []
        for size in range(max(1, spelt.tokens - 1), spelt.tokens + 2):
            for one, other in zip(tokens, tokens[size - 1 :], strict=False):
                first, last = one.start(), other.end()
                likeness = _likeness(text[first:last], spelt)
                if likeness > 0.0:
                    spans.append((-likeness, first, last))
        done: list[tuple[int, int]] = []
        for _, first, last in sorted(spans):
            if all(last <= a or first >= b for a, b in done):
                done.append((first, last))
        for first, last in sorted(done, reverse=True):
            text = text[:first] + spelt.word + text[last:]
        return text


def _limit(window: str, word: str) -> float:
    """Largest distance at which ``window`` is taken for ``word``."""
    shared = sum(a == b for a, b in zip(window, word, strict=True))
    if len(word) == 2:
        return 2 * _TONE if shared else 0.0
    if len(word) == 3:
        return _NEAR + 3 * _TONE if shared else 3 * _TONE
    return (1.0 if shared >= len(word) // 2 else _NEAR) + len(word) * _TONE


def _free(window: str, first: int, words: list[tuple[int, int]], distance: float) -> bool:
    """Whether ``window`` is no ordinary word and cuts through none."""
    if _ordinary(window) and (len(window) == 2 or distance > len(window) * _TONE):
        return False
    end = first + len(window)
    for a, b in words:
        inside = first <= a and b <= end
        outside = b <= first or a >= end
        if not inside and not outside and len(window) <= 3:
            return False
        if inside and len(window) == 2 and b - a == 2:
            return False
    return True


@lru_cache(maxsize=4096)
def _ordinary(word: str) -> bool:
    return jieba.dt.FREQ.get(word, 0) >= _COMMON or (
        word in PHRASES_DICT and jieba.dt.FREQ.get(word, 0) > 0
    )


def _segments(run: str) -> list[tuple[int, int]]:
    """Spans of the ordinary words of ``run`` with two characters or more."""
    spans, at = [], 0
    for word in jieba.lcut(run, HMM=False):
        if len(word) >= 2 and _ordinary(word):
            spans.append((at, at + len(word)))
        at += len(word)
    return spans


@lru_cache(maxsize=4096)
def _sounds(han: str) -> tuple[_Sound, ...]:
    return tuple(_sound(s[0]) for s in pinyin(han, style=Style.TONE3, neutral_tone_with_five=True))


@lru_cache(maxsize=2048)
def _sound(syllable: str) -> _Sound:
    plain = syllable.rstrip("012345")
    return _Sound(
        to_initials(plain, strict=False),
        to_finals(plain, strict=False) or plain,
        syllable[len(plain) :],
    )


def _distance(a: tuple[_Sound, ...], b: tuple[_Sound, ...]) -> float:
    total = 0.0
    for one, other in zip(a, b, strict=True):
        total += _cost(one.initial, other.initial, _NEAR_INITIALS)
        total += _cost(one.final, other.final, _NEAR_FINALS)
        total += _TONE * (one.tone != other.tone)
    return total


def _cost(a: str, b: str, near: set[frozenset[str]]) -> float:
    if a == b:
        return 0.0
    return _NEAR if frozenset((a, b)) in near else 1.0


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if "a" <= c <= "z")


def _skeleton(joined: str) -> str:
    """Consonants by sound: vowels dropped, spellings of one sound folded, doubles written once."""
    for spelling, sound in (("ph", "f"), ("ck", "k"), ("sch", "S"), ("sh", "S"), ("ch", "C"),
                            ("zh", "C"), ("j", "C"), ("x", "S"), ("q", "C"), ("th", "t"),
                            ("ng", "n"), ("c", "k"), ("z", "s"), ("v", "f"), ("wh", "w"),
                            ("kn", "n"), ("m", "n"), ("w", ""), ("h", ""), ("y", "")):  # fmt: skip
        joined = joined.replace(spelling, sound)
    consonants = re.sub(r"[aeiou]", "", joined)
    return re.sub(r"(.)\1+", r"\1", consonants)


def _spelt(word: str) -> _Spelt | None:
    joined = _letters(word)
    if len(joined) < 5 or not _PHRASE.fullmatch(word):
        return None
    return _Spelt(word, joined, _skeleton(joined), len(_LATIN.findall(word)))


def _likeness(window: str, spelt: _Spelt) -> float:
    """How much ``window`` sounds like the name, 0 when it does not."""
    if not _PHRASE.fullmatch(window):
        return 0.0
    joined = _letters(window)
    if joined == spelt.joined:
        return 1.0
    if abs(len(joined) - len(spelt.joined)) > 3 or joined[:1] != spelt.joined[:1]:
        return 0.0
    ratio = difflib.SequenceMatcher(None, joined, spelt.joined).ratio()
    same = len(spelt.skeleton) >= 3 and _skeleton(joined) == spelt.skeleton
    long = len(spelt.joined) >= 8
    return ratio if (same and ratio >= 0.76) or (long and ratio >= 0.88) else 0.0
