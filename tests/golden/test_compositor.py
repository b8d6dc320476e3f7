"""The compositor on generated pictures: what is drawn, where, and that nothing else moves."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.media.blend import PersonBlender, Sprite
from digital_human.media.clips import Clip, probe_media
from digital_human.media.compositor import Compositor
from digital_human.media.layouts import Rect, regions, window
from digital_human.media.pictures import Push, read_picture
from digital_human.media.shot import CityWeather, Framing, Look, NameTag, Shot
from digital_human.media.sky import sky_icon
from digital_human.safety.labels import label_text

SIZE = (640, 360)
RED = (210, 30, 40)
FRAMING = {"a": Framing(0.1, 0.5, 0.5), "b": Framing(0.1, 0.5, 0.5)}
LOOK = Look(logo="测试台", clock="19:30", ticker=("第一条", "第二条新闻"))


@pytest.fixture(scope="module")
def compositor() -> Compositor:
    return Compositor(SIZE, 25, LOOK)


def person(colour: tuple[int, int, int] = RED, side: int = 300) -> ByteArray:
    """A flat bust: a disc for the head, a block for the shoulders."""
    rgba = np.zeros((side, side, 4), np.uint8)
    rgba[..., :3] = colour
    cv2.circle(rgba, (side // 2, int(side * 0.3)), int(side * 0.2), (*colour, 255), -1)
    rgba[int(side * 0.55) :, side // 6 : -side // 6, 3] = 255
    return rgba


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "green.png"
    Image.new("RGB", (800, 450), (20, 200, 60)).save(path)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """One second at 10 fps whose grey level is 20 · frame number."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"crf": "10"}
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(
                np.full((180, 320, 3), 20 * number + 20, np.uint8), format="rgb24"
            )
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def area(frame: ByteArray, box: Rect) -> ByteArray:
    return frame[box.y : box.bottom, box.x : box.right]


def changed(before: ByteArray, after: ByteArray) -> Rect:
    """The box that holds every differing pixel."""
    rows, cols = np.nonzero((before != after).any(axis=2))
    assert rows.size, "nothing changed"
    return Rect(int(cols.min()), int(rows.min()), int(np.ptp(cols)) + 1, int(np.ptp(rows)) + 1)


