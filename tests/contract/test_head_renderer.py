"""What every renderer promises, checked on every shipped 3D avatar."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from test_renderers import (  # the same promises; collected here with the fixture below
    motion,
    test_a_picture_depends_on_its_motion_only,
    test_a_senseless_height_is_refused,
    test_every_single_curve_draws_and_leaves_the_outline,
    test_motion_is_not_changed,
    test_pictures_have_the_promised_size,
    test_the_background_stays_clear,
    test_wild_input_still_draws_a_person,
)

from digital_human.errors import ResourceError
from digital_human.face.head_bundle import HeadAvatar, load_head_bundle
from digital_human.face.manifest import known_avatars, load_manifest
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.base import Renderer
from digital_human.face.renderers.head_gl import stage

__all__ = [
    "test_a_picture_depends_on_its_motion_only",
    "test_a_senseless_height_is_refused",
    "test_every_single_curve_draws_and_leaves_the_outline",
    "test_motion_is_not_changed",
    "test_pictures_have_the_promised_size",
    "test_the_background_stays_clear",
    "test_wild_input_still_draws_a_person",
]

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
HEADS = [n for n in known_avatars(AVATARS) if load_manifest(AVATARS / n).kind == "head"]


@cache
def avatar(name: str) -> HeadAvatar:
    return load_head_bundle(AVATARS / name)


class Make:
    """Makes a renderer of the wanted height."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, height: int) -> Renderer:
        return avatar(self.name).renderer(height)


@pytest.fixture(params=HEADS)
def make(request: pytest.FixtureRequest) -> Make:
    try:
        stage()
    except ResourceError as error:
        pytest.skip(f"no OpenGL without a display here: {error.message}")
    return Make(request.param)


def test_what_does_not_move_is_outside_the_moving_boxes(make: Make) -> None:
    renderer = make(360)
    rest = renderer.render(MotionFrame.rest()).copy()
    outside = np.ones(rest.shape[:2], bool)
    for box in renderer.moving:
        outside[box.slices] = False
    for head in ((28, 20, 15, 0.25, 0.12, 0.25), (-28, -20, -15, -0.25, -0.12, -0.25)):
        moved = renderer.render(motion(head=head, breath=1.0, jawOpen=1.0))
        assert np.array_equal(moved[outside], rest[outside])


def test_the_canvas_is_the_picture_at_rest(make: Make) -> None:
    canvas = avatar(make.name).canvas
    drawn = make(canvas.shape[0]).render(MotionFrame.rest())
    assert drawn.shape == canvas.shape
    difference = np.abs(drawn.astype(int) - canvas)[canvas[..., 3] == 255]
    assert np.mean(difference) < 3  # WebP
    assert (np.abs(drawn[..., 3].astype(int) - canvas[..., 3]) > 60).mean() < 1e-3
