"""Voice tags inside a text, such as ``[slow]`` or ``[停顿 0.8]``, and how emotions are spoken.

A tag of manner (slow, fast, louder, softer, higher, lower) holds from where it stands to the end of
its sentence, or to ``[normal]``; of two that concern the same thing the later one holds. An emotion
holds until another one is named. ``[pause 0.8]`` adds that much silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, get_args

from digital_human.speech.types import NEUTRAL, Delivery, Emotion

T = TypeVar("T")
EMOTIONS: Mapping[Emotion, Delivery] = {
    "neutral": NEUTRAL,
    "happy": Delivery(speed=1.04, pitch=0.7, loudness=0.5, range=1.15),
    "warm": Delivery(speed=0.97, pitch=0.2, loudness=-0.5, range=1.08),
    "serious": Delivery(speed=0.95, pitch=-0.5, range=0.9),
    "sad": Delivery(speed=0.9, pitch=-0.8, loudness=-1.5, range=0.8),
    "surprised": Delivery(speed=1.04, pitch=1.0, loudness=0.5, range=1.25),
}
"""Modest: what a newsreader would do. Which way joy and sadness go is after Scherer, "Vocal
communication of emotion" (Speech Communication 40, 2003)."""

USUAL_LEVEL = 0.55
"""Level of a mood, such as ``[happy 0.55]``, that is spoken and looks like the emotion itself."""

_MANNERS: Mapping[str, Delivery] = {
    "slow": Delivery(speed=0.8),
    "fast": Delivery(speed=1.25),
    "louder": Delivery(loudness=4.0),
    "softer": Delivery(loudness=-6.0),
    "higher": Delivery(pitch=2.5),
    "lower": Delivery(pitch=-2.5),
}
_OPPOSITE = {"slow": "fast", "louder": "softer", "higher": "lower"}
_OPPOSITE |= {b: a for a, b in _OPPOSITE.items()}
NORMAL, PAUSE = "normal", "pause"
VOICE_TAGS = (*_MANNERS, NORMAL, PAUSE)
"""What only the voice does."""
_PAUSE_SECONDS, _LONGEST_PAUSE = 0.5, 10.0

_WORDS: Mapping[str, str] = {
    "slow": "slowly slower 慢 慢速 慢一点 慢点 放慢 ゆっくり",
    "fast": "quickly faster 快 快速 快一点 快点 加快 速く",
    "louder": "loud loudly 大声 响亮 大声点 大きく",
    "softer": "soft softly quietly 轻声 小声 小声点 小さく",
    "higher": "high 高 高音 高一点 高く",
    "lower": "low 低 低音 低沉 低一点 低く",
    "normal": "正常 恢复 普通",
    "pause": "停顿 停一下 间",
}
NAMES: Mapping[str, str] = {
    word: name for name in VOICE_TAGS for word in (name, *_WORDS[name].split())
}
"""What may stand in the brackets, and the tag it is."""
_TAG = re.compile(r"[\[［]([^\[\]［］\n]{1,40})[\]］]|【([^【】\n]{1,24})】")
_NUMBER = re.compile(r"^(.*?)\s*(\d*\.?\d+)\s*(?:s|秒)?$")


_OPEN = "“‘「『《（(【〈[$￥¥€£+-"


