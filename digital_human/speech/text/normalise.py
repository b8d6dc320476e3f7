"""Written text to spoken text, keeping which written stretch every spoken stretch came from.

WeText's weighted transducers do the reading of numbers, dates, times, money and units. Ordered
rewriting rules before them settle what those read differently from a newsreader (scores, ranges,
temperatures below zero, model numbers, currency signs before large numbers, addresses).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate
from typing import Any

from digital_human.speech.text.rules import EN_RULES, ZH_RULES, Rule
from digital_human.speech.types import Language

_SYMBOLS = "%℃℉°$￥¥€£‰+=×÷±≥≤<>&@#㎡㎏㎜㎝㎞²³μΩ"
_NEEDS_READING = re.compile(
    rf"[0-9{re.escape(_SYMBOLS)}¼½¾]|\b[A-Z][A-Za-z]{{1,4}}\.|\b[IVX]{{2,}}\b|www\.|://"
)
# Pieces between these marks are read apart, which keeps the transducers' work small.
_PIECE_END = {
    "zh": re.compile(r"(?<=[。！？；，、\n“”《》（）])|(?<=：)(?!\d)"),
    "en": re.compile(r"(?<=[;!?])\s"),
}
_NUMBER = re.compile(r"\d+(?:\.\d+)?%?")
_TOKEN = {
    "zh": re.compile(r"\s+|[A-Za-z]+|.", re.DOTALL),
    "en": re.compile(r"\s+|\w+|.", re.DOTALL),
}
_FULL_WIDTH = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B))}
_FULL_WIDTH |= {c: c - 0xFEE0 for c in range(0xFF41, 0xFF5B)}
_FULL_WIDTH |= {ord(a): ord(b) for a, b in zip("％＋＝．＄＆＠＃－−–", "%+=.$&@#---", strict=True)}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of written text and how it is spoken.

    Attributes:
        start: First written character.
        end: One past the last written character.
        spoken: The reading; may be empty (the stretch is silent).
    """

    start: int
    end: int
    spoken: str


@dataclass(frozen=True, slots=True)
class Normalised:
    """Spans in order that cover the written text without gaps or overlaps."""

    written: str
    spans: tuple[Span, ...]

    @property
    def spoken(self) -> str:
        """The whole text as it is read."""
        return "".join(span.spoken for span in self.spans)


def normalise(text: str, language: Language) -> Normalised:
    """Read out what is not a word in ``text``.

    Args:
        text: As written.
        language: Rules to read by; Japanese text is left to its own front end.

    Returns:
        The reading with its alignment.
    """
    if language == "ja" or not text:
        return Normalised(text, tuple(Span(i, i + 1, c) for i, c in enumerate(text)))
    spans: list[Span] = []
    start = 0
    for end in [*(m.end() for m in _PIECE_END[language].finditer(text)), len(text)]:
        if end > start:
            spans.extend(_piece(text[start:end], start, language))
            start = end
    return Normalised(text, tuple(spans))


def _piece(text: str, offset: int, language: Language) -> list[Span]:
    half = text.translate(_FULL_WIDTH)
    spans = [Span(offset + i, offset + i + 1, c) for i, c in enumerate(half)]
    if not _NEEDS_READING.search(half):
        return spans
    rules = ZH_RULES if language == "zh" else EN_RULES
    fixed: set[Span] = set()
    for rule in rules:
        spans, done = _apply(rule, spans, fixed, language)
        fixed |= done
    result: list[Span] = []
    run: list[Span] = []
    for span in [*spans, None]:
        if span is not None and span not in fixed:
            run.append(span)
            continue
        if run:
            result.extend(_transduce(run, language))
            run = []
        if span is not None:
            result.append(span)
    return result


