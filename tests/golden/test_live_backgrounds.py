"""Backgrounds that change while a session runs, video, opaque avatars, and the matte for mixers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.media import footage as footages
from digital_human.media.footage import Loop, code, footage
from digital_human.media.live_picture import LivePicture
from tests.fakes.opaque import OpaqueAvatar

SIZE = (240, 320)
CLEAR = np.s_[60:200, :16]  # beside the head, under the label
COLOURS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]])


def make_video(path: Path, colours: np.ndarray, each: int, size: tuple[int, int]) -> Path:
    """``each`` frames of every colour, 25 a second."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "10"}
        for colour in np.repeat(colours, each, axis=0):
            image = np.empty((size[1], size[0], 3), np.uint8)
            image[:] = colour
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def yun() -> Bundle:
    return load_bundle("yun")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("v") / "v.mp4", COLOURS, 25, (320, 180))


def moving(pts: int) -> MotionFrame:
    frame = MotionFrame.rest(pts)
    frame.curves[INDEX["jawOpen"]] = 0.4 * abs(np.sin(pts / 3))
    frame.head[0] = 4 * np.sin(pts / 8)
    return frame


def clear(picture: ByteArray) -> np.ndarray:
    return np.asarray(picture[CLEAR].reshape(-1, 3).mean(axis=0))


def test_a_video_is_looped_and_its_end_fades_into_its_beginning(video: Path) -> None:
    source = code(video, SIZE, 25)
    assert len(source.packets) == 100 - 12, "half a second is shared"
    loop = Loop(source)
    means = []
    for _ in range(2 * len(source.packets)):
        means.append(loop.picture().mean(axis=(0, 1)))
        loop._coming.result()
    loop.close()
    means = np.array(means)
    for number, colour in enumerate(COLOURS):
        assert (np.abs(means - colour).max(axis=1) < 8).sum() >= 2 * 10, number
    np.testing.assert_allclose(means[:88], means[88:], atol=1.5)
    steps = np.abs(np.diff(means, axis=0)).max(axis=1)
    assert steps[76:99].max() < 40, "no jump where it begins again"
    assert (steps > 100).sum() == 6, "the cuts inside it stay"


def test_a_video_keeps_its_pace_at_other_rates(video: Path) -> None:
    assert len(code(video, SIZE, 50).packets) == pytest.approx(200 - 25, abs=1)
    assert len(code(video, SIZE, 10).packets) == pytest.approx(40 - 5, abs=1)


def test_a_short_video_is_looped_as_it_is(tmp_path: Path) -> None:
    path = make_video(tmp_path / "s.mp4", COLOURS[:1], 5, (64, 64))
    source = code(path, (64, 64), 25)
    assert len(source.packets) == 5


def test_a_video_covers_the_picture_whatever_its_shape(tmp_path: Path) -> None:
    path = make_video(tmp_path / "tall.mp4", COLOURS[:1], 3, (64, 256))
    picture = Loop(code(path, (320, 180), 25)).picture()
    assert picture.shape == (180, 320, 3)
    assert np.abs(picture.astype(int) - COLOURS[0]).max() < 8


def test_a_slow_decoder_shows_the_last_picture_again(video: Path) -> None:
    loop = Loop(code(video, SIZE, 25))
    loop._coming.result()
    gate = threading.Event()
    real = loop._decoder.next
    loop._decoder.next = lambda into: (gate.wait(5), real(into))[1]  # type: ignore[method-assign]
    loop.picture()
    started = time.perf_counter()
    first = loop.picture().copy()
    for _ in range(10):
        np.testing.assert_array_equal(loop.picture(), first)
    assert time.perf_counter() - started < 0.5
    gate.set()
    loop.close()


def test_the_thread_of_a_loop_ends_with_it(video: Path) -> None:
    before = set(threading.enumerate())
    loop = Loop(code(video, SIZE, 25))
    loop._coming.result()
    (thread,) = set(threading.enumerate()) - before
    del loop
    thread.join(5)
    assert not thread.is_alive()


def test_a_video_that_is_too_long_is_refused(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footages, "MAX_SECONDS", 2)
    with pytest.raises(InputError, match="longer than 2 s"):
        code(video, (128, 128), 25)


def test_backgrounds_change_between_two_pictures(yun: Bundle, video: Path) -> None:
    shown = LivePicture(yun, SIZE, label="AI生成", background="#404040")
    first = shown.draw(moving(0))
    kept = first.copy()
    person = np.s_[150, 120]
    for background in (video, "#c03030", None):
        ground = shown.prepare(background)
        before = clear(shown.draw(moving(1)))
        shown.show(ground)
        after = shown.draw(moving(2)).copy()
        assert np.abs(clear(after) - before).max() > 20
        assert np.abs(after[person].astype(int) - kept[person]).max() < 40, "the person stays"
    np.testing.assert_array_equal(first, kept, "pictures handed out before are left alone")
    fresh = LivePicture(yun, SIZE, label="AI生成").draw(moving(2))
    np.testing.assert_array_equal(after, fresh, "no trace of what was there")


