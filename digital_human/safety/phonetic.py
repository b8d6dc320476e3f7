"""Finds words by their sound: homophones (六盒彩), pinyin (du博) and digits read aloud.

A hit must look like a trick, not like ordinary writing: two syllables need Latin letters among
them (du博; 赌博 by sound is in 首都博物馆), three need Latin letters or a character of the word,
and a hit that is a dictionary word is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import ahocorasick
from pypinyin import lazy_pinyin
from pypinyin.constants import PHRASES_DICT

from digital_human.safety.folding import Skeleton, fold

_DIGITS = ("ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu")
_CODE_BASE = 0xE000  # Private use area: one code point per syllable.
_BREAK = "\uf8ff"
_RUN = re.compile(r"[a-z]+|[0-9]|[\u3400-\u9fff]+|[^a-z0-9\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Sound:
    code: str
    first: int
    last: int
    latin: bool


@lru_cache(maxsize=8192)
def syllables(hanzi: str) -> tuple[str, ...]:
    """Toneless pinyin of a run of Chinese characters, one item per character."""
    return tuple(lazy_pinyin(hanzi))


class PhoneticIndex:
    """Words indexed by toneless pinyin.

    Args:
        words: Chinese words; those with other characters in them are skipped.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._codes: dict[str, str] = {}
        by_sound: dict[str, list[tuple[str, str]]] = {}
        for word in words:
            skeleton = fold(word).text
            sounds = [s for s, _ in self._read_run(skeleton, 0, grow=True)]
            if 2 <= len(sounds) == len(skeleton):
                by_sound.setdefault("".join(sounds), []).append((word, skeleton))
        self._automaton = ahocorasick.Automaton()
        for sound, entries in by_sound.items():
            self._automaton.add_word(sound, (len(sound), entries))
        if by_sound:
            self._automaton.make_automaton()
        latin = sorted((s for s in self._codes if s.isascii()), key=len, reverse=True)
        self._spelt = re.compile(f"(?:{'|'.join(latin)})") if latin else None

    def find(self, skeleton: Skeleton) -> Iterator[tuple[str, int, int]]:
        """Yield (word, first, last) skeleton positions of every word that is heard."""
        if self._spelt is None:
            return
        sounds = list(self._read(skeleton))
        stream = "".join(sound.code for sound in sounds)
        for end, (length, entries) in self._automaton.iter(stream):
            hit = sounds[end - length + 1 : end + 1]
            first, last = hit[0].first, hit[-1].last
            if skeleton.phrase[first] != skeleton.phrase[last]:
                continue
            for word, target in entries:
                if self._is_trick(skeleton.text[first : last + 1], target, hit):
                    yield word, first, last

    def _is_trick(self, found: str, target: str, hit: list[_Sound]) -> bool:
        if found == target or found in PHRASES_DICT or found.isdigit():
            return False
        if any(sound.latin for sound in hit) or len(hit) >= 4:
            return True
        return len(hit) == 3 and any(a == b for a, b in zip(found, target, strict=True))

    def _read(self, skeleton: Skeleton) -> Iterator[_Sound]:
        for match in _RUN.finditer(skeleton.text):
            run, start = match.group(), match.start()
            if run[0].isascii() and run[0].isalpha():
                yield from self._read_latin(skeleton, start, match.end())
                continue
            for offset, (code, _) in enumerate(self._read_run(run, start)):
                yield _Sound(code, start + offset, start + offset, False)

    def _read_latin(self, skeleton: Skeleton, start: int, end: int) -> Iterator[_Sound]:
        """Letters written together, when all of them are syllables that some word needs."""
        token = start
        for index in range(start + 1, end + 1):
            if index < end and skeleton.origin[index] == skeleton.origin[index - 1] + 1:
                continue
            found = self._split(skeleton.text[token:index])
            if found is None:
                yield _Sound(_BREAK, token, index - 1, True)
            else:
                for syllable in found:
                    yield _Sound(self._codes[syllable], token, token + len(syllable) - 1, True)
                    token += len(syllable)
            token = index

    def _split(self, letters: str) -> list[str] | None:
        assert self._spelt is not None
        found = self._spelt.findall(letters)
        return found if "".join(found) == letters else None

    def _read_run(self, run: str, start: int, *, grow: bool = False) -> list[tuple[str, int]]:
        """(code, position) per character of a run; ``grow`` gives new syllables a code."""
        result = []
        for part in _RUN.finditer(run):
            text = part.group()
            if text.isdigit() and text.isascii():
                names: tuple[str, ...] = (_DIGITS[int(text)],)
            elif "\u3400" <= text[0] <= "\u9fff":
                names = syllables(text)
            else:
                names = ("",) * len(text)
            for offset, name in enumerate(names):
                if grow and name and name not in self._codes:
                    self._codes[name] = chr(_CODE_BASE + len(self._codes))
                result.append((self._codes.get(name, _BREAK), start + part.start() + offset))
        return result
