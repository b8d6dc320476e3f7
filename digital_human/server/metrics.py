"""Prometheus metrics, fed by the events of the sessions and by measurements when scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from digital_human.apps.live.ports import Session
from digital_human.apps.live.sessions import Sessions
from digital_human.core.events import Event

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0)
_OTHER = "other"
_STAGES = frozenset({"end_of_turn", "transcript", "knowledge", "llm", "speech", "playout"})
_ORIGINS = frozenset({"knowledge", "llm", "filler", "decline", "greeting", "apology", "script"})
_PLACES = frozenset({"heard", "said"})
_LEVELS = frozenset({"pass", "review", "block"})
_IGNORED = frozenset({"noise", "backchannel", "empty", "far"})
_FAILING = 32  # names of failing stages before the rest counts as other


class Metrics:
    """The process's metrics; label values come from closed sets, whatever events say.

    Args:
        sessions: What is measured.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._registry = registry = CollectorRegistry()
        self._stages_seen: set[str] = set()
        self._stops: dict[str, Callable[[], None]] = {}
        name = "digital_human_"
        self._latency = Histogram(
            name + "latency_seconds", "From the true end of speech to the first voiced sample.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._stage = Histogram(
            name + "stage_seconds", "Time one stage of an answer took.", ["stage"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._turns = Counter(
            name + "turns", "Finished replies.", ["origin", "interrupted"], registry=registry
        )
        self._barge = Counter(name + "barge_ins", "Replies broken off.", registry=registry)
        self._ignored = Counter(
            name + "heard_ignored", "Voices that needed no answer.", ["reason"], registry=registry
        )
        self._moderated = Counter(
            name + "moderated", "Words that were refused or held.", ["where", "level"],
            registry=registry,
        )  # fmt: skip
        self._failed = Counter(
            name + "stage_failures", "Stages that raised.", ["stage"], registry=registry
        )
        self._restored = Histogram(
            name + "stage_restored_seconds", "Time until a failed stage worked again.",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._opened = Counter(name + "sessions_opened", "Sessions started.", registry=registry)
        registry.register(_Gauges(sessions))
        sessions.on_open.append(self.watch)
        sessions.on_close.append(self.leave)

    def watch(self, session: Session) -> None:
        """Count what happens in ``session``."""
        self._opened.inc()
        self._stops[session.id] = session.events.listen(self.hear)

    def leave(self, session: Session) -> None:
        """The session is over."""
        if stop := self._stops.pop(session.id, None):
            stop()

    def hear(self, event: Event) -> None:
        """Count one event."""
        data = event.data
        match event.kind:
            case "latency":
                self._waterfall(data)
            case "reply.finished":
                interrupted = bool(data.get("interrupted"))
                origin = _of(_ORIGINS, data.get("origin"))
                self._turns.labels(origin, str(interrupted).lower()).inc()
                if interrupted:
                    self._barge.inc()
            case "heard.ignored":
                self._ignored.labels(_of(_IGNORED, data.get("reason"))).inc()
            case "moderation":
                where, level = _of(_PLACES, data.get("where")), _of(_LEVELS, data.get("level"))
                self._moderated.labels(where, level).inc()
            case "stage.failed":
                self._failed.labels(self._failing(str(data.get("stage")))).inc()
            case "stage.restored":
                self._restored.observe(_seconds(data.get("seconds")))

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)

    def _waterfall(self, data: dict[str, Any]) -> None:
        if data.get("total") is not None:
            self._latency.observe(_seconds(data["total"]))
        for stage in data.get("stages", ()):
            took = _seconds(stage.get("end")) - _seconds(stage.get("start"))
            self._stage.labels(_of(_STAGES, stage.get("name"))).observe(max(0.0, took))

    def _failing(self, stage: str) -> str:
        if stage not in self._stages_seen and len(self._stages_seen) >= _FAILING:
            return _OTHER
        self._stages_seen.add(stage)
        return stage


class _Gauges:
    """What is read when scraped."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def collect(self) -> Iterable[Metric]:
        """The values now."""
        sessions, admission = self._sessions, self._sessions.admission
        name = "digital_human_"
        guests = sessions.all()
        frames, late = sessions.frames()
        yield GaugeMetricFamily(name + "sessions", "Running sessions.", len(guests))
        yield GaugeMetricFamily(
            name + "connections", "WebRTC connections.",
            sum((guest.peer is not None) + len(guest.onlookers) for guest in guests),
        )  # fmt: skip
        yield CounterMetricFamily(name + "frames", "Video frames due.", frames)
        yield CounterMetricFamily(name + "frames_late", "Frames late or skipped.", late)
        yield CounterMetricFamily(
            name + "refused", "Sessions and offers refused for lack of room.", sessions.refusals
        )
        yield GaugeMetricFamily(name + "session_cores", "Cores one session takes.", admission.cost)
        yield GaugeMetricFamily(
            name + "loop_lag_seconds", "Delay of the event loop, smoothed.", admission.lag
        )


def _of(known: frozenset[str], value: object) -> str:
    return value if isinstance(value, str) and value in known else _OTHER


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
