"""Admission by measurement, with measurements made up in virtual time."""

from __future__ import annotations

import pytest

from digital_human.apps.live.admission import Admission, Intake, Load, Refused


def run(
    admission: Admission, seconds: int, sessions: int, cores: float, *, start: Load | None = None,
    lag: float = 0.002, late_share: float = 0.0,
) -> Load:  # fmt: skip
    """Note one measurement a second while ``sessions`` together use ``cores``."""
    load = start or Load(0.0, 0.0, 0.0)
    if start is None:
        admission.note(load, sessions)
    for _ in range(seconds):
        frames = load.frames + 25 * sessions
        late = load.late + round(25 * sessions * late_share)
        load = Load(load.at + 1, load.cpu + cores, lag, frames, late)
        admission.note(load, sessions)
    return load


def test_first_is_let_in_whatever_the_machine() -> None:
    Admission(0.5).admit(0)


def test_prior_decides_before_one_has_run() -> None:
    admission = Admission(2)
    admission.admit(1)
    with pytest.raises(Refused, match=r"each takes 0\.90 cores \(assumed\), 1\.80 of 2"):
        admission.admit(2)
    assert admission.refusals == 1


def test_a_costly_session_keeps_the_second_out() -> None:
    admission = Admission(2)
    run(admission, 20, 1, 1.4)
    assert admission.cost == pytest.approx(1.4, abs=0.02)
    with pytest.raises(Refused, match=r"2 would need 2\.\d+ cores: .*\(measured\)") as caught:
        admission.admit(1)
    assert caught.value.retry_after > 0


def test_cheap_sessions_let_more_in() -> None:
    admission = Admission(4)
    load = run(admission, 300, 1, 0.62)
    for sessions in range(1, 5):
        admission.admit(sessions)
        load = run(admission, 60, sessions + 1, 0.62 * (sessions + 1), start=load)
    with pytest.raises(Refused):
        admission.admit(5)


def test_a_rise_counts_at_once_and_a_fall_slowly() -> None:
    admission = Admission(2)
    load = run(admission, 120, 1, 0.4)
    calm = admission.cost
    load = run(admission, 10, 1, 1.6, start=load)
    assert admission.cost > calm + 0.8 * (1.6 - calm)
    high = admission.cost
    run(admission, 10, 1, 0.4, start=load)
    assert admission.cost > high - 0.25 * (high - 0.4)


def test_idle_time_changes_nothing() -> None:
    admission = Admission(2)
    load = run(admission, 20, 1, 1.4)
    cost = admission.cost
    run(admission, 600, 0, 0.0, start=load)
    assert admission.cost == cost


def test_a_late_event_loop_refuses() -> None:
    admission = Admission(16)
    run(admission, 20, 1, 0.5, lag=0.2)
    with pytest.raises(Refused, match="the event loop is 19. ms late"):
        admission.admit(1)


def test_late_frames_refuse_until_they_are_on_time_again() -> None:
    admission = Admission(16)
    load = run(admission, 20, 1, 0.5, late_share=0.2)
    with pytest.raises(Refused, match="20% of the frames are late"):
        admission.admit(1)
    run(admission, 30, 1, 0.5, start=load)
    admission.admit(1)


def test_a_set_limit_overrides_measurement() -> None:
    admission = Admission(1, limit=3)
    run(admission, 20, 1, 1.0, lag=1.0)
    admission.admit(2)
    with pytest.raises(Refused, match="3 of 3 sessions"):
        admission.admit(3)


def test_a_measurement_of_no_time_is_left_out() -> None:
    admission = Admission(2)
    load = run(admission, 5, 1, 0.9)
    admission.note(Load(load.at, load.cpu + 100, 0.0), 1)
    assert admission.cost == pytest.approx(0.9, abs=0.01)


def test_work_that_yields_is_not_counted() -> None:
    admission = Admission(4)
    load = run(admission, 120, 1, 0.5)
    cost = admission.cost
    for _ in range(60):
        load = Load(load.at + 1, load.cpu + 4.0, 0.2, load.frames + 25, load.late)
        admission.note(load, 1, own=False)
    assert admission.cost == cost and admission.lag > 0.15
    run(admission, 5, 1, 0.5, start=load)
    assert admission.cost <= cost


def test_intake_refuses_the_one_too_many_and_frees_places() -> None:
    intake = Intake(2, "offers")
    with intake(), intake():
        with pytest.raises(Refused, match="2 offers"), intake():
            pass
    with pytest.raises(ZeroDivisionError), intake():
        1 / 0  # noqa: B018
    assert intake.busy == 0 and intake.refusals == 1
