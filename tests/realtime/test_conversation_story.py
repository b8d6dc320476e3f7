"""Whatever visitors, clients and stages do, the story that is told stays true."""

from __future__ import annotations

from itertools import groupby

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digital_human.dialogue.types import Act, Line
from digital_human.speech.hearing import Mode
from tests.fakes.live import PERSONA, World, sure, thought
from tests.fakes.virtual_time import virtual_time

TEXTS = ["西湖有多大？", "嗯", "好的", "", "停一下", "那里有什么好玩的地方？", "uh-huh"]
ANSWERS = [
    sure("西湖很大，有六点四平方公里。", "它在杭州。"),
    thought("西湖三面环山，", "一面临城。", first=0.8, each=1.5),
    thought("让我看看，", "好的。", first=4.0),
    [0.2, RuntimeError("broken")],
    [Act("nod"), Line("是的。", "zh", "llm"), 1.0, RuntimeError("broken")],
    [],
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("voice"), st.sampled_from(TEXTS), st.sampled_from([0.06, 0.3, 0.7, 1.6])),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([0.05, 0.4, 1.1, 3.0])),
        st.tuples(st.just("ask"), st.sampled_from(TEXTS[:1] + TEXTS[-2:]), st.just(0.0)),
        st.tuples(st.just("say"), st.sampled_from(["请注意安全。", "今天五点闭馆，请抓紧。"]),
                  st.sampled_from([0.0, 1.0])),
        st.tuples(st.just("interrupt"), st.just(""), st.just(0.0)),
        st.tuples(st.just("button"), st.just(""), st.sampled_from([0.0, 1.0])),
        st.tuples(st.just("sorry"), st.just(""), st.just(0.0)),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=STEPS,
    answer=st.sampled_from(ANSWERS),
    broken=st.integers(0, 2),
    judge=st.sampled_from([0.1, 0.9]),
    decode_time=st.sampled_from([0.05, 0.4, 1.6]),
)
@virtual_time
async def test_the_story_is_true(
    steps: list[tuple[str, str, float]],
    answer: list[object],
    broken: int,
    judge: float,
    decode_time: float,
) -> None:
    async with World(broken={"*": broken}) as w:
        w.mind.default = answer or [0.1]  # type: ignore[assignment]
        w.ears.complete = lambda end: judge
        w.ears.decode_time = decode_time
        for kind, text, number in steps:
            match kind:
                case "voice":
                    w.say(text, number)
                    await w.sleep(number)
                case "wait":
                    await w.sleep(number)
                case "ask":
                    w.conversation.ask(text)
                case "say":
                    w.conversation.say(text, interrupt=bool(number))
                case "interrupt":
                    w.conversation.interrupt()
                case "button":
                    w.ears.button(bool(number))
                case "sorry":
                    w.conversation.apologise()
        w.ears.button(False)
        await w.sleep(7)  # a decode that never comes is given up after 5 s
        while w.log and w.now() - w.log[-1].at < 7:
            await w.sleep(7)
        check(w)


def is_filler(text: str) -> bool:
    return any(line.startswith(text) for lines in PERSONA.filler.values() for line in lines)


def check(w: World) -> None:
    assert w.conversation.mode is Mode.IDLE
    assert w.stage.queued() == 0
    assert not w.states() or w.states()[-1] == "idle"
    # Every voice is answered or ignored, once.
    closed = [e.turn for e in w.log if e.kind in ("heard.final", "heard.ignored")]
    assert len(closed) == len(set(closed))
    assert {e.turn for e in w.of("heard.started")} <= set(closed)
    # Every reply ends, once; nothing of it is heard afterwards, or between the words of another.
    finished = {e.turn: e for e in w.of("reply.finished")}
    assert len(finished) == len(w.of("reply.finished"))
    assert {e.turn for e in w.of("reply.started")} <= set(finished)
    turns = [turn for turn, _ in groupby(turn for _, turn, _ in w.stage.aloud)]
    assert len(turns) == len(set(turns))
    assert all(at <= finished[turn].at + 1e-6 for at, turn, _ in w.stage.aloud)
    # What is told and remembered is what was heard; a filler that nothing followed need not be.
    for turn, event in finished.items():
        assert event.data["text"] == w.stage.heard(turn)
    remembered = {e.turn: e for e in w.history.exchanges}
    assert len(remembered) == len(w.history.exchanges)
    assert {t: e.answer for t, e in remembered.items() if e.answer} == {
        t: text
        for t, e in finished.items()
        if (text := e.data["text"]) and (t in remembered or not is_filler(text))
    }
    # The log of states has no repetition.
    states = w.states()
    assert all(a != b for a, b in zip(states, states[1:], strict=False))