@dataclass(frozen=True, slots=True)
class VoiceTag:
    """A tag and the place in the spoken text where it stands.

    Attributes:
        at: Character of the text, without tags, before which it stands.
        name: One of `VOICE_TAGS` or an emotion.
        value: Level 0…1 of a manner or an emotion; seconds of a pause.
    """

    at: int
    name: str
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text that is spoken in one manner.

    Attributes:
        text: A stretch of the whole text.
        delivery: How it is spoken.
        lead: Silence before it that was asked for, in milliseconds.
    """

    text: str
    delivery: Delivery
    lead: int = 0


LONGEST_LEAD = round(1000 * _LONGEST_PAUSE)
"""Milliseconds of silence before one clause at most, however many pauses are asked for."""


def voice_tag(words: str, at: int = 0) -> VoiceTag | None:
    """The tag that ``words`` (with or without brackets) name; None when they name none.

    Raises:
        ValueError: Its number is out of range.
    """
    plain = re.sub(r"[\s_-]+", " ", words.casefold()).strip("[]［］【】 ")
    number = None
    if (found := _NUMBER.match(plain)) and found[1]:
        plain, number = found[1].strip(), float(found[2])
    if (name := NAMES.get(plain)) is None:
        if plain not in get_args(Emotion):
            return None
        name = plain
    if name == PAUSE:
        seconds = _PAUSE_SECONDS if number is None else number
        if not 0.0 < seconds <= _LONGEST_PAUSE:
            raise ValueError(
                f"[{words}]: a pause of {seconds:g} s must be above 0 and at most "
                f"{_LONGEST_PAUSE:g} s"
            )
        return VoiceTag(at, name, seconds)
    level = 1.0 if number is None else number
    if not 0.0 < level <= 1.0:
        raise ValueError(f"[{words}]: the level {level:g} must be above 0 and at most 1")
    return VoiceTag(at, name, level)


def take_tags(text: str) -> tuple[str, tuple[VoiceTag, ...]]:
    """``text`` as it is spoken, and its voice tags; other brackets are left in it.

    Raises:
        ValueError: The number of a tag is out of range.
    """
    plain, found = taken(text, voice_tag)
    return plain, tuple(replace(tag, at=at) for at, tag in found)


def taken(text: str, read: Callable[[str], T | None]) -> tuple[str, list[tuple[int, T]]]:
    """``text`` without its directions in brackets, and these.

    Args:
        text: As written.
        read: What the words in brackets mean; None leaves them in the text.

    Returns:
        The rest, and the meanings with the place in it before which they stand.
    """
    plain, found, at = "", [], 0
    for tag in _TAG.finditer(text):
        meaning = read(tag[0])
        if meaning is None:
            continue
        plain += text[at : tag.start()]
        at = tag.end()
        if not plain or plain[-1].isspace():
            at += len(text[at:]) - len(text[at:].lstrip(" "))
        found.append((len(plain), meaning))
    return plain + text[at:], found


class Manner:
    """How a text is spoken as it goes on, by the tags in it.

    Args:
        delivery: Manner of what no emotion is named for.
    """

    def __init__(self, delivery: Delivery = NEUTRAL) -> None:
        self._base = self._mood = delivery
        self._manners: dict[str, VoiceTag] = {}

    @property
    def delivery(self) -> Delivery:
        """How what comes next is spoken."""
        result = self._mood
        for tag in self._manners.values():
            result = result.then(_MANNERS[tag.name].scaled(tag.value))
        return result

    def take(self, tag: VoiceTag) -> int:
        """Obey ``tag``; the silence it asks for, in milliseconds."""
        if tag.name == PAUSE:
            return round(1000 * tag.value)
        if tag.name == NORMAL:
            self._manners.clear()
            self._mood = self._base
        elif tag.name in _MANNERS:
            self._manners.pop(_OPPOSITE[tag.name], None)
            self._manners[tag.name] = tag
        else:
            emotion: Emotion = next(e for e in get_args(Emotion) if e == tag.name)
            self._mood = EMOTIONS[emotion].scaled(tag.value / USUAL_LEVEL)
        return 0

    def end_sentence(self) -> None:
        """Manners end; an emotion goes on."""
        self._manners.clear()


def passages(
    text: str,
    tags: Sequence[VoiceTag],
    manner: Manner,
    *,
    ends: Sequence[int],
    speakable: Callable[[str], bool],
) -> tuple[list[Passage], int]:
    """``text`` cut where its manner changes.

    Args:
        text: Without tags.
        tags: In order.
        manner: As it is before the text; left as it is behind it.
        ends: Where its sentences end.
        speakable: Whether a stretch has something to read.

    Returns:
        Passages that joined give ``text``, each with something to read, and the milliseconds of
        silence asked for behind them. No passages when nothing can be read.
    """
    here: dict[int, list[VoiceTag]] = {0: [], len(text): []}
    for tag in tags:
        here.setdefault(_word_at(text, tag.at), []).append(tag)
    made: list[Passage] = []
    lead, held = 0, ""
    bounds = sorted({*here, *ends})
    for start, end in zip(bounds, [*bounds[1:], len(text)], strict=True):
        if start in ends:
            manner.end_sentence()
        for tag in here.get(start, ()):
            lead = min(lead + manner.take(tag), LONGEST_LEAD)
        stretch, held = held + text[start:end], ""
        if not speakable(stretch):
            if made:
                made[-1] = replace(made[-1], text=made[-1].text + stretch)
            else:
                held = stretch
        elif made and not lead and made[-1].delivery == manner.delivery:
            made[-1] = replace(made[-1], text=made[-1].text + stretch)
        else:
            made.append(Passage(stretch, manner.delivery, lead))
            lead = 0
    return made, lead


def _word_at(text: str, at: int) -> int:
    """Where the word begins behind ``at``: marks before it belong to what was said before."""
    end = at
    while 0 < end < len(text) and not text[end].isalnum() and text[end] not in _OPEN:
        end += 1
    return end
