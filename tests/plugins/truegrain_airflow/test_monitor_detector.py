"""Which past runs count as trainings on drift."""

from datetime import UTC, datetime
from types import SimpleNamespace

from truegrain_airflow.monitor_detector import began_on_drift

MONDAY, TUESDAY = (datetime(2026, 11, day, tzinfo=UTC) for day in (16, 17))


def test_only_trainings_on_drift_count():
    by_hand = SimpleNamespace(timestamp=MONDAY, extra={"reason": "by hand"})
    on_drift = SimpleNamespace(timestamp=TUESDAY, extra={"reason": "drift", "drift": "drift"})
    silent = SimpleNamespace(timestamp=MONDAY, extra=None)
    assert began_on_drift([by_hand, on_drift, silent]) == [TUESDAY]
