"""Every day, and by hand: what users report is accepted when they agree, and shown to a person when they do not."""

from airflow.sdk import dag, task

from truegrain_airflow import review_feedback as tasks
from truegrain_airflow.retries import task_defaults


@dag(schedule="0 6 * * *", default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def review_feedback() -> None:
    """**Red?** Nothing is trained on that was not accepted, and no report is lost.

    - *settle*: the log names a report that cannot be read. Remove or restore that file and clear the task.
    - *keep*: a number in the answer is none that was asked about. Nothing of the answer counts; trigger the DAG again.
    - *erase*: what reporters took back is kept out, but not erased everywhere. Mend what the log names; clear the task.

    *ask* and *keep* skipped: nothing needs a person. No answer until the next run is due leaves everything as it is,
    and that run asks again. What was accepted enters with the next `ingest_images`.
    """
    settle = task.branch(tasks.settle)
    keep = task(tasks.keep)
    erase = task(tasks.erase)

    settle() >> tasks.ask() >> keep()
    erase()


review_feedback()
