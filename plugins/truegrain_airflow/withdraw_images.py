"""Implements the tasks of `withdraw_images`: withdraw images, then erase them."""

import logging
from datetime import UTC, datetime

from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.erasure import erase_what_is_asked
from truegrain_airflow.forms import read

log = logging.getLogger("truegrain.withdraw")


def withdraw() -> None:
    """Exclude the images in the form from all later dataset versions; raises what `tombstones.withdraw` raises."""
    from model.dataset import tombstones

    images, reason, lock = read("sha256") or [], read("reason") or "", read_settings().reports_lock
    erase, now = not read("keep_bytes"), datetime.now(UTC)
    done = tombstones.withdraw(open_lake(), images, lock=lock, reason=reason, now=now, erase=erase)
    log.info("%d images withdrawn, %d were withdrawn before", done.added, done.known)
    if done.unseen:
        log.warning("not in the lake (check these sums): %s", ", ".join(done.unseen))


def erase() -> None:
    """Erase the images everywhere, and log what was rewritten; raises what `Eraser.erase` raises."""
    erase_what_is_asked(log)
