"""The wake word: who calls, and that nothing else is heard of while it dozes."""

from __future__ import annotations

import pytest

from digital_human.apps.live.wake import Call, Doze, WakeWords
from digital_human.speech.hearing import (
    Abandon,
    Action,
    Commit,
    Duck,
    Interrupt,
    Partial,
    Speculate,
    Started,
    Transcript,
)
from tests.fakes.live import World, sure
from tests.fakes.virtual_time import virtual_time

WORDS = WakeWords(
    {"zh": ["东坡", "苏东坡", "东坡先生", "苏学士"], "en": ["Su Dongpo", "Dongpo"]},
    ["东坡肉", "苏轼", "苏东坡纪念馆"],
)


@pytest.mark.parametrize(
    ("text", "language", "rest"),
    [
        ("东坡", "zh", ""),
        ("你好，东坡！", "zh", ""),
        ("东坡先生，您好。", "zh", ""),
        ("东坡，你在吗？", "zh", ""),
        ("東坡", "zh", ""),
        ("东坡，雷峰塔几点关门？", "zh", "雷峰塔几点关门?"),
        ("东坡雷峰塔几点关门", "zh", "雷峰塔几点关门"),
        ("苏东坡给我背一首水调歌头", "zh", "给我背一首水调歌头"),
        ("苏东坡是谁？", "zh", "是谁?"),
        ("苏东坡，Where are the Toilets？", "en", "Where are the Toilets?"),
        ("Hello Dongpo.", "en", ""),
        ("Hey Dongpo, when does Leifeng Pagoda close?", "en", "when does Leifeng Pagoda close?"),
        ("Hello 苏东坡，断桥在哪里", "zh", "断桥在哪里"),
        ("Su Dongpo, are you there?", "en", ""),
        ("Hello Dongpo. Hello Dongpo.", "en", ""),
        ("Dongpo, Dongpo", "en", ""),
        # As Whisper writes what voices said, alone and in noise.
        ("舒动破", "zh", ""),
        ("朱董博", "zh", ""),
        ("苏雪市", "zh", ""),
        ("中坡", "zh", ""),
        ("以好东坡", "zh", ""),
        ("董坡线上", "zh", ""),
        ("西东坡", "zh", ""),
        ("米海东坡", "zh", ""),
        ("中坡、雷峰塔几点关门", "zh", "雷峰塔几点关门"),
        ("Hello Dumpao.", "en", ""),
        ("Chudongpo", "en", ""),
        ("Sudumpo where are the toilets?", "en", "where are the toilets?"),
        ("Siddong-bo, where is the toilet?", "en", "where is the toilet?"),
        ("Hello, Sudon Paul, tell me about the lake.", "en", "tell me about the lake."),
    ],
)
def test_who_calls_by_name_is_heard(text: str, language: str, rest: str) -> None:
    assert WORDS.called(text) == Call(language, rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "", "。", "你好", "您好，请问", "Hello", "Hi there", "你好，中国", "你好东方",
        # Somebody else, or something else
        "东坡肉怎么做？", "东坡肉，来一份", "苏轼，你好", "苏堤在哪里", "李东", "数学是一门课",
        "中部地区", "总部在哪里？", "同步一下", "从不迟到", "东部很大", "松坡图书馆", "动物园",
        "Don't push!", "Sit down, please.", "Stand by.", "Dump it here", "So done by now",
        "The map", "Which temple does the evening bell belong to?", "苏东坡纪念馆几点开门？",
        "Saddened by it", "Sudden pain", "Hello Don.", "Hello Donald, how are you?", "Dan, put it",
        # Told of, not called
        "苏东坡是北宋的诗人。", "东坡在杭州当过两任太守", "东坡居士就是他", "Su Dongpo was a poet.",
        "这是苏东坡", "去看苏东坡", "学东坡", "这里是苏东坡修的苏堤", "我觉得东坡很好",
        "I like Su Dongpo.", "Su Dongpo's causeway",
    ],
)  # fmt: skip
def test_other_talk_does_not_wake(text: str) -> None:
    assert WORDS.called(text) is None


def test_another_persona_has_other_names() -> None:
    words = WakeWords({"zh": ["白娘子"], "en": ["Lady White", "Xu"]})
    assert words.called("白娘子你好") == Call("zh")
    assert words.called("Hello Lady White, where is the bridge?") == Call(
        "en", "where is the bridge?"
    )
    assert words.called("Hi, Xu!") == Call("en") and words.called("Hi, so what?") is None
    assert words.called("你好，东坡") is None
    assert not WakeWords({})


# While it dozes


class Ears:
    """A dozing session's ears, and what comes through."""

    def __init__(self) -> None:
        self.through: list[Action] = []
        self.calls: list[Call] = []
        self.doze = Doze(WORDS, self.through.append, self.calls.append)
        self.doze.set(True)

    def say(self, text: str, language: str = "zh") -> None:
        transcript = Transcript(text, language, 1.0, 2.0, 1, 0.9, raw=text)  # type: ignore[arg-type]
        self.doze.take(Started(1.0))
        self.doze.take(Partial(transcript))
        self.doze.take(Speculate(transcript))
        self.doze.take(Commit(transcript, "endpoint", 0.3))


