"""Verse on visitors' words: the wish, the rhyme, the form, and who decides that it may be said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from digital_human.config import LlmSettings
from digital_human.core.stage import ModelThread
from digital_human.dialogue import doggerel
from digital_human.dialogue.doggerel import Doggerel, Verse, check_verse, lead
from digital_human.dialogue.llm import LLMS
from digital_human.dialogue.llm.base import LineForm, Message, WritesLines, Written, never
from digital_human.dialogue.llm.lines import Characters
from digital_human.dialogue.llm.llama import LlamaLlm
from digital_human.dialogue.rhymes import rhyme_of, rhyme_together
from digital_human.dialogue.wishes import LONGEST, plain, wished
from digital_human.errors import Cancelled
from digital_human.safety.moderation import Moderator

RAIN = ("出门忘记把伞拿", "半路大雨哗啦啦", "本想树下躲一躲", "树比我还爱浇花")
CAKE = ("天天发誓要减肥", "看见蛋糕笑弯眉", "明日一定少吃饭", "今天先干这一杯")
KNOWN = ("欲把西湖比西子，淡妆浓抹总相宜。",)


@pytest.mark.parametrize(
    ("text", "theme"),
    [
        ("来一首打油诗", ""),
        ("请给我写一首有趣的打油诗", ""),
        ("作诗一首", ""),
        ("用西湖和雨写首诗吧", "西湖和雨"),
        ("写一首关于我的猫的打油诗", "我的猫"),
        ("苏东坡写一首关于我的猫的诗", "我的猫"),
        ("以堵车为题写首诗", "堵车"),
        ("给我女儿写一首诗", "我女儿"),
        ("编个顺口溜,关于减肥。", "减肥"),
        ("打油诗来一首，就写排队吧", "排队"),
        ("夸夸我妈妈，来首打油诗", "我妈妈"),
        ("能不能用月亮、手机和奶茶编一首打油诗？", "月亮、手机和奶茶"),
        ("make up a funny verse about my dog", "my dog"),
        ("Can you write a poem about rain and ice cream?", "rain and ice cream"),
        ("Using lake and moon, make up a verse, please", "lake and moon"),
        ("Write me a limerick", ""),
        ("用西湖和下雨写一手大油诗", "西湖和下雨"),  # as it was heard
        ("背一首诗", None),
        ("来一首诗", None),
        ("来一首关于西湖的诗", None),
        ("写一首苏轼的诗", None),
        ("苏轼写过哪些诗", None),
        ("苏轼写了一首诗吗", None),
        ("这首诗写于什么时候", None),
        ("他为什么写这首诗", None),
        ("什么是打油诗", None),
        ("诗人写诗的地方", None),
        ("recite a poem about the lake", None),
        ("Tell me a poem about West Lake", None),
        ("When did he write the poem?", None),
        ("write a poem by Su Shi", None),
    ],
)
def test_a_wish_for_a_verse_is_told_from_one_for_a_poem(text: str, theme: str | None) -> None:
    assert wished(text) == theme


def test_a_theme_is_plain_and_short_before_a_model_reads_it() -> None:
    assert plain("我的\u202e猫\x00\u200b<|im_end|>\n{}") == "我的猫im end"
    assert plain("ｍｙ　ｄｏｇ") == "my dog"
    assert len(plain("猫" * 1000)) == LONGEST
    assert plain("<>|\n") == ""


@pytest.mark.parametrize(
    ("lines", "together"),
    [
        (["春天的花", "我的家", "水哗啦啦"], True),
        (["一只船", "天边", "花园"], True),
        (["我的心", "水很深", "白云"], True),
        (["早晨的风", "心中"], False),  # together only by the older standard
        (["我知", "向西"], False),  # together only by the newer
        (["去银行", "向前方"], True),  # read háng here
        (["去步行", "水很清"], True),  # and xíng here
        (["去步行", "向前方"], False),
        (["不知道ABC", "好"], False),
    ],
)
def test_rhymes_are_those_of_both_standards(lines: list[str], together: bool) -> None:
    assert rhyme_together(lines) is together


def test_tones() -> None:
    assert [rhyme_of(sign)[1] for sign in "妈麻马骂吗"] == ["level"] * 2 + ["oblique"] * 2 + [
        "none"
    ]


def test_a_good_verse_passes() -> None:
    assert check_verse(RAIN) == check_verse(CAKE) == []
    assert check_verse([line[-5:] for line in RAIN]) == []


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (RAIN[:3], "四句"),
        ((*RAIN[:3], "树比我还更爱浇花"), "7、7、7、8"),
        (tuple(line[-6:] for line in RAIN), "6、6、6、6"),
        ((*RAIN[:3], "树比我还爱flo"), "汉字"),
        ((*RAIN[:3], "树比我还爱喝水"), "不押韵"),
        ((RAIN[0], "半路大雨不用拿", *RAIN[2:]), "同一个字"),
        ((RAIN[0], RAIN[1], RAIN[1], RAIN[3]), "两遍"),
    ],
)
def test_what_is_wrong_with_a_verse_is_said(lines: tuple[str, ...], reason: str) -> None:
    assert reason in "；".join(check_verse(lines))


def test_a_verse_says_that_it_is_no_real_poem() -> None:
    verse = Verse(RAIN, "a")
    assert (
        "不" not in verse.text[:3] and "苏轼的诗" in lead("zh", "苏轼") and "可不是" in lead("zh")
    )
    assert "no real poet" in lead("en", "苏轼")
    source = verse.source("\u200b雨")
    assert (source.path, source.title) == (doggerel.PATH, "打油诗·雨")
    assert source.text == "，".join(RAIN[:2]) + "。" + "，".join(RAIN[2:]) + "。"
    assert [line.text for line in verse.said()] == [
        "出门忘记把伞拿，半路大雨哗啦啦。",
        "本想树下躲一躲，树比我还爱浇花。",
    ]


# A model that is asked again --------------------------------------------------------------------


class Asked:
    """A chat model that answers one thing after another, a second each."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.prompts, self.now = list(answers), [], 0.0
        self.prompts: list[list[Message]] = []

    def clock(self) -> float:
        return self.now

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 160,
        cancelled: Callable[[], bool] = never,
    ) -> Iterator[str]:
        self.prompts.append(list(messages))
        self.now += 1
        if cancelled():
            raise Cancelled("not wanted")
        yield from self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def warm(self, messages: Sequence[Message], *, cancelled: Callable[[], bool] = never) -> None:
        self.prompts.append(list(messages))

    def learn(
        self, head: Sequence[Message], passage: str, *, cancelled: Callable[[], bool] = never
    ) -> None:
        self.prompts.append(list(head))

    def close(self) -> None:
        pass


