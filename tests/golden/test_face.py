"""The photo renderer on the shipped avatars: geometry, closures, continuity, identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from digital_human.core.frames import ByteArray, FloatArray
from digital_human.face import landmarks as lm
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.manifest import known_avatars, read_manifest
from digital_human.face.mesh import Box, identity_grid
from digital_human.face.motion import MotionFrame
from digital_human.face.pose import HeadField
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import FaceShape
from digital_human.models import store
from tests.fakes.faces import (
    EYES_APART,
    SHUT,
    WIDTHS,
    curves,
    over_grey,
    still,
    widest_gap,
    width_factor,
)

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
NAMES = [n for n in known_avatars(AVATARS) if read_manifest(AVATARS / n).kind == "photo"]


@cache
def avatar(name: str) -> Bundle:
    return load_bundle(AVATARS / name)


@cache
def renderer(name: str) -> PhotoRenderer:
    bundle = avatar(name)
    scale = EYES_APART / bundle.manifest.face.eye_distance
    return PhotoRenderer(bundle, round(bundle.canvas.shape[0] * scale))


@cache
def shape(name: str) -> FaceShape:
    geometry = avatar(name).geometry
    return FaceShape(geometry, geometry.landmarks)


def draw(name: str, **values: float) -> ByteArray:
    """The face with the head straight over grey, uint8 [h, w, 3]."""
    return over_grey(renderer(name), **values)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("jaw", [0.0, 0.1, 0.25, 0.5, 0.8])
def test_lip_gap_and_chin_are_what_the_curves_ask(name: str, jaw: float) -> None:
    face = shape(name)
    mouth = face.mouth(curves(jawOpen=jaw))
    rest = lm.lip_gap(face.rest)
    assert mouth.gap == pytest.approx(max(rest, 0.32 * jaw), abs=0.004)
    assert mouth.drop / face.io == pytest.approx(0.2 * jaw, abs=0.004)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("values", "factor"), WIDTHS)
def test_mouth_width_is_what_the_curves_ask(
    name: str, values: dict[str, float], factor: float
) -> None:
    assert width_factor(shape(name), values) == pytest.approx(factor, abs=0.025)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("values", SHUT)
def test_shut_lips_are_shut_from_corner_to_corner(name: str, values: dict[str, float]) -> None:
    assert widest_gap(shape(name), values) < 0.008


@pytest.mark.parametrize("name", NAMES)
def test_only_the_lower_face_follows_the_jaw(name: str) -> None:
    """Eyes and nose keep every pixel: the person does not change with the mouth's shape."""
    draw_face = renderer(name).draw_face
    rest = draw_face(MotionFrame.rest()).copy()
    bundle = avatar(name)
    scale = rest.shape[0] / bundle.canvas.shape[0]
    nose = round(float(bundle.geometry.landmarks[lm.NOSE_BASE, 1] * scale))
    middle = round(float(bundle.geometry.landmarks[lm.NOSE_BASE, 0] * scale))
    side = round(0.15 * bundle.manifest.face.eye_distance * scale)
    split = round(shape(name).split * scale) - 1
    for values in ({"jawOpen": 0.5}, {"mouthPucker": 1.0}, {"jawOpen": 0.3, "mouthStretch": 1.0}):
        drawn = draw_face(still(**values))
        assert np.array_equal(drawn[:split], rest[:split])
        tip = np.s_[split : nose - side // 2, middle - side : middle + side]
        assert np.abs(drawn[tip].astype(int) - rest[tip]).mean() < 1.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({}, {"jawOpen": 0.6}),
        ({"jawOpen": 0.15, "mouthPucker": 0.9}, {"jawOpen": 0.15, "mouthStretch": 0.9}),
        ({}, {"eyeBlink": 1.0}),
        ({"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8}, {"eyeLookOutRight": 0.8}),
    ],
)
def test_small_steps_make_small_changes(
    name: str, first: dict[str, float], last: dict[str, float]
) -> None:
    """No popping between the cells of the bank: no step of a slow sweep stands out."""
    a, b = curves(**first), curves(**last)
    steps = 25
    frames = []
    for t in np.linspace(0, 1, steps + 1):
        blend = ((1 - t) * a + t * b).astype(np.float32)
        step = MotionFrame(blend, np.zeros(6, np.float32), 0.0, 0.0, 0, 0)
        frames.append(renderer(name).render(step)[..., :3].astype(np.float32))
    change = [float(np.abs(q - p).mean()) for p, q in pairwise(frames)]
    assert max(change) < 3.5 * (np.mean(change) + 1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_upper_teeth_stay_with_the_skull(name: str) -> None:
    """Between two openings the visible upper teeth do not move."""
    draw_face = renderer(name).draw_face
    bundle = avatar(name)
    pictures = [draw_face(still(jawOpen=j)).copy() for j in (0.5, 0.62)]
    scale = pictures[0].shape[0] / bundle.canvas.shape[0]
    layer = bundle.layers["upper"]
    seam = bundle.geometry.landmarks[lm.LIP_CENTRES[1]]
    io_px = bundle.manifest.face.eye_distance
    x0, x1 = (seam[0] - 0.12 * io_px, seam[0] + 0.12 * io_px)
    y0, y1 = seam[1], layer.corner[1] + layer.image.shape[0] + 3
    box = np.s_[round(y0 * scale) : round(y1 * scale), round(x0 * scale) : round(x1 * scale)]
    gray = [cv2.cvtColor(p[box][..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32) for p in pictures]
    (dx, dy), _ = cv2.phaseCorrelate(gray[0], gray[1])
    assert abs(dx) < 0.6 and abs(dy) < 1.0


def test_the_shoulders_take_little_part_in_the_head() -> None:
    """Moved by the field, the face goes all the way, the shoulders a small part of it."""
    geometry = avatar(NAMES[0]).geometry
    io = 100.0
    points = geometry.landmarks * (io / lm.eye_distance(geometry.landmarks))
    points = (points - points[lm.NOSE_ROOT] + (250, 200)).astype(np.float32)
    box = Box(0, 0, 500, 700)
    field = HeadField(points, geometry.depth, (1.0, 1.0), box)
    still = field.map(MotionFrame.rest())
    assert np.abs(still - identity_grid(500, 700)).max() < 1e-4
    for pose, direction in (((0, 0, 0, 0.1, 0, 0), 0), ((5, 0, 0, 0, 0, 0), 0)):
        head = np.array(pose, np.float32)
        motion = MotionFrame(np.zeros(52, np.float32), head, 0.0, 0.0, 0, 0)
        moved = (still - field.map(motion))[..., direction]
        x, y = (round(float(v)) for v in points[lm.NOSE_MIDDLE])
        assert moved[y, x] > 4.0
        assert np.abs(moved[620]).max() < 0.2 * moved[y, x]
    breathing = MotionFrame(np.zeros(52, np.float32), np.zeros(6, np.float32), 0.0, 1.0, 0, 0)
    lift = (field.map(breathing) - still)[..., 1]
    assert lift[round(float(points[lm.CHIN, 1] + 80)), 250] > 0.5
    assert abs(lift[-1, 250]) < 0.1  # the cut edge of the bust stays where it is


@pytest.fixture(scope="module")
def find() -> Iterator[Callable[[ByteArray], FloatArray]]:
    """Finds 478 landmarks [478, 2] in a picture."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = store().path("face-landmarker") / "face_landmarker.task"
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(model)))

    def detect(picture: ByteArray) -> FloatArray:
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        found = detector.detect(image).face_landmarks[0]
        height, width = picture.shape[:2]
        return np.array([[p.x * width, p.y * height] for p in found], np.float32)

    with vision.FaceLandmarker.create_from_options(options) as detector:
        yield detect


@pytest.mark.weights
@pytest.mark.parametrize("name", NAMES)
def test_the_drawn_mouth_measures_as_asked(
    name: str, find: Callable[[ByteArray], FloatArray]
) -> None:
    """A landmarker that knows nothing of our mesh sees the gaps that were asked for."""
    rest = lm.lip_gap(find(draw(name)))
    assert rest < 0.012
    for jaw in (0.1, 0.3):
        assert lm.lip_gap(find(draw(name, jawOpen=jaw, mouthClose=jaw))) < rest + 0.006
    closed = draw(name, jawOpen=0.06, mouthClose=0.06, mouthPress=0.4, mouthRollLower=0.2)
    assert lm.lip_gap(find(closed)) < rest + 0.006
    gaps = [lm.lip_gap(find(draw(name, jawOpen=jaw))) for jaw in np.arange(0, 0.85, 0.1)]
    assert all(b > a for a, b in pairwise(gaps))
    gap = lm.lip_gap(find(draw(name, jawOpen=0.47)))
    assert gap == pytest.approx(0.15, abs=0.03)  # a moustache hides some of it


@pytest.mark.weights
@pytest.mark.parametrize("name", NAMES)
def test_a_blink_shuts_the_eyes(name: str, find: Callable[[ByteArray], FloatArray]) -> None:
    openings = [lm.eye_opening(find(draw(name, eyeBlink=b))) for b in (0.0, 0.5, 1.0)]
    assert openings[0] > openings[1] > openings[2]
    assert openings[2] < 0.4 * openings[0]