def test_the_person_before_a_video_is_the_one_before_a_still(yun: Bundle, tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", np.array([[120, 120, 120]]), 2, (64, 64))
    flat = tmp_path / "flat.png"
    shown = LivePicture(yun, SIZE, label="AI生成")
    shown.show(shown.prepare(path))
    over_video = shown.draw(moving(5)).copy()
    Image.fromarray(np.full((320, 240, 3), 120, np.uint8)).save(flat)
    still = LivePicture(yun, SIZE, label="AI生成", background=flat).draw(moving(5))
    assert np.abs(over_video.astype(int) - still).max() <= 4


def test_a_session_that_begins_with_a_video_shows_its_first_picture_at_once(
    yun: Bundle, video: Path
) -> None:
    shown = LivePicture(yun, SIZE, label="AI生成", background=video)
    np.testing.assert_allclose(clear(shown.draw(moving(0))), COLOURS[0], atol=8)
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < 3 and time.monotonic() < deadline:
        mean = clear(shown.draw(moving(1)))
        seen.add(int(np.abs(COLOURS - mean).sum(axis=1).argmin()))
        time.sleep(0.005)
    assert len(seen) >= 3, "it plays"


@pytest.mark.parametrize(
    ("background", "words"),
    [("red", "neither"), ("#12", "not a colour"), (Path("none.png"), "does not exist"),
     (Path("none.mp4"), "does not exist")],
)  # fmt: skip
def test_wrong_backgrounds_are_refused_and_change_nothing(
    yun: Bundle, background: Path | str, words: str
) -> None:
    shown = LivePicture(yun, SIZE, label="AI生成", background="#3060a0")
    before = shown.draw(moving(3)).copy()
    with pytest.raises(InputError, match=words):
        shown.prepare(background)
    np.testing.assert_array_equal(shown.draw(moving(3)), before)


def test_a_damaged_video_is_refused(yun: Bundle, video: Path, tmp_path: Path) -> None:
    data = bytearray(video.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    shown = LivePicture(yun, SIZE, label="AI生成")
    with pytest.raises(InputError, match="damaged"):
        shown.prepare(path)


# Avatars with surroundings of their own ----------------------------------------------------------


@pytest.mark.parametrize("size", [(576, 768), (1280, 720), (360, 640)])
def test_an_opaque_avatar_fills_the_picture_with_its_face_in_the_middle(
    size: tuple[int, int],
) -> None:
    avatar = OpaqueAvatar(size=(960, 540))
    shown = LivePicture(avatar, size, label="AI生成", background="#ff00ff")
    picture = shown.draw(moving(0))
    assert picture.shape == (size[1], size[0], 3)
    magenta = (np.abs(picture.astype(int) - (255, 0, 255)).sum(axis=2) < 60).mean()
    assert magenta == 0, "nothing of the background is seen"
    letters = picture[: size[1] // 8, size[0] // 2 :].min(axis=2) > 235
    assert letters.sum() > 100, "the label is on top"
    face, _ = face_of(picture)
    assert abs(face[0] - size[0] / 2) < 0.06 * size[0]
    assert 0.2 < face[1] / size[1] < 0.6


def face_of(picture: ByteArray) -> tuple[tuple[float, float], int]:
    """Middle of the skin, and how many pixels it has."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV)
    skin = ((hsv[..., 0] < 16) & (hsv[..., 1] > 50) & (hsv[..., 2] > 120)).astype(np.uint8)
    count, _, stats, centres = cv2.connectedComponentsWithStats(skin)
    largest = 1 + int(stats[1:count, cv2.CC_STAT_AREA].argmax())
    return (float(centres[largest][0]), float(centres[largest][1])), int(stats[largest, 4])


def test_an_opaque_avatar_refuses_another_background() -> None:
    shown = LivePicture(OpaqueAvatar(size=(640, 360)), SIZE, label="AI生成")
    with pytest.raises(InputError, match="brings its own background"):
        shown.prepare("#102030")


# The matte ---------------------------------------------------------------------------------------


def test_colour_and_matte_give_the_picture_back(yun: Bundle) -> None:
    shown = LivePicture(yun, SIZE, label="AI生成", matte=True)
    assert shown.size == (480, 320)
    for pts in (0, 4, 9):
        pair = shown.draw(moving(pts)).astype(np.float32)
        assert pair.shape == (320, 480, 3)
        colour, matte = pair[:, :240], pair[:, 240:] / 255
        mixed = colour * matte + np.array([48, 96, 160]) * (1 - matte)
        flat = np.full((320, 240, 3), (48, 96, 160), np.uint8)
        want = direct(yun, flat, pts)
        assert np.abs(mixed - want).max() <= 6
    assert matte[:40, :30].max() == 0, "clear beside the head"
    assert matte[310, 120].min() == 1


def direct(bundle: Bundle, background: ByteArray, pts: int) -> ByteArray:
    """The live picture before a plain background."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.png"
        Image.fromarray(background).save(path)
        return LivePicture(bundle, SIZE, label="AI生成", background=path).draw(moving(pts)).copy()


def test_a_matte_has_colour_beyond_the_edge_and_no_background(yun: Bundle) -> None:
    shown = LivePicture(yun, SIZE, label="AI生成", matte=True)
    pair = shown.draw(moving(0))
    colour, matte = pair[:, :240].astype(int), pair[:, 240:, 0]
    edge = (cv2.dilate(matte, np.ones((5, 5))) > 200) & (matte < 20)
    edge[:60, 120:] = False  # the label's corner
    inside = cv2.erode((matte > 250).astype(np.uint8), np.ones((5, 5)))
    near = cv2.blur(colour.astype(np.float32) * inside[..., None], (15, 15))
    share = cv2.blur(inside.astype(np.float32), (15, 15))
    known = edge & (share > 0.15)
    difference = np.abs(colour[known] - near[known] / share[known][:, None]).mean()
    assert known.sum() > 300
    assert difference < 25, "no black rim"
    with pytest.raises(InputError, match="mixer"):
        shown.prepare("#102030")


def test_footage_is_shared_between_sessions(video: Path) -> None:
    first = footage(video, SIZE, 25)
    assert footage(video, SIZE, 25) is first
