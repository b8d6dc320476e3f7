"""One visit: what is known of who stands there, from own words, and what was told already.

It lives in memory as long as its session, holds groups and no words of the visitor, and chooses
how deep to speak and what not to repeat. Nothing of it is ever written anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from digital_human.dialogue.knowledge import Findings
from digital_human.dialogue.knowledge.content import content
from digital_human.dialogue.own_words import Age, Depth, Hints, Interest, hints
from digital_human.dialogue.types import Source
from digital_human.speech.types import Language

_COUNTS = 2  # mentions that make an interest
_SHOWN = 2  # interests the language model is told of
_TOLD = 300  # passages remembered
_SHARE = 0.3  # of an answer's content that stands in a passage which was told

_ANOTHER = re.compile(
    r"(?:别的|其他|其它|另外|另一|换一?[个首段]|还有(?:什么|别的|没有|吗|哪)|再(?:讲|说|来|介绍|给我讲)一?[个点些段首]"
    r"|(?:不同|不一样)的)|\b(?:another|anything else|something else|what else|some ?more|other)\b"
    r"|ほかに|他に|もう一つ",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"(?:介绍|讲讲|说说|讲一讲|说一说|聊聊|讲个|讲一个|说一个|说个)|有(?:什么|哪些)(?:故事|传说|好玩|有趣)"
    r"|\b(?:tell (?:me|us)|talk about|introduce)\b|(?:教え|話し|紹介し)て",
    re.IGNORECASE,
)
_DEPTH: dict[Language, dict[str, str]] = {
    "zh": {
        "child": "（对方是孩子：用孩子能懂的词，句子要短。）",
        "children": "（孩子也在听：用孩子能懂的词，句子要短。）",
        "simple": "（对方希望讲得简单：用简单的词，句子要短。）",
        "deep": "（对方懂行：可以讲得更深、更细。）",
        "likes": "（对方喜欢{}。）",
    },
    "en": {
        "child": "(You talk to a child: simple words, short sentences.)",
        "children": "(Children listen too: simple words, short sentences.)",
        "simple": "(They want it simple: simple words, short sentences.)",
        "deep": "(They know the field: you may go deeper.)",
        "likes": "(They like {}.)",
    },
    "ja": {
        "child": "（相手は子どもです。やさしい言葉と短い文で。）",
        "children": "（子どもも聞いています。やさしい言葉と短い文で。）",
        "simple": "（簡単に話してほしいそうです。短い文で。）",
        "deep": "（相手は専門家です。もっと深く話してよい。）",
        "likes": "（相手は{}が好きです。）",
    },
}
_NAMES: dict[Language, dict[Interest, str]] = {
    "zh": {
        "poems": "诗词", "history": "历史", "food": "美食", "walking": "散步", "nature": "自然风景",
        "legends": "传说故事", "buildings": "建筑", "tea": "茶", "pictures": "书画摄影",
    },
    "en": {
        "poems": "poems", "history": "history", "food": "food", "walking": "walks",
        "nature": "nature", "legends": "legends", "buildings": "architecture", "tea": "tea",
        "pictures": "pictures",
    },
    "ja": {
        "poems": "詩", "history": "歴史", "food": "料理", "walking": "散歩", "nature": "自然",
        "legends": "伝説", "buildings": "建築", "tea": "お茶", "pictures": "絵や写真",
    },
}  # fmt: skip

Passage = tuple[str, str]
"""A source's path and text."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a visitor.

    Attributes:
        language: Last spoken; None before the first words.
        age: Age group by own words.
        with_children: Whether children are there to listen.
        expert: Whether the visitor knows the field by trade.
        wish: Depth that was asked for; counts before all else.
        interests: Topics with how often they came up.
        spot: Where the visitor stands, as the page has told.
        told: Passages that were told, the latest last.
    """

    language: Language | None = None
    age: Age | None = None
    with_children: bool = False
    expert: bool = False
    wish: Depth | None = None
    interests: tuple[tuple[Interest, int], ...] = ()
    spot: str | None = None
    told: tuple[Passage, ...] = ()

    def knowing(self, said: Hints) -> Profile:
        """The profile with what the visitor has just said."""
        counts = dict(self.interests)
        for topic, worth in said.interests:
            counts[topic] = counts.get(topic, 0) + worth
        return replace(
            self,
            age=said.age or self.age,
            with_children=said.with_children or self.with_children,
            expert=said.expert or self.expert,
            wish=said.wish or self.wish,
            interests=tuple(sorted(counts.items(), key=lambda item: -item[1])),
        )

    @property
    def depth(self) -> Depth:
        """How deep to speak."""
        if self.wish is not None:
            return self.wish
        if self.age == "child" or self.with_children:
            return "simple"
        return "deep" if self.expert else "usual"

    @property
    def likes(self) -> tuple[Interest, ...]:
        """What the visitor is interested in, most first."""
        return tuple(topic for topic, count in self.interests if count >= _COUNTS)


class Visit:
    """What is known of one visit.

    One thread changes it; any thread may read it, and sees it before or after a change.
    """

    def __init__(self) -> None:
        self._profile = Profile()

    @property
    def profile(self) -> Profile:
        """What is known now."""
        return self._profile

    @property
    def spot(self) -> str | None:
        """Where the visitor stands; None when nobody has told."""
        return self._profile.spot

    def stand_at(self, spot: str | None) -> None:
        """The visitor stands at ``spot``."""
        self._profile = replace(self._profile, spot=spot)

    def note(self, text: str, language: Language) -> None:
        """Take in what the visitor said; the words themselves are not kept."""
        self._profile = replace(self._profile.knowing(hints(text)), language=language)

    def tell(self, sources: Iterable[Source], heard: str) -> None:
        """Remember which of an answer's passages were told.

        Args:
            sources: What the answer rests on.
            heard: What the visitor heard of it; a passage of which nothing was heard is not told.
        """
        words = content(heard)
        told = dict.fromkeys(self._profile.told)
        for number, source in enumerate(sources):
            shared = len(words & content(f"{source.title}\n{source.text}"))
            # The first passage counts whatever the words: the answer may be in another language.
            if heard and (number == 0 or shared >= _SHARE * len(words)):
                told.pop(_passage(source), None)
                told[_passage(source)] = None
        self._profile = replace(self._profile, told=tuple(told)[-_TOLD:])

    def was_told(self, source: Source) -> bool:
        """Whether the visitor has heard ``source`` in this visit."""
        return _passage(source) in self._profile.told

    def fresh(self, text: str, found: Findings) -> Findings:
        """``found`` without what was told, where ``text`` asks openly or for something else.

        A question of fact gets its answer however often it is asked. Asked to tell of something
        again, the next passage on it is taken, and when there is none the same one. Asked for
        something else when all was told, nothing is left.
        """
        another = _ANOTHER.search(text) is not None
        if not another and _OPEN.search(text) is None:
            return found
        untold = tuple(source for source in found.about if not self.was_told(source))
        sure = found.sure
        if sure is not None and self.was_told(sure.source) and (untold or another):
            sure = None
        likely = found.likely
        if untold or another:
            likely = tuple(one for one in likely if not self.was_told(one.answer.source))
        if not untold and not another:
            untold = found.about
        return replace(found, sure=sure, about=untold, likely=likely)

    def depth(self, text: str = "") -> Depth:
        """How deep to answer ``text``, with what it says of the visitor itself."""
        return self._profile.knowing(hints(text)).depth

    def line(self, text: str, language: Language) -> str:
        """One short line for the language model on how to answer ``text``; empty for nothing."""
        profile, words = self._profile.knowing(hints(text)), _DEPTH[language]
        said = ""
        if profile.depth == "simple" and profile.wish is None:
            said = words["child" if profile.age == "child" else "children"]
        elif profile.depth != "usual":
            said = words[profile.depth]
        if likes := [_NAMES[language][topic] for topic in profile.likes[:_SHOWN]]:
            said += words["likes"].format(_joined(likes, language))
        return said


def depth_lines(language: Language) -> str:
    """Every line that tells the language model how deep to speak; not to be told to visitors."""
    return "\n".join(line for name, line in _DEPTH[language].items() if name != "likes")


def _joined(names: Sequence[str], language: Language) -> str:
    return (" and " if language == "en" else "、").join(names)


def _passage(source: Source) -> Passage:
    return source.path, source.text
