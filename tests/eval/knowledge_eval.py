"""Measures a knowledge folder against question sets; used by the tests and by the benchmark."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from digital_human.dialogue.knowledge import Knowledge
from digital_human.speech.types import Language

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "personas" / "xihu" / "knowledge"
SETS = Path(__file__).resolve().parent
KINDS = ("answerable", "homophone", "cross", "unanswerable")


@dataclass(frozen=True, slots=True)
class Case:
    """A question.

    Attributes:
        kind: One of `KINDS`.
        text: What is asked.
        language: Its language.
        answer: Words the right entry's answer contains; empty when there is none.
    """

    kind: str
    text: str
    language: Language
    answer: str = ""


@dataclass(slots=True)
class Score:
    """How the cases of one kind fared.

    Attributes:
        cases: How many there were.
        first: How often the best hit was right.
        fourth: How often one of the first four was.
        sure: How many got a sure answer.
        wrong: The sure answers that were not right, with their questions.
        missed: Questions without the right entry among the first four.
        times: CPU seconds of every search.
    """

    cases: int = 0
    first: int = 0
    fourth: int = 0
    sure: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


def read_cases(name: str) -> list[Case]:
    """The cases of ``knowledge_<name>.toml``."""
    content = tomllib.loads((SETS / f"knowledge_{name}.toml").read_text(encoding="utf-8"))
    return list(_cases(content))


def _cases(content: dict[str, list[list[str]]]) -> Iterator[Case]:
    for kind in KINDS:
        for text, language, *answer in content[kind]:
            yield Case(kind, text, cast(Language, language), "".join(answer))


def evaluate(knowledge: Knowledge, cases: Sequence[Case]) -> dict[str, Score]:
    """Ask every case and count, by kind."""
    scores = {kind: Score() for kind in KINDS}
    for case in cases:
        score = scores[case.kind]
        started = time.thread_time()
        findings = knowledge.search(case.text, case.language)
        score.times.append(time.thread_time() - started)
        score.cases += 1
        right = [bool(case.answer) and case.answer in hit.text for hit in findings.hits]
        score.first += any(right[:1])
        score.fourth += any(right)
        if case.answer and not any(right):
            score.missed.append(case.text)
        if findings.sure is not None:
            score.sure += 1
            if not case.answer or case.answer not in findings.sure.source.text:
                score.wrong.append((case.text, findings.sure.text))
    return scores
