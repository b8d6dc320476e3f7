"""Avatars from videos: made from a film of a shipped anchor that our own renderer draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.avatar import open_avatar
from digital_human.face.build.from_video import create_from_video
from digital_human.face.build.video_gate import VideoRefused
from digital_human.face.build.video_input import SourceVideo
from digital_human.face.build.video_track import FaceTracker
from digital_human.face.bundle import load_bundle
from digital_human.face.manifest import DisplayName
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import JAW_GAP
from digital_human.face.video_bundle import BASE, TRACK, VideoAvatar, load_video_bundle
from digital_human.face.video_frames import FPS, FrameReader
from tests.fakes.faces import frame as motion

pytestmark = pytest.mark.weights

ROOT = Path(__file__).resolve().parents[2]
HEIGHT = 360
SHOWN = DisplayName(zh="云", en="Yun")


def sway(k: int) -> tuple[float, ...]:
    """A head that comes back to where it was every 1.6 s."""
    turn = 2 * np.pi * k / 40
    return (5 * np.sin(turn), 2 * np.cos(turn), 2 * np.sin(turn + 1), 0.03 * np.sin(turn), 0, 0)


def jaw(k: int) -> float:
    """A mouth that opens three times in two seconds, and is shut in between."""
    return max(0.0, float(np.sin(2 * np.pi * k / 17))) ** 1.5 * (0.25 + 0.2 * (k % 34 < 17))


def film(count: int, mouth: Callable[[int], float]) -> Iterator[ByteArray]:
    """The anchor before a patterned wall, uint8 [h, w, 3]."""
    renderer = PhotoRenderer(load_bundle(ROOT / "avatars" / "yun"), HEIGHT)
    width, height = renderer.size[0] // 2 * 2, HEIGHT
    y, x = np.mgrid[0:height, 0:width]
    wall = np.dstack([90 + 40 * np.sin(x / 23), 110 + 30 * np.sin(y / 31), 120 + 0 * x])
    for k in range(count):
        drawn = renderer.render(motion(k, sway(k), jawOpen=mouth(k)))[:, :width]
        alpha = drawn[..., 3:].astype(np.float32) / 255
        yield np.asarray(drawn[..., :3] * alpha + wall * (1 - alpha), np.uint8)


def write(path: Path, pictures: Iterator[ByteArray], fps: int = FPS) -> Path:
    """Encode pictures as a user's camera would."""
    with av.open(str(path), "w") as file:
        stream = None
        for k, picture in enumerate(pictures):
            if stream is None:
                stream = file.add_stream("libx264", rate=fps, options={"crf": "12"})
                stream.width, stream.height = picture.shape[1], picture.shape[0]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.time_base = Fraction(1, fps)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, fps)
            file.mux(stream.encode(frame))
        assert stream is not None
        file.mux(stream.encode(None))
    return path


def quiet(step: str, share: float) -> None:
    assert step
    assert 0 <= share <= 1