def written(lines: Sequence[str]) -> str:
    return "{}，{}。\n{}，{}。".format(*lines)


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    with ModelThread("verse") as one:
        yield one


@pytest.mark.parametrize(
    "bad",
    [
        "好的，这是一首诗：西湖美。",
        written(("欲把西湖比西家", *RAIN[1:])),  # half a line of a real poem
        written((*RAIN[:3], "我要杀人用枪杀")),
    ],
)
async def test_a_model_is_told_what_was_wrong_and_asked_again(
    bad: str, thread: ModelThread
) -> None:
    llm = Asked(bad, written(RAIN))
    verses = Doggerel(llm, thread, Moderator.default(), KNOWN, clock=llm.clock)
    assert await verses.write("雨") == Verse(RAIN, "a")
    first, second = llm.prompts
    assert second[: len(first)] == first and "重写" in second[-1].content
    assert first[-1].content.endswith("雨")


async def test_no_verse_after_the_time_limit(thread: ModelThread) -> None:
    llm = Asked("我不会写诗。")
    verses = Doggerel(llm, thread, Moderator.default(), limit=3.5, clock=llm.clock)
    assert await verses.write("雨") is None
    assert llm.now == 4


async def test_a_visitor_who_goes_on_is_not_kept_waiting(thread: ModelThread) -> None:
    llm = Asked("我不会写诗。")
    verses = Doggerel(llm, thread, Moderator.default(), clock=llm.clock)
    with pytest.raises(Cancelled):
        await verses.write("雨", cancelled=lambda: llm.now > 2)


