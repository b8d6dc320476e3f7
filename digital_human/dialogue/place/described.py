"""Spots that are described: 那座倒了又重建的塔, the temple opposite the pagoda."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from digital_human.dialogue.place.names import Mention, plain
from digital_human.dialogue.place.rows import Spot

# Words for one sort of sight each; the last matches whatever has the traits.
_SORTS = (
    ("塔", "pagoda", "tower"),
    ("寺庙", "寺院", "寺", "庙", "temple", "monastery", "shrine"),
    ("桥", "bridge"),
    ("公园", "花园", "园子", "园", "park", "garden", "gardens"),
    ("小岛", "岛", "island", "isle"),
    ("长堤", "堤", "causeway", "dyke", "dike"),
    ("楼", "tower", "pavilion"),
    ("山", "hill"),
    ("喷泉", "喷水", "水", "fountain", "water", "waters"),
    ("地方", "place", "spot"),
)
_PLACE = _SORTS[-1]
# What links traits and says nothing without them. None is made of others, and where a trait is
# read no other way of reading is tried (`(?>…)`): that would take exponential time.
_VERB_ZH = r"(?:纪念|种满|[埋葬供种养看听敲压镇喂放说讲])"
_JOINT_ZH = (
    rf"(?:{_VERB_ZH}|起来|以后|之后|后来|曾经|一次|很多|好多"
    r"|[了又过的这那座个条处家所再被掉后着里是把在有会给就上中去跟和与])"
)
# 什么时候重建的塔 asks when it was.
_UNASKED_ZH = r"(?<!时候)(?<!哪年)(?<!哪一年)(?<!怎么)(?<!什么)(?<!为啥)(?<!为何)(?<!谁)"
_VERB_EN = r"(?:buried|lies|kept|keep|feed|grow|grows|see|live|lives|burnt|built)"
_RELATIVE_EN = r",? (?:that|which|where|with|of|whose|for|from)\b"
_JOINT_EN = (
    r"(?: |,|\b(?:the|a|an|that|which|who|where|whose|was|is|are|were|has|have|had|been|got|get|and"
    rf"|then|again|once|in|of|on|with|for|from|to|he|they|you|up|down|all|his|by|{_VERB_EN})\b)"
)
_OPPOSITE_ZH = r"的?(?:马路|路|街)?(?:斜?对面|对过)"
_OPPOSITE_EN = (
    r"(?:that's |which is |that is )?(?:just |right |directly )?"
    r"(?:opposite(?: to)?|(?:across|over)(?: the (?:road|street))? from|facing) "
)
_OVER_THERE_EN = r"(?:opposite|(?:across|over) the (?:road|street))\b(?! (?:from|to|the|it)\b)"
_WHERE_EN = r"(?:opposite|across from|facing) (?:the )?"
# Who goes to see or to honour somebody goes to his temple.
_SHRINE = "庙"
_HONOUR_ZH = (
    r"(?:[给向]{who}(?:鞠个?躬|磕个?头|行个?礼|扫个?墓|敬个?礼"
    r"|[上烧敬献][几一两三]?[炷支柱束朵个杯点]?[香花酒])"
    r"|(?:祭拜|参拜|拜祭|拜拜|拜一拜|拜|拜见|拜会|瞻仰|缅怀|悼念|凭吊|祭奠|[看见会][看见会]?)(?:一下|一眼)?{who}"
    r"(?=$|[,，。？?! 去来要得走]|的话|几点|怎么|在哪|该|应)"
    r"|{who}(?=那[边儿里](?!的)))"
)
_HONOUR_EN = (
    r"(?:\bpay(?:ing)? (?:\w+ )?(?:respects?|homage|tribute) to (?:the )?(?:great )?{who}\b"
    r"|\bbow(?:ing)? (?:down )?(?:to|before) {who}\b|\blay(?:ing)? (?:some )?flowers for {who}\b"
    r"|\bwhere {who} (?:is buried|was buried|lies buried|lies)\b|\bgrave of {who}\b"
    r"|\b{who}'s (?:grave|tomb|temple)\b)"
)
# What stands before a lone 塔 that is no part of a longer name.
_BEFORE_ZH = r"(?:^|(?<=[去到在往进，,。？ 从座个逛离]))"


class Descriptions:
    """Finds what is described.

    Args:
        spots: With their traits, and where they lie.
    """

    def __init__(self, spots: Sequence[Spot]) -> None:
        self._traits = {spot.id: frozenset(map(plain, spot.traits)) for spot in spots}
        self._where = {spot.id: [plain(where) for where in spot.where.values()] for spot in spots}
        self._called = {
            spot.id: [plain(name) for name in (*spot.names.values(), *spot.others)]
            for spot in spots
        }
        self._sorts: dict[str, set[str]] = {}
        for sort in _SORTS:
            having = {
                spot for spot, called in self._called.items() if sort is _PLACE or _is(called, sort)
            }
            for word in sort:
                self._sorts[word] = self._sorts.get(word, set()) | having
        traits = frozenset[str]().union(*self._traits.values())
        self._honoured = [
            (spot, re.compile(f"{_HONOUR_ZH}|{_HONOUR_EN}".replace("{who}", _either(who))))
            for spot, who in self._traits.items()
            if who and any(name.endswith(_SHRINE) for name in self._called[spot])
        ]
        self._zh = self._en = None
        if zh := _either(one for one in traits if not one.isascii()):
            sorts = _either(word for word in self._sorts if not word.isascii())
            said = f"(?:{_VERB_ZH}|[埋跟]着)*{zh}(?>{zh}|{_JOINT_ZH})*"
            self._zh = re.compile(f"{_UNASKED_ZH}(?P<said>{said})(?P<sort>{sorts})")
        if en := _either(one for one in traits if one.isascii()):
            en = rf"(?>\b{en}\b)"
            joints = rf"(?:(?!{en}){_JOINT_EN})*"
            sorts = rf"\b{_either(word for word in self._sorts if word.isascii())}\b"
            said = f"{en}(?:{joints}{en})*"
            self._en = re.compile(
                rf"(?P<sort>{sorts})(?P<said>{_RELATIVE_EN}{joints}{said}"
                rf"(?:{_JOINT_EN}*\b{_VERB_EN}\b)?)|(?P<said2>{said}) (?P<sort2>{sorts})"
            )

    def find(self, text: str, known: Sequence[Mention]) -> Iterator[Mention]:
        """What is described in a text made `plain`.

        Args:
            text: The text.
            known: Names that were found in it.
        """
        for spot, honoured in self._honoured:
            yield from (Mention(spot, *found.span()) for found in honoured.finditer(text))
        yield from self._by_traits(text)
        yield from self._opposite(text, known)

    def _by_traits(self, text: str) -> Iterator[Mention]:
        for pattern in filter(None, (self._zh, self._en)):
            for found in pattern.finditer(text):
                parts = found.groupdict()
                said = parts["said"] or parts["said2"]
                sort = parts["sort"] or parts["sort2"]
                able = [
                    spot for spot in self._sorts[sort]
                    if self._covered(said, self._traits[spot])
                ]  # fmt: skip
                if len(able) == 1:
                    yield Mention(able[0], *found.span())

    def _covered(self, said: str, traits: frozenset[str]) -> bool:
        """Whether a description is made of some traits and joints alone."""
        if not traits:
            return False
        joint = _JOINT_EN if said.isascii() else _JOINT_ZH
        return re.fullmatch(f"(?>{_either(traits)}|{joint})*", said) is not None

    def _opposite(self, text: str, known: Sequence[Mention]) -> Iterator[Mention]:
        """塔对面的寺, the temple across the road from it: as `Spot.where` has it."""
        for word, spots in self._sorts.items():
            if word in _PLACE or word not in text:
                continue
            if word.isascii():
                for found in re.finditer(rf"\b{word} {_OPPOSITE_EN}(?:the )?", text):
                    other = self._there(text, found.end(), found.start(), known)
                    if other is not None:
                        where = _WHERE_EN + _either(self._called[other.id])
                        yield from self._lying(spots, where, found.start(), other.end)
                for found in re.finditer(rf"\b{word} {_OVER_THERE_EN}", text):
                    for one in _last_before(found.start(), known):
                        where = _WHERE_EN + _either(self._called.get(one.id, ()))
                        yield from self._lying(spots, where, *found.span())
                continue
            side = rf"{_OPPOSITE_ZH}[的那这]*[座个家]?{word}"
            for one in known:
                if one.id in self._called and (beside := re.compile(side).match(text, one.end)):
                    where = _either(self._called[one.id]) + _OPPOSITE_ZH
                    yield from self._lying(spots, where, one.start, beside.end())
            lone = _either(one for one in self._sorts if not one.isascii())
            for found in re.finditer(rf"{_BEFORE_ZH}(?P<lone>{lone}){side}", text):
                yield from self._lying(spots, found["lone"] + _OPPOSITE_ZH, *found.span())
            for found in re.finditer(rf"{_BEFORE_ZH}{side}", text):
                for one in _last_before(found.start(), known):
                    where = _either(self._called.get(one.id, ())) + _OPPOSITE_ZH
                    yield from self._lying(spots, where, *found.span())

    def _there(self, text: str, at: int, before: int, known: Sequence[Mention]) -> Mention | None:
        """What is named at a position; for "it" what was named before."""
        if it := re.compile(r"it\b").match(text, at):
            return next((Mention(o.id, at, it.end()) for o in _last_before(before, known)), None)
        return next((one for one in known if one.start == at and one.id in self._called), None)

    def _lying(self, spots: set[str], where: str, start: int, end: int) -> Iterator[Mention]:
        able = [s for s in spots if any(re.search(where, one) for one in self._where[s])]
        if len(able) == 1:
            yield Mention(able[0], start, end)


def _last_before(at: int, known: Sequence[Mention]) -> list[Mention]:
    return [one for one in known if one.end <= at][-1:]


def _is(called: Sequence[str], sort: Sequence[str]) -> bool:
    """Whether one of a spot's names ends with a word of a sort."""
    return any(
        name.split()[-1] in sort if name.isascii() else name.endswith(tuple(sort))
        for name in called
    )


def _either(words: Iterable[str]) -> str:
    """A pattern of some words, the longest first; empty for none."""
    every = sorted(words, key=lambda word: (-len(word), word))
    return f"(?:{'|'.join(map(re.escape, every))})" if every else ""
