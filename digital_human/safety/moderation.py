"""Judges text by word lists: pass, have a person look, or refuse.

Words are found as written, in disguised spellings (`folding`) and by sound (`phonetic`). A sentence
that reports on a crime or warns against it is judged one level milder than one that offers it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, Protocol

import ahocorasick

from digital_human.errors import InputError, ModerationError
from digital_human.safety.folding import Skeleton, fold
from digital_human.safety.phonetic import PhoneticIndex
from digital_human.safety.words import Level, Lexicon, Pair, load_lexicon

How = Literal["exact", "variant", "pinyin"]
_SENTENCE = re.compile(r"[^。！？!?\n]+")
_MAX_FILLER = 6  # Symbols and spaces that may hide between two characters of a word.


@dataclass(frozen=True, slots=True)
class Hit:
    """A listed word found in a text.

    Attributes:
        start: Index of its first character.
        end: Index after its last character.
        text: The characters as written.
        entry: The listed word (for a pair ``first + second``).
        category: The list it is on.
        how: As written, in a disguised spelling, or by sound.
        level: What it means here, context counted.
        context: The word that made the judgement milder, or "".
    """

    start: int
    end: int
    text: str
    entry: str
    category: str
    how: How
    level: Level
    context: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one text.

    Attributes:
        level: The strictest level of the hits.
        hits: In order of position; those of level pass were found harmless by their context.
    """

    level: Level
    hits: tuple[Hit, ...] = ()

    @property
    def blocked(self) -> tuple[Hit, ...]:
        """The hits that refuse the text."""
        return tuple(hit for hit in self.hits if hit.level is Level.BLOCK)

    @classmethod
    def of(cls, hits: Iterable[Hit]) -> Verdict:
        """The verdict that follows from ``hits``."""
        ordered = tuple(sorted(hits, key=lambda hit: (hit.start, hit.end)))
        return cls(max((hit.level for hit in ordered), default=Level.PASS), ordered)


class AuditSink(Protocol):
    """What the gate needs of `audit.AuditLog`."""

    def append(self, action: str, detail: dict[str, object]) -> object:
        """Add a record."""
        ...


@dataclass(frozen=True, slots=True)
class _Term:
    """What an automaton's match stands for: a word, a harmless phrase or a half of a pair."""

    word: str
    kind: Literal["word", "except", "first", "second", "pair-except"]
    category: str = ""
    level: Level = Level.PASS
    pair: int = -1


