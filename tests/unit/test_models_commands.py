"""``digital-human models`` as a user meets it, on an empty home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from digital_human.errors import WeightsError
from digital_human.models import store
from digital_human.models.commands import app
from digital_human.models.manifest import manifest


def test_list_as_json(home: Path):
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    listed = {entry["name"]: entry for entry in json.loads(result.stdout)}
    assert set(listed) == set(manifest().models)
    assert {entry["state"] for entry in listed.values()} == {"missing"}
    assert listed["kokoro-int8"]["folder"] == str(home / "models" / "kokoro-int8")


def test_list_names_every_model_and_licence(home: Path):
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    for spec in manifest().models.values():
        assert spec.name in result.stdout
        assert spec.licence in result.stdout


def test_where(home: Path):
    assert CliRunner().invoke(app, ["where"]).stdout.strip() == str(home / "models")
    one = CliRunner().invoke(app, ["where", "whisper-base"]).stdout.strip()
    assert one == str(home / "models" / "whisper-base")


@pytest.mark.parametrize("command", ["pull", "verify", "where"])
def test_unknown_name(command: str, home: Path):
    result = CliRunner().invoke(app, [command, "nonsense"])
    assert isinstance(result.exception, WeightsError)
    assert "nonsense" in result.exception.message


def test_verify_of_an_empty_store_and_of_damage(home: Path):
    nothing = CliRunner().invoke(app, ["verify"])
    assert isinstance(nothing.exception, WeightsError)
    assert nothing.exception.fix == "digital-human models pull"
    folder = store().folder / "face-landmarker"
    folder.mkdir(parents=True)
    (folder / "face_landmarker.task").write_bytes(b"rubbish")
    damaged = CliRunner().invoke(app, ["verify"])
    assert isinstance(damaged.exception, WeightsError)
    assert "damaged" in damaged.exception.message
    assert damaged.exception.fix == "digital-human models pull face-landmarker"


def test_pull_uses_files_brought_by_hand_and_says_the_licence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    mine = tmp_path / "my.task"
    mine.write_bytes(b"own")
    monkeypatch.setenv("DH_WEIGHTS", json.dumps({"face-landmarker": str(mine)}))
    result = CliRunner().invoke(app, ["pull", "face-landmarker"])
    assert result.exit_code == 0, result.output
    assert "Apache-2.0" in result.stderr
    assert result.stdout.startswith("face-landmarker\t")
