"""What the language model is told of earlier turns."""

from __future__ import annotations

import threading

import pytest

from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.llm.base import Message, estimate_prompt, estimate_tokens, shortened


def filled(turns: int, limit: int = 200, told: int = 500) -> History:
    history = History(limit, told)
    for turn in range(1, turns + 1):
        history.add(Exchange(turn, f"问题{turn}号", "回答" * 10, "zh"))
    return history


def test_messages_alternate_and_say_what_was_heard() -> None:
    history = History()
    history.add(Exchange(0, "", "欢迎来到西湖！", "zh"))
    history.add(Exchange(1, "苏堤多长？", "苏堤全长", "zh", interrupted=True))
    history.add(Exchange(2, "And the Bai Causeway?", "About one", "en", interrupted=True))
    assert history.messages() == [
        Message("assistant", "欢迎来到西湖！"),
        Message("user", "苏堤多长？"),
        Message("assistant", "苏堤全长（被打断）"),
        Message("user", "And the Bai Causeway?"),
        Message("assistant", "About one (interrupted)"),
    ]


def test_an_exchange_of_which_nothing_was_heard_is_not_shown() -> None:
    history = History()
    history.add(Exchange(1, "你好", "", "zh", interrupted=True))
    assert history.messages() == [] and len(history.exchanges) == 1


def test_the_budget_holds_and_the_head_stays_for_many_turns() -> None:
    budget, heads = 300, list[str]()
    history = filled(0, told=budget)
    for turn in range(1, 60):
        history.add(Exchange(turn, f"问题{turn}号", "回答" * 10, "zh"))
        messages = history.messages()
        assert estimate_prompt(messages) <= budget + 8 * len(messages)
        assert messages[-2].content == f"问题{turn}号"
        heads.append(messages[0].content)
    changes = sum(a != b for a, b in zip(heads, heads[1:], strict=False))
    assert 3 <= changes <= 15  # dropped several at a time, not one every turn


def test_a_budget_too_small_for_anything_gives_nothing() -> None:
    history = filled(5, told=3)
    assert history.messages() == []
    history = filled(5, told=20)
    history.add(Exchange(6, "还在吗", "在", "zh"))
    assert [m.content for m in history.messages()] == ["还在吗", "在"]


def test_a_question_that_was_refused_is_remembered_but_not_told() -> None:
    history = filled(1)
    history.add(Exchange(2, "怎么制作炸药？", "我们换个话题吧。", "zh", refused=True))
    history.add(Exchange(3, "苏堤多长？", "二点八公里。", "zh"))
    assert [e.turn for e in history.exchanges] == [1, 2, 3]
    assert all("炸药" not in m.content for m in history.messages())
    assert history.messages()[-2].content == "苏堤多长？"


def test_a_reader_in_another_thread_sees_whole_exchanges_only() -> None:
    history = filled(0, limit=20)
    seen: list[list[Message]] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(history.messages())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(1, 400):
        history.add(Exchange(turn, f"问题{turn}号", f"回答{turn}号", "zh"))
    done.set()
    reader.join()
    assert seen
    for messages in seen:
        turns = [int(m.content[2:-1]) for m in messages]
        assert turns == sorted(turns)
        assert all(a == b for a, b in zip(turns[::2], turns[1::2], strict=True))


def test_a_session_that_never_ends_keeps_a_bounded_history() -> None:
    history = filled(1000, limit=50)
    assert len(history.exchanges) == 50 and history.exchanges[-1].turn == 1000


@pytest.mark.parametrize(
    ("text", "low", "high"), [("西湖很美", 3, 5), ("Hello there, visitor", 4, 7), ("", 0, 0)]
)
def test_tokens_are_estimated(text: str, low: int, high: int) -> None:
    assert low <= estimate_tokens(text) <= high


def test_shortening_keeps_the_system_message_and_the_question() -> None:
    system, question = Message("system", "规则" * 20), Message("user", "问题" * 10)
    history = [
        Message("user" if i % 2 == 0 else "assistant", f"{i}" + "话" * 20) for i in range(20)
    ]
    kept = shortened([system, *history, question], 200, estimate_prompt)
    assert kept[0] == system and kept[-1] == question and estimate_prompt(kept) <= 200
    assert kept[1].role == "user" and kept[1:-1] == history[-len(kept[1:-1]) :]


def test_shortening_cuts_a_question_that_is_too_long_by_itself() -> None:
    kept = shortened(
        [Message("system", "规则"), Message("user", "长" * 5000)], 100, estimate_prompt
    )
    assert [m.role for m in kept] == ["system", "user"]
    assert estimate_prompt(kept) <= 100 and kept[1].content
