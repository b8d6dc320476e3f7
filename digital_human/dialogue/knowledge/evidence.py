"""How sure it is that an entry answers a question in whatever words: evidence and its weight.

A logistic regression over what separates right from wrong pairs of question and entry. It knows no
word of any knowledge: only cosines, shares and counts. ``scripts/bench/knowledge_evidence.py`` fits
the weights and prints how well they do on question sets that they were not fitted on.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

WEIGHTS = (-0.48, -6.32, 2.71, 1.43, 3.2, -1.35, -1.94, 0.35, -0.64, 1.01, -0.31, -3.55,
           -0.05, -0.39, 8.56, 20.8, 1.57, 4.94, 10.54)  # fmt: skip
SURE = 1.65
"""Score from which an answer is given: hardly any question without an answer reaches it."""
_NEAR, _ALONE = 0.45, -0.06  # cosine and margin below which words alone do not count


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a question and an entry.

    Attributes:
        cosine: Of the question with the entry's nearest phrasing.
        told: Of the question with the entry's answer or passage.
        margin: What `cosine` has beyond that of the nearest entry that answers something else.
        covered: Share of the question's telling words that the entry has, 0…1.
        noun: Weight of the most telling word that it has not, verbs aside, 0…1.
        verb: The same of verbs.
        words: Telling words that it has, 4 at most.
        strange: Words it has not that stand nowhere in the knowledge, 3 at most.
        elsewhere: Words it has not that stand in other entries, 3 at most.
        fact: Whether the answer has the kind of fact that is asked for.
        no_fact: Whether it lacks it.
        other_names: Names in its near phrasings that the question has not.
        names: Names in the question.
    """

    cosine: float
    told: float
    margin: float
    covered: float
    noun: float
    verb: float
    words: float
    strange: float
    elsewhere: float
    fact: float
    no_fact: float
    other_names: float
    names: float

    def values(self) -> tuple[float, ...]:
        """What is weighed: the figures, and how far cosine and margin exceed what many have."""
        return (
            *astuple(self),
            max(0.0, self.cosine - 0.7),
            max(0.0, self.cosine - 0.85),
            float(self.cosine > 0.97),
            min(max(0.0, self.margin), 0.05),
            min(max(0.0, self.margin), 0.2),
        )

    @property
    def near(self) -> bool:
        """Whether the entry is near enough to be weighed at all."""
        return self.cosine > _NEAR and self.margin > _ALONE

    @property
    def score(self) -> float:
        """Log odds that the entry answers the question."""
        bias, *weights = WEIGHTS
        return bias + sum(w * v for w, v in zip(weights, self.values(), strict=True))
