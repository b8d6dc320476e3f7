"""An avatar made from one portrait of the project's own anchor: closed, open, still the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Detector
from digital_human.face.build.from_photo import create_from_photo
from digital_human.face.build.lips import lit
from digital_human.face.bundle import LAYERS, Bundle, load_bundle
from digital_human.face.manifest import DisplayName
from digital_human.face.motion import MotionFrame
from digital_human.face.renderers.photo import PhotoRenderer
from digital_human.face.shape import FaceShape
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

pytestmark = pytest.mark.weights


@cache
def photo() -> ByteArray:
    """A photo of the anchor before a green wall, uint8 [600, 540, 3]."""
    canvas = load_bundle(AVATARS / "yun").canvas
    alpha = canvas[..., 3:].astype(np.float32) / 255
    wall = np.array([96, 128, 104], np.float32)
    whole = np.asarray(canvas[..., :3] * alpha + wall * (1 - alpha), np.uint8)
    return np.asarray(Image.fromarray(whole).resize((540, 600), Image.Resampling.LANCZOS))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("photo")
    Image.fromarray(photo()).save(folder / "p.png")
    steps: list[float] = []
    create_from_photo(
        folder / "p.png", "copy", None, DisplayName(zh="云", en="Yun"), "female",
        folder / "copy", lambda _, share: steps.append(share),
    )  # fmt: skip
    assert steps == sorted(steps) and steps[-1] == 1.0
    return load_bundle(folder / "copy")


@pytest.fixture(scope="module")
def renderer(made: Bundle) -> PhotoRenderer:
    scale = EYES_APART / made.manifest.face.eye_distance
    return PhotoRenderer(made, round(made.canvas.shape[0] * scale))


def test_the_bundle_is_complete(made: Bundle) -> None:
    assert made.manifest.kind == "photo" and not made.manifest.opaque
    assert set(made.layers) == set(LAYERS) and made.eyes is not None
    assert len(made.manifest.source) == 64
    alpha = made.canvas[..., 3]
    corner = alpha[: alpha.shape[0] // 8, : alpha.shape[1] // 8]
    face = made.geometry.landmarks[list(lm.OVAL)].mean(0).astype(int)
    assert corner.max() < 40, "the wall is still there"
    assert alpha[face[1], face[0]] == 255


def test_the_matte_is_the_anchors_own(made: Bundle) -> None:
    """The known outline of the anchor is found again before the wall."""
    truth = load_bundle(AVATARS / "yun")
    scale = made.manifest.face.eye_distance / truth.manifest.face.eye_distance
    size = round(truth.canvas.shape[1] * scale), round(truth.canvas.shape[0] * scale)
    known = np.asarray(Image.fromarray(truth.canvas[..., 3]).resize(size)) > 127
    dx, dy = np.round(
        np.array(made.manifest.face.eyes) - np.array(truth.manifest.face.eyes) * scale
    ).astype(int)
    have = np.zeros_like(known)
    height, width = made.canvas.shape[:2]
    rows = slice(max(0, -dy), min(known.shape[0], height - dy))
    columns = slice(max(0, -dx), min(known.shape[1], width - dx))
    moved = np.s_[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx]
    have[rows, columns] = made.canvas[moved][..., 3] > 127
    overlap = (known & have).sum() / (known | have)[: rows.stop].sum()
    assert overlap > 0.96


def test_silence_is_closed_and_still(renderer: PhotoRenderer) -> None:
    with Detector() as detector:
        gap = lm.lip_gap(detector(over_grey(renderer))[0].points)
    assert gap < 0.012
    assert np.array_equal(over_grey(renderer), over_grey(renderer))


@pytest.mark.parametrize("jaw", [0.1, 0.25, 0.5, 0.8])
def test_the_lips_open_as_asked(made: Bundle, jaw: float) -> None:
    shape = FaceShape(made.geometry, made.geometry.landmarks)
    mouth = shape.mouth(curves(jawOpen=jaw))
    assert mouth.gap == pytest.approx(0.32 * jaw, abs=0.004)
    assert mouth.drop / shape.io == pytest.approx(0.2 * jaw, abs=0.004)


@pytest.mark.parametrize(("values", "factor"), WIDTHS)
def test_the_mouth_is_as_wide_as_asked(
    made: Bundle, values: dict[str, float], factor: float
) -> None:
    shape = FaceShape(made.geometry, made.geometry.landmarks)
    assert width_factor(shape, values) == pytest.approx(factor, abs=0.03)


@pytest.mark.parametrize("values", SHUT)
def test_shut_lips_are_shut_from_corner_to_corner(made: Bundle, values: dict[str, float]) -> None:
    shape = FaceShape(made.geometry, made.geometry.landmarks)
    assert widest_gap(shape, values) < 0.008


def test_a_landmarker_sees_the_gaps_and_the_blink(renderer: PhotoRenderer) -> None:
    with Detector() as detector:
        gaps = [
            lm.lip_gap(detector(over_grey(renderer, jawOpen=jaw))[0].points)
            for jaw in (0.1, 0.3, 0.47)
        ]
        lids = [
            lm.eye_opening(detector(over_grey(renderer, eyeBlink=b))[0].points)
            for b in (0.0, 0.5, 1.0)
        ]
    assert gaps[0] < gaps[1] < gaps[2] == pytest.approx(0.15, abs=0.03)
    assert lids[0] > lids[1] > lids[2] and lids[2] < 0.45 * lids[0]


def test_the_person_stays_the_same_above_the_nose(made: Bundle, renderer: PhotoRenderer) -> None:
    rest = renderer.draw_face(MotionFrame.rest()).copy()
    scale = rest.shape[0] / made.canvas.shape[0]
    shape = FaceShape(made.geometry, made.geometry.landmarks)
    split = round(shape.split * scale) - 1
    for values in ({"jawOpen": 0.5}, {"mouthPucker": 1.0}, {"jawOpen": 0.3, "mouthStretch": 1.0}):
        drawn = renderer.draw_face(still(**values))
        assert np.array_equal(drawn[:split], rest[:split])


def test_an_open_mouth_shows_teeth_before_a_dark_cavity(
    made: Bundle, renderer: PhotoRenderer
) -> None:
    picture = over_grey(renderer, jawOpen=0.55).astype(float) @ [0.299, 0.587, 0.114]
    scale = renderer.size[1] / made.canvas.shape[0]
    points = FaceShape(made.geometry, made.geometry.landmarks).mouth(curves(jawOpen=0.55)).points
    x = round(float(points[lm.LIP_CENTRES[0], 0]) * scale) + 6
    top, bottom = (round(float(points[i, 1]) * scale) for i in lm.LIP_CENTRES)
    column = picture[top:bottom, x]
    assert column[: len(column) // 2].max() > 2.2 * column[len(column) // 2 :].min()


def test_building_twice_gives_the_same_files(made: Bundle, tmp_path: Path) -> None:
    Image.fromarray(photo()).save(tmp_path / "p.png")
    again = create_from_photo(
        tmp_path / "p.png", "copy", None, DisplayName(zh="云", en="Yun"), "female",
        tmp_path / "copy", lambda *_: None,
    )  # fmt: skip
    assert again.files == made.manifest.files


def test_a_deep_shadow_on_the_upper_lip_is_lifted(made: Bundle) -> None:
    """It would look like parted lips; an ordinary lip stays as it is."""
    points = made.geometry.landmarks
    assert lit(made.canvas, points) is made.canvas
    band = np.concatenate(
        [
            points[list(lm.INNER_UPPER)],
            (points[list(lm.INNER_UPPER)] + points[list(lm.OUTER_UPPER)])[::-1] / 2,
        ]
    )
    mask = np.zeros(made.canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(band).astype(np.int32)], 1)
    shaded = made.canvas.copy()
    shaded[mask > 0, :3] //= 4
    lifted = lit(shaded, points)
    assert lifted[mask > 0, :3].mean() > 1.6 * shaded[mask > 0, :3].mean()
    above = round(float(points[lm.UNDER_NOSE, 1]))
    assert np.array_equal(lifted[:above], shaded[:above])
