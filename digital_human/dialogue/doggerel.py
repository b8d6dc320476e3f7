"""Improvises 打油诗, four-line doggerel, on a visitor's words.

The language model is held to the form while it writes (`llm.base.WritesLines`), or, where its
backend cannot, is asked again until it keeps to it. `check_verse` has the last word. A verse is the
persona's own joke: it shares no four characters in a row with the poems it must not pass for.
"""

from __future__ import annotations

import functools
import itertools
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from digital_human.dialogue import rhymes
from digital_human.dialogue.llm.base import LineForm, Llm, Message, WritesLines, Written, never
from digital_human.dialogue.llm.workers import Thread
from digital_human.dialogue.types import Line, Source
from digital_human.dialogue.wishes import plain
from digital_human.errors import Cancelled
from digital_human.safety.moderation import Moderator
from digital_human.safety.words import Level
from digital_human.speech.types import Delivery, Language

LENGTHS = (5, 7)
"""Characters a line may have."""
RHYMED = (0, 1, 3)
"""Lines that rhyme."""
PATH = "doggerel"
"""The path of a verse as a source."""
FAILED: dict[Language, str] = {
    "zh": "哎呀，这一首我没凑成，您换个题目，我再试试？",
    "en": "My rhymes have failed me this time. Will you give me another subject?",
}
"""What is said instead of a verse that did not come about."""
ANY = "出门游玩"
"""What a verse is about when its subject is left open."""
LIMIT = 16.0
"""Seconds after which no verse is better than this one."""

_LENGTH, _WIDTH = 7, 3
_GOOD = -1.6  # score from which a verse is not tried again
_ATTEMPTS = 4
_AT_EASE = 0.6  # share of the time limit that a verse may take with all attempts followed
_AGAIN = 0.4  # share of the time limit within which another attempt is begun
_MARKS = ("，", "。\n", "，", "。")
_SPOKEN = Delivery(speed=0.92)
_TOKENS = 96  # of a verse that is written freely
_SHARED = 4  # characters in a row that are taken from elsewhere
_MENTIONED = 4.0  # nats that a verse gains which names all of its theme
_COPIED = 8.0  # nats that a line loses which copies an example
_FEWEST = 90  # characters that a rhyme must have, so that there are words to find

_INTRO = (
    "你会写打油诗：四句，每句七个字，句句是通顺的大白话，都讲题目里的事，最后一句逗人笑。"
    "第一、二、四句押韵。"
)
_EXAMPLES: dict[str, tuple[str, str, str, str]] = {
    "下雨忘了带伞": ("出门忘记把伞拿", "半路大雨哗啦啦", "本想树下躲一躲", "树比我还爱浇花"),
    "减肥": ("天天发誓要减肥", "看见蛋糕笑弯眉", "明日一定少吃饭", "今天先干这一杯"),
    "加班": ("老板喊我去加班", "月亮陪我吃晚餐", "键盘敲得手发软", "梦里还在做表单"),
    "修电脑": ("电脑坏了请人修", "师傅一看直摇头", "插上插头它就亮", "收我三百没理由"),
    "扫地机器人": ("机器扫地真勤劳", "东碰西撞不嫌糟", "叼走我的一双袜", "躲进床底直撒娇"),
    "景区人多": ("景区门口人挤人", "排队排得掉了魂", "想看风景看后脑", "拍照只见半个身"),
}
_TITLE = "题目："
_DRIFTS = frozenset("的了着是在和与把被很就也")  # no line ends with these
_COMMON = frozenset("一不人我你他她它来去又还有没好要想看说大小上下在是天里到得了个")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LINE = re.compile(r"[\u4e00-\u9fff]+")
_AND = re.compile(r"以及|还有|[和与跟及、]|\band\b", re.IGNORECASE)
_OWNER = re.compile(
    r"^(?:我们?家?|你们?家?|他们?家?|她们?家?|咱们?家?)?的?(?:[一这那][只条个位座场头匹])?"
)


@dataclass(frozen=True, slots=True)
class Verse:
    """A verse that has passed `check_verse`.

    Attributes:
        lines: Four, of equally many Chinese characters, without marks.
        rhyme: What its lines end in, see `rhymes.rhyme_of`.
    """

    lines: tuple[str, ...]
    rhyme: str

    @property
    def text(self) -> str:
        """All of it, a couplet a sentence."""
        return "".join(itertools.chain(*zip(self.lines, _MARKS, strict=True))).replace("\n", "")

    def said(self) -> tuple[Line, ...]:
        """It as it is spoken, a couplet at a time."""
        couplets = zip(self.lines[::2], self.lines[1::2], strict=True)
        return tuple(Line(f"{a}，{b}。", "zh", "llm", "happy", _SPOKEN) for a, b in couplets)

    def source(self, theme: str) -> Source:
        """It as what the answer rests on, so that a page shows it as what it is."""
        return Source(f"打油诗·{plain(theme) or ANY}", PATH, self.text, 1.0)


