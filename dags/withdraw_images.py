"""By hand: keep images out of every later dataset version, and write down why."""

from airflow.sdk import dag, task

from truegrain_airflow import withdraw_images as tasks
from truegrain_airflow.forms import lines, text
from truegrain_airflow.retries import task_defaults

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
    withdraw = task(tasks.withdraw)

    withdraw()


withdraw_images()
