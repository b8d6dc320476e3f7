"""The store without a network: what is here, what is damaged, the user's own files."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from digital_human.config import settings
from digital_human.errors import ResourceError, WeightsError
from digital_human.models import FileReport, Store, store
from digital_human.models.manifest import parse_manifest
from digital_human.models.pip_config import PipConfig

BIG, SMALL = b"weights" * 1000, b"a vocabulary"


def entry(name: str, files: dict[str, bytes]) -> str:
    listed = "".join(
        f'{{ name = "{file}", size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}" }},'
        for file, data in files.items()
    )
    return f"""[models.{name}]
        kind = "toy"
        purpose = "tests"
        licence = "CC0-1.0"
        default = true
        files = [{listed}]
        """


MANIFEST = parse_manifest(
    entry("pair", {"model.bin": BIG, "vocab.txt": SMALL})
    + entry("single", {"face.task": BIG})
    + entry("other", {"model.bin": SMALL})
)


@pytest.fixture
def weights(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", tmp_path / "local", manifest=MANIFEST, pip=PipConfig())


def place(weights: Store, model: str = "pair") -> Path:
    folder = weights.folder / model
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(BIG)
    (folder / "vocab.txt").write_bytes(SMALL)
    return folder


def states(reports: list[FileReport]) -> dict[str, str]:
    return {report.file.name: report.state for report in reports}


def state(weights: Store, model: str) -> str:
    return next(status.state for status in weights.list() if status.spec.name == model)


def test_missing_model_names_the_pull_command(weights: Store):
    with pytest.raises(WeightsError, match=r"pair: model\.bin, vocab\.txt missing") as missing:
        weights.path("pair")
    assert missing.value.fix == "digital-human models pull pair"
    assert missing.value.exit_code == 3
    assert state(weights, "pair") == "missing"


def test_files_placed_by_hand_are_hashed_then_trusted(weights: Store):
    folder = place(weights)
    assert state(weights, "pair") == "partial"
    assert weights.path("pair") == folder
    assert state(weights, "pair") == "ready"
    assert weights.pull("pair") == folder


def test_changed_file_is_noticed_at_once(weights: Store):
    folder = place(weights)
    weights.path("pair")
    (folder / "model.bin").write_bytes(BIG[::-1])
    with pytest.raises(WeightsError, match=r"model\.bin damaged"):
        weights.path("pair")
    assert states(weights.verify(["pair"])) == {"model.bin": "damaged", "vocab.txt": "ready"}


def test_verify_finds_rot_that_kept_size_and_time(weights: Store):
    folder = place(weights)
    weights.path("pair")
    before = (folder / "model.bin").stat()
    (folder / "model.bin").write_bytes(BIG[:-1] + b"?")
    os.utime(folder / "model.bin", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights.path("pair") == folder, "only verify reads the bytes again"
    assert states(weights.verify(["pair"]))["model.bin"] == "damaged"
    with pytest.raises(WeightsError, match="damaged"):
        weights.path("pair")


def test_verify_tells_missing_files(weights: Store):
    place(weights).joinpath("vocab.txt").unlink()
    assert states(weights.verify(["pair"])) == {"model.bin": "ready", "vocab.txt": "missing"}


def test_unreadable_record_counts_as_none(weights: Store):
    folder = place(weights)
    (folder / ".verified.json").write_text("[not json")
    assert weights.path("pair") == folder


def test_own_file_is_shown_beside_the_stored_ones(weights: Store, tmp_path: Path):
    mine = tmp_path / "finetuned.bin"
    mine.write_bytes(b"other weights")
    place(weights)
    own = dataclasses.replace(weights, own={"pair/model.bin": mine})
    folder = own.path("pair")
    assert (folder / "model.bin").read_bytes() == b"other weights"
    assert (folder / "vocab.txt").read_bytes() == SMALL
    assert state(own, "pair") == "own file"
    assert states(own.verify(["pair"])) == {"model.bin": "own file", "vocab.txt": "ready"}
    assert (weights.path("pair") / "model.bin").read_bytes() == BIG, "the store is untouched"


def test_own_file_can_be_exchanged(weights: Store, tmp_path: Path):
    place(weights)
    for number in (1, 2):
        mine = tmp_path / f"{number}.bin"
        mine.write_bytes(b"%d" % number)
        folder = dataclasses.replace(weights, own={"pair/model.bin": mine}).path("pair")
        assert (folder / "model.bin").read_bytes() == b"%d" % number


def test_own_folder_replaces_a_whole_model(weights: Store, tmp_path: Path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "model.bin").write_bytes(b"x")
    (mine / "vocab.json").write_bytes(b"another layout of the same kind of model")
    own = dataclasses.replace(weights, own={"pair": mine})
    assert own.path("pair") == own.pull("pair") == own.where("pair") == mine
    assert state(own, "pair") == "own file"
    assert states(own.verify(["pair"])) == {"model.bin": "own file"}


@pytest.mark.parametrize("key", ["single", "single/face.task", "face.task"])
def test_own_file_of_a_model_with_one_file(key: str, weights: Store, tmp_path: Path):
    mine = tmp_path / "my.task"
    mine.write_bytes(b"z")
    own = dataclasses.replace(weights, own={key: mine})
    assert (own.path("single") / "face.task").read_bytes() == b"z"


@pytest.mark.parametrize(
    ("key", "said"), [("model.bin", "fits several models"), ("nothing", "fits no model")]
)
def test_own_file_with_an_unclear_key(key: str, said: str, weights: Store, tmp_path: Path):
    (tmp_path / "x").touch()
    with pytest.raises(WeightsError, match=rf"weights\.{key}: this key {said}"):
        dataclasses.replace(weights, own={key: tmp_path / "x"}).path("pair")


@pytest.mark.parametrize("key", ["face.task", "single", "pair"])
def test_own_file_that_is_not_there(key: str, weights: Store, tmp_path: Path):
    own = dataclasses.replace(weights, own={key: tmp_path / "gone"})
    with pytest.raises(WeightsError, match=rf"weights\.{key}: .*gone does not exist"):
        own.path("single")


def test_one_own_file_is_not_enough_for_a_model_of_two(weights: Store, tmp_path: Path):
    (tmp_path / "one.bin").touch()
    with pytest.raises(WeightsError, match=r"weights\.pair: your own folder .*one\.bin"):
        dataclasses.replace(weights, own={"pair": tmp_path / "one.bin"}).path("pair")


def test_pull_without_carriers_says_where_the_files_go(weights: Store):
    with pytest.raises(WeightsError, match="no carrier could deliver") as nobody:
        weights.pull("pair")
    assert str(weights.folder / "pair" / "vocab.txt") in nobody.value.fix


def test_several_failures_are_all_told(weights: Store):
    with pytest.raises(WeightsError) as nobody:
        weights.pull_all(["pair", "single"])
    assert "model pair" in nobody.value.message
    assert "model single" in nobody.value.message


@pytest.mark.skipif(os.name != "posix", reason="a file stands in the way as a folder only there")
def test_store_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "models").write_text("a file where the folder should be")
    weights = Store(tmp_path / "models", tmp_path, manifest=MANIFEST, pip=PipConfig())
    with pytest.raises(ResourceError, match="cannot write model pair") as refused:
        weights.pull("pair")
    assert "DH_HOME" in refused.value.fix
    with pytest.raises(ResourceError, match="(?s)model pair.*model single"):
        weights.pull_all(["pair", "single"])


def test_store_is_frozen(weights: Store):
    with pytest.raises(dataclasses.FrozenInstanceError):
        weights.folder = Path()  # type: ignore[misc]


def test_store_of_the_settings(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DH_WEIGHTS", '{"face-landmarker": "/x/mine.task"}')
    settings.cache_clear()
    current = store()
    assert current.folder == home / "models"
    assert current.local == home / "local"
    assert current.own == {"face-landmarker": Path("/x/mine.task")}
