"""Whether a sentence says what the passages say; a small model invents the rest.

What is claimed must rest on the passages by its words; advice and opinion may use words of their
own. Numbers and names must be known in either.
"""

from __future__ import annotations

import re

from digital_human.dialogue.knowledge.content import content
from digital_human.dialogue.knowledge.names import foreign_names
from digital_human.dialogue.knowledge.words import analyse
from digital_human.speech.types import Language

SUPPORTED = 0.5
"""Share of a sentence's content that must stand in what is known."""
ADVISED = 0.3
"""The same for advice and opinion."""
_PLACE = re.compile(r"[\u3400-\u9fff]+[塔堤桥寺湖山亭庙岛]")
_FEW = 3  # so little content is not judged
_ELSEWHERE = 2  # so much content of a place that is told of others only belongs to them
_CAN = re.compile(r"(?<!不)(?:可以|能够?)([\u3400-\u9fff]{2})")
_CLAUSE = re.compile(r"[，；：,;:](?!\d)")
_HAN = re.compile(r"[\u3400-\u9fff]")
# Words that make a sentence a claim of fact, and words that make it advice or an opinion.
_CLAIM = re.compile(
    r"[建修筑创造]于|[建修筑造写]的|建成|建造|始建|创建|创办|位于|之一|年代|世纪|朝|出生|去世"
    r"|皇帝|作者|票|价|元|钱|半价|打折|免费|开放|开门|关门|营业|停止|地铁|公交|电话"
    r"|\b(?:was|were|built|founded|located|century|dynasty|designed|emperor|born|died|free|ticket"
    r"|tickets|price|yuan|opens?|closes?|discount|metro|bus|phone)\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"建议|推荐|适合|合适|不妨|可以|不错|值得|喜欢|享受|欣赏|感受|慢慢|舒服|轻松|漂亮|美|好看"
    r"|记得|注意|如果|觉得|散步|休息|带上|体验|祝|希望|方便"
    r"|\b(?:recommend|suggest|enjoy|would|could|should|lovely|beautiful|nice|good|great|perfect|try"
    r"|perhaps|maybe|if|love|relax|peaceful|better|worth|wish|hope|can|ideal|charm|charming)\b",
    re.IGNORECASE,
)
# The beginning of a name, after the word for being called so.
_CALLED = re.compile(r"(?:叫[做作]?|名为|[，,]字|[，,]号)([\u3400-\u9fff]{2})")
_TITLE = re.compile(r"[《“「]([^》”」]{2,})[》”」]")
_RUN = re.compile(r"[A-Z][a-z]+(?: [A-Z][a-z]+)+")
_EVERYWHERE = "西湖 杭州 浙江 中国 云舒 west lake hangzhou china chines yun shu"
_DIGITS = dict(zip("零一二三四五六七八九〇两", (*range(10), 0, 2), strict=True))
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000, "亿": 100000000}
_NUMERAL = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零一二三四五六七八九]+)?")
_COUNTED = re.compile(
    r"(?<![\d.零〇一二两三四五六七八九十百千万亿点])([二两三四五六七八九]|\d)"
    r"(?=[部座层个条位名处种棵株家尊艘间张元块米岁年月日天点号路次分站口道]|小时|公里)"
)
_ENGLISH = {
    word: number
    for number, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), start=2
    )
}


def grounded(
    text: str, passages: str, question: str = "", *, before: str = "", translated: bool = False
) -> bool:
    """Whether ``text`` rests on ``passages``: its numbers, its names and, for claims, its words.

    Every number, name and quoted title must stand in the passages or the question, and `SUPPORTED`
    of the words (English) or of the pairs of characters (Chinese) too, `ADVISED` of advice; what it
    adds to the question must not all be its own, and what is told of one place must not be said of
    another.

    Args:
        text: One sentence or clause.
        passages: What is known, parted by empty lines.
        question: What was asked.
        before: What was said of the same sentence already.
        translated: Whether the passages are in another language, so that only numbers can be
            compared.
    """
    known = f"{passages}\n{question}"
    if not numbers(text) <= numbers(known):
        return False
    if translated:
        return True
    if not _named(text, known):
        return False
    asked, written = content(question), content(passages)
    said, supported = set[str](), set[str]()
    for clause in filter(None, _CLAUSE.split(text)):
        concerned = _concerned(clause, passages)
        own, told = content(clause), content(concerned)
        if _denied(clause, concerned) or _misplaced(
            clause, own - told - asked, own & told, written
        ):
            return False
        said |= own
        supported |= own & told
    if len(said) < _FEW:
        return True
    if not (supported - asked if len(said - asked) >= _FEW else supported):
        return False
    advised = _ADVICE.search(before + text) and not _CLAIM.search(text)
    share = len(supported | (said & asked)) / len(said)
    return share >= (ADVISED if advised else SUPPORTED)


