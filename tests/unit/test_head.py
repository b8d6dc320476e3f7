"""The 3D avatar: lips, lids, gaze and pose follow the curves; damaged geometry is refused."""

from __future__ import annotations

import gc
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path

import moderngl
import numpy as np
import pytest

from digital_human.errors import InputError, ResourceError
from digital_human.face.head_bundle import HeadAvatar, load_head_bundle, read_mesh
from digital_human.face.manifest import known_avatars, load_manifest
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.face.renderers import head_gl
from digital_human.face.renderers.head_shape import HeadShape
from digital_human.face.shape import CHIN_DROP, FUNNEL, JAW_GAP, PUCKER, SMILE, STRETCH

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
HEADS = [n for n in known_avatars(AVATARS) if load_manifest(AVATARS / n).kind == "head"]


@cache
def avatar(name: str) -> HeadAvatar:
    return load_head_bundle(AVATARS / name)


@pytest.fixture(params=HEADS)
def head(request: pytest.FixtureRequest) -> HeadAvatar:
    return avatar(request.param)


def points(head: HeadAvatar, **values: float) -> dict[str, np.ndarray]:
    """Marked vertices for some curves; a name without a side sets both sides."""
    curves = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                curves[INDEX[name + side]] = value
    moved, _ = HeadShape(head.mesh).frame(curves, np.zeros(6, np.float32), 0.0, 0.0)
    return {name: moved[i, :3].copy() for name, i in head.mesh.marks.items()}


def gap(p: dict[str, np.ndarray]) -> float:
    return float(p["lip_upper"][1] - p["lip_lower"][1])


def width(p: dict[str, np.ndarray]) -> float:
    return float(p["corner_left"][0] - p["corner_right"][0])


