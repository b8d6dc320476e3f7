"""Presence: the state machine in virtual time, faces and labels on real pictures."""

from __future__ import annotations

import asyncio
import io
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digital_human.apps.kiosk import camera
from digital_human.apps.kiosk.camera import CameraSettings, Watcher
from digital_human.apps.kiosk.codes import LabelReader, plain
from digital_human.apps.kiosk.faces import Face
from digital_human.apps.kiosk.presence import Limits, Person, Presence, Seen, State
from digital_human.apps.kiosk.tracks import Tracks
from digital_human.core.clock import SampleClock
from digital_human.core.frames import ByteArray
from digital_human.core.stage import Hung
from digital_human.errors import InputError
from tests.fakes.visitors import Clip, hall, jpeg, read_clip, stand, visit, write_mjpeg

FPS = 4
LIMITS = Limits()


def person(id: int, metres: float = 1.0, looking: bool = True) -> Person:
    return Person(id, metres, looking)


class Show:
    """Shows people to the state machine, four pictures a second, and keeps the states."""

    def __init__(self) -> None:
        self.presence = Presence()
        self.now = 100.0
        self.states: list[State] = []

    def __call__(self, seconds: float, *people: Person, blind: bool = False) -> State:
        for _ in range(round(seconds * FPS)):
            self.now += 1 / FPS
            self.states.append(self.presence.see(Seen(people, None, blind), self.now))
        return self.states[-1]

    @property
    def wakes(self) -> int:
        before = ["empty", *self.states[:-1]]
        return sum(b == "here" != a for a, b in zip(before, self.states, strict=True))


@pytest.fixture
def show() -> Show:
    return Show()


def test_somebody_comes_looks_and_leaves(show: Show) -> None:
    assert show(2) == "empty"
    assert show(1, person(1, 3.0, False)) == "passing"
    assert show(0.25, person(1, 1.2)) == "near"
    assert show(0.5, person(1, 1.2)) == "near"
    assert show(0.5, person(1, 1.2)) == "here"
    assert show(LIMITS.gone - 0.5) == "here"
    assert show(1) == "empty"


def test_a_glance_in_passing_does_not_wake(show: Show) -> None:
    for _ in range(5):
        show(0.5, person(1))
        show(1, person(1, looking=False))
    assert show.wakes == 0


def test_short_looks_of_different_people_do_not_add_up(show: Show) -> None:
    for number in range(20):
        show(0.5, person(number))
    assert show.wakes == 0


def test_a_blink_or_a_missed_face_does_not_break_the_dwell(show: Show) -> None:
    show(0.5, person(1))
    show(0.25, person(1, looking=False))
    show(0.25)
    assert show(0.25, person(1)) == "here"


@pytest.mark.parametrize(
    "who", [person(1, 2.0), person(1, 1.0, looking=False)], ids=["far", "looks aside"]
)
def test_who_is_far_or_looks_aside_does_not_wake(show: Show, who: Person) -> None:
    assert show(60, who) in ("passing", "near")


def test_looking_away_and_turning_round_keeps_the_visit(show: Show) -> None:
    show(2, person(1))
    assert show(30, person(1, looking=False)) == "here"
    assert show(4) == "here"  # only the back of the head is seen
    assert show(3, person(2)) == "here"  # the same face, followed afresh
    assert show(4) == "here"
    assert show(3) == "empty"
    assert show.wakes == 1


def test_stepping_back_a_little_keeps_the_visit_and_further_ends_it(show: Show) -> None:
    show(2, person(1, 1.6))
    assert show(20, person(1, 2.3)) == "here"
    assert show(7, person(1, 3.2)) == "passing"


def test_speaking_with_the_face_turned_away_keeps_the_visit(show: Show) -> None:
    show(2, person(1))
    for _ in range(6):
        show(5)
        show.presence.touch(show.now)
    assert show.states[-1] == "here"
    assert show(LIMITS.touched + 0.5) == "empty"


