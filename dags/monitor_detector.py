"""Runs every hour: validates the predictions, and asks for a training if traffic has drifted."""

from airflow.sdk import dag, task

from truegrain_airflow import monitor_detector as tasks
from truegrain_airflow.assets import DRIFT, RETRAINING
from truegrain_airflow.retries import task_defaults


@dag(schedule="@hourly", default_args=task_defaults(), max_active_runs=1, catchup=False, tags=["truegrain"])
def monitor_detector() -> None:
    """**Red?** Production is unchanged. No training is asked for until this DAG is green again.

    - *expect*: the predictions break a rule, and the log says which. The service that writes them, or its clock, is
      wrong.
    - *drift*: the database of the prediction log does not answer (TRUEGRAIN_PREDICTIONS).

    *ask* is usually skipped; its log says why no training is asked for. If *ask* is green, its event starts
    `ingest_images` and `retrain_detector`, with the reason.
    """
    expect = task(tasks.expect)
    drift = task(tasks.drift)
    ask = task(inlets=[RETRAINING], outlets=[DRIFT])(tasks.ask)

    measured = drift()
    expect() >> measured
    ask(measured)  # type: ignore[arg-type]


monitor_detector()
