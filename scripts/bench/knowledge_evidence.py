"""Fit what makes an answer of the knowledge sure, and measure it on sets it was not fitted on.

    python scripts/bench/knowledge_evidence.py
    python scripts/bench/knowledge_evidence.py FILE…      with further question files

Asks the questions of tests/eval/place_*.toml (and of the files given) that neither the place nor
the poems answer, and of the sample knowledge those of knowledge_dev.toml, compares each with the
entries near it, and fits the weights of `digital_human.dialogue.knowledge.evidence` by ridge
logistic regression. A pair is right when what would be said holds every expected fact. Prints, for
every set, what the weights fitted on the other
sets answer right and wrong there and how many questions without an answer they answer, at several
thresholds; then the weights of all sets together.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from knowledge_eval import FOLDER, read_cases  # noqa: E402
from place_eval import NOW, Asked, Reply, read_questions  # noqa: E402

from digital_human.dialogue.intent import intent_of  # noqa: E402
from digital_human.dialogue.knowledge import Knowledge  # noqa: E402
from digital_human.dialogue.knowledge.reading import Told  # noqa: E402
from digital_human.dialogue.persona import Persona, load_persona  # noqa: E402
from digital_human.dialogue.place import Place  # noqa: E402
from digital_human.dialogue.poems import Poems  # noqa: E402

Rows = npt.NDArray[np.float64]
_RIDGE = 1.0
_COMPARED = 4  # entries of a question that are fitted, the nearest: the others are easy
_THRESHOLDS = (0.5, 0.8, 1.1, 1.4, 1.7, 2.0)


@dataclass(frozen=True, slots=True)
class Pairs:
    """All pairs of a question and an entry.

    Attributes:
        rows: Evidence, float64 [pairs, values].
        right: Whether the entry answers the question, bool [pairs].
        question: Number of the question, int64 [pairs].
        rank: How many entries of the question are nearer, int64 [pairs].
        source: Set of every question.
        known: Whether every question has an answer, bool [questions].
    """

    rows: Rows
    right: npt.NDArray[np.bool_]
    question: npt.NDArray[np.int64]
    rank: npt.NDArray[np.int64]
    source: npt.NDArray[np.str_]
    known: npt.NDArray[np.bool_]


def main() -> None:
    """Print the cross-validated figures and the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="further question files")
    parser.add_argument("--save", type=Path, help="keep the pairs here (npz)")
    arguments = parser.parse_args()
    pairs = gathered([*sorted((ROOT / "tests/eval").glob("place_*.toml")), *arguments.files])
    if arguments.save:
        np.savez(arguments.save, **{n: getattr(pairs, n) for n in Pairs.__slots__})
    validate(pairs)
    weights = fitted(pairs, np.ones(len(pairs.right), dtype=bool))
    print("WEIGHTS =", tuple(round(float(w), 2) for w in weights))


def gathered(files: list[Path]) -> Pairs:
    """The pairs of all questions that reach the knowledge, of the persona's and the sample's."""
    persona = load_persona("dongpo")
    assert persona.knowledge_folder is not None
    knowledge = Knowledge.open(persona.knowledge_folder, also=persona.shared_knowledge)
    sample = Knowledge.open(FOLDER)
    found = _Found()
    asked = [(file.stem, one) for file in files for one in read_questions(file)]
    for source, one in track(asked, "the persona's"):
        if reaches(persona, one):
            lists = knowledge.read(one.text, one.language)
            given = [[(t, Reply(one, t.said, ("knowledge",)).right) for t in ts if not t.doubt]
                 for ts in lists]  # fmt: skip
            found.add(source, bool(one.facts), given)
    cases = [("sample_dev", one) for one in read_cases("dev")]
    for source, case in track(cases, "the sample's"):
        lists = sample.read(case.text, case.language)
        given = [[(t, case.answer in sample.entry(t.entry).text) for t in ts if not t.doubt]
                 for ts in lists]  # fmt: skip
        if case.kind != "cross":
            found.add(source, bool(case.answer), given)
    return found.pairs()


class _Found:
    """Pairs as they are gathered."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, ...]] = []
        self._right: list[bool] = []
        self._question: list[int] = []
        self._rank: list[int] = []
        self._source: list[str] = []
        self._known: list[bool] = []

    def add(self, source: str, known: bool, given: list[list[tuple[Told, bool]]]) -> None:
        """A question of a set, and what may be told to it and to its parts."""
        for told in given:
            nearest = sorted(told, key=lambda pair: -pair[0].evidence.cosine)
            for place, (one, right) in enumerate(nearest):
                self._rows.append(one.evidence.values())
                self._right.append(known and right)
                self._question.append(len(self._source))
                self._rank.append(place)
        self._source.append(source)
        self._known.append(known)

    def pairs(self) -> Pairs:
        return Pairs(
            np.array(self._rows),
            np.array(self._right),
            np.array(self._question),
            np.array(self._rank),
            np.array(self._source),
            np.array(self._known),
        )


def reaches(persona: Persona, one: Asked) -> bool:
    """Whether neither the persona's own words nor the place nor the poems answer a question."""
    assert persona.place_folder is not None and persona.poems_file is not None
    if persona.talk(intent_of(one.text), one.language, 0) is not None:
        return False
    place, poems = _place(persona.place_folder), _poems(persona.poems_file)
    told = place.answer(one.text, one.language, now=NOW, at=None)
    if told is not None and told.sure:
        return False
    return poems.answer(one.text, one.language, []) is None


def fitted(pairs: Pairs, use: npt.NDArray[np.bool_]) -> Rows:
    """Weights, bias first, of the pairs that are used, float64 [1 + values]."""
    chosen = use & (pairs.rank < _COMPARED)
    rows, right = pairs.rows[chosen], pairs.right[chosen].astype(float)
    middle, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    design = np.hstack([np.ones((len(rows), 1)), (rows - middle) / spread])

    def loss(weights: Rows) -> tuple[float, Rows]:
        logits = design @ weights
        pull = np.concatenate([[0.0], _RIDGE * weights[1:]])
        value = (np.logaddexp(0, logits) - right * logits).sum() + pull @ weights / 2
        return float(value), design.T @ (1 / (1 + np.exp(-logits)) - right) + pull

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    scaled = found[1:] / spread
    return np.concatenate([[found[0] - scaled @ middle], scaled])


def validate(pairs: Pairs) -> None:
    """Print how weights fitted on the other sets do on each set."""
    print("weights of the other sets: right/wrong of answerable, answered of unanswerable")
    for name in dict.fromkeys(pairs.source):
        inside = pairs.source[pairs.question] == name
        weights = fitted(pairs, ~inside)
        scores = weights[0] + pairs.rows @ weights[1:]
        best: dict[int, int] = {}
        for pair in np.flatnonzero(inside):
            number = int(pairs.question[pair])
            if number not in best or scores[pair] > scores[best[number]]:
                best[number] = int(pair)
        of = pairs.known[pairs.source == name]
        line = f"{name:15} {of.sum():3} + {(~of).sum():3}"
        for threshold in _THRESHOLDS:
            given = [pair for pair in best.values() if scores[pair] >= threshold]
            known = [pair for pair in given if pairs.known[pairs.question[pair]]]
            right = sum(bool(pairs.right[pair]) for pair in known)
            line += f"  {threshold}: {right}/{len(known) - right}, {len(given) - len(known)}"
        print(line)


@lru_cache(maxsize=1)
def _place(folder: Path) -> Place:
    return Place.open(folder)


@lru_cache(maxsize=1)
def _poems(file: Path) -> Poems:
    return Poems.load(file)


if __name__ == "__main__":
    main()