def test_the_next_in_the_queue_begins_a_visit_of_their_own(show: Show) -> None:
    show(2, person(1, 0.8))
    show(5, person(1, 0.8), person(2, 1.6))
    show(1, person(2, 1.4))
    assert show.states[-1] == "here"  # the first may have bent down
    show(3, person(2, 0.9))
    assert "near" in show.states[-16:]
    assert show.states[-1] == "here"
    assert show.wakes == 2


def test_waiting_behind_does_not_prolong_a_visit(show: Show) -> None:
    show(2, person(1, 0.8), person(2, 1.6, False))
    assert show(LIMITS.gone + 0.5, person(2, 1.6, False)) == "near"


def test_who_stands_beside_shares_the_visit(show: Show) -> None:
    show(2, person(1, 0.9))
    show(3, person(1, 0.9), person(2, 1.1))
    assert show(20, person(2, 1.1)) == "here"
    assert show.wakes == 1


def test_of_several_the_one_who_looks_wakes(show: Show) -> None:
    assert show(2, person(1, 0.7, False), person(2, 1.3)) == "here"


def test_covered_camera_is_blind_and_touch_works(show: Show) -> None:
    assert show(1, blind=True) == "blind"
    assert show.presence.touch(show.now) == "here"
    assert show(LIMITS.unseen - 1, blind=True) == "here"
    assert show(2, blind=True) == "blind"
    assert show(1) == "empty"


def test_no_pictures_is_blind(show: Show) -> None:
    assert show.presence.at(0) == "blind"
    show(1)
    assert show.presence.at(show.now + LIMITS.silent - 0.1) == "empty"
    assert show.presence.at(show.now + LIMITS.silent + 0.1) == "blind"


def test_a_camera_that_dies_during_a_visit_ends_it_late(show: Show) -> None:
    show(2, person(1))
    assert show.presence.at(show.now + LIMITS.gone + 1) == "here"
    assert show.presence.at(show.now + LIMITS.unseen + 1) == "blind"


def test_after_a_reset_the_same_person_must_touch_or_leave(show: Show) -> None:
    show(2, person(1))
    assert show.presence.reset() == "near"
    assert show(30, person(1)) == "near"
    assert show.presence.touch(show.now) == "here"
    show.presence.reset()
    show(1)
    assert show(6, person(2)) == "here"


def test_time_that_goes_back_changes_nothing(show: Show) -> None:
    show(2, person(1))
    show.now -= 3600
    assert show(1, person(1)) == "here"


_PEOPLE = st.lists(
    st.builds(Person, st.integers(1, 4), st.floats(0.3, 5.0), st.booleans()),
    max_size=3,
    unique_by=lambda p: p.id,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_PEOPLE, st.booleans(), st.floats(0.05, 8.0)), max_size=40))
def test_every_visit_begins_with_a_look_and_ends(
    steps: list[tuple[list[Person], bool, float]],
) -> None:
    presence, now, before = Presence(), 0.0, "empty"
    for people, blind, wait in steps:
        now += wait
        state = presence.see(Seen(tuple(people), None, blind), now)
        if state == "here" != before:
            assert any(p.looking and p.metres <= LIMITS.near for p in people)
        before = state
    assert presence.see(Seen(), now + 1) in ("here", "empty", "passing", "near")
    assert presence.see(Seen(), now + 60) == "empty"


# Faces followed from picture to picture


def _face(x: float = 320, width: float = 60, yaw: float = 0, pitch: float = 0) -> Face:
    return Face(x, 150, width, 75 / width, yaw, pitch)


def _noise(seed: int) -> ByteArray:
    rng = np.random.default_rng(seed)
    return np.asarray(cv2.resize(rng.integers(0, 255, (36, 64), np.uint8), (640, 360)), np.uint8)