@pytest.mark.parametrize("jaw", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_lips_open_as_far_as_the_jaw_says(head: HeadAvatar, jaw: float) -> None:
    assert gap(points(head, jawOpen=jaw)) == pytest.approx(JAW_GAP * jaw, abs=0.012)


@pytest.mark.parametrize("jaw", [0.2, 0.5, 0.8])
def test_lips_close_on_an_open_jaw(head: HeadAvatar, jaw: float) -> None:
    assert gap(points(head, jawOpen=jaw, mouthClose=jaw)) == pytest.approx(0, abs=0.012)


@pytest.mark.parametrize(
    "shape",
    [
        {"mouthPucker": 1.0}, {"mouthPress": 1.0}, {"mouthRollUpper": 1.0, "mouthRollLower": 1.0},
        {"mouthSmile": 1.0}, {"mouthFrown": 1.0}, {"mouthStretch": 1.0},
    ],
)  # fmt: skip
def test_closed_shapes_stay_closed(head: HeadAvatar, shape: dict[str, float]) -> None:
    assert -0.08 < gap(points(head, **shape)) < 0.012


@pytest.mark.parametrize(
    ("curve", "change"),
    [("mouthPucker", PUCKER), ("mouthFunnel", FUNNEL), ("mouthSmile", SMILE),
     ("mouthStretch", STRETCH)],
)  # fmt: skip
@pytest.mark.parametrize("jaw", [0.0, 0.4])
def test_the_mouth_is_as_wide_as_the_curves_say(
    head: HeadAvatar, curve: str, change: float, jaw: float
) -> None:
    rest = width(points(head))
    for value in (0.5, 1.0):
        have = width(points(head, jawOpen=jaw, **{curve: value})) / rest
        assert have == pytest.approx(1 + change * value, abs=0.03)


def test_the_chin_drops_with_the_jaw(head: HeadAvatar) -> None:
    drop = points(head)["chin"][1] - points(head, jawOpen=1.0)["chin"][1]
    assert drop == pytest.approx(CHIN_DROP, abs=0.02)


def test_a_blink_closes_both_eyes(head: HeadAvatar) -> None:
    rest, closed = points(head), points(head, eyeBlink=1.0)
    for side in ("right", "left"):
        open_ = rest[f"lid_upper_{side}"][1] - rest[f"lid_lower_{side}"][1]
        left = closed[f"lid_upper_{side}"][1] - closed[f"lid_lower_{side}"][1]
        assert open_ > 0.05
        assert abs(left) < 0.12 * open_


def test_lids_stay_before_the_eyeball(head: HeadAvatar) -> None:
    for value in (0.25, 0.5, 0.75):
        p = points(head, eyeBlink=value)
        for i, side in enumerate(("right", "left")):
            centre, radius = head.mesh.eyes[i, :3], head.mesh.eyes[i, 3]
            assert np.linalg.norm(p[f"lid_upper_{side}"] - centre) > 0.98 * radius


def test_eyes_look_where_the_curves_say(head: HeadAvatar) -> None:
    shape = HeadShape(head.mesh)
    curves = np.zeros(52, np.float32)
    curves[INDEX["eyeLookOutLeft"]] = curves[INDEX["eyeLookInRight"]] = 1.0
    curves[INDEX["eyeLookUpLeft"]] = curves[INDEX["eyeLookUpRight"]] = 1.0
    _, pose = shape.frame(curves, np.zeros(6, np.float32), 0.0, 0.0)
    for turn in pose.eyes:
        forward = turn @ np.array([0, 0, 1])
        assert forward[0] > 0.2  # the person's left is the picture's right
        assert forward[1] > 0.1


def test_the_head_turns_looks_up_and_tilts_to_its_left(head: HeadAvatar) -> None:
    shape = HeadShape(head.mesh)
    for axis, (probe, component) in enumerate((((0, 0, 1), 0), ((0, 0, 1), 1), ((0, 1, 0), 0))):
        pose6 = np.zeros(6, np.float32)
        pose6[axis] = 10
        _, pose = shape.frame(np.zeros(52, np.float32), pose6, 0.0, 0.0)
        turned = pose.head @ np.array(probe, np.float32)
        assert turned[component] == pytest.approx(np.sin(np.radians(10)), abs=1e-5)


def test_one_renderer_works_in_another_thread_than_it_was_made_in(head: HeadAvatar) -> None:
    try:
        head_gl.stage()
    except ResourceError as error:
        pytest.skip(f"no OpenGL without a display here: {error.message}")
    renderer = head.renderer(180)
    here = renderer.render(MotionFrame.rest()).copy()
    there = []
    for _ in range(2):
        thread = threading.Thread(
            target=lambda: there.append(renderer.render(MotionFrame.rest()).copy())
        )
        thread.start()
        thread.join()
    assert len(there) == 2
    assert all(np.array_equal(here, picture) for picture in there)
    assert np.array_equal(here, renderer.render(MotionFrame.rest()))


def test_a_machine_without_egl_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise Exception("libEGL.so not found in /lib, /usr/lib or LD_LIBRARY_PATH")

    monkeypatch.setattr(head_gl.moderngl, "create_context", broken)
    monkeypatch.setattr(head_gl, "_POOL", head_gl.StagePool(limit=1))
    for _ in range(2):  # the place of the one that failed is free again
        with pytest.raises(ResourceError, match="libegl1 libgl1-mesa-dri"):
            head_gl.stage()


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[head_gl.StagePool]:
    """An unused pool of two stages in place of the process's."""
    fresh = head_gl.StagePool(limit=2)
    try:
        fresh.prepare()
    except ResourceError as error:
        pytest.skip(f"no OpenGL without a display here: {error.message}")
    monkeypatch.setattr(head_gl, "_POOL", fresh)
    yield fresh
    for stage in fresh._free:
        stage.context.release()


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_threads_one_after_another_share_one_stage(pool: head_gl.StagePool) -> None:
    head = avatar("lan")
    here = head.renderer(128).render(MotionFrame.rest()).copy()
    there: list[np.ndarray] = []
    for _ in range(12):
        in_thread(lambda: there.append(head.renderer(128).render(MotionFrame.rest()))).join(20)
    assert pool.made == 1
    assert len(there) == 12 and all(np.array_equal(here, picture) for picture in there)


def test_no_more_stages_than_the_limit_and_the_next_thread_waits(pool: head_gl.StagePool) -> None:
    drawn: list[np.ndarray] = []
    with pool.lend() as first, ExitStack() as second:
        other = threading.Event(), threading.Event()

        def hold() -> None:
            with pool.lend() as lent:
                assert lent is not first
                other[0].set()
                other[1].wait(20)

        holder = in_thread(hold)
        second.callback(other[1].set)
        assert other[0].wait(20) and pool.made == 2
        render = avatar("lan").renderer(128).render
        waiting = in_thread(lambda: drawn.append(render(MotionFrame.rest())))
        waiting.join(0.2)
        assert waiting.is_alive() and drawn == []
    holder.join(20)
    waiting.join(20)
    assert pool.made == 2 and len(drawn) == 1 and drawn[0].any()


def test_an_avatar_that_is_gone_leaves_nothing_on_the_stage(pool: head_gl.StagePool) -> None:
    short = replace(avatar("lan"))
    for height in (64, 80, 96, 112, 128, 144):
        short.renderer(height).render(MotionFrame.rest())
    (stage,) = pool._free
    assert len(stage._targets) == head_gl._TARGETS
    (gone,) = stage._models.values()
    del short
    gc.collect()
    avatar("lan").renderer(64).render(MotionFrame.rest())
    (model,) = stage._models.values()
    for kept, things in ((False, gone), (True, model)):
        for thing in (things._index, *things._textures):
            assert isinstance(thing.mglo, moderngl.InvalidObject) is not kept


def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO((AVATARS / name / "head.npz").read_bytes())) as archive:
        return dict(archive)


@pytest.mark.parametrize(
    ("field", "change", "reason"),
    [
        ("triangles", lambda a: np.where(a == a.max(), 10**6, a).astype(np.int32), "index"),
        ("triangles", lambda a: -a, "index"),
        ("marks", lambda a: a + 10**6, "marks"),
        ("positions", lambda a: a.astype(np.float32), "positions"),
        ("eyes", lambda a: np.full_like(a, np.nan), "eyes"),
        ("parts", lambda a: a + 1, "parts"),
        ("uv", lambda a: a[:-1], "uv"),
        ("targets", lambda a: np.array(["jawOpen"] * len(a)), "targets"),
        ("offsets", lambda a: a[:-1], "targets"),
    ],
)
def test_damaged_geometry_is_refused(field: str, change: object, reason: str) -> None:
    if not HEADS:
        pytest.skip("no 3D avatar is shipped")
    arrays = stored(HEADS[0])
    arrays[field] = change(arrays[field])  # type: ignore[operator]
    with pytest.raises(InputError, match=reason):
        read_mesh(Path("head.npz"), arrays)