def build(path: Path, out: Path) -> VideoAvatar:
    create_from_video(path, out.name, None, SHOWN, "female", out, quiet)
    return load_video_bundle(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("video-avatars")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return write(folder / "talking.mp4", film(80, jaw))


@pytest.fixture(scope="module")
def talking(folder: Path, source: Path) -> VideoAvatar:
    return build(source, folder / "talking")


@pytest.fixture(scope="module")
def silent(folder: Path) -> VideoAvatar:
    return build(write(folder / "silent.mp4", film(64, lambda k: 0.0)), folder / "silent")


def gaps(pictures: list[ByteArray], avatar: VideoAvatar) -> FloatArray:
    """Lip gaps seen in pictures at the avatar's own size."""
    near = avatar.track.points[0]
    with FaceTracker() as tracker:
        found = [tracker.look(np.ascontiguousarray(p[..., :3]), near) for p in pictures]
    assert all(points is not None for points in found)
    return np.array([lm.lip_gap(points) for points in found if points is not None], np.float32)


def test_it_is_an_avatar_like_any_other(talking: VideoAvatar) -> None:
    opened = open_avatar(talking.path)
    assert isinstance(opened, VideoAvatar)
    assert (opened.manifest.kind, opened.manifest.opaque, opened.manifest.fps) == (
        "video",
        True,
        25,
    )
    renderer = opened.renderer(180)
    picture = renderer.render(motion())
    assert picture.shape == (180, renderer.size[0], 4)
    assert picture[..., 3].min() == 255
    box = renderer.moving[0]
    assert (box.x, box.y, box.width, box.height) == (0, 0, *renderer.size)
    with pytest.raises(InputError, match="height 5"):
        opened.renderer(5)


def test_a_talking_video_gives_its_own_mouths(talking: VideoAvatar) -> None:
    assert talking.track.talks
    assert not talking.layers
    own = [lm.lip_gap(points) for points in talking.prototypes.points]
    assert len(own) >= 4
    assert min(own) < 0.02
    assert max(own) > 0.10


def test_the_mouth_of_the_base_video_vanishes_in_silence(talking: VideoAvatar) -> None:
    reader = FrameReader(talking.path / BASE)
    chosen = range(2, talking.track.count, 5)
    base = gaps([reader.read(k) for k in chosen], talking)
    reader.close()
    renderer = talking.in_order()
    drawn = gaps([renderer.render(motion(k)) for k in chosen], talking)
    assert base.max() > 0.10
    assert drawn.max() < 0.02
    assert drawn.std() < 0.006


@pytest.mark.parametrize(("opening", "near"), [(0.13, 0.02), (0.2, 0.025), (0.4, 0.025)])
def test_the_lips_reach_the_gap_in_every_frame(
    talking: VideoAvatar, opening: float, near: float
) -> None:
    renderer = talking.in_order()
    pictures = [renderer.render(motion(k, jawOpen=opening)) for k in range(1, 75, 9)]
    assert gaps(pictures, talking) == pytest.approx(JAW_GAP * opening, abs=near)


def test_a_silent_video_opens_over_drawn_teeth(silent: VideoAvatar) -> None:
    assert not silent.track.talks
    assert set(silent.layers) == {"upper", "lower", "tongue"}
    renderer = silent.in_order()
    reader = FrameReader(silent.path / BASE)
    assert np.array_equal(renderer.render(motion(7)), reader.read(7)), "a shut mouth is untouched"
    reader.close()
    pictures = [renderer.render(motion(k, jawOpen=0.4)) for k in range(1, 60, 12)]
    assert gaps(pictures, silent) == pytest.approx(JAW_GAP * 0.4, abs=0.03)


def test_frames_in_order_are_those_of_the_film(talking: VideoAvatar, source: Path) -> None:
    renderer = talking.in_order()
    truth = [p.astype(np.int16) for p in SourceVideo(source, faithful=True).frames()]
    assert len(truth) == talking.track.count
    below = round(float(talking.track.points[:, lm.NOSE_MIDDLE, 1].min()))
    for k in (3, 4, 20, 45, 46, 79):
        drawn = renderer.render(motion(k, jawOpen=0.3))[:below, :, :3].astype(np.int16)
        away = [float(np.abs(drawn - truth[i][:below]).mean()) for i in (k, max(0, k - 1))]
        assert away[0] < 2.0
        assert away[0] < 0.8 * away[1], f"frame {k} looks like the one before"


def test_after_its_last_frame_the_film_goes_on_with_the_loop(talking: VideoAvatar) -> None:
    renderer = talking.in_order()
    count = talking.track.count
    pictures = [
        renderer.render(motion(k))[..., :3].astype(np.int16) for k in range(count - 20, count + 40)
    ]
    steps = [float(np.abs(a - b).mean()) for a, b in zip(pictures, pictures[1:], strict=False)]
    assert max(steps[19:]) < 2.0 * max(steps[:19])
    assert np.median(steps[30:]) > 0.3 * np.median(steps[:19]), "it stands still"


@pytest.mark.parametrize("kind", ["talking", "silent"])
def test_no_seam_is_seen_in_the_loop(kind: str, request: pytest.FixtureRequest) -> None:
    avatar: VideoAvatar = request.getfixturevalue(kind)
    leave, enter, _, length = avatar.track.jumps[0].tolist()
    assert leave - enter >= FPS
    renderer = avatar.renderer(HEIGHT)
    around = leave - enter + length
    pictures = [renderer.render(motion(k))[..., :3].astype(np.int16) for k in range(around + 6)]
    steps = np.array([np.abs(a - b).mean() for a, b in zip(pictures, pictures[1:], strict=False)])
    at = np.arange(len(steps)) >= leave - enter - 1
    assert steps[at].max() < 1.5 * steps[~at].max()


def test_pictures_follow_from_the_motion(silent: VideoAvatar) -> None:
    first, second = silent.renderer(200), silent.renderer(200)
    for k in range(6):
        frame = motion(k, jawOpen=0.1 * k)
        assert np.array_equal(first.render(frame), second.render(frame))
    again = second.render(motion(5, jawOpen=0.5))
    assert np.array_equal(first.render(motion(5, jawOpen=0.5)), again)
    broken = MotionFrame(
        np.full(52, np.nan, np.float32), np.full(6, np.nan, np.float32), np.nan, np.nan, 5, 0
    )
    assert np.array_equal(first.render(broken), second.render(motion(5)))


def test_frames_are_the_same_in_any_order(silent: VideoAvatar) -> None:
    reader = FrameReader(silent.path / BASE)
    straight = [reader.read(k) for k in range(40)]
    for k in (39, 3, 4, 30, 17, 0, 0):
        assert np.array_equal(reader.read(k), straight[k])
    reader.approach(25)
    assert np.array_equal(reader.read(25), straight[25])
    with pytest.raises(InputError, match="frame 4000"):
        reader.read(4000)
    reader.close()


def test_a_damaged_bundle_is_refused(silent: VideoAvatar, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in silent.path.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(silent.path)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(silent.path)).write_bytes(path.read_bytes())
    assert load_video_bundle(copy).track.count == silent.track.count
    for name in (BASE, TRACK):
        whole = (copy / name).read_bytes()
        (copy / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(InputError, match=name):
            load_video_bundle(copy)
        (copy / name).write_bytes(whole)
    (copy / BASE).unlink()
    with pytest.raises(InputError, match=f"{BASE}: missing"):
        load_video_bundle(copy)


def refusal(path: Path, out: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        create_from_video(path, out.name, None, SHOWN, "female", out, quiet)
    assert caught.value.fix
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}-*")), "scratch files are left"
    return caught.value


def bad(kind: str) -> Iterator[ByteArray]:
    """Pictures of films that cannot become an avatar."""
    y, x = np.mgrid[0:360, 0:480]
    empty = np.dstack([x % 256, y % 256, (x + y) % 256]).astype(np.uint8)
    one = next(film(1, jaw))
    for k in range(70):
        if kind == "face is seen":
            yield empty
        elif kind == "second face":
            yield np.hstack([one, one[:, ::-1]])
        elif kind == "scene changes":
            yield one if k < 40 else 255 - np.roll(one, 60, 1)
        elif kind == "too small":
            small = cv2.resize(one, None, fx=0.24, fy=0.24, interpolation=cv2.INTER_AREA)
            large = empty.copy()
            large[100 : 100 + small.shape[0], 100 : 100 + small.shape[1]] = small
            yield large
        elif kind == "blurred":
            yield np.asarray(cv2.GaussianBlur(one, (0, 0), 7), np.uint8)
        elif kind == "not seen":
            yield empty[:, : one.shape[1]] if 20 < k < 45 else one


@pytest.mark.parametrize(
    "kind", ["face is seen", "second face", "scene changes", "too small", "blurred"]
)
def test_bad_videos_are_refused_with_a_picture(kind: str, tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "bad.mp4", bad(kind)), tmp_path / "out")
    assert isinstance(error, VideoRefused)
    assert kind in error.message
    error.write_picture(tmp_path / "proof.png")
    assert cv2.imread(str(tmp_path / "proof.png")) is not None


def test_files_that_are_no_such_video_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video")
    assert "not a readable video" in refusal(text, tmp_path / "out").message
    assert "no such file" in refusal(tmp_path / "none.mp4", tmp_path / "out").message
    short = write(tmp_path / "short.mp4", film(40, jaw))
    assert "1.6 s, at least 2.5 s" in refusal(short, tmp_path / "out").message
    grey = np.full((240, 240, 3), 128, np.uint8)
    endless = write(tmp_path / "long.mp4", (grey for _ in range(640)), fps=2)
    assert "320 s, at most 300 s" in refusal(endless, tmp_path / "out").message
    tiny = write(tmp_path / "tiny.mp4", (grey[:128, :128] for _ in range(80)))
    assert "128×128 pixels" in refusal(tiny, tmp_path / "out").message


@pytest.mark.parametrize(
    ("rate", "faithful", "count"),
    [(30, False, 90), (30, True, 75), (60, False, 45), (24, False, 90)],
)
def test_usual_rates_neither_stutter_nor_stop(
    rate: int, faithful: bool, count: int, tmp_path: Path
) -> None:
    grey = (np.full((240, 320, 3), 2 * k + 20, np.uint8) for k in range(90 if rate < 60 else 91))
    if rate == 60:  # long enough: 1.5 s at 60 would be too short a video
        grey = (np.full((240, 320, 3), k + 20, np.uint8) for k in range(180))
        count = 90
    path = write(tmp_path / "counted.mp4", grey, rate)
    levels = [int(p[0, 0, 0]) for p in SourceVideo(path, faithful=faithful).frames()]
    assert len(levels) == count
    assert all(b > a for a, b in zip(levels, levels[1:], strict=False)), "a frame is shown twice"
