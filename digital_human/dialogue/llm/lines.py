"""Verse by a language model that cannot break its form.

A beam search over whole characters: tokens that would make a line too long, end it on a character
that may not stand there or use a character again have no chance, so that what comes out has the
form and only its sense is left to the model. The attempts share the prompt's cells and are
evaluated in one batch, which for a few of them takes little longer than for one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.dialogue.llm.base import LineForm, Written
from digital_human.dialogue.llm.cells import Cells
from digital_human.dialogue.llm.library import C
from digital_human.dialogue.llm.sequences import Slot

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_BYTES = 3  # of a Chinese character in UTF-8
_MOST = 4  # characters of a token that is used
_CHILDREN = 3  # ends of one line that are considered
_ENDINGS = 4  # times the width: ends of lines that are judged
_LIVELY = 0.5  # how much chance weighs against the model's odds (Gumbel noise)
_ENDED = 1.5  # weight of the model's odds that a line ends where it has to
_STOPS = ("，", "。", "！", "？", "；", "、", "\n", "，\n", "。\n", "！\n")

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Characters:
    """The tokens of a vocabulary that are whole Chinese characters.

    Args:
        pieces: The bytes of each token.

    Attributes:
        tokens: int64 [n], their numbers in the vocabulary.
        texts: Theirs, [n].
        lengths: int64 [n], of each in characters.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        whole = [(token, text) for token, piece in enumerate(pieces) if (text := _han(piece))]
        self.tokens = np.array([token for token, _ in whole], np.int64)
        self.texts = [text for _, text in whole]
        signs = sorted(set("".join(self.texts)))
        self._numbers = {sign: number for number, sign in enumerate(signs)}
        self.lengths = np.array([len(text) for text in self.texts], np.int64)
        # Behind its last character a token has the number of none.
        self._parts = np.full((len(whole), _MOST), len(signs), np.int64)
        for row, text in enumerate(self.texts):
            self._parts[row, : len(text)] = [self._numbers[sign] for sign in text]
        self._last = self._parts[np.arange(len(whole)), self.lengths - 1]

    def fitting(self, room: int, signs: Iterable[str], ends: Iterable[str]) -> Bools:
        """Which tokens may come next: bool [n].

        Args:
            room: Characters left in the line.
            signs: Characters that may come.
            ends: Those that may end the line.
        """
        usable, ending = self._flags(signs), self._flags(ends)
        usable[-1] = True  # where a token has ended
        fits: Bools = (self.lengths <= room) & usable[self._parts].all(axis=1)
        fits &= (self.lengths < room) | ending[self._last]
        return fits

    def _flags(self, signs: Iterable[str]) -> Bools:
        flags = np.zeros(len(self._numbers) + 1, np.bool_)
        flags[[self._numbers[sign] for sign in signs if sign in self._numbers]] = True
        return flags


@dataclass(frozen=True, slots=True)
class _Draft:
    """An attempt: its finished lines, the one it is at, and the odds of what follows."""

    lines: tuple[str, ...]
    line: str
    score: float
    slot: Slot
    odds: Floats

    def __len__(self) -> int:
        return sum(map(len, self.lines)) + len(self.line)

    @property
    def mean(self) -> float:
        return self.score / max(1, len(self))


@dataclass(frozen=True, slots=True)
class _Step:
    """A token that an attempt may go on with, the line with it, and the score then."""

    rank: float
    parent: _Draft
    token: int
    line: str
    score: float
    bonus: float = 0.0


@dataclass(slots=True)
class _Search:
    """What one verse is written by, and the sequences it holds."""

    form: LineForm
    width: int
    random: np.random.Generator
    held: list[Slot] = field(default_factory=list)


