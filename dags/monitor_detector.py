"""Every hour: hold the predictions against what they must be, and ask for a training when traffic has drifted."""

from airflow.sdk import dag, task

from truegrain_airflow import monitor_detector as tasks
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
    expect = task(tasks.expect)
    drift = task(tasks.drift)
    ask = task(inlets=[RETRAINING], outlets=[DRIFT])(tasks.ask)

    measured = drift()
    expect() >> measured
    ask(measured)  # type: ignore[arg-type]


monitor_detector()
