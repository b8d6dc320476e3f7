"""Fit what the language model's reading counts, and measure it on sets it was not fitted on.

    python scripts/bench/knowledge_judge.py                # about ten minutes on two cores
    python scripts/bench/knowledge_judge.py FILE…          with further question files

Asks questions of tests/eval/place_*.toml (and of the files given) that neither the place nor the
poems answer: of the set that it is fitted on (`FRESH`), for which no wording was written down, all
of them; of the others those that have no answer. Answerable ones of earlier sets are found by words
by now, and what is left of them is not what visitors ask; those of later sets are kept to judge by.
The language model of the settings reads the likeliest texts
(`digital_human.dialogue.judge`), and a logistic regression of evidence, leaning and language is
fitted. Prints how well each tells right from wrong texts (area under the curve), what the weights
answer right, wrong and of the unanswerable at several thresholds (every question by weights that
were fitted without it), and the weights in units of the evidence.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
from rich.progress import track
from scipy.optimize import minimize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "eval"))

from faces import hardware  # noqa: E402
from knowledge_evidence import reaches  # noqa: E402
from place_eval import Reply, read_questions  # noqa: E402

from digital_human.config import settings  # noqa: E402
from digital_human.core.stage import ModelThread  # noqa: E402
from digital_human.dialogue.judge import WORDS, Judge  # noqa: E402
from digital_human.dialogue.knowledge import Knowledge  # noqa: E402
from digital_human.dialogue.llm import LLMS  # noqa: E402
from digital_human.dialogue.llm.base import Leans  # noqa: E402
from digital_human.dialogue.persona import load_persona  # noqa: E402

Values = npt.NDArray[np.float64]
FRESH = ("place_tenth",)
_FOLDS = 10
_THRESHOLDS = (-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5)


@dataclass(frozen=True, slots=True)
class Read:
    """A text as it was read.

    Attributes:
        source: Set of the question.
        question: Its words.
        known: Whether it has an answer.
        right: Whether the text is one.
        values: Evidence, leaning, whether it is English.
    """

    source: str
    question: str
    known: bool
    right: bool
    values: tuple[float, float, float]


def main() -> None:
    """Print the figures and the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="further question files")
    parser.add_argument("--save", type=Path, help="keep what was read here (JSON)")
    arguments = parser.parse_args()
    read = gathered([*sorted((ROOT / "tests/eval").glob("place_*.toml")), *arguments.files])
    if arguments.save:
        arguments.save.write_text(json.dumps([asdict(one) for one in read], ensure_ascii=False))
    right = np.array([one.right for one in read])
    values = np.array([one.values for one in read])
    for name, column in (("evidence", 0), ("leaning", 1)):
        print(f"{name}: area under the curve {area(values[:, column], right):.3f}")
    scores = np.empty(len(read))
    fold = np.array([crc32(one.question.encode()) % _FOLDS for one in read])
    for number in range(_FOLDS):
        weights = fitted(values[fold != number], right[fold != number])
        scores[fold == number] = weights[0] + values[fold == number] @ weights[1:]
    print(f"both: {area(scores, right):.3f}")
    print("right/wrong of answerable, answered of unanswerable, by threshold:")
    for threshold in _THRESHOLDS:
        print(f"  {threshold:5}: {counted(read, scores, threshold)}")
    bias, score, leaning, english = fitted(values, right)
    print(f"WEIGHT {leaning / score:.2f}, English {english / score:.2f}")
    for threshold in _THRESHOLDS:
        print(f"  SURE {(threshold - bias) / score:.2f} is {threshold}")


def gathered(files: list[Path]) -> list[Read]:
    """All that is read, question by question, the likeliest text of each first."""
    persona = load_persona("dongpo")
    assert persona.knowledge_folder is not None
    knowledge = Knowledge.open(persona.knowledge_folder, also=persona.shared_knowledge)
    model = LLMS[settings().llm.backend].create(settings().llm)
    assert isinstance(model, Leans)
    found: list[Read] = []
    asked = [(file.stem, one) for file in files for one in read_questions(file)]
    with ModelThread("llm") as thread:
        judge = Judge(model, thread, persona)
        for language in judge.languages:
            judge.prepare(language)
        print(f"the model can judge: {', '.join(sorted(judge.able)) or 'no language'}")
        begun, tokens = time.process_time(), 0
        for source, one in track(asked, "questions"):
            if (one.facts and source not in FRESH) or not reaches(persona, one):
                continue
            for likely in knowledge.search(one.text, one.language).likely:
                prompt = judge.prompt(one.text, one.language, likely)
                leaning = model.leaning(prompt, *WORDS[one.language])
                tokens += model.evaluated  # type: ignore[attr-defined]
                right = bool(one.facts) and Reply(one, likely.answer.text, ("knowledge",)).right
                values = (likely.score, leaning, float(one.language == "en"))
                found.append(Read(source, one.text, bool(one.facts), right, values))
        spent = time.process_time() - begun
    model.close()
    print(f"{hardware()}; {len(found)} texts, {tokens / len(found):.0f} tokens and "
          f"{spent / len(found):.2f} s of CPU each (the search included)")  # fmt: skip
    return found


def fitted(values: Values, right: npt.NDArray[np.bool_]) -> Values:
    """Bias and weights, float64 [1 + values]."""
    design = np.hstack([np.ones((len(values), 1)), values])

    def loss(weights: Values) -> tuple[float, Values]:
        logits = design @ weights
        value = (np.logaddexp(0, logits) - right * logits).sum()
        return float(value), design.T @ (1 / (1 + np.exp(-logits)) - right)

    weights: Values = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B").x
    return weights


def area(scores: Values, right: npt.NDArray[np.bool_]) -> float:
    """How often a right text has more than a wrong one."""
    above = scores[right][:, None] - scores[~right][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def counted(read: list[Read], scores: Values, threshold: float) -> str:
    """What is answered when the first text that reaches the threshold is."""
    right = wrong = unknown = known = 0
    pairs = zip(read, scores, strict=True)
    for _, group in groupby(pairs, key=lambda pair: (pair[0].source, pair[0].question)):
        texts = list(group)
        known += texts[0][0].known
        chosen = next((one for one, score in texts if score >= threshold), None)
        if chosen is not None:
            right += chosen.right
            wrong += chosen.known and not chosen.right
            unknown += not chosen.known
    return f"{right}/{wrong} of {known}, {unknown}"


if __name__ == "__main__":
    main()
