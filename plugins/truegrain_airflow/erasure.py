"""Erases images that an operator withdrew or a reporter took back; a task in several DAGs."""

import logging
from datetime import UTC, datetime

from truegrain_airflow.environment import read_settings


def erase_what_is_asked(log: logging.Logger) -> None:
    """Erase all images whose tombstones ask for erasure, and log the result; raises what `Eraser.erase` raises."""
    from model.privacy.forgetting import eraser_of

    done = eraser_of(read_settings()).erase(now=datetime.now(UTC))
    if done is None:
        log.info("there is nothing to erase")
        return
    log.info("%s", done)
    log.info("rewritten or deleted: %s", done.to_json())
