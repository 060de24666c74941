"""Started by hand: a drill in which an unknown generator appears, and the platform has to notice and recover."""

from datetime import timedelta

from airflow.sdk import dag, task

from truegrain_airflow import drill_new_generator as tasks
from truegrain_airflow.forms import number, text
from truegrain_airflow.retries import task_defaults

PARAMS = {
    "generator": text("Generator", "The unknown generator: checkerboard, nearest, smooth or patch. Empty: patch."),
    "images": number(
        "Images", "Images to train on before the generator appears. Empty: 2,000.", least=600, most=100_000
    ),
}


@dag(schedule=None, params=PARAMS, default_args=task_defaults(), max_active_runs=1, tags=["truegrain"])
def drill_new_generator() -> None:
    """**Red?** Production is unchanged: the drill has its own lake, registered model and service.

    - *prepare*: no such generator, or the first detector did not pass the gate and needs more images. The log says
      which.
    - *exercise*: the machine failed, not the platform. A drill cannot be resumed: trigger a new one.
    - *report*: the platform missed a goal of the drill. The log names the goal; the post-mortem tells the whole drill.
    """
    prepare = task(execution_timeout=timedelta(hours=6))(tasks.prepare)
    exercise = task(execution_timeout=timedelta(hours=6), retries=0)(tasks.exercise)
    report = task(tasks.report)

    report(exercise(prepare()))  # type: ignore[arg-type]


drill_new_generator()
