"""Stage directions inside a text, such as ``[nod]`` or ``[微笑 0.5]``: acted, never spoken.

A direction names an act (a short gesture), a mood (a look of the face and a manner of the voice
that last until the next one) or a manner of the voice (see `speech.text.delivery`), and may say how
strong it is, 0…1. Directions stand in brackets before the word at which they begin. ``left`` and
``right`` are those of the picture.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from digital_human.face.animation.looks import ACTS, MOODS, OWN_ACTS
from digital_human.speech.text.delivery import (
    NAMES,
    PAUSE,
    VOICE_TAGS,
    VoiceTag,
    taken,
    voice_tag,
)

_WORDS: Mapping[str, str] = {
    "nod": "nods 点头 点点头 うなずく",
    "shake": "shakes shake~head 摇头 摇摇头 首を振る",
    "smile": "smiles 微笑 笑 笑一笑 笑顔",
    "surprise": "惊讶 吃惊 驚く",
    "think": "thinks 思考 想一想 考える",
    "wink": "winks 眨眼 眨眼睛 ウインク",
    "look-left": "看左边 看左 向左看 往左看 左を見る",
    "look-right": "看右边 看右 向右看 往右看 右を見る",
    "look-up": "看上面 看上 向上看 往上看 抬头 上を見る",
    "look-down": "看下面 看下 向下看 往下看 低头 下を見る",
    "neutral": "平静 自然 真顔",
    "happy": "开心 高兴 快乐 嬉しい",
    "warm": "亲切 温暖 優しい",
    "serious": "严肃 真剣",
    "sad": "悲伤 难过 悲しい",
    "surprised": "惊奇 驚き",
    "wave": "waves 挥手 招手 手を振る",
    "point": "points 指 指一下 指さす",
}
_NAMES = {
    word.replace("~", " "): name
    for name in (*ACTS, *MOODS, *OWN_ACTS)
    for word in (name.replace("-", " "), *_WORDS[name].split())
}
_ALL = (*ACTS, *MOODS, *OWN_ACTS, *VOICE_TAGS)
_LEVEL = re.compile(r"^(.*?)\s*(\d*\.?\d+)$")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Direction:
    """A direction and the place in the spoken text where it stands.

    Attributes:
        at: Character of the text, without directions, before which it stands.
        act: A name, or a name and a level (of a pause: seconds). What the face does of it is what
            `digital_human.face.animation.Animator.act` takes.
    """

    at: int
    act: str

    @property
    def facial(self) -> bool:
        """Whether the face has to do with it."""
        return self.act.partition(" ")[0] not in VOICE_TAGS


def read_direction(words: str) -> str | None:
    """The act that ``words`` (what stands in the brackets) name, as in `Direction.act`.

    Returns:
        None when they name none.

    Raises:
        ValueError: The level is not above 0 and at most 1, or a pause is too long.
    """
    plain = re.sub(r"[\s_-]+", " ", words.casefold()).strip()
    level = 1.0
    if (found := _LEVEL.match(plain)) and found[1]:
        plain, level = found[1].strip(), float(found[2])
    name = _NAMES.get(plain)
    if name is None:
        tag = voice_tag(words)
        return None if tag is None else _act(tag.name, tag.value)
    if not 0.0 < level <= 1.0:
        raise ValueError(f"[{words}]: the level {level:g} must be above 0 and at most 1")
    return _act(name, level)


def _act(name: str, level: float) -> str:
    return name if level == 1.0 and name != PAUSE else f"{name} {level:g}"


def voice_tags(directions: Iterable[Direction]) -> tuple[VoiceTag, ...]:
    """What the voice does of ``directions``."""
    tags = (voice_tag(direction.act, direction.at) for direction in directions)
    return tuple(tag for tag in tags if tag is not None)


def take_directions(text: str, *, strict: bool = False) -> tuple[str, tuple[Direction, ...]]:
    """``text`` as it is spoken, and its directions.

    Args:
        text: As written.
        strict: Refuse words in square brackets that are no direction, which are most likely
            misspelt; otherwise they are left to be spoken. 【…】 is always left, it is also used
            for headings.

    Raises:
        ValueError: A direction is unknown or its level is out of range.
    """

    def read(tag: str) -> str | None:
        act = read_direction(tag[1:-1])
        if act is None and strict and tag[0] != "【" and _LETTER.search(tag):
            raise ValueError(_unknown(tag[1:-1]))
        return act

    plain, found = taken(text, read)
    return plain, tuple(Direction(at, act) for at, act in found)


def _unknown(words: str) -> str:
    known = (*_NAMES, *NAMES)
    close = difflib.get_close_matches(words.casefold(), known, 1)
    hint = f"did you mean [{close[0]}]? " if close else ""
    return (
        f"[{words}] is no stage direction; {hint}known are "
        f"{', '.join(name.replace('-', ' ') for name in _ALL)}; "
        "put words that are to be spoken into round brackets"
    )
