"""Where a line may break: Chinese line-start and line-end prohibitions, Latin words kept whole.

The character classes follow "Requirements for Chinese Text Layout" (W3C clreq), section on
prohibition rules for line start and line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable

NO_START = frozenset("，。、；：？！）》」』】〕〉”’％‰℃°…—～·,.;:?!)]}%")
NO_END = frozenset("（《「『【〔〈“‘([{￥$#")
# Chinese subtitles drop these where a line ends; a question or an exclamation stays.
SILENT_END = "，。、；：,;—"

_UNIT = re.compile(r"\s+|[A-Za-z0-9À-ɏ][A-Za-z0-9À-ɏ'’.,:/%+_&@-]*|.", re.DOTALL)
_EMOJI = re.compile("[\U0001f000-\U000e0fff\ufe0e\ufe0f\u200d\u20e3\u2600-\u27bf]")


def printable(text: str) -> str:
    """``text`` without pictographs, which the text fonts have no glyphs for, on one line."""
    return re.sub(r"\s+", " ", _EMOJI.sub("", text)).strip()


def units(text: str, words: Callable[[str], list[str]] | None = None) -> list[str]:
    """Split ``text`` into pieces that no line break may divide; joined they give it back.

    Args:
        text: One paragraph.
        words: Chinese word segmenter; without it every Chinese character is a piece.
    """
    pieces: list[str] = []
    for token in words(text) if words else [text]:
        if words and not re.search(r"[\sA-Za-z0-9]", token):
            pieces.append(token)
        else:
            pieces.extend(m.group() for m in _UNIT.finditer(token))
    joined: list[str] = []
    for piece in pieces:
        glue = joined and (
            piece[0] in NO_START or joined[-1][-1] in NO_END or _latin_join(joined[-1], piece)
        )
        if glue:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def _latin_join(left: str, right: str) -> bool:
    """Whether a segmenter cut inside a Latin word or a number."""
    return _is_word(left[-1]) and _is_word(right[0])


def _is_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def break_lines(
    pieces: list[str], measure: Callable[[str], float], width: float, most: int
) -> list[str] | None:
    """Break into as few lines as fit, of lengths as even as possible.

    Args:
        pieces: What `units` gave.
        measure: Length of a string in the caller's unit.
        width: Most that a line may measure.
        most: Most lines.

    Returns:
        The lines without spaces at their ends, or None when they do not fit.
    """
    for count in range(1, most + 1):
        best = _even(pieces, measure, width, count)
        if best is not None:
            return best
    return None


def _even(
    pieces: list[str], measure: Callable[[str], float], width: float, count: int
) -> list[str] | None:
    text = "".join(pieces).strip()
    if count == 1:
        return [text] if measure(text) <= width else None
    best: tuple[float, list[str]] | None = None
    for cut in range(1, len(pieces)):
        head = "".join(pieces[:cut]).strip()
        length = measure(head)
        if length > width:
            break
        tail = _even(pieces[cut:], measure, width, count - 1)
        if not head or tail is None:
            continue
        # A break after punctuation reads better than an even one.
        bonus = width * 0.35 if head[-1] in NO_START else 0.0
        cost = max(measure(line) for line in tail) - length
        score = abs(cost) - bonus
        if best is None or score < best[0]:
            best = (score, [head, *tail])
    return best[1] if best else None