def lead(language: Language, poet: str = "") -> str:
    """What is said before a verse, so that nobody takes it for a real poem.

    Args:
        language: Of the words.
        poet: Whose poems the persona recites, in Chinese; empty for nobody's.
    """
    if language == "en":
        return "Here is some doggerel, in Chinese. I make it up myself; no real poet wrote it."
    return f"那我现编几句打油诗，是我自己的玩笑话，可不是{poet or '古人'}的诗。"


def check_verse(lines: Sequence[str]) -> list[str]:
    """What is wrong with a verse, in words for the one who writes it; empty when nothing is."""
    if len(lines) != len(_MARKS):
        return [f"要四句，不是{len(lines)}句"]
    wrong = []
    if not all(_LINE.fullmatch(line) for line in lines):
        wrong.append("只用汉字")
    if len({len(line) for line in lines}) > 1 or len(lines[0]) not in LENGTHS:
        sizes = "、".join(str(len(line)) for line in lines)
        wrong.append(f"每句要一样长，都是七个字，现在是{sizes}个字")
    if wrong:
        return wrong
    rhymed = [lines[i] for i in RHYMED]
    if not rhymes.rhyme_together(rhymed):
        wrong.append(f"{'、'.join(line[-1] for line in rhymed)}不押韵")
    if len({line[-1] for line in rhymed}) < len(rhymed):
        wrong.append("韵脚不能用同一个字")
    if len(set(lines)) < len(lines):
        wrong.append("有一句说了两遍")
    return wrong


