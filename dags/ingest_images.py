"""Every second Monday, and on drift: labelled images become a dataset version, if they are what data must be."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import AssetOrTimeSchedule, dag, task

from truegrain_airflow import ingest_images as tasks
from truegrain_airflow.assets import DATASET, DRIFT
from truegrain_airflow.forms import lines, number, text
from truegrain_airflow.retries import task_defaults
from truegrain_airflow.timetable import AnchoredTimetable

FORTNIGHTLY = AnchoredTimetable(datetime(2026, 1, 5, 2, tzinfo=UTC), timedelta(days=14))
SCHEDULE = AssetOrTimeSchedule(timetable=FORTNIGHTLY, assets=DRIFT)  # type: ignore[arg-type]
PARAMS = {
    "source": text("Source", "Folder, archive, TOML file or URL. Empty: TRUEGRAIN_SOURCE."),
    "parts": number("Parts", "How many tasks read. Empty or 0: one a CPU core.", least=0, most=1024),
    "exclude": lines("Exclude", "source:<name> or generator:<name>, one a line. Empty: nothing."),
}


@dag(schedule=SCHEDULE, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def ingest_images() -> None:
    """**Red?** Nothing is lost: production stays as it is, and every task can be cleared and run again.

    - *plan*, *collect*, *assemble*: no such `source`, or `exclude` names nothing known; the log lists what is.
    - *validate*: the log says what was found, and links its page. *collect*, *publish* skipped: nothing new came in.
    """
    plan = task(execution_timeout=timedelta(hours=12))(tasks.plan)
    collect = task(execution_timeout=timedelta(hours=12))(tasks.collect)
    assemble = task(trigger_rule="none_failed")(tasks.assemble)  # nothing new: `exclude` alone makes another version
    validate = task(tasks.validate)
    publish = task(outlets=[DATASET])(tasks.publish)

    publish(validate(collect.expand(part=plan()) >> assemble()))  # type: ignore[arg-type]


ingest_images()
