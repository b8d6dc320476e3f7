"""The avatar bundle: what is shipped, what is refused, and packing."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digital_human.errors import ConsentError, InputError
from digital_human.face import bundle as fmt
from digital_human.face import landmarks as lm
from digital_human.face.build.pack import pack
from digital_human.face.build.raw import Person, Placement, RawMaterial, read_raw
from digital_human.face.bundle import load_bundle
from digital_human.face.manifest import (
    CANVAS,
    MANIFEST,
    known_avatars,
    load_manifest,
    read_manifest,
)

AVATARS = Path(__file__).resolve().parents[2] / "avatars"
SHIPPED = [n for n in known_avatars(AVATARS) if read_manifest(AVATARS / n).kind == "photo"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(AVATARS / SHIPPED[0], tmp_path / SHIPPED[0]))


def reseal(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of a bundle and its hash in the manifest."""
    manifest = folder / MANIFEST
    old = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / name).write_bytes(content)
    text = manifest.read_text("utf-8").replace(old, hashlib.sha256(content).hexdigest())
    manifest.write_text(text, "utf-8")


def edit(folder: Path, old: str, new: str) -> None:
    """Replace a piece of the manifest that must be there."""
    text = (folder / MANIFEST).read_text("utf-8")
    assert old in text
    (folder / MANIFEST).write_text(text.replace(old, new, 1), "utf-8")


def picture(width: int, height: int) -> bytes:
    packed = io.BytesIO()
    Image.new("RGBA", (width, height)).save(packed, "WEBP")
    return packed.getvalue()


def arrays(**changed: object) -> Callable[[Path], bytes]:
    """The geometry file of a folder with some arrays replaced, or left out when None."""

    def make(folder: Path) -> bytes:
        with np.load(folder / fmt.GEOMETRY) as old:
            content = {name: old[name] for name in old.files} | changed
        packed = io.BytesIO()
        np.savez(packed, **{k: v for k, v in content.items() if v is not None})  # type: ignore[arg-type]
        return packed.getvalue()

    return make


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_bundles_load_and_say_who_they_are(name: str) -> None:
    bundle = load_bundle(AVATARS / name)
    manifest = bundle.manifest
    size = sum(p.stat().st_size for p in bundle.path.rglob("*") if p.is_file())
    assert size <= 15 * 2**20
    assert manifest.name == name
    assert manifest.person == "generated"
    assert "non-commercial" in manifest.licence
    assert bundle.canvas.shape == (manifest.canvas[1], manifest.canvas[0], 4)
    assert set(bundle.layers) == set(fmt.LAYERS)
    assert bundle.eyes is not None
    assert lm.lip_gap(bundle.geometry.landmarks) < 0.01
    eyes, chin = manifest.face.eyes, manifest.face.chin
    assert eyes[1] < chin[1] < manifest.canvas[1]


def test_there_is_a_woman_and_a_man() -> None:
    assert {load_manifest(AVATARS / n).gender for n in SHIPPED} >= {"female", "male"}


def test_an_unknown_anchor_is_answered_with_the_closest_one() -> None:
    with pytest.raises(InputError, match="unknown") as caught:
        load_bundle(SHIPPED[0] + "x")
    assert f"did you mean '{SHIPPED[0]}'" in caught.value.fix
    assert all(name in caught.value.fix for name in SHIPPED)


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no avatar\.toml"):
        load_bundle(tmp_path)


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "mouths" / "00.webp").unlink()
    with pytest.raises(InputError, match=r"00\.webp: missing"):
        load_bundle(copy)


def test_an_altered_file_is_named(copy: Path) -> None:
    blob = bytearray((copy / CANVAS).read_bytes())
    blob[len(blob) // 2] ^= 1
    (copy / CANVAS).write_bytes(blob)
    with pytest.raises(InputError, match=r"canvas\.webp: damaged"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"RIFF....WEBPVP8 nonsense", "not a readable picture"), (picture(80, 70), "must be")],
)
def test_a_bad_picture_is_named(copy: Path, content: bytes, message: str) -> None:
    reseal(copy, CANVAS, content)
    with pytest.raises(InputError, match=message) as caught:
        load_bundle(copy)
    assert "canvas.webp" in caught.value.message


def test_an_invisible_person_is_refused(copy: Path) -> None:
    reseal(copy, CANVAS, picture(*load_manifest(copy).canvas))
    with pytest.raises(InputError, match="transparent"):
        load_bundle(copy)