def test_nothing_comes_through_before_the_call_and_everything_after() -> None:
    ears = Ears()
    ears.say("今天晚上吃什么，吃东坡肉吧")
    ears.doze.take(Started(3.0))
    ears.doze.take(Abandon("noise"))
    ears.doze.take(Duck(3.5))
    assert not ears.through and not ears.calls and ears.doze.on
    ears.say("你好，东坡")
    assert ears.calls == [Call("zh")]
    assert not ears.through and not ears.doze.on
    ears.say("断桥在哪里？")
    assert [type(one) for one in ears.through] == [Started, Partial, Speculate, Commit]


def test_the_question_in_the_call_comes_through_without_the_name() -> None:
    ears = Ears()
    ears.say("Su Dongpo, where are the toilets?", "en")
    assert ears.calls == [Call("en", "where are the toilets?")]
    (commit,) = ears.through
    assert isinstance(commit, Commit)
    assert (commit.transcript.text, commit.transcript.raw) == ("where are the toilets?", "")


def test_what_began_while_it_dozed_is_not_heard_when_a_touch_wakes_it() -> None:
    ears = Ears()
    ears.doze.take(Started(1.0))
    ears.doze.set(False)
    transcript = Transcript("说给别人听的话", "zh", 1.0, 2.0, 1, 0.9)
    ears.doze.take(Partial(transcript))
    ears.doze.take(Interrupt(1.5, "voice"))
    ears.doze.take(Commit(transcript, "silence", 1.0))
    assert ears.through == [Abandon("noise")]
    ears.say("断桥在哪里？")
    assert len(ears.through) == 5 and not ears.calls


@pytest.mark.parametrize("speaks", [True, False])
def test_the_button_says_who_is_meant_whatever_began_while_it_dozed(speaks: bool) -> None:
    ears = Ears()
    ears.doze.take(Started(1.0))
    ears.doze.set(False)
    transcript = Transcript("断桥在哪里？", "zh", 1.0, 4.0, 1, 0.9)
    if speaks:
        ears.doze.take(Interrupt(2.0, "button"))
    ears.doze.take(Commit(transcript, "button", 0.3))
    kinds = [type(one) for one in ears.through]
    assert kinds == [Started, *[Interrupt] * speaks, Commit]


def test_a_turn_that_is_open_when_it_falls_asleep_is_given_up() -> None:
    ears = Ears()
    ears.doze.set(False)
    ears.doze.take(Started(1.0))
    ears.doze.set(True)
    assert ears.through == [Started(1.0), Abandon("noise")]
    ears.doze.take(Commit(Transcript("断桥在哪", "zh", 1.0, 2.0, 1, 0.9), "silence", 1.0))
    ears.doze.set(False)
    ears.doze.set(True)
    assert len(ears.through) == 2 and not ears.calls


@virtual_time
async def test_who_touched_it_while_others_talk_can_interrupt_what_it_says() -> None:
    async with World({"苏堤在哪里": sure("在西边。")}) as w:
        doze = Doze(WORDS, w.conversation.on_ear, lambda call: None)
        w.ears.on_action = doze.take
        doze.set(True)
        w.say("我们先去吃饭吧", 4.0)
        await w.sleep(1)
        doze.set(False)
        w.conversation.say("西湖在杭州市的西边，它的三面都是山。" * 4)
        await w.sleep(6)
        assert not w.of("reply.finished") and not w.of("heard.started")
        w.say("苏堤在哪里", 1.2)
        stopped = await w.until("reply.finished")
        assert stopped.data["interrupted"] and "held" in w.states()
        await w.until("reply.finished", 2)
        assert w.heard_aloud().endswith("在西边。")


@virtual_time
async def test_a_session_that_dozes_does_nothing_until_it_is_called() -> None:
    async with World({"雷峰塔几点关门": sure("下午五点半。")}) as w:
        called: list[tuple[float, Call]] = []
        doze = Doze(WORDS, w.conversation.on_ear, lambda call: called.append((w.now(), call)))
        w.ears.on_action = doze.take
        doze.set(True)
        before = len(w.log)
        for text in ("雷峰塔几点关门", "苏东坡是北宋人", "我们去吃饭吧"):
            w.say(text, 1.0)
            await w.sleep(4)
        assert len(w.log) == before and not w.mind.asked and not w.mind.expected
        assert not w.history.exchanges and not w.mouth.asked
        end = w.say("东坡雷峰塔几点关门", 1.5)
        await w.until("reply.finished")
        ((at, call),) = called
        assert call.rest == "雷峰塔几点关门" and at - end < 1.0
        assert [e.data["text"] for e in w.of("heard.final")] == ["雷峰塔几点关门"]
        assert w.history.exchanges[0].answer == "下午五点半。"
