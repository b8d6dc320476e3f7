"""What every renderer promises, checked on every shipped photo avatar.

The 2D renderer draws all of them; the one with the network draws the first, where torch is there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from digital_human.errors import InputError
from digital_human.face.bundle import RENDERERS, Bundle, load_bundle
from digital_human.face.manifest import known_avatars, read_manifest
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.face.renderers.base import Renderer

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
HEIGHT = 360


@cache
def avatar(name: str) -> Bundle:
    return load_bundle(AVATARS / name)


Make = Callable[[int], Renderer]


PHOTOS = [n for n in known_avatars(AVATARS) if read_manifest(AVATARS / n).kind == "photo"]


@pytest.fixture(params=[*(f"mesh-{name}" for name in PHOTOS), f"neural-{PHOTOS[0]}"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a renderer of the wanted height."""
    face, name = request.param.split("-", 1)
    if face == "neural":
        pytest.importorskip("torch", reason="the neural renderer needs torch (extra: train)")

    def made(height: int) -> Renderer:
        renderer: Renderer = RENDERERS[face].create(avatar(name), height)
        return renderer

    return made


def motion(
    head: tuple[float, ...] = (0, 0, 0, 0, 0, 0), breath: float = 0.0, **values: float
) -> MotionFrame:
    """A frame with some curves set; a name without a side sets both sides."""
    curves = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                curves[INDEX[name + side]] = value
    return MotionFrame(curves, np.array(head, np.float32), 0.0, breath, 0, 0)


TALK = motion(
    head=(4, -2, 1, 0.01, 0.0, 0.0), breath=0.5, jawOpen=0.4, eyeBlink=0.7, browInnerUp=0.4
)


@pytest.mark.parametrize("height", [180, 360, 720, 1080])
def test_pictures_have_the_promised_size(make: Make, height: int) -> None:
    renderer = make(height)
    frame = renderer.render(MotionFrame.rest())
    assert frame.dtype == np.uint8
    assert frame.shape == (height, renderer.size[0], 4)
    assert renderer.size[1] == height
    assert renderer.fps == 25
    assert frame[..., 3].max() == 255


def test_a_picture_depends_on_its_motion_only(make: Make) -> None:
    renderer = make(HEIGHT)
    first = renderer.render(TALK).copy()
    rest = renderer.render(MotionFrame.rest()).copy()
    for shape in (motion(jawOpen=1.0, eyeBlink=1.0), motion(mouthSmile=1.0, browDown=1.0)):
        renderer.render(shape)
    assert np.array_equal(renderer.render(TALK), first)
    assert np.array_equal(renderer.render(MotionFrame.rest()), rest)
    assert np.array_equal(make(HEIGHT).render(TALK), first)
    assert not np.array_equal(first, rest)


def test_motion_is_not_changed(make: Make) -> None:
    before = TALK.curves.copy(), TALK.head.copy()
    make(HEIGHT).render(TALK)
    assert np.array_equal(TALK.curves, before[0])
    assert np.array_equal(TALK.head, before[1])


def test_every_single_curve_draws_and_leaves_the_outline(make: Make) -> None:
    """One curve at full strength changes at most the face."""
    renderer = make(HEIGHT)
    rest = renderer.render(MotionFrame.rest()).copy()
    for name in ARKIT:
        moved = renderer.render(motion(**{name: 1.0}))
        difference = np.abs(moved.astype(int) - rest)
        assert difference[: HEIGHT // 30].max() == 0, name
        assert difference[-HEIGHT // 10 :].max() == 0, name


def test_wild_input_still_draws_a_person(make: Make) -> None:
    renderer = make(HEIGHT)
    wild = MotionFrame(
        np.full(len(ARKIT), 7.0, np.float32), np.full(6, 1e4, np.float32), 9.0, -50.0, 0, 0
    )
    broken = MotionFrame(
        np.full(len(ARKIT), np.nan, np.float32),
        np.full(6, np.nan, np.float32),
        np.nan,
        np.nan,
        0,
        0,
    )
    covered = (renderer.render(MotionFrame.rest())[..., 3] > 128).mean()
    for frame in (wild, broken):
        seen = (renderer.render(frame)[..., 3] > 128).mean()
        assert 0.8 * covered < seen < 1.2 * covered
    assert np.array_equal(renderer.render(broken), renderer.render(MotionFrame.rest()))


def test_the_background_stays_clear(make: Make) -> None:
    renderer = make(HEIGHT)
    for head in ((9, 0, 0, 0, 0, 0), (-9, 5, 5, 0, 0, 0), (0, -5, -5, 0, 0, 0)):
        frame = renderer.render(motion(head=head))
        assert frame[:8, :8, 3].max() == 0
        assert frame[:8, -8:, 3].max() == 0


@pytest.mark.parametrize("height", [0, -5, 10_000])
def test_a_senseless_height_is_refused(make: Make, height: int) -> None:
    with pytest.raises(InputError, match=f"height {height}"):
        make(height)
