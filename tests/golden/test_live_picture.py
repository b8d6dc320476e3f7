"""Pictures of live sessions: the label, what moves and what stands still, seams, any size."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.motion import INDEX, MotionFrame
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.media.live_picture import BUFFERS, LivePicture
from digital_human.safety.labels import MIN_HEIGHT, label_text

SIZES = [(576, 768), (512, 512), (1280, 720), (360, 640), (240, 240)]


@pytest.fixture(scope="module", params=["yun", "chen"])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    return load_bundle(request.param)


def motion(**values: float) -> MotionFrame:
    frame = MotionFrame.rest()
    for name, value in values.items():
        frame.curves[INDEX[name]] = value
    return frame


def turned(sign: float) -> MotionFrame:
    frame = motion(jawOpen=0.5)
    frame.head[:] = np.array([6.0, 4.0, 5.0, 0.1, 0.05, 0.08]) * sign
    return frame


@pytest.mark.parametrize("size", SIZES)
def test_the_person_fills_the_picture_under_a_label_that_is_tall_enough(
    bundle: Bundle, size: tuple[int, int]
) -> None:
    text = label_text("zh") if min(size) > 300 else "AI生成"
    shown = LivePicture(bundle, size, label=text, background="#305080")
    picture = shown.draw(MotionFrame.rest())
    assert picture.shape == (size[1], size[0], 3)
    # White letters on the plate: their rows span at least 5 % of the shortest side.
    corner = picture[: round(0.12 * min(size)), size[0] // 2 :].astype(int)
    letters = np.flatnonzero((corner.min(axis=2) > 235).any(axis=1))
    assert letters[-1] - letters[0] + 1 >= MIN_HEIGHT * min(size)
    # The background is blue; skin in the middle, the suit down to the last row.
    face = picture[round(0.4 * size[1]), size[0] // 2].astype(int)
    assert face[0] > face[2] + 15
    plain = LivePicture(bundle, size, label=text, background="#c03030").draw(MotionFrame.rest())
    middle = np.s_[-1, size[0] // 2 - 40 : size[0] // 2 + 40]
    np.testing.assert_array_equal(picture[middle], plain[middle])


def test_only_the_boxes_of_movement_change_and_every_buffer_agrees(bundle: Bundle) -> None:
    shown = LivePicture(bundle, (576, 768), label="AI生成")
    rest = shown.draw(MotionFrame.rest()).copy()
    other = shown.draw(turned(1.0)).copy()
    changed = np.abs(rest.astype(int) - other).max(axis=2)
    assert changed.max() > 40
    assert changed[700:].max() == 0, "the chest stands still"
    assert changed[:30, 400:].max() == 0, "so do label and background"
    for _ in range(BUFFERS + 1):
        np.testing.assert_array_equal(shown.draw(MotionFrame.rest()), rest)


def test_a_picture_stays_valid_for_three_more(bundle: Bundle) -> None:
    shown = LivePicture(bundle, (240, 320), label="AI生成")
    first = shown.draw(MotionFrame.rest())
    copy = first.copy()
    for _ in range(BUFFERS - 1):
        shown.draw(turned(1.0))
    np.testing.assert_array_equal(first, copy)


@pytest.mark.parametrize("rows", [512, 571, 678, 723, 757, 802, 856])
def test_what_moves_meets_what_stands_still_without_a_seam(bundle: Bundle, rows: int) -> None:
    renderer = PhotoRenderer(bundle, rows)
    bottom = max(box.y + box.height for box in renderer.moving)
    rest = renderer.render(MotionFrame.rest())[bottom - 1].astype(int)
    for sign in (1.0, -1.0):
        posed = renderer.render(turned(sign))[bottom - 1].astype(int)
        assert np.abs(posed - rest).max() <= 8


def test_the_label_stays_over_a_head_that_moves_behind_it(bundle: Bundle) -> None:
    shown = LivePicture(bundle, (240, 426), label=label_text("zh"), background="#000000")
    frame = MotionFrame.rest()
    frame.head[4] = 0.1
    before = letters(shown.draw(MotionFrame.rest()))
    assert before.sum() > 200
    assert (letters(shown.draw(frame)) == before).mean() > 0.999


def letters(picture: ByteArray) -> np.ndarray:
    return picture[: picture.shape[0] // 12].min(axis=2) > 235


def test_backgrounds(tmp_path: object, bundle: Bundle) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    path = tmp_path / "wall.png"
    Image.new("RGB", (300, 200), (10, 200, 10)).save(path)
    wall = LivePicture(bundle, (512, 512), label="AI生成", background=path)
    assert np.abs(wall.draw(MotionFrame.rest())[300, 5].astype(int) - (10, 200, 10)).max() < 4
    lake = LivePicture(bundle, (512, 512), label="AI生成").draw(MotionFrame.rest())
    edge = lake[:, :8].reshape(-1, 3).astype(float)
    assert 90 < edge.mean() < 230
    assert np.abs(np.diff(lake[:, :8].mean(axis=(1, 2)))).max() < 6, "soft, without bands"


@pytest.mark.parametrize("size", [(575, 768), (576, 100), (4000, 3000)])
def test_wrong_sizes_are_named(bundle: Bundle, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]}"):
        LivePicture(bundle, size, label="AI生成")


def test_a_label_that_does_not_say_what_it_must_is_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match="人工智能"):
        LivePicture(bundle, (576, 768), label="主播")
    with pytest.raises(InputError, match="does not fit"):
        LivePicture(bundle, (576, 768), label="AI生成" * 20)


def test_a_mouth_at_rest_is_the_same_in_every_frame(bundle: Bundle) -> None:
    shown = LivePicture(bundle, (576, 768), label="AI生成")
    shown.draw(turned(1.0))
    first = shown.draw(MotionFrame.rest()).copy()
    for _ in range(100):
        picture = shown.draw(MotionFrame.rest())
    np.testing.assert_array_equal(picture, first)