def inside(box: Rect, other: Rect, slack: int = 0) -> bool:
    return (
        box.x >= other.x - slack and box.y >= other.y - slack
        and box.right <= other.right + slack and box.bottom <= other.bottom + slack
    )  # fmt: skip


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (640, 360)])
def test_the_label_is_five_percent_high_for_two_seconds(size: tuple[int, int]) -> None:
    shot = Shot("title_open", 150, title="片头")
    look = Look(label="AI生成")
    bare = Compositor(size, 25, Look(label=""))
    with_label = Compositor(size, 25, look)
    for t, least in ((0, 0.05), (60, 0.05), (140, 0.025)):
        before = bare.compose(shot, t, {}, programme_t=t).copy()
        after = with_label.compose(shot, t, {}, programme_t=t)
        box = changed(before, after)
        bright = (after.min(axis=2) > 200) & (before.min(axis=2) < 160)
        # The frame of the label is thin: rows of the words hold many bright pixels.
        inner = bright[box.y + 3 : box.bottom - 3, box.x + box.h // 5 : box.right - box.h // 5]
        rows = np.flatnonzero(inner.any(axis=1))
        if t == 0:  # The opening fades in from black, the label does not.
            assert rows.size
        assert np.ptp(rows) + 1 >= least * min(size)
        edge = min(box.y, size[0] - box.right)
        assert edge < 0.06 * max(size)


def test_the_anchor_is_drawn_behind_the_desk(compositor: Compositor) -> None:
    shot = Shot("anchor_full", 100, ("a",), FRAMING)
    empty = compositor.compose(shot, 5, {"a": np.zeros((300, 300, 4), np.uint8)}).copy()
    frame = compositor.compose(shot, 5, {"a": person()})
    where = regions("anchor_full", SIZE)
    face = where.faces[0]
    middle = frame[face.y + face.h // 2, face.centre[0]]
    assert tuple(int(v) for v in middle) == RED
    box = changed(empty, frame)
    assert abs(box.y - face.y) <= 2
    assert where.desk <= box.bottom <= where.desk + 12
    assert frame is compositor.compose(shot, 6, {"a": person()}), "the buffer is reused"


def test_a_picture_of_another_size_is_scaled(compositor: Compositor) -> None:
    shot = Shot("anchor_full", 100, ("a",), FRAMING)
    spot = compositor.placement(shot, "a", (300, 300))
    small = compositor.compose(shot, 5, {"a": person(side=300)}).copy()
    exact = compositor.compose(shot, 5, {"a": person(side=spot.height)})
    assert np.abs(small.astype(int) - exact).mean() < 1.0


def test_frames_repeat_and_only_light_moves(compositor: Compositor) -> None:
    shot = Shot("anchor_full", 500, ("a",), FRAMING)
    look = Look(label="")
    still = Compositor(SIZE, 25, look)
    first = still.compose(shot, 10, {"a": person()}, programme_t=10).copy()
    again = still.compose(shot, 10, {"a": person()}, programme_t=10).copy()
    later = still.compose(shot, 10, {"a": person()}, programme_t=60)
    assert np.array_equal(first, again)
    box = changed(first, later)
    assert box.bottom <= regions("anchor_full", SIZE).desk
    assert np.abs(first.astype(int) - later).max() < 60


def test_tags_and_headline_take_turns(compositor: Compositor) -> None:
    where = regions("anchor_full", SIZE)
    look = Compositor(SIZE, 25, Look(label="", background="#203050"))
    plain = Shot("anchor_full", 300, ("a",), FRAMING)
    people = {"a": person()}
    base = look.compose(plain, 0, people).copy()
    tagged = Shot(
        "anchor_full", 300, ("a",), FRAMING, (NameTag("林知夏", "主播", 20, 100),), headline="要闻"
    )
    shown = {}
    for t in (5, 70, 119, 122, 200, 299):
        frame = look.compose(tagged, t, people)
        differs = (frame != base).any(axis=2)
        if differs.any():
            assert inside(changed(base, frame), where.strap, slack=12), t
        shown[t] = area(frame, where.strap).copy()
    assert not np.array_equal(shown[70], shown[200])
    assert np.array_equal(shown[122], area(base, where.strap)), "a pause between the two"
    # The name plate is light, the headline's plate is deep.
    left = where.strap.w // 12
    assert shown[70][: where.strap.h // 2, 10:left].mean() > 140
    assert shown[200][where.strap.h // 2 :, 10:left].mean() < 120


def test_the_ticker_moves_left_by_whole_pixels(compositor: Compositor) -> None:
    shot = Shot("anchor_full", 900, ("a",), FRAMING)
    box = regions("anchor_full", SIZE).ticker
    people = {"a": person()}
    rows = []
    for t in (100, 101, 102):
        frame = compositor.compose(shot, t, people, programme_t=t)
        rows.append(area(frame, box)[:, 40:-40].astype(int).copy())
    steps = [
        next(s for s in range(1, 12) if np.array_equal(a[:, s:], b[:, :-s]))
        for a, b in zip(rows, rows[1:], strict=False)
    ]
    assert steps[0] == steps[1]
    # It comes round: the same picture again after one period, and never an empty line for long.
    widths = [
        area(compositor.compose(shot, 300, people, programme_t=t), box).std()
        for t in range(300, 900, 60)
    ]
    assert min(widths) > 5


def test_captions_stay_in_their_box(compositor: Compositor) -> None:
    shot = Shot("anchor_full", 100, ("a",), FRAMING)
    people = {"a": person()}
    where = regions("anchor_full", SIZE)
    base = compositor.compose(shot, 40, people).copy()
    for caption in (("今天天气很好",), ("第一行字幕在这里", "第二行字幕也在这里"), ("很长" * 40,)):
        box = changed(base, compositor.compose(shot, 40, people, caption))
        assert inside(box, where.caption), caption
        assert abs(box.centre[0] - where.caption.centre[0]) <= 4


def test_panel_weather_and_two_anchors(compositor: Compositor, picture: Path) -> None:
    beside = Shot("beside", 100, ("a",), FRAMING, pictures=(picture,), source="图：本台")
    where = regions("beside", SIZE)
    frame = compositor.compose(beside, 50, {"a": person()})
    assert where.panel is not None
    cx, cy = where.panel.centre
    assert tuple(frame[cy, cx]) == (20, 200, 60)
    pair = Shot("two_anchors", 100, ("a", "b"), FRAMING)
    frame = compositor.compose(pair, 50, {"a": person(), "b": person((40, 60, 220))})
    left, right = regions("two_anchors", SIZE, anchors=2).faces
    assert tuple(frame[left.centre[1], left.centre[0]]) == RED
    assert tuple(frame[right.centre[1], right.centre[0]]) == (40, 60, 220)
    cities = tuple(CityWeather(f"城市{i}", "rain", -i, i) for i in range(8))
    weather = Shot("weather", 100, ("a",), FRAMING, headline="天气", cities=cities)
    early = compositor.compose(weather, 0, {"a": person()}, programme_t=0).copy()
    late = compositor.compose(weather, 90, {"a": person()}, programme_t=0)
    panel = regions("weather", SIZE).panel
    assert panel is not None
    assert inside(changed(early[:230], late[:230]), panel, slack=12)


def test_pictures_follow_each_other_with_a_fade(tmp_path: Path, compositor: Compositor) -> None:
    paths = []
    for name, tone in (("a", 20), ("b", 220)):
        paths.append(tmp_path / f"{name}.png")
        Image.new("RGB", (640, 360), (tone,) * 3).save(paths[-1])
    shot = Shot("broll", 100, pictures=tuple(paths))
    middle = [int(compositor.compose(shot, t, {})[180, 320, 0]) for t in (0, 49, 57, 99)]
    assert abs(middle[0] - 20) < 8 and abs(middle[1] - 20) < 8
    assert 60 < middle[2] < 200
    assert abs(middle[3] - 220) < 12


def test_cross_fade_from_the_shot_before(compositor: Compositor, picture: Path) -> None:
    shot = Shot("broll", 100, pictures=(picture,))
    black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    levels = [
        int(compositor.compose(shot, t, {}, previous=black, fade=10)[180, 320, 1])
        for t in (0, 4, 9, 10)
    ]
    assert levels == sorted(levels) and levels[0] < 40 and levels[-1] == 200


def test_themes_backgrounds_and_accents_differ(tmp_path: Path) -> None:
    shot = Shot("anchor_full", 100, ("a",), FRAMING)
    Image.new("RGB", (300, 900), (120, 60, 20)).save(tmp_path / "bg.png")
    means = []
    for look in (
        Look(), Look(theme="light"), Look(background="#803010"),
        Look(background=tmp_path / "bg.png"), Look(accent="#c01030", clock="08:00"),
    ):  # fmt: skip
        frame = Compositor(SIZE, 25, look).compose(shot, 0, {"a": person()})
        means.append(frame.reshape(-1, 3).mean(axis=0).round(1).tolist())
    assert len({tuple(m) for m in means}) == len(means)
    assert means[1][0] > means[0][0] + 40  # The morning studio is bright.


@pytest.mark.parametrize(
    "look",
    [
        Look(accent="red"),
        Look(background="studio"),
        Look(logo_picture=Path("missing.png")),
        Look(theme="green"),  # type: ignore[arg-type]
        Look(label="人工智能生成合成内容请注意甄别"),
    ],
)
def test_wrong_looks_are_refused_at_once(look: Look) -> None:
    with pytest.raises(InputError) as caught:
        Compositor(SIZE, 25, look)
    assert caught.value.fix


def test_video_plays_at_the_programme_rate_and_starts_again(video: Path) -> None:
    clip = Clip(video, (64, 36), 25)
    target = np.zeros((36, 64, 3), np.uint8)
    seen = []
    for index in (0, 1, 3, 13, 24, 25, 30, 12):
        clip.draw(target, index)
        seen.append(round((float(target.mean()) - 20) / 20))
    assert seen == [0, 0, 1, 5, 9, 0, 2, 4]
    clip.close()


def test_video_of_another_orientation_stands_on_a_dark_copy_of_itself(video: Path) -> None:
    clip = Clip(video, (90, 160), 25)
    target = np.zeros((160, 90, 3), np.uint8)
    clip.draw(target, 24)
    assert abs(int(target[80, 45, 0]) - 200) < 6
    assert abs(int(target[4, 45, 0]) - 124) < 6
    clip.close()


def test_probe_names_what_is_wrong(video: Path, picture: Path, tmp_path: Path) -> None:
    info = probe_media(video)
    assert (info.width, info.height) == (320, 180)
    assert info.seconds == pytest.approx(1.0, abs=0.01)
    assert probe_media(picture).seconds == 0
    data = bytearray(video.read_bytes())
    start = data.find(b"mdat") + 8
    for place in range(start + 700, start + 900):
        data[place] ^= 0xA5
    broken = {
        "noise.mp4": b"this is no video" * 50,
        "cut.mp4": video.read_bytes()[: video.stat().st_size // 2],
        "flipped.mp4": bytes(data),
        "empty.mp4": b"",
        "bad.png": picture.read_bytes()[:200],
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match=name) as caught:
            probe_media(path)
        assert caught.value.fix
    with pytest.raises(InputError, match="does not exist"):
        probe_media(tmp_path / "none.mp4")


def test_pictures_with_transparency_and_push(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (90, 160), (255, 255, 255, 128)).save(path)
    assert read_picture(path).shape == (160, 90, 3)
    assert 120 <= int(read_picture(path)[0, 0, 0]) <= 130
    assert read_picture(path, alpha=True).shape == (160, 90, 4)
    grid = np.zeros((360, 640, 3), np.uint8)
    grid[:, ::40] = 255
    push = Push(grid, SIZE)
    target = np.empty((360, 640, 3), np.uint8)
    frames = []
    for share in (0.0, 0.5, 1.0):
        push.draw(target, share)
        frames.append(target.copy())
    assert not np.array_equal(frames[0], frames[1])
    # Growing by 9 %: the first line keeps its place near the left, the lines stand wider apart.
    gaps = [np.diff(np.flatnonzero(f[180, :, 0] > 120)).max() for f in frames]
    assert gaps[2] >= gaps[0] + 2


def test_blending_follows_the_over_operator() -> None:
    rng = np.random.default_rng(1)
    ground = rng.integers(0, 256, (40, 60, 3), np.uint8)
    rgba = rng.integers(0, 256, (30, 30, 4), np.uint8)
    want = ground.astype(float)
    alpha = rgba[..., 3:] / 255
    want[5:35, 20:50] = want[5:35, 20:50] * (1 - alpha) + rgba[..., :3] * alpha
    person_frame, sprite_frame = ground.copy(), ground.copy()
    PersonBlender().draw(person_frame, rgba, 20, 5)
    Sprite.straight(rgba).draw(sprite_frame, 20, 5)
    assert np.abs(person_frame - want).max() <= 2
    assert np.abs(sprite_frame - want).max() <= 2
    half = ground.copy()
    Sprite.straight(rgba).draw(half, 20, 5, opacity=0.5)
    assert np.abs(half - (want + ground) / 2).max() <= 3
    # Outside of the frame or of the clip nothing is drawn.
    edge = ground.copy()
    Sprite.straight(rgba).draw(edge, -10, 25, clip=(0, 0, 5, 30))
    assert np.array_equal(edge[30:], ground[30:]) and np.array_equal(edge[:, 5:], ground[:, 5:])
    PersonBlender().draw(edge, rgba, 100, 100)


@pytest.mark.parametrize(
    "sky", ["sunny", "cloudy", "overcast", "rain", "storm", "snow", "fog", "wind"]
)
def test_icons_are_drawn_inside_their_square(sky: str) -> None:
    icon = sky_icon(sky, 64)  # type: ignore[arg-type]
    alpha = icon[..., 3]
    assert 0.08 < (alpha > 128).mean() < 0.7
    assert max(alpha[0].max(), alpha[-1].max(), alpha[:, 0].max(), alpha[:, -1].max()) < 90


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280)])
@pytest.mark.parametrize("language", ["zh", "en", "ja"])
def test_the_label_of_every_language_fits_every_size(size: tuple[int, int], language: str) -> None:
    look = Look(label=label_text(language))
    assert Compositor(size, 25, look).size == size


# Moving walls, and anchors with surroundings of their own -----------------------------------------


def test_a_video_is_the_wall_behind_anchor_and_desk(video: Path) -> None:
    compositor = Compositor(SIZE, 25, Look(label="", background=video))
    shot = Shot("anchor_full", 100, ("a",), FRAMING)
    where = regions("anchor_full", SIZE)
    levels, desks, people = [], [], []
    for t in range(0, 24, 5):
        frame = compositor.compose(shot, t, {"a": person()}, programme_t=10_000 + t)
        levels.append(int(frame[where.desk // 2, 10].mean()))
        desks.append(frame[where.desk + 40 :].copy())
        face = where.faces[0]
        people.append(frame[face.y + face.h // 3, face.centre[0]].tolist())
    assert levels == pytest.approx([20, 60, 100, 140, 180], abs=25)
    assert levels == sorted(levels)
    for desk in desks[1:]:
        assert np.abs(desk.astype(int) - desks[0]).max() <= 2, "the desk stands still"
    assert people == [list(RED)] * 5


def test_a_video_wall_goes_on_over_a_change_of_shot(video: Path) -> None:
    compositor = Compositor(SIZE, 25, Look(label="", background=video))
    shots = Shot("anchor_full", 5, ("a",), FRAMING), Shot("anchor_half", 9, ("a",), FRAMING)
    first = compositor.compose(shots[0], 4, {"a": person()}, programme_t=4)[60, 10].mean()
    after = compositor.compose(shots[1], 0, {"a": person()}, programme_t=10)[60, 10].mean()
    again = compositor.compose(shots[1], 15, {"a": person()}, programme_t=29)[60, 10].mean()
    assert after > first + 20
    assert again < after, "it starts again after a second"


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
@pytest.mark.parametrize("layout", ["anchor_full", "anchor_half", "beside", "weather"])
def test_an_opaque_anchor_fills_what_panels_leave(
    layout: str, size: tuple[int, int], picture: Path
) -> None:
    compositor = Compositor(size, 25, Look(label=""))
    framings = {"a": Framing(0.1, 0.45, 0.5, opaque=True, aspect=16 / 9)}
    shot = Shot(
        layout, 100, ("a",), framings, pictures=(picture,),  # type: ignore[arg-type]
        cities=(CityWeather("北京", "sunny", 1, 2),),
    )  # fmt: skip
    spot = compositor.placement(shot, "a", (160, 90))
    rgba = np.full((spot.height - 2, spot.width, 4), (200, 60, 220, 255), np.uint8)
    frame = compositor.compose(shot, 0, {"a": rgba})
    box = window(regions(shot.layout, size), 0, framings["a"])
    np.testing.assert_array_equal(
        area(frame, box).reshape(-1, 3), np.tile([[200, 60, 220]], (box.w * box.h, 1))
    )
    outside = frame.copy()
    outside[box.y : box.bottom, box.x : box.right] = 0
    assert not (outside == (200, 60, 220)).all(axis=2).any()


def test_two_anchors_of_both_kinds_have_a_half_each() -> None:
    compositor = Compositor(SIZE, 25, Look(label=""))
    framings = {"a": FRAMING["a"], "b": Framing(0.1, 0.5, 0.5, opaque=True, aspect=16 / 9)}
    shot = Shot("two_anchors", 100, ("a", "b"), framings)
    people = {"a": person(), "b": np.full((90, 160, 4), (0, 250, 0, 255), np.uint8)}
    frame = compositor.compose(shot, 0, people)
    green = (frame == (0, 250, 0)).all(axis=2)
    assert green[:, 330:].all()
    assert not green[:, :310].any()
    face = regions("two_anchors", SIZE, anchors=2).faces[0]
    assert frame[face.y + face.h // 3, face.centre[0]].tolist() == list(RED)
