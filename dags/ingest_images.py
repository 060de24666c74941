"""Every second Monday, and on drift: labelled images become a dataset version, if they are what data must be."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from airflow.sdk import AssetOrTimeSchedule, Metadata, dag, get_current_context, task

from truegrain_airflow.assembling import assemble_version
from truegrain_airflow.assets import DATASET, DRIFT
from truegrain_airflow.environment import open_lake
from truegrain_airflow.forms import lines, number, read, text
from truegrain_airflow.ingest_images import collect_part, plan_parts, validate_version
from truegrain_airflow.publishing import publish_version
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

    @task(execution_timeout=timedelta(hours=12))
    def plan() -> list[dict[str, object]]:
        return plan_parts(read("source") or "", read("parts") or 0)

    @task(execution_timeout=timedelta(hours=12))
    def collect(part: dict[str, object]) -> str:
        return collect_part(part, get_current_context()["dag_run"].run_after)

    @task(trigger_rule="none_failed")  # even if nothing is new: `exclude` alone makes another version
    def assemble() -> str:
        return assemble_version(read("source") or "", read("exclude") or [])

    @task
    def validate(version: str) -> str:
        return validate_version(open_lake(), version)

    @task(outlets=[DATASET])
    def publish(version: str) -> Iterator[Metadata]:
        yield Metadata(DATASET, publish_version(version))

    publish(validate(collect.expand(part=plan()) >> assemble()))  # type: ignore[arg-type]


ingest_images()
