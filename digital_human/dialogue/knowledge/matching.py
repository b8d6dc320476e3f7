"""How well an entry answers a question: features of the pair and a calibrated probability.

A logistic regression over a few features that do not depend on the size of the knowledge. Its
weights were fitted (``scripts/bench/knowledge.py --fit``) on the development questions while the
sample knowledge did not yet hold their wordings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from digital_human.dialogue.knowledge.words import Analysis, Word

_HEARD_ALIKE = 0.92
_SPELT_ALIKE = 0.8
_ALIKE = 0.75
# Letters a word must have for a slip of spelling to be told from another word.
_SPELLABLE = 4
_MOST = 0.7
# Weight of a word that a question could hardly do without.
_TELLING = 10.0
FEATURES = ("cosine", "question covered", "ask covered", "left of question", "left of ask",
            "kind differs", "kind missing", "kind same")  # fmt: skip
WEIGHTS = (-12.5, 12.6, 5.44, 0.37, -0.08, -1.4, -7.66, -3.32, -0.78)
# What a sure answer may leave of the question and of the phrasing.
LEFT_QUESTION = 0.45
LEFT_ASK = 0.85
# Between languages only the embedding can tell: bias and cosine.
CROSSED_WEIGHTS = (-9.0, 13.0)


@dataclass(frozen=True, slots=True)
class Features:
    """What is known about a question and one phrasing of an entry.

    Attributes:
        cosine: Of their embeddings.
        question: Share of the question's weight found in the entry's phrasings, 0…1.
        ask: Share of the phrasing's weight found in the question, 0…1.
        left_question: Weight of the question's most telling word not found in any phrasing, 0…1.
        left_ask: Weight of the phrasing's most telling word not found in the question, 0…1.
        differs: 1 when they ask for different kinds of answer (price, time, place …).
        missing: 1 when one asks for a kind and the other for none.
        same: 1 when both ask for a kind they share.
        names: Whether both name the same people, places and things.
        crossed: Whether they are in different languages, so that words cannot be compared.
    """

    cosine: float
    question: float
    ask: float
    left_question: float
    left_ask: float
    differs: float
    missing: float
    same: float
    names: bool
    crossed: bool = False

    def values(self) -> tuple[float, ...]:
        """In the order of `FEATURES`."""
        return (self.cosine, self.question, self.ask, self.left_question, self.left_ask,
                self.differs, self.missing, self.same)  # fmt: skip


class Phrase:
    """A text prepared for being compared with many others.

    Args:
        analysis: Its words and kinds.
    """

    __slots__ = ("joined", "kinds", "pairs", "placed", "sounds", "stems", "total")

    def __init__(self, analysis: Analysis) -> None:
        self.kinds = analysis.kinds
        self.sounds = analysis.sounds
        self.pairs = frozenset(zip(self.sounds, self.sounds[1:], strict=False))
        self.joined = "".join(word.text for word in analysis.words)
        self.stems = frozenset(word.text for word in analysis.words)
        self.total = sum(word.weight for word in analysis.words)
        self.placed: list[tuple[Word, int]] = []
        position = 0
        for word in analysis.words:
            self.placed.append((word, position))
            position += len(word.sounds)


def features(
    question: Phrase,
    ask: Phrase,
    asks: Phrase,
    cosine: float,
    topic: frozenset[str],
    *,
    names: bool,
) -> Features:
    """Compare a question with a phrasing in its language.

    Args:
        question: What was asked.
        ask: The phrasing.
        asks: All phrasings of its entry together.
        cosine: Of question and phrasing.
        topic: Words the whole knowledge is about, which may be left out.
        names: Whether question and phrasing name the same.
    """
    shared = question.kinds & ask.kinds
    covered_question, left_question = compare(question, asks, topic)
    covered_ask, left_ask = compare(ask, question, topic)
    return Features(
        cosine,
        covered_question,
        covered_ask,
        left_question,
        left_ask,
        float(bool(question.kinds and ask.kinds and not shared)),
        float(bool(question.kinds) != bool(ask.kinds)),
        float(bool(shared)),
        names,
    )


def crossed(cosine: float) -> Features:
    """A question and a phrasing in different languages, where only the embedding can tell."""
    return Features(cosine, 0, 0, 1, 1, 0, 0, 0, names=False, crossed=True)


def clear(values: Features) -> bool:
    """Whether both name the same, ask for the same kind of answer and leave nothing telling."""
    return (
        values.names
        and not values.crossed
        and values.left_question <= LEFT_QUESTION
        and values.left_ask <= LEFT_ASK
        and not values.differs
        and (values.same > 0 or not values.missing)
    )


def probability(values: Features) -> float:
    """0…1, how likely the entry answers the question."""
    if values.crossed:
        logit = CROSSED_WEIGHTS[0] + CROSSED_WEIGHTS[1] * values.cosine
    else:
        bias, *weights = WEIGHTS
        logit = bias + sum(w * v for w, v in zip(weights, values.values(), strict=True))
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, logit))))


def compare(text: Phrase, by: Phrase, topic: frozenset[str]) -> tuple[float, float]:
    """What of a text is found in another, in writing or by sound.

    Args:
        text: The text.
        by: Where its words are looked for.
        topic: Words that may be lacking.

    Returns:
        The share of the text's weight that is found, 0…1, and how telling the most telling word is
        that is not, 0…1.
    """
    heard = runs(text.sounds, by.pairs)
    total = lacking = 0.0
    for word, start in text.placed:
        found = found_in(word, start, heard, by)
        total += found
        if word.weight - found > lacking and word.text not in topic:
            lacking = word.weight - found
    return total / text.total if text.total else 0.0, min(1.0, lacking / _TELLING)


def found_in(word: Word, start: int, heard: list[bool], by: Phrase) -> float:
    """How much of a word's weight is found in a phrase.

    Args:
        word: The word.
        start: Where its sounds begin in its text.
        heard: What `runs` says of its text and the phrase.
        by: The phrase.
    """
    if word.text.isascii():
        if word.text in by.stems:
            return word.weight
        if word.light or len(word.text) < _SPELLABLE:
            return 0.0
        alike = any(_spelt_alike(word.text, stem) for stem in by.stems)
        return word.weight * _SPELT_ALIKE if alike else 0.0
    if word.text in by.joined:
        return word.weight
    share = sum(heard[start : start + len(word.sounds)]) / len(word.sounds)
    # Half of a short word is another word: 太湖 is not 西湖.
    return word.weight * _HEARD_ALIKE * share if share > _MOST else 0.0


@lru_cache(maxsize=16384)
def _spelt_alike(a: str, b: str) -> bool:
    if len(b) < _SPELLABLE or a[0] != b[0] or not b.isascii():
        return False
    return SequenceMatcher(None, a, b).ratio() > _ALIKE


def runs(sounds: tuple[str, ...], pairs: frozenset[tuple[str, str]]) -> list[bool]:
    """Which sounds stand in a run of two or more that another text has too."""
    marks = [False] * len(sounds)
    for index, pair in enumerate(zip(sounds, sounds[1:], strict=False)):
        if pair in pairs:
            marks[index] = marks[index + 1] = True
    return marks
