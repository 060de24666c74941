"""What is found of a generator that the detector was not trained on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

from figures.results import Figure
from figures.stack import ROOT, running
from model.forecasting import LeftOut, plan_forecast, publish_forecast
from model.settings import Settings


def unseen_generators() -> Iterator[Figure]:
    """Run the loop on the built-in images, then train once without each family of generators, as the DAG does."""
    with running() as stack:
        planned = plan_forecast(stack.settings)
        trained = [(_train_without(left_out, stack.settings), left_out) for left_out in planned]
        recall = publish_forecast(stack.settings, trained).recall
    yield Figure("detector.unseen_generator_recall", round(100 * recall.value, 1), "%", "make bench-full")


def _train_without(left_out: LeftOut, settings: Settings) -> str:
    """Train in a process of its own and return the id of the run."""
    command = [sys.executable, "-m", "model.training", "--dataset", left_out.dataset_version]
    command += ["--set", f"leave_out={left_out.generator}"]
    surroundings = {"TRUEGRAIN_HOME": str(settings.home), "TRUEGRAIN_TRACKING_URI": settings.tracking_uri}
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **surroundings}, stdout=subprocess.PIPE, text=True, check=True
    )
    return str(json.loads(done.stdout.splitlines()[-1])["run_id"])
