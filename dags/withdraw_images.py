"""Started by hand: keeps images out of all later dataset versions, erases them everywhere, and records why."""

from airflow.sdk import dag, task

from truegrain_airflow import withdraw_images as tasks
from truegrain_airflow.forms import lines, switch, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "sha256": lines("SHA-256 sums", "The SHA-256 sums of the images' files, one a line.", required=True),
    "reason": text("Reason", "Why the images are withdrawn; kept with their hashes.", required=True),
    "keep_bytes": switch("Keep the bytes", "Only exclude the images from later versions. Off: erase them everywhere."),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def withdraw_images() -> None:
    """**Red?** Fix the cause that the log names, then clear the task. Completed work is kept.

    - *withdraw*: a line is not a SHA-256 sum, so nothing was withdrawn. Trigger the DAG again with correct sums.
    - *erase*: the images are excluded, but not erased everywhere: MLflow does not answer, or the disk is full.

    Green: the images, and images with the same pixels, are in no dataset version, not even in earlier versions, and
    their bytes are erased. The log says which files were rewritten and what is left. To get a version without the
    images now, trigger `ingest_images`. The log warns of sums that the lake does not hold; such images are excluded if
    they arrive later.
    """
    withdraw = task(tasks.withdraw)
    erase = task(tasks.erase)

    withdraw() >> erase()


withdraw_images()
