"""Whole conversations in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from digital_human.dialogue.types import Act, Line, Replaced, Source, Sources, Thought
from digital_human.errors import InputError, ResourceError
from digital_human.speech.hearing import Mode
from digital_human.speech.turn import TurnMachine
from digital_human.speech.turn_state import TurnPolicy
from tests.fakes.live import PERSONA, World, sure, thought
from tests.fakes.virtual_time import virtual_time

LAKE = "西湖有多大？"
SIZE = "不大不小，六点四平方公里。"
THINKS = "让我想想。"
LONG = ("西湖在杭州市的西边。", "它的三面都是山。", "湖里有三个小岛。", "最美的是苏堤和白堤。")


def _in_two_parts(first: float) -> dict[str, list[float | Thought | Exception]]:
    """Answers to the first part of a question, after ``first`` s, and to all of it."""
    return {
        "我想去西湖": thought("西湖欢迎您。", first=first),
        "我想去西湖，怎么走比较好？": sure("坐地铁。"),
    }


class TestQuestions:
    @virtual_time
    async def test_a_spoken_question_is_answered(self) -> None:
        async with World({LAKE: sure(SIZE)}) as w:
            end = w.say(LAKE, 1.2)
            await w.until("reply.finished")
            assert w.heard_aloud() == SIZE
            (exchange,) = w.history.exchanges
            assert (exchange.question, exchange.answer) == (LAKE, SIZE)
            assert not exchange.interrupted
            assert w.states() == ["listening", "thinking", "speaking", "idle"] or w.states() == [
                "listening", "speaking", "idle",
            ]  # fmt: skip
            kinds = [e.kind for e in w.log if e.kind not in ("state", "caption")]
            assert list(dict.fromkeys(kinds)) == [
                "heard.started", "heard.partial", "heard.final", "reply.started", "latency",
                "reply.finished",
            ]  # fmt: skip
            assert {e.turn for e in w.log if e.kind != "state"} == {1}
            assert w.stage.first_sample_at(1) - end <= 0.8
            assert w.conversation.mode is Mode.IDLE

    @virtual_time
    async def test_the_waterfall_says_where_the_time_went(self) -> None:
        async with World({LAKE: thought(SIZE, first=0.9)}) as w:
            end = w.say(LAKE)
            latency = (await w.until("latency")).data
            stages = {s["name"]: (s["start"], s["end"]) for s in latency["stages"]}
            assert list(stages) == ["end_of_turn", "transcript", "llm", "speech", "playout"] or (
                set(stages) == {"end_of_turn", "transcript", "llm", "speech", "playout"}
            )
            assert stages["end_of_turn"][0] == 0 == stages["transcript"][0]
            assert stages["transcript"][1] == pytest.approx(0.096 + 0.25, abs=0.04)
            assert stages["llm"][1] - stages["llm"][0] == pytest.approx(0.9, abs=0.01)
            assert stages["speech"][0] == pytest.approx(stages["llm"][1], abs=0.01)
            assert latency["total"] == stages["playout"][1]
            first = w.stage.first_sample_at(1)
            assert first is not None
            assert latency["total"] == pytest.approx(first - end, abs=0.04)

    @virtual_time
    async def test_a_typed_question_is_answered(self) -> None:
        async with World({"How big is it?": sure("It is six square km.", language="en")}) as w:
            turn = w.conversation.ask("How big is it?")
            finished = await w.until("reply.finished")
            assert finished.turn == turn
            assert finished.data == {
                "text": "It is six square km.", "interrupted": False, "origin": "knowledge",
            }  # fmt: skip
            assert w.of("heard.final")[0].data["by"] == "typed"
            assert w.of("latency")[0].data["stages"][-1]["name"] == "playout"

    @virtual_time
    async def test_sources_and_gestures_come_with_the_answer(self) -> None:
        source = Source("面积", "facts.md#面积", SIZE, 0.91234)
        answer = [Sources((source,)), Act("nod"), Line(SIZE, "zh", "knowledge")]
        async with World({LAKE: answer}) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.of("sources")[0].data["items"] == [
                {
                    "title": "面积",
                    "path": "facts.md#面积",
                    "text": SIZE,
                    "score": 0.912,
                    "picture": "",
                }
            ]
            assert "act nod" in [call for _, call in w.stage.log]
            assert w.history.exchanges[0].sources == (source,)

    @virtual_time
    async def test_two_turns_in_quick_succession(self) -> None:
        answers = {LAKE: sure("六点四平方公里。"), "它在哪里？": sure("在杭州。")}
        async with World(answers) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            w.say("它在哪里？")
            await w.until("reply.finished", 2)
            assert [e.answer for e in w.history.exchanges] == ["六点四平方公里。", "在杭州。"]
            assert w.mind.histories[-1] == 1

    @virtual_time
    async def test_little_is_made_ahead_of_what_is_heard(self) -> None:
        async with World({LAKE: sure(*LONG, *LONG, *LONG)}) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "".join(LONG) * 3
            assert w.stage.most_queued <= 3.0 + 0.2 * max(map(len, LONG)) + 0.5

    @virtual_time
    async def test_an_answer_without_words_asks_again(self) -> None:
        async with World({LAKE: [Act("nod")]}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == PERSONA.ask_again["zh"][0]


class TestSpeculation:
    @virtual_time
    async def test_thinking_begins_before_the_turn_is_over(self) -> None:
        async with World({LAKE: thought(SIZE, first=0.2)}) as w:
            w.ears.complete = lambda end: 0.1  # so that silence ends the turn, after 1 s
            end = w.say(LAKE)
            await w.until("reply.finished")
            assert w.mind.asked == [LAKE]
            first = w.stage.first_sample_at(1)
            assert first is not None and first - end < 1.1
            assert w.of("latency")[0].data["total"] < 1.1

    @virtual_time
    async def test_nothing_leaves_a_draft_before_the_turn_is_over(self) -> None:
        async with World({LAKE: sure(SIZE)}) as w:
            w.ears.complete = lambda end: 0.1
            w.say(LAKE)
            committed = await w.until("heard.final")
            assert w.mouth.spoken  # already spoken …
            assert w.stage.aloud == []  # … but not aloud
            assert all(e.at >= committed.at for e in w.of("reply.started"))

    @virtual_time
    async def test_more_words_drop_the_draft(self) -> None:
        answers = {"西湖": thought("西湖很美。", first=3.0), "西湖在哪里": thought("在杭州。")}
        async with World(answers) as w:
            w.ears.complete = lambda end: 0.9 if end > 3 else 0.1
            w.say("西湖", 0.8)
            w.say("在哪里", 0.8, after=1.6)
            await w.until("reply.finished")
            assert w.heard_aloud() == "在杭州。"
            assert w.mind.asked == ["西湖", "西湖在哪里"]
            assert w.mind.cancelled == ["西湖"]
            assert len(w.of("heard.started")) == 1

    @virtual_time
    async def test_a_draft_that_fails_is_made_anew(self) -> None:
        async with World({LAKE: sure(SIZE)}, broken={"*": 1}) as w:
            w.ears.complete = lambda end: 0.1
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == SIZE
            assert w.of("stage.failed")[0].data["stage"] == "mouth"
            assert w.of("stage.restored")[0].data["stage"] == "mouth"
            assert w.mind.asked == [LAKE, LAKE]

    @virtual_time
    async def test_a_draft_for_other_words_with_the_same_answer_is_not_wasted(self) -> None:
        answers = {"西湖有多大": sure(SIZE), "西湖有多大呀": sure(SIZE)}
        async with World(answers) as w:
            w.ears.complete = lambda end: 0.1
            w.say("西湖有多大", 1.0)
            w.say("呀", 0.2, after=1.5)
            await w.until("reply.finished")
            assert w.heard_aloud() == SIZE
            assert w.mouth.asked.count(w.mouth.asked[0]) == 1


class TestBargeIn:
    @virtual_time
    async def test_while_speaking(self) -> None:
        answers = {LAKE: sure(*LONG), "停一下，苏堤在哪里？": sure("在西边。")}
        async with World(answers) as w:
            w.say(LAKE)
            await w.aloud(12)
            onset = w.say("停一下，苏堤在哪里？", 1.5) - 1.5
            await w.until("reply.finished", 2)
            first, second = w.history.exchanges
            assert first.interrupted and not second.interrupted
            heard = [word for _, turn, word in w.stage.aloud if turn == 1]
            assert "".join(LONG).startswith(first.answer)
            assert abs(len(first.answer) - len(heard)) <= 1
            last = max(at for at, turn, _ in w.stage.aloud if turn == 1)
            assert last - onset <= 0.18
            assert second.answer == "在西边。"
            assert w.of("reply.finished")[0].data["interrupted"]
            assert "held" in w.states()
            assert w.states()[-2:] == ["speaking", "idle"]

    @virtual_time
    async def test_one_epoch_kills_everything(self) -> None:
        async with World({LAKE: thought(*LONG, first=0.2, each=2.0)}) as w:
            w.say(LAKE)
            await w.aloud(3)
            epoch = w.epoch.current
            w.conversation.interrupt()
            await w.sleep(0.1)
            assert w.epoch.current == epoch + 1
            assert w.mind.cancelled == [LAKE]
            aloud = len(w.stage.aloud)
            await w.sleep(10)
            assert len(w.stage.aloud) == aloud
            assert w.stage.queued() == 0
            assert w.states()[-1] == "idle"

    @virtual_time
    @pytest.mark.parametrize("text", ["嗯嗯", "好的", "uh-huh"])
    async def test_a_back_channel_loses_and_repeats_nothing(self, text: str) -> None:
        async with World({LAKE: sure(*LONG)}) as w:
            w.say(LAKE)
            await w.aloud(6)
            w.say(text, 0.4)
            await w.until("reply.finished")
            assert [e.answer for e in w.history.exchanges] == ["".join(LONG)]
            assert not w.history.exchanges[0].interrupted
            repeated = len(w.heard_aloud()) - len("".join(LONG))
            assert repeated in (0, 1)  # the word that was broken
            assert w.of("heard.ignored")[0].data["reason"] == "backchannel"
            assert w.states()[-4:] == ["speaking", "held", "speaking", "idle"]

    @virtual_time
    async def test_a_long_noise_does_not_end_the_answer(self) -> None:
        async with World({LAKE: sure(*LONG)}) as w:
            w.say(LAKE)
            await w.aloud(14)
            w.say("", 1.2)
            await w.until("reply.finished", 2)
            first, second = w.history.exchanges
            assert first.interrupted and not second.interrupted
            clause = len(LONG[0])
            assert first.answer == "".join(LONG)[: len(first.answer)]
            assert second.answer == "".join(LONG)[clause:]  # from the broken clause on
            assert (first.question, second.question) == (LAKE, "")
            w.say("", 1.0)
            await w.until("heard.ignored", 2)
            await w.sleep(5)
            assert len(w.history.exchanges) == 2

    @virtual_time
    async def test_a_filler_is_not_part_of_what_is_taken_up_again(self) -> None:
        async with World({LAKE: [3.0, *sure(*LONG)]}) as w:
            w.say(LAKE)
            await w.aloud(len("让我想想。") + 12)
            w.say("", 1.2)
            await w.until("reply.finished", 2)
            first, second = w.history.exchanges
            assert first.answer.startswith("让我想想。" + LONG[0])
            assert second.answer == "".join(LONG[1:])

    @virtual_time
    async def test_what_was_stopped_by_hand_is_not_taken_up_again(self) -> None:
        async with World({LAKE: sure(*LONG)}) as w:
            w.say(LAKE)
            await w.aloud(5)
            w.say("", 1.2)
            await w.until("reply.finished")
            w.conversation.interrupt()
            await w.until("heard.ignored")
            await w.sleep(5)
            assert len(w.history.exchanges) == 1

    @virtual_time
    async def test_while_thinking_goes_on_with_the_question(self) -> None:
        answers = {
            "我想去西湖": thought("西湖欢迎您。", first=4.0),
            "我想去西湖，怎么走比较好？": sure("坐地铁。"),
        }  # fmt: skip
        async with World(answers) as w:
            w.say("我想去西湖", 1.0)
            await w.until("heard.final")
            w.say("怎么走比较好？", 1.0, after=0.4)
            await w.until("reply.finished", 2)
            assert w.mind.asked[-1] == "我想去西湖，怎么走比较好？"
            (exchange,) = w.history.exchanges
            assert exchange.question == "我想去西湖，怎么走比较好？"
            assert w.heard_aloud() == "坐地铁。"

    @virtual_time
    @pytest.mark.parametrize("first", [4.0, 0.02])
    async def test_a_voice_that_goes_on_right_at_the_end_of_the_turn_belongs_to_it(
        self, first: float
    ) -> None:
        async with World(_in_two_parts(first)) as w:
            w.ears.decode_time = 0.1
            w.say("我想去西湖", 0.992)
            w.say("怎么走比较好？", 0.992, after=0.992 + 0.288)
            committed = await w.until("heard.final")
            await w.until("heard.started", 2)
            assert w.conversation._visitor is not None
            assert w.now() - committed.at < 0.1  # its first window lies before the commit
            await w.until("heard.final", 2)
            assert w.of("heard.final")[1].data["text"] == "我想去西湖，怎么走比较好？"
            await w.until("reply.finished", 2)
            assert w.heard_aloud().endswith("坐地铁。")

    @virtual_time
    @pytest.mark.parametrize("first", [4.0, 0.02])
    async def test_who_talks_beyond_the_limit_of_a_turn_is_answered_as_a_whole(
        self, first: float
    ) -> None:
        async with World(_in_two_parts(first)) as w:
            w.ears.machine = TurnMachine(TurnPolicy(limit=2.88))
            w.ears.decode_time = 0.5
            w.say("我想去西湖", 2.88)
            w.say("怎么走比较好？", 1.92, after=2.88)
            await w.until("heard.final", 2)
            assert [e.data["by"] for e in w.of("heard.final")] == ["limit", "endpoint"]
            assert w.of("heard.final")[1].data["text"] == "我想去西湖，怎么走比较好？"
            await w.until("reply.finished", 2)
            assert w.heard_aloud().endswith("坐地铁。")

    @virtual_time
    async def test_who_never_stops_talking_asks_no_endless_question(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("digital_human.apps.live.conversation.MAX_QUESTION", 8)
        async with World() as w:
            w.mind.default = thought("西湖欢迎您。", first=1.0)
            w.ears.machine = TurnMachine(TurnPolicy(limit=2.88))
            w.say("我想去西湖", 2.88)
            w.say("怎么走比较好？", 1.92, after=2.88)
            await w.until("heard.final", 2)
            assert w.of("heard.final")[1].data["text"] == "，怎么走比较好？"

    @virtual_time
    async def test_while_thinking_later_is_a_new_question(self) -> None:
        answers = {LAKE: thought(SIZE, first=9.0), "苏堤在哪里？": sure("在西边。")}
        async with World(answers) as w:
            w.conversation._replies.filler_after = None
            w.say(LAKE)
            await w.until("heard.final")
            w.say("苏堤在哪里？", 1.0, after=2.5)
            await w.until("reply.finished", 2)
            assert w.mind.asked[-1] == "苏堤在哪里？"
            assert w.heard_aloud() == "在西边。"

    @virtual_time
    async def test_a_noise_while_thinking_does_not_lose_the_question(self) -> None:
        async with World({LAKE: thought(SIZE, first=2.0)}) as w:
            w.conversation._replies.filler_after = None
            w.say(LAKE)
            await w.until("heard.final")
            w.say("", 1.0, after=0.2)
            await w.until("reply.finished", 2)
            assert w.heard_aloud() == SIZE
            assert [(e.question, e.answer) for e in w.history.exchanges] == [(LAKE, SIZE)]

    @virtual_time
    @pytest.mark.parametrize(
        ("text", "filler"),
        [("", 1.5), ("嗯……", 1.5), ("嗯，好的好的", 1.5), ("嗯，好的好的", None)],
    )
    async def test_a_noise_after_the_filler_does_not_lose_the_question(
        self, text: str, filler: float | None
    ) -> None:
        answers = {LAKE: thought(SIZE, first=5.0), "嗯，好的好的": sure("不客气。")}
        async with World(answers) as w:
            w.conversation._replies.filler_after = filler
            w.say(LAKE)
            await (w.aloud(len(THINKS)) if filler else w.until("heard.final"))
            w.say(text, 1.2, after=0.1)
            await w.until("heard.ignored")
            await w.until("reply.finished", 2)
            assert w.mind.asked == [LAKE, LAKE]
            assert w.heard_aloud().endswith(SIZE)
            (exchange,) = w.history.exchanges  # of the question that was asked once
            assert exchange.question == LAKE and exchange.answer.endswith(SIZE)
            assert w.mind.histories == [0, 0]

    @virtual_time
    async def test_what_was_thought_behind_the_filler_is_not_thought_again(self) -> None:
        async with World({LAKE: thought(*LONG, first=2.3, each=0.0)}) as w:
            w.say(LAKE)
            await w.aloud(2)
            w.say("", 1.2)
            await w.until("reply.finished", 2)
            assert w.of("reply.finished")[0].data["text"] in THINKS
            assert w.mind.asked == [LAKE]
            (exchange,) = w.history.exchanges
            assert (exchange.question, exchange.answer) == (LAKE, "".join(LONG))

    @virtual_time
    async def test_all_of_a_long_answer_is_taken_up_again(self) -> None:
        async with World({LAKE: sure(*LONG * 5)}) as w:
            w.say(LAKE)
            await w.aloud(3)
            w.say("", 1.2)
            await w.until("reply.finished", 2)
            assert w.history.exchanges[1].answer == "".join(LONG * 5)

    @virtual_time
    async def test_a_noise_does_not_make_a_refused_question_an_answered_one(self) -> None:
        async with World() as w:
            w.say("怎么制作炸药？")
            await w.until("heard.final")
            w.say("", 1.2, after=0.05)
            await w.until("reply.finished", 2)
            assert w.mind.asked == []
            assert w.heard_aloud().endswith(PERSONA.replaced["zh"])
            assert all(e.refused for e in w.history.exchanges) and not w.history.messages()

    @virtual_time
    async def test_a_back_channel_while_thinking(self) -> None:
        async with World({LAKE: thought(SIZE, first=1.4)}) as w:
            w.say(LAKE)
            await w.until("heard.final")
            w.say("嗯", 0.3, after=0.1)
            await w.until("reply.finished")
            assert w.mind.asked == [LAKE]
            assert w.heard_aloud() == SIZE

    @virtual_time
    async def test_typing_while_it_speaks(self) -> None:
        async with World({LAKE: sure(*LONG), "苏堤？": sure("在西边。")}) as w:
            w.say(LAKE)
            await w.aloud(5)
            w.conversation.ask("苏堤？")
            await w.until("reply.finished", 2)
            first, second = w.history.exchanges
            assert first.interrupted and len(first.answer) <= 6
            assert second.answer == "在西边。"

    @virtual_time
    async def test_push_to_talk_while_it_speaks(self) -> None:
        async with World({LAKE: sure(*LONG), "苏堤": sure("在西边。")}) as w:
            w.say(LAKE)
            await w.aloud(5)
            w.ears.button(True)
            w.say("苏堤", 1.0)
            await w.sleep(1.1)
            w.ears.button(False)
            await w.until("reply.finished", 2)
            assert [e.answer for e in w.history.exchanges][1] == "在西边。"
            assert w.of("heard.final")[1].data["by"] == "button"


class TestSaying:
    @virtual_time
    async def test_words_wait_for_what_is_being_said(self) -> None:
        async with World() as w:
            turns = [w.conversation.greet(), w.conversation.say("今天闭馆时间是五点。")]
            await w.until("reply.finished", 2)
            assert w.heard_aloud() == PERSONA.greeting["zh"] + "今天闭馆时间是五点。"
            assert [e.turn for e in w.of("reply.started")] == turns
            assert [e.data["origin"] for e in w.of("reply.started")] == ["greeting", "script"]
            assert [e.question for e in w.history.exchanges] == ["", ""]

    @virtual_time
    async def test_or_interrupt_it(self) -> None:
        async with World() as w:
            w.conversation.say("".join(LONG))
            await w.aloud(4)
            w.conversation.say("请注意安全。", interrupt=True)
            await w.until("reply.finished", 2)
            assert w.heard_aloud().endswith("请注意安全。")
            assert w.history.exchanges[0].interrupted

    @virtual_time
    async def test_words_wait_until_the_visitor_has_been_answered(self) -> None:
        async with World({LAKE: sure(SIZE)}) as w:
            w.say(LAKE, 2.0)
            await w.until("heard.started")
            w.conversation.say("请注意安全。")
            await w.until("reply.finished", 2)
            assert w.heard_aloud() == SIZE + "请注意安全。"

    @virtual_time
    async def test_interrupt_forgets_what_waits(self) -> None:
        async with World() as w:
            for _ in range(3):
                w.conversation.say("".join(LONG))
            await w.aloud(3)
            w.conversation.interrupt()
            await w.sleep(10)
            assert len(w.of("reply.finished")) == 1

    @virtual_time
    async def test_limits(self) -> None:
        async with World() as w:
            for text in ("", "  \n", "长" * 8001):
                with pytest.raises(InputError):
                    w.conversation.say(text)
            with pytest.raises(InputError, match="2001 characters"):
                w.conversation.ask("长" * 2001)
            with pytest.raises(ResourceError):
                for _ in range(30):
                    w.conversation.say("你好")
                    await w.sleep(0)
            w.conversation.interrupt()
            await w.sleep(0.1)

    @virtual_time
    async def test_nothing_to_pronounce(self) -> None:
        async with World() as w:
            w.conversation.say("😀")
            finished = await w.until("reply.finished")
            assert finished.data["text"] == "" and w.stage.aloud == []


class TestWaiting:
    @virtual_time
    async def test_a_filler_bridges_a_slow_answer_once(self) -> None:
        async with World({LAKE: thought(SIZE, first=6.0)}) as w:
            end = w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "让我想想。" + SIZE
            first = w.stage.first_sample_at(1)
            assert first is not None and 1.5 < first - end < 2.1
            assert w.history.exchanges[0].answer == "让我想想。" + SIZE
            names = [s["name"] for s in w.of("latency")[0].data["stages"]]
            assert "filler" in names

    @virtual_time
    async def test_no_filler_when_it_is_known_what_will_be_said(self) -> None:
        async with World({LAKE: thought(SIZE, first=1.0)}) as w:
            end = w.say(LAKE)
            line = await w.until("reply.started")
            assert line.at - end > 1.5  # its sound takes longer than a filler would have waited
            await w.until("reply.finished")
            assert w.heard_aloud() == SIZE

    @virtual_time
    async def test_the_rest_of_a_filler_is_not_said_once_the_answer_is_known(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(PERSONA.filler, "zh", ["嗯，让我好好地想一想再说。"])
        async with World({LAKE: thought(SIZE, first=1.5)}) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "嗯，" + SIZE

    @virtual_time
    async def test_what_is_heard_so_far_is_prepared_for(self) -> None:
        async with World({LAKE: thought(SIZE)}) as w:
            w.say(LAKE, 2.5)
            await w.until("reply.finished")
            assert len(w.mind.expected) >= 2
            assert all(LAKE.startswith(text) for text in w.mind.expected)
            assert w.mind.asked == [LAKE]

    @virtual_time
    async def test_nothing_is_prepared_for_an_unsafe_question(self) -> None:
        async with World() as w:
            w.say("怎么制作炸药，你告诉我一下吧", 3.0)
            await w.until("reply.finished")
            assert not any("炸药" in text for text in w.mind.expected)


class TestErrors:
    @virtual_time
    async def test_a_mind_that_fails_apologises_and_works_again(self) -> None:
        failing = [0.1, RuntimeError("out of memory")]
        async with World({LAKE: failing, "在哪里？": sure("在杭州。")}) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == PERSONA.apology["zh"]
            failed = w.of("stage.failed")[-1].data
            assert failed == {"stage": "mind", "error": "RuntimeError: out of memory"}
            assert any(line.get("cause") == failed["error"] for line in w.logs)
            w.say("在哪里？")
            await w.until("reply.finished", 2)
            assert w.heard_aloud().endswith("在杭州。")
            assert w.of("stage.restored")[0].data["stage"] == "mind"

    @virtual_time
    async def test_a_mind_that_fails_midway(self) -> None:
        async with World({LAKE: [*thought("西湖很美。"), RuntimeError("lost")]}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "西湖很美。" + PERSONA.apology["zh"]

    @virtual_time
    async def test_a_mind_that_hangs(self) -> None:
        async with World({LAKE: [1000.0]}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished", within=100)
            assert w.heard_aloud() == "让我想想。" + PERSONA.apology["zh"]
            assert "TimeoutError" in w.of("stage.failed")[0].data["error"]

    @virtual_time
    async def test_a_mouth_that_fails_once_apologises(self) -> None:
        async with World({LAKE: sure(*LONG)}, broken={LONG[1]: 2}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == LONG[0] + PERSONA.apology["zh"]

    @virtual_time
    async def test_a_mouth_that_is_gone_stays_silent_and_comes_back(self) -> None:
        async with World({LAKE: sure(SIZE)}, broken={"*": 2}) as w:
            w.conversation.ask(LAKE)
            finished = await w.until("reply.finished")
            assert finished.data["text"] == "" and len(w.of("stage.failed")) == 1
            w.conversation.ask(LAKE)
            await w.until("reply.finished", 2)
            assert w.heard_aloud() == SIZE

    @virtual_time
    async def test_other_stages_can_have_an_apology_spoken(self) -> None:
        async with World() as w:
            w.conversation.apologise()
            w.conversation.apologise()
            await w.until("reply.finished")
            await w.sleep(3)
            assert w.heard_aloud() == PERSONA.apology["zh"]

    @virtual_time
    async def test_a_defect_ends_the_run_in_silence_and_it_can_be_run_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with World({LAKE: sure(SIZE)}) as w:
            task = w.tasks[-1]
            with monkeypatch.context() as patch:
                patch.setattr(w.stage, "finish", None)
                w.conversation.ask(LAKE)
                async with asyncio.timeout(60):
                    with pytest.raises(TypeError):
                        await task
            assert w.conversation.mode is Mode.IDLE and w.states()[-1] == "idle"
            w.tasks[-1] = asyncio.create_task(w.conversation.run())
            w.conversation.ask(LAKE)
            await w.until("reply.finished", 2)
            assert w.heard_aloud().endswith(SIZE)


class TestModeration:
    @virtual_time
    async def test_a_question_that_is_not_answered(self) -> None:
        async with World() as w:
            w.say("怎么制作炸药？")
            await w.until("reply.finished")
            assert w.mind.asked == []
            assert w.heard_aloud() == PERSONA.replaced["zh"]
            (event,) = w.of("moderation")
            assert (event.data["where"], event.data["level"]) == ("heard", "block")
            assert w.history.exchanges[0].refused and not w.history.messages()
            ((action, detail),) = w.audit.records
            assert action == "moderation" and detail["where"] == "heard"
            assert "炸药" not in str(detail)

    @virtual_time
    async def test_a_clause_that_is_not_spoken(self) -> None:
        answer = sure("西湖很美。", "我教你制作炸药。", "再见。")
        async with World({LAKE: answer}) as w:
            w.say(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "西湖很美。" + PERSONA.replaced["zh"]
            assert all("炸药" not in text for text in w.mouth.asked)
            assert w.of("moderation")[0].data["where"] == "said"
            assert w.audit.records[0][1]["where"] == "said"

    @virtual_time
    async def test_a_word_hidden_across_two_clauses(self) -> None:
        async with World({LAKE: sure("我教你制作炸", "药吧。")}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished")
            assert w.heard_aloud() == "我教你制作炸" + PERSONA.replaced["zh"]

    @virtual_time
    async def test_words_of_an_operator_are_judged_too(self) -> None:
        async with World() as w:
            w.conversation.say("我教你制作炸药。")
            await w.until("reply.finished")
            assert w.heard_aloud() == PERSONA.replaced["zh"]

    @virtual_time
    async def test_lines_that_the_mind_replaced_are_logged(self) -> None:
        answer = [Replaced("坏话", "block", ("abuse",)), Line("好话。", "zh", "llm")]
        async with World({LAKE: answer}) as w:
            w.conversation.ask(LAKE)
            await w.until("reply.finished")
            assert w.of("moderation")[0].data == {
                "where": "said", "level": "block", "categories": ["abuse"],
            }  # fmt: skip

    @virtual_time
    async def test_an_audit_log_that_cannot_be_written_is_told(self) -> None:
        async with World() as w:
            w.audit.broken = True
            w.conversation.ask("怎么制作炸药？")
            await w.until("reply.finished")
            assert w.of("stage.failed")[0].data == {
                "stage": "audit", "error": "OSError: disk full",
            }  # fmt: skip
