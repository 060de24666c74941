"""Erasing images that an operator has withdrawn, or a reporter taken back: a task of several DAGs."""

import logging
from datetime import UTC, datetime

from truegrain_airflow.environment import read_settings


def erase_what_is_asked(log: logging.Logger) -> None:
    """Erase all images whose tombstones ask for that, and tell of it; raises what `Eraser.erase` raises."""
    from model.privacy.forgetting import eraser_of

    done = eraser_of(read_settings()).erase(now=datetime.now(UTC))
    if done is None:
        log.info("nothing is to be erased")
        return
    log.info("%s", done)
    log.info("rewritten or deleted: %s", done.to_json())
