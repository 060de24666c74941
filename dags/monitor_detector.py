"""Every hour: hold the predictions against what they must be, and ask for a training when traffic has drifted."""

from collections.abc import Iterator

from airflow.sdk import Metadata, dag, task

from truegrain_airflow import monitor_detector as watching
from truegrain_airflow.assets import DRIFT, RETRAINING
from truegrain_airflow.retries import task_defaults


@dag(schedule="@hourly", default_args=task_defaults(), max_active_runs=1, catchup=False, tags=["truegrain"])
def monitor_detector() -> None:
    """**Red?** Production serves on as it is; nothing is asked for until this is green again.

    - *expect*: the log says what was found. What writes the prediction log is at fault, or its clock.
    - *drift*: the database of the prediction log does not answer (TRUEGRAIN_PREDICTIONS).

    *ask* skipped is the usual end: its log says why no training is asked for. Green, `ingest_images` and
    `retrain_detector` start on the event, with the reason.
    """

    @task
    def expect() -> str:
        return watching.expect()

    @task
    def drift() -> list[str]:
        return watching.read_history()

    @task(inlets=[RETRAINING], outlets=[DRIFT])
    def ask(measured: list[str]) -> Iterator[Metadata]:
        yield Metadata(DRIFT, watching.ask(measured))

    measured = drift()
    expect() >> measured
    ask(measured)  # type: ignore[arg-type]


monitor_detector()
