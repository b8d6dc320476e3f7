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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.dialogue.llm.base import LineForm, Written
from digital_human.dialogue.llm.cells import Cells, Work
from digital_human.dialogue.llm.library import C
from digital_human.dialogue.llm.sequences import Slot

_HAN = re.compile(r"[\u4e00-\u9fff]+")
_BYTES = 3  # of a Chinese character in UTF-8
_MOST = 4  # characters of a token that is used
_CHILDREN = 3  # of one attempt that go on at a time
_LIVELY = 0.8  # how much chance weighs against the model's odds (Gumbel noise)
_ENDED = 0.5  # weight of the model's odds that a line ends where it has to
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
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        whole = [(token, text) for token, piece in enumerate(pieces) if (text := _han(piece))]
        self.tokens = np.array([token for token, _ in whole], np.int64)
        self.texts = [text for _, text in whole]
        signs = sorted(set("".join(self.texts)))
        self._numbers = {sign: number for number, sign in enumerate(signs)}
        self._lengths = np.array([len(text) for text in self.texts], np.int64)
        # Behind its last character a token has the number of none.
        self._parts = np.full((len(whole), _MOST), len(signs), np.int64)
        for row, text in enumerate(self.texts):
            self._parts[row, : len(text)] = [self._numbers[sign] for sign in text]
        self._last = self._parts[np.arange(len(whole)), self._lengths - 1]

    def fitting(self, room: int, signs: Iterable[str], ends: Iterable[str]) -> Bools:
        """Which tokens may come next: bool [n].

        Args:
            room: Characters left in the line.
            signs: Characters that may come.
            ends: Those that may end the line.
        """
        usable, ending = self._flags(signs), self._flags(ends)
        usable[-1] = True  # where a token has ended
        fits: Bools = (self._lengths <= room) & usable[self._parts].all(axis=1)
        fits &= (self._lengths < room) | ending[self._last]
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
    """A token that an attempt may go on with."""

    rank: float
    parent: _Draft
    row: int
    score: float


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

    def write(self, prompt: Sequence[int], form: LineForm, width: int, seed: int) -> list[Written]:
        """Write behind the tokens ``prompt``; see `base.WritesLines`."""
        random = np.random.default_rng(seed)
        begun = self._cells.read(prompt, whole=True)
        held: list[Slot] = []
        try:
            drafts = [_Draft((), "", 0.0, self._fork(begun, held), self._odds(-1))]
            for mark in form.marks:
                drafts = self._next_line(drafts, form, mark, width, random, held)
            return [Written(draft.lines, draft.mean) for draft in drafts]
        finally:
            for slot in held:
                self._cells.drop(slot)

    def _next_line(
        self,
        live: list[_Draft],
        form: LineForm,
        mark: str,
        width: int,
        random: np.random.Generator,
        held: list[Slot],
    ) -> list[_Draft]:
        """The best ways to go on by a line, at most ``width``."""
        done: list[_Draft] = []
        while live and len(done) < width:
            steps = self._steps(live, form, width - len(done), random)
            children = self._grown(steps, form, mark, held)
            self._release(held, [*children, *done])
            live = [draft for draft in children if len(draft.line) < form.length]
            done += [draft for draft in children if len(draft.line) == form.length]
        judged = []
        for draft in done:
            lines = (*draft.lines, draft.line)
            judged.append(
                replace(draft, lines=lines, line="", score=draft.score + form.judge(lines))
            )
        kept = [draft for draft in judged if draft.score > -math.inf]
        kept.sort(key=lambda draft: -draft.mean)
        self._release(held, kept)
        return kept

    def _steps(
        self, live: Sequence[_Draft], form: LineForm, most: int, random: np.random.Generator
    ) -> list[_Step]:
        """What the attempts go on with, the most likely first, with some chance."""
        steps: list[_Step] = []
        for draft in live:
            room = form.length - len(draft.line)
            used = {*"".join(draft.lines), *_twice(draft.line)} - form.again
            ends = form.ends(draft.lines)
            fits = self._characters.fitting(room, form.signs - used, ends)
            rows = np.flatnonzero(fits)
            odds = draft.odds[self._characters.tokens[rows]]
            chance = odds + _LIVELY * random.gumbel(size=len(rows))
            for i in np.argsort(-chance)[: _CHILDREN if len(live) > 1 else most]:
                size = len(draft) + len(self._characters.texts[rows[i]])
                rank = (draft.score + float(chance[i])) / size
                steps.append(_Step(rank, draft, int(rows[i]), draft.score + float(odds[i])))
        return sorted(steps, key=lambda step: -step.rank)[:most]

    def _grown(
        self, steps: Sequence[_Step], form: LineForm, mark: str, held: list[Slot]
    ) -> list[_Draft]:
        """The attempts with their new tokens, and behind a whole line its mark, evaluated."""
        work: list[Work] = []
        lines = [step.parent.line + self._characters.texts[step.row] for step in steps]
        for step, line in zip(steps, lines, strict=True):
            whole = len(line) == form.length
            tokens = [
                int(self._characters.tokens[step.row]),
                *(self._tokens(mark) if whole else ()),
            ]
            work.append((self._fork(step.parent.slot, held), tokens, len(tokens)))
        if work:
            self._cells.evaluate_all(work)
        grown, at = [], 0
        for step, line, (slot, _, count) in zip(steps, lines, work, strict=True):
            score = step.score
            if len(line) == form.length:
                ended = self._odds(at)[self._stops]
                score += _ENDED * float(np.logaddexp.reduce(ended))
            at += count
            grown.append(_Draft(step.parent.lines, line, score, slot, self._odds(at - 1)))
        return grown

    def _odds(self, index: int) -> Floats:
        """Log-probabilities behind a token of the last batch: float32 [vocabulary]."""
        pointer = C.llama_get_logits_ith(self._context, index)
        logits = np.ctypeslib.as_array(pointer, (self._vocabulary,))
        top = logits.max()
        odds: Floats = logits - (top + np.log(np.exp(logits - top).sum()))
        return odds

    def _fork(self, slot: Slot, held: list[Slot]) -> Slot:
        fork = self._cells.fork(slot)
        held.append(fork)
        return fork

    def _release(self, held: list[Slot], needed: Iterable[_Draft]) -> None:
        """Drop what no attempt goes on from."""
        numbers = {draft.slot.number for draft in needed}
        for slot in held:
            if slot.number not in numbers:
                self._cells.drop(slot)
        held[:] = [slot for slot in held if slot.number in numbers]


def _twice(line: str) -> set[str]:
    return {sign for sign in line if line.count(sign) > 1}


def _han(piece: bytes) -> str:
    """The Chinese characters that ``piece`` is, if it is nothing else."""
    if not piece or len(piece) > _BYTES * _MOST:
        return ""
    text = piece.decode("utf-8", "ignore")
    return text if len(text) * _BYTES == len(piece) and _HAN.fullmatch(text) else ""
