"""Schedules runs at a fixed period from an anchor; outages do not shift later runs."""

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

# The first run is created within seconds after it is due. But the schedule is computed again whenever the DAG file is
# parsed. Without leeway, a parse just after the due time would postpone the first run by a whole period.
_LEEWAY = timedelta(minutes=10)


class AnchoredTimetable(Timetable):
    """Runs at `anchor`, `anchor + period`, `anchor + 2 period`, … in UTC.

    Cron cannot express a fortnight. A plain timedelta counts from the last run, so an outage shifts all later runs.

    1. The first run is at the next of these times.
    2. After an outage, one run makes up for the latest missed time; with catchup, one run for every missed time.
    3. Later runs are at these times again.
    """

    def __init__(self, anchor: datetime, period: timedelta) -> None:
        self.anchor = anchor
        self.period = period
        self.description = f"{self.summary}, counted from {anchor:%A %Y-%m-%d %H:%M} UTC"

    @property
    def summary(self) -> str:
        """The schedule as the list of DAGs shows it."""
        return f"Every {self.period / timedelta(days=1):g} days"

    def serialize(self) -> dict[str, Any]:
        """Return JSON-safe arguments for `deserialize`."""
        return {"anchor": self.anchor.isoformat(), "period_seconds": self.period.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """Build the timetable that `serialize` described."""
        return cls(datetime.fromisoformat(data["anchor"]), timedelta(seconds=data["period_seconds"]))

    def validate(self) -> None:
        """Raise AirflowTimetableInvalid unless the anchor is in UTC (no daylight saving) and the period positive."""
        if self.anchor.utcoffset() != timedelta(0):
            raise AirflowTimetableInvalid(f"the anchor {self.anchor} must be in UTC")
        if self.period <= timedelta(0):
            raise AirflowTimetableInvalid(f"the period {self.period} must be positive")

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Return the moment at which a run was started by hand."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Find the next run after `last_automated_data_interval` within `restriction`, or None past its end."""
        last = last_automated_data_interval and last_automated_data_interval.end
        point = self._next(last, restriction, datetime.now(UTC))
        if restriction.latest is not None and point > restriction.latest:
            return None
        return DagRunInfo.exact(pendulum.instance(point))

    def _next(self, last: datetime | None, restriction: TimeRestriction, now: datetime) -> datetime:
        bounds = [self._at_or_after(restriction.earliest)] if restriction.earliest else []
        if last is not None:
            bounds.append(self._at_or_after(last + timedelta.resolution))
        if not restriction.catchup:
            bounds.append(self._at_or_before(now) if last else self._at_or_after(now - _LEEWAY))
        return max(bounds, default=self._at_or_after(now - _LEEWAY))

    def _at_or_before(self, moment: datetime) -> datetime:
        return self.anchor + self._since_anchor(moment) // self.period * self.period

    def _at_or_after(self, moment: datetime) -> datetime:
        return self.anchor - (-self._since_anchor(moment)) // self.period * self.period

    def _since_anchor(self, moment: datetime) -> timedelta:
        # Not `moment - anchor`: for pendulum moments the result cannot be divided by a timedelta.
        return timedelta(seconds=moment.timestamp() - self.anchor.timestamp())
