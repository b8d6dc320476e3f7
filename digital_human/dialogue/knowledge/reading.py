"""Finds what a text tells in other words than its question was foreseen in.

An entry answers when every telling word of the question stands in it, as written, as it sounds, or
as a word of nearly the same meaning; when it names what the question names; and when it has the
kind of fact that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from digital_human.dialogue.knowledge.embedder import Embedder, Vectors
from digital_human.dialogue.knowledge.entries import sentences
from digital_human.dialogue.knowledge.index import Index
from digital_human.dialogue.knowledge.matching import Phrase, found_in, runs
from digital_human.dialogue.knowledge.names import foreign_names
from digital_human.dialogue.knowledge.questions import FILLING_WORDS
from digital_human.dialogue.knowledge.shapes import Shape, shape_of, tells
from digital_human.dialogue.knowledge.words import Analysis, Word, analyse, stem, tag_of
from digital_human.speech.types import Language

_ALIKE = 0.7  # cosine of two words from which one may stand for the other
_ALIKE_NOUN = 0.8  # the same of Chinese words that are no verbs: 加油站 is no 站
_COMPARED = 4  # letters of an English word from which its vector tells enough
_FOUND = 0.6  # share of a word's weight that must be found
# Cosine of the question with the nearest text of the entry, by how many telling words are found.
_NEAR_ONE, _NEAR_ONE_FACT, _NEAR_FACT, _NEAR = 0.75, 0.7, 0.5, 0.6
_NEAR_NAME = 0.85  # the same where nothing but names is found
_NEAR_VERB, _NEAR_LONE_VERB = 0.62, 0.82  # the same where a verb is not found
_MEMORY = 20_000  # vectors of words that are kept
# jieba's tags of what a question may have beyond what it asks: adverbs, prepositions, pronouns,
# numbers, particles, directions.
_FREE = ("d", "p", "c", "r", "u", "y", "e", "o", "f", "m", "q", "k")
_NAMES = ("nr", "ns", "nt", "nz")


@dataclass(frozen=True, slots=True)
class _Whole:
    """What an entry answers and tells.

    Attributes:
        phrase: For being compared.
        words: Its telling words.
        told: The sentences that tell what is asked.
        beside: Words that stand only in its other sentences.
        names: Its keywords and, of a passage, its title.
    """

    phrase: Phrase
    words: tuple[str, ...]
    told: tuple[str, ...]
    beside: frozenset[str]
    names: str


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that tells what is asked.

    Attributes:
        entry: Its number.
        near: Cosine of the question with its nearest text, 0…1.
        sentences: Those that tell it; of an entry that answers as a whole all of them.
    """

    entry: int
    near: float
    sentences: tuple[str, ...]


