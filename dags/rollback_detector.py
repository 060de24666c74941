"""By hand: put an earlier detector back into production, and write down why."""

import logging
from collections.abc import Iterator

from airflow.sdk import Metadata, dag, get_current_context, task

from truegrain_airflow.assets import DETECTOR
from truegrain_airflow.environment import read_settings
from truegrain_airflow.forms import read, text
from truegrain_airflow.retries import task_defaults

log = logging.getLogger("truegrain.rollback")
PARAMS = {
    "version": text("Version", "A number, or an alias such as previous. Empty: the version in production before."),
    "reason": text("Reason", "What was wrong. Kept with the version.", required=True),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def rollback_detector() -> None:
    """**Red?** The log says why, and what to do.

    No such version, or one that was never good enough: production is as it was, and the log names the versions there
    are. MLflow does not answer: clear the task once it does, which finishes what was begun. One run goes back once,
    however often its task is cleared: trigger again to go further. The service takes the earlier detector a few
    seconds after this is green; the version put aside is kept, and comes back the same way.
    `python -m model.registry history` prints every change of production, also those made by hand in MLflow.
    """

    @task(outlets=[DETECTOR])
    def rollback() -> Iterator[Metadata]:
        from model.errors import RegistryError
        from model.registry import connect
        from model.registry.promotion import rollback

        reason, run = read("reason"), get_current_context()["dag_run"]
        if reason is None:
            raise RegistryError("a rollback needs a reason: trigger again and say what is wrong with production")
        restored = rollback(
            connect(read_settings()),
            reason=reason,
            to=read("version"),
            by=run.triggering_user_name or "",
            request=f"{run.run_id} of {run.run_after.isoformat()}",
        )
        log.info("version %s is in production", restored.version)
        yield Metadata(DETECTOR, {"version": restored.version})

    rollback()


rollback_detector()
