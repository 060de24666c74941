"""Runs every second Monday and on drift: ingests new labelled images and publishes a validated dataset version."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import AssetOrTimeSchedule, dag, task

from truegrain_airflow import ingest_images as tasks
from truegrain_airflow.assets import DATASET, DRIFT
from truegrain_airflow.forms import lines, number, switch, text
from truegrain_airflow.retries import task_defaults
from truegrain_airflow.timetable import AnchoredTimetable

FORTNIGHTLY = AnchoredTimetable(datetime(2026, 1, 5, 2, tzinfo=UTC), timedelta(days=14))
SCHEDULE = AssetOrTimeSchedule(timetable=FORTNIGHTLY, assets=DRIFT)  # type: ignore[arg-type]
PARAMS = {
    "source": text("Source", "Folder, archive, TOML file or URL. Empty: TRUEGRAIN_SOURCE."),
    "parts": number(
        "Parts", "Number of tasks that read the source. Empty or 0: one for each CPU core.", least=0, most=1024
    ),
    "exclude": lines(
        "Exclude",
        "What to leave out of the version: source:<name>, generator:<name> or collection:<name>, one a line. "
        "Empty: nothing.",
    ),
    "dry_run": switch("Dry run", "Only say in the log of `plan` what the source holds. Off: ingest it."),
}


@dag(schedule=SCHEDULE, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def ingest_images() -> None:
    """**Red?** Nothing is lost: production is unchanged, and every task can be cleared and run again.

    - *plan*, *collect*, *assemble*: the source cannot be read, or *Exclude* names an unknown source, generator or
      collection. The log lists the known names.
    - *validate*: the version breaks a rule. The log says which, and links the page with all rules.

    *collect* or *publish* skipped: there were no new images. All tasks skipped: it was a dry run, whose findings are in
    the log of *plan* and in its XCom `preview`.
    """
    plan = task(execution_timeout=timedelta(hours=12))(tasks.plan)
    collect = task(execution_timeout=timedelta(hours=12))(tasks.collect)
    assemble = task(trigger_rule="none_failed")(
        tasks.assemble
    )  # without new images, `exclude` alone can make a new version
    validate = task(tasks.validate)
    publish = task(outlets=[DATASET])(tasks.publish)

    publish(validate(collect.expand(part=plan()) >> assemble()))  # type: ignore[arg-type]


ingest_images()
