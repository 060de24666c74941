from datetime import UTC, datetime, timedelta

import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DataInterval, TimeRestriction

from truegrain_airflow import timetable
from truegrain_airflow.timetable import AnchoredTimetable

ANCHOR = datetime(2026, 1, 5, 2, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


@pytest.fixture
def schedule(monkeypatch):
    """`schedule(now, last=None, ...)` asks the fortnightly timetable at a given time for the next run."""

    def ask(now: datetime, *, last: datetime | None = None, earliest=None, latest=None, catchup=False):
        class Clock(datetime):
            @classmethod
            def now(cls, tz=None):
                return now.astimezone(tz)

        monkeypatch.setattr(timetable, "datetime", Clock)
        interval = DataInterval.exact(pendulum.instance(last)) if last else None
        bounds = [moment and pendulum.instance(moment) for moment in (earliest, latest)]
        info = AnchoredTimetable(ANCHOR, FORTNIGHT).next_dagrun_info(
            last_automated_data_interval=interval, restriction=TimeRestriction(*bounds, catchup)
        )
        return info and info.run_after

    return ask


def test_the_anchor_is_a_monday_at_two():
    assert f"{ANCHOR:%A %H:%M}" == "Monday 02:00"


def test_the_first_run_waits_for_the_next_point(schedule):
    assert schedule(datetime(2026, 1, 7, tzinfo=UTC)) == datetime(2026, 1, 19, 2, tzinfo=UTC)


def test_before_the_anchor_the_anchor_itself_comes_first_on_the_same_grid(schedule):
    assert schedule(ANCHOR - timedelta(days=1)) == ANCHOR
    assert schedule(ANCHOR - timedelta(days=15)) == ANCHOR - FORTNIGHT


def test_a_first_run_that_is_due_right_now_is_not_lost_when_the_file_is_parsed_again(schedule):
    assert schedule(ANCHOR + timedelta(seconds=20)) == ANCHOR


def test_runs_follow_each_other_by_a_fortnight(schedule):
    assert schedule(ANCHOR + timedelta(minutes=5), last=ANCHOR) == ANCHOR + FORTNIGHT


def test_a_run_that_took_long_does_not_move_the_next(schedule):
    assert schedule(ANCHOR + timedelta(days=3), last=ANCHOR) == ANCHOR + FORTNIGHT


@pytest.mark.parametrize("weeks_missed", [3, 5, 27])
def test_after_an_outage_the_latest_missed_point_is_made_up_for_once(schedule, weeks_missed):
    now = ANCHOR + timedelta(weeks=weeks_missed, hours=5)
    made_up = schedule(now, last=ANCHOR)
    assert ANCHOR < made_up <= now < made_up + FORTNIGHT
    assert (made_up.timestamp() - ANCHOR.timestamp()) % FORTNIGHT.total_seconds() == 0
    assert schedule(now, last=made_up) == made_up + FORTNIGHT


def test_with_catchup_every_missed_point_is_run(schedule):
    now = ANCHOR + timedelta(weeks=9)
    points = [ANCHOR]
    while (point := schedule(now, last=points[-1], catchup=True)) <= now:
        points.append(point)
    assert points == [ANCHOR + n * FORTNIGHT for n in range(5)]


def test_with_catchup_the_first_run_is_the_first_point_after_the_start(schedule):
    start = ANCHOR + timedelta(days=1)
    assert schedule(ANCHOR + timedelta(weeks=9), earliest=start, catchup=True) == ANCHOR + FORTNIGHT


def test_ten_years_of_runs_cross_leap_days_and_summer_time_on_the_same_hour(schedule):
    point = ANCHOR
    for _ in range(261):
        point = schedule(point + timedelta(minutes=1), last=point)
        assert (point.strftime("%A %H:%M"), point.utcoffset()) == ("Monday 02:00", timedelta(0))
    assert point == ANCHOR + 261 * FORTNIGHT


def test_the_clocks_of_other_zones_do_not_move_a_run(schedule):
    in_berlin = pendulum.datetime(2026, 3, 29, 12, tz="Europe/Berlin")
    assert schedule(in_berlin) == datetime(2026, 3, 30, 2, tzinfo=UTC)


def test_no_run_starts_before_the_start_or_after_the_end_of_the_dag(schedule):
    assert schedule(ANCHOR, earliest=ANCHOR + timedelta(days=20)) == ANCHOR + 2 * FORTNIGHT
    assert schedule(ANCHOR + timedelta(days=1), latest=ANCHOR + timedelta(days=13)) is None


def test_it_survives_serialisation():
    before = AnchoredTimetable(ANCHOR, FORTNIGHT)
    after = AnchoredTimetable.deserialize(before.serialize())
    assert (after.anchor, after.period, after.summary) == (ANCHOR, FORTNIGHT, "Every 14 days")


@pytest.mark.parametrize(
    ("anchor", "period", "named"),
    [
        (pendulum.datetime(2026, 1, 5, tz="Europe/Berlin"), FORTNIGHT, "UTC"),
        (datetime(2026, 1, 5), FORTNIGHT, "UTC"),
        (ANCHOR, timedelta(0), "positive"),
    ],
)
def test_an_anchor_outside_utc_or_no_period_is_refused(anchor, period, named):
    with pytest.raises(AirflowTimetableInvalid, match=named):
        AnchoredTimetable(anchor, period).validate()


def test_a_run_by_hand_stands_for_its_own_moment():
    moment = pendulum.datetime(2026, 5, 1, tz="UTC")
    assert AnchoredTimetable(ANCHOR, FORTNIGHT).infer_manual_data_interval(run_after=moment) == (moment, moment)