def test_a_face_that_never_changes_is_nobody_and_one_that_does_is() -> None:
    tracks, still = Tracks(), _noise(1)
    rng = np.random.default_rng(2)
    for index in range(40):
        grain = rng.normal(0, 3, still.shape)
        shaken = np.roll(still, tuple(rng.integers(-1, 2, 2)), (0, 1))
        lit = np.clip((shaken * (0.8 + 0.2 * math.sin(index / 7))) + grain, 0, 255)
        assert not tracks.follow([_face()], lit.astype(np.uint8), index / FPS)
    assert tracks.settled
    people = [tracks.follow([_face()], _noise(k), 15 + k / FPS) for k in range(20)]
    assert people[-1]
    assert not tracks.settled


def test_a_picture_that_was_hidden_for_long_is_known_again() -> None:
    tracks, still = Tracks(), _noise(1)
    for index in range(30):
        tracks.follow([_face()], still, index / FPS)
    for index in range(400):
        tracks.follow([], _noise(9), 8 + index / FPS)
    assert not tracks.follow([_face()], still, 120.0)
    assert tracks.settled


def test_what_is_left_of_a_passer_by_does_not_bring_a_picture_to_life() -> None:
    tracks, still, covered = Tracks(), _noise(1), _noise(1)
    covered[:, 300:335] = 40  # the last of somebody who walked past
    for index in range(8):
        tracks.follow([_face()], still, index / FPS)
    for index in range(8, 14):
        tracks.follow([], still, index / FPS)
    people = tracks.follow([_face()], covered, 14 / FPS)
    for index in range(15, 60):
        people += tracks.follow([_face()], still, index / FPS)
    assert not people


@pytest.mark.parametrize("step", [40, 70, 90])
def test_who_walks_past_a_picture_does_not_leave_it_alive(step: int) -> None:
    tracks, still = Tracks(), _noise(1)
    for index in range(30):
        tracks.follow([_face()], still, index / FPS)
    alive = 0
    for number, x in enumerate(range(320 - 4 * step, 620, step)):
        picture = still.copy()
        picture[110:190, x - 35 : x + 35] = _noise(2 + number)[110:190, x - 35 : x + 35]
        faces = [_face(x, 66)] + [_face()] * (abs(x - 320) > 45)
        alive += bool(tracks.follow(faces, picture, (30 + number) / FPS))
    after = [tracks.follow([_face()], still, 12 + index / FPS) for index in range(30)]
    assert alive
    assert not any(after)


def test_a_long_look_is_measured_again_now_and_then() -> None:
    tracks, measured = Tracks(), []
    for index in range(40):
        known = tracks.steady(index / FPS)
        face = _face()
        if any(face.like(one) for one in known):
            face = replace(face, guessed=True)
        else:
            measured.append(index)
        people = tracks.follow([face], _noise(index), index / FPS)
    assert people[0].looking
    assert measured[:7] == list(range(7))  # until the visit has begun, every picture
    assert set(np.diff(measured[7:])) == {3}
    far, large = _face(x=340), _face(width=75)
    assert not far.like(_face()) and not large.like(_face())


def test_a_look_is_easier_to_keep_than_to_begin() -> None:
    tracks = Tracks()
    yaws = [0.0, 5.0, 30.0, 30.0, 45.0, 30.0, 20.0, math.nan, math.nan]
    looks = []
    for index, yaw in enumerate(yaws):
        seen = tracks.follow([_face(yaw=yaw)], _noise(index), index / FPS)
        looks += [p.looking for p in seen]
    assert looks == [True, True, False, False, True, True, True]  # two pictures make it alive


def test_who_has_left_is_forgotten_and_so_is_everybody_at_once() -> None:
    tracks = Tracks()
    for index in range(4):
        tracks.follow([_face()], _noise(index), index / FPS)
    tracks.follow([], _noise(5), 3.0)
    assert not tracks.settled
    tracks.follow([], _noise(6), 4.0)
    assert tracks.settled
    assert not tracks._tracks
    tracks.follow([_face()], _noise(7), 5.0)
    tracks.forget()
    assert not tracks._tracks


