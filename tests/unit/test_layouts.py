"""Boxes of every layout at every size, and where a bust goes."""

from __future__ import annotations

import dataclasses
import itertools
from typing import get_args

import pytest

from digital_human.errors import InputError
from digital_human.media.layouts import Rect, Size, place, place_opaque, regions, window
from digital_human.media.shot import Framing, LayoutName, Shot, Side

SIZES = [(1280, 720), (1920, 1080), (720, 1280), (1080, 1920), (960, 540), (720, 480), (480, 1000)]
LAYOUTS: tuple[LayoutName, ...] = get_args(LayoutName)


@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("side", ["left", "right"])
def test_boxes_stay_inside_and_apart(layout: LayoutName, size: tuple[int, int], side: Side) -> None:
    where = regions(layout, size, side, anchors=2)
    screen = Rect(0, 0, *size)
    boxes = where.boxes()
    assert "label" in boxes
    for name, box in boxes.items():
        assert box.w > 0 and box.h > 0, name
        assert box.x >= 0 and box.y >= 0, name
        assert box.right <= screen.right and box.bottom <= screen.bottom, name
    for (a, box_a), (b, box_b) in itertools.combinations(boxes.items(), 2):
        assert not box_a.overlaps(box_b), f"{a} {box_a} overlaps {b} {box_b}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_1080p_is_720p_times_one_and_a_half(layout: LayoutName) -> None:
    small, large = regions(layout, (1280, 720), anchors=2), regions(layout, (1920, 1080), anchors=2)
    for name, box in small.boxes().items():
        other = large.boxes()[name]
        for a, b in zip(dataclasses.astuple(box), dataclasses.astuple(other), strict=True):
            assert abs(a * 1.5 - b) <= 3, name


def test_two_anchors_have_a_box_and_a_strap_each() -> None:
    where = regions("two_anchors", (1280, 720), anchors=2)
    assert len(where.faces) == 2
    assert where.strap_right is not None
    assert where.strap.right < where.strap_right.x


def test_side_mirrors_the_anchor() -> None:
    left, right = (regions("beside", (1280, 720), side) for side in ("left", "right"))
    assert left.faces[0].centre[0] < 640 < right.faces[0].centre[0]
    assert left.panel is not None and right.panel is not None
    assert left.panel.x > right.panel.x


@pytest.mark.parametrize("layout", ["anchor_full", "anchor_half", "beside", "two_anchors"])
@pytest.mark.parametrize("size", SIZES[:3])
def test_the_face_fills_its_box_and_the_cut_edge_is_hidden(
    layout: LayoutName, size: tuple[int, int]
) -> None:
    where = regions(layout, size, anchors=2)
    framing = Framing(crown=0.1, chin=0.4, centre=0.45)
    spot = place(where, 0, (900, 1000), framing)
    face = where.faces[0]
    assert abs(spot.y + 0.1 * spot.height - face.y) <= 1
    assert abs(spot.y + 0.4 * spot.height - face.bottom) <= 2
    assert abs(spot.x + 0.45 * spot.width - face.centre[0]) <= 1
    assert spot.y + spot.height >= min(size[1], where.desk)


def test_a_short_bust_is_enlarged_until_the_desk_hides_its_edge() -> None:
    where = regions("anchor_full", (1280, 720))
    spot = place(where, 0, (512, 512), Framing(crown=0.08, chin=0.85))
    assert spot.y + spot.height > where.desk
    assert (0.85 - 0.08) * spot.height > where.faces[0].h


def test_the_bust_grows_with_the_crop() -> None:
    def height(layout: LayoutName, size: tuple[int, int]) -> int:
        return place(regions(layout, size, anchors=2), 0, (1000, 1000), Framing()).height

    assert height("anchor_half", (1280, 720)) > height("anchor_full", (1280, 720))
    ratio = height("anchor_full", (1920, 1080)) / height("anchor_full", (1280, 720))
    assert ratio == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("size", [(1281, 720), (100, 100), (640, 480), (2000, 400), (300, 1280)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=f"{size[0]}x{size[1]}"):
        regions("anchor_full", size)


def test_a_shot_refuses_more_anchors_than_seats() -> None:
    with pytest.raises(ValueError, match="cannot show"):
        Shot("anchor_full", 10, ("a", "b"))
    with pytest.raises(ValueError, match="at least 1"):
        Shot("anchor_full", 0, ("a",))
    with pytest.raises(ValueError, match="above chin"):
        Framing(0.6, 0.5)


OPAQUE = Framing(crown=0.12, chin=0.45, centre=0.56, opaque=True)


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (720, 1280), (1080, 1920)])
@pytest.mark.parametrize("picture", [(1920, 1080), (1080, 1920), (800, 800)])
@pytest.mark.parametrize(
    ("layout", "anchors", "side"),
    [("anchor_full", 1, "left"), ("anchor_half", 1, "left"), ("beside", 1, "left"),
     ("beside", 1, "right"), ("weather", 1, "left"), ("two_anchors", 2, "left")],
)  # fmt: skip
@pytest.mark.parametrize("stacked", [False, True])
def test_windows_of_opaque_pictures_are_covered_and_leave_panels_free(
    size: Size, picture: Size, layout: LayoutName, anchors: int, side: Side, stacked: bool
) -> None:
    where = regions(layout, size, side, anchors)
    framing = dataclasses.replace(OPAQUE, aspect=picture[0] / picture[1])
    boxes = [window(where, index, framing, stacked=stacked) for index in range(anchors)]
    for index, box in enumerate(boxes):
        spot = place_opaque(where, index, picture, framing, box)
        assert spot.x <= box.x
        assert spot.y <= box.y
        assert spot.x + spot.width >= box.right
        assert spot.y + spot.height >= box.bottom
        assert spot.width / spot.height == pytest.approx(picture[0] / picture[1], rel=0.01)
        assert max(spot.width / picture[0], spot.height / picture[1]) <= 1.61 * max(
            box.w / picture[0], box.h / picture[1]
        )
        head = (OPAQUE.chin - OPAQUE.crown) * spot.height
        chin = spot.y + OPAQUE.chin * spot.height
        if picture[0] >= picture[1]:
            strips = where.caption if layout == "weather" else where.strap
            assert chin <= strips.y
        assert head <= max(0.51 * box.h, where.faces[0].h)
        assert box.x >= 0
        face = spot.x + OPAQUE.centre * spot.width, spot.y + OPAQUE.chin * spot.height
        assert box.x < face[0] < box.right
        assert box.y < face[1] < box.bottom
        assert box.right <= size[0]
    if where.panel is not None:
        assert not boxes[0].overlaps(where.panel)
    if anchors == 2:
        assert not boxes[0].overlaps(boxes[1])
        if picture[0] > picture[1] and not (stacked and size[1] > size[0]):
            assert sum(box.w * box.h for box in boxes) > 0.98 * size[0] * size[1]
