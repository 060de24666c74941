"""Runs every day: accepts users' reports if the users agree, and asks a person if they do not."""

from airflow.sdk import dag, task

from truegrain_airflow import review_feedback as tasks
from truegrain_airflow.retries import task_defaults


@dag(schedule="0 6 * * *", default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def review_feedback() -> None:
    """**Red?** No report is lost, and only accepted images are ever trained on.

    - *settle*: the log names a report that cannot be read. Remove or restore the file of that report, then clear the
      task.
    - *keep*: the answer has a number that is not in the question. The whole answer is ignored; trigger the DAG again.
    - *erase*: images that reporters took back are excluded, but not erased everywhere. Fix the cause that the log
      names, then clear the task.

    *ask* and *keep* skipped: no report needs a person. Without an answer nothing changes, and the next run asks again.
    Accepted images enter a dataset version with the next `ingest_images`.
    """
    settle = task.branch(tasks.settle)
    keep = task(tasks.keep)
    erase = task(tasks.erase)

    settle() >> tasks.ask() >> keep()
    erase()


review_feedback()
