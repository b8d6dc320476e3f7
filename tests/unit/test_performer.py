"""The performer in virtual time: sound line, words that were heard, motion and captions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soxr

from digital_human.apps.live.performer import START, Performer, rest
from digital_human.apps.live.soundline import DUCKED
from digital_human.core.clock import SampleClock
from digital_human.core.epoch import Epoch
from digital_human.core.events import Event, Events
from digital_human.core.frames import FloatArray
from digital_human.errors import InputError
from digital_human.face.animation import Animator
from digital_human.face.bundle import load_bundle
from digital_human.face.motion import ARKIT, MotionFrame
from digital_human.speech.types import Clause, Phone, Speech, Word

RATE, LINE, FRAME = 24000, 48000, 1920
WORD = 0.2  # s
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
MOUTH = [i for i, n in enumerate(ARKIT) if n.startswith(("mouth", "jaw", "tongue"))]


def speech(text: str, *, index: int = 0, epoch: int = 0, lead: float = 0.03) -> Speech:
    """One level of sound for each character, so that the sound says what was played."""
    n, before = round(WORD * RATE), round(lead * RATE)
    pcm = np.concatenate(
        [np.zeros(before)] + [np.full(n, LEVELS[i % len(LEVELS)]) for i in range(len(text))]
    ).astype(np.float32)
    words = tuple(Word(c, before + i * n, before + (i + 1) * n) for i, c in enumerate(text))
    phones = (Phone("_", 0, before),) if before else ()
    phones += tuple(Phone("a", w.start, w.end) for w in words)
    return Speech(Clause(text, "zh", epoch, index), text, pcm, RATE, phones, words, epoch)


class Stage:
    """A performer with its clock, its events and everything that it sent."""

    def __init__(self, **options: object) -> None:
        self.clock, self.epoch = SampleClock(), Epoch()
        self.events = Events("s", self.clock.now)
        self.seen: list[Event] = []
        self.events.listen(self.seen.append)
        self.performer = Performer(
            load_bundle("yun"), size=(240, 320), epoch=self.epoch, events=self.events,
            label="AI生成", clock=self.clock, background="#8090a0", **options,
        )  # fmt: skip
        self.pts = 0
        self.sent: list[FloatArray] = []

    async def play(self, seconds: float) -> FloatArray:
        """Let the pacer run; returns the sound of that time."""
        first = len(self.sent)
        for _ in range(round(seconds * 25)):
            await self.clock.wait_until(self.pts / 25)
            self.sent.append(self.performer.sound(self.pts))
            self.pts += 1
        return np.concatenate([*self.sent[first:], np.zeros(0, np.float32)])

    @property
    def sound(self) -> FloatArray:
        return np.concatenate(self.sent)

    def motion(self) -> list[MotionFrame]:
        """The motion of the frames that were played, by the orders the performer gave."""
        performer = self.performer
        while performer._orders:
            performer._orders.popleft()(performer._animator._next)
        return [performer._animator.frame(p) for p in range(performer._animator._next, self.pts)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def captions(stage: Stage) -> list[Event]:
    return [event for event in stage.seen if event.kind == "caption"]


async def test_silence_is_silent_and_blocks_have_their_length(stage: Stage) -> None:
    sound = await stage.play(1.0)
    assert [len(block) for block in stage.sent] == [FRAME] * 25
    assert sound.dtype == np.float32
    assert not sound.any()


async def test_speech_comes_out_whole_at_once_and_in_order(stage: Stage) -> None:
    await stage.play(0.2)
    a, b = speech("一二三"), speech("四五", index=1)
    stage.performer.say(a, 1)
    stage.performer.say(b, 1)
    sound = await stage.play(2.0)
    start = round((START - 0.03) * LINE)
    want = np.concatenate([soxr.resample(s.pcm, RATE, LINE) for s in (a, b)])
    np.testing.assert_allclose(sound[start : start + len(want)], want, atol=1e-6)
    assert not sound[:start].any()
    assert not sound[start + len(want) :].any()


async def test_the_voiced_start_is_known_to_the_sample(stage: Stage) -> None:
    await stage.play(1.0)
    assert stage.performer.first_sample_at(1) is None
    stage.performer.say(speech("一二"), 1)
    await stage.play(0.5)
    # Frame 25 is handed out at 1.0 s.
    assert stage.performer.first_sample_at(1) == pytest.approx(1.0 + START, abs=1 / LINE)


async def test_late_clauses_wait_as_little_as_the_first(stage: Stage) -> None:
    stage.performer.say(speech("一"), 1)
    await stage.play(1.0)
    stage.performer.say(speech("二", lead=0.0), 1)
    sound = await stage.play(0.5)
    first = int(np.flatnonzero(sound > 0.05)[0])
    assert first == pytest.approx(START * LINE, abs=2)


async def test_duck_takes_10_ms_to_minus_18_db_and_resume_brings_it_back(stage: Stage) -> None:
    said = speech("一二三四五六七八", lead=0.0)
    said = replace(said, pcm=np.full_like(said.pcm, 0.5))
    stage.performer.say(said, 1)
    await stage.play(0.4)
    stage.performer.duck()
    ducked = await stage.play(0.2)
    assert ducked[0] == pytest.approx(0.5, abs=0.002)
    assert ducked[240] == pytest.approx(0.25 * (1 + DUCKED), abs=0.01)
    np.testing.assert_allclose(ducked[481:], 0.5 * DUCKED, rtol=1e-3)
    assert np.abs(np.diff(ducked)).max() < 0.002
    stage.performer.resume()
    louder = await stage.play(0.2)
    np.testing.assert_allclose(louder[481:], 0.5, rtol=1e-3)
    assert np.abs(np.diff(louder)).max() < 0.002


async def test_hold_keeps_the_place_and_resume_repeats_the_broken_word(stage: Stage) -> None:
    stage.performer.say(speech("一二三四", lead=0.0), 1)
    await stage.play(START + 2.5 * WORD)  # into the third word
    stage.performer.hold()
    held = await stage.play(3.0)
    assert not held[960:].any()
    assert held[0] == pytest.approx(0.3, abs=0.01)
    assert np.abs(np.diff(held)).max() < 0.002, "the fade has no step"
    left = stage.performer.queued()
    assert left == pytest.approx(4 * WORD - (stage.pts / 25 - 3.0 - START), abs=1e-3)
    stage.performer.resume()
    after = await stage.play(1.0)
    assert (np.abs(after - 0.2) < 0.01).sum() < 500, "the word before is not said again"
    assert (np.abs(after - 0.3) < 0.01).sum() > 0.85 * WORD * LINE
    assert (np.abs(after - 0.4) < 0.01).sum() > 0.9 * WORD * LINE
    assert stage.performer.heard(1) == "一二三四"


async def test_speech_that_comes_during_a_hold_waits(stage: Stage) -> None:
    stage.performer.say(speech("一二"), 1)
    await stage.play(0.2)
    stage.performer.hold()
    stage.performer.say(speech("三四", index=1), 1)
    held = await stage.play(2.0)
    assert not held[960:].any()
    stage.performer.resume()
    stage.performer.finish(1)
    await stage.play(2.0)
    assert stage.performer.heard(1) == "一二三四"
    await asyncio.wait_for(stage.performer.drained(1), 1)


async def test_a_hold_between_clauses_keeps_the_next_one_back(stage: Stage) -> None:
    stage.performer.hold()
    stage.performer.say(speech("一二"), 1)
    assert not (await stage.play(1.0)).any()
    stage.performer.resume()
    assert (await stage.play(1.0)).any()


async def test_cut_fades_in_20_ms_and_drops_everything(stage: Stage) -> None:
    stage.performer.say(speech("一二三四", lead=0.0), 1)
    stage.performer.say(speech("五六", index=1), 1)
    await stage.play(START + 1.7 * WORD)
    stage.epoch.bump()
    stage.performer.cut()
    after = await stage.play(2.0)
    assert after[0] == pytest.approx(0.2, abs=0.01)
    assert not after[960:].any()
    assert np.abs(np.diff(after)).max() < 0.002
    assert stage.performer.heard(1) == "一二"
    assert stage.performer.queued() == 0.0
    await asyncio.wait_for(stage.performer.drained(1), 1)


async def test_speech_of_a_passed_epoch_is_dropped_wherever_it_is(stage: Stage) -> None:
    stage.performer.say(speech("一二三四"), 1)
    await stage.play(0.4)
    stage.epoch.bump()
    assert not (await stage.play(1.0))[960:].any(), "queued speech stops without a cut"
    stage.performer.say(speech("五六"), 1)
    assert not (await stage.play(1.0)).any(), "speech that comes late is not said"
    stage.performer.say(speech("七八", epoch=1), 2)
    assert (await stage.play(1.0)).any()


def heard_in(sound: FloatArray, text: str) -> str:
    """The words of ``text`` of which more than half is in ``sound`` at full level."""
    need = 0.5 * WORD * LINE
    return "".join(
        c for i, c in enumerate(text) if (np.abs(sound - LEVELS[i]) < 0.004).sum() > need
    )


@pytest.mark.parametrize("seed", range(12))
async def test_what_was_heard_is_what_was_sent(seed: int) -> None:
    rng, stage, text = np.random.default_rng(seed), Stage(), "一二三四五六七八"
    parts = [speech(text, lead=0.0)]
    for part in parts:
        stage.performer.say(part, 1)
    for _ in range(int(rng.integers(0, 4))):
        await stage.play(float(rng.uniform(0.1, 0.6)))
        stage.performer.hold()
        await stage.play(float(rng.uniform(0.0, 0.5)))
        stage.performer.resume()
    await stage.play(float(rng.uniform(0.1, 1.4)))
    stage.performer.cut()
    await stage.play(0.2)
    heard, sent = stage.performer.heard(1), heard_in(stage.sound, text)
    assert text.startswith(heard)
    # The fade of 20 ms and its like at the resume may decide about one word.
    assert abs(len(heard) - len(sent)) <= 1, (heard, sent)


async def test_half_a_word_decides(stage: Stage) -> None:
    for turn, seconds, words in (
        (1, 0.08, ""),
        (2, 0.12, "一"),
        (3, 0.28, "一"),
        (4, 0.32, "一二"),
    ):
        said = speech("一二三", lead=0.0)
        stage.performer.say(said, turn)
        # The line starts START after now; frames are 40 ms, so shift the speech to the grid.
        line = stage.performer._line
        line.queue[0].start += (-line.at(line.queue[0])) % FRAME
        start = line.at(line.queue[0])
        await stage.play((start + seconds * LINE) / LINE - stage.pts / 25)
        stage.performer.cut()
        assert stage.performer.heard(turn) == words, turn
        await stage.play(0.4)


async def test_captions_come_with_the_sound_and_again_after_a_hold(stage: Stage) -> None:
    stage.performer.say(speech("一二"), 1)
    stage.performer.say(speech("三四", index=1), 1)
    assert not captions(stage)
    await stage.play(0.12)
    (first,) = captions(stage)
    assert (first.turn, first.data["clause"], first.data["text"]) == (1, 0, "一二")
    assert first.data["words"] == [["一", 0.03, 0.23], ["二", 0.23, 0.43]]
    await stage.play(0.72)
    assert [event.data["clause"] for event in captions(stage)] == [0, 1]
    stage.performer.hold()
    await stage.play(0.5)
    stage.performer.resume()
    await stage.play(0.2)
    again = captions(stage)[-1]
    assert again.data["clause"] == 1
    assert again.data["text"] == "三四"
    assert again.data["words"] == [["三", -0.2, 0.0], ["四", 0.0, 0.2]]


async def test_waiting_for_room_and_for_the_end(stage: Stage) -> None:
    done: list[str] = []

    async def note(name: str, wait: Callable[[], object]) -> None:
        await wait()  # type: ignore[misc]
        done.append(name)

    for index, text in enumerate(("一二三", "四五六")):
        stage.performer.say(speech(text, index=index), 1)
    assert stage.performer.queued() == pytest.approx(2 * (3 * WORD + 0.03))
    async with asyncio.TaskGroup() as group:
        group.create_task(note("room", lambda: stage.performer.wait_room(0.7)))
        group.create_task(note("drained", lambda: stage.performer.drained(1)))
        await stage.play(0.4)
        assert done == []
        await stage.play(0.4)
        assert done == ["room"]
        await stage.play(2.0)
        assert done == ["room"], "more may come until the turn is finished"
        stage.performer.finish(1)
    assert done == ["room", "drained"]


async def test_a_turn_that_never_speaks_is_drained_when_finished(stage: Stage) -> None:
    stage.performer.finish(5)
    await asyncio.wait_for(stage.performer.drained(5), 1)
    assert stage.performer.heard(5) == ""


async def test_a_cancelled_wait_leaves_nothing(stage: Stage) -> None:
    waiting = asyncio.create_task(stage.performer.drained(1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not stage.performer._waiting


async def test_frames_that_nobody_asked_for_delay_speech_but_lose_nothing(stage: Stage) -> None:
    stage.performer.say(speech("一二三四", lead=0.0), 1)
    await stage.play(0.4)
    stage.pts += 50
    await stage.play(1.0)
    assert heard_in(stage.sound, "一二三四") == "一二三四"
    with pytest.raises(ValueError, match="pts 3"):
        stage.performer.sound(3)


async def test_listeners_get_the_sound(stage: Stage) -> None:
    got: list[FloatArray] = []
    stage.performer.on_sound.append(got.append)
    stage.performer.say(speech("一"), 1)
    sound = await stage.play(0.4)
    np.testing.assert_array_equal(np.concatenate(got), sound)


def jaw(frames: Sequence[MotionFrame]) -> np.ndarray:
    return np.array([frame["jawOpen"] for frame in frames])


async def test_the_mouth_moves_with_the_sound_and_rests_without(stage: Stage) -> None:
    await stage.play(2.0)
    stage.motion()
    stage.performer.say(speech("一二三四五"), 1)
    sound = await stage.play(2.0)
    frames = stage.motion()
    loud = np.abs(sound).reshape(-1, FRAME).max(1) > 0.05
    assert jaw(frames)[loud].mean() > 0.25
    still = np.flatnonzero(~loud)
    still = still[still > 2 + np.flatnonzero(loud)[-1] + 4]
    assert len(still) > 5
    assert not np.any([frames[i].curves[MOUTH] for i in still])


async def test_hold_closes_the_mouth_and_resume_speaks_the_rest(stage: Stage) -> None:
    stage.performer.say(speech("一二三四五六七八"), 1)
    await stage.play(0.8)
    stage.motion()
    stage.performer.hold()
    await stage.play(1.0)
    held = stage.motion()
    assert np.abs(np.diff(jaw(held))).max() < 0.26
    assert not np.any([frame.curves[MOUTH] for frame in held[5:]])
    stage.performer.resume()
    sound = await stage.play(2.0)
    resumed = stage.motion()
    loud = np.flatnonzero(np.abs(sound).reshape(-1, FRAME).max(1) > 0.05)
    assert jaw(resumed)[loud].mean() > 0.25
    assert abs(loud[-1] - np.flatnonzero(jaw(resumed) > 0.1)[-1]) <= 3


async def test_the_picture_follows_and_buffers_stay_valid(stage: Stage) -> None:
    stage.performer.say(speech("一二三四五"), 1)
    pictures = [stage.performer.picture(pts) for pts in range(3)]
    copies = [picture.copy() for picture in pictures]
    assert pictures[0].shape == (320, 240, 3)
    assert pictures[0].dtype == np.uint8
    for picture, copy in zip(pictures, copies, strict=True):
        np.testing.assert_array_equal(picture, copy)
    changed = [stage.performer.picture(pts).copy() for pts in range(3, 20)]
    mouth = np.s_[150:230, 80:160]
    moves = [np.abs(c[mouth].astype(int) - copies[0][mouth]).mean() for c in changed]
    assert max(moves) > 2.0


def test_the_rest_of_a_speech_keeps_its_times() -> None:
    said = speech("一二三四", lead=0.0)
    part = rest(said, said.words[2].start)
    assert [word.text for word in part.words] == ["三", "四"]
    assert part.clause.text == "三四"
    assert part.words[0].start == 0
    assert part.words[-1].end == len(part.pcm) == len(said.pcm) // 2
    assert part.phones[0].start == 0
    assert part.phones[-1].end == len(part.pcm)
    whole = rest(said, 0)
    assert (whole.clause, whole.words, whole.phones) == (said.clause, said.words, said.phones)


@pytest.mark.parametrize("name", ["", "dance", "Nodding"])
async def test_unknown_looks_and_acts_are_refused(stage: Stage, name: str) -> None:
    for call in (stage.performer.look, stage.performer.act):
        with pytest.raises(InputError, match="unknown"):
            call(name)


def live(look: str, seconds: float, seed: int = 3) -> list[MotionFrame]:
    """Idle for 2 s, then ``look``; only the frames of the look."""
    animator = Animator(25, seed)
    for pts in range(50):
        animator.frame(pts)
    animator.look(look)  # type: ignore[arg-type]
    return [animator.frame(50 + i) for i in range(round(seconds * 25))]


def gaze(frames: Sequence[MotionFrame]) -> np.ndarray:
    """Yaw and pitch of the eyes re the camera in degrees, head included."""
    return np.array([
        (25 * (f["eyeLookOutLeft"] - f["eyeLookInLeft"]) + f.head[0],
         25 * (f["eyeLookUpLeft"] - f["eyeLookDownLeft"]) + f.head[1])
        for f in frames
    ])  # fmt: skip


def test_a_listener_looks_at_the_visitor_and_nods_now_and_then() -> None:
    frames, idle = live("listening", 30), live("idle", 30)
    assert np.abs(gaze(frames[12:])).max() < 3.0
    assert np.abs(gaze(idle)).max() > 4.0
    assert np.mean([f["browInnerUp"] for f in frames[25:]]) > 0.1
    assert np.mean([f.head[5] for f in frames[25:]]) > np.mean([f.head[5] for f in idle]) + 0.03
    pitch = np.array([f.head[1] for f in frames])
    dips = np.flatnonzero(pitch[:-14] - np.minimum.reduce([pitch[i : i - 14] for i in range(14)])
                          > 1.2)  # fmt: skip
    assert len(dips) > 10
    assert not np.any([f.curves[MOUTH] for f in frames])


def test_a_thinker_looks_away_and_comes_back() -> None:
    frames = live("thinking", 6)
    direction = gaze(frames[12:])
    assert np.abs(direction[:, 0]).min() > 3.0
    assert len(set(np.sign(direction[:, 0]))) == 1
    assert np.median(direction[:, 1]) > 2.0
    assert not np.any([f.curves[MOUTH] for f in frames])
    animator = Animator(25, 3)
    for pts in range(50):
        animator.frame(pts)
    animator.look("thinking")
    for pts in range(50, 100):
        animator.frame(pts)
    animator.look("speaking")
    after = [animator.frame(pts) for pts in range(100, 125)]
    assert np.abs(gaze(after[6:])).max() < 4.0


@pytest.mark.parametrize("look", ["listening", "thinking"])
def test_looks_are_taken_smoothly_within_half_a_second(look: str) -> None:
    frames, idle = live(look, 3), live("idle", 3)
    change = np.array([f.head - g.head for f, g in zip(frames, idle, strict=True)])
    assert np.abs(np.diff(change[:15], axis=0, prepend=0)).max(0)[:3].max() < 0.75
    brow = np.array([f["browInnerUp"] - g["browInnerUp"] for f, g in
                     zip(frames, idle, strict=True)])  # fmt: skip
    assert brow[12] > 0.9 * brow[40]
    assert brow[2] < 0.5 * brow[40]


def test_acts_are_seen_and_pass() -> None:
    animator = Animator(25, 5)
    for pts in range(75):
        animator.frame(pts)
    seen: dict[str, list[MotionFrame]] = {}
    pts = 75
    for name in ("nod", "shake", "smile", "surprise"):
        animator.act(name)
        seen[name] = [animator.frame(pts + i) for i in range(75)]
        pts += 75
    assert np.ptp([f.head[1] for f in seen["nod"][:26]]) > 4.0
    assert np.ptp([f.head[0] for f in seen["shake"][:30]]) > 5.0
    smile = np.array([f["mouthSmileLeft"] for f in seen["smile"]])
    assert smile.max() == pytest.approx(0.8, abs=0.02)
    assert smile[-1] == 0.0
    assert np.abs(np.diff(smile)).max() < 0.08
    assert max(f["browInnerUp"] for f in seen["surprise"]) > 0.5
    for frames in seen.values():
        assert np.abs(np.diff([f.head[:3] for f in frames], axis=0)).max() < 2.5


async def test_minutes_of_talk_leave_nothing_behind(stage: Stage) -> None:
    def footprint() -> int:
        animator, line = stage.performer._animator, stage.performer._line
        return (
            len(animator._placed) + len(animator._accents) + len(animator._head._nods)
            + len(animator._brows._raises) + len(animator._silences) + len(line.queue)
            + len(animator._looks._acts) + len(stage.performer._orders)
        )  # fmt: skip

    sizes = []
    for turn in range(1, 101):
        stage.performer.look(("listening", "thinking", "speaking")[turn % 3])
        stage.performer.say(speech("一二三四五"), turn)
        await stage.play(0.8)
        if turn % 2:
            stage.performer.hold()
            await stage.play(0.2)
            stage.performer.resume()
        if turn % 5 == 0:
            stage.performer.cut()
        await stage.play(1.2)
        stage.motion()
        stage.sent.clear()
        stage.performer.finish(turn)
        sizes.append(footprint())
    assert max(sizes[50:]) <= max(sizes[:50]) + 2
    assert len(stage.performer._line._turns) <= 64
    assert len(stage.performer._voiced) <= 64


# Backgrounds and directions ----------------------------------------------------------------------


def corner(stage: Stage) -> list[int]:
    """The colour of the lower left of the picture that is drawn next."""
    stage.pts = max(stage.pts, stage.performer._animator._next)
    picture = stage.performer.picture(stage.pts)
    return [int(v) for v in picture[150, 4]]


async def test_the_background_changes_while_the_session_runs(stage: Stage) -> None:
    before = corner(stage)
    await stage.performer.set_background("#c01010")
    after = corner(stage)
    assert after[0] > before[0]
    assert after[2] < 60


async def test_a_wrong_background_is_refused_and_nothing_changes(stage: Stage) -> None:
    before = corner(stage)
    for wrong in ("red", Path("none.png")):
        with pytest.raises(InputError):
            await stage.performer.set_background(wrong)
    assert corner(stage) == before


async def test_the_background_asked_for_last_stays(stage: Stage) -> None:
    started, go = threading.Event(), threading.Event()
    real = stage.performer._picture.prepare

    def slow(background: str) -> object:
        if background == "#10c010":
            started.set()
            go.wait(5)
        return real(background)

    stage.performer._picture.prepare = slow  # type: ignore[assignment, method-assign]
    first = asyncio.create_task(stage.performer.set_background("#10c010"))
    await asyncio.to_thread(started.wait, 5)
    await stage.performer.set_background("#c01010")
    go.set()
    await first
    after = corner(stage)
    assert after[0] > 100
    assert after[1] < 60


async def test_an_act_may_wait_for_the_speech_before_it(stage: Stage) -> None:
    """Without speech it is ordered at once, behind queued speech when that has been heard."""
    orders = stage.performer._orders
    stage.performer.act("nod", after_speech=True)
    assert len(orders) == 1
    await stage.play(1.0)
    stage.performer.say(speech("一二三四五"), 1)
    stage.performer.act("nod 0.9", after_speech=True)
    await stage.play(0.95)
    assert len(orders) == 2, "the speech alone"
    stage.performer.hold()
    await stage.play(1.0)
    assert len(orders) == 3, "the mouth closes"
    stage.performer.resume()
    await stage.play(0.6)
    assert len(orders) == 5, "the rest of the speech, then the nod"


async def test_a_cut_drops_the_acts_that_wait(stage: Stage) -> None:
    await stage.play(1.0)
    stage.performer.say(speech("一二三四五"), 1)
    stage.performer.act("nod", after_speech=True)
    stage.performer.cut()
    await stage.play(1.0)
    assert not stage.performer._after
    assert len(stage.performer._orders) == 2, "the speech and its end"


async def test_levels_of_acts_are_checked(stage: Stage) -> None:
    stage.performer.act("微笑 0.4")
    with pytest.raises(InputError, match="at most 1"):
        stage.performer.act("smile 3")
