"""How well an entry answers a question: features of the pair and a calibrated probability.

A logistic regression over a few scale-free features; its weights were fitted on the development
questions of the evaluation set (``scripts/bench/knowledge.py --fit``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from digital_human.dialogue.knowledge.words import Analysis, Word

_HEARD_ALIKE = 0.92
_SPELT_ALIKE = 0.8
_ALIKE = 0.75
_MOST = 0.7
# Weight of a word that a question could hardly do without.
_TELLING = 10.0
FEATURES = ("cosine", "question covered", "ask covered", "left of question", "left of ask",
            "kind differs", "kind missing", "kind same")  # fmt: skip
WEIGHTS = (-11.94, 13.39, 4.81, 0.25, -1.19, -1.22, -6.92, -3.0, -0.85)
# What a sure answer may leave of the question and of the phrasing.
LEFT_QUESTION = 0.45
LEFT_ASK = 0.65
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
    crossed: bool = False

    def values(self) -> tuple[float, ...]:
        """In the order of `FEATURES`."""
        return (self.cosine, self.question, self.ask, self.left_question, self.left_ask,
                self.differs, self.missing, self.same)  # fmt: skip


def features(
    question: Analysis,
    ask: Analysis,
    asks: Analysis,
    cosine: float,
    topic: frozenset[str],
    crossed: bool,
) -> Features:
    """Compare a question with a phrasing.

    Args:
        question: What was asked.
        ask: The phrasing.
        asks: All phrasings of its entry together.
        cosine: Of question and phrasing.
        topic: Words the whole knowledge is about, which may be left out.
        crossed: Whether question and phrasing are in different languages.
    """
    if crossed:
        return Features(cosine, 0, 0, 1, 1, 0, 0, 0, crossed)
    shared = question.kinds & ask.kinds
    return Features(
        cosine,
        covered(question, asks),
        covered(ask, question),
        left(question, asks, topic),
        left(ask, question, topic),
        float(bool(question.kinds and ask.kinds and not shared)),
        float(bool(question.kinds) != bool(ask.kinds)),
        float(bool(shared)),
    )


def clear(values: Features) -> bool:
    """Whether nothing that tells is left over and both ask for the same kind of answer."""
    return (
        not values.crossed
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


def covered(text: Analysis, by: Analysis) -> float:
    """Share of a text's weight, 0…1, that is found in another: in writing or by sound."""
    total = sum(word.weight for word in text.words)
    return sum(found for _, found in _shares(text, by)) / total if total else 0.0


def left(text: Analysis, by: Analysis, topic: frozenset[str]) -> float:
    """How telling, 0…1, the most telling word is that another text lacks."""
    lacking = (word.weight - found for word, found in _shares(text, by) if word.text not in topic)
    return min(1.0, max(lacking, default=0.0) / _TELLING)


def _shares(text: Analysis, by: Analysis) -> Iterator[tuple[Word, float]]:
    """Every word with how much of its weight is found in another text."""
    joined = "".join(word.text for word in by.words)
    stems = frozenset(word.text for word in by.words)
    heard = _runs(text.sounds, by.sounds)
    for word, start in _placed(text):
        yield word, _found(word, start, heard, joined, stems)


def _placed(text: Analysis) -> Iterator[tuple[Word, int]]:
    """Words with the index of their first sound."""
    position = 0
    for word in text.words:
        yield word, position
        position += len(word.sounds)


def _found(
    word: Word, start: int, heard: list[bool], joined: str, stems: frozenset[str]
) -> float:
    """How much of a word's weight is found."""
    if word.text.isascii():
        if word.text in stems:
            return word.weight
        alike = len(word.text) > 3 and any(_spelt_alike(word.text, stem) for stem in stems)
        return word.weight * _SPELT_ALIKE if alike else 0.0
    if word.text in joined:
        return word.weight
    share = sum(heard[start : start + len(word.sounds)]) / len(word.sounds)
    # Half of a short word is another word: 太湖 is not 西湖.
    return word.weight * _HEARD_ALIKE * share if share > _MOST else 0.0


def _spelt_alike(a: str, b: str) -> bool:
    return (
        b.isascii() and len(b) > 3 and a[0] == b[0] and SequenceMatcher(None, a, b).ratio() > _ALIKE
    )


def _runs(sounds: tuple[str, ...], other: tuple[str, ...]) -> list[bool]:
    """Which sounds stand in a run of two or more that the other text has too."""
    pairs = set(zip(other, other[1:], strict=False))
    marks = [False] * len(sounds)
    for index, pair in enumerate(zip(sounds, sounds[1:], strict=False)):
        if pair in pairs:
            marks[index] = marks[index + 1] = True
    return marks