def _misplaced(clause: str, unknown: set[str], known: set[str], written: set[str]) -> bool:
    """Whether a clause says of the place it names what is only told of others.

    Args:
        clause: The clause.
        unknown: Its content that is not told of its place, and was not asked.
        known: Its content that is.
        written: All that is told of anything.
    """
    names = set[str]().union(*(content(place) for place in places(clause)))
    return len(unknown & written) >= _ELSEWHERE and not known - names


def _denied(clause: str, passages: str) -> bool:
    """Whether a clause says that something can be done which the passages say cannot."""
    return any(
        re.search(rf"不(?:能|可以?|得|准|让){doing}", passages) for doing in _CAN.findall(clause)
    )


def _concerned(text: str, passages: str) -> str:
    """The passages (parted by empty lines) about the first place ``text`` names, else all."""
    named = places(text)
    found = [p for p in passages.split("\n\n") if named and named[0] in p]
    return "\n\n".join(found) or passages


def places(text: str) -> list[str]:
    """Names of sights in Chinese ``text``, told by how they end."""
    return [word.text for word in analyse(text).words if _PLACE.fullmatch(word.text)]


def _named(text: str, known: str) -> bool:
    """Whether every name and quoted title of ``text`` stands in ``known``."""
    written = known.casefold()
    if not all(_stands(run, written) for run in _RUN.findall(text)):
        return False
    titles = (title.casefold().strip("，。,.") for title in _TITLE.findall(text))
    return not foreign_names(text, f"{written} {_stems(known)} {_EVERYWHERE}") and all(
        title in written for title in (*titles, *_CALLED.findall(text))
    )


def _stands(run: str, written: str) -> bool:
    """Whether a run of capitalised words stands in ``written``, or all of it but its first word,
    which may only begin the sentence: no West Lake Hotel is made of a lake and a hotel."""
    _, rest = run.casefold().split(" ", 1)
    return run.casefold() in written or rest in written


def _stems(text: str) -> str:
    return " ".join(word.text for word in analyse(text).words if word.text.isascii())


def written_in(text: str, language: Language) -> bool:
    """Whether ``text`` is in ``language``, judged by its script."""
    han = len(_HAN.findall(text))
    return han * 4 >= len(text) if language != "en" else han * 4 < len(text)


def numbers(text: str) -> set[float]:
    """Numbers in ``text``, in figures or in words; a single Chinese digit only where it counts."""
    found = {float(n) for n in re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))}
    found |= {value for n in _NUMERAL.findall(text) if (value := _value(n)) is not None}
    found = {value for value in found if value >= 10 or value % 1}
    found |= {float(_DIGITS.get(n, n)) for n in _COUNTED.findall(text)}
    words = re.findall(r"[a-z]+", text.casefold())
    return found | {float(_ENGLISH[word]) for word in words if word in _ENGLISH}


def _value(numeral: str) -> float | None:
    whole, _, fraction = numeral.partition("点")
    if len(whole) == 1 and not fraction:
        return None
    if all(c in _DIGITS for c in whole):
        value = int("".join(str(_DIGITS[c]) for c in whole))
    else:
        value = _spelt(whole)
    return float(f"{value}.{''.join(str(_DIGITS[c]) for c in fraction)}" if fraction else value)


def _spelt(numeral: str) -> int:
    total = section = digit = 0
    for char in numeral:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif (unit := _UNITS[char]) >= 10000:
            total, section, digit = (total + section + digit) * unit, 0, 0
        else:
            section, digit = section + max(digit, 1) * unit, 0
    return total + section + digit
