"""The log grows, stays in order over processes and power cuts, and shows every change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import digital_human.safety.audit as audit
from digital_human.errors import ResourceError, VerifyError
from digital_human.models.files import file_sha256
from digital_human.safety.audit import AuditLog, record_export
from digital_human.safety.commands import list_command, verify_audit_command


@pytest.fixture
def log(home: Path) -> AuditLog:
    log = AuditLog()
    for number in range(4):
        log.append("export", {"output_sha256": f"{number:064x}", "名": "新闻"})
    return log


def only_file(log: AuditLog) -> Path:
    (path,) = log.folder.glob("audit-*.jsonl")
    return path


def lines(log: AuditLog) -> list[str]:
    return only_file(log).read_text(encoding="utf-8").splitlines(keepends=True)


def test_records_are_chained_and_checked(log: AuditLog) -> None:
    records = list(log.records())
    assert [r.seq for r in records] == [1, 2, 3, 4]
    assert [r.prev for r in records[1:]] == [r.hash for r in records[:-1]]
    assert records[0].actor and records[0].time.endswith("+00:00")
    assert log.verify_chain() == 4


def test_empty_log_is_whole(home: Path) -> None:
    assert AuditLog().verify_chain() == 0
    assert not (home / "audit").exists()


def test_changed_record_is_named(log: AuditLog) -> None:
    path = only_file(log)
    path.write_text(path.read_text(encoding="utf-8").replace("0001", "0009"), encoding="utf-8")
    with pytest.raises(VerifyError, match="record 2: its content was changed"):
        log.verify_chain()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ((0, 2, 3), "record 3: does not follow record 1"),
        ((1, 2, 3), "record 2: does not follow record 0"),
        ((0, 2, 1, 3), "record 3: does not follow record 1"),
        ((0, 1, 2), "ends at record 3, but 4"),
        ((), "ends at record 0, but 4"),
    ],
)
def test_removed_moved_or_cut_records_are_noticed(
    log: AuditLog, order: tuple[int, ...], said: str
) -> None:
    old = lines(log)
    only_file(log).write_text("".join(old[i] for i in order), encoding="utf-8")
    with pytest.raises(VerifyError, match=said):
        log.verify_chain()


def test_missing_or_old_head_is_noticed(log: AuditLog) -> None:
    head = log.folder / "head.json"
    head.write_text(json.dumps({"seq": 1, "hash": "0" * 64}))
    with pytest.raises(VerifyError, match=r"head\.json"):
        log.verify_chain()
    head.unlink()
    with pytest.raises(VerifyError, match=r"head\.json"):
        log.verify_chain()


def test_line_that_is_no_record_is_named(log: AuditLog) -> None:
    with only_file(log).open("a") as file:
        file.write("hello\n")
    with pytest.raises(VerifyError, match="line 5: not a record"):
        log.verify_chain()


def test_chain_goes_on_over_months(log: AuditLog) -> None:
    only_file(log).rename(log.folder / "audit-2000-01.jsonl")
    log.append("export", {})
    assert len(list(log.folder.glob("audit-*.jsonl"))) == 2
    assert log.verify_chain() == 5


def test_torn_line_of_a_power_cut_is_set_aside(log: AuditLog) -> None:
    with only_file(log).open("a") as file:
        file.write('{"seq": 5, "ti')
    assert log.append("export", {}).seq == 5
    assert log.verify_chain() == 5
    (torn,) = log.folder.glob("torn-*.txt")
    assert torn.read_text() == '{"seq": 5, "ti'


def test_full_disk_leaves_no_half_record(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    before = only_file(log).read_bytes()
    real_write = audit.os.write
    monkeypatch.setattr(audit.os, "write", lambda fd, data: real_write(fd, data[:7]))
    with pytest.raises(ResourceError, match="audit log"):
        log.append("export", {})
    monkeypatch.undo()
    assert only_file(log).read_bytes() == before
    assert log.verify_chain() == 4


@pytest.mark.parametrize("name", ["api_key", "Password", "access_token"])
def test_secrets_are_refused(home: Path, name: str) -> None:
    with pytest.raises(ValueError, match="secrets"):
        AuditLog().append("x", {name: "1"})


def test_processes_write_one_chain(home: Path) -> None:
    code = (
        "from digital_human.safety.audit import AuditLog\n"
        "for i in range(15): AuditLog().append('x', {'i': i})"
    )
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    assert AuditLog().verify_chain() == 45


def test_file_is_found_by_its_digest(home: Path, tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    film.write_bytes(b"film")
    record_export(film, script_sha256="s")
    found = AuditLog().find_output(file_sha256(film))
    assert found is not None and found.detail["script_sha256"] == "s"
    assert AuditLog().find_output("0" * 64) is None


def test_commands_list_and_check(log: AuditLog, capsys: pytest.CaptureFixture[str]) -> None:
    list_command(last=2)
    shown = capsys.readouterr().out
    assert "3" in shown and "4" in shown and "新闻" in shown
    assert shown.count("export") == 2
    verify_audit_command()
    assert "4 records" in capsys.readouterr().out
