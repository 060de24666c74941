"""What the task of `withdraw_images` does."""

import logging
from datetime import UTC, datetime

from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import read

log = logging.getLogger("truegrain.withdraw")


def withdraw() -> None:
    """Keep the images whose sums are in the form out of every later dataset version; raises what the domain raises."""
    from model.dataset import tombstones

    images, reason, lock = read("sha256") or [], read("reason") or "", read_settings().reports_lock
    done = tombstones.withdraw(open_lake(), images, lock=lock, reason=reason, now=datetime.now(UTC))
    log.info("%d images withdrawn, %d were before", done.added, done.known)
    if done.unseen:
        log.warning("not in the lake, is the sum right? %s", ", ".join(done.unseen))
