"""A drill is compared with its goals."""

from dataclasses import replace
from typing import get_args

import pytest

from model.drill.goals import Goal, accuracy, goals, require_met
from model.drill.record import Drill, Phase
from model.errors import TruegrainError
from support.drill_records import NEW, make_answers, make_drill, make_learnt, make_reading


def by_name(drill: Drill) -> dict[str, Goal]:
    return {goal.name: goal for goal in goals(drill)}


def test_a_drill_that_went_well_meets_every_goal_with_the_numbers_of_its_record() -> None:
    held = by_name(make_drill())
    assert {name: goal.value for name, goal in held.items()} == {
        "early_alarms": 0,
        "drop_points": pytest.approx(25),
        "detect_requests": 80,
        "seconds": pytest.approx(302 - 110),
        "residual_points": pytest.approx(1),
    }
    assert all(goal.met for goal in held.values())
    require_met(make_drill())


def test_an_alarm_before_the_newcomer_is_a_false_one_and_detects_nothing() -> None:
    held = by_name(make_drill(readings=(make_reading(50, newcomers=0, alarm=True),)))
    assert (held["early_alarms"].value, held["early_alarms"].met) == (1, False)
    assert held["detect_requests"].value is None


def test_drift_that_is_called_something_else_is_no_alarm() -> None:
    reading = make_reading(110, newcomers=80, alarm=True)
    assert make_drill(readings=(reading,)).alarm is reading
    assert make_drill(readings=(replace(reading, state="ok"),)).alarm is None
    assert make_drill(readings=(replace(reading, attribution="content"),)).alarm is None


def test_what_a_drill_did_not_get_to_is_not_met_and_says_so() -> None:
    cut_short = make_drill(steps=(), answers=(), readings=(), after=None)
    missed = [goal.name for goal in goals(cut_short) if not goal.met]
    assert missed == ["drop_points", "detect_requests", "seconds", "residual_points"]
    with pytest.raises(TruegrainError, match="until the monitor suspected it: not reached"):
        require_met(cut_short)


def test_a_newcomer_that_does_no_harm_is_no_exercise() -> None:
    harmless = make_answers(0, by="smooth", right=95, of=100) + make_answers(60, by=NEW, right=90, of=100)
    assert not by_name(make_drill(answers=tuple(harmless)))["drop_points"].met


def test_a_fault_fails_a_drill_whatever_its_numbers() -> None:
    with pytest.raises(TruegrainError, match="was not passed: the monitor is silent"):
        require_met(make_drill(fault="the monitor is silent"))


def test_verdicts_belong_to_a_phase_by_the_newcomer_and_by_the_version_that_gave_them() -> None:
    early = make_answers(59, by="smooth", right=4, of=4)
    late = make_answers(60, by=NEW, right=3, of=4)
    new = make_answers(301, by=NEW, right=4, of=4, version="2")
    drill = make_drill(answers=(*early, *late, *new))
    assert [drill.answers_in(phase) for phase in get_args(Phase)] == [early, late, new]
    assert [accuracy(drill.answers_in("during", by=by)).value for by in (None, (None,), (NEW,))] == [0.75, 1.0, 0.5]
    assert accuracy(drill.answers_in("after", by=("smooth",))) is None


def test_a_record_is_read_back_as_it_was_written() -> None:
    drill = make_drill(after=make_learnt("2", images=2300, promoted=False))
    assert Drill.from_json(drill.to_json()) == drill
