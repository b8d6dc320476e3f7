"""Fit what the language model has in mind behind a text and a question; measure it on others.

    python scripts/bench/knowledge_judge.py                   # about an hour on two cores
    python scripts/bench/knowledge_judge.py --keep read.npz   # what was read is not read again
    python scripts/bench/knowledge_judge.py --write           # and put the weights into judge.npz

The language model of the settings reads (`digital_human.dialogue.judge`)

- the likeliest texts of every question of tests/eval/place_*.toml that neither the place nor the
  poems answer; a text is right when it holds every expected fact, unless a
  pair says otherwise;
- what the place guesses for such questions;
- wordings that stand in the knowledge, each with its own text and with the likeliest other one;
- the pairs of tests/eval/judge_pairs.jsonl: notes of this place and of others, with questions that
  they answer and questions about the same that they do not.

A ridge logistic regression of its state is fitted to both, another one of the evidence's score and
of what the first gives for questions that it was not fitted on. Prints how well evidence, leaning
and state tell right from wrong texts (area under the curve), and what is answered right, wrong and
of the unanswerable from several log odds on, every question by weights fitted without it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
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
from place_eval import NOW, Asked, Reply, read_questions  # noqa: E402

from digital_human.config import settings  # noqa: E402
from digital_human.core.stage import ModelThread  # noqa: E402
from digital_human.dialogue.judge import SURE, WEIGHTS, WORDS, Judge  # noqa: E402
from digital_human.dialogue.knowledge import Knowledge  # noqa: E402
from digital_human.dialogue.knowledge.content import content  # noqa: E402
from digital_human.dialogue.knowledge.entries import spoken  # noqa: E402
from digital_human.dialogue.knowledge.knowledge import Answer, Likely  # noqa: E402
from digital_human.dialogue.llm import LLMS  # noqa: E402
from digital_human.dialogue.llm.base import Leaning, Leans  # noqa: E402
from digital_human.dialogue.persona import load_persona  # noqa: E402
from digital_human.dialogue.place import Place  # noqa: E402
from digital_human.dialogue.repertoire import guess  # noqa: E402
from digital_human.dialogue.types import Source  # noqa: E402
from digital_human.speech.types import Language  # noqa: E402

Values = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
PAIRS = ROOT / "tests" / "eval" / "judge_pairs.jsonl"
ODDS: dict[Language, float] = {"zh": 0.0, "en": -0.5}
"""Log odds from which a text is an answer."""
_RIDGE = 0.03
_FOLDS = 8
_WORDINGS = 14  # one wording of so many is read
_SHARED = 0.2  # share of what an answer tells up to which another text tells something else
_THRESHOLDS = (-0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True, slots=True)
class Read:
    """Pairs of a question and a text, as they were read.

    Attributes:
        state: Of the model, float32 [pairs, width].
        odds: What it leans to, float64 [pairs].
        score: Of the evidence, float64 [pairs]; not a number where none was weighed.
        right: Whether the text answers the question, bool [pairs].
        english: Whether it is English, bool [pairs].
        known: Whether the question has an answer somewhere, bool [pairs]; only used of questions.
        question: Its words, str [pairs].
        text: What may answer it, with its title, str [pairs].
    """

    state: npt.NDArray[np.float32]
    odds: Values
    score: Values
    right: Flags
    english: Flags
    known: Flags
    question: npt.NDArray[np.str_]
    text: npt.NDArray[np.str_]


def main() -> None:
    """Print the figures; write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="keep what is read here (npz), or read it")
    parser.add_argument("--write", action="store_true", help=f"write {WEIGHTS.name}")
    arguments = parser.parse_args()
    kept = None
    if arguments.keep and arguments.keep.exists():
        with np.load(arguments.keep, allow_pickle=False) as file:
            kept = Read(**{one.name: file[one.name] for one in fields(Read)})
    read = gathered(sorted((ROOT / "tests/eval").glob("place_*.toml")), kept)
    if arguments.keep:
        np.savez(arguments.keep, **{one.name: getattr(read, one.name) for one in fields(Read)})
    fold = np.array([crc32(one.encode()) % _FOLDS for one in read.question])
    weighed = ~np.isnan(read.score)
    everything = np.arange(len(fold))

    def state(fit: Rows, to: Rows) -> Values:
        return applied(probe(read, fit), read.state[to], read.english[to])

    probed = crossed(everything, fold, state)
    told = np.stack([read.score, probed, read.english], axis=1)
    asked = np.flatnonzero(weighed)

    def both(fit: Rows, to: Rows) -> Values:
        weights = fitted(told[fit], read.right[fit], 1e-3)
        return np.asarray(told[to] @ weights[1:] + weights[0])

    total = crossed(asked, fold, both)
    for name, values in (("evidence", read.score), ("leaning", read.odds), ("state", probed),
                         ("both", total)):  # fmt: skip
        areas = [area(values, read.right, weighed & of) for of in (~read.english, read.english)]
        print(f"{name}: area under the curve {areas[0]:.3f} Chinese, {areas[1]:.3f} English")
    others = area(probed, read.right, ~weighed)
    print(f"pairs: state {others:.3f}, leaning {area(read.odds, read.right, ~weighed):.3f}")
    for name, of in (("Chinese", ~read.english), ("English", read.english)):
        print(f"{name}: right, wrong, of the answerable; answered of the unanswerable; from")
        for threshold in _THRESHOLDS:
            print(f"  {threshold:5}: {counted(read, total, weighed & of, threshold)}")
    if arguments.write:
        write(read, fitted(told[weighed], read.right[weighed], 1e-3))