class Doggerel:
    """Writes verses; shared by sessions, used from the event loop's thread.

    Args:
        llm: The language model.
        thread: Where it runs.
        moderator: Judges every line.
        known: Lines of real poems, none of which may be taken for its own.
        limit: Seconds for a verse.
        clock: Seconds, as `time.monotonic`; asked in the model's thread.
    """

    def __init__(
        self,
        llm: Llm,
        thread: Thread,
        moderator: Moderator,
        known: Iterable[str] = (),
        *,
        limit: float = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._llm, self._thread, self._moderator = llm, thread, moderator
        self._limit, self._clock = limit, clock
        self._taken = {run for line in known for run in _runs(line)}
        self._seeds = itertools.count()

    async def write(self, theme: str, cancelled: Callable[[], bool] = never) -> Verse | None:
        """Write a verse on ``theme``, as `wishes.wished` found it.

        Returns:
            One that `check_verse` and the moderator pass; None after the time limit.

        Raises:
            Cancelled: ``cancelled`` said so.
            DigitalHumanError: The language model failed.
        """
        theme = plain(theme) or ANY
        write = self._held if isinstance(self._llm, WritesLines) else self._freely
        return await self._thread.call(write, theme, cancelled)

    def warm(self, cancelled: Callable[[], bool] = never) -> None:
        """Have the language model read what every prompt for a verse begins with, and keep it;
        runs in its thread.

        Raises:
            Cancelled: ``cancelled`` said so.
            ResourceError: It cannot be kept on the disk.
        """
        head = _prompt("")
        self._llm.warm(head, cancelled=cancelled)
        # What a passage was learned behind stays in the cache when room is made.
        self._llm.learn(head, f"{ANY}\n", cancelled=cancelled)
        if isinstance(self._llm, WritesLines):  # it makes its tables when it first writes
            form = self._form(ANY)
            short = replace(form, marks=form.marks[:1])
            self._llm.write(_prompt(ANY), short, width=lambda _: 1, cancelled=cancelled)

    # In the model's thread ------------------------------------------------------------------------

    def _held(self, theme: str, cancelled: Callable[[], bool]) -> Verse | None:
        """A verse by a model that is held to the form: the first good one, or the best in time."""
        assert isinstance(self._llm, WritesLines)
        form, begun = self._form(theme), self._clock()
        best: Written | None = None
        for _ in range(_ATTEMPTS):
            if best is not None and self._clock() - begun > _AGAIN * self._limit:
                break
            try:
                written = self._llm.write(
                    _prompt(theme), form, width=self._width(), seed=next(self._seeds),
                    cancelled=lambda: cancelled() or self._clock() - begun > self._limit,
                )  # fmt: skip
            except Cancelled:
                if cancelled():
                    raise
                break  # out of time
            passed = [one for one in written if self._passes(one.lines)]
            best = max([*passed, *([best] if best else [])], key=lambda w: w.score, default=None)
            if best is not None and best.score >= _GOOD:
                break
        return None if best is None else _verse(best.lines)

    def _width(self) -> Callable[[int], int]:
        """How many attempts are followed: one when, at the pace so far, time would run out."""
        begun = self._clock()

        def width(lines: int) -> int:
            needed = (self._clock() - begun) / max(1, lines) * len(_MARKS)
            return _WIDTH if needed < _AT_EASE * self._limit else 1

        return width

    def _freely(self, theme: str, cancelled: Callable[[], bool]) -> Verse | None:
        """A verse by a model that is asked again, with what was wrong, until it has the form."""
        messages, begun = _prompt(theme), self._clock()
        while self._clock() - begun < self._limit:
            try:
                answer = "".join(
                    self._llm.stream(
                        messages, max_tokens=_TOKENS,
                        cancelled=lambda: cancelled() or self._clock() - begun > self._limit,
                    )
                )  # fmt: skip
            except Cancelled:
                if cancelled():
                    raise
                break
            lines = tuple(_LINE.findall(answer))
            if self._passes(lines):
                return _verse(lines)
            wrong = "；".join(check_verse(lines)) or "有的句子不能用"
            again = Message("user", f"{wrong}。题目还是{theme}，换几句重写，只写诗。")
            messages = [*_prompt(theme), Message("assistant", answer[:_TOKENS]), again]
        return None

    def _passes(self, lines: Sequence[str]) -> bool:
        return (
            not check_verse(lines)
            and not any(self._is_taken(line) for line in lines)
            and self._moderator.check("，".join(lines)).level is Level.PASS
        )

    def _is_taken(self, line: str) -> bool:
        return not self._taken.isdisjoint(_runs(line))

    def _form(self, theme: str) -> LineForm:
        named = [frozenset(_HAN.findall(part)) for part in _parts(theme)]
        own: frozenset[str] = frozenset().union(*named)

        def judge(lines: tuple[str, ...]) -> float:
            last = lines[-1]
            if last in lines[:-1] or self._is_taken(last):
                return -math.inf
            if len(lines) - 1 in RHYMED and not rhymes.rhyme_together([lines[0], last]):
                return -math.inf
            if self._moderator.check("，".join(lines)).level is not Level.PASS:
                return -math.inf
            told = _share(named, lines) - _share(named, lines[:-1])
            return _MENTIONED * told - _COPIED * (not _copied().isdisjoint(_runs(last)))

        return LineForm(
            length=_LENGTH, marks=_MARKS, signs=rhymes.common() | own, again=_COMMON | own,
            twice=_COMMON, ends=_ends, judge=judge,
        )  # fmt: skip


def _ends(lines: tuple[str, ...]) -> frozenset[str]:
    """What the line behind ``lines`` may end with: the rhyme in a level tone, else an oblique one,
    as the old rules of four lines have it."""
    if len(lines) not in RHYMED:
        return _oblique()
    if not lines:
        return frozenset().union(*(s for s in _level().values() if len(s) >= _FEWEST))
    rhyme = rhymes.rhyme_of(lines[0])[0]
    return _level().get(rhyme, frozenset()) - {line[-1] for line in lines}


@functools.cache
def _level() -> dict[str, frozenset[str]]:
    """Characters that a rhyming line may end with, by their rhyme."""
    found: dict[str, set[str]] = defaultdict(set)
    for sign in rhymes.common() - rhymes.UNSURE:
        rhyme, tone = rhymes.rhyme_of(sign)
        if tone == "level":
            found[rhyme].add(sign)
    return {rhyme: frozenset(signs) for rhyme, signs in found.items()}


@functools.cache
def _oblique() -> frozenset[str]:
    """Characters that a line between rhymes may end with."""
    signs = rhymes.common() - _DRIFTS
    return frozenset(sign for sign in signs if rhymes.rhyme_of(sign)[1] == "oblique")


@functools.cache
def _copied() -> frozenset[str]:
    """What the examples have in a row."""
    return frozenset(run for lines in _EXAMPLES.values() for line in lines for run in _runs(line))


def _verse(lines: Sequence[str]) -> Verse:
    return Verse(tuple(lines), rhymes.rhyme_of(lines[0])[0])


# The prompt ---------------------------------------------------------------------------------------


def _prompt(theme: str) -> list[Message]:
    """The rules and examples, which stay the same, and the theme."""
    told = [Message("system", _INTRO)]
    for title, lines in _EXAMPLES.items():
        verse = "".join(itertools.chain(*zip(lines, _MARKS, strict=True)))
        told += [Message("user", f"{_TITLE}{title}"), Message("assistant", verse)]
    return [*told, Message("user", f"{_TITLE}{theme}")]


# The theme ----------------------------------------------------------------------------------------


def _parts(theme: str) -> list[str]:
    """What a verse on ``theme`` should name: its things, as far as they are written in Chinese."""
    bare = (_OWNER.sub("", part) for part in _AND.split(theme))
    return [part for part in bare if _HAN.search(part)]


def _share(named: Sequence[frozenset[str]], lines: Sequence[str]) -> float:
    """How much of what should be named is, 0…1."""
    told = set("".join(lines))
    return sum(len(part & told) / len(part) for part in named) / max(1, len(named))


def _runs(line: str) -> set[str]:
    signs = "".join(_HAN.findall(line))
    return {signs[i : i + _SHARED] for i in range(len(signs) - _SHARED + 1)}
