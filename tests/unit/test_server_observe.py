"""What the server tells about itself: metrics, logs and stored reports."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from digital_human.apps.live.guests import Wish
from digital_human.apps.live.reports import ReportedTurn, ReportStore
from digital_human.core.events import Event
from digital_human.dialogue.types import Source
from digital_human.errors import ResourceError
from digital_human.safety.audit import AuditLog
from digital_human.server import logs
from tests.fakes.server import FakeSession
from tests.fakes.serving import Served

PREFIX = "digital_human_"


@pytest.fixture
async def served(tmp_path: Path) -> Served:
    return Served(tmp_path, limit=1)


async def samples(served: Served) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Everything scraped: by name and labels."""
    async with served.client() as web:
        answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def session(served: Served) -> FakeSession:
    await served.sessions.create(Wish())
    return served.made[-1]


async def test_events_become_metrics(served: Served) -> None:
    events = (await session(served)).events
    events.emit(
        "latency", total=0.9,
        stages=[
            {"name": "llm", "start": 0.3, "end": 0.7}, {"name": "made up", "start": 0, "end": 1},
        ],
    )  # fmt: skip
    events.emit("reply.finished", origin="knowledge", interrupted=False, text="…")
    events.emit("reply.finished", origin="llm", interrupted=True, text="…")
    events.emit("heard.ignored", reason="far")
    events.emit("moderation", where="said", level="block", categories=[])
    events.emit("stage.failed", stage="speech", error="boom")
    events.emit("stage.restored", stage="speech", seconds=0.4)
    found = await samples(served)
    assert found["latency_seconds_count", ()] == 1
    assert found["latency_seconds_sum", ()] == pytest.approx(0.9)
    assert found["stage_seconds_sum", (("stage", "llm"),)] == pytest.approx(0.4)
    assert found["stage_seconds_count", (("stage", "other"),)] == 1
    knowledge = (("interrupted", "false"), ("origin", "knowledge"))
    assert found["turns_total", knowledge] == 1
    assert found["turns_total", (("interrupted", "true"), ("origin", "llm"))] == 1
    assert found["barge_ins_total", ()] == 1
    assert found["heard_ignored_total", (("reason", "far"),)] == 1
    assert found["moderated_total", (("level", "block"), ("where", "said"))] == 1
    assert found["stage_failures_total", (("stage", "speech"),)] == 1
    assert found["stage_restored_seconds_sum", ()] == pytest.approx(0.4)
    assert found["sessions_opened_total", ()] == 1


async def test_measurements_are_read_when_scraped(served: Served) -> None:
    one = await session(served)
    one.late = 12
    async with served.client() as web:
        assert (await web.post("/api/sessions", json={})).status_code == 503
    found = await samples(served)
    assert found["sessions", ()] == 1 and found["connections", ()] == 0
    assert (found["frames_total", ()], found["frames_late_total", ()]) == (1000, 12)
    assert found["refused_total", ()] == 1
    assert found["session_cores", ()] == pytest.approx(0.9)
    await served.sessions.close(one.id, "enough")
    found = await samples(served)
    assert found["sessions", ()] == 0 and found["frames_total", ()] == 1000


async def test_labels_stay_few_whatever_events_say(served: Served) -> None:
    events = (await session(served)).events
    for number in range(500):
        events.emit("reply.finished", origin=f"o{number}", interrupted=number)
        events.emit("heard.ignored", reason=number)
        events.emit("moderation", where=None, level=f"l{number}")
        events.emit("stage.failed", stage=f"s{number}")
        events.emit("latency", total="soon", stages=[{"name": f"n{number}"}])
    assert len(await samples(served)) < 250


async def test_an_ended_session_is_not_listened_to(served: Served) -> None:
    one = await session(served)
    await served.sessions.close(one.id, "enough")
    one.events.emit("heard.ignored", reason="far")
    assert not any(name == "heard_ignored_total" for name, _ in await samples(served))


def test_logs_have_ids_and_no_words() -> None:
    with capture_logs() as logged:
        logs.log_event(Event("heard.final", "s1", 3, 1.23456, {"text": "私事", "language": "zh"}))
        logs.log_event(Event("heard.partial", "s1", 3, 1.2, {"text": "私"}))
        logs.log_event(Event("stage.failed", "s1", 3, 2.0, {"stage": "llm", "error": "boom"}))
    assert logged[0] == {
        "event": "heard.final", "log_level": "info", "session": "s1", "turn": 3, "at": 1.235,
        "language": "zh",
    }  # fmt: skip
    assert logged[1]["log_level"] == "warning" and logged[1]["error"] == "boom"
    assert len(logged) == 2


@pytest.fixture
def clean_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize("as_json", [True, False])
def test_logs_hide_secrets(
    clean_logging: None, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    logs.configure(json=as_json)
    password = "hunter2"
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger().exception("failed", token=password, session="s1", 回="声")
    logging.getLogger("aiortc").warning("from a library")
    written = capsys.readouterr().err
    assert "hunter2" not in written and "ValueError: boom" in written and "声" in written
    if as_json:
        first, second = (json.loads(line) for line in written.splitlines())
        assert (first["session"], first["token"], first["level"]) == ("s1", "***", "error")
        assert second["event"] == "from a library"


def turn(**changes: object) -> ReportedTurn:
    source = Source("断桥", "bridges.md", "断桥在白堤。", 0.9)
    fields = {
        "session": "s1", "persona": "xihu", "turn": 2, "question": "断桥？", "answer": "在白堤。",
        "sources": (source,), "note": "错了",
    } | changes  # fmt: skip
    return ReportedTurn(**fields)  # type: ignore[arg-type]


async def test_reports_are_kept_and_audited(tmp_path: Path, home: Path) -> None:
    audit = AuditLog(tmp_path / "audit")
    store = ReportStore(tmp_path / "reports", audit)
    names = {
        await store.save(turn()),
        await store.save(turn(note="\ud800" + "长" * 20_000)),
    }
    store.close()
    assert len(names) == 2
    kept = {p.stem: json.loads(p.read_text("utf-8")) for p in (tmp_path / "reports").iterdir()}
    assert set(kept) == names
    first = next(one for one in kept.values() if one["note"] == "错了")
    assert (first["question"], first["answer"], first["turn"]) == ("断桥？", "在白堤。", 2)
    assert first["sources"][0]["path"] == "bridges.md"
    assert max(len(one["note"]) for one in kept.values()) == ReportStore.TEXT_LIMIT
    records = list(audit.records())
    assert {record.detail["report"] for record in records} == names
    assert audit.verify_chain() == 2 and "错了" not in json.dumps(dict(records[0].detail))


async def test_reports_do_not_fill_the_disk(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReportStore, "FILES", 2)
    store = ReportStore(tmp_path / "reports", AuditLog(tmp_path / "audit"))
    first = await store.save(turn())
    await store.save(turn())
    with pytest.raises(ResourceError, match="2 reports"):
        await store.save(turn())
    (tmp_path / "reports" / f"{first}.json").unlink()  # somebody has read it
    await store.save(turn())
    with pytest.raises(ResourceError, match="2 reports"):
        await store.save(turn())
    store.close()


async def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    store = ReportStore(tmp_path / "reports", AuditLog(tmp_path / "audit"))
    with pytest.raises(ResourceError, match="report in"):
        await store.save(turn())
    store.close()
