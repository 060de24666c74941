"""Implements the task of `rollback_detector`."""

import logging
from collections.abc import Iterator

from airflow.sdk import Metadata, get_current_context

from model.errors import RegistryError
from truegrain_airflow.assets import DETECTOR
from truegrain_airflow.environment import read_settings
from truegrain_airflow.forms import read
from truegrain_airflow.retries import name_request

log = logging.getLogger("truegrain.rollback")


def rollback() -> Iterator[Metadata]:
    """Put the version in the form, or the previous version, back into production. DETECTOR's event names it.

    A DAG run goes back once, however often this task is repeated. Raises RegistryError without a reason, and if there
    is no such version.
    """
    from model.registry import connect, promotion

    reason = read("reason")
    if reason is None:
        raise RegistryError("a rollback needs a reason: trigger again and say what is wrong with production")
    restored = promotion.rollback(
        connect(read_settings()),
        reason=reason,
        to=read("version"),
        by=get_current_context()["dag_run"].triggering_user_name or "",
        request=name_request(),
    )
    log.info("version %s is in production", restored.version)
    yield Metadata(DETECTOR, {"version": restored.version})
