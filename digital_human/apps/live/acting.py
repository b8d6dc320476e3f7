"""Stage directions in a text that is spoken live as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from digital_human.dialogue.types import Act, Line
from digital_human.face.animation import take_directions


def acted(line: Line) -> Iterator[Line | Act]:
    """``line`` cut at its stage directions, which become acts; other brackets are left in it.

    An act is handed to the stage behind the words before it, so `Performer.act` is to be told that
    it comes after the speech.
    """
    text, directions = take_directions(line.text)
    cuts = [0, *(direction.at for direction in directions), len(text)]
    for number, (start, end) in enumerate(pairwise(cuts)):
        if number:
            yield Act(directions[number - 1].act)
        if words := text[start:end].strip():
            yield replace(line, text=words)
