"""By hand: an exercise, in which a generator that nobody has seen appears and the platform has to recover by itself."""

from datetime import timedelta

from airflow.sdk import dag, task

from truegrain_airflow import drill_new_generator as tasks
from truegrain_airflow.forms import number, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "generator": text("Generator", "The one that appears: checkerboard, nearest, smooth or patch. Empty: patch."),
    "images": number("Images", "How many to train on before the generator appears. Empty: 2,000.", least=600),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def drill_new_generator() -> None:
    """**Red?** Production is as it was: the drill has a lake, a registered model and a service of its own.

    - *prepare*: no such generator, or too few images for a detector to begin with; the log says which.
    - *exercise*: the machine failed, not the platform. A drill is not resumed: trigger another.
    - *report*: the platform did not do what it promises; the log says what, the post-mortem how it went.
    """
    prepare = task(execution_timeout=timedelta(hours=6))(tasks.prepare)
    exercise = task(execution_timeout=timedelta(hours=6), retries=0)(tasks.exercise)
    report = task(tasks.report)

    report(exercise(prepare()))  # type: ignore[arg-type]


drill_new_generator()
