"""What of a text says something: for comparing what two texts tell."""

from __future__ import annotations

import re

_AGREE = 0.5  # share of what two answers tell from which they say the same
_HAN = re.compile(r"[\u3400-\u9fff]")
_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z]+|\d+(?:\.\d+)?")
_PLAIN_WORDS = frozenset(
    "the and for are was were this that with from you your can our has have had its it's but not "
    "they them there here which who what when where about into also very will would one is in on "
    "at to of as an or by be he she we me my so if do did i a".split()
)
_PLAIN_PAIRS = re.compile(
    r"[的了是在有和与这那也都就很把被给让您你我他她它们个一不可以能会要吧呢啊吗]"
)


def content(text: str) -> set[str]:
    """Words and pairs of characters that say something."""
    found: set[str] = set()
    for run in _RUN.findall(text.casefold()):
        if not _HAN.match(run):
            if len(run) > 1 and run not in _PLAIN_WORDS:
                found.add(run[:5])  # builds, built, builder
            continue
        pairs = (run[i : i + 2] for i in range(len(run) - 1))
        found.update(pair for pair in pairs if not _PLAIN_PAIRS.search(pair))
    return found


def agree(one: set[str], other: set[str]) -> bool:
    """Whether two answers say the same, given what each says beyond the question."""
    fewer = min(len(one), len(other))
    return not fewer or len(one & other) >= _AGREE * fewer
