"""Proper names of the knowledge: what a recogniser should expect and an answer must not mix up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from digital_human.dialogue.knowledge.entries import Entry, sentences
from digital_human.dialogue.knowledge.words import Analysis, analyse, jieba_file

_QUOTED = re.compile(r"[《「“]([\u3400-\u9fff]{3,8})[》」”]")
_CAPITAL = r"[A-Z][a-z’']*[a-zA-Z]"
_LATIN_NAME = re.compile(rf"{_CAPITAL}(?: (?:(?:of|the|in) )*{_CAPITAL})+")
_WORD = re.compile(r"[A-Za-z’']+")
# What the last character of a Chinese place name says it is. Of names of two characters only those
# that the author marks are taken: too much sounds like them.
_PLACE = re.compile(
    r"[\u3400-\u9fff]{2,7}[塔堤桥寺湖山园亭阁楼庙宫岛泉祠馆庄居院峰洞台墓潭苑谷井洲街]"
)
# Words that mark a phrase as no name.
_PLAIN = re.compile(r"[的了是在有和与或去到怎几多什么哪谁吗请个这那]")
# jieba's tags of names of people, places, organisations and other things.
_NAME_TAGS = frozenset({"nr", "ns", "nt", "nz", "nrt", "nrfg"})


def names_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Names worth protecting, most frequent first.

    The author's keywords and bold words, quoted titles, place names among headings and questions,
    and English names of several capitalised words.
    """
    capitals = _capitals(entries)
    places = _places(entries)
    counts: Counter[str] = Counter()
    for entry in entries:
        counts.update(set(_names(entry, capitals, places)))
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))


def sound_of(name: str) -> str:
    """How a name sounds, between spaces; empty when it holds no telling word."""
    return _sounds(analyse(name))


def heard_in(analysis: Analysis, names: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Which names are heard in a text.

    Args:
        analysis: The text.
        names: Names with their `sound_of`.

    Returns:
        The sounds of the names, without those that are only heard inside a longer one.
    """
    sounds = _sounds(analysis)
    found = {sound for _, sound in names if sound and sound in sounds}
    return frozenset(s for s in found if not any(s != other and s in other for other in found))


def foreign_names(text: str, written: str) -> list[str]:
    """Names of people and places in a text that ``written`` does not have.

    Chinese ones are told by jieba's dictionary, English ones by capitals inside the sentence.

    Args:
        text: A question or an answer.
        written: What is known: Chinese as it stands, English as stems between spaces.
    """
    stems = set(written.split())
    found = [w.text for w in analyse(text).words if w.text in _dictionary_names()]
    capitals = (w for run in _inner_capitals(text) for w in analyse(run).words)
    foreign = [w.text for w in capitals if not w.light and w.text not in stems]
    return [name for name in found if name not in written] + foreign


def _inner_capitals(text: str) -> list[str]:
    """Capitalised words that do not begin a sentence."""
    words = (w for one in sentences(text) for w in _WORD.findall(one)[1:])
    return [w for w in words if w[0].isupper() and len(w) > 1]


def _sounds(analysis: Analysis) -> str:
    # A misheard name may fall apart into 的 and 来: only light Latin words are passed over.
    words = (word for word in analysis.words if not (word.light and word.text.isascii()))
    sounds = [s for word in words for s in word.sounds]
    return f" {' '.join(sounds)} " if sounds else ""


def _names(entry: Entry, capitals: frozenset[str], places: frozenset[str]) -> Iterator[str]:
    yield from (word for word in entry.keywords if not _PLAIN.search(word))
    if entry.language == "en":
        for text in (entry.title, entry.text):
            yield from _latin_names(text, capitals)
        return
    for text in (entry.title, entry.text):
        yield from (name for name in _QUOTED.findall(text) if not _PLAIN.search(name))
    for ask in entry.asks:
        yield from (word.text for word in analyse(ask).words if word.text in places)


def _latin_names(text: str, capitals: frozenset[str]) -> Iterator[str]:
    """Capitalised runs, without a first word that is capitalised only as a sentence's first."""
    for run in _LATIN_NAME.findall(text):
        words = run.split()
        while words and (words[0] not in capitals):
            words.pop(0)
        if len(words) > 1:
            yield " ".join(words)


def _capitals(entries: Sequence[Entry]) -> frozenset[str]:
    """Words that are capitalised inside a sentence."""
    found: set[str] = set()
    for entry in entries:
        asks = entry.asks if entry.kind == "qa" else ()  # headings capitalise what they like
        for text in (*asks, entry.text) if entry.language == "en" else ():
            for sentence in sentences(text):
                found.update(w for w in _WORD.findall(sentence)[1:] if w[0].isupper())
    return frozenset(found)


def _places(entries: Sequence[Entry]) -> frozenset[str]:
    """Words of Chinese questions and headings that are place names in jieba's dictionary."""
    asks = (ask for entry in entries if entry.language == "zh" for ask in entry.asks)
    words = {word.text for ask in asks for word in analyse(ask).words}
    return frozenset(word for word in words if word in _dictionary_places())


@lru_cache(maxsize=1)
def _dictionary_places() -> frozenset[str]:
    """Every place name of jieba's dictionary."""
    tags = (line.split() for line in jieba_file("dict.txt").splitlines())
    return frozenset(w for w, _, tag in tags if tag in _NAME_TAGS and _PLACE.fullmatch(w))


_PRONOUN = re.compile(r"[您你我他她它]")  # the dictionary takes 建议您 for a person


@lru_cache(maxsize=1)
def _dictionary_names() -> frozenset[str]:
    """Names of places and organisations of jieba's dictionary, and of people in three signs."""
    tags = (line.split() for line in jieba_file("dict.txt").splitlines())
    return frozenset(
        w
        for w, _, tag in tags
        if len(w) > 1
        and (tag in ("ns", "nt") or (tag == "nr" and len(w) == 3))
        and not _PRONOUN.search(w)
    )
