"""By hand: put an earlier detector back into production, and write down why."""

import logging
from collections.abc import Iterator

from airflow.sdk import Metadata, Param, dag, task

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
    """**Red?** Production is as it was before.

    The log names the versions there are, or says that MLflow does not answer. The service takes the earlier detector
    a few seconds after this is green; the version that was put aside is kept, and can be promoted again the same way.
    """

    @task(outlets=[DETECTOR])
    def rollback(version: str, reason: str) -> Iterator[Metadata]:
        from model.errors import RegistryError
        from model.retrain import rollback

        if not reason.strip():
            raise RegistryError("a rollback needs a reason: trigger again and say what is wrong with production")
        restored = rollback(read_settings(), reason=reason.strip(), to=version or None)
        log.info("version %s is in production", restored.version)
        yield Metadata(DETECTOR, {"version": restored.version})

    rollback("{{ params.version }}", "{{ params.reason }}")


rollback_detector()
