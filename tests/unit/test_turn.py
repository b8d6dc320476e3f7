"""The turn machine in sample time: a scripted visitor, a recogniser and a judge with delays."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digital_human.speech.backchannel import (
    is_backchannel,
    is_complete,
    is_hesitation,
    is_opening,
    normalised,
)
from digital_human.speech.hearing import (
    Abandon,
    Action,
    Commit,
    Decode,
    Duck,
    Hold,
    Interrupt,
    Judge,
    Mode,
    Partial,
    Resume,
    Speculate,
    Started,
    Transcript,
)
from digital_human.speech.turn import TurnMachine
from digital_human.speech.turn_state import Phase, TurnPolicy

WINDOW = 0.032
QUESTION = "西湖有多大？"


@dataclass
class Room:
    """Feeds a machine windows of 32 ms and answers its requests after a delay.

    Attributes:
        says: Text of a decode by its end.
        judge: Probability of completeness by the asked end.
        decode_time: Seconds a decode takes; infinity is a dead recogniser.
    """

    says: Callable[[float], str] = lambda end: QUESTION
    judge: Callable[[float], float] = lambda end: 0.9
    decode_time: float = 0.3
    judge_time: float = 0.03
    policy: TurnPolicy = field(default_factory=TurnPolicy)

    def __post_init__(self) -> None:
        self.machine = TurnMachine(self.policy)
        self.t = 0.0
        self.log: list[tuple[float, Action]] = []
        self._todo: list[tuple[float, int, Callable[[], list[Action]]]] = []
        self._number = count()

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            self.log.append((self.t, action))
            match action:
                case Decode():
                    self._later(self.decode_time, lambda asked=action: self._decode(asked))
                case Judge():
                    self._later(self.judge_time, lambda asked=action: self._judge(asked))

    def voice(self, seconds: float, probability: float = 0.95) -> None:
        for _ in range(round(seconds / WINDOW)):
            self.t += WINDOW
            while self._todo and self._todo[0][0] <= self.t:
                self.take(heapq.heappop(self._todo)[2]())
            self.take(self.machine.voice(self.t, probability, -30.0))

    def silence(self, seconds: float) -> None:
        self.voice(seconds, 0.02)

    def mode(self, mode: Mode) -> None:
        self.take(self.machine.set_mode(mode, self.t))

    def button(self, down: bool) -> None:
        self.take(self.machine.button(self.t, down))

    def of(self, *kinds: type) -> list[Action]:
        return [action for _, action in self.log if isinstance(action, kinds)]

    def at(self, kind: type) -> float:
        return next(t for t, action in self.log if isinstance(action, kind))

    def names(self) -> list[str]:
        """What the conversation is told, in order."""
        return [
            type(action).__name__
            for _, action in self.log
            if not isinstance(action, Decode | Judge)
        ]

    def _later(self, delay: float, work: Callable[[], list[Action]]) -> None:
        heapq.heappush(self._todo, (self.t + delay, next(self._number), work))

    def _decode(self, asked: Decode) -> list[Action]:
        text = self.says(asked.end)
        transcript = Transcript(text, "zh", asked.start, asked.end, 0, 0.9, text)
        return self.machine.decoded(self.t, transcript, asked.final)

    def _judge(self, asked: Judge) -> list[Action]:
        return self.machine.judged(self.t, self.judge(asked.end), asked)


def speaking(**options: object) -> Room:
    """A room in which the digital human has been speaking for a while."""
    room = Room(**options)  # type: ignore[arg-type]
    room.silence(0.5)
    room.mode(Mode.SPEAKING)
    room.silence(0.5)
    return room


class TestEndOfTurn:
    def test_a_complete_turn_ends_after_the_short_silence(self) -> None:
        room = Room(decode_time=0.1)
        room.silence(1)
        room.voice(2)
        room.silence(2)
        (commit,) = room.of(Commit)
        assert (commit.by, commit.transcript.text) == ("endpoint", QUESTION)
        assert 0.3 <= commit.waited < 0.3 + WINDOW
        assert room.at(Commit) - commit.waited == pytest.approx(3.0, abs=WINDOW)

    def test_voice_is_dated_to_its_onset_and_true_end(self) -> None:
        room = Room()
        room.silence(0.96)
        room.voice(1.92)
        room.silence(1)
        (started,) = room.of(Started)
        final = room.of(Decode)[-1]
        assert started.at == pytest.approx(0.96)
        assert (final.start, final.end, final.final) == (
            started.at, pytest.approx(0.96 + 1.92), True,
        )  # fmt: skip
        assert [t for t, a in room.log if a is final] == [pytest.approx(2.88 + 0.096)]

    def test_it_waits_for_the_words(self) -> None:
        room = Room(decode_time=0.8)
        room.voice(0.5)
        room.silence(2)
        assert room.of(Commit)[0].waited == pytest.approx(0.9, abs=0.05)

    def test_an_incomplete_turn_ends_after_the_long_silence(self) -> None:
        room = Room(judge=lambda end: 0.1)
        room.voice(1)
        room.silence(2)
        (commit,) = room.of(Commit)
        assert (commit.by, round(commit.waited, 1)) == ("silence", 1.0)

    def test_a_short_command_does_not_wait_that_long(self) -> None:
        room = Room(judge=lambda end: 0.1, says=lambda end: "再说一遍。")
        room.voice(1)
        room.silence(2)
        assert room.of(Commit)[0].waited == pytest.approx(0.7, abs=0.04)

    def test_a_judge_that_doubts_is_asked_once_more(self) -> None:
        answers = iter([0.2, 0.8])
        room = Room(judge=lambda end: next(answers))
        room.voice(1)
        room.silence(2)
        assert len(room.of(Judge)) == 2
        assert room.of(Commit)[0].by == "endpoint"
        assert room.of(Commit)[0].waited == pytest.approx(0.55, abs=0.05)

    def test_a_pause_inside_a_turn_goes_on_with_the_same_turn(self) -> None:
        room = Room(
            judge=lambda end: 0.9 if end > 2 else 0.1,
            says=lambda end: "我想去西湖" if end < 2 else "我想去西湖看荷花",
            decode_time=0.2,
        )
        room.voice(1.2)
        room.silence(0.6)
        room.voice(1)
        room.silence(1)
        (commit,) = room.of(Commit)
        assert len(room.of(Started)) == 1
        assert commit.transcript.text == "我想去西湖看荷花"
        revisions = [a.transcript.revision for a in room.of(Partial)]
        assert revisions == sorted(set(revisions))

    def test_words_of_an_earlier_pause_do_not_end_a_later_one(self) -> None:
        room = Room(decode_time=0.5, says=lambda end: f"{end:.1f}")
        room.voice(1)
        room.silence(0.3)  # the decode of this pause comes in the next one
        room.voice(0.2)
        room.silence(2)
        assert [a.transcript.text for a in room.of(Commit)] == ["1.5"]

    def test_speculation_starts_with_the_words_of_the_pause(self) -> None:
        room = Room(judge=lambda end: 0.1, decode_time=0.2)
        room.voice(0.5)
        room.silence(2)
        assert room.names() == ["Started", "Partial", "Speculate", "Commit"]
        assert room.at(Speculate) == pytest.approx(0.5 + 0.096 + 0.2, abs=0.05)

    def test_two_equal_partials_are_speculated_on_once(self) -> None:
        room = Room(decode_time=0.2)
        room.voice(4)
        assert len(room.of(Speculate)) == 1
        assert len(room.of(Decode)) >= 3

    def test_words_that_were_heard_otherwise_in_between_are_speculated_on_again(self) -> None:
        texts = iter([QUESTION, QUESTION, "西湖有多大呀多", QUESTION])
        room = Room(decode_time=0.2, judge=lambda end: 0.1, says=lambda end: next(texts))
        room.voice(3.0)
        assert len(room.of(Decode)) == 3 and len(room.of(Speculate)) == 1
        room.silence(0.5)
        assert [a.transcript.text for a in room.of(Speculate)] == [QUESTION, QUESTION]

    def test_partial_decodes_do_not_pile_up_behind_a_slow_recogniser(self) -> None:
        room = Room(decode_time=2.0)
        room.voice(6)
        times = [t for t, a in room.log if isinstance(a, Decode)]
        assert all(later - earlier >= 2.0 for earlier, later in zip(times, times[1:], strict=False))

    def test_noise_and_nothing_and_hesitation_need_no_answer(self) -> None:
        for seconds, text, reason in (
            (0.064, "嗯", "noise"), (0.5, "", "empty"), (0.5, "嗯……", "backchannel"),
        ):  # fmt: skip
            room = Room(says=lambda end, text=text: text)
            room.silence(0.32)
            room.voice(seconds)
            room.silence(2)
            assert [a.reason for a in room.of(Abandon)] == [reason]
            assert not room.of(Commit, Speculate)

    def test_who_only_begins_a_question_is_waited_for(self) -> None:
        room = Room(says=lambda end: "请问" if end < 1 else "请问" + QUESTION)
        room.voice(0.6)
        room.silence(1.5)  # whatever the judge says
        assert not room.of(Commit, Speculate)
        room.voice(1.0)
        room.silence(2)
        assert [one.transcript.text for one in room.of(Commit)] == ["请问" + QUESTION]

    def test_who_does_not_go_on_is_answered(self) -> None:
        room = Room(says=lambda end: "请问")
        room.voice(0.6)
        room.silence(4)
        assert len(room.of(Commit)) == 1

    def test_a_yes_is_an_answer_when_nobody_speaks(self) -> None:
        room = Room(says=lambda end: "好的")
        room.voice(0.4)
        room.silence(2)
        assert room.of(Commit)

    def test_the_turn_limit_ends_it_and_the_voice_goes_on_in_a_new_turn(self) -> None:
        room = Room(policy=TurnPolicy(limit=5.0))
        room.voice(6)
        room.silence(2)
        first, second = room.of(Commit)
        assert (first.by, second.by) == ("limit", "endpoint")
        assert first.transcript.end == pytest.approx(5.0, abs=WINDOW)
        assert second.transcript.start == first.transcript.end

    def test_a_dead_recogniser_does_not_keep_the_turn_open(self) -> None:
        room = Room(decode_time=float("inf"))
        room.voice(1)
        room.silence(TurnPolicy().decode_timeout + 3)
        assert [a.reason for a in room.of(Abandon)] == ["empty"]
        assert room.machine.phase is Phase.QUIET

    def test_a_flickering_vad_does_not_begin_a_turn(self) -> None:
        room = Room()
        for _ in range(20):
            room.voice(WINDOW)
            room.silence(2 * WINDOW)
        assert not room.log

    def test_very_quiet_voices_are_not_for_us(self) -> None:
        machine = TurnMachine()
        assert not any(machine.voice(i * WINDOW, 0.9, -70.0) for i in range(50))


class TestBargeIn:
    def test_duck_hold_interrupt_commit(self) -> None:
        room = speaking()
        onset = room.t
        room.voice(1.5)
        room.silence(1)
        assert room.names()[:4] == ["Started", "Duck", "Hold", "Interrupt"]
        assert "Partial" in room.names()[4:-1]
        assert set(room.names()[4:-1]) <= {"Partial", "Speculate"}
        assert room.names()[-1] == "Commit"
        assert room.at(Duck) - onset == pytest.approx(0.064, abs=0.001)
        assert room.at(Hold) - onset == pytest.approx(0.096, abs=0.001)
        assert room.at(Interrupt) - onset == pytest.approx(0.8, abs=WINDOW)
        assert room.of(Interrupt)[0].by == "voice"

    @pytest.mark.parametrize("text", ["嗯嗯", "好的好的", "Uh-huh.", "mm-hmm", "Yeah, right.", ""])
    def test_a_back_channel_resumes(self, text: str) -> None:
        room = speaking(says=lambda end: text)
        room.voice(0.4)
        room.silence(2)
        assert room.names() == ["Started", "Duck", "Hold", "Resume", "Abandon"]
        assert room.machine.mode is Mode.SPEAKING

    def test_a_short_word_that_means_it_interrupts(self) -> None:
        room = speaking(says=lambda end: "停一下")
        room.voice(0.4)
        room.silence(2)
        assert room.names() == ["Started", "Duck", "Hold", "Interrupt", "Partial", "Commit"]

    def test_a_click_ducks_and_resumes(self) -> None:
        room = speaking()
        room.voice(0.064)
        room.silence(1)
        assert room.names() == ["Started", "Duck", "Resume", "Abandon"]
        assert room.at(Resume) - room.at(Duck) <= 0.1

    def test_without_words_it_goes_on_and_words_that_come_late_still_interrupt(self) -> None:
        room = speaking(decode_time=2.0, says=lambda end: "等一下")
        room.voice(0.4)
        room.silence(3)
        assert room.names() == [
            "Started", "Duck", "Hold", "Resume", "Interrupt", "Partial", "Commit",
        ]  # fmt: skip
        assert room.at(Resume) == pytest.approx(1.0 + 0.4 + 1.2, abs=0.05)

    def test_the_first_moments_of_speech_ask_for_a_longer_voice(self) -> None:
        room = Room()
        room.silence(0.32)
        room.mode(Mode.SPEAKING)
        room.silence(0.1)
        room.voice(0.16)
        room.silence(1)
        assert not room.log
        room.mode(Mode.IDLE)
        room.mode(Mode.SPEAKING)
        room.voice(0.3)
        assert room.names() == ["Started", "Duck", "Hold"]

    def test_speech_that_begins_under_a_voice_is_held(self) -> None:
        room = Room(says=lambda end: "对对对")
        room.mode(Mode.THINKING)
        room.voice(0.3)
        room.mode(Mode.SPEAKING)
        assert room.names() == ["Started", "Duck", "Hold"]
        room.silence(1)
        assert room.names()[3:] == ["Resume", "Abandon"]

    def test_speech_that_ends_while_held_gives_the_floor_back(self) -> None:
        room = speaking()
        room.voice(0.3)
        room.mode(Mode.IDLE)
        assert room.names()[-1] == "Resume"
        room.silence(2)
        assert room.names()[-1] == "Commit"


class TestThinking:
    def test_going_on_with_the_question_interrupts(self) -> None:
        room = Room()
        room.mode(Mode.THINKING)
        room.voice(1)
        room.silence(1)
        assert room.names()[:2] == ["Started", "Interrupt"]
        assert room.names()[-1] == "Commit"
        assert not room.of(Duck, Hold, Resume)

    def test_a_back_channel_does_not(self) -> None:
        room = Room(says=lambda end: "嗯")
        room.mode(Mode.THINKING)
        room.voice(0.3)
        room.silence(1)
        assert room.names() == ["Started", "Abandon"]

    def test_a_long_back_channel_is_no_question_of_its_own(self) -> None:
        for mode in (Mode.THINKING, Mode.SPEAKING):
            room = Room(says=lambda end: "嗯，好的好的", decode_time=0.2)
            room.silence(0.5)
            room.mode(mode)
            room.silence(0.5)
            room.voice(2.0)  # long enough to break in, and for equal partials
            room.silence(2)
            assert "Interrupt" in room.names()
            assert [a.reason for a in room.of(Abandon)] == ["backchannel"]
            assert not room.of(Commit, Speculate)

    def test_who_goes_on_behind_a_long_back_channel_is_heard(self) -> None:
        room = Room(says=lambda end: "好的好的" if end < 2.5 else "好的好的，那苏堤呢")
        room.silence(0.5)
        room.mode(Mode.THINKING)
        room.voice(1.0)
        room.silence(0.25)
        room.voice(1.0)
        room.silence(2)
        assert [a.transcript.text for a in room.of(Commit)] == ["好的好的，那苏堤呢"]
        assert not room.of(Abandon)


class TestPushToTalk:
    def test_everything_between_down_and_up_is_one_turn(self) -> None:
        room = Room(judge=lambda end: 0.9)
        room.button(True)
        room.voice(1)
        room.silence(3)
        room.voice(1)
        room.button(False)
        room.silence(1)
        (commit,) = room.of(Commit)
        assert (commit.by, commit.transcript.start) == ("button", 0.0)
        assert commit.transcript.end == pytest.approx(5, abs=0.05)
        assert commit.waited == pytest.approx(0.3, abs=0.05)
        assert len(room.of(Started)) == 1

    def test_it_interrupts_at_once(self) -> None:
        room = speaking()
        room.button(True)
        assert room.names() == ["Started", "Interrupt"]
        assert room.of(Interrupt)[0].by == "button"

    def test_it_takes_over_a_voice_that_held_the_floor(self) -> None:
        room = speaking()
        room.voice(0.3)
        room.button(True)
        room.voice(0.3)
        room.button(False)
        room.silence(1)
        assert room.names()[:4] == ["Started", "Duck", "Hold", "Interrupt"]
        assert room.names()[-1] == "Commit"

    def test_a_tap_is_noise(self) -> None:
        room = Room()
        room.button(True)
        room.silence(0.064)
        room.button(False)
        assert room.names() == ["Started", "Abandon"]

    def test_silence_under_the_button_is_empty(self) -> None:
        room = Room(says=lambda end: "")
        room.button(True)
        room.silence(1)
        room.button(False)
        room.silence(1)
        assert [a.reason for a in room.of(Abandon)] == ["empty"]

    def test_pressing_again_before_the_words_are_there_goes_on(self) -> None:
        room = Room()
        for _ in range(2):
            room.button(True)
            room.voice(1)
            room.button(False)
            room.silence(0.1)
        room.silence(1)
        assert len(room.of(Started)) == len(room.of(Commit)) == 1

    def test_the_limit_holds_for_the_button_too(self) -> None:
        room = Room(policy=TurnPolicy(limit=3.0))
        room.button(True)
        room.silence(5)
        assert room.of(Commit)[0].by == "limit"


def test_words() -> None:
    for text in (
        "嗯",
        "嗯嗯。",
        "啊",
        "好的",
        "是的是的",
        "Uh-huh",
        "OK!",
        "I see.",
        "うん",
        "Hmmmmm",
    ):
        assert is_backchannel(text), text
    for text in ("好吃吗", "嗯，西湖在哪里", "no", "okay but why", "停", "", "right now", "对不对"):
        assert not is_backchannel(text), text
    assert is_hesitation("呃……") and not is_hesitation("好的")
    assert is_complete("停！") and is_complete("Thank you.") and not is_complete("西湖")
    for begun in (
        "请问。",
        "你好，请问一下",
        "我想问一下",
        "不好意思，请教您一下",
        "Excuse me, could you tell me",
    ):
        assert is_opening(begun)
    for whole in ("你好", "请问西湖有多大", "问题", "Do you know Su Shi?", "那里"):
        assert not is_opening(whole)
    assert normalised("Ｈｅｌｌｏ， 西湖 3.5！") == "hello西湖35"
    assert not is_backchannel("m" * 5000 + "x" + "mh" * 5000)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("voice"), st.integers(1, 40)),
        st.tuples(st.just("silence"), st.integers(1, 60)),
        st.tuples(st.just("flicker"), st.integers(1, 20)),
        st.tuples(st.just("mode"), st.sampled_from(Mode)),
        st.tuples(st.just("button"), st.booleans()),
        st.tuples(st.just("back in time"), st.integers(1, 20)),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=STEPS,
    texts=st.lists(st.sampled_from(["", "嗯", "好的", "西湖有多大", "停一下"]), min_size=1),
    delay=st.floats(0.01, 6.0),
    judge=st.floats(0, 1),
)
def test_whatever_happens_the_story_is_consistent(
    steps: list[tuple[str, object]], texts: list[str], delay: float, judge: float
) -> None:
    turns = count()
    room = Room(
        says=lambda end: texts[next(turns) % len(texts)],
        judge=lambda end: judge,
        decode_time=delay,
        policy=TurnPolicy(limit=4.0),
    )
    for kind, value in steps:
        match kind, value:
            case "voice", int(windows):
                room.voice(windows * WINDOW)
            case "silence", int(windows):
                room.silence(windows * WINDOW)
            case "flicker", int(windows):
                for i in range(windows):
                    room.voice(WINDOW, 0.9 if i % 2 else 0.4)
            case "mode", Mode() as mode:
                room.mode(mode)
            case "button", bool(down):
                room.button(down)
            case "back in time", int(windows):
                room.take(room.machine.voice(max(0.0, room.t - windows * WINDOW), 0.9, -30.0))
    room.button(False)
    room.mode(Mode.IDLE)
    room.silence(14)
    check_story([action for _, action in room.log])
    assert room.machine.phase is Phase.QUIET


def test_a_voice_that_stops_just_before_the_limit_is_no_turn_behind_it() -> None:
    room = Room(
        says=lambda end: "", judge=lambda end: 0.0, decode_time=0.01, policy=TurnPolicy(limit=4.0)
    )
    room.voice(123 * WINDOW)  # 3.936 s
    room.silence(14)
    check_story([action for _, action in room.log])
    asked = [action for _, action in room.log if isinstance(action, Decode)]
    assert asked[-1].start == 0.0 and room.machine.phase is Phase.QUIET


def check_story(actions: list[Action]) -> None:
    """Turns open and close in pairs, the floor is always given back, time only grows."""
    is_open, floor, revision, at = False, "free", 0, 0.0
    for action in actions:
        match action:
            case Started():
                assert not is_open
                is_open, revision = True, 0
            case Commit(transcript=transcript, waited=waited):
                assert is_open and floor == "free" and waited >= 0
                assert normalised(transcript.text) and transcript.end > transcript.start
                is_open = False
            case Abandon():
                assert is_open and floor == "free"
                is_open = False
            case Partial(transcript=transcript):
                assert is_open and transcript.revision > revision
                revision = transcript.revision
            case Speculate(transcript=transcript):
                assert is_open and transcript.revision == revision and floor == "free"
            case Decode(start=start, end=end) | Judge(start=start, end=end):
                assert is_open and end > start
            case Duck(at=now):
                assert is_open and floor == "free" and now >= at
                floor, at = "ducked", now
            case Hold(at=now):
                assert is_open and floor in ("free", "ducked") and now >= at
                floor, at = "held", now
            case Resume(at=now):
                assert floor != "free" and now >= at
                floor, at = "free", now
            case Interrupt(at=now):
                assert is_open and now >= at
                floor, at = "free", now
    assert not is_open and floor == "free"