class Moderator:
    """Finds listed words in text; immutable and safe to share between threads.

    Args:
        lexicon: The lists to use.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._context = lexicon.context
        self._pairs: list[tuple[str, Pair]] = []
        self._terms: dict[str, _Term] = {}
        plain: dict[str, list[_Term]] = defaultdict(list)
        leet: dict[str, list[_Term]] = defaultdict(list)
        sounded: list[str] = []
        for term in self._read(lexicon):
            if key := fold(term.word).text:
                plain[key].append(term)
            if term.kind == "word" and _is_latin(term.word):
                leet[fold(term.word, leet=True).text].append(term)
        for words in lexicon.lists.values():
            sounded.extend(words.pinyin)
        self._plain, self._leet = _automaton(plain), _automaton(leet)
        self._phonetic = PhoneticIndex(dict.fromkeys(sounded))

    @classmethod
    @lru_cache(maxsize=1)
    def default(cls) -> Moderator:
        """The project's lists and the user's, read once per process."""
        return cls(load_lexicon())

    def check(self, text: str) -> Verdict:
        """Judge ``text`` of any length."""
        skeleton = fold(text)
        hits, harmless = self._spelt(text, skeleton)
        hits += self._leeted(text)
        hits += self._heard(text, skeleton)
        hits = [hit for hit in hits if not _covered(hit, harmless)]
        return Verdict.of(self._in_context(text, _longest(hits)))

    def _read(self, lexicon: Lexicon) -> Iterator[_Term]:
        for category, words in lexicon.lists.items():
            for level, listed in ((Level.BLOCK, words.block), (Level.REVIEW, words.review)):
                for word in listed:
                    term = _Term(word, "word", category, level)
                    self._terms.setdefault(word, term)
                    yield term
            for word, phrases in words.exceptions.items():
                for phrase in phrases:
                    yield _Term(phrase, "except", word)
            for pair in words.pair:
                number = len(self._pairs)
                self._pairs.append((category, pair))
                yield from (_Term(word, "first", category, pair=number) for word in pair.first)
                yield from (_Term(word, "second", category, pair=number) for word in pair.second)
                for phrase in pair.exceptions:
                    yield _Term(phrase, "pair-except", category, pair=number)

    def _spelt(self, text: str, skeleton: Skeleton) -> tuple[list[Hit], list[tuple[str, int, int]]]:
        """Words as written or disguised, and (word, start, end) of phrases that excuse a word."""
        hits: list[Hit] = []
        harmless: list[tuple[str, int, int]] = []
        halves: dict[int, list[tuple[int, int, _Term]]] = defaultdict(list)
        for first, last, term in _matches(self._plain, skeleton):
            if not _whole(text, skeleton, first, last, term.word):
                continue
            start, end = skeleton.span(first, last)
            if term.kind == "word":
                hits.append(_hit(text, start, end, term))
            elif term.kind == "except":
                harmless.append((term.category, start, end))
            else:
                halves[term.pair].append((first, last, term))
        for number, found in halves.items():
            hits += self._paired(text, skeleton, number, found)
        return hits, harmless

    def _paired(
        self, text: str, skeleton: Skeleton, number: int, found: list[tuple[int, int, _Term]]
    ) -> Iterator[Hit]:
        category, pair = self._pairs[number]
        excused = [(a, b) for a, b, term in found if term.kind == "pair-except"]
        found = [
            (a, b, term) for a, b, term in found if not any(x <= a and b <= y for x, y in excused)
        ]
        firsts = [item for item in found if item[2].kind == "first"]
        seconds = [item for item in found if item[2].kind == "second"]
        level = Level[pair.level.upper()]
        for a, b, one in firsts:
            for c, d, two in seconds:
                between = max(a, c) - min(b, d) - 1
                if 0 <= between <= pair.gap and skeleton.phrase[a] == skeleton.phrase[c]:
                    start, end = skeleton.span(min(a, c), max(b, d))
                    entry = f"{one.word} + {two.word}"
                    yield Hit(start, end, text[start:end], entry, category, "exact", level)

    def _leeted(self, text: str) -> Iterator[Hit]:
        skeleton = fold(text, leet=True)
        for first, last, term in _matches(self._leet, skeleton):
            start, end = skeleton.span(first, last)
            written = text[start:end]
            if any(c.isalpha() for c in written) and _whole(text, skeleton, first, last, term.word):
                yield _hit(text, start, end, term)

    def _heard(self, text: str, skeleton: Skeleton) -> Iterator[Hit]:
        for word, first, last in self._phonetic.find(skeleton):
            term = self._terms[word]
            level = term.level if len(fold(word).text) >= 3 else min(term.level, Level.REVIEW)
            start, end = skeleton.span(first, last)
            yield Hit(start, end, text[start:end], word, term.category, "pinyin", level)

    def _in_context(self, text: str, hits: list[Hit]) -> Iterator[Hit]:
        sentences = [(m.start(), m.end()) for m in _SENTENCE.finditer(text)]
        for hit in hits:
            around = [(a, b) for a, b in sentences if a < hit.end and hit.start < b]
            start, end = (around[0][0], around[-1][1]) if around else (hit.start, hit.end)
            context = self._reporting(text[start : hit.start], text[hit.end : end])
            if context and hit.level is not Level.PASS:
                hit = replace(hit, level=hit.level.lowered, context=context)
            yield hit

    def _reporting(self, before: str, after: str) -> str:
        """The reporting word around a hit, "" when there is none or contact details stand there."""
        around = f"{before}\n{after}".casefold()
        if any(word.casefold() in around for word in self._context.contact):
            return ""
        words = self._context.reporting
        return next((word for word in words if word.casefold() in around), "")


def gate(verdict: Verdict, allow: str | None, audit: AuditSink, **subject: object) -> None:
    """Let a judged text through, or refuse it; what is not a plain pass is put in the audit log.

    Args:
        verdict: The judgement.
        allow: Why a refused text is let through all the same; None refuses it.
        audit: Where the decision is recorded.
        **subject: What was judged (a name, a hash), recorded with the decision.

    Raises:
        ModerationError: The text is refused and there is no reason to allow it.
        InputError: ``allow`` is given and blank.
    """
    if allow is not None and not allow.strip():
        raise InputError(
            f"--allow {allow!r}: the reason is blank", fix='say why, such as --allow "court report"'
        )
    if verdict.level is Level.PASS:
        return
    decision = "noted"
    if verdict.level is Level.BLOCK:
        decision = "refused" if allow is None else "allowed"
    detail: dict[str, object] = {**subject, **summary(verdict), "decision": decision}
    if decision == "allowed" and allow is not None:
        detail["reason"] = allow.strip()
    audit.append("moderation", detail)
    if decision == "refused":
        named = "; ".join(
            f"{hit.text!r} at character {hit.start + 1} ({hit.category}, {hit.how})"
            for hit in verdict.blocked[:5]
        )
        more = len(verdict.blocked) - 5
        raise ModerationError(
            f"refused by the word lists: {named}" + (f" and {more} more" if more > 0 else ""),
            fix='change the text, or say why it is right with --allow "REASON" (it is logged)',
        )


def summary(verdict: Verdict) -> dict[str, object]:
    """The verdict for the audit log: the listed words, not the text around them."""
    return {
        "level": str(verdict.level),
        "hits": [
            {"entry": h.entry, "category": h.category, "how": h.how, "level": str(h.level)}
            for h in verdict.hits
        ],
    }


def _automaton(terms: dict[str, list[_Term]]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for key, found in terms.items():
        automaton.add_word(key, (len(key), found))
    automaton.make_automaton()
    return automaton


def _matches(
    automaton: ahocorasick.Automaton, skeleton: Skeleton
) -> Iterator[tuple[int, int, _Term]]:
    if not len(automaton) or not skeleton.text:
        return
    for last, (length, terms) in automaton.iter(skeleton.text):
        for term in terms:
            yield last - length + 1, last, term


def _hit(text: str, start: int, end: int, term: _Term) -> Hit:
    how: How = "exact" if text[start:end].casefold() == term.word.casefold() else "variant"
    return Hit(start, end, text[start:end], term.word, term.category, how, term.level)


def _is_latin(word: str) -> bool:
    return word.isascii() and sum(c.isalpha() for c in word) >= 4


def _ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _whole(text: str, skeleton: Skeleton, first: int, last: int, word: str) -> bool:
    """Whether the match is the word, and not a chance meeting of its characters.

    Latin letters and digits match at word boundaries only. Filler inside a word is short, and
    phrase punctuation is filler only where it stands between every two characters of a long word.
    """
    start, end = skeleton.span(first, last)
    if _ascii_word(word[0]) and start and _ascii_word(text[start - 1]):
        return False
    if _ascii_word(word[-1]) and end < len(text) and _ascii_word(text[end]):
        return False
    gaps = [
        skeleton.origin[i + 1] - skeleton.origin[i] - 1
        for i in range(first, last)
        if skeleton.origin[i + 1] > skeleton.origin[i]
    ]
    if not any(gaps) or text[start:end].casefold() == word.casefold():
        return True
    if max(gaps) > _MAX_FILLER:
        return False
    if word.isascii() and " " not in word:
        return len(word) > 3 and (all(gaps) or not any(c.isspace() for c in text[start:end]))
    return skeleton.phrase[first] == skeleton.phrase[last] or (len(gaps) >= 2 and all(gaps))


def _covered(hit: Hit, harmless: list[tuple[str, int, int]]) -> bool:
    return any(
        word == hit.entry and start <= hit.start and hit.end <= end for word, start, end in harmless
    )


def _longest(hits: list[Hit]) -> list[Hit]:
    """Drop a hit that lies within another one that is at least as strict."""
    plainest = ("exact", "variant", "pinyin")
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.start, -h.end, -h.level, plainest.index(h.how))):
        within = (k for k in kept if k.start <= hit.start and hit.end <= k.end)
        if not any(k.level >= hit.level for k in within):
            kept.append(hit)
    return kept
