"""What the language model is told of earlier turns."""

from __future__ import annotations

import pytest

from digital_human.dialogue.history import Exchange, History
from digital_human.dialogue.llm.base import Message, estimate_prompt, estimate_tokens, shortened


def filled(turns: int, limit: int = 200) -> History:
    history = History(limit)
    for turn in range(1, turns + 1):
        history.add(Exchange(turn, f"问题{turn}号", "回答" * 10, "zh"))
    return history


def test_messages_alternate_and_say_what_was_heard() -> None:
    history = History()
    history.add(Exchange(0, "", "欢迎来到西湖！", "zh"))
    history.add(Exchange(1, "苏堤多长？", "苏堤全长", "zh", interrupted=True))
    history.add(Exchange(2, "And the Bai Causeway?", "About one", "en", interrupted=True))
    assert history.messages(500) == [
        Message("assistant", "欢迎来到西湖！"),
        Message("user", "苏堤多长？"),
        Message("assistant", "苏堤全长（被打断）"),
        Message("user", "And the Bai Causeway?"),
        Message("assistant", "About one (interrupted)"),
    ]


def test_an_exchange_of_which_nothing_was_heard_is_not_shown() -> None:
    history = History()
    history.add(Exchange(1, "你好", "", "zh", interrupted=True))
    assert history.messages(500) == [] and len(history.exchanges) == 1


def test_the_budget_holds_and_the_head_stays_for_many_turns() -> None:
    history = filled(0)
    budget, heads = 300, []
    for turn in range(1, 60):
        history.add(Exchange(turn, f"问题{turn}号", "回答" * 10, "zh"))
        messages = history.messages(budget)
        assert estimate_prompt(messages) <= budget + 8 * len(messages)
        assert messages[-2].content == f"问题{turn}号"
        heads.append(messages[0].content)
    changes = sum(a != b for a, b in zip(heads, heads[1:], strict=False))
    assert 3 <= changes <= 15  # dropped several at a time, not one every turn


def test_a_budget_too_small_for_anything_gives_nothing() -> None:
    history = filled(5)
    assert history.messages(3) == []
    history.add(Exchange(6, "还在吗", "在", "zh"))
    assert [m.content for m in history.messages(100)] == ["还在吗", "在"]


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
