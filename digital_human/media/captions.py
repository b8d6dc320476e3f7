"""Captions from word timings: broken at clauses and words, written as SRT or VTT, or burned in."""

from __future__ import annotations

import bisect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pysubs2

from digital_human.media.linebreak import NO_END, NO_START, SILENT_END, break_lines, units
from digital_human.speech.types import Language, Word

RATE = 24_000
# Reading speed and gap figures follow broadcasters' subtitle guides (BBC, Netflix zh-Hans).
_LINE: dict[tuple[bool, bool], float] = {
    # (Latin script, portrait): columns of Chinese characters, or letters
    (False, False): 18, (False, True): 12, (True, False): 42, (True, True): 26,
}  # fmt: skip
_SHORTEST = 0.9
_JOIN = 0.5
_SPLIT_MARKS = "，。；：？！、,;:?!—…"


@dataclass(frozen=True, slots=True)
class CaptionStyle:
    """How captions are broken.

    Attributes:
        language: Language of the words.
        portrait: Narrow picture.
        lines: Most lines on the screen at once.
    """

    language: Language
    portrait: bool = False
    lines: int = 2

    @property
    def columns(self) -> float:
        """Longest line: Chinese characters (Latin letters count half), or English letters."""
        return _LINE[self.language == "en", self.portrait]


@dataclass(frozen=True, slots=True)
class Cue:
    """One caption.

    Attributes:
        start: First sample on the programme's line, at 24 kHz.
        end: One past its last sample.
        lines: What it shows, one or two lines.
    """

    start: int
    end: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    """Words that become one cue."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words)


def clause_cues(words: Sequence[Word], offset: int, style: CaptionStyle) -> list[Cue]:
    """Cues of one clause, each at most ``style.lines`` lines.

    Args:
        words: In order; their texts joined are the clause.
        offset: Sample of the programme at which the clause starts.
        style: How to break.
    """
    text = "".join(word.text for word in words)
    if not _shown(text):
        return []
    cues = []
    for start, end in _chunks(text, style):
        part = text[start:end]
        lines = break_lines(units(_shown(part), _segmenter(style)), _width(style), style.columns,
                            style.lines)  # fmt: skip
        first, last = _samples(words, start, end)
        if lines is None:
            lines = [_shown(part)]
        cues.append(Cue(offset + first, offset + last, tuple(_shown(x) for x in lines)))
    return cues


def join_cues(cues: Sequence[Cue], end: int, rate: int = RATE) -> list[Cue]:
    """Order a programme's cues: each is readable long enough, none overlaps, small gaps close.

    Args:
        cues: Of all clauses.
        end: Length of the programme in samples.
        rate: Samples per second.
    """
    ordered = sorted((cue for cue in cues if cue.lines), key=lambda cue: cue.start)
    out: list[Cue] = []
    for number, cue in enumerate(ordered):
        limit = ordered[number + 1].start if number + 1 < len(ordered) else end
        stop = max(cue.end, min(cue.start + round(_SHORTEST * rate), limit))
        if limit - stop < _JOIN * rate and number + 1 < len(ordered):
            stop = limit
        stop = min(stop, limit)
        if stop > cue.start:
            out.append(replace(cue, end=stop))
    return out


class CaptionTrack:
    """A programme's cues, looked up by time.

    Args:
        cues: In order, without overlaps (see `join_cues`).
        rate: Samples per second of their times.
    """

    def __init__(self, cues: Sequence[Cue], rate: int = RATE) -> None:
        self.cues = tuple(cues)
        self._rate = rate
        self._starts = [cue.start for cue in self.cues]

    def cue_at(self, seconds: float) -> Cue | None:
        """The cue on the screen at a programme time, or None."""
        sample = round(seconds * self._rate)
        place = bisect.bisect_right(self._starts, sample) - 1
        if place < 0 or sample >= self.cues[place].end:
            return None
        return self.cues[place]

    def write(self, path: Path, kind: Literal["srt", "vtt"] | None = None) -> None:
        """Write a subtitle file.

        Args:
            path: Where to.
            kind: Format; by the file's ending when not given.
        """
        file = pysubs2.SSAFile()
        for cue in self.cues:
            event = pysubs2.SSAEvent(
                start=round(cue.start * 1000 / self._rate), end=round(cue.end * 1000 / self._rate)
            )
            event.plaintext = "\n".join(cue.lines)
            file.append(event)
        file.save(str(path), format_=kind or path.suffix.lstrip(".").lower(), encoding="utf-8")


def _width(style: CaptionStyle) -> Callable[[str], float]:
    """Line length in the style's columns."""
    if style.language == "en":
        return len
    return _columns


def _columns(text: str) -> float:
    """Length in Chinese characters; Latin letters, digits and spaces count half."""
    return sum(0.5 if ord(char) < 0x2E80 and char not in "“”‘’—…" else 1.0 for char in text)


def _shown(text: str) -> str:
    """What a caption shows of a stretch of text: no punctuation left alone at its ends."""
    text = " ".join(text.split())
    while text and (text[0] in NO_START and text[0] not in "…" or text[0] == " "):
        text = text[1:]
    while text and (text[-1] in SILENT_END or text[-1] in NO_END or text[-1] == " "):
        text = text[:-1]
    return text if any(char.isalnum() for char in text) else ""


@lru_cache(maxsize=1)
def _jieba() -> Callable[[str], list[str]]:
    """The Chinese word segmenter; its dictionary is read on first use."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    segmenter: Callable[[str], list[str]] = jieba.Tokenizer().lcut
    return segmenter


def _segmenter(style: CaptionStyle) -> Callable[[str], list[str]] | None:
    if style.language != "zh":
        return None
    return _jieba()


def _chunks(text: str, style: CaptionStyle) -> list[tuple[int, int]]:
    """Split a clause into stretches that fit on the screen, even in length, at good places."""
    measure = _width(style)
    room = style.columns * style.lines * 0.94
    pieces = units(text, _segmenter(style))
    edges = [0]
    for piece in pieces:
        edges.append(edges[-1] + len(piece))
    count = 1
    while True:
        cuts = _cuts(text, edges, count, measure)
        spans = list(zip(cuts, cuts[1:], strict=False))
        fits = all(
            break_lines(units(_shown(text[a:b]), _segmenter(style)), measure, style.columns,
                        style.lines) is not None
            for a, b in spans
        )  # fmt: skip
        if (fits and measure(text) <= room * count) or count >= len(pieces):
            return [(a, b) for a, b in spans if _shown(text[a:b])]
        count += 1


def _cuts(text: str, edges: list[int], count: int, measure: Callable[[str], float]) -> list[int]:
    """``count`` stretches of about equal length, cut after punctuation where it is near."""
    total = measure(text)
    cuts = [0]
    for number in range(1, count):
        want = total * number / count
        inside = [edge for edge in edges if cuts[-1] < edge < len(text)]
        if not inside:
            break

        def cost(edge: int, want: float = want) -> float:
            off = abs(measure(text[:edge]) - want)
            return off - (0.35 * total / count if text[edge - 1] in _SPLIT_MARKS else 0.0)

        cuts.append(min(inside, key=cost))
    return [*cuts, len(text)]


def _samples(words: Sequence[Word], start: int, end: int) -> tuple[int, int]:
    """First and last sample of the words that text[start:end] touches."""
    position, touched = 0, []
    for word in words:
        after = position + len(word.text)
        if position < end and after > start and word.text.strip():
            touched.append(word)
        position = after
    if not touched:
        return words[0].start, words[-1].end
    return touched[0].start, max(touched[-1].end, touched[0].start + 1)