def gathered(files: list[Path], kept: Read | None) -> Read:
    """All that is read: the likeliest texts of every question, and the pairs; what was ``kept`` is
    not read again."""
    persona = load_persona("dongpo")
    assert persona.knowledge_folder is not None and persona.place_folder is not None
    knowledge = Knowledge.open(persona.knowledge_folder, also=persona.shared_knowledge)
    place = Place.open(persona.place_folder)
    model = LLMS[settings().llm.backend].create(settings().llm)
    assert isinstance(model, Leans)
    rows: list[tuple[object, ...]] = []
    before: dict[tuple[str, str], Leaning] = {}
    if kept is not None:
        of = zip(kept.question, kept.text, kept.odds, kept.state, strict=True)
        before = {(str(q), str(t)): Leaning(float(odds), state) for q, t, odds, state in of}
    with ModelThread("llm") as thread:

        def read(
            judge: Judge, text: str, language: Language, one: Likely, right: bool, known: bool
        ) -> None:
            titled = f"{one.answer.source.title}\n{one.answer.text}"
            if (found := before.get((text, titled))) is None:
                found = model.leaning(judge.prompt(text, language, one), *WORDS[language])
            english = language == "en"
            rows.append((found.state, found.odds, one.score, right, english, known, text, titled))

        pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
        judged = {(pair["question"], pair["text"]): pair["answers"] for pair in pairs}
        judge = Judge(model, thread, persona)
        asked = {one.text: one for file in files for one in read_questions(file)}
        for one in track(list(asked.values()), "questions"):
            if reaches(persona, one):
                known = bool(one.facts)
                for likely in texts(knowledge, place, one):
                    right = known and Reply(one, likely.answer.text, ("knowledge",)).right
                    right = judged.get((one.text, likely.answer.text), right)
                    read(judge, one.text, one.language, likely, right, known)
        guide = persona.model_copy(update={"display": {"zh": "讲解员", "en": "the guide"}})
        judges = {True: judge, False: Judge(model, thread, guide)}
        pairs = [pair for pair in pairs if pair["question"] not in asked]
        pairs.sort(key=lambda pair: (pair["own"], pair["language"], pair["title"], pair["text"]))
        for pair in track(pairs, "pairs"):
            right = pair["answers"]
            source = Source(pair["title"], "", pair["text"], 1.0)
            note = Likely(Answer(pair["text"], pair["language"], source), float("nan"))
            asker = judges[pair["own"]]
            read(asker, pair["question"], pair["language"], note, right, right)
        for wording, language, likely, right in track(list(wordings(knowledge)), "wordings"):
            if (wording, likely.answer.text) not in judged and wording not in asked:
                read(judge, wording, language, likely, right, right)
    model.close()
    print(f"{hardware()}; {len(rows)} texts")
    return Read(*(np.array(column) for column in zip(*rows, strict=True)))


def texts(knowledge: Knowledge, place: Place, question: Asked) -> list[Likely]:
    """What is read for a question."""
    found = knowledge.search(question.text, question.language)
    told = place.answer(question.text, question.language, now=NOW, at=None)
    guessed = [guess(told, question.language)] if told is not None and found.sure is None else []
    return [*guessed, *found.likely]