def test_a_truncated_picture_is_refused(copy: Path) -> None:
    blob = (copy / CANVAS).read_bytes()
    reseal(copy, CANVAS, blob[: len(blob) // 2])
    with pytest.raises(InputError, match="not a readable picture"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (arrays(depth=None), "lacks 'depth'"),
        (arrays(depth=np.zeros(7, np.float32)), "'depth' is float32"),
        (arrays(depth=np.full(478, np.nan, np.float32)), "must be finite"),
        (arrays(depth=np.zeros(478, np.float64)), "'depth' is float64"),
        (arrays(depth=np.array([{}] * 478, object)), "not a readable array file"),
        (arrays(triangles=np.full((4, 3), 478, np.int32)), "triangles must index"),
        (arrays(landmarks=np.full((478, 2), 1e6, np.float32)), "landmarks must lie"),
        (arrays(mouth_box=np.array([0, 0, 9000, 9], np.int32)), "boxes must lie"),
    ],
)
def test_bad_geometry_is_named(copy: Path, make: Callable[[Path], bytes], message: str) -> None:
    reseal(copy, fmt.GEOMETRY, make(copy))
    with pytest.raises(InputError, match=message):
        load_bundle(copy)


def test_an_array_file_that_is_no_archive(copy: Path) -> None:
    reseal(copy, fmt.GEOMETRY, b"not a zip")
    with pytest.raises(InputError, match="not a readable array file"):
        load_bundle(copy)


def test_a_real_person_needs_consent(copy: Path, home: Path) -> None:
    edit(copy, 'person = "generated"', 'person = "real"')
    with pytest.raises(InputError, match="consent"):
        load_bundle(copy)
    edit(copy, 'consent = ""', 'consent = "c-2026-001"')
    with pytest.raises(ConsentError, match="no such record"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format"),
        ("fps = 25", "fps = 0", "fps"),
        ('gender = "', 'gender = "x', "gender"),
        ('"eyes.webp"', '"../eyes.webp"', "leads out"),
        ('"eyes.webp"', '"/etc/passwd"', "leads out"),
        ("format = 1", "format = ", "not valid TOML"),
        ("format = 1", "format = 1\nextra = 1", "extra"),
    ],
)
def test_a_bad_manifest_is_named(copy: Path, old: str, new: str, message: str) -> None:
    edit(copy, old, new)
    with pytest.raises(InputError, match=message) as caught:
        load_bundle(copy)
    assert MANIFEST in str(caught.value)


def test_a_link_out_of_the_bundle_is_refused(copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.webp"
    shutil.move(copy / fmt.EYES, outside)
    (copy / fmt.EYES).symlink_to(outside)
    with pytest.raises(InputError, match="leads out"):
        load_bundle(copy)


@pytest.fixture(scope="module")
def raw() -> RawMaterial:
    """Small raw material made from a shipped bundle: the face at rest and two open mouths."""
    bundle = load_bundle(AVATARS / SHIPPED[0])
    rest, offsets = bundle.geometry.landmarks / 4, bundle.geometry.offsets
    points = [rest, *(rest + lm.eye_distance(rest) * offsets[i, 2] for i in (1, 3))]
    canvas = np.ascontiguousarray(bundle.canvas[2::4, 2::4])
    image = canvas[..., :3]
    return RawMaterial(
        names=("base", "g1w0", "g2w0"),
        images=np.stack([image] * 3),
        landmarks=np.stack(points),
        layers={},
        canvas=canvas,
        placement=Placement(offset=(0, 0), scale=1.0),
    )


PERSON = Person.model_validate(
    {"display": {"zh": "甲", "en": "A"}, "gender": "unspecified", "made": "test", "licence": "CC0"}
)


def test_packing_gives_a_bundle_that_loads(raw: RawMaterial, tmp_path: Path) -> None:
    manifest = pack(raw, PERSON, tmp_path / "somebody")
    bundle = load_bundle(tmp_path / "somebody")
    assert bundle.manifest == manifest
    assert bundle.layers == {} and bundle.eyes is None
    visible = raw.canvas[..., 3] > 250
    difference = np.abs(bundle.canvas[visible].astype(int) - raw.canvas[visible])
    assert difference.max() <= 1  # the bust is stored without loss
    wanted = [lm.lip_gap(raw.landmarks[i]) for i in (1, 2)]
    assert bundle.geometry.gaps[1:] == pytest.approx(sorted(wanted), abs=0.01)


def test_packing_does_not_replace_a_folder_that_is_no_bundle(
    raw: RawMaterial, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(InputError, match="no avatar bundle"):
        pack(raw, PERSON, tmp_path / "photos")
    assert (tmp_path / "photos" / "holiday.jpg").read_bytes() == b"precious"


def test_a_real_person_cannot_be_packed_without_consent(raw: RawMaterial, tmp_path: Path) -> None:
    real = PERSON.model_copy(update={"person": "real"})
    with pytest.raises(InputError, match="consent"):
        pack(raw, real, tmp_path / "somebody")
    assert not (tmp_path / "somebody").exists()


def test_raw_material_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"work\.npz: missing"):
        read_raw(tmp_path)
