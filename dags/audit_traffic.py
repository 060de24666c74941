"""Started by hand: draws predictions at random, and asks a person what their pictures are."""

from airflow.sdk import dag, task

from truegrain_airflow import audit_traffic as tasks
from truegrain_airflow.forms import number
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "predictions": number("Predictions", "How many predictions to draw. Empty: 50.", least=10, most=500),
    "days": number("Days", "From how many of the last days to draw. Empty: 7.", least=1, most=30),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def audit_traffic() -> None:
    """**Red?** Production is unchanged, and no label is kept.

    - *draw*: the database of the prediction log does not answer (TRUEGRAIN_PREDICTIONS).
    - *keep*: the answer has a number that is not in the question, or a number with two labels. Trigger the DAG again.

    *keep* green: `/health` shows the accuracy by the labels with its interval, after the next measurement of drift. No
    picture is kept, and nothing is trained on. *ask* waits a week; without an answer nothing is kept.
    """
    draw = task(tasks.draw)
    keep = task(tasks.keep)

    draw() >> tasks.ask() >> keep()


audit_traffic()
