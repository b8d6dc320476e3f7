"""What the knowledge has about the things a question names, whether or not it answers it."""

from __future__ import annotations

import re

import numpy as np

from digital_human.dialogue.knowledge.embedder import Vectors
from digital_human.dialogue.knowledge.index import Index
from digital_human.dialogue.knowledge.names import foreign_names
from digital_human.dialogue.knowledge.words import Analysis
from digital_human.speech.types import Language

MOST = 3
"""Passages at most."""
NEAR = 0.53
"""Cosine from which a question that names nothing known is about the knowledge."""
_NEAR_OPINION = 0.5  # the same where advice or an opinion is asked for
_NEAR_FOREIGN = 0.6
# What so little answers, and is no nearer, stands nowhere.
_UNLIKELY, _NEAR_ENOUGH = 0.03, 0.7
_FAR = 0.4  # below this even a known name is no sign
_NAMED, _MENTIONED = 0.2, 0.08  # what naming the same is worth in cosine
_OTHER_LANGUAGE = 0.12  # what a passage in another language is worth less
_BESIDE = 0.08  # what an entry for a fact that was not asked for is worth less
_SPREAD = 0.07  # how much less than the best a further passage may be worth
# A fact needs an entry that may well answer it, all the more where nothing is named.
_LIKELY, _LIKELY_NAMED = 0.2, 0.1
# Kinds of answer that are one fact, which no passage about the same thing can stand in for.
_FACTS = frozenset("price when duration who length height width depth area count".split())
_OPINION = re.compile(
    r"觉得|认为|建议|推荐|喜欢|适合|合适|值得|最美|最好|安排"
    r"|\b(?:think|recommend|suggest|favou?rite|best|better|nicer|prefer|worth|should|would you)\b",
    re.IGNORECASE,
)


def passages_about(
    index: Index,
    text: str,
    question: Analysis,
    cosines: Vectors,
    language: Language,
    likely: float,
) -> list[tuple[int, float]]:
    """Entries on the question's topic, best first; of several things named, one about each first.

    Args:
        index: Where to look.
        text: The question.
        question: Its words.
        cosines: Of the question with every text of the index, float32 [texts].
        language: Language of the answer; its entries are preferred.
        likely: Probability that the best entry answers the question.

    Returns:
        Up to `MOST` entries with their cosine, 0…1; none when the question is off the topic or
        asks for a fact that stands nowhere.
    """
    names = index.heard(question)
    worth, near, foreign = _worth(index, names, question.kinds, cosines, language)
    opinion = _OPINION.search(text) is not None
    fact = frozenset() if opinion or len(names) > 1 else question.kinds & _FACTS
    least = _NEAR_OPINION if opinion else NEAR
    if not _on_topic(index, text, question, names, near - least, bool(fact), opinion):
        return []
    if fact and not foreign and not _told(index, fact, names, likely):
        return []
    if not opinion and len(names) < 2 and likely < _UNLIKELY and near < _NEAR_ENOUGH:
        return []
    needs = [
        frozenset(e for e, about in enumerate(index.about) if name in about)
        for name in sorted(names)
    ]
    chosen = _chosen(worth, needs)
    return [(e, float(np.clip(cosines[index.texts_of[e]].max(), 0.0, 1.0))) for e in chosen]


def _on_topic(
    index: Index,
    text: str,
    question: Analysis,
    names: frozenset[str],
    spare: float,
    fact: bool,
    opinion: bool,
) -> bool:
    """Whether a question is about the knowledge; ``spare`` is what its cosine has beyond enough."""
    near = spare + NEAR
    if names:
        return near >= _FAR
    topical = any(not word.light and word.text in index.topic for word in question.words)
    if (fact or not (topical or opinion)) and foreign_names(text, index.written):
        return False
    return near >= _FAR if topical else spare >= 0


def _told(index: Index, fact: frozenset[str], names: frozenset[str], likely: float) -> bool:
    """Whether something tells a fact of this kind about what is named."""
    if not names:
        return likely >= _LIKELY
    return likely >= _LIKELY_NAMED and any(
        names <= about and kinds & fact
        for about, kinds in zip(index.about, index.kinds, strict=True)
    )


def _worth(
    index: Index,
    names: frozenset[str],
    kinds: frozenset[str],
    cosines: Vectors,
    language: Language,
) -> tuple[Vectors, float, bool]:
    """What entries are worth as passages, float32 [entries]; how near the nearest is, and whether
    it is near and in another language, where kinds and names cannot be compared."""
    worth = np.full(len(index.entries), -1.0, dtype=np.float32)
    np.maximum.at(worth, index.owner, cosines)
    nearest = int(worth.argmax())
    near = float(worth[nearest])
    foreign = index.entries[nearest].language != language and near >= _NEAR_FOREIGN
    for number, entry in enumerate(index.entries):
        if names & index.about[number]:
            worth[number] += _NAMED
        elif names & index.mentioned[number]:
            worth[number] += _MENTIONED
        if index.kinds[number] & _FACTS - kinds:
            worth[number] -= _BESIDE
        if entry.language != language:
            worth[number] -= _OTHER_LANGUAGE
    return worth, near, foreign


def _chosen(worth: Vectors, needs: list[frozenset[int]]) -> list[int]:
    """The best entry, one for each need it leaves open, then the next best."""
    order = [int(entry) for entry in np.argsort(-worth, kind="stable")]
    chosen = order[:1]
    for need in needs if len(needs) > 1 else ():
        if len(chosen) < MOST and need.isdisjoint(chosen):
            chosen += [entry for entry in order if entry in need][:1]
    for entry in order:
        if len(chosen) >= MOST or worth[entry] < worth[order[0]] - _SPREAD:
            break
        if entry not in chosen:
            chosen.append(entry)
    return chosen