class Reader:
    """Reads the entries of an index.

    Args:
        index: What is read.
        embedder: Tells how near words are.
    """

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self._index = index
        self._wholes: dict[tuple[int, tuple[str, ...]], _Whole] = {}
        self._vector = lru_cache(_MEMORY)(lambda word: embedder([word])[0])

    def answers(
        self,
        text: str,
        question: Analysis,
        entries: Sequence[int],
        cosines: Vectors,
        language: Language,
    ) -> list[Told]:
        """Entries that tell what is asked, the nearest first.

        Args:
            text: The question.
            question: Its words.
            entries: Where to look.
            cosines: Of the question with every text of the index, float32 [texts].
            language: Of the answer.
        """
        index = self._index
        if foreign_names(text, index.written):
            return []
        names, shape = index.heard(question), shape_of(text)
        found = []
        for entry in entries:
            near = float(cosines[index.texts_of[entry]].max())
            about = index.asked[entry]
            if shape is None or not shape[0].own:
                about = index.about[entry] | index.mentioned[entry]
            if (
                index.entries[entry].language == language
                and names <= about
                and near >= _NEAR_FACT
                and (whole := self._whole(entry, shape)) is not None
                and self._covers(question, whole, near, shape, self._named(names, entry))
            ):
                found.append(Told(entry, near, whole.told))
        return sorted(found, key=lambda one: -one.near)

    def _named(self, names: frozenset[str], entry: int) -> int:
        """How many things a question names; 1 for none where the entry answers such questions."""
        asks = [n for n in self._index.texts_of[entry] if self._index.texts[n].ask]
        nameless = any(not self._index.names_in[n] for n in asks)
        return len(names) or int(nameless)

    def _covers(
        self,
        question: Analysis,
        whole: _Whole,
        near: float,
        shape: tuple[Shape, str] | None,
        named: int,
    ) -> bool:
        """Whether every telling word of the question stands in a text.

        Args:
            question: Its words.
            whole: The text.
            near: Cosine of the question with it.
            shape: The fact that is asked for.
            named: How many things the question names; see `_named`.
        """
        heard = runs(question.sounds, whole.phrase.pairs)
        found, verbs, position, named_only = 0, 0, 0, True
        for word in question.words:
            start, position = position, position + len(word.sounds)
            if word.light or word.text in self._index.topic or word.text in FILLING_WORDS:
                continue
            if word.text in whole.beside:
                return False  # it is told of in another sentence than the fact
            if found_in(word, start, heard, whole.phrase) >= _FOUND * word.weight:
                found += 1
                named_only = named_only and word.text in whole.names
            elif self._alike(word, whole.words):
                found, named_only = found + 1, False
            elif not _free(word):
                if shape is None or not shape[0].strict or not _verb(word):
                    return False
                verbs += 1
        if verbs:
            return verbs == 1 and near >= (_NEAR_VERB if found > 1 else _NEAR_LONE_VERB)
        if found < 2 or (named_only and named < 2):
            if not found or not named:
                return False
            strict = shape is not None and shape[0].strict
            least = _NEAR_NAME if named_only else _NEAR_ONE_FACT if strict else _NEAR_ONE
            return near >= least
        return near >= (_NEAR_FACT if shape else _NEAR)

    def _alike(self, word: Word, words: Iterable[str]) -> bool:
        """Whether a word of nearly the same meaning is among ``words``."""
        latin = word.text.isascii()
        if latin and len(word.text) < _COMPARED:
            return False
        if not latin and (tag_of(word.text) or "nz").startswith(_NAMES):
            return False
        able = [one for one in words if one.isascii() == latin]
        if not able:
            return False
        near = np.stack([self._vector(one) for one in able]) @ self._vector(word.text)
        noun = not latin and not _verb(word)
        return float(near.max()) >= (_ALIKE_NOUN if noun else _ALIKE)

    def _whole(self, entry: int, shape: tuple[Shape, str] | None) -> _Whole | None:
        """What an entry answers and tells as one text: of a fact only what has its shape.

        None when nothing has.
        """
        source = self._index.entries[entry]
        told = sentences(source.text)
        if shape is not None:
            told = [one for one in told if tells(one, *shape)]
        if not told:
            return None
        key = (entry, tuple(told))
        if key not in self._wholes:
            texts = (self._index.texts[n] for n in self._index.texts_of[entry])
            parts = [text.analysis for text in texts if text.ask]
            parts += [analyse(one) for one in (source.title, *source.keywords, *told)]
            words = tuple(word for part in parts for word in part.words)
            telling = tuple(dict.fromkeys(word.text for word in words if not word.light))
            phrase = Phrase(Analysis(words, frozenset()))
            rest = {w.text for one in sentences(source.text) for w in analyse(one).words}
            inside = {w.text for one in (source.title, *told) for w in analyse(one).words}
            names = (
                "".join((source.title, *source.keywords))
                if source.kind == "passage"
                else ("".join(source.keywords))
            )
            beside = frozenset(rest - inside) if shape and source.kind == "qa" else frozenset()
            self._wholes[key] = _Whole(phrase, telling, tuple(told), beside, names)
        return self._wholes[key]


def _free(word: Word) -> bool:
    """Whether a question may have a word that its answer has not."""
    if word.text.isascii():
        return word.text in _fillings() or word.text.isdecimal()
    if "第" in word.text or "月" in word.text:  # the third one, November: not just any number
        return False
    tag = tag_of(word.text)
    return word.text in FILLING_WORDS or (tag is not None and tag.startswith(_FREE))


def _verb(word: Word) -> bool:
    return (tag_of(word.text) or "").startswith("v")


@lru_cache(maxsize=1)
def _fillings() -> frozenset[str]:
    return frozenset(stem(word) for word in FILLING_WORDS if word.isascii())
