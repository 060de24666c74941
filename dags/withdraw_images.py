"""By hand: keep images out of every later dataset version, erase them everywhere, and write down why."""

from airflow.sdk import dag, task

from truegrain_airflow import withdraw_images as tasks
from truegrain_airflow.forms import lines, switch, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "sha256": lines("SHA-256 sums", "Of the images' files, one a line.", required=True),
    "reason": text("Reason", "Why the images must go. Kept with their hashes.", required=True),
    "keep_bytes": switch("Keep the bytes", "Only keep the images out of later versions. Off: erase them everywhere."),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def withdraw_images() -> None:
    """**Red?** Mend what the log names and clear the task; whatever was done is not undone.

    - *withdraw*: nothing was withdrawn, for something is no SHA-256 sum. Trigger again with what is one.
    - *erase*: the images are kept out already, but not erased everywhere: MLflow does not answer, or the disk is full.

    Green: the images and their pixel twins are in no dataset version, earlier ones included, and their bytes are gone.
    The log says what was rewritten and what is left. Trigger `ingest_images` to have a version without them
    now. A sum that the lake does not hold is in the log as a warning, and is kept out should it come.
    """
    withdraw = task(tasks.withdraw)
    erase = task(tasks.erase)

    withdraw() >> erase()


withdraw_images()
