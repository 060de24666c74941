"""By hand: keep images out of every later dataset version, and write down why."""

import logging
from datetime import UTC, datetime

from airflow.sdk import dag, task

from truegrain_airflow.environment import open_lake, read_settings
from truegrain_airflow.forms import lines, read, text
from truegrain_airflow.retries import task_defaults

log = logging.getLogger("truegrain.withdraw")
PARAMS = {
    "sha256": lines("SHA-256 sums", "Of the images' files, one a line.", required=True),
    "reason": text("Reason", "Why the images must go. Kept with them.", required=True),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def withdraw_images() -> None:
    """**Red?** Nothing was withdrawn: the log names what is no SHA-256 sum. Mend it and trigger again.

    Green, they and their pixel twins are in no later dataset version; those published before stay as they are. Trigger
    `ingest_images` to have a version without them now. A sum that the lake does not hold is in the log as a warning,
    and is kept out should it come.
    """

    @task
    def withdraw() -> None:
        from model.dataset.tombstones import withdraw

        images, reason, lock = read("sha256") or [], read("reason") or "", read_settings().reports_lock
        done = withdraw(open_lake(), images, lock=lock, reason=reason, now=datetime.now(UTC))
        log.info("%d images withdrawn, %d were before", done.added, done.known)
        if done.unseen:
            log.warning("not in the lake, is the sum right? %s", ", ".join(done.unseen))

    withdraw()


withdraw_images()
