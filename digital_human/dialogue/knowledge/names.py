"""Proper names of the knowledge: what a recogniser should know to expect."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from digital_human.dialogue.knowledge.entries import Entry
from digital_human.dialogue.knowledge.words import analyse

_HAN_NAME = re.compile(r"[\u3400-\u9fff]{2,8}")
_QUOTED = re.compile(r"[《「“]([\u3400-\u9fff]{2,8})[》」”]")
_LATIN_NAME = re.compile(r"(?:[A-Z][\w'’]+)(?: (?:[A-Z][\w'’]+|of|the|in))*(?: [A-Z][\w'’]+)")
# What the last character of a Chinese place name says it is.
_PLACE = re.compile(r"^[\u3400-\u9fff]{1,7}[塔堤桥寺湖山园亭阁楼庙宫岛泉祠馆庄居院峰洞台墓潭苑谷井]$")
# Words that mark a phrase as no name.
_PLAIN = re.compile(r"[的了是在有和与或去到怎几多什么哪谁吗请个这那]")


def names_of(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Names worth protecting, most frequent first.

    The author's keywords and bold words, quoted titles, headings and words of questions that end
    like a place name, and English capitalised names.
    """
    counts: Counter[str] = Counter()
    for entry in entries:
        counts.update(dict.fromkeys(_names(entry), 1))
    return tuple(name for name, _ in counts.most_common())


def _names(entry: Entry) -> Iterator[str]:
    for word in entry.keywords:
        if not _PLAIN.search(word):
            yield word
    if entry.language == "en":
        for text in (entry.title, entry.text):
            yield from _LATIN_NAME.findall(text)
        return
    for text in (entry.title, entry.text):
        yield from (name for name in _QUOTED.findall(text) if not _PLAIN.search(name))
    if entry.kind == "passage" and _HAN_NAME.fullmatch(entry.title) and _PLACE.match(entry.title):
        yield entry.title
    for ask in entry.asks:
        yield from (w.text for w in analyse(ask).words if _PLACE.match(w.text) and len(w.text) > 1)
