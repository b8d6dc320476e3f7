"""Front ends that turn written text into Kokoro's phoneme alphabet, keeping the alignment.

Mandarin: jieba words, pypinyin syllables, misaki's pinyin → IPA. English: hibari's port of misaki
(no espeak). Latin runs inside Chinese are read as English, Chinese inside English as Chinese.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from digital_human.config import settings
from digital_human.speech.text.english import english
from digital_human.speech.text.japanese import japanese
from digital_human.speech.text.lexicon import Lexicon
from digital_human.speech.text.normalise import Span, normalise
from digital_human.speech.text.polyphones import syllables
from digital_human.speech.text.symbols import (
    EN_PHONES,
    JA_PHONES,
    MARKS,
    PHONES,
    PUNCTUATION,
    SILENCE,
    STRESS,
    TONES,
    ZH_PHONES,
)
from digital_human.speech.types import Language

__all__ = [
    "EN_PHONES", "JA_PHONES", "MARKS", "PHONES", "PUNCTUATION", "Piece", "Reading", "SILENCE",
    "STRESS", "TONES", "ZH_PHONES", "read",
]  # fmt: skip

_HAN = re.compile(r"[\u3400-\u9fff〇]+")
_PUNCTUATION_MAP = {"，": ",", "、": ",", "。": ".", "．": ".", "！": "!", "？": "?", "：": ":"}
_PUNCTUATION_MAP |= {"；": ";", "（": "(", "）": ")", "《": "“", "》": "”", "「": "“", "」": "”"}
_PUNCTUATION_MAP |= {"『": "“", "』": "”", "【": "“", "】": "”", "〈": "“", "〉": "”", "\n": "."}
_PUNCTUATION_MAP |= {"‘": "'", "’": "'", "[": "(", "]": ")", "\u3000": " ", "·": " ", "•": " "}
_PUNCTUATION_MAP |= {"〜": "—", "～": "—", "–": "—", "\t": " ", "/": " ", "\\": " ", "_": " "}
_WIDE_MARK = re.compile("[，、。．！？：；（）《》「」『』【】〈〉～〜]")
_ENDS = ";:,.!?—…)”"


@dataclass(frozen=True, slots=True)
class Piece:
    """Phonemes of one written stretch.

    Attributes:
        phonemes: Kokoro symbols with marks, or punctuation and spaces.
        start: First written character.
        end: One past the last written character.
    """

    phonemes: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A text ready to be spoken.

    Attributes:
        written: As given.
        spoken: After normalisation and pronunciation entries.
        pieces: In order; their written stretches may repeat (one written number gives several).
    """

    written: str
    spoken: str
    pieces: tuple[Piece, ...]

    @property
    def phonemes(self) -> str:
        """The whole phoneme string."""
        return "".join(piece.phonemes for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A run of spoken text with the written stretch of each of its characters."""

    text: str
    owners: tuple[tuple[int, int], ...]
    forced: dict[int, str]  # position → pinyin syllable of a pronunciation entry

    def piece(self, phonemes: str, start: int, end: int) -> Piece:
        return Piece(phonemes, self.owners[start][0], self.owners[end - 1][1])


def read(text: str, language: Language, lexicon: Lexicon | None = None) -> Reading:
    """Normalise ``text``, apply the pronunciation entries and find its phonemes.

    Args:
        text: As written, one clause.
        language: Main language.
        lexicon: Pronunciation entries; matched on the written text.

    Returns:
        The reading; without pieces when nothing can be spoken.

    Raises:
        InputError: Japanese text without its front end installed.
    """
    pieces: list[Piece] = []
    spoken: list[str] = []
    run: list[Span] = []
    forced: dict[int, str] = {}

    def flush() -> None:
        nonlocal forced
        joined = "".join(s.spoken for s in run)
        owners = tuple((s.start, s.end) for s in run for _ in s.spoken)
        pieces.extend(_phonemes(_Spoken(joined, owners, forced), language))
        spoken.append(joined)
        run.clear()
        forced = {}

    position = 0
    for start, end, entry in [*(lexicon or Lexicon()).find(text), (len(text), len(text), None)]:
        between = normalise(text[position:start], language).spans
        run.extend(replace(s, start=s.start + position, end=s.end + position) for s in between)
        position = end
        if entry is None:
            break
        if entry.phonemes:
            flush()
            pieces.append(Piece(f" {entry.phonemes} ", start, end))
            spoken.append(entry.written)
        elif entry.pinyin:
            at = sum(len(s.spoken) for s in run)
            forced |= {at + i: syllable for i, syllable in enumerate(entry.pinyin)}
            run.extend(Span(start + i, start + i + 1, c) for i, c in enumerate(entry.written))
        else:
            run.append(Span(start, end, entry.respelling))
    flush()
    return Reading(text, "".join(spoken), tuple(_tidy(pieces)))


def _phonemes(run: _Spoken, language: Language) -> Iterator[Piece]:
    if language == "ja":
        for phonemes, start, end in japanese(run.text):
            yield run.piece(phonemes, start, end)
        return
    position = 0
    for match in [*_HAN.finditer(run.text), None]:
        start = match.start() if match else len(run.text)
        if start > position:
            yield from _other(run, position, start, language)
        if match is None:
            return
        yield from _mandarin(run, match.start(), match.end())
        position = match.end()


def _mandarin(run: _Spoken, start: int, end: int) -> Iterator[Piece]:
    """Phonemes of a run of Chinese characters, words separated by spaces as in training.

    Dictionary words only: jieba's guesses at new words glue neighbours together.
    """
    text = run.text[start:end]
    forced = {i - start: s for i, s in run.forced.items() if start <= i < end}
    readings = syllables(text, forced)
    position = 0
    for word in jieba_tokenizer().cut(text, HMM=False):
        for i in range(position, position + len(word)):
            ipa = _pinyin_to_ipa(readings[i]) if readings[i] else ""
            last = i == position + len(word) - 1
            yield run.piece(ipa + (" " if last else ""), start + i, start + i + 1)
        position += len(word)


def _other(run: _Spoken, start: int, end: int, language: Language) -> Iterator[Piece]:
    """Phonemes of a run without Chinese characters: English words and marks."""
    position = start
    for match in [*_WIDE_MARK.finditer(run.text, start, end), None]:
        stop = match.start() if match else end
        if stop > position:
            yield from _latin(run, position, stop, language)
        if match:
            mark = _PUNCTUATION_MAP[match[0]]
            yield run.piece(mark + (" " if mark in _ENDS else ""), stop, stop + 1)
            position = match.end()


def _latin(run: _Spoken, start: int, end: int, language: Language) -> Iterator[Piece]:
    text = "".join(_PUNCTUATION_MAP.get(c, c) for c in run.text[start:end])
    if not any(c.isalnum() for c in text):
        for i, c in enumerate(text):
            if c in PUNCTUATION:
                yield run.piece(c + (" " if c in _ENDS else ""), start + i, start + i + 1)
        return
    for phonemes, a, b in english(text):
        if language == "zh" and text[a:b].strip() in ("A", "a"):  # A股: the letter, no article
            phonemes = "ˈA "
        yield run.piece(phonemes, start + a, start + b)


def _tidy(pieces: list[Piece]) -> Iterator[Piece]:
    """Drop doubled spaces, spaces before marks and spaces at both ends."""
    kept: list[Piece] = []
    for piece in pieces:
        phonemes = re.sub(r" +", " ", piece.phonemes)
        if not kept or kept[-1].phonemes.endswith(" "):
            phonemes = phonemes.lstrip(" ")
        if phonemes[:1] and phonemes[0] in _ENDS and kept and kept[-1].phonemes.endswith(" "):
            kept[-1] = replace(kept[-1], phonemes=kept[-1].phonemes.rstrip(" "))
        if kept and kept[-1].phonemes[-1] in ";:,.!?…" and phonemes[:1] not in (*_ENDS, " "):
            kept[-1] = replace(kept[-1], phonemes=kept[-1].phonemes + " ")
        if phonemes:
            kept.append(replace(piece, phonemes=phonemes))
    if kept:
        kept[-1] = replace(kept[-1], phonemes=kept[-1].phonemes.rstrip(" "))
    yield from (piece for piece in kept if piece.phonemes)


@lru_cache(maxsize=4096)
def _pinyin_to_ipa(syllable: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's old escapes and pkg_resources
        from misaki.zh import ZHG2P

    # The combining inverted breve of diphthongs is not in Kokoro's alphabet.
    return str(ZHG2P.py2ipa(syllable)).replace("\u032f", "")


@lru_cache(maxsize=1)
def jieba_tokenizer() -> Any:
    """jieba's Chinese word cutter, its table read once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its old escapes and pkg_resources
        import jieba

    jieba.setLogLevel(60)
    tokenizer = jieba.Tokenizer()
    folder = settings().cache_dir / "jieba"
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.tmp_dir = str(folder)
    return tokenizer