def test_numbers_stay_with_people_who_walk_past_each_other() -> None:
    tracks = Tracks()
    for index in range(12):
        a, b = _face(100 + 30 * index), _face(500 - 5 * index, width=120)
        seen = tracks.follow([b, a], _noise(index), index / FPS)
    assert [p.id for p in seen] == [1, 2]
    assert seen[0].metres < seen[1].metres


# Labels


def _scene(label: ByteArray, side: int) -> ByteArray:
    scene = cv2.cvtColor(hall(1), cv2.COLOR_RGB2GRAY)
    scene[100 : 100 + side, 200 : 200 + side] = cv2.resize(
        label, (side, side), interpolation=cv2.INTER_AREA
    )
    return np.asarray(scene, np.uint8)


def _qr(text: str) -> ByteArray:
    code = cv2.QRCodeEncoder.create().encode(text)
    code = cv2.copyMakeBorder(code, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=255)
    return np.asarray(cv2.resize(code, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST), np.uint8)


@pytest.mark.parametrize("text", ["su-causeway", "苏堤春晓"])
@pytest.mark.parametrize("side", [70, 200])
def test_qr_codes_are_read(text: str, side: int) -> None:
    assert LabelReader()(_scene(_qr(text), side)) == text


@pytest.mark.parametrize("text", ["a\nb", "x" * 65, "\u202eabc"])
def test_labels_that_are_not_plain_text_are_refused(text: str) -> None:
    assert plain(text) is None
    assert LabelReader()(_scene(_qr(text), 240)) is None


def test_april_tags_count_when_read_twice() -> None:
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    tag = cv2.aruco.generateImageMarker(family, 17, 160)
    tag = cv2.copyMakeBorder(tag, 20, 20, 20, 20, cv2.BORDER_CONSTANT, value=255)
    reader, scene = LabelReader(), _scene(tag, 60)
    assert reader(scene) is None
    assert reader.doubtful
    assert reader(scene) == "tag36h11:17"
    assert not reader.doubtful
    assert reader(_scene(np.full((60, 60), 90, np.uint8), 60)) is None


# The camera


def _size(width: int, height: int) -> bytes:
    return jpeg(np.zeros((height, width, 3), np.uint8))


@pytest.fixture(scope="module")
def clip(data_dir: Path) -> Clip:
    return read_clip(data_dir / "talking" / "grid_lrwp9a.mpg")


@pytest.fixture(scope="module")
def clock() -> SampleClock:
    return SampleClock()


@pytest.fixture(scope="module")
def opened(clock: SampleClock) -> Iterator[Watcher]:
    watcher = Watcher(clock)
    yield watcher
    watcher.close()


@pytest.fixture
async def watcher(opened: Watcher, clock: SampleClock) -> Watcher:
    """The one watcher of these tests, an hour and more after the last one."""
    await clock.wait_until(clock.now() + 4000)
    return opened


def test_a_field_of_view_that_no_camera_has_is_refused() -> None:
    with pytest.raises(InputError, match="field_of_view 5 degrees"):
        CameraSettings(field_of_view=5)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        (b"", "not a readable JPEG"),
        (b"\xff\xd8\xff\xe0 nothing", "not a readable JPEG"),
        (jpeg(hall())[:5000], "not a readable JPEG"),
        (jpeg(hall()) * 40, "at most 300000"),
        (_size(2000, 1200), "2000×1200"),
        (_size(640, 32), "640×32"),
    ],
    ids=["empty", "header", "cut off", "large", "wide", "flat"],
)
async def test_bad_pictures_are_refused_with_a_reason(
    watcher: Watcher, data: bytes, wrong: str
) -> None:
    with pytest.raises(InputError, match=wrong) as caught:
        await watcher.look(data)
    assert caught.value.fix


def _png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(hall()).save(out, "PNG")
    return out.getvalue()