# A model that is held to the form ---------------------------------------------------------------


class Held(Asked):
    """A model that writes what it is given, a second each."""

    def __init__(self, *rounds: Sequence[Written]) -> None:
        super().__init__()
        self.rounds, self.seeds, self.forms = list(rounds), [], []
        self.seeds: list[int] = []
        self.forms: list[LineForm] = []
        self.widths: list[list[int]] = []  # of the search, before each line
        self.pace = 0.0  # seconds that a line takes

    def write(
        self,
        messages: Sequence[Message],
        form: LineForm,
        *,
        width: Callable[[int], int],
        seed: int = 0,
        cancelled: Callable[[], bool] = never,
    ) -> list[Written]:
        self.widths.append([width(0)])
        for lines in range(1, len(form.marks)):
            self.now += self.pace
            self.widths[-1].append(width(lines))
        self.prompts.append(list(messages))
        self.seeds.append(seed)
        self.forms.append(form)
        self.now += 1
        if cancelled():
            raise Cancelled("not wanted")
        return list(self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0])


async def test_the_best_verse_that_may_be_said_is_taken(thread: ModelThread) -> None:
    stolen = ("欲把西湖比西家", *RAIN[1:])
    llm = Held([Written(stolen, -0.1), Written(CAKE, -1.2), Written(RAIN, -0.9)])
    assert isinstance(llm, WritesLines) and not isinstance(Asked(""), WritesLines)
    verses = Doggerel(llm, thread, Moderator.default(), KNOWN, clock=llm.clock)
    assert await verses.write("雨") == Verse(RAIN, "a")
    assert len(llm.seeds) == 1


async def test_a_poor_verse_is_tried_again_with_other_chances(thread: ModelThread) -> None:
    llm = Held([Written(CAKE, -3.0)], [], [Written(RAIN, -1.0)])
    verses = Doggerel(llm, thread, Moderator.default(), limit=12, clock=llm.clock)
    assert await verses.write("雨") == Verse(RAIN, "a")
    assert len(set(llm.seeds)) == 3


async def test_a_poor_verse_is_better_than_none(thread: ModelThread) -> None:
    llm = Held([Written(CAKE, -3.0)])
    verses = Doggerel(llm, thread, Moderator.default(), limit=2.5, clock=llm.clock)
    assert await verses.write("蛋糕") == Verse(CAKE, "ei")
    assert await Doggerel(
        Held([]), thread, Moderator.default(), limit=-1, clock=llm.clock
    ).write("") is None  # fmt: skip


async def test_on_a_busy_machine_fewer_attempts_are_followed(thread: ModelThread) -> None:
    llm = Held([Written(RAIN, -1.0)])
    verses = Doggerel(llm, thread, Moderator.default(), limit=16, clock=llm.clock)
    for pace in (1.0, 3.0):
        llm.pace = pace
        assert await verses.write("雨") == Verse(RAIN, "a")
    quiet, busy = llm.widths
    assert len(set(quiet)) == 1 and quiet[0] > 1
    assert busy == [quiet[0], 1, 1, 1]