class LineWriter:
    """Writes verses into the cells of a context; used from one thread.

    Args:
        context: llama.cpp's context.
        cells: Its cells.
        vocabulary: How many tokens there are.
        characters: Those that lines are made of.
        tokens: The tokens of a text.
    """

    def __init__(
        self,
        context: Any,
        cells: Cells,
        vocabulary: int,
        characters: Characters,
        tokens: Callable[[str], list[int]],
    ) -> None:
        self._context, self._cells, self._vocabulary = context, cells, vocabulary
        self._characters, self._tokens = characters, tokens
        self._stops = np.array([found[0] for s in _STOPS if len(found := tokens(s)) == 1])

    def write(
        self, prompt: Sequence[int], form: LineForm, width: Callable[[int], int], seed: int
    ) -> list[Written]:
        """Write behind the tokens ``prompt``; see `base.WritesLines`."""
        search = _Search(form, width(0), np.random.default_rng(seed))
        begun = self._cells.read(prompt, whole=True)
        try:
            drafts = [_Draft((), "", 0.0, self._fork(begun, search), self._odds(-1))]
            for written, mark in enumerate(form.marks[:-1], start=1):
                ends = self._line_ends(drafts, search)
                search.width = width(written)
                drafts = self._grown(ends[: search.width], self._tokens(mark), search)
                self._keep_only(search, drafts)
            size = len(form.marks) * form.length
            return [
                Written((*step.parent.lines, step.line), step.rank / size)
                for step in self._line_ends(drafts, search)
            ]
        finally:
            self._keep_only(search, [])

    def _line_ends(self, live: Sequence[_Draft], search: _Search) -> list[_Step]:
        """The best ways to go on by a line, best first, at most as many as the search is wide."""
        endings: list[_Step] = []
        while live:
            steps: list[_Step] = []
            for draft in live:
                more, last = self._steps(draft, search)
                steps += more
                endings += last
            # Scores only fall: what is behind enough whole lines already cannot catch up.
            endings = sorted(endings, key=lambda step: -step.score)[: _ENDINGS * search.width]
            enough = endings[search.width - 1].score if len(endings) >= search.width else -math.inf
            steps = sorted(
                (step for step in steps if step.score > enough), key=lambda step: -step.rank
            )[: search.width]
            live = self._grown(steps, (), search)
            self._keep_only(search, [*live, *(step.parent for step in endings)])
        judged = [
            replace(step, rank=step.score + bonus, bonus=bonus)
            for step in endings
            if (bonus := search.form.judge((*step.parent.lines, step.line))) > -math.inf
        ]
        return sorted(judged, key=lambda step: -step.rank)[: search.width]

    def _steps(self, draft: _Draft, search: _Search) -> tuple[list[_Step], list[_Step]]:
        """What ``draft`` may go on with, by the model's odds and some chance, and the most likely
        ends of its line."""
        form, room = search.form, search.form.length - len(draft.line)
        used = set("".join(draft.lines)) - form.again | set(draft.line[:-1]) - form.twice
        fits = self._characters.fitting(room, form.signs - used, form.ends(draft.lines))
        rows = np.flatnonzero(fits)
        odds = draft.odds[self._characters.tokens[rows]]
        last = self._characters.lengths[rows] == room
        chance = odds + _LIVELY * search.random.gumbel(size=len(rows))

        def best(values: Floats, count: int) -> list[_Step]:
            order = np.argsort(-values)[:count]
            return [
                _Step(
                    (draft.score + float(values[i])) / (len(draft) + len(text)),
                    draft, int(self._characters.tokens[rows[i]]), draft.line + text,
                    draft.score + float(odds[i]),
                )
                for i in order
                if values[i] > -math.inf and (text := self._characters.texts[rows[i]])
            ]  # fmt: skip

        more = best(np.where(last, -math.inf, chance), search.width)
        return more, best(np.where(last, odds, -math.inf), _CHILDREN)

    def _grown(self, steps: Sequence[_Step], mark: Sequence[int], search: _Search) -> list[_Draft]:
        """The attempts with their new tokens evaluated; ``mark`` ends their lines."""
        if not steps:
            return []
        tokens = [[step.token, *mark] for step in steps]
        slots = [self._fork(step.parent.slot, search) for step in steps]
        self._cells.evaluate_all(
            [(slot, new, len(new)) for slot, new in zip(slots, tokens, strict=True)]
        )
        grown: list[_Draft] = []
        for number, (step, slot) in enumerate(zip(steps, slots, strict=True)):
            at = number * (1 + len(mark))
            odds, lines, line, score = self._odds(at), step.parent.lines, step.line, step.score
            if mark:
                score += step.bonus + _ENDED * float(np.logaddexp.reduce(odds[self._stops]))
                odds, lines, line = self._odds(at + len(mark)), (*lines, line), ""
            grown.append(_Draft(lines, line, score, slot, odds))
        return grown

    def _odds(self, index: int) -> Floats:
        """Log-probabilities behind a token of the last batch: float32 [vocabulary]."""
        pointer = C.llama_get_logits_ith(self._context, index)
        logits = np.ctypeslib.as_array(pointer, (self._vocabulary,))
        top = logits.max()
        odds: Floats = logits - (top + np.log(np.exp(logits - top).sum()))
        return odds

    def _fork(self, slot: Slot, search: _Search) -> Slot:
        fork = self._cells.fork(slot)
        search.held.append(fork)
        return fork

    def _keep_only(self, search: _Search, needed: Iterable[_Draft]) -> None:
        """Drop what no attempt goes on from."""
        numbers = {draft.slot.number for draft in needed}
        for slot in search.held:
            if slot.number not in numbers:
                self._cells.drop(slot)
        search.held = [slot for slot in search.held if slot.number in numbers]


def _han(piece: bytes) -> str:
    """The Chinese characters that ``piece`` is, if it is nothing else."""
    if not piece or len(piece) > _BYTES * _MOST:
        return ""
    text = piece.decode("utf-8", "ignore")
    return text if len(text) * _BYTES == len(piece) and _HAN.fullmatch(text) else ""