def _apply(
    rule: Rule, spans: list[Span], fixed: set[Span], language: Language
) -> tuple[list[Span], set[Span]]:
    """Replace what ``rule`` matches; its result is final or goes on to the transducers."""
    # A fixed span stands as one private-use character so that no rule reaches into it.
    text = "".join("\ue000" if s in fixed else s.spoken for s in spans)
    owner = [i for i, s in enumerate(spans) for _ in ("\ue000" if s in fixed else s.spoken)]
    result: list[Span] = []
    done: set[Span] = set()
    next_span = 0

    def read(part: str) -> str:
        return _read(part, language)

    for match in rule.pattern.finditer(text):
        if match.start() == match.end():
            continue
        first, last = owner[match.start()], owner[match.end() - 1]
        spoken = rule.replace(match, read)
        if spoken is None or first < next_span:
            continue
        result.extend(spans[next_span:first])
        # A match may begin or end within a span that an earlier rule has rewritten.
        before = text[owner.index(first) : match.start()]
        after = text[match.end() : len(owner) - owner[::-1].index(last)]
        merged = Span(spans[first].start, spans[last].end, before + spoken + after)
        if rule.final and not before and not after:
            done.add(merged)
        result.append(merged)
        next_span = last + 1
    result.extend(spans[next_span:])
    return result, done


def _transduce(run: list[Span], language: Language) -> list[Span]:
    """Read a run of spans with WeText and map the result back to written positions."""
    text = "".join(s.spoken for s in run)
    if not _NEEDS_READING.search(text):
        return run
    owner = [i for i, s in enumerate(run) for _ in s.spoken]
    silent = [s for s in run if not s.spoken]
    result: list[Span] = []
    last_owner = -1
    for start, end, spoken in _mappings(text, language):
        if start == end:
            if result:
                result[-1] = Span(result[-1].start, result[-1].end, result[-1].spoken + spoken)
            continue
        first, last = owner[start], owner[end - 1]
        if first <= last_owner:  # the pieces of one rewritten span stay one span
            previous = result.pop()
            merged = Span(previous.start, run[last].end, previous.spoken + spoken)
        else:
            merged = Span(run[first].start, run[last].end, spoken)
        result.append(merged)
        last_owner = max(last_owner, last)
    return sorted([*result, *_uncovered(silent, result)], key=lambda s: (s.start, s.end))


def _uncovered(silent: Iterable[Span], spans: list[Span]) -> list[Span]:
    return [s for s in silent if not any(o.start <= s.start and s.end <= o.end for o in spans)]


def _mappings(text: str, language: Language) -> list[tuple[int, int, str]]:
    """``(start, end, spoken)`` for each stretch of ``text``, in order, covering all of it.

    WeText's own alignment follows another path through its grammar than its best reading and is
    eight times slower, so the reading is aligned here: characters in Chinese, words in English.
    """
    spoken = _read(text, language)
    spoken = text[: len(text) - len(text.lstrip())] + spoken
    if text[-1:].isspace() and not spoken[-1:].isspace():
        spoken += " "
    token = _TOKEN[language]
    before, after = token.findall(text), token.findall(spoken)
    starts = [0, *accumulate(map(len, before))]
    mappings: list[tuple[int, int, str]] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, i, j, a, b in matcher.get_opcodes():
        if kind == "equal":
            mappings += [(starts[k], starts[k + 1], before[k]) for k in range(i, j)]
        else:
            mappings.append((starts[i], starts[j], "".join(after[a:b])))
    return mappings


def _read(text: str, language: Language) -> str:
    """WeText's reading; what its grammar has no path for keeps all but its numbers."""
    try:
        spoken = str(_wetext(language).normalize(text))
    except AssertionError:
        if _NUMBER.fullmatch(text):
            return text
        return _NUMBER.sub(lambda match: _read(match[0], language), text)
    # WeText escapes quotes in what it returns for long English inputs.
    return spoken.replace('\\"', '"').strip()


@lru_cache(maxsize=2)
def _wetext(language: Language) -> Any:
    from wetext import Normalizer

    return Normalizer(lang=language, operator="tn")
