"""By hand: put an earlier detector back into production, and write down why."""

import logging
from collections.abc import Iterator

from airflow.sdk import Metadata, Param, dag, get_current_context, task

from truegrain_airflow.assets import DETECTOR
from truegrain_airflow.defaults import task_defaults
from truegrain_airflow.surroundings import read_settings

log = logging.getLogger("truegrain.rollback")
PARAMS = {
    "version": Param("", type="string", description="A version of the registered model; empty: the one before"),
    "reason": Param(type="string", minLength=1, description="What was wrong; kept with the version"),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def rollback_detector() -> None:
    """**Red?** The log says why, and what to do.

    No such version, or one that was never good enough: production is as it was, and the log names the versions there
    are. MLflow does not answer: clear the task once it does, which finishes what was begun. The service takes the
    earlier detector a few seconds after this is green; the version put aside is kept, and comes back the same way.
    `python -m model.registry history` prints every change of production, also those made by hand in MLflow.
    """

    @task(outlets=[DETECTOR])
    def rollback(version: str, reason: str) -> Iterator[Metadata]:
        from model.errors import RegistryError
        from model.retrain import rollback

        if not reason.strip():
            raise RegistryError("a rollback needs a reason: trigger again and say what is wrong with production")
        by = get_current_context()["dag_run"].triggering_user_name or ""
        restored = rollback(read_settings(), reason=reason.strip(), to=version or None, by=by)
        log.info("version %s is in production", restored.version)
        yield Metadata(DETECTOR, {"version": restored.version})

    rollback("{{ params.version }}", "{{ params.reason }}")


rollback_detector()
