"""Photos that cannot become an avatar are refused for the right reason, with a picture of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from digital_human.core.frames import ByteArray
from digital_human.errors import InputError
from digital_human.face import landmarks as lm
from digital_human.face.build.detect import Detector
from digital_human.face.build.gate import Finding, PhotoRefused, inspect
from digital_human.face.build.orient import turned_upright
from digital_human.face.build.photo import MIN_SIDE, Photo, read_photo
from digital_human.face.bundle import Bundle, load_bundle
from digital_human.face.motion import ARKIT, INDEX, MotionFrame
from digital_human.face.renderers.photo import PhotoRenderer

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
HEIGHT = 900


def portrait(bundle: Bundle, **values: float) -> ByteArray:
    """The project's own anchor over grey, uint8 [h, w, 3]."""
    curves = np.zeros(len(ARKIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in INDEX:
                curves[INDEX[name + side]] = value
    frame = PhotoRenderer(bundle, HEIGHT).render(
        MotionFrame(curves, np.zeros(6, np.float32), 0.0, 0.0, 0, 0)
    )
    alpha = frame[..., 3:].astype(np.float32) / 255
    return np.asarray(frame[..., :3] * alpha + 150 * (1 - alpha), np.uint8)


@pytest.fixture(scope="module")
def anchor() -> Bundle:
    return load_bundle(AVATARS / "yun")


@pytest.fixture(scope="module")
def good(anchor: Bundle) -> ByteArray:
    return portrait(anchor)


@pytest.fixture(scope="module")
def detector() -> Iterator[Detector]:
    with Detector() as detector:
        yield detector


@pytest.fixture(scope="module")
def look(detector: Detector) -> Callable[[ByteArray], list[Finding]]:
    return lambda picture: inspect(picture, detector(picture))


def at(anchor: Bundle, index: int) -> tuple[int, int]:
    x, y = anchor.geometry.landmarks[index] * HEIGHT / anchor.canvas.shape[0]
    return round(float(x)), round(float(y))


def rolled(picture: ByteArray, degrees: float) -> ByteArray:
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 3), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def masked(picture: ByteArray, anchor: Bundle) -> ByteArray:
    """A surgical mask over mouth and nose."""
    out = picture.copy()
    ring = [at(anchor, i) for i in (195, 117, 132, 136, 152, 365, 361, 346)]
    cv2.fillPoly(out, [np.array(ring)], (96, 150, 205))
    return out


def half_covered(picture: ByteArray, anchor: Bundle) -> ByteArray:
    """A hand-coloured board in front of one side."""
    out = picture.copy()
    x, _ = at(anchor, lm.NOSE_BASE)
    _, top = at(anchor, 10)
    _, chin = at(anchor, lm.CHIN)
    out[top:chin, x + 6 : x + 200] = (205, 160, 140)
    return out


def lit_from_a_side(picture: ByteArray, anchor: Bundle) -> ByteArray:
    x, _ = at(anchor, lm.NOSE_BASE)
    ramp = np.clip((np.arange(picture.shape[1]) - x + 60) / 120, 0, 1)
    return np.asarray(picture * (1 - 0.72 * ramp)[None, :, None], np.uint8)


def parts(picture: ByteArray, anchor: Bundle) -> ByteArray:
    """Cut below the mouth."""
    return picture[: at(anchor, 18)[1]]


BAD: dict[str, tuple[Callable[[ByteArray, Bundle], ByteArray], set[str]]] = {
    "on its side": (lambda p, _: np.ascontiguousarray(np.rot90(p)), {"face", "frontal"}),
    "tilted": (lambda p, _: rolled(p, 30), {"frontal"}),
    "blurred": (lambda p, _: np.asarray(cv2.GaussianBlur(p, (0, 0), 5), np.uint8), {"sharpness"}),
    "dark": (lambda p, _: (p * 0.13).astype(np.uint8), {"exposure"}),
    "lit from a side": (lit_from_a_side, {"even light"}),
    "two faces": (lambda p, _: np.hstack([p, p]), {"one face"}),
    "mouth open": (lambda _, a: portrait(a, jawOpen=0.6), {"closed mouth"}),
    "eyes shut": (lambda _, a: portrait(a, eyeBlink=1.0), {"open eyes"}),
    "masked": (masked, {"uncovered mouth"}),
    "half covered": (half_covered, {"uncovered face", "eyes"}),
    "cut off": (parts, {"cut off", "face"}),
    "far away": (
        lambda p, _: np.asarray(cv2.resize(p, None, fx=0.3, fy=0.3), np.uint8), {"resolution"},
    ),
    "nobody": (lambda p, _: np.full_like(p, 150), {"face"}),
}  # fmt: skip


@pytest.mark.weights
def test_a_good_portrait_passes(
    good: ByteArray, look: Callable[[ByteArray], list[Finding]]
) -> None:
    assert [f for f in look(good) if f.fatal] == []


@pytest.mark.weights
@pytest.mark.parametrize("case", BAD)
def test_a_bad_portrait_is_refused_for_its_own_reason(
    case: str,
    good: ByteArray,
    anchor: Bundle,
    look: Callable[[ByteArray], list[Finding]],
    tmp_path: Path,
) -> None:
    make, expected = BAD[case]
    picture = make(good, anchor)
    findings = look(picture)
    fatal = {f.check for f in findings if f.fatal}
    assert fatal and fatal <= expected, f"{case}: refused for {fatal or 'nothing'}"
    refusal = PhotoRefused(Path("p.jpg"), picture, findings)
    assert refusal.fix and all(f.reason in refusal.message for f in findings if f.fatal)
    refusal.write_picture(tmp_path / "problem.png")
    with Image.open(tmp_path / "problem.png") as shown:
        marked = np.asarray(shown.convert("RGB")).astype(int)
    assert (np.abs(marked - (255, 82, 82)).sum(-1) < 10).sum() > 100, "nothing is marked"


@pytest.mark.weights
def test_a_slight_tilt_is_only_a_warning(
    good: ByteArray, look: Callable[[ByteArray], list[Finding]]
) -> None:
    findings = look(rolled(good, 14))
    assert [f.check for f in findings if not f.fatal] == ["frontal"]
    assert not any(f.fatal for f in findings)


def write(path: Path, picture: ByteArray, **options: object) -> Path:
    Image.fromarray(picture).save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.weights
@pytest.mark.parametrize("quarters", range(4))
def test_a_photo_is_turned_until_the_head_is_up(
    quarters: int, good: ByteArray, detector: Detector
) -> None:
    photo = Photo(Path("p.png"), "", np.ascontiguousarray(np.rot90(good, quarters)), None)
    upright, faces, warnings = turned_upright(photo, detector)
    assert np.array_equal(upright.image, good)
    assert abs(float(faces[0].pose[2])) < 5
    assert [w.reason.split("°")[0].split()[-1] for w in warnings] == (
        [str(360 - 90 * quarters)] if quarters else []
    )


def test_the_orientation_of_a_camera_is_obeyed(good: ByteArray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    turned = np.ascontiguousarray(np.rot90(good))
    path = write(tmp_path / "turned.png", turned, exif=exif)
    assert np.array_equal(read_photo(path).image, good)


def test_the_digest_is_that_of_the_file(good: ByteArray, tmp_path: Path) -> None:
    import hashlib

    path = write(tmp_path / "p.png", good)
    assert read_photo(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_transparent_is_kept_as_the_outline(good: ByteArray, tmp_path: Path) -> None:
    alpha = np.full(good.shape[:2], 255, np.uint8)
    alpha[:, :100] = 0
    photo = read_photo(write(tmp_path / "cut.png", np.dstack([good, alpha])))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha)
    assert read_photo(write(tmp_path / "whole.png", good)).alpha is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"this is a letter, not a picture", "not a readable picture"),
        (b"", "not a readable picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(400), "not a readable picture"),
    ],
)
def test_what_is_no_picture(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_photo(path)


def test_a_truncated_picture_is_refused(good: ByteArray, tmp_path: Path) -> None:
    path = write(tmp_path / "p.png", good)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(InputError, match="not a readable picture"):
        read_photo(path)


def test_a_small_picture_is_refused(good: ByteArray, tmp_path: Path) -> None:
    small = cv2.resize(good, (120, 140))
    with pytest.raises(InputError, match=f"120×140 pixels, the shorter side must have {MIN_SIDE}"):
        read_photo(write(tmp_path / "p.png", np.asarray(small, np.uint8)))


@pytest.mark.parametrize("side", [8000, 14000])
def test_a_picture_of_too_many_pixels_is_never_decoded(
    side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """60 megapixels are over the limit; 190 are what Pillow itself calls a bomb."""
    packed = io.BytesIO()
    Image.new("1", (side, 7800 if side == 8000 else side)).save(packed, "PNG")
    path = tmp_path / "bomb.png"
    path.write_bytes(packed.getvalue())

    def decoded(*_: object) -> None:
        raise AssertionError("its pixels were read")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(InputError, match="megapixels"):
        read_photo(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nobody\.jpg: there is no such file"):
        read_photo(tmp_path / "nobody.jpg")
