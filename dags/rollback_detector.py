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

    No such version, or one that was never in production: production is as it was, and the log names the versions there
    are. MLflow does not answer: clear the task once it does, which finishes what was begun. One run goes back once,
    however often its task is cleared: trigger again to go further. The service takes the earlier detector a few
    seconds after this is green; the version put aside is kept, and comes back the same way.
    `python -m model.registry history` prints every change of production, also those made by hand in MLflow.
    """
    rollback = task(outlets=[DETECTOR])(tasks.rollback)

    rollback()


rollback_detector()