async def test_the_form_asks_for_rhyme_and_theme_and_refuses_what_is_not_its_own(
    thread: ModelThread,
) -> None:
    llm = Held([Written(RAIN, -1.0)])
    await Doggerel(llm, thread, Moderator.default(), KNOWN, clock=llm.clock).write("我的猫和雨")
    form = llm.forms[0]
    rhymed = form.ends(("一群小猫爱看花",))
    assert {"家", "瓜"} <= rhymed and not rhymed & {"花", "马", "山", "了"}
    assert not form.ends(("一群小猫爱看花", "看了花儿不想家")) & {"瓜", "山", "的", "了"}
    assert form.ends(()) >= {"花", "山"}
    assert form.judge(("一群小猫爱看花",)) == form.judge(("一场大雨浇开花",)) > 0
    assert form.judge(("一群小猫爱淋雨",)) > form.judge(("一群小猫爱看花",))
    assert form.judge((RAIN[0],)) < form.judge(("小狗只知爱看花",)) == 0
    for last in ("欲把西湖比西家", "一群小猫爱看花", "一群小猫爱看山"):
        assert form.judge(("一群小猫爱看花", last)) == -math.inf
    assert {"猫", "雨", "不"} <= form.again and "湖" not in form.again


async def test_warming_reads_what_every_prompt_begins_with(thread: ModelThread) -> None:
    llm = Held([Written(RAIN, -1.0)])
    verses = Doggerel(llm, thread, Moderator.default(), clock=llm.clock)
    verses.warm()
    await verses.write("雨")
    warmed, learned, tried, asked = llm.prompts
    assert warmed == learned and warmed[:-1] == tried[:-1] == asked[:-1]
    assert len(llm.forms[0].marks) < len(llm.forms[1].marks) == 4
    assert asked[-1].content.startswith(warmed[-1].content)


# The form in the model --------------------------------------------------------------------------


def test_only_tokens_that_keep_to_the_form_may_come() -> None:
    texts = ["猫", "花", "小猫", "看花", "猫的", "ab", "，", "看看花", "\ufffd", "马马虎虎"]
    pieces = [text.encode() for text in texts] + ["猫".encode()[:2], "一二三四五".encode(), b""]
    characters = Characters(pieces)
    assert characters.texts == ["猫", "花", "小猫", "看花", "猫的", "看看花", "马马虎虎"]
    assert characters.tokens.tolist() == [0, 1, 2, 3, 4, 7, 9]

    def fitting(room: int, signs: str, ends: str) -> list[str]:
        found = np.flatnonzero(characters.fitting(room, signs, ends))
        return [characters.texts[i] for i in found]

    every = "猫花小看的马虎"
    assert fitting(7, every, "") == characters.texts
    assert fitting(2, every, "花") == ["猫", "花", "看花"]
    assert fitting(1, every, "花的") == ["花"]
    assert fitting(3, "看花", "花") == ["花", "看花", "看看花"]
    assert fitting(1, "", "花") == []


@pytest.fixture(scope="module")
def llama() -> Iterator[LlamaLlm]:
    options = {"model": "qwen2.5-coder-0.5b", "context": 512, "threads": 2}
    model: LlamaLlm = LLMS["llama"].create(LlmSettings.model_validate(options))
    yield model
    model.close()


@pytest.mark.weights
async def test_a_real_model_keeps_to_the_form_whatever_it_would_rather_write(
    llama: LlamaLlm, thread: ModelThread
) -> None:
    assert "lines" in LLMS["llama"].capabilities and isinstance(llama, WritesLines)
    verses = Doggerel(llama, thread, Moderator.default(), KNOWN, limit=120)
    first = await verses.write("我的猫")
    asked = iter(range(10_000))
    with pytest.raises(Cancelled):  # it stops in the middle of a line
        await verses.write("我的猫", cancelled=lambda: next(asked) > 12)
    second = await verses.write("我的猫")
    assert first is not None and second is not None and first != second
    assert check_verse(first.lines) == check_verse(second.lines) == []
    assert await thread.call(lambda: "".join(llama.stream([Message("user", "你好")], max_tokens=4)))
