"""Words that speech recognition wrote as others which sound alike: 被一手 for 背一首."""

from __future__ import annotations

import re
from functools import lru_cache

from digital_human.dialogue.knowledge.words import sounds_of

_WORDS = (
    "背一首", "念一首", "读一首", "来一首", "讲一首", "说一首", "唱一首", "写一首", "作一首",
    "编一首", "朗诵一", "吟一首", "打油诗", "顺口溜",
    "几点钟", "几点关", "几点开", "点关门", "点开门",
)  # fmt: skip
_DOGGEREL = "打油诗"
_SIZE = 3
_HAN = re.compile(rf"[\u3400-\u9fff]{{{_SIZE},}}")


def restored(text: str) -> str:
    """``text`` with words of wishes for poems and of hours put back where they were misheard."""
    return _HAN.sub(lambda run: _restored(run[0]), text)


def _restored(run: str) -> str:
    sounds, words = sounds_of(run), _words()
    out, at = "", 0
    while at < len(run):
        word = words.get(sounds[at : at + _SIZE])
        if word is None and "一首" in out and _ends_in_doggerel(sounds[at:]):
            word = _DOGGEREL
        out += word or run[at]
        at += _SIZE if word else 1
    return out


def _ends_in_doggerel(sounds: tuple[str, ...]) -> bool:
    """Whether a wish for a poem ends in the sort of it with its middle misheard: 打不识."""
    first, _, last = sounds_of(_DOGGEREL)
    return len(sounds) in (_SIZE, _SIZE + 1) and (sounds[0], sounds[2]) == (first, last)


@lru_cache(maxsize=1)
def _words() -> dict[tuple[str, ...], str]:
    return {sounds_of(word): word for word in reversed(_WORDS)}
