"""Words that speech recognition wrote as others which sound alike: 被一手 for 背一首."""

from __future__ import annotations

import re
from functools import lru_cache

from digital_human.dialogue.knowledge.words import sounds_of

_WISHES = (
    "背一首", "念一首", "读一首", "来一首", "讲一首", "说一首", "唱一首", "写一首", "作一首",
    "编一首", "朗诵一", "吟一首", "打油诗", "顺口溜",
)  # fmt: skip
_DOGGEREL = "打油诗"
_SIZE = 3
_HAN = re.compile(rf"[\u3400-\u9fff]{{{_SIZE},}}")


def restored(text: str) -> str:
    """``text`` with the words in which poems are wished for put back where they were misheard."""
    return _HAN.sub(lambda run: _restored(run[0]), text)


def _restored(run: str) -> str:
    sounds, wishes = sounds_of(run), _wishes()
    out, at = "", 0
    while at < len(run):
        wish = wishes.get(sounds[at : at + _SIZE])
        if wish is None and "一首" in out and _ends_in_doggerel(sounds[at:]):
            wish = _DOGGEREL
        out += wish or run[at]
        at += _SIZE if wish else 1
    return out


def _ends_in_doggerel(sounds: tuple[str, ...]) -> bool:
    """Whether a wish for a poem ends in the sort of it with its middle misheard: 打不识."""
    first, _, last = sounds_of(_DOGGEREL)
    return len(sounds) in (_SIZE, _SIZE + 1) and (sounds[0], sounds[2]) == (first, last)


@lru_cache(maxsize=1)
def _wishes() -> dict[tuple[str, ...], str]:
    return {sounds_of(wish): wish for wish in reversed(_WISHES)}