def wordings(knowledge: Knowledge) -> Iterator[tuple[str, Language, Likely, bool]]:
    """One in so many wordings of the knowledge with a text and whether that answers it: its own,
    and the likeliest that says something else."""
    unweighed = float("nan")
    for number in range(len(knowledge)):
        entry = knowledge.entry(number)
        if entry.language not in WORDS or entry.kind != "qa" or not entry.speakable:
            continue
        for wording in entry.asks[1:]:
            if crc32(wording.encode()) % _WORDINGS:
                continue
            said = spoken(entry.text, entry.language)
            source = Source(entry.title, entry.path, entry.text, 1.0)
            own = Answer(said, entry.language, source)
            yield wording, entry.language, Likely(own, unweighed), True
            asked = content(wording)
            new = content(said) - asked
            for match in knowledge.weigh(wording):
                other = knowledge.entry(match.entry)
                said = spoken(other.text, other.language)
                tells = content(f"{other.title}\n{other.text}") - asked
                apart = len(new & tells) <= _SHARED * len(new)
                if apart and other.speakable and other.language == entry.language:
                    source = Source(other.title, other.path, other.text, 1.0)
                    answer = Answer(said, entry.language, source)
                    yield wording, entry.language, Likely(answer, unweighed), False
                    break


def crossed(rows: Rows, fold: Rows, give: Callable[[Rows, Rows], Values]) -> Values:
    """What ``give`` finds for ``rows`` of each fold, fitted to those of the others."""
    found = np.full(len(fold), np.nan)
    for number in range(_FOLDS):
        others, own = rows[fold[rows] != number], rows[fold[rows] == number]
        found[own] = give(others, own)
    return found


def probe(read: Read, rows: Rows) -> Values:
    """What a state counts, and what is added for Chinese and English, float64 [width + 2]."""
    state = read.state[rows].astype(np.float64)
    mean, spread = state.mean(axis=0), state.std(axis=0) + 1e-3
    spread *= np.sqrt(state.shape[1])
    values = np.hstack([(state - mean) / spread, read.english[rows, None]])
    bias, *weights, english = fitted(values, read.right[rows], _RIDGE)
    weights = np.array(weights) / spread
    bias -= mean @ weights
    return np.append(weights, (bias, bias + english))


def applied(weights: Values, state: npt.NDArray[np.float32], english: Flags) -> Values:
    """Log odds by what `probe` has fitted."""
    return np.asarray(state @ weights[:-2] + np.where(english, weights[-1], weights[-2]))


def fitted(values: Values, right: Flags, ridge: float) -> Values:
    """Bias and weights, float64 [1 + values]."""
    design = np.hstack([np.ones((len(values), 1)), values])
    held = np.full(design.shape[1], ridge)
    held[0] = 0.0

    def loss(weights: Values) -> tuple[float, Values]:
        logits = design @ weights
        value = (np.logaddexp(0, logits) - right * logits).sum() + held @ weights**2 / 2
        return float(value), design.T @ (1 / (1 + np.exp(-logits)) - right) + held * weights

    start = np.zeros(design.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def write(read: Read, total: Values) -> None:
    """Put the weights of all that was read into the file, in units of the evidence's score.

    Args:
        read: What is fitted to.
        total: What evidence and state count, and what is added for both and for English.
    """
    bias, score, state, english = total
    weights = probe(read, np.arange(len(read.right))) * state
    ways: list[tuple[int, Language, float]] = [(-2, "zh", 0.0), (-1, "en", english)]
    for place, language, more in ways:
        weights[place] += bias + more - ODDS[language]
    weights /= score
    weights[-2:] += [SURE["zh"], SURE["en"]]
    with np.load(WEIGHTS, allow_pickle=False) as file:
        kept = dict(file)
    np.savez(WEIGHTS, **{**kept, str(settings().llm.model): weights.astype(np.float32)})


def area(scores: Values, right: Flags, of: Flags) -> float:
    """How often a right text has more than a wrong one."""
    above = scores[right & of][:, None] - scores[~right & of][None, :]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def counted(read: Read, scores: Values, of: Flags, threshold: float) -> str:
    """What is answered when the best text is, where it reaches the threshold."""
    right = wrong = unknown = known = 0
    for question in dict.fromkeys(read.question[of]):
        texts = np.flatnonzero(of & (read.question == question))
        known += bool(read.known[texts[0]])
        best = texts[np.argmax(scores[texts])]
        if scores[best] >= threshold:
            right += bool(read.right[best])
            wrong += bool(read.known[best] and not read.right[best])
            unknown += not read.known[best]
    return f"{right}, {wrong} of {known}; {unknown}"


if __name__ == "__main__":
    main()