@pytest.mark.weights
async def test_other_formats_are_refused_and_the_next_picture_is_taken(watcher: Watcher) -> None:
    with pytest.raises(InputError):
        await watcher.look(_png())
    assert await watcher.look(jpeg(hall())) == Seen()
    assert (await watcher.look(jpeg(hall() // 40))).blind
    assert (await watcher.look(jpeg(np.full((360, 640, 3), 90, np.uint8)))).blind


@pytest.mark.weights
async def test_pictures_are_dropped_while_one_is_looked_at(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watcher.look(jpeg(hall()))
    looked, go = [], threading.Event()

    def look(self: Any, data: bytes, now: float) -> Seen:
        looked.append(now)
        go.wait(5)
        return Seen((person(1),))

    monkeypatch.setattr(camera._Eyes, "look", look)
    first = asyncio.create_task(watcher.look(jpeg(hall())))
    await asyncio.sleep(0)
    assert await watcher.look(jpeg(hall())) == Seen()
    go.set()
    assert (await first).faces == 1
    assert len(looked) == 1


@pytest.mark.weights
async def test_networks_that_hang_are_loaded_anew(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watcher.look(jpeg(hall()))
    go, closed = threading.Event(), threading.Event()
    close = camera._Eyes.close
    with monkeypatch.context() as patch:
        patch.setattr(camera, "_PATIENCE", 0.05)
        patch.setattr(camera._Eyes, "look", lambda *_: go.wait(5))
        with pytest.raises(Hung):
            await watcher.look(jpeg(hall()))
        patch.setattr(camera._Eyes, "close", lambda eyes: (close(eyes), closed.set()))
        go.set()
        assert await asyncio.to_thread(closed.wait, 5)
    assert await watcher.look(jpeg(hall())) == Seen()


@pytest.mark.weights
async def test_an_empty_hall_costs_few_looks_and_a_visitor_wakes(
    clip: Clip, watcher: Watcher, clock: SampleClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence()
    looks = _counted(monkeypatch)
    rng = np.random.default_rng(0)
    states: list[State] = []
    metres: list[float] = []
    for index, picture in enumerate(visit(clip, FPS, empty=6.5, stays=4)):
        await clock.wait_until(clock.now() + 1 / FPS)
        seen = await watcher.look(jpeg(picture, rng))
        states.append(presence.see(seen, clock.now()))
        metres.append(seen.nearest)
        if index == 6 * FPS:
            assert len(looks) <= 5
    assert watcher._eyes is not None
    assert not watcher._eyes._tracks._tracks  # nothing of the visitor is left
    stands = round(9.5 * FPS)
    assert set(states[: 6 * FPS]) == {"empty"}
    assert "here" in states[stands : stands + 3 * FPS]
    assert 0.75 < float(np.median(metres[stands : stands + 3 * FPS])) < 1.05
    assert states[-1] == "empty"


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    looks: list[int] = []
    call: Callable[..., list[Face]] = camera.FaceFinder.__call__

    def counted(self: Any, picture: ByteArray, known: Any) -> list[Face]:
        looks.append(1)
        return call(self, picture, known)

    monkeypatch.setattr(camera.FaceFinder, "__call__", counted)
    return looks


@pytest.mark.weights
async def test_a_portrait_on_the_wall_does_not_wake(
    data_dir: Path, watcher: Watcher, clock: SampleClock
) -> None:
    still = read_clip(data_dir / "portraits" / "musetalk_sun.png")
    framed = stand(hall(2), still.frames[0], still, 1.0)
    with closing(camera.FaceFinder(70, 2.6)) as finder:
        assert finder(framed)  # it is a face for the networks
    presence, rng = Presence(), np.random.default_rng(0)
    states = set()
    for index in range(8 * FPS):
        await clock.wait_until(clock.now() + 1 / FPS)
        dimmed = (framed * (0.9 + 0.1 * math.sin(index / 3))).astype(np.uint8)
        states.add(presence.see(await watcher.look(jpeg(dimmed, rng)), clock.now()))
    assert states == {"empty"}


def test_a_video_for_the_browsers_fake_camera(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "visitor.mjpeg"
    write_mjpeg(path, visit(clip, 2, empty=1, stays=1), 2)
    assert path.read_bytes().count(b"\xff\xd8\xff\xe0") == 15 * 15
