"""Started by hand: puts an earlier detector back into production and records why."""

from airflow.sdk import dag, task

from truegrain_airflow import rollback_detector as tasks
from truegrain_airflow.assets import DETECTOR
from truegrain_airflow.forms import text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "version": text(
        "Version", "A number, or an alias such as previous. Empty: the version that was in production before."
    ),
    "reason": text("Reason", "What was wrong with the version in production; kept with that version.", required=True),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def rollback_detector() -> None:
    """**Red?** The log says why, and what to do.

    - There is no such version, or it never was in production: production is unchanged, and the log lists the versions.
    - MLflow does not answer: clear the task when MLflow answers again; the task then finishes its work.

    A run changes production once, however often its task is cleared. To go back further, trigger the DAG again. The
    service uses the earlier detector a few seconds after the task is green. The replaced version is kept; another
    rollback can restore it. `python -m model.registry history` prints every change of production, including changes by
    hand in MLflow.
    """
    rollback = task(outlets=[DETECTOR])(tasks.rollback)

    rollback()


rollback_detector()
