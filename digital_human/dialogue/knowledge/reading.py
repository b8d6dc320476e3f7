"""Finds what a text tells in other words than its question was foreseen in.

Every entry near the question is compared with it by meaning, by its telling words (as written, as
they sound, or as words of nearly the same meaning), by names and by the kind of fact asked for; see
`Evidence` for how that is weighed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from digital_human.dialogue.knowledge.content import agree, content
from digital_human.dialogue.knowledge.embedder import Embedder, Vectors
from digital_human.dialogue.knowledge.entries import sentences, spoken
from digital_human.dialogue.knowledge.evidence import Evidence
from digital_human.dialogue.knowledge.index import Index
from digital_human.dialogue.knowledge.matching import Phrase, found_in, runs
from digital_human.dialogue.knowledge.names import foreign_names
from digital_human.dialogue.knowledge.questions import FILLING_WORDS
from digital_human.dialogue.knowledge.shapes import Shape, shape_of, tells
from digital_human.dialogue.knowledge.words import Analysis, Word, analyse, stem, tag_of
from digital_human.speech.types import Language

_NEAREST = 8  # entries that are compared, the nearest by their phrasings
_BESIDE = 0.1  # how much less near another phrasing of an entry counts too
_FAR = 0.3  # cosine of a rival where there is none
_FOUND = 0.6  # share of a word's weight from which it is found
_ALIKE, _SAME = 0.45, 0.8  # cosines from which a word stands for another a little, and wholly
_COMPARED = 4  # letters of an English word from which its vector tells enough
_TELLING = 10.0  # weight of a word that a question could hardly do without
_LACKING, _FIRST = 1.0, 3.0  # doubts: a fact or a name is lacking; it is of the first, not another
_MEMORY = 20_000  # vectors of words that are kept
# jieba's tags of what a question may have beyond what it asks: adverbs, prepositions, pronouns,
# numbers, particles, directions.
_NAMES = ("nr", "ns", "nt", "nz")
_FREE = ("d", "p", "c", "r", "u", "y", "e", "o", "f", "m", "q", "k")
# What asks for another than the one that is spoken of.
_OTHER = re.compile(
    r"另[外一]|别的|其[他它]|除了|以外|之外|又[娶婚嫁]|第[二三四五六]|更[早晚]"
    r"|[续再][娶婚嫁弦]|继[室任]|后来?[妻娶]|改嫁|超[过出时了]|[过满]了.{0,5}(?:小时|钟头|分钟)|逾期"
    r"|(?:小时|钟头)(?:以后|之后|过后|往后|后面)"
    r"|\b(?:another|other|others|else|besides|except|second|third|fourth|fifth|next(?! to\b)"
    r"|remarr\w+|later wife|longer than"
    r"|(?:after|beyond|past|over) (?:the|that) (?:free |first )*(?:first|hour))\b",
    re.IGNORECASE,
)
# What is excepted before the question names what it is about: 除了苏堤，还有杨公堤，谁修的.
_EXCEPTED = re.compile(
    r"(?:除了|除去|除开)[^，。？,?]{1,12}[，,]"
    r"|\b(?:besides|apart from|other than|except(?: for)?)\b[^,.?]{1,40},",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Whole:
    """All that an entry holds.

    Attributes:
        phrase: For being compared.
        words: Its telling words.
    """

    phrase: Phrase
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Left:
    """What an entry has of a question's telling words and what not; as in `Evidence`."""

    covered: float
    noun: float
    verb: float
    words: float
    strange: float
    elsewhere: float


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that may tell what is asked.

    Attributes:
        entry: Its number.
        evidence: That it does.
        said: What is said: the sentences for which it counts, short enough to say.
        doubt: What counts against it that the evidence does not weigh: it lacks the kind of fact
            that is asked for, where that kind is hardly ever mistaken, or a name, or tells only of
            the first where another is asked for. With any it is an answer only to who reads it.
    """

    entry: int
    evidence: Evidence
    said: str
    doubt: float


class Reader:
    """Reads the entries of an index.

    Args:
        index: What is read.
        embedder: Tells how near words are.
    """

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index = index
        self._known = frozenset(w.text for text in index.texts for w in text.analysis.words)
        self._asks = np.array([text.ask for text in index.texts], dtype=bool)
        self._wholes: dict[int, _Whole] = {}
        self._vector = lru_cache(_MEMORY)(lambda word: embedder([word])[0])

    def weighed(
        self,
        text: str,
        question: Analysis,
        entries: Sequence[int],
        cosines: Vectors,
        language: Language,
    ) -> list[Told]:
        """Entries that may tell what is asked, the likeliest first.

        Args:
            text: The question.
            question: Its words.
            entries: Where to look beside the nearest.
            cosines: Of the question with every text of the index, float32 [texts].
            language: Of the answer.
        """
        index = self._index
        foreign = bool(foreign_names(text, index.written))
        near = np.full(len(index.entries), -1.0, dtype=np.float32)
        np.maximum.at(near, index.owner[self._asks], cosines[self._asks])
        spoken_in = [one.language == language for one in index.entries]
        near[~np.array(spoken_in)] = -1.0
        order = [int(entry) for entry in np.argsort(-near, kind="stable")[:_NEAREST]]
        chosen = [e for e in dict.fromkeys((*order, *entries)) if near[e] > 0]
        names, shape = index.heard(question), shape_of(text)
        rest = self._unexcepted(text)
        if rest != text:
            names = index.heard(analyse(rest))
        said = {entry: self._said(entry, shape) for entry in chosen}
        asked = content(text)
        tells_new = {entry: content(said[entry]) - asked for entry in chosen}
        found = []
        for entry in chosen:
            about = index.asked[entry]
            if shape is None or not shape[0].own:
                about = index.about[entry] | index.mentioned[entry]
            named = all(any(name in one for one in about) for name in names)
            first = self.of_the_first(text, entry)
            new = tells_new[entry]
            rivals = (float(near[e]) for e in chosen if not agree(new, tells_new[e]))
            told = None if shape is None else tells(said[entry], *shape)
            lacking = shape is not None and shape[0].strict and not told
            margin = float(near[entry]) - max(rivals, default=_FAR)
            evidence = self._evidence(question, entry, cosines, names, margin, told)
            if evidence.near:
                doubt = _LACKING * (foreign or not named or lacking) + _FIRST * first
                found.append(Told(entry, evidence, said[entry], doubt))
        return sorted(found, key=lambda one: -one.evidence.score)

    def of_the_first(self, text: str, entry: int) -> bool:
        """Whether a question asks for another than the first, and an entry tells of none."""
        asks = _OTHER.search(self._unexcepted(text)) is not None
        return asks and not _OTHER.search(self._all_of(entry))

    def _unexcepted(self, text: str) -> str:
        """A question without what it excepts, where it names something else."""
        rest = _EXCEPTED.sub(" ", text)
        return rest if rest != text and self._index.heard(analyse(rest)) else text

    def _evidence(
        self,
        question: Analysis,
        entry: int,
        cosines: Vectors,
        names: frozenset[str],
        margin: float,
        told: bool | None,
    ) -> Evidence:
        """Evidence for an entry; ``told`` is whether it has the fact asked for, None for none."""
        index, numbers = self._index, self._index.texts_of[entry]
        cosine = max(float(cosines[n]) for n in numbers if self._asks[n])
        close = [n for n in numbers if self._asks[n] and cosines[n] >= cosine - _BESIDE]
        left = self._left(question, entry)
        return Evidence(
            cosine=cosine,
            told=max(float(cosines[n]) for n in numbers if not self._asks[n]),
            margin=margin,
            covered=left.covered,
            noun=left.noun,
            verb=left.verb,
            words=left.words,
            strange=left.strange,
            elsewhere=left.elsewhere,
            fact=float(told is True),
            no_fact=float(told is False),
            other_names=float(min(len(index.names_in[n] - names) for n in close)),
            names=float(len(names)),
        )

    def _said(self, entry: int, shape: tuple[Shape, str] | None) -> str:
        """What is said of an entry: its beginning, or the sentences with the fact asked for."""
        source = self._index.entries[entry]
        said = spoken(source.text, source.language)
        if shape is None or tells(said, *shape):
            return said
        facts = [one for one in sentences(source.text) if tells(one, *shape)]
        joint = " " if source.language == "en" else ""
        return spoken(joint.join(facts), source.language) if facts else said

    def _all_of(self, entry: int) -> str:
        source = self._index.entries[entry]
        return "\n".join((*source.asks, source.text))

    def _left(self, question: Analysis, entry: int) -> _Left:
        """What an entry has of a question's telling words, and what it has not."""
        whole = self._whole(entry)
        heard = runs(question.sounds, whole.phrase.pairs)
        total = covered = noun = verb = strange = elsewhere = 0.0
        words = position = 0
        for word in question.words:
            start, position = position, position + len(word.sounds)
            if word.light or word.text in self._index.topic or _free(word):
                continue
            weight = min(word.weight, _TELLING) / _TELLING
            share = found_in(word, start, heard, whole.phrase) / word.weight
            if share < _FOUND:
                share = max(share, self._alike(word, whole.words))
            gap = weight * (1 - share)
            total, covered, words = (
                total + weight,
                covered + weight * share,
                words + (share > _FOUND),
            )
            if _verb(word):
                verb = max(verb, gap)
            else:
                noun = max(noun, gap)
            if word.text in self._known:
                elsewhere += 1 - share
            else:
                strange += 1 - share
        return _Left(
            covered / total if total else 1.0,
            noun,
            verb,
            float(min(words, 4)),
            min(strange, 3.0),
            min(elsewhere, 3.0),
        )

    def _alike(self, word: Word, words: Iterable[str]) -> float:
        """0…1, how well one of ``words`` stands for a word by its meaning."""
        latin = word.text.isascii()
        if not latin and (tag_of(word.text) or "nz").startswith(_NAMES):
            return 0.0  # a name has no other of its meaning
        able = [one for one in words if one.isascii() == latin]
        if not able or (latin and len(word.text) < _COMPARED):
            return 0.0
        near = float((np.stack([self._vector(o) for o in able]) @ self._vector(word.text)).max())
        return min(1.0, max(0.0, (near - _ALIKE) / (_SAME - _ALIKE)))

    def _whole(self, entry: int) -> _Whole:
        """All that an entry holds, as one text."""
        if entry not in self._wholes:
            source = self._index.entries[entry]
            parts = [self._index.texts[n].analysis for n in self._index.texts_of[entry]]
            parts += [analyse(one) for one in (source.title, *source.keywords)]
            words = tuple(word for part in parts for word in part.words)
            telling = tuple(dict.fromkeys(word.text for word in words if not word.light))
            self._wholes[entry] = _Whole(Phrase(Analysis(words, frozenset())), telling)
        return self._wholes[entry]


def _free(word: Word) -> bool:
    """Whether a question may have a word that its answer has not."""
    if word.text.isascii():
        return word.text in _fillings() or word.text.isdecimal()
    if word.text in FILLING_WORDS:
        return True
    if "第" in word.text or "月" in word.text:  # the third one, November: not just any number
        return False
    tag = tag_of(word.text)
    return tag is not None and tag.startswith(_FREE)


def _verb(word: Word) -> bool:
    return (tag_of(word.text) or "").startswith("v")


@lru_cache(maxsize=1)
def _fillings() -> frozenset[str]:
    return frozenset(stem(word) for word in FILLING_WORDS if word.isascii())
