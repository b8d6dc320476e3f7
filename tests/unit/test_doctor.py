"""The doctor finds what is wrong and names the command that mends it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from digital_human.apps import doctor
from digital_human.config import settings
from digital_human.safety import labels


def checks() -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.run()}


def cli() -> typer.Typer:
    app = typer.Typer()
    app.command()(doctor.command)
    return app


def test_empty_home_lacks_weights_and_says_how_to_get_them(home: Path):
    found = checks()
    assert found["weights kokoro-int8"].state == "fail"
    assert found["weights kokoro-int8"].fix == "digital-human models pull kokoro-int8"
    assert found["weights mobilestylegan"].state == "warn"
    assert found["home folder"].state == "ok"
    assert home.is_dir()


def test_what_this_machine_has(home: Path):
    found = checks()
    for name in ("version", "packages", "libx264", "aac", "font"):
        assert found[name].state == "ok", found[name]
    assert found["CPU"].state in ("ok", "warn")  # one core is slow, not wrong
    assert "imports" not in found
    assert "onnxruntime" in found["packages"].detail


def test_every_problem_has_a_fix(home: Path):
    for check in doctor.run():
        if check.state == "fail":
            assert check.fix, check


def test_home_that_cannot_be_made(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DH_HOME", str(tmp_path / "file" / "home"))
    settings.cache_clear()
    assert checks()["home folder"].state == "fail"
    assert "DH_HOME" in checks()["home folder"].fix


def test_wrong_setting_is_named(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DH_THREADS", "many")
    settings.cache_clear()
    found = checks()
    assert found["settings"].state == "fail"
    assert "threads" in found["settings"].detail


def test_taken_port_names_the_program(home: Path, monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "_PORT", taken.getsockname()[1])
        check = checks()["port"]
    assert check.state == "warn"
    assert check.fix


def test_missing_font(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(labels, "find_spec", lambda name: None)
    assert checks()["font"].state == "fail"
    assert "pip install mplfonts" in checks()["font"].fix


def test_unknown_encoder():
    assert "cannot be used" in doctor._encoder_problem("no-such-encoder")


def test_little_disk(home: Path, monkeypatch: pytest.MonkeyPatch):
    nearly = type("Usage", (), {"free": 2e8})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: nearly)
    check = checks()["disk"]
    assert check.state == "fail"
    assert "0.2 GB" in check.detail


def test_exit_code_and_json(home: Path, monkeypatch: pytest.MonkeyPatch):
    sick = CliRunner().invoke(cli(), ["--json"])
    assert sick.exit_code == 1
    assert any(check["state"] == "fail" for check in json.loads(sick.stdout))
    monkeypatch.setattr(doctor, "run", lambda: [doctor.Check("all", "ok", "well")])
    well = CliRunner().invoke(cli(), [])
    assert well.exit_code == 0
    assert "everything is in order" in well.stdout
